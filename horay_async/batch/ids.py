"""The ids of a file of millions, in a few bytes each."""

from __future__ import annotations

from array import array

SUCCEEDED = 1
"""There is a response for it in the output."""
LISTED = 2
"""It has a line in the input."""
FAILED = 4
"""There is a failure for it in the output, and no response before."""

MARKS = SUCCEEDED | LISTED | FAILED


class IdTable:
    """Which marks each id has: a hash table with open addressing, 8 bytes a slot.

    An id is known by 61 bits of its hash, which Python keys at random for each process, so that nobody can
    choose ids that collide. Among a million ids the chance that any two do is 1 in four million.

    Failures are finished, too, unless `retries` is set.
    """

    MIN_SIZE = 1024
    """Slots; they double when half of them are taken."""

    __slots__ = ("_count", "_mask", "_slots", "retries")

    def __init__(self) -> None:
        self.retries: bool = False
        """Whether failures are to be sent again."""
        self._count = 0
        self._mask = self.MIN_SIZE - 1
        self._slots = _empty(self.MIN_SIZE)

    def mark(self, custom_id: str, mark: int) -> int:
        """Adds `mark` to an id; gives the marks that it had before."""
        key = _key(custom_id)
        slots = self._slots
        at = self._find(key)
        before = slots[at]
        if before:
            slots[at] = before | mark
            return before & MARKS
        slots[at] = key | mark
        self._count += 1
        if 2 * self._count > self._mask:
            self._grow()
        return 0

    def marks(self, custom_id: str) -> int:
        """The marks of an id."""
        return self._slots[self._find(_key(custom_id))] & MARKS

    def is_unfinished(self, custom_id: str) -> bool:
        """Whether a request is to be sent."""
        finished = SUCCEEDED if self.retries else SUCCEEDED | FAILED
        marks = self.marks(custom_id)
        return bool(marks & LISTED) and not marks & finished

    def _find(self, key: int) -> int:
        """The slot that holds a key, or the free one where it belongs."""
        slots, mask = self._slots, self._mask
        at = (key >> MARKS.bit_length()) & mask
        while (slot := slots[at]) and slot & ~MARKS != key:
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        slots = self._slots
        self._mask = 2 * self._mask + 1
        self._slots = _empty(self._mask + 1)
        for slot in slots:
            if slot:
                self._slots[self._find(slot & ~MARKS)] = slot


def _key(custom_id: str) -> int:
    return hash(custom_id) & ~MARKS & 0xFFFF_FFFF_FFFF_FFFF


def _empty(size: int) -> array[int]:
    return array("Q", bytes(8 * size))
