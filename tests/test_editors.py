"""What an editor shows of both clients: by jedi, as in IPython and Jupyter, and by pyright's language server."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import horay_async

jedi: Any = pytest.importorskip("jedi")  # which has no types

PACKAGE = Path(horay_async.__file__).parent

CLIENTS = {"awaited": "AsyncHoray", "blocking": "Horay"}

CALLS = {
    "chat.completions.create": ("model", "messages", "temperature", "timeout"),
    "chat.completions.stream": ("model", "messages", "response_format", "extra_body"),
    "chat.completions.parse": ("model", "response_format", "max_tokens"),
    "chat.completions.run_tools": ("tools", "max_rounds", "timeout"),
    "completions.create": ("prompt", "stream", "suffix", "top_p"),
    "completions.stream": ("prompt", "echo", "idempotency_key"),
    "images.generate": ("image_size", "seed", "timeout"),
    "images.save": ("path", "extra_headers"),
    "models.list": ("type", "sub_type", "max_retries"),
    "user.info": ("timeout", "extra_query"),
    "batch.run": ("requests", "concurrency", "tpm"),
    "batch.run_file": ("results", "retry_failed", "rpm"),
    "request": ("method", "body", "timeout"),
    "with_options": ("max_retries", "on_retry", "strict"),
}
"""Methods, and some of their parameters."""


def code(client: str, call: str) -> str:
    """A script that ends within a call."""
    return f"from horay_async import {client}\nclient = {client}()\nclient.{call}("


@pytest.mark.parametrize("client", CLIENTS.values())
@pytest.mark.parametrize("call", CALLS)
def test_jedi_completes_parameters(client: str, call: str) -> None:
    """Names are completed; the signature lists them, what is required first, with their meanings."""
    script = jedi.Script(code(client, call))
    offered = {found.name_with_symbols: found for found in script.complete()}
    for name in CALLS[call]:
        assert f"{name}=" in offered or name in offered, name
    signature = script.get_signatures()[-1]
    shown = [parameter.name for parameter in signature.params]
    for name in CALLS[call]:
        assert name in shown
        assert f"{name}: " in signature.docstring()
    described = {parameter.name: parameter.description for parameter in signature.params}
    assert all(":" in text for text in described.values()), described


@pytest.mark.parametrize("client", CLIENTS.values())
@pytest.mark.parametrize("call", CALLS)
def test_jedi_finds_the_method(client: str, call: str) -> None:
    """Going to the definition lands on the method, in the source."""
    script = jedi.Script(code(client, call)[:-1])
    (found, *_) = script.goto(follow_imports=True)
    assert found.name == call.rpartition(".")[2]
    assert PACKAGE in Path(found.module_path or "").parents


@pytest.mark.parametrize("client", CLIENTS.values())
def test_jedi_completes_options(client: str) -> None:
    """The constructor's options, too."""
    script = jedi.Script(f"from horay_async import {client}\n{client}(")
    offered = {found.name for found in script.complete()}
    assert {"api_key=", "base_url=", "timeout=", "strict="} <= offered


def test_jedi_on_living_objects() -> None:
    """As in a notebook, where the client is there already."""
    with horay_async.Horay("a-key-for-nothing") as client:
        script = jedi.Interpreter("client.completions.create(", [{"client": client}])
        (signature,) = script.get_signatures()[-1:]
        assert [parameter.name for parameter in signature.params][:2] == ["model", "prompt"]
        assert "prompt: The text to continue." in signature.docstring()


