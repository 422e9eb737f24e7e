"""What a server writes into heads and errors: fit for every sink, and never with a secret in it."""

from __future__ import annotations

import base64
import json
import logging
import socket
import traceback
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AsyncHoray,
    ClientParams,
    RateLimitError,
    RetryPolicy,
)
from horay_async.testing import FaultServer, Request, ScriptedResponse, error, respond

from .scripted import ScriptedServer, scripted, whole
from .tunnel import Tunnel, tunnel

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

KEY = "sk-a-key-for-the-test"
NASTY = b"req-\xff\xfe\x1b[31m" + KEY.encode() + b"\x85\x9b2J"
"""Bytes that aren't UTF-8, an escape sequence, the key, and C1 controls. Raw C0 controls are no HTTP."""


def client_of(server: ScriptedServer, **options: Unpack[ClientParams]) -> AsyncHoray:
    """A client of `server`."""
    quick: ClientParams = {
        "base_url": server.base_url,
        "retry": RetryPolicy(max_retries=1, initial_backoff=0.0, max_backoff=0.0),
    }
    return AsyncHoray(KEY, **(quick | options))


def sinks(error: BaseException) -> Iterator[str]:
    """Every form in which an error is shown or written."""
    yield str(error)
    yield repr(error)
    yield from traceback.format_exception(error)
    cause: BaseException | None = error
    while cause is not None:
        yield f"{cause} {cause!r} {cause.args!r}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, APIError):
        yield repr(error.attempts)
        yield str(error.request_id)
        yield from map(str, (attempt.request_id for attempt in error.attempts))
    if isinstance(error, APIStatusError):
        yield error.message
        yield json.dumps([error.type, error.code, error.param, error.body])


def assert_clean(texts: Iterator[str] | list[str], *secrets: str) -> None:
    """Nothing in `texts` needs to be cleaned any more."""
    for text in texts:
        text.encode()  # no half of a pair
        assert not [c for c in text if unicodedata.category(c) == "Cc" and c != "\n"], text
        for secret in (KEY, *secrets):
            assert secret not in text, text


def failing(status: bytes) -> Any:
    """Responds to every request with a failure full of what can't be shown."""
    echo = json.dumps(
        {"error": {"message": f"no \x1b[31m\udcff {KEY}", "code": f"\x07{KEY}", "type": "\x9b1m"}}
    )

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        while True:
            server.read_request(wire)
            head = b"HTTP/1.1 %b No\xff%b\r\nX-Request-Id: %b\r\nLocation: http://x/%b\r\n" % (
                status,
                KEY.encode(),
                NASTY,
                NASTY,
            )
            wire.sendall(
                head
                + b"Content-Type: text/%b\r\nContent-Length: %d\r\n\r\n%b"
                % (NASTY, len(echo), echo.encode())
            )

    return script


