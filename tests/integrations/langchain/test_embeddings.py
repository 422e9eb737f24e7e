"""`HorayEmbeddings` over real connections, and what becomes of clients that nobody closes."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="LangChain has an environment of its own")

from langchain_core.load import dumpd, load

from horay_async import BadRequestError, Horay
from horay_async.integrations.langchain import ChatHoray, HorayEmbeddings
from horay_async.testing import FaultServer, error

pytestmark = pytest.mark.anyio


def settings(server: FaultServer, **options: Any) -> dict[str, Any]:
    """What a model of the test's server takes."""
    return {"model": "m", "api_key": server.api_key, "base_url": server.base_url, **options}


async def test_embed(fault_server: FaultServer) -> None:
    """Texts in any number, in order, blocking or awaited; no texts take no request."""
    async with HorayEmbeddings(
        **settings(fault_server, dimensions=3, extra_body={"a": 1})
    ) as model:
        texts = [str(number) for number in range(2050)]
        for vectors in (await model.aembed_documents(texts), model.embed_documents(texts)):
            assert [vector[0] for vector in vectors] == [*range(2048), 0, 1]
        assert await model.aembed_query("a") == model.embed_query("a") == [0.0, 0.5, -1.0]
        assert await model.aembed_documents([]) == model.embed_documents([]) == []
    sent = fault_server.requests[0].json()
    assert {name: sent[name] for name in ("model", "dimensions", "a")} == {
        "model": "m",
        "dimensions": 3,
        "a": 1,
    }
    assert len(fault_server.requests) == 6


def test_errors(fault_server: FaultServer) -> None:
    """They are this client's own."""
    fault_server.add(error(400, "too long"))
    with HorayEmbeddings(**settings(fault_server, max_retries=0)) as model:
        with pytest.raises(BadRequestError, match="too long"):
            model.embed_query("a")
        with pytest.raises(ValueError, match=r"input\[1\] must not be empty"):
            model.embed_documents(["a", ""])
    with pytest.raises(TypeError, match="'dimension': did you mean 'dimensions'"):
        HorayEmbeddings(**settings(fault_server, dimension=3))


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")  # LangChain says so to all
def test_written_down(fault_server: FaultServer) -> None:
    """LangChain writes it down without the key, and makes it again."""
    model = HorayEmbeddings(**settings(fault_server, dimensions=3))
    written = dumpd(model)
    assert fault_server.api_key not in str(written)
    again = load(
        written,
        allowed_objects=[HorayEmbeddings],
        secrets_map={"HORAY_API_KEY": fault_server.api_key},
        valid_namespaces=["horay_async"],
    )
    assert again == model


async def use(model: ChatHoray | HorayEmbeddings, *, blocking: bool) -> None:
    """One call."""
    if isinstance(model, ChatHoray):
        _ = model.invoke("a") if blocking else await model.ainvoke("a")
    else:
        _ = model.embed_query("a") if blocking else await model.aembed_query("a")


@pytest.mark.parametrize("made", [ChatHoray, HorayEmbeddings])
@pytest.mark.parametrize("blocking", [False, True])
async def test_collected(fault_server: FaultServer, made: Any, blocking: bool) -> None:
    """A model that nobody closes closes its connections when it is collected, without a warning."""
    model = made(**settings(fault_server))
    await use(model, blocking=blocking)
    copy = model.model_copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del model
        gc.collect()
        await use(copy, blocking=blocking)  # copies share the client
        assert len(fault_server.connections) == 1
        del copy
        gc.collect()
        await asyncio.to_thread(fault_server.wait_for_close, 1)


def test_collected_after_its_loop(fault_server: FaultServer) -> None:
    """The loop may be gone by then, and with it the connections."""
    model = HorayEmbeddings(**settings(fault_server))
    for _ in range(2):
        asyncio.run(use(model, blocking=False))
    fault_server.wait_for_close(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del model
        gc.collect()


def test_collected_client_of_the_caller(fault_server: FaultServer) -> None:
    """A client of the caller's own stays open."""
    with Horay(fault_server.api_key, base_url=fault_server.base_url) as client:
        model = HorayEmbeddings(model="m", client=client)
        model.embed_query("a")
        del model
        gc.collect()
        assert not client.closed
        assert len(client.embeddings.create(model="m", input="a")) == 1
