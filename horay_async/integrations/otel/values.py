"""Values that an attribute can hold: what is odd in a request or a response must not cost an exporter its batch."""

from __future__ import annotations

from typing import Any, Final

from horay_async._checks import is_number
from horay_async._json import is_array
from horay_async._protocol.wire.clean import well_formed

INT64: Final = 2**63
"""OpenTelemetry's protocol sends integers as int64: an exporter fails on others, with all spans of its batch."""


def whole(value: Any) -> int | None:
    """An integer that can be sent; None for anything else."""
    fits = isinstance(value, int) and not isinstance(value, bool) and -INT64 <= value < INT64
    return value if fits else None


def real(value: Any) -> float | None:
    """A number as a float; None for anything else."""
    return float(value) if is_number(value) else None


def texts(value: Any) -> list[str] | None:
    """The texts of a list; None where there are none."""
    if not is_array(value):
        return None
    return [well_formed(item) for item in value if isinstance(item, str)] or None
