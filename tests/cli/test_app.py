"""The command line as a whole: help, version, usage errors, and what becomes of failures."""

from __future__ import annotations

import re
import sys
from typing import Any, get_args

import pytest

import horay_async
from horay_async.cli import app, listings, main
from horay_async.cli.errors import in_options
from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import Cut, FaultServer, Scripted, error, respond

from .conftest import Horay, bare_horay

COMMANDS = ["chat", "complete", "batch", "models", "user", "image", "serve", "doctor"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(arguments: list[str]) -> None:
    """Without a command, or asked for it, the commands and exit statuses are listed."""
    result = bare_horay(*arguments)
    assert result.exit_code == ExitCode.DONE
    for command in COMMANDS:
        assert f"\n  {command} " in result.stdout
    for status in ExitCode:
        assert f" {status.value} {status.meaning}" in " ".join(result.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(command: str) -> None:
    """Every command explains itself, and no help line of its options is missing."""
    result = bare_horay(command, "--help")
    assert result.exit_code == ExitCode.DONE
    options = result.stdout.partition("Options:\n")[2].splitlines()
    assert all(len(line) > 32 for line in options if line.strip().startswith("-"))


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_without_braces(command: str) -> None:
    """Braces would mean a choice."""
    usage = bare_horay(command, "--help").stdout.partition("\n")[0]
    assert f" {command} [OPTIONS]" in usage
    assert "{" not in usage


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("models", horay_async.ModelType),
        ("models", horay_async.ModelSubType),
        ("image", horay_async.ImageSize),
    ],
)
def test_help_lists_the_words_of_an_option(command: str, allowed: Any) -> None:
    """All that it takes, in their order."""
    shown = "".join(bare_horay(command, "--help").stdout.split())
    assert f"neof{','.join(get_args(allowed))}." in shown


def test_version() -> None:
    """`--version` names the distribution and its version."""
    assert bare_horay("--version").stdout == f"horay-async {horay_async.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["bogus"], "No such command 'bogus'", "horay --help"),
        (["chta"], "Did you mean 'chat'?", "horay --help"),
        (["models", "--bogus"], "No such option: --bogus", "horay models --help"),
        (["models", "more"], "argument(s) (more)", "horay models --help"),
        (["chat", "hi", "--model"], "requires an argument", "horay chat --help"),
        (
            ["batch", "in", "out", "--model", "m"],
            "names the model in its body",
            "horay batch --help",
        ),
        (["batch", "in", "out", "-m", "m"], "names the model in its body", "horay batch --help"),
        (["chat", "hi", "there"], "put a text with spaces in quotes", "horay chat --help"),
        (["image", "a", "cat"], "put a text with spaces in quotes", "horay image --help"),
        (["models", "--type", "smell"], "one of text, image, audio, video", "horay models --help"),
        (["complete", "--extra", "[1]"], "must be a JSON object", "horay complete --help"),
        (["complete", "--extra", "{"], "must be a JSON object", "horay complete --help"),
    ],
)
def test_usage_errors(
    arguments: list[str], words: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong command line is answered with one sentence, and nothing is sent."""
    assert app.run(arguments) == ExitCode.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(rf"horay: .*{re.escape(words)}.*; see {hint}\n", told.err)


def test_main_leaves_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point leaves with the exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["horay", "models"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == ExitCode.USAGE


def test_main_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before there is anything to stop is no traceback either."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run", interrupted)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without typer or rich a sentence says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit, match=r"pip install 'horay-async\[cli\]'"):
        main()


@pytest.mark.parametrize(
    ("response", "status", "words"),
    [
        (error(400, "bad field"), ExitCode.FAILED, "bad field"),
        (error(401, "wrong key"), ExitCode.REFUSED, "wrong key"),
        (error(402, "no funds"), ExitCode.REFUSED, "no funds"),
        (error(403, "not you"), ExitCode.REFUSED, "not you"),
        (error(404, "no model"), ExitCode.FAILED, "no model"),
        (error(429, "slow\ndown"), ExitCode.BUSY, "slow down"),
        (error(503, "full"), ExitCode.BUSY, "full"),
        (error(500, "ill", shape="empty"), ExitCode.BUSY, "500"),
        (respond("{"), ExitCode.BROKEN, "isn't valid JSON"),
        (respond().with_faults(Cut(0)), ExitCode.UNREACHED, "closed the connection"),
        (error(404, "red \x1b[31mletters"), ExitCode.FAILED, "red letters"),
    ],
)
def test_failures(
    response: Scripted, status: ExitCode, words: str, horay: Horay, fault_server: FaultServer
) -> None:
    """Each failure is one sentence on standard error, with no traceback, and has its exit status."""
    fault_server.always(response)
    result = horay("models", "--retries", "0")
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith("horay: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (
            error(404, "no Model of that name"),
            "of that name; `horay models` lists those there are\n",
        ),
        (error(402, "no funds"), "no funds; `horay user` shows the balance\n"),
        (error(403, "insufficient balance"), "balance; `horay user` shows the balance\n"),
    ],
)
def test_what_to_do_next(
    response: Scripted, hint: str, horay: Horay, fault_server: FaultServer
) -> None:
    """The command that knows more is named."""
    fault_server.always(response)
    assert horay("complete", "hi").stderr.endswith(hint)


@pytest.mark.parametrize(
    ("options", "source"),
    [([], "the key from HORAY_API_KEY"), (["--api-key", "bad"], "the key given by --api-key")],
)
@pytest.mark.parametrize("command", ["user", "doctor"])
def test_where_a_refused_key_is_from(
    command: str, options: list[str], source: str, horay: Horay, fault_server: FaultServer
) -> None:
    """As the command line has it, whatever the server says of `api_key`."""
    fault_server.always(error(401, "wrong", code="invalid_api_key"))
    assert f"wrong ({source})" in horay(command, *options).output


def test_server_that_echoes_the_key(horay: Horay, fault_server: FaultServer) -> None:
    """Not even the server's words show the key."""
    fault_server.always(error(401, f"unknown key {fault_server.api_key}"))
    assert fault_server.api_key not in horay("models").stderr


def test_no_key(fault_server: FaultServer) -> None:
    """Without a key the sentence says how to go on; nothing is sent."""
    result = bare_horay("models", "--base-url", fault_server.base_url)
    assert result.exit_code == ExitCode.USAGE
    assert "set HORAY_API_KEY, or try --local" in result.stderr
    assert not fault_server.requests


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (["--base-url", "api.horay.ai"], "--base-url must be an http:// or https:// URL"),
        (["--base-url", "localhost:8000/v1"], "got 'localhost:8000/v1', which lacks the scheme"),
        (["--base-url", "http://api.horay.ai/v1"], "or pass --allow-insecure-http"),
        (["--proxy", "p:1"], "--proxy must be a URL"),
        (["--retries", "-1"], "--retries must be"),
        (["--timeout", "0"], "'--timeout': it must be a number above 0"),
    ],
)
def test_settings_are_named_as_options(setting: list[str], words: str) -> None:
    """The client's complaints speak of options, not of Python parameters."""
    result = bare_horay("models", "--api-key", "any", *setting)
    assert result.exit_code == ExitCode.USAGE
    assert words in result.stderr


