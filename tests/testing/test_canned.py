"""Canned responses: the documented shapes, in the way they are asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async.testing import (
    Cut,
    FaultServer,
    Pause,
    Send,
    chat,
    completion,
    error_event,
    image,
    models,
    picture,
    pings,
    sse,
    stream,
    user,
)
from horay_async.testing.responses import ScriptedResponse

from .rawclient import RawClient

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def ask(client: RawClient, path: str, method: str = "POST", **body: Any) -> Any:
    """The JSON that a request is answered with."""
    client.request(path, body, method)
    status, headers, content = client.response()
    assert status == 200
    assert headers["content-type"] == "application/json"
    return json.loads(content)


def events(client: RawClient, path: str, **body: Any) -> list[Any]:
    """The events of a streamed response, which ends with `[DONE]`."""
    client.request(path, {"stream": True, **body})
    _, headers, content = client.response()
    assert headers["content-type"] == "text/event-stream"
    return decoded(content)


def decoded(content: bytes) -> list[Any]:
    """The JSON of events, the last of which is `[DONE]`."""
    *datas, done, rest = content.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(data.removeprefix("data: ")) for data in datas]


def test_completion(server: FaultServer, raw_client: RawClient) -> None:
    """A text, as a completion."""
    server.reply("Berlin, of course")
    assert ask(raw_client, COMPLETIONS, model="m", prompt="?") == {
        "id": "cmpl-test",
        "object": "text_completion",
        "created": 1735689600,
        "model": "m",
        "choices": [
            {"index": 0, "text": "Berlin, of course", "finish_reason": "stop", "logprobs": None}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    }


def test_chat(server: FaultServer, raw_client: RawClient) -> None:
    """The same text, as chat, in as many choices as were asked for."""
    server.reply("Berlin")
    response = ask(raw_client, CHAT, n=2)
    assert response["object"] == "chat.completion"
    assert response["model"] == "meta-llama/Meta-Llama-3.1-8B-Instruct"
    assert response["choices"] == [
        {
            "index": index,
            "message": {"role": "assistant", "content": "Berlin"},
            "finish_reason": "stop",
        }
        for index in (0, 1)
    ]


def test_chat_streamed(server: FaultServer, raw_client: RawClient) -> None:
    """The same text word by word, with the usage where it is asked for."""
    server.reply("Berlin, of course")
    chunks = events(raw_client, CHAT, n=2, stream_options={"include_usage": True})
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert [
        (choice["index"], choice["delta"].get("content"), choice["finish_reason"])
        for chunk in chunks
        for choice in chunk["choices"]
    ] == [
        *[(index, text, None) for text in ("Berlin,", " of", " course") for index in (0, 1)],
        (0, None, "stop"),
        (1, None, "stop"),
    ]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 6


def test_completion_streamed(server: FaultServer, raw_client: RawClient) -> None:
    """Pieces of one's own make the chunks, also on the other path."""
    server.stream(["Ber", "lin"], finish_reason="length")
    chunks = events(raw_client, COMPLETIONS)
    assert [
        (chunk["choices"][0]["text"], chunk["choices"][0]["finish_reason"]) for chunk in chunks
    ] == [
        ("Ber", None),
        ("lin", None),
        ("", "length"),
    ]


def test_pieces_asked_for_whole(server: FaultServer, raw_client: RawClient) -> None:
    """Pieces are joined where no stream is asked for; what isn't text is left out."""
    server.stream(["Ber", *pings(2), error_event(), Pause(9), "lin"])
    assert ask(raw_client, CHAT)["choices"][0]["message"]["content"] == "Berlin"


def test_words_come_back_as_they_were(server: FaultServer, raw_client: RawClient) -> None:
    """Taking a text apart into words loses no white space."""
    text = "  two  spaces\nand an end \n"
    server.reply(text)
    chunks = events(raw_client, COMPLETIONS)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == text


def test_a_stream_without_an_end() -> None:
    """The finish reason and `[DONE]` can be left out, each for itself."""

    def body(response: ScriptedResponse) -> str:
        return response.data.decode()

    assert "[DONE]" not in body(stream(["x"], done=False))
    assert '"stop"' in body(stream(["x"], done=False))
    assert '"stop"' not in body(stream(["x"], finish_reason=None))
    assert "[DONE]" in body(stream(["x"], finish_reason=None))


def test_other_pieces_are_sent_between(server: FaultServer, raw_client: RawClient) -> None:
    """Comments, error events and raw bytes come between the chunks, each as a chunk of HTTP."""
    server.stream(["Ber", *pings(), error_event("down"), b"raw\n\n", "lin"])
    raw_client.request(CHAT, {"stream": True})
    content = raw_client.response()[2].split(b"\n\n")
    assert content[1] == b": ping"
    assert content[2].startswith(b'data: {"error": {"message": "down"')
    assert content[3] == b"raw"


