"""The client's options on their way to the workers."""

from __future__ import annotations

from typing import Unpack

from horay_async._keys import KeyFunction
from horay_async.errors import ConfigurationError
from horay_async.options import ClientOptions, ClientParams

BOUND = ("session", "ssl_context", "telemetry")
"""Options that belong to a process."""


class SealedOptions:
    """A client's options, the key among them, that are pickled but never shown.

    Ray writes the arguments of a dataset's operations into its logs and its dashboard, by their `repr`.
    Without a key, each worker takes `HORAY_API_KEY` from its own environment; the URL is always the one
    that is known where this was made.
    """

    __slots__ = ("_key", "_options")

    def __init__(self, api_key: str | KeyFunction | None, **options: Unpack[ClientParams]) -> None:
        """Raises `ConfigurationError` for an option that can't work, here or on another machine."""
        for name in BOUND:
            if options.get(name) is not None:
                raise ConfigurationError(
                    f"{name} can't be sent to other machines: leave it out, and set up each of them "
                    "by its environment"
                )
        checked = ClientOptions.of(
            "each-worker-has-its-own" if api_key is None else api_key, **options
        )
        self._key = str(api_key) if isinstance(api_key, str) else api_key
        self._options: ClientParams = {**options, "base_url": checked.base_url}

    def open(self) -> ClientOptions:
        """The options, on a worker. Raises `ConfigurationError` where there is no key."""
        return ClientOptions.of(self._key, **self._options)

    def __repr__(self) -> str:
        return "<the client's options>"
