"""The transports of httpx2, without any SDK on them."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from horay_async import (
    APIConnectionError,
    AsyncHoray,
    Horay,
    Limits,
    ResponseEvent,
    RetryPolicy,
    Timeouts,
)
from horay_async.integrations.httpx2 import AsyncHorayTransport, HorayTransport
from horay_async.testing import (
    Cut,
    Delay,
    FaultServer,
    Hang,
    error,
    json_response,
    pings,
    respond,
    sse,
)

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(max_retries=1, initial_backoff=0.001, max_backoff=0.002)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


class Side:
    """An httpx2 client on either transport, used alike."""

    def __init__(self, server: FaultServer, *, blocking: bool) -> None:
        self.server = server
        self.blocking = blocking
        self.horays: list[Any] = []

    def client(self, **options: Any) -> Any:
        """An httpx2 client; `options` are the Horay client's, but for httpx2's `timeout`."""
        kept = {"timeout": options.pop("httpx2_timeout")} if "httpx2_timeout" in options else {}
        options = {"base_url": self.server.base_url, "retry": QUICK, **options}
        self.url = self.server.base_url
        if self.blocking:
            horay = Horay(self.server.api_key, **options)
            self.horays.append(horay)
            return httpx2.Client(transport=HorayTransport(horay), **kept)
        waiting = AsyncHoray(self.server.api_key, **options)
        self.horays.append(waiting)
        return httpx2.AsyncClient(transport=AsyncHorayTransport(waiting), **kept)

    async def send(self, client: Any, method: str, path: str, **options: Any) -> httpx2.Response:
        """A response, read to its end."""
        if self.blocking:
            return await asyncio.to_thread(client.request, method, self.url + path, **options)
        received: httpx2.Response = await client.request(method, self.url + path, **options)
        return received

    async def close(self) -> None:
        """Closes the Horay clients."""
        for horay in self.horays:
            if self.blocking:
                horay.close()
            else:
                await horay.close()


@pytest.fixture(params=["awaited", "blocking"])
async def side(request: pytest.FixtureRequest, fault_server: FaultServer) -> Any:
    """Each of the two transports."""
    side = Side(fault_server, blocking=request.param == "blocking")
    yield side
    await side.close()


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
async def test_responses_as_they_were_sent(side: Side, coding: Any) -> None:
    """Status, headers that stand twice, and a body that was compressed."""
    client = side.client()
    options: Any = {"coding": coding} if coding else {}
    side.server.add(
        json_response({"a": "ö" * 500}, 201, headers={"x-a": "1"}, **options), path="/x"
    )
    found = await side.send(client, "POST", "/x", json={"b": 1})
    assert (found.status_code, found.json(), found.headers["x-a"]) == (201, {"a": "ö" * 500}, "1")
    assert side.server.requests[0].json() == {"b": 1}


@pytest.mark.parametrize(
    ("accept", "asked"), [("application/binary", False), ("*/*", False), ("application/json", True)]
)
async def test_files_are_asked_for_without_compression(
    side: Side, accept: str, asked: bool
) -> None:
    """Half of a file is a file, too, and whether compressed data was cut isn't told of each coding."""
    side.server.add(respond(b"x", content_type="application/octet-stream"), path="/files/f/content")
    await side.send(side.client(), "GET", "/files/f/content", headers={"Accept": accept})
    assert ("gzip" in side.server.requests[0].headers["Accept-Encoding"]) is asked


@pytest.mark.parametrize("media", ["", "application/json"])
@pytest.mark.parametrize(
    ("method", "status"),
    [("DELETE", 204), ("POST", 204), ("PUT", 205), ("GET", 204), ("HEAD", 200)],
)
async def test_empty_bodies(side: Side, method: str, status: int, media: str) -> None:
    """Requests and responses without a body, whatever type of content these name."""
    side.server.add(respond(b"", status, content_type=media), method=method, path="/x")
    found = await side.send(side.client(), method, "/x")
    assert (found.status_code, found.content) == (status, b"")
    assert [request.body for request in side.server.requests] == [b""]


async def test_generation_without_content(side: Side) -> None:
    """A chat has to have a response."""
    side.server.add(respond(b"", 204))
    with pytest.raises(httpx2.RemoteProtocolError, match="empty"):
        await side.send(side.client(), "POST", "/chat/completions", json=CHAT)


