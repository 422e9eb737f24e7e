"""Where a response goes, and what becomes of one that holds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, Mock

import pytest

from horay_async.cli import responses
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.output import write_file
from horay_async.testing import FaultServer, error, json_response, respond, sse

from .conftest import Horay


def test_into_a_file(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """`-o FILE` takes what would be printed, whole or streamed, as text or JSON."""
    file = tmp_path / "x"
    fault_server.reply("Grüße")
    assert horay("chat", "Hi", "-o", str(file)).stdout == ""
    assert file.read_text(encoding="utf-8") == "Grüße\n"
    fault_server.stream(["a", "b"])
    horay("complete", "Hi", "--stream", "-o", str(file))
    assert file.read_text(encoding="utf-8") == "ab\n"
    horay("chat", "Hi", "--json", "-o", str(file))
    assert json.loads(file.read_text(encoding="utf-8"))["choices"]


def test_standard_output(horay: Horay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o -` is standard output, and no file of that name."""
    monkeypatch.chdir(tmp_path)
    assert horay("chat", "Hi", "-o", "-").stdout == "Hello from the test server.\n"
    assert not list(tmp_path.iterdir())


def test_failure_leaves_the_file(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """A failed request costs nothing that was there; an unwritable file costs no request."""
    file = tmp_path / "x"
    file.write_text("old")
    fault_server.add(error(400, "no"))
    assert horay("chat", "Hi", "-o", str(file)).exit_code == ExitCode.FAILED
    assert file.read_text() == "old"
    for bad in (tmp_path, tmp_path / "no" / "x"):
        assert horay("chat", "Hi", "-o", str(bad)).exit_code == ExitCode.FAILED
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--stream"], ["--stream", "--json"]])
@pytest.mark.parametrize("reason", ["content_filter", "length"])
def test_cut_response_goes_beside_the_file(
    reason: str,
    form: list[str],
    old: str | None,
    horay: Horay,
    fault_server: FaultServer,
    tmp_path: Path,
) -> None:
    """What ends with an exit status other than 0 is no content of FILE, whether there was one or not."""
    file = tmp_path / "x.txt"
    if old is not None:
        file.write_text(old)
    if "--stream" in form:
        fault_server.stream(["half"], finish_reason=reason)
    else:
        message = {"role": "assistant", "content": "half"}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        fault_server.add(json_response({"choices": [choice]}))
    result = horay("chat", "Hi", "-o", str(file), *form)
    assert result.exit_code == ExitCode.BROKEN
    partial = tmp_path / "x-partial.txt"
    assert f"what had come is in {partial}" in result.stderr
    assert "half" in partial.read_text()
    assert (file.read_text() if file.exists() else None) == old


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ([(1, "stop"), (0, "content_filter")], ExitCode.BROKEN),
        ([(1, "content_filter"), (0, "stop")], ExitCode.DONE),
        ([(1, "stop"), (0, "stop"), (0, "content_filter")], ExitCode.BROKEN),
        ([(1, "stop"), (0, "content_filter"), (0, "stop")], ExitCode.BROKEN),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_how_the_printed_choice_ended(
    horay: Horay,
    fault_server: FaultServer,
    form: list[str],
    reasons: list[tuple[int, str]],
    status: ExitCode,
) -> None:
    """The first choice alone is printed as text, and its end counts: the first reason, or the first by which it isn't whole."""
    texts = [{"index": index, "text": "x"} for index in (0, 1)]
    ends = [{"index": index, "text": "", "finish_reason": reason} for index, reason in reasons]
    chunks = [sse({"choices": [choice]}) for choice in (*texts, *ends)]
    fault_server.add(respond([*chunks, sse("[DONE]")], content_type="text/event-stream"))
    result = horay("complete", "Hi", "--stream", "--choices", "2", *form)
    broken = any(reason == "content_filter" for _, reason in reasons)
    assert result.exit_code == (status if not form else ExitCode.BROKEN if broken else status)


def test_limit_that_was_asked_for(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """With -n a response of that length is what was asked for, and replaces FILE."""
    (tmp_path / "x").write_text("old")
    fault_server.stream(["whole"], finish_reason="length")
    result = horay("chat", "Hi", "--stream", "-n", "1", "-o", str(tmp_path / "x"))
    assert result.exit_code == ExitCode.DONE
    assert (tmp_path / "x").read_text() == "whole\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_cut_stream_is_kept(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """What had come of a stream that fails is beside the file, which isn't made."""
    fault_server.stream(["half"], done=False, finish_reason=None)
    result = horay("chat", "Hi", "--stream", "-o", str(tmp_path / "x"))
    assert result.exit_code == ExitCode.BROKEN
    assert f"what had come is in {tmp_path / 'x-partial'}" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["x-partial"]
    assert (tmp_path / "x-partial").read_text() == "half\n"


WHOLE: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"content": "Paid for."}, "finish_reason": "stop"}]
}
UNUSABLE: dict[str, tuple[Any, list[str]]] = {
    "not streamed": (json_response(WHOLE), ["--stream"]),
    "streamed unasked": (
        respond(
            b'data: {"choices": [{"delta": {"content": "Paid for."}}]}\n\n',
            content_type="text/event-stream",
        ),
        [],
    ),
    "no JSON": (respond(json.dumps({**WHOLE, "created": float("nan")}).encode()), []),
    "an error of its choice": (
        json_response({"choices": [{**WHOLE["choices"][0], "finish_reason": "error"}]}),
        [],
    ),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("response", "options"), UNUSABLE.values(), ids=UNUSABLE)
