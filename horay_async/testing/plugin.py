"""The pytest plugin: a scripted server, and clients of it, as fixtures.

It is loaded in every run of everyone who has the package, so it imports what a fixture needs within it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from horay_async import AsyncHoray, Horay, RetryPolicy
    from horay_async.testing.server import FaultServer

    ClientT = TypeVar("ClientT", AsyncHoray, Horay)

__all__ = ["blocking_horay_client", "horay_client", "horay_env", "horay_server"]


WAIT = 10.0
"""Seconds after which a client stops waiting for a response, or for more of it. A real model may take minutes; a test
that hangs has to fail.
"""


def client_of(server: FaultServer, cls: type[ClientT]) -> ClientT:
    """A client of `server` that waits as long as a test should: hardly before retries, and for no response for minutes."""
    from horay_async import Timeouts  # noqa: PLC0415 - see above

    timeout = Timeouts(first_byte=WAIT, idle=WAIT)
    return cls(server.api_key, base_url=server.base_url, retry=short_waits(), timeout=timeout)


def short_waits() -> RetryPolicy:
    """The rules of retrying as they are by default, but for the waits, of which there are hardly any."""
    from horay_async import RetryPolicy  # noqa: PLC0415 - see above

    return RetryPolicy(initial_backoff=0.01, max_backoff=0.05)


@pytest.fixture
def horay_server() -> Iterator[FaultServer]:
    """A scripted Horay server of this test's own.

    Responses that it has left are no failure, unless the test ends with `assert horay_server.waiting == 0`.
    """
    from horay_async.testing.server import FaultServer  # noqa: PLC0415 - see above

    with FaultServer() as server:
        yield server


@pytest.fixture
def horay_client(horay_server: FaultServer) -> Iterator[AsyncHoray]:
    """An `AsyncHoray` of `horay_server`, whose retries hardly wait, and which waits for a response for 10 seconds at most. Closed after the test."""
    import asyncio  # noqa: PLC0415 - see above
    import threading  # noqa: PLC0415 - see above

    from horay_async import AsyncHoray  # noqa: PLC0415 - see above

    client = client_of(horay_server, AsyncHoray)
    yield client
    # The test's event loop is gone by now, or is one that can't be had here. The client closes each
    # pool on the loop it belongs to; asking for it takes a loop, and a thread without one.
    closing = threading.Thread(target=lambda: asyncio.run(client.close()))
    closing.start()
    closing.join()


@pytest.fixture
def blocking_horay_client(horay_server: FaultServer) -> Iterator[Horay]:
    """A `Horay` of `horay_server`, whose retries hardly wait, and which waits for a response for 10 seconds at most. Closed after the test."""
    from horay_async import Horay  # noqa: PLC0415 - see above

    with client_of(horay_server, Horay) as client:
        yield client


@pytest.fixture
def horay_env(horay_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    """`horay_server`, with `HORAY_API_KEY` and `HORAY_BASE_URL` set to it: for code under test that makes a
    client of its own. Such a client hardly waits before retries, unless it is given a `retry` of its own.
    """
    from horay_async import options  # noqa: PLC0415 - see above

    monkeypatch.setenv("HORAY_API_KEY", horay_server.api_key)
    monkeypatch.setenv("HORAY_BASE_URL", horay_server.base_url)
    monkeypatch.setattr(options, "DEFAULT_RETRY", short_waits())
    return horay_server
