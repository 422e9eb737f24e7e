"""`horay models` and `horay user`."""

from __future__ import annotations

import json

import pytest

from horay_async.testing import FaultServer, json_response, respond, user

from .conftest import Horay


def test_models_in_a_pipe(horay: Horay) -> None:
    """The names alone, one a line, ready for `xargs`."""
    assert horay("models").stdout.splitlines() == [
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "black-forest-labs/FLUX.1-schnell",
    ]


def test_models_of_a_kind(horay: Horay, fault_server: FaultServer) -> None:
    """The kind goes into the query."""
    horay("models", "--type", "text", "--sub-type", "chat")
    assert fault_server.requests[0].query == {"type": "text", "sub_type": "chat"}


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("models", {"data": [{"id": "x", "new": [1]}], "more": True}),
        ("user", {"code": 20000, "status": True, "data": {"id": "x", "new": [1]}}),
    ],
)
def test_json(
    command: str, body: dict[str, object], horay: Horay, fault_server: FaultServer
) -> None:
    """`--json` prints what the server sent, whatever the client makes of it."""
    fault_server.add(json_response(body))
    assert json.loads(horay(command, "--json").stdout) == body


def test_json_of_the_account(horay: Horay, fault_server: FaultServer) -> None:
    """Each digit of the balance is there, as in the table."""
    body = b'{"code":20000,"status":true,"data":{"id":"u","balance":12345678901234567.89}}'
    fault_server.add(respond(body))
    assert "12345678901234567.89" in horay("user", "--json").stdout


def test_user(horay: Horay, fault_server: FaultServer) -> None:
    """The account's fields, those that are empty left out."""
    fault_server.add(user({"role": "", "email": None}))
    assert horay("user").stdout.splitlines() == [
        "name      Ada",
        "status    normal",
        "granted   0.88",
        "paid in   88.00",
        "total     88.88",
    ]
