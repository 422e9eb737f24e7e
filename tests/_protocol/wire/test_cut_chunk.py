"""What is sure of a chunk in which a stream was cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async._protocol.wire.cut_chunk import drop_unsure
from horay_async._protocol.wire.cut_json import closed

CALL = '{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\\"x\\": 1"}}'
SORTED = '{"function": {"arguments": "{}", "name": "f"}, "id": "b", "index": 1}'


def knows_none(_choice: int, _index: int) -> bool:
    """No call has come."""
    return False


def sure(cut: str, *, known: bool = False) -> Any:
    """What is left of the first choice."""
    whole = closed(cut)
    chunk = json.loads(whole.text)

    def knows(choice: int, index: int) -> bool:
        return known and (choice, index) == (0, 0)

    assert drop_unsure(chunk, knows, in_string=whole.in_string, only_one=True)
    return chunk["choices"][0]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ('{"choices": [{"delta": {"content": "a b', {"delta": {"content": "a b"}}),
        ('{"choices": [{"delta": {"content": [{"type": "text", "text": "a b', {"delta": {"content": [{"type": "text", "text": "a b"}]}}),
        ('{"choices": [{"delta": {"content": "a", "role": "assist', {"delta": {"content": "a"}}),
        ('{"choices": [{"delta": {"content": "a", "role": "user"', {"delta": {"content": "a", "role": "user"}}),
        ('{"choices": [{"delta": {"content": "a"}, "finish_reason": "stop", "index": 0', {"delta": {"content": "a"}}),
        ('{"choices": [{"delta": {"content": "a"}}], "usage": {"total_tokens": 5, "x": 1', {"delta": {"content": "a"}}),
        ('{"choices": [{"delta": {"content": "a"}}], "model": "m', {"delta": {"content": "a"}}),
        ('{"choices": [{"delta": {"content": ["a", "b', {"delta": {"content": ["a", "b"]}}),
        ('{"choices": [{"delta": {"tags": ["a", "b', {"delta": {"tags": ["a"]}}),
        ('{"choices": [{"delta": {}', {"delta": {}}),
        ('{"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a', {"delta": {"content": "a"}}),
        ('{"choices": [{"delta": {"function_call": {"arguments": "1', {"delta": {"function_call": {"arguments": "1"}}}),
        ('{"choices": [{"delta": {"function_call": {"name": "f", "arguments": "1', {"delta": {}}),
    ],
)  # fmt: skip
def test_what_may_be_cut(cut: str, expected: Any) -> None:
    """Texts are kept; what names something isn't, nor what more may follow."""
    assert sure(cut) == expected


@pytest.mark.parametrize(
    ("calls", "known", "left"),
    [
        (CALL[:-2], False, 1),
        (CALL[:-2], True, 0),
        ('{"index": 0, "function": {"arguments": "1', True, 1),
        ('{"index": 0, "function": {"arguments": "1', False, 0),
        ('{"index": 0, "function": {"arguments": {"x": 1', True, 0),
        ('{"function": {"arguments": "1', True, 0),
        ('{"index": 0, "id": "a", "function": {"name": "f', False, 0),
        ('{"index": 0, "id": "a', True, 0),
        (f"{CALL}, {SORTED[:-8]}", False, 1),
        (f"{CALL}, {SORTED[:-1]}, ", False, 2),
        ("7", True, 0),
    ],
)
def test_calls_that_are_cut(calls: str, known: bool, left: int) -> None:
    """The last one counts where it is sure which one it is, and those before it as they are."""
    found = sure(f'{{"choices": [{{"index": 0, "delta": {{"tool_calls": [{calls}', known=known)
    assert len(found["delta"]["tool_calls"]) == left


@pytest.mark.parametrize("other", ['{"delta": {}', '{"logprobs": {"content": [{"token": "b"'])
def test_choice_behind_a_whole_one(other: str) -> None:
    """The whole one stays where it isn't told which one the other is."""
    chunk = json.loads(
        closed(f'{{"choices": [{{"index": 0, "delta": {{"content": "a"}}}}, {other}').text
    )
    assert drop_unsure(chunk, knows_none, in_string=False, only_one=False)
    assert chunk["choices"] == [{"index": 0, "delta": {"content": "a"}}]


@pytest.mark.parametrize("choices", ["7", "[]", "[7]", '[{"delta": {}}]', "null"])
def test_nothing_sure(choices: str) -> None:
    """Of no choice, or where it may be any of several."""
    chunk = json.loads(f'{{"choices": {choices}}}')
    assert not drop_unsure(chunk, knows_none, in_string=False, only_one=False)
