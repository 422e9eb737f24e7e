"""Telling the observers of one call what happens. It is loaded only where there are some."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from horay_async._attempt import Attempt
from horay_async._observer_defaults import LogOnce
from horay_async._observers import CallEnded, CallObserver, CallStarted, Observer
from horay_async._protocol.wire.request import Request
from horay_async._transport.loops import call_on
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

if TYPE_CHECKING:
    from yarl import URL

    from horay_async.errors import APIError

ObserverT = TypeVar("ObserverT")


class Timeline(Protocol):
    """What a call says of itself when it is over."""

    attempts: list[Attempt]
    meta: ResponseMeta | None

    def elapsed(self) -> float:
        """Seconds since the call began."""
        ...


class CallObservers:
    """The observers of one call, told in their order. What they raise is logged and changes nothing, but for a
    `KeyboardInterrupt` or a `SystemExit`. They await nothing, so that a `CancelledError` of theirs isn't a cancellation of the call.
    """

    def __init__(
        self,
        request: Request,
        url: URL,
        *,
        stream: bool,
        observers: Sequence[Observer],
        log: LogOnce,
    ) -> None:
        self._started = CallStarted(
            label=request.label,
            method=request.method,
            path=request.bare_path,
            url=_shown(url),
            body=request.body,
            stream=stream,
            external=request.external,
        )
        self._observers = observers
        self._log = log
        self._loop = asyncio.get_running_loop()
        # Those of this call: None until it begins, none any more once it has ended.
        self._of_call: list[CallObserver] | None = None

    @contextmanager
    def active(self) -> Generator[None, None, None]:
        """In which the request is sent; entered again where a stream is opened again."""
        if self._of_call is None:
            self._begin()
        with ExitStack() as stack:
            self._tell(lambda observer: stack.enter_context(observer.activate()))
            yield

    def on_attempt(self, attempt: int, headers: MutableMapping[str, str]) -> None:
        """An attempt, counted from 1, is about to be sent with `headers`."""
        self._tell(lambda observer: observer.on_attempt(attempt, headers))

    def on_retry(self, attempts: tuple[Attempt, ...], error: APIError, delay: float) -> None:
        """The newest attempt has failed with `error`; the next one follows after `delay` seconds."""
        self._tell(lambda observer: observer.on_retry(attempts, error, delay))

    def on_chunks(self, chunks: Sequence[Response]) -> None:
        """Chunks of a stream have come in one read."""
        self._tell(lambda observer: observer.on_chunks(chunks))

    def on_end(
        self,
        call: Timeline,
        error: BaseException | None,
        response: Callable[[], Response | None] | None,
    ) -> None:
        """The call is over, for the first time or once more. From any thread; the observers are told on the
        call's own loop while there is one.
        """
        if self._of_call:
            call_on(self._loop, partial(self._end, call, error, response))

    def _begin(self) -> None:
        of_call: list[CallObserver] = []
        self._of_call = of_call

        def begin(observer: Observer) -> None:
            begun = observer.begin(self._started)
            if begun is not None:
                of_call.append(begun)

        self._tell_each(self._observers, begin)

    def _end(
        self,
        call: Timeline,
        error: BaseException | None,
        response: Callable[[], Response | None] | None,
    ) -> None:
        observers, self._of_call = self._of_call, []
        if not observers:
            return
        meta = call.meta
        merged = None
        try:
            merged = None if response is None else response()
        except Exception as failure:  # noqa: BLE001 - an observer must not break the call
            self._log.error("merging the chunks", failure)
        if merged is not None and meta is not None:
            merged.meta = meta
        ended = CallEnded(
            attempts=tuple(call.attempts),
            error=error,
            seconds=call.elapsed() if meta is None or meta.total is None else meta.total,
            meta=meta,
            response=merged,
        )
        self._tell_each(observers, lambda observer: observer.on_end(ended))

    def _tell(self, what: Callable[[CallObserver], Any]) -> None:
        self._tell_each(self._of_call or (), what)

    def _tell_each(self, observers: Sequence[ObserverT], what: Callable[[ObserverT], Any]) -> None:
        for observer in observers:
            try:
                what(observer)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - an observer must not break the call
                self._log.error(type(observer).__name__, error)


@lru_cache(maxsize=64)
def _shown(url: URL) -> str:
    return str(url.with_user(None).with_query(None).with_fragment(None))
