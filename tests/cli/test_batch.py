"""`horay batch`: from a file to a file, with progress, to be stopped and gone on with."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from horay_async.batch import sender
from horay_async.cli import app, progress
from horay_async.cli.exit_codes import ExitCode
from horay_async.testing import Delay, FaultServer, Gate, Reply, error

from .conftest import Horay, bare_horay


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    """Three requests."""
    file = tmp_path / "in.jsonl"
    file.write_text("".join(line(number) for number in range(3)))
    return file


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Where the results go."""
    return tmp_path / "out.jsonl"


def line(number: int) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": f"{number}?"}]}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps({"custom_id": f"r-{number}", **request}) + "\n"


def ids(results: Path) -> list[str]:
    return sorted(
        json.loads(line)["custom_id"] for line in results.read_text(encoding="utf-8").splitlines()
    )


def test_all_done(horay: Horay, requests: Path, results: Path) -> None:
    """Each request has its response; the totals are told, in words and on demand in JSON."""
    result = horay("batch", str(requests), str(results), "--json")
    assert result.exit_code == ExitCode.DONE
    assert ids(results) == ["r-0", "r-1", "r-2"]
    told: dict[str, Any] = json.loads(result.stdout)
    assert (told["total"], told["done"], told["failed"], told["completion_tokens"]) == (3, 3, 0, 15)
    assert result.stderr.startswith("3 of 3 finished, 0 failed, in 0:0")


def test_options(horay: Horay, requests: Path, results: Path, fault_server: FaultServer) -> None:
    """One at a time, as it was asked for."""
    horay("batch", str(requests), str(results), "--concurrency", "1", "--rpm", "6000")
    assert len(fault_server.connections) == 1


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("option", ["--rpm", "--tpm"])
def test_rate_that_cant_be(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer, option: str, given: str
) -> None:
    """It is said in the words of the command line."""
    result = horay("batch", str(requests), str(results), option, given)
    assert result.exit_code == ExitCode.USAGE
    assert "it must be a number above 0" in result.stderr
    assert not fault_server.requests


def test_totals_of_what_isnt_sent(horay: Horay, requests: Path, results: Path) -> None:
    """They say why the exit status isn't 0: a line that can't be sent, and one that isn't finished."""
    bad = json.dumps({"custom_id": "r-3", "url": "/v1/nothing"})
    with requests.open("a", encoding="utf-8") as file:
        file.write(f'{bad}\n{{"custom_id": "r-4", "bo')
    result = horay("batch", str(requests), str(results), "--json")
    assert result.exit_code == ExitCode.PARTLY
    told: dict[str, Any] = json.loads(result.stdout)
    assert (told["failed"], told["invalid"], told["unfinished_line"]) == (1, 1, 5)
    assert told["unreadable"] == []
    assert "the last line, 5, is unfinished: it isn't sent now" in result.stderr


def test_going_on(horay: Horay, requests: Path, results: Path, fault_server: FaultServer) -> None:
    """What is done isn't done again, and counts as answered."""
    horay("batch", str(requests), str(results))
    with requests.open("a", encoding="utf-8") as file:
        file.write(line(3))
    result = horay("batch", str(requests), str(results))
    assert "4 of 4 finished (3 in earlier runs), 0 failed" in result.stderr
    assert len(fault_server.requests) == 4


