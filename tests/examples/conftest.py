"""Running an example as a newcomer does: from a folder of their own, without a key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

Command = Callable[..., list[str]]
Run = Callable[..., str]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment without a key, and with output that isn't kept back."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HORAY_")}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def command() -> Command:
    """Makes the command that runs an example, warnings being errors."""

    def made(name: str, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]

    return made


@pytest.fixture
def run(command: Command, environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs an example to its end in an empty folder, and gives what it printed."""

    def output(name: str, *arguments: str) -> str:
        done = subprocess.run(
            command(name, *arguments),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return output
