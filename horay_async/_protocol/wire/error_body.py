"""Reading what a server says of a failure, in every form that this family of servers has."""

from __future__ import annotations

import re
from typing import Any

import attrs
import msgspec

from horay_async._json import is_array, is_object, whole_characters
from horay_async._protocol.wire.clean import Cleaner, printable
from horay_async._protocol.wire.cut_json import closed
from horay_async._protocol.wire.envelope import error_in, is_envelope, is_of_success, reporting
from horay_async._protocol.wire.size_limits import BOM, MAX_ERROR_BYTES
from horay_async._protocol.wire.sse import ERROR, NamedEvent, SSEDecoder, begins_events
from horay_async._record import Record

SHOWN = 500
"""How many characters of a server's message or of an undecipherable body go into an error."""

_STATUS_OF_WORD: dict[str, int] = {
    "badrequest": 400,
    "invalidrequest": 400,
    "authentication": 401,
    "invalidapikey": 401,
    "unauthorized": 401,
    "insufficientbalance": 402,
    "insufficientquota": 402,
    "permission": 403,
    "permissiondenied": 403,
    "modelnotfound": 404,
    "notfound": 404,
    "conflict": 409,
    "unprocessableentity": 422,
    "ratelimit": 429,
    "ratelimitexceeded": 429,
    "api": 500,
    "internal": 500,
    "internalserver": 500,
    "server": 500,
    "overloaded": 503,
    "serviceoverloaded": 503,
    "serviceunavailable": 503,
}
"""What servers put into an error's `code` or `type`, in lower case, letters alone and without a closing
"error", as HTTP statuses: `rate_limit_error`, `RateLimitError` and `rate-limit` are one."""

_STATUS_OF_CODE: dict[int, int] = {20012: 400, 50505: 503}
"""The API's own codes seen so far."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorBody(Record):
    """A failure as the server describes it."""

    message: str | None
    """At most `SHOWN` characters of it."""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    body: Any = None
    """The whole body; of a stream of events, the one event that reports the failure. Decoded where it is JSON, and its text
    otherwise; None where it is empty.
    """

    @property
    def fields(self) -> dict[str, Any]:
        """All but the message, as the errors take them."""
        return {"type": self.type, "code": self.code, "param": self.param, "body": self.body}


def read(body: bytes, clean: Cleaner) -> ErrorBody:
    """What a body of any shape says, cleaned. One that was cut says what had come of it."""
    if begins_events(body):
        body = _told_in_events(body)
    text = printable(whole_characters(body).removeprefix(BOM).strip())
    if not text:
        return ErrorBody(message=None)
    try:
        decoded = msgspec.json.decode(text)
        # Only now: what is masked must not change which fields there are. And the escapes of JSON can hide
        # whatever was dropped from the text.
        cleaned = clean.json(decoded)
        is_cut = False
    except (msgspec.DecodeError, RecursionError):
        cleaned = clean.mask(text)
        decoded, is_cut = _decode_cut(text, clean) or cleaned, True
    if isinstance(decoded, str):
        return ErrorBody(message=_from_text(cleaned), body=cleaned)
    decoded = reporting(decoded)
    inner = error_in(decoded)
    if not is_object(decoded):
        return ErrorBody(
            message=None if decoded is None else clean.mask(text)[:SHOWN], body=cleaned
        )
    fields = inner if is_object(inner) else decoded
    if isinstance(inner, str) and is_envelope(fields) and is_of_success(fields):
        fields = {"message": inner}  # what the envelope says is of something else
    message = fields.get("message") or (inner if isinstance(inner, str) else decoded.get("message"))
    if not message and (complaints := fields.get("detail") or fields.get("errors")):
        message = _from_complaints(complaints)
    if is_cut:  # the last string may lack its end, with which a word is another one
        fields = {
            name: value
            for name, value in fields.items()
            if f'"{value}"' in text or not isinstance(value, str)
        }
    code = clean.json(fields.get("code"))
    return ErrorBody(
        # A body of an unknown shape is shown as it is, rather than none.
        message=(clean(_text(message)) if message else clean.mask(text))[:SHOWN],
        type=_string(clean.json(fields.get("type"))),
        code=code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param=_string(clean.json(fields.get("param"))),
        body=cleaned,
    )


def _told_in_events(body: bytes) -> bytes:
    """The event of a stream that tells of a failure; the whole body where none does."""
    decoder = SSEDecoder(max_event_bytes=len(body))
    events = decoder.feed(body.removeprefix(BOM).lstrip()) + decoder.flush()
    events += [stray for _, stray in decoder.strays]
    told = [
        event
        for event in events
        if event.lstrip().startswith((b"{", b"[{"))
        or (isinstance(event, NamedEvent) and event.name == ERROR and event.strip())
    ]
    return min(told, key=lambda event: b'"error"' not in event, default=body)


def _decode_cut(text: str, clean: Cleaner) -> Any:
    """The JSON object or array that a text begins with, as far as it came; None where it begins with none."""
    try:
        decoded = msgspec.json.decode(closed(text[:MAX_ERROR_BYTES]).text)
        clean.json(decoded)  # raises where it is nested too deep
    except (msgspec.DecodeError, RecursionError):
        return None
    return decoded if is_object(decoded) or is_array(decoded) else None


def status_of(parsed: ErrorBody) -> int | None:
    """The HTTP status that a failure's `code` or else its `type` stands for."""
    for word in (parsed.code, parsed.type):
        if isinstance(word, str):
            if not (word.isascii() and word.isdigit()):
                letters = re.sub("[^a-z]", "", word.lower()).removesuffix("error")
                if status := _STATUS_OF_WORD.get(letters):
                    return status
                continue
            word = int(word[:6])  # noqa: PLW2901 - the same, as the number that it spells
        if word is not None:
            if 400 <= word <= 599:
                return word
            if status := _STATUS_OF_CODE.get(word):
                return status
    return None


