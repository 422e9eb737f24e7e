"""Markdown on a terminal, drawn while it comes.

Blocks (paragraphs, lists, code, tables) that are complete are printed once and stay. The last block, which
still changes, is drawn over and over below them, and never taller than the screen: what has scrolled away
can't be taken back, and would stand there twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from threading import Event, Lock, Thread
from typing import ClassVar, Final, TextIO, cast

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown, MarkdownElement, TableDataElement
from rich.segment import ControlType, Segment, Segments
from rich.text import Text

from horay_async.cli.terminal import drawing, make_console, printable

REFRESHES: Final = 10
"""Drawings of the last block a second."""

MAX_NESTING: Final = 60
"""Levels of Markdown within each other, of which a list takes two: what is deeper is shown as it is."""

MAX_BLOCK: Final = 50_000
"""Characters of a block beyond which it is shown as it is: laying it out would take too long."""

# DECAWM: without it a line that the terminal finds wider than rich does (they differ about emoji and marks)
# would take two rows, and one of them would stay when the drawing is taken back. rich has no name for it:
# any control code makes it pass the text on.
CLIP: Final = Segment("\x1b[?7l", None, [(ControlType.HOME,)])
WRAP: Final = Segment("\x1b[?7h", None, [(ControlType.HOME,)])

SHARE: Final = 10
"""Looking for complete blocks may take one part in so many of the time."""


class _Cell(TableDataElement):
    """A cell of a table. A word too long for it goes on in the next line."""

    def __init__(self, justify: JustifyMethod) -> None:
        super().__init__(justify)
        self.content.overflow = "fold"


class Block(Markdown):
    """Markdown in which no text is lost: HTML, images and link definitions stand as they were written, links
    show where they lead, lines stay lines, and what can't be shown whole (a table of too many columns or with a cell too many,
    a list of too many levels) stands as it was written.
    """

    elements: ClassVar[dict[str, type[MarkdownElement]]] = Markdown.elements | {
        "td_open": _Cell,
        "th_open": _Cell,
    }

    parser: Final = MarkdownIt(options_update={"html": False, "maxNesting": MAX_NESTING}).enable(
        ["strikethrough", "table"]
    )
    parser.disable(["image", "reference"])

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        self.markup = text
        self.parsed: list[Token] = self.parser.parse(text)
        for token in self.parsed:
            for child in token.children or ():
                if child.type == "softbreak":
                    child.type = "hardbreak"
        self._shown = _letters(self._texts())

    def _texts(self) -> Iterator[str]:
        """What has to be shown. The parser drops what is nested too deep, and cells."""
        source, table = self.markup.split("\n"), False
        if any(token.level >= MAX_NESTING - 1 for token in self.parsed):
            yield from source
        for token in self.parsed:
            if token.type == "table_open" and token.map:
                yield from source[slice(*token.map)]
            if token.type in ("table_open", "table_close"):
                table = token.nesting > 0
            elif not table:
                yield from (child.content for child in token.children or [token])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, without the blanks that would fill them up to the edge, and no empty ones around."""
        segments = cast("Iterable[Segment]", super().__rich_console__(console, options))
        rendered = list(Segment.split_lines(segments))
        if self._shown - _letters(each.text for line in rendered for each in line):
            rendered = console.render_lines(Text(self.markup), options, pad=False)
        lines = [*map(_without_trailing_blanks, rendered)]
        filled = [number for number, line in enumerate(lines) if line]
        for line in lines[filled[0] : filled[-1] + 1] if filled else ():
            yield from line
            yield Segment.line()


def _letters(texts: Iterable[str]) -> Counter[str]:
    """How often each letter and digit stands in the texts: the marks around them can be lost."""
    return Counter(filter(str.isalnum, "".join(texts)))


def _without_trailing_blanks(line: list[Segment]) -> list[Segment]:
    while line and not line[-1].text.strip(" "):
        line = line[:-1]
    return [*line[:-1], *(each._replace(text=each.text.rstrip(" ")) for each in line[-1:])]


def _blocks(text: str) -> list[str]:
    """The source of each paragraph, list, table ... of `text`."""
    tokens: list[Token] = Block.parser.parse(text)
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    lines = text.split("\n")
    return ["\n".join(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]


def _renderable(block: str) -> RenderableType:
    return Text(block) if len(block) > MAX_BLOCK else Block(block)


def print_markdown(text: str, out: TextIO) -> None:
    """Prints a whole text on the terminal `out`."""
    MarkdownWriter(out).print_blocks(_blocks(printable(text)))


class MarkdownWriter:
    """Writes Markdown that comes delta by delta on the terminal `out`."""

    def __init__(self, out: TextIO) -> None:
        self._console = make_console(out)
        self._out = out
        self._guard = ExitStack()
        """What shows the cursor again that the drawing hides."""
        self._live: Live | None = None
        """The drawing of the last block; None while there is no text since `end`."""
        self._stopped = Event()
        """Set once the last block isn't to be drawn any more."""
        self._lock = Lock()
        """Held while drawing or printing. rich's own lock lets a second thread begin before the first one's text is
        written: it would erase lines that aren't there yet.
        """
        self._text = ""
        """The last block, not printed yet."""
        self._printed = False
        """Whether a block stands above."""
        self._next_look = 0.0
        """When to look for complete blocks again, in the clock's seconds."""

    def write(self, text: str) -> None:
        """Adds text; control characters are left out."""
        self._text += printable(text)
        if self._live is None and self._text.strip():
            self._live = Live(
                console=self._console,
                get_renderable=self._last_lines,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._guard.enter_context(drawing(self._out))
            self._live.start(refresh=True)
            self._stopped = Event()
            Thread(target=self._draw, args=(self._live, self._stopped), daemon=True).start()
        if "\n" in text and (began := time.monotonic()) >= self._next_look:
            with self._lock:
                self._print_complete_blocks()
            ended = time.monotonic()
            self._next_look = ended + max(1 / REFRESHES, (ended - began) * SHARE)

    def end(self) -> None:
        """Prints what is left. Text that follows begins a new document."""
        text, self._text = self._text, ""
        if self._live is not None:
            with self._lock:
                self._stopped.set()
                self._live.stop()
            self._live = None
            self._guard.close()
        self.print_blocks(_blocks(text))
        self._printed = False

    def _draw(self, live: Live, stopped: Event) -> None:
        """Draws the last block time and again; runs in a thread of its own."""
        while not stopped.wait(1 / REFRESHES):
            with self._lock:
                if not stopped.is_set():
                    live.refresh()

    def print_blocks(self, blocks: Iterable[str]) -> None:
        """Prints complete blocks, an empty line between them."""
        for block in blocks:
            if self._printed:
                self._console.print()
            self._console.print(_renderable(block), end="")
            self._printed = True

    def _print_complete_blocks(self) -> None:
        # The last line may become something else: "#" is a heading, "#1" isn't.
        lines, newline, rest = self._text.rpartition("\n")
        *complete, last = _blocks(lines + newline) or [lines + newline]
        if complete:
            self._text = last + rest
            self.print_blocks(complete)

    def _last_lines(self) -> RenderableType:
        """The end of the last block, as far as the screen has room for it."""
        console, text = self._console, self._text
        room = max(1, console.height - 2)
        if len(text) > MAX_BLOCK:
            text = text[-room * console.width :]
        lines = console.render_lines(_renderable(text), pad=False)
        if self._printed:
            lines.insert(0, [])
        drawn = [segment for line in lines[-room:] for segment in (*line, Segment.line())]
        return Segments([CLIP, *drawn, WRAP])
