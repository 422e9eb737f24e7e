"""What comes in: arguments, pipes and files, together and alone, in any encoding."""

from __future__ import annotations

import base64
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from horay_async.cli import inputs
from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import FaultServer, canned

from .conftest import Horay
from .process import COMMAND, PATIENCE, surroundings

PNG_URL = f"data:image/png;base64,{base64.b64encode(canned.PNG).decode()}"


def content(server: FaultServer) -> Any:
    """The content of the last message that was sent."""
    return server.requests[-1].json()["messages"][-1]["content"]


def test_pipe_joins_the_message(horay: Horay, fault_server: FaultServer) -> None:
    """`cat FILE | horay chat "Summarise:"` sends both."""
    horay("chat", "Summarise:", input="Once upon\n a time\n")
    assert content(fault_server) == "Summarise:\n\nOnce upon\n a time"


@pytest.mark.parametrize("command", ["complete", "image"])
def test_pipe_joins_the_prompt(
    command: str,
    horay: Horay,
    fault_server: FaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It isn't dropped elsewhere either."""
    monkeypatch.chdir(tmp_path)
    horay(command, "Of this:", input="text\n")
    assert fault_server.requests[0].json()["prompt"] == "Of this:\n\ntext"


def test_empty_pipe_adds_nothing(horay: Horay, fault_server: FaultServer) -> None:
    """/dev/null, as cron has it."""
    horay("chat", "Hi", input="")
    assert content(fault_server) == "Hi"


def test_files(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """Texts are joined in their order, without a byte-order mark; images go as data URLs, by what they hold."""
    (tmp_path / "a.txt").write_text("one\n", encoding="utf-8-sig")
    (tmp_path / "b.png").write_text("two\r\n")
    (tmp_path / "c.txt").write_bytes(canned.PNG)
    files = [part for name in ("a.txt", "b.png", "c.txt") for part in ("-f", str(tmp_path / name))]
    assert horay("chat", "Compare:", *files, input="zero").exit_code == ExitCode.DONE
    assert content(fault_server) == [
        {"type": "text", "text": "Compare:\n\nzero\n\none\n\ntwo"},
        {"type": "image_url", "image_url": {"url": PNG_URL}},
    ]


@pytest.mark.parametrize("command", ["chat", "complete", "image"])
@pytest.mark.parametrize(("arguments", "piped"), [([], ""), ([], " \n"), (["-"], "")])
def test_empty_pipe(horay: Horay, command: str, arguments: list[str], piped: str) -> None:
    """A command without a text, as in a job without a terminal, says where it has looked for one."""
    result = horay(command, *arguments, input=piped)
    assert result.exit_code == ExitCode.USAGE
    assert (
        "there is no text: standard input is empty; give the text as an argument" in result.stderr
    )


def test_image_alone(horay: Horay, fault_server: FaultServer, tmp_path: Path) -> None:
    """An image needs no text; it can come through the pipe, too, which `-f -` names."""
    (tmp_path / "x").write_bytes(canned.PNG)
    image = [{"type": "image_url", "image_url": {"url": PNG_URL}}]
    horay("chat", "-f", str(tmp_path / "x"))
    assert content(fault_server) == image
    horay("chat", "-f", "-", input=canned.PNG)
    assert content(fault_server) == image


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfeh\0i\0", "isn't UTF-8 text (byte 0)"),
        (b"ab\xe4", "isn't UTF-8 text (byte 2)"),
        (b"a\0b", "isn't text: it contains NUL bytes"),
        (b"x" * 9, "is over 0 MiB"),
    ],
)
def test_unusable_file(
    data: bytes,
    words: str,
    horay: Horay,
    fault_server: FaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is neither text nor an image, or too much, is refused by name, from a file and from a pipe."""
    monkeypatch.setattr(inputs, "MAX_INPUT", 8)
    file = tmp_path / "x"
    file.write_bytes(data)
    for arguments, piped, source in (
        (["-f", str(file)], b"", str(file)),
        ([], data, "standard input"),
    ):
        result = horay("chat", "Hi", *arguments, input=piped)
        assert result.exit_code == ExitCode.USAGE
        assert f"{source} {words}" in result.stderr
    assert not fault_server.requests


def test_missing_file(horay: Horay, fault_server: FaultServer) -> None:
    """A file that isn't there is named."""
    result = horay("chat", "Hi", "-f", "/no/such")
    assert (result.exit_code, result.stderr) == (
        ExitCode.FAILED,
        "horay: /no/such: No such file or directory\n",
    )
    assert not fault_server.requests


LOCALES: list[Mapping[str, str]] = [
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "utf-16"},
]


