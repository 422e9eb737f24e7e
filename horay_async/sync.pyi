# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The blocking client: the asynchronous one, run in a thread of its own. No logic of its own."""

import os
import ssl
from collections.abc import (
    AsyncIterable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, overload

import aiohttp

from horay_async._bridge.blocking_iterator import BlockingIterator, BlockingReader, Prefetcher
from horay_async._bridge.thread import LoopHandle
from horay_async._bridge.wrapper import BlockingWrapper
from horay_async._keys import KeyFunction
from horay_async._limits import Limits
from horay_async._observers import TelemetryObserver
from horay_async._retry_policy import RetryPolicy
from horay_async._timeouts import Timeouts
from horay_async.batch import AsyncBatch, AsyncBatchRun, BatchResult
from horay_async.batch.batch_request import BatchRequest
from horay_async.batch.results import BatchProgress, ShowProgress
from horay_async.client import AsyncHoray
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion, Message
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChunk
from horay_async.models.dicts import (
    MessageDict,
    ResponseFormatDict,
    StreamOptionsDict,
    ToolChoiceDict,
    ToolDict,
)
from horay_async.models.drift import Drift
from horay_async.models.embeddings import EmbeddingInput, EmbeddingResponse
from horay_async.models.events import ChatEvent, CompletionEvent, ToolRunEvent, TypedChatEvent
from horay_async.models.hooks import RequestEvent, ResponseEvent, RetryEvent
from horay_async.models.images import GeneratedImage, ImageResponse, ImageSize
from horay_async.models.meta import ResponseMeta
from horay_async.models.models import ModelInfo, ModelList, ModelSubType, ModelType
from horay_async.models.parsed import ParsedCompletion
from horay_async.models.raw import JSONResponse, ServerSentEvent
from horay_async.models.tools import HasTool, ToolBase
from horay_async.models.usage import Usage
from horay_async.models.user import UserInfo
from horay_async.options import ClientOptions
from horay_async.resources.chat import AsyncChat, AsyncChatCompletions, T
from horay_async.resources.completions import AsyncCompletions
from horay_async.resources.embeddings import AsyncEmbeddings
from horay_async.resources.images import AsyncImages
from horay_async.resources.models import AsyncModels
from horay_async.resources.user import AsyncUser
from horay_async.streaming import AsyncEventStream, AsyncStream, Select
from horay_async.tools.define import Approve
from horay_async.tools.run import AsyncToolRun

__all__ = ["BatchRun", "EventStream", "Horay", "Stream", "ToolRun"]
ChunkT = TypeVar("ChunkT", bound=Response)
ResponseT = TypeVar("ResponseT", bound=Response)
ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)
EventT = TypeVar("EventT")
ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)

