"""LangChain's own standard tests of a chat model and of embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_tests", reason="LangChain's tests come with the extra `dev`")

import httpx
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from horay_async.integrations.langchain import ChatHoray, HorayEmbeddings
from horay_async.local import LocalServer
from horay_async.testing import FaultServer
from horay_async.testing.canned import PNG
from tests.integrations.scripted_model import scripted_model

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


class TestUnit(ChatModelUnitTests):
    """What needs no server."""

    @property
    def chat_model_class(self) -> type[ChatHoray]:
        return ChatHoray

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODEL, "api_key": "a-key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"HORAY_API_KEY": "a-key"}, {"model": MODEL}, {"api_key": "a-key"}


class Integration(ChatModelIntegrationTests):
    """What the suites below share."""

    @property
    def chat_model_class(self) -> type[ChatHoray]:
        return ChatHoray

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "another/model"


@pytest.fixture(scope="module")
def scripted() -> Iterator[FaultServer]:
    """A scripted model that can do all that is asked."""
    with FaultServer() as server:
        server.always(scripted_model)
        yield server


def small_file(url: str, **_: Any) -> httpx.Response:
    """Stands for the pictures, sounds and documents that LangChain's tests fetch from elsewhere."""
    return httpx.Response(200, content=PNG, request=httpx.Request("GET", url))


class TestScripted(Integration):
    """All of it, on the scripted model."""

    @pytest.fixture(autouse=True)
    def _serve(self, scripted: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = scripted
        monkeypatch.setattr(httpx, "get", small_file)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODEL, "api_key": self.server.api_key, "base_url": self.server.base_url}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalServer]:
    """The real, small model."""
    with LocalServer() as server:
        yield server


class TestLocal(Integration):
    """What a small model can do: text, streams, usage and forms that a grammar holds it to."""

    has_structured_output = False  # the grammar holds the form, but its strings don't end
    supports_model_override = False  # it is one model, by whatever name
    has_tool_calling = False  # it calls a tool only where it is forced to
    has_tool_choice = False
    supports_json_mode = False  # it writes JSON, with keys of its own choice
    supports_image_inputs = supports_image_urls = supports_audio_inputs = False  # it reads text
    supports_pdf_inputs = supports_pdf_tool_message = supports_image_tool_message = False
    supports_anthropic_inputs = False  # they hold calls of tools

    @pytest.fixture(autouse=True)
    def _serve(self, local: LocalServer) -> None:
        self.server = local

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "api_key": self.server.api_key,
            "base_url": self.server.base_url,
            "max_tokens": 60,
        }


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    """What needs no server."""

    @property
    def embeddings_class(self) -> type[HorayEmbeddings]:
        return HorayEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "BAAI/bge-m3", "api_key": "a-key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"HORAY_API_KEY": "a-key"}, {"model": "m"}, {"api_key": "a-key"}


class TestEmbeddingsLocal(EmbeddingsIntegrationTests):
    """Vectors of the real, small model."""

    @pytest.fixture(autouse=True)
    def _serve(self, local: LocalServer) -> None:
        self.server = local

    @property
    def embeddings_class(self) -> type[HorayEmbeddings]:
        return HorayEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "m", "api_key": self.server.api_key, "base_url": self.server.base_url}
