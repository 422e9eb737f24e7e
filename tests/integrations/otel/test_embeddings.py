"""Spans and metrics of embeddings, compared with the conventions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from opentelemetry.trace import SpanKind

from horay_async.testing import FaultServer, respond

from .conventions import EMBEDDINGS, OF_METRICS, SECONDS, TOKENS, check

if TYPE_CHECKING:
    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

RESPONSE = {
    "object": "list",
    "model": "answering",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


@pytest.mark.parametrize("version", ["latest", "1.41.1"])
async def test_span(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, version: str
) -> None:
    """The span has what was asked for; the texts aren't recorded, for which there are no conventions."""
    fault_server.add(respond(json.dumps(RESPONSE).encode()))
    telemetry = recorded.telemetry(capture_content=True, conventions=version)
    async with connect(telemetry=telemetry) as client:
        await client.embeddings.create(
            model="m", input="s3cret", dimensions=1, encoding_format="float"
        )
    span = recorded.span
    assert (span.name, span.kind) == ("embeddings m", SpanKind.CLIENT)
    assert check(recorded.attributes, EMBEDDINGS) == EMBEDDINGS.keys() - {"error.type"}
    assert recorded.attributes["gen_ai.embeddings.dimension.count"] == 1
    assert recorded.attributes["gen_ai.request.encoding_formats"] == ("float",)
    assert "s3cret" not in span.to_json()
    kind = "embeddings" if version == "latest" else "operation"
    (point,) = recorded.points(f"gen_ai.client.{kind}.duration")
    assert list(point.explicit_bounds) == pytest.approx(SECONDS)
    assert dict(point.attributes or {}).keys() == OF_METRICS
    name = (
        "client.embeddings.operation.input_tokens" if version == "latest" else "client.token.usage"
    )
    (tokens,) = recorded.points(f"gen_ai.{name}")
    assert tokens.sum == 3
    assert list(tokens.explicit_bounds) == TOKENS
    assert len(recorded.metrics()) == 2
