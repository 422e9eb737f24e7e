"""How llama.cpp's events become responses, streamed and whole."""

from __future__ import annotations

from typing import Any

from horay_async.local.requests import ModelCall, chat_call, completion_call
from horay_async.local.responses import (
    ChatResponseBuilder,
    CompletionResponseBuilder,
    ResponseBuilder,
)

Json = dict[str, Any]
USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


def text(piece: str, finish: str | None = None, token: float | None = None) -> Json:
    """An event of a completion."""
    logprobs = None if token is None else {"content": [{"token": piece, "logprob": token}]}
    choice = {"index": 0, "text": piece, "finish_reason": finish, "logprobs": logprobs}
    return {"choices": [choice], **({"usage": USAGE} if finish else {})}


def delta(finish: str | None = None, **parts: object) -> Json:
    """An event of a chat completion."""
    return {"choices": [{"index": 0, "delta": parts, "finish_reason": finish}]}


def completion(**body: object) -> CompletionResponseBuilder:
    """A builder to a completion."""
    call = completion_call({"model": "m", "prompt": "Once", **body})
    return CompletionResponseBuilder(call, "local-model")


def chat(**body: object) -> ChatResponseBuilder:
    """A builder to a chat completion."""
    call = chat_call({"model": "m", "messages": [{"role": "user", "content": "x"}], **body})
    return ChatResponseBuilder(call, "local-model")


def feed(builder: ResponseBuilder, *events: tuple[int, Json]) -> list[Json]:
    """All streamed choices that some events amount to."""
    return [choice for index, event in events for choice in builder.choices(index, event)]


def test_completion_whole() -> None:
    """Pieces, logprobs and usage add up to the documented object."""
    builder = completion(logprobs=1)
    feed(builder, (0, text(" a", None, -0.5)), (0, text("b", None, -1)), (0, text("", "stop")))
    response = builder.response()
    assert response["object"] == "text_completion"
    assert response["model"] == "local-model"
    assert response["system_fingerprint"] == "horay-local-local-model"
    assert response["usage"] == USAGE
    assert response["prompt"] == [{"text": "Once", "logprobs": None}]
    assert response["choices"] == [
        {
            "index": 0,
            "text": " ab",
            "finish_reason": "stop",
            "logprobs": {"tokens": [" a", "b"], "token_logprobs": [-0.5, -1]},
        }
    ]


def test_completion_choices_keep_apart() -> None:
    """Choices that arrive interleaved end up each in its place, the prompt counted once."""
    builder = completion(n=2)
    feed(
        builder,
        (1, text("x")),
        (0, text("a")),
        (1, text("y", "length")),
        (0, text("b", "stop")),
    )
    response = builder.response()
    assert [choice["text"] for choice in response["choices"]] == ["ab", "xy"]
    assert [choice["finish_reason"] for choice in response["choices"]] == ["stop", "length"]
    assert response["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}


def test_completion_chunk() -> None:
    """A streamed chunk has the family's shape."""
    builder = completion()
    (choice,) = feed(builder, (0, text(" a")))
    assert builder.chunk(choice) == {
        "id": builder.id,
        "object": "text_completion",
        "created": builder.created,
        "model": "local-model",
        "system_fingerprint": "horay-local-local-model",
        "choices": [{"index": 0, "text": " a", "finish_reason": None, "logprobs": None}],
    }


def test_echo() -> None:
    """With `echo` each choice's text starts with the prompt, once."""
    builder = completion(echo=True)
    feed(builder, (0, text(" upon")), (0, text("", "stop")))
    assert builder.response()["choices"][0]["text"] == "Once upon"


def test_progress_is_not_content() -> None:
    """Events about reading the prompt give no chunk, not even a chat's opening one."""
    progress = {"prompt_progress": {"processed": 1}}
    assert feed(completion(), (0, text("") | progress)) == []
    assert feed(chat(), (0, delta(role="assistant", content=None) | progress)) == []


def test_usage_chunk() -> None:
    """The usage comes in a chunk without choices."""
    builder = completion()
    feed(builder, (0, text("", "stop")))
    chunk = builder.usage_chunk()
    assert chunk["choices"] == []
    assert chunk["usage"] == USAGE


def test_chat_stream_names_the_role_once() -> None:
    """A choice's first chunk holds the role; the later ones hold content alone."""
    builder = chat(n=2)
    role = {"role": "assistant", "content": None}
    found = feed(
        builder,
        (0, delta(**role)),
        (0, delta(content="He")),
        (1, delta(content="Oh")),
        (0, delta(content="llo")),
        (0, delta("stop")),
    )
    opening = {"role": "assistant", "content": ""}
    assert [(choice["index"], choice["delta"]) for choice in found] == [
        (0, opening),
        (0, {"content": "He"}),
        (1, opening),
        (1, {"content": "Oh"}),
        (0, {"content": "llo"}),
        (0, {}),
    ]
    assert found[-1]["finish_reason"] == "stop"
    assert builder.chunk(found[0])["object"] == "chat.completion.chunk"


def test_chat_whole() -> None:
    """Deltas add up to a message."""
    builder = chat()
    events: list[Json] = [
        delta(content="He"),
        delta(content="llo"),
        delta("stop"),
        {"choices": [], "usage": USAGE},
    ]
    feed(builder, *((0, event) for event in events))
    response = builder.response()
    assert response["object"] == "chat.completion"
    assert response["usage"] == USAGE
    assert response["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ]


def test_chat_logprobs() -> None:
    """Tokens keep their logprobs, with as many alternatives as were asked for."""
    builder = chat(logprobs=True)
    token = {"token": "A", "logprob": -1.0, "bytes": [65], "top_logprobs": [{"token": "B"}]}
    event = delta(content="A")
    event["choices"][0]["logprobs"] = {"content": [token]}
    feed(builder, (0, event), (0, event), (0, delta("stop")))
    response = builder.response()
    bare = token | {"top_logprobs": []}
    assert response["choices"][0]["logprobs"] == {"content": [bare, bare]}


def test_tool_calls() -> None:
    """Tool calls that come in pieces are whole in the response, and content stays null."""
    builder = chat()

    def piece(place: int, **function: str) -> Json:
        call: Json = {"index": place, "function": function}
        if "name" in function:
            call |= {"id": f"call{place}", "type": "function"}
        return delta(tool_calls=[call])

    feed(
        builder,
        (0, piece(0, name="now", arguments="")),
        (0, piece(0, arguments='{"a":')),
        (0, piece(1, name="then", arguments="{}")),
        (0, piece(0, arguments="1}")),
        (0, delta("tool_calls")),
    )
    message = builder.response()["choices"][0]["message"]
    assert message["content"] is None
    assert [call["id"] for call in message["tool_calls"]] == ["call0", "call1"]
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "now", "arguments": '{"a":1}'},
        {"name": "then", "arguments": "{}"},
    ]


def test_ids_differ() -> None:
    """Each response has an id of its own, told apart by its operation."""
    assert completion().id.startswith("cmpl-")
    assert chat().id.startswith("chatcmpl-")
    assert completion().id != completion().id
    assert CompletionResponseBuilder(ModelCall([{}], False, False), "m").usage["total_tokens"] == 0
