"""Inputs cut into requests, and vectors read or refused."""

from __future__ import annotations

import base64
import json
import math
import struct
import sys
from array import array
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.decode import ErrorInBody, InvalidBody, decoder, drift_of
from horay_async._protocol.wire.embeddings import (
    MAX_INPUT_BYTES,
    MAX_INPUTS,
    EmbeddingDecoder,
    asked_dimensions,
    check_lengths,
    count_inputs,
    max_response_bytes,
    merge,
    parts,
    prepare,
)
from horay_async._protocol.wire.size_limits import MAX_BODY_BYTES
from horay_async.errors import APIResponseError
from horay_async.models._base import Response
from horay_async.models.embeddings import EmbeddingResponse, EmbeddingUsage, SentEmbeddings


class Meta:
    """Stands for how a response came about."""

    request_id = "r1"


def encoded(*numbers: float) -> str:
    """Numbers as base64 of little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def body(*vectors: Any, **fields: Any) -> bytes:
    """A response with these vectors; what is an object already stays as it is."""
    data: list[Any] = [
        vector
        if isinstance(vector, dict)
        else {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return json.dumps(
        {"object": "list", "data": data, "model": "m", "usage": usage, **fields}
    ).encode()


@given(st.lists(st.floats(width=32), min_size=1))
def test_bits(numbers: list[float]) -> None:
    """Each bit arrives, those of infinities and of what is no number too."""
    (item,) = EmbeddingDecoder(1).decode(body(encoded(*numbers)))
    assert struct.pack(f"<{len(numbers)}f", *item.array) == struct.pack(
        f"<{len(numbers)}f", *numbers
    )
    assert memoryview(item.array).format == "f"
    assert list(map(str, item.embedding)) == list(map(str, numbers))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers(numbers: list[float]) -> None:
    """Numbers sent as JSON keep their precision; one beyond 32-bit floats is refused."""
    try:
        expected = [struct.unpack("<f", struct.pack("<f", number))[0] for number in numbers]
    except OverflowError:
        with pytest.raises(InvalidBody, match=r"data\[0\]\.embedding: float too large"):
            EmbeddingDecoder(1).decode(body(numbers))
        return
    (item,) = EmbeddingDecoder(1).decode(body(numbers))
    assert item.embedding == numbers
    assert item.array.tolist() == expected


def test_both_kinds() -> None:
    """A server may respond in either form, or mix them; whole numbers are numbers."""
    response = EmbeddingDecoder(2).decode(body(encoded(0.5, 1), [0.5, 1]))
    assert [item.embedding for item in response] == [[0.5, 1.0], [0.5, 1.0]]
    assert response.data[0].array == response.data[1].array
    assert response.usage == EmbeddingUsage(prompt_tokens=5, total_tokens=5)
    assert response.to_dict()["data"][1]["embedding"] == [0.5, 1]
    assert drift_of(response) == []


def test_decoded_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is all as described takes the quick way."""
    direct = decoder(SentEmbeddings)
    monkeypatch.setattr(direct, "_decode_leniently", None)
    usage = {
        "prompt_tokens": 1,
        "total_tokens": 1,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    }
    others: list[dict[str, Any]] = [{}, {"id": "embd-1", "created": 5, "usage": usage}]
    for fields in others:
        response = EmbeddingDecoder(2).decode(body(encoded(0.5, 1), [0.5, 1], **fields))
        assert len(response) == 2
        assert (response.id, response.created) == (fields.get("id", ""), fields.get("created", 0))


def test_escaped() -> None:
    """A slash of base64 may be escaped, as some languages' JSON has it."""
    text = base64.b64encode(b"\xff\xff\xff\x3f" * 3).decode()
    assert "/" in text
    (item,) = EmbeddingDecoder(1).decode(body(text).replace(b"/", b"\\/"))
    assert bytes(item.array) == b"\xff\xff\xff\x3f" * 3


