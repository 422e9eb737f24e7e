"""Fields of a batch's lines that may be misspelt, or stand in the wrong place. They are sent as they are, since servers know
more fields than this client does; but they are told before it costs something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import get_type_hints

import msgspec

from horay_async._protocol.wire.decode import MALFORMED
from horay_async._protocol.wire.request import OPTIONS
from horay_async._suggestions import about_parameter, closely_spelt
from horay_async.batch.operations import OPERATIONS, VERSION, path_below_version
from horay_async.batch.request_lines import LINE_FIELDS, RequestLine

SHOWN = 3
"""Lines that are told of one by one."""

ELSEWHERE = frozenset(
    {"functions", "function_call", "models", "reasoning", "params", "headers", "stream", "user"}
)
"""Fields that other servers take, or this one, though they are like the name of another one, or of an option of a call."""


def doubts(line: RequestLine, outer: Mapping[str, object] | bytes) -> Iterator[str]:
    """What may be wrong with the names in a line. `outer` has the line's own fields, or is its JSON."""
    if line.problem is not None or not isinstance(line.url, str):
        return
    operation = OPERATIONS.get(path_below_version(line.url))
    if operation is None:
        if meant := _path_like(line.url):
            yield f"url {line.url!r}: did you mean {meant!r}?"
        return
    known = _fields(operation.params)
    for name in _names(line.body):
        if name not in known and (hint := _hint(operation.params, name)):
            yield f"body.{name}: {hint}"
    for name in _names(outer) if isinstance(outer, bytes) else outer:
        if name not in LINE_FIELDS and name in known:
            yield f"{name} stands beside body, not in it, and isn't sent"


@lru_cache(maxsize=256)
def _path_like(url: str) -> str | None:
    """The path of an operation that a URL is nearly the same as."""
    return closely_spelt(url, [f"{VERSION}{path}" for path in OPERATIONS]) or closely_spelt(
        url, OPERATIONS
    )


@lru_cache(maxsize=8)
def _fields(params: type) -> frozenset[str]:
    """The fields of an operation's body, by the typed dict of its parameters."""
    return frozenset(get_type_hints(params)) - OPTIONS


@lru_cache(maxsize=1024)
def _hint(params: type, name: str) -> str:
    """What is meant by a field that isn't known, empty where nobody knows; of a file's names there are few."""
    if name in ELSEWHERE:
        return ""
    if habit := about_parameter(name, _fields(params)):
        return habit
    meant = closely_spelt(name, _fields(params))
    return f"did you mean {meant!r}?" if meant else ""


_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _names(raw: bytes | msgspec.Raw) -> Iterable[str]:
    """The names in a JSON object; none for what isn't one, which is the request's own error."""
    try:
        return _decode(raw)
    except MALFORMED:
        return ()
