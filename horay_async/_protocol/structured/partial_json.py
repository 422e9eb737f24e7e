"""JSON that is still being written, as far as it has come. Pure.

Each piece of text is looked at once, so that following a response to its end takes time linear in its
length. When somebody looks, the string that is still open grows by what has come since the last time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from horay_async._protocol.structured.find_json import (
    BOM,
    DRAFT_END,
    DRAFT_OPENING,
    FENCE_OPENING,
    with_whole_characters,
)
from horay_async._protocol.wire.decode import is_json

DECODE = msgspec.json.Decoder().decode

JSON_BESIDE = re.compile(
    r'[`~]+[ \t]*[\w+#.-]*[ \t]*(\{\s*(?:["}].*)?$|\[\s*(?:["\[{\]\-\d].*)?$)', re.DOTALL
)
"""JSON behind the language of a code block, on its first line."""

PLAIN = re.compile(r'[^"\\]*')
"""The run of a string up to its end or an escape."""
TOKEN = re.compile(r"[^\s,\]}]*")
"""The run of a number, `true`, `false` or `null` up to what can follow it."""
SPACE = re.compile(r"\s*")
LONGEST_TAG = len("</reasoning>")
HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")
"""The first half of a surrogate pair, at the end of what has come."""

State = Callable[["PartialJSON", str, int], int]
"""A method that isn't bound, since an object that keeps its own is in a cycle with itself. Reads on in a text from a place; gives the place where it stopped. It begins at no blank, unless that belongs to what it reads."""


