"""The local server sends what the API describes, nothing more and nothing less."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async import AsyncHoray, MessageDict, tool
from horay_async.local import LocalServer

pytestmark = pytest.mark.anyio

HELLO: list[MessageDict] = [{"role": "user", "content": "Hello!"}]


@tool
def forecast(city: str) -> str:
    """The weather of tomorrow.

    Args:
        city: Where.
    """
    return f"snow in {city}"


async def test_no_drift(server: LocalServer) -> None:
    """No response and no chunk of any operation has a field that is unknown, missing or of another type."""
    chat: dict[str, Any] = {"model": server.model, "messages": HELLO, "max_tokens": 4}
    async with AsyncHoray(
        server.api_key, base_url=server.base_url, strict="raise", timeout=60
    ) as client:
        await client.user.info()
        await client.models.list()
        await client.completions.create(model=server.model, prompt="One", max_tokens=3, logprobs=2)
        await client.chat.completions.create(**chat, logprobs=True, top_logprobs=2)
        await client.chat.completions.create(
            model=server.model,
            messages=HELLO,
            max_tokens=40,
            tools=[forecast],
            tool_choice="required",
        )
        await client.images.generate(model=server.model, prompt="dusk", image_size="768x512")
        usage: dict[str, Any] = {"stream_options": {"include_usage": True}}
        for options in (dict[str, Any](), usage):
            async for _ in await client.completions.create(
                model=server.model, prompt="One", max_tokens=3, logprobs=2, stream=True, **options
            ):
                pass
            async for _ in await client.chat.completions.create(
                **chat, logprobs=True, top_logprobs=2, stream=True, **options
            ):
                pass
        assert not client.drift
