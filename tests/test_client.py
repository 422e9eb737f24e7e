"""The client itself: requests without a method of their own, copies, logs, and what it keeps to itself."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    APIResponseError,
    AsyncHoray,
    AuthenticationError,
    Horay,
    HorayError,
    RetryPolicy,
)
from horay_async.batch import BatchRequest
from horay_async.models.chat import ChatCompletion
from horay_async.testing import (
    Cut,
    FaultServer,
    Reset,
    ScriptedResponse,
    completion,
    error,
    error_event,
    json_response,
    models,
    raw,
    redirect,
    respond,
    stream,
)
from tests.processes import run_python

from .conftest import Connect

pytestmark = pytest.mark.anyio

KEY = "sk-a-key-that-nobody-may-see-9876"
PROMPT = "a prompt that nobody may see"
WORDS = "a response that nobody may see"


@pytest.fixture
def secret_server() -> Iterator[FaultServer]:
    """A server whose key is easily found in a text."""
    with FaultServer(api_key=KEY) as server:
        yield server


@pytest.fixture
def client(secret_server: FaultServer) -> AsyncHoray:
    """A client of it, with secrets wherever options can hold them."""
    return AsyncHoray(
        KEY,
        base_url=secret_server.base_url,
        retry=RetryPolicy(max_retries=1, initial_backoff=0),
        default_headers={"X-Team": "a-team-that-nobody-may-see", "Cookie": "id=nobody-may-see"},
        default_query={"token": "nobody-may-see"},
    )


# Requests without a method of their own.


async def test_request_reaches_any_path(fault_server: FaultServer, connect: Connect) -> None:
    """Method, path, query, headers and body go as they are given, and any JSON comes back."""
    fault_server.always(json_response([1, {"a": None}]), path="/things/ä b")
    fault_server.always(json_response([1, {"a": None}]), path="/things/%C3%A4%20b")
    async with connect() as client:
        response = await client.request(
            "patch",
            "/things/ä b",
            body={"x": [1]},
            extra_body={"y": 2},
            extra_query={"q": "1 2"},
            extra_headers={"X-One": "1"},
        )
    assert response.json == [1, {"a": None}]
    assert response[1]["a"] is None
    (request,) = fault_server.requests
    assert (request.method, request.query) == ("PATCH", {"q": "1 2"})
    assert request.json() == {"x": [1], "y": 2}
    assert request.headers["X-One"] == "1"
    assert request.headers["Idempotency-Key"]


@pytest.mark.parametrize(("method", "status"), [("DELETE", 204), ("POST", 205), ("HEAD", 200)])
async def test_response_without_a_body(
    fault_server: FaultServer, connect: Connect, method: str, status: int
) -> None:
    """What has no body by its status or method is no failure; what lacks one that it should have is."""
    fault_server.add(respond(b"", status, headers={"X-Request-Id": "r"}))
    async with connect() as client:
        response = await client.request(method, "/files/a")
        assert response.json is None
        assert (response.meta.status, response.meta.request_id) == (status, "r")
        assert response.to_json() == "null"
        fault_server.add(respond(b"", 200))
        with pytest.raises(APIResponseError, match="it is empty"):
            await client.request("POST", "/files")
        fault_server.add(respond(b"", 204), method="GET")
        with pytest.raises(APIResponseError, match="it is empty"):
            await client.models.list()


async def test_unknown_request_is_not_run_twice(
    fault_server: FaultServer, connect: Connect
) -> None:
    """What a request costs isn't known here: only a GET, which runs nothing, is sent again."""
    fault_server.add(raw(Reset()), raw(Reset()), models())
    async with connect(retries=1) as client:
        with pytest.raises(APIConnectionError):
            await client.request("POST", "/models", body={})
        assert (await client.request("GET", "/models")).json["object"] == "list"
    assert len(fault_server.requests) == 3


