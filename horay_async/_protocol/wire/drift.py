"""What becomes of responses that differ from what the API describes.

Nearly all responses don't differ, and that has to be found out at next to no cost. So there are three steps,
each taken only where the one before isn't enough:

1. In a stream, most chunks are the one before with another piece of text in it, which their bytes show
   (`chunk_template`).
2. Whether a body has all the fields that are described, in their types, and no others is asked of msgspec
   structs that refuse anything else.
3. The JSON is gone through, field by field.
"""

# The bytes of a response are kept under a private name, and the interpreter's frames are private, too:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Literal

import attrs

from horay_async._argument_errors import PACKAGE
from horay_async._protocol.wire.description import Difference
from horay_async._protocol.wire.errors import ErrorContext
from horay_async._record import Record
from horay_async.errors import DriftError, DriftWarning
from horay_async.models._base import Response
from horay_async.models.drift import Drift


@attrs.frozen(eq=False, repr=False)
class DriftWatch(Record):
    """Counts what drifts for one client, and does what is asked for beside."""

    strict: Literal["warn", "raise"] | None
    counts: Drift = attrs.field(factory=Drift)
    _warned: dict[Difference, object] = attrs.field(factory=dict[Difference, object])

    def changed(self, strict: Literal["warn", "raise"] | None) -> DriftWatch:
        """A watch that goes on with the same counts, and tells nothing anew."""
        return attrs.evolve(self, strict=strict)

    def note(
        self,
        found: Sequence[Difference],
        response: Response,
        *,
        context: ErrorContext,
    ) -> DriftError | DriftWarning | None:
        """Counts what was `found` in `response`, at least one difference, and warns where that is asked for;
        returns what to raise where an error is asked for, or the program makes errors of warnings.
        """
        found = masked(found, context)
        counted = self.counts.add(found)
        if self.strict == "warn":
            for path, kind in counted:
                mine = object()
                if self._warned.setdefault((path, kind), mine) is mine:
                    told = context.clean(_summary([(path, kind)], context.label))
                    warning = DriftWarning(told, path=path, kind=kind)
                    try:
                        warnings.warn(warning, stacklevel=_levels())
                    except DriftWarning as error:
                        error.response = response
                        return error.with_traceback(None)
        if self.strict != "raise":
            return None
        distinct = tuple(dict.fromkeys(found))
        path, kind = distinct[0]
        body = response._raw.decode("utf-8", "replace")
        return DriftError(
            context.clean(_summary(distinct, context.label)),
            path=path,
            kind=kind,
            drifts=distinct,
            body=context.clean.mask(body),
            response=response,
            request_id=context.request_id,
        )


def masked(found: Sequence[Difference], context: ErrorContext) -> Sequence[Difference]:
    """`found` with API keys masked in the paths: a server that names fields by what it was sent may echo one."""
    return [(context.clean.mask(path), kind) for path, kind in found]


def _summary(found: Sequence[Difference], label: str) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    path, kind = found[0]
    return f"the response to {label} isn't what the API describes: {path} is {kind}{more}"


def _levels() -> int:
    """How many calls up the code stands that isn't this package's."""
    # Coroutines that wait for one another are calls of one another while they run.
    frame: FrameType | None = sys._getframe(1)
    levels = 1  # that of the caller here
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        levels += 1
    return levels
