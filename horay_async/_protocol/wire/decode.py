"""From the bytes of a response to its attrs class."""

# How a response differs from what is described, and its bytes, are kept under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar, get_args

import msgspec

from horay_async._first_use import FIRST_USE
from horay_async._json import decimal, is_array, is_object, objects_in, only_of, whole_characters
from horay_async._protocol.wire.characters import SplitCharacters
from horay_async._protocol.wire.description import (
    Difference,
    Envelope,
    differences,
    list_differences,
    strict_decoder_of,
)
from horay_async._protocol.wire.dialects import (
    normalize,
    unrecognised_beside_choices,
    unrecognised_images,
    unrecognised_in_response,
)
from horay_async._protocol.wire.envelope import (
    error_in,
    holder_in,
    is_envelope,
    is_of_success,
    opened,
    reporting,
    says_it_failed,
)
from horay_async._protocol.wire.exact_arguments import (
    MARK,
    OBJECTS,
    texts_in,
    with_marked_numbers,
    without_marks,
)
from horay_async._protocol.wire.size_limits import (
    BOM,
    MAX_OBJECTS,
    VALUES_PER_OBJECT,
    too_many_objects,
)
from horay_async._protocol.wire.unknown import keep_unknown
from horay_async.models._base import Differences, Response, parse_json, sent_fields

R = TypeVar("R", bound=Response)
R_co = TypeVar("R_co", bound=Response, covariant=True)

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that aren't JSON, or that are nested too deep."""

NOTHING_KNOWN = "is finished and holds nothing that is known"
NO_FIELDS = "holds none of the fields that the API describes"
TOO_DEEP = "is JSON nested too deep"
"""What is wrong with a response, as its error says it."""

NO_DIFFERENCES = Differences()


class InvalidBody(Exception):
    """The bytes aren't a usable response; the text completes "the response ..."."""

    def __init__(self, text: str, response: Response | None = None) -> None:
        super().__init__(text)
        self.response = response
        """What can be read of it all the same, where it is JSON of a response."""


class ErrorInBody(Exception):
    """The response reports a failure, under whatever status it came."""

    def __init__(self, response: Response | None = None) -> None:
        super().__init__()
        self.response = response
        """What it holds beside."""


class BodyDecoder(Protocol[R_co]):
    """What makes a response of bytes."""

    def decode(self, data: bytes, *, max_objects: int = ...) -> R_co:
        """`data`, JSON, as an instance. Raises `InvalidBody`, also where it holds more than `max_objects`, or `ErrorInBody` where it reports a
        failure.
        """
        ...


def number_choices(choices: Sequence[Any]) -> None:
    """Gives choices their position as index where the server sent none: all are 0 then."""
    if len(choices) > 1 and not any(choice.index for choice in choices):
        for position, choice in enumerate(choices):
            choice.index = position


