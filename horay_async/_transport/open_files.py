"""How many connections a process can have: what the operating system and the caller's session allow."""

from __future__ import annotations

import asyncio
import math
import os
import sys

from horay_async._transport.log import LOG
from horay_async.options import ClientOptions

if sys.platform != "win32":
    # With the first client, not with the first call: a child that is forked meanwhile would wait for it for ever.
    import resource

MAX_CONNECTIONS = 4096
"""Most requests under way that `"auto"` tries; a connection each."""

OPEN_FILES = 0.75
"""Part of the files that the process may have open which `"auto"` uses for connections."""

SPARE_FILES = 32
"""Files beside connections that the process may still want to open: for looking up hosts, for certificates, its
event loops and its own files."""

SELECT_SOCKETS = 512
"""What `select` takes on Windows, by which a `SelectorEventLoop` waits there (CPython's `FD_SETSIZE`)."""


def session_limit(options: ClientOptions) -> int | None:
    """Most connections of the session that the caller passed in; None where there is no such limit."""
    # 0 is none, as for aiohttp's connectors; other kinds of session may not tell.
    return getattr(getattr(options.session, "connector", None), "limit", None) or None


def most_connections(options: ClientOptions) -> int:
    """Most requests under way that `"auto"` tries."""
    session = session_limit(options) or MAX_CONNECTIONS
    return max(1, int(min(session, MAX_CONNECTIONS, _file_limit() * OPEN_FILES)))


def connections_allowed(loop: asyncio.AbstractEventLoop) -> float:
    """The most connections that `loop` can have open, `math.inf` where nothing limits them.

    On POSIX the soft limit of open files decides (`ulimit -n`): 1,024 on most Linux systems, 256 on macOS. On
    Windows there is none, but for loops of the class `SelectorEventLoop`.
    """
    limit = _file_limit()
    selects = isinstance(loop, asyncio.SelectorEventLoop)
    if selects and sys.platform == "win32":
        limit = SELECT_SOCKETS
    return max(1, limit - SPARE_FILES)


def log_waiting() -> None:
    """Says that calls wait though `max_connections` are not in use, and what would help."""
    LOG.warning(
        "calls wait for a connection, since the system lets the process have no more files open: raise its soft "
        "limit (ulimit -n), or lower max_connections"
    )


def free_files() -> float:
    """How many connections the process may open beside the files that it has open."""
    limit = _file_limit()
    if limit == math.inf:
        return limit
    try:
        opened = len(os.listdir("/dev/fd"))
    except OSError:  # a system, or a jail, without it
        opened = SPARE_FILES
    return limit - opened - SPARE_FILES


def _file_limit() -> float:
    """How many files the process may have open at once, connections included."""
    if sys.platform != "win32":
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # No limit is -1 up to Python 3.14, and the greatest number of its type from 3.15 on.
        if soft >= 0:
            return soft
    return math.inf
