"""`POST /embeddings`: requests, responses, and the real model's vectors."""

from __future__ import annotations

import base64
import math
import struct

import pytest

from horay_async.local.embeddings import embedding_call, embedding_response
from horay_async.local.errors import ApiProblem
from horay_async.local.validation import MAX_INPUTS

from .wire import Json, Wire


def body(**given: object) -> Json:
    """The body of a request."""
    return {"model": "m", "input": "text", **given}


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("one", ["one"]),
        (["one", "two"], ["one", "two"]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
)
def test_inputs(given: object, inputs: list[object]) -> None:
    """A text, several, token ids, or several lists of those: one job each."""
    assert embedding_call(body(input=given)).jobs() == [{"input": one} for one in inputs]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (body(input=None), "input"),
        (body(input=""), "input"),
        (body(input=[]), "input"),
        (body(input=[list[int]()]), "input"),
        (body(input=["a", ""]), "input"),
        (body(input=["a", [1]]), "input"),
        (body(input=["a", 1]), "input"),
        (body(input=[1, "a"]), "input"),
        (body(input=[True]), "input"),
        (body(input=[-1]), "input"),
        (body(input=[2**31]), "input"),
        (body(input={"a": 1}), "input"),
        (body(input=["a"] * (MAX_INPUTS + 1)), "input"),
        (body(encoding_format="hex"), "encoding_format"),
        (body(encoding_format=[]), "encoding_format"),
        (body(dimensions=0), "dimensions"),
        (body(dimensions=1.5), "dimensions"),
    ],
)
def test_refused(given: Json, named: str) -> None:
    """Anything else is a 400 that names the field."""
    with pytest.raises(ApiProblem, match=rf"^{named} ") as caught:
        embedding_call(given)
    assert (caught.value.status, caught.value.param) == (400, named)


def event(*vector: float, tokens: int = 1) -> Json:
    """llama.cpp's response to one input."""
    return {"data": [{"embedding": list(vector)}], "usage": {"prompt_tokens": tokens}}


def test_response() -> None:
    """Vectors come in the order of the inputs, and all tokens are counted."""
    call = embedding_call(body(input=["a", "b"]))
    response = embedding_response(call, [event(0.6, 0.8), event(1.0, 0.0, tokens=4)], "local-model")
    assert response == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.6, 0.8]},
            {"object": "embedding", "index": 1, "embedding": [1.0, 0.0]},
        ],
        "model": "local-model",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def test_dimensions() -> None:
    """A vector that is cut has length 1 again; one of zeros stays; more than there are is a 400."""
    call = embedding_call(body(dimensions=2))
    (cut,) = embedding_response(call, [event(0.3, 0.4, 0.5)], "m")["data"]
    assert cut["embedding"] == pytest.approx([0.6, 0.8])
    (zeros,) = embedding_response(call, [event(0.0, 0.0, 1.0)], "m")["data"]
    assert zeros["embedding"] == [0.0, 0.0]
    with pytest.raises(ApiProblem, match=r"^dimensions must be at most 1 "):
        embedding_response(call, [event(1.0)], "m")


def test_base64() -> None:
    """base64 holds little-endian 32-bit floats."""
    call = embedding_call(body(encoding_format="base64"))
    (vector,) = embedding_response(call, [event(0.5, -0.25)], "m")["data"]
    assert base64.b64decode(vector["embedding"]) == struct.pack("<2f", 0.5, -0.25)


TEXTS = ["A cat sat on the mat.", "A kitten lay on the rug.", "Interest rates rose by a quarter."]


@pytest.mark.anyio
async def test_real_vectors(wire: Wire) -> None:
    """The model's vectors have length 1, are alike for like texts, and the same in both encodings."""
    response = await wire.post("/embeddings", input=TEXTS)
    vectors = [one["embedding"] for one in response["data"]]
    assert [len(vector) for vector in vectors] == [576, 576, 576]
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1, 1, 1], abs=1e-4)
    like, unlike = (
        sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:]
    )
    assert like > unlike
    assert response["usage"]["prompt_tokens"] > 15
    packed = await wire.post("/embeddings", input=TEXTS[0], encoding_format="base64")
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert struct.unpack("<576f", raw) == pytest.approx(vectors[0], abs=1e-5)
    short = await wire.post("/embeddings", input=TEXTS[0], dimensions=64)
    (vector,) = (one["embedding"] for one in short["data"])
    assert len(vector) == 64
    assert math.hypot(*vector) == pytest.approx(1)


@pytest.mark.anyio
async def test_engine_refuses(wire: Wire) -> None:
    """What llama.cpp refuses, and a text that is too long, is a 400."""
    refused = await wire.post("/embeddings", status=400, input=[10**6])
    assert "invalid tokens" in refused["error"]["message"]
    refused = await wire.post("/embeddings", status=400, input="word " * 2100)
    assert "input must have at most 2048 tokens" in refused["error"]["message"]
