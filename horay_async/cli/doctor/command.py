"""`horay doctor`: the command, and how its findings are shown."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import asdict, dataclass, replace
from typing import Final

import typer

from horay_async.cli.doctor.findings import Finding, State
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.options import ChatModel, ServerOptions, expand_groups, option
from horay_async.cli.output import for_stdout, spinner, write_json
from horay_async.cli.session import open_client, open_server
from horay_async.cli.terminal import columns, styled

SHOWN: Final[dict[State, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "unknown": ("?", "dim"),
    "warning": ("warning", "yellow"),
    "fault": ("FAULT", "red"),
}
"""Text and colour of each state."""

INDENT: Final = 9 + 12
"""Columns before the finding's text: the state and the check's name."""


@dataclass(kw_only=True)
class DoctorOptions:
    """What is looked at, and how it is shown."""

    model: ChatModel = None
    token: bool = option(
        "Have the model write one token, which costs next to nothing.", default=True
    )
    live: bool = option(
        "Call each of the five operations once and report how the responses differ from the "
        "API's description. It costs two tokens and an image; it asks first.",
        "--live",
        default=False,
    )
    yes: bool = option("With --live: don't ask.", "--yes", default=False)
    as_json: bool = option("Print the report of this command as JSON.", "--json", default=False)


@expand_groups
def doctor(*, asked: DoctorOptions, server: ServerOptions) -> None:
    """Find out why requests fail, and what to do.

    Looks at the key, the address, the proxy, DNS, TLS, the clock, the account and the model.
    """
    if asked.live:
        _report_live(server, asked)
        return
    from horay_async.cli.doctor.checks import run_checks  # noqa: PLC0415 - loads http and ssl

    findings: list[Finding] = []
    with open_server(server) as reached:
        checks = run_checks(reached, reached.model_or_default(asked.model) if asked.token else None)
        while True:
            with spinner("looking"):
                finding = next(checks, None)
            if finding is None:
                break
            findings.append(finding)
            if not asked.as_json:
                print(_lines(finding), flush=True)
    faults = list(dict.fromkeys(found.name for found in findings if found.state == "fault"))
    if asked.as_json:
        write_json({"healthy": not faults, "findings": [asdict(finding) for finding in findings]})
    else:
        warned = any(found.state == "warning" for found in findings)
        well = "Nothing is wrong, but for the warnings." if warned else "All is well."
        print(f"\nWhat is wrong: {', '.join(faults)}." if faults else f"\n{well}")
    if faults:
        raise typer.Exit(ExitCode.PARTLY)


def _report_live(server: ServerOptions, asked: DoctorOptions) -> None:
    from horay_async.cli.doctor import live  # noqa: PLC0415 - seldom wanted

    model = server.model_or_default(asked.model)
    # One attempt each, since the note of the costs counts one.
    once = replace(server, timeout=server.timeout or live.DEADLINE, retries=0)
    with open_client(once) as client:
        live.confirm(model, client.options.base_url, agreed=asked.yes or server.local)
        report = live.run_live(client, model)
    if asked.as_json:
        write_json(report)
    else:
        print(for_stdout(live.describe_report(report)))
    if any(operation["error"] for operation in report["operations"]):
        raise typer.Exit(ExitCode.PARTLY)


def _lines(finding: Finding) -> str:
    """A finding as it is shown, wrapped to the terminal."""
    word, colour = SHOWN[finding.state]
    head = f"{word:<9}{finding.name:<12}"
    wrapper = textwrap.TextWrapper(
        max(40, min(100, columns())) if sys.stdout.isatty() else 10_000,
        initial_indent=" " * INDENT,
        subsequent_indent=" " * INDENT,
        break_on_hyphens=False,  # within the name of an option
    )
    texts = [finding.found, *([f"→ {finding.todo}"] if finding.todo else [])]
    wrapped = "\n".join(wrapper.fill(for_stdout(text)) for text in texts)
    return styled(head, colour, sys.stdout) + wrapped[INDENT:]
