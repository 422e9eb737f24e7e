"""What Ctrl-C does in the `horay` command, whose `KeyboardInterrupt` ends in one of these functions.

The call that was under way is cancelled before: by `horay_async._bridge`, in `BlockingCall.cancel_on_interrupt`.
"""

from __future__ import annotations

import typer

from horay_async.cli.errors import print_error
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.output import note


def report_stopped(sentence: str = "stopped") -> typer.Exit:
    """Reports it as an error, and returns what ends the command with `ExitCode.INTERRUPTED`."""
    print_error(sentence)
    return typer.Exit(ExitCode.INTERRUPTED)


def drop_line(hint: str) -> None:
    """In a conversation: drops the line that is being typed, and says how to leave."""
    print()
    note(f"({hint})")


def note_stopped() -> None:
    """In a conversation: notes that the response ends here."""
    note("(stopped)")