@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/x"])
async def test_time_taken(side: Side, path: str) -> None:
    """What httpx2 tells of a response's time once it is read, it tells of these, too."""
    client = side.client()
    side.server.add(json_response({"a": 1}), path="/x")
    method = "GET" if path == "/models" else "POST"
    found = await side.send(client, method, path, json=CHAT)
    assert found.status_code == 200
    assert found.elapsed > timedelta(0)


async def test_queries(side: Side) -> None:
    """The request's own and the client's, neither encoded twice."""
    client = side.client(default_query={"q": "1"})
    side.server.add(json_response({}), path="/x")
    await side.send(client, "GET", "/x", params={"a": "ö &"})
    assert side.server.requests[0].query == {"a": "ö &", "q": "1"}


async def test_failing_statuses_are_responses(side: Side) -> None:
    """Once they were retried."""
    client = side.client()
    side.server.always(error(503, "overloaded"))
    found = await side.send(client, "POST", "/chat/completions", json=CHAT)
    assert (found.status_code, len(side.server.requests)) == (503, 2)
    assert found.json()["error"]["message"] == "overloaded"


@pytest.mark.parametrize("path", ["/chat/completions", "/elsewhere"])
async def test_body_that_breaks_off(side: Side, path: str) -> None:
    """An error of httpx2's, whatever the body is."""
    client = side.client()
    media = "application/json" if path.startswith("/chat") else "audio/mpeg"
    side.server.always(respond(b"x" * 5000, content_type=media).with_faults(Cut(-100)))
    with pytest.raises(httpx2.ReadError):
        await side.send(client, "POST", path, json=CHAT)


@pytest.mark.parametrize("cut", [True, False])
async def test_hooks_are_told_how_a_body_ended(side: Side, cut: bool) -> None:
    """When it has come, or has broken off: not when its response's head has come."""
    told: list[ResponseEvent] = []
    client = side.client(on_response=told.append)
    sent = respond(b"x" * 5000, content_type="audio/mpeg")
    side.server.always(sent.with_faults(Cut(-100)) if cut else sent)
    with pytest.raises(httpx2.ReadError) if cut else nullcontext():
        await side.send(client, "POST", "/elsewhere")
    (end,) = told
    assert isinstance(end.error, APIConnectionError) is cut
    assert end.complete is not cut


async def test_silence_in_a_body(side: Side) -> None:
    """The timeout `idle` runs for what is handed on as it comes, too."""
    client = side.client(timeout=Timeouts(idle=0.2))
    side.server.always(respond(b"x" * 5000, content_type="audio/mpeg").with_faults(Hang(-100)))
    with pytest.raises(httpx2.ReadTimeout):
        await side.send(client, "POST", "/elsewhere")


async def test_cut_stream(side: Side) -> None:
    """A protocol error, not an end."""
    client = side.client()
    side.server.stream(["one"], done=False, finish_reason=None)
    side.server.stream(["two"], done=False, finish_reason=None)
    with pytest.raises(httpx2.RemoteProtocolError, match="incomplete"):
        await side.send(client, "POST", "/chat/completions", json={**CHAT, "stream": True})


async def test_stream_as_text(side: Side) -> None:
    """Events as they were sent, pings left out."""
    client = side.client()
    side.server.stream(["one", *pings(2), " two"])
    found = await side.send(client, "POST", "/chat/completions", json={**CHAT, "stream": True})
    lines = found.text.split("\n\n")
    assert (len(lines), lines[-2:]) == (5, ["data: [DONE]", ""])
    assert found.headers["content-type"] == "text/event-stream"


async def test_whole_response_to_a_stream(side: Side) -> None:
    """A server that ignores `stream` is told from one that has nothing to say."""
    client = side.client()
    side.server.always(json_response({"choices": []}))
    with pytest.raises(httpx2.RemoteProtocolError, match="isn't an event stream"):
        await side.send(client, "POST", "/chat/completions", json={**CHAT, "stream": True})


async def test_error_among_events_that_nobody_asked_for(side: Side) -> None:
    """It is raised: nobody looks for one in the body of a success."""
    event = sse({"error": {"message": "out of memory", "code": 400}})
    side.server.always(respond([event], content_type="text/event-stream"))
    with pytest.raises(httpx2.RemoteProtocolError, match="out of memory"):
        await side.send(side.client(), "POST", "/chat/completions", json=CHAT)


