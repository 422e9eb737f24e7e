"""Embeddings: the inputs of a call cut into requests, and vectors read from what comes back. Pure.

A vector that isn't what was asked for looks like any other. So whatever doesn't fit makes the response unusable:
text that isn't base64, bytes that aren't 32-bit floats, a number that is none, an input without a vector or with two.
"""

# The bytes of a response, and how it differs, are kept under private names, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, cast

import attrs
import msgspec

from horay_async._json import is_array
from horay_async._protocol.wire.check_parameters import TEXTUAL, check_parameters
from horay_async._protocol.wire.decode import MALFORMED, InvalidBody, decoder, drift_of
from horay_async._protocol.wire.size_limits import MAX_BODY_BYTES, MAX_OBJECTS
from horay_async.errors import APIError, APIResponseError
from horay_async.models._base import Response
from horay_async.models.embeddings import (
    Embedding,
    EmbeddingParams,
    EmbeddingResponse,
    SentEmbedding,
    SentEmbeddings,
    floats,
)
from horay_async.models.usage import total_of

OTHER_NUMBERS = "dtype|endian|format|precision|quanti|embedding_type"
"""How fields of `extra_body` are called that may ask for other numbers than 32-bit floats: `output_dtype` of Voyage, `embed_dtype` and
`endianness` of vLLM. In base64 these couldn't be told apart."""

MAX_INPUTS = 2048
"""Inputs of one request: what OpenAI's reference allows."""

MAX_INPUT_BYTES = 2**20
"""Of the inputs of one request. OpenAI's reference allows 300,000 tokens, which are about as many bytes of English."""

CONCURRENT_REQUESTS = 8
"""Requests of one call that are under way at once: enough to keep a server busy, and no burst."""

TOKEN_BYTES = 7
"""Of a token id in JSON: six digits and a comma."""

MAX_VECTOR_BYTES = 2**17
"""Of a vector in JSON, as a bound for the response: 5,000 numbers of 25 characters. The largest known have 4,096."""

VECTOR_OBJECTS = MAX_VECTOR_BYTES // 64
"""JSON objects that the bound on a response's objects allows for each vector; its numbers count as a quarter each."""

# A server may send either, whatever it was asked for.
_vector_of = msgspec.json.Decoder(bytes | list[float]).decode


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call, checked, with all that is sent in its own place: `extra_body` may hold any of it.

    Raises `TypeError` for a parameter that doesn't fit its declaration, and `ValueError` for an empty input.
    """
    check_parameters(params, EmbeddingParams)
    extra = dict(params.get("extra_body") or {})
    prepared: dict[str, Any] = {**params}
    if not _asks_for_other_numbers(extra):
        prepared = {"encoding_format": "base64", **params}
    for name in ("input", "encoding_format", "dimensions"):
        if name in extra:
            prepared[name] = extra.pop(name)
    if extra or "extra_body" in params:
        prepared["extra_body"] = extra
    check_parameters(prepared, EmbeddingParams)
    prepared["input"] = _checked(prepared["input"])
    return prepared


def asked_dimensions(prepared: Mapping[str, Any]) -> int | None:
    """How many numbers `prepared` parameters ask for in each vector; None where that is for the server to say."""
    names = [*(prepared.get("extra_body") or ()), *(prepared.keys() - {"encoding_format"})]
    if _asks_for_other_numbers(names):
        return None  # of which several may be packed into one
    return prepared.get("dimensions")


def _asks_for_other_numbers(names: Iterable[str]) -> bool:
    return any(re.search(OTHER_NUMBERS, name) for name in names)


def _checked(given: str | Sequence[Any]) -> str | list[Any]:
    """The inputs as JSON holds them."""
    if not given:
        raise ValueError("input must not be empty")
    if isinstance(given, str):
        return given
    items = list(given)
    if _are_tokens(items):
        return items
    textual = isinstance(items[0], str)
    for at, item in enumerate(items):
        place, kind = f"input[{at}]", cast("type[Any]", type(item))
        if isinstance(item, str) is not textual:
            raise TypeError(f"{place}: input must be all strings, or all token ids; not both")
        if not textual:
            if not isinstance(item, Sequence) or kind in TEXTUAL:
                raise TypeError(
                    f"{place} must be a string, or a list of token ids, not {kind.__qualname__}"
                )
            items[at] = tokens = list(cast("Sequence[Any]", item))
            if tokens and not _are_tokens(tokens):
                raise TypeError(f"{place} must hold token ids alone, which are integers")
        if not item:
            raise ValueError(f"{place} must not be empty")
    return items


def _are_tokens(items: list[Any]) -> bool:
    return set(map(type, items)) == {int}


def count_inputs(given: object) -> int | None:
    """How many vectors there have to be for `given`, the input of a request; None where it isn't as described."""
    if isinstance(given, str):
        return 1
    if not is_array(given) or not given:
        return None
    return 1 if isinstance(given[0], int) else len(given)


