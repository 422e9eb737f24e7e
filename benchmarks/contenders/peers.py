"""Other packages' clients. Each is imported where its class is made, and none by type checkers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.canned import API_KEY
from benchmarks.contenders.alike import Awaited, Blocking

__all__ = ["AwaitedOpenAI", "BlockingOpenAI", "HuggingFace", "OpenAIOnAiohttp", "OpenAIOnHoray"]
__all__ += ["Together"]


class AwaitedOpenAI(Awaited):
    """`AsyncOpenAI` over the HTTP client that it comes with; its pool allows a thousand connections."""

    def __init__(self, base_url: str, connections: int, **options: Any) -> None:
        openai: Any = import_module("openai")
        client = openai.AsyncOpenAI(api_key=API_KEY, base_url=base_url, **options)
        super().__init__(client, client.chat.completions.create)


class OpenAIOnAiohttp(AwaitedOpenAI):
    """`AsyncOpenAI` over aiohttp."""

    def __init__(self, base_url: str, connections: int) -> None:
        openai: Any = import_module("openai")
        super().__init__(base_url, connections, http_client=openai.DefaultAioHttpClient())


class OpenAIOnHoray(Awaited):
    """`AsyncOpenAI` over this package's client."""

    def __init__(self, base_url: str, connections: int) -> None:
        ours: Any = import_module("horay_async.integrations.openai")
        horay: Any = import_module("horay_async").AsyncHoray(
            API_KEY, base_url=base_url, max_connections=connections
        )
        super().__init__(horay, ours.AsyncOpenAI(horay=horay).chat.completions.create)


class BlockingOpenAI(Blocking):
    """`OpenAI`."""

    def __init__(self, base_url: str) -> None:
        openai: Any = import_module("openai")
        client = openai.OpenAI(api_key=API_KEY, base_url=base_url)
        super().__init__(client, client.chat.completions.create)


class HuggingFace(Awaited):
    """`AsyncInferenceClient` of huggingface_hub, pointed at a server of one's own."""

    def __init__(self, base_url: str, connections: int) -> None:
        hub: Any = import_module("huggingface_hub")
        client = hub.AsyncInferenceClient(base_url=base_url, api_key=API_KEY)
        super().__init__(client, client.chat_completion)


class Together(Awaited):
    """`AsyncTogether`."""

    def __init__(self, base_url: str, connections: int) -> None:
        together: Any = import_module("together")
        client = together.AsyncTogether(api_key=API_KEY, base_url=base_url)
        super().__init__(client, client.chat.completions.create)
