"""Who looks on at calls, and what they are told: hooks and telemetry draw on this alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from horay_async.models._record import Record

if TYPE_CHECKING:
    from horay_async._protocol.wire.request import Request
    from horay_async.errors import APIError
    from horay_async.models._base import Response
    from horay_async.models.chat import ToolCall
    from horay_async.models.events import ToolResult
    from horay_async.models.meta import Attempt, ResponseMeta
    from horay_async.tools.define import Tool

__all__ = ["PROCESS", "Begun", "Complaints", "Observer", "Outcome", "Telemetry", "Watcher"]

LOG = logging.getLogger("horay_async")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Begun(Record):
    """A call that begins."""

    request: Request
    url: str
    """Without its query, and without a password."""
    stream: bool


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Outcome(Record):
    """How a call has ended."""

    attempts: tuple[Attempt, ...]
    error: BaseException | None
    seconds: float
    meta: ResponseMeta | None
    answer: Response | None

    @property
    def complete(self) -> bool:
        """Whether the whole answer came."""
        return self.error is None and self.meta is not None and self.meta.total is not None


class Watcher(Protocol):
    """Looks on at one call. What is done here must neither block nor await."""

    def around(self) -> AbstractContextManager[object]:
        """What to enter while the request is sent; it is left in the same task."""
        ...

    def sending(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        """An attempt is about to be sent, with `headers`, which may be added to."""
        ...

    def received(self, chunks: Sequence[Response]) -> None:
        """Chunks of a stream have come in one read."""
        ...

    def retrying(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        """The newest attempt has failed with `error`; the next one follows after `delay` seconds."""
        ...

    def over(self, outcome: Outcome) -> None:
        """The call is over."""
        ...


class Observer(Protocol):
    """Looks on at the calls of a client."""

    def begin(self, call: Begun) -> Watcher | None:
        """Who looks on at a call that begins, in the context of its caller; None for nobody."""
        ...


class Telemetry(Observer, Protocol):
    """Looks on at calls, and at the tools that are run for answers."""

    def tool(
        self, call: ToolCall, tool: Tool[..., Any] | None
    ) -> AbstractContextManager[Callable[[ToolResult], None]]:
        """What to enter while a tool runs; it gives a function to be told of the result."""
        ...


class Process:
    """What is set for all clients of the process."""

    telemetry: Telemetry | None = None
    """Looks on at the calls of the clients that have no `telemetry` of their own."""


PROCESS = Process()


class Complaints:
    """The failures of onlookers that are in the log already: each kind is told once, not with each call."""

    def __init__(self) -> None:
        self._told: set[tuple[str, type[Exception]]] = set()

    def about(self, whose: str, error: Exception) -> None:
        """Logs `error`, with its traceback, unless one of its kind was logged before."""
        if (whose, type(error)) not in self._told:
            self._told.add((whose, type(error)))
            LOG.error(
                "%s failed, which the call doesn't notice; told once: %r",
                whose,
                error,
                exc_info=error,
            )
