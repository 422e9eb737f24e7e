"""The openai package's own classes on this client. The extra is `openai`, from version 2.54 of that package on.

    from horay_async import AsyncHoray
    from horay_async.integrations.openai import AsyncOpenAI

    async with AsyncHoray() as horay:
        client = AsyncOpenAI(horay=horay)
        await client.chat.completions.create(model=..., messages=[...])

`AsyncOpenAI` and `OpenAI` are subclasses of the openai package's, so that frameworks take them. Every request is a call of
`horay`. Errors are openai's, with this package's own as their cause: a stream that was cut raises
`openai.APIConnectionError`, and so does reading on after a read that was cancelled or interrupted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from copy import copy
from functools import wraps
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, get_args, get_origin

from horay_async._extras import missing_extra
from horay_async.client import AsyncHoray
from horay_async.errors import APIStatusError, APITimeoutError, HorayError, StreamError
from horay_async.streaming import interrupted, without_traceback
from horay_async.sync import Horay

if _missing := missing_extra(__name__, "openai", "openai", "httpx2"):
    raise ImportError(_missing)

import httpx2
import openai

from horay_async.integrations.httpx2 import (
    EXTENSION,
    AsyncHorayTransport,
    HorayTransport,
    timeout_options,
)

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions

__all__ = ["AsyncOpenAI", "OpenAI"]

T = TypeVar("T")

PLACEHOLDER: Final = "set-by-horay"
"""What openai's client takes for its key; it is never sent."""

OWN_TIMEOUTS: Final = httpx2.Timeout(None)
"""Stands for the timeouts of the Horay client, known by its identity."""

OPTIONS_OF_HORAY: Final = {
    "provider": "the Horay client's host and key are used",
    "workload_identity": "the Horay client's key is used",
    "data_residency": "the Horay client's base_url is used",
    "websocket_base_url": "websockets aren't sent by a Horay client",
}
"""Options of openai's clients that can't hold here, and why."""


HTTP_CLIENT: Final = "http_client can't be set here: the Horay client sends the requests"


def _openai_error(error: HorayError, request: httpx2.Request) -> Exception:
    """The error of openai for one of this package's, the same in all its versions."""
    text = str(error)
    if isinstance(error, APITimeoutError):
        timeout = openai.APITimeoutError(request)
        timeout.message, timeout.args = text, (text,)
        return timeout
    if isinstance(error, StreamError | APIStatusError):  # reported by the server without a status
        return openai.APIError(text, request, body=error.body)
    return openai.APIConnectionError(message=text, request=request)


class _Checked:
    """Reads `iterator`, and raises where it is read on after an error, also after a read that was cancelled or interrupted:
    openai's are generators, which just end after one, as if complete. A read is a `with` block of it. Data that aren't JSON, for which
    openai's raise Python's own error, are an `APIResponseValidationError`.
    """

    def __init__(self, iterator: Any, response: httpx2.Response) -> None:
        self._iterator = iterator
        self._response = response
        self._failure: openai.OpenAIError | None = None

    def __enter__(self) -> None:
        if self._failure is not None:
            raise without_traceback(self._failure)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, StopIteration | StopAsyncIteration):
            return
        if isinstance(error, JSONDecodeError):
            self._failure = openai.APIResponseValidationError(
                self._response, error.doc, message=f"an event of the stream isn't JSON: {error}"
            )
            raise without_traceback(self._failure) from error
        if not isinstance(error, openai.OpenAIError):
            text = str(interrupted(error))
            error = openai.APIConnectionError(message=text, request=self._response.request)
        self._failure = without_traceback(error)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        with self:
            return self._iterator.__next__()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        with self:
            return await self._iterator.__anext__()


def _checked(stream: Any) -> _Checked:
    """Reads `stream` by openai's generator of a copy. The generator of the stream itself would be in a reference
    cycle with it, and a dropped stream would only be closed by the garbage collector.
    """
    read = copy(stream)
    del read._iterator  # noqa: SLF001 - it knows `stream`
    return _Checked(read.__stream__(), stream.response)