def test_byte_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has the other byte order, bytes are swapped."""
    swapped = {"little": "big", "big": "little"}[sys.byteorder]
    monkeypatch.setattr(sys, "byteorder", swapped)
    (item,) = EmbeddingDecoder(1).decode(body(base64.b64encode(b"\x00\x00\x80\x3f").decode()))
    expected = array("f", b"\x00\x00\x80\x3f")
    if swapped == "big":
        expected.byteswap()
    assert item.array.tobytes() == expected.tobytes()


def test_order() -> None:
    """Vectors come in the order of the inputs, whatever order they were sent in."""
    sent = [{"object": "embedding", "index": 1 - at, "embedding": [at]} for at in range(2)]
    response = EmbeddingDecoder(2).decode(body(*sent))
    assert [(item.index, item.embedding) for item in response] == [(0, [1.0]), (1, [0.0])]
    assert len(response) == 2


def test_counted_from_1() -> None:
    """As by servers that count so: each vector is that of its own input. Where one is missing, that isn't sure."""
    sent = [{"object": "embedding", "index": 1 + at, "embedding": [at]} for at in range(3)]
    response = EmbeddingDecoder(3).decode(body(*sent))
    assert [(item.index, item.embedding) for item in response] == [
        (0, [0.0]),
        (1, [1.0]),
        (2, [2.0]),
    ]
    for inputs in (4, None):
        with pytest.raises(InvalidBody):
            EmbeddingDecoder(inputs).decode(body(*sent))


def vector(index: Any = 0, embedding: Any = (1.0,)) -> dict[str, Any]:
    """One item as it is sent."""
    return {"object": "embedding", "index": index, "embedding": embedding}


@pytest.mark.parametrize(
    ("data", "inputs", "named"),
    [
        (body("AAA"), 1, r"data\[0\]\.embedding: Invalid base64"),
        (body([1.0], "AAAAAAA"), 2, r"data\[1\]\.embedding: Invalid base64"),
        (body("AAAA AAA"), 1, r"data\[0\]"),
        (body("AAA-AAA_"), 1, r"data\[0\]"),
        (body("AAAAA==="), 1, r"data\[0\]"),
        (body("AA=AAAAA"), 1, r"data\[0\]"),
        (body("AAAAAAA="), 1, r"5 bytes in data\[0\]\.embedding, which aren't 32-bit floats"),
        (body(""), 1, r"empty vector in data\[0\]"),
        (body([]), 1, r"empty vector in data\[0\]"),
        (body(None), 1, r"data\[0\].*got `null`"),
        (body({"object": "embedding", "index": 0}), 1, r"no vector in data\[0\]"),
        (body({"a": 1, "object": "embedding", "index": 0, "embedding": {}}), 1, r"data\[0\]"),
        (body([1.0, None]), 1, r"data\[0\].*null.*\$\[1\]"),
        (body([1.0, True]), 1, r"data\[0\].*bool.*\$\[1\]"),
        (body([1.0, "1"]), 1, r"data\[0\].*str.*\$\[1\]"),
        (body([[1.0]]), 1, r"data\[0\].*array.*\$\[0\]"),
        (body([1.0], [math.nan]), 2, "isn't valid JSON"),
        (body([1.0], [math.inf]), 2, "isn't valid JSON"),
        (body([1.0]).replace(b"1.0", b"1e999"), 1, r"data\[0\]"),
        (body([1e39]), 1, r"data\[0\]\.embedding: float too large"),
        (body(vector(None)), 1, r"without an index: data\[0\]"),
        (body({"embedding": [1.0]}), 1, r"without an index: data\[0\]"),
        (body(vector("first")), 1, r"without an index: data\[0\]"),
        (body(vector(True)), 1, r"without an index: data\[0\]"),
        (body(vector(0.5)), 1, r"without an index: data\[0\]"),
        (body(vector(0), vector(0)), 2, r"two vectors for input\[0\]: data\[1\]"),
        (body(vector(0), vector(2)), 2, r"index 2 for 2 inputs: data\[1\]"),
        (body(vector(-1)), 1, "index -1 for 1 inputs"),
        (body(vector(10**30)), 1, "index 1000000000000000000000000000000 "),
        (body(vector(0), vector(1)), 1, "index 1 for 1 inputs"),
        (
            body(vector(0), vector(2)),
            3,
            r"has 2 vectors for 3 inputs: there is none for input\[1\]",
        ),
        (body(vector(1), vector(2)), None, "a vector of index 2 for 2 inputs"),
        (
            body([1.0, 2.0], [1.0, 2.0], [1.0]),
            3,
            r"different lengths: 2 numbers for input\[0\], and 1 for input\[2\]",
        ),
        (body(vector(1, [1.0]), vector(0, encoded(1, 2))), 2, r"2 numbers for input\[0\], and 1"),
        (body([1.0, 2.0], [1.0]), None, r"and 1 for input\[1\]"),
        (body(), 1, r"has 0 vectors for 1 inputs"),
        (body(data=None), 1, r"has 0 vectors for 1 inputs"),
        (b"[]", 1, r"has 0 vectors"),
        (b"{}", 1, "none of the fields"),
        (b"3", 1, "isn't what the API describes"),
        (b'{"data": [', 1, "isn't valid JSON"),
        (body([1.0]).replace(b'"m"', b'"\xff"'), 1, "UTF-8"),
    ],
)
def test_refused(data: bytes, inputs: int | None, named: str) -> None:
    """Whatever could be a wrong vector is refused, by its place."""
    with pytest.raises(InvalidBody, match=named):
        EmbeddingDecoder(inputs).decode(data)


