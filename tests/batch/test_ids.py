"""The table of ids."""

from __future__ import annotations

import random

import pytest

from horay_async.batch.ids import FAILED, LISTED, SUCCEEDED, IdTable


def test_marks_add_up() -> None:
    """Each marking tells what was there before."""
    ids = IdTable()
    assert ids.mark("a", LISTED) == 0
    assert ids.mark("a", LISTED) == LISTED
    assert ids.mark("a", SUCCEEDED) == LISTED
    assert ids.mark("a", SUCCEEDED) == LISTED | SUCCEEDED
    assert ids.mark("b", SUCCEEDED) == 0
    assert ids._count == 2


def test_it_agrees_with_a_dict() -> None:
    """Over many times its first size, and in any order."""
    chance = random.Random(1)
    ids, marks = IdTable(), dict[str, int]()
    for _ in range(20_000):
        name, mark = f"request-{chance.randrange(5000)}", chance.choice([SUCCEEDED, LISTED, FAILED])
        assert ids.mark(name, mark) == marks.get(name, 0)
        marks[name] = marks.get(name, 0) | mark
    assert ids._count == len(marks)


def test_collisions_of_slots_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that belong in the same slot stand in different ones."""
    hashes = {"a": 8, "b": 8 + 8 * IdTable.MIN_SIZE, "c": -8}
    monkeypatch.setattr("horay_async.batch.ids.hash", hashes.__getitem__, raising=False)
    ids = IdTable()
    assert [ids.mark(name, LISTED) for name in "abc"] == [0, 0, 0]
    assert [ids.mark(name, SUCCEEDED) for name in "abc"] == [LISTED] * 3


def test_a_million_ids_take_little_memory() -> None:
    """Eight bytes a slot, at most four slots an id."""
    ids = IdTable()
    for number in range(30_000):
        ids.mark(f"request-{number}", LISTED)
    assert ids._slots.itemsize * len(ids._slots) <= 8 * 4 * 30_000
