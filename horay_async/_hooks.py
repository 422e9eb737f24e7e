"""The observer that calls a client's hooks. It is loaded only where there are some."""

from __future__ import annotations

import itertools
from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from horay_async._attempt import Attempt
from horay_async._keys import may_be_secret
from horay_async._observer_defaults import LogOnce
from horay_async._observers import CallEnded, CallObserver, CallStarted
from horay_async.errors import APIError
from horay_async.models._base import Response
from horay_async.models.hooks import CallEvent, RequestEvent, ResponseEvent, RetryEvent
from horay_async.options import ClientOptions

_numbers = itertools.count(1)


class Hooks:
    """The observer that calls a client's hooks."""

    def __init__(self, options: ClientOptions, log: LogOnce) -> None:
        self._options = options
        self._log = log

    def begin(self, call: CallStarted) -> CallObserver:
        return _HooksOfCall(self._options, self._log, call)


class _HooksOfCall:
    """The hooks, called for one call."""

    def __init__(self, options: ClientOptions, log: LogOnce, call: CallStarted) -> None:
        self._options = options
        self._log = log
        self._known: dict[str, Any] = {
            "call": next(_numbers),
            "label": call.label,
            "method": call.method,
            "url": call.url,
            "stream": call.stream,
        }

    def activate(self) -> AbstractContextManager[object]:
        return nullcontext()

    def on_attempt(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        self._call("on_request", RequestEvent, attempt=attempt, headers=masked(headers))

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        pass

    def on_retry(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        last = attempts[-1]
        self._call(
            "on_retry",
            RetryEvent,
            attempt=len(attempts),
            error=error,
            status=last.status,
            seconds=last.seconds or 0.0,
            delay=delay,
        )

    def on_end(self, ended: CallEnded) -> None:
        self._call(
            "on_response",
            ResponseEvent,
            attempt=len(ended.attempts),
            error=ended.error,
            complete=ended.complete,
            status=ended.attempts[-1].status,
            seconds=ended.seconds,
            meta=ended.meta,
            response=ended.response,
        )

    def _call(self, name: str, event: type[CallEvent], **fields: Any) -> None:
        """Calls a hook, where there is one; what it raises goes into the log."""
        hook = getattr(self._options, name)
        if hook is None:
            return
        try:
            hook(event(**self._known, **fields))
        except (KeyboardInterrupt, SystemExit):  # meant for more than the hook
            raise
        except BaseException as error:  # noqa: BLE001 - a hook may raise anything, such as a future's CancelledError
            # A partial function's repr has its address in it: one that is made for each copy would be logged each time.
            shown = getattr(hook, "__qualname__", type(hook).__qualname__)
            self._log.error(f"{name} hook {shown}", error)


def masked(headers: MutableMapping[str, str]) -> dict[str, str]:
    """A copy of `headers` to be shown."""
    return {name: "…" if may_be_secret(name) else str(value) for name, value in headers.items()}
