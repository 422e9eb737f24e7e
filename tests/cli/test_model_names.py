"""Completion of `--model`: asked once, cached, and never waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from horay_async.cli import model_names
from horay_async.cli.app import app
from horay_async.testing import FaultServer, Hang, error, models

Complete = Callable[..., list[str]]
"""What the shell is offered for a command line."""


@pytest.fixture
def complete(
    fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Complete:
    monkeypatch.setattr(model_names, "TIMEOUT", 60.0)  # the machine of the tests may be slow
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    monkeypatch.setenv("HORAY_BASE_URL", fault_server.base_url)
    monkeypatch.setenv("_HORAY_COMPLETE", "complete_bash")

    def completed(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        return CliRunner().invoke(app, [], prog_name="horay").stdout.split()

    return completed


def ageing(folder: Path, seconds: float) -> None:
    """Lets the cached names be so many seconds older."""
    for file in folder.rglob("models-*"):
        then = file.stat().st_mtime - seconds
        os.utime(file, (then, then))


def test_names(complete: Complete, fault_server: FaultServer) -> None:
    """Those of the server that begin with what was typed; asked for once, by kind."""
    fault_server.always(models("a/one", "a/two", "b/three"), method="GET")
    assert complete("horay chat --model a/") == ["a/one", "a/two"]
    assert complete("horay complete -m b") == ["b/three"]
    assert [request.query for request in fault_server.requests] == [{"type": "text"}]
    complete("horay image -m ")
    assert fault_server.requests[1].query == {"type": "image"}


def test_options_of_the_line(complete: Complete, fault_server: FaultServer) -> None:
    """Another server and key that were typed count."""
    complete(f"horay chat --api-key other --base-url {fault_server.base_url}/x --model ")
    (request,) = fault_server.requests
    assert request.path == "/x/models"
    assert request.headers["Authorization"] == "Bearer other"


def test_failure(complete: Complete, fault_server: FaultServer, tmp_path: Path) -> None:
    """A server that fails is asked again after a while only; the names of before are offered meanwhile."""
    fault_server.add(models("a"))
    assert complete("horay chat -m ") == ["a"]
    ageing(tmp_path, model_names.MAX_AGE)
    fault_server.always(error(503))
    assert complete("horay chat -m ") == complete("horay chat -m ") == ["a"]
    assert len(fault_server.requests) == 2
    ageing(tmp_path, model_names.RETRY_AFTER)
    assert complete("horay chat -m ") == ["a"]
    assert len(fault_server.requests) == 3


def test_silent_server(
    complete: Complete, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that says nothing is given up."""
    monkeypatch.setattr(model_names, "TIMEOUT", 0.5)
    fault_server.always(models("a").with_faults(Hang()), method="GET")
    assert complete("horay chat -m ") == []


@pytest.mark.parametrize("line", ["horay chat --local -m ", "horay chat --base-url nonsense -m "])
def test_nothing_to_offer(line: str, complete: Complete, fault_server: FaultServer) -> None:
    """No server to ask is no failure."""
    assert complete(line) == []
    assert not fault_server.requests


def test_no_room_for_a_cache(
    complete: Complete, fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cache names are asked for each time; a clock that was set back is no reason to keep them."""
    (tmp_path / "file").touch()
    fault_server.always(models("a"), method="GET")
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert complete("horay chat -m ") == ["a"]
    assert complete("horay chat -m ") == ["a"]
    ageing(tmp_path, -time.time())
    assert complete("horay chat -m ") == ["a"]
    assert len(fault_server.requests) == 3


def test_names_are_harmless(complete: Complete, fault_server: FaultServer) -> None:
    """The shell shows the names on a terminal, and may run what is in them: only those are offered that are plain."""
    names = ("a\x1b[2J", "two words", "b\\", "<(>x)", "$(x)", "c/d-1.5:e+f@g", "{h,i}", "\u4e2d")
    fault_server.add(models(*names))
    assert complete("horay chat -m ") == ["c/d-1.5:e+f@g", "\u4e2d"]
    assert complete("horay chat -m ") == ["c/d-1.5:e+f@g", "\u4e2d"]
