"""Which response a request gets."""

from __future__ import annotations

import json

from horay_async.testing import FaultServer, Reply, Request, Scripted, respond

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


def test_for_a_method_and_a_path(server: FaultServer, raw_client: RawClient) -> None:
    """A response waits for the request it is meant for; others pass it."""
    server.add(respond("get"), method="GET")
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
