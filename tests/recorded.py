"""Streams as servers send them, and what a cut one amounts to, told without the client's own code."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import attrs

from horay_async.testing import Coding, ScriptedResponse, respond

CHAT = [
    b'data: {"id":"c-1","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"Gr\xc3\xbc"}}]}\n\n',
    b": ping\n\n",
    'data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"ße 🌍"}}]}\n\n'.encode(),
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n',
    b"data: [DONE]\n\n",
]
"""A chat response of two pieces, with a comment between them and the usage at the end."""

TEXT = [
    b'data: {"id":"t-1","model":"m","choices":[{"index":0,"text":"Ber","finish_reason":null}]}\n\n',
    b'data: {"id":"t-1","choices":[{"index":1,"text":"Bonn","finish_reason":"length"}]}\n\n',
    b'data: {"id":"t-1","choices":[{"index":0,"text":"lin","finish_reason":null}]}\n\n',
    b'data: {"id":"t-1","choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]
"""A text completion of two choices, one done before the other."""

CUT_TEXT = re.compile(rb'"index":(\d+),.*"(?:content|text)":"([^"]*)')
"""The text in one of these events, as far as it goes, and the choice that it is of."""


def playing(
    events: list[bytes], *, framing: Any = "chunked", coding: Coding | None = None
) -> ScriptedResponse:
    """`events` as a response, one piece each."""
    if coding is None:
        return respond(events, content_type="text/event-stream", framing=framing)
    return respond(events, content_type="text/event-stream", framing=framing, coding=coding)


@attrs.frozen
class Told:
    """What has come of a response."""

    whole: bool
    """Whether nothing is missing that matters."""
    choices: dict[int, tuple[str, str | None]] | None
    """Text and finish reason of each choice; None where no chunk has come."""


def told(sent: bytes, *, choices: int) -> Told | None:
    """What the bytes `sent` of a response tell a client that asked for so many choices; None before the
    body begins.
    """
    head, end, body = sent.partition(b"\r\n\r\n")
    if not end:
        return None
    if b"chunked" in head:
        body = _unchunked(body)
    if b"gzip" in head:
        body = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body)
    found: dict[int, tuple[str, str | None]] | None = None
    whole = False
    for event in body.split(b"\n\n"):
        data = event.removeprefix(b"data: ").rstrip(b"\n") if event.startswith(b"data: ") else b""
        if data == b"[DONE]":
            whole = True
        try:
            chunk = json.loads(data)
        except ValueError:
            # What had come of the text of an event in which it was cut.
            cut = CUT_TEXT.search(data)
            if cut is not None and (piece := cut[2].decode("utf-8", "ignore")):
                found = {} if found is None else found
                text, reason = found.get(int(cut[1]), ("", None))
                found[int(cut[1])] = (text + piece, reason)
            continue
        found = {} if found is None else found
        for choice in chunk["choices"]:
            text, reason = found.get(choice["index"], ("", None))
            piece = choice["text"] if "text" in choice else choice["delta"].get("content", "")
            found[choice["index"]] = (text + piece, choice.get("finish_reason") or reason)
    finished = [reason for _, reason in (found or {}).values() if reason]
    return Told(whole or len(finished) == choices, found)


def _unchunked(body: bytes) -> bytes:
    """What chunked encoding carries, as far as it has come."""
    data = b""
    while b"\r\n" in body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        data += rest[:length]
        body = rest[length + 2 :]
    return data
