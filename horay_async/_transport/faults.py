"""Turning what aiohttp and the operating system raise into this package's errors."""

from __future__ import annotations

import os
import ssl

import aiohttp
from aiohttp.http_exceptions import (
    ContentLengthError,
    HttpProcessingError,
    TransferEncodingError,
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

__all__ = ["FOREIGN", "Unanswered", "timed_out", "told", "translate", "translate_read"]


class Unanswered(aiohttp.ClientConnectionError):
    """A request had gone out, and its connection can't bring the answer any more."""


FOREIGN = (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError, ValueError)
"""Everything that a request or a read can raise. `asyncio.TimeoutError` is an `OSError` by way of
`TimeoutError`; a closed session or loop is a `RuntimeError`."""

_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
)

_CERTIFICATE = aiohttp.ClientConnectorCertificateError

_CLOCK_WORDS: dict[Clock, str] = {
    "queue": "no connection slot became free within",
    "connect": "no connection could be made within",
    "first_byte": "no answer began within",
    "idle": "no content came for",
    "total": "not done within the deadline of",
}


def timed_out(clock: Clock, seconds: float | None, label: str, execution: Execution) -> APIError:
    """The error for a clock that ran out."""
    return APITimeoutError(
        f"{label}: {_CLOCK_WORDS[clock]} {seconds or 0:g} s (timeout {clock!r})",
        clock=clock,
        execution=execution,
    )


def translate(
    error: Exception, *, label: str, dispatched: bool | None, connect: float | None, closed: bool
) -> HorayError:
    """The error for a request that got no answer.

    `dispatched` says whether it went out; None where that isn't known, as in a caller's own session.
    `connect` is that clock's setting, in seconds; `closed` says whether the client was closed meanwhile.
    """
    if closed:
        return ConfigurationError("the client was closed while the request was under way")
    sent = dispatched if dispatched is not None else not isinstance(error, _NEVER_SENT)
    execution: Execution = "unknown" if sent else "not_sent"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return ConfigurationError(f"{label}: the URL can't be used: {error}")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return timed_out("connect", connect, label, execution)
    if isinstance(error, RuntimeError | ValueError) and not isinstance(error, aiohttp.ClientError):
        # A header or method that can't be written, or a caller's own session that is closed, of another
        # loop, or set up with a password.
        return ConfigurationError(f"{label} can't be sent: {error}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"{label}: the proxy answered {error.status}: {error.message}"
        return APIConnectionError(text, execution="not_sent")
    if isinstance(error, aiohttp.TooManyRedirects):
        return APIResponseError(f"{label} is redirected without end", execution=execution)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return APIResponseError(
            f"the answer to {label} isn't valid HTTP: {_complaint(error.message)}",
            execution=execution,
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return APIConnectionError(
            f"{label}: no trusted connection could be made: {_distrust(error)}",
            execution=execution,
            transient=False,
        )
    return APIConnectionError(f"{label}: {told(error)}", execution=execution)


def _distrust(error: aiohttp.ClientSSLError) -> str:
    """What is wrong with the server's certificate or TLS, in the words of the TLS library."""
    found = error.certificate_error if isinstance(error, _CERTIFICATE) else error.os_error
    if isinstance(found, ssl.SSLCertVerificationError):
        return found.verify_message
    return str(found)


def translate_read(error: Exception, *, label: str, execution: Execution) -> APIError:
    """The error for an answer that broke off."""
    found = error.__cause__ if isinstance(error, aiohttp.ClientPayloadError) else error
    if isinstance(found, HttpProcessingError) and not isinstance(found, _CUT):
        return APIResponseError(
            f"the answer to {label} can't be decoded: {_complaint(found.message)}",
            execution=execution,
        )
    return APIConnectionError(
        f"the answer to {label} broke off: {told(error)}", execution=execution
    )


_CUT = (ContentLengthError, TransferEncodingError)
"""What aiohttp says of a body that ended too early; of other things it says that they are malformed."""


def told(error: Exception) -> str:
    """What happened, for a message."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, _CUT):
        return _complaint(error.__cause__.message)
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"can't connect to {error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, aiohttp.ClientOSError) and error.errno is None:
        return "the connection was closed while the request was being sent"
    return str(error) or type(error).__name__


def _reason(error: OSError) -> str:
    """Why the system refused; asyncio puts words of its own over the system's."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _complaint(message: str) -> str:
    """What aiohttp complains of, without the server's bytes that it shows: they can hold a secret."""
    return message.strip().partition("\n")[0].partition(": b'")[0].rstrip(".: ")
