"""What the stub server responds, and what a client must make of it.

The name of the model in the request says which response is wanted, so that clients whose paths are fixed
can ask for any of them: `response`, `large`, `stream-CHUNKS-BURST`, `stream-CHUNKS-BURST-PACE` or `held-EVENTS`.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import cycle, islice
from typing import Any, Final

__all__ = [
    "API_KEY",
    "LARGE",
    "held",
    "large_body",
    "pace_of",
    "response_body",
    "response_text",
    "stream",
]

API_KEY: Final = "sk-benchmark-0123456789abcdef"
RESPONSE: Final = "response"
LARGE: Final = "large"

LARGE_BYTES: Final = 10**6
"""Size of the large response."""

ID: Final = "chatcmpl-8f7e6d5c4b3a29180706f5e4d3c2b1a0"
NAME: Final = "meta-llama/Meta-Llama-3.1-8B-Instruct"
CREATED: Final = 1767225600

WORDS: Final = (
    " the",
    " capital",
    " of",
    " Germany",
    " is",
    " Berlin",
    ",",
    " a",
    " city",
    " of",
    " 3",
    ".",
    "8",
)


def stream(chunks: int, burst: int, pace: int = 0) -> str:
    """The model's name that asks for a stream of `chunks`, written `burst` at a time, `pace` times a second; 0 is as
    fast as they are read.
    """
    return f"stream-{chunks}-{burst}-{pace}" if pace else f"stream-{chunks}-{burst}"


def held(events: int) -> str:
    """The model's name that asks for a stream of which only the first `events` are sent, and nothing after them; with 0,
    for a request without any response.
    """
    return f"held-{events}"


def pace_of(model: str) -> int:
    """How many writes a second `model` asks for; 0 for as many as are read."""
    numbers = model.split("-")
    return int(numbers[3]) if numbers[0] == "stream" and len(numbers) > 3 else 0


def tokens(count: int) -> list[str]:
    """The texts of `count` tokens."""
    return list(islice(cycle(WORDS), count))


def response_text(model: str) -> str:
    """The text of the response that `model` asks for."""
    if model.startswith("stream-"):
        # The first chunk holds the role and the last the finish reason.
        return "".join(tokens(int(model.split("-")[1]) - 2))
    return "".join(tokens(64))


@cache
def response_body() -> bytes:
    """A chat completion of some 60 tokens, 700 bytes."""
    message = {"role": "assistant", "content": response_text(RESPONSE)}
    return _json(
        {
            "id": ID,
            "object": "chat.completion",
            "created": CREATED,
            "model": NAME,
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 24, "completion_tokens": 64, "total_tokens": 88},
        }
    )


@cache
def large_body() -> bytes:
    """A text completion with log probabilities and five alternatives for each token, 1 MB."""
    one = _large(1)
    return _large(LARGE_BYTES // (len(_large(2)) - len(one)))


def _large(count: int) -> bytes:
    texts = tokens(count)
    logprobs = {
        "tokens": texts,
        "token_logprobs": [-0.0123456 - place % 7 for place in range(count)],
        "top_logprobs": [
            {word: -0.0123456 - rank for rank, word in enumerate(WORDS[:5])} for _ in texts
        ],
        "text_offset": list(range(count)),
    }
    return _json(
        {
            "id": "cmpl-8f7e6d5c4b3a29180706f5e4d3c2b1a0",
            "object": "text_completion",
            "created": CREATED,
            "model": NAME,
            "choices": [
                {
                    "index": 0,
                    "text": "".join(texts),
                    "finish_reason": "length",
                    "logprobs": logprobs,
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": count, "total_tokens": count + 1},
        }
    )


def events(chunks: int) -> list[bytes]:
    """The Server-Sent Events of a stream: `chunks` chunks of some 240 bytes, and `[DONE]`."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": text}, None) for text in tokens(chunks - 2)]
    deltas.append(({}, "stop"))
    return [b"data: %b\n\n" % _json(_chunk(*delta)) for delta in deltas] + [b"data: [DONE]\n\n"]


def _chunk(delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": NAME,
        "choices": [choice],
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
