"""A server that responds to each request with the token in it, and does to each what a script says."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable
from typing import Any

import attrs

from horay_async.testing import (
    CloseUnderNext,
    Cut,
    Delay,
    Executed,
    FaultServer,
    Fin,
    Hang,
    Pause,
    Reply,
    Request,
    Reset,
    ScriptedResponse,
    Send,
    Split,
    error,
    error_event,
    image,
    json_response,
    models,
    raw,
    respond,
    sse,
    stream,
)
from horay_async.testing.responses import framed

TOKEN = re.compile(rb"token-\d+")

STALE: ScriptedResponse = json_response(
    {"id": "stale", "choices": [{"message": {"content": "nobody's"}, "text": "nobody's"}]}
)
"""A whole response that nobody asked for."""

FAULTS: dict[str, Callable[[ScriptedResponse, random.Random], ScriptedResponse]] = {
    "good": lambda good, draw: good,
    "split": lambda good, draw: good.with_faults(Split(seed=draw.getrandbits(32), gap=0.0005)),
    "late": lambda good, draw: good.with_faults(Delay(0.01)),
    "cut": lambda good, draw: good.with_faults(
        Cut(_place(good, draw), by=draw.choice(("fin", "rst")))
    ),
    "ended": lambda good, draw: raw(draw.choice((Fin(), Reset()))),
    "ended executed": lambda good, draw: raw(Reset()).with_faults(Executed()),
    "close under the next": lambda good, draw: good.with_faults(
        CloseUnderNext(draw.choice(("fin", "rst")))
    ),
    "stale response": lambda good, draw: _followed(good, STALE.data),
    "stale bytes": lambda good, draw: _later(good, b"\x00\xffnot HTTP at all\r\n\r\n"),
    "stale 408": lambda good, draw: _later(good, error(408, headers={"Connection": "close"}).data),
    "rate limit": lambda good, draw: error(429, shape="limit"),
    "overloaded": lambda good, draw: error(503, shape="code"),
    "server error": lambda good, draw: error(500, shape="html"),
    "refused": lambda good, draw: error(400),
    "half": lambda good, draw: respond('{"id": "half", "choices": [{'),
    "page": lambda good, draw: respond("<html></html>", content_type="text/html"),
    "no HTTP": lambda good, draw: raw(draw.randbytes(draw.randrange(1, 200)), then="close"),
    "error event": lambda good, draw: _breaking_off(good, draw, error_event()),
    "unfinished": lambda good, draw: _breaking_off(good, draw),  # noqa: PLW0108 - defined below
    "hung": lambda good, draw: good.with_faults(Hang(draw.choice((0, _place(good, draw))))),
}
"""What can be done to a response, by name."""


def _place(good: ScriptedResponse, draw: random.Random) -> int:
    return draw.randrange(1, max(2, len(good.data)))


def _followed(good: ScriptedResponse, data: bytes) -> ScriptedResponse:
    """`data` in one piece with the response's end: it is there before the next request is sent."""
    *before, last = good.steps
    return attrs.evolve(
        good, steps=(*before, Send(last.data + data) if isinstance(last, Send) else last)
    )


def _later(good: ScriptedResponse, data: bytes) -> ScriptedResponse:
    """`data` while the connection is idle, or already used again: so none that could be a response of success."""
    return attrs.evolve(good, steps=(*good.steps, Pause(0.002), Send(data)))


def _breaking_off(good: ScriptedResponse, draw: random.Random, *more: bytes) -> ScriptedResponse:
    """Of a stream: a few events, `more`, and an orderly end. Anything else stays as it is."""
    sends = [step for step in good.steps if isinstance(step, Send)]
    if len(sends) < 5:
        return good
    kept = sends[: 1 + draw.randrange(0, len(sends) - 3)]
    return attrs.evolve(
        good, steps=(*kept, *(Send(framed(piece)) for piece in more), Send(b"0\r\n\r\n"))
    )


def text_for(token: str) -> str:
    """What a request with this token is answered."""
    return f"{token} says: not much, to be read in pieces, by {token}"


class Echo:
    """A handler for `FaultServer.always`. Each token's requests meet its faults in turn, then none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, list[tuple[str, int]]] = {}
        self._count = 0

    def new_token(self, faults: list[tuple[str, int]] | None) -> str:
        """A token whose requests meet these faults, each with the seed of its details; None is for a server elsewhere,
        whose script nobody has.
        """
        with self._lock:
            self._count += 1
            token = f"token-{self._count}"
            if faults:
                self._faults[token] = list(faults)
        return token

    def __call__(self, request: Request) -> ScriptedResponse:
        found = TOKEN.search(request.target.encode() + request.body)
        if found is None:
            return error(404, "no token")
        token = found[0].decode()
        good = _response(request, token)
        with self._lock:
            faults = self._faults.get(token)
            kind, seed = faults.pop(0) if faults else ("good", 0)
        return FAULTS[kind](good, random.Random(seed))


def _response(request: Request, token: str) -> ScriptedResponse:
    text = text_for(token)
    match request.path:
        case "/models":
            return models(text)
        case "/image/generations":
            return image(f"https://images.example/{token}.png")
        case "/responses":
            words = text.split(" ")
            events = [sse({"type": "delta", "delta": word}, "delta") for word in words]
            return respond(
                [*events, sse({"type": "end"}, "end")],
                content_type="text/event-stream",
                framing="chunked",
            )
        case "/echo":
            return json_response({"text": text})
        case "/chat/completions":
            asked: dict[str, Any] = request.json()
            if asked.get("tools") and asked["messages"][-1]["role"] != "tool":
                return _tool_calls(token)
        case _:
            pass
    return Reply(text)(request)


def _tool_calls(token: str) -> ScriptedResponse:
    calls = [
        {
            "index": place,
            "id": f"call-{place}",
            "function": {"name": name, "arguments": json.dumps({"word": token})},
        }
        for place, name in enumerate(("in_thread", "on_loop"))
    ]
    chunk = {
        "id": "c",
        "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": calls}}],
    }
    return stream([sse(chunk)], finish_reason="tool_calls")


def echo_server(echo: Echo) -> FaultServer:
    """A server that isn't started yet."""
    server = FaultServer()
    server.always(echo)
    return server
