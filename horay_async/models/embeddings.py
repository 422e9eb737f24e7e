"""`POST /embeddings`: its parameters, and vectors as lists and as buffers.

The API's introduction names embedding models, and its list of models filters for them; its reference doesn't have
the operation. So the shape is the one that OpenAI describes and the servers of this family share.
"""

from __future__ import annotations

import struct
from array import array as Array  # noqa: N812 - `array` is a name of what it is read by
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, Required, cast

import attrs
import msgspec

from horay_async.models._base import Model, Response, WireForm
from horay_async.models.options import CallOptions
from horay_async.models.usage import Usage

__all__ = [
    "Embedding",
    "EmbeddingInput",
    "EmbeddingParams",
    "EmbeddingResponse",
    "EmbeddingUsage",
]

EmbeddingInput = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
"""A text, several texts, a text as token ids, or several of those."""


class EmbeddingParams(CallOptions, total=False):
    """The parameters of `embeddings.create`."""

    model: Required[str]
    """The model's name, e.g. `"BAAI/bge-m3"`."""
    input: Required[EmbeddingInput]
    """A text or a list of texts; token ids or a list of lists of them. None of them empty."""
    dimensions: int | None
    """Numbers of each vector, for models that can shorten theirs."""
    encoding_format: Literal["base64", "float"] | None
    """How vectors are sent: `"base64"`, which takes a quarter of the bytes, unless given, or `extra_body` asks for other numbers. What is read of the
    response is the same."""
    user: str | None
    """An id of your end user, for the server's abuse checks."""


@attrs.define(kw_only=True, eq=False, repr=False)
class EmbeddingUsage(Usage):
    """Token counts of one call; nothing is generated, so that the response's tokens are 0."""

    __wire__: ClassVar[WireForm] = WireForm(required=("prompt_tokens", "total_tokens"))


def _in_short(numbers: Sequence[float]) -> str:
    """How many numbers there are, and the first of them."""
    shown = ", ".join(f"{number:.4g}" for number in numbers[:SHOWN])
    return f"[{shown}, ... {len(numbers):,} numbers]" if len(numbers) > SHOWN else f"[{shown}]"


SHOWN = 3
"""Numbers of a vector in a `repr`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Embedding(Model):
    """The vector of one input."""

    index: int = 0
    """Which input it is of, from 0: its place in `data`."""
    object: str = "embedding"
    """What kind of object it is: `embedding`."""
    embedding: list[float] = attrs.field(factory=list[float], repr=_in_short)
    """The numbers as a list. Each access makes a new one, so keep it where it is needed twice. Numbers sent as JSON
    have the precision that they were sent in."""

    @property
    def array(self) -> Array[float]:
        """The numbers as 32-bit floats in this machine's byte order: `numpy.asarray(item.array)` takes them without a
        copy. Each access returns the same object, unless the server sent JSON numbers: then each makes a new one.

        Raises `OverflowError` for a number that no 32-bit float holds; a response is refused for one.
        """
        numbers = cast("Array[float]", _held.__get__(self))
        return numbers if getattr(numbers, "typecode", "") == "f" else floats(numbers)


# The slot holds an array, a list takes eight times the memory; who reads the field gets the list.
_held: Any = vars(Embedding)["embedding"]


def _listed(item: Embedding) -> list[float]:
    numbers = _held.__get__(item)
    return cast("list[float]", numbers.tolist()) if isinstance(numbers, Array) else numbers


setattr(Embedding, "embedding", property(_listed, _held.__set__, doc=_held.__doc__))  # noqa: B010 - type checkers see the field


def floats(numbers: Sequence[float]) -> Array[float]:
    """`numbers` as 32-bit floats. Raises `OverflowError` for one that is too large."""
    # `array` itself would make an infinity of it.
    return Array("f", struct.pack(f"={len(numbers)}f", *numbers))


@attrs.define(kw_only=True, eq=False, repr=False)
class EmbeddingResponse(Response):
    """Vectors, one for each input and in their order; iterable, with a length.

    Of a call that took several requests `usage` is the sum, and `meta` is the first one's; `to_dict()` gives the
    known fields then.
    """

    object: str = "list"
    """What kind of object it is: `list`."""
    data: list[Embedding] = attrs.field(factory=list[Embedding])
    """The vectors, in the order of the inputs."""
    model: str = ""
    """The model that made them."""
    usage: EmbeddingUsage | None = None
    """The tokens that were used; None where the server doesn't send them."""
    id: str = ""
    """The server's name for this response; empty where it has none, as OpenAI's."""
    created: int = 0
    """Unix time, in seconds; 0 where the server doesn't send it, as OpenAI's."""

    def __iter__(self) -> Iterator[Embedding]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


ABSENT = msgspec.Raw(b"")
"""What stands for a vector that wasn't sent."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SentEmbedding(Model):
    """A vector as it is sent: base64 of little-endian 32-bit floats, or numbers."""

    __wire__: ClassVar[WireForm] = WireForm(required=("index", "object", "embedding"))

    index: int | None = None
    object: str = ""
    embedding: msgspec.Raw = ABSENT  # with a factory, msgspec would refuse every value


@attrs.define(kw_only=True, eq=False, repr=False)
class SentEmbeddings(Response):
    """A response as it is sent."""

    __wire__: ClassVar[WireForm] = WireForm(
        list_field="data", required=("object", "data", "model", "usage")
    )

    object: str = ""
    data: list[SentEmbedding] = attrs.field(factory=list[SentEmbedding])
    model: str = ""
    usage: EmbeddingUsage | None = None
    id: str = ""
    created: int = 0
