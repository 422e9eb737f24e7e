"""How an answer differs from what the API describes.

Nearly all answers don't differ, and that has to be found out at next to no cost. So there are three steps,
each taken only where the one before isn't enough:

1. In a stream, most chunks are the one before with another piece of text in it. To put the newest pieces
   into that frame and to compare what comes of it with the bytes that came proves it, for all chunks of a
   read at once.
2. What could be decoded straight into the models has no value of another type. Whether it has all their
   fields and no others is asked of msgspec structs that refuse anything else.
3. The JSON is gone through, field by field.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from types import FrameType, GenericAlias, NoneType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import attrs
import msgspec

from horay_async._protocol.words import without_key
from horay_async.errors import DriftError, DriftKind, DriftWarning
from horay_async.models._base import Model, Response, camel
from horay_async.models.drift import Drift

__all__ = [
    "DriftWatch",
    "Envelope",
    "Finding",
    "Frame",
    "differences",
    "list_differences",
    "outline",
]

PACKAGE = str(Path(__file__).parents[1])

Finding = tuple[str, DriftKind]
"""A path, and what is the matter there."""

Check = Callable[[Any, str, list[Finding]], None]
"""Looks at a value that stands at a path, and appends what it finds."""

NAME_SHOWN = 100
"""Characters of an unknown field's name that go into its path: it is the server's, and is kept."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Envelope(Model):
    """What some answers are wrapped in."""

    always = ("code", "message", "status", "data")

    code: int = 0
    message: str | None = None
    status: bool = False
    data: Any = None


def differences(sent: Any, into: type[Model], path: str = "$") -> list[Finding]:
    """How `sent`, decoded JSON that stands at `path`, differs from what `into` describes. Each occurrence
    counts, so a path can be there more than once.
    """
    found: list[Finding] = []
    check = _check_of(
        cast(Any, into)
    )  # mypy takes the classes for unhashable, as their instances are
    check(sent, path, found)
    return found


def list_differences(sent: list[Any], into: type[Response], path: str = "$") -> list[Finding]:
    """The same for the list that `into` is about, sent without the object around it."""
    found: list[Finding] = [(path, "retyped")]
    _check_of(get_type_hints(into)[into.holds])(sent, path, found)
    return found


def outline(into: type[Model]) -> msgspec.json.Decoder[Any]:
    """What decodes JSON of the types that `into` describes if `differences` finds nothing in it, and raises
    otherwise. To make it takes as long as a thousand uses.
    """
    return msgspec.json.Decoder(_outline_of(into))


class Frame:
    """A chunk of a stream without its piece of text: most that follow differ in that alone. `counts` is
    where to count them.
    """

    __slots__ = ("_after", "_before", "_between", "_counts", "_found", "_pieces", "_seen")

    def __init__(self, counts: Drift) -> None:
        self._counts = counts
        self._found: Sequence[Finding] = ()  # in each chunk of this frame
        self._before = self._between = self._after = ""
        self._pieces: list[str] = []
        self._seen = 0  # of the pieces

    def counted(self, lines: bytes, count: int) -> bool:
        """Whether `lines`, joined by LF, are `count` chunks of this frame; if so, what differs in them is
        counted. To be asked once for each read, when its pieces were appended to the list that the frame
        was taken with.

        A piece with an escape in it doesn't come out as it was sent. So where all pieces do, they have
        neither escapes nor quotes, and nothing but text can be in their place.
        """
        pieces = self._pieces[self._seen :]
        self._seen += len(pieces)
        if (
            len(pieces) != count
            or f"{self._before}{self._between.join(pieces)}{self._after}".encode() != lines
        ):
            return False
        if self._found:
            self._counts.add(self._found, count)
        return True

    def take(self, data: bytes, lists: Sequence[list[str]], found: Sequence[Finding]) -> None:
        """Makes the frame of `data`, a chunk in which `found` was found, if its piece can be seen in it: the
        newest of one of the `lists` that pieces are appended to.
        """
        text = data.decode("utf-8", "replace")
        for pieces in lists:
            before, piece, after = text.rpartition(f'"{pieces[-1]}"') if pieces else ("", "", "")
            if piece:
                self._before, self._after = f'{before}"', f'"{after}'
                self._between = f"{self._after}\n{self._before}"
                self._pieces, self._seen, self._found = pieces, len(pieces), found
                return


@attrs.frozen
class DriftWatch:
    """Counts what drifts for one client, and does what is asked for beside."""

    strict: Literal["warn", "raise"] | None
    counts: Drift = attrs.field(factory=Drift)
    _warned: dict[Finding, object] = attrs.field(factory=dict[Finding, object])

    def changed(self, strict: Literal["warn", "raise"] | None) -> DriftWatch:
        """A watch that goes on with the same counts, and tells nothing anew."""
        return attrs.evolve(self, strict=strict)

    def note(
        self,
        found: Sequence[Finding],
        answer: Response,
        *,
        label: str,
        key: str,
        request_id: str | None,
    ) -> DriftError | None:
        """Counts what was `found` in `answer`, at least one difference, and warns where that is asked for;
        gives the error where it is one that is asked for. `label` names the call, `key` is masked.
        """
        counted = self.counts.add(found)
        if self.strict == "warn":
            for path, kind in counted:
                mine = object()
                if self._warned.setdefault((path, kind), mine) is mine:
                    told = without_key(_told([(path, kind)], label), key)
                    warning = DriftWarning(told, path=path, kind=kind)
                    warnings.warn(warning, stacklevel=_levels())
        if self.strict != "raise":
            return None
        distinct = tuple(dict.fromkeys(found))
        path, kind = distinct[0]
        body = answer._raw.decode("utf-8", "replace")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as it was sent
        return DriftError(
            without_key(_told(distinct, label), key),
            path=path,
            kind=kind,
            drifts=distinct,
            body=without_key(body, key),
            answer=answer,
            request_id=None if request_id is None else without_key(request_id, key),
        )


