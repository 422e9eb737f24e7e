"""Real responses with bytes changed: the client returns what the bytes say, or raises a `HorayError`."""

from __future__ import annotations

import asyncio
import json
import random
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import h11
import pytest

from horay_async import AsyncHoray, HorayError
from horay_async.testing import FaultServer, Request, ScriptedResponse, chat, raw, respond, stream
from tests.adversary.draws import TIMES
from tests.adversary.operations import options_for
from tests.adversary.watchdog import in_time, watched

VECTORS = Path(__file__).parent.parent / "vectors"

MUTATIONS = 400 * TIMES
"""Of each kind: drawn from a seed, so the same in every run."""

PIECES = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b"\xef\xbb\xbf", b": ", b"data: ", b"data: [DONE]\n\n", b"event: error\n", b"0\r\n\r\n",
    b"null", b"[]", b"{}", b'"', b"\\", b"\\ud800", b"1e999", b"-0", b"NaN", b"Content-Length: 1\r\n", b"Content-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"fffffffffffffffff", "\u2028\u2029é🌍".encode(),
)  # fmt: skip
"""What is put in or over: words of HTTP, of events and of JSON, in wrong places."""


def mutated(data: bytes, draw: random.Random) -> bytes:
    """`data` with one to three changes."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(changed) + 1)
        end = min(len(changed), at + draw.choice((1, 1, 2, 8, 40)))
        match draw.randrange(6):
            case 0:
                changed[at:end] = b""
            case 1:
                changed[at:at] = draw.choice(PIECES)
            case 2:
                changed[at:end] = draw.choice(PIECES)
            case 3:
                changed[at:at] = changed[at:end]
            case 4:
                changed[at:end] = draw.randbytes(end - at)
            case _:
                del changed[at:]
    return bytes(changed)


def vectors(kind: str) -> list[tuple[bytes, str]]:
    """The chat responses of the dialects, whole or as events, each with its text."""
    found: list[tuple[bytes, str]] = []
    for vector in tomllib.loads((VECTORS / "dialects.toml").read_text())["vector"]:
        if kind in vector and vector.get("path") != "completions" and "error" not in vector:
            wire = vector[kind].encode() if kind == "body" else streamed(vector[kind])
            found.append((wire, vector.get("text", "")))
    return found


def streamed(data: str) -> bytes:
    """Events as they go over the wire."""
    return (
        "".join(f"data: {line}\n\n" for line in data.strip().splitlines()).encode()
        + b"data: [DONE]\n\n"
    )


WORDS = "Not much, but in several words — and \N{EARTH GLOBE EUROPE-AFRICA}, too."


class Wire:
    """A server that sends what it is told, and a client that reads it."""

    def __init__(self, server: FaultServer, client: AsyncHoray) -> None:
        self._response: ScriptedResponse = raw()
        self._client = client
        self.outcomes: Counter[str] = Counter()
        server.always(self._next)

    def _next(self, _: Request) -> ScriptedResponse:
        return self._response

    async def text(self, response: ScriptedResponse, *, streamed: bool) -> str | None:
        """The text that the client makes of a response; None where it raises what it may raise."""
        self._response = response
        try:
            if streamed:
                chunks = await self._client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "?"}], stream=True
                )
                text = "".join([piece async for piece in chunks.text()])
            else:
                done = await self._client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "?"}]
                )
                text = (done.choices[0].message.content or "") if done.choices else ""
        except HorayError as error:
            self.outcomes[type(error).__name__] += 1
            return None
        self.outcomes["returned"] += 1
        return text


def run(check: Any) -> Counter[str]:
    """Runs a check with a wire; gives the outcomes."""

    async def main() -> Counter[str]:
        with FaultServer() as server:
            options = options_for(server) | {"max_retries": 0}
            options.pop("retry", None)
            async with AsyncHoray(server.api_key, **options) as client:
                wire = Wire(server, client)
                await check(wire)
                return wire.outcomes

    with watched():
        return asyncio.run(main())


def parted(data: bytes, draw: random.Random) -> ScriptedResponse:
    """`data` as the server sends it, in up to four pieces; then it closes."""
    places = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(4)))
    pieces = [
        data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)
    ]
    return raw(*pieces, then="close")


def as_http(data: bytes) -> bytes | None:
    """The body in a response's bytes, as another parser reads it; None where that refuses them."""
    other = h11.Connection(h11.CLIENT)
    other.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    other.send(h11.EndOfMessage())
    body = b""
    try:
        other.receive_data(data)
        other.receive_data(b"")
        while True:
            event = other.next_event()
            if isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return body
            elif not isinstance(event, h11.Response | h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


@pytest.mark.parametrize("kind", ["length", "chunked", "stream"])
def test_changed_messages(kind: str) -> None:
    """Heads and framing: the text that was sent, that another HTTP parser finds, or an error."""
    if kind == "stream":
        good = stream(WORDS.split(" "), finish_reason="stop").data
    else:
        good = chat(WORDS, framing="length" if kind == "length" else "chunked").data
    whole = "".join(WORDS.split(" ")) if kind == "stream" else WORDS

    async def check(wire: Wire) -> None:
        for seed in range(MUTATIONS):
            draw = random.Random(f"{kind} {seed}")
            head = good.index(b"\r\n\r\n")
            in_head = seed % 2 == 1
            data = mutated(good[:head], draw) + good[head:] if in_head else mutated(good, draw)
            text = await in_time(wire.text(parted(data, draw), streamed=kind == "stream"))
            if text is None or text == whole:
                continue
            body = as_http(data)
            if body is None and not in_head:
                continue  # aiohttp is more lenient, and the text itself may have been changed
            assert body is not None, f"seed {seed}: {text!r} of {data!r}"
            said = said_by_events(body) if kind == "stream" else said_by_body(body)
            assert said in (None, text), f"seed {seed}: {text!r} of {data!r}"

    outcomes = run(check)
    assert outcomes["returned"] > 10, outcomes
    assert outcomes.total() == MUTATIONS


def said_by_body(body: bytes) -> str | None:
    """The text that a body says; None where it isn't JSON, or not of the right shape."""
    try:
        value = json.loads(body.decode("utf-8"))
        content = value["choices"][0]["message"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return content if isinstance(content, str) else ""


def said_by_events(body: bytes) -> str | None:
    """The text that the events of a stream say; None where one isn't JSON of the right shape. By the rules of
    the standard: lines end with LF, CR or CRLF, and an event ends with an empty line.
    """
    try:
        text = body.decode("utf-8").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError:
        return None
    said, data = "", list[str]()
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        if line or not data:
            continue
        event, data = "\n".join(data), []
        if event.strip() == "[DONE]":
            break
        if not event.strip():
            continue
        try:
            for choice in json.loads(event)["choices"]:
                if choice.get("index", 0) == 0:
                    said += choice["delta"].get("content") or ""
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
    return said


BODIES = [body for body, text in vectors("body") if said_by_body(body) == text]
STREAMS = [body for body, text in vectors("events") if said_by_events(body) == text]
"""Those whose text stands in the usual place: the reading above knows no dialects."""


def test_changed_bodies() -> None:
    """Whole bodies, in a right message: where they still are JSON, the text is what that says."""

    async def check(wire: Wire) -> None:
        for seed in range(MUTATIONS):
            draw = random.Random(f"body {seed}")
            body = mutated(draw.choice(BODIES), draw)
            text = await in_time(wire.text(respond(body), streamed=False))
            if text is not None and (said := said_by_body(body)) is not None:
                assert text == said, f"seed {seed}: {body!r}"

    assert len(BODIES) > 5
    outcomes = run(check)
    assert outcomes["returned"] > MUTATIONS / 20
    assert outcomes.total() == MUTATIONS


def test_changed_streams() -> None:
    """Events, in a right message: where they still are events of JSON, the text is what those say."""

    async def check(wire: Wire) -> None:
        for seed in range(MUTATIONS):
            draw = random.Random(f"stream {seed}")
            body = mutated(draw.choice(STREAMS), draw)
            response = respond(body, content_type="text/event-stream")
            text = await in_time(wire.text(response, streamed=True))
            if text is not None and (said := said_by_events(body)) is not None:
                assert text == said, f"seed {seed}: {body!r}"

    assert len(STREAMS) > 20
    outcomes = run(check)
    assert outcomes["returned"] > MUTATIONS / 20
    assert outcomes.total() == MUTATIONS
