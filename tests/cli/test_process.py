"""The command as a process of its own: pipes, signals, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import FaultServer, Gate, Hang, error
from tests.processes import run_python

from .process import COMMAND, PATIENCE, Terminal, in_shell, start, surroundings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals of POSIX")

CANNOT = "standard output can't be written; what had come"


def run_script(
    script: str, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The command line as `script` starts it, run to its end."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=surroundings(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_pipe(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """`echo … | horay complete -`, as users type it."""
    fault_server.reply(" Berlin.")
    process = start("complete", "-", environment=environment, stdin=subprocess.PIPE)
    out, err = process.communicate("The capital of Germany is\n", PATIENCE)
    assert (process.returncode, out, err) == (ExitCode.DONE, " Berlin.\n", "")
    assert fault_server.requests[0].json()["prompt"] == "The capital of Germany is"


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii"])
@pytest.mark.parametrize("options", [[], ["--stream"]], ids=["whole", "streamed"])
@pytest.mark.parametrize("command", ["complete", "chat"])
def test_characters_that_the_encoding_lacks(
    environment: Mapping[str, str],
    fault_server: FaultServer,
    command: str,
    options: list[str],
    encoding: str,
) -> None:
    """An output that can't spell a character gets a question mark, and a note says so once; that is no failure."""
    text = "Grüße 🌍"
    answer = fault_server.stream if options else fault_server.reply
    answer(text)
    environment = {**environment, "PYTHONIOENCODING": encoding}
    process = start(command, "x", *options, environment=environment, encoding=encoding)
    out, err = process.communicate(timeout=PATIENCE)
    written = text.encode(encoding, "replace").decode(encoding)
    told = f'(characters that {encoding} lacks are written as "?"; PYTHONIOENCODING=utf-8 keeps them)\n'
    assert (process.returncode, out, err) == (ExitCode.DONE, f"{written}\n", told)


@pytest.mark.parametrize(
    ("encoding", "options"), [("utf-8", []), ("ascii", ["--json"])], ids=["utf-8", "json"]
)
def test_characters_that_are_kept(
    environment: Mapping[str, str], fault_server: FaultServer, encoding: str, options: list[str]
) -> None:
    """UTF-8 has every character, and JSON spells it in ASCII: there is nothing to note."""
    fault_server.reply("Grüße 🌍")
    environment = {**environment, "PYTHONIOENCODING": encoding}
    process = start("complete", "x", *options, environment=environment, encoding=encoding)
    out, err = process.communicate(timeout=PATIENCE)
    if options:
        out = json.loads(out)["choices"][0]["text"] + "\n"
    assert (process.returncode, out, err) == (ExitCode.DONE, "Grüße 🌍\n", "")


