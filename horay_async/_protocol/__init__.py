"""The protocol without I/O: pure functions and small state machines, tested to the last branch.

Nothing here imports asyncio, aiohttp or anyio, and nothing reads a clock or draws a random number
that it wasn't handed.
"""
