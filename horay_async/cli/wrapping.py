"""Words that come piece by piece onto a terminal, each kept whole at the line's end."""

from __future__ import annotations

import shutil
from typing import TextIO

from rich.cells import get_character_cell_size

from horay_async.cli.output import printable

__all__ = ["Flow"]

TAB = 8


class Flow:
    """Writes text as it comes, at once, and breaks lines between words.

    A word that turns out not to fit is taken back and written again on the next line, so nothing waits
    for a word's end. What begins a line stays where it is, as code needs it.
    """

    def __init__(self, out: TextIO, width: int | None = None, *, colours: bool = True) -> None:
        self._out = out
        self._colours = colours
        # One column is left free: in the last one, terminals differ in where the cursor is.
        self._width = (width or shutil.get_terminal_size().columns) - 1
        self._column = 0
        self._word = ""
        self._cells = 0  # of the word

    def write(self, text: str, *, dim: bool = False) -> None:
        """Writes a piece of text, control characters left out."""
        placed = "".join(map(self._place, printable(text)))
        self._out.write(f"\x1b[2m{placed}\x1b[0m" if dim and self._colours else placed)
        self._out.flush()

    def end(self) -> None:
        """Ends the line, unless nothing stands in it."""
        if self._column:
            self.write("\n")

    def _place(self, character: str) -> str:
        if character == "\n":
            self._begin(0)
            return character
        if character == "\t":
            character = " " * (TAB - self._column % TAB)
        if character.startswith(" "):
            self._word, self._cells = "", 0
            if self._column + len(character) > self._width:
                self._begin(0)
                return "\n"
            self._column += len(character)
            return character
        cells = get_character_cell_size(character)
        before = ""
        if self._column + cells > self._width:
            before = self._break()
        self._column += cells
        # Scripts that are written without spaces, and in wide characters, break anywhere.
        self._word = "" if cells == 2 else self._word + character
        self._cells = 0 if cells == 2 else self._cells + cells
        return before + character

    def _break(self) -> str:
        word, cells = self._word, self._cells
        if cells == self._column:  # the word is the line
            self._begin(0)
            return "\n"
        self._begin(cells)
        self._word, self._cells = word, cells
        back = f"\x1b[{cells}D\x1b[K" if cells else ""
        return f"{back}\n{word}"

    def _begin(self, column: int) -> None:
        self._column, self._word, self._cells = column, "", 0
