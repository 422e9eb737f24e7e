"""Connections that are used again only where they can still bring an answer."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["Connector"]


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, which looks at an idle connection before it hands it out.

    A server that closes connections after a while may have done so without the event loop having been told:
    it was busy. A request sent then is lost, and nobody can say whether it was run.
    """

    # Not a public method; without it aiohttp would do what it does anyway.
    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None and _spent(connection):
            connection.close()
        return connection


def _spent(connection: Connection) -> bool:
    """Whether the server has left, or has sent an answer that nobody had asked for."""
    if connection.protocol:  # its length is the number of answers that wait
        return True
    transport = connection.transport
    socket = None if transport is None else transport.get_extra_info("socket")
    return socket is not None and _has_ended(socket.fileno())


def _has_ended(handle: int) -> bool:
    """What the operating system knows of an idle connection, also where the event loop hasn't heard of it."""
    if not hasattr(select, "poll"):  # on Windows; `select` takes any handle there
        return bool(select.select([handle], [], [], 0)[0])
    poll = select.poll()
    # Only Linux tells that the other side has ended its sending. Elsewhere that shows as something to read, and
    # nothing else may come on an idle connection.
    poll.register(
        handle, select.POLLERR | select.POLLHUP | getattr(select, "POLLRDHUP", select.POLLIN)
    )
    return bool(poll.poll(0))