def test_interrupt(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """SIGINT while a response is awaited: the request is given up, with a sentence and its status."""
    fault_server.reply("never", Hang())
    process = start("complete", "x", environment=environment)
    fault_server.wait_for_requests(timeout=PATIENCE)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (ExitCode.INTERRUPTED, "", "horay: stopped\n")
    fault_server.wait_for_close(1)


def test_interrupted_stream(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """SIGINT in the middle of a stream: what had come is printed, its line ended."""
    gate = Gate()
    fault_server.stream(["Ber", gate, "lin"])
    process = start("complete", "x", "--stream", environment=environment)
    assert process.stdout is not None
    assert process.stdout.read(3) == "Ber"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    gate.open()
    assert (process.returncode, out, err) == (ExitCode.INTERRUPTED, "\n", "horay: stopped\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ended_with_a_file(
    environment: Mapping[str, str], fault_server: FaultServer, tmp_path: Path, name: str
) -> None:
    """A signal that ends the process in the middle of a stream: what had come, which is paid for, is in a file."""
    number = getattr(signal, name)
    gate = Gate()
    fault_server.stream(["Ber", gate, "lin"])
    command = ("chat", "x", "--stream", "-o", str(tmp_path / "out.txt"))
    script = (  # a pipe tells when the text has come
        "import sys; from horay_async.cli import responses, main; write = responses._Plain.write\n"
        "def told(*given, **how): write(*given, **how); sys.__stdout__.write('.'); sys.__stdout__.flush()\n"
        "responses._Plain.write = told; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command],
        env=surroundings(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(1) == "."
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    gate.open()
    partial = tmp_path / "out-partial.txt"
    assert (partial.read_text(), list(tmp_path.iterdir())) == ("Ber\n", [partial])
    assert err == f"what had come is in {partial}\nhoray: stopped\n"
    assert process.returncode == (ExitCode.INTERRUPTED if name == "SIGINT" else -number)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ended_while_a_file_is_written(
    environment: Mapping[str, str], fault_server: FaultServer, tmp_path: Path, name: str
) -> None:
    """A signal in the moment in which the file takes its place waits until it has."""
    number = getattr(signal, name)
    fault_server.stream(["Ber", "lin"])
    script = (
        "import os; from horay_async.cli import main; replace = os.replace\n"
        f"def told(*given): os.replace = replace; os.kill(os.getpid(), {int(number)}); replace(*given)\n"
        "os.replace = told; main()"
    )
    target = tmp_path / "out.txt"
    ended = run_script(script, environment, "chat", "x", "--stream", "-o", str(target))
    assert (target.read_text(), list(tmp_path.iterdir())) == ("Berlin\n", [target])
    assert ended.returncode == (ExitCode.INTERRUPTED if name == "SIGINT" else -number)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ended_while_a_pipe_waits_for_its_reader(
    environment: Mapping[str, str], fault_server: FaultServer, tmp_path: Path, name: str
) -> None:
    """The response that has come whole, and is paid for, is printed."""
    number = getattr(signal, name)
    fault_server.reply("Berlin")
    script = (
        "import os; from horay_async.cli import main, responses; write = responses.write_file\n"
        f"def told(*given, **how): os.kill(os.getpid(), {int(number)}); write(*given, **how)\n"
        "responses.write_file = told; main()"
    )
    os.mkfifo(tmp_path / "pipe")
    ended = run_script(script, environment, "chat", "x", "-o", str(tmp_path / "pipe"))
    assert (ended.stdout, ended.stderr) == ("Berlin\n", "horay: stopped\n")
    assert ended.returncode == (ExitCode.INTERRUPTED if name == "SIGINT" else -number)


@pytest.mark.parametrize("text", ["half", "half" * 2**16], ids=["short", "long"])
@pytest.mark.parametrize("read", [False, True])
def test_cut_stream_into_a_pipe(
    environment: Mapping[str, str],
    fault_server: FaultServer,
    tmp_path: Path,
    text: str,
    *,
    read: bool,
) -> None:
    """What had come is written there if that can be done at once, and printed otherwise."""
    fault_server.stream([text], done=False, finish_reason=None)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if read else None
    process = start("chat", "x", "--stream", "-o", str(pipe), environment=environment)
    out, err = process.communicate(timeout=PATIENCE)
    fits = read and text == "half"
    assert out == ("" if fits else f"{text}\n")
    if reader is not None:
        assert f"{text}\n".startswith(os.read(reader, 2**16).decode())
        os.close(reader)
    assert (f"what had come is in {pipe}" in err) == fits
    assert list(tmp_path.iterdir()) == [pipe]


def test_ended_by_two_signals_at_once(environment: Mapping[str, str]) -> None:
    """As by a terminal that is closed, or a service manager: the second one changes nothing, and says nothing."""
    script = (
        "import os, signal; from horay_async.cli.interrupts import ended_as_interrupted\n"
        "both = (signal.SIGHUP, signal.SIGTERM)\n"
        "with ended_as_interrupted():\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, both)\n"
        "    for number in both: os.kill(os.getpid(), number)\n"
        "    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=surroundings(environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGHUP, "", "")


def test_ended_conversation(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """SIGTERM ends a conversation; Ctrl-C would end its response alone."""
    fault_server.stream(["Ber", gate := Gate(), "lin"])
    with Terminal("chat", "--no-markdown", environment=environment) as terminal:
        terminal.until("> ")
        terminal.type("Hi\r")
        terminal.until("Ber")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == -signal.SIGTERM
        assert terminal.output.endswith("Ber\nhoray: stopped\n")
    gate.open()


def test_choices_on_a_terminal(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """Several choices are awaited, wherever their number is given, and all of them shown."""
    fault_server.reply("Berlin")
    arguments = ("complete", "Germany", "--extra", '{"n": 2}')
    with Terminal(*arguments, environment=environment) as terminal:
        assert terminal.end() == ExitCode.DONE
        assert terminal.output.endswith("Berlin\n---\nBerlin\n")


def test_reader_that_goes(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """`… | head -c 3`: the stream is given up, silently."""
    gate = Gate()
    fault_server.stream(["Ber", gate, "lin"])
    with start("complete", "x", "--stream", environment=environment) as process:
        assert process.stdout is not None
        assert process.stdout.read(3) == "Ber"
        process.stdout.close()
        gate.open()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == ExitCode.PIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["models"], ["--help"]])
def test_full_disk(arguments: list[str], environment: Mapping[str, str]) -> None:
    """An output that takes nothing is a sentence, not a traceback, and no success; also where that shows
    only when all is done, since the output is buffered.
    """
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=surroundings(environment),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "horay: No space left on device\n")


def test_closed_outputs(environment: Mapping[str, str], fault_server: FaultServer) -> None:
    """A shell can close both outputs (`>&- 2>&-`)."""
    script = f'exec "{sys.executable}" -m horay_async.cli models >&- 2>&-'
    done = subprocess.run(["sh", "-c", script], env=surroundings(environment), check=False)
    assert done.returncode == ExitCode.FAILED
    assert len(fault_server.requests) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("chat hi", "Berlin\n"),
        ("chat hi --json", '"content":"Berlin"'),
        ("chat hi -o /dev/full", "Berlin\n"),
        ("complete hi --choices 2", "Berlin\n---\nBerlin\n"),
        ("chat hi --stream", "half more\n"),
        ("complete hi --stream", "half more\n"),
        ("chat hi --stream --json", '"content":" more"'),
    ],
)
def test_full_disk_under_a_response(
    command: str,
    kept: str,
    environment: Mapping[str, str],
    fault_server: FaultServer,
    tmp_path: Path,
) -> None:
    """What is paid for is read to its end, and kept in a file that is named."""
    if "--stream" in command:
        fault_server.stream(["half", " more"])
    else:
        fault_server.reply("Berlin")
    status, told = in_shell(f"{command} >/dev/full", {**environment, "TMPDIR": str(tmp_path)})
    (file,) = tmp_path.iterdir()
    assert told.splitlines()[0] == f"{CANNOT} is kept in {file}"
    assert told.splitlines()[1:] in (
        ["horay: standard output: No space left on device"],
        ["horay: No space left on device"],  # of the file
    )
    assert status == ExitCode.FAILED
    assert kept in file.read_text()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_full_disk_under_a_cut_response(
    environment: Mapping[str, str], fault_server: FaultServer, tmp_path: Path
) -> None:
    """What had come is kept, and the exit status is that of the cut; nothing is kept where nothing had come."""
    settings = {**environment, "TMPDIR": str(tmp_path)}
    fault_server.add(error(400, "no"))
    assert in_shell("chat hi >/dev/full", settings)[0] == ExitCode.FAILED
    assert not list(tmp_path.iterdir())
    fault_server.stream(["half"], done=False, finish_reason=None)
    status, told = in_shell("chat hi --stream >/dev/full", settings)
    assert status == ExitCode.BROKEN
    (file,) = tmp_path.iterdir()
    assert f"{CANNOT} is kept in {file}" in told
    assert file.read_text() == "half\n"


@pytest.mark.parametrize("command", ["models", "--help"])
def test_closed_output(command: str, environment: Mapping[str, str]) -> None:
    """What nobody can read is no success, as on a full disk."""
    assert in_shell(f"{command} >&-", environment) == (
        ExitCode.FAILED,
        "horay: Bad file descriptor\n",
    )


@pytest.mark.parametrize(
    "command",
    [
        "chat hi >&-",
        "chat hi --json >&-",
        "complete x --stream >&-",
        "image x -o - >&-",
        "chat hi 1</dev/null",
    ],
)
def test_closed_output_of_what_costs(
    command: str, environment: Mapping[str, str], fault_server: FaultServer
) -> None:
    """It is known before anything is paid for."""
    told = in_shell(command, environment)
    assert told == (ExitCode.FAILED, "horay: standard output: Bad file descriptor\n")
    assert not fault_server.requests


def test_closed_output_beside_a_file(environment: Mapping[str, str], tmp_path: Path) -> None:
    """`-o FILE` needs no standard output."""
    assert in_shell(f"chat hi -o {tmp_path}/x >&-", environment) == (ExitCode.DONE, "")
    assert (tmp_path / "x").read_text() == "Hello from the test server.\n"


def test_closed_output_of_a_batch(environment: Mapping[str, str], tmp_path: Path) -> None:
    """Matters where something is written to it."""
    status, told = in_shell(f"batch - {tmp_path}/out --json >&-", environment)
    assert (status, told.splitlines()[-1]) == (ExitCode.FAILED, "horay: Bad file descriptor")
    status, _ = in_shell(f"batch - {tmp_path}/out >&-", environment)
    assert status == ExitCode.DONE


@pytest.mark.parametrize("command", ["batch - {}/out", "chat -", "chat hi -f -", "complete -"])
def test_closed_input(
    command: str, environment: Mapping[str, str], fault_server: FaultServer, tmp_path: Path
) -> None:
    """Isn't an empty one, where it was asked for."""
    told = in_shell(f"{command.format(tmp_path)} <&-", environment)
    assert told == (ExitCode.FAILED, "horay: standard input: Bad file descriptor\n")
    assert list(tmp_path.iterdir()) == []
    assert not fault_server.requests
    assert in_shell("chat hi <&-", environment) == (ExitCode.DONE, "")


def test_closed_input_whose_number_was_taken(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """It is standard input all the same, where something else got its number before the command began."""
    script = (
        "import os, sys; os.open(os.devnull, os.O_RDONLY); from horay_async.cli.app import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [
            "sh",
            "-c",
            'exec "$@" <&-',
            "sh",
            sys.executable,
            "-c",
            script,
            "batch",
            "-",
            f"{tmp_path}/out",
        ],
        env=surroundings(environment),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    told = (ExitCode.FAILED, "horay: standard input: Bad file descriptor\n")
    assert (done.returncode, done.stderr) == told


def test_client_is_not_loaded_for_nothing() -> None:
    """What starts fast loads neither the client's libraries nor rich's drawing."""
    script = (
        "import sys; from horay_async.cli.app import run; run(['--help']);"
        "sys.exit(str({'aiohttp', 'attrs', 'msgspec', 'rich.console', 'ssl'} & sys.modules.keys()))"
    )
    assert run_python("-c", script).stderr == "set()\n"
