"""Characters that JSON escapes in two halves, surrogates, where a server cuts between the two. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from horay_async._json import SURROGATE, fields_of, is_array, is_object, whole_characters

REPLACEMENT: Final = "\ufffd"

Path = tuple[object, ...]
"""Where a text is: the names above it, and the indexes that the server gives its choices and tool calls."""


class SplitCharacters:
    """Joins the characters that a stream's chunks have split, each in the text where it was split.

    A first half is left out of its chunk, and stands in front of the text of the next one of the same choice and
    field. Where no second half begins that, U+FFFD stands for the first; where the stream ends, nothing does. The tokens of log
    probabilities follow one another as pieces of a text do; nothing follows an alternative to one.
    """

    def __init__(self) -> None:
        self.halves: dict[Path, str] = {}
        """The first halves whose second one is still to come: while there are any, each chunk has to be looked at."""

    def join(self, data: bytes) -> bytes:
        """`data`, a chunk, without half a character anywhere."""
        if not self.halves and not re.search(SURROGATE, data):
            return data
        import json  # noqa: PLC0415 - hardly ever needed; msgspec takes no half of a character

        try:
            chunk = json.loads(data)
        except ValueError:  # also of bytes that aren't UTF-8
            return whole_characters(data)
        joined = _mapped(chunk, (), self._joined)
        return whole_characters(data if joined == chunk else json.dumps(joined).encode())

    def _joined(self, text: str, path: Path) -> str:
        if path[:1] != ("choices",) or not text or "top_logprobs" in path:
            return text
        if half := self.halves.pop(path, ""):
            text = (half if "\udc00" <= text[0] <= "\udfff" else REPLACEMENT) + text
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if "\ud800" <= text[-1] <= "\udbff":
            self.halves[path] = text[-1]
            text = text[:-1]
        return text


def _mapped(value: Any, path: Path, change: Callable[[str, Path], str]) -> Any:
    """JSON with its texts changed."""
    if isinstance(value, str):
        return change(value, path)
    if is_object(value):
        return {name: _mapped(inner, (*path, name), change) for name, inner in value.items()}
    if is_array(value):
        return [
            _mapped(item, (*path, "" if "logprobs" in path else _index(item, position)), change)
            for position, item in enumerate(value)
        ]
    return value


def _index(item: Any, position: int) -> object:
    """The index of an item of a list, where it is given one, as choices and tool calls are."""
    index = fields_of(item).get("index")
    return index if isinstance(index, int) else position