class _Stream(openai.Stream[T]):
    """openai's stream, with its iterator checked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._iterator: Any = _checked(self)

    def __iter__(self) -> Iterator[T]:
        return self._iterator  # type: ignore[no-any-return] # its items are of `T`


class _AsyncStream(openai.AsyncStream[T]):
    """openai's asynchronous stream, with its iterator checked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._iterator: Any = _checked(self)

    def __aiter__(self) -> AsyncIterator[T]:
        return self._iterator  # type: ignore[no-any-return] # its items are of `T`


STREAMS: Final[dict[type[Any], type[Any]]] = {
    openai.Stream: _Stream,
    openai.AsyncStream: _AsyncStream,
}


class _HelperManager:
    """What openai's helper `stream(...)` of a resource returns, to be entered. The helper reads a stream by a generator of
    its own, which would end after an error, too.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __enter__(self) -> Any:
        helper = self._manager.__enter__()
        helper._iterator = _Checked(helper._iterator, helper._response)  # noqa: SLF001 - no other way in
        return helper

    def __exit__(self, *error: object) -> None:
        self._manager.__exit__(*error)

    async def __aenter__(self) -> Any:
        helper = await self._manager.__aenter__()
        helper._iterator = _Checked(helper._iterator, helper._response)  # noqa: SLF001 - as above
        return helper

    async def __aexit__(self, *error: object) -> None:
        await self._manager.__aexit__(*error)


def _check_helper(resource: Any) -> None:
    """Has the helper `stream(...)` of a resource raise where it is read on after an error."""
    if "stream" in vars(resource):
        return
    open_stream = resource.stream

    @wraps(open_stream)
    def stream(*arguments: Any, **options: Any) -> _HelperManager:
        return _HelperManager(open_stream(*arguments, **options))

    resource.stream = stream


class _OnHoray:
    """What both clients share. It stands before openai's class, whose private methods it extends."""

    _horay: Any

    if TYPE_CHECKING:
        timeout: float | httpx2.Timeout | None
        max_retries: int

    def _settings(
        self, given: Any, options: dict[str, Any], made_of: type, transport: type, http: type
    ) -> dict[str, Any]:
        """The options for openai's class, on the Horay client that was given, or on one of the class `made_of`.

        Raises `TypeError` for options that contradict the Horay client.
        """
        beside = {name: options.pop(name, None) for name in ("api_key", "base_url")}
        beside = {name: each for name, each in beside.items() if _given(each)}
        owned = None
        if not given:
            owned, beside = made_of(**beside), {}
        horay: Any = given or owned
        self._horay = horay
        http_client = options.pop("http_client", None)
        if http_client is None:
            sender: Any = transport(horay)
            sender.owned = owned
            http_client = http(transport=sender, trust_env=False)
        elif not isinstance(getattr(http_client, "_transport", None), transport):
            raise TypeError(HTTP_CLIENT)  # it isn't one of ours, as `copy` hands it over
        for name, reason in OPTIONS_OF_HORAY.items():
            if _given(options.get(name)):
                raise TypeError(f"{name} can't be set here: {reason}")
        if beside.get("api_key", PLACEHOLDER) != PLACEHOLDER:
            raise TypeError("api_key can't be set beside horay=, whose key is used")
        base_url: str = horay.options.base_url
        same = (base_url, str(httpx2.URL(base_url)).rstrip("/"))
        if "base_url" in beside and str(beside["base_url"]).rstrip("/") not in same:
            raise TypeError("base_url can't be set beside horay=, whose base_url is used")
        if not _given(options.get("timeout", openai.NOT_GIVEN), none=True):
            options["timeout"] = OWN_TIMEOUTS
        if not _given(options.get("max_retries")):
            options["max_retries"] = horay.options.retry.max_retries
        return {
            **options,
            "api_key": PLACEHOLDER,
            "base_url": base_url,
            "http_client": http_client,
        }

    def _build_request(
        self, options: FinalRequestOptions, *, retries_taken: int = 0
    ) -> httpx2.Request:
        """openai's request, with what this call is to be sent by."""
        behind: Any = super()  # openai's class
        request: httpx2.Request = behind._build_request(  # noqa: SLF001 - its subclass
            options, retries_taken=retries_taken
        )
        if request.headers.get("Authorization") == f"Bearer {PLACEHOLDER}":
            del request.headers["Authorization"]
        timeout = options.timeout if _given(options.timeout, none=True) else self.timeout
        settings: dict[str, Any] = {"max_retries": options.get_max_retries(self.max_retries)}
        if isinstance(timeout, httpx2.Timeout):
            if timeout is not OWN_TIMEOUTS:
                settings.update(timeout_options(timeout.as_dict()))
        else:
            settings["timeout"] = timeout
        request.extensions = {**request.extensions, EXTENSION: settings}
        return request

    def _should_retry(self, response: httpx2.Response) -> bool:
        """Never: the Horay client has done so by now."""
        return False

    if not TYPE_CHECKING:  # checkers see openai's own signatures

        def request(self, cast_to: Any, options: Any, *, stream_cls: Any = None, **how: Any) -> Any:
            own = STREAMS.get(get_origin(stream_cls))
            if own is not None:
                stream_cls = own[get_args(stream_cls)]
            return super().request(cast_to, options, stream_cls=stream_cls, **how)

        def _process_response(self, *, response: Any, **how: Any) -> Any:
            """openai's result, with the retries of the Horay client in the place of openai's own, which it makes none of."""
            how["retries_taken"] = len(response.extensions[EXTENSION]["attempts"]) - 1
            return super()._process_response(response=response, **how)

        def copy(self, **options: Any) -> Self:
            extra = {"horay": self._horay, **options.pop("_extra_kwargs", {})}
            return super().copy(**options, _extra_kwargs=extra)

        with_options = copy

        @property
        def chat(self) -> Any:
            chat = super().chat
            _check_helper(chat.completions)
            return chat

        @property
        def responses(self) -> Any:
            responses = super().responses
            _check_helper(responses)
            return responses

        @property
        def beta(self) -> Any:
            beta = super().beta
            _check_helper(beta.chat.completions)
            return beta


