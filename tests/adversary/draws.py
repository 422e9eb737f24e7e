"""What the adversary draws at random, from seeds: the same in every run of the suite, and more of it in a longer one.

`HORAY_ADVERSARY=50 python -m pytest tests/adversary` draws fifty times as much; the first of it is what the suite draws.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any

TIMES = int(os.environ.get("HORAY_ADVERSARY", "1"))
"""How many times as much as in the suite is drawn."""

CHARACTERS = [*'abc {}[]":,\\/\n\t`<>&-0.', "é", "ß", "€", "日", "🌍", "\u2028", "\ufeff", "\x85", "e\u0301", "\x1f", "\x7f"]  # fmt: skip
"""Some of JSON's own, some of events', and one of each length in UTF-8."""

PIECES = [
    "```",
    "```json\n",
    "data: ",
    "[DONE]",
    "\r\n",
    "\\u00e9",
    "<think>",
    "null",
    "  ",
    "\n\n",
]
"""What stands in texts and means something elsewhere."""


def draws(what: str, count: int) -> Iterator[random.Random]:
    """As many random generators, each of a seed of its own, which its `repr` tells."""
    for number in range(count * TIMES):
        yield Draw(f"{what} {number}")


class Draw(random.Random):
    """A generator that shows its seed."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self._shown = seed

    def __repr__(self) -> str:
        return f"<seed {self._shown!r}>"


def text(draw: random.Random, most: int = 12) -> str:
    """A text of any characters; seldom a long one."""
    if draw.random() < 0.02:
        most *= 100
    kinds = [CHARACTERS, CHARACTERS, PIECES]
    return "".join(draw.choice(draw.choice(kinds)) for _ in range(draw.randint(0, most)))


def json_value(draw: random.Random, depth: int = 2) -> Any:
    """Any JSON value whose numbers every reader reads alike."""
    kind = draw.randrange(9 if depth else 6)
    match kind:
        case 0:
            return draw.choice([None, True, False])
        case 1:
            return draw.choice([0, -1, 7, 2**31, 2**53 - 1])
        case 2:
            return draw.choice([0.5, -2.25, 1e-3, 12.0])
        case 6:
            return [json_value(draw, depth - 1) for _ in range(draw.randrange(4))]
        case 7 | 8:
            return {text(draw, 4): json_value(draw, depth - 1) for _ in range(draw.randrange(4))}
        case _:
            return text(draw)


def json_text(value: Any, draw: random.Random) -> str:
    """`value` as JSON, in one of the ways in which servers write it."""
    separators = draw.choice([None, (",", ":"), (" , ", " : ")])
    return json.dumps(
        value,
        ensure_ascii=draw.random() < 0.5,
        indent=draw.choice([None, None, 1]) if separators is None else None,
        separators=separators,
    )


def parts(whole: str, draw: random.Random) -> list[str]:
    """A text in pieces, none of them empty."""
    most = draw.choice([1, 3, 40])
    found: list[str] = []
    while whole:
        size = draw.randint(1, most)
        found.append(whole[:size])
        whole = whole[size:]
    return found
