"""Responses of all five operations as the API describes them, and changes to them whose drift is known."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import attrs
from hypothesis import strategies as st

from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from horay_async.models.images import ImageResponse
from horay_async.models.models import ModelList
from horay_async.models.user import UserInfo

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

RESPONSES: dict[type[Response], Any] = {
    Completion: {
        "id": "c-1",
        "object": "text_completion",
        "created": 123,
        "model": "m",
        "choices": [
            {
                "index": index,
                "text": "Berlin",
                "finish_reason": "stop",
                "logprobs": {
                    "tokens": ["Ber", "lin"],
                    "token_logprobs": [None, -0.1],
                    "top_logprobs": [None, {"lin": -0.1, "n": -2}],
                    "text_offset": [0, 3],
                },
            }
            for index in range(2)
        ],
        "prompt": [
            {"text": "The", "logprobs": {"tokens": ["The"], "token_logprobs": [-0.5]}},
        ],
        "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 1}},
        "system_fingerprint": "fp",
    },
    ChatCompletion: {
        "id": "c-2",
        "object": "chat.completion",
        "created": 123,
        "model": "m",
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "tool_calls": [
                        {
                            "id": "t-1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Bonn"}'},
                        }
                    ],
                },
                "finish_reason": "stop",
                "logprobs": {
                    "content": [
                        {
                            "token": "Hi",
                            "logprob": -0.1,
                            "bytes": [72, 105],
                            "top_logprobs": [{"token": "Hi", "logprob": -0.1, "bytes": None}],
                        }
                    ]
                },
            }
        ],
        "usage": USAGE,
    },
    ImageResponse: {
        "images": [{"url": "https://h.example/1.png"}, {"url": "https://h.example/2.png"}],
        "timings": {"inference": 1.23},
        "seed": 123,
    },
    ModelList: {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 0, "owned_by": ""} for name in ("m", "n")
        ],
    },
    UserInfo: {
        "code": 20000,
        "message": "OK",
        "status": True,
        "data": {
            "id": "u-1",
            "name": "Ada",
            "image": "https://h.example/a.png",
            "email": "a@h.example",
            "isAdmin": False,
            "balance": "0.88",
            "status": "normal",
            "introduction": "",
            "role": "user",
            "chargeBalance": "88.00",
            "totalBalance": "88.88",
        },
    },
}
"""A body of each operation, with every field that is described."""


def _chunk(object_: str, *choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = {"id": "s-1", "object": object_, "created": 123, "model": "m"}
    return {**named, "choices": list(choices), **more}


STREAMS: dict[type[Response], list[Any]] = {
    ChatCompletionChunk: [
        _chunk("chat.completion.chunk", {"index": 0, "delta": {"role": "assistant"}}),
        *(
            _chunk("chat.completion.chunk", {"index": 0, "delta": {"content": text}})
            for text in ["Gr", "üße", ' "an', "\n", "al", "le", " Leute", " hier", "."]
        ),
        _chunk("chat.completion.chunk", {"index": 0, "delta": {}, "finish_reason": "stop"}),
        _chunk("chat.completion.chunk", usage=USAGE),
    ],
    CompletionChunk: [
        *(
            _chunk("text_completion", {"index": 0, "text": text, "finish_reason": None})
            for text in ["Ber", "lin", " is", " a", " city", ","]
        ),
        _chunk("text_completion", {"index": 0, "text": "", "finish_reason": "stop"}),
    ],
}
"""The chunks of a stream of each operation that has one."""

OPTIONAL = {
    "$.choices[].index",
    "$.choices[].logprobs",
    "$.choices[].logprobs.top_logprobs",
    "$.choices[].logprobs.text_offset",
    "$.choices[].logprobs.content",
    "$.choices[].logprobs.content[].bytes",
    "$.choices[].logprobs.content[].top_logprobs",
    "$.choices[].logprobs.content[].top_logprobs[].bytes",
    "$.choices[].message.tool_calls",
    "$.choices[].delta.role",
    "$.choices[].delta.content",
    "$.prompt",
    "$.prompt[].logprobs",
    "$.usage",
    "$.usage.prompt_tokens_details",
    "$.usage.prompt_tokens_details.cached_tokens",
    "$.system_fingerprint",
}
"""What can be missing; in chunks, so can the finish reason and the text."""

VALUES: tuple[Any, ...] = (True, 7, "x", [], {})
"""One of each JSON type but null."""

CODES: tuple[Any, ...] = (True, "20000", [], {})
"""What an envelope's code can be without saying that there is no response."""

