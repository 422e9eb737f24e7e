"""Words on a terminal: where lines break, whatever the pieces that the words come in."""

from __future__ import annotations

import io
import random
import re

import pytest

from horay_async.cli.wrapping import Flow


def screen(written: str) -> list[str]:
    """The lines that a terminal shows, knowing just what `Flow` makes use of."""
    lines, column = [""], 0
    for token in re.findall("\x1b\\[[0-9]*[A-Za-z]|.|\n", written):
        if token == "\n":
            lines.append("")
            column = 0
        elif token.endswith("D") and token.startswith("\x1b"):
            column -= int(token[2:-1])
        elif token == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not token.startswith("\x1b"):
            lines[-1] = lines[-1][:column] + token
            column += 1
    return lines


def flowed(*pieces: str, width: int = 11) -> list[str]:
    """What stands on a terminal of this width after the pieces; one column stays free."""
    out = io.StringIO()
    flow = Flow(out, width)
    for piece in pieces:
        flow.write(piece)
    return screen(out.getvalue())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four", ["one two ", "three four"]),
        ("one two th", ["one two th"]),
        ("0123456789 next", ["0123456789", "next"]),
        ("a 0123456789012 b", ["a ", "0123456789", "012 b"]),
        ("first\n    second", ["first", "    second"]),
        ("\n\nx", ["", "", "x"]),
        ("a\tb\tc", ["a       b", "c"]),
        ("日本語日本語日本語", ["日本語日本", "語日本語"]),
        ("ab 日本語日本語", ["ab 日本語", "日本語"]),
    ],
)
def test_breaks(text: str, lines: list[str]) -> None:
    """Lines break between words; words that are longer than a line, and wide scripts, break anywhere."""
    assert flowed(text) == lines


def test_pieces_make_no_difference() -> None:
    """However a text is cut into pieces, the screen is the same."""
    words = "The Elbe rises in the Giant Mountains and flows into the North Sea.\n\n    x = 1\n"
    whole = flowed(words)
    for seed in range(50):
        chance = random.Random(seed)
        places = sorted(chance.sample(range(len(words)), 12))
        pieces = [words[a:b] for a, b in zip([0, *places], [*places, len(words)], strict=True)]
        assert flowed(*pieces) == whole


def test_words_are_shown_before_they_end() -> None:
    """Nothing is held back."""
    assert flowed("one two thre") == ["one two ", "thre"]
    assert flowed("one two t") == ["one two t"]


def test_controls_are_left_out() -> None:
    """A model can't move the cursor, nor change colours or the title."""
    out = io.StringIO()
    Flow(out, 40).write("a\x1b[2Jb\r\x07\x9bc")
    assert out.getvalue() == "a[2Jbc"


@pytest.mark.parametrize(("colours", "shown"), [(True, "\x1b[2mhm\x1b[0m"), (False, "hm")])
def test_dim(colours: bool, shown: str) -> None:
    """Reasoning is dim, where colours are welcome."""
    out = io.StringIO()
    Flow(out, 40, colours=colours).write("hm", dim=True)
    assert out.getvalue() == shown


def test_end() -> None:
    """The line is ended if something stands in it, and only once."""
    out = io.StringIO()
    flow = Flow(out, 40)
    for text in ("", "a", "", "b\n"):
        flow.write(text)
        flow.end()
        flow.end()
    assert out.getvalue() == "a\nb\n"
