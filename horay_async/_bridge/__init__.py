"""Blocking clients over asynchronous ones: one event loop in one thread, shared by all of them.

A call runs there in anyio's task group; a stream is read ahead there by one task. Nothing waits on the thread
itself.
"""