async def test_timeouts(side: Side) -> None:
    """httpx2's default leaves the client's own; one number is a deadline; several set the timeouts."""
    side.server.always(lambda _: json_response({}).with_faults(Hang()))
    cases: list[tuple[Any, Any, str]] = [
        ({"timeout": Timeouts(first_byte=0.1)}, {}, "'first_byte'"),
        ({"httpx2_timeout": 0.1}, {}, "'total'"),
        ({}, {"timeout": httpx2.Timeout(9, read=0.1)}, "'first_byte'"),
        ({}, {"extensions": {"horay": {"timeout": 0.1}}}, "'total'"),
        ({"httpx2_timeout": 0.1}, {"extensions": {"horay": {"max_retries": 0}}}, "'total'"),
        ({"httpx2_timeout": 0.1}, {"extensions": {"horay": None}}, "'total'"),
    ]
    for options, call, clock in cases:
        client = side.client(**options)
        with pytest.raises(httpx2.ReadTimeout, match=clock):
            await side.send(client, "POST", "/chat/completions", json=CHAT, **call)


async def test_password_in_the_address_of_another_host(side: Side) -> None:
    """It goes into a header, as httpx2 sends it, and not into the address as well."""
    with FaultServer() as other:
        other.add(json_response({}))
        client = side.client()
        side.url = other.base_url.replace("//", "//user:word@")
        await side.send(client, "GET", "/x")
        assert other.requests[0].headers["authorization"] == "Basic dXNlcjp3b3Jk"


async def test_options_of_a_call(side: Side) -> None:
    """`max_retries` in the extension; one that isn't known is refused."""
    client = side.client()
    side.server.always(error(503))
    extensions: Any = {"horay": {"max_retries": 3}}
    await side.send(client, "POST", "/chat/completions", json=CHAT, extensions=extensions)
    assert len(side.server.requests) == 4
    with pytest.raises(TypeError, match=r"extensions\['horay'\] must be a mapping"):
        await side.send(client, "GET", "/models", extensions={"horay": [1]})
    with pytest.raises(TypeError, match="max_retry"):
        await side.send(client, "GET", "/models", extensions={"horay": {"max_retry": 3}})


async def test_options_that_are_sent(side: Side) -> None:
    """Headers, query, fields and the idempotency key in the extension."""
    side.server.always(json_response({}))
    own = {"extra_headers": {"X-A": "2"}, "extra_query": {"b": 1}, "extra_body": {"top_k": 3}}
    extensions: Any = {"horay": {**own, "idempotency_key": "mine"}}
    headers = {"x-a": "1", "idempotency-key": "theirs"}
    client = side.client()
    await side.send(client, "POST", "/x", json={"a": 1}, headers=headers, extensions=extensions)
    sent = side.server.requests[0]
    assert (sent.json(), sent.headers["X-A"]) == ({"a": 1, "top_k": 3}, "2")
    assert (sent.headers["Idempotency-Key"], sent.query) == ("mine", {"b": "1"})
    with pytest.raises(TypeError, match="extra_body needs a JSON object"):
        await side.send(client, "POST", "/x", content=b"text", extensions=extensions)


async def test_bulk_in_the_extension(side: Side) -> None:
    """Where the limits make requests wait, others go first."""
    side.server.always(json_response({}).with_faults(Delay(0.3)))
    client = side.client(limits=Limits(concurrency=1))
    wanted: dict[str, Any] = {"/first": {}, "/bulk": {"horay": {"bulk": True}}, "/last": {}}
    sent: list[asyncio.Task[Any]] = []
    for path, extensions in wanted.items():
        sent.append(asyncio.ensure_future(side.send(client, "GET", path, extensions=extensions)))
        await asyncio.sleep(0.05)
    await asyncio.gather(*sent)
    assert [request.path for request in side.server.requests] == ["/first", "/last", "/bulk"]


async def test_no_server(side: Side) -> None:
    """What was never sent is told from what was."""
    client = side.client(base_url="http://127.0.0.1:9/v1")
    side.url = "http://127.0.0.1:9/v1"
    with pytest.raises(httpx2.ConnectError):
        await side.send(client, "GET", "/models")


async def test_leaving_a_body_closes_the_connection(fault_server: FaultServer) -> None:
    """What is handed on as it comes, and is left early."""
    side = Side(fault_server, blocking=False)
    client = side.client()
    fault_server.always(respond(b"x" * 5000, content_type="audio/mpeg").with_faults(Hang(-100)))
    async with client.stream("POST", f"{side.url}/elsewhere") as response:
        async for _ in response.aiter_raw():
            break
    await fault_server.until_closed(1)
    await client.aclose()
    assert not side.horays[0].closed
    await side.close()
