"""`horay batch`: sends a file of requests and saves the results, in as many runs as it takes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import typer

import horay_async
from horay_async.cli.errors import in_options, print_error, report_error
from horay_async.cli.exit_codes import ExitCode, exit_code_of
from horay_async.cli.inputs import DASH, END_OF_INPUT
from horay_async.cli.interrupts import ended_after, report_stopped
from horay_async.cli.options import ServerOptions, above_0, expand_groups, option, path_argument
from horay_async.cli.output import note, warnings_noted, write_json
from horay_async.cli.session import open_client

TOTALS: Final = (
    *("total", "skipped", "skipped_failed", "done", "failed", "invalid", "refused"),
    *("unfinished_line", "unreadable", "prompt_tokens", "completion_tokens", "seconds"),
)
"""The totals that `--json` prints, by their names in the client."""


def _concurrency(given: str) -> int | str:
    if given == "auto":
        return given
    if not (given.isdecimal() and int(given) > 0):
        raise typer.BadParameter('it must be "auto" or a whole number above 0')
    return int(given)


def _check_apart(results: Path) -> None:
    """Raises where a standard stream goes to the file of results, as with `2>OUT`: it would overwrite them."""
    for descriptor, name in ((1, "standard output"), (2, "standard error")):
        with suppress(OSError):  # a closed stream, or no such file
            if os.path.samestat(os.fstat(descriptor), results.stat()) and results.is_file():
                raise typer.BadParameter(
                    f"{results} is where {name} goes: give the results a file of their own",
                    param_hint="OUT",
                )


@dataclass(kw_only=True)
class SendingOptions:
    """How the requests are sent: the fields are named as the parameters of `run_file`."""

    concurrency: Any = option(
        "Most requests at once; auto finds what the server can take.",
        default="auto",
        metavar="N",
        parser=_concurrency,
    )
    rpm: float | None = option("Most requests a minute.", callback=above_0)
    tpm: float | None = option("Most tokens a minute.", callback=above_0)
    retry_failed: bool = option(
        "Send again what failed in earlier runs.", "--retry-failed", default=False
    )
    fail_fast: bool = option(
        "Send no more after the first failure; what is under way is waited for.",
        "--fail-fast",
        default=False,
    )


@expand_groups
def batch(
    requests: Path = path_argument(
        "IN", "The requests, one JSON object a line; - is standard input."
    ),
    results: Path = path_argument(
        "OUT",
        "Where the results go; a request that has a line there isn't sent again, unless it failed and "
        "--retry-failed is given.",
    ),
    *,
    sending: SendingOptions,
    as_json: bool = option("Print the totals as JSON.", "--json", default=False),
    server: ServerOptions,
) -> None:
    """Send a file of requests and write the results to another file.

    Both have the form of OpenAI's batch files and of their output. A run that was stopped, however it
    was, goes on where it was when the same command is given again. Ctrl-C, SIGTERM and SIGHUP stop the sending, and
    what is under way is waited for; a second one leaves that, and the next start sends it again.

    A line of IN: {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model":
    "...", "messages": [{"role": "user", "content": "Hi"}]}}

    In a pipe: cat requests.jsonl | horay batch - results.jsonl
    """
    if results == DASH:
        # What is done is read from there at the next start.
        raise typer.BadParameter("it must be a file, not -", param_hint="OUT")
    _check_apart(results)
    from horay_async.batch.errors import BatchFileError  # noqa: PLC0415 - loads all of batches
    from horay_async.cli.progress import show_progress  # noqa: PLC0415 - loads rich

    progress = horay_async.BatchProgress()
    typed = requests == DASH and sys.stdin.isatty()
    if typed:
        note(f"type or paste the requests, one a line; {END_OF_INPUT} ends them")
    with open_client(server, waits_told=False) as client:  # of hundreds of requests at once
        try:
            with (
                show_progress(progress, bar=not typed),
                warnings_noted(),
                ended_after(partial(_stop_sending, progress)),
            ):
                client.batch.run_file(
                    sys.stdin.fileno() if requests == DASH else requests,
                    results,
                    progress=progress,
                    **vars(sending),
                )
        except KeyboardInterrupt:
            _note_error(progress)
            where = (
                f"with {progress!s}" if progress.total is not None else "while it read its files"
            )
            raise report_stopped(f"stopped {where}; the same command goes on from there") from None
        except BatchFileError as error:
            print_error(*str(error).split("\n"))
            raise typer.Exit(ExitCode.FAILED) from error
        except horay_async.HorayError as error:
            if not sending.fail_fast or exit_code_of(error) is not ExitCode.FAILED:
                raise
            report_error(error)
            raise typer.Exit(ExitCode.PARTLY) from error
    note(f"{progress!s}, in {timedelta(seconds=round(progress.seconds))}")
    if as_json:
        write_json({name: getattr(progress, name) for name in TOTALS})
    _note_error(progress)
    failed = progress.failed + progress.skipped_failed
    if failed:
        again = "" if sending.retry_failed else "; --retry-failed sends it again"
        if progress.invalid:
            again = (
                "; correct the lines of those that can't be sent, then --retry-failed sends them"
            )
        note(
            f"{results} says what failed: look for a status_code other than 200, or an error that isn't null{again}"
        )
    if failed or progress.unfinished_line:
        raise typer.Exit(ExitCode.PARTLY)


def _stop_sending(progress: horay_async.BatchProgress) -> bool:
    """Has the batch send no more, and notes what is waited for. Returns whether one is going on."""
    if not progress.stop_sending():
        return False
    if count := progress.in_flight:
        waited = "the request" if count == 1 else f"the {count:,} requests"
        note(
            f"waiting for {waited} under way; Ctrl-C again leaves {'it' if count == 1 else 'them'}"
        )
    return True


def _note_error(progress: horay_async.BatchProgress) -> None:
    """Notes what the most requests have failed with."""
    if progress.main_error:
        count = progress.main_error_count
        which = "the error"
        if count < progress.failed:
            of = f"{count:,} of {progress.failed:,}"
            which = f"the most frequent error ({of})" if count > 1 else "the first error"
        note(f"{which}: {in_options(progress.main_error)}")