def test_some_failed(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Failures have a status of their own, and can be sent again."""
    fault_server.add(error(400, "no such field"))
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.PARTLY
    assert "3 of 3 finished, 1 failed" in result.stderr
    assert "the error: 400 from POST /chat/completions: no such field\n" in result.stderr
    told = f"{results} says what failed: look for a status_code other than 200, or an error that isn't null; --retry-failed sends it again"
    assert told in result.stderr
    failed = [
        line["error"] is not None or line["response"]["status_code"] != 200
        for line in map(json.loads, results.read_text(encoding="utf-8").splitlines())
    ]
    assert sorted(failed) == [False, False, True]
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.PARTLY  # nothing to send, but not all is answered either
    assert "3 of 3 finished (3 in earlier runs), 1 failed" in result.stderr
    result = horay("batch", str(requests), str(results), "--retry-failed")
    assert result.exit_code == ExitCode.DONE
    assert ids(results) == ["r-0", "r-1", "r-2"]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["a", "b", "c"], "the first error: 400 from POST /chat/completions: a\n"),
        (["a", "b", "b"], "the most frequent error (2 of 3): 400 from POST /chat/completions: b\n"),
        (["a", "a", "a"], "the error: 400 from POST /chat/completions: a\n"),
    ],
)
def test_which_error_is_told(
    horay: Horay,
    requests: Path,
    results: Path,
    fault_server: FaultServer,
    reasons: list[str],
    told: str,
) -> None:
    """One of several says so."""
    fault_server.add(*(error(400, reason) for reason in reasons))
    result = horay("batch", str(requests), str(results), "--concurrency", "1")
    assert told in result.stderr


def test_fail_fast(horay: Horay, requests: Path, results: Path, fault_server: FaultServer) -> None:
    """The first failure ends it, with the status of that failure."""
    fault_server.always(error(401, "wrong key"))
    result = horay("batch", str(requests), str(results), "--fail-fast")
    assert result.exit_code == ExitCode.REFUSED
    assert "wrong key" in result.stderr


def test_server_that_is_down(horay: Horay, requests: Path, results: Path) -> None:
    """It is said once, with what to do; nothing counts as done."""
    with socket.socket() as bound:  # its port refuses
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        result = horay("batch", str(requests), str(results), "--base-url", address)
    assert result.exit_code == ExitCode.UNREACHED
    assert "is the server running, and --base-url right? `horay doctor` checks" in result.stderr
    assert "none of its first 3 requests reached the server" in result.stderr
    assert "finished" not in result.stderr
    assert not results.read_bytes()


def test_wrong_key(horay: Horay, requests: Path, results: Path, fault_server: FaultServer) -> None:
    """It is said once, with the status of its own; the same command with a right key sends all."""
    result = horay("batch", str(requests), str(results), "--api-key", "bad")
    assert result.exit_code == ExitCode.REFUSED
    assert "401 from POST /chat/completions" in result.stderr
    assert "(the key given by --api-key)" in result.stderr
    assert "refused the key of the first 3 requests" in result.stderr
    assert not results.read_bytes()
    assert horay("batch", str(requests), str(results)).exit_code == ExitCode.DONE
    assert ids(results) == ["r-0", "r-1", "r-2"]


def test_misspelt_field(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Is told before anything else, with the line; the request is sent as it is."""
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "max_token": 30}
    request = {"custom_id": "odd", "method": "POST", "url": "/v1/chat/completions", "body": body}
    requests.write_text(line(0) + json.dumps(request) + "\n", encoding="utf-8")
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.DONE
    assert result.stderr.startswith(
        f"{requests}: 1 of the 2 lines may have a mistake, but will be sent as written: "
        "line 2: body.max_token: did you mean 'max_tokens'?\n"
    )
    assert fault_server.requests[-1].json()["max_token"] == 30


def test_bad_line(horay: Horay, requests: Path, results: Path, fault_server: FaultServer) -> None:
    """A line that can't be read is told by its number, before anything is sent."""
    requests.write_text(line(0) + "{\n", encoding="utf-8")
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.FAILED
    assert "line 2" in result.stderr
    assert not fault_server.requests


def test_bad_lines(horay: Horay, requests: Path, results: Path) -> None:
    """Have a line each."""
    requests.write_text(line(0) + "{\n" + '{"custom_id": 3}\n', encoding="utf-8")
    assert horay("batch", str(requests), str(results)).stderr.splitlines() == [
        f"horay: {requests}: 2 lines are no requests, nothing was sent:",
        "line 2: cut off, or a } is missing",
        "line 3: custom_id must be a string",
    ]


