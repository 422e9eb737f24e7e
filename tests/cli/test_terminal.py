"""The command on a real terminal: streaming, colours, Ctrl-C, pictures."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import FaultServer, Gate, Hang, respond, sse

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

from .process import Terminal

Open = Callable[..., Terminal]
"""Starts the command on a terminal, with the test's server for it."""


@pytest.fixture
def open_terminal(fault_server: FaultServer) -> Iterator[Open]:
    settings = {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}
    with ExitStack() as stack:

        def opened(
            *arguments: str, environment: Mapping[str, str] | None = None, columns: int = 60
        ) -> Terminal:
            environment = {**settings, **(environment or {})}
            terminal = Terminal(*arguments, environment=environment, columns=columns)
            return stack.enter_context(terminal)

        yield opened


def settled(terminal: Terminal) -> str:
    """What is left to be seen, when lines that were taken back are gone."""
    return re.sub("[^\n]*\r\x1b\\[K", "", terminal.output)


def test_streams(open_terminal: Open, fault_server: FaultServer) -> None:
    """On a terminal a response is shown as it comes, and told when it is at its limit."""
    gate = Gate()
    fault_server.stream(["One", gate, " two"], finish_reason="length")
    terminal = open_terminal("complete", "Count")
    terminal.until("One")
    assert not gate.is_open
    gate.open()
    terminal.until(" two\n")
    terminal.until("(at the limit of tokens")
    assert terminal.end() == ExitCode.BROKEN


def test_conversation(open_terminal: Open, fault_server: FaultServer) -> None:
    """Ctrl-C stops the response and its generation, arrow up brings lines back, Ctrl-D leaves."""
    gate = Gate()
    fault_server.stream(["One", " two", gate, " three"])
    fault_server.reply("Fine.")
    terminal = open_terminal("chat")
    terminal.until("> ")
    terminal.type("Count\r")
    terminal.until("One two")
    terminal.type("\x03")
    terminal.until("(stopped)")
    fault_server.wait_for_close(1)
    gate.open()
    terminal.until("> ")
    terminal.type("/help\r")
    terminal.until("as the JSON of\n         `messages`.")
    terminal.until("> ")
    terminal.type("\x1b[A\x1b[A slowly\r")  # arrow up, past the order
    terminal.until("Fine.\n")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.end() == ExitCode.DONE
    said = [message["content"] for message in fault_server.requests[1].json()["messages"]]
    assert said == ["Count", "One two", "Count slowly"]


def test_typing_while_a_response_is_drawn(open_terminal: Open, fault_server: FaultServer) -> None:
    """It isn't shown among the lines that are drawn over, and is the next line of the conversation."""
    gate = Gate()
    fault_server.stream(["One", gate, " two"])
    fault_server.reply("Fine.")
    terminal = open_terminal("chat")
    terminal.until("> ")
    terminal.type("Count\r")
    terminal.until("One")
    assert not terminal.echoes()
    terminal.type("Go on\r")
    gate.open()
    assert "Go on" not in terminal.until("One two\n")
    terminal.until("Fine.\n")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.end() == ExitCode.DONE
    said = [message["content"] for message in fault_server.requests[1].json()["messages"]]
    assert said == ["Count", "One two", "Go on"]
    assert terminal.echoes()


def test_interrupt_restores_the_echo(open_terminal: Open, fault_server: FaultServer) -> None:
    """Ctrl-C leaves the terminal as it was."""
    gate = Gate()
    fault_server.stream(["One", gate, " two"])
    terminal = open_terminal("chat", "Count")
    terminal.until("One")
    assert not terminal.echoes()
    terminal.type("\x03")
    assert terminal.end() == ExitCode.INTERRUPTED
    assert terminal.echoes()
    gate.open()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
