"""A call that somebody looks on at: what happens is told to hooks and telemetry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from horay_async._observe import Begun, Complaints, Observer, Outcome, Watcher
from horay_async._transport.call import EVENT_STREAM, Call
from horay_async._transport.response import RawResponse
from horay_async.models._base import Response

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL

    from horay_async._protocol.wire.request import Request
    from horay_async._transport.transport import Transport
    from horay_async.errors import APIError, APIStatusError
    from horay_async.models.meta import ResponseMeta

__all__ = ["ObservedCall"]

T = TypeVar("T")


class ObservedCall(Call):
    """One call of the API that `observers` are told of, in their order."""

    def __init__(
        self,
        transport: Transport,
        request: Request,
        *,
        accept: str,
        observers: Sequence[Observer],
        complaints: Complaints,
    ) -> None:
        super().__init__(transport, request, accept=accept)
        self._stream = accept is EVENT_STREAM
        self._observers = observers
        self._complaints = complaints
        self._watchers: list[Watcher] | None = None  # until it begins
        self._meta: ResponseMeta | None = None  # of the newest answer

    async def run(self, receive: Callable[[RawResponse], Awaitable[T]]) -> T:
        if self._watchers is None:  # a stream is opened again after a failure at its beginning
            self._begin()
        with ExitStack() as stack:
            self._tell(lambda watcher: stack.enter_context(watcher.around()))
            try:
                received = await super().run(receive)
            except BaseException as error:
                self.over(error)
                raise
            if not self._stream:
                answer = received if isinstance(received, Response) else None
                self.over(answer=lambda: answer)
            return received

    async def back_off(self, error: APIError) -> None:
        try:
            await super().back_off(error)
        except BaseException as end:
            self.over(end)
            raise

    def headers(self) -> CIMultiDict[str]:
        headers = super().headers()
        self._tell(lambda watcher: watcher.sending(len(self.attempts), headers))
        return headers

    def received(self, chunks: Sequence[Response]) -> None:
        self._tell(lambda watcher: watcher.received(chunks))

    def over(
        self,
        error: BaseException | None = None,
        answer: Callable[[], Response | None] | None = None,
    ) -> None:
        """From any thread; the observers are told on the call's own loop while there is one."""
        if not self._watchers:
            return
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if not here:
            try:
                self._loop.call_soon_threadsafe(self._end, error, answer)
            except RuntimeError:
                pass  # it is closed, so nothing else of this call runs
            else:
                return
        self._end(error, answer)

    async def _pause(self, error: APIError, delay: float) -> None:
        attempts = tuple(self.attempts)
        self._tell(lambda watcher: watcher.retrying(attempts, error, delay))
        await super()._pause(error, delay)

    async def _attempt(self) -> RawResponse:
        self._meta = None
        response = await super()._attempt()
        self._meta = response.meta
        return response

    async def _refusal(
        self, response: RawResponse, raw: aiohttp.ClientResponse
    ) -> APIStatusError | APIError:
        self._meta = response.meta
        return await super()._refusal(response, raw)

    def _begin(self) -> None:
        begun = Begun(
            request=self.request,
            url=_shown(self._transport.url(self.request.path)),
            stream=self._stream,
        )
        self._watchers = []
        for observer in self._observers:
            try:
                watcher = observer.begin(begun)
            except Exception as error:  # noqa: BLE001 - who looks on must not break the call
                self._complaints.about(type(observer).__name__, error)
            else:
                if watcher is not None:
                    self._watchers.append(watcher)

    def _end(
        self, error: BaseException | None, answer: Callable[[], Response | None] | None
    ) -> None:
        watchers, self._watchers = self._watchers, []
        if not watchers:
            return
        meta = self._meta
        merged = None
        try:
            merged = None if answer is None else answer()
        except Exception as failure:  # noqa: BLE001 - who looks on must not break the call
            self._complaints.about("merging the chunks", failure)
        if merged is not None and meta is not None:
            merged.meta = meta
        outcome = Outcome(
            attempts=tuple(self.attempts),
            error=error,
            seconds=self._elapsed() if meta is None or meta.total is None else meta.total,
            meta=meta,
            answer=merged,
        )
        self._tell(lambda watcher: watcher.over(outcome), watchers)

    def _tell(
        self, what: Callable[[Watcher], Any], watchers: Sequence[Watcher] | None = None
    ) -> None:
        for watcher in (self._watchers or ()) if watchers is None else watchers:
            try:
                what(watcher)
            except Exception as error:  # noqa: BLE001 - who looks on must not break the call
                self._complaints.about(type(watcher).__name__, error)


@lru_cache(maxsize=64)
def _shown(url: URL) -> str:
    return str(url.with_user(None).with_query(None).with_fragment(None))