class PartialJSON:
    """An object or array, fed piece by piece: the text, or where that begins as none, its first Markdown code block, as the
    whole text is read in the end. What turns out to be a draft is given up for what is behind it.
    """

    def __init__(self) -> None:
        self._root: Any = None
        self._stack: list[Any] = []
        """The containers that are open, the innermost last."""
        self._keys: list[str] = []
        """The key that waits for its value, of each open container; empty for arrays."""
        self._read: State = PartialJSON._before
        self._otherwise: State = PartialJSON._prose
        """Reads where no object or array begins; in a block nothing does."""
        self._raw: list[str] = []
        """The pieces of the line, string, number or word that is open; of a value's string, those that aren't decoded."""
        self._text = ""
        """What of the value's string that is open is decoded."""
        self._tail: int = 0
        """Characters at the string's end that belong to an escape which isn't whole."""
        self._is_draft: bool | None = None
        """Whether the prose began with the tag of a draft; None until its first line is there."""
        self._seen = ""
        """The end of what was passed over, which may hold the begin of the tag that ends a draft."""
        self._changes = 0
        """How often `value` has grown."""

    @property
    def value(self) -> Any:
        """What has come: dicts and lists that go on filling as more is fed, so copy what is to stay.

        A string is there from its first character, anything else once it is whole, None before all.
        """
        if self._read == PartialJSON._string:
            self._grow()
        return self._root

    def feed(self, text: str) -> bool:
        """Takes in the next piece; says whether there is more to see now."""
        at, before = 0, self._changes
        while at < len(text):
            if text[at].isspace() and self._read not in INSIDE:
                at = _past(SPACE, text, at)
            else:
                at = self._read(self, text, at)
        return self._changes > before

    def _before(self, text: str, at: int) -> int:
        if text[at] == BOM:
            return at + 1
        self._read = PartialJSON._value if text[at] in "{[" else self._otherwise
        return at

    def _prose(self, text: str, at: int) -> int:
        """Reads on to the end of a line, which may be the first one of a code block."""
        end = text.find("\n", at) + 1 or len(text)
        if (behind := self._behind_draft(text, at, end)) is not None:
            return behind
        self._raw.append(text[at:end])
        if text.endswith("\n", at, end):
            line, self._raw = "".join(self._raw), []
            if self._is_draft is None:
                self._is_draft = DRAFT_OPENING.match(line) is not None
            if not self._is_draft and (fence := FENCE_OPENING.search(line)):
                self._read, self._otherwise = PartialJSON._before, PartialJSON._over
                # What is whole there may be a title: then what counts is behind it.
                json = JSON_BESIDE.match(line, fence.start())
                if json and not is_json(json[1].encode()):
                    self.feed(json[1])
        return end

    def _over(self, text: str, at: int) -> int:
        """After the end, or after something that isn't JSON: the rest says nothing, unless it says that this was a draft."""
        behind = self._behind_draft(text, at, len(text))
        return len(text) if behind is None else behind

    def _behind_draft(self, text: str, at: int, end: int) -> int | None:
        """Looks for the tag that ends a draft, however it is divided into pieces, and starts again behind it. The
        value read before stays visible until the next one begins.
        """
        seen = self._seen + text[at:end]
        found = DRAFT_END.search(seen)
        if found is None:
            self._seen = seen[1 - LONGEST_TAG :]
            return None
        behind = at + found.end() - len(self._seen)
        self._stack, self._keys, self._raw = [], [], []
        self._is_draft, self._seen = False, ""
        self._read, self._otherwise = PartialJSON._before, PartialJSON._prose
        return behind

    def _value(self, text: str, at: int) -> int:
        if text[at] in "{[":
            self._open({} if text[at] == "{" else [])
        elif text[at] == '"':
            self._add("")
            self._raw, self._text, self._tail, self._read = [], "", 0, PartialJSON._string
        elif text[at] == "]" and self._stack and self._stack[-1] == []:
            self._close()
        else:
            self._raw, self._read = [], PartialJSON._token
            return at
        return at + 1

    def _key(self, text: str, at: int) -> int:
        if text[at] == '"':
            self._raw, self._tail, self._read = [], 0, PartialJSON._key_string
        elif text[at] == "}":
            self._close()
        else:
            self._read = PartialJSON._over
        return at + 1

    def _key_string(self, text: str, at: int) -> int:
        at, ended = self._string_on(text, at)
        if ended:
            self._whole(f'"{"".join(self._raw)}"', self._take_key, PartialJSON._colon)
        return at

    def _colon(self, text: str, at: int) -> int:
        self._read = PartialJSON._value if text[at] == ":" else PartialJSON._over
        return at + 1

    def _string(self, text: str, at: int) -> int:
        at, ended = self._string_on(text, at)
        self._changes += bool(self._raw[-1])
        if ended:
            self._whole(f'"{"".join(self._raw)}"', self._append, PartialJSON._after)
        return at

    def _grow(self) -> None:
        """Decodes what has come of the string that is open; an escape that isn't whole waits."""
        raw = "".join(self._raw)
        whole = raw[: len(raw) - self._tail]
        for ready, given in _readings(whole):
            try:
                text: str = DECODE(f'"{given}"')
            except ValueError:
                continue
            self._raw = [raw[len(ready) :]]
            self._append(text)
            return
        self._put("")
        self._read = PartialJSON._over

    def _append(self, text: str) -> None:
        """Adds to the string that is open."""
        # CPython adds to a string where it stands, if nothing else holds it.
        self._put("")
        grown, self._text = self._text, ""
        grown += text
        self._text = grown
        self._put(grown)

    def _string_on(self, text: str, at: int) -> tuple[int, bool]:
        """Reads on in a string; says where it stopped, and whether that is past the string's end."""
        begun = at
        while at < len(text):
            if self._tail == 0:
                at = _past(PLAIN, text, at)
                if at < len(text) and text[at] == '"':
                    self._raw.append(text[begun:at])
                    return at + 1, True
                if at < len(text):
                    self._tail = 1  # a backslash
            elif self._tail == 1 and text[at] != "u":
                self._tail = 0
            else:
                self._tail = 0 if self._tail == 5 else self._tail + 1  # \u and its four digits
            at += 1
        self._raw.append(text[begun:])
        return at, False

    def _token(self, text: str, at: int) -> int:
        end = _past(TOKEN, text, at)
        self._raw.append(text[at:end])
        if end < len(text):
            self._whole("".join(self._raw), self._add, PartialJSON._after)
        return end

    def _after(self, text: str, at: int) -> int:
        inside = self._stack[-1]
        if text[at] == ",":
            self._read = PartialJSON._key if isinstance(inside, dict) else PartialJSON._value
        elif text[at] == ("}" if isinstance(inside, dict) else "]"):
            self._close()
        else:
            self._read = PartialJSON._over
        return at + 1

    def _whole(self, raw: str, take: Callable[[Any], None], go_on: State) -> None:
        """Takes in the string, number or literal that has ended; ends the reading where it is none."""
        try:
            value = DECODE(raw)
        except ValueError:
            try:
                value = DECODE(with_whole_characters(raw))
            except ValueError:
                self._read = PartialJSON._over
                return
        take(value)
        self._read = go_on

    def _open(self, container: Any) -> None:
        if self._stack:
            self._add(container)
        else:
            self._root = container
            self._changes += 1
        self._stack.append(container)
        self._keys.append("")
        self._read = PartialJSON._key if isinstance(container, dict) else PartialJSON._value

    def _close(self) -> None:
        self._stack.pop()
        self._keys.pop()
        self._read = PartialJSON._after if self._stack else PartialJSON._over

    def _take_key(self, key: str) -> None:
        self._keys[-1] = key

    def _add(self, value: Any) -> None:
        """Puts a new value into the innermost container."""
        self._changes += 1
        inside = self._stack[-1]
        if isinstance(inside, dict):
            inside[self._keys[-1]] = value
        else:
            inside.append(value)

    def _put(self, value: Any) -> None:
        """Puts a value in the place of the newest."""
        inside = self._stack[-1]
        inside[self._keys[-1] if isinstance(inside, dict) else -1] = value


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """How much of an open string may be ready, and that as JSON: all of it; or without half a character at its end, whose other half may
    follow; each also with U+FFFD for what else is half of one.
    """
    yield text, text
    cut = HALF.sub("", text)
    yield cut, cut
    yield cut, with_whole_characters(cut)
    yield text, with_whole_characters(text)


def _past(run: re.Pattern[str], text: str, at: int) -> int:
    """Where a run, of no length perhaps, ends."""
    return cast("re.Match[str]", run.match(text, at)).end()


INSIDE = frozenset(
    (PartialJSON._prose, PartialJSON._string, PartialJSON._key_string, PartialJSON._token)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its states
)
"""The states that read what blanks belong to or end; before all others blanks are passed over."""
