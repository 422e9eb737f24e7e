"""What a terminal can show, and characters that must not be sent to it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TextIO

posix: Any = os  # checkers for Windows, which has no groups of processes, miss names there
termios: Any = None
with suppress(ImportError):  # on Windows, whose console shows what is typed when it is read
    termios = import_module("termios")

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0, DEL and C1 but tab and line feed: they can move the cursor, change colours or retitle the window."""

STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}
"""Names of "Select Graphic Rendition" parameters (ECMA-48, 8.3.117)."""

STANDARD_OUTPUTS: Final = (-11, -12)
"""STD_OUTPUT_HANDLE and STD_ERROR_HANDLE, of Windows' GetStdHandle."""

OBEY_ESCAPES: Final = 0x0004
"""ENABLE_VIRTUAL_TERMINAL_PROCESSING, of Windows' SetConsoleMode."""

NARROWEST: Final = 20
"""Columns to lay out for at least, whatever COLUMNS says: narrower text is harder to read than text that
the terminal breaks."""


def printable(text: str) -> str:
    """`text` without what a terminal would obey, for all that a model or a server wrote.

    An escape sequence loses its first character, and so its force. Joiners (U+200C, U+200D) and the marks
    of text direction stay: scripts and emoji need them.
    """
    return _CONTROL.sub("", text)


def can_draw(out: TextIO) -> bool:
    """Whether `out` is a terminal that can move its cursor."""
    if not out.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return sys.platform != "win32" or _enable_escapes()


@lru_cache(maxsize=1)
def _enable_escapes() -> bool:
    """Makes Windows' console obey escape sequences, which it shows as text at first. False before Windows 10."""
    # Without a stub of it outside Windows.
    console: Any = vars(ctypes)["windll"].kernel32
    mode = ctypes.c_uint32()
    enabled = False
    for output in STANDARD_OUTPUTS:
        handle = console.GetStdHandle(output)
        if console.GetConsoleMode(handle, ctypes.byref(mode)):  # it isn't a file or a pipe
            enabled |= bool(console.SetConsoleMode(handle, mode.value | OBEY_ESCAPES))
    return enabled


def has_colours(out: TextIO) -> bool:
    """Whether escape sequences for colours and the like are welcome there (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and can_draw(out)


def styled(text: str, style: str, out: TextIO) -> str:
    """`text` in a style of `STYLES`, where that is welcome."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if has_colours(out) else text


def columns() -> int:
    """Columns to lay out for."""
    return max(NARROWEST, shutil.get_terminal_size().columns)


def wrapped(text: str, out: TextIO, *, indent: int = 0) -> str:
    """`text` in lines that fit, where `out` is a terminal; words, such as paths, stay whole."""
    if not out.isatty():
        return text
    return textwrap.fill(
        text,
        columns() - 1,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,  # --options stay whole
    )


DEADLY: Final = ("SIGTERM", "SIGHUP", "SIGQUIT")
"""Signals that end a process at once, where the platform has them. Python makes an exception of SIGINT."""

LOCAL_FLAGS: Final = 3
"""Where `termios` has `c_lflag`, with ECHO in it."""

RESET: Final = b"\x1b[?7h\x1b[?25h"
"""DECAWM and DECTCEM: lines wrap, and the cursor is seen."""


@contextmanager
def handled_by(
    handler: Callable[[int, Any], None],
    names: Iterable[str],
    replaces: Callable[[Any], bool],
    before: dict[int, Any],
) -> Generator[None]:
    """Has `handler` called for signals until the block ends, in the place of those handlers that it `replaces`; notes them in `before`."""
    if threading.current_thread() is threading.main_thread():  # only there they can be set
        for number in (getattr(signal, name, 0) for name in names):  # Windows has no SIGHUP
            if number and replaces(replaced := signal.getsignal(number)):
                before[number] = replaced  # first: it may come at once
                signal.signal(number, handler)
    try:
        yield
    finally:
        for number, replaced in before.items():
            signal.signal(number, replaced)


def is_default(handler: Any) -> bool:
    """Whether a signal has the system's own action: what has a handler is left to that, and what is ignored, as by nohup, ends nothing."""
    return handler is signal.SIG_DFL


@contextmanager
def drawing(out: TextIO) -> Generator[None]:
    """While something is drawn over and over, with the cursor hidden. What is typed isn't shown meanwhile, since it would
    move the lines that are drawn over; it is kept for what reads next. An exception, and a signal that ends the process,
    undo both first; a signal that has a handler, or is ignored, is left to that.
    """
    before: list[Any] = []  # the terminal's settings, where it doesn't show what is typed

    def reset(after: bytes) -> None:
        with suppress(OSError):
            os.write(out.fileno(), RESET + after)

    def restore_echo() -> None:
        if before and _is_ours(out):
            with suppress(termios.error):
                termios.tcsetattr(out.fileno(), termios.TCSANOW, before)

    def show_again(number: int, _: object) -> None:
        reset(b"\n")  # what is typed next begins a line
        restore_echo()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    with handled_by(show_again, DEADLY, is_default, {}):
        try:
            if _is_ours(out):
                with suppress(termios.error):
                    before += termios.tcgetattr(out.fileno())
                    silent = [*before]
                    silent[LOCAL_FLAGS] &= ~termios.ECHO
                    termios.tcsetattr(out.fileno(), termios.TCSANOW, silent)
            yield
        except BaseException:  # it may have come within what draws, or what ends that
            reset(b"")
            raise
        finally:
            restore_echo()


def _is_ours(out: TextIO) -> bool:
    """Whether this process may change what the terminal of `out` shows: it is its own, and it runs in the foreground.
    The system would stop one in the background.
    """
    try:
        return bool(termios and posix.tcgetpgrp(out.fileno()) == posix.getpgrp())
    except (OSError, ValueError):  # no terminal, or another one than that of the session
        return False


def make_console(out: TextIO) -> Console:
    """A console of rich on `out` that takes text as it is: no markup, emoji codes or highlighting."""
    from rich.console import Console  # noqa: PLC0415 - pipes do without it

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:  # rich would end the process with a status of its own
            raise  # noqa: PLE0704 - called while the error is handled

    console = PlainConsole(
        file=out,
        color_system="auto" if has_colours(out) else None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    if console.width < NARROWEST:
        console.width = NARROWEST
    return console
