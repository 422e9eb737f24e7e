"""`horay serve`: the local server's own command line, as one of these commands."""

from __future__ import annotations

from typing import Any

import typer


def serve() -> None:
    """Serve the Horay API on this machine, on a real model."""


def load_command(stub: Any) -> Any:
    """The command that `stub` stands for. It is loaded only here: it brings a web server along."""
    from horay_async.local.__main__ import serve as real  # noqa: PLC0415 - see above

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(stub.name, context_settings=stub.context_settings)(real)
    return typer.main.get_command(app)