class Decoder(Generic[R]):
    """Decodes responses of one class.

    JSON is decoded straight into the attrs class; what doesn't fit its types goes through the lenient
    converter, which keeps whatever can be read.

    Each body is held against the description of the class, too, at the cost of a tenth of decoding it.
    What differs is counted as drift, and searched for content that other servers of this family send
    under other names (`dialects`).
    """

    def __init__(self, into: type[R], *, direct: bool = True) -> None:
        """`direct` is whether msgspec may learn of the class now, which one thread at a time can do; otherwise all goes
        through the converter, which takes longer.
        """
        self._into = into
        self._wire = wire = into.__wire__
        self._blank = into()
        self._json: msgspec.json.Decoder[R] | None = None
        self._strict: msgspec.json.Decoder[Any] | None = None
        # Field names are taken as they are here, so a class spelled otherwise has no direct way.
        if direct and wire.case == "snake":
            self._json, self._strict = msgspec.json.Decoder(into), strict_decoder_of(into)
        self._parse: Callable[[bytes], Any] = msgspec.json.decode
        if wire.case != "snake" and any(Decimal in get_args(t) for _, _, t in sent_fields(into)):
            # A float would lose digits of money. The classes that are decoded directly have none.
            self._parse = msgspec.json.Decoder(float_hook=decimal).decode
        self._list_of: Callable[[R], Any] = (
            attrgetter(wire.list_field) if wire.list_field else _nothing
        )
        # The choices of a chunk are numbered where chunks are merged.
        self._numbers = wire.list_field == "choices" and not wire.allow_empty

    def decode(
        self,
        data: bytes,
        *,
        max_objects: int = MAX_OBJECTS,
        split: SplitCharacters | None = None,
    ) -> R:
        """`data`, a JSON object, as an instance. Raises `InvalidBody`, or `ErrorInBody` where it reports a
        failure. `split` is of the stream whose chunk it is.
        """
        data = data.removeprefix(BOM)
        check_size(data, max_objects)
        try:
            response = None if split is not None and split.halves else self._decode_directly(data)
            if response is None:
                data = whole_characters(data) if split is None else split.join(data)
                response = self._decode_leniently(data)
        except RecursionError as error:
            raise InvalidBody(TOO_DEEP) from error
        except (InvalidBody, ErrorInBody) as problem:
            if problem.response is not None:
                problem.response._raw = data
            raise
        if self._numbers:
            number_choices(self._list_of(response))
        response._raw = data
        return response

    def decode_many(
        self, datas: list[bytes], lines: bytes, *, max_objects: int = MAX_OBJECTS
    ) -> list[R] | None:
        """`datas`, several JSON objects, as instances, decoded in one go; None where each has to be decoded by itself. `lines` is the
        same, joined by LF. Whether they hold what is described, and no more, isn't checked yet: see `are_described`.
        """
        if self._json is None or len(datas) < 2:
            return None
        try:
            check_size(lines, max_objects)
            responses = self._json.decode_lines(lines)
        except (InvalidBody, *MALFORMED):
            return None
        # Two objects in one event would shift all that follow, so the numbers must agree.
        if len(responses) != len(datas):
            return None
        for response, data in zip(responses, datas, strict=True):
            response._drift = None
            response._raw = data
        return responses

    def are_described(self, responses: list[R], lines: bytes) -> bool:
        """Whether `responses`, which `decode_many` made of `lines`, hold what is described, and no more."""
        return (
            all(map(self._list_of, responses))
            and (lines.isascii() or _is_utf8(lines))
            and self._strict is not None
            and can_decode(self._strict.decode_lines, lines)
        )

    def decode_described(self, data: bytes) -> R | None:
        """`data`, which is known to hold no more than is described if it is JSON, as an instance; None where it
        isn't, or there is no direct way.
        """
        if self._json is None:
            return None
        try:
            response = self._json.decode(data)
        except MALFORMED:
            return None
        response._drift = None
        response._raw = data
        return response

    def says_something(self, response: R) -> bool:
        """Whether any known field of `response` was sent."""
        return response != self._blank

    def _decode_directly(self, data: bytes) -> R | None:
        """`data` as an instance, where it is all as described; None where it needs a closer look."""
        if self._json is None or self._strict is None or (self._numbers and b'"error"' in data):
            return None
        try:
            response = self._json.decode(data)
            self._strict.decode(data)
        except MALFORMED:
            return None
        if not self._list_of(response) or not (data.isascii() or _is_utf8(data)):
            return None
        response._drift = None
        return response

    def _decode_leniently(self, data: bytes) -> R:
        """A closer look at `data`: opened, structured, checked, and what nothing describes kept."""
        decoded = parsed(data, self._parse)
        inner = self._only_response(unwrapped(decoded))
        is_bare = self._is_bare_list(inner)
        if is_bare:
            inner = {self._wire.list_field: inner}
        found = Differences()
        found.wrapped = inner is not decoded
        if is_object(inner):
            # Of a list of one, what is in it is described.
            described = decoded if is_bare or is_object(decoded) else inner
            found.extend(self._differences(described))
            found.normalized = normalize(inner, self._into)
            if found.normalized and OBJECTS.search(data):
                self._keep_digits(inner, data)
        as_sent = inner is decoded and not found.normalized
        response = self._structure(inner, data if as_sent else None)
        self._check(inner, response, is_bare=is_bare, normalized=found.normalized)
        if found and self._wire.content_in:
            found.adds = keep_unknown(inner, response, normalized=found.normalized)
        kept = found or found.normalized or found.wrapped
        response._drift = found if kept else None
        return response

    def _structure(self, inner: Any, data: bytes | None) -> R:
        """`inner` as an instance, with whatever can be read. `data` is its JSON, where it is as it was sent."""
        if self._json is not None and data is not None:
            try:
                return self._json.decode(data)
            except MALFORMED:
                pass
        from horay_async.models._converter import structure_leniently  # noqa: PLC0415 - loads cattrs

        try:
            return structure_leniently(inner, self._into)
        except ValueError as error:
            raise InvalidBody(f"isn't what the API describes: {error}") from error

    def _check(self, inner: Any, response: R, *, is_bare: bool, normalized: bool) -> None:
        """Raises where a body is no response that can be used: nothing known, another API's, a failure, or content in a form that is unknown."""
        if response == self._blank:
            self._check_blank(inner, response)
        elif self._numbers and not is_array(inner.get("choices")):
            # A job's, of a server that takes the request and responds later; or a response of another API.
            where = unrecognised_beside_choices(inner, self._into)
            raise InvalidBody(
                f"has no choices, but {where}" if where else "has no choices", response
            )
        elif self._numbers and inner["choices"] and not objects_in(inner["choices"]):
            raise InvalidBody("has choices that aren't objects", response)
        items = self._list_of(response)
        if is_bare and items and all(item == type(item)() for item in items):
            raise InvalidBody(NO_FIELDS, response)
        if where := unrecognised_images(inner, self._into):
            raise InvalidBody(f"holds no image that is known, but {where}", response)
        if not self._numbers:
            return
        # An error beside the choices is a remark, where these are finished.
        finished = all(getattr(item, "finish_reason", True) for item in items)
        failed = not finished and says_it_failed(inner)
        if failed or error_in({"choices": inner.get("choices")} if finished else inner):
            keep_unknown(inner, response, normalized=normalized)
            raise ErrorInBody(response)
        if where := unrecognised_in_response(inner, self._into):
            raise InvalidBody(f"{NOTHING_KNOWN}, but {where}", response)

    def _keep_digits(self, inner: dict[str, Any], data: bytes) -> None:
        """Writes the arguments of tool calls, and contents, which aren't text in `data`, with all digits of their numbers."""
        decoded = with_marked_numbers(data)
        if decoded is None:
            return
        exact = self._only_response(unwrapped(decoded))
        if is_array(exact):
            exact = {self._wire.list_field: exact}
        normalize(exact, self._into)
        read, marked = ([*texts_in(sent, self._wire.content_in)] for sent in (inner, exact))
        if len(read) == len(marked):  # a marked 0 isn't as empty as a 0
            for (holder, name), (kept, _) in zip(read, marked, strict=True):
                if isinstance(text := kept.get(name), str) and MARK in text:
                    holder[name] = without_marks(text)

    def _differences(self, decoded: Any) -> list[Difference]:
        """How JSON differs from what the API describes."""
        holder = holder_in(decoded)
        if holder is not None and not is_array(decoded.get(self._wire.list_field)):
            beside = differences(decoded, Envelope)
            return [*beside, *self._drift_in(decoded.get(holder), f"$.{holder}")]
        return self._drift_in(decoded, "$")

    def _drift_in(self, inner: Any, path: str) -> list[Difference]:
        if is_array(inner) and self._wire.list_field:
            return list_differences(inner, self._into, path)
        return differences(inner, self._into, path)

    def _only_response(self, inner: Any) -> Any:
        """The response in a list of one, as gateways have it that collect what comes; anything else as it is."""
        only = only_of(inner)
        if only is not inner and is_object(only):
            lists = {self._wire.list_field, "data"}  # the latter as openai has it for images
            if not self._wire.list_field or any(is_array(only.get(name)) for name in lists):
                return only
        return inner

    def _is_bare_list(self, inner: Any) -> bool:
        """Whether `inner` is the list that the response is about, without the object around it.

        An empty list is a response only where it is asked what there is: no models. As the response to a prompt it says
        nothing. A chunk is never a bare list.
        """
        if not is_array(inner) or not self._wire.list_field or self._wire.allow_empty:
            return False
        return all(is_object(item) for item in inner) and (
            bool(inner) or self._wire.list_field == "data"
        )

    def _check_blank(self, fields: dict[str, Any], response: R) -> None:
        """Raises where an object without a value in any known field is no response.

        - `message`, `detail` or `errors`: a server's message in place of a response, which are a failure;
        - the list that the response is about, empty: a response with nothing in it;
        - neither: of a chunk, a sign that the stream is alive; of anything else, no response.
        """
        told = fields.get("message") or fields.get("detail") or fields.get("errors") or None
        if isinstance(told, str | list) or fields.get("success") is False:
            raise ErrorInBody
        if is_array(fields.get(self._wire.list_field)) or self._wire.allow_empty:
            return
        raise InvalidBody(NO_FIELDS, response)


