"""Regular expressions of JSON schemas, in the form that a grammar holds: anchored at both ends. Pure.

Schemas have JavaScript's (ECMA-262). Character classes are written out, an open end becomes `.*`,
and what is no regular language, or isn't known here, is refused.
"""

from __future__ import annotations

import re
from typing import Final

MAX_REPETITION: Final = 1000

# Inside of a class, as ECMA-262 defines them; its \s has more blanks, which no model needs.
_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \\t\\n\\r"}
_CONTROLS: Final = {"t": "\\t", "n": "\\n", "r": "\\r"}
_PUNCTUATION: Final = frozenset(r"\^$.*+?()[]{}|/-\"'" + "&#%@!,:;<>=~`_ ")
_CLASS: Final = re.compile(r"\[(?P<negated>\^?)(?P<inner>(?:\\.?|[^\\\]])*)(?P<end>\]?)", re.DOTALL)
_IN_CLASS: Final = re.compile(r"\\(?P<letter>.?)|\[", re.DOTALL)
_REPEATED: Final = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}")


class UnsupportedPattern(ValueError):
    """The pattern can't be held; the message says what in it, to follow the word "pattern"."""


def anchored(pattern: str) -> str:
    """`pattern` as `^...$`, from what a grammar knows alone; raises `UnsupportedPattern`."""
    body = pattern.removeprefix("^")
    start = ".*" if body == pattern else ""
    closed = body.endswith("$") and not _is_escaped(body, len(body) - 1)
    end = "" if closed else ".*"
    parts: list[str] = []
    if _translate(body.removesuffix("$") if closed else body, parts):
        # An anchor binds tighter than a branch: ^a|b$ is (^a)|(b$).
        if start != end:
            raise UnsupportedPattern("has an anchor in one of its branches alone")
        if not start:
            raise UnsupportedPattern("has an anchor in one of its branches alone; write ^(...)$")
        parts = ["(", *parts, ")"]
    return f"^{start}{''.join(parts)}{end}$"


def _is_escaped(text: str, place: int) -> bool:
    return (place - len(text[:place].rstrip("\\"))) % 2 == 1


def _translate(body: str, parts: list[str]) -> bool:
    """Append the translation of `body` to `parts`; whether it branches outside of any group."""
    depth, place, branches, repeatable = 0, 0, False, False
    while place < len(body):
        character = body[place]
        if character == "(":
            place += _open_group(body, place)
            parts.append("(")
            depth += 1
            repeatable = False
            continue
        if character in "*+?{":
            place = _repeat(body, place, parts, repeatable=repeatable)
            repeatable = False
            continue
        repeatable = True
        if character == "[":
            text, place = _class(body, place)
            parts.append(text)
            continue
        if character == "\\":
            parts.append(_escape(body, place))
            place += 2
            continue
        if character == ")":
            depth -= 1
            if depth < 0:
                raise UnsupportedPattern("closes a group that isn't open")
        elif character == "|":
            branches = branches or depth == 0
            repeatable = False
        elif character in "^$":
            raise UnsupportedPattern(f"has {character} in its middle")
        elif character in "]}":
            character = "\\" + character
        parts.append(character)
        place += 1
    if depth:
        raise UnsupportedPattern("leaves a group open")
    return branches


def _open_group(body: str, place: int) -> int:
    """How many characters open the group at `place`."""
    if body.startswith("(?:", place):
        return 3
    if body.startswith("(?", place):
        raise UnsupportedPattern("looks around, or has a group with a name or flags")
    return 1


def _repeat(body: str, place: int, parts: list[str], *, repeatable: bool) -> int:
    """Append the repetition at `place`; the place after it."""
    if not repeatable:
        raise UnsupportedPattern("repeats nothing")
    text = body[place]
    if text == "{":
        found = _REPEATED.match(body, place)
        if found is None:
            raise UnsupportedPattern("has a { that begins no repetition; write \\{")
        low, high = int(found[1]), int(found[3] or found[1])
        if found[3] and low > high:
            raise UnsupportedPattern(f"repeats at least {low} and at most {high} times")
        if max(low, high) > MAX_REPETITION:
            raise UnsupportedPattern(f"repeats more than {MAX_REPETITION} times")
        text = found[0]
    parts.append(text)
    place += len(text)
    # Reluctance changes where a search stops, not what a whole text may be.
    return place + 1 if body.startswith("?", place) else place


def _escape(body: str, place: int) -> str:
    """The escape at `place`, outside of a class."""
    letter = body[place + 1 : place + 2]
    if letter in _CLASSES:
        return f"[{_CLASSES[letter]}]"
    if letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}]"
    return _single(letter)


def _single(letter: str) -> str:
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter in _PUNCTUATION:
        return "\\" + letter if letter in r"\^$.*+?()[]{}|-" else letter
    raise UnsupportedPattern(f"has the escape \\{letter}")


def _class(body: str, place: int) -> tuple[str, int]:
    """The class at `place`, and the place after it."""
    found = _CLASS.match(body, place)
    assert found is not None
    inner = _IN_CLASS.sub(_member, found["inner"])
    if not found["end"]:
        raise UnsupportedPattern("leaves a class open")
    if not inner:
        raise UnsupportedPattern("has an empty class")
    return f"[{found['negated']}{inner}]", found.end()


def _member(found: re.Match[str]) -> str:
    """An escape in a class, or an opening bracket."""
    letter = found["letter"]
    if letter is None:
        return "\\["
    if letter.lower() in _CLASSES and letter not in _CLASSES:
        raise UnsupportedPattern(f"has \\{letter} in a class")
    return _CLASSES.get(letter) or _single(letter)