@pytest.mark.parametrize("status", [b"302", b"400", b"429", b"500"])
async def test_failures_are_clean_in_every_sink(
    status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Message, causes, attempts, log, and what hooks are told."""
    told: list[Any] = []
    caplog.set_level(logging.DEBUG, "horay_async")
    with scripted(failing(status)) as server:
        async with client_of(server, on_retry=told.append, on_response=told.append) as client:
            with pytest.raises(APIStatusError) as raised:
                await client.completions.create(model="m", prompt="p")
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req-")
    assert_clean(sinks(raised.value))
    assert_clean([record.getMessage() for record in caplog.records])
    assert_clean([repr(event) for event in told])


@pytest.mark.parametrize("status", [b"302", b"400", b"429", b"500"])
async def test_spans_and_their_events_are_clean(status: bytes) -> None:
    """Whatever telemetry records of a failure, its attempts included, even with content."""
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from horay_async.integrations.otel import Telemetry  # noqa: PLC0415 - needs the extra

    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    telemetry = Telemetry(tracer_provider=provider, capture_content=True)
    with scripted(failing(status)) as server:
        async with client_of(server, telemetry=telemetry) as client:
            with pytest.raises(APIStatusError):
                await client.completions.create(model="m", prompt="p")
    (span,) = spans.get_finished_spans()
    assert span.attributes["horay.request_id"].startswith("req-")
    assert span.status.description
    written = json.loads(span.to_json())
    assert_clean(list(texts_in(written)))
    provider.shutdown()


@pytest.mark.parametrize("status", [b"302", b"400", b"429", b"500"])
async def test_lines_of_a_batch_are_clean(status: bytes, tmp_path: Path) -> None:
    """The line of a request that failed can be read again, and shows neither key nor controls."""
    requests, responses = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = {"custom_id": "1", "method": "POST", "url": "/v1/completions"}
    requests.write_text(json.dumps({**asked, "body": {"model": "m", "prompt": "p"}}) + "\n")
    with scripted(failing(status)) as server:
        async with client_of(server) as client:
            progress = await client.batch.run_file(
                requests, responses, concurrency=1, give_up_after=0.05
            )
    assert progress.failed == 1
    (line,) = responses.read_bytes().splitlines()
    written = json.loads(line)
    assert written["custom_id"] == "1"
    assert_clean([line.decode(), *texts_in(written)])


def texts_in(value: Any) -> Iterator[str]:
    """Every text in something that was JSON, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in cast("dict[str, Any]", value).items():
            yield name
            yield from texts_in(member)
    elif isinstance(value, list):
        for member in cast("list[Any]", value):
            yield from texts_in(member)


async def test_heads_are_clean_and_responses_untouched() -> None:
    """A good response's head is cleaned; what the model wrote is what it wrote."""
    wrote = f"a\x1b[31m\n{KEY}\u200d"
    body = json.dumps(
        {"id": "1", "choices": [{"index": 0, "text": wrote, "finish_reason": "stop"}]}
    )

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(whole(body.encode(), b"X-Request-Id: " + NASTY, b"X-Other: " + NASTY))

    with scripted(script) as server:
        async with client_of(server) as client:
            response = await client.completions.create(model="m", prompt="p")
    assert response.choices[0].text == wrote
    assert_clean([repr(response.meta), *response.meta.headers.values()])
    assert str(response.meta.request_id).startswith("req-\ufffd")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nX: \x00" + KEY.encode() + b"\r\n\r\n",
        KEY.encode() + b" is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        + KEY.encode()
        + b"\r\n",
    ],
)
async def test_what_is_no_http_is_clean(sent: bytes) -> None:
    """aiohttp shows the bytes that it couldn't understand: a traceback of ours doesn't."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        server.read_request(wire)
        wire.sendall(sent)

    with scripted(script) as server:
        async with client_of(server) as client:
            with pytest.raises(APIError) as raised:
                async for _ in await client.completions.create(model="m", prompt="p", stream=True):
                    pass
    assert_clean(sinks(raised.value))


@pytest.mark.parametrize("status", [b"407", b"502"])
async def test_password_of_a_proxy(connect: Connect, status: bytes) -> None:
    """A proxy that won't tunnel has its user and password in no traceback."""
    proxy: Tunnel
    async with tunnel() as proxy:
        proxy.refusal = b"HTTP/1.1 %b No\r\nContent-Length: 0\r\n\r\n" % status
        url = proxy.url.replace("//", "//someone:hunter%2F22@")
        async with connect(base_url="https://api.example/v1", proxy=url) as client:
            with pytest.raises(APIConnectionError, match="proxy responded with") as raised:
                await client.models.list()
    assert "Basic" in proxy.heads[0]
    basic = base64.b64encode(b"someone:hunter/22").decode()
    assert_clean(sinks(raised.value), "hunter", "someone", basic)