def beginning(body: bytes, clean: Cleaner) -> str:
    """The first `SHOWN` characters of a body, cleaned."""
    # A character takes up to four bytes, and one of a secret's up to six where JSON escapes it: the masking
    # must see it whole, wherever it stands.
    longest = max(map(len, clean.secrets), default=0)
    return clean(body[: 4 * SHOWN + 6 * longest])[:SHOWN]


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return "an explanation nested too deep to show"


def _from_text(text: str) -> str:
    """Plain text as it is; of an HTML page the title, and of XML the message, since the rest is markup."""
    if not text.startswith("<"):
        return text[:SHOWN]
    if not re.match("<!doctype html|<html", text, re.IGNORECASE) and (
        text.startswith("<?xml") or "<Message>" in text[:4096]
    ):
        found = re.search("<message>([^<]*)</message>", text[:4096], re.IGNORECASE)
        return f"XML, {' '.join(found[1].split())[:SHOWN]!r}" if found else "XML without a message"
    # The head of a page alone: the search takes quadratic time for hostile ones.
    title = re.search("<title[^>]*>(.*?)</title>", text[:4096], re.IGNORECASE | re.DOTALL)
    if not title:
        return "an HTML page without a title"
    return f"an HTML page, {' '.join(title.group(1).split())[:SHOWN]!r}"


def _from_complaints(told: Any) -> str:
    """`detail` and `errors` are text, or a list of complaints, which may each name the place they are about."""
    if not is_array(told):
        return _text(told)
    complaints: list[str] = []
    for entry in told:
        if is_object(entry):
            place = entry.get("loc")
            path = ".".join(map(_text, place)) if is_array(place) else ""
            text = _text(entry.get("msg") or entry.get("message") or "not valid")
            complaints.append(f"{path}: {text}" if path else text)
        else:
            complaints.append(_text(entry))
    return "; ".join(complaints)
