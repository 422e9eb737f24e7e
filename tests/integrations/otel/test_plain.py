"""Calls that generate nothing: HTTP client spans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from horay_async import APIConnectionError, AuthenticationError, HorayError
from horay_async.testing import FaultServer, Reset, error, raw

if TYPE_CHECKING:
    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

REQUIRED = {"http.request.method", "server.address", "server.port", "url.full"}
"""Of spans of HTTP clients (OpenTelemetry semantic conventions 1.41.1, docs/http/http-spans.md)."""


async def test_models_and_user(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The span is named for method and path, and has what is required of an HTTP client's."""
    async with connect(
        default_query={"team": "s3cret"}, telemetry=recorded.telemetry(capture_content=True)
    ) as client:
        await client.models.list(type="text")
        await client.user.info()
    assert [span.name for span in recorded.spans] == ["GET /models", "GET /user/info"]
    for span in recorded.spans:
        attributes = dict(span.attributes or {})
        assert attributes.keys() >= REQUIRED
        assert span.kind is SpanKind.CLIENT
        assert attributes["url.full"] == fault_server.base_url + str(attributes["url.template"])
        assert attributes["http.response.status_code"] == 200
        assert attributes["horay.request_id"]
        assert not any(name.startswith("gen_ai.") for name in attributes)
        assert "s3cret" not in span.to_json()
    assert not recorded.metrics()


async def test_any_other_path(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Of a path that can be any, the name of the span has the method alone."""
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(HorayError):
            await client.request("DELETE", "/files/file-123")
    assert recorded.span.name == "DELETE"
    assert recorded.attributes["url.full"] == f"{fault_server.base_url}/files/file-123"


async def test_body_that_is_no_object(connect: Connect, recorded: Recorded) -> None:
    """A body of the caller's own making, which names no model, is sent and has a plain span."""
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.request("POST", "/chat/completions", body=[1])
    assert recorded.span.name == "POST"


async def test_failure(fault_server: FaultServer, connect: Connect, recorded: Recorded) -> None:
    """The error's type is the status, as for HTTP clients."""
    fault_server.add(error(401))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(AuthenticationError):
            await client.user.info()
    assert recorded.attributes["error.type"] == "401"
    assert recorded.attributes["http.response.status_code"] == 401
    assert recorded.span.status.status_code is StatusCode.ERROR


async def test_no_response(fault_server: FaultServer, connect: Connect, recorded: Recorded) -> None:
    """Where no response came, there is no status; the error's type is its class."""
    fault_server.add(raw(Reset()))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.user.info()
    assert recorded.attributes["error.type"] == "APIConnectionError"
    assert "http.response.status_code" not in recorded.attributes
    assert recorded.span.status.description == str(caught.value)


async def test_download(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, tmp_path: Path
) -> None:
    """A picture's host is told nothing of the trace; its URL is recorded without signature and password."""
    url = fault_server.picture_url.replace("://", "://me:pass@") + "?sig=s3cret"
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.images.save(url, tmp_path / "x.png")
    assert recorded.span.name == "GET"
    assert recorded.attributes["url.full"] == fault_server.picture_url
    (request,) = fault_server.requests
    assert "traceparent" not in request.headers
