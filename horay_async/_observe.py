"""Who looks on at calls, and what they are told: hooks and telemetry draw on this alone."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from horay_async.models.hooks import RequestEvent, ResponseEvent, RetryEvent

if TYPE_CHECKING:
    from horay_async._protocol.request import Request
    from horay_async.errors import APIError
    from horay_async.models._base import Response
    from horay_async.models.chat import ToolCall
    from horay_async.models.events import ToolResult
    from horay_async.models.meta import Attempt, ResponseMeta
    from horay_async.options import ClientOptions
    from horay_async.tools.define import Tool

__all__ = ["PROCESS", "Begun", "Complaints", "Hooks", "Observer", "Outcome", "Telemetry", "Watcher"]

LOG = logging.getLogger("horay_async")

_numbers = itertools.count(1)


@attrs.frozen(kw_only=True)
class Begun:
    """A call that begins."""

    request: Request
    url: str
    """Without its query, and without a password."""
    stream: bool


@attrs.frozen(kw_only=True)
class Outcome:
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


class Hooks:
    """The observer that calls a client's hooks."""

    def __init__(self, options: ClientOptions, complaints: Complaints) -> None:
        self.on_request = options.on_request
        self.on_retry = options.on_retry
        self.on_response = options.on_response
        self._complaints = complaints

    @classmethod
    def of(cls, options: ClientOptions, complaints: Complaints) -> Hooks | None:
        """The observer for the hooks among `options`; None where there are none."""
        hooks = (options.on_request, options.on_retry, options.on_response)
        return cls(options, complaints) if any(hook is not None for hook in hooks) else None

    def begin(self, call: Begun) -> Watcher:
        return _HooksOfCall(self, call)

    def call(self, name: str, hook: Callable[[Any], object], event: Any) -> None:
        """Calls a hook; what it raises goes into the log."""
        try:
            hook(event)
        except Exception as error:  # noqa: BLE001 - a hook may raise anything
            self._complaints.about(f"{name} hook {getattr(hook, '__qualname__', hook)!s}", error)


class _HooksOfCall:
    """The hooks, called for one call."""

    def __init__(self, hooks: Hooks, call: Begun) -> None:
        self._hooks = hooks
        self._known: dict[str, Any] = {
            "call": next(_numbers),
            "label": call.request.label,
            "method": call.request.method,
            "url": call.url,
            "stream": call.stream,
        }

    def around(self) -> AbstractContextManager[object]:
        return nullcontext()

    def sending(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        if (hook := self._hooks.on_request) is not None:
            event = RequestEvent(**self._known, attempt=attempt, headers=masked(headers))
            self._hooks.call("on_request", hook, event)

    def received(self, chunks: Sequence[Response]) -> None:
        pass

    def retrying(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        if (hook := self._hooks.on_retry) is not None:
            last = attempts[-1]
            event = RetryEvent(
                **self._known,
                attempt=len(attempts),
                error=error,
                status=last.status,
                seconds=last.seconds or 0.0,
                delay=delay,
            )
            self._hooks.call("on_retry", hook, event)

    def over(self, outcome: Outcome) -> None:
        if (hook := self._hooks.on_response) is not None:
            event = ResponseEvent(
                **self._known,
                attempt=len(outcome.attempts),
                error=outcome.error,
                complete=outcome.complete,
                status=outcome.attempts[-1].status,
                seconds=outcome.seconds,
                meta=outcome.meta,
                answer=outcome.answer,
            )
            self._hooks.call("on_response", hook, event)


SECRETS = ("auth", "cookie", "credential", "key", "password", "secret", "signature", "token")
"""What the name of a header has in it whose value can be a secret."""

HARMLESS = frozenset({"idempotency-key"})


def masked(headers: MutableMapping[str, str]) -> dict[str, str]:
    """A copy of `headers` to be shown."""

    def shown(name: str, value: str) -> str:
        name = name.lower()
        secret = name not in HARMLESS and any(word in name for word in SECRETS)
        return "…" if secret else str(value)

    return {name: shown(name, value) for name, value in headers.items()}
