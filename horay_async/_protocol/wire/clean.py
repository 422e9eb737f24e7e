"""Text of the wire, made fit to be shown: the one place where it is cleaned, on its way in.

Header values, reason phrases, ids, media types and what servers say of failures end in error messages, tracebacks,
logs, spans, journals and terminals. So they are cleaned once, where they enter, and no sink has to think of it:
secrets are masked, however JSON, a URL or HTML spells them; control characters and the escape sequences of terminals
are dropped, line breaks become blanks; bytes that aren't UTF-8, and halves of surrogate pairs, become U+FFFD.
What a model wrote is never passed through here.

Not everything that is sent as a key is a secret: `local`, the key of the local server, or the `k` of a test would
damage every text that holds it. So an API key of fewer than `MIN_SECRET_LENGTH` characters isn't masked: no
service hands out one that can be guessed. People do choose such passwords for proxies: those are masked where no
letter, digit, `_` or `-` is beside them, as in a URL. Where a text ends within a key, what is there of it is masked from the same
number of characters on; elsewhere from twice as many on, and so is the key's end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from horay_async._json import is_object
from horay_async._keys import MIN_SECRET_LENGTH

LONG_PART = 2 * MIN_SECRET_LENGTH
"""Characters of a secret's beginning, or of its end, that are masked wherever they stand: of what services begin their keys with, none
is so long."""

MASK = "[API key]"
"""What stands wherever a server echoed a secret."""

SECRET_NAMES = (
    r"(?i)authoriz|bearer|cookie|credential|jwt|passphrase|passw|pwd|secret|signature|token$|(?:^|[-_])(?:auth|pass|sig)$|^(?:x-)?key$|^code$"
    r"|(?:access|account|api|app|auth|client|functions|master|private|signing|subscription)[-_]?key(?:[-_]?\d+)?$"
)
"""How headers and parts of a query are called that hold secrets: `X-Api-Key`, `key` of Gemini's URLs, `sig` and `code` of Azure's."""

SPELLING = re.compile(r"[\\%&]")
"""What a character's spelling begins with that isn't the character itself."""

ENTITIES = {'"': "quot", "&": "amp", "'": "apos", "<": "lt", ">": "gt"}
"""The names in HTML of the characters that it reserves; all but letters, digits, `-` and `_` may be spelled as their numbers, too."""

AMPERSAND = r"(?:&|\\{1,8}u0026)"
"""What spellings of HTML begin with; some servers' JSON escapes it."""

CUT_SPELLING = re.compile(
    rf"(?:{AMPERSAND}#?\w{{0,8}}|\\{{1,8}}(?:u[0-9a-fA-F]{{0,3}})?|%[0-9a-fA-F]?)?\Z"
)
"""The end of a text, or what may be the beginning of a character's spelling there."""

NAMED_PART = r"[\w-]+=([^=].*)"
"""A part such as `session=...` of a cookie: its name is no secret, and a token may end in `=`."""

# Hardly any text has something of these: `re` compiles them when they are first searched for.
_ESCAPE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles, links
    r"|\x1b[ -/]*[0-~]"
)
_BREAK = "[\t\n\v\f\r\x85\u2028\u2029]+"
_CONTROL = "[\x00-\x1f\x7f-\x9f]+"
_SURROGATE = "[\ud800-\udfff]"


class Cleaner:
    """Cleans text of the wire; calling it with text or bytes returns the text as it may be shown.

    `keys` are the API keys that may have been sent. Cleaning what is clean changes nothing.
    """

    __slots__ = ("secrets",)

    def __init__(self, *keys: str) -> None:
        self.secrets: tuple[str, ...] = ()
        """What is masked."""
        self.learn(keys)

    def learn(self, keys: Iterable[str]) -> None:
        """Masks `keys` from now on, in the place of those before."""
        self.secrets = tuple(
            dict.fromkeys(str(key) for key in keys if len(key) >= MIN_SECRET_LENGTH)
        )

    def masking(self, *passwords: str) -> Cleaner:
        """A cleaner that masks `passwords` as well, of any length."""
        if not passwords:
            return self
        more = Cleaner()
        more.secrets = tuple(dict.fromkeys((*self.secrets, *filter(None, passwords))))
        return more

    def __call__(self, text: str | bytes) -> str:
        return self.mask(printable(text))

    def mask(self, text: str) -> str:
        """`text` with the secrets masked, and nothing else changed."""
        secrets = self.secrets
        for secret in secrets:
            if secret in text:
                break
        else:
            if not secrets or SPELLING.search(text) is None:
                return self._mask_parts(text)
        return self._mask_parts(_spellings(secrets).sub(MASK, text))

    def may_change(self, text: str) -> bool:
        """Whether texts that are joined to this one may have to be cleaned, each by itself."""
        shown = text.isprintable() and SPELLING.search(text) is None
        return not shown or any(secret[:MIN_SECRET_LENGTH] in text for secret in self.secrets)

    def _mask_parts(self, text: str) -> str:
        """`text` with the beginnings of secrets masked: one that it ends in, where a body broke off or a message was cut, and longer ones
        anywhere, where a server has shortened what it shows. So are their ends, of which a server has taken `sk-` away.
        """
        is_spelled = SPELLING.search(text) is not None
        for secret in self.secrets:
            begins = is_spelled or secret[:MIN_SECRET_LENGTH] in text
            if begins and len(secret) > MIN_SECRET_LENGTH:
                text = _without_parts(text, secret)
            if len(secret) > LONG_PART and secret[-LONG_PART:] in text:
                text = _without_ends(text, secret)
        return text

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for bytes, of which those that aren't UTF-8 stay as they are."""
        text = data.decode("utf-8", "surrogateescape")
        return self.mask(text).encode("utf-8", "surrogateescape")

    def json(self, value: Any) -> Any:
        """A decoded JSON value with every text in it cleaned. Raises `RecursionError` as decoding does."""
        return with_texts(value, self)


