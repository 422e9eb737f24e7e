"""The embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from pydantic import Field

from horay_async._timeouts import Timeouts
from horay_async.integrations.langchain._clients import HasClients

if TYPE_CHECKING:
    from pydantic import SecretStr

    from horay_async import AsyncHoray, Horay


class HorayEmbeddings(HasClients, Embeddings):
    """Embeddings of the Horay API. Any number of texts can be passed: they are sent in as many requests as it takes.

    A text that is empty raises `ValueError`; the errors are those of `embeddings.create`.
    """

    model: str
    """The model's name, e.g. `"BAAI/bge-m3"`."""
    dimensions: int | None = None
    """Numbers of each vector, for models that can shorten theirs."""
    timeout: float | Timeouts | None = None
    """The deadline of a call in seconds; the client's unless given."""
    max_retries: int | None = None
    """Most attempts after the first; the client's unless given."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Fields that this client doesn't know, such as `input_type`."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            model: str,
            dimensions: int | None = ...,
            timeout: float | Timeouts | None = ...,
            max_retries: int | None = ...,
            extra_body: dict[str, Any] = ...,
            api_key: SecretStr | str | None = ...,
            base_url: str | None = ...,
            client_options: dict[str, Any] = ...,
            client: Horay | None = ...,
            async_client: AsyncHoray | None = ...,
        ) -> None: ...

    def _sent(self, texts: list[str]) -> dict[str, Any]:
        """The parameters of one call."""
        optional = ("dimensions", "timeout", "max_retries", "extra_body")
        given = {name: value for name in optional if (value := getattr(self, name)) is not None}
        return {"model": self.model, "input": texts, **given}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vector of each text."""
        if not texts:
            return []
        response = self._blocking.embeddings.create(**self._sent(texts))
        return [item.embedding for item in response]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vector of each text."""
        if not texts:
            return []
        response = await self._awaiting.embeddings.create(**self._sent(texts))
        return [item.embedding for item in response]

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return (await self.aembed_documents([text]))[0]
