"""Chat models of LangChain: this package's, and the one over openai's client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from benchmarks.canned import API_KEY

__all__ = ["HorayModel", "OpenAIModel"]

PROMPT = "What is the capital of Germany?"


class Model:
    """A chat model, awaited. LangChain streams from a model whose name is set when it is made."""

    def __init__(self, module: str, kind: str, **options: Any) -> None:
        self._kind: Any = getattr(import_module(module), kind)
        self._options = options
        self._models: dict[str, Any] = {}

    def _model(self, name: str) -> Any:
        if name not in self._models:
            self._models[name] = self._kind(model=name, max_tokens=64, **self._options)
        return self._models[name]

    async def call(self, model: str) -> str:
        """The text of a whole response."""
        text: str = (await self._model(model).ainvoke(PROMPT)).text
        return text

    async def stream(self, model: str) -> tuple[int, str]:
        """The text of a stream. LangChain adds chunks of its own, so they aren't counted."""
        texts = [str(chunk.text) async for chunk in self._model(model).astream(PROMPT)]
        return 0, "".join(texts)

    async def texts(self, model: str) -> AsyncGenerator[str]:
        """The texts of a stream, as they come."""
        async for chunk in self._model(model).astream(PROMPT):
            if text := str(chunk.text):
                yield text

    async def close(self) -> None:
        """Closes the connections."""


class HorayModel(Model):
    """`ChatHoray`."""

    def __init__(self, base_url: str, connections: int) -> None:
        from horay_async import AsyncHoray  # noqa: PLC0415 - loaded in this contender's process alone

        self._client = AsyncHoray(API_KEY, base_url=base_url, max_connections=connections)
        module = "horay_async.integrations.langchain"
        super().__init__(module, "ChatHoray", async_client=self._client)

    async def close(self) -> None:
        await self._client.close()


class OpenAIModel(Model):
    """`ChatOpenAI` of langchain-openai."""

    def __init__(self, base_url: str, connections: int) -> None:
        super().__init__("langchain_openai", "ChatOpenAI", api_key=API_KEY, base_url=base_url)
