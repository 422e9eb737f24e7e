"""Spans and metrics of embeddings, compared with the conventions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from opentelemetry.trace import SpanKind

from horay_async.testing import FaultServer, respond

from .conventions import AT_CREATION, EMBEDDINGS, OF_METRICS, SECONDS, check

if TYPE_CHECKING:
    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

ANSWER = {
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
    fault_server.add(respond(json.dumps(ANSWER).encode()))
    telemetry = recorded.telemetry(capture_content=True, conventions=version)
    async with connect(telemetry=telemetry) as client:
        await client.request(
            "POST",
            "/embeddings",
            body={"model": "m", "input": "s3cret", "dimensions": 8, "encoding_format": "float"},
        )
    span = recorded.span
    assert (span.name, span.kind) == ("embeddings m", SpanKind.CLIENT)
    assert check(recorded.attributes, EMBEDDINGS) >= AT_CREATION
    assert recorded.attributes["gen_ai.embeddings.dimension.count"] == 8
    assert recorded.attributes["gen_ai.request.encoding_formats"] == ("float",)
    assert "s3cret" not in span.to_json()
    kind = "embeddings" if version == "latest" else "operation"
    (point,) = recorded.points(f"gen_ai.client.{kind}.duration")
    assert list(point.explicit_bounds) == pytest.approx(SECONDS)
    assert dict(point.attributes or {}).keys() >= OF_METRICS - {"gen_ai.response.model"}
