"""Fields of a response that its classes don't know: kept beside the known ones, and merged from chunks.

Servers put audio, citations, signatures of thoughts and much else into messages. What of it is in a message has to be in the next
request as well, and what chunks bring of it is a part of the whole response:

- what stands in a delta, or in that of a tool call, is merged with what has come: a list goes on, an object's fields are
  merged one by one, those of objects within it too, and of any other value but strings the last counts;
- the strings that are known to come in pieces are joined: `data` and `transcript` of `audio`, `input` of a call of a custom tool;
- of other strings nobody says whether they are pieces of a text or labels, as `"status": "typing"`: those that look like text are
  joined, and of labels the last counts (`Pieces`);
- of what stands in a choice or in the chunk itself, the last counts: servers repeat it with each chunk;
- what stands beside the tokens of log probabilities is merged as in a delta; a token has its own, as has the usage.

A null is no value. Only responses that differ from what the API describes come here.
"""

# What is kept here stands under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar, cast

import attrs

from horay_async._json import Json, is_array, is_object, objects_in
from horay_async.models._base import Extensible

E = TypeVar("E", bound=Extensible)

READ_ELSEWHERE = frozenset({"index", "reasoning", "reasoning_text", "thinking"})
"""Names whose values known fields have: a place in a list, and texts that are `reasoning_content` here."""

NORMALIZED = frozenset(
    {"text", "function_call", "name", "arguments", "parameters", "args", "message", "delta"}
)
"""Names whose values are put into known fields where something was normalized."""

MAX_DEPTH = 8
"""Levels of objects within objects that are merged; further within, the last counts."""

JOINED = frozenset({("audio", "data"), ("audio", "transcript"), ("custom", "input")})
"""Strings that come in pieces; `data` in base64."""

OF_TEXT = re.compile(
    r"\s|.*\s\Z|[\W_]+\Z|.*[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffff]", re.DOTALL
)
"""What a string is that is a piece of a text: it begins or ends with a blank, is of signs alone, or of a script that is written without
blanks, as Thai, Chinese and Japanese. What names a state has none of that, as `typing` or `Searching the web`."""


def keep_unknown(sent: Any, made: Extensible, *, normalized: bool) -> bool:
    """Keeps the fields of `sent`, decoded JSON, that the classes don't know: in `made`, and in the objects within it.

    `normalized` says whether something in `sent` was put where the API describes it. Returns whether a field of a chunk adds
    to the merged response: one in a delta adds to what other chunks bring, and one in the chunk's own object is that
    chunk's alone. Then the next chunks that differ from this one in the text alone have to be merged field by field, too.
    """
    adds = False
    known = _known_fields(cast(Any, type(made)))
    as_sent = made._as_sent
    unknown = {
        name: value
        for name, value in sent.items()
        if value is not None
        and name not in known
        and (as_sent or not _is_read_elsewhere(name, value, normalized=normalized))
    }
    if unknown:
        made._unknown = unknown
        in_pieces = made._in_pieces
        adds = as_sent or (in_pieces and any(map(_adds, unknown.values())))
    for name in known & sent.keys():
        value, inner = sent[name], getattr(made, name)
        # An item that is no object is left out where the list is read.
        values = objects_in(value) if is_array(value) else [value]
        items = cast("list[Any]", inner if isinstance(inner, list) else [inner])
        for item_sent, item in zip(values, items, strict=False):
            if not isinstance(item, Extensible):
                break
            if is_object(item_sent):
                adds = keep_unknown(item_sent, item, normalized=normalized) or adds
    return adds


def _is_read_elsewhere(name: str, value: Any, *, normalized: bool) -> bool:
    """Whether known fields of a choice, of its message or of what is in that have the value of a field."""
    if normalized and name in NORMALIZED:
        return True
    return name in READ_ELSEWHERE and isinstance(value, str | int)


@lru_cache(maxsize=64)
def _known_fields(into: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in attrs.fields(into))


def _adds(value: Any) -> bool:
    """Whether a value in a delta adds to what has come, be it the same: a string may be a piece."""
    if is_object(value):
        return any(isinstance(item, str | list) or _adds(item) for item in value.values())
    return bool(is_array(value) and value)


def has_strings(chunk: Any) -> bool:
    """Whether a delta of a chunk has a string under an unknown name, which may be one more piece each time that it comes."""
    fields = [unknown_of(choice.delta) or {} for choice in chunk.choices]
    return any(isinstance(value, str) for each in fields for value in each.values())


def unknown_of(value: object) -> Json | None:
    """The fields of an object that its class doesn't know; None where there are none."""
    return getattr(value, "_unknown", None)


