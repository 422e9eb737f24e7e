"""Reading an open descriptor to its real end, whatever it is and however whoever started the program has left it."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator

CHUNK_SIZE = 2**20
"""Bytes that are read at once, at most: no more comes from a pipe of Linux (`/proc/sys/fs/pipe-max-size`)."""


READ_TIMEOUT = 0.0 if sys.platform == "win32" else 1.0
"""Seconds that `stop` waits for a read that has begun: far longer than one takes that finds something. On Windows
every read may be one that waits."""


class DescriptorReader:
    """Reads descriptors until another thread stops it; nothing is taken out of a pipe after that.

    A non-blocking descriptor is waited for. Python's own readers take "nothing is there yet" for the end, and on a
    terminal they ask once more after Ctrl-D.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # held while bytes are taken out of the descriptor
        self._waking = threading.Lock()  # held while the pipe is written to, or closed
        # The ends of a pipe, by which a thread that waits is woken; on Windows, where such a wait doesn't exist, nothing.
        self._woken = self._wake = -1
        if sys.platform != "win32":
            self._woken, self._wake = os.pipe()

    def read(self, handle: int) -> Iterator[bytes]:
        """What comes, up to the end, or until `stop`. Raises `OSError`."""
        while not self._stopped.is_set():
            self._wait_for(handle)
            with self._reading:
                if self._stopped.is_set():
                    return
                try:
                    chunk = os.read(handle, CHUNK_SIZE)
                except BlockingIOError:  # another process has read what was there
                    continue
            if not chunk:
                return
            yield chunk

    def _wait_for(self, handle: int) -> None:
        """Waits until something can be read from the descriptor, or it has ended or failed; or for `stop`."""
        if sys.platform != "win32":
            poll = select.poll()
            for each in (self._woken, handle):
                poll.register(each, select.POLLIN)
            poll.poll()

    def stop(self) -> None:
        """Ends `read`. Can be called from any thread, and when it has ended."""
        self._stopped.set()
        with self._waking:
            if self._wake >= 0:
                os.write(self._wake, b"\0")
        # A read that has begun ends at once, unless another process has taken what was there.
        if self._reading.acquire(timeout=READ_TIMEOUT):
            self._reading.release()

    def close(self) -> None:
        """Lets go of what wakes it, once `read` has ended. Closing twice is fine."""
        with self._waking:
            if self._wake >= 0:
                os.close(self._woken)
                os.close(self._wake)
                self._wake = -1
