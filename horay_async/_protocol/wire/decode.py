"""From the bytes of an answer to its attrs class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from horay_async._protocol.wire.description import (
    Envelope,
    Finding,
    differences,
    list_differences,
    outline,
)
from horay_async.models._base import Response
from horay_async.models.raw import JSONResponse

__all__ = [
    "BodyDecoder",
    "Decoder",
    "ErrorInBody",
    "InvalidBody",
    "JSONDecoder",
    "decoder",
    "number_choices",
    "reports_error",
    "reports_failure",
]

R = TypeVar("R", bound=Response)
R_co = TypeVar("R_co", bound=Response, covariant=True)

SUCCESS_CODE = 20000
"""The `code` of an envelope that holds an answer."""

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""The escape of half a character."""

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class InvalidBody(Exception):
    """The bytes aren't a usable answer; the text completes "the answer ..."."""


class ErrorInBody(Exception):
    """The answer reports a failure, under whatever status it came."""


class BodyDecoder(Protocol[R_co]):
    """What makes an answer of bytes."""

    def decode(self, data: bytes) -> R_co:
        """`data`, JSON, as an instance. Raises `InvalidBody`, or `ErrorInBody` where it reports a
        failure.
        """
        ...

    def drift(self, answer: Response) -> Sequence[Finding]:
        """How `answer`, which was made here, differs from what the API describes."""
        ...


class Numbered(Protocol):
    """A choice."""

    index: int


def number_choices(choices: Sequence[Numbered]) -> None:
    """Gives choices their position as index where the server sent none: all are 0 then."""
    if len(choices) > 1 and not any(choice.index for choice in choices):
        for position, choice in enumerate(choices):
            choice.index = position


class Decoder(Generic[R]):
    """BodyDecoder answers of one class.

    JSON is decoded straight into the attrs class; what doesn't fit its types goes through the lenient
    converter, which keeps whatever can be read.
    """

    def __init__(self, into: type[R]) -> None:
        self._into = into
        self._wire = wire = into.__wire__
        self._blank = into()
        # Field names are taken as they are here, so a class spelled otherwise has no direct way.
        self._direct = wire.case == "snake"
        self._json: msgspec.json.Decoder[R] = msgspec.json.Decoder(into)
        self._list_of: Callable[[R], Any] = (
            attrgetter(wire.list_field) if wire.list_field else _nothing
        )
        # The choices of a chunk are numbered where chunks are merged.
        self._numbers = wire.list_field == "choices" and not wire.allow_empty

    def decode(self, data: bytes) -> R:
        """`data`, a JSON object, as an instance. Raises `InvalidBody`, or `ErrorInBody` where it
        reports a failure.
        """
        answer = None
        if self._direct:
            try:
                answer = self._json.decode(data)
            except MALFORMED:
                answer = None
        if answer is None or not self._list_of(answer) or not (data.isascii() or _is_utf8(data)):
            answer = self._decode_leniently(data, answer)
        if self._numbers:
            number_choices(self._list_of(answer))
        answer._raw = data  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
        return answer

    def decode_many(self, datas: list[bytes], lines: bytes) -> list[R]:
        """`datas`, JSON objects, as instances, decoded in one go. `lines` is the same, joined by LF.
        Raises as `decode` does.
        """
        if len(datas) == 1 or not self._direct:
            return [self.decode(data) for data in datas]
        try:
            answers = self._json.decode_lines(lines)
        except MALFORMED:
            answers = []
        # Two objects in one event would shift all that follow, so the numbers must agree.
        if (
            len(answers) != len(datas)
            or not all(map(self._list_of, answers))
            or not (lines.isascii() or _is_utf8(lines))
        ):
            return [self.decode(data) for data in datas]
        for answer, data in zip(answers, datas, strict=True):
            answer._raw = data  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
        return answers

    def drift(self, answer: Response) -> list[Finding]:
        """How `answer`, which was made here, differs from what the API describes."""
        data = answer._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
        if not hasattr(answer, "_lenient"):
            try:
                self._outline.decode(data)
            except MALFORMED:
                pass
            else:
                return []
        sent: Any = answer.to_dict()
        if _is_envelope(sent) and not isinstance(sent.get(self._wire.list_field), list):
            return [*differences(sent, Envelope), *self._drift_in(sent.get("data"), "$.data")]
        return self._drift_in(sent, "$")

    def drift_in_lines(self, answers: Sequence[R], lines: bytes) -> list[tuple[R, list[Finding]]]:
        """The same of several, which came as `lines`: those that differ, each with how it does."""
        if not any(hasattr(answer, "_lenient") for answer in answers):
            try:
                self._outline.decode_lines(lines)
            except MALFORMED:
                pass
            else:
                return []
        return [(answer, found) for answer in answers if (found := self.drift(answer))]

    def says_something(self, answer: R) -> bool:
        """Whether any known field of `answer` was sent."""
        return answer != self._blank

    @cached_property
    def _outline(self) -> msgspec.json.Decoder[Any]:
        return outline(self._into)

    def _drift_in(self, inner: Any, path: str) -> list[Finding]:
        if isinstance(inner, list):
            return list_differences(cast("list[Any]", inner), self._into, path)
        return differences(inner, self._into, path)

    def _is_bare(self, inner: Any) -> bool:
        """Whether `inner` is the list that the answer is about, without the object around it. An empty one
        is an answer only where it is asked what there is.
        """
        if not isinstance(inner, list) or self._wire.allow_empty:
            return False
        if not all(isinstance(item, dict) for item in cast("list[Any]", inner)):
            return False
        return self._wire.list_field == "data" or (self._wire.list_field != "" and inner != [])

    def _decode_leniently(self, data: bytes, answer: R | None) -> R:
        """A closer look at `data`; `answer` is what it was decoded into, where it could be."""
        decoded = _parsed(data)
        inner = _unwrapped(decoded)
        if self._is_bare(inner):
            inner = {self._wire.list_field: inner}
        if answer is None or inner is not decoded:
            from horay_async.models._converter import structure  # noqa: PLC0415 - loads cattrs

            try:
                answer = structure(inner, self._into)
            except ValueError as error:
                raise InvalidBody(f"isn't what the API describes: {error}") from error
            answer._lenient = True  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
        if answer == self._blank:
            fields = cast("dict[str, Any]", inner)
            # An object without any field of an answer may have a server's words instead.
            if isinstance(fields.get("message") or fields.get("detail"), str | list):
                raise ErrorInBody
            # A list that is empty was sent, too.
            if not (self._wire.allow_empty or isinstance(fields.get(self._wire.list_field), list)):
                raise InvalidBody("holds none of the fields that the API describes")
        return answer


