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

import sys
from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Loads a name's module late: pytest loads this package, for its plugin, in every run. Type checkers and editors see the generated
    stub.
    """
    from horay_async.testing._generated_names import HOMES  # noqa: PLC0415 - see above

    if name == "__all__":
        return list(HOMES)
    if name in HOMES:
        home = import_module(f"{__name__}.{HOMES[name]}")
        return globals().setdefault(name, getattr(home, name))
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from horay_async._suggestions import TESTING_EXPORTS, no_export  # noqa: PLC0415 - needed for a mistake alone

    raise no_export(__name__, name, TESTING_EXPORTS, sys._getframe(1))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nothing else tells who asks


def __dir__() -> list[str]:
    names: list[str] = __getattr__("__all__")
    return names
