"""pyright's language server, asked as an editor asks it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


class LanguageServer:
    """pyright's language server, asked about one file."""

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("pyright") is None:
            pytest.skip("pyright isn't installed")
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

    def open(self, text: str) -> str:
        """Opens a script of its own, and returns its address."""
        path = self._folder / f"script{self._number}.py"
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self._send("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def at(self, script: str, line: int, character: int, method: str) -> Any:
        """Asks about a place in a script; both numbers count from 0."""
        return self.ask(
            f"textDocument/{method}",
            textDocument={"uri": script},
            position={"line": line, "character": character},
        )

    def at_end(self, text: str, method: str, back: int = 0) -> Any:
        """Asks about the end of a script, or so many characters before it."""
        lines = text.split("\n")
        return self.at(self.open(text), len(lines) - 1, len(lines[-1]) - back, method)

    def close(self) -> None:
        """Ends the server."""
        self.ask("shutdown")
        self._send("exit", None)
        self._process.wait(20)
        self._stdin.close()
        self._stdout.close()