class LanguageServer:
    """pyright's language server, asked about one file."""

    def __init__(self, folder: Path) -> None:
        command = shutil.which("pyright-langserver", path=str(Path(sys.executable).parent))
        assert command is not None
        self._folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        hover = {"contentFormat": ["plaintext"]}
        self.ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            workspaceFolders=[{"uri": folder.as_uri(), "name": "editors"}],
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {
                    "hover": hover,
                    "completion": {"completionItem": {"documentationFormat": ["plaintext"]}},
                    "signatureHelp": {
                        "signatureInformation": {"documentationFormat": ["plaintext"]}
                    },
                },
            },
        )
        self._send("initialized", {})

    def _send(self, method: str | None, params: Any, number: int | None = None) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0"}
        if number is not None:
            message["id"] = number
        message |= {"result": params} if method is None else {"method": method, "params": params}
        body = json.dumps(message).encode()
        self._stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stdin.flush()

    def _receive(self) -> dict[str, Any]:
        length = 0
        while line := self._stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._stdout.read(length))
        return message

    def ask(self, method: str, **params: Any) -> Any:
        """Asks, and responds to what the server asks meanwhile."""
        self._number += 1
        self._send(method, params, self._number)
        while True:
            message = self._receive()
            if "method" in message and "id" in message:
                settings = {"pythonPath": sys.executable}
                asked = message["method"] == "workspace/configuration"
                items: list[Any] = message["params"]["items"] if asked else []
                self._send(None, [settings for _ in items] if asked else None, message["id"])
            elif message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def at_end(self, text: str, method: str, back: int = 0, **more: Any) -> Any:
        """Asks about the end of a script, or so many characters before it."""
        path = self._folder / f"script{self._number}.py"
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self._send("textDocument/didOpen", {"textDocument": document})
        lines = text.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1]) - back}
        where = {"uri": path.as_uri()}
        return self.ask(f"textDocument/{method}", textDocument=where, position=position, **more)

    def close(self) -> None:
        """Ends the server."""
        self.ask("shutdown")
        self._send("exit", None)
        self._process.wait(20)
        self._stdin.close()
        self._stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """pyright's language server."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright isn't installed")
    server = LanguageServer(tmp_path_factory.mktemp("editors"))
    yield server
    server.close()


@pytest.mark.parametrize("client", CLIENTS.values())
@pytest.mark.parametrize("call", CALLS)
def test_pyright_shows_parameters(server: LanguageServer, client: str, call: str) -> None:
    """Names are completed; signature help has each parameter's type and meaning; hover shows the method."""
    text = code(client, call)
    listed = server.at_end(text, "completion")
    offered = {item["label"] for item in listed["items"]}
    for name in CALLS[call]:
        assert f"{name}=" in offered, name
    for signature in server.at_end(text, "signatureHelp")["signatures"]:
        labels = [
            label if isinstance(label, str) else signature["label"][slice(*label)]
            for label in (parameter["label"] for parameter in signature["parameters"])
        ]
        texts = [parameter.get("documentation") for parameter in signature["parameters"]]
        names = [label.partition(":")[0] for label in labels]
        for name, label, about in zip(names, labels, texts, strict=True):
            if name not in ("*", "/"):
                assert ": " in label, label
                assert about, (call, name)
        needed = [" = " not in label for label in labels if label not in ("*", "/")]
        assert needed == sorted(needed, reverse=True)
    name = call.rpartition(".")[2]
    shown = json.dumps(server.at_end(text, "hover", back=2)["contents"])
    assert f"(method) {name}" in shown or f"(method) def {name}" in shown or name in shown
    assert CALLS[call][0] in shown
    places = server.at_end(text, "definition", back=2)
    assert places
    assert "/horay_async/" in places[0]["uri"]


@pytest.mark.parametrize("client", CLIENTS.values())
@pytest.mark.parametrize(
    ("argument", "rest", "keys"),
    [
        ("messages=[{'", "'}])", {"role", "content"}),
        ("messages=[], tools=[{'", "'}])", {"type", "function"}),
        ("messages=[], tools=[{'function': {'", "'}}])", {"name", "parameters"}),
        ("messages=[], stream_options={'", "'})", {"include_usage"}),
    ],
)
def test_pyright_completes_keys(
    server: LanguageServer, client: str, argument: str, rest: str, keys: set[str]
) -> None:
    """Within the dicts of a request, too."""
    text = f"from horay_async import {client}\n{client}().chat.completions.run_tools(model='m', {argument}"
    listed = server.at_end(text + rest, "completion", back=len(rest))
    offered = {item["label"].strip("'\"") for item in listed["items"]}
    assert keys <= offered


@pytest.mark.parametrize("client", CLIENTS.values())
def test_pyright_shows_options(server: LanguageServer, client: str) -> None:
    """The constructor's options, each with its meaning."""
    text = f"from horay_async import {client}\n{client}("
    offered = {item["label"] for item in server.at_end(text, "completion")["items"]}
    assert {"api_key=", "base_url=", "timeout=", "strict="} <= offered
    (signature,) = server.at_end(text, "signatureHelp")["signatures"]
    assert all(parameter.get("documentation") for parameter in signature["parameters"])
