"""Which version of the conventions is followed, and by what it is chosen."""

from __future__ import annotations

from typing import Final, Literal

Version = Literal["latest", "1.41.1"]

LATEST: Final[Version] = "latest"
"""The text of github.com/open-telemetry/semantic-conventions-genai at commit 88eccb155ca7."""

OLD: Final[Version] = "1.41.1"
"""The last version that was published with the general conventions."""

OLD_SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.1"
"""The schema of `OLD`; the commit of `LATEST` names no published schema."""