def test_inputs_of_another_request_before() -> None:
    """Errors count over the inputs of all requests of a call, as the caller does; `data` is the response's own."""
    for data, named in (
        (body(vector(0), vector(2)), r"none for input\[11\]"),
        (body(vector(0), vector(0), vector(1)), r"two vectors for input\[10\]: data\[1\]"),
        (body([1.0], [1.0], [1.0, 2.0]), r"1 numbers for input\[10\], and 2 for input\[12\]"),
    ):
        with pytest.raises(InvalidBody, match=named):
            EmbeddingDecoder(3, offset=10).decode(data)


def test_what_can_be_read() -> None:
    """What is refused has the vectors that can be read; of two for one input neither counts."""
    sent = body(vector(0), vector(0, [2.0]), vector(1, "AAA"), vector(None), vector(2, [3.0]))
    for data in (sent, b"\xef\xbb\xbf" + sent):
        with pytest.raises(InvalidBody, match=r"two vectors for input\[0\]") as caught:
            EmbeddingDecoder(3).decode(data)
        response = caught.value.response
        assert isinstance(response, EmbeddingResponse)
        assert [(item.index, item.embedding) for item in response] == [(2, [3.0])]
        assert len(response.to_dict()["data"]) == 5
    with pytest.raises(InvalidBody) as caught:
        EmbeddingDecoder(1).decode(b'{"vectors": [[1.0]]}')
    assert isinstance(caught.value.response, EmbeddingResponse)
    assert caught.value.response.to_dict() == {"vectors": [[1.0]]}


def test_dimensions() -> None:
    """Vectors of another length than was asked for are refused, and can be read all the same."""
    sent = body(vector(0, [1.0, 2.0]), vector(1, [3.0, 4.0]))
    assert len(EmbeddingDecoder(2, 2).decode(sent).data) == 2
    with pytest.raises(
        InvalidBody, match="vectors of 2 numbers, though dimensions=3 was"
    ) as caught:
        EmbeddingDecoder(2, 3).decode(sent)
    assert isinstance(caught.value.response, EmbeddingResponse)
    assert len(caught.value.response.data) == 2


@pytest.mark.parametrize(
    ("asked", "dimensions"),
    [
        ({"dimensions": 2, "encoding_format": "base64"}, 2),
        (prepare({"model": "m", "input": "x", "extra_body": {"dimensions": 2}}), 2),
        ({"input": "x"}, None),
        ({"dimensions": 16, "extra_body": {"output_dtype": "ubinary"}}, None),
        ({"dimensions": 16, "output_dtype": "ubinary"}, None),
    ],
)
def test_asked_dimensions(asked: dict[str, Any], dimensions: int | None) -> None:
    """Nothing is expected where other numbers are asked for, of which several may be in one."""
    assert asked_dimensions(asked) == dimensions


