"""The command line as a whole: its commands, and how failures become a sentence and an exit status."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

import horay_async
from horay_async.cli import batch, chat, complete, image, listings, serving
from horay_async.cli.doctor import doctor
from horay_async.cli.errors import print_error, report_error
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.interrupts import ended_as_interrupted, report_stopped
from horay_async.cli.output import note, replace_missing
from horay_async.cli.terminal import columns

WIDEST_HELP: Final = 100
"""Columns of help at most: longer lines are hard to read."""

KEEPS_ALL: Final = "PYTHONIOENCODING=utf-8"
"""The setting of Python with which every character is written, in any locale."""

UsageError: Final = cast("type[Exception]", typer.BadParameter.__base__)
"""The command line's own complaints. Typer shows the class under no name of its own, and where it comes
from changes with typer's version."""


_NO_NUMBER: Final = re.compile(r"Input should be (a valid \w+), unable to parse .*")
"""The message of newer typers for a text in the place of a number."""


class Context(typer.Context):
    """The context of a command. Its help fits narrow terminals: names take two fifths of the width at most."""

    def make_formatter(self) -> Any:
        formatter: Any = super().make_formatter()
        formatter.width = min(columns(), WIDEST_HELP) - 1
        formatter.write_dl = partial(formatter.write_dl, col_max=min(30, formatter.width * 2 // 5))
        write_usage = formatter.write_usage

        def without_braces(program: str, arguments: str = "", *prefix: Any) -> None:
            # Newer typers put required arguments into braces, which elsewhere stand around a choice.
            write_usage(program, arguments.replace("{", "").replace("}", ""), *prefix)

        formatter.write_usage = without_braces
        return formatter

    @contextmanager
    def scope(self, *arguments: Any, **options: Any) -> Generator[Any]:
        with super().scope(*arguments, **options) as context:
            try:
                yield context
            except UsageError as error:
                # The one for an option without its value names no command.
                usage = cast("Any", error)
                usage.ctx = usage.ctx or context
                raise


class Commands(TyperGroup):
    """The group of commands; what one raises ends here."""

    context_class: type[Any] = Context

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name == "serve":
            command = serving.load_command(command)
        if command is not None:
            command.context_class = Context
        return name, command, rest

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status.value), status.meaning) for status in ExitCode])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UsageError, typer.Exit):
            raise
        except KeyboardInterrupt:
            raise report_stopped() from None
        except Exception as error:
            raise typer.Exit(report_error(error)) from error


def _version(wanted: bool) -> None:
    if wanted:
        print(f"horay-async {horay_async.__version__}")
        raise typer.Exit


app: Final = typer.Typer(
    cls=Commands,
    # Rich takes longer to lay out the help than all of this command takes to start.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Talk to the models of the Horay API, or to a local one."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


# In the list of commands, what is longer would be cut on a narrow terminal.
for _command, _in_short in (
    (chat.chat, "Talk with a model."),
    (complete.complete, "Continue a text."),
    (batch.batch, "Send the requests of a file."),
    (listings.models, "List the models."),
    (listings.user, "Show the account and what is left on it."),
    (image.image, "Draw a picture and save it."),
    (serving.serve, "Serve the API on this machine."),
    (doctor, "Find out why requests fail, and what to do."),
):
    app.command(short_help=_in_short)(_command)


def _open_closed_streams() -> None:
    """Puts streams in the place of those that were closed by the caller, as `>&-` does.

    What is read from the one or written to the other fails as it does on a closed descriptor. Errors go nowhere.
    """
    for name, mode, flags in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            stand_in = open(os.open(os.devnull, flags), mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, stand_in)


@ended_as_interrupted()
def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line, `sys.argv` unless others are given, and gives the exit status."""
    _open_closed_streams()
    cast("Any", sys.stderr).reconfigure(errors="replace")
    replaced, encoding = replace_missing(sys.stdout), sys.stdout.encoding
    try:
        status = app(arguments, prog_name="horay", standalone_mode=False)
    except UsageError as error:
        usage = cast("Any", error)
        path = usage.ctx.command_path if usage.ctx else "horay"
        problem = _NO_NUMBER.sub(r"it must be \1", usage.format_message().rstrip("."))
        # A shell makes several arguments of a text without quotes.
        if "unexpected extra argument" in problem and any(
            each.name in ("message", "prompt") for each in usage.ctx.command.params
        ):
            problem = f"{problem}: put a text with spaces in quotes"
        if path == "horay batch" and getattr(usage, "option_name", "") in ("--model", "-m"):
            problem = (
                f"No such option: {usage.option_name}: each line of IN names the model in its body"
            )
        print_error(f"{problem}; see {path} --help")
        status = ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a sentence
        status = report_error(error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            status = status or report_error(error)
            # Python would try once more when it ends, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if replaced():
        note(f'(characters that {encoding} lacks are written as "?"; {KEEPS_ALL} keeps them)')
    return status if isinstance(status, int) else ExitCode.DONE
