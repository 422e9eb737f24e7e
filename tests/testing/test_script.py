"""Which response a request gets."""

from __future__ import annotations

import functools
import json
import re
from asyncio import sleep
from collections.abc import Callable
from typing import Any, cast

import pytest

import horay_async.testing
from horay_async import Horay
from horay_async.testing import (
    Cut,
    FaultServer,
    Reply,
    Request,
    Scripted,
    chat,
    respond,
    stream,
)

from .rawclient import RawClient


def body(client: RawClient, path: str = "/v1/chat/completions", method: str = "POST") -> bytes:
    """The body of the next response."""
    client.request(path, {"prompt": "?"}, method)
    return client.response()[2]


def test_in_line(server: FaultServer, raw_client: RawClient) -> None:
    """Responses serve one request each, in the order in which they were put in line."""
    server.add(respond("a"), respond("b"))
    server.add(respond("c"))
    assert server.waiting == 3
    assert [body(raw_client) for _ in range(3)] == [b"a", b"b", b"c"]
    assert server.waiting == 0
    assert b"Hello" in body(raw_client)


def test_clear(server: FaultServer, raw_client: RawClient) -> None:
    """What is left in line is dropped, and what is always responded stays."""
    server.always(respond("always"))
    server.add(respond("a"), respond("b"))
    assert body(raw_client) == b"a"
    server.clear()
    assert server.waiting == 0
    assert body(raw_client) == b"always"


def test_for_a_method_and_a_path(server: FaultServer, raw_client: RawClient) -> None:
    """A response waits for the request it is meant for; others pass it."""
    server.add(respond("get"), method="get")
    server.add(respond("user"), path="/user/info")
    server.add(respond("any"))
    assert body(raw_client) == b"any"
    assert b"Hello" in body(raw_client)
    assert body(raw_client, "/v1/user/info") == b"user"
    assert body(raw_client, "/v1/models", "GET") == b"get"


def test_texts_are_for_text(server: FaultServer, raw_client: RawClient) -> None:
    """A text isn't used up by a request that asks for none."""
    server.reply("Berlin")
    assert b"FLUX" in body(raw_client, "/v1/models", "GET")
    assert b"Berlin" in body(raw_client)


def test_rules(server: FaultServer, raw_client: RawClient) -> None:
    """Rules response all that finds nothing in line; the newest that fits counts."""
    server.always(respond("old"))
    server.always(respond("models"), path="/models")
    server.always("Bonn", method="POST")
    server.add(respond("first"))
    assert body(raw_client) == b"first"
    assert b"Bonn" in body(raw_client)
    assert b"Bonn" in body(raw_client)
    assert body(raw_client, "/v1/models", "GET") == b"models"
    assert body(raw_client, "/v1/user/info", "GET") == b"old"


def test_handlers(server: FaultServer, raw_client: RawClient) -> None:
    """A handler gets the whole request, and gives a response, a text, or another handler."""
    seen: list[Request] = []

    def echo(request: Request) -> Scripted:
        seen.append(request)
        return f"{request.json()['prompt']}!"

    server.add(echo, lambda request: echo, lambda request: respond(request.path))
    assert json.loads(body(raw_client))["choices"][0]["message"]["content"] == "?!"
    assert b"?!" in body(raw_client)
    assert body(raw_client) == b"/chat/completions"
    assert [request.number for request in seen] == [1, 2]
    assert all(request.complete for request in seen)


def test_replies_are_handlers(server: FaultServer, raw_client: RawClient) -> None:
    """A `Reply` can stand wherever a response can."""
    server.always(Reply(["Ber", "lin"]), path="/chat/completions")
    assert b"Berlin" in body(raw_client)


testing: Any = horay_async.testing
"""As untyped code has it."""


async def handler(_: Request) -> Scripted:
    """What can't be called on the server's thread."""
    return "Berlin"


JSON_AS_TEXT = "got {'a': 1}: JSON that the model writes is a text, json.dumps({'a': 1})"
"""What is said of a mapping in the place of a text."""

