"""The five operations over HTTP on the real model, and every way in which the server says no."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import struct

import aiohttp
import pytest
from yarl import URL

from horay_async.local import LocalServer, app

from .wire import Json, Wire

pytestmark = pytest.mark.anyio

GERMANY: Json = {"prompt": "The capital of Germany is", "temperature": 0}
HELLO: Json = {"messages": [{"role": "user", "content": "Say hello."}], "temperature": 0}
IMAGE: Json = {"prompt": "an island", "image_size": "768x512"}


async def test_user_info(wire: Wire) -> None:
    """The local account comes in the documented envelope, with money as strings."""
    response = await wire.get("/user/info")
    assert (response["code"], response["message"], response["status"]) == (20000, "OK", True)
    user = response["data"]
    assert user["name"] == "Local account"
    assert user["isAdmin"] is False
    assert (user["balance"], user["chargeBalance"], user["totalBalance"]) == (
        "1.00",
        "0.00",
        "1.00",
    )


async def test_models(wire: Wire, server: LocalServer) -> None:
    """The list holds the model in use and the renderer, and the filters narrow it down."""
    response = await wire.get("/models")
    assert response["object"] == "list"
    text, image = response["data"]
    assert (text["id"], text["object"]) == (server.model, "model")
    assert "no diffusion model" in image["owned_by"]
    for query, found in (
        ("type=text", [text]),
        ("type=image&sub_type=text-to-image", [image]),
        ("sub_type=chat", [text]),
        ("sub_type=embedding", [text]),
        ("type=audio", []),
    ):
        assert (await wire.get(f"/models?{query}"))["data"] == found
    refused = await wire.get("/models?type=smell", status=400)
    assert refused["error"]["param"] == "type"


async def test_completion(wire: Wire, server: LocalServer) -> None:
    """A completion has the documented shape, and the model knows the response."""
    response = await wire.post("/completions", **GERMANY, max_tokens=3)
    assert response["object"] == "text_completion"
    assert response["model"] == server.model
    (choice,) = response["choices"]
    assert "Berlin" in choice["text"]
    assert choice["finish_reason"] == "length"
    assert choice["logprobs"] is None
    assert response["prompt"] == [{"text": GERMANY["prompt"], "logprobs": None}]
    assert response["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


async def test_completion_stream(wire: Wire) -> None:
    """A stream has one chunk a token, and they add up to the whole response."""
    fields = {**GERMANY, "max_tokens": 8}
    whole = await wire.post("/completions", **fields)
    events = await wire.stream(
        "/completions", **fields, logprobs=True, stream_options={"include_usage": True}
    )
    last = events.pop()
    assert last["choices"] == []
    assert last["usage"] == whole["usage"]
    choices = [choice for event in events for choice in event["choices"]]
    spoken = [choice for choice in choices if choice["text"]]
    assert len(spoken) == 8
    assert all(choice["logprobs"]["tokens"] == [choice["text"]] for choice in spoken)
    assert "".join(choice["text"] for choice in spoken) == whole["choices"][0]["text"]
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    assert choices[-1]["finish_reason"] == "length"
    assert {event["id"] for event in events} == {last["id"]}


async def test_chat(wire: Wire) -> None:
    """A chat response is a message; its stream says the same in pieces."""
    fields = {**HELLO, "max_tokens": 6}
    whole = await wire.post("/chat/completions", **fields)
    assert whole["object"] == "chat.completion"
    (choice,) = whole["choices"]
    assert choice["message"]["role"] == "assistant"
    assert "Hello" in choice["message"]["content"]
    assert whole["usage"]["completion_tokens"] == 6
    events = await wire.stream("/chat/completions", **fields)
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == choice["message"]["content"]
    assert len(deltas) == 1 + 6 + 1  # the role, each token, the finish reason


async def test_image(wire: Wire) -> None:
    """An image is a seeded PNG at a URL that needs no key, and the response says what made it."""
    one = await wire.post("/image/generations", **IMAGE, seed=7)
    again = await wire.post("/image/generations", **IMAGE, seed=7)
    other = await wire.post("/image/generations", **IMAGE)
    assert one["seed"] == 7
    assert one["timings"]["inference"] > 0
    assert "no diffusion model" in one["model"]
    pictures: list[bytes] = []
    async with aiohttp.ClientSession() as keyless:
        for response in (one, again, other):
            async with keyless.get(response["images"][0]["url"]) as got:
                assert got.status == 200
                assert got.content_type == "image/png"
                pictures.append(await got.read())
        async with keyless.get(one["images"][0]["url"] + "x") as missing:
            assert missing.status == 404
            assert "no such picture" in (await missing.json())["error"]["message"]
    assert pictures[0][:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">2I", pictures[0][16:24]) == (768, 512)
    assert pictures[0] == pictures[1] != pictures[2]


async def test_model_by_id(wire: Wire) -> None:
    """Each model of the list is there by its id; any other name stands for the one that a request with it gets."""
    text, renderer = (await wire.get("/models"))["data"]
    for model in (text, renderer):
        assert await wire.get(f"/models/{model['id']}") == model
    for name in ("gpt-4", "a/b", "a%2Fb", "%2e%2e%2f", "x" * 4000):
        assert await wire.get(f"/models/{name}") == text
    assert await wire.get("/models/black-forest-labs%2FFLUX.1-dev") == renderer


@pytest.mark.parametrize(
    ("name", "status"),
    [("gpt-4", 200), ("black-forest-labs/FLUX.1-schnell", 400), ("local/picture-renderer", 400)],
)
async def test_models_by_one_rule(wire: Wire, name: str, status: int) -> None:
    """Of a name that chat takes, `GET /models/{id}` returns the model that responds; else the one for images."""
    body = {"model": name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    chat = await wire.post("/chat/completions", status, **body)
    expected = chat["model"] if status == 200 else "local/picture-renderer"
    assert (await wire.get(f"/models/{name}"))["id"] == expected


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/completions", {"prompt": None}, "prompt"),
        ("/completions", {"prompt": "p", "temperature": 9}, "temperature"),
        ("/completions", {"prompt": "p", "n": 129}, "n"),
        ("/completions", {"prompt": "p", "logit_bias": {"105": 101}}, "logit_bias.105"),
        ("/completions", {"prompt": "p", "model": "black-forest-labs/FLUX.1-schnell"}, "model"),
        ("/chat/completions", {"messages": []}, "messages"),
        ("/chat/completions", HELLO | {"top_logprobs": 3}, "top_logprobs"),
        ("/chat/completions", HELLO | {"tool_choice": "required"}, "tool_choice"),
        ("/image/generations", IMAGE | {"image_size": "1x1"}, "image_size"),
        ("/image/generations", IMAGE | {"seed": 0}, "seed"),
    ],
)
async def test_bad_field(wire: Wire, path: str, body: Json, named: str) -> None:
    """A field out of its range is a 400 that names it, whether or not a stream was asked for."""
    for stream in (False, True):
        refused = await wire.post(path, status=400, **body, stream=stream)
        assert refused["error"]["message"].startswith(named + " ")
        assert refused["error"]["param"] == named
        assert refused["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
async def test_engine_refusal(wire: Wire, stream: bool) -> None:
    """What llama.cpp refuses is a 400 with its words and our advice, also where a stream was asked for."""
    refused = await wire.post("/completions", status=400, prompt="word " * 3000, stream=stream)
    assert "exceeds the available context size" in refused["error"]["message"]
    assert "`horay serve --context N` sets it" in refused["error"]["message"]
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]
    messages = [{"role": "user", "content": picture}]
    refused = await wire.post("/chat/completions", status=400, messages=messages, stream=stream)
    assert refused["error"]["message"] == "image input is not supported: the model takes text alone"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"model": "m", ', "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"temperature": NaN}', "NaN is no JSON"),
        (b'{"prompt": "\\ud800"}', "half of a surrogate pair"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1]", "must be a JSON object"),
    ],
)
async def test_bad_body(wire: Wire, body: bytes, words: str) -> None:
    """A body that isn't a JSON object is a 400 that says so."""
    async with wire.session.post(wire.url + "/completions", data=body) as response:
        assert response.status == 400
        error = (await response.json())["error"]
    assert words in error["message"]
    assert error["code"] == "invalid_json"


