"""Keeps a response in a file where standard output can't take it, since it is paid for."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from importlib import import_module
from tempfile import NamedTemporaryFile
from typing import Any, Final

from horay_async.cli.errors import is_broken_pipe
from horay_async.cli.interrupts import signals_held
from horay_async.cli.output import note

fcntl: Any = None
with suppress(ImportError):  # not on Windows
    fcntl = import_module("fcntl")

NAME: Final = "standard output"

MOST_BYTES: Final = 4
"""Most bytes of a character in UTF-8."""


def check_stdout_open() -> None:
    """Raises `OSError` where standard output is closed, or open for reading alone: rather now than when the response is paid for. Whoever
    else has it open may have made it non-blocking; then Python would drop what it doesn't take at once.
    """
    if fcntl is None:
        return
    with suppress(io.UnsupportedOperation):  # it is no file of the system
        flags = fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL)
        if flags & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), NAME)
        os.set_blocking(sys.stdout.fileno(), True)


def keep(text: str, what: str) -> None:
    """Writes `text` into a new file in the folder for temporary files, and notes that `what` is there. One that has no room for all of it is
    removed: it is standard output that has the beginning.
    """
    path: str | None = None
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", prefix="horay-", suffix=".txt", delete=False
        ) as kept:
            path = kept.name
            kept.write(text)
    except OSError as error:
        note(f"{what} can't be kept: {error.strerror}")
        if path is not None:
            with suppress(OSError):
                os.unlink(path)
    else:
        note(f"{what} is kept in {path}")


@contextmanager
def kept_where_lost() -> Generator[None]:
    """Keeps in a file what the block writes to standard output, if that can't take it: all of it, since the block goes on, and
    the error is raised at its end. A pipe whose reader has gone ends the block at once, and nothing is kept: whoever
    reads has seen enough.
    """
    if sys.stdout.isatty():  # it is never full, and who closes it ends the command
        yield
        return
    copied = _Copied(sys.stdout)
    stdout: Any = copied
    try:
        with redirect_stdout(stdout):
            yield
        copied.flush()
        if copied.error is not None:
            raise copied.error
    except BaseException:
        if not copied.cut_off:
            with suppress(OSError):
                copied.flush()  # signals aren't held: a pipe that nobody reads takes nothing, for ever
        failed = copied.error is not None
        if (failed or copied.cut_off) and copied.text.getvalue().strip():
            problem = "can't be written" if failed else "didn't take all"
            with signals_held():
                keep(copied.text.getvalue(), f"{NAME} {problem}; what had come")
        raise


class _Copied:
    """A stream that text is written to, with a copy of the text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.text = io.StringIO()
        self.error: OSError | None = None
        """What the stream has failed with; from then on the copy alone is written."""
        self.cut_off = False
        """Whether writing was interrupted, before it or in it."""
        self._buffered = 0  # bytes at most that the stream may still have to write

    def write(self, text: str) -> int:
        self.cut_off = True
        self.text.write(text)
        self._buffered += MOST_BYTES * len(text)
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)
        self._buffered = 0

    def _try(self, call: Callable[[], object]) -> None:
        if self.error is not None:
            self.cut_off = False
            return
        # A signal that came just then would look as if the stream hadn't taken it.
        with signals_held() if self._takes_at_once() else nullcontext():
            try:
                call()
                self.cut_off = False
            except OSError as error:
                self.cut_off = False
                if is_broken_pipe(error):
                    raise
                self.error = error
                error.filename = NAME
            except BaseException:
                self.cut_off = True
                raise

    def _takes_at_once(self) -> bool:
        """Whether the stream takes what is to be written without a wait, which a signal has to be able to end."""
        if fcntl is None or self._buffered > select.PIPE_BUF:
            return False
        try:
            return bool(select.select([], [self._stream.fileno()], [], 0)[1])
        except (OSError, ValueError):  # it is no file of the system, or closed
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
