"""Showing a picture on the terminal, in the best way that it knows."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from horay_async.cli.png import SIGNATURE, Pixel, shrunk

__all__ = ["show"]

Way = Literal["kitty", "iterm", "blocks", "none"]

WIDEST: Final = 60
"""Columns of a preview."""

KITTY_PIECE: Final = 4096
"""Most characters of data in one escape sequence (kitty's graphics protocol, "Remote client")."""


def show(data: bytes) -> None:
    """Shows the picture, if the terminal and the picture's format allow it; else does nothing."""
    console = Console()
    columns = min(WIDEST, console.width - 1)
    way = way_for(os.environ, colours=console.color_system is not None and not console.no_color)
    if way == "kitty" and data.startswith(SIGNATURE):
        sys.stdout.write("".join(_kitty(data, columns)) + "\n")
    elif way == "iterm":
        sys.stdout.write(_iterm(data, columns) + "\n")
    elif way != "none" and (rows := shrunk(data, columns)):
        console.print(Segments(_blocks(rows)), end="")
    sys.stdout.flush()


def way_for(environment: Mapping[str, str], *, colours: bool) -> Way:
    """How the terminal shows pictures, by what it says of itself."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    # A multiplexer passes pictures on to no terminal, whichever it runs in.
    if not term.startswith(("screen", "tmux")):
        if "kitty" in term or program == "ghostty" or "KITTY_WINDOW_ID" in environment:
            return "kitty"
        if program in ("iTerm.app", "WezTerm"):
            return "iterm"
    return "blocks" if colours and term != "dumb" else "none"


def _kitty(data: bytes, columns: int) -> Iterator[str]:
    """The sequences of https://sw.kovidgoyal.net/kitty/graphics-protocol/ for a PNG file."""
    encoded = base64.b64encode(data).decode()
    for start in range(0, len(encoded), KITTY_PIECE):
        first = f"a=T,f=100,c={columns}," if start == 0 else ""
        more = int(start + KITTY_PIECE < len(encoded))
        yield f"\x1b_G{first}m={more};{encoded[start : start + KITTY_PIECE]}\x1b\\"


def _iterm(data: bytes, columns: int) -> str:
    """The sequence of https://iterm2.com/documentation-images.html for a file of any format."""
    encoded = base64.b64encode(data).decode()
    return f"\x1b]1337;File=inline=1;size={len(data)};width={columns}:{encoded}\a"


def _blocks(rows: list[list[Pixel]]) -> Iterator[Segment]:
    """Two rows of pixels in one of text: the upper one as the half block, the lower one behind it."""
    for upper, lower in zip(rows[::2], rows[1::2], strict=False):
        for above, below in zip(upper, lower, strict=True):
            yield Segment("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
        yield Segment.line()