def count_unknown(items: Iterable[object]) -> int:
    """How many values there are in the fields of these objects that their classes don't know."""
    return sum(_count(fields) for item in items if (fields := unknown_of(item)))


def with_unknown(made: E, fields: Json) -> E:
    """`made` with these fields, merged by `merge_unknown`, beside its own, such as the `message` of a choice whose chunks had one too."""
    if fields:
        known = _known_fields(cast("Any", type(made)))
        made._unknown = {
            name: _result(value) for name, value in fields.items() if name not in known
        }
    return made


def replace_unknown(have: Json, sent: object) -> int:
    """Takes the fields of `sent` that its class doesn't know in the place of those of their names; returns how many values
    that adds.
    """
    fields = unknown_of(sent)
    return sum(_put(have, name, value) for name, value in fields.items()) if fields else 0


def merge_unknown(have: Json, sent: object) -> int:
    """Merges the fields of `sent` that its class doesn't know with what has come; returns how many values that adds."""
    fields = unknown_of(sent)
    return _merge(have, fields, ()) if fields else 0


def drop_repeated(have: Json, sent: object) -> None:
    """Takes out of the fields of `sent` that its class doesn't know what `have` holds of them: `sent` is a whole message."""
    fields = unknown_of(sent)
    if fields:
        cast("Any", sent)._unknown = _rest(fields, have, ()) or {}


def _rest(whole: Any, have: Any, path: tuple[str, ...]) -> Any:
    """What `whole` has beyond `have`; None where that is nothing."""
    if isinstance(have, Pieces):
        text = have.result()
        if isinstance(whole, str) and have.is_text:
            return whole.removeprefix(text) or None
        have = text
    if is_object(whole) and is_object(have) and len(path) <= MAX_DEPTH:
        rests = {name: _rest(value, have.get(name), (*path, name)) for name, value in whole.items()}
        return {name: rest for name, rest in rests.items() if rest is not None} or None
    if is_array(whole) and is_array(have) and whole[: len(have)] == have:
        return whole[len(have) :] or None
    return None if whole == have else whole


class Pieces:
    """The strings that have come under one name, once for each time that it came."""

    __slots__ = ("_is_base64", "_is_known", "_texts")

    def __init__(self, path: tuple[str, ...]) -> None:
        self._texts: list[str] = []
        self._is_known = path in JOINED
        self._is_base64 = path[-1] == "data"

    @property
    def is_text(self) -> bool:
        """Whether these are pieces of one text.

        They are where the API says so, or where one of them looks like a piece of text, unless each begins with the one before: then
        the last is all of it.
        """
        texts = self._texts
        return self._is_known or (
            any(map(OF_TEXT.match, texts)) and not all(map(str.startswith, texts[1:], texts))
        )

    def add(self, text: str) -> int:
        """Adds what came; returns how many values that adds: a label sent with each chunk is one."""
        is_same = bool(self._texts) and text == self._texts[-1]
        self._texts.append(self._texts[-1] if is_same else text)
        return not is_same

    def result(self) -> str:
        """The text, or the last label."""
        if not self.is_text:
            return self._texts[-1]
        if self._is_base64 and any(text.endswith("=") for text in self._texts[:-1]):
            # Each piece is base64 of its own: text may not go on behind the padding.
            try:
                return b64encode(
                    b"".join(b64decode(text, validate=True) for text in self._texts)
                ).decode()
            except ValueError:
                pass
        return "".join(self._texts)


def _merge(have: Json, more: Json, path: tuple[str, ...]) -> int:
    added = 0
    for name, value in more.items():
        at = (*path, name)
        before: Any = have.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            if not isinstance(before, Pieces):
                have[name] = before = Pieces(at)
            added += before.add(value)
        elif is_array(value):
            if not is_array(before):
                have[name] = before = []
            before.extend(value)
            added += 1 + _count(value)
        elif is_object(value) and len(path) < MAX_DEPTH:
            if not is_object(before):
                have[name] = before = {}
            added += 1 + _merge(before, value, at)
        else:
            added += _put(have, name, value)
    return added


def _put(have: Json, name: str, value: Any) -> int:
    before = have.get(name)
    have[name] = value
    return max(0, _count(value) - _count(before)) + (before is None)


def _result(value: Any) -> Any:
    if isinstance(value, Pieces):
        return value.result()
    if isinstance(value, dict):
        return {name: _result(item) for name, item in cast("Json", value).items()}
    return [*cast("list[Any]", value)] if isinstance(value, list) else value


def _count(value: Any) -> int:
    """How many values there are within a decoded JSON value."""
    count = 0
    rest: list[Any] = [value]
    while rest:
        item = rest.pop()
        if is_object(item):
            rest.extend(item.values())
            count += len(item)
        elif is_array(item):
            rest.extend(item)
            count += len(item)
    return count
