"""The `horay` command. It loads little before it knows what it is asked for: commands start fast."""

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process, and leaves with an exit status of `statuses`."""
    if not (find_spec("typer") and find_spec("rich")):
        sys.exit("horay: the command needs typer and rich: pip install 'horay-async[cli]'")
    try:
        from horay_async.cli.app import run  # noqa: PLC0415 - needs typer

        sys.exit(run())
    except KeyboardInterrupt:  # before there was anything to stop
        sys.exit(130)
