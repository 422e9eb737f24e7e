"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "unknown", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One check's result. `todo` says what to do about it, where something is wrong."""

    name: str
    state: State
    found: str
    todo: str = ""


def ok(name: str, found: str) -> Finding:
    """Nothing is wrong here."""
    return Finding(name, "ok", found)


def unknown(name: str, found: str) -> Finding:
    """It couldn't be looked at."""
    return Finding(name, "unknown", found)


def warning(name: str, found: str, todo: str) -> Finding:
    """It works, but not as it should."""
    return Finding(name, "warning", found, todo)


def fault(name: str, found: str, todo: str) -> Finding:
    """Something keeps requests from succeeding."""
    return Finding(name, "fault", found, todo)
