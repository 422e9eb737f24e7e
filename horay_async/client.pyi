# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The asynchronous client."""

import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, Self, TypeVar, overload

import aiohttp

from horay_async._keys import KeyFunction
from horay_async._limits import Limits
from horay_async._observers import TelemetryObserver
from horay_async._retry_policy import RetryPolicy
from horay_async._timeouts import Timeouts
from horay_async._transport.transport import Transport
from horay_async.batch import AsyncBatch
from horay_async.models.drift import Drift
from horay_async.models.hooks import RequestEvent, ResponseEvent, RetryEvent
from horay_async.models.raw import JSONResponse, ServerSentEvent
from horay_async.options import ClientOptions
from horay_async.resources.chat import AsyncChat
from horay_async.resources.completions import AsyncCompletions
from horay_async.resources.embeddings import AsyncEmbeddings
from horay_async.resources.images import AsyncImages
from horay_async.resources.models import AsyncModels
from horay_async.resources.user import AsyncUser
from horay_async.streaming import AsyncStream

__all__ = ["AsyncHoray"]
T = TypeVar("T")

class AsyncHoray:
    """A client of the Horay API. Its connections open with the first request.

    `api_key` and `base_url` come from `HORAY_API_KEY` and `HORAY_BASE_URL` unless given; the other
    options are described by `ClientOptions`. Raises `ConfigurationError` for an option that can't work.

    One client serves any number of tasks, threads and event loops. Close it, best by an `async with` block.

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
    user: AsyncUser
    models: AsyncModels
    chat: AsyncChat
    completions: AsyncCompletions
    images: AsyncImages
    embeddings: AsyncEmbeddings
    batch: AsyncBatch
    """Any number of requests, at the pace that the server can take; see `AsyncBatch`."""
    def _make_group(self, cls: Callable[[Transport], T], name: str) -> T: ...
    @property
    def options(self) -> ClientOptions:
        """The settings."""
    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
    @property
    def drift(self) -> Drift:
        """How responses differed from what the API describes, counted; `with_options` copies count here too."""
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
    async def request(
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
    async def request(
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
    ) -> AsyncStream[ServerSentEvent]:
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
    async def request(
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
    ) -> JSONResponse | AsyncStream[ServerSentEvent]:
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
    async def close(self) -> None:
        """Closes the connections, those of `with_options` copies included. Closing twice is fine.

        A call that is under way raises `APIConnectionError`, one that wasn't sent `ConfigurationError`.
        """
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def __repr__(self) -> str: ...
    _transport: Transport
