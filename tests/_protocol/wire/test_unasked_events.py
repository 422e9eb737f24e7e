"""A stream in the place of a whole response: its end, and whether it goes on."""

from __future__ import annotations

import pytest

from horay_async._protocol.wire import unasked_events
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


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data:[DONE]", b"data: [DONE] \r\n\r\n"])
def test_end(end: bytes) -> None:
    """Whether its blank line has come or not."""
    events = UnaskedEvents()
    events.feed(b'data: {"choices": [{"text": "[DONE]"}]}\n\n')
    assert not events.done
    for at in range(len(end)):
        events.feed(end[at : at + 1])
    assert events.done


def test_event_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that comes is content then, up to the limit of the body."""
    monkeypatch.setattr(unasked_events, "MAX_EVENT_BYTES", 10)
    events = UnaskedEvents()
    assert events.feed(b"data: 0123456789")
    assert events.feed(b": ping\n\n")
    assert not events.done
