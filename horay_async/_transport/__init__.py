"""Sending and receiving over aiohttp.

Apart from `local` and `testing`, only modules of this package import aiohttp at run time. This `__init__` imports nothing,
so that modules which don't need aiohttp, such as the `RequestLimiter`'s, are loaded without it.

The path of a request:

1. `resources` build a `Request` (`_protocol.wire.request`), and `Transport.call` makes a `Call` of it.
2. `Call.run` is the one loop that tries again, for calls and for streams: attempt, receive, or wait and go on.
3. An attempt takes the loop's `ConnectionPool`. `wait_for_connection` passes the client's `RequestLimiter`, where it has `limits`,
   and then takes a slot of the pool's `ConnectionSlots`; the timeout `queue` bounds both.
4. `Sender` makes URL and headers, and sends: straight over a connection (`aiohttp_internals`), or via the session.
5. `Connector` hands out the connection, never a stale one; `PendingRequest` keeps the timeout `first_byte`.
6. The head is cleaned, and becomes a `ResponseMeta`; a `RawResponse` gives out the body, under `idle` and `total` (`TimedReader`).
7. The function that the resource passed to `Call.run` as `receive` reads and decodes it: whole, or up to a stream's first
   chunks (`streaming`).
8. What aiohttp raises becomes an error of ours in `failures`, and never shows a secret.
9. `Call.succeed` or `Call.fail` ends the attempt's record; observers are told of each step, where there are any.
"""