def _given(value: Any, *, none: bool = False) -> bool:
    """Whether an option was given; `none` says that None is a value."""
    if value is None:
        return none
    return not isinstance(value, openai.NotGiven)


class _OpenAITransport:
    """What both transports of openai's clients have of their own: they raise openai's errors, which its clients pass on as they are."""

    _error = staticmethod(_openai_error)
    owned: Any = None
    """The Horay client that is closed with it."""


class _AsyncTransport(_OpenAITransport, AsyncHorayTransport):
    """The transport of `AsyncOpenAI`."""

    async def aclose(self) -> None:
        if self.owned is not None:
            await self.owned.close()


class _Transport(_OpenAITransport, HorayTransport):
    """The transport of `OpenAI`."""

    def close(self) -> None:
        if self.owned is not None:
            self.owned.close()


class AsyncOpenAI(_OnHoray, openai.AsyncOpenAI):
    """`openai.AsyncOpenAI` on an `AsyncHoray`, which sends its requests and is never closed by it.

    Without `horay`, `api_key` and `base_url` make one, as `AsyncHoray` takes them; it is closed with this client.
    `max_retries` and `timeout`, here, in `with_options` and in a call, hold for the Horay client's retries, and as its
    deadline in seconds over all of them; `httpx2.Timeout` with different values sets `queue` (by `pool`), `connect`,
    and `first_byte` and `idle` (by `read`). openai's other options stay as they are. Raises `TypeError` for one that
    contradicts the Horay client.
    """

    def __init__(self, *, horay: AsyncHoray | None = None, **options: Any) -> None:
        """Takes the Horay client, and openai's options by their names.

        Args:
            horay: The client that sends the requests.
        """
        settings = self._settings(horay, options, AsyncHoray, _AsyncTransport, httpx2.AsyncClient)
        super().__init__(**settings)


class OpenAI(_OnHoray, openai.OpenAI):
    """`openai.OpenAI` on a `Horay`; see `AsyncOpenAI`."""

    def __init__(self, *, horay: Horay | None = None, **options: Any) -> None:
        """Takes the Horay client, and openai's options by their names.

        Args:
            horay: The client that sends the requests.
        """
        super().__init__(**self._settings(horay, options, Horay, _Transport, httpx2.Client))