def drift_of(response: Response) -> Differences:
    """How `response` differs from what the API describes, by its decoding."""
    found: Differences | None = getattr(response, "_drift", None)
    return NO_DIFFERENCES if found is None else found


def holds_content(response: Any) -> bool:
    """Whether `response`, whole or a chunk, has something that was generated: in a choice, pictures, vectors, or tokens that are counted."""
    items: object = getattr(response, "images", None) or getattr(response, "data", None)
    if is_array(items) and items:
        return True
    usage: object = getattr(response, "usage", None)
    if getattr(usage, "completion_tokens", 0):
        return True
    for choice in getattr(response, "choices", ()):
        holder = getattr(choice, "message", None) or getattr(choice, "delta", None) or choice
        names = ("text", "content", "refusal", "reasoning_content", "tool_calls")
        unknown = getattr(holder, "_unknown", {}) if holder is not choice else {}
        if any(getattr(holder, name, None) for name in names) or any(unknown.values()):
            return True
    return False


def can_decode(decode: Callable[[bytes], object], data: bytes) -> bool:
    """Whether `decode` takes `data`: JSON, or the text of it."""
    try:
        decode(data)
    except MALFORMED:
        return False
    return True


def is_json(data: bytes) -> bool:
    """Whether `data` is JSON, whole and no more."""
    return can_decode(msgspec.json.decode, data)


