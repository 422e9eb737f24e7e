"""`horay chat` from a script: one message, one response."""

from __future__ import annotations

import json

from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import FaultServer, json_response

from .conftest import Horay


def test_message(horay: Horay, fault_server: FaultServer) -> None:
    """A message is answered, and that's it."""
    fault_server.reply("Berlin.")
    result = horay("chat", "What is the capital of Germany?", "-n", "5", "-m", "m")
    assert (result.exit_code, result.stdout) == (ExitCode.DONE, "Berlin.\n")
    assert fault_server.requests[0].json() == {
        "model": "m",
        "messages": [{"role": "user", "content": "What is the capital of Germany?"}],
        "max_tokens": 5,
    }


def test_piped_message(horay: Horay, fault_server: FaultServer) -> None:
    """The message can come from a pipe; the system message goes before it."""
    horay("chat", "--system", "Be brief.", input="Hello\n")
    assert fault_server.requests[0].json()["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]


def test_json(horay: Horay) -> None:
    """`--json` prints what the server sent."""
    told = json.loads(horay("chat", "Hi", "--json").stdout)
    assert told["choices"][0]["message"]["content"] == "Hello from the test server."


def test_streamed(horay: Horay, fault_server: FaultServer) -> None:
    """`--stream` prints the text of a stream; reasoning isn't part of it."""
    delta = {"index": 0, "delta": {"reasoning_content": "Hm."}}
    fault_server.stream([f"data: {json.dumps({'choices': [delta]})}\n\n".encode(), "Hello ", "you"])
    assert horay("chat", "Hi", "--stream").stdout == "Hello you\n"


def test_stream_of_several_choices(horay: Horay, fault_server: FaultServer) -> None:
    """Of several choices in a stream the first is printed."""
    fault_server.stream(["Hello"])
    assert horay("chat", "Hi", "--stream", "--extra", '{"n": 2}').stdout == "Hello\n"


def test_refusal(horay: Horay, fault_server: FaultServer) -> None:
    """A refusal is the response where there is no other."""
    message = {"role": "assistant", "content": None, "refusal": "No."}
    fault_server.add(json_response({"choices": [{"index": 0, "message": message}]}))
    assert horay("chat", "Hi").stdout == "No.\n"
