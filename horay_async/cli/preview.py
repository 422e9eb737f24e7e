"""Shows a picture on a terminal that supports a protocol for it."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from typing import Final, Literal

from horay_async.cli.terminal import columns

Protocol = Literal["kitty", "iterm"]

WIDEST: Final = 60
"""Columns of a preview."""

PNG: Final = b"\x89PNG\r\n\x1a\n"
"""How a PNG file begins (https://www.w3.org/TR/png-3/, 5.2): kitty's protocol takes no other format."""

KITTY_CHUNK: Final = 4096
"""Most characters of data in one escape sequence (kitty's graphics protocol, "Remote client")."""


def show(data: bytes) -> None:
    """Shows the picture, if the terminal and the picture's format allow it; else does nothing."""
    width = min(WIDEST, columns() - 1)
    protocol, encoded = find_protocol(os.environ), base64.b64encode(data).decode()
    if protocol == "kitty" and data.startswith(PNG):
        # https://sw.kovidgoyal.net/kitty/graphics-protocol/
        chunks = [encoded[at : at + KITTY_CHUNK] for at in range(0, len(encoded), KITTY_CHUNK)]
        for number, chunk in enumerate(chunks, 1):
            first = f"a=T,f=100,c={width}," if number == 1 else ""
            sys.stdout.write(f"\x1b_G{first}m={int(number < len(chunks))};{chunk}\x1b\\")
        print()
    elif protocol == "iterm":  # https://iterm2.com/documentation-images.html
        print(f"\x1b]1337;File=inline=1;size={len(data)};width={width}:{encoded}\a")
    sys.stdout.flush()


def find_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """How the terminal shows pictures, by what it says of itself."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    # A multiplexer passes pictures on to no terminal, whichever it runs in.
    if term == "dumb" or term.startswith(("screen", "tmux")):
        return None
    if "kitty" in term or program == "ghostty" or "KITTY_WINDOW_ID" in environment:
        return "kitty"
    return "iterm" if program in ("iTerm.app", "WezTerm") else None
