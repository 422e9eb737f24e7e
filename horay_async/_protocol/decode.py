"""From the bytes of an answer to its attrs class."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec

from horay_async.models._base import Response
from horay_async.models.anything import AnyResponse

__all__ = ["AnyDecoder", "Decoder", "EnvelopeFailure", "NotDecodable", "decoder", "reports_failure"]

R = TypeVar("R", bound=Response)

SUCCESS_CODE = 20000
"""The `code` of an envelope that holds an answer."""


class NotDecodable(Exception):
    """The bytes aren't a usable answer; the text completes "the answer ..."."""


class EnvelopeFailure(Exception):
    """The answer reports a failure, under whatever status it came."""


class Decoder(Generic[R]):
    """Decodes answers of one class.

    JSON is decoded straight into the attrs class; what doesn't fit its types goes through the lenient
    converter, which keeps whatever can be read.
    """

    def __init__(self, into: type[R]) -> None:
        self._into = into
        self._blank = into()
        # Field names are taken as they are here, so a class spelled otherwise has no direct way.
        self._direct = into.wire_case == "snake"
        self._one = msgspec.json.Decoder(into if self._direct else cast(Any, dict))
        self._many = msgspec.json.Decoder(list[into]) if self._direct else None

    def one(self, data: bytes) -> R:
        """`data`, a JSON object, as an instance. Raises `NotDecodable`, or `EnvelopeFailure` where it
        is an envelope that reports a failure.
        """
        if self._direct:
            try:
                answer = self._one.decode(data)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                answer = self._lenient(data)
            # Nothing of the class in it: an envelope, an error, or something else altogether.
            if answer == self._blank:
                answer = self._lenient(data)
        else:
            answer = self._lenient(data)
        answer._raw = data  # noqa: SLF001 - pyright: ignore[reportPrivateUsage] # the one that fills it in
        return answer

    def many(self, datas: list[bytes]) -> list[R]:
        """`datas`, JSON objects, as instances, decoded in one go. Raises as `one` does."""
        if len(datas) > 1 and self._many is not None:
            try:
                answers = self._many.decode(b"[%b]" % b",".join(datas))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                answers = []
            # Two objects in one piece would shift all that follow, so the numbers must agree.
            if len(answers) == len(datas):
                for answer, data in zip(answers, datas, strict=True):
                    answer._raw = data  # noqa: SLF001 - pyright: ignore[reportPrivateUsage] # as above
                return answers
        return [self.one(data) for data in datas]

    def _lenient(self, data: bytes) -> R:
        from horay_async.models._converter import structure  # noqa: PLC0415 - cattrs only when needed

        decoded = _parsed(data)
        try:
            return structure(_unwrapped(decoded), self._into)
        except ValueError as error:
            raise NotDecodable(f"isn't what the API describes: {error}") from error
        except RecursionError as error:
            raise NotDecodable("is JSON nested too deep") from error


def _parsed(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise NotDecodable("isn't valid UTF-8") from error
    except msgspec.DecodeError as error:
        raise NotDecodable(f"isn't valid JSON: {error}") from error
    except RecursionError as error:
        raise NotDecodable("is JSON nested too deep") from error


class AnyDecoder:
    """Takes any JSON as it is."""

    def one(self, data: bytes) -> AnyResponse:
        """`data` as the server sent it. Raises as `Decoder.one` does."""
        decoded = _parsed(data)
        _unwrapped(decoded)
        answer = AnyResponse(json=decoded)
        answer._raw = data  # noqa: SLF001 - pyright: ignore[reportPrivateUsage] # as above
        return answer


def reports_failure(body: bytes) -> bool:
    """Whether `body` is JSON that reports a failure."""
    try:
        _unwrapped(msgspec.json.decode(body))
    except EnvelopeFailure:
        return True
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    return False


def _unwrapped(decoded: Any) -> Any:
    """What an envelope (`code`, `status`, `data`) holds; anything else as it is."""
    if not isinstance(decoded, dict):
        return decoded
    fields = cast("dict[str, Any]", decoded)
    if fields.get("error") and "choices" not in fields:
        raise EnvelopeFailure
    if not ("code" in fields and ("data" in fields or "message" in fields)):
        return fields
    if fields["code"] not in (SUCCESS_CODE, str(SUCCESS_CODE)) or fields.get("status") is False:
        raise EnvelopeFailure
    return fields.get("data")


@cache
def decoder(into: type[R]) -> Decoder[R]:
    """The decoder for a class; made once, since making one takes longer than a hundred uses."""
    return Decoder(into)
