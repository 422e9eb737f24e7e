"""`horay complete`: text from an argument or a pipe, the response as text or JSON, as it comes or whole."""

from __future__ import annotations

import json

import pytest

from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import Cut, FaultServer, Hang

from .conftest import Horay

PROMPT = "The capital of Germany is"


@pytest.mark.parametrize(
    ("argument", "piped"),
    [
        (PROMPT, ""),
        ("-", PROMPT),
        ("-", f"{PROMPT}\n"),
        ("-", f"{PROMPT}\r\n"),
        (None, f"{PROMPT}\n"),
    ],
)
def test_prompt(argument: str | None, piped: str, horay: Horay, fault_server: FaultServer) -> None:
    """The prompt comes from the argument or from standard input, which loses its last line end."""
    fault_server.reply(" Berlin")
    result = horay("complete", *([argument] if argument else []), input=piped)
    assert (result.exit_code, result.stdout, result.stderr) == (ExitCode.DONE, " Berlin\n", "")
    assert fault_server.requests[0].json()["prompt"] == PROMPT


def test_only_one_line_end_is_dropped(horay: Horay, fault_server: FaultServer) -> None:
    """Empty lines at the end are meant."""
    horay("complete", "-", input=b"a\n\n")
    assert fault_server.requests[0].json()["prompt"] == "a\n"


@pytest.mark.parametrize("piped", [b"", b" \n", b"\xff"])
def test_unusable_input(piped: bytes, horay: Horay, fault_server: FaultServer) -> None:
    """No text, or bytes that aren't text: nothing is asked, and so nothing paid for."""
    result = horay("complete", "-", input=piped)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("horay: ")
    assert not fault_server.requests


def test_json(horay: Horay, fault_server: FaultServer) -> None:
    """`--json` prints what the server sent, fields that the client doesn't know included."""
    result = horay("complete", PROMPT, "--json")
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert told["choices"][0]["text"] == "Hello from the test server."
    assert told["object"] == "text_completion"
    assert "stream" not in fault_server.requests[0].json()


def test_streamed(horay: Horay, fault_server: FaultServer) -> None:
    """`--stream` asks for a stream, and prints its text."""
    fault_server.stream([" Ber", "lin"])
    assert horay("complete", PROMPT, "--stream").stdout == " Berlin\n"
    assert fault_server.requests[0].json()["stream"] is True


def test_streamed_json(horay: Horay, fault_server: FaultServer) -> None:
    """Both together print one chunk a line."""
    fault_server.stream([" Ber", "lin"])
    lines = horay("complete", PROMPT, "--stream", "--json").stdout.splitlines()
    chunks = [json.loads(line) for line in lines]
    assert [chunk["choices"][0]["text"] for chunk in chunks] == [" Ber", "lin", ""]


def test_line_end_of_the_response(horay: Horay, fault_server: FaultServer) -> None:
    """A streamed response that ends its line gets no second line end."""
    fault_server.stream(["a\n"])
    assert horay("complete", PROMPT, "--stream").stdout == "a\n"


def test_choices(horay: Horay, fault_server: FaultServer) -> None:
    """Several choices are parted by a line."""
    fault_server.reply("x")
    assert horay("complete", PROMPT, "--choices", "3").stdout == "x\n---\nx\n---\nx\n"
    assert fault_server.requests[0].json()["n"] == 3


@pytest.mark.parametrize("several", [["--choices", "2"], ["--extra", '{"n": 2}']])
def test_streamed_choices(several: list[str], horay: Horay, fault_server: FaultServer) -> None:
    """A stream of text shows the first choice, and says so. As JSON all of them come, and without a stream."""
    for _ in range(3):
        fault_server.reply("x")
    streamed = horay("complete", PROMPT, "--stream", *several)
    assert streamed.stdout == "x\n"
    assert "the first choice" in streamed.stderr
    lines = horay("complete", PROMPT, "--stream", *several, "--json").stdout.splitlines()
    assert {json.loads(line)["choices"][0]["index"] for line in lines} == {0, 1}
    whole = horay("complete", PROMPT, *several)
    assert (whole.stdout, whole.stderr) == ("x\n---\nx\n", "")


def test_cut_stream(horay: Horay, fault_server: FaultServer) -> None:
    """A stream that is cut has its own status; what had come is there."""
    fault_server.stream([" Ber", "lin"], Cut(-20), finish_reason=None)
    result = horay("complete", PROMPT, "--stream")
    assert (result.exit_code, result.stdout) == (ExitCode.BROKEN, " Berlin\n")
    assert result.stderr.startswith("horay: the stream")


def test_deadline(horay: Horay, fault_server: FaultServer) -> None:
    """`--timeout` is a deadline for the call."""
    fault_server.reply("x", Hang())
    result = horay("complete", PROMPT, "--timeout", "0.05")
    assert result.exit_code == ExitCode.UNREACHED
    assert "0.05 s" in result.stderr
