"""Previews: which protocol the terminal knows, and what it is sent."""

from __future__ import annotations

import base64
import re

import pytest

from horay_async.cli import preview
from horay_async.cli.preview import Protocol, find_protocol
from horay_async.testing import canned


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM_PROGRAM": "WezTerm", "TERM": "xterm-256color"}, "iterm"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, None),
    ],
)
def test_protocols(environment: dict[str, str], protocol: Protocol | None) -> None:
    """By what the terminal says of itself; a multiplexer passes no pictures on."""
    assert find_protocol(environment) == protocol


def show(protocol: Protocol | None, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows a picture on a terminal that is 80 columns wide and knows this protocol."""

    def known(_: object) -> Protocol | None:
        return protocol

    monkeypatch.setattr(preview, "find_protocol", known)
    monkeypatch.setenv("COLUMNS", "80")
    preview.show(data)


def test_kitty(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A PNG file goes in chunks of at most 4,096 characters; only the last says that it is the last."""
    data = canned.PNG + bytes(7000)
    show("kitty", data, monkeypatch)
    chunks = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", capsys.readouterr().out)
    assert [keys for keys, _ in chunks] == ["a=T,f=100,c=60,m=1", "m=1", "m=0"]
    assert base64.b64decode("".join(text for _, text in chunks)) == data
    assert max(len(text) for _, text in chunks) == 4096


def test_iterm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Any file goes in one piece."""
    show("iterm", b"\xff\xd8", monkeypatch)
    assert capsys.readouterr().out == "\x1b]1337;File=inline=1;size=2;width=60:/9g=\a\n"


@pytest.mark.parametrize(("protocol", "data"), [(None, canned.PNG), ("kitty", b"\xff\xd8")])
def test_nothing(
    protocol: Protocol | None,
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where nothing can be shown, nothing is."""
    show(protocol, data, monkeypatch)
    assert capsys.readouterr().out == ""
