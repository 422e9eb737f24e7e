"""What is nearly JSON in an event of a stream, as JSON: neither it nor all behind it is to be lost for one character. Pure."""

from __future__ import annotations

import re
from typing import Final

_STRING_OR_CONSTANT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|(-?(?:NaN|Infinity)\b)', re.DOTALL)
"""A string, or a number that JSON hasn't got and Python's `json.dumps` writes all the same, outside of strings."""

_CONTROL: Final = re.compile(rb"[\x00-\x1f]")
"""A character that JSON has to escape in a string."""


def repaired(data: bytes) -> bytes:
    """`data` with null for `NaN` and `Infinity`, as of a log probability that is -Infinity; the escape for a control character in a
    string; and U+FFFD for bytes that aren't UTF-8, as the standard of event streams has it. All else stays as it was sent.
    """
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    if b"NaN" in data or b"Infinity" in data or _CONTROL.search(data):
        return _STRING_OR_CONSTANT.sub(_repaired, data)
    return data


def _repaired(found: re.Match[bytes]) -> bytes:
    return b"null" if found[1] else _CONTROL.sub(_escaped, found[0])


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0])
