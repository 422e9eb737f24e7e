"""Which version of the conventions is followed, and by what it is chosen."""

from __future__ import annotations

from typing import Final, Literal, get_args

from horay_async.errors import ConfigurationError

Version = Literal["latest", "1.41.1"]

LATEST: Final[Version] = "latest"
"""The text of github.com/open-telemetry/semantic-conventions-genai at commit 88eccb155ca7."""

OLD: Final[Version] = "1.41.1"
"""The last version that was published with the general conventions."""

OLD_SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.1"
"""That of `OLD`; the commit that `LATEST` is names no published schema."""


def version_of(asked: Version | None) -> Version:
    """The version asked for, `latest` where none is. Raises `ConfigurationError` for one that isn't known."""
    if asked is None:
        return LATEST
    if asked not in get_args(Version):
        raise ConfigurationError(f"conventions must be {LATEST!r} or {OLD!r}; got {asked!r}")
    return asked
