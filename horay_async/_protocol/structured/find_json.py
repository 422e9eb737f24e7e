"""Where the JSON is in the text of a model that isn't held to a schema: behind a draft, or in a Markdown code block. Pure.

Each step takes time linear in the text. What stands in a string of JSON is never taken for a tag or a fence.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, cast

import attrs
import msgspec

from horay_async._json import decimal, is_array, is_object, is_same, whole_characters

DECODE = msgspec.json.Decoder(float_hook=decimal).decode
BOM = "\ufeff"
DRAFT_OPENING = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
DRAFT_END = re.compile(r"</(think|thinking|reasoning)>", re.IGNORECASE)
"""The tags that end a model's reasoning in a text. The tag that begins it is often in the prompt, and not in the
text."""
FENCE_OPENING = re.compile(r"(?:`{3,}+|~{3,}+)[^\n`~]*\n")
"""The first line of a Markdown code block."""
FENCE = re.compile(r"`{3,}+|~{3,}+")
LANGUAGE = re.compile(r"[ \t]*([\w+#.-]*)\s*")
"""What is behind the opening fence of a block; of one on a single line, what its text is behind."""
OPENS = re.compile(r"json\b|[\w+#.-]+(?:[ \t\r]*\n|[ \t]*[\[{])", re.IGNORECASE)
"""What is behind no closing fence."""
JSON_WORD = re.compile(r"\A\s*json\b", re.IGNORECASE)
"""What a text begins with whose prompt ends with an opening fence."""
QUOTED = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
"""A string of JSON. The quantifiers never go back: with those that do, a long text would take long."""
BLOCK_OF_STRING = re.compile(rf"[^\n`~]*+\n\s*+{QUOTED}", re.DOTALL)
"""Behind an opening fence: a string that fences may be in."""
OPEN_BRACKET = re.compile(r"[\[{]")
TOKEN = re.compile(
    rf"(?:[\s,:]++|-?\d[\d.eE+-]*+|true|false|null|{QUOTED})*+(?P<bracket>[\[\]{{}}]?)",
    re.DOTALL,
)
"""What may be between two brackets of JSON, and the second one of these."""

PAIRS = {"[": "]", "{": "}"}
NOWHERE = (sys.maxsize, sys.maxsize)

Span = tuple[int, int]
"""Where something begins and ends."""


class Ambiguous(ValueError):
    """There are several JSON values, and which one is meant is unclear."""


@attrs.frozen
class _Block:
    """A Markdown code block."""

    span: Span
    language: str
    texts: tuple[str, str]
    """What its text may be: behind the first line, or behind the language."""


def json_in(text: str) -> Any:
    """The JSON in `text`, with U+FFFD for an escape of half a character. Raises `ValueError` that says why there is none, or not just one;
    `RecursionError` for one too deep.
    """
    text = text.removeprefix(BOM)
    if "\\u" in text:
        text = with_whole_characters(text)
    try:
        return DECODE(text)
    except ValueError as error:
        problem = error.with_traceback(None)
    try:
        behind = _behind_draft(text)
        if behind != text:
            if not behind.strip():
                raise ValueError("nothing is behind the draft") from problem
            try:
                return DECODE(behind)
            except ValueError as error:
                problem = error.with_traceback(None)
        fence = next(_outside(_spans(behind), FENCE, behind), None)
        if fence is not None and OPEN_BRACKET.search(behind, fence.end()) is None:
            with suppress(ValueError):  # it may end a block that began in the prompt
                return DECODE(JSON_WORD.sub("", behind[: fence.start()]))
        return _in_blocks(behind, problem)
    finally:
        del problem  # it knows this frame where it is raised


def with_whole_characters(text: str) -> str:
    """JSON with U+FFFD for an escape of half a character."""
    return whole_characters(text.encode("utf-8", "replace")).decode()


def _behind_draft(text: str) -> str:
    """What is behind the last tag that ends a draft; nothing where one has only begun, `text` where there is none."""
    end = -1
    for found in _outside(_spans(text), DRAFT_END, text):
        end = found.end()
    if end >= 0:
        return text[end:]
    return "" if DRAFT_OPENING.match(text) else text


def _in_blocks(text: str, problem: ValueError) -> Any:
    """The JSON value that all code blocks of `text` agree on. Raises `ValueError`: `problem` where there is none."""
    spans = list(_spans(text))
    values: list[Any] = []
    known: list[Span] = []
    for block in _blocks(text, spans):
        try:
            values.append(_value_of(block))
        except ValueError as error:
            if block.language.lower().startswith("json"):
                raise
            problem = error.with_traceback(None)
            if not block.language:
                continue  # it may hold JSON beside other text
        known.append(block.span)
    if not values:
        try:
            raise problem
        finally:
            del problem  # it knows this frame
    first, *others = values
    if not all(is_same(first, other) for other in others):
        raise Ambiguous("has several code blocks of JSON that differ")
    for start, end in spans:
        if not _is_within(known, start) and _differs(first, text[start:end]):
            raise Ambiguous("has JSON beside a code block that differs from it")
    return first


def _differs(value: Any, text: str) -> bool:
    """Whether a text is JSON that could be meant in the place of `value`. For an object no array could: in prose, `[1]` is a footnote."""
    try:
        other = DECODE(text)
    except (ValueError, RecursionError):
        return False
    is_like = is_object(other) if is_object(value) else is_array(value) and is_array(other)
    return is_like and not is_same(value, other)


def _value_of(block: _Block) -> Any:
    """The JSON of a block. Raises `ValueError`."""
    whole, behind = block.texts
    try:
        return DECODE(whole)
    except ValueError:
        with suppress(ValueError):
            return DECODE(behind)
        raise


def _blocks(text: str, spans: Iterable[Span]) -> Iterator[_Block]:
    """The code blocks of `text`: those of many lines or of one, those that nothing closes too."""
    opening: re.Match[str] | None = None
    string_end = 0
    for fence in _outside(spans, FENCE, text):
        if fence.start() < string_end:
            continue
        opens = opening is None or OPENS.match(text, fence.end()) is not None
        if opening is not None and (opens or fence[0].startswith(opening[0])):
            yield _block(text, opening.end(), fence.start())
            opening = None
        if opens:
            opening = fence
            string = BLOCK_OF_STRING.match(text, fence.end())
            string_end = 0 if string is None else string.end()
    if opening is not None:
        yield _block(text, opening.end(), len(text))


def _block(text: str, start: int, end: int) -> _Block:
    """The block between two fences."""
    inside = text[start:end]
    language = cast("re.Match[str]", LANGUAGE.match(inside))
    _, _, lines = inside.partition("\n")
    return _Block((start, end), language[1], (lines, inside[language.end() :]))


def _spans(text: str) -> Iterator[Span]:
    """What looks like objects and arrays in `text`, the outermost ones."""
    at = 0
    while (opening := OPEN_BRACKET.search(text, at)) is not None:
        at, stack = opening.end(), [PAIRS[opening[0]]]
        while stack:
            found = cast("re.Match[str]", TOKEN.match(text, at))
            at, bracket = found.end(), found["bracket"]
            if bracket in PAIRS:
                stack.append(PAIRS[bracket])
            elif bracket != stack.pop():
                break
        else:
            yield opening.start(), at


def _outside(spans: Iterable[Span], pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """What is found in `text`, but not within `spans`, which are in order."""
    left = iter(spans)
    start, end = next(left, NOWHERE)
    for found in pattern.finditer(text):
        while end <= found.start():
            start, end = next(left, NOWHERE)
        if found.start() < start:
            yield found


def _is_within(spans: list[Span], place: int) -> bool:
    """Whether one of `spans`, which are in order, holds a place."""
    at = bisect_right(spans, place, key=itemgetter(0)) - 1
    return at >= 0 and place < spans[at][1]