Place = tuple[str | int, ...]
"""The keys and indexes on the way to a value."""


@attrs.frozen
class Mutation:
    """One change."""

    kind: str
    place: Place
    """Of the field that is dropped or changed, or of the object that gets another one."""
    value: Any = None

    @property
    def path(self) -> str:
        """Where it is to be counted."""
        path = path_of(self.place)
        return f"{path}.x_mood" if self.kind == "unknown" else path

    def apply(self, body: Any) -> None:
        """Changes `body`."""
        if self.kind == "unknown":
            within(body, self.place)["x_mood"] = self.value
        elif self.kind == "missing":
            del within(body, self.place[:-1])[self.place[-1]]
        else:
            within(body, self.place[:-1])[self.place[-1]] = self.value


def is_free(path: str, value: dict[str, Any]) -> bool:
    """Whether an object has names of its own: of a completion's likely tokens."""
    return path.endswith(".logprobs.top_logprobs[]") and "token" not in value


def path_of(place: Place) -> str:
    """A place as a path."""
    path = "$"
    for step in place:
        free = path.endswith(".top_logprobs[]") and isinstance(step, str) and step in ("lin", "n")
        path += "[]" if isinstance(step, int) else ".*" if free else f".{step}"
    return path


def within(body: Any, place: Place) -> Any:
    """What stands at a place."""
    for step in place:
        body = body[step]
    return body


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value in `value` and its place, itself first."""
    yield place, value
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from places(inner, (*place, name))
    if isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from places(inner, (*place, index))


def mutations_of(into: type[Response], body: Any) -> list[Mutation]:
    """Every change that drifts and leaves a response."""
    found: list[Mutation] = []
    whole = into in RESPONSES
    enveloped = into is UserInfo
    for place, value in places(body):
        path = path_of(place)
        if isinstance(value, dict) and not is_free(path, cast("dict[str, Any]", value)):
            found += [Mutation("unknown", place, other) for other in (None, *VALUES)]
        if not place or value is None or (enveloped and path == "$.data"):
            continue
        if into is ImageResponse and path == "$.images":  # see `_leaves_a_response`
            continue
        # A response without choices is none.
        if whole and (path == "$.choices" or (path == "$.choices[]" and len(body["choices"]) == 1)):
            continue
        optional = path in OPTIONAL or (
            not whole and path in ("$.choices[].finish_reason", "$.choices[].text")
        )
        named = isinstance(place[-1], str) and not path.endswith("*")
        if named and not optional:
            found.append(Mutation("missing", place))
        others = CODES if enveloped and path == "$.code" else VALUES
        found += [
            Mutation("retyped", place, other)
            for other in others
            if type_of(other) != type_of(value)
        ]
    return found


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _undoes(one: Mutation, other: Mutation) -> bool:
    """Whether nothing is left to be seen of `other` once `one` is made as well."""
    if one.kind == "unknown":
        return one.kind == other.kind and one.place == other.place
    return other.place[: len(one.place)] == one.place


def _leaves_a_response(into: type[Response], body: Any, chosen: list[Mutation]) -> bool:
    """Whether one field at least is as it was, and an envelope can be told for one."""
    lost = {change.place[0] for change in chosen if change.kind != "unknown"}
    lost -= {change.place[0] for change in chosen if len(change.place) > 1}
    if into is UserInfo:
        inner = {change.place[1] for change in chosen if len(change.place) > 1}
        return not {"code", "status"} <= lost and len(inner) < len(body["data"])
    if into is ImageResponse:  # a response without a picture is none
        urls = {("images", 0, "url"), ("images", 1, "url")}
        changed = [change.place for change in chosen if change.kind != "unknown"]
        urls -= {url for url in urls for place in changed if url[: len(place)] == place}
        return bool(urls)
    return len(lost) < len(body)


@st.composite
def mutated(
    draw: st.DrawFn, into: type[Response], body: Any
) -> tuple[Any, Counter[tuple[str, str]]]:
    """`body` with one to three changes, and what is to be counted."""
    chosen: list[Mutation] = []
    every = mutations_of(into, body)
    for _ in range(draw(st.integers(1, 3))):
        change = draw(st.sampled_from(every))
        if not any(_undoes(change, other) or _undoes(other, change) for other in chosen):
            chosen.append(change)
    while not _leaves_a_response(into, body, chosen):
        chosen.pop()
    changed = copy.deepcopy(body)
    for change in chosen:
        change.apply(changed)
    return changed, Counter((change.path, change.kind) for change in chosen)


def encoded(value: Any) -> bytes:
    """JSON as a server may send it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
