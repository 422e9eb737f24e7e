"""Text completions: `POST /completions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from horay_async._argument_errors import refuse_positional
from horay_async._protocol.wire.request import Operation
from horay_async.models.completions import Completion, CompletionParams
from horay_async.resources._base import Resource

if TYPE_CHECKING:
    from horay_async.models.completions import CompletionChunk
    from horay_async.models.events import CompletionEvent
    from horay_async.streaming import AsyncEventStream, AsyncStream

__all__ = ["AsyncCompletions"]

CREATE: Final = Operation(
    method="POST", path="/completions", params=CompletionParams, response=Completion
)


class AsyncCompletions(Resource):
    """Continues a text."""

    async def create(
        self, *positional: object, stream: bool = False, **params: Unpack[CompletionParams]
    ) -> Completion | AsyncStream[CompletionChunk]:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            stream: Whether to return the chunks as they come; without it the whole response.
        """
        refuse_positional(self.create, positional)
        return await self._create(CREATE, params, stream=stream)

    def stream(
        self, *positional: object, **params: Unpack[CompletionParams]
    ) -> AsyncEventStream[CompletionEvent, Completion]:
        """Continues `prompt` and tells what happens, event by event; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of
        `CompletionParams`; raises as `create` does.
        """
        refuse_positional(self.stream, positional)
        return self._typed_events(CREATE, params)
