"""What the server responds to which request."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs

from horay_async.testing._server_connection import ConnectFault
from horay_async.testing.canned import Reply, default
from horay_async.testing.records import Request
from horay_async.testing.responses import ScriptedResponse

__all__ = ["Handler", "Script", "Scripted", "made"]

Scripted = ScriptedResponse | str | Callable[[Request], "Scripted"]
"""What can be put into a script: a response, a text to respond with, or a handler that gives one of these
for a request."""

Handler = Callable[[Request], Scripted]
"""Called on the server's thread with the whole request."""

TEXT_PATHS = frozenset({"/chat/completions", "/completions"})
"""What texts are for: a client that first asks for the models doesn't use one up."""


@attrs.frozen
class _Planned:
    scripted: Scripted
    method: str | None
    path: str | None

    def fits(self, method: str, path: str) -> bool:
        if self.method not in (None, method):
            return False
        if self.path is None:
            return not isinstance(self.scripted, str | Reply) or path in TEXT_PATHS
        return self.path == path


class Script:
    """Responses in line, each for one request; below them, rules for all further ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: list[_Planned] = []
        self._rules: list[_Planned] = []
        self._connect_faults: list[ConnectFault] = []

    def add(self, scripted: Scripted, method: str | None, path: str | None) -> None:
        """Puts a response at the end of the line."""
        with self._lock:
            self._line.append(_Planned(scripted, method, path))

    def always(self, scripted: Scripted, method: str | None, path: str | None) -> None:
        """Puts a rule before the earlier ones."""
        with self._lock:
            self._rules.insert(0, _Planned(scripted, method, path))

    def on_connect(self, fault: ConnectFault, times: int) -> None:
        """Puts faults in line for connections to come."""
        with self._lock:
            self._connect_faults.extend(fault for _ in range(times))

    @property
    def waiting(self) -> int:
        """How many responses are in line."""
        return len(self._line)

    def next(self, method: str, path: str) -> Scripted:
        """The response for a request: the first in line that fits is used up."""
        with self._lock:
            for place, planned in enumerate(self._line):
                if planned.fits(method, path):
                    del self._line[place]
                    return planned.scripted
            for planned in self._rules:
                if planned.fits(method, path):
                    return planned.scripted
        return default

    def connect_fault(self) -> ConnectFault | None:
        """What the next connection meets."""
        with self._lock:
            return self._connect_faults.pop(0) if self._connect_faults else None


def made(scripted: Scripted, request: Request) -> ScriptedResponse:
    """The response that `scripted` is, or gives for `request`."""
    while not isinstance(scripted, ScriptedResponse):
        scripted = Reply(scripted) if isinstance(scripted, str) else scripted(request)
    return scripted
