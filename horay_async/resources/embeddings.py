"""Vectors of texts: `POST /embeddings`, as the family of this API has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Mapping
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Unpack

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
from horay_async.errors import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    DriftError,
    DriftWarning,
)
from horay_async.models.embeddings import EmbeddingParams, EmbeddingResponse
from horay_async.resources._base import Resource, decode_response, fetch

if TYPE_CHECKING:
    import asyncio

    from horay_async._transport.call import Call
    from horay_async._transport.response import RawResponse

__all__ = ["AsyncEmbeddings"]

CREATE: Final = Operation(
    method="POST", path="/embeddings", params=EmbeddingParams, response=EmbeddingResponse
)


def decoder_of(request: Request, asked: Mapping[str, Any], offset: int = 0) -> EmbeddingDecoder:
    """What decodes the vectors that were `asked` for; the response to `request` may be as long as they are then. Before them, there are
    `offset` others of the same call.
    """
    count = count_inputs(asked.get("input"))
    request.max_body_bytes = max_response_bytes(count)
    return EmbeddingDecoder(count, asked_dimensions(asked), offset)


class AsyncEmbeddings(Resource):
    """Makes vectors of texts."""

    async def create(
        self, *positional: object, **params: Unpack[EmbeddingParams]
    ) -> EmbeddingResponse:
        """The vector of each input, in their order. The parameters are those of `EmbeddingParams`.

        More than 2,048 inputs, or 1 MiB of them, are sent in several requests, eight at a time; what one of them
        fails with is raised, once the responses that have begun by then are read to their end; the others are cancelled.
        `timeout` is the deadline of the whole call. The vectors that had come are in the error's `partial`, an `EmbeddingResponse`: the `index` of each says which input it is of.

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
            request = self._request(CREATE, prepared)
            return await fetch(self._transport, request, decoder_of(request, prepared))
        return await self._all(prepared, inputs)

    async def _all(self, prepared: dict[str, Any], inputs: list[Any]) -> EmbeddingResponse:
        """Sends a request for each of `inputs`. Raises what the first to fail raises, and what came of the others is in it."""
        import asyncio  # noqa: PLC0415 - here it is loaded, and `import horay_async` does without

        from horay_async._transport.loops import running_loop  # noqa: PLC0415 - needs asyncio

        for part in inputs:  # before any is sent, and paid for
            encode({"input": part})
        started = running_loop().time()
        offsets = accumulate((count_inputs(part) or 0 for part in inputs), initial=0)
        waiting = deque(zip(range(len(inputs)), offsets, inputs, strict=False))
        responses: dict[int, EmbeddingResponse] = {}
        calls: list[Call] = []
        drifts: list[DriftError | DriftWarning] = []
        failed = asyncio.Event()
        """Whether one has failed: then no more are sent."""
        reading = set[asyncio.Task[Any] | None]()
        """Those whose response has begun: it is read to its end, also where another one has failed."""

        def keep(at: int, error: APIError) -> None:
            if isinstance(error.partial, EmbeddingResponse):
                responses[at] = error.partial

        async def receive(
            at: int, call: Call, into: EmbeddingDecoder, response: RawResponse
        ) -> EmbeddingResponse:
            reading.add(task := asyncio.current_task())
            try:
                return await decode_response(call, into, response)
            except APIError as error:
                if not failed.is_set() or isinstance(error, DriftError):
                    raise
                keep(at, error)
                raise asyncio.CancelledError from None  # it isn't sent again
            finally:
                reading.discard(task)

        async def send() -> None:
            while waiting and not failed.is_set():
                at, offset, part = waiting.popleft()
                own = {**prepared, "input": part}
                request = self._request(CREATE, own, part=at)
                calls.append(call := self._transport.call(request, started=started))
                into = decoder_of(request, own, offset)
                try:
                    responses[at] = await call.run(partial(receive, at, call, into))
                except (DriftError, DriftWarning) as error:
                    # Its response is as usable as the others.
                    drifts.append(error)
                    responses[at] = error.response
                except APIError as error:
                    keep(at, error)
                    raise

        tasks = [asyncio.create_task(send()) for _ in range(min(CONCURRENT_REQUESTS, len(inputs)))]
        failure = await _failure_of(tasks, failed, reading)
        tasks.clear()  # which know the failure
        if failure is not None:
            if any(call.may_have_run for call in calls):
                failure = _of_several(failure)
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


async def _failure_of(
    tasks: Collection[asyncio.Task[None]], failed: asyncio.Event, reading: Container[object]
) -> BaseException | None:
    """What the first of the tasks to fail raises, once all are gone; None where none fails. `failed` is set then, and those that aren't
    `reading` are cancelled.
    """
    import asyncio  # noqa: PLC0415 - here it is loaded, and `import horay_async` does without

    # Not a `TaskGroup`: it cancels the caller's task, too, and before Python 3.13 leaves it so.
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if pending:
            failed.set()
            for task in pending:
                if task not in reading:
                    task.cancel()
            await asyncio.wait(pending)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    failures = [
        failure
        for each in (done, pending)
        for task in each
        if not task.cancelled() and (failure := task.exception()) is not None
    ]
    # What the server or the connection says comes before what kept a request from being sent.
    return min(failures, key=lambda failure: not isinstance(failure, APIError), default=None)


def _of_several(failure: BaseException) -> BaseException:
    """The failure of one request as that of a call of which others were sent."""
    if isinstance(failure, ConfigurationError):
        unsent = failure.with_traceback(None)
        problem = f"not all of the requests could be sent: {unsent}"
        failure = APIConnectionError(problem, transient=False)
        failure.__cause__ = unsent
    elif isinstance(failure, APIError) and failure.execution == "not_sent":
        failure.execution = "unknown"
    return failure
