"""The shared options: spread over commands, named as the API's parameters, sent as such."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from horay_async import ChatParams, ClientParams, CompletionParams
from horay_async.cli.app import app as whole
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.options import Sampling, ServerOptions, expand_groups
from horay_async.cli.session import client_params
from horay_async.testing import FaultServer

from .conftest import Horay


@dataclass
class Pair:
    """Two options."""

    left: Annotated[int, typer.Option()] = 1
    right: Annotated[int, typer.Option()] = 2


def test_groups_are_spread_and_gathered() -> None:
    """A command that takes a group has its options, and gets the group as one."""
    got: list[Any] = []
    app = typer.Typer()

    @app.command()
    @expand_groups
    def command(word: Annotated[str, typer.Argument()], *, pair: Pair) -> None:
        got.append((word, pair))

    result = CliRunner().invoke(app, ["hello", "--right", "5"])
    assert result.exit_code == 0, result.output
    assert got == [("hello", Pair(left=1, right=5))]


@pytest.mark.parametrize("params", [ChatParams, CompletionParams])
def test_sampling_is_named_as_the_api_does(params: type) -> None:
    """Each sampling option is a parameter of both operations; `extra` alone is the command's own."""
    assert {field.name for field in fields(Sampling)} - {"extra"} <= get_type_hints(params).keys()


def test_unset_options_are_not_sent(horay: Horay, fault_server: FaultServer) -> None:
    """What isn't given is left to the server."""
    horay("complete", "Hi")
    assert fault_server.requests[0].json().keys() == {"model", "prompt"}


def test_set_options_are_sent(horay: Horay, fault_server: FaultServer) -> None:
    """What is given arrives under its name, further fields included."""
    horay(
        *("complete", "Hi", "-m", "m", "-n", "5", "-t", "0", "--top-p", "0.5", "--top-k", "4"),
        *("--repetition-penalty", "1.1", "--presence-penalty", "-1", "--frequency-penalty", "1"),
        *("--stop", "a", "--stop", "b", "--seed", "7", "--extra", '{"min_p": 0.1}'),
    )
    assert fault_server.requests[0].json() == {
        "model": "m",
        "prompt": "Hi",
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 4,
        "repetition_penalty": 1.1,
        "presence_penalty": -1.0,
        "frequency_penalty": 1.0,
        "stop": ["a", "b"],
        "seed": 7,
        "min_p": 0.1,
    }


def test_server_options_become_client_options() -> None:
    """The settings of the client are those that were given; the environment's proxy counts."""
    assert client_params(ServerOptions(base_url="https://a.test")) == ClientParams(
        base_url="https://a.test", trust_env=True, allow_insecure_http=False
    )
    given = ServerOptions(
        local=True, proxy="http://p.test:1", timeout=2.5, retries=0, allow_insecure_http=True
    )
    assert client_params(given) == ClientParams(
        base_url=None,
        trust_env=False,
        allow_insecure_http=True,
        proxy="http://p.test:1",
        timeout=2.5,
        max_retries=0,
    )


def test_words_of_a_literal_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell is offered the words that the client knows."""
    monkeypatch.setenv("_HORAY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "horay models --type ")
    monkeypatch.setenv("COMP_CWORD", "3")
    result = CliRunner().invoke(whole, [], prog_name="horay")
    assert result.stdout.split() == ["text", "image", "audio", "video"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-t", "nan"],
        ["--top-p", "inf"],
        ["--extra", '{"a": NaN}'],
        ["--extra", '{"a": 1e999}'],
        ["--extra", '{"a": "\\ud800"}'],
        ["--extra", '{"a": ' + "[" * 100_000],
    ],
)
def test_what_json_cannot_hold(
    arguments: list[str], horay: Horay, fault_server: FaultServer
) -> None:
    """Numbers and texts that can't be sent are a wrong command line, not a fault of the program."""
    result = horay("complete", "Hi", *arguments)
    assert result.exit_code == ExitCode.USAGE
    assert "unexpected" not in result.stderr
    assert not fault_server.requests
