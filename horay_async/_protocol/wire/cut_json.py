"""What can be read of JSON that was cut off. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(
    r'\s*+(?:([{}\[\],:])|("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|([^\s{}\[\],:"]++))', re.DOTALL
)
"""A bracket, comma or colon; a string, which the end may cut; a number or a word."""

VALUES = re.compile(r'(?:\s*+[^\s{}\[\],:"]++\s*+,)++')
"""Numbers and literals, each with a comma behind it: most of what is long."""

CUT_ESCAPE = re.compile(r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
"""The beginning of an escape, or of a pair of them, at the end of a string."""

CLOSING = {"{": "}", "[": "]"}


class Closed(NamedTuple):
    """JSON that was cut off, and closed."""

    text: str
    depth: int = 0
    """How many objects and lists the cut is in."""
    in_string: bool = False
    """Whether the last value is a string that was cut."""


def closed(text: str) -> Closed:
    """JSON that was cut off, closed behind the last value in it that is whole, or is a string. Behind what is no JSON nothing is
    looked at. What isn't the beginning of an object or an array stays none.
    """
    open_brackets: list[str] = []
    is_key = False  # whether a string that comes next is a field's name
    at = end = 0
    while True:
        if open_brackets[-1:] == ["["] and (values := VALUES.match(text, at)) is not None:
            at = values.end()
            end = at - 1  # before the comma
        if (token := TOKEN.match(text, at)) is None:
            break
        mark, string, word = token.groups()
        at = token.end()
        if mark in ("{", "["):
            open_brackets.append(mark)
            is_key = mark == "{"
        elif mark in ("}", "]"):
            if not open_brackets or CLOSING[open_brackets[-1]] != mark:
                break
            open_brackets.pop()
        elif mark == ",":
            is_key = open_brackets[-1:] == ["{"]
            continue
        elif mark == ":" or (string is not None and is_key):
            is_key = False
            continue
        elif string is not None and not _is_whole(string):
            begun = text[:at].removesuffix(_cut_escape(string))
            return Closed(f'{begun}"{_brackets(open_brackets)}', len(open_brackets), in_string=True)
        elif word is not None and at == len(text):
            break  # more of it may be missing
        end = at
        if not open_brackets:
            break
    return Closed(text[:end] + _brackets(open_brackets), len(open_brackets))


def _brackets(opened: list[str]) -> str:
    return "".join(CLOSING[bracket] for bracket in reversed(opened))


def _is_whole(string: str) -> bool:
    """Whether a string has its end: a quote that no backslash escapes."""
    return len(string) > 1 and string.endswith('"') and not _escapes(string[:-1])


def _escapes(text: str) -> bool:
    """Whether a text ends with a backslash that isn't escaped itself."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _cut_escape(string: str) -> str:
    """The escape at the end of a string that is cut within it."""
    found = CUT_ESCAPE.search(string)
    return found[0] if found is not None and not _escapes(string[: found.start()]) else ""
