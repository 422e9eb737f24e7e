"""The tally: what it counts, and how it judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import horay_async

from .methods import KEY, LAST, Method, all_methods, members

ROOT = Path(horay_async.__file__).parent.parent
METHODS = list(all_methods())

HEAD: str = f"""\
from dataclasses import dataclass
from typing import Generic, TypeVar

from horay_async import AsyncHoray, Horay

T = TypeVar("T")

@dataclass
class Box(Generic[T]):
    content: T

asynchoray, horay = AsyncHoray({KEY!r}), Horay({KEY!r})
"""


def tally(wishes: Mapping[str, Callable[[Method], str]]) -> None:
    """Asks of each method whether each wish holds, by functions that return what is there instead; fails where one
    doesn't, and shows all.
    """
    lines: list[str] = []
    failed = 0
    for method in METHODS:
        for wish, ask in wishes.items():
            try:
                wrong = ask(method)
            except Exception as error:  # noqa: BLE001 - what a tool says can be anything, and the tally goes on
                wrong = f"{type(error).__name__}: {error}"
            failed += bool(wrong)
            lines.append(f"{'FAILED' if wrong else 'holds'} {method!s:40} {wish} {wrong[:300]}")
    assert not failed, "\n".join([f"{failed} of {len(lines)} points don't hold", *lines])


def disorder(method: Method, names: list[str]) -> str:
    """What is wrong with the order of a signature's parameters."""
    first = method.wanted.first
    last = [name for name in LAST if name in names]
    if method.wanted.params is not None and "extra_headers" in method.wanted.params.__annotations__:
        missing = {*LAST} - {*last}
        if missing or names[-len(last) :] != last:
            return f"ends with {names[-4:]}"
    return "" if tuple(names[: len(first)]) == first else f"begins with {names[:3]}"


def unlike(method: Method, ways: Iterable[dict[str, str]], *, each: bool = True) -> str:
    """Where the names or types of all ways of calling a method, taken together, are other ones than the method's.
    Without `each` one of an overloaded parameter's types is enough.
    """
    shown: dict[str, set[str]] = {}
    for way in ways:
        for name, hint in way.items():
            shown.setdefault(name, set()).update(members(hint))
    wrong: list[str] = []
    for name, hint in (method.parameters | method.wanted.overloaded).items():
        found, expected = shown.pop(name, set[str]()), members(hint)
        if expected == {"bool"} and found <= {"bool", "Literal[False]", "Literal[True]"}:
            found &= {"bool"} if each else set()
            expected = found
        if found != expected if each else not found <= expected:
            wrong.append(f"{name}: {found or 'missing'} instead of {expected}")
    return "; ".join([*wrong, *(f"{name}: too many" for name in shown)])


def script() -> tuple[str, dict[Method, tuple[int, int]]]:
    """A script that calls each method, and where: the line, counted from 0, and the place in its parentheses."""
    lines = HEAD.splitlines()
    places: dict[Method, tuple[int, int]] = {}
    for method in METHODS:
        places[method] = len(lines), len(method.code) + 1
        lines.append(f"{method.code}()")
    return "\n".join(lines) + "\n", places


def lands(method: Method, path: str | Path, line: int) -> bool:
    """Whether a place, whose line counts from 1, is the method's definition in its source."""
    file = Path(path)
    if file.suffix != ".py" or ROOT / "horay_async" not in file.parents:
        return False
    return bool(method.line.search(file.read_text(encoding="utf-8").splitlines()[line - 1]))