WRONG: list[tuple[Callable[[Any], object], str]] = [
    (
        lambda server: server.add([chat("a")]),
        "add takes a response, a text, or a handler of requests; got [",
    ),
    (
        lambda server: server.add([chat("a")]),
        ": write a * before a list of responses, add(*responses)",
    ),
    (lambda server: server.add(3), "got 3"),
    (lambda server: server.add(lambda: "a"), ", which can't be called with a request"),
    (lambda server: server.add("\ud800"), "surrogates not allowed"),
    (lambda server: server.reply("\ud800"), "surrogates not allowed"),
    (lambda server: server.reply(5), "a response is made of texts, bytes and steps"),
    (lambda server: server.add(None), "got None"),
    (lambda server: server.add(Reply), "got <class"),
    (
        lambda server: server.add(Cut(3)),
        'faults are given behind a response, add(chat("...").with_faults(Cut(...)))',
    ),
    (lambda server: server.add("a", Cut(3)), 'or reply("...", Cut(...))'),
    (lambda server: server.always(handler), "always takes a response"),
    (
        lambda server: server.always(handler),
        ": a handler is a plain function, since it is called on the server's thread",
    ),
    (
        lambda server: server.add("a", path="/v1/models"),
        "path is counted from the base URL: write '/models', not '/v1/models'",
    ),
    (lambda server: server.always("a", path="models"), "write '/models', not 'models'"),
    (
        lambda server: server.reply("a", "b"),
        "a fault must be one of Cut, Split, Hang, Delay ...; got 'b': reply takes one text, so write reply('b') for the next one",
    ),
    (lambda server: server.reply("a", Cut), "such as Cut(...)"),
    (lambda server: server.reply("a", staus=201), "unknown response option 'staus'"),
    (lambda server: server.reply(["a", Cut(3)]), "faults are given behind a response"),
    (
        lambda server: server.stream(["a", 3]),
        "a response is made of texts, bytes and steps such as Pause(0.1); got 3",
    ),
    (
        lambda server: server.stream(["a"], choices=2),
        "'choices': there are as many as the request's n",
    ),
    (
        lambda server: server.reply("a", usage=True),
        "'usage': a whole response has it, and a stream where",
    ),
    (
        lambda server: server.stream("a", usage=True),
        "'usage': a whole response has it, and a stream where",
    ),
    (
        lambda server: server.call_tools("weather"),
        'a call is a name and arguments, ("weather", {"city": "Rome"})',
    ),
    (lambda server: server.call_tools(("weather", 3)), "got ('weather', 3)"),
    (lambda server: server.call_tools(("", {})), "got ('', {})"),
    (lambda server: server.call_tools(("weather", {"a": float("nan")})), "not JSON compliant"),
    (lambda server: server.call_tools(("weather", {"a": object()})), "not JSON serializable"),
    (lambda server: server.call_tools(), "call_tools takes the calls"),
    (
        lambda _: testing.chat("a", staus=201),
        "unknown response option 'staus'; the options are coding",
    ),
    (lambda _: testing.error("429"), "status must be a number such as 503; got '429'"),
    (lambda _: testing.error("no", 404), "status must be a number such as 503; got 'no'"),
    (lambda _: testing.respond(404, "no"), "the body comes first: respond('no', 404)"),
    (lambda _: testing.respond(404), "the body comes first: respond(..., 404)"),
    (lambda _: testing.json_response(404, {}), "the body comes first: json_response({}, 404)"),
    (lambda _: testing.json_response({}, "no"), "status must be a number such as 503; got 'no'"),
    (
        lambda server: server.on_connect("refuse"),
        "fault must be one of reset, fin, stall, old_tls; got 'refuse'",
    ),
    (lambda server: server.reply({"a": 1}), JSON_AS_TEXT),
    (lambda server: server.stream({"a": 1}), JSON_AS_TEXT),
    (lambda server: server.stream(["a", {"a": 1}]), JSON_AS_TEXT),
    (lambda server: server.always({"a": 1}), JSON_AS_TEXT),
    (lambda _: testing.chat({"a": 1}), JSON_AS_TEXT),
    (lambda _: testing.stream({"a": 1}), JSON_AS_TEXT),
    (lambda _: testing.raw({"a": 1}), "bytes and steps such as Pause(0.1); got {'a': 1}"),
    (lambda _: testing.chat(["a"]), "a response is made of texts; got ['a']"),
    (lambda _: testing.stream(["a", {}]), "got {}"),
    (
        lambda _: testing.respond([b"a", "b"]),
        "a response is made of bytes and steps such as Pause(0.1); got 'b'",
    ),
    (lambda _: testing.raw(Cut(3)), "faults are given behind a response"),
]
"""What is given to a server, and what it says."""


