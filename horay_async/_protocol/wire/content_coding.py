"""Unpacking a body that is compressed as its `Content-Encoding` says, block by block. Pure."""

from __future__ import annotations

import codecs
import importlib
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

from horay_async._protocol.wire.size_limits import MAX_BLOCK_BYTES

BEGINNING = 32
"""Bytes that tell whether a body is a text: compressed data hardly ever begins with so many that could be one."""

SLICE = 2**12
"""Compressed bytes that are unpacked in one go."""

MAX_KEPT = 2**20
"""Compressed bytes that are kept to find what comes before a fault in them."""

MAX_UNPACKED = 2 * MAX_BLOCK_BYTES
"""Bytes that are unpacked in one go, before who reads them asks for more; up to twice as many where the last ones come in one block."""

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""Characters that no text has."""

NAME = "Content-Encoding"
AS_IT_IS = ("", "identity")
OLD_NAMES = {"x-gzip": "gzip"}
"""RFC 9110, section 8.4.1.3."""

LIBRARIES = {"br": ("brotlicffi", "brotli"), "zstd": ("compression.zstd", "backports.zstd")}
"""Modules for the codings that Python may lack; the same that aiohttp looks for when it says what is accepted."""


def coding_in(headers: Mapping[str, str]) -> str:
    """The `Content-Encoding` of a response, which may be a list in the order in which they were applied (RFC 9110, section 8.4); empty where
    the body is as it is.
    """
    get_all: Callable[..., list[str]] | None = getattr(headers, "getall", None)
    sent = [headers.get(NAME, "")] if get_all is None else get_all(NAME, [])
    codings = (coding.strip().lower() for coding in ",".join(sent).split(","))
    return ", ".join(OLD_NAMES.get(coding, coding) for coding in codings if coding not in AS_IT_IS)


class Decompressor(ABC):
    """What unpacks one member: compressed data with an end of its own, of which some codings may have several in a row."""

    has_more: bool = False
    """Whether something can be unpacked without more data: the limit left it."""
    ended: bool = False
    """Whether the member's end has come."""
    unused: bytes = b""
    """What came behind that."""

    @abstractmethod
    def unpack(self, data: bytes, limit: int) -> bytes:
        """Takes in all of `data`; returns about `limit` bytes at most of what is in it. Raises the library's errors."""

    def copy(self) -> Decompressor | None:
        """Another one that goes on from here; None where the library can't do that."""
        return None


class _ZLib(Decompressor):
    """gzip and deflate."""

    def __init__(self, wbits: int) -> None:
        self._zlib: Any = zlib.decompressobj(wbits)

    def unpack(self, data: bytes, limit: int) -> bytes:
        unpacked: bytes = self._zlib.decompress(self._zlib.unconsumed_tail + data, limit)
        self.ended, self.unused = self._zlib.eof, self._zlib.unused_data
        self.has_more = len(unpacked) == limit and not self.ended
        return unpacked

    def copy(self) -> _ZLib:
        copied = _ZLib.__new__(_ZLib)
        vars(copied).update(vars(self), _zlib=self._zlib.copy())
        return copied


class _Brotli(Decompressor):
    """Brotli, which has no second member: what comes behind the end is a fault to this library."""

    def __init__(self, library: Any) -> None:
        self._brotli: Any = library.Decompressor()

    def unpack(self, data: bytes, limit: int) -> bytes:
        unpacked: bytes = self._brotli.process(data, limit)
        self.ended = self._brotli.is_finished()
        self.has_more = bool(unpacked) and not self.ended  # there is no other way to know
        return unpacked


class _Zstd(Decompressor):
    """Zstandard."""

    def __init__(self, library: Any) -> None:
        self._zstd: Any = library.ZstdDecompressor()

    def unpack(self, data: bytes, limit: int) -> bytes:
        unpacked: bytes = self._zstd.decompress(data, limit)
        self.ended, self.unused = self._zstd.eof, self._zstd.unused_data
        self.has_more = not self._zstd.needs_input and not self.ended
        return unpacked


@lru_cache
def library_for(coding: str) -> Any:
    """The module that unpacks Brotli or zstd; None where it isn't installed."""
    for name in LIBRARIES[coding]:
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    return None


def unpacker_for(coding: str) -> AnyUnpacker | None:
    """What unpacks a body with this coding, see `coding_in`; None where nothing can be or has to be unpacked."""
    made = [_unpacker_for(each) for each in reversed(coding.split(", "))]
    unpackers = [each for each in made if each is not None]
    if len(unpackers) < len(made):
        return None
    return unpackers[0] if len(unpackers) == 1 else Unpackers(unpackers)


def _unpacker_for(coding: str) -> Unpacker | None:
    if coding == "gzip":
        return Unpacker(coding, partial(_ZLib, 16 + zlib.MAX_WBITS))
    if coding == "deflate":
        return Unpacker(coding, partial(_ZLib, zlib.MAX_WBITS))
    if coding in LIBRARIES and (library := library_for(coding)) is not None:
        return Unpacker(coding, partial(_Brotli if coding == "br" else _Zstd, library))
    return None


