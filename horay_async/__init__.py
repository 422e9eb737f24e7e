"""The Python client for the Horay API: async first, with a blocking client.

    from horay_async import AsyncHoray

    async with AsyncHoray() as client:
        response = await client.completions.create(model="...", prompt="The capital of Germany is")
        print(response.choices[0].text)

`Horay` is the same client for code that doesn't await. Importing this package loads next to nothing: each
name brings its module when it is first used, and aiohttp comes with the first client.

Most programs need `Horay` or `AsyncHoray`, and of the rest `Timeouts`, `RetryPolicy` and `Limits` for a client's options, `BatchRequest` for
batches, `tool` for functions that a model calls, and the errors, all below `HorayError`. `help(Horay)` goes on from here, and the guide is in
`examples/guide` of the repository.

Its layers, from the lowest up. A module imports from lower layers and from its own, for types too. The
leaves are imported by no other layer; only the command line loads `local`, when it starts a local server.

    _argument_errors, _first_use, _type_hints, _user_code
    _class_docs
    _class_attributes, _descriptors, _extras, _files, _generated_names, _http_date, _json, _record, _version
    _suggestions
    _attempt
    errors
    _checks
    _keys
    _limits, _retry_policy, _timeouts
    models
    _observers
    _observer_defaults
    options
    _generated_parameters
    _signatures
    _hooks, _protocol
    _transport
    streaming
    parsing, tools
    resources
    batch
    client
    _bridge
    sync
    __init__
    cli
    integrations, local, testing (leaves)
"""

# Each module lists in `__all__` what it has for users. The generated table of these names tells where each one comes from when it
# is asked for; type checkers and editors see the generated stub.

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from horay_async._version import __version__ as __version__


def __getattr__(name: str) -> Any:
    from horay_async._generated_names import HOMES  # noqa: PLC0415 - whoever asks for no name needs none

    if name == "__all__":
        return list(HOMES)
    if name in HOMES:
        home = import_module(f"horay_async.{HOMES[name]}")
        return globals().setdefault(name, getattr(home, name))
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from horay_async._suggestions import EXPORTS, no_export  # noqa: PLC0415 - needed for a mistake alone

    raise no_export(__name__, name, EXPORTS, sys._getframe(1))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nothing else tells who asks


def __dir__() -> list[str]:
    names: list[str] = __getattr__("__all__")
    return names