async def test_body_in_a_wrong_encoding(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A body that isn't compressed as its head says is the client's fault, and no traceback."""
    head = {"Content-Encoding": "gzip"}
    async with wire.session.post(
        wire.url + "/completions", data=b"plain", headers=head
    ) as response:
        assert response.status == 400
        error = (await response.json())["error"]
    assert error["message"] == "the body can't be decoded as its headers say"
    assert not any(record.exc_info for record in caplog.records)


async def test_request_that_is_no_http(
    server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told in one line, which shows nothing of it."""
    url = URL(server.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization : secret\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
    writer.close()
    (record,) = caplog.records
    assert record.getMessage() == "Error handling request from 127.0.0.1"
    assert not record.exc_info
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic local"}, {"X-Key": "local"}],
)
@pytest.mark.parametrize("path", ["/models", "/completions", "/nothing"])
async def test_wrong_key(server: LocalServer, headers: dict[str, str], path: str) -> None:
    """Without the right key everything under /v1 is a 401, and says how to send one."""
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(server.base_url + path) as response,
    ):
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        error = (await response.json())["error"]
    assert "Authorization: Bearer" in error["message"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


async def test_unknown_path(wire: Wire) -> None:
    """A path that isn't there is a 404 that repeats it."""
    refused = await wire.post("/rerank", status=404)
    assert refused["error"]["message"] == "there is no /v1/rerank here"
    assert refused["error"]["code"] == "not_found"


async def test_wrong_method(wire: Wire) -> None:
    """A wrong method is a 405 that says which one is right."""
    async with wire.session.get(wire.url + "/completions") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert "doesn't take GET" in (await response.json())["error"]["message"]


async def test_oversize_body(wire: Wire) -> None:
    """A body over the limit is a 413 that names the limit."""
    body = io.BytesIO(bytes(app.MAX_BODY + 1))
    async with wire.session.post(wire.url + "/completions", data=body) as response:
        assert response.status == 413
        error = (await response.json())["error"]
    assert str(app.MAX_BODY) in error["message"]
    assert error["code"] == "request_too_large"


async def test_own_failure(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of the server's own is a 500 without its innards, which go to the log."""

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError("an inner secret")

    monkeypatch.setattr(app, "render", broken)
    with caplog.at_level(logging.ERROR, "horay_async.local"):
        refused = await wire.post("/image/generations", status=500, **IMAGE)
    assert refused["error"]["message"] == "the local server failed"
    assert "secret" not in json.dumps(refused)
    assert "ZeroDivisionError: an inner secret" in caplog.text


async def test_request_ids(wire: Wire) -> None:
    """Every response, streams and refusals included, carries a request id of its own."""
    ids: list[str] = []
    for path, body in (
        ("/completions", {**GERMANY, "max_tokens": 1}),
        ("/completions", {**GERMANY, "max_tokens": 1, "stream": True}),
        ("/completions", {}),
    ):
        json_body = {"model": "any", **body}
        async with wire.session.post(wire.url + path, json=json_body) as response:
            ids.append(response.headers["x-request-id"])
    assert len(set(ids)) == 3
