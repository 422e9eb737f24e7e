"""From a `POST /embeddings` body to llama.cpp's jobs, and from its vectors to the response. Pure."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from horay_async._json import Json

from .validation import EMBEDDING, refuse, validate

Input = str | list[int]


@dataclass(frozen=True)
class EmbeddingCall:
    """A checked request for embeddings."""

    inputs: list[Input]
    """Texts, or texts as token ids."""
    base64: bool
    """Whether vectors are sent as base64 of little-endian 32-bit floats."""
    dimensions: int | None
    """The length that vectors are cut to; None leaves them as they are."""

    def jobs(self) -> list[Json]:
        """One llama.cpp request per input: it embeds one at a time, and can be stopped between."""
        return [{"input": one} for one in self.inputs]


def embedding_call(body: Mapping[str, object]) -> EmbeddingCall:
    """Check a `POST /embeddings` body; raises `ApiProblem` (400)."""
    given = validate(body, EMBEDDING, ("model", "input"))
    source: Any = given["input"]
    is_one = isinstance(source, str) or isinstance(source[0], int)
    return EmbeddingCall(
        inputs=[source] if is_one else given["input"],
        base64=given.get("encoding_format") == "base64",
        dimensions=given.get("dimensions"),
    )


def embedding_response(call: EmbeddingCall, events: Sequence[Json], model: str) -> Json:
    """The response, from llama.cpp's own one for each input; raises `ApiProblem` (400)."""
    data: list[Json] = []
    tokens = 0
    for index, event in enumerate(events):
        vector = _shortened(event["data"][0]["embedding"], call.dimensions)
        sent: object = vector
        if call.base64:
            sent = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": sent})
        tokens += event["usage"]["prompt_tokens"]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _shortened(vector: list[float], dimensions: int | None) -> list[float]:
    if dimensions is None:
        return vector
    if dimensions > len(vector):
        raise refuse("dimensions", f"must be at most {len(vector)} for this model")
    kept = vector[:dimensions]
    length = math.hypot(*kept) or 1.0
    return [value / length for value in kept]
