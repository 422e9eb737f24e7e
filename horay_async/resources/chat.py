"""Chat completions: `POST /chat/completions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Unpack, overload

from horay_async._protocol.accumulate import ChatAccumulator
from horay_async._protocol.request import Operation
from horay_async.models.chat import ChatCompletion, ChatCompletionChunk, ChatParams
from horay_async.models.events import ChatEvent
from horay_async.resources._base import Resource
from horay_async.streaming import AsyncEventStream, AsyncStream

if TYPE_CHECKING:
    from horay_async._transport import Transport

__all__ = ["AsyncChat", "AsyncChatCompletions"]

CREATE: Final = Operation(
    method="POST", path="/chat/completions", params=ChatParams, answer=ChatCompletion
)


class AsyncChatCompletions(Resource):
    """Answers a conversation."""

    @overload
    async def create(
        self, *, stream: Literal[False] = False, **params: Unpack[ChatParams]
    ) -> ChatCompletion: ...

    @overload
    async def create(
        self, *, stream: Literal[True], **params: Unpack[ChatParams]
    ) -> AsyncStream[ChatCompletionChunk]: ...

    @overload
    async def create(
        self, *, stream: bool, **params: Unpack[ChatParams]
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...

    async def create(
        self, *, stream: bool = False, **params: Unpack[ChatParams]
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        """Answers `messages`: the whole answer, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.
        """
        if stream:
            return await self._stream(CREATE, params, ChatCompletionChunk, ChatAccumulator)
        return await self._answer(CREATE, params)

    def stream(self, **params: Unpack[ChatParams]) -> AsyncEventStream[ChatEvent, ChatCompletion]:
        """Answers `messages` and tells what happens, event by event; `final()` is the whole answer.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does.
        """
        return self._events(CREATE, params, ChatCompletionChunk, ChatAccumulator)


class AsyncChat:
    """The chat operations."""

    def __init__(self, transport: Transport) -> None:
        self.completions: Final = AsyncChatCompletions(transport)
