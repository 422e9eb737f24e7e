"""Blocking clients over asynchronous ones: one event loop in one thread, shared by all of them.

A call runs there in anyio's task group; a stream is read ahead there by one task. Nothing waits on the thread
itself.
"""

from horay_async._argument_errors import named
from horay_async._bridge.blocking_iterator import BlockingIterator, BlockingReader, Prefetcher
from horay_async._bridge.thread import BlockingCall, LoopHandle
from horay_async._bridge.wrapper import BlockingWrapper, blocking

__all__ = [
    "BlockingCall",
    "BlockingIterator",
    "BlockingReader",
    "BlockingWrapper",
    "LoopHandle",
    "Prefetcher",
    "blocking",
    "named",
]
