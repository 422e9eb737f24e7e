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

# Which names of these modules are for users is said by `__all__`, once. Type checkers and editors see the generated stub:
# ruff: noqa: F822
# pyright: reportUnsupportedDunderAll=false

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "Chaos",
    "ChaosKind",
    "CloseUnderNext",
    "Coding",
    "ConnectFault",
    "Connection",
    "Cut",
    "Dealt",
    "Delay",
    "Ending",
    "ErrorShape",
    "Executed",
    "Fault",
    "FaultServer",
    "Fin",
    "Gate",
    "Handler",
    "Hang",
    "Headers",
    "MarkExecuted",
    "MessageOptions",
    "Pause",
    "Piece",
    "Recorder",
    "Repeat",
    "Reply",
    "Request",
    "Reset",
    "RetryForm",
    "Scripted",
    "ScriptedResponse",
    "Send",
    "Split",
    "Stall",
    "Step",
    "TLSKind",
    "Then",
    "cassette_options",
    "chat",
    "completion",
    "decompression_bomb",
    "embeddings",
    "error",
    "error_event",
    "image",
    "json_response",
    "models",
    "picture",
    "pings",
    "rate_limits",
    "raw",
    "redirect",
    "respond",
    "sse",
    "stream",
    "user",
]

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
"""Where the names live. They are loaded late: pytest loads this package, for its plugin, in every run."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            home = import_module(f"horay_async.testing.{module}")
            if name in home.__all__:
                return globals().setdefault(name, getattr(home, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
