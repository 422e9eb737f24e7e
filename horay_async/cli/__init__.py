"""The `horay` command. It loads little before it has parsed its arguments, so that commands start fast.

Each command is a module of its name, each exit status is in `exit_codes`, and what Ctrl-C does in `interrupts`.
"""

import sys

from horay_async._extras import missing_extra

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process, and leaves with an exit status of `exit_codes`."""
    if missing := missing_extra("horay: the command", "cli", "typer", "rich", "platformdirs"):
        sys.exit(missing)
    try:
        from horay_async.cli.app import run  # noqa: PLC0415 - needs typer

        sys.exit(run())
    except KeyboardInterrupt:  # Ctrl-C before there was anything to stop: `ExitCode.INTERRUPTED`
        sys.exit(130)