def test_failure_reported() -> None:
    """A failure under a status of success is one."""
    with pytest.raises(ErrorInBody):
        EmbeddingDecoder(1).decode(b'{"error": {"message": "no"}}')


def test_lenient() -> None:
    """What differs without being a vector doesn't matter, and is counted; an envelope and a bare list are opened."""
    response = EmbeddingDecoder(1).decode(
        body([1.0], model=7, mood="good", usage={"total_tokens": 2})
    )
    assert response.data[0].embedding == [1.0]
    assert sorted(drift_of(response)) == [
        ("$.model", "retyped"),
        ("$.mood", "unknown"),
        ("$.usage.prompt_tokens", "missing"),
    ]
    wrapped = b'{"code": 20000, "status": true, "message": "OK", "data": %b}' % body("AACAPw==")
    assert EmbeddingDecoder(1).decode(wrapped).data[0].embedding == [1.0]
    bare = json.dumps([vector(0, "AACAPw=="), vector(1, [2])]).encode()
    assert [item.embedding for item in EmbeddingDecoder(2).decode(bare)] == [[1.0], [2.0]]
    retyped = EmbeddingDecoder(1).decode(body(vector("0", [3])))
    assert retyped.data[0].embedding == [3.0]


def test_bounds() -> None:
    """As many numbers are taken in as vectors of the largest models have, whatever the bound on objects."""
    many = body([0.5] * 4096, [0.5] * 4096)
    assert len(EmbeddingDecoder(2).decode(many, max_objects=10).data[1].array) == 4096
    with pytest.raises(InvalidBody, match="holds more than"):
        EmbeddingDecoder(1).decode(body([0.5] * 100_000), max_objects=10)
    assert max_response_bytes(None) == max_response_bytes(1) == MAX_BODY_BYTES
    assert max_response_bytes(MAX_INPUTS) == 2**28


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("a", "a"),
        (["a", "b"], ["a", "b"]),
        (("a",), ["a"]),
        ([1, 2], [1, 2]),
        (range(3), [0, 1, 2]),
        ([[1], (2, 3)], [[1], [2, 3]]),
    ],
)
def test_prepare(asked: Any, sent: Any) -> None:
    """Inputs become what JSON holds; vectors are sent for as base64."""
    assert prepare({"model": "m", "input": asked}) == {
        "model": "m",
        "input": sent,
        "encoding_format": "base64",
    }


def test_prepare_extra_body() -> None:
    """What `extra_body` holds of the parameters counts."""
    extra = {"input": ["x", "y"], "encoding_format": "float", "truncate": "END"}
    assert prepare({"model": "m", "input": "a", "extra_body": extra}) == {
        "model": "m",
        "input": ["x", "y"],
        "encoding_format": "float",
        "extra_body": {"truncate": "END"},
    }
    assert extra["input"] == ["x", "y"]
    assert prepare({"model": "m", "input": "a", "extra_body": {}})["extra_body"] == {}


@pytest.mark.parametrize("extra", ["output_dtype", "embed_dtype", "endianness", "precision"])
def test_other_numbers_are_not_asked_for_as_base64(extra: str) -> None:
    """In which a server has them as they are: 8-bit integers would be read as a quarter as many floats."""
    asked = {"model": "m", "input": "a", "extra_body": {extra: "int8"}}
    assert "encoding_format" not in prepare(asked)
    assert prepare({**asked, "encoding_format": "float"})["encoding_format"] == "float"