def test_lines_that_cannot_be_sent(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Are told first, with those that may have a mistake, and what to do; not once they are done."""
    odd, no_model = json.loads(line(1)), json.loads(line(2))
    odd["body"]["top-p"] = 1
    del no_model["body"]["model"]
    requests.write_text(
        "\n".join([line(0), json.dumps(odd), json.dumps(no_model), ""]), encoding="utf-8"
    )
    command = ("batch", str(requests), str(results))
    fails = (
        f"{requests}: 1 of the 3 lines can't be sent, and will fail: line 4: body.model is missing"
    )
    odd_told = (
        f"{requests}: 1 of the 3 lines may have a mistake, but will be sent as written: "
        "line 3: body.top-p: did you mean 'top_p'?"
    )
    correct = "correct the lines of those that can't be sent, then --retry-failed sends them"
    result = horay(*command)
    assert result.exit_code == ExitCode.PARTLY
    assert result.stderr.splitlines()[:2] == [fails, odd_told]
    assert result.stderr.endswith(
        f"{results} says what failed: look for a status_code other than 200, or an error that isn't null; {correct}\n"
    )
    assert len(fault_server.requests) == 2
    assert "may have a mistake" not in horay(*command).stderr
    result = horay(*command, "--retry-failed", "--fail-fast")
    assert result.exit_code == ExitCode.PARTLY
    assert result.stderr.splitlines() == [
        fails,
        "horay: body.model is missing; line 4, custom_id 'r-2'",
    ]


def test_what_failed_again(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Isn't said to be sent by the option that was given just now."""
    fault_server.always(error(400, "no such field"))
    result = horay("batch", str(requests), str(results), "--retry-failed")
    assert result.stderr.endswith(
        f"{results} says what failed: look for a status_code other than 200, or an error that isn't null\n"
    )


@pytest.mark.parametrize("options", [[], ["--retry-failed"]])
def test_swapped_files(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer, options: list[str]
) -> None:
    """Each is refused for what it holds, and both stay as they are."""
    other = requests.with_name("other.jsonl")
    other.write_text(line(9), encoding="utf-8")
    horay("batch", str(requests), str(results))
    before = requests.read_bytes(), results.read_bytes()
    for given, told in (
        (results, "line 1: this is a file of results"),
        (other, "line 1: not a line of a batch's results: it is a request"),
    ):
        result = horay("batch", str(given), str(requests), *options)
        assert result.exit_code == ExitCode.FAILED
        assert told in result.stderr
    assert (requests.read_bytes(), results.read_bytes()) == before
    assert len(fault_server.requests) == 3


def test_unfinished_last_line(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Is told and left alone, with the status of a batch that isn't done; it is sent once it is whole."""
    whole = line(3)
    before = requests.read_text(encoding="utf-8")
    requests.write_text(before + whole[:-20], encoding="utf-8")
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.PARTLY
    assert "3 of 3 finished, 0 failed" in result.stderr
    told = " ".join(result.stderr.split())
    assert f"{requests}: the last line, 4, is unfinished" in told
    assert "--retry-failed" not in told
    assert ids(results) == ["r-0", "r-1", "r-2"]
    requests.write_text(before + whole, encoding="utf-8")
    assert horay("batch", str(requests), str(results)).exit_code == ExitCode.DONE
    assert ids(results) == ["r-0", "r-1", "r-2", "r-3"]
    assert len(fault_server.requests) == 4


def test_damaged_line_of_the_results(
    horay: Horay, requests: Path, results: Path, fault_server: FaultServer
) -> None:
    """Is told with its number."""
    horay("batch", str(requests), str(results))
    first, second, third = results.read_bytes().splitlines()
    results.write_bytes(b"\n".join((first, second[:-9], third, b"")))
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.DONE
    assert "out.jsonl, line 2: can't be read" in result.stderr
    assert len(fault_server.requests) == 4


@pytest.mark.parametrize("given", ["0", "many", "-1", "1.5"])
def test_concurrency(
    given: str, requests: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number of requests at once that is none."""
    arguments = ["batch", str(requests), str(results), "--concurrency", given]
    assert app.run(arguments) == ExitCode.USAGE
    assert 'must be "auto" or a whole number above 0' in capsys.readouterr().err


def test_results_need_a_file(horay: Horay, requests: Path, fault_server: FaultServer) -> None:
    """`-` can't be read again at the next start."""
    result = horay("batch", str(requests), "-")
    assert result.exit_code == ExitCode.USAGE
    assert "it must be a file, not -" in result.stderr
    assert not fault_server.requests


def test_name_of_a_folder(horay: Horay, requests: Path, results: Path) -> None:
    """One that ends in a slash isn't the name of a file, whether or not there is such a folder."""
    result = horay("batch", str(requests), f"{results}/")
    assert result.exit_code == ExitCode.USAGE
    assert "names a folder" in result.stderr
    assert not results.exists()


@pytest.mark.parametrize("arguments", [["", "out"], ["in", ""]])
def test_empty_name(horay: Horay, arguments: list[str]) -> None:
    """Isn't taken for the folder."""
    result = horay("batch", *arguments)
    assert result.exit_code == ExitCode.USAGE
    assert "it must name a file; it is empty" in result.stderr


def test_file_that_is_called_like_standard_input(
    horay: Horay, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./-` is that file, as IN and as OUT; only `-` itself isn't."""
    monkeypatch.chdir(tmp_path)
    requests.rename("-")
    assert horay("batch", "./-", "out").exit_code == ExitCode.DONE
    assert ids(Path("out")) == ["r-0", "r-1", "r-2"]
    Path("-").rename("in")
    assert horay("batch", "in", "./-").exit_code == ExitCode.DONE
    assert ids(Path("-").absolute()) == ["r-0", "r-1", "r-2"]


def test_lines_of_progress(
    horay: Horay,
    requests: Path,
    results: Path,
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Off a terminal a line now and then tells how far it is."""
    gate = Gate()
    fault_server.add(*[Reply("x", faults=(Delay(gate),))] * 3)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    told: list[str] = []

    def note(text: str) -> None:
        told.append(text)
        gate.open()

    monkeypatch.setattr(progress, "note", note)
    assert horay("batch", str(requests), str(results)).exit_code == ExitCode.DONE
    assert told[0] == "0 of 3 · 0.0/s · 0 tokens · 0 failed"


def test_wait_that_the_server_asks_for(
    horay: Horay,
    requests: Path,
    results: Path,
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Is told, until when and why."""
    fault_server.add(error(429, "slow down", retry_after=1))
    monkeypatch.setattr(sender, "TOLD_AFTER", 0.1)
    result = horay("batch", str(requests), str(results))
    assert result.exit_code == ExitCode.DONE
    told = [line for line in result.stderr.splitlines() if "asks to wait until" in line]
    assert len(told) == 1
    assert told[0].endswith("(429 from POST /chat/completions: slow down)")


@pytest.mark.usefixtures("_bare_environment")
def test_local_model(requests: Path, results: Path) -> None:
    """`--local` runs it on the local model."""
    result = bare_horay("batch", str(requests), str(results), "--local")
    assert (result.exit_code, ids(results)) == (ExitCode.DONE, ["r-0", "r-1", "r-2"])
    assert "SmolLM2" in results.read_text(encoding="utf-8")


if sys.platform != "win32":
    from .process import PATIENCE, Terminal, in_shell, start

    def test_standard_input(requests: Path, results: Path, fault_server: FaultServer) -> None:
        """`-` is what comes through a pipe; the same command goes on."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        for told in ("3 of 3 finished, 0 failed", "3 of 3 finished (3 in earlier runs), 0 failed"):
            process = start(
                "batch", "-", str(results), environment=environment, stdin=subprocess.PIPE
            )
            _, err = process.communicate(requests.read_text(encoding="utf-8"), timeout=PATIENCE)
            assert process.returncode == ExitCode.DONE
            assert err.startswith(told)
            assert ids(results) == ["r-0", "r-1", "r-2"]
        assert len(fault_server.requests) == 3
        process = start("batch", "-", str(results), environment=environment, stdin=subprocess.PIPE)
        _, err = process.communicate("nonsense\n", timeout=PATIENCE)
        assert process.returncode != ExitCode.DONE
        assert err.startswith("horay: standard input, line 1: not a JSON object")
        assert 'a request is {"custom_id": "a", "method": "POST",' in " ".join(err.split())

    @pytest.mark.parametrize(
        ("redirected", "name"), [(">", "standard output"), ("2>", "standard error")]
    )
    def test_results_where_a_standard_stream_goes(
        requests: Path, results: Path, fault_server: FaultServer, redirected: str, name: str
    ) -> None:
        """What is written there would go over them: nothing is sent."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        command = f"batch '{requests}' '{results}' --json {redirected} '{results}'"
        status, err = in_shell(command, environment)
        assert status == ExitCode.USAGE
        told = " ".join((err + results.read_text(encoding="utf-8")).split())
        assert f"is where {name} goes: give the results a file of their own" in told
        assert not fault_server.requests

    def test_interrupt(requests: Path, results: Path, fault_server: FaultServer) -> None:
        """A second Ctrl-C stops it at once, and it is told what failed and how to go on; then only what is missing is sent."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        gate = Gate()
        fault_server.add(error(400, "no such field"), *[Reply("x", faults=(Delay(gate),))] * 2)
        command = ("batch", str(requests), str(results), "--concurrency", "1")
        process = start(*command, environment=environment)
        fault_server.wait_for_requests(2, timeout=PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told == "waiting for the request under way; Ctrl-C again leaves it\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        gate.open()
        assert (process.returncode, out) == (ExitCode.INTERRUPTED, "")
        assert err == (
            "the error: 400 from POST /chat/completions: no such field\n"
            "horay: stopped with 1 of 3 finished, 1 failed; the same command goes on from there\n"
        )
        assert ids(results) == ["r-0"]
        again = start(*command, "--retry-failed", environment=environment)
        _, err = again.communicate(timeout=PATIENCE)
        assert (again.returncode, ids(results)) == (ExitCode.DONE, ["r-0", "r-1", "r-2"])
        assert err.startswith("3 of 3 finished, 0 failed")

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_under_way_is_waited_for(
        requests: Path, results: Path, fault_server: FaultServer, name: str
    ) -> None:
        """What is under way when a signal comes is finished, and nothing else is sent: both runs send each request once."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        number, gate = getattr(signal, name), Gate()
        fault_server.add(*[Reply("x", faults=(Delay(gate),))] * 2)
        command = ("batch", str(requests), str(results), "--concurrency", "2")
        process = start(*command, environment=environment)
        fault_server.wait_for_requests(2, timeout=PATIENCE)
        process.send_signal(number)
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told == "waiting for the 2 requests under way; Ctrl-C again leaves them\n"
        if name == "SIGHUP":  # the shell tells of a closed terminal as well
            process.send_signal(number)
        gate.open()
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == (ExitCode.INTERRUPTED if name == "SIGINT" else -number)
        stopped = "stopped with 2 of 3 finished, 0 failed; the same command goes on from there\n"
        assert err.endswith(f"horay: {stopped}")
        assert len(ids(results)) == 2
        again = start(*command, environment=environment)
        _, err = again.communicate(timeout=PATIENCE)
        assert (again.returncode, ids(results)) == (ExitCode.DONE, ["r-0", "r-1", "r-2"])
        assert len(fault_server.requests) == 3

    def test_nothing_under_way(requests: Path, results: Path, fault_server: FaultServer) -> None:
        """Where requests only wait to be sent, Ctrl-C ends it at once."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        with Terminal(
            *("batch", str(requests), str(results), "--rpm", "0.001"), environment=environment
        ) as terminal:
            terminal.until("1/3")
            terminal.signal(signal.SIGINT)
            terminal.until("stopped with 1 of 3 finished")
            assert terminal.end() == ExitCode.INTERRUPTED
        assert "waiting for" not in terminal.output
        assert len(fault_server.requests) == 1

    def test_typed_requests(requests: Path, results: Path, fault_server: FaultServer) -> None:
        """A terminal is told what is waited for; one Ctrl-D ends it, and no bar is drawn over what is typed."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        with Terminal("batch", "-", str(results), environment=environment) as terminal:
            terminal.until("Ctrl-D ends them")
            terminal.type(requests.read_text(encoding="utf-8") + "\x04")
            terminal.until("3 of 3 finished, 0 failed")
            assert terminal.end() == ExitCode.DONE
        assert "━" not in terminal.output
        assert ids(results) == ["r-0", "r-1", "r-2"]

    def test_stopped_while_it_reads(results: Path, fault_server: FaultServer) -> None:
        """No totals are told that aren't known: there may be results from earlier."""
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        with Terminal("batch", "-", str(results), environment=environment) as terminal:
            terminal.until("Ctrl-D ends them")
            terminal.signal(signal.SIGINT)
            terminal.until("stopped")
            assert terminal.end() == ExitCode.INTERRUPTED
        assert "finished" not in terminal.output

    def test_bar(requests: Path, results: Path, fault_server: FaultServer) -> None:
        """On a terminal a bar shows it, and goes when all is done."""
        gate = Gate()
        fault_server.add(*[Reply("x", faults=(Delay(gate),))] * 3)
        environment = {
            "HORAY_API_KEY": fault_server.api_key,
            "HORAY_BASE_URL": fault_server.base_url,
        }
        command = ("batch", str(requests), str(results))
        with Terminal(*command, environment=environment) as terminal:
            terminal.until("0/3")
            terminal.until("0 failed, 0 tokens")
            terminal.until("━" * 20)
            gate.open()
            terminal.until("3 of 3 finished, 0 failed, in 0:0")
            assert terminal.end() == ExitCode.DONE


def test_help_shows_a_line_that_can_be_sent(
    horay: Horay, fault_server: FaultServer, tmp_path: Path, results: Path
) -> None:
    """The line in the help, copied from there, is a request."""
    text = " ".join(horay("batch", "--help").stdout.split())
    shown, _ = json.JSONDecoder().raw_decode(text.partition("A line of IN: ")[2])
    file = tmp_path / "copied.jsonl"
    file.write_text(json.dumps(shown) + "\n")
    assert horay("batch", str(file), str(results)).exit_code == ExitCode.DONE
    [request] = fault_server.requests
    assert request.path == "/chat/completions"
    assert request.json() == shown["body"]
