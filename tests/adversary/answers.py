"""Chat responses of any content, and each of them in any of the ways in which servers send it: whole, or as a stream."""

from __future__ import annotations

import random
from typing import Any, Literal

from horay_async.testing import Delay, ScriptedResponse, Split, respond
from horay_async.testing.responses import Coding
from tests.adversary.draws import json_text, json_value, parts, text

JSON = dict[str, Any]

TEXTS = ("reasoning_content", "content", "refusal")

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}

FINISH_REASONS = ["stop"] * 5 + ["length", "tool_calls", "content_filter"]


def answer(draw: random.Random, content: Any = text, most: int = 3) -> JSON:
    """A chat completion of one to `most` choices, whose texts `content` makes."""
    choices = [choice(draw, index, content) for index in range(draw.randint(1, most))]
    head = {"id": "chat-1", "object": "chat.completion", "created": 7, "model": "m"}
    return {**head, "choices": choices, "usage": USAGE}


def choice(draw: random.Random, index: int, content: Any) -> JSON:
    """A choice of an answer."""
    message: JSON = {"role": "assistant", "content": content(draw)}
    kind = draw.randrange(10)
    if kind < 3:
        message["tool_calls"] = [
            tool_call(draw, f"call-{index}-{n}") for n in range(draw.randint(1, 3))
        ]
    elif kind == 3:
        message |= {"content": None, "refusal": text(draw) or "no"}
    if draw.random() < 0.2:
        message["reasoning_content"] = text(draw)
    return {"index": index, "message": message, "finish_reason": draw.choice(FINISH_REASONS)}


def tool_call(draw: random.Random, name: str) -> JSON:
    """A tool call whose arguments are an object."""
    arguments = {f"a{n}": json_value(draw) for n in range(draw.randrange(3))}
    function = {"name": draw.choice(["in_thread", "f-1"]), "arguments": json_text(arguments, draw)}
    return {"id": name, "type": "function", "function": function}


def chunks(whole: JSON, draw: random.Random) -> list[JSON]:
    """The chunks of a stream that says the same."""
    queues = [deltas(each, draw) for each in whole["choices"]]
    head = {**whole, "object": "chat.completion.chunk"}
    usage = head.pop("usage")
    found: list[JSON] = []
    while left := [queue for queue in queues if queue]:
        drawn = draw.sample(left, draw.randint(1, len(left)) if draw.random() < 0.3 else 1)
        found.append({**head, "choices": [queue.pop(0) for queue in drawn]})
    if draw.random() < 0.3:
        found[-1]["usage"] = usage
    else:
        found.append({**head, "choices": [], "usage": usage})
    return found


def deltas(whole: JSON, draw: random.Random) -> list[JSON]:
    """The choices of chunks that make up one choice."""
    message, index = whole["message"], whole["index"]
    pieces: list[JSON] = [{"role": "assistant"}]
    if draw.random() < 0.5:
        pieces[0]["content"] = draw.choice(["", None])
    for name in TEXTS:
        pieces += [{name: piece} for piece in parts(message.get(name) or "", draw)]
    pieces += [
        {"tool_calls": [piece]} for piece in call_pieces(message.get("tool_calls", ()), draw)
    ]
    if len(pieces) > 1 and draw.random() < 0.5:
        first = pieces.pop(0)
        pieces[0] = {**first, **pieces[0]}
    found: list[JSON] = [{"index": index, "delta": each, "finish_reason": None} for each in pieces]
    if draw.random() < 0.5:
        found[-1]["finish_reason"] = whole["finish_reason"]
    else:
        last: JSON = {"index": index, "delta": {}, "finish_reason": whole["finish_reason"]}
        found.append(last)
    return found


def call_pieces(calls: Any, draw: random.Random) -> list[JSON]:
    """The pieces of tool calls: each call's in their order, those of different ones mixed or not."""
    queues: list[list[JSON]] = []
    for index, call in enumerate(calls):
        function = call["function"]
        pieces = parts(function["arguments"], draw)
        begin = {"index": index, "id": call["id"], "type": "function"}
        begin["function"] = {"name": function["name"], "arguments": ""}
        if pieces and draw.random() < 0.5:
            begin["function"]["arguments"] = pieces.pop(0)
        rest = [{"index": index, "function": {"arguments": piece}} for piece in pieces]
        queues.append([begin, *rest])
    if draw.random() < 0.7:
        return [piece for queue in queues for piece in queue]
    return mixed(queues, draw)


def mixed(queues: list[list[JSON]], draw: random.Random) -> list[JSON]:
    """The items of several lists, each list's in its order."""
    found: list[JSON] = []
    while left := [queue for queue in queues if queue]:
        found.append(draw.choice(left).pop(0))
    return found


def event_stream(values: list[JSON], draw: random.Random, *, done: bool = True) -> bytes:
    """Values as the events of a stream: with lines of any ends, comments, other fields, and JSON over several lines."""
    style = draw.choice(["\n", "\n", "\r\n", "\r", "mixed"])

    def end() -> str:
        return draw.choice(["\n", "\r\n", "\r"]) if style == "mixed" else style

    found = draw.choice(["", "", "\ufeff"])
    for value in [*[json_text(each, draw) for each in values], *(["[DONE]"] if done else [])]:
        for line in draw.choice(
            [[], [], [], [": ping"], [":"], ["id: 7"], ["retry: 10"], [": a", ""]]
        ):
            found += line + end()
        colon = draw.choice(["data: ", "data:"])
        for line in value.split("\n"):
            found += colon + line + end()
        # A lone CR and a LF behind it were one end of a line.
        found += "\n" if style == "mixed" and not found.endswith("\r") else end()
        if style == "mixed" and found.endswith("\r\n") and not found.endswith("\n\r\n"):
            found += "\n"
    return found.encode()


def sent_whole(whole: JSON, draw: random.Random) -> ScriptedResponse:
    """An answer as one JSON text."""
    return sent(json_text(whole, draw).encode(), draw, "application/json")


def sent_streamed(whole: JSON, draw: random.Random) -> ScriptedResponse:
    """An answer as a stream."""
    return sent(event_stream(chunks(whole, draw), draw), draw, "text/event-stream")


def sent(body: bytes, draw: random.Random, content_type: str) -> ScriptedResponse:
    """A body in any framing and coding, in pieces that end anywhere."""
    framing: Literal["length", "chunked", "close"] = draw.choice(
        ["length", "chunked", "chunked", "close"]
    )
    coding: Coding | None = draw.choice([None, None, None, "gzip", "deflate"])
    places = sorted(draw.randrange(len(body) + 1) for _ in range(draw.choice([0, 3, 10])))
    pieces = [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True) if a < b]
    more: Any = {"headers": {"X-Request-Id": "request-7"}}
    if coding:
        more["coding"] = coding
    response = respond(pieces, content_type=content_type, framing=framing, **more)
    how = draw.randrange(4)
    if how == 0:
        return response.with_faults(Split(seed=draw.getrandbits(32), gap=0.0))
    return response.with_faults(Delay(0.0)) if how == 1 else response