@pytest.mark.parametrize("command", ["chat", "batch"])
def test_signal_leaves_the_cursor(
    open_terminal: Open, fault_server: FaultServer, tmp_path: Path, command: str, name: str
) -> None:
    """Whatever is being drawn: the terminal is as it was, its echo too, and the process has ended by the signal."""
    gate = Gate()
    fault_server.stream(["One", gate, " two"])
    requests = tmp_path / "in.jsonl"
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    requests.write_text(json.dumps(line) + "\n")
    if command == "chat":
        terminal = open_terminal("chat", "Count")
        terminal.until("One")
    else:
        fault_server.always(respond([gate, b"x"]))
        terminal = open_terminal("batch", str(requests), str(tmp_path / "out.jsonl"))
        terminal.until("\x1b[?25l")
    number = getattr(signal, name)
    terminal.signal(number)
    if command == "batch" and name != "SIGQUIT":
        gate.open()  # what is under way is waited for
    assert terminal.end() == -number
    assert terminal.echoes()
    assert terminal.output.rfind("\x1b[?25h") > terminal.output.rfind("\x1b[?25l")
    assert terminal.output.rfind("\x1b[?7h") > terminal.output.rfind("\x1b[?7l")
    gate.open()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signal_ends_a_batch_as_in_a_pipe(
    open_terminal: Open, fault_server: FaultServer, tmp_path: Path, name: str
) -> None:
    """With a bar, too: what has come is written and told, and what isn't finished goes on at the next start."""
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    body = {"model": "m", "prompt": "p"}
    requests.write_text(
        "".join(
            json.dumps(
                {"custom_id": each, "method": "POST", "url": "/v1/completions", "body": body}
            )
            + "\n"
            for each in "ab"
        )
    )
    fault_server.reply("x")
    fault_server.reply("never", Hang())
    terminal = open_terminal("batch", str(requests), str(results))
    terminal.until("1/2")
    number = getattr(signal, name)
    terminal.signal(number)
    terminal.until("waiting for the request under way")
    terminal.signal(signal.SIGTERM)
    assert terminal.end() == -signal.SIGTERM
    assert "stopped with 1 of 2 finished, 0 failed" in terminal.output.replace("\n", " ")
    assert len(results.read_text().splitlines()) == 1
    assert terminal.echoes()
    assert terminal.output.rfind("\x1b[?25h") > terminal.output.rfind("\x1b[?25l")


def test_reasoning_is_dim(open_terminal: Open, fault_server: FaultServer) -> None:
    """The reasoning is shown before the response, set apart from it."""
    thought = sse({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]})
    fault_server.stream([thought, "Yes"])
    terminal = open_terminal("chat", "Really?")
    terminal.until("\x1b[2mHm.\x1b[0m\n")
    terminal.until("Yes\n")
    assert terminal.end() == ExitCode.DONE


def test_no_colour(open_terminal: Open, fault_server: FaultServer) -> None:
    """With NO_COLOR there is no escape sequence but those that move the cursor."""
    terminal = open_terminal("doctor", "--no-token", environment={"NO_COLOR": "1"})
    assert terminal.end() == ExitCode.DONE
    assert "\x1b" not in settled(terminal)


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_nothing_is_wider_than_the_terminal(columns: int, open_terminal: Open) -> None:
    """Reports, help and complaints are wrapped to the terminal's width, and nothing is left out."""
    for arguments, status in (
        (["doctor"], ExitCode.DONE),
        (["models"], ExitCode.DONE),
        (["user"], ExitCode.DONE),
        (["--help"], ExitCode.DONE),
        (["chat", "--help"], ExitCode.DONE),
        (["image", "an island", "--seeed", "7"], ExitCode.USAGE),
    ):
        terminal = open_terminal(*arguments, environment={"NO_COLOR": "1"}, columns=columns)
        assert terminal.end() == status
        assert max(map(len, settled(terminal).splitlines())) <= columns
        assert "..." not in settled(terminal).replace("[ARGS]...", "")


def test_json_is_indented_and_harmless(open_terminal: Open, fault_server: FaultServer) -> None:
    """For eyes, JSON is indented; for no eyes are the control characters in it."""
    fault_server.reply("a\x9bb")
    terminal = open_terminal("complete", "x", "--json")
    terminal.until('\n      "text": "ab",\n')
    assert terminal.end() == ExitCode.DONE


def test_picture(
    open_terminal: Open, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture is shown below its name, and its seed after it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("pictures"))
    terminal = open_terminal("image", "x", environment={"KITTY_WINDOW_ID": "1"})
    terminal.until("x.png\n\x1b_Ga=T,f=100,c=59,m=0;")
    terminal.until("seed 7")
    assert terminal.end() == ExitCode.DONE


def test_no_text(open_terminal: Open) -> None:
    """Without a text and without a pipe nobody waits for what nobody knows to type."""
    terminal = open_terminal("complete")
    terminal.until("horay: there is no text: give it as an argument")
    assert terminal.end() == ExitCode.USAGE
