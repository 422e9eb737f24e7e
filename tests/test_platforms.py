"""What differs between systems, shown on the one that the tests run on."""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from horay_async.cli import conversation, terminal
from horay_async.cli.errors import report_error
from horay_async.cli.exit_codes import ExitCode
from horay_async.tools.define import tool
from tests.processes import printed_by

ROOT = Path(__file__).parent.parent


@pytest.mark.posix
def test_works_with_what_windows_has(tmp_path: Path) -> None:
    """Every module loads, and calls, streams and batches work, with the names that Python has on Windows."""
    printed = printed_by("-W", "error", "-m", "tests.as_windows", tmp_path, cwd=ROOT)
    assert re.fullmatch(r"\d{3} modules\n", printed)


class Console:
    """Windows' console, as far as it is asked; standard error is the only output that goes there."""

    def __init__(self, *, modern: bool) -> None:
        self.modern = modern
        self.mode = 0x3
        self.kernel32 = self  # the library that it is in

    def GetStdHandle(self, number: int) -> int:  # noqa: N802 - Windows' name
        return number

    def GetConsoleMode(self, handle: int, mode: Any) -> int:  # noqa: N802 - as above
        mode._obj.value = self.mode  # what byref() stands for
        return int(handle == -12)

    def SetConsoleMode(self, handle: int, mode: int) -> int:  # noqa: N802 - as above
        assert handle == -12
        if self.modern:
            self.mode = mode
        return int(self.modern)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Windows, by its name alone."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal._enable_escapes.cache_clear()
    yield monkeypatch
    terminal._enable_escapes.cache_clear()


@pytest.mark.parametrize("modern", [False, True])
def test_console_that_obeys_escapes_when_told(windows: pytest.MonkeyPatch, modern: bool) -> None:
    """Windows' console is told to obey escape sequences; an old one gets none."""
    console = Console(modern=modern)
    windows.setattr(ctypes, "windll", console, raising=False)
    windows.setattr(sys.stderr, "isatty", lambda: True)
    assert terminal.can_draw(sys.stderr) is modern
    assert terminal.has_colours(sys.stderr) is modern
    assert terminal.styled("x", "red", sys.stderr) == ("\x1b[31mx\x1b[0m" if modern else "x")
    assert console.mode == (0x7 if modern else 0x3)


def test_prompt_without_readline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no readline, and its console would show what readline takes out."""
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delitem(sys.modules, "readline", raising=False)
    assert conversation._prompt("> ") == "\x1b[1m> \x1b[0m"
    monkeypatch.setitem(sys.modules, "readline", sys)
    assert conversation._prompt("> ") == "\x01\x1b[1m\x02> \x01\x1b[0m\x02"


def test_reader_that_has_left_on_windows(
    windows: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`horay models | more` that is quit: Windows has another number for it, which a file's error may have too."""
    assert report_error(OSError(errno.EINVAL, "Invalid argument")) == ExitCode.PIPE
    assert capsys.readouterr().err == ""
    assert report_error(OSError(errno.EINVAL, "Invalid argument", "a?b")) != ExitCode.PIPE
    assert "a?b: Invalid argument" in capsys.readouterr().err
    windows.undo()
    assert report_error(OSError(errno.EINVAL, "Invalid argument")) != ExitCode.PIPE


@pytest.mark.skipif(sys.version_info < (3, 14), reason="hints are evaluated at once")
def test_hints_that_are_evaluated_late() -> None:
    """From Python 3.14 on, a module needs no future import for a name that isn't there; it is told by the tool."""
    names: dict[str, Any] = {}
    source = "def lookup(city: Nowhere) -> str: ..."
    exec(compile(source, "late.py", "exec", dont_inherit=True), names)
    with pytest.raises(
        TypeError, match=r"a type hint of the tool lookup can't be resolved: .*Nowhere"
    ):
        dict(tool(names["lookup"]))
    source = "class Trip:\n    city: Nowhere"
    exec(compile(source, "late.py", "exec", dont_inherit=True), names)
    with pytest.raises(TypeError, match=r"an annotation of Trip can't be resolved: .*Nowhere"):
        dict(tool(dataclasses.dataclass(names["Trip"])))
