"""Rows to requests for vectors, and back; through a worker without Ray around it."""

from __future__ import annotations

import struct
from importlib import import_module
from typing import Any

import pytest

pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")

from horay_async import ConfigurationError
from horay_async.batch.options import Settings
from horay_async.integrations.ray.options import SealedOptions
from horay_async.integrations.ray.rows import EmbeddingRows
from horay_async.integrations.ray.worker import Worker
from horay_async.testing import FaultServer, Request, ScriptedResponse, embeddings, error

from .local_actor import LocalActor

pa: Any = import_module("pyarrow")

pytestmark = pytest.mark.anyio

ROWS = EmbeddingRows(column="text", params={"model": "m", "dimensions": 2}, prefix="my_")


def response(request: Request) -> ScriptedResponse:
    """A vector that tells each text; one text is too long."""
    given = request.json()["input"]
    if "long" in given:
        return error(400, "too long")
    return embeddings(*[(float(len(text)), 0.1) for text in given])


async def embedded(server: FaultServer, table: Any) -> Any:
    """The table with its new columns."""
    options = SealedOptions(server.api_key, base_url=server.base_url, max_retries=0)
    worker = Worker(options, ROWS, Settings(concurrency=2), LocalActor())
    try:
        return await worker(table)
    finally:
        await worker._transport.close()


async def test_one_request(fault_server: FaultServer) -> None:
    """The rows go together; those with nothing in them fail alone."""
    fault_server.always(response)
    done = await embedded(fault_server, pa.table({"id": range(4), "text": ["a", None, "ccc", ""]}))
    (request,) = fault_server.requests
    assert request.json()["input"] == ["a", "ccc"]
    assert request.json()["dimensions"] == 2
    assert done.schema.field("my_embedding").type == pa.list_(pa.float32())
    tenth = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert done.column("my_embedding").to_pylist() == [[1.0, tenth], None, [3.0, tenth], None]
    failed = done.column("my_error").to_pylist()
    assert [cell and cell["type"] for cell in failed] == [
        None,
        "InvalidRequestError",
        None,
        "InvalidRequestError",
    ]


async def test_one_too_long(fault_server: FaultServer) -> None:
    """A row that the server refuses doesn't take the others with it."""
    fault_server.always(response)
    done = await embedded(fault_server, pa.table({"text": ["", "a", "long", "bb"]}))
    assert sorted(len(request.json()["input"]) for request in fault_server.requests) == [1, 1, 1, 3]
    vectors = done.column("my_embedding").to_pylist()
    assert [vector and vector[0] for vector in vectors] == [None, 1.0, None, 2.0]
    failed = done.column("my_error").to_pylist()
    assert [cell and cell["status"] for cell in failed] == [None, None, 400, None]
    assert "too long" in failed[2]["message"]


async def test_all_fail(fault_server: FaultServer) -> None:
    """A failure that isn't of what was sent is that of all rows, and nothing is sent again."""
    fault_server.always(error(401, "no"))
    done = await embedded(fault_server, pa.table({"text": ["a", "b"]}))
    assert len(fault_server.requests) == 1
    assert [cell["status"] for cell in done.column("my_error").to_pylist()] == [401, 401]


async def test_nothing_to_send(fault_server: FaultServer) -> None:
    """A table without usable rows takes no request; its columns have their types all the same."""
    for table in (
        pa.table({"text": pa.array([None], pa.string())}),
        pa.table({"text": pa.array([], pa.string())}),
    ):
        done = await embedded(fault_server, table)
        assert [field.name for field in done.schema][-2:] == ["my_embedding", "my_error"]
        assert done.schema.field("my_embedding").type == EmbeddingRows.columns.field(0).type
    assert not fault_server.requests


async def test_tokens_and_many(fault_server: FaultServer) -> None:
    """Token ids are inputs too; more rows than a request holds go in several."""
    fault_server.always(lambda request: embeddings(*[(1.0, 2.0)] * len(request.json()["input"])))
    done = await embedded(fault_server, pa.table({"text": [[1, 2]] * 2050}))
    assert sorted(len(request.json()["input"]) for request in fault_server.requests) == [2, 2048]
    assert done.column("my_embedding").to_pylist() == [[1.0, 2.0]] * 2050


def test_columns() -> None:
    """A column that isn't there, or is there already, is told by its name."""
    with pytest.raises(ConfigurationError, match="no column 'text', but other"):
        ROWS.requests(pa.table({"other": ["a"]}))
    with pytest.raises(ConfigurationError, match="a column 'my_error' already"):
        ROWS.requests(pa.table({"text": ["a"], "my_error": ["a"]}))
