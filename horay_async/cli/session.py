"""The client behind a command: of the API, or of a local server that lives as long as the command."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import horay_async
from horay_async.cli.errors import in_options
from horay_async.cli.exit_codes import WrongUsage
from horay_async.cli.options import ServerOptions, given
from horay_async.cli.output import clear_line, note, spinner

if TYPE_CHECKING:
    from horay_async.models.hooks import RetryEvent

MIN_WAIT: Final = 2.0
"""Seconds to the next attempt below which no note is written."""

NO_KEY: Final = "there is no API key: set HORAY_API_KEY, or try --local, which needs none"


@contextmanager
def open_client(server: ServerOptions, *, waits_told: bool = True) -> Generator[horay_async.Horay]:
    """A client for the options; with `waits_told` it notes long waits for the next attempt. Raises `WrongUsage` without a
    key, and `LocalServerError` where the local model can't be had.
    """
    with open_server(server) as reached:
        if not reached.api_key:
            raise WrongUsage(NO_KEY)
        with make_client(reached, _tell_wait if waits_told else None) as client:
            yield client


def make_client(
    server: ServerOptions, on_retry: Callable[[RetryEvent], None] | None = None
) -> horay_async.Horay:
    """A client for the options of a server that runs."""
    key = _unless_from("HORAY_API_KEY", server.api_key)
    return horay_async.Horay(key, **(client_params(server) | {"on_retry": on_retry}))


def _tell_wait(retry: RetryEvent) -> None:
    if retry.delay >= MIN_WAIT:
        told = in_options(retry.error.message, quoted=str(getattr(retry.error, "body", "")))
        clear_line()
        note(f"{told}; trying again in {retry.delay:.0f} s")


@contextmanager
def open_server(server: ServerOptions) -> Generator[ServerOptions]:
    """The options as they are, or with `local` those of a server that is started for the block. Raises `LocalServerError`."""
    if not server.local:
        yield server
        return
    if _unless_from("HORAY_BASE_URL", server.base_url) is not None:
        raise WrongUsage(
            "--local starts a server of its own: leave out either --local or --base-url"
        )
    from horay_async.local import LocalServer  # noqa: PLC0415 - loads a web server

    with ExitStack() as stack:
        with spinner("starting the local model"):
            local = stack.enter_context(LocalServer())
        yield replace(server, base_url=local.base_url, api_key=local.api_key, proxy=None)


def client_params(server: ServerOptions) -> horay_async.ClientParams:
    """The keyword arguments of a client."""
    return {
        "base_url": _unless_from("HORAY_BASE_URL", server.base_url),
        # A command is expected to go through the proxy that the environment names, as curl does.
        "trust_env": not server.local,
        "allow_insecure_http": server.allow_insecure_http,
        **cast(
            "horay_async.ClientParams",
            given(proxy=server.proxy, timeout=server.timeout, max_retries=server.retries),
        ),
    }


def _unless_from(variable: str, value: str | None) -> str | None:
    """None for what the environment says: the client reads that itself, and names the variable if it can't be used."""
    return None if value == os.environ.get(variable) else value
