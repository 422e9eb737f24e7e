"""`python -m horay_async.local`: the local server from a shell, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

from horay_async._extras import missing_extra

if _missing := missing_extra("The local server's command", "local", "typer"):
    sys.exit(_missing)

import typer

from .errors import LocalServerError
from .server import LocalServer

_HOW_TO_USE = """\
Horay-compatible server on {server.model}, listening at
  {server.base_url}

Point a client at it from another terminal:
  export HORAY_BASE_URL={server.base_url} HORAY_API_KEY={server.api_key}

or try it without one:
  curl -N {server.base_url}/completions -H 'Authorization: Bearer {server.api_key}' \\
    -d '{{"model": "local", "prompt": "The capital of Germany is", "stream": true}}'

Images are computed by rule; there is no diffusion model here. Ctrl-C stops the server."""


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.gguf",
            help="Model to load; else HORAY_LOCAL_MODEL, else SmolLM2-135M-Instruct, fetched once.",
        ),
    ] = None,
    api_key: Annotated[str, typer.Option(help="Key that requests must carry.")] = "local",
    threads: Annotated[
        int | None,
        typer.Option(help="Cores for the model; else all but one of those there are, at most 4."),
    ] = None,
    context: Annotated[
        int, typer.Option(help="Tokens of one request, generated ones included.")
    ] = 2048,
    slots: Annotated[int, typer.Option(help="Requests generating at the same time.")] = 8,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show llama.cpp's own log.")] = False,
) -> None:
    """Serve the Horay API on this machine, on a real model."""
    # The command that runs this reports what is raised.
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            unstarted = LocalServer(
                model,
                host=host,
                port=port,
                api_key=api_key,
                threads=threads,
                context=context,
                slots=slots,
                verbose=verbose,
            )
        except LocalServerError as error:  # it begins with the name of what is wrong
            raise typer.BadParameter(f"--{str(error).replace('_', '-')}") from error
        with unstarted as server:
            print(_HOW_TO_USE.format(server=server), flush=True)
            # Windows delivers Ctrl-C only between waits, so none is without an end.
            while not threading.Event().wait(timeout=0.5 if sys.platform == "win32" else None):
                pass
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)


def main() -> None:
    """Run the command; a server that can't run ends it with one line."""
    try:
        typer.run(serve)
    except LocalServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