def test_words_of_the_server_stay() -> None:
    """They are none of the client's, whatever they name; and so are paths."""
    assert in_options("no api_key; see /base_url", quoted="{'message': 'no api_key'}") == (
        "no api_key; see /base_url"
    )


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            "HORAY_BASE_URL",
            "api.horay.ai",
            "horay: HORAY_BASE_URL must be an http:// or https:// URL",
        ),
        (
            "HORAY_BASE_URL",
            "https://a:b@api.horay.ai",
            "horay: HORAY_BASE_URL can't hold a user name",
        ),
        ("HORAY_API_KEY", "two words", "horay: the API key in HORAY_API_KEY holds a line break"),
    ],
)
def test_settings_of_the_environment_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    """An option that nobody gave isn't what is wrong."""
    monkeypatch.setenv("HORAY_API_KEY", "any")
    monkeypatch.setenv(variable, value)
    result = bare_horay("models")
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith(words)


def test_interrupt(horay: Horay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command with the status that shells give it."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listings, "open_client", interrupted)
    result = horay("models")
    assert (result.exit_code, result.stderr) == (ExitCode.INTERRUPTED, "horay: stopped\n")


def test_unforeseen_error(horay: Horay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is a sentence as well."""

    def broken(_: object) -> None:
        raise TypeError("oh")

    monkeypatch.setattr(listings, "open_client", broken)
    result = horay("models")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == "horay: unexpected TypeError, please report it: oh\n"


@pytest.mark.parametrize(("option", "kind"), [("--timeout", "number"), ("--max-tokens", "integer")])
def test_no_number(option: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text in the place of a number is told in a short sentence."""
    assert app.run(["chat", "Hi", option, "abc"]) == ExitCode.USAGE
    assert f"it must be a valid {kind}; see horay chat --help" in capsys.readouterr().err


def test_page_of_another_server(horay: Horay, fault_server: FaultServer) -> None:
    """Where a web page comes, the command that looks into it is named."""
    page = "<html><title>Not here</title></html>"
    fault_server.add(respond(page, status=404, content_type="text/html"))
    result = horay("models")
    assert "an HTML page, 'Not here'" in result.stderr
    assert "`horay doctor` finds out whether the API is there" in result.stderr
