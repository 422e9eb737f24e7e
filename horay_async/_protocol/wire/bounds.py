"""How much of a server's answer is taken before it counts as hostile or broken."""

from __future__ import annotations

__all__ = [
    "DRAIN_BYTES",
    "DRAIN_SECONDS",
    "MAX_BODY_BYTES",
    "MAX_ERROR_BYTES",
    "MAX_ERROR_SECONDS",
    "MAX_EVENT_BYTES",
    "MAX_IMAGE_BYTES",
    "MAX_PIECE_BYTES",
]

MAX_BODY_BYTES = 64 * 2**20
"""Of a decompressed answer. A completion of 128 choices of 4,000 tokens with log probabilities and 20
alternatives each is the largest that the API can be asked for in earnest, at some 40 MB."""

MAX_ERROR_BYTES = 2**16
"""Of the body of a failure: messages are short, and what comes after them isn't read."""

MAX_ERROR_SECONDS = 5.0
"""How long to wait for the body of a failure: the status is known by then, and says enough. Servers send
both in one go; this is what a slow line may take for the rest."""

MAX_EVENT_BYTES = 4 * 2**20
"""Of one Server-Sent Event, decompressed: a chunk is some hundred bytes."""

MAX_IMAGE_BYTES = 64 * 2**20
"""Of a downloaded picture: the largest documented size takes 7 MB without any compression."""

DRAIN_SECONDS = 0.25
"""How long to wait for a stream's last bytes after `[DONE]`, so that its connection can be used again;
opening a new one takes about as long."""

DRAIN_BYTES = 2**16
"""How much to read for the same purpose."""

MAX_PIECE_BYTES = 2**15
"""Of what is read in one go. The chunks in it are decoded together, which is cheap as long as they all fit
into a processor's second-level cache and don't get the garbage collector going; that is some hundred."""
