"""A connection that is gone: what a test can't time on a real one."""

from __future__ import annotations

import asyncio
import socket
from unittest.mock import Mock

import pytest

from horay_async.testing._server_connection import ConnectionGone, ServerConnection

pytestmark = pytest.mark.anyio


def wired(transport: Mock) -> tuple[ServerConnection, list[str]]:
    """A wire on a transport, and what it tells of its end."""
    told: list[str] = []
    wire = ServerConnection(told.append)
    wire.connection_made(transport)
    return wire, told


async def test_writing_to_one_that_is_gone() -> None:
    """A write after the end raises, and goes no further."""
    transport = Mock(asyncio.Transport)
    wire, told = wired(transport)
    wire.connection_lost(None)
    with pytest.raises(ConnectionGone):
        await wire.send(b"x")
    assert not transport.write.called
    assert told == ["client"]
    assert not wire.connected


async def test_going_while_a_write_waits() -> None:
    """A write that the kernel hasn't taken when the client leaves raises."""
    transport = Mock(asyncio.Transport)
    transport.is_closing.return_value = False
    wire, told = wired(transport)
    wire.pause_writing()
    writing = asyncio.ensure_future(wire.send(b"x"))
    await asyncio.sleep(0)
    assert not writing.done()
    wire.connection_lost(ConnectionResetError())
    with pytest.raises(ConnectionGone):
        await writing
    assert told == ["client"]


async def test_a_fin_for_one_that_is_gone() -> None:
    """Where the socket can't be shut down any more, the client has left."""
    dead = Mock(socket.socket)
    dead.shutdown.side_effect = OSError
    transport = Mock(asyncio.Transport)
    transport.get_extra_info.return_value = dead
    wire, told = wired(transport)
    await wire.fin()
    assert told == ["client"]
    assert transport.abort.called


async def test_a_reset_for_one_that_is_gone() -> None:
    """A transport that is closing already is left alone."""
    transport = Mock(asyncio.Transport)
    transport.is_closing.return_value = True
    wire, told = wired(transport)
    wire.reset()
    assert told == ["server"]
    assert not transport.abort.called