def test_every_piece_is_a_write() -> None:
    """What a stream is made of is sent one by one."""
    response = stream(["Ber", "lin"])
    assert (
        len([step for step in response.steps if isinstance(step, Send)]) == 6
    )  # head, 3, [DONE], end


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[1]", b'{"n": "x", "stream_options": 1}'])
def test_requests_of_any_sort_are_answered(
    server: FaultServer, raw_client: RawClient, body: bytes
) -> None:
    """A body that makes no sense gets the text all the same."""
    server.reply("Berlin")
    head = f"POST {CHAT} HTTP/1.1\r\nAuthorization: Bearer test-key\r\nContent-Length: {len(body)}\r\n\r\n"
    raw_client.send(head.encode() + body)
    assert json.loads(raw_client.response()[2])["choices"][0]["message"]["content"] == "Berlin"


def test_options_and_faults_of_a_reply(server: FaultServer, raw_client: RawClient) -> None:
    """How the message is put together, and what befalls it, is said along with the text."""
    server.reply("Berlin", Cut(-1), coding="gzip", headers={"X-A": "1"})
    raw_client.request(CHAT)
    data, _ = raw_client.to_the_end()
    assert b"Content-Encoding: gzip\r\n" in data
    assert b"X-A: 1\r\n" in data


def test_the_defaults(server: FaultServer, raw_client: RawClient) -> None:
    """Without a script every operation has a response, with a request id."""
    assert ask(raw_client, COMPLETIONS)["choices"][0]["text"] == "Hello from the test server."
    assert ask(raw_client, CHAT)["choices"][0]["message"]["role"] == "assistant"
    assert len(ask(raw_client, "/v1/models?type=text", "GET")["data"]) == 2
    assert ask(raw_client, "/v1/user/info", "GET")["data"]["balance"] == "0.88"
    url = ask(raw_client, "/v1/image/generations")["images"][0]["url"]
    assert url == server.picture_url
    raw_client.request(url.removeprefix(server.picture_url.partition("/files")[0]), None, "GET")
    _, headers, content = raw_client.response()
    assert headers["content-type"] == "image/png"
    assert content.startswith(b"\x89PNG")
    raw_client.request("/v1/nothing")
    status, headers, content = raw_client.response()
    assert status == 404
    assert headers["x-request-id"] == "req-7"
    assert json.loads(content)["error"]["message"] == "no such path: POST /nothing"


def content_of(response: ScriptedResponse) -> Any:
    """The JSON of a response."""
    return json.loads(response.data[response.head_size :])


def test_the_other_shapes() -> None:
    """Models, account, pictures and several choices, with contents of one's own."""
    assert [entry["id"] for entry in content_of(models("a", "b"))["data"]] == ["a", "b"]
    account = content_of(user({"balance": "1.5", "extra": 1}))
    assert (account["code"], account["status"]) == (20000, True)
    assert account["data"]["balance"] == "1.5"
    assert account["data"]["extra"] == 1
    assert account["data"]["isAdmin"] is False
    drawn = content_of(image("https://a.example/1", "https://a.example/2", seed=3))
    assert [entry["url"] for entry in drawn["images"]] == [
        "https://a.example/1",
        "https://a.example/2",
    ]
    assert drawn["seed"] == 3
    assert len(content_of(image())["images"]) == 1
    assert [c["text"] for c in content_of(completion("a", "b"))["choices"]] == ["a", "b"]
    assert content_of(completion())["choices"][0]["text"] == "Hello from the test server."
    assert content_of(chat("a", finish_reason="length"))["choices"][0]["finish_reason"] == "length"
    assert picture(b"x", content_type="image/webp").data.endswith(
        b"image/webp\r\nContent-Length: 1\r\n\r\nx"
    )


def test_sse() -> None:
    """Events can have a name; a string is sent as it is."""
    assert sse("[DONE]") == b"data: [DONE]\n\n"
    assert sse({"é": 1}, event="note") == 'event: note\ndata: {"é": 1}\n\n'.encode()


@pytest.mark.parametrize("reason", ["length", "content_filter", None])
def test_finish_reason_of_a_reply(
    server: FaultServer, raw_client: RawClient, reason: str | None
) -> None:
    """It counts for a whole response as it does for a stream."""
    server.reply("Ber", finish_reason=reason)
    server.stream(["Ber"], finish_reason=reason)
    server.reply("Ber", finish_reason=reason)
    for path in (CHAT, COMPLETIONS):
        assert ask(raw_client, path)["choices"][0]["finish_reason"] == reason
    raw_client.request(CHAT, {"stream": True})
    sent = raw_client.response()[2].decode()
    assert ('"finish_reason": "' in sent) is bool(reason)
    assert f'"finish_reason": {json.dumps(reason)}' in sent