@pytest.mark.skipif(sys.platform == "win32", reason="arguments of POSIX are bytes")
@pytest.mark.parametrize("locale", LOCALES, ids=str)
class TestLocales:
    """UTF-8 is UTF-8 in any locale, and what isn't UTF-8 is a clear error."""

    def run(
        self,
        *arguments: bytes,
        locale: Mapping[str, str],
        server: FaultServer,
        input: bytes = b"",
        **environment: str,
    ) -> subprocess.CompletedProcess[bytes]:
        settings = {"HORAY_API_KEY": server.api_key, "HORAY_BASE_URL": server.base_url}
        return subprocess.run(
            [*map(os.fsencode, COMMAND), *arguments],
            env=surroundings({**settings, **locale, **environment}),
            input=input,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    def test_text(self, locale: Mapping[str, str], fault_server: FaultServer) -> None:
        """The same text arrives, from arguments, variables and pipes."""
        text = "Grüße 🌍"
        done = self.run(
            *(b"chat", text.encode(), b"-s", text.encode()),
            locale=locale,
            server=fault_server,
            input=text.encode(),
            HORAY_MODEL=text,
        )
        assert done.returncode == ExitCode.DONE
        sent = fault_server.requests[0].json()
        assert sent["model"] == sent["messages"][0]["content"] == text
        assert sent["messages"][1]["content"] == f"{text}\n\n{text}"

    @pytest.mark.parametrize("where", ["message", "system", "stdin"])
    def test_not_text(
        self, where: str, locale: Mapping[str, str], fault_server: FaultServer
    ) -> None:
        """Bytes that aren't UTF-8 are told of by their place, and nothing is sent."""
        bad = b"Gr\xfc\xdfe"
        arguments = {
            "message": [b"chat", bad],
            "system": [b"chat", b"Hi", b"--system", bad],
            "stdin": [b"chat"],
        }[where]
        done = self.run(*arguments, locale=locale, server=fault_server, input=bad)
        assert done.returncode == ExitCode.USAGE
        told = done.stderr.decode("utf-16" if "utf-16" in str(locale) else "utf-8")
        place = {"message": "the message", "system": "--system", "stdin": "standard input"}[where]
        assert told == f"horay: {place} isn't UTF-8 text (byte 2)\n"
        assert not fault_server.requests


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors of POSIX")
@pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null", "</dev/null"])
def test_no_input(redirection: str, fault_server: FaultServer) -> None:
    """Closed, write-only or empty standard input adds nothing."""
    script = f'exec "{sys.executable}" -m horay_async.cli chat Hi {redirection}'
    settings = {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}
    done = subprocess.run(
        ["sh", "-c", script],
        env=surroundings(settings),
        capture_output=True,
        timeout=PATIENCE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert content(fault_server) == "Hi"


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs of POSIX")
def test_fifo(fault_server: FaultServer, tmp_path: Path) -> None:
    """A FIFO is read to its end, as `-f <(command)` needs it."""
    script = f'exec "{sys.executable}" -m horay_async.cli chat Hi -f <(echo from a command)'
    settings = {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}
    subprocess.run(
        ["bash", "-c", script], env=surroundings(settings), stdin=subprocess.DEVNULL, check=True
    )
    assert content(fault_server) == "Hi\n\nfrom a command"


@pytest.mark.skipif(sys.platform == "win32", reason="non-blocking pipes of POSIX")
def test_pauses_of_a_non_blocking_pipe(fault_server: FaultServer) -> None:
    """Are no end: programs that wait for several things leave standard input like that."""
    settings = {"HORAY_API_KEY": fault_server.api_key, "HORAY_BASE_URL": fault_server.base_url}
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    command = [*COMMAND, "chat", "-"]
    with subprocess.Popen(command, env=surroundings(settings), stdin=reading) as process:
        for piece in (b"Once ", b"upon ", b"a time"):
            os.write(writing, piece)
            while select.select([reading], [], [], 0)[0]:
                assert process.poll() is None
        os.close(writing)
        assert process.wait(PATIENCE) == ExitCode.DONE
    os.close(reading)
    assert content(fault_server) == "Once upon a time"
