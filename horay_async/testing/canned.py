"""Canned responses in the documented shapes, for those who just want a response."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, Literal, Unpack
from urllib.parse import unquote

import attrs

from horay_async._json import Json, fields_of, is_array
from horay_async.testing.failures import error
from horay_async.testing.records import Request
from horay_async.testing.responses import (
    Fault,
    MessageOptions,
    ScriptedResponse,
    check_fault,
    check_options,
    check_piece,
    defaulted,
    json_response,
    respond,
    sse,
)
from horay_async.testing.steps import Step

__all__ = [
    "Piece",
    "Reply",
    "chat",
    "completion",
    "embeddings",
    "image",
    "models",
    "picture",
    "stream",
    "user",
]

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
"""The model that canned responses name where the request names none: the API's documented default."""

HELLO = "Hello from the test server."
EMBEDDING_MODEL = "BAAI/bge-m3"
IMAGE_MODEL = "black-forest-labs/FLUX.1-schnell"
PICTURE_PATH = "/files/picture.png"
CREATED = 1_735_689_600
"""2025-01-01T00:00:00Z, as Unix time in seconds: canned responses don't change from run to run."""

USER: Json = {
    "id": "user-1",
    "name": "Ada",
    "image": "https://images.example/ada.png",
    "email": "ada@example.com",
    "isAdmin": False,
    "balance": "0.88",
    "status": "normal",
    "introduction": "",
    "role": "user",
    "chargeBalance": "88.00",
    "totalBalance": "88.88",
}

Piece = str | bytes | Step
"""A part of a stream: text becomes a chunk, bytes go out as they are, and other steps are played."""

Kind = Literal["chat", "completion"]


def completion(
    *texts: str, model: str = MODEL, finish_reason: str = "stop", **options: Unpack[MessageOptions]
) -> ScriptedResponse:
    """`POST /completions`: one choice a text, or one of its own."""
    return _whole("completion", texts or (HELLO,), model, finish_reason, options)


def chat(
    *texts: str, model: str = MODEL, finish_reason: str = "stop", **options: Unpack[MessageOptions]
) -> ScriptedResponse:
    """`POST /chat/completions`: one choice a text, or one of its own."""
    return _whole("chat", texts or (HELLO,), model, finish_reason, options)


def _whole(
    kind: Kind,
    texts: Sequence[str],
    model: str,
    finish_reason: str | None,
    options: MessageOptions,
    calls: Sequence[object] = (),
) -> ScriptedResponse:
    for text in texts:
        check_piece(text, str, "texts")
    choices: list[Json] = []
    for index, text in enumerate(texts):
        message: Json = {"role": "assistant", "content": text or (None if calls else "")}
        if calls:
            message["tool_calls"] = calls
        choices.append(_choice(kind, index, finish_reason, text, message=message))
    body = _opening(kind, model) | {"choices": choices, "usage": _usage(texts)}
    return json_response(body, **defaulted(options, name=kind))


def stream(
    pieces: Sequence[Piece] | str,
    *,
    kind: Kind = "chat",
    model: str = MODEL,
    finish_reason: str | None = "stop",
    done: bool = True,
    choices: int = 1,
    usage: bool = False,
    **options: Unpack[MessageOptions],
) -> ScriptedResponse:
    """A streamed response of either kind, in chunked encoding unless `framing` says otherwise.

    Each text of `pieces` is a chunk for each of `choices`; a string is divided into its words. Then come chunks with
    `finish_reason`, unless None; one with the usage, if wanted; and `[DONE]`, if `done`.
    """
    _check_pieces(pieces)
    if isinstance(pieces, str):
        pieces = _words(pieces)
    opening = _opening(kind, model, piece=".chunk")
    numbers = range(choices)

    def chunk(index: int, text: str | None, reason: str | None = None) -> bytes:
        delta = {} if text is None else {"content": text}
        choice = _choice(kind, index, reason, text or "", delta=delta)
        return sse(opening | {"choices": [choice]})

    body: list[bytes | Step] = []
    for piece in pieces:
        if isinstance(piece, str):
            body += [chunk(index, piece) for index in numbers]
        else:
            body.append(piece)
    if finish_reason is not None:
        body += [chunk(index, None, finish_reason) for index in numbers]
    if usage:
        texts = ["".join(piece for piece in pieces if isinstance(piece, str))] * choices
        body.append(sse(opening | {"choices": [], "usage": _usage(texts)}))
    if done:
        body.append(sse("[DONE]"))
    settled = defaulted(
        options, name=f"{kind} stream", content_type="text/event-stream", framing="chunked"
    )
    return respond(body, **settled)


def models(*names: str, **options: Unpack[MessageOptions]) -> ScriptedResponse:
    """`GET /models`: a text model and an image model, unless others are named."""
    listed = [_listed(name) for name in names or (MODEL, IMAGE_MODEL)]
    return json_response({"object": "list", "data": listed}, **defaulted(options, name="models"))


