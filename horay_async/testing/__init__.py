"""A scripted Horay server for tests, which responds well or badly, on the real wire.

    from horay_async import AsyncHoray
    from horay_async.testing import Cut, FaultServer, error

    with FaultServer() as server:
        server.reply("Berlin")                               # one good response, in whatever form is asked for
        server.add(error(429, retry_after=2))                # then a rate limit
        server.stream(["Ber", "lin"], Cut(-20, by="rst"))    # then a stream that is reset before its end
        client = AsyncHoray(server.api_key, base_url=server.base_url)
        ...
        assert server.requests[0].json()["model"] == "..."

With pytest, the fixtures `horay_server`, `horay_client`, `blocking_horay_client` and `horay_env` are there
without an import.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = (
    "_server_connection",
    "responses",
    "canned",
    "cassettes",
    "chaos",
    "failures",
    "faults",
    "recorder",
    "records",
    "script",
    "server",
    "steps",
    "tls",
)
"""Where the names live: those in a module's `__all__` are for users. They are loaded late: pytest loads this package, for its
plugin, in every run. Type checkers and editors see the generated stub.
"""


def __getattr__(name: str) -> Any:
    homes = (import_module(f"{__name__}.{module}") for module in _MODULES)
    if name == "__all__":
        return sorted(public for home in homes for public in home.__all__)
    if not name.startswith("_"):
        for home in homes:
            if name in home.__all__:
                return globals().setdefault(name, getattr(home, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    names: list[str] = __getattr__("__all__")
    return names
