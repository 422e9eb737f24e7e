"""One model by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from horay_async import ModelInfo, NotFoundError
from horay_async.testing import FaultServer, error, json_response

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio

INFO = {"id": "meta-llama/a", "object": "model", "created": 5, "owned_by": "meta"}


async def test_retrieve(fault_server: FaultServer, connect: Connect) -> None:
    """An id is one segment of the path; its slashes are no steps."""
    fault_server.add(json_response(INFO, headers={"x-request-id": "req-1"}), json_response(INFO))
    async with connect(strict="raise") as client:
        info = await client.models.retrieve("meta-llama/a")
        await client.models.retrieve("ft:a/../b?c#ü%2F", extra_query={"d": 1})
    assert info == ModelInfo(id="meta-llama/a", object="model", created=5, owned_by="meta")
    assert info.meta.request_id == "req-1"
    assert info.to_dict() == INFO
    assert [request.target for request in fault_server.requests] == [
        "/v1/models/meta-llama%2Fa",
        "/v1/models/ft:a%2F..%2Fb%3Fc%23%C3%BC%252F?d=1",
    ]


@pytest.mark.parametrize("model", ["", ".", "..", 5, None])
async def test_refused(fault_server: FaultServer, connect: Connect, model: Any) -> None:
    """What would ask for something else isn't sent."""
    async with connect() as client:
        with pytest.raises((TypeError, ValueError), match="model must be"):
            await client.models.retrieve(model)
        with pytest.raises(TypeError, match="type"):
            await client.models.retrieve("a", type="text")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - on purpose
    assert not fault_server.requests


def test_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client has it too; a model that isn't there is an error."""
    fault_server.add(json_response(INFO), error(404, "no such model"))
    with connect_blocking() as client:
        assert client.models.retrieve("meta-llama/a").owned_by == "meta"
        with pytest.raises(NotFoundError, match="no such model"):
            client.models.retrieve("b")
