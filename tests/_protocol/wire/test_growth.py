"""Nothing that reads the wire takes more than linear time, or memory without a bound."""

from __future__ import annotations

import sys

import pytest

from tests.growth import assert_linear, peak_memory

READER = """
import json
from horay_async._protocol.wire.accumulate import ChatAccumulator, CompletionAccumulator
from horay_async._protocol.wire.decode import InvalidBody, decoder
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.errors import ErrorContext
from horay_async._protocol.wire.sse import SSEDecoder
from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion
from horay_async.models.meta import ResponseMeta
from horay_async._protocol.wire.clean import Cleaner

def reader():
    meta = ResponseMeta(request_id=None, status=200, headers={}, attempts=(), queue=0.0, connect=0.0,
                        first_byte=0.0)
    return ChunkReader(decoder(ChatCompletionChunk), ChatAccumulator(1), meta=meta,
                       context=ErrorContext(label="POST /x", clean=Cleaner("sk-0123456789abcdef")),
                       max_event_bytes=4 * 2**20, drift=DriftWatch(None))

def event(*deltas):
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    chunk = {"id": "c", "object": "o", "created": 1, "model": "m", "choices": choices}
    return b"data: " + json.dumps(chunk).encode() + b"\\n\\n"

def call(**fields):
    return {"tool_calls": [fields]}

def work(pieces):
    source = reader()
    for piece in pieces:
        source.feed(piece)
    source.merged.result()
    assert source.take_failure() is None
"""

STREAMS = {
    "text": "[event({'content': 'a'})] * n",
    "tool calls without an index": (
        "[event(call(id=f'c{i}', function={'name': 'f', 'arguments': '{}'})) for i in range(n)]"
    ),
    "tool calls that all have index 0": (
        "[event(call(index=0, id=f'c{i}', function={'name': 'f', 'arguments': '{}'})) for i in range(n)]"
    ),
    "tool calls without index and id": (
        "[event(call(function={'name': 'f', 'arguments': '{}'})) for i in range(n)]"
    ),
    "a name in pieces": "[event(call(index=0, function={'name': f'n{i}'})) for i in range(n)]",
    "a name with each piece": (
        "[event(call(index=0, function={'name': 'f' * 99, 'arguments': '{\"a\":'}))] * n"
    ),
    "an id and a name with each piece of arguments": (
        "[event(call(index=0, id=f'c{i}', function={'name': 'f', 'arguments': '[\"}\"'})) for i in range(n)]"
    ),
    "reasoning under another name": "[event({'reasoning': 'a'})] * n",
    "messages in place of deltas": ("[event({'content': 'a'}).replace(b'delta', b'message')] * n"),
    "messages in place of deltas, each with a finish reason": (
        "[event({'content': 'a'}).replace(b'delta', b'message').replace(b'}}]', b'}, \"finish_reason\": \"stop\"}]')] * n * 5"
    ),
    "fields that nobody knows": "[event({'content': 'a', f'x{i}': 1}) for i in range(n)]",
    "bytes one by one": "[bytes([b]) for b in event({'content': 'a' * 10 * n})]",
    "one event after another in one piece": "[event({'content': 'a'}) * n]",
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name: str) -> None:
    """Reading a stream takes linear time, whatever is in it."""
    setup = f"{READER}\ndef prepare(n):\n    return {STREAMS[name]}"
    assert_linear(setup, 200)


def test_one_event_in_pieces() -> None:
    """An event that comes byte by byte takes linear time."""
    assert_linear(
        """
        from horay_async._protocol.wire.sse import SSEDecoder
        def prepare(n):
            return b"data: " + b"a" * n * 10 + b"\\n\\n"
        def work(sent):
            decoder = SSEDecoder(max_event_bytes=2**30)
            for byte in range(len(sent)):
                decoder.feed(sent[byte:byte + 1])
        """,
        500,
    )


def test_a_body_with_many_quotes() -> None:
    """To count objects outside of texts takes linear time, whatever the texts are."""
    assert_linear(
        """
        from horay_async._protocol.wire.size_limits import too_many_objects
        def prepare(n):
            return b'[' + b'"{,\\\\"",' * n * 20 + b'"' + b'{\\\\' * n * 20
        def work(data):
            too_many_objects(data, 10)
        """,
        500,
    )


BODIES = {
    "choices": ("ChatCompletion", "b'{\"choices\":[' + b'{},' * n + b'{}]}'"),
    "choices of a text completion": ("Completion", "b'{\"choices\":[' + b'{},' * n + b'{}]}'"),
    "tool calls": (
        "ChatCompletion",
        "b'{\"choices\":[{\"message\":{\"tool_calls\":[' + b'{},' * n + b'{}]}}]}'",
    ),
    "numbers": (
        "Completion",
        "b'{\"choices\":[{\"logprobs\":{\"token_logprobs\":[' + b'1,' * n + b'1]}}]}'",
    ),
    "empty dicts": (
        "Completion",
        "b'{\"choices\":[{\"logprobs\":{\"top_logprobs\":[' + b'{},' * n + b'{}]}}]}'",
    ),
    "lists that nobody knows": (
        "ChatCompletion",
        "b'{\"choices\":[{}],\"x\":[' + b'[],' * n + b'[]]}'",
    ),
    "a wrong type far in": ("ChatCompletion", "b'{\"choices\":[' + b'{},' * n + b'7]}'"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="has no getrusage")
@pytest.mark.parametrize("name", BODIES)
def test_memory_of_a_body(name: str) -> None:
    """A body of more objects than are allowed is refused before they are made."""
    into, body = BODIES[name]
    setup = f"""{READER}
def prepare(n):
    return {body}
def work(data):
    try:
        decoder({into}).decode(data)
    except InvalidBody as error:
        assert "max_response_objects" in str(error)
    else:
        raise AssertionError
"""
    assert peak_memory(setup, 5_000_000) < 100


@pytest.mark.skipif(sys.platform == "win32", reason="has no getrusage")
def test_memory_of_the_most_that_is_taken() -> None:
    """What is just below the limit takes some hundred bytes an object at most."""
    setup = f"""{READER}
def prepare(n):
    return b'{{"choices":[' + b'{{}},' * n + b'{{}}]}}'
def work(data):
    try:
        decoder(ChatCompletion).decode(data)
    except InvalidBody as error:
        assert "max_response_objects" not in str(error)
"""
    assert peak_memory(setup, 990_000) < 600


@pytest.mark.skipif(sys.platform == "win32", reason="has no getrusage")
def test_memory_of_a_stream() -> None:
    """A stream as a whole is bounded, too, whatever it is made of."""
    setup = f"""{READER}
def prepare(n):
    return event(*[{{"content": "a"}}] * 1000).replace(b'"index": 0, ', b'')
def work(sent):
    source = reader()
    source._max_objects = 5000
    for number in range(50):
        if source.done:
            break
        source.feed(sent.replace(b'"delta"', b'"index": %d, "delta"' % number) if number else sent)
    for number in range(20_000):
        if source.done:
            break
        source.feed(event({{"content": "a"}}))
    assert "max_response_objects" in str(source.take_failure())
"""
    assert peak_memory(setup, 0) < 100
