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
_OUTSIDE: Final = {letter: f"[{inner}]" for letter, inner in _CLASSES.items()} | {
    letter.upper(): f"[^{inner}]" for letter, inner in _CLASSES.items()
}
# Characters behind a backslash that stand for one character: with it in a grammar too, or without.
_ESCAPED: Final = frozenset(r"tnr\^$.*+?()[]{}|-")
_PLAIN: Final = frozenset("/\"'&#%@!,:;<>=~`_ ")
_IN_CLASS: Final = re.compile(r"\\(?P<letter>.?)|\[", re.DOTALL)
_TOKEN: Final = re.compile(
    r"""
      (?P<special> \( \? (?!:) )
    | (?P<open> \( (?:\?:)? )
    | (?P<class> \[ (?P<negated>\^?) (?P<inner>(?:\\.?|[^\\\]])*) (?P<end>\]?) )
    | \\ (?P<escaped> .? )
    # Reluctance changes where a search stops, not what a whole text may be.
    | (?P<repetition> [*+?] | \{ (?: (?P<low>\d{1,9}) (?:,(?P<high>\d{0,9}))? \} )? ) \??
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_END: Final = re.compile(r"(?<!\\)(?:\\\\)*\$\Z")
"""A `$` at the end that isn't escaped."""


class UnsupportedPattern(ValueError):
    """The pattern can't be enforced; the message names the part, and completes "pattern ..."."""


def anchored(pattern: str) -> str:
    """`pattern` as `^...$`, in the syntax that a grammar supports; raises `UnsupportedPattern`."""
    body = pattern.removeprefix("^")
    start = ".*" if body == pattern else ""
    closed = _END.search(body) is not None
    end = "" if closed else ".*"
    inner, branches = _translate(body.removesuffix("$") if closed else body)
    if branches:
        # An anchor binds tighter than a branch: ^a|b$ is (^a)|(b$).
        if start != end:
            raise UnsupportedPattern("has an anchor in one of its branches alone")
        if not start:
            raise UnsupportedPattern("has an anchor in one of its branches alone; write ^(...)$")
        inner = f"({inner})"
    return f"^{start}{inner}{end}$"


def _translate(body: str) -> tuple[str, bool]:
    """The translation of `body`, and whether it branches outside of any group."""
    parts: list[str] = []
    depth, branches, repeatable = 0, False, False
    for token in _TOKEN.finditer(body):
        kind, text = token.lastgroup, token[0]
        if kind == "special":
            raise UnsupportedPattern("looks around, or has a group with a name or flags")
        if kind == "open":
            depth += 1
            text = "("
        elif kind == "repetition":
            if not repeatable:
                raise UnsupportedPattern("repeats nothing")
            text = _repetition(token)
        elif kind == "class":
            text = _class(token)
        elif kind == "escaped":
            text = _OUTSIDE.get(token["escaped"]) or _single(token["escaped"])
        elif text == ")":
            depth -= 1
            if depth < 0:
                raise UnsupportedPattern("closes a group that isn't open")
        elif text == "|":
            branches = branches or depth == 0
        elif text in "^$":
            raise UnsupportedPattern(f"has {text} in its middle")
        elif text in "]}":
            text = "\\" + text
        parts.append(text)
        repeatable = kind not in ("open", "repetition") and text != "|"
    if depth:
        raise UnsupportedPattern("leaves a group open")
    return "".join(parts), branches


def _repetition(token: re.Match[str]) -> str:
    text = token["repetition"]
    if text == "{":
        raise UnsupportedPattern("has a { that begins no repetition; write \\{")
    if token["low"]:
        low, high = int(token["low"]), int(token["high"] or token["low"])
        if low > high:
            raise UnsupportedPattern(f"repeats at least {low} and at most {high} times")
        if high > MAX_REPETITION:
            raise UnsupportedPattern(f"repeats more than {MAX_REPETITION} times")
    return text


def _single(letter: str) -> str:
    if letter in _ESCAPED or letter in _PLAIN:
        return "\\" + letter if letter in _ESCAPED else letter
    raise UnsupportedPattern(f"has the escape \\{letter}")


def _class(token: re.Match[str]) -> str:
    inner = _IN_CLASS.sub(_member, token["inner"])
    if not token["end"]:
        raise UnsupportedPattern("leaves a class open")
    if not inner:
        raise UnsupportedPattern("has an empty class")
    return f"[{token['negated']}{inner}]"


def _member(found: re.Match[str]) -> str:
    """An escape in a class, or an opening bracket."""
    letter = found["letter"]
    if letter is None:
        return "\\["
    if letter in _OUTSIDE and letter not in _CLASSES:
        raise UnsupportedPattern(f"has \\{letter} in a class")
    return _CLASSES.get(letter) or _single(letter)
