"""The observers of calls and tools, and what they are told. Hooks and telemetry draw on this alone."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

import attrs

from horay_async._attempt import Attempt
from horay_async._record import Record
from horay_async.errors import APIError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta
from horay_async.models.usage import Usage

if TYPE_CHECKING:
    from horay_async.models.chat import ToolCall
    from horay_async.models.events import ToolResult


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CallStarted(Record):
    """A call that starts."""

    label: str
    """Method and path, such as `"POST /chat/completions"`."""
    method: str
    path: str
    """Below the base URL, without its query."""
    url: str
    """Without its query, and without a password."""
    body: bytes | None
    """What is sent, as JSON."""
    stream: bool
    """Whether a streamed response is asked for."""
    external: bool
    """Whether it goes to a host that the key and the default headers aren't meant for."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CallEnded(Record):
    """How a call has ended."""

    attempts: tuple[Attempt, ...]
    error: BaseException | None
    seconds: float
    meta: ResponseMeta | None
    response: Response | None
    """The whole response, or what had come of it; None where nothing had."""

    @property
    def complete(self) -> bool:
        """Whether the whole response came."""
        return self.error is None and self.meta is not None and self.meta.total is not None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RunEnded(Record):
    """How a run of tools has ended."""

    inference_calls: int
    """Requests to the model that the run has made, those that failed included."""
    tool_calls: int
    """Calls of tools that it has run, those that failed included."""
    usages: tuple[Usage | None, ...]
    """Of each whole response; None where its server didn't tell."""
    response: Response | None
    """The newest whole response; None where there was none."""
    error: BaseException | None
    complete: bool
    """Whether it came to its end; False where it was left early, too."""


class CallObserver(Protocol):
    """Observes one call. Its methods must neither block nor await."""

    def activate(self) -> AbstractContextManager[object]:
        """What to enter while the request is sent; it is left in the same task."""
        ...

    def on_attempt(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        """An attempt, counted from 1, is about to be sent with `headers`, which may be added to."""
        ...

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        """Chunks of a stream have come in one read."""
        ...

    def on_retry(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        """The newest attempt has failed with `error`; the next one follows after `delay` seconds."""
        ...

    def on_end(self, ended: CallEnded) -> None:
        """The call is over."""
        ...


class Observer(Protocol):
    """Observes the calls of a client."""

    def begin(self, call: CallStarted) -> CallObserver | None:
        """The observer of a call that starts, in the context of its caller; None for no observer."""
        ...


class RunObserver(Protocol):
    """Observes one run of tools. Its methods must neither block nor await."""

    def activate(self) -> AbstractContextManager[object]:
        """What to enter while a step of the run is taken; it is left in the same task."""
        ...

    def on_end(self, ended: RunEnded) -> None:
        """The run is over."""
        ...


class TelemetryObserver(Observer, Protocol):
    """Observes calls, runs of tools, and the tools that are run. Unlike other observers, it must not raise in
    `run`, `tool` and what they return.
    """

    def run(self, body: bytes | None) -> RunObserver | None:
        """The observer of a run that starts, in the context of its caller; None for no observer. `body` is what its first request
        sends, as JSON.
        """
        ...

    def tool(
        self, call: ToolCall, description: str | None
    ) -> AbstractContextManager[Callable[[ToolResult], None]]:
        """What to enter while a tool runs; it returns a function to be called with the result. `description` is the tool's; None
        where the model named one that isn't there.
        """
        ...