def _told(found: Sequence[Finding], label: str) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    path, kind = found[0]
    return f"the answer to {label} isn't what the API describes: {path} is {kind}{more}"


def _levels() -> int:
    """How many calls up the code stands that isn't this package's."""
    # Coroutines that wait for one another are calls of one another while they run.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - just looks
    levels = 1  # that of the caller here
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        levels += 1
    return levels


# The outlines of the models


def _outline_of(into: type[Model]) -> type[msgspec.Struct]:
    """A struct that takes an object with the fields of `into` and no others."""
    fields: list[Any] = []
    for name, type_ in _fields_of(into):
        outline = _outlined(type_)
        fields.append((name, outline) if name in into.always else (name, outline, None))
    # Without the collector: what is thrown away at once has no use for it.
    return msgspec.defstruct(
        into.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _outlined(type_: Any) -> Any:
    """`type_` with outlines in place of models. Lists and dicts without models are skipped, not read."""
    arguments = get_args(type_)
    if NoneType in arguments:
        inner = _outlined(_without_null(arguments))
        return inner if inner is msgspec.Raw else inner | None
    if get_origin(type_) is list and _is_model(arguments[0]):
        return GenericAlias(list, _outline_of(arguments[0]))
    if arguments or type_ is Any:
        return msgspec.Raw
    return _outline_of(type_) if _is_model(type_) else type_


# Field by field


@cache
def _check_of(type_: Any) -> Check:
    """What looks at values described as `type_`."""
    arguments = get_args(type_)
    if NoneType in arguments:
        return _nullable(_check_of(_without_null(arguments)))
    if get_origin(type_) is list:
        return _list(_check_of(arguments[0]))
    if get_origin(type_) is dict:
        return _dict(_check_of(arguments[1]))
    return _object(type_) if _is_model(type_) else _scalar(type_)


def _nullable(inner: Check) -> Check:
    def check(value: Any, path: str, found: list[Finding]) -> None:
        if value is not None:
            inner(value, path, found)

    return check


def _list(inner: Check) -> Check:
    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, list):
            found.append((path, "retyped"))
            return
        path += "[]"
        for item in cast("list[Any]", value):
            inner(item, path, found)

    return check


def _dict(inner: Check) -> Check:
    """An object with names of its own, such as the tokens that were likely: a star stands for all."""

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, dict):
            found.append((path, "retyped"))
            return
        path += ".*"
        for item in cast("dict[str, Any]", value).values():
            inner(item, path, found)

    return check


def _object(into: type[Model]) -> Check:
    spell: Callable[[str], str] = camel if into.wire_case == "camel" else str
    always = [spell(name) for name in into.always]
    checks = {spell(name): _check_of(type_) for name, type_ in _fields_of(into)}
    keeps_alive = issubclass(into, Response) and into.may_be_bare

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not isinstance(value, dict):
            found.append((path, "retyped"))
            return
        fields = cast("dict[str, Any]", value)
        for name, item in fields.items():
            if (inner := checks.get(name)) is not None:
                inner(item, f"{path}.{name}", found)
            else:
                found.append((path + _step(name), "unknown"))
        if keeps_alive and not fields.keys() & checks.keys():
            return
        found.extend((f"{path}.{name}", "missing") for name in always if name not in fields)

    return check


def _scalar(type_: Any) -> Check:
    is_described = DESCRIBED[type_]

    def check(value: Any, path: str, found: list[Finding]) -> None:
        if not is_described(value):
            found.append((path, "retyped"))

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_money(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


DESCRIBED: dict[Any, Callable[[Any], bool]] = {
    Any: lambda _: True,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: _is_integer,
    float: _is_number,
    Decimal: _is_money,
}
"""Whether a JSON value is one of the described type. JSON has one type of number: 1.0 is an integer."""


def _fields_of(into: type[Model]) -> list[tuple[str, Any]]:
    """Names and types. All models are attrs classes; their plain base can't say so."""
    hints = get_type_hints(into)
    return [(field.name, hints[field.name]) for field in attrs.fields(cast(Any, into))]


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Model)


def _without_null(arguments: tuple[Any, ...]) -> Any:
    """The one type that null is an alternative to; the models have no other unions."""
    (inner,) = (argument for argument in arguments if argument is not NoneType)
    return inner


def _step(name: str) -> str:
    if len(name) > NAME_SHOWN:
        name = f"{name[:NAME_SHOWN]}…"
    return f".{name}" if name.isidentifier() else f"[{name!r}]"