def test_response_of_an_error_is_written(
    horay: Horay,
    fault_server: FaultServer,
    tmp_path: Path,
    response: Any,
    options: list[str],
    as_json: bool,
) -> None:
    """It is paid for, and the error says why it can't be relied on."""
    fault_server.always(response)
    file = tmp_path / "x"
    form = [*options, *(["--json"] if as_json else [])]
    told = horay("chat", "Hi", *form)
    assert told.exit_code != 0
    assert "Paid for." in told.stdout
    assert horay("chat", "Hi", *form, "-o", str(file)).exit_code != 0
    assert "Paid for." in (tmp_path / "x-partial").read_text(encoding="utf-8")
    assert not file.exists()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_response_of_an_error_that_holds_nothing(
    horay: Horay, fault_server: FaultServer, form: list[str]
) -> None:
    """Nothing is written of it."""
    fault_server.always(json_response({"choices": [], "created": float("nan")}))
    told = horay("chat", "Hi", *form)
    assert told.exit_code != 0
    assert told.stdout == ""


@pytest.mark.parametrize("options", [["--stream"], []], ids=["asked for", "by default"])
def test_cut_stream_leaves_the_file(
    horay: Horay, fault_server: FaultServer, tmp_path: Path, options: list[str]
) -> None:
    """What had come is beside it, under a name that is told; nothing is there that was left half written."""
    file = tmp_path / "x.txt"
    file.write_text("old")
    for name in ("x-partial.txt", "x-partial-2.txt"):
        fault_server.stream(["half"], done=False, finish_reason=None)
        result = horay("chat", "Hi", *options, "-o", str(file))
        assert result.exit_code == ExitCode.BROKEN
        assert f"what had come is in {tmp_path / name}" in result.stderr
        assert (tmp_path / name).read_text() == "half\n"
    assert file.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("text", ["", "half"])
def test_name_is_taken_before_it_is_written(
    text: str,
    horay: Horay,
    fault_server: FaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that no other command gets the name that was free."""
    written = Mock(wraps=write_file)
    monkeypatch.setattr(responses, "write_file", written)

    def take(file: Path, text: str, **_: bool) -> Any:
        with pytest.raises(FileExistsError):
            file.touch(exist_ok=False)
        return DEFAULT

    written.side_effect = take
    if text:
        fault_server.stream([text], done=False, finish_reason=None)
    else:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        fault_server.add(json_response({"choices": [choice]}))
    horay("chat", "Hi", "--stream" if text else "--no-stream", "-o", str(tmp_path / "x"))
    (file,) = tmp_path.iterdir()
    assert (file.name, file.read_text()) == ("x-partial" if text else "x", f"{text}\n")


def test_no_file_is_left_of_what_cannot_be_written(
    horay: Horay, fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid for is printed, and the name that was taken for it is given back."""
    monkeypatch.setattr(responses, "write_file", Mock(side_effect=OSError(28, "No space")))
    fault_server.stream(["half"], done=False, finish_reason=None)
    result = horay("chat", "Hi", "--stream", "-o", str(tmp_path / "x"))
    assert result.stdout == "half\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--stream"]])
