"""What the clients with an interface like that of the openai package are asked to do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

__all__ = ["MESSAGES", "Awaited", "Blocking"]

MESSAGES: Final[list[Any]] = [{"role": "user", "content": "What is the capital of Germany?"}]


class Awaited:
    """An asynchronous client; `create` is its method for chat completions."""

    def __init__(self, client: Any, create: Any) -> None:
        self._client = client
        self._create = create

    async def call(self, model: str) -> str:
        """The text of a whole response."""
        response = await self._create(model=model, messages=MESSAGES, max_tokens=64)
        text: str = response.choices[0].message.content
        return text

    async def stream(self, model: str) -> tuple[int, str]:
        """How many chunks came, and their text."""
        chunks = 0
        texts: list[str] = []
        async for chunk in await self._create(model=model, messages=MESSAGES, stream=True):
            chunks += 1
            if chunk.choices and (text := chunk.choices[0].delta.content):
                texts.append(text)
        return chunks, "".join(texts)

    async def texts(self, model: str) -> AsyncGenerator[str]:
        """The texts of a stream's chunks, as they come."""
        async for chunk in await self._create(model=model, messages=MESSAGES, stream=True):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


class Blocking:
    """A blocking client; `create` is its method for chat completions."""

    def __init__(self, client: Any, create: Any) -> None:
        self._client = client
        self._create = create

    def call(self, model: str) -> str:
        """The text of a whole response."""
        response = self._create(model=model, messages=MESSAGES, max_tokens=64)
        text: str = response.choices[0].message.content
        return text

    def stream(self, model: str) -> tuple[int, str]:
        """How many chunks came, and their text."""
        chunks = 0
        texts: list[str] = []
        for chunk in self._create(model=model, messages=MESSAGES, stream=True):
            chunks += 1
            if chunk.choices and (text := chunk.choices[0].delta.content):
                texts.append(text)
        return chunks, "".join(texts)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()