TENANT = "sk-tenant-0123456789"


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, {"extra_headers": {"Authorization": f"Bearer {TENANT}"}}),
        ({}, {"extra_headers": {"api-key": TENANT}}),
        ({}, {"extra_headers": {"Cookie": f"a=b; session={TENANT}"}}),
        ({}, {"extra_query": {"key": TENANT}}),
        ({"default_headers": {"X-Api-Key": TENANT}}, {}),
        ({"default_query": {"sig": TENANT}}, {}),
        ({"proxy": f"http://us%C3%A9r:{TENANT}@{{}}"}, {}),
    ],
    ids=str,
)
async def test_other_secrets_that_a_server_repeats(
    fault_server: FaultServer, connect: Connect, options: Any, call: Any
) -> None:
    """What headers, the query or the proxy have of secrets is in no error, as the key isn't."""

    def repeat(request: Request) -> ScriptedResponse:
        sent = [*request.headers.values(), request.target]
        return respond(json.dumps({"error": {"message": " ".join(sent)}}), status=400)

    fault_server.add(repeat)
    if "proxy" in options:
        place = fault_server.origin.removeprefix("http://")
        options = {"proxy": options["proxy"].format(place)}
        options |= {"base_url": "http://api.example/v1", "allow_insecure_http": True}
    async with connect(**options) as client:
        with pytest.raises(APIError, match="API key") as raised:
            await client.request("POST", "/x", body={}, **call)
    basic = base64.b64encode(f"usér:{TENANT}".encode("latin1")).decode()
    assert_clean(sinks(raised.value), TENANT, basic)


async def test_password_of_the_environments_proxy_that_it_repeats(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy's own error page is clean, too."""
    fault_server.add(lambda asked: respond(asked.headers["Proxy-Authorization"], status=403))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, fault_server.origin.replace("//", f"//user:{TENANT}@"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with connect(
        base_url="http://api.example/v1", allow_insecure_http=True, trust_env=True
    ) as client:
        with pytest.raises(APIError, match="API key") as raised:
            await client.models.list()
    assert_clean(sinks(raised.value), base64.b64encode(f"user:{TENANT}".encode()).decode())


async def test_remote_proxy_of_the_environment_gets_no_key(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The machine itself is reached in plain HTTP without the environment's proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with connect(trust_env=True) as client:
        await client.models.list()


@pytest.mark.parametrize("same_origin", [True, False])
async def test_headers_stay_with_their_origin(tmp_path: Path, same_origin: bool) -> None:
    """`extra_headers` of a download don't follow a redirect to another origin."""

    def there(server: ScriptedServer, wire: socket.socket) -> None:
        while True:
            server.read_request(wire)
            wire.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89PNG"
            )

    with scripted(there) as other:

        def here(server: ScriptedServer, wire: socket.socket) -> None:
            while True:
                if b"/elsewhere" in server.read_request(wire):
                    wire.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89PNG"
                    )
                else:
                    target = b"/elsewhere" if same_origin else other.base_url.encode()
                    wire.sendall(
                        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % target
                    )

        with scripted(here) as server:
            async with client_of(server) as client:
                await client.images.save(
                    f"{server.base_url}/p.png",
                    tmp_path / "p.png",
                    extra_headers={"X-Token": "for-here"},
                )
    assert b"X-Token: for-here" in server.heads[0]
    last = server.heads[-1] if same_origin else other.heads[-1]
    assert (b"X-Token" in last) is same_origin


@pytest.mark.parametrize("location", [b"\xff\xfe", b"ftp://x/", b"http://[", b"//\xff"])
async def test_odd_redirects_of_a_download(tmp_path: Path, location: bytes) -> None:
    """A place that can't be gone to is an error of ours."""

    def script(server: ScriptedServer, wire: socket.socket) -> None:
        while True:
            server.read_request(wire)
            wire.sendall(
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % location
            )

    with scripted(script) as server:
        async with client_of(server) as client:
            with pytest.raises(APIError) as raised:
                await client.images.save(f"{server.base_url}/p.png", tmp_path / "p.png")
    assert_clean(sinks(raised.value))


async def test_retry_after_beyond_the_limit_is_raised_at_once(
    connect: Connect, fault_server: Any
) -> None:
    """121 s aren't waited for, and nothing is asked before they are over."""
    fault_server.always(error(429, retry_after=121))
    async with connect(retries=3) as client:
        with pytest.raises(RateLimitError) as raised:
            await client.models.list()
    assert raised.value.retry_after == 121
    assert len(fault_server.requests) == 1