def test_handlers_of_all_kinds(server: FaultServer, raw_client: RawClient) -> None:
    """What can be called with a request is a handler, whatever its decorator says of it."""

    def two(_: Request, extra: str) -> Scripted:
        return extra

    @functools.wraps(two)
    def wrapped(request: Request) -> Scripted:
        return two(request, "wrapped")

    for handler in (wrapped, functools.partial(two, extra="partial"), Reply("a")):
        server.add(handler)
    assert b"wrapped" in body(raw_client)
    assert b"partial" in body(raw_client)


@pytest.mark.parametrize(("put", "told"), WRONG)
def test_what_cant_be_sent(server: FaultServer, put: Callable[[Any], object], told: str) -> None:
    """It raises where it is given, and nothing is put in line: a test would pass without it."""
    with pytest.raises((TypeError, ValueError), match=re.escape(told)):
        put(server)
    assert server.waiting == 0


NO_RESPONSES: list[tuple[Callable[[Any], object], str]] = [
    (
        lambda _: None,
        "a handler must return a response, a text, or a handler of requests; got None",
    ),
    (lambda _: sleep(0), "a handler is a plain function"),
]
"""Handlers of a kind, and what is said of them."""


@pytest.mark.parametrize(("given", "told"), NO_RESPONSES)
def test_handlers_that_return_something_else(given: Any, told: str) -> None:
    """It is raised where the server ends."""
    server = FaultServer().__enter__()
    server.add(given)
    with RawClient(server) as client:
        assert told.encode() in body(client)
    with pytest.raises(TypeError, match=re.escape(told)):
        server.__exit__(None, None, None)


def test_calls_of_tools(horay_server: FaultServer, blocking_horay_client: Horay) -> None:
    """They come in the way they are asked for: streamed or whole, in as many choices; a string goes as it is."""
    calls: list[tuple[str, Any]] = [("weather", {"city": "Köln"}), ("time", "{broken")]
    for streamed in (False, True):
        horay_server.call_tools(*calls)
        completions: Any = blocking_horay_client.chat.completions
        response: Any
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}], "n": 2}
        if streamed:
            with completions.stream(**asked) as events:
                response = events.final()
        else:
            response = completions.create(**asked)
        assert len(response.choices) == 2
        for choice in response.choices:
            assert choice.finish_reason == "tool_calls"
            first, second = cast("list[Any]", choice.message.tool_calls)
            assert (first.function.name, json.loads(first.function.arguments)) == calls[0]
            assert (second.function.name, second.function.arguments) == calls[1]
            assert first.id != second.id


def test_calls_of_tools_belong_to_chats() -> None:
    """Text completions have none."""
    server = FaultServer().__enter__()
    server.call_tools(("weather", {}))
    with RawClient(server) as client:
        assert b"in a chat alone" in body(client, "/v1/completions")
    with pytest.raises(ValueError, match="in a chat alone"):
        server.__exit__(None, None, None)


def test_a_streamed_string_is_parted_into_words() -> None:
    """By the function as by the method."""
    assert stream("to be").data.count(b'"content"') == 2


def test_repr(server: FaultServer) -> None:
    """It says where the server is, and what has come and is left."""
    server.reply("Berlin")
    assert repr(server) == f"<FaultServer {server.origin}: 0 requests, 1 responses in line>"
    assert repr(FaultServer()).startswith("<FaultServer not started")


def test_what_others_would_call(server: Any) -> None:
    """A response is made by a function."""
    with pytest.raises(AttributeError, match=re.escape("server.add(error(...))")):
        _ = server.error
