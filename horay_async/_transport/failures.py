"""Turning what aiohttp and the operating system raise into this package's errors."""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp

from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.request import Request
from horay_async._transport.aiohttp_internals import (
    complaint_of,
    first_line,
    is_cut_off,
)
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    Clock,
    ConfigurationError,
    Execution,
    HorayError,
)


class NoResponse(aiohttp.ClientConnectionError):
    """A request had gone out, and its connection can't bring the response any more."""


class RedirectError(Exception):
    """A redirect that can't be followed; its text completes "the response ..."."""


class LibraryError(Exception):
    """Stands in a traceback for an exception of a library whose own text can't be shown: it holds a secret, such as
    the password of a proxy, or control characters of a server's.
    """


_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
)

_NO_TLS = frozenset({"HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "WRONG_VERSION_NUMBER"})
"""How OpenSSL calls the first bytes of plain HTTP, depending on its version."""

_PLAINLY = {
    errno.ECONNRESET: "the server reset the connection",
    errno.EPIPE: "the server closed the connection",
}
"""Some of the system's errors, said more plainly than by the system."""

_CERTIFICATE = aiohttp.ClientConnectorCertificateError

_TIMEOUT_MESSAGES: dict[Clock, str] = {
    "queue": "no connection slot became free within",
    "connect": "no connection could be made within",
    "first_byte": "no response began within",
    "idle": "no content came for",
    "total": "not done within the deadline of",
}


def chain(failure: HorayError, cause: BaseException, clean: Cleaner) -> HorayError:
    """`failure` with its cause, or with what stands for it, so that no traceback shows what `clean` masks."""
    shown = _can_be_shown(cause, clean)
    failure.__cause__ = cause if shown else LibraryError(_summary(cause, clean))
    if shown and isinstance(cause, aiohttp.ClientConnectorError):
        # Its text says it all, and `os_error` is the system's own. Some fifty lines of frames in the libraries beneath, the
        # same ones for every server that is down, would stand above what went wrong.
        cause.__cause__ = cause.__context__ = None
        cause.__traceback__ = None
    return failure


def _can_be_shown(cause: BaseException, clean: Cleaner) -> bool:
    """Whether the texts of an exception, and of those that it came from, are clean."""
    waiting: list[BaseException] = [cause]
    seen: set[int] = set()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        # A proxy's errors show its URL, and keys of connections their proxy, with user and password.
        if isinstance(error, aiohttp.ClientResponseError) or len(seen) > 32:
            return False
        if any(clean(text) != text for text in (str(error), repr(error))):
            return False
        waiting += [linked for linked in (error.__cause__, error.__context__) if linked]
    return True


def _summary(cause: BaseException, clean: Cleaner) -> str:
    kind = f"{type(cause).__module__}.{type(cause).__qualname__}"
    if isinstance(cause, aiohttp.ClientResponseError):
        return clean(f"{kind}: {cause.status}, {first_line(cause.message)}")
    return clean(f"{kind}: {first_line(str(cause))}")


OVERSIZED = ("Got more than", "Too many headers")
"""How aiohttp's complaints about a head begin that is over `MAX_HEADER_BYTES` or `MAX_HEADERS`."""

TOO_MANY_FILES = (
    "each connection takes one: raise the limit (`ulimit -n`), or pass a lower max_connections"
)
IS_IT_RUNNING = "is the server running, and base_url right? `horay doctor` checks"


def timed_out(clock: Clock, request: Request, execution: Execution, *, what: str = "") -> APIError:
    """The error for a timeout that has passed; `what` didn't happen, if not what it is commonly for."""
    seconds: float | None = getattr(request.timeouts, clock)
    what = what or _TIMEOUT_MESSAGES[clock]
    return APITimeoutError(
        f"{request.label}: {what} {seconds or 0:g} s (timeout {clock!r})",
        clock=clock,
        execution=execution,
    )


def map_exception(
    error: Exception, request: Request, clean: Cleaner, *, dispatched: bool | None, closed: bool
) -> HorayError:
    """The error for a request that got no response.

    `dispatched` says whether it went out; None where that isn't known, as in a caller's own session. `closed` says whether the
    client was closed meanwhile.
    """
    label = request.label
    sent = dispatched if dispatched is not None else not isinstance(error, _NEVER_SENT)
    execution: Execution = "unknown" if sent else "not_sent"
    if closed:
        told = "the client was closed while the request was under way"
        if not sent:
            return ConfigurationError(told)
        return APIConnectionError(f"{label}: {told}", execution=execution, transient=False)
    if isinstance(error, aiohttp.ClientPayloadError):
        # The head had come. What stands between, such as a recorder, has read the body before it handed on either.
        return map_read_exception(error, request, clean, execution="executed", closed=False)
    if isinstance(error, RedirectError):
        return APIResponseError(f"{label} {clean(str(error))}", execution=execution)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return ConfigurationError(f"{label}: the URL can't be used: {clean(str(error))}")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return timed_out("connect", request, execution)
    if isinstance(error, RuntimeError | ValueError) and not isinstance(error, aiohttp.ClientError):
        # A header or method that can't be written, or a caller's own session that is closed, of another
        # loop, or set up with a password.
        return ConfigurationError(f"{label} can't be sent: {clean(str(error))}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"{label}: the proxy responded with {error.status}: {clean(error.message)}"
        return APIConnectionError(text, execution="not_sent")
    complaint = complaint_of(error)
    if isinstance(error, aiohttp.ClientResponseError):
        complaint = first_line(error.message)
    if complaint is not None:
        what = (
            "has a head that is too large"
            if complaint.startswith(OVERSIZED)
            else "isn't valid HTTP"
        )
        if dispatched is False:  # what has responded before the request was sent is a proxy
            text = f"{label}: the proxy's response to CONNECT {what}: {clean(complaint)}"
            return APIConnectionError(text, execution="not_sent")
        return APIResponseError(
            f"the response to {label} {what}: {clean(complaint)}",
            execution=execution,
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return APIConnectionError(
            f"{label}: {clean(_distrust(error))}",
            execution=execution,
            transient=False,
        )
    what = clean(describe(error))
    if dispatched is False and isinstance(error, aiohttp.ServerDisconnectedError):
        what = "the server, or a proxy before it, closed the connection before the request was sent"
    if (
        not request.external
        and isinstance(error, aiohttp.ClientConnectorError)
        and not isinstance(error, aiohttp.ClientProxyConnectionError)
    ):
        full = error.os_error.errno in (errno.EMFILE, errno.ENFILE)
        what = f"{what}; {TOO_MANY_FILES if full else IS_IT_RUNNING}"
    return APIConnectionError(f"{label}: {what}", execution=execution)


def _distrust(error: aiohttp.ClientSSLError) -> str:
    """What is wrong with the server's certificate or TLS."""
    found = error.certificate_error if isinstance(error, _CERTIFICATE) else error.os_error
    if isinstance(found, ssl.SSLError) and found.reason in _NO_TLS:
        return f"{error.host}:{error.port} speaks plain HTTP, not TLS: write http:// in its URL, or another port"
    told = found.verify_message if isinstance(found, ssl.SSLCertVerificationError) else found
    return f"no trusted connection could be made: {told}"


def map_read_exception(
    error: BaseException, request: Request, clean: Cleaner, *, execution: Execution, closed: bool
) -> APIError:
    """The error for a response that broke off; `closed` says whether the client was closed meanwhile."""
    label = request.label
    if closed:
        return APIConnectionError(
            f"{request.incomplete}the client was closed",
            execution=execution,
            transient=False,
        )
    found = error.__cause__ if isinstance(error, aiohttp.ClientPayloadError) else error
    complaint = complaint_of(found)
    if complaint is not None and not is_cut_off(found):
        return APIResponseError(
            f"the response to {label} can't be decoded: {clean(complaint)}", execution=execution
        )
    what = "the connection broke" if complaint is not None else clean(describe(error))
    return APIConnectionError(request.incomplete + what, execution=execution)


def describe(error: BaseException) -> str:
    """What happened, for a message."""
    damaged = error.__cause__ if isinstance(error, aiohttp.ClientOSError) else error
    if isinstance(damaged, ssl.SSLError) and damaged.reason:
        return f"what came isn't valid TLS: {damaged.reason}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without a response"
    if isinstance(error, aiohttp.ClientPayloadError) and error.__cause__ is not None:
        return "the body ended too early or can't be decoded"
    if isinstance(error, aiohttp.ClientConnectorError):
        proxy = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        return f"can't connect to {proxy}{error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return _reason(error)
    if isinstance(error, aiohttp.ClientOSError):
        return "the connection was closed while the request was being sent"
    return str(error) or type(error).__name__


def _reason(error: OSError) -> str:
    """Why the system refused; asyncio puts a message of its own over the system's."""
    if error.errno is not None and error.errno > 0:
        return _PLAINLY.get(error.errno) or os.strerror(error.errno)
    return error.strerror or str(error) or "the server closed the connection"