class _Reading(BlockingWrapper):
    """What the blocking streams share: a prefetcher, and the `with` block."""

    _prefetcher: Prefetcher[Any]
    _read_to_end: ClassVar[str]
    _left_early: ClassVar[str]
    def _iterate(self, select: Select[ItemT]) -> BlockingIterator[ItemT]: ...
    def _close_nowait(self) -> None: ...
    def _drop(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None:
        """Closes the connection, unless the stream was read to its end. Closing twice is fine."""

class _ChunkReading(_Reading):
    """What both streams of a response share."""
    def text(self) -> Iterator[str]:
        """The text alone, of the first choice (index 0), piece by piece."""

class _NextReading(BlockingReader[ItemT_co], _Reading):
    """One that is an iterator itself, and is closed when it is dropped."""

    _max_prefetched: int | None
    """Most lists of items that are read ahead; None is the usual number."""
    def __init__(self, wrapped: Any, handle: LoopHandle, made_in: object = None) -> None: ...
    def __iter__(self) -> Iterator[ItemT_co]: ...
    def __del__(self) -> None: ...

class Stream(_ChunkReading, _NextReading[ChunkT], Generic[ChunkT], of=AsyncStream):
    """The chunks of one response, as they come: the blocking form of `AsyncStream`.

    Iterate over it, best within a `with` block: leaving the loop or the block early closes the connection at once.
    """

    _wrapped: AsyncStream[ChunkT]
    def __init__(self, wrapped: AsyncStream[ChunkT], handle: LoopHandle) -> None: ...
    @property
    def meta(self) -> ResponseMeta:
        """How the response came about; its later times are filled in as they pass."""
    @property
    def finish_reason(self) -> str | None:
        """Why the first choice (index 0) has ended: `stop`, or `length` where `max_tokens` cut it; None while it hasn't, and where
        nothing describes the events.
        """

class EventStream(_ChunkReading, Generic[EventT, ResponseT], of=AsyncEventStream):
    """What happens while a response is generated, event by event, and the whole response at the end, `final()`: the
    blocking form of `AsyncEventStream`. To be used in a `with` block, which sends the request.
    """

    _wrapped: AsyncEventStream[EventT, ResponseT]
    _chunks: Stream[Any] | None
    def __init__(
        self, wrapped: AsyncEventStream[EventT, ResponseT], handle: LoopHandle
    ) -> None: ...
    @property
    def chunks(self) -> Stream[Any]:
        """The stream of chunks behind the events; raises `HorayError` outside a `with` block."""
    def _iterate(self, select: Select[ItemT]) -> BlockingIterator[ItemT]: ...
    def _close_nowait(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __iter__(self) -> Iterator[EventT]: ...
    def final(self) -> ResponseT:
        """The whole response. Reads what is left of the stream; raises as iteration does."""
    @property
    def meta(self) -> ResponseMeta:
        """How the response came about; its later times are filled in as they pass."""
    @property
    def snapshot(self) -> ResponseT:
        """The response merged from the events, or texts, handed out so far; from all that has come, once `final` was called. Merging
        takes time linear in its length: ask for it when it is needed, not at every event.
        """

class ToolRun(_Reading, of=AsyncToolRun):
    """A conversation in which the model calls tools until it responds without: the blocking form of `AsyncToolRun`.

    `final()` is that response; iterate to see each step. The tools don't run in the caller's thread.
    """

    _wrapped: AsyncToolRun
    def __init__(self, wrapped: AsyncToolRun, handle: LoopHandle) -> None: ...
    def __iter__(self) -> Iterator[ToolRunEvent]: ...
    def close(self) -> None:
        """Stops the run, unless it is over. Closing twice is fine."""
    def final(self) -> ChatCompletion:
        """The response that calls no more tools. Goes through what is left; raises as iteration does."""
    @property
    def messages(self) -> list[Any]:
        """The conversation so far: the messages given, the model's, and the tools'."""
    @property
    def usage(self) -> Usage | None:
        """The tokens of all responses so far together, without details; None where one came without counts, as they do unless
        `stream_options={"include_usage": True}` or `max_total_tokens` asks for them.
        """
    _prefetcher: Prefetcher[Any]

class BatchRun(_NextReading[BatchResult[ResponseT_co]], Generic[ResponseT_co], of=AsyncBatchRun):
    """The results of a batch, as they come: the blocking form of `AsyncBatchRun`.

    Iterate over it: that starts the batch, and leaving the loop early cancels what is under way.
    """

    _wrapped: AsyncBatchRun[ResponseT_co]
    def __del__(self) -> None: ...
    def close(self) -> None:
        """Cancels what is under way; results that weren't read are dropped: `progress.stop_sending()` keeps them. Closing twice is fine."""
    @property
    def progress(self) -> BatchProgress:
        """How far the batch has come."""

class Batch(BlockingWrapper, of=AsyncBatch):
    """Sends any number of requests at the pace that the server can take."""
    @overload
    def run(
        self,
        requests: Iterable[BatchRequest[ResponseT]] | AsyncIterable[BatchRequest[ResponseT]],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> BatchRun[ResponseT]:
        """Sends `requests` and gives one `BatchResult` for each, as they come.

        The requests are `BatchRequest` objects, or mappings as the lines of an OpenAI batch file, with
        `custom_id`, `method`, `url` and `body`; of different operations if need be. They are read as they
        are needed, and no further ahead than a few of them: a generator of millions is fine. With
        `ordered` the results come in the order of the requests. `progress=True` draws a bar on standard
        error, where that is a terminal, and in a notebook; `"always"` draws it elsewhere too. The other
        parameters are those of `BatchOptions`.

        A request that fails, or can't be sent, gives a result with an `error`; the others go on. But if the server
        refuses the key of all the first requests, or the balance is exhausted, the loop raises that
        `AuthenticationError` or `InsufficientBalanceError`, and there are no results for them. `run` itself raises
        `ConfigurationError` for an option that can't work, `TypeError` for one of a wrong name, or for
        `requests` that can't be iterated over, and `ImportError` for `progress` without rich, which comes with
        `pip install 'horay-async[cli]'`.

        Args:
            requests: What to send: an iterable, plain or asynchronous.
            ordered: Whether the results come in the order of the requests. Where the loop raises, or is ended by `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its place.
            progress: Whether to draw a bar where somebody sees it; `"always"` draws it anyway.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """
    @overload
    def run(
        self,
        requests: Iterable[BatchRequest[Response] | Mapping[str, object]]
        | AsyncIterable[BatchRequest[Response] | Mapping[str, object]],
        *,
        ordered: bool = False,
        progress: ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> BatchRun[Any]:
        """Sends `requests` and gives one `BatchResult` for each, as they come.

        The requests are `BatchRequest` objects, or mappings as the lines of an OpenAI batch file, with
        `custom_id`, `method`, `url` and `body`; of different operations if need be. They are read as they
        are needed, and no further ahead than a few of them: a generator of millions is fine. With
        `ordered` the results come in the order of the requests. `progress=True` draws a bar on standard
        error, where that is a terminal, and in a notebook; `"always"` draws it elsewhere too. The other
        parameters are those of `BatchOptions`.

        A request that fails, or can't be sent, gives a result with an `error`; the others go on. But if the server
        refuses the key of all the first requests, or the balance is exhausted, the loop raises that
        `AuthenticationError` or `InsufficientBalanceError`, and there are no results for them. `run` itself raises
        `ConfigurationError` for an option that can't work, `TypeError` for one of a wrong name, or for
        `requests` that can't be iterated over, and `ImportError` for `progress` without rich, which comes with
        `pip install 'horay-async[cli]'`.

        Args:
            requests: What to send: an iterable, plain or asynchronous.
            ordered: Whether the results come in the order of the requests. Where the loop raises, or is ended by `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its place.
            progress: Whether to draw a bar where somebody sees it; `"always"` draws it anyway.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """
    def run_file(
        self,
        requests: str | os.PathLike[str] | int,
        results: str | os.PathLike[str],
        *,
        retry_failed: bool = False,
        sync_interval: float = 5.0,
        progress: BatchProgress | ShowProgress = False,
        concurrency: int | Literal["auto"] = ...,
        rpm: float | None = ...,
        tpm: float | None = ...,
        bulk: bool = ...,
        fail_fast: bool = ...,
        give_up_after: float = ...,
    ) -> BatchProgress:
        """Sends the requests of one file, writes their results to another, and gives the progress.

        Both have one JSON object a line, in the form of OpenAI's batch files and of their output. The
        server's responses are copied as they are. Lines are written as responses come, in no particular order.
        `requests` may be a pipe, or the descriptor of an open file, such as 0 for standard input: it is read to its
        end first.

        The output file is the record of what is done: where it exists, what it holds is skipped, and
        the rest is appended. So a run that ended early, however it did, goes on when it is started again,
        and each request has exactly one line in the end; only what was under way is sent twice, unless
        `progress.stop_sending()` ended the run: that waits for it. With
        `retry_failed` the failures of earlier runs are sent again; the line of each is taken out at the end of the run if there is a new
        one behind it. Where a failure has something of a response, and the next one nothing, it is the first that stays.
        Results are safe from a loss of power `sync_interval` seconds after they were written, with 0 at once. `progress` is a
        `BatchProgress` that is kept up to date while it runs, or draws a bar as for `run`. The other
        parameters are those of `BatchOptions`.

        Raises `BatchFileError`, before anything is sent, for lines that have no id, or one that was there before (the first ten
        are named); for an output file that another run is writing, under whatever name, or that isn't one of a batch; for what
        is no file; and for a full disk. Raises it during the run for an output file that something else removes or
        truncates; for requests that are edited, other than by appending; and for a disk that gets full. Raises `OSError` for
        files that can't be opened, and what `run` raises.

        A request that can't be sent, or whose line can't be read further than its id, raises nothing: the output has a line for
        it. If the server refuses the key of all the first requests, or the balance is exhausted, or none of them reaches the
        server, the run ends with their `AuthenticationError`, `InsufficientBalanceError` or `APIConnectionError`; if an
        `api_key` function raises, with that `ConfigurationError`. Nothing is written for these requests.

        Args:
            requests: The file of requests, or a pipe; or the descriptor of one that is open.
            results: The output file; it is made, or continued.
            retry_failed: Whether to send earlier failures again.
            sync_interval: Seconds until what was written is safe from a loss of power; 5, with 0 at once.
            progress: Whether to draw a bar, as for `run`; or an object that is kept up to date. One of an earlier run begins anew; one of a run that goes on is refused.
            concurrency: Most requests under way at once. `"auto"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.
            rpm: Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.
            tpm: Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.
            bulk: Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.
            fail_fast: Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.
            give_up_after: Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.
        """

class User(BlockingWrapper, of=AsyncUser):
    """The account behind the key."""
    def info(
        self,
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> UserInfo:
        """The account's name, status and balances. Raises `APIError` in one of its classes.

        Args:
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class Models(BlockingWrapper, of=AsyncModels):
    """The models on offer."""
    def list(
        self,
        *,
        type: ModelType = ...,
        sub_type: ModelSubType = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ModelList:
        """The models on offer; `type` and `sub_type` narrow them down.

        Raises `APIError` in one of its classes, and `TypeError` for a parameter of a wrong name or type.

        Args:
            type: Only models of this kind. One of `"text"`, `"image"`, `"audio"`, `"video"`.
            sub_type: Only models for this task. One of `"chat"`, `"embedding"`, `"reranker"`, `"text-to-image"`, `"image-to-image"`, `"speech-to-text"`, `"text-to-video"`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def retrieve(
        self,
        model: str,
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ModelInfo:
        """One model, by its id, whose slashes are sent as `%2F`: as one segment of the path. The API's reference
        doesn't have the operation; its shape is the one that the servers of this family share.

        Raises `NotFoundError` where there is no such model, `APIError` in one of its other classes, `TypeError` for
        an id that isn't a string, and `ValueError` for one that is empty or a step in a path (`.` or `..`).

        Args:
            model: The model's id, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class ChatCompletions(BlockingWrapper, of=AsyncChatCompletions):
    """Responds to a conversation."""
    @overload
    def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: Literal[False] = False,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ChatCompletion:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: Literal[True],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Stream[ChatCompletionChunk]:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: bool,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ChatCompletion | Stream[ChatCompletionChunk]:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def stream(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: type[T],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> EventStream[TypedChatEvent[T], ParsedCompletion[T]]:
        """Asks the model to respond to `messages`, and yields what happens as events; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does. With a class as `response_format`, there are events with the object as
        far as it has come, and with the instance; iteration and `final()` then raise as `parse` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The form that the response must have: a class to parse it into, or the API's JSON form.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def stream(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> EventStream[ChatEvent, ChatCompletion]:
        """Asks the model to respond to `messages`, and yields what happens as events; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does. With a class as `response_format`, there are events with the object as
        far as it has come, and with the instance; iteration and `final()` then raise as `parse` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def parse(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: type[T],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ParsedCompletion[T]:
        """Asks the model to respond to `messages` in the form of a class: each message's `parsed` is an instance of it.

        `response_format` is an attrs class, a dataclass or a pydantic model; the other parameters are those
        of `ChatParams`. Its schema goes out with the request. The arguments of calls to tools made by
        `@tool` are parsed too, as `function.parsed_arguments`, and a message that calls tools need not have
        a text besides. Raises what `create` does; `TypeError` for a class that no schema can describe;
        and `AnswerError` where the model declined, the response was cut at the token limit, or it doesn't fit.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The class to parse the response into: an attrs class, a dataclass or a pydantic model.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def parse(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: None = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ParsedCompletion[None]:
        """Asks the model to respond to `messages` in the form of a class: each message's `parsed` is an instance of it.

        `response_format` is an attrs class, a dataclass or a pydantic model; the other parameters are those
        of `ChatParams`. Its schema goes out with the request. The arguments of calls to tools made by
        `@tool` are parsed too, as `function.parsed_arguments`, and a message that calls tools need not have
        a text besides. Raises what `create` does; `TypeError` for a class that no schema can describe;
        and `AnswerError` where the model declined, the response was cut at the token limit, or it doesn't fit.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The class to parse the response into: an attrs class, a dataclass or a pydantic model.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def run_tools(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        max_rounds: int = 10,
        max_total_tokens: int | None = None,
        approve: Approve | None = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ToolRun:
        """Asks the model to respond to `messages`, and calls `tools` when it asks for them; `final()` is the response.

        The parameters are those of `ChatParams`. The calls of one message run concurrently, plain functions
        in threads of their own; what a tool raises, and arguments that don't fit its parameters, are told to
        the model. A result is a text, content parts (`TextPart`, `ImagePart`, or a list of them), or whatever
        has a JSON form.

        `max_rounds` limits the requests, and `timeout` the seconds for all of them and the tools.
        `max_total_tokens` limits the tokens of all rounds' prompts and responses together: when they are spent, no other
        round begins, and none begins after a response without a usage (this parameter asks the server for it).

        `approve` is called with each `ToolCall` whose arguments fit, in the order of the calls and one at a time, before its
        tool runs: a coroutine function, or a function, which runs in a thread of its own, with `Horay` in the thread that reads the run. It
        returns None or True to let the call run, False to refuse it, a string to tell the model instead, or a mapping of arguments to run it with; what it raises ends the
        run. The call that it gets is a copy: if it changes the name or the arguments, the changed call runs, and the
        model's message stays as it came.

        A `tool_choice` that forces a call holds for the first round. A tool given in the API's JSON form has
        no function here: when the model calls one, the run ends, the log says so, and the response has the
        call. A cut response raises, whatever `on_truncation` says. Other software's tools are taken as `HasTool` describes.
        Raises `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            max_rounds: Most requests; 10 unless given.
            max_total_tokens: Most tokens of all rounds' prompts and responses together; None is no limit.
            approve: Asked about each call before its tool runs; None lets all run.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class Chat(BlockingWrapper, of=AsyncChat):
    """The chat operations."""

    completions: ChatCompletions

class Completions(BlockingWrapper, of=AsyncCompletions):
    """Continues a text."""
    @overload
    def create(
        self,
        *,
        model: str,
        prompt: str,
        stream: Literal[False] = False,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        logprobs: int | bool | None = ...,
        echo: bool | None = ...,
        suffix: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Completion:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            logprobs: Asks for the log probabilities of the sampled tokens.
            echo: Asks for the prompt in front of the generated text.
            suffix: Text that comes after the generated one, for models that fill in.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def create(
        self,
        *,
        model: str,
        prompt: str,
        stream: Literal[True],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        logprobs: int | bool | None = ...,
        echo: bool | None = ...,
        suffix: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Stream[CompletionChunk]:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            logprobs: Asks for the log probabilities of the sampled tokens.
            echo: Asks for the prompt in front of the generated text.
            suffix: Text that comes after the generated one, for models that fill in.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def create(
        self,
        *,
        model: str,
        prompt: str,
        stream: bool,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        logprobs: int | bool | None = ...,
        echo: bool | None = ...,
        suffix: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Completion | Stream[CompletionChunk]:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            logprobs: Asks for the log probabilities of the sampled tokens.
            echo: Asks for the prompt in front of the generated text.
            suffix: Text that comes after the generated one, for models that fill in.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def stream(
        self,
        *,
        model: str,
        prompt: str,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        logprobs: int | bool | None = ...,
        echo: bool | None = ...,
        suffix: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> EventStream[CompletionEvent, Completion]:
        """Continues `prompt` and tells what happens, event by event; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of
        `CompletionParams`; raises as `create` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            logprobs: Asks for the log probabilities of the sampled tokens.
            echo: Asks for the prompt in front of the generated text.
            suffix: Text that comes after the generated one, for models that fill in.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class Images(BlockingWrapper, of=AsyncImages):
    """Draws pictures."""
    def generate(
        self,
        *,
        model: str,
        prompt: str,
        image_size: ImageSize,
        seed: int | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ImageResponse:
        """Draws what `prompt` describes. The parameters are those of `ImageParams`.

        A picture is paid by the piece, so a request that may have been run isn't sent again; see
        `RetryPolicy`. Raises `APIError` in one of its classes, and `TypeError` for a parameter of a
        wrong name or type.

        Args:
            model: The model's name, e.g. `"black-forest-labs/FLUX.1-schnell"`.
            prompt: What the picture shows.
            image_size: Width by height in pixels. One of `"1024x1024"`, `"1536x1536"`, `"768x512"`, `"768x1024"`, `"1024x576"`, `"576x1024"`.
            seed: Above 0 and below 9999999999; the same seed gives the same picture.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def save(
        self,
        image: GeneratedImage | str,
        path: str | os.PathLike[str],
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Path:
        """Fetches a picture, by a response's or any other URL, to a file, and gives the file's path.

        The file appears whole or not at all; one that is there already keeps its permissions, its owner and
        the symbolic links that lead to it. Neither the key nor the client's headers go to the
        picture's host; `extra_headers` and `extra_query` do. Raises `APIError` in one of its classes
        when the picture can't be had, is over 64 MiB or is something else by its first bytes, and `OSError` when the file can't be written.

        Args:
            image: A picture of a response, or a URL; one with `data:` is decoded, and so is base64 in its place.
            path: The file to write; one that is there is replaced.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class Embeddings(BlockingWrapper, of=AsyncEmbeddings):
    """Makes vectors of texts."""
    def create(
        self,
        *,
        model: str,
        input: EmbeddingInput,
        dimensions: int | None = ...,
        encoding_format: Literal["base64", "float"] | None = ...,
        user: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> EmbeddingResponse:
        """The vector of each input, in their order. The parameters are those of `EmbeddingParams`.

        More than 2,048 inputs, or 1 MiB of them, are sent in several requests, eight at a time; what one of them
        fails with is raised, once the responses that have begun by then are read to their end; the others are cancelled.
        `timeout` is the deadline of the whole call. The vectors that had come are in the error's `partial`, an `EmbeddingResponse`: the `index` of each says which input it is of.

        Raises `APIError` in one of its classes, `APIResponseError` too where a vector is missing, there twice, of
        another length than the first or than `dimensions`, or unreadable; `TypeError` for a parameter of a wrong name or type, and `ValueError` for an empty input.

        Args:
            model: The model's name, e.g. `"BAAI/bge-m3"`.
            input: A text or a list of texts; token ids or a list of lists of them. None of them empty.
            dimensions: Numbers of each vector, for models that can shorten theirs.
            encoding_format: How vectors are sent: `"base64"`, which takes a quarter of the bytes, unless given, or `extra_body` asks for other numbers. What is read of the response is the same.
            user: An id of your end user, for the server's abuse checks.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

class Horay(BlockingWrapper, of=AsyncHoray):
    """A blocking client of the Horay API: `AsyncHoray` with the same methods, called without `await`.

    It works in scripts, threads and notebooks. In a coroutine a call holds up the event loop until it returns: use `AsyncHoray` there.
    All blocking clients of a process share one thread. Interrupting a call, as with Ctrl-C, cancels its
    request. Takes and raises what `AsyncHoray` does.

    Args:
        api_key: From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it and the seconds that it is good for.
        base_url: From `HORAY_BASE_URL` unless given, else `https://api.horay.ai/v1`. A URL object of httpx or yarl is taken, too.
        timeout: A number is the total deadline in seconds; `Timeouts` sets each of the five timeouts. Unless given, the defaults of `Timeouts`: 15 s to connect, 600 s to the first byte, 120 s without content, no deadline.
        max_retries: Most attempts after the first; the other rules of retrying stay as they are. 2 unless given.
        retry: The rules of retrying, `RetryPolicy()` unless given; `max_retries` changes only how many retries there are.
        limits: Most requests and tokens a minute, and requests at once, for all calls; None, the default, is no limit. Copies with the same limits and `base_url` share them.
        max_connections: Most requests under way at once on one event loop; further ones wait in line. 1,000, and never more than the files that the system lets a process have open (`ulimit -n`), less 32; if calls wait for that reason, the log says so.
        tcp_keepalive: Seconds after which the system closes a connection whose other side has sent nothing at all, not even an acknowledgement; from 1 to 32,767, what Linux takes. The system asks for one (a TCP keep-alive probe) after half of that time. 60 s, the default, is below the 350 s and 240 s after which the load balancers of two large clouds drop a silent connection. None leaves it to the system. A copy that changes this has connections of its own.
        max_response_objects: Most JSON objects and lists in one response, or kept of one stream: they take up to 250 bytes of memory each, and a tenth of a byte to send. In a stream, four alternatives to a token count as one. 1,000,000; over it an `APIResponseError` is raised.
        default_headers: Sent with each request to the API. None unless given.
        default_query: Added to each URL's query. None unless given.
        proxy: `http://host:port` of a proxy. None, the default, is no proxy but what `trust_env` finds.
        ssl_context: For a private certificate authority or client certificates. Unless given, the client trusts the system's certificates. A copy that changes this has connections of its own: make one context and pass the same one each time.
        trust_env: Whether to take the proxy from `HTTPS_PROXY` and its like, and its password from `.netrc`. False, the default: the environment's proxy isn't used.
        allow_insecure_http: Whether the key may be sent over plain HTTP to a host that isn't this machine. False unless given.
        on_truncation: What to do if a stream ends without a mark of its end: `"raise"`, the default, raises a `StreamTruncatedError`; `"return"` takes what came as complete.
        strict: What happens beside counting where a response differs from what the API describes (`client.drift`). None, the default: nothing; `"warn"` gives a `DriftWarning`, once for each path and kind; `"raise"` raises a `DriftError`, which keeps the response.
        session: A session of yours to send with. The client never closes it; its connector decides on connections, TLS and proxies. A response that nobody asked for, from a faulty gateway, can be taken there for the response to the next call; the client's own connections discard it.
        on_request: Called with a `RequestEvent` just before each attempt is sent. The three hooks are plain functions, called on the event loop, in the context of the call: they must not block. What they return is ignored. What they raise is logged, and the call goes on, also after a `CancelledError`; only `KeyboardInterrupt` and `SystemExit` end the call.
        on_retry: Called with a `RetryEvent` after an attempt that failed, before the wait for the next one.
        on_response: Called with a `ResponseEvent` once for each call, when it is over, however it ended; for a stream that is when it was read to its end or left.
        telemetry: OpenTelemetry for this client's calls; see `horay_async.integrations.otel`.
    """

    _wrapped: AsyncHoray
    def __init__(
        self,
        api_key: str | KeyFunction | None = None,
        *,
        base_url: str | None = ...,
        timeout: float | Timeouts | None = ...,
        max_retries: int = ...,
        retry: RetryPolicy = ...,
        limits: Limits | None = ...,
        max_connections: int = ...,
        tcp_keepalive: float | None = ...,
        max_response_objects: int = ...,
        default_headers: Mapping[str, str] = ...,
        default_query: Mapping[str, str | int | float | bool] = ...,
        proxy: str | None = ...,
        ssl_context: ssl.SSLContext | None = ...,
        trust_env: bool = ...,
        allow_insecure_http: bool = ...,
        on_truncation: Literal["raise", "return"] = ...,
        strict: Literal["warn", "raise"] | None = ...,
        session: aiohttp.ClientSession | None = ...,
        on_request: Callable[[RequestEvent], object] | None = ...,
        on_retry: Callable[[RetryEvent], object] | None = ...,
        on_response: Callable[[ResponseEvent], object] | None = ...,
        telemetry: TelemetryObserver | None = ...,
    ) -> None:
        """Takes the key and the options, each by its name.

        Args:
            api_key: From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it and the seconds that it is good for.
            base_url: From `HORAY_BASE_URL` unless given, else `https://api.horay.ai/v1`. A URL object of httpx or yarl is taken, too.
            timeout: A number is the total deadline in seconds; `Timeouts` sets each of the five timeouts. Unless given, the defaults of `Timeouts`: 15 s to connect, 600 s to the first byte, 120 s without content, no deadline.
            max_retries: Most attempts after the first; the other rules of retrying stay as they are. 2 unless given.
            retry: The rules of retrying, `RetryPolicy()` unless given; `max_retries` changes only how many retries there are.
            limits: Most requests and tokens a minute, and requests at once, for all calls; None, the default, is no limit. Copies with the same limits and `base_url` share them.
            max_connections: Most requests under way at once on one event loop; further ones wait in line. 1,000, and never more than the files that the system lets a process have open (`ulimit -n`), less 32; if calls wait for that reason, the log says so.
            tcp_keepalive: Seconds after which the system closes a connection whose other side has sent nothing at all, not even an acknowledgement; from 1 to 32,767, what Linux takes. The system asks for one (a TCP keep-alive probe) after half of that time. 60 s, the default, is below the 350 s and 240 s after which the load balancers of two large clouds drop a silent connection. None leaves it to the system. A copy that changes this has connections of its own.
            max_response_objects: Most JSON objects and lists in one response, or kept of one stream: they take up to 250 bytes of memory each, and a tenth of a byte to send. In a stream, four alternatives to a token count as one. 1,000,000; over it an `APIResponseError` is raised.
            default_headers: Sent with each request to the API. None unless given.
            default_query: Added to each URL's query. None unless given.
            proxy: `http://host:port` of a proxy. None, the default, is no proxy but what `trust_env` finds.
            ssl_context: For a private certificate authority or client certificates. Unless given, the client trusts the system's certificates. A copy that changes this has connections of its own: make one context and pass the same one each time.
            trust_env: Whether to take the proxy from `HTTPS_PROXY` and its like, and its password from `.netrc`. False, the default: the environment's proxy isn't used.
            allow_insecure_http: Whether the key may be sent over plain HTTP to a host that isn't this machine. False unless given.
            on_truncation: What to do if a stream ends without a mark of its end: `"raise"`, the default, raises a `StreamTruncatedError`; `"return"` takes what came as complete.
            strict: What happens beside counting where a response differs from what the API describes (`client.drift`). None, the default: nothing; `"warn"` gives a `DriftWarning`, once for each path and kind; `"raise"` raises a `DriftError`, which keeps the response.
            session: A session of yours to send with. The client never closes it; its connector decides on connections, TLS and proxies. A response that nobody asked for, from a faulty gateway, can be taken there for the response to the next call; the client's own connections discard it.
            on_request: Called with a `RequestEvent` just before each attempt is sent. The three hooks are plain functions, called on the event loop, in the context of the call: they must not block. What they return is ignored. What they raise is logged, and the call goes on, also after a `CancelledError`; only `KeyboardInterrupt` and `SystemExit` end the call.
            on_retry: Called with a `RetryEvent` after an attempt that failed, before the wait for the next one.
            on_response: Called with a `ResponseEvent` once for each call, when it is over, however it ended; for a stream that is when it was read to its end or left.
            telemetry: OpenTelemetry for this client's calls; see `horay_async.integrations.otel`.
        """
    user: User
    models: Models
    chat: Chat
    completions: Completions
    images: Images
    embeddings: Embeddings
    batch: Batch
    """Any number of requests, at the pace that the server can take; see `AsyncBatch`."""
    def with_options(
        self,
        *,
        base_url: str | None = ...,
        timeout: float | Timeouts | None = ...,
        max_retries: int = ...,
        retry: RetryPolicy = ...,
        limits: Limits | None = ...,
        max_connections: int = ...,
        tcp_keepalive: float | None = ...,
        max_response_objects: int = ...,
        default_headers: Mapping[str, str] = ...,
        default_query: Mapping[str, str | int | float | bool] = ...,
        proxy: str | None = ...,
        ssl_context: ssl.SSLContext | None = ...,
        trust_env: bool = ...,
        allow_insecure_http: bool = ...,
        on_truncation: Literal["raise", "return"] = ...,
        strict: Literal["warn", "raise"] | None = ...,
        session: aiohttp.ClientSession | None = ...,
        on_request: Callable[[RequestEvent], object] | None = ...,
        on_retry: Callable[[RetryEvent], object] | None = ...,
        on_response: Callable[[ResponseEvent], object] | None = ...,
        telemetry: TelemetryObserver | None = ...,
    ) -> Self:
        """A copy with some options changed, on the same connections: closing one closes both.

        Cheap enough to make one for each request; a derived class's own attributes are its too. Raises as making a client does.

        Args:
            base_url: From `HORAY_BASE_URL` unless given, else `https://api.horay.ai/v1`. A URL object of httpx or yarl is taken, too.
            timeout: A number is the total deadline in seconds; `Timeouts` sets each of the five timeouts. Unless given, the defaults of `Timeouts`: 15 s to connect, 600 s to the first byte, 120 s without content, no deadline.
            max_retries: Most attempts after the first; the other rules of retrying stay as they are. 2 unless given.
            retry: The rules of retrying, `RetryPolicy()` unless given; `max_retries` changes only how many retries there are.
            limits: Most requests and tokens a minute, and requests at once, for all calls; None, the default, is no limit. Copies with the same limits and `base_url` share them.
            max_connections: Most requests under way at once on one event loop; further ones wait in line. 1,000, and never more than the files that the system lets a process have open (`ulimit -n`), less 32; if calls wait for that reason, the log says so.
            tcp_keepalive: Seconds after which the system closes a connection whose other side has sent nothing at all, not even an acknowledgement; from 1 to 32,767, what Linux takes. The system asks for one (a TCP keep-alive probe) after half of that time. 60 s, the default, is below the 350 s and 240 s after which the load balancers of two large clouds drop a silent connection. None leaves it to the system. A copy that changes this has connections of its own.
            max_response_objects: Most JSON objects and lists in one response, or kept of one stream: they take up to 250 bytes of memory each, and a tenth of a byte to send. In a stream, four alternatives to a token count as one. 1,000,000; over it an `APIResponseError` is raised.
            default_headers: Sent with each request to the API. None unless given.
            default_query: Added to each URL's query. None unless given.
            proxy: `http://host:port` of a proxy. None, the default, is no proxy but what `trust_env` finds.
            ssl_context: For a private certificate authority or client certificates. Unless given, the client trusts the system's certificates. A copy that changes this has connections of its own: make one context and pass the same one each time.
            trust_env: Whether to take the proxy from `HTTPS_PROXY` and its like, and its password from `.netrc`. False, the default: the environment's proxy isn't used.
            allow_insecure_http: Whether the key may be sent over plain HTTP to a host that isn't this machine. False unless given.
            on_truncation: What to do if a stream ends without a mark of its end: `"raise"`, the default, raises a `StreamTruncatedError`; `"return"` takes what came as complete.
            strict: What happens beside counting where a response differs from what the API describes (`client.drift`). None, the default: nothing; `"warn"` gives a `DriftWarning`, once for each path and kind; `"raise"` raises a `DriftError`, which keeps the response.
            session: A session of yours to send with. The client never closes it; its connector decides on connections, TLS and proxies. A response that nobody asked for, from a faulty gateway, can be taken there for the response to the next call; the client's own connections discard it.
            on_request: Called with a `RequestEvent` just before each attempt is sent. The three hooks are plain functions, called on the event loop, in the context of the call: they must not block. What they return is ignored. What they raise is logged, and the call goes on, also after a `CancelledError`; only `KeyboardInterrupt` and `SystemExit` end the call.
            on_retry: Called with a `RetryEvent` after an attempt that failed, before the wait for the next one.
            on_response: Called with a `ResponseEvent` once for each call, when it is over, however it ended; for a stream that is when it was read to its end or left.
            telemetry: OpenTelemetry for this client's calls; see `horay_async.integrations.otel`.
        """
    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        stream: Literal[False] = False,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> JSONResponse:
        """Calls what has no method yet: the whole JSON, or with `stream=True` the events as they come.

        Retries, timeouts and errors are those of every call. A request that may have been run is sent again only
        where that is known to be harmless: a GET, and the paths that generate text or embeddings. A stream is
        retried until its first event, raises what an error event says, and is complete where the event that
        `ends_with` names has come; without `ends_with`, at `[DONE]`, or where the bytes end between two events.

        Args:
            method: Of HTTP, such as `"POST"`.
            path: Below the base URL, such as `"/responses"`.
            body: Anything that JSON holds. With `stream=True`, `"stream": true` is added to an object without it.
            stream: Whether the response is a stream of server-sent events.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        stream: Literal[True],
        ends_with: str | Collection[str] = (),
        body: Any = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> Stream[ServerSentEvent]:
        """Calls what has no method yet: the whole JSON, or with `stream=True` the events as they come.

        Retries, timeouts and errors are those of every call. A request that may have been run is sent again only
        where that is known to be harmless: a GET, and the paths that generate text or embeddings. A stream is
        retried until its first event, raises what an error event says, and is complete where the event that
        `ends_with` names has come; without `ends_with`, at `[DONE]`, or where the bytes end between two events.

        Args:
            method: Of HTTP, such as `"POST"`.
            path: Below the base URL, such as `"/responses"`.
            stream: Whether the response is a stream of server-sent events.
            ends_with: What the last event is known by: its name, the `type` in its JSON, or its data; or several of these.
            body: Anything that JSON holds. With `stream=True`, `"stream": true` is added to an object without it.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        stream: bool,
        ends_with: str | Collection[str] = (),
        body: Any = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> JSONResponse | Stream[ServerSentEvent]:
        """Calls what has no method yet: the whole JSON, or with `stream=True` the events as they come.

        Retries, timeouts and errors are those of every call. A request that may have been run is sent again only
        where that is known to be harmless: a GET, and the paths that generate text or embeddings. A stream is
        retried until its first event, raises what an error event says, and is complete where the event that
        `ends_with` names has come; without `ends_with`, at `[DONE]`, or where the bytes end between two events.

        Args:
            method: Of HTTP, such as `"POST"`.
            path: Below the base URL, such as `"/responses"`.
            stream: Whether the response is a stream of server-sent events.
            ends_with: What the last event is known by: its name, the `type` in its JSON, or its data; or several of these.
            body: Anything that JSON holds. With `stream=True`, `"stream": true` is added to an object without it.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def close(self) -> None:
        """Closes the connections, those of `with_options` copies included. Closing twice is fine.

        A call that is under way raises `APIConnectionError`, one that wasn't sent `ConfigurationError`.
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    @property
    def options(self) -> ClientOptions:
        """The settings."""
    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
    @property
    def drift(self) -> Drift:
        """How responses differed from what the API describes, counted; `with_options` copies count here too."""
