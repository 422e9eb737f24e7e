"""`horay serve`: the local server's own command line, as one of these commands."""

from __future__ import annotations

from functools import wraps
from typing import Any

import typer

from horay_async.cli.exit_codes import CommandError


def serve() -> None:
    """Serve the Horay API on this machine, on a real model."""


def load_command(stub: Any) -> Any:
    """The command that `stub` stands for. It is loaded only here: it brings a web server along."""
    from horay_async.local import LocalServerError  # noqa: PLC0415 - see above
    from horay_async.local.__main__ import serve as real  # noqa: PLC0415 - see above

    @wraps(real)
    def run(*args: Any, **options: Any) -> None:
        try:
            real(*args, **options)
        except LocalServerError as error:
            raise CommandError(str(error)) from error

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(stub.name, context_settings=stub.context_settings)(run)
    return typer.main.get_command(app)
