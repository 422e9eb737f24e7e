"""How much of a server's response is taken before it counts as hostile or broken, and what is left out before that."""

from __future__ import annotations

import re

from horay_async.options import MAX_RESPONSE_OBJECTS

BOM = b"\xef\xbb\xbf"
"""A byte-order mark, with which servers on .NET begin texts, JSON too. It says nothing."""

MAX_HEADER_BYTES = 2**16
"""Of the status line, and of one header, as Python's `http.client` takes them: gateways put traces, policies and cookies into
headers. aiohttp's own bound is 8,190."""

MAX_HEADERS = 256
"""Of one response. aiohttp's own bound is 128."""

MAX_BODY_BYTES = 64 * 2**20
"""Of a decompressed response. A completion of 128 choices of 4,000 tokens with log probabilities and 20
alternatives each is the largest that the API can be asked for in earnest, at some 40 MB."""

LARGE_BODY = 2**20
"""Bytes of a body that is decoded in a thread. 20 MB with log probabilities stopped the loop for 450 to 570 ms at once,
for 210 to 310 ms with a thread, which itself costs 0.1 ms."""

LARGE_BROKEN_BODY = 2**16
"""The same of one that was cut, or that nothing is known of but that it is no stream: it takes several times as long, 0.6 s for 1 MB with
log probabilities."""

MAX_ERROR_BYTES = 2**16
"""Of the body of a failure: messages are short, and what comes after them isn't read."""

MAX_ERROR_SECONDS = 5.0
"""How long to wait for the body of a failure: the status is known by then, and says enough. Servers send
both in one go; this is what a slow line may take for the rest."""

MAX_EVENT_BYTES = 32 * 2**20
"""Of one Server-Sent Event, decompressed: a chunk is some hundred bytes, but some servers send a picture in one, or all of a response."""

MAX_IMAGE_BYTES = 64 * 2**20
"""Of a downloaded picture: the largest documented size takes 7 MB without any compression."""

DRAIN_SECONDS = 0.25
"""How long to wait for a stream's last bytes after `[DONE]`, so that its connection can be used again;
opening a new one takes about as long."""

DRAIN_BYTES = 2**16
"""How much to read for the same purpose."""

MAX_BLOCK_BYTES = 2**15
"""Of a block: what is read in one go. The chunks in it are decoded together, which is cheap as long as they all fit
into a processor's second-level cache and don't get the garbage collector going; that is some hundred."""

MAX_OBJECTS = MAX_RESPONSE_OBJECTS
"""JSON objects and lists in one whole response, in one event, or kept of one stream, unless the client says
otherwise."""

VALUES_PER_OBJECT = 4
"""How many values there may be, of the plain kind, to each object that there may be: they become 32 to 160
bytes. An alternative token has seven, two of which are an object and a list."""

STRING = rb'"[^"\\]*+(?:\\(?s:.)[^"\\]*+)*+"'


def too_many_objects(data: bytes, limit: int) -> bool:
    """Whether `data` is JSON of more than `limit` objects and lists, or of too many values."""
    # Texts hold braces and commas, too, but seldom so many that they have to be told apart.
    return _counted(data, limit) and _counted(re.sub(STRING, b"", data), limit)


def _counted(data: bytes, limit: int) -> bool:
    if data.count(b"{") + data.count(b"[") > limit:
        return True
    return data.count(b",") > VALUES_PER_OBJECT * limit
