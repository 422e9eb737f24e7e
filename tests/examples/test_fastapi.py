"""The application of the guide's page about FastAPI, behind a real server: streams that end well, badly and early."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import uvicorn

from horay_async.testing import Cut, FaultServer, Gate, error

from .conftest import EXAMPLES

PAGE = EXAMPLES / "guide/integrations/fastapi.md"
QUESTION = {"question": "Hi"}
WAIT = 20.0
"""Seconds for what is expected to take a moment."""


class Service(uvicorn.Server):
    """A server in a thread, which tells when it has begun."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        self.begun.set()


@pytest.fixture
def browser(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    """Asks the application, which asks the scripted server."""
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    monkeypatch.setenv("HORAY_BASE_URL", fault_server.base_url)
    page = types.ModuleType("__page__")
    monkeypatch.setitem(sys.modules, "__page__", page)
    for block in re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        if "TestClient" not in block:
            exec(block, vars(page))  # the page's own code
    app: Any = vars(page)["app"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = Service(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert service.begun.wait(WAIT)
            port = listener.getsockname()[1]
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT) as client:
                yield client
        finally:
            service.should_exit = True
            thread.join(WAIT)
        assert not thread.is_alive()


def told(text: str) -> list[Any]:
    """The data of the events."""
    found = re.findall(r"^data: (.*)$", text, re.MULTILINE)
    return [line if line == "[DONE]" else json.loads(line) for line in found]


def test_whole(browser: httpx2.Client, fault_server: FaultServer) -> None:
    """A response as the body, as a field, and on the OpenAPI page."""
    fault_server.reply("Berlin")
    assert browser.get("/answer", params=QUESTION).json()["choices"][0]["message"]["content"] == (
        "Berlin"
    )
    fault_server.reply("Rome")
    stored = browser.get("/stored", params=QUESTION).json()
    assert stored["response"]["usage"] == stored["usage"]
    shown = browser.get("/openapi.json").json()["components"]["schemas"]
    assert {"choices", "usage"} <= shown["ChatCompletion"]["properties"].keys()
    assert "content" in shown["ChatMessage"]["properties"]
    assert "response" in shown["Stored"]["properties"]


def test_stream(browser: httpx2.Client, fault_server: FaultServer) -> None:
    """Chunk by chunk, and the end."""
    fault_server.stream(["Ber", "lin"])
    response = browser.get("/stream", params=QUESTION)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, last = told(response.text)
    deltas = [choice["delta"]["content"] or "" for chunk in chunks for choice in chunk["choices"]]
    assert ("".join(deltas), last) == ("Berlin", "[DONE]")


def test_errors(browser: httpx2.Client, fault_server: FaultServer) -> None:
    """Before the stream they are a status, within it an event; a cut stream has no `[DONE]`."""
    for status, expected in ((429, 429), (404, 502)):
        fault_server.always(error(status, "not now", retry_after=0))
        for path in ("/answer", "/stream"):
            response = browser.get(path, params=QUESTION)
            assert (response.status_code, "not now" in response.text) == (expected, True)
    fault_server.stream(["Ber", "lin"], Cut(-30))
    text = browser.get("/stream", params=QUESTION).text
    assert text.count("event: failed") == 1
    assert "[DONE]" not in text


def test_browser_leaves(browser: httpx2.Client, fault_server: FaultServer) -> None:
    """The connection to the API is closed."""
    fault_server.stream(["on and ", Gate()])
    with browser.stream("GET", "/stream", params=QUESTION) as response:
        pieces = response.iter_text()  # kept: dropped, it would close the connection
        assert any("on and" in piece for piece in pieces)
        assert fault_server.connections[0].closed_at is None
    fault_server.wait_for_close(1)