def test_empty_response_leaves_the_file(
    arguments: list[str], horay: Horay, fault_server: FaultServer, tmp_path: Path
) -> None:
    """Nothing replaces something."""
    (tmp_path / "x").write_text("old")
    fault_server.stream([]) if arguments else fault_server.reply("")
    result = horay("chat", "Hi", "-o", str(tmp_path / "x"), *arguments)
    assert result.exit_code == ExitCode.BROKEN
    assert (tmp_path / "x").read_text() == "old"


FORMS = [[], ["--json"], ["--stream"], ["--stream", "--json"]]


@pytest.mark.parametrize("arguments", FORMS)
@pytest.mark.parametrize("command", ["chat", "complete"])
@pytest.mark.parametrize(
    ("text", "reason", "limit", "status", "told"),
    [
        ("Berlin", "length", [], ExitCode.BROKEN, "(at the limit of tokens"),
        ("Berlin", "length", ["-n", "9"], ExitCode.DONE, "(at the limit of 9 tokens)"),
        (
            "Berlin",
            "length",
            ["--extra", '{"max_completion_tokens": 9}'],
            ExitCode.DONE,
            "(at the limit of 9 tokens)",
        ),
        ("Berlin", "content_filter", ["-n", "9"], ExitCode.BROKEN, "(cut by the content filter)"),
        ("Berlin", "abort", ["-n", "9"], ExitCode.BROKEN, "(broken off by the server)"),
        ("", "stop", ["-n", "9"], ExitCode.BROKEN, "(the response is empty)"),
        ("Berlin", "stop", [], ExitCode.DONE, ""),
    ],
)
def test_response_that_isnt_whole(
    arguments: list[str],
    command: str,
    text: str,
    reason: str,
    limit: list[str],
    status: ExitCode,
    told: str,
    horay: Horay,
    fault_server: FaultServer,
) -> None:
    """Is printed, told of on standard error, and has an exit status of its own, unless the limit was asked for."""
    if "--stream" in arguments:
        fault_server.stream([text] if text else [], finish_reason=reason)
    else:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "text": text, "finish_reason": reason}
        fault_server.add(json_response({"choices": [choice]}))
    result = horay(command, "Hi", *arguments, *limit)
    assert result.exit_code == status
    assert text in result.stdout
    if status == ExitCode.DONE and "--json" in arguments:
        told = ""  # the JSON has the reason
    assert result.stderr.startswith(told)
    assert bool(result.stderr) == bool(told)


@pytest.mark.parametrize("arguments", FORMS)
def test_no_choice(arguments: list[str], horay: Horay, fault_server: FaultServer) -> None:
    """A response without a choice is a failure, however it is printed."""
    if "--stream" in arguments:
        fault_server.stream([b'data: {"choices": []}\n\n'], finish_reason=None)
    else:
        fault_server.add(json_response({"choices": []}))
    result = horay("chat", "Hi", *arguments)
    assert result.exit_code == ExitCode.BROKEN
    assert result.stderr.startswith("horay: ")


def test_tool_calls_are_told_of(horay: Horay, fault_server: FaultServer) -> None:
    """A response that isn't text says how to see it."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    fault_server.add(json_response({"choices": [choice]}))
    assert "--json shows the calls" in horay("chat", "Hi").stderr


def test_json_in_ascii(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """Half a surrogate pair, which no encoding can spell, is U+FFFD in JSON: the rest isn't lost."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "a\ud83db"}}
    fault_server.add(respond(json.dumps({"choices": [choice]})))
    result = horay("chat", "Hi", "--json", "-o", str(tmp_path / "x"))
    assert result.exit_code == ExitCode.DONE
    told = json.loads((tmp_path / "x").read_text(encoding="utf-8"))
    assert told["choices"][0]["message"]["content"] == "a\ufffdb"
