"""Previews: which way the terminal knows, and what it is sent."""

from __future__ import annotations

import base64
import re

import pytest

from horay_async.cli import preview
from horay_async.cli.preview import Way, way_for
from horay_async.testing import canned

from .test_png import png


@pytest.mark.parametrize(
    ("environment", "colours", "way"),
    [
        ({"TERM": "xterm-kitty"}, True, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, False, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, True, "iterm"),
        ({"TERM_PROGRAM": "WezTerm", "TERM": "xterm-256color"}, True, "iterm"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, True, "blocks"),
        ({"TERM": "screen", "TERM_PROGRAM": "iTerm.app"}, True, "blocks"),
        ({"TERM": "xterm-256color"}, True, "blocks"),
        ({"TERM": "xterm-256color"}, False, "none"),
        ({"TERM": "dumb"}, True, "none"),
    ],
)
def test_ways(environment: dict[str, str], colours: bool, way: Way) -> None:
    """By what the terminal says of itself; a multiplexer passes no pictures on."""
    assert way_for(environment, colours=colours) == way


def for_stdout(way: Way, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows a picture on a terminal that is 80 columns wide, in true colours, and knows this way."""

    def known(*_: object, **__: object) -> Way:
        return way

    monkeypatch.setattr(preview, "way_for", known)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    preview.show(data)


def test_kitty(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A PNG file goes in pieces of at most 4,096 characters; only the last says that it is the last."""
    data = canned.PNG + bytes(7000)
    for_stdout("kitty", data, monkeypatch)
    pieces = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", capsys.readouterr().out)
    assert [keys for keys, _ in pieces] == ["a=T,f=100,c=60,m=1", "m=1", "m=0"]
    assert base64.b64decode("".join(text for _, text in pieces)) == data
    assert max(len(text) for _, text in pieces) == 4096


def test_iterm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Any file goes in one piece."""
    for_stdout("iterm", b"\xff\xd8", monkeypatch)
    assert capsys.readouterr().out == "\x1b]1337;File=inline=1;size=2;width=60:/9g=\a\n"


def test_blocks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two rows of pixels make one of half blocks, in their colours."""
    pixels = b"\0\1\2\3\0\4\5\6"
    for_stdout("blocks", png(1, 2, pixels), monkeypatch)
    assert capsys.readouterr().out == "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m\n"


@pytest.mark.parametrize(
    ("way", "data"), [("none", canned.PNG), ("blocks", b"\xff\xd8"), ("kitty", b"\xff\xd8")]
)
def test_nothing(
    way: Way, data: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be shown, nothing is."""
    for_stdout(way, data, monkeypatch)
    assert capsys.readouterr().out == ""
