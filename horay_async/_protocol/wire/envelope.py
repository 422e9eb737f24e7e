"""What holds a response, or the report of a failure: envelopes, and lists of one. Pure."""

from __future__ import annotations

from typing import Any, cast

from horay_async._json import fields_of, is_array, is_object, objects_in, only_of

SUCCESS_CODES = frozenset({"200", "20000", "success", "ok", ""})
"""What an envelope's `code` says of success, without zeros before it: 20000 here, one of the others, or zeros, at most gateways that have one."""

FAILED = frozenset({"error", "fail", "failed", "failure"})
"""Values of a `status` that tell of a failure, in lower case."""

BESIDE_DATA = frozenset({"created", "model", "object", "usage"})
"""What a response has beside a list named `data` of its own."""

ABOUT_SUCCESS = frozenset(
    {
        "code",
        "data",
        "error",
        "errors",
        "message",
        "messages",
        "msg",
        "request_id",
        "requestId",
        "status",
        "success",
        "timestamp",
    }
)
"""Fields of an envelope; a response without one has others, too."""

HOLDERS = frozenset({"data", "result", "response"})
"""Fields that a response may be in."""

BESIDE_HELD = frozenset({"created", "id", "model", "object"})
"""What an envelope without a code may repeat of the response in it."""

HOLDS_ITEMS = frozenset({"choices", "data", "images"})
"""Fields of responses that hold a list."""

ITEM_FIELDS = frozenset(
    {
        "b64_json",
        "content",
        "delta",
        "embedding",
        "finish_reason",
        "id",
        "index",
        "logprobs",
        "role",
        "text",
        "url",
    }
)
"""What an item of a response's list has beside a `message`, if no more than one of them, and a report of a failure hasn't."""


def error_in(decoded: Any) -> Any:
    """The `error` that says something in a JSON object: its own, Groq's in `x_groq`, as OpenRouter has it that of a choice, which
    may have no more than the finish reason `error`, or MiniMax's `base_resp` without a choice; None where there is none. Gemini's
    endpoint sends a list of one such object.
    """
    decoded = only_of(decoded)
    if not is_object(decoded):
        return None
    choices = decoded.get("choices")
    for holder in (decoded, fields_of(decoded.get("x_groq")), *objects_in(choices)):
        error = _innermost(holder.get("error"))
        if any(error.values()) if is_object(error) else error:
            return error
        if holder.get("finish_reason") == "error":
            return "a choice ended with finish_reason 'error'"
    told = decoded.get("base_resp")
    if not choices and is_object(told) and (code := told.get("status_code")):
        return {"code": code, "message": told.get("status_msg")}
    return None


def _innermost(error: Any) -> Any:
    """An error within lists of one, and errors of its own."""
    while True:
        inner = error.get("error") if is_object(error) else only_of(error)
        if not is_object(inner):
            return error
        error = inner


def says_it_failed(fields: dict[str, Any]) -> bool:
    """Whether an object has a status or a code of failure, as HTTP has them, and a text for it: what else it holds may be a part of a
    response, but not the whole.
    """
    code, status = _code(fields), fields.get("status")
    text = f"{code:g}" if isinstance(code, float) else str(code)
    failed = (text.isascii() and text.isdigit() and 400 <= int(text[:6]) < 600) or status is False
    named = isinstance(status, str) and status.lower() in FAILED
    return isinstance(fields.get("message"), str) and (failed or named)


def is_envelope(fields: dict[str, Any]) -> bool:
    """Whether an object has the marks of an envelope, and isn't the response itself: some servers put theirs beside that."""
    lists = [fields.get("choices"), fields.get("images")]
    if fields.keys() & BESIDE_DATA:
        lists.append(fields.get("data"))
    if any(is_array(listed) and listed for listed in lists):
        return False
    marked = _code(fields) is not None or isinstance(fields.get("status"), bool)
    if fields.get("data") is None and is_of_success(fields) and fields.keys() - ABOUT_SUCCESS:
        return False
    return marked and ("data" in fields or "message" in fields)


def _code(fields: dict[str, Any]) -> Any:
    """An envelope's code; None where it has something else there, which tells nothing."""
    code = fields.get("code")
    return None if isinstance(code, bool | list | dict) else code


def is_of_success(envelope: dict[str, Any]) -> bool:
    """Whether an envelope says that the request has succeeded."""
    code = _code(envelope)
    text = f"{code:g}" if isinstance(code, float) else str(code).lower()
    succeeded = code is None or text.lstrip("0") in SUCCESS_CODES
    return succeeded and envelope.get("status") is not False


def holder_in(decoded: Any) -> str | None:
    """The field of an envelope of success that the response is in; None in anything else. One without a code or a status has no
    more than one such field, and nothing that a response has of its own.
    """
    if not is_object(decoded) or "choices" in decoded or not is_of_success(decoded):
        return None
    if is_envelope(decoded):
        return "data"
    if decoded.get("success") is False or error_in(decoded) is not None:
        return None
    holders = decoded.keys() & HOLDERS
    if len(holders) != 1 or decoded.keys() - holders - ABOUT_SUCCESS - BESIDE_HELD:
        return None
    (name,) = holders
    return name if _is_response(decoded[name]) else None


def _is_response(inner: Any) -> bool:
    """Whether something within is a response by its list, holds one, or is no more than the report of a failure."""
    while True:
        inner = only_of(inner)
        if not is_object(inner):
            return False
        listed = (inner.get(name) for name in HOLDS_ITEMS)
        if is_array(inner.get("choices")) or any(is_array(held) and held for held in listed):
            return True
        if error_in(inner) is not None and not inner.keys() - ABOUT_SUCCESS:
            return True
        inner = next(filter(is_object, map(inner.get, HOLDERS)), None)


def opened(decoded: Any) -> Any:
    """What an envelope of success holds, or a list of one that is an envelope or the report of a failure; anything else as it is."""
    only = only_of(decoded)
    if only is not decoded and is_object(only):
        return only if _is_no_item(only) else decoded
    name = holder_in(decoded)
    held: Any = cast("dict[str, Any]", decoded).get(name) if name is not None else decoded
    return held


def reporting(decoded: Any) -> Any:
    """The object that says of a failure what it was: within lists of one and envelopes of success; anything else as it is."""
    while error_in(decoded) is None or is_array(decoded):
        inner = only_of(decoded)
        inner = opened(decoded) if inner is decoded else inner
        if inner is decoded or not (is_object(inner) or is_array(inner)):
            break
        decoded = inner
    return decoded


def _is_no_item(fields: dict[str, Any]) -> bool:
    """Whether the object of a list of one is an envelope, or reports a failure, and isn't the only item of a response's list."""
    if fields.get("object") == "error" or error_in(fields) is not None:
        return True
    told = fields.get("message") or fields.get("detail") or fields.get("errors") or None
    if is_object(told) or fields.keys() & ITEM_FIELDS:
        return False
    return is_envelope(fields) or fields.get("success") is False or isinstance(told, str | list)
