"""Which error each failure becomes, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async import RetryPolicy, errors
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.errors import (
    ErrorContext,
    add_body,
    bad_response,
    envelope_failure,
    status_error,
    stream_error,
)
from horay_async.errors import APIStatusError, APITimeoutError, StreamError

KEY = "sk-0123456789abcdef"
LABEL = "POST /completions"


def context(
    status: int | None = None, request_id: str | None = None, label: str = LABEL
) -> ErrorContext:
    """What the errors say beside what went wrong."""
    clean = Cleaner(KEY)
    return ErrorContext(
        label=label,
        clean=clean,
        status=status,
        request_id=None if request_id is None else clean(request_id),
    )


def refused(status: int, body: bytes = b"", *, reason: str = "", **headers: str) -> APIStatusError:
    """The error for a response with a failing status."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_error(reason, sent, body, context=context(status, "req-1"), now=0.0)


@pytest.mark.parametrize(
    ("status", "body", "base_url", "asked"),
    [
        (404, b'{"detail": "Not Found"}', "https://h.example", True),
        (404, b"404 page not found", "https://h.example/api", True),
        (405, b"", "http://127.0.0.1:1", True),
        (404, b'{"error": {"message": "there is no /models here"}}', "http://127.0.0.1:1", True),
        (404, b'{"detail": "Not Found"}', "https://h.example/v1", False),
        (404, b"", "https://h.example/api/v1beta", False),
        (404, b"", None, False),
        (404, b'{"error": {"message": "No such model."}}', "https://h.example", False),
        (
            404,
            b'{"error": {"message": "No.", "code": "model_not_found"}}',
            "https://h.example",
            False,
        ),
        (400, b"", "https://h.example", False),
    ],
)
def test_missing_version(status: int, body: bytes, base_url: str | None, asked: bool) -> None:
    """Where no path is found below a base URL without a version, the error asks for it."""
    error = status_error("", {}, body, context=context(status, None), now=0.0, base_url=base_url)
    assert ("is /v1 missing at the end of base_url 'http" in error.message) is asked


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://h.example/v1/chat/completions", "/chat/completions"),
        ("https://h.example/v1/completions", "/completions"),
        ("https://h.example/v1/embeddings", "/embeddings"),
        ("https://h.example/v1/images/generations", "/images/generations"),
        ("https://h.example/v1", None),
        ("https://h.example", None),
        ("https://h.example/completions/v1", None),
    ],
)
def test_base_url_that_ends_too_late(base_url: str, path: str | None) -> None:
    """Where no path is found below the path of an operation, the error says what to leave out."""
    error = status_error("", {}, b"", context=context(404, None), now=0.0, base_url=base_url)
    assert (
        f"ends too late: the path of the call is put behind it, so leave {path!r} out"
        in error.message
    ) is (path is not None)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.InsufficientBalanceError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (408, APIStatusError),
        (409, errors.ConflictError),
        (413, APIStatusError),
        (422, errors.UnprocessableEntityError),
        (429, errors.RateLimitError),
        (500, errors.InternalServerError),
        (502, errors.InternalServerError),
        (503, errors.ServiceOverloadedError),
        (504, errors.InternalServerError),
        (529, errors.InternalServerError),
        (999, errors.InternalServerError),
    ],
)
def test_class_of_a_status(status: int, cls: type[APIStatusError]) -> None:
    """Each status has its class, and the error carries all that is known."""
    error = refused(status, b'{"error": {"message": "No.", "type": "t", "code": 7, "param": "n"}}')
    assert type(error) is cls
    assert error.status_code == status
    assert (error.type, error.code, error.param) == ("t", 7, "n")
    assert error.body["error"]["message"] == "No."
    assert error.request_id == "req-1"
    assert error.execution == "unknown"
    assert str(error) == f"{status} from POST /completions: No. (request id req-1)"


@pytest.mark.parametrize(
    ("fields", "cls"),
    [
        (
            {"message": "Sorry, your account balance is insufficient"},
            errors.InsufficientBalanceError,
        ),
        ({"message": "Quota exceeded"}, errors.InsufficientBalanceError),
        ({"message": "Insufficient funds"}, errors.InsufficientBalanceError),
        ({"message": "No.", "code": "insufficient_balance"}, errors.InsufficientBalanceError),
        ({"message": "No."}, errors.PermissionDeniedError),
        ({"message": "The load balancer said no."}, errors.PermissionDeniedError),
        ({}, errors.PermissionDeniedError),
    ],
    ids=str,
)
def test_exhausted_balance(fields: dict[str, Any], cls: type[APIStatusError]) -> None:
    """A 403 that speaks of the balance isn't a question of permission."""
    assert type(refused(403, json.dumps(fields).encode())) is cls