def embeddings(
    *vectors: Sequence[float],
    model: str = EMBEDDING_MODEL,
    encoding_format: Literal["base64", "float"] = "base64",
    **options: Unpack[MessageOptions],
) -> ScriptedResponse:
    """`POST /embeddings`: these vectors, or one of three numbers."""
    data: list[Json] = []
    for index, vector in enumerate(vectors or ((0.6, 0.0, -0.8),)):
        sent: Any = list(vector)
        if encoding_format == "base64":
            sent = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": sent})
    usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
    body = {"object": "list", "data": data, "model": model, "usage": usage}
    return json_response(body, **defaulted(options, name="embeddings"))


def user(
    fields: Mapping[str, Any] | None = None, **options: Unpack[MessageOptions]
) -> ScriptedResponse:
    """`GET /user/info`: an account, some of whose fields (spelled as on the wire) can be given."""
    data = USER | dict(fields or {})
    envelope = {"code": 20000, "message": "OK", "status": True, "data": data}
    return json_response(envelope, **defaulted(options, name="user"))


def image(*urls: str, seed: int = 7, **options: Unpack[MessageOptions]) -> ScriptedResponse:
    """`POST /image/generations`: one picture a URL. The server's own is at its `picture_url`; without one, the
    URL is of a host that doesn't exist.
    """
    body = {
        "images": [{"url": url} for url in urls or ("https://images.example/picture.png",)],
        "timings": {"inference": 0.5},
        "seed": seed,
    }
    return json_response(body, **defaulted(options, name="image"))


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def picture(content: bytes = PNG, **options: Unpack[MessageOptions]) -> ScriptedResponse:
    """A picture file: a PNG of one pixel unless other bytes are given."""
    return respond(content, **defaulted(options, name="picture", content_type="image/png"))


def picture_url(origin: str) -> str:
    """Where the server at `origin` has its picture: under another name, as pictures of the real API are on
    another host.
    """
    scheme = origin.partition(":")[0]
    return f"{scheme}://localhost:{origin.rpartition(':')[2]}{PICTURE_PATH}"


ScriptedCall = tuple[str, Mapping[str, object] | str]
"""A call of a tool: its name, and its arguments; a string is sent as it is, JSON or not."""


@attrs.frozen
class Reply:
    """A text as the response that the request asks for: chat or completion, whole or streamed, with `n` choices. A
    handler for any script.

    `done` is that of `stream`, and counts for streams alone, as do pieces that aren't text. With `calls`, the model calls these tools, in a chat.
    """

    pieces: Sequence[Piece] | str
    """The texts of a stream's chunks; a string is divided into its words."""
    faults: tuple[Fault, ...] = ()
    """Applied to the response once it is made."""
    done: bool = True
    """Whether a stream ends with `[DONE]`."""
    finish_reason: str | None = "stop"
    """Why it ends; with None a stream has no chunk that says so, and a whole response says `null`."""
    calls: tuple[ScriptedCall, ...] = attrs.field(default=(), kw_only=True)
    """Tools that are called, behind the text; the reason for the end is `tool_calls` then."""
    options: MessageOptions = attrs.field(factory=MessageOptions)
    """How the HTTP message is put together."""

    def __attrs_post_init__(self) -> None:
        _check_pieces(self.pieces)
        for fault in self.faults:
            check_fault(fault)
        for call in self.calls:
            _check_call(call)
        check_options(self.options)

    def __call__(self, request: Request) -> ScriptedResponse:
        asked = _asked(request, MODEL)
        count, model = asked.get("n"), asked["model"]
        choices = count if isinstance(count, int) else 1
        kind: Kind = "chat" if request.path.startswith("/chat") else "completion"
        pieces = _words(self.pieces) if isinstance(self.pieces, str) else self.pieces
        options = _with_request_id(self.options, request)
        calls = [_call(request.number, place, *call) for place, call in enumerate(self.calls)]
        if calls and kind != "chat":
            raise ValueError(f"tools are called in a chat alone; the request is for {request.path}")
        reason = "tool_calls" if calls and self.finish_reason == "stop" else self.finish_reason
        if asked.get("stream") is True:
            response = stream(
                [*pieces, *_streamed_calls(calls, model, choices)],
                kind=kind,
                model=model,
                finish_reason=reason,
                done=self.done,
                choices=choices,
                usage=fields_of(asked.get("stream_options")).get("include_usage") is True,
                **options,
            )
        else:
            text = "".join(piece for piece in pieces if isinstance(piece, str))
            response = _whole(kind, [text] * choices, model, reason, options, calls)
        return response.with_faults(*self.faults)


