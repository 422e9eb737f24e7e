"""`horay serve` is the local server's own command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from horay_async.cli import app
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.serving import serve
from horay_async.local.__main__ import serve as real

from .conftest import bare_horay
from .process import COMMAND, PATIENCE


def test_options_are_those_of_the_server() -> None:
    """Its help names the server's options; both say the same of what it does."""
    result = bare_horay("serve", "--help")
    assert "--slots" in result.stdout
    assert serve.__doc__ == real.__doc__


def test_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the server has to complain of is told by it, and the status says so."""
    assert app.run(["serve", "--model", str(tmp_path / "none.gguf")]) == ExitCode.FAILED
    assert "none.gguf can't be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--port", "99999999", "--port must be from 0 to 65535, got 99999999"),
        ("--slots", "0", "--slots must be at least 1"),
        ("--api-key", " ", "--api-key must be printable"),
    ],
)
def test_wrong_options(
    option: str, value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the server can't be made with is a mistake of the command line."""
    assert app.run(["serve", option, value]) == ExitCode.USAGE
    assert f"horay: Invalid value: {words}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT of POSIX")
def test_serves_until_interrupted() -> None:
    """It serves the API, and Ctrl-C ends it."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = [process.stdout.readline() for _ in range(2)][1].strip()
        request = urllib.request.Request(f"{url}/models", headers={"Authorization": "Bearer local"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert b"SmolLM2" in response.read()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told) == (ExitCode.DONE, "Stopped.\n")