def parts(given: str | list[Any]) -> list[str | list[Any]]:
    """The inputs of each request that is needed for `given`, in order."""
    if isinstance(given, str) or isinstance(given[0], int):
        return [given]
    made: list[list[Any]] = []
    size = MAX_INPUT_BYTES
    for item in given:
        taken = _size(item)
        size += taken
        if size > MAX_INPUT_BYTES or len(made[-1]) == MAX_INPUTS:
            made.append([])
            size = taken
        made[-1].append(item)
    return cast("list[str | list[Any]]", made)


def _size(item: str | list[int]) -> int:
    if isinstance(item, str):
        # Lone surrogates can't be encoded, which is told where the request is built.
        return len(item) if item.isascii() else len(item.encode("utf-8", "surrogatepass"))
    return TOKEN_BYTES * len(item)


def max_response_bytes(inputs: int | None) -> int:
    """How many bytes a response with as many vectors may have."""
    return max(MAX_BODY_BYTES, MAX_VECTOR_BYTES * (inputs or 0))


@attrs.frozen
class EmbeddingDecoder:
    """Decodes the response to a request."""

    inputs: int | None
    """How many it has; None where that isn't known."""
    dimensions: int | None = None
    """How many numbers were asked for in each vector; None for the model's own."""
    offset: int = 0
    """How many inputs the requests before it have, of the same call: errors count over all."""

    def decode(self, data: bytes, *, max_objects: int = MAX_OBJECTS) -> EmbeddingResponse:
        """`data` as an instance, in the order of the inputs. Raises as `Decoder.decode` does; the vectors that can be read
        all the same are in the error's `response`.
        """
        bound = max(max_objects, VECTOR_OBJECTS * (self.inputs or 0))
        try:
            sent = decoder(SentEmbeddings).decode(data, max_objects=bound)
        except InvalidBody as unusable:
            if unusable.response is not None:
                unusable.response, _ = self._made(cast("SentEmbeddings", unusable.response))
            raise
        response, problem = self._made(sent)
        if problem:
            raise InvalidBody(problem, response)
        return response

    def _made(self, sent: SentEmbeddings) -> tuple[EmbeddingResponse, str | None]:
        """What was sent as a response, and the first thing that is wrong with its vectors."""
        vectors, problem = self._vectors(sent.data)
        response = EmbeddingResponse(
            id=sent.id,
            object=sent.object,
            created=sent.created,
            data=vectors,
            model=sent.model,
            usage=sent.usage,
        )
        made, read = cast("Response", response), cast("Response", sent)
        made._raw = read._raw
        if found := drift_of(sent):
            made._drift = found
        return response, problem

    def _vectors(self, data: list[SentEmbedding]) -> tuple[list[Embedding], str | None]:
        """The vectors in the order of the inputs, each of which has to have one, and the first thing that is wrong. Where two
        are of one input, neither counts.
        """
        wanted = len(data) if self.inputs is None else self.inputs
        vectors: dict[int, Embedding] = {}
        lengths: dict[int, int] = {}
        twice: set[int] = set()
        problem: str | None = None
        first = int({sent.index for sent in data} == set(range(1, (self.inputs or 0) + 1)))
        """Some servers count from 1, which is sure where none is missing."""
        for at, sent in enumerate(data):
            index = None if sent.index is None else sent.index - first
            if index is None:
                problem = problem or f"has a vector without an index: data[{at}]"
            elif not 0 <= index < wanted:
                problem = (
                    problem or f"has a vector of index {sent.index} for {wanted} inputs: data[{at}]"
                )
            elif index in vectors:
                twice.add(index)
                problem = (
                    problem or f"has two vectors for {self._input(index)}: data[{at}] is the second"
                )
            else:
                try:
                    vector = _read(bytes(sent.embedding), at)
                except InvalidBody as unreadable:
                    problem = problem or str(unreadable)
                    continue
                lengths[index] = len(vector)
                vectors[index] = Embedding(
                    index=index, object=sent.object, embedding=cast(Any, vector)
                )
        if problem is None and len(vectors) < wanted:
            missing = next(index for index in range(wanted) if index not in vectors)
            problem = f"has {len(vectors)} vectors for {wanted} inputs: there is none for {self._input(missing)}"
        if problem is None and (
            differing := _differing([lengths[at] for at in range(wanted)], self.offset)
        ):
            problem = f"has {differing}"
        if problem is None and self.dimensions not in (None, *lengths.values()):
            problem = f"has vectors of {lengths[0]} numbers, though dimensions={self.dimensions} was asked for"
        return [vectors[index] for index in sorted(vectors.keys() - twice)], problem

    def _input(self, index: int) -> str:
        return f"input[{self.offset + index}]"


