"""A stream in the place of a whole response: its end, and whether it goes on."""

from __future__ import annotations

import pytest

from horay_async._protocol.wire import unasked_events
from horay_async._protocol.wire.sse import LARGE
from horay_async._protocol.wire.unasked_events import UnaskedEvents

SIGNS = b'\n\n: hi\n\nevent: ping\ndata: {"a": 1}\n\nid: 3\n\ndata:\n\ndata: {}\n\ndata: { "choices": [ ] }\n\n'


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_signs_of_life(size: int) -> None:
    """However they are cut, they are no progress; an event that says something is, once it is whole."""
    events = UnaskedEvents()
    pieces = [SIGNS[at : at + size] for at in range(0, len(SIGNS), size)]
    assert not any(map(events.feed, pieces))
    assert not events.feed(b'data: {"choices": [{"text"')
    assert events.feed(b': "a"}]}\n\n')
    assert not events.done


def test_large_event() -> None:
    """One that isn't whole yet, and larger than a sign of life: each piece of it is progress, a comment or a blank isn't."""
    events = UnaskedEvents()
    pieces = [b'data: {"choices": [{"text": "', b"x" * LARGE, b":", b"\n", b"x", b'"}]}']
    assert [*map(events.feed, pieces)] == [False, True, False, False, True, True]


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data:[DONE]", b"data: [DONE] \r\n\r\n"])
def test_end(end: bytes) -> None:
    """Whether its blank line has come or not."""
    events = UnaskedEvents()
    events.feed(b'data: {"choices": [{"text": "[DONE]"}]}\n\n')
    assert not events.done
    for at in range(len(end)):
        events.feed(end[at : at + 1])
    assert events.done


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"id": "1", "object": "chunk", "choices": [{"index": 0, "delta": {}}]}',
        b'{"choices": [{"index": 1, "delta": {"role": "assistant", "content": ""}}]}',
        b'{"choices": [{"delta": {"content": null, "reasoning_content": ""}}]}',
        b'{"choices": [{}]}',
        b'{"choices": [], "usage": {"prompt_tokens": 1}}',
        b'{"choices": [{"delta": {}, "finish_reason": "stop"}]}',
    ],
)
def test_chunks_without_content(chunk: bytes) -> None:
    """They can come without end."""
    assert not UnaskedEvents().feed(b"data: %b\n\n" % chunk)


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices": [{"delta": {"tool_calls": [{"function": {"name": "f"}}]}}]}',
        b'{"data": [{"embedding": [0.1]}]}',
        b"no JSON",
        b"[" * 100_000,
    ],
)
def test_content(data: bytes) -> None:
    """Whatever isn't known to say nothing is progress."""
    assert UnaskedEvents().feed(b"data: %b\n\n" % data)


@pytest.mark.parametrize(
    ("event", "done"),
    [
        (b'data: {"error": {"message": "full"}}', True),
        (b'data: {"error": null, "text": "a"}', False),
        (b'event: x\ndata: {"error": "a text"}', False),
        (b"event: error\ndata: {}", False),
    ],
)
def test_error(event: bytes, done: bool) -> None:
    """Nothing is waited for behind one."""
    events = UnaskedEvents()
    events.feed(event + b"\n\n")
    assert events.done is done


def test_event_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that comes is content then, up to the limit of the body."""
    monkeypatch.setattr(unasked_events, "MAX_EVENT_BYTES", 10)
    events = UnaskedEvents()
    assert events.feed(b"data: 0123456789")
    assert events.feed(b": ping\n\n")
    assert not events.done