def secrets_of(fields: Iterable[tuple[str, object]]) -> list[str]:
    """The secrets in headers or in a query, by their names: each part of such a value that is long enough for one. What stands
    before it, such as `Bearer`, isn't one, and of several parts nor is a mere word.
    """
    found: list[str] = []
    for name, value in fields:
        if not _is_of_secret(name):
            continue
        parts = [part.split()[-1] for part in re.split("[;,]", str(value)) if part.strip()]
        for part in parts:
            named = re.fullmatch(NAMED_PART, part)
            secret = (named[1] if named else part).strip('"')
            if len(secret) >= MIN_SECRET_LENGTH and not (
                len(parts) > 1 and re.fullmatch("[a-z-]+", secret)
            ):
                found.append(secret)
    return found


@lru_cache(maxsize=256)
def _is_of_secret(name: str) -> bool:
    return re.search(SECRET_NAMES, name) is not None


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A decoded JSON value with `change` made to each string in it, names included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [with_texts(item, change) for item in cast("list[Any]", value)]
    if is_object(value):
        return {with_texts(name, change): with_texts(item, change) for name, item in value.items()}
    return value


def well_formed(text: str) -> str:
    """`text` with U+FFFD for halves of surrogate pairs, which a header's odd bytes become and no UTF-8 can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(text: str | bytes) -> str:
    """`text` without control characters, escape sequences and halves of pairs; nothing is masked."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not text.isprintable():
        text = re.sub(_BREAK, " ", re.sub(_ESCAPE, "", text))
        text = re.sub(_SURROGATE, "\ufffd", re.sub(_CONTROL, "", text))
    return text


def _without_parts(text: str, secret: str) -> str:
    shown: list[str] = []
    done = at = 0
    beginning = _spelled(secret[:MIN_SECRET_LENGTH])
    while begun := beginning.search(text, at):
        end, length = begun.end(), MIN_SECRET_LENGTH
        for character in secret[MIN_SECRET_LENGTH:]:
            if (more := _spelled(character).match(text, end)) is None:
                break
            end, length = more.end(), length + 1
        end = len(text) if CUT_SPELLING.match(text, end) else end
        at = begun.start() + 1
        if end == len(text) or length >= LONG_PART:
            shown += (text[done : begun.start()], MASK)
            done = at = end
    return "".join([*shown, text[done:]])


def _without_ends(text: str, secret: str) -> str:
    before, end = secret[:-LONG_PART], secret[-LONG_PART:]
    *shown, rest = text.split(end)
    for at, part in enumerate(shown):
        length = 0  # of what stands there of the secret before its end
        for mine, its in zip(reversed(before), reversed(part), strict=False):
            if mine != its:
                break
            length += 1
        shown[at] = part[: len(part) - length]
    return MASK.join([*shown, rest])


@lru_cache(maxsize=512)
def _spelled(text: str) -> re.Pattern[str]:
    return re.compile("".join(map(_spelling, text)))


@lru_cache(maxsize=8)
def _spellings(secrets: tuple[str, ...]) -> re.Pattern[str]:
    # The mask first, so that what is masked already stays as it is. Then the longest first: one may begin as
    # another does.
    patterns = (_pattern(secret) for secret in sorted(secrets, key=len, reverse=True))
    return re.compile("|".join((re.escape(MASK), *patterns)))


def _pattern(secret: str) -> str:
    pattern = "".join(map(_spelling, secret))
    return pattern if len(secret) >= MIN_SECRET_LENGTH else rf"(?<![\w-]){pattern}(?![\w-])"


def _spelling(character: str) -> str:
    """A pattern for one character of a secret, which is printable ASCII.

    Python escapes either quote, and JSON within JSON doubles the backslashes; none may be left over, since it would escape the mask.
    """
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{ord(character):02x}")
    plain = re.escape(character)
    escaped = rf"\\{{1,8}}{plain}|" if character in "\"'\\/" else ""
    entity = ""
    if not (character.isalnum() or character in "-_"):
        named = f"{ENTITIES[character]}|" if character in ENTITIES else ""
        entity = rf"{AMPERSAND}(?:{named}#0{{0,6}}{ord(character)}|#[xX]0{{0,6}}{digits});|"
    return rf"(?:{escaped}{entity}{plain}|\\{{1,8}}u00{digits}|%{digits})"