async def test_call_options_override_the_clients(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A call's own headers and query stand beside the client's, and win where both name something."""
    async with connect(
        default_headers={"X-A": "client", "X-B": "client"}, default_query={"a": 1, "b": True}
    ) as client:
        await client.models.list(extra_headers={"x-b": "call"}, extra_query={"b": "call"})
        await client.with_options(default_query={}, default_headers={}).models.list(type="text")
    first, second = fault_server.requests
    assert (first.headers["X-A"], first.headers["X-B"]) == ("client", "call")
    assert first.query == {"a": "1", "b": "call"}
    assert second.query == {"type": "text"}
    assert "X-A" not in second.headers


# Responses travel.


def pickled(it: object) -> Any:
    """What comes out of a pickle of it."""
    return pickle.loads(pickle.dumps(it))


@pytest.mark.parametrize("travel", [pickled, copy.copy, copy.deepcopy])
async def test_responses_can_be_copied_and_pickled(
    fault_server: FaultServer, connect: Connect, travel: Any
) -> None:
    """With all they know: unknown fields, how they came about, and the headers' lack of case."""
    fault_server.add(error(503), json_response({"data": [{"id": "x"}], "more": 1}))
    async with connect(retries=1) as client:
        response = await client.models.list()
        other = travel(response)
    assert other == response
    assert other.to_dict() == {"data": [{"id": "x"}], "more": 1}
    assert [attempt.status for attempt in other.meta.attempts] == [503, 200]
    assert other.meta.headers["CONTENT-TYPE"] == other.meta.headers["content-type"]
    assert other.meta.total == response.meta.total


@pytest.mark.parametrize("travel", [pickled, copy.copy, copy.deepcopy])
async def test_errors_can_be_copied_and_pickled(
    fault_server: FaultServer, connect: Connect, travel: Any
) -> None:
    """So can errors, what had come of a response included."""
    fault_server.add(
        error(429, "slow", retry_after=1, form="ms"),
        stream(["a"], done=False).with_faults(Cut(-100)),
    )
    async with connect() as client:
        with pytest.raises(APIError) as limited:
            await client.models.list()
        with pytest.raises(APIError) as cut:
            async with client.chat.completions.stream(
                model="m", messages=[{"role": "user", "content": "?"}]
            ) as events:
                await events.final()
    other = travel(limited.value)
    assert (type(other), str(other)) == (type(limited.value), str(limited.value))
    assert other.retry_after == 1
    assert other.attempts[0].status == 429
    other = travel(cut.value)
    assert other.partial.choices[0].message.content == "a"


# What it keeps to itself.


def secrets_in(text: str) -> list[str]:
    """The secrets that stand in `text`."""
    return [word for word in (KEY, PROMPT, WORDS, "nobody-may-see") if word in text]


async def test_log_holds_no_secrets(
    secret_server: FaultServer,
    client: AsyncHoray,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """With every logger at DEBUG: methods, URLs, statuses and times, and no secret of any kind."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="horay_async")
    secret_server.add(
        error(429, WORDS),
        completion(WORDS, headers={"Set-Cookie": "id=nobody-may-see"}),
        stream([WORDS, error_event(WORDS)]),
        raw(Reset()),
        redirect(f"https://nobody-may-see.example/{KEY}"),
        error(401, f"the key {KEY} is unknown"),
    )
    async with client:
        await client.completions.create(model="m", prompt=PROMPT)
        messages: Any = [{"role": "user", "content": PROMPT}]
        for _ in range(3):
            with pytest.raises(APIError):
                async with client.chat.completions.stream(model="m", messages=messages) as events:
                    await events.final()
        await client.images.save(f"{secret_server.picture_url}?sig=nobody-may-see", tmp_path / "x")
    assert secrets_in(caplog.text) == []
    assert f"POST {secret_server.base_url}/completions: done, status 200, attempt 2" in caplog.text
    assert "failed with RateLimitError, status 429, attempt 1" in caplog.text
    assert "trying again" in caplog.text
    assert f"GET {secret_server.picture_url}: done" in caplog.text


@pytest.mark.parametrize(("level", "expected"), [("debug", 3), ("info", 2), ("", 0)])
def test_log_is_turned_on_by_the_environment(
    secret_server: FaultServer, level: str, expected: int
) -> None:
    """`HORAY_LOG` alone brings the log to standard error; without it there is none."""
    secret_server.add(error(503))
    script = (
        "import sys; from horay_async import *\n"
        "with Horay(sys.argv[1], base_url=sys.argv[2]) as client:\n"
        "    client.with_options(retry=RetryPolicy(initial_backoff=0)).models.list()\n"
    )
    given = ("-W", "error", "-c", script, KEY, secret_server.base_url)
    done = run_python(*given, env={**os.environ, "HORAY_LOG": level})
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == expected, done.stderr
    assert KEY not in done.stderr


FAILURES: list[ScriptedResponse] = [
    error(401, f"the key {KEY} is unknown"),
    error(401, f"unknown: Bearer {KEY}", shape="html"),
    error(400, KEY, shape="string", code=KEY),
    error(503, KEY, shape="plain"),
    error(400, KEY, shape="envelope"),
    respond(f"<html>{KEY}</html>", content_type="text/html"),
    respond(f'{{"choices": [{{"text": "{KEY}'),
    respond(f'{{"error": {{"message": "{KEY}"}}}}'),
    completion(KEY).with_faults(Cut(-1)),
    raw(Reset()),
    raw(b"HTTP/1.1 200 OK\r\nX-Echo: " + KEY.encode() + b"\0\r\n\r\n"),
    raw(KEY.encode()),
    redirect(f"https://elsewhere.example/?key={KEY}"),
]


@pytest.mark.parametrize("response", FAILURES, ids=range(len(FAILURES)))
async def test_errors_hold_no_key(
    secret_server: FaultServer, client: AsyncHoray, response: ScriptedResponse
) -> None:
    """Not in their text, fields, pickles, nor in our own frames of a traceback that shows variables, even
    where the server sent the key back.
    """
    secret_server.always(response)
    async with client:
        with pytest.raises(HorayError) as raised:
            await client.completions.create(model="m", prompt=PROMPT)
    failure = raised.value
    vars(failure).pop("partial", None)  # what the model wrote is left as it came, as in a response
    assert KEY not in str(failure)
    assert KEY not in repr(failure)
    assert KEY not in repr(vars(failure))
    assert KEY.encode() not in pickle.dumps(failure)
    assert KEY not in "".join(traceback.format_exception(failure, chain=False))


async def test_tracebacks_that_show_variables_hold_no_key(
    secret_server: FaultServer, client: AsyncHoray
) -> None:
    """Not even one that shows the variables of every frame, down to the libraries."""
    secret_server.always(raw(Reset()))
    secret_server.add(error(401, "no"))
    async with client:
        for _ in range(2):
            with pytest.raises(APIError) as raised:
                await client.completions.create(model="m", prompt=PROMPT)
            shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
            assert KEY not in "".join(shown.format())


async def test_nothing_shows_the_key(client: AsyncHoray) -> None:
    """The client, its options and its copies show it masked, on both clients."""
    blocking = Horay(KEY, base_url="https://api.example/v1")
    everything = [client, client.options, client.with_options(timeout=1), blocking]
    everything += [blocking.options, client._transport._sender._headers]
    for it in everything:
        assert KEY not in repr(it)
        assert KEY not in str(it)
    assert "…9876" in repr(client)
    await client.close()
    blocking.close()


async def test_clients_are_not_pickled(client: AsyncHoray) -> None:
    """Neither a client nor its options go into a pickle, which would hold the key in clear."""
    for it in (client, client.options, client.options.api_key):
        with pytest.raises(TypeError):
            pickle.dumps(it)
    await client.close()


async def test_wrong_key_is_not_shown_by_the_error(secret_server: FaultServer) -> None:
    """A key that the server doesn't know is a clear error, with nothing of it."""
    wrong = "sk-some-other-secret"
    async with AsyncHoray(wrong, base_url=secret_server.base_url) as client:
        with pytest.raises(AuthenticationError) as raised:
            await client.user.info()
    assert wrong not in repr(raised.value)
    assert str(raised.value).endswith("(the key given as api_key)")


@pytest.mark.parametrize("given", ["environment", "function"])
async def test_refused_key_is_named_by_where_it_is_from(
    secret_server: FaultServer, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """The error says whose key was refused, on a copy of the client as well."""
    monkeypatch.setenv("HORAY_API_KEY", "sk-some-other-secret")
    key = (lambda: "sk-some-other-secret") if given == "function" else None
    words = {"environment": "from HORAY_API_KEY", "function": "that the function api_key returned"}
    async with AsyncHoray(key, base_url=secret_server.base_url) as client:
        for each in (client, client.with_options(max_retries=0)):
            with pytest.raises(AuthenticationError) as raised:
                await each.user.info()
            assert str(raised.value).partition(" (the key ")[2].startswith(words[given])


async def test_header_of_the_caller_is_no_key(secret_server: FaultServer) -> None:
    """Where the caller sends the header, no key was refused."""
    headers = {"Authorization": "Basic abc"}
    async with AsyncHoray(
        "sk-some-other-secret", base_url=secret_server.base_url, default_headers=headers
    ) as client:
        with pytest.raises(AuthenticationError) as raised:
            await client.user.info()
    assert "the key given" not in str(raised.value)


@pytest.mark.parametrize("cls", [AsyncHoray, Horay])
async def test_client_whose_constructor_raised_can_be_shown_and_closed(
    cls: type[AsyncHoray | Horay],
) -> None:
    """A traceback with its local variables shows the object that was being made, and a `finally` may close it."""
    client = cls.__new__(cls)
    with pytest.raises(HorayError) as caught:
        client.__init__("a key with spaces")  # type: ignore[misc] # what a call of the class does
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert f"{cls.__name__}(its constructor has raised)" in "".join(shown.format())
    if isinstance(client, AsyncHoray):
        await client.close()
    else:
        client.close()


async def test_copy_of_a_derived_client(secret_server: FaultServer) -> None:
    """What its class has set is there on the copy, and its groups send what was changed for it."""

    class Mine(AsyncHoray):
        def __init__(self, team: str, **more: Any) -> None:
            super().__init__(KEY, **more)
            self.team = team

    async with Mine("search", base_url=secret_server.base_url) as client:
        await client.models.list()
        copied = client.with_options(default_headers={"X-Team": "search"})
        assert type(copied) is Mine
        assert copied.team == "search"
        assert copied.models is not client.models
        await copied.models.list()
    first, second = (request.headers.get("X-Team") for request in secret_server.requests)
    assert (first, second) == (None, "search")


def test_copy_of_a_derived_blocking_client(secret_server: FaultServer) -> None:
    """So it is there."""

    class Mine(Horay):
        def __init__(self, team: str, **more: Any) -> None:
            super().__init__(KEY, **more)
            self.team = team

    with Mine("search", base_url=secret_server.base_url) as client:
        client.models.list()
        copied = client.with_options(default_headers={"X-Team": "search"})
        assert copied.team == "search"
        copied.models.list()
    assert secret_server.requests[1].headers.get("X-Team") == "search"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_what_reads_a_connection_is_not_copied(
    client: AsyncHoray, way: Callable[[object], object]
) -> None:
    """The end of a copy would close the connection of the original, which reads on here."""
    messages: list[Any] = [{"role": "user", "content": "?"}]
    chunks = await client.chat.completions.create(model="m", messages=messages, stream=True)
    texts = chunks.text()
    run = client.chat.completions.run_tools(model="m", messages=messages, tools=[])
    requests: list[BatchRequest[ChatCompletion]] = []
    batch = client.batch.run(requests)
    async with client.chat.completions.stream(model="m", messages=messages) as events:
        loop, results = aiter(events), aiter(batch)
        for each in (chunks, texts, events, loop, run, batch, results):
            with pytest.raises(TypeError, match=r"can't be copied or pickled"):
                way(each)
        assert (await events.final()).choices[0].finish_reason == "stop"
    assert "".join([text async for text in texts])
    await run.close()
    await client.close()


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_reads_a_connection_is_not_copied_either(
    secret_server: FaultServer, way: Callable[[object], object]
) -> None:
    """The same of the blocking client's."""
    messages: list[Any] = [{"role": "user", "content": "?"}]
    with Horay(KEY, base_url=secret_server.base_url) as client:
        chunks = client.chat.completions.create(model="m", messages=messages, stream=True)
        texts = chunks.text()
        with client.chat.completions.stream(model="m", messages=messages) as events:
            loop = iter(events)
            for each in (chunks, texts, events, loop):
                with pytest.raises(TypeError, match=r"can't be copied or pickled"):
                    way(each)
            assert events.final().choices[0].finish_reason == "stop"
        assert "".join(texts)


@pytest.mark.parametrize("kind", [AsyncHoray, Horay])
def test_options_cannot_be_set(kind: Any) -> None:
    """They would change nothing: the error says how to make a copy. Other attributes can be set, and by derived classes all."""
    client = kind(KEY)
    for name in ("timeout", "base_url", "max_retries"):
        with pytest.raises(AttributeError, match=rf"with_options\({name}=...\) makes a copy"):
            setattr(client, name, 1)
    with pytest.raises(AttributeError, match="make a client for another key"):
        client.api_key = "another-key"
    client.note = 1
    assert client.with_options(timeout=1).note == 1
    derived = type("Derived", (kind,), {})(KEY)
    derived.timeout = 3
    assert derived.timeout == 3
