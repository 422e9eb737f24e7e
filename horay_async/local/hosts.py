"""Which names in a request's `Host` header are this server's own. Pure.

An IP address can't be rebound to another machine, and `localhost` (with the names below it, RFC
6761) is this machine's by definition. Any other name may belong to somebody else.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import Final

# Written in the documentation, so known to everybody: with this key, the names are all that keeps web pages away.
DEFAULT_API_KEY: Final = "local"


def name_of(header: str) -> str:
    """The host in a `Host` header, in lower case, without its port, brackets and final dot."""
    name, bracket, _ = header.strip().lower().removeprefix("[").partition("]")
    if not bracket:
        name = name.partition(":")[0]
    return name.removesuffix(".")


def is_own(name: str, listening: str) -> bool:
    """Whether a server that listens on the host `listening` may respond to `name`."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name != "" and name == listening.lower()