@pytest.mark.parametrize(
    ("asked", "error", "named"),
    [
        ("", ValueError, "input must not be empty"),
        ([], ValueError, "input must not be empty"),
        (["a", ""], ValueError, r"input\[1\] must not be empty"),
        ([list[int]()], ValueError, r"input\[0\] must not be empty"),
        ([[1], list[int]()], ValueError, r"input\[1\] must not be empty"),
        (["a", 1], TypeError, r"input\[1\].*all strings, or all token ids"),
        ([1, "a"], TypeError, r"input\[0\] must be a string, or a list of token ids, not int"),
        ([[1], "a"], TypeError, r"input\[1\].*not both"),
        ([[1], ["a"]], TypeError, r"input\[1\] must hold token ids"),
        ([True], TypeError, r"input\[0\].*not bool"),
        ([1.5], TypeError, r"input\[0\].*not float"),
        ([None], TypeError, r"input\[0\].*not NoneType"),
        ([b"a"], TypeError, r"input\[0\].*not bytes"),
        (b"a", TypeError, "input must be"),
        (None, TypeError, "input must be"),
        ({"a"}, TypeError, "input must be"),
    ],
)
def test_prepare_refused(asked: Any, error: type[Exception], named: str) -> None:
    """An input that can't work is refused before anything is sent, by its place."""
    with pytest.raises(error, match=named):
        prepare({"model": "m", "input": asked})


def test_count() -> None:
    """How many vectors there have to be."""
    counted = ["a", ["a", "b"], [1, 2], [[1, 2], [3]], [], None, {"a": 1}]
    assert [count_inputs(given) for given in counted] == [1, 2, 1, 2, None, None, None]


def test_parts() -> None:
    """A request holds 2,048 inputs and 1 MiB at most; an input that is larger goes alone."""
    assert parts("a" * (2 * MAX_INPUT_BYTES)) == ["a" * (2 * MAX_INPUT_BYTES)]
    assert parts([1] * 5000) == [[1] * 5000]
    texts = [str(number) for number in range(5000)]
    assert [len(part) for part in parts(texts)] == [2048, 2048, 904]
    assert [text for part in parts(texts) for text in part] == texts
    assert [len(part) for part in parts([[1]] * 2049)] == [2048, 1]
    half, whole = "a" * (MAX_INPUT_BYTES // 2), "ä" * (MAX_INPUT_BYTES // 2)
    assert [len(part) for part in parts([half, half, half, whole, whole, "a"])] == [2, 1, 1, 1, 1]
    tokens = [1] * (MAX_INPUT_BYTES // 7)
    assert [len(part) for part in parts([tokens, tokens])] == [1, 1]
    assert parts(["\ud800"]) == [["\ud800"]]


def test_merge_refused() -> None:
    """Vectors of one call that differ in length can't be compared, whichever response they came in."""
    responses = {
        at: EmbeddingDecoder(1).decode(body(vector))
        for at, vector in enumerate([[1.0, 2.0], [1.0]])
    }
    cast("Response", responses[0]).meta = cast(Any, Meta())
    merged = merge(responses, [["a"], ["b"]])
    with pytest.raises(APIResponseError, match=r"2 numbers for input\[0\], and 1 for input\[1\]"):
        check_lengths(responses, merged)


def test_merge() -> None:
    """Responses become one: numbered on, with the sum of what was used."""
    first, second = (
        EmbeddingDecoder(2).decode(body([number], [number + 1], usage=usage))
        for number, usage in (
            (0, {"prompt_tokens": 1, "total_tokens": 2}),
            (2, {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 8}),
        )
    )
    meta: Any = Meta()
    cast("Response", first).meta = meta
    inputs = [["a", "b"], ["c", "d"]]
    merged = merge({1: second, 0: first}, inputs)
    assert [(item.index, item.embedding) for item in merged] == [
        (number, [float(number)]) for number in range(4)
    ]
    assert merged.usage == EmbeddingUsage(prompt_tokens=4, completion_tokens=4, total_tokens=10)
    assert merged.meta is meta
    assert merged.to_dict()["data"][3] == {"object": "embedding", "index": 3, "embedding": [3.0]}
    assert isinstance(merged, EmbeddingResponse)
    second.usage = None
    assert merge({0: first, 1: second}, inputs).usage is None
