"""API keys: strings that don't show themselves, and functions that provide them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, NoReturn, TypeAlias, cast

from horay_async._checks import check_key
from horay_async.errors import ConfigurationError

MIN_SECRET_LENGTH = 8
"""Characters: the least that NIST SP 800-63B (revision 3, section 5.1.1.2) allows a password. What is shorter can be guessed, and is
no secret, but a placeholder such as `local`."""

ProvidedKey: TypeAlias = str | tuple[str, float]
"""A key; or a key and the seconds that it is good for."""

KeyFunction: TypeAlias = Callable[[], ProvidedKey | Awaitable[ProvidedKey]]
"""What provides keys: a plain function, or a coroutine function."""

MAX_SEEN = 16
"""Keys of one function that are masked in all that a client shows, the newest. In the errors of a request its own is, too."""


copied_keys: deque[str] = deque(maxlen=MAX_SEEN)
"""Keys of requests that were copied, the newest last: a recorder copies what it records. It masks them in responses."""


class Secret(str):
    """A string that shows itself masked in every `repr()`, and so in tracebacks and logs."""

    __slots__ = ()

    source: ClassVar[str] = "the key given as api_key"
    """Where it comes from, for the server's error where it is refused."""

    def __repr__(self) -> str:
        return f"'{self.masked}'"

    @property
    def masked(self) -> str:
        """The last four characters at most, behind an ellipsis."""
        return f"…{self[-4:]}" if len(self) >= 12 else "…"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an API key is neither copied nor pickled: client.with_options() makes a copy of a client, and each "
            "process can read the key from HORAY_API_KEY"
        )


class EnvironmentSecret(Secret):
    """One from the environment."""

    __slots__ = ()

    source = "the key from HORAY_API_KEY"


class ProvidedKeys:
    """The keys that a function provides, as far as they were seen."""

    __slots__ = ("function", "seen")

    source: ClassVar[str] = "the key that the function api_key returned"
    """See `Secret`."""

    def __init__(self, function: KeyFunction) -> None:
        self.function: KeyFunction = function
        self.seen: tuple[Secret, ...] = ()
        """Newest last."""

    @property
    def masked(self) -> str:
        """What is shown in the place of a key."""
        return "provided by a function"

    def __repr__(self) -> str:
        return f"<{self.masked}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a function for API keys isn't pickled with a client: pass it to each process"
        )

    def accept(self, provided: object) -> tuple[Secret, float]:
        """A key that the function returned, and the seconds it is good for: infinite where it doesn't say.

        Raises `ConfigurationError` for what can't be one, with a message without the key.
        """
        key, seconds = _split(provided)
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not isinstance(key, str) or not number or not seconds >= 0:
            told = isinstance(key, str) and number
            what = f"{seconds!r} seconds" if told else f"a value of type {type(provided).__name__}"
            raise ConfigurationError(
                "the function for the API key must return a string, or a string and the seconds that it is "
                f"good for, 0 or more; it returned {what}"
            )
        if not key:
            raise ConfigurationError("the function for the API key returned an empty string")
        secret = Secret(key)
        # Also what is refused below is masked.
        self.seen = (*(one for one in self.seen if one != secret), secret)[-MAX_SEEN:]
        check_key(key)
        return secret, float(seconds)


def _split(provided: object) -> tuple[object, Any]:
    """What stands for the key and for its seconds, neither of them checked."""
    if not isinstance(provided, tuple):
        return provided, math.inf
    pair = cast("tuple[object, ...]", provided)
    return (pair[0], pair[1]) if len(pair) == 2 else (pair, math.inf)


PARTS_OF_SECRET_NAMES = (
    "auth",
    "cookie",
    "credential",
    "key",
    "password",
    "secret",
    "signature",
    "token",
)
"""What the name of a header has in it whose value can be a secret."""

HARMLESS = frozenset({"idempotency-key"})
"""Names of headers with such a word whose values are none."""


def may_be_secret(name: str) -> bool:
    """Whether the value of a header or a part of a query is left out where these are shown. More are than those whose
    values are masked in every text.
    """
    name = name.lower()
    return name not in HARMLESS and any(word in name for word in PARTS_OF_SECRET_NAMES)
