"""Vectors as lists and as buffers."""

from __future__ import annotations

import copy
import pickle
from array import array
from typing import Any, cast

import attrs
import pytest

from horay_async import Embedding, EmbeddingResponse, EmbeddingUsage
from horay_async._record import lines


def held(numbers: object) -> Embedding:
    """An item as it comes from a response."""
    return Embedding(index=1, embedding=cast(Any, numbers))


def test_array() -> None:
    """The buffer is the one that came; a list is made at each reading."""
    numbers = array("f", [0.5, -1])
    item = held(numbers)
    assert item.array is numbers
    assert item.embedding == [0.5, -1.0]
    assert item.embedding is not item.embedding


def test_numpy() -> None:
    """numpy takes the buffer without a copy."""
    numpy = pytest.importorskip("numpy")
    item = held(array("f", [0.5, -1]))
    taken = numpy.asarray(item.array)
    assert taken.dtype == numpy.float32
    taken[0] = 7
    assert item.array[0] == 7


def test_by_hand() -> None:
    """One made by hand of a list gives it back, and a buffer of it; no number is lost on the way."""
    given = [0.1, 2.0]
    item = Embedding(embedding=given)
    assert item.embedding is given
    assert item.array == array("f", given)
    with pytest.raises(OverflowError):
        _ = Embedding(embedding=[1e39]).array
    item.embedding = [3.0]
    assert item.array == array("f", [3])
    assert Embedding().array == array("f")


def test_equal_and_shown() -> None:
    """Items are equal by their numbers, and show the first of them, also to IPython."""
    assert held(array("f", [1])) == held([1.0]) == held(array("d", [1]))
    assert held([1.0]) != held([2.0])
    shown = "[0.3333, 1, 1, ... 1,001 numbers]"
    many = held([1 / 3] + [1.0] * 1000)
    assert repr(many) == f"Embedding(index=1, object='embedding', embedding={shown})"
    assert repr(held(array("f", [1]))) == "Embedding(index=1, object='embedding', embedding=[1])"
    assert f"            embedding={shown},\n" in lines([[many, many]])


def test_copied() -> None:
    """Copies and pickles have the same numbers."""
    response = EmbeddingResponse(data=[held(array("f", [0.5]))], usage=EmbeddingUsage())
    for other in (copy.deepcopy(response), pickle.loads(pickle.dumps(response))):
        assert other == response
        assert other.data[0].array == array("f", [0.5])
    assert attrs.evolve(response.data[0], index=3).array == array("f", [0.5])


def test_dumped() -> None:
    """Dumps hold the list under the API's name."""
    response = EmbeddingResponse(data=[held(array("f", [0.5]))])
    expected = [{"index": 1, "object": "embedding", "embedding": [0.5]}]
    assert response.to_dict()["data"] == response.model_dump()["data"] == expected
    assert '"embedding":[0.5]' in response.model_dump_json()
