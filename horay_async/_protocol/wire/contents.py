"""What there is in a body: a response, the report of a failure, or both, and what can be read of one that is neither. Pure."""

# The bytes of a response are kept under a private name, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from horay_async._json import fields_of, is_object, objects_in, only_of, whole_characters
from horay_async._protocol.wire.cut_chunk import drop_cut
from horay_async._protocol.wire.cut_json import closed
from horay_async._protocol.wire.decode import (
    BodyDecoder,
    ErrorInBody,
    InvalidBody,
    holds_content,
    parsed,
)
from horay_async._protocol.wire.envelope import HOLDS_ITEMS, is_envelope
from horay_async._protocol.wire.size_limits import MAX_OBJECTS
from horay_async.models._base import Response


class Contents(NamedTuple):
    """What a body holds."""

    response: Response | None = None
    """The response, or what can be read of it."""
    problem: str = ""
    """What is wrong with the body, which completes "the response ..."."""
    reports_error: bool = False
    """Whether it reports a failure; the response is what stands beside it."""

    @property
    def is_response(self) -> bool:
        """Whether it is a response, and can be used."""
        return self.response is not None and not self.problem and not self.reports_error


def contents_of(into: BodyDecoder[Any], body: bytes, most: int = MAX_OBJECTS) -> Contents:
    """What `body` holds, which may have up to `most` JSON objects."""
    try:
        return Contents(into.decode(body, max_objects=most))
    except ErrorInBody as error:
        beside = error.response or _decode_repaired(into, body, most, without_errors)
        return Contents(beside, reports_error=True)
    except InvalidBody as error:
        # One of embeddings without a vector is false.
        found = error.response
        nearly = _decode_nearly(into, body, most) if found is None else found
        return Contents(nearly, str(error))


def _decode_nearly(into: BodyDecoder[Any], body: bytes, most: int = MAX_OBJECTS) -> Response | None:
    """The response in a body that isn't quite JSON; None where that isn't what is wrong with it. There may be more in the body than
    in the response, so the response doesn't keep its bytes.
    """
    try:
        made: Response = into.decode(nearly_json(body), max_objects=most)
    except InvalidBody:
        return _decode_repaired(into, body, most, with_end, _holds_anything)
    except ErrorInBody:
        return _decode_repaired(into, body, most, without_errors)
    del made._raw
    return made


def _decode_repaired(
    into: BodyDecoder[Any],
    body: bytes,
    most: int,
    repair: Callable[[bytes], bytes],
    holds: Callable[[Response], bool] = holds_content,
) -> Response | None:
    """The response in a body that `repair` changes into one; None where nothing was generated, as `holds` says. The response doesn't
    keep the changed bytes, which nobody sent.
    """
    made: Response | None
    try:
        made = into.decode(repair(body), max_objects=most)
    except (InvalidBody, ErrorInBody) as problem:
        made = problem.response
    if made is None or not holds(made):
        return None
    del made._raw
    return made


def _holds_anything(response: Response) -> bool:
    """Whether there is anything in a response that nothing describes; in another, anything generated."""
    return bool(getattr(response, "json", None)) or holds_content(response)


def with_end(data: bytes) -> bytes:
    """The JSON whose end is missing or broken, as far as it came and isn't false by that. Raises `InvalidBody` where it is something else."""
    whole = closed(data.decode("utf-8-sig", "ignore"))
    drop = partial(drop_cut, depth=whole.depth, in_string=whole.in_string)
    return nearly_json(whole.text.encode(), drop)


def nearly_json(data: bytes, change: Callable[[Any], None] | None = None) -> bytes:
    """`data` as JSON where it is nearly that: bytes that aren't UTF-8 become U+FFFD, `NaN` and `Infinity` null, control
    characters may stand in strings, and anything behind the first value. `change` is done to that value first. Raises `InvalidBody`
    where it is something else.
    """
    import json  # noqa: PLC0415 - seldom needed

    try:
        text = data.decode("utf-8-sig", "replace").lstrip()
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
        if change is not None:
            change(value)
        return msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidBody("isn't nearly JSON") from error


def without_errors(data: bytes) -> bytes:
    """A JSON object, or a list of one, without the errors in it, its envelope's, its own and those of its choices: what was generated
    beside them. Raises `InvalidBody`.
    """
    held = parsed(nearly_json(whole_characters(data)))
    while True:
        held = only_of(held)
        fields = fields_of(held)
        fields.pop("error", None)
        if fields.get("object") == "error":
            del fields["object"]
        inner = fields.get("data")
        only = only_of(inner)
        # The only item of a response's own list holds no response.
        is_item = only is not inner and not fields_of(only).keys() & HOLDS_ITEMS
        if "choices" in fields or is_item or not is_object(only):
            break
        held = only
    if is_envelope(fields):  # of the list that it is about
        fields = {"data": fields.get("data")}
    for choice in objects_in(fields.get("choices")):
        choice.pop("error", None)
        if choice.get("finish_reason") == "error":
            del choice["finish_reason"]
    return msgspec.json.encode(fields)
