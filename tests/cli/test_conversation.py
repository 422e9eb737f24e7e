"""The conversation: what is remembered, what Ctrl-C and failures leave, and the orders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, Mock

import pytest

from horay_async import Horay
from horay_async.cli import conversation, responses
from horay_async.cli.conversation import Conversation
from horay_async.cli.inputs import Content
from horay_async.cli.output import write_file
from horay_async.testing import Cut, FaultServer, Gate, chat, error, sse

Typed = str | type[BaseException]
"""A line, or what typing is interrupted by."""

Talk = Callable[..., list[list[dict[str, str]]]]
"""Types lines, and gives the messages of each request that they led to."""


@pytest.fixture
def client(fault_server: FaultServer) -> Iterator[Horay]:
    """A client that doesn't try again."""
    with Horay(fault_server.api_key, base_url=fault_server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def talk(client: Horay, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """A conversation, with what is typed in place of a keyboard. Ctrl-D ends it."""

    def talk(
        *typed: Typed, system: str | None = None, attached: Content | None = None
    ) -> list[list[dict[str, str]]]:
        lines = iter((*typed, EOFError))

        def line(_: str) -> str:
            following = next(lines)
            if isinstance(following, str):
                return following
            raise following

        monkeypatch.setattr("builtins.input", line)
        Conversation(client, "m", system, {"max_tokens": 9}, attached=attached or Content()).run()
        return [request.json()["messages"] for request in fault_server.requests]

    return talk


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def test_remembers(
    talk: Talk, fault_server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each request carries what was said before; empty lines say nothing."""
    fault_server.reply("Ada.")
    fault_server.reply("You are welcome.")
    asked = talk("Who are you?", "  ", "Thanks")
    assert asked == [
        [user("Who are you?")],
        [user("Who are you?"), assistant("Ada."), user("Thanks")],
    ]
    assert capsys.readouterr().out == "Ada.\nYou are welcome.\n\n"
    assert fault_server.requests[0].json()["max_tokens"] == 9


def test_lines_go_on_after_a_backslash(talk: Talk) -> None:
    """A message of several lines."""
    assert talk("def f():\\", "    pass") == [[user("def f():\n    pass")]]


def test_failed_question_can_be_asked_again(
    talk: Talk, fault_server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure is told in a sentence; the talk goes on as if the question hadn't been asked."""
    fault_server.add(error(429, "slow down"))
    assert talk("Hi", "Hi") == [[user("Hi")], [user("Hi")]]
    assert "slow down" in capsys.readouterr().err


def interrupting(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C after so many events of the first response."""

    def interrupted(events: Any, said: list[str]) -> responses.Choice:
        said.extend(event.text for event in islice(events, after))
        raise KeyboardInterrupt

    each = iter((interrupted, responses.write_stream))

    def write_stream(events: Any, said: list[str], **_: bool) -> responses.Choice:
        return next(each)(events, said)

    monkeypatch.setattr(responses, "write_stream", write_stream)


def test_interrupted_response_is_kept(
    talk: Talk,
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C stops the response, not the program; what had come stays part of the talk."""
    gate = Gate()
    fault_server.stream(["One", " two", gate, " three"])
    interrupting(monkeypatch, after=2)
    asked = talk("Count", "Go on")
    assert asked[1] == [user("Count"), assistant("One two"), user("Go on")]
    assert "(stopped)" in capsys.readouterr().err
    fault_server.wait_for_close(1)
    gate.open()


@pytest.mark.parametrize("end", [{"done": False, "finish_reason": None}, {}], ids=["ends", "cut"])
def test_broken_response_is_kept(
    talk: Talk, fault_server: FaultServer, capsys: pytest.CaptureFixture[str], end: dict[str, Any]
) -> None:
    """As one that was stopped: what had come was shown, and paid for."""
    fault_server.stream(["One", " two", " three"], *([] if end else [Cut(-80)]), **end)
    asked = talk("Count", "Go on")
    assert asked[1] == [user("Count"), assistant("One two three"), user("Go on")]
    assert "is incomplete" in capsys.readouterr().err


def test_response_that_is_no_stream(
    talk: Talk, fault_server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a server sends that can't stream is shown, said to be odd, and remembered."""
    fault_server.add(chat("Berlin."))
    fault_server.reply("No.")
    asked = talk("The capital?", "Sure?")
    assert asked[1] == [user("The capital?"), assistant("Berlin."), user("Sure?")]
    shown = capsys.readouterr()
    assert "Berlin." in shown.out
    assert "isn't an event stream" in shown.err


def test_broken_response_of_nothing(talk: Talk, fault_server: FaultServer) -> None:
    """The question is forgotten, too, so that the same can be asked again."""
    fault_server.stream([""], done=False, finish_reason=None)
    assert talk("Hi", "Hi again") == [[user("Hi")], [user("Hi again")]]


def test_question_interrupted_before_its_response(
    talk: Talk, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing had come: the question is forgotten, too."""
    interrupting(monkeypatch, after=0)
    assert talk("Count", "Go on")[1] == [user("Go on")]


def test_interrupt_while_typing(talk: Talk, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C drops the line and tells how to leave."""
    assert talk(KeyboardInterrupt, "Hi") == [[user("Hi")]]
    assert "Ctrl-D or /exit leaves" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("word", ["exit", "quit", " Exit", "exit()", "QUIT"])
def test_word_that_leaves_elsewhere(
    talk: Talk, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """It is neither sent nor leaves, since what was said would be lost; how to leave is told."""
    assert talk("Hi", word, "How do I quit vi?")[1][2:] == [user("How do I quit vi?")]
    assert "(not sent: Ctrl-D or /exit leaves)" in capsys.readouterr().err


def test_other_word_for_exit(talk: Talk) -> None:
    """As some know it."""
    assert talk("/quit", "never") == []


def test_orders(talk: Talk, fault_server: FaultServer) -> None:
    """Model and system message change, the talk is forgotten, and /exit leaves."""
    asked = talk(
        "Hi", "/model other", "/system Be brief.", "/clear", "Ho", "/exit", "never", system="S"
    )
    assert asked == [
        [{"role": "system", "content": "S"}, user("Hi")],
        [{"role": "system", "content": "Be brief."}, user("Ho")],
    ]
    assert [request.json()["model"] for request in fault_server.requests] == ["m", "other"]


def test_no_system_message(talk: Talk) -> None:
    """/system without a text takes it away."""
    assert talk("/system", "Hi", system="S") == [[user("Hi")]]


def test_save(talk: Talk, fault_server: FaultServer, tmp_path: Path) -> None:
    """/save writes what can be sent as `messages`."""
    fault_server.reply("Grüße")
    file = tmp_path / "talk.json"
    talk("Hi", f"/save {file}", system="S")
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told == [{"role": "system", "content": "S"}, user("Hi"), assistant("Grüße")]


def test_save_takes_the_name_first(
    talk: Talk, fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no other command gets it meanwhile."""
    written = Mock(wraps=write_file)
    monkeypatch.setattr(conversation, "write_file", written)

    def take(file: Path, text: str) -> Any:
        with pytest.raises(FileExistsError):
            file.touch(exist_ok=False)
        return DEFAULT

    written.side_effect = take
    fault_server.reply("Ho")
    talk("Hi", f"/save {tmp_path / 'x'}")
    assert json.loads((tmp_path / "x").read_text()) == [user("Hi"), assistant("Ho")]


def test_save_replaces_nobody_elses_file(
    talk: Talk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was there stays until /save! is asked for; one that was written here is written again."""
    theirs, own = tmp_path / "thesis.txt", tmp_path / "talk.json"
    theirs.write_text("my thesis")
    talk("Hi", f"/save {theirs}", f"/save {own}", "Ho", f"/save {own}")
    told = " ".join(capsys.readouterr().err.split())
    assert f"thesis.txt is there already: take another name, or write /save! {theirs}" in told
    assert theirs.read_text() == "my thesis"
    assert len(json.loads(own.read_text())) == 4
    talk("Hi", f"/save! {theirs}")
    assert len(json.loads(theirs.read_text())) == 2


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("/save", "needs the name of a file"),
        ("/load", "needs the name of a file"),
        ("/load /no/such", "No such file or directory"),
        ("/save /no/such/folder/file", "No such file or directory"),
        ("/dance on", "there is no command /dance;"),
        ("/help", "/model   NAME: ask another model"),
        ("/model", "model: m"),
        ("/clear", "forgotten"),
    ],
)
def test_what_orders_say(
    order: str, words: str, talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Orders response on standard error, and lead to no request."""
    assert talk(order) == []
    assert words in capsys.readouterr().err


def test_limit_and_reasoning_off_a_terminal(
    talk: Talk, fault_server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reasoning is no part of the response, and not of the talk."""
    thought = sse({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]})
    fault_server.stream([thought, "Yes"], finish_reason="length")
    assert talk("Hi", "Ho")[1][1] == assistant("Yes")
    assert "Hm." not in capsys.readouterr().out


def test_load(talk: Talk, fault_server: FaultServer, tmp_path: Path) -> None:
    """/load goes on with what /save wrote, the system message included."""
    fault_server.reply("Ada.")
    file = tmp_path / "talk.json"
    asked = talk(
        "Who?", f"/save {file}", "/clear", "/system", f"/load {file}", "Thanks", system="S"
    )
    said = [{"role": "system", "content": "S"}, user("Who?"), assistant("Ada."), user("Thanks")]
    assert asked[1] == said


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"{}",
        b"[]",
        b"[1]",
        b'["role"]',
        b'[{"role": "user"}]',
        b'[{"role": 1, "content": ""}]',
        b'[{"role": [], "content": ""}]',
        b'[{"role": "tool", "content": ""}]',
        b'[{"role": "user", "content": "a"}, {}]',
        b'[{"role": "user", "content": "\\ud800"}]',
        b'[{"role": "user", "content": "a", "x": 1e400}]',
        b'[{"role": "user", "content": NaN}]',
        b"\xff",
        b"[" * 10**5,
    ],
)
def test_load_of_something_else(
    data: bytes, talk: Talk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that holds no conversation is a sentence, and the talk stays as it was."""
    file = tmp_path / "x"
    file.write_bytes(data)
    assert talk("Hi", f"/load {file}", "Ho")[1][0] == user("Hi")
    assert f"{file} " in capsys.readouterr().err


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="700 levels can be sent there")
def test_load_of_what_cannot_be_sent(
    talk: Talk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the client refuses is a sentence, too, and the talk goes on."""
    file = tmp_path / "x"
    nested = "[" * 700 + "]" * 700
    file.write_text(f'[{{"role": "user", "content": "Hi", "x": {nested}}}]')
    assert talk(f"/load {file}", "Hi", "/clear", "Ho") == [[user("Ho")]]
    assert "nested too deep" in (told := capsys.readouterr().err)
    assert "please report" not in told


@pytest.mark.parametrize("word", ["/load", "/save", "/save!"])
def test_home_of_nobody(talk: Talk, capsys: pytest.CaptureFixture[str], word: str) -> None:
    """A path below it is a sentence, and the talk goes on."""
    assert talk(f"{word} ~nobody-at-all/x.json", "Hi") == [[user("Hi")]]
    assert "no such user's home" in capsys.readouterr().err


def test_attached_files_go_with_the_first_message(talk: Talk, fault_server: FaultServer) -> None:
    """They are sent once, with the first message that is answered."""
    fault_server.add(error(429, "slow down"))
    asked = talk("One", "Two", "Three", attached=Content("file"))
    last = [messages[-1]["content"] for messages in asked]
    assert last == ["One\n\nfile", "Two\n\nfile", "Three"]