def test_balance_of_other_statuses() -> None:
    """They stay what they are, whatever they speak of; but OpenAI's own word for it counts."""
    assert (
        type(refused(429, b'{"message": "You exceeded your current quota"}'))
        is errors.RateLimitError
    )
    exhausted = (
        b'{"error": {"message": "No.", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    )
    failure = refused(429, exhausted)
    assert type(failure) is errors.InsufficientBalanceError
    assert failure.status_code == 429
    assert not RetryPolicy().retryable(failure, billed_per_run=False)
    assert RetryPolicy().retryable(refused(429, b"{}"), billed_per_run=False)


def test_nothing_is_explained() -> None:
    """Without a body, the reason phrase stands in, or a clear statement."""
    assert str(refused(504, reason="Gateway Time-out")).startswith(
        "504 from POST /completions: Gateway Time-out"
    )
    assert "no explanation was sent" in str(refused(504))
    assert refused(504).body is None


def test_redirects_are_explained() -> None:
    """A redirect isn't followed, and the error says why and where it went."""
    error = refused(308, b"<html>", Location="https://elsewhere.example/v1")
    assert "https://elsewhere.example/v1" in error.message
    assert "base_url" in error.message
    assert type(error) is APIStatusError
    assert "an unnamed place" in refused(301).message
    assert "an unnamed place" in refused(300).message
    unchanged = refused(304, reason="Not Modified").message
    assert unchanged.endswith(
        ": Not Modified: a proxy or cache sent this, which was asked for no such thing"
    )
    assert "redirected" not in refused(400, Location="https://elsewhere.example/v1").message


def test_retry_after_is_read() -> None:
    """The wait that the server asks for is on the error."""
    assert refused(429, Retry_After="7").retry_after == 7.0
    assert refused(503, retry_after_ms="250").retry_after == 0.25
    assert refused(429).retry_after is None


@pytest.mark.parametrize(
    ("body", "cls", "status", "words"),
    [
        ({"code": 20012, "message": "No.", "data": None}, errors.BadRequestError, 400, "with code 20012: No."),
        ({"code": 50505, "message": "Busy", "data": None}, errors.ServiceOverloadedError, 503, "with code 50505: Busy"),
        ({"code": 99999, "message": "No.", "data": None}, APIStatusError, 200, "with code 99999: No."),
        ({"status": False, "message": "No."}, APIStatusError, 200, "failed: No."),
        ({"error": {"message": "No.", "type": "rate_limit_error"}}, errors.RateLimitError, 429, "failed: No."),
        ({"code": 403, "message": "balance"}, errors.InsufficientBalanceError, 403, "with code 403: balance"),
        (None, APIStatusError, 200, "failed: no explanation was sent"),
    ],
    ids=str,
)  # fmt: skip
def test_envelope(body: Any, cls: type[APIStatusError], status: int, words: str) -> None:
    """A failure under status 200 gets the class that its code or type stands for."""
    error = envelope_failure(json.dumps(body).encode(), context=context(200, "r", "GET /user/info"))
    assert type(error) is cls
    assert error.status_code == status
    assert error.message.endswith(words)
    assert error.message.startswith("GET /user/info failed")
    assert error.request_id == "r"
    assert error.body == body


@pytest.mark.parametrize(
    ("data", "cls", "words"),
    [
        (
            b'{"error": {"message": "No.", "code": "rate_limit_exceeded"}}',
            errors.RateLimitError,
            "No.",
        ),
        (b'{"error": "No."}', StreamError, "No."),
        (b'{"code": 50505, "message": "Busy"}', errors.ServiceOverloadedError, "Busy"),
        (b"out of memory", StreamError, "out of memory"),
        (b"", StreamError, "no explanation was sent"),
    ],
)
def test_stream_error(data: bytes, cls: type[Exception], words: str) -> None:
    """An error event gets the class that its code or type stands for, or else its own."""
    error = stream_error(data, context=context(200, "r"))
    assert type(error) is cls
    assert (
        error.message == f"the server reported an error in the stream of POST /completions: {words}"
    )
    assert error.request_id == "r"


def test_bad_response() -> None:
    """What isn't a response is shown by its beginning; once its head has come, it has been run."""
    error = bad_response("isn't JSON", b"<html>" + b"x" * 900, context=context(200))
    assert error.message == "the response to POST /completions isn't JSON"
    assert error.body == "<html>" + "x" * 494
    assert error.status_code == 200
    assert error.execution == "executed"
    assert error.request_id is None
    text = "<html>\n" + "é" * 900 + KEY
    whole = bad_response("isn't JSON", text.encode(), context=context(200, KEY), whole_body=True)
    assert whole.body == "<html>\n" + "é" * 900 + "[API key]"
    headless = bad_response("is cut", b"", context=context())
    assert headless.execution == "unknown"


def test_body_of_what_broke_off() -> None:
    """What had come is in the error, once, with the key masked; a failure that the server reports has it already."""
    broken = APITimeoutError("POST /completions: no content came", clock="idle")
    for body in (f'{{"text": "é {KEY}'.encode() + b"\xff", b"more"):
        add_body(broken, body, context=context(200, KEY))
    assert broken.body == '{"text": "é [API key]\ufffd'
    reported = stream_error(b'{"error": {"message": "No."}}', context=context(200))
    add_body(reported, b"more", context=context(200))
    assert reported.body == {"error": {"message": "No."}}


def test_key_is_in_no_error() -> None:
    """The key is masked wherever a server can put it: body, reason, headers, content type."""
    leak = json.dumps(
        {"error": {"message": KEY, "type": KEY, "code": KEY, "param": KEY, KEY: KEY}}
    ).encode()
    found = [
        status_error(KEY, {"Location": KEY}, body, context=context(status, KEY), now=0.0)
        for status in (302, 400, 403, 500)
        for body in (leak, leak[:-1], b"", KEY.encode())
    ]
    rest = [
        envelope_failure(leak, context=context(200, KEY)),
        stream_error(leak, context=context(200, KEY)),
        bad_response(f"isn't JSON, but {KEY}", leak, context=context(200, KEY)),
    ]
    for error in [*found, *rest]:
        assert KEY not in f"{error} {error!r} {vars(error)}"
        assert error.request_id == "[API key]"
