"""Canned failures, as a plain socket meets them."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, get_args

import pytest

import horay_async.testing
from horay_async.testing import (
    ErrorShape,
    FaultServer,
    RetryForm,
    decompression_bomb,
    error,
    error_event,
    pings,
    rate_limits,
    redirect,
    respond,
)

from .rawclient import RawClient

BODIES: dict[ErrorShape, Any] = {
    "nested": {"error": {"message": "no", "type": "t", "param": "p", "code": "c"}},
    "text": {"error": "no"},
    "detail": {"detail": "no"},
    "details": {"detail": [{"loc": ["body", "p"], "msg": "no"}]},
    "code": {"code": "c", "message": "no", "data": None},
    "limit": {"message": "no", "data": "rate limited"},
    "envelope": {"code": "c", "message": "no", "status": False, "data": None},
    "string": "no",
}


@pytest.mark.parametrize("shape", get_args(ErrorShape))
def test_error_shapes(server: FaultServer, raw_client: RawClient, shape: ErrorShape) -> None:
    """Every shape that failure bodies of this family have."""
    server.add(error(418, "no", shape=shape, type="t", code="c", param="p", headers={"X-A": "1"}))
    raw_client.request()
    status, headers, body = raw_client.response()
    assert (status, headers["x-a"]) == (418, "1")
    assert server.executions == 0
    if shape in BODIES:
        assert headers["content-type"] == "application/json"
        assert json.loads(body) == BODIES[shape]
    else:
        media = {"plain": "text/plain", "html": "text/html", "empty": None}[shape]
        assert headers.get("content-type") == media
        page = b"<html><head><title>no</title></head></html>"
        assert body == {"plain": b"no", "html": page, "empty": b""}[shape]


def test_error_defaults() -> None:
    """What isn't said is made up, and says so."""
    assert b'"code": 20012' in error(400, shape="code").data
    assert b'"loc": ["body", "model"]' in error(422, shape="details").data
    assert b"made up by the test server" in error(500).data


def retry_headers(client: RawClient) -> dict[str, str]:
    """What one response says of when to come back."""
    client.request()
    status, headers, _ = client.response()
    assert status == 429
    return {name: headers[name] for name in ("retry-after", "retry-after-ms") if name in headers}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("seconds", {"retry-after": "2"}),
        ("ms", {"retry-after-ms": "1500"}),
        ("both", {"retry-after-ms": "1500", "retry-after": "60"}),
        ("garbage", {"retry-after": "soon"}),
        ("none", {}),
    ],
)
def test_retry_after(
    server: FaultServer, raw_client: RawClient, form: RetryForm, said: dict[str, str]
) -> None:
    """When to come back, in each form but a date."""
    server.add(error(429, retry_after=1.5, form=form))
    assert retry_headers(raw_client) == said


def test_retry_after_as_a_date(server: FaultServer, raw_client: RawClient) -> None:
    """The date lies no less ahead than it should, and less than a second more."""
    before = time.time()
    server.add(error(429, retry_after=1.5, form="date"))
    date = retry_headers(raw_client)["retry-after"]
    assert date.endswith(" GMT")
    assert before + 1.5 <= parsedate_to_datetime(date).timestamp() < time.time() + 2.5


untyped: Any = horay_async.testing
"""As untyped code has it."""


@pytest.mark.parametrize(
    ("make", "told"),
    [
        *(
            (lambda seconds=seconds: untyped.error(429, retry_after=seconds), "retry_after must be")
            for seconds in (-1.0, float("nan"), float("inf"), "3", 1e18, True)
        ),
        (lambda: untyped.error(429, form="x"), "form must be one of seconds, date"),
        (lambda: untyped.error(429, shape="x"), "shape must be one of nested, text"),
        (lambda: rate_limits(-1), "count must be 0 or more; got -1"),
        (lambda: rate_limits(3, forms=()), "forms must be a list of seconds"),
        (lambda: untyped.rate_limits(3, forms="seconds"), "forms must be a list of seconds"),
        (lambda: untyped.rate_limits(3, forms=["x"]), "form must be one of seconds"),
        (lambda: rate_limits(3, retry_after=-1), "retry_after must be"),
    ],
)
def test_what_no_server_can_say(make: Callable[[], object], told: str) -> None:
    """It is refused where it is written, and not when the response is sent."""
    with pytest.raises(ValueError, match=told):
        make()


def test_storm(server: FaultServer, raw_client: RawClient) -> None:
    """A run of rate limits goes through every form in turn."""
    server.add(*rate_limits(7, retry_after=1))
    seen = [retry_headers(raw_client) for _ in range(7)]
    assert seen[0] == seen[6] == {"retry-after": "1"}
    assert "GMT" in seen[1]["retry-after"]
    assert seen[2:6] == [
        {"retry-after-ms": "1000"},
        {"retry-after-ms": "1000", "retry-after": "60"},
        {"retry-after": "soon"},
        {},
    ]
    assert [request.response.name for request in server.requests if request.response] == [
        "429 seconds",
        "429 date",
        "429 ms",
        "429 both",
        "429 garbage",
        "429 none",
        "429 seconds",
    ]


def test_error_events() -> None:
    """A failure within a stream, with and without a name of its event."""
    plain = error_event("down", type="overloaded_error", code=503)
    body = b'data: {"error": {"message": "down", "type": "overloaded_error", "code": 503}}\n\n'
    assert plain == body
    assert (
        error_event("down", type="overloaded_error", code=503, named=True)
        == b"event: error\n" + body
    )


def test_pings() -> None:
    """Comments, with their gaps."""
    assert pings(2, 0.5) == pings(1, 0.5) * 2
    assert pings()[0] == b": ping\n\n"


def test_redirect(server: FaultServer, raw_client: RawClient) -> None:
    """The client is sent to another origin."""
    with FaultServer() as other:
        server.add(redirect(f"{other.base_url}/models", 302, headers={"X-A": "1"}))
        raw_client.request("/v1/models", method="GET")
        status, headers, _ = raw_client.response()
        assert (status, headers["location"]) == (302, f"{other.base_url}/models")
        assert headers["x-a"] == "1"


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_bomb(server: FaultServer, raw_client: RawClient, size: int) -> None:
    """A small body that grows to what was asked for."""
    server.add(decompression_bomb(size))
    raw_client.request()
    _, headers, body = raw_client.response()
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 5_000
    assert zlib.decompress(body, 31) == b'"' + b" " * size + b'"'


def test_a_wrong_content_type(server: FaultServer, raw_client: RawClient) -> None:
    """A page can come where JSON was asked for."""
    server.add(respond("<html></html>", content_type="text/html"))
    raw_client.request()
    assert raw_client.response()[1:] == (
        {"content-type": "text/html", "content-length": "13"},
        b"<html></html>",
    )
