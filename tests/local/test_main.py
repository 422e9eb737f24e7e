"""`python -m horay_async.local` as a user of a shell meets it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.processes import run_python

MODULE = ["-W", "error", "-m", "horay_async.local"]
COMMAND = [sys.executable, *MODULE]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return run_python(*MODULE, *arguments, env={"COLUMNS": "100", "NO_COLOR": "1", "PATH": ""})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told(how: signal.Signals) -> None:
    """It says where it listens and how to call it, serves, and ends cleanly on either signal."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--threads", "1", "--api-key", "own"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[str] = []
        while "Ctrl-C" not in "".join(lines):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        told = "".join(lines)
        url = re.search(r"http://127\.0\.0\.1:\d+/v1", told)
        assert url is not None
        assert f"export HORAY_BASE_URL={url[0]} HORAY_API_KEY=own" in told
        assert "no diffusion model" in told
        # What it advises, with urllib in curl's place.
        advised = re.search(r"curl -N (\S+) -H '(\w+): ([^']+)' \\\n +-d '([^']+)'", told)
        assert advised is not None
        address, header, key, body = advised.groups()
        request = urllib.request.Request(address, body.encode(), {header: key})
        with urllib.request.urlopen(request) as response:
            first = json.loads(response.readline().removeprefix(b"data: "))
        assert first["choices"][0]["text"] == " Berlin"
        process.send_signal(how)
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == "Stopped.\n"


def test_help() -> None:
    """The help names each option, and where the model comes from."""
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("port", "host", "model", "api-key", "threads", "context", "slots", "verbose"):
        assert f"--{option}" in done.stdout
    assert "HORAY_LOCAL_MODEL" in done.stdout


def test_port_in_use() -> None:
    """A failed start is one sentence on standard error, and status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {port} on 127.0.0.1 is in use; choose another port.\n"


def test_wrong_option() -> None:
    """A mistake of the command line has status 2."""
    done = run("--port", "70000")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--port must be from 0 to 65535" in done.stderr


def test_missing_model(tmp_path: Path) -> None:
    """So is a model that isn't there."""
    done = run("--port", "0", "--model", str(tmp_path / "none.gguf"))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"The model file .*none\.gguf can't be read: No such file.*\.\n", done.stderr
    )


def test_without_typer() -> None:
    """Without the `local` extra it says how to install it."""
    script = "import sys, runpy; sys.modules['typer'] = None; runpy.run_module('horay_async.local')"
    done = run_python("-W", "error", "-c", script)
    assert done.returncode == 1
    assert "pip install 'horay-async[local]'" in done.stderr
    assert "Traceback" not in done.stderr
