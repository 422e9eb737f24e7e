"""JSON nested at any depth, read from a stack of any depth: a response or an error of the client's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from horay_async import APIResponseError
from horay_async._protocol.wire.decode import InvalidBody, decoder, drift_of
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion
from horay_async.testing import FaultServer
from horay_async.testing.responses import respond
from tests.conftest import Connect
from tests.recorded import playing

BODIES: dict[str, Callable[[str], str]] = {
    "unknown": lambda deep: f'{{"choices":[{{"message":{{"content":"a"}}}}],"x":{deep}}}',
    "within": lambda deep: f'{{"choices":[{{"message":{{"content":"a","x":{deep}}}}}]}}',
    "retyped": lambda deep: f'{{"id":{deep},"choices":[{{"message":{{"content":"a"}}}}]}}',
    "content": lambda deep: f'{{"choices":[{{"message":{{"content":{deep}}}}}]}}',
    "arguments": lambda deep: (
        f'{{"choices":[{{"message":{{"tool_calls":[{{"function":{{"arguments":{deep}}}}}]}}}}]}}'
    ),
    "alternatives": lambda deep: f'{{"choices":[{{"logprobs":{{"content":{deep}}}}}]}}',
}


def nested(depth: int) -> str:
    """Lists within lists."""
    return "[" * depth + "]" * depth


def deeper(frames: int, call: Callable[[], Any]) -> Any:
    """What `call` returns, called from a stack that is deeper."""
    return call() if frames == 0 else deeper(frames - 1, call)


@pytest.mark.parametrize("frames", [0, 100, 300, 500, 800])
@pytest.mark.parametrize("kind", BODIES)
def test_bodies(kind: str, frames: int) -> None:
    """No depth lets a `RecursionError` out of decoding, of the search for drift, or of `to_dict()`."""
    for into in (ChatCompletion, ChatCompletionChunk, Completion, None):
        made: Any = JSONDecoder() if into is None else decoder(into)
        for depth in [*range(50, 900, 50), *range(900, 1010, 3), 5000, 100_000]:
            body = BODIES[kind](nested(depth)).encode()
            with contextlib.suppress(InvalidBody):
                response = deeper(frames, partial(made.decode, body))
                drift_of(response)
                for more in (0, 50, 100):
                    with contextlib.suppress(APIResponseError):
                        deeper(frames + more, response.to_dict)


@pytest.mark.anyio
async def test_calls(fault_server: FaultServer, connect: Connect) -> None:
    """Calls and streams at the depths around the stack's end give a response or an error."""
    async with connect() as client:
        for depth in range(880, 1000, 4):
            body = BODIES["unknown"](nested(depth))
            chunk = body.replace("message", "delta").encode()
            fault_server.add(
                respond(body, headers={"Content-Type": "application/json"}),
                playing([b"data: " + chunk + b"\n\n", b"data: [DONE]\n\n"]),
            )
            with contextlib.suppress(APIResponseError):
                (
                    await client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": "?"}]
                    )
                ).to_dict()
            with contextlib.suppress(APIResponseError):
                async for part in await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "?"}], stream=True
                ):
                    part.to_dict()
