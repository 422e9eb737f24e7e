"""The local model behind `--local`: started for one command, in place of the API."""

from __future__ import annotations

import json

import pytest

from horay_async.cli import session
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.options import ServerOptions
from horay_async.cli.session import open_server
from horay_async.testing import FaultServer, error

from .conftest import Horay, bare_horay


def test_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, and past the proxy of the environment, the local model responds."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    result = bare_horay(
        *("complete", "The capital of Germany is", "--local", "-n", "3", "-t", "0", "--json")
    )
    assert (result.exit_code, result.stderr) == (ExitCode.DONE, "")
    assert "Berlin" in json.loads(result.stdout)["choices"][0]["text"]


def test_no_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that isn't there is a sentence."""
    monkeypatch.setenv("HORAY_LOCAL_MODEL", "/no/such.gguf")
    result = bare_horay("models", "--local")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.startswith("horay: ")
    assert "/no/such.gguf" in result.stderr


def test_other_server_is_left_alone() -> None:
    """Without --local the options stay as they are."""
    given = ServerOptions(base_url="https://a.test")
    with open_server(given) as server:
        assert server is given


@pytest.mark.parametrize("long", [0.0, 5.0])
def test_wait_for_the_next_attempt(
    long: float, horay: Horay, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is noted where it is a long one."""
    monkeypatch.setattr(session, "MIN_WAIT", long)
    fault_server.add(error(429, "slow down", retry_after=0.01, form="ms"))
    result = horay("chat", "Hi")
    assert result.exit_code == ExitCode.DONE
    told = (
        "429 from POST /chat/completions: slow down; the server asks to wait for 0.01 s; "
        "trying again in 0 s\n"
    )
    assert result.stderr == ("" if long else told)
