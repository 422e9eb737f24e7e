"""`horay` as a process of its own: in pipes, under signals, and on a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from typing import Self

PATIENCE = 20.0
"""Seconds that a process may take to say something: far more than it needs, on a busy machine too."""

TAKE_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes standard input the terminal that Ctrl-C works on, then becomes the command that follows."""

COMMAND = [sys.executable, "-W", "error", "-m", "horay_async.cli"]


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with output buffered as it commonly is."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**kept, **environment}


def start(
    *arguments: str,
    environment: Mapping[str, str],
    encoding: str = "utf-8",
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """`horay` with pipes; a pipe as `stdin` is read to its end."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=surroundings(environment),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding=encoding,
    )


def in_shell(command: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit status of `horay`, and what it says on standard error."""
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m horay_async.cli {command}'],
        env=surroundings(environment),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


class Terminal:
    """`horay` on a terminal of its own, `columns` wide."""

    def __init__(self, *arguments: str, environment: Mapping[str, str], columns: int = 60) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        settings = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        unset = ("COLUMNS", "LINES", "NO_COLOR", "TERM_PROGRAM", "KITTY_WINDOW_ID")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *COMMAND, *arguments],
            env={**kept, **settings, **environment},
            stdin=slave,
        )
        os.close(slave)
        self.output = ""
        """All that it has written, up to now."""
        self._seen = 0

    def until(self, words: str) -> str:
        """Waits for `words`, after those that were waited for before; gives what came up to their end."""
        due = time.monotonic() + PATIENCE
        while (at := self.output.find(words, self._seen)) < 0:
            assert self._read(), f"ended without {words!r}: {self.output!r}"
            assert time.monotonic() < due, f"no {words!r} within {PATIENCE:g} s: {self.output!r}"
        start, self._seen = self._seen, at + len(words)
        return self.output[start : self._seen]

    def type(self, keys: str) -> None:
        r"""Presses keys: `\r` is Enter, `\x03` Ctrl-C, `\x04` Ctrl-D."""
        os.write(self._master, keys.encode())

    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def signal(self, number: int) -> None:
        """Sends the command a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Waits for its end, and gives the exit status."""
        while self._read():
            pass
        return self._process.wait(PATIENCE)

    def _read(self) -> bool:
        """Reads some more; false at the end."""
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, f"nothing more within {PATIENCE:g} s: {self.output!r}"
        try:
            piece = os.read(self._master, 2**16)
        except OSError:  # how Linux tells that the other side is closed
            piece = b""
        self.output += piece.decode(errors="replace").replace("\r\n", "\n")
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)
