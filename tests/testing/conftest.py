"""A server for each test, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from horay_async.testing import FaultServer

from .rawclient import RawClient


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A running server."""
    with FaultServer() as running:
        yield running


Connect = Callable[[], RawClient]


@pytest.fixture
def connect(server: FaultServer) -> Iterator[Connect]:
    """Makes connections to the server, and closes them after the test."""
    made: list[RawClient] = []

    def connect_once() -> RawClient:
        made.append(RawClient(server))
        return made[-1]

    yield connect_once
    for client in made:
        client.socket.close()


@pytest.fixture
def raw_client(connect: Connect) -> RawClient:
    """One connection to the server."""
    return connect()
