"""What becomes of answers that differ from what the API describes.

Nearly all answers don't differ, and that has to be found out at next to no cost. So there are three steps,
each taken only where the one before isn't enough:

1. In a stream, most chunks are the one before with another piece of text in it. To put the newest pieces
   into that frame and to compare what comes of it with the bytes that came proves it, for all chunks of a
   read at once.
2. What could be decoded straight into the models has no value of another type. Whether it has all their
   fields and no others is asked of msgspec structs that refuse anything else.
3. The JSON is gone through, field by field.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

import attrs

from horay_async._protocol.wire.description import Finding
from horay_async._protocol.wire.error_body import without_key
from horay_async.errors import DriftError, DriftWarning
from horay_async.models._base import Response
from horay_async.models.drift import Drift

__all__ = ["DriftWatch", "Frame"]

PACKAGE = str(Path(__file__).parents[2])


class Frame:
    """A chunk of a stream without its piece of text: most that follow differ in that alone. `counts` is
    where to count them.
    """

    __slots__ = ("_after", "_before", "_between", "_counts", "_found", "_pieces", "_seen")

    def __init__(self, counts: Drift) -> None:
        self._counts = counts
        self._found: Sequence[Finding] = ()  # in each chunk of this frame
        self._before = self._between = self._after = ""
        self._pieces: list[str] = []
        self._seen = 0  # of the pieces

    def counted(self, lines: bytes, count: int) -> bool:
        """Whether `lines`, joined by LF, are `count` chunks of this frame; if so, what differs in them is
        counted. To be asked once for each read, when its pieces were appended to the list that the frame
        was taken with.

        A piece with an escape in it doesn't come out as it was sent. So where all pieces do, they have
        neither escapes nor quotes, and nothing but text can be in their place.
        """
        pieces = self._pieces[self._seen :]
        self._seen += len(pieces)
        if (
            len(pieces) != count
            or f"{self._before}{self._between.join(pieces)}{self._after}".encode() != lines
        ):
            return False
        if self._found:
            self._counts.add(self._found, count)
        return True

    def take(self, data: bytes, lists: Sequence[list[str]], found: Sequence[Finding]) -> None:
        """Makes the frame of `data`, a chunk in which `found` was found, if its piece can be seen in it: the
        newest of one of the `lists` that pieces are appended to.
        """
        text = data.decode("utf-8", "replace")
        for pieces in lists:
            before, piece, after = text.rpartition(f'"{pieces[-1]}"') if pieces else ("", "", "")
            if piece:
                self._before, self._after = f'{before}"', f'"{after}'
                self._between = f"{self._after}\n{self._before}"
                self._pieces, self._seen, self._found = pieces, len(pieces), found
                return


@attrs.frozen
class DriftWatch:
    """Counts what drifts for one client, and does what is asked for beside."""

    strict: Literal["warn", "raise"] | None
    counts: Drift = attrs.field(factory=Drift)
    _warned: dict[Finding, object] = attrs.field(factory=dict[Finding, object])

    def changed(self, strict: Literal["warn", "raise"] | None) -> DriftWatch:
        """A watch that goes on with the same counts, and tells nothing anew."""
        return attrs.evolve(self, strict=strict)

    def note(
        self,
        found: Sequence[Finding],
        answer: Response,
        *,
        label: str,
        key: str,
        request_id: str | None,
    ) -> DriftError | None:
        """Counts what was `found` in `answer`, at least one difference, and warns where that is asked for;
        gives the error where it is one that is asked for. `label` names the call, `key` is masked.
        """
        counted = self.counts.add(found)
        if self.strict == "warn":
            for path, kind in counted:
                mine = object()
                if self._warned.setdefault((path, kind), mine) is mine:
                    told = without_key(_told([(path, kind)], label), key)
                    warning = DriftWarning(told, path=path, kind=kind)
                    warnings.warn(warning, stacklevel=_levels())
        if self.strict != "raise":
            return None
        distinct = tuple(dict.fromkeys(found))
        path, kind = distinct[0]
        body = answer._raw.decode("utf-8", "replace")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as it was sent
        return DriftError(
            without_key(_told(distinct, label), key),
            path=path,
            kind=kind,
            drifts=distinct,
            body=without_key(body, key),
            answer=answer,
            request_id=None if request_id is None else without_key(request_id, key),
        )


def _told(found: Sequence[Finding], label: str) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    path, kind = found[0]
    return f"the answer to {label} isn't what the API describes: {path} is {kind}{more}"


def _levels() -> int:
    """How many calls up the code stands that isn't this package's."""
    # Coroutines that wait for one another are calls of one another while they run.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - just looks
    levels = 1  # that of the caller here
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        levels += 1
    return levels
