"""Where the examples send their requests: the Horay API, or a small model on this machine.

Your own code needs none of this: `AsyncHoray()` and `Horay()` read the environment by themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from horay_async.local import LocalServer, LocalServerError


class Target(NamedTuple):
    """A client's `api_key` and `base_url`; None leaves each to the environment."""

    api_key: str | None = None
    base_url: str | None = None


@contextmanager
def connect() -> Generator[Target]:
    """The API where `HORAY_API_KEY` is set; else a local server, as long as the block runs."""
    if os.environ.get("HORAY_API_KEY"):
        yield Target()
        return
    try:
        with LocalServer() as server:
            print(
                "HORAY_API_KEY is not set: a small model on this machine responds, and makes things up"
                f" ({server.model}).\n"
            )
            yield Target(server.api_key, server.base_url)
    except LocalServerError as error:  # such as no weights and no network: one plain sentence
        sys.exit(str(error))
