"""The clients of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.canned import API_KEY
from benchmarks.contenders.alike import MESSAGES, Awaited, Blocking

if TYPE_CHECKING:
    from horay_async import AsyncHoray

__all__ = ["AwaitedHoray", "BlockingHoray", "DocumentedHoray"]


class AwaitedHoray(Awaited):
    """`AsyncHoray`."""

    def __init__(self, base_url: str, connections: int) -> None:
        from horay_async import AsyncHoray  # noqa: PLC0415 - see above

        client = AsyncHoray(API_KEY, base_url=base_url, max_connections=connections)
        super().__init__(client, client.chat.completions.create)

    async def text(self, model: str) -> tuple[int, str]:
        """A stream's text through `text()`, which doesn't show the chunks."""
        stream = await self._create(model=model, messages=MESSAGES, stream=True)
        return 0, "".join([text async for text in stream.text()])

    async def events(self, model: str) -> tuple[int, str]:
        """A stream through its events, and the merged response."""
        async with self._client.chat.completions.stream(model=model, messages=MESSAGES) as events:
            async for _ in events:
                pass
            response = await events.final()
        return 0, response.choices[0].message.content

    async def fan_out(self, model: str, calls: int, at_once: int) -> list[str]:
        """Whole responses to a batch."""
        from horay_async import BatchRequest  # noqa: PLC0415 - see above

        requests = (
            BatchRequest.chat(model=model, messages=MESSAGES, max_tokens=64) for _ in range(calls)
        )
        results = self._client.batch.run(requests, concurrency=at_once)
        return [result.unwrap().choices[0].message.content async for result in results]

    @staticmethod
    def decode(body: bytes) -> Any:
        """A text completion's body as attrs classes."""
        # What a call does with a body once it has come; no public name leads there without a network.
        from horay_async import Completion  # noqa: PLC0415 - see above
        from horay_async._protocol.wire.decode import decoder, drift_of  # noqa: PLC0415 - see above

        response = decoder(Completion).decode(body)
        drift_of(response)
        return response

    @staticmethod
    def make(base_url: str) -> AsyncHoray:
        """A client, as in a service that makes one for each request."""
        from horay_async import AsyncHoray  # noqa: PLC0415 - see above

        return AsyncHoray(API_KEY, base_url=base_url)


class DocumentedHoray(AwaitedHoray):
    """`AsyncHoray` as it is with a version of aiohttp that it doesn't know: by documented means alone."""

    def __init__(self, base_url: str, connections: int) -> None:
        from horay_async._transport import aiohttp_internals  # noqa: PLC0415 - see above

        aiohttp_internals.ENABLED = False
        super().__init__(base_url, connections)


class BlockingHoray(Blocking):
    """`Horay`."""

    def __init__(self, base_url: str) -> None:
        from horay_async import Horay  # noqa: PLC0415 - see above

        client = Horay(API_KEY, base_url=base_url)
        super().__init__(client, client.chat.completions.create)