def _differing(lengths: Sequence[int], offset: int = 0) -> str | None:
    """What is wrong with the vectors of one call where not all have as many numbers: no two could be compared. The inputs are numbered
    from `offset` on.
    """
    for index, length in enumerate(lengths, offset):
        if length != lengths[0]:
            return f"vectors of different lengths: {lengths[0]} numbers for input[{offset}], and {length} for input[{index}]"
    return None


def _read(raw: bytes, at: int) -> array[float]:
    """The numbers of `data[at]`: 32-bit floats from base64, and as precise as they were sent from JSON."""
    place = f"data[{at}].embedding"
    if not raw:
        raise InvalidBody(f"has no vector in {place}")
    try:
        sent: bytes | list[float] = _vector_of(raw)
    except MALFORMED as error:
        raise InvalidBody(f"has no vector in {place}: {error}") from error
    if not sent:
        raise InvalidBody(f"has an empty vector in {place}")
    if is_array(sent):
        try:
            floats(sent)
        except OverflowError as error:
            raise InvalidBody(f"has no vector in {place}: {error}") from error
        return array("d", sent)
    if len(sent) % 4:
        raise InvalidBody(f"has {len(sent)} bytes in {place}, which aren't 32-bit floats")
    numbers = array("f", sent)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def merge(responses: Mapping[int, EmbeddingResponse], inputs: Sequence[Any]) -> EmbeddingResponse:
    """One response of those to the requests of one call, each by the place of its request among the `inputs` of all; some
    may be missing. Their vectors are numbered anew.
    """
    made = sorted(responses.items())
    first = made[0][1]
    starts = [0, *accumulate(count_inputs(part) or 0 for part in inputs)]
    data: list[Embedding] = []
    for at, response in made:
        for item in response.data:
            item.index += starts[at]
            data.append(item)
    usage = total_of([response.usage for _, response in made])
    merged = attrs.evolve(first, data=data, usage=usage)
    cast("Response", merged).meta = first.meta
    return merged


def check_lengths(responses: Mapping[int, EmbeddingResponse], merged: EmbeddingResponse) -> None:
    """Raises `APIResponseError` where the vectors of whole responses, of which one was `merged`, differ in length."""
    lengths: list[int] = []
    for _, response in sorted(responses.items()):  # within each they are alike
        lengths += [len(response.data[0].array)] * len(response.data)
    if problem := _differing(lengths):
        raise APIResponseError(
            f"the responses have {problem}",
            execution="executed",
            request_id=merged.meta.request_id,
            partial=merged,
        )


def add_partial(
    error: APIError, responses: Mapping[int, EmbeddingResponse], inputs: Sequence[Any]
) -> None:
    """Puts what has come of a call whose requests are for `inputs` into the error that it is about to raise."""
    if not responses:
        return
    error.partial = merge(responses, inputs)
    error.execution = "executed"
    asked = sum(count_inputs(part) or 0 for part in inputs)
    error.message += f"; {len(error.partial.data):,} of {asked:,} vectors are in `partial`"
    error.args = (error.message, *error.args[1:])