def check_size(data: bytes, max_objects: int) -> None:
    """Raises `InvalidBody` where `data` is JSON of more objects than may be made of it.

    Asked before anything is decoded. Each object takes two bytes at least, so that nothing has to be counted in what is short:
    no chunk, and hardly any body.
    """
    if len(data) > 2 * max_objects and too_many_objects(data, max_objects):
        raise InvalidBody(
            f"holds more than {max_objects:,} JSON objects and lists, or {VALUES_PER_OBJECT} times as many "
            "values: pass max_response_objects=... to the client to take in more"
        )


def is_error_envelope(body: bytes) -> bool:
    """Whether `body` is JSON that reports an error, as a whole response of its own."""
    try:
        unwrapped(parsed(whole_characters(body.removeprefix(BOM))))
    except ErrorInBody:
        return True
    except InvalidBody:
        pass
    return False


def has_error_field(data: bytes, *, named: bool = False) -> bool:
    """Whether `data` is JSON with an `error` in it, see `error_in`, whatever else it holds. In an event that has
    a name of its own, `named`, that is an object: a text or a number can be data.
    """
    try:
        decoded = parsed(whole_characters(data))
    except InvalidBody:
        return False
    error = error_in(reporting(decoded))
    return is_object(error) or (bool(error) and not named)


_decoders: dict[Any, Decoder[Any]] = {}
"""By class, those that are complete."""


def decoder(into: type[R]) -> Decoder[R]:
    """The decoder for a class; made once, since making one takes longer than a hundred uses."""
    found = _decoders.get(into)
    if found is None:
        found = FIRST_USE.alone(lambda: _made(into), lambda: Decoder(into, direct=False))
    return found


def _made(into: type[R]) -> Decoder[R]:
    """The same, while no other thread makes one."""
    if into not in _decoders:  # while this one waited
        _decoders[into] = Decoder(into)
    return _decoders[into]


def _nothing(_: object) -> None:
    """Stands for the list of a response that has none."""


def _is_utf8(data: bytes) -> bool:
    # What is skipped in decoding isn't checked there, but has to be there for `to_dict()`.
    return can_decode(bytes.decode, data)


def parsed(data: bytes, decode: Callable[[bytes], Any] = msgspec.json.decode) -> Any:
    """`data` as Python's own types, or what `decode` makes of it. Raises `InvalidBody`."""
    try:
        return parse_json(data, decode)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the latter before msgspec 0.23
        problem = str(error)
        if "utf-8" in problem.lower():  # as msgspec says it, here and below
            raise InvalidBody("isn't valid UTF-8") from error
        if "truncated" in problem:  # whatever cut it
            problem = "it ends too early" if data.strip() else "it is empty"
        raise InvalidBody(f"isn't valid JSON: {problem}") from error
    except RecursionError as error:
        raise InvalidBody(TOO_DEEP) from error


def check_reported(decoded: Any) -> None:
    """Raises `ErrorInBody` where JSON reports a failure as a whole."""
    if is_array(decoded):
        reports = error_in(decoded) is not None
    elif not is_object(decoded):
        reports = False
    elif decoded.get("object") == "error" or (
        not decoded.get("choices") and error_in(decoded) is not None
    ):
        reports = True
    else:
        reports = is_envelope(decoded) and not is_of_success(decoded)
    if reports:
        raise ErrorInBody


def unwrapped(decoded: Any) -> Any:
    """What JSON holds within lists of one and envelopes of success, each looked at as a response of its own; anything else as it is.
    Raises `ErrorInBody` where one of them reports a failure.
    """
    while True:
        check_reported(decoded)
        inner = opened(decoded)
        if inner is decoded:
            return decoded
        decoded = inner
