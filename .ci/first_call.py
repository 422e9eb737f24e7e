"""What a fresh install must be able to do, without any extra: a call and a stream, on both clients."""

from __future__ import annotations

import asyncio

import horay_async
from horay_async import AsyncHoray, Horay
from horay_async.testing import FaultServer


async def awaited(server: FaultServer) -> None:
    """A whole response, and a streamed one."""
    async with AsyncHoray(server.api_key, base_url=server.base_url) as client:
        server.reply("Berlin")
        response = await client.completions.create(model="m", prompt="The capital of Germany is")
        assert response.choices[0].text == "Berlin"
        server.stream(["Ber", "lin"])
        chunks = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        assert [text async for text in chunks.text()] == ["Ber", "lin"]


def blocking(server: FaultServer) -> None:
    """The same."""
    with Horay(server.api_key, base_url=server.base_url) as client:
        server.reply("Berlin")
        response = client.completions.create(model="m", prompt="The capital of Germany is")
        assert response.choices[0].text == "Berlin"
        server.stream(["Ber", "lin"])
        chunks = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        assert list(chunks.text()) == ["Ber", "lin"]


if __name__ == "__main__":
    with FaultServer() as server:
        asyncio.run(awaited(server))
        blocking(server)
        asked = len(server.requests)
    print(f"horay-async {horay_async.__version__} at {horay_async.__path__[0]}: {asked} calls")
