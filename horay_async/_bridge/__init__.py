"""Blocking clients over asynchronous ones: one event loop in one thread, shared by all of them.

A call runs there in anyio's task group; a stream is read ahead there by one task. Nothing waits on the thread
itself. After Ctrl-C, what runs there is cancelled: a call by `BlockingCall.cancel_on_interrupt`, a stream by
`Prefetcher.interrupt`.
"""
