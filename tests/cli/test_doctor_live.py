"""`horay doctor --live`: says what it costs, asks, calls each operation once, and tells no secret."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import Cut, FaultServer, error, json_response, respond

from .conftest import Horay, bare_horay

OPERATIONS = [
    ("GET", "/user/info"),
    ("GET", "/models"),
    ("POST", "/chat/completions"),
    ("POST", "/completions"),
    ("POST", "/image/generations"),
]


def report(horay: Horay, *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        horay("doctor", "--live", "--yes", "--json", *arguments).stdout
    )
    return told


def test_each_operation_once(horay: Horay, fault_server: FaultServer) -> None:
    """Five requests, a token each where a model writes, one image; what it costs is said before."""
    result = horay("doctor", "--live", "--yes", "-m", "m")
    assert result.exit_code == ExitCode.DONE
    assert [(request.method, request.path) for request in fault_server.requests] == OPERATIONS
    assert [request.json().get("max_tokens") for request in fault_server.requests[2:]] == [
        1,
        1,
        None,
    ]
    assert [request.json()["model"] for request in fault_server.requests[2:4]] == ["m", "m"]
    for words in (
        f"5 requests to {fault_server.base_url}",
        "at most 2 generated tokens, their prompts, and one image",
    ):
        assert words in result.stderr
    for method, path in OPERATIONS:
        assert f"{method} {path}\n  200, queue 0 ms" in result.stdout


def test_nobody_to_ask(horay: Horay, fault_server: FaultServer) -> None:
    """Off a terminal it takes --yes; what would be asked is told, nothing is sent."""
    result = horay("doctor", "--live", input="y\n")
    assert result.exit_code == ExitCode.USAGE
    assert "--yes goes on without asking" in result.stderr
    assert not fault_server.requests


def test_no_key() -> None:
    """Without a key there is nothing to ask."""
    assert bare_horay("doctor", "--live", "--yes").exit_code == ExitCode.USAGE


def test_failures_are_reported(horay: Horay, fault_server: FaultServer) -> None:
    """An operation that fails is part of the report; the others go on, none is tried twice."""
    fault_server.add(error(503, "full\nof it"))
    result = horay("doctor", "--live", "--yes")
    assert result.exit_code == ExitCode.PARTLY
    assert "GET /user/info\n  failed: ServiceOverloadedError: " in result.stdout
    assert len(fault_server.requests) == 5


def test_what_differs(horay: Horay, fault_server: FaultServer) -> None:
    """What isn't as described is told by path, for the operation that it belongs to; values aren't told."""
    image = {"images": [{"url": "https://a.test/?signature=s"}], "cost": "hidden"}
    fault_server.always(json_response(image), method="POST")
    mood = {"object": "list", "data": [{"id": "x", "mood": "hidden"}]}
    fault_server.always(json_response(mood), method="GET")
    told = {found["operation"]: found["drift"] for found in report(horay)["operations"]}
    assert told["GET /models"]["$.data[].mood"] == {"unknown": 1}
    assert told["POST /image/generations"]["$.cost"] == {"unknown": 1}
    assert "$.cost" not in told["GET /models"]
    result = horay("doctor", "--live", "--yes")
    assert "  not as described: $.data[].mood: unknown 1\n" in result.stdout
    assert "signature" not in json.dumps(told) + result.stdout
    assert "hidden" not in json.dumps(told) + result.stdout


def test_no_secret(horay: Horay, fault_server: FaultServer) -> None:
    """A server that echoes the key everywhere gets it into no line: neither names nor values, nor escaped."""
    key = fault_server.api_key
    headers = {
        "Server": f"s {key}",
        f"X-{key}": "a",
        "Set-Cookie": "session=hidden",
        "X-Account": "hidden",
        "X-RateLimit-Remaining-Requests": "7",
    }
    body: dict[str, Any] = {
        "object": "list",
        "data": [],
        "choices": [{"text": "x", "message": {"content": "x"}}],
        f"field {key}": {key: key},
    }
    fault_server.add(json_response(body, headers=headers))
    fault_server.add(error(400, f"no model for {key}", headers=headers))
    fault_server.always(json_response(body, headers=headers))
    for arguments in ([], ["--json"]):
        result = horay("doctor", "--live", "--yes", *arguments)
        told = result.stdout + result.stderr
        assert key not in told
        assert "hidden" not in told
        assert "Set-Cookie" in told
    told = report(horay)["operations"][1]["headers"]
    assert told["X-RateLimit-Remaining-Requests"] == "7"
    assert told["Set-Cookie"] is None


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "BadRequestError: status 400"),
        (20012, "BadRequestError: status 400, code 20012"),
        ("model_not_found", "BadRequestError: status 400, code model_not_found"),
        ("ada@hidden.example", "BadRequestError: status 400"),
        ("org-1hidden", "BadRequestError: status 400"),
    ],
)
def test_errors_without_their_words(
    code: str | int | None, told: str, horay: Horay, fault_server: FaultServer
) -> None:
    """What a server says of an error may be about the account, or quote what was sent: its kind, status and code are told."""
    refusal = error(400, "hidden", code=code, headers={"X-Request-ID": "hidden"})
    fault_server.always(refusal)
    operations = report(horay)["operations"]
    assert [(each["status"], each["error"]) for each in operations] == [(400, told)] * 5
    result = horay("doctor", "--live", "--yes")
    assert result.stdout.count(f"  failed: {told}\n") + result.stdout.endswith(told) == 5
    assert "hidden" not in result.stdout + result.stderr


def test_what_is_no_response_is_told(horay: Horay, fault_server: FaultServer) -> None:
    """What a response holds instead isn't quoted; why there is none is told."""
    fault_server.add(respond(b"hidden", content_type="text/html"))
    fault_server.add(respond().with_faults(Cut(0)))
    operations = report(horay)["operations"]
    assert operations[0]["error"] == "APIResponseError: status 200"
    assert operations[1]["error"].startswith("APIConnectionError: GET /models")
    assert "hidden" not in json.dumps(operations)


def test_base_url_without_a_password(
    fault_server: FaultServer, horay: Horay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User, password and query of the base URL stay out of the report and the question."""
    url = fault_server.base_url.replace("http://", "http://user:hidden@")
    result = horay("doctor", "--live", "--yes", "--base-url", f"{url}?token=hidden")
    assert "hidden" not in result.stdout + result.stderr


if sys.platform != "win32":
    from .process import Terminal

    @pytest.mark.parametrize(
        ("keys", "status", "requests"),
        [
            ("y\r", ExitCode.DONE, 5),
            ("\r", ExitCode.USAGE, 0),
            ("\x04", ExitCode.USAGE, 0),
            ("\x03", ExitCode.INTERRUPTED, 0),
        ],
    )
    def test_confirmation(
        keys: str, status: ExitCode, requests: int, fault_server: FaultServer
    ) -> None:
        """On a terminal it asks; anything but yes sends nothing."""
        settings = {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}
        with Terminal("doctor", "--live", environment=settings) as terminal:
            terminal.until("Go on? [y/N] ")
            terminal.type(keys)
            assert terminal.end() == status
        assert len(fault_server.requests) == requests
