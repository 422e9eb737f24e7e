"""What the API itself responds: a round trip, the account, and one token."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import horay_async
from horay_async.cli.doctor.findings import Finding, fault, ok, unknown, warning
from horay_async.cli.errors import in_options

LISTED: Final = "`horay models` lists those there are."

PUBLISHED: Final = "https://api.horay.ai/v1"
"""The base URL that the API's reference gives."""


def check_service(
    client: horay_async.Horay, model: str | None, *, local: bool
) -> Generator[Finding, None, str | None]:
    """Asks the API, going on as long as it makes sense; returns the `Date` header of its first response.

    `model` is asked for one token; None spares that. A `local` server has no balance, and responds to any model's name.
    """
    try:
        models = client.models.list()
    except horay_async.HorayError as error:
        yield _first_failure(error, client.options.base_url)
        return None
    date = models.meta.headers.get("Date")
    yield ok("API", f"responds in {_time(models.meta)} with {len(models)} models")
    try:
        findings = [*_account(client.user.info(), paid=not local)]
    except horay_async.NotFoundError:
        findings = [unknown("account", "the server has no account endpoint")]
    except horay_async.HorayError as error:
        yield _failure("account", error)
        return date
    yield from findings
    if any(finding.state == "fault" for finding in findings):
        return date
    if model is not None:
        listed = local or model in [each.id for each in models]
        yield _generation(client, model, listed=listed)
    return date


def _account(account: horay_async.UserInfo, *, paid: bool) -> Generator[Finding]:
    yield ok("account", f"the key belongs to {account.name or account.id or 'an unnamed account'}")
    if account.status not in ("", "normal"):
        yield warning(
            "account", f"its status is {account.status!r}", "Ask the API's support what that means."
        )
    left = account.total_balance
    if paid and left is not None:
        found = f"{left} is left"
        yield _exhausted(found) if left <= 0 else ok("balance", found)


def _generation(client: horay_async.Horay, model: str, *, listed: bool) -> Finding:
    try:
        done = client.completions.create(model=model, prompt="Hello", max_tokens=1)
    except horay_async.NotFoundError as error:
        return fault("generation", f"there is no model {model}: {error}", LISTED)
    except horay_async.HorayError as error:
        return _failure("generation", error)
    if not listed:
        source = done.model or "an unnamed one"
        found = f"{model} is not in the list of models; the response is from {source}"
        return warning("generation", found, LISTED)
    return ok("generation", f"{model} generates a token in {_time(done.meta)}")


def _first_failure(error: horay_async.HorayError, base_url: str) -> Finding:
    """What the round trip's failure means: unlike later ones, it can be due to a wrong address."""
    status = error.status_code if isinstance(error, horay_async.APIStatusError) else None
    misplaced = status is not None and (status < 400 or status in (404, 405))
    if misplaced or isinstance(error, horay_async.APIResponseError):
        return fault(
            "base URL",
            f"the Horay API isn't at {base_url}: {error}",
            f"Correct HORAY_BASE_URL or --base-url; the published one is {PUBLISHED}.",
        )
    return _failure("API", error)


def _failure(name: str, error: horay_async.HorayError) -> Finding:
    match error:
        case horay_async.AuthenticationError():
            return fault(
                "key",
                f"the server refuses it: {in_options(str(error), quoted=str(error.body))}",
                "Copy it again from your account, without quotation marks; it may be mistyped, revoked, "
                "or meant for another service.",
            )
        case horay_async.InsufficientBalanceError():
            return _exhausted(str(error))
        case horay_async.PermissionDeniedError():
            return fault(
                "key", f"it may not do this: {error}", "Ask for access, or take another key."
            )
        case horay_async.RateLimitError():
            return warning(name, f"at a limit: {error}", "Wait a little, and ask less often.")
        case horay_async.InternalServerError():
            return fault(
                name,
                f"the server has a fault of its own: {error}",
                "Nothing is wrong on this side: try again in a while, and report the request id if it "
                "lasts.",
            )
        case horay_async.APIConnectionError():
            return fault(
                name,
                str(error),
                "The way to the server is fine, so try again; if it lasts, ask its operator, or look at "
                "what is in between.",
            )
        case _:
            return fault(name, str(error), "Report it, with the request id if there is one.")


def _exhausted(found: str) -> Finding:
    return fault("balance", f"it is exhausted: {found}", "Top up the account.")


def _time(meta: horay_async.ResponseMeta) -> str:
    return f"{meta.first_byte * 1000:.0f} ms"
