"""Markdown on a terminal: each text stands there once, whatever its length, and none is lost."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyte.modes import LNM

from horay_async.cli import markdown
from horay_async.cli.markdown import MarkdownWriter, print_markdown
from horay_async.cli.terminal import printable

TEXT = """# Ports

See [the list](https://a.test/ports), <b>html</b> and List<String>.
![picture](https://a.test/x.png) 👩\u200d👩\u200d👧 \u202eabc\u202c

[ref]: https://a.test/ref

| name | port |
|------|------|
| http | 80   |

```python
def f():

    return 1
```

Roses are red
violets are blue

- one
- two

""" + "\n".join(f"{number}. item number {number}" for number in range(1, 61))
WIDTH, HEIGHT = 40, 12


class Screen(io.StringIO):
    """A terminal of 40 by 12, with what has scrolled off its top."""

    def __init__(self) -> None:
        super().__init__()
        self._screen: Any = pyte.HistoryScreen(WIDTH, HEIGHT, history=10_000)
        self._screen.set_mode(LNM)
        self._stream = pyte.Stream(self._screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.feed(text)
        return len(text)

    def lines(self) -> list[str]:
        """All that can be seen, scrolling back."""
        above = [
            "".join(row[column].data for column in range(WIDTH)).rstrip()
            for row in self._screen.history.top
        ]
        return [*above, *(row.rstrip() for row in self._screen.display)]


@pytest.fixture(autouse=True, scope="module")
def _terminal() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", str(WIDTH))
        patch.setenv("LINES", str(HEIGHT))
        yield


@pytest.fixture
def screen() -> Screen:
    return Screen()


def seen(screen: Screen) -> str:
    return "\n".join(screen.lines()).strip("\n")


def write(screen: Screen, text: str, size: int) -> None:
    """Streams `text` in pieces, the last block drawn after each."""
    writer = MarkdownWriter(screen)
    for start in range(0, len(text), size):
        writer.write(text[start : start + size])
        if writer._live is not None:
            with writer._lock:
                writer._live.refresh()
    writer.end()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_stream_is_what_the_whole_is(size: int, screen: Screen) -> None:
    """However the text comes, and however often its end is drawn, what stays is the same as in one go."""
    write(screen, TEXT, size)
    whole = Screen()
    print_markdown(TEXT, whole)
    assert seen(screen) == seen(whole)


def test_one_thread_writes_at_a_time() -> None:
    """What is drawn in between by another thread can't take back lines that are being printed."""
    held: list[bool] = []

    class Watched(Screen):
        def write(self, text: str) -> int:
            if not writer._stopped.is_set() and writer._live is not None:
                held.append(writer._lock.locked())
            return super().write(text)

    writer = MarkdownWriter(Watched())
    writer.write("one")
    held.clear()  # until here no other thread was there
    writer.write("\n\ntwo\n\nthree\n")
    assert held
    assert all(held)
    writer.end()


def test_line_that_has_come_in_part_ends_no_block(screen: Screen) -> None:
    """It may become something else: a lone # is a heading, "#1" isn't."""
    write(screen, "11\n#1", 4)
    assert seen(screen) == "11\n#1"


def test_nothing_is_lost(screen: Screen) -> None:
    """HTML, images, link targets and definitions stand as they were written; lines stay lines."""
    print_markdown(TEXT, screen)
    told = " ".join(seen(screen).split())
    for words in (
        "See the list (https://a.test/ports), <b>html</b> and List<String>.",
        "picture (https://a.test/x.png)",
        "[ref]: https://a.test/ref",
        "def f(): return 1",
        "• one • two",
        "60 item number 60",
    ):
        assert words in told
    assert "Roses are red\nviolets are blue\n" in seen(screen)
    assert "\n def f():\n\n     return 1\n" in seen(screen)


def table(*rows: list[str]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *rest, ""])


def nested(levels: int) -> str:
    return "".join(f"{'  ' * level}- level{level}\n" for level in range(levels))


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        (table(["name", "link"], ["a", f"https://a.test/{'p' * 60}?sig=END"]), True),
        (table(["file", "sum", "size"], ["b.tar.gz", "0123456789abcdef" * 4, "1"]), True),
        (table(*([f"{name}{number}" for number in range(30)] for name in "ab")), False),
        (table(["a", "b"], ["1", "2", "three"]), False),
        (nested(9), True),
        (nested(14), False),
        (nested(40), False),
        ("> " * 30 + "quoted", False),
    ],
    ids=["URL", "hash", "30 columns", "a cell too many", "9 levels", "14", "40", "30 quotes"],
)
def test_what_has_no_room(text: str, laid_out: bool, screen: Screen) -> None:
    """A long word goes on in the next line of its cell; a table or list that can't be shown whole stands as it came."""
    print_markdown(text, screen)
    whole = "".join(seen(screen).split())
    if laid_out:
        shown = Counter(filter(str.isalnum, whole))
        assert Counter(filter(str.isalnum, text)) <= shown
        assert "|" not in whole
    else:
        assert whole == "".join(text.split())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text("abc`*_ ", max_size=50), min_size=1, max_size=9), min_size=2))
def test_any_table(rows: list[list[str]]) -> None:
    """No letter is lost."""
    screen, text = Screen(), table(*rows)
    print_markdown(text, screen)
    assert Counter(filter(str.isalpha, text)) <= Counter(filter(str.isalpha, seen(screen)))


def test_too_long_for_markdown(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that would take too long to lay out is shown as it is, its last lines while it grows."""
    monkeypatch.setattr(markdown, "MAX_BLOCK", 100)
    text = "- *item*\n" * 50
    write(screen, text, 20)
    assert seen(screen) == text.strip()


def test_leading_blanks_of_code(screen: Screen) -> None:
    """Code that is indented instead of fenced keeps its indentation, trailing blanks go."""
    write(screen, "\n    a\n      b\n\nc   ", 1)
    assert seen(screen) == " a\n   b\n\nc"


@pytest.mark.parametrize("text", ["", "\n", " \n \n"])
def test_no_text(text: str, screen: Screen) -> None:
    """Nothing leaves nothing."""
    write(screen, text, 1)
    print_markdown(text, screen)
    assert seen(screen) == ""


def test_what_a_terminal_would_obey(screen: Screen) -> None:
    """Escapes of the model have no force, in one piece or in several."""
    write(screen, "a\x1b[2Jb\x9b31mc\x07\r\nd", 1)
    assert seen(screen) == "a[2Jb31mc\nd"


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("ab \n#*-`>1.|_[]()<&\\\t"), max_size=60), st.integers(1, 9))
def test_any_text(text: str, size: int) -> None:
    """Whatever comes, in whatever pieces: no failure, and what stays is the same as in one go."""
    streamed, whole = Screen(), Screen()
    write(streamed, text, size)
    print_markdown(text, whole)
    assert seen(streamed) == seen(whole)


@given(st.text())
def test_printable(text: str) -> None:
    """Controls go, tab and line feed aside; all else stays, joiners and marks of direction included."""
    controls = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))} - {"\t", "\n"}
    text = f"{text}\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\u061c\x1b\x9b"
    assert printable(text) == "".join(c for c in text if c not in controls)


def test_reader_that_goes() -> None:
    """rich would end the process by itself; the command line tells of it as of any closed output."""

    class Closed(Screen):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        print_markdown("x", Closed())
