"""Vectors of texts: `POST /embeddings`, as the family of this API has it."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final, Unpack

from horay_async._argument_errors import naming_caller, refuse_positional
from horay_async._protocol.wire.embeddings import (
    CONCURRENT_REQUESTS,
    EmbeddingDecoder,
    add_partial,
    asked_dimensions,
    check_lengths,
    count_inputs,
    max_response_bytes,
    merge,
    parts,
    prepare,
)
from horay_async._protocol.wire.request import Operation, Request, encode
from horay_async.errors import APIError, DriftError, DriftWarning
from horay_async.models.embeddings import EmbeddingParams, EmbeddingResponse
from horay_async.resources._base import Resource, fetch

__all__ = ["AsyncEmbeddings"]

CREATE: Final = Operation(
    method="POST", path="/embeddings", params=EmbeddingParams, response=EmbeddingResponse
)


def decoder_of(request: Request, asked: Mapping[str, Any]) -> EmbeddingDecoder:
    """What decodes the vectors that were `asked` for; the response to `request` may be as long as they are then."""
    count = count_inputs(asked.get("input"))
    request.max_body_bytes = max_response_bytes(count)
    return EmbeddingDecoder(count, asked_dimensions(asked))


class AsyncEmbeddings(Resource):
    """Makes vectors of texts."""

    async def create(
        self, *positional: object, **params: Unpack[EmbeddingParams]
    ) -> EmbeddingResponse:
        """The vector of each input, in their order. The parameters are those of `EmbeddingParams`.

        More than 2,048 inputs, or 1 MiB of them, are sent in several requests, eight at a time; what one of them
        fails with is raised, and the others are cancelled. `timeout` is the deadline of the whole call. The vectors that
        had come are in the error's `partial`, an `EmbeddingResponse`: the `index` of each says which input it is of.

        Raises `APIError` in one of its classes, `APIResponseError` too where a vector is missing, there twice, of
        another length than the first or than `dimensions`, or unreadable; `TypeError` for a parameter of a wrong name or type, and `ValueError` for an empty input.
        """
        refuse_positional(self.create, positional)
        try:
            prepared = prepare(params)
        except (TypeError, ValueError) as error:
            naming_caller(error, self)
            raise
        inputs = parts(prepared["input"])
        if len(inputs) == 1:
            return await self._part(self._request(CREATE, prepared), prepared)
        return await self._all(prepared, inputs)

    async def _part(
        self, request: Request, prepared: dict[str, Any], started: float | None = None
    ) -> EmbeddingResponse:
        """Sends the request that was made of `prepared`; its deadline counts from `started`."""
        return await fetch(self._transport, request, decoder_of(request, prepared), started=started)

    async def _all(self, prepared: dict[str, Any], inputs: list[Any]) -> EmbeddingResponse:
        """Sends a request for each of `inputs`. Raises what the first to fail raises, and what came of the others is in it."""
        from horay_async._transport.loops import running_loop  # noqa: PLC0415 - needs asyncio

        for part in inputs:  # before any is sent, and paid for
            encode({"input": part})
        started = running_loop().time()
        waiting: Iterator[tuple[int, Any]] = iter(enumerate(inputs))
        responses: dict[int, EmbeddingResponse] = {}
        drifts: list[DriftError | DriftWarning] = []

        async def send() -> None:
            for at, part in waiting:
                own = {**prepared, "input": part}
                request = self._request(CREATE, own, part=at)
                try:
                    responses[at] = await self._part(request, own, started)
                except (DriftError, DriftWarning) as error:
                    # Its response is as usable as the others.
                    drifts.append(error)
                    responses[at] = error.response
                except APIError as error:
                    if isinstance(error.partial, EmbeddingResponse):
                        responses[at] = error.partial
                    raise

        failure = await _failure_of([send() for _ in range(min(CONCURRENT_REQUESTS, len(inputs)))])
        if failure is not None:
            if isinstance(failure, APIError):
                add_partial(failure, responses, inputs)
        else:
            merged = merge(responses, inputs)
            check_lengths(responses, merged)
            if not drifts:
                return merged
            drifts[0].response = merged
            failure = drifts[0]
        try:
            raise failure  # out here, where nothing else is its context
        finally:
            del failure  # it knows this frame
            drifts.clear()


async def _failure_of(sends: Iterable[Coroutine[Any, Any, None]]) -> BaseException | None:
    """Runs them together. What the first to fail raises, when the others are cancelled and gone; None where none fails."""
    import asyncio  # noqa: PLC0415 - here it is loaded, and `import horay_async` does without

    # Not a `TaskGroup`: it cancels the caller's task, too, and before Python 3.13 leaves it so.
    tasks = [asyncio.create_task(send) for send in sends]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    tasks.sort(key=lambda task: task not in done)
    failures = [task.exception() for task in tasks if not task.cancelled()]
    return next(filter(None, failures), None)