class Unpacker:
    """Unpacks one body. One that begins as a text is taken as it is: some gateways unpack a body and leave the header on.

    All that stands before a fault in the data comes out, however they are cut into blocks; of Brotli and zstd that are longer than
    `MAX_KEPT`, up to a `SLICE` of them is lost. Behind the end of the data anything may come, and is passed over.
    """

    def __init__(self, coding: str, new: Callable[[], Decompressor]) -> None:
        self.complaint: str = ""
        """What is wrong with the data, which completes "can't be decoded: ...", once all before that was handed out."""
        self.unread: bytes = b""
        """The data, where there is a complaint and none of them could be unpacked."""
        self._coding = coding
        self._new = new
        self._packed = bytearray()  # what has come and wasn't taken in
        self._is_known = False  # whether it is settled what the body is
        self._is_text = False
        self._has_members = coding != "br"  # whether several may come in a row
        self._is_done = False  # nothing is unpacked any more
        self._ends = 0  # of members
        self._begin_member()

    def feed(self, data: bytes) -> bytes:
        """What `data` brings. Where that is `MAX_UNPACKED` or more, there may be more, which comes when this is fed nothing."""
        if self._is_text:
            return data
        self._packed += data
        if not self._is_known:
            if len(self._packed) < BEGINNING:
                return b""
            self._recognize()
        return self._unpack()

    def finish(self) -> bytes:
        """The body has ended: what is left. Once that is nothing, `complaint` holds."""
        if not self._is_known and self._packed:
            self._recognize()
        # Some servers leave out the end of the data; what JSON or events lack is seen in these.
        return self._unpack()

    def _begin_member(self) -> None:
        self._member = self._new()
        self._produced = 0
        # To begin at once more where a fault is found: a copy of the member as it was, how much had been produced by then, and
        # what it has taken in since; None where that is too much.
        self._saved: Decompressor | None = None
        self._saved_at = 0
        self._taken: bytearray | None = bytearray()

    def _recognize(self) -> None:
        self._is_known = True
        beginning = bytes(self._packed[:BEGINNING])
        self._is_text = self._is_done = is_text(beginning)
        first, second = beginning.ljust(2, b"\0")[:2]
        has_header = first & 0x0F == 8 and (first * 256 + second) % 31 == 0  # RFC 1950, section 2.2
        if self._coding == "deflate" and not has_header:  # as many servers send it
            self._new = partial(_ZLib, -zlib.MAX_WBITS)
            self._has_members = False  # anything could be one
            self._begin_member()

    def _unpack(self) -> bytes:
        """What can be unpacked now."""
        if self._is_text:
            text = bytes(self._packed)
            self._packed.clear()
            return text
        unpacked = bytearray()
        while len(unpacked) < MAX_UNPACKED and not self._is_done:
            member, part = self._member, b""
            if not member.has_more:
                if not self._packed:
                    break
                part = bytes(self._packed[:SLICE])
                del self._packed[:SLICE]
            if self._taken is not None:
                self._taken += part
            try:
                block = member.unpack(part, MAX_UNPACKED)
            except Exception as error:  # noqa: BLE001 - each library has its own, and may not know the limit
                unpacked += self._before_fault(str(error))
                break
            self._produced += len(block)
            unpacked += block
            if member.ended:
                self._end_member(member.unused)
            elif self._taken is not None and len(self._taken) > MAX_KEPT and not member.has_more:
                self._saved, self._saved_at = member.copy(), self._produced
                self._taken = None if self._saved is None else bytearray()
        return bytes(unpacked)

    def _end_member(self, unused: bytes) -> None:
        self._ends += 1
        self._packed[:0] = unused
        if self._has_members:
            self._begin_member()
        else:
            self._is_done = True

    def _before_fault(self, told: str) -> bytes:
        """What comes before the fault in what was taken in last, and isn't handed out yet: found byte by byte."""
        member = self._new() if self._saved is None else self._saved
        known = self._produced - self._saved_at
        found = bytearray()
        taken = bytes(self._taken or b"")
        without_fault = max(0, len(taken) - SLICE)
        steps = [*range(0, without_fault, SLICE), *range(without_fault, len(taken) + 1)]
        try:
            for start, end in pairwise(steps):
                block = member.unpack(taken[start:end], MAX_UNPACKED)
                while block:
                    found += block[known:]
                    known = max(0, known - len(block))
                    block = member.unpack(b"", MAX_UNPACKED) if member.has_more else b""
        except Exception:  # noqa: BLE001 - the same once more
            pass
        self._is_done = True
        self._produced += len(found)
        if not member.ended and (self._produced or not self._ends):
            self._fail(f"its {self._coding} data is faulty ({told})")
        return bytes(found)

    def _fail(self, complaint: str) -> None:
        self._is_done = True
        self.complaint = complaint
        if not self._produced and not self._ends:
            self.unread = bytes((self._taken or b"") + self._packed)


class Unpackers:
    """The same for a body that is compressed several times: each unpacks what the one before it brings."""

    def __init__(self, unpackers: list[Unpacker]) -> None:
        self._unpackers = unpackers

    @property
    def complaint(self) -> str:
        """The first one that has any."""
        return next(filter(None, (each.complaint for each in self._unpackers)), "")

    @property
    def unread(self) -> bytes:
        """The first one's that has any."""
        return next(filter(None, (each.unread for each in self._unpackers)), b"")

    def feed(self, data: bytes) -> bytes:
        """See `Unpacker`."""
        return self._feed_from(0, data)

    def finish(self) -> bytes:
        """See `Unpacker`."""
        for at, each in enumerate(self._unpackers):
            while rest := each.finish():
                if found := self._feed_from(at + 1, rest):
                    return found
        return b""

    def _feed_from(self, at: int, data: bytes) -> bytes:
        for each in self._unpackers[at:]:
            data = each.feed(data)
        return data


AnyUnpacker = Unpacker | Unpackers


def is_text(beginning: bytes) -> bool:
    """Whether the beginning of a body may be that of a text, the last character of which may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return CONTROL.search(text) is None
