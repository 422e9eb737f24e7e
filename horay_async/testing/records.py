"""What the server saw: requests and connections, to assert on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

import attrs

from horay_async.testing.responses import ScriptedResponse

__all__ = ["Connection", "Headers", "Request"]


class Headers(Mapping[str, str]):
    """A request's headers; names are looked up without regard to case."""

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        self.lines: tuple[tuple[str, str], ...] = tuple(lines)
        """Name and value of each line, as they were sent."""
        # Lines of one name are one value (RFC 9110, section 5.3).
        self._values: dict[str, str] = {}
        for name, value in self.lines:
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


@attrs.define(kw_only=True, eq=False)
class Request:
    """A request, from the moment its head had come."""

    number: int = 0
    """Counts the requests of a server, from 1; 0 until it is on record."""
    connection: int
    """The number of the connection that it came on."""
    at: float
    """When its head had come, on the clock of `time.monotonic()`."""
    method: str
    """Such as `"POST"`."""
    target: str
    """What stood behind the method: path and query, as they were sent."""
    path: str
    """Such as `"/chat/completions"`: below the server's base URL; elsewhere the whole path."""
    origin: str
    """The server's scheme, host and port, such as `"http://127.0.0.1:4321"`."""
    headers: Headers
    """The headers."""
    body: bytes = b""
    """The body, as far as it was read."""
    complete: bool = False
    """Whether the body was read whole."""
    executed: bool = False
    """Whether it counts as executed: its body was read whole, and then the first byte of a response of
    success was sent, or the script marked it."""
    response: ScriptedResponse | None = attrs.field(default=None, repr=False)
    """What it was answered with; None while that isn't known yet, or the client left before."""

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the target's query; of several with one name, the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def text(self) -> str:
        """The body as text; bytes that aren't UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, decoded. Raises `ValueError` where it isn't JSON."""
        return json.loads(self.body)


@attrs.define(kw_only=True, eq=False)
class Connection:
    """A connection that the server accepted. Times are on the clock of `time.monotonic()`."""

    number: int
    """Counts the connections of a server, from 1."""
    opened_at: float
    """When it was accepted."""
    closed_at: float | None = None
    """When the client left, or else when the server closed it; None while it is open."""
    closed_by: Literal["client", "server"] | None = None
    """Who ended it first. A FIN of the server's alone doesn't end it: the client has to go as well."""
    requests: int = 0
    """How many requests came on it."""

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.closed_at is None
