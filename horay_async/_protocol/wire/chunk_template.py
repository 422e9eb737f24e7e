"""Telling from the bytes of a chunk alone that only its text differs from a chunk before."""

from __future__ import annotations

from collections.abc import Sequence

from horay_async._protocol.wire.description import Difference

BACKSLASH = ord("\\")


class ChunkTemplate:
    """A chunk without its piece of text: most of those that follow differ in the text alone.

    What is around a text without quotes is the same JSON as that around another such text, so a chunk that
    matches has the fields of the one that the template was taken from, and `found` is how it drifts.
    """

    __slots__ = ("_after", "_before", "_between", "_first", "_last", "_text_at", "found")

    def __init__(self) -> None:
        self.found: Sequence[Difference] = ()
        self._before = self._after = b"\n"  # no chunk begins so
        self._text_at = 0
        self._first = self._between = self._last = "\n"  # the same as text, for several chunks

    def matches(self, data: bytes) -> bool:
        """Whether `data` is a chunk of this template."""
        after = self._after
        end = len(data) - len(after)
        return (
            data.startswith(self._before)
            and data.endswith(after)
            and data.find(b'"', self._text_at) == end
            # That quote would be a part of the text.
            and data[end - 1] != BACKSLASH
        )

    def matches_all(self, lines: bytes, texts: Sequence[str]) -> bool:
        """The same of several chunks with these texts, joined by LF.

        A text with an escape in it doesn't come out as it was sent. So where all do, they have neither
        escapes nor quotes, and nothing but text can be in their place.
        """
        return f"{self._first}{self._between.join(texts)}{self._last}".encode() == lines

    def take(self, data: bytes, text: str, found: Sequence[Difference]) -> bool:
        """Makes the template of `data`, a chunk with the piece `text` that drifts as `found` says, if its place can be
        seen; says whether it can. What is in the same quotes elsewhere, or spelled with an escape, might be the piece.
        """
        quoted = f'"{text}"'.encode()
        seen = bool(text) and data.count(quoted) == 1 and BACKSLASH not in data
        if seen:
            before, _, after = data.partition(quoted)
            self._before, self._after, self.found = before + b'"', b'"' + after, found
            self._text_at = len(self._before)
            self._first = self._before.decode("utf-8", "replace")
            self._last = self._after.decode("utf-8", "replace")
            self._between = f"{self._last}\n{self._first}"
        return seen
