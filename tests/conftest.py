"""What most tests share: a scripted server, and clients of it."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from typing import Protocol, Unpack

import pytest

from horay_async import AsyncHoray, Horay, RetryPolicy
from horay_async.options import ClientParams
from horay_async.testing import FaultServer


def pytest_configure() -> None:
    """Lets Ctrl-C through: a shell starts what runs in the background with it ignored, and tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips on Windows what needs more than it has."""
    if sys.platform == "win32" and item.get_closest_marker("posix"):
        pytest.skip("needs POSIX")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For what goes to the edge of the stack: where the garbage collector comes there, the finalizers of what other tests left
    fail for want of it, and what reports that fails as well.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A scripted server of this test's own."""
    with FaultServer() as server:
        yield server


class Connect(Protocol):
    """Makes clients of the test's server. They try `retries` times again, with next to no wait."""

    def __call__(self, *, retries: int = 0, **options: Unpack[ClientParams]) -> AsyncHoray: ...


class ConnectBlocking(Protocol):
    """The same for blocking clients."""

    def __call__(self, *, retries: int = 0, **options: Unpack[ClientParams]) -> Horay: ...


def _settled(server: FaultServer, retries: int, options: ClientParams) -> ClientParams:
    quick = RetryPolicy(max_retries=retries, initial_backoff=0.001, max_backoff=0.002)
    return {"base_url": server.base_url, "retry": quick, **options}


@pytest.fixture
def connect(fault_server: FaultServer) -> Connect:
    """Makes clients of `fault_server`."""

    def client(*, retries: int = 0, **options: Unpack[ClientParams]) -> AsyncHoray:
        return AsyncHoray(fault_server.api_key, **_settled(fault_server, retries, options))

    return client


@pytest.fixture
def connect_blocking(fault_server: FaultServer) -> ConnectBlocking:
    """Makes blocking clients of `fault_server`."""

    def client(*, retries: int = 0, **options: Unpack[ClientParams]) -> Horay:
        return Horay(fault_server.api_key, **_settled(fault_server, retries, options))

    return client
