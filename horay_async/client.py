"""The asynchronous client."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, cast, overload

from horay_async._argument_errors import PACKAGE
from horay_async._checks import is_true
from horay_async._class_attributes import Group, own_attributes
from horay_async._keys import KeyFunction
from horay_async._protocol.wire.check_parameters import check_parameters
from horay_async._protocol.wire.request import (
    build_request,
    check_path,
    jsonable_field,
    may_be_billed,
    streamed_body,
)
from horay_async._signatures import with_signatures
from horay_async._suggestions import ONLY_ASYNC, no_attribute, no_setting
from horay_async.models.drift import Drift
from horay_async.models.options import CallOptions, GenerationOptions
from horay_async.options import ClientOptions, ClientParams
from horay_async.resources._base import fetch, new_idempotency_key

if TYPE_CHECKING:
    from horay_async._transport.transport import Transport
    from horay_async.batch import AsyncBatch
    from horay_async.models.raw import JSONResponse, ServerSentEvent
    from horay_async.resources.chat import AsyncChat
    from horay_async.resources.completions import AsyncCompletions
    from horay_async.resources.embeddings import AsyncEmbeddings
    from horay_async.resources.images import AsyncImages
    from horay_async.resources.models import AsyncModels
    from horay_async.resources.user import AsyncUser
    from horay_async.streaming import AsyncStream

__all__ = ["AsyncHoray"]

T = TypeVar("T")


def _caller() -> str:
    """The place outside this package that makes a client, as `file:line`."""
    # inspect.stack() would read source files; this only looks.
    frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@with_signatures
class AsyncHoray:
    """A client of the Horay API. Its connections open with the first request.

    `api_key` and `base_url` come from `HORAY_API_KEY` and `HORAY_BASE_URL` unless given; the other
    options are described by `ClientOptions`. Raises `ConfigurationError` for an option that can't work.

    One client serves any number of tasks, threads and event loops. Close it, best by an `async with` block.
    """

    def __init__(
        self, api_key: str | KeyFunction | None = None, **options: Unpack[ClientParams]
    ) -> None:
        """Takes the key and the options, each by its name.

        Args:
            api_key: From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it
                and the seconds that it is good for.
        """
        settled = ClientOptions.of(api_key, **options)
        from horay_async._transport.transport import Transport  # noqa: PLC0415 - loads aiohttp, which takes long

        self._transport: Transport = Transport(settled, made_at=_caller())

    # Most programs need one or two of them.
    user: Group[AsyncUser] = Group("horay_async.resources.user:AsyncUser")
    models: Group[AsyncModels] = Group("horay_async.resources.models:AsyncModels")
    chat: Group[AsyncChat] = Group("horay_async.resources.chat:AsyncChat")
    completions: Group[AsyncCompletions] = Group(
        "horay_async.resources.completions:AsyncCompletions"
    )
    images: Group[AsyncImages] = Group("horay_async.resources.images:AsyncImages")
    embeddings: Group[AsyncEmbeddings] = Group("horay_async.resources.embeddings:AsyncEmbeddings")
    batch: Group[AsyncBatch] = Group("horay_async.batch:AsyncBatch")
    """Any number of requests, at the pace that the server can take; see `AsyncBatch`."""

    def _make_group(self, cls: Callable[[Transport], T], name: str) -> T:
        return cls(self._transport)

    @property
    def options(self) -> ClientOptions:
        """The settings."""
        return self._transport.options

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._transport.pools.closed

    @property
    def drift(self) -> Drift:
        """How responses differed from what the API describes, counted; `with_options` copies count here too."""
        return self._transport.drift.counts

    def with_options(self, **options: Unpack[ClientParams]) -> Self:
        """A copy with some options changed, on the same connections: closing one closes both.

        Cheap enough to make one for each request; a derived class's own attributes are its too. Raises as making a client does.
        """
        copy = object.__new__(type(self))
        vars(copy).update(own_attributes(self))
        copy._transport = self._transport.changed(self.options.changed(**options))
        return copy

    if not TYPE_CHECKING:
        __getattr__ = no_attribute
        __setattr__ = no_setting
        __enter__ = ONLY_ASYNC

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        stream: Literal[False] = False,
        **options: Unpack[CallOptions],
    ) -> JSONResponse: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        stream: Literal[True],
        ends_with: str | Collection[str] = (),
        body: Any = None,
        **options: Unpack[GenerationOptions],
    ) -> AsyncStream[ServerSentEvent]: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        stream: bool,
        ends_with: str | Collection[str] = (),
        body: Any = None,
        **options: Unpack[GenerationOptions],
    ) -> JSONResponse | AsyncStream[ServerSentEvent]: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        stream: bool = False,
        ends_with: str | Collection[str] = (),
        **options: Unpack[GenerationOptions],
    ) -> JSONResponse | AsyncStream[ServerSentEvent]:
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
            ends_with: What the last event is known by: its name, the `type` in its JSON, or its data; or several
                of these.
        """
        stream = is_true("stream", stream)
        check_parameters(options, GenerationOptions if stream else CallOptions, ("body", "stream"))
        if not stream and ends_with:
            raise TypeError("ends_with goes with stream=True")
        for name, value in (("method", method), ("path", path)):
            if not isinstance(cast("object", value), str):
                raise TypeError(
                    f"{name} must be a string, not a value of type {type(value).__qualname__}"
                )
        request = build_request(
            method.upper(),
            check_path(method, path),
            options,
            self.options,
            body=jsonable_field("the body", streamed_body(body) if stream else body),
            new_idempotency_key=new_idempotency_key(),
            billed_per_run=may_be_billed(method, path),
        )
        if stream:
            from horay_async.resources._streams import send_sse  # noqa: PLC0415 - for streams alone

            return await send_sse(self._transport, request, ends_with)
        from horay_async._protocol.wire.json_decoder import JSONDecoder  # noqa: PLC0415 - needed here alone

        return await fetch(
            self._transport, request, JSONDecoder(), without_content=JSONDecoder.without_content
        )

    async def close(self) -> None:
        """Closes the connections, those of `with_options` copies included. Closing twice is fine.

        A call that is under way raises `APIConnectionError`, one that wasn't sent `ConfigurationError`.
        """
        if "_transport" in vars(self):  # else the constructor has raised
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        if "_transport" not in vars(self):  # shown by a traceback with its local variables
            return f"{type(self).__name__}(its constructor has raised)"
        options = self.options
        return (
            f"{type(self).__name__}(api_key={options.api_key!r}, base_url={options.base_url!r}"
            f"{', closed' if self.closed else ''})"
        )