def default(request: Request) -> ScriptedResponse:
    """The response where the script has none: each operation's canned response, the picture, and 404 elsewhere."""
    options = _with_request_id({}, request)
    match request.method, request.path:
        case "POST", "/chat/completions" | "/completions":
            return Reply(HELLO)(request)
        case "POST", "/image/generations":
            return image(picture_url(request.origin), **options)
        case "GET", "/models":
            return models(**options)
        case "POST", "/embeddings":
            return _embedded(request, options)
        case "GET", path if path.startswith("/models/"):
            name = unquote(path.removeprefix("/models/"))
            return json_response(_listed(name), **defaulted(options, name="model"))
        case "GET", "/user/info":
            return user(**options)
        case "GET", path if path == PICTURE_PATH:
            return picture()
        case _:
            return error(404, f"no such path: {request.method} {request.path}", **options)


def _embedded(request: Request, options: MessageOptions) -> ScriptedResponse:
    """A vector for each input. Its first number is the input's place, so that no two are equal."""
    asked = _asked(request, EMBEDDING_MODEL)
    given = asked.get("input")
    items = given if is_array(given) else [given]
    count = 1 if items and isinstance(items[0], int) else len(items)
    form: Any = asked.get("encoding_format") or "float"
    size = asked.get("dimensions")
    size = size if isinstance(size, int) else 3
    vectors = [(float(place), 0.5, *(-1.0,) * (size - 2))[:size] for place in range(count)]
    return embeddings(*vectors, model=asked["model"], encoding_format=form, **options)


def _check_pieces(pieces: Any) -> None:
    """Raises `TypeError` for what a stream can't be made of, and `ValueError` for a text that can't be sent."""
    is_one = issubclass(type(pieces), str | Mapping) or not hasattr(pieces, "__iter__")
    for piece in [pieces] if is_one else pieces:
        check_piece(piece, Piece, "texts, bytes and steps such as Pause(0.1)")


def _check_call(call: Any) -> None:
    """Raises `TypeError` for what is no call of a tool, and what `json` raises for arguments that JSON can't hold."""
    match call:
        case (str(name), str() | Mapping()) if name:
            json.dumps(call[1], allow_nan=False)
        case _:
            raise TypeError(
                f'a call is a name and arguments, ("weather", {{"city": "Rome"}}); got {call!r}'
            )


def _call(number: int, place: int, name: str, arguments: Mapping[str, object] | str) -> Json:
    """A call of a tool, in the response to the request of this number."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {"name": name, "arguments": text}
    return {"id": f"call-{number}-{place}", "type": "function", "function": function}


def _streamed_calls(calls: Sequence[Json], model: str, choices: int) -> Iterator[bytes]:
    """The chunks of calls: the first one of each has its name, and of its arguments the first half."""
    for choice, (index, call) in product(range(choices), enumerate(calls)):
        text = call["function"]["arguments"]
        half = len(text) // 2
        first = {"index": index, **call, "function": call["function"] | {"arguments": text[:half]}}
        second = {"index": index, "function": {"arguments": text[half:]}}
        for delta in (first, second):
            made = _choice("chat", choice, None, "", delta={"tool_calls": [delta]})
            yield sse(_opening("chat", model, piece=".chunk") | {"choices": [made]})


def _asked(request: Request, model: str) -> Json:
    """The fields of the request's body, none where it isn't a JSON object; and `model`, where they name none."""
    asked: Json = {}
    with suppress(ValueError):
        asked = fields_of(request.json())
    return asked if isinstance(asked.get("model"), str) else asked | {"model": model}


def _with_request_id(options: MessageOptions, request: Request) -> MessageOptions:
    return defaulted(options, headers={"x-request-id": f"req-{request.number}"})


def _opening(kind: Kind, model: str, *, piece: str = "") -> Json:
    """The fields that all bodies of a kind begin with; `piece` ends a chat chunk's `object`."""
    id_, named = "cmpl-test", "text_completion"
    if kind == "chat":
        id_, named = "chatcmpl-test", f"chat.completion{piece}"
    return {"id": id_, "object": named, "created": CREATED, "model": model}


def _choice(kind: Kind, index: int, finish_reason: str | None, text: str, **chat: object) -> Json:
    """A choice of a completion, with the text; or of a chat, with what `chat` has in its place."""
    own = {"text": text, "logprobs": None} if kind == "completion" else chat
    return {"index": index, "finish_reason": finish_reason, **own}


def _listed(name: str) -> Json:
    """A model as it is listed."""
    return {"id": name, "object": "model", "created": 0, "owned_by": ""}


def _usage(texts: Sequence[str]) -> dict[str, int]:
    """Counts words as tokens."""
    made = sum(len(_words(text)) for text in texts)
    return {"prompt_tokens": 1, "completion_tokens": made, "total_tokens": made + 1}


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)
