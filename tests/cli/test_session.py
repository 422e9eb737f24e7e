"""The local model behind `--local`: started for one command, in place of the API."""

from __future__ import annotations

import json

import pytest

from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.options import Server
from horay_async.cli.session import open_server

from .conftest import bare_horay


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
    given = Server(base_url="https://a.test")
    with open_server(given) as server:
        assert server is given