class JSONDecoder:
    """Takes any JSON as it is."""

    def decode(self, data: bytes) -> JSONResponse:
        """`data` as the server sent it. Raises as `Decoder.decode` does."""
        decoded = _parsed(data)
        _unwrapped(decoded)
        answer = JSONResponse(json=decoded)
        # The cast: mypy takes the slots of an attrs class for all that there are.
        cast("Response", answer)._raw = data  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
        return answer

    def drift(self, answer: Response) -> Sequence[Finding]:
        """None: nothing is described."""
        return ()


def reports_failure(body: bytes) -> bool:
    """Whether `body` is JSON that reports a failure."""
    try:
        _unwrapped(_parsed(body))
    except ErrorInBody:
        return True
    except InvalidBody:
        pass
    return False


def reports_error(data: bytes) -> bool:
    """Whether `data` is a JSON object with an `error` in it, whatever else it holds."""
    try:
        decoded = _parsed(data)
    except InvalidBody:
        return False
    return isinstance(decoded, dict) and bool(cast("dict[str, Any]", decoded).get("error"))


_decoders: dict[type[Response], Decoder[Any]] = {}


def decoder(into: type[R]) -> Decoder[R]:
    """The decoder for a class; made once, since making one takes longer than a hundred uses."""
    made = _decoders.get(into)
    if made is None:
        made = _decoders[into] = Decoder(into)
    return made


def _nothing(_: object) -> None:
    """Stands for the list of an answer that has none."""


def _is_utf8(data: bytes) -> bool:
    # What is skipped in decoding isn't checked there, but has to be there for `to_dict()`.
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parsed(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise InvalidBody("isn't valid UTF-8") from error
    except msgspec.DecodeError as error:
        if SURROGATE.search(data) and (mended := _mended(data)):
            return mended
        raise InvalidBody(f"isn't valid JSON: {error}") from error
    except RecursionError as error:
        raise InvalidBody("is JSON nested too deep") from error


def _mended(data: bytes) -> Any:
    """JSON in which an escape holds half a character, as of one that a gateway cut in two: U+FFFD stands in
    its place. None where that isn't all that ails it.
    """
    import json  # noqa: PLC0415 - hardly ever needed

    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
        return msgspec.json.decode(
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None


def _unwrapped(decoded: Any) -> Any:
    """What an envelope (`code`, `status`, `data`) holds; anything else as it is."""
    if not isinstance(decoded, dict):
        return decoded
    fields = cast("dict[str, Any]", decoded)
    if fields.get("object") == "error" or (fields.get("error") and not fields.get("choices")):
        raise ErrorInBody
    if not _is_envelope(fields):
        return fields
    code, status = _code(fields), fields.get("status")
    if code not in (None, SUCCESS_CODE, str(SUCCESS_CODE)) or status is False:
        raise ErrorInBody
    return fields.get("data")


def _is_envelope(decoded: Any) -> bool:
    """Whether `decoded` has the marks of an envelope."""
    if not isinstance(decoded, dict):
        return False
    fields = cast("dict[str, Any]", decoded)
    marked = _code(fields) is not None or isinstance(fields.get("status"), bool)
    return marked and ("data" in fields or "message" in fields)


def _code(fields: dict[str, Any]) -> Any:
    """An envelope's code; None where it has something else there, which tells nothing."""
    code = fields.get("code")
    return None if isinstance(code, bool | list | dict) else code
