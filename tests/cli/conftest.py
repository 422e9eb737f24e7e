"""The command line, to be called within the process, and a scripted server for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest
from typer.testing import CliRunner, Result

from horay_async.cli.app import app
from horay_async.testing import FaultServer

Horay = Callable[..., Result]
"""Calls `horay` with arguments. `input=` is what stands on standard input."""

SETTINGS = {"HORAY_API_KEY", "HORAY_BASE_URL", "HORAY_MODEL", "HORAY_LOG"}
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own."""
    for name in list(os.environ):
        if name.upper() in SETTINGS | PROXIES:
            monkeypatch.delenv(name)


@pytest.fixture
def horay(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Horay:
    """`horay` with the test's server and its key in the environment."""
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    monkeypatch.setenv("HORAY_BASE_URL", fault_server.base_url)
    return bare_horay


@pytest.fixture
def environment(fault_server: FaultServer) -> Mapping[str, str]:
    """The settings for the test's server."""
    return {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}


def bare_horay(*arguments: str, input: str | bytes = "") -> Result:
    """`horay` with the environment as it is."""
    return CliRunner().invoke(app, arguments, input=input)
