"""Each example runs and prints what it is there to show."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from horay_async.testing import FaultServer
from tests.processes import printed_by, run_python

from .conftest import EXAMPLES, Command, Run

SERVED = {"service.py", "service_starlette.py"}  # runs until it is stopped: test_service.py
SHARED = {"connect.py", "grace.py"}  # imported by the others


def is_png(path: Path) -> bool:
    """Whether there is a picture, of more than a few bytes."""
    content = path.read_bytes()
    return content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 10_000


def test_quickstart(run: Run, tmp_path: Path) -> None:
    """The newcomer's command: the local model, all operations, both clients."""
    printed = run("quickstart.py")
    first, *_ = printed.splitlines()
    assert first.startswith("HORAY_API_KEY is not set: a small model on this machine responds")
    assert "Account   Local account, balance 1.00" in printed
    assert re.search(r"Models    \S+, local/picture-renderer", printed)
    # Streamed to the terminal, awaited and blocking.
    assert len(re.findall(r"The capital of Germany is Berlin\b", printed)) == 2
    for country, capital in (("Germany", "Berlin"), ("France", "Paris"), ("Japan", "Tokyo")):
        assert re.search(rf"^  {country} +{capital}$", printed, re.MULTILINE)
    assert re.search(r"8 responses in \d+\.\d s", printed)
    assert "no diffusion model" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["island.png"]
    assert is_png(tmp_path / "island.png")


def test_fan_out(run: Run) -> None:
    """Twenty responses, each on its line, and their sum."""
    printed = run("fan_out.py")
    assert "  Germany   Berlin\n" in printed
    assert "failed" not in printed
    assert len(re.findall(r"^  \w+ +\w", printed, re.MULTILINE)) == 20
    assert re.search(r"20 prompts, \d{3} tokens, \d+\.\d s", printed)


def test_blocking(run: Run) -> None:
    """A whole response, a streamed one, and three from threads."""
    printed = run("blocking.py")
    assert re.search(r"\(\d+ tokens, stopped by stop\)", printed)
    assert "Pacific" in printed
    assert re.search(r"^One, two, .*\nMonday, Tuesday,.*\nRed, green,", printed, re.MULTILINE)


def test_error_handling(run: Run) -> None:
    """Each failure ends in the branch that is meant for it."""
    printed = run("error_handling.py")
    for words in (
        "the request is wrong, parameter 'temperature': ",
        "too slow, by the timeout 'total': ",
        "check HORAY_API_KEY: ",
        "no way to the server: ",
        "2 attempts: APIConnectionError after ",
        "was the request run? not_sent",
    ):
        assert words in printed
    assert "it worked" not in printed
    assert "something else" not in printed


def test_image(run: Run, tmp_path: Path) -> None:
    """A picture of one's own choice is saved where it says."""
    printed = run("image.py", "a", "harbour")
    assert '"a harbour", seed 42' in printed
    assert f"saved as {tmp_path / 'image.png'} (" in printed
    assert is_png(tmp_path / "image.png")


def test_typed_answer(run: Run) -> None:
    """An order is seen as it fills, and then as an instance."""
    printed = run("typed_answer.py")
    assert "so far: {" in printed
    assert "whole:  Order(drink=" in printed


def test_tools(run: Run) -> None:
    """The model calls a function, is told what it gives, and responds."""
    printed = run("tools.py")
    assert "-- request 1\n" in printed
    assert re.search(
        r'^forecast\(\{\s*"city":\s*"Oslo"\s*\}\) = snow, -3 deg', printed, re.MULTILINE
    )
    assert "-3 degrees" in printed.partition("-- request 2\n")[2]


def test_describe_image(
    run: Run, environment: dict[str, str], tmp_path: Path, fault_server: FaultServer
) -> None:
    """A file is shown to the model, and the question that follows it carries what was said."""
    environment["HORAY_API_KEY"] = fault_server.api_key
    environment["HORAY_BASE_URL"] = fault_server.base_url
    (tmp_path / "island.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    fault_server.reply("An island.")
    fault_server.reply("Green and blue.")
    assert run("describe_image.py", "a-model", "island.png") == "An island.\nGreen and blue.\n"
    first, second = (request.json()["messages"] for request in fault_server.requests)
    assert first[1]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert second[:2] == first
    assert second[2]["content"] == "An island."


def test_describe_image_says_what_it_needs() -> None:
    """Without a model and a picture it prints how to use it, and no traceback."""
    script = EXAMPLES / "describe_image.py"
    ended = run_python(script)
    assert (ended.returncode, ended.stderr) == (
        1,
        "usage: python examples/describe_image.py MODEL PICTURE\n",
    )


def test_ray_dataset(environment: dict[str, str], tmp_path: Path) -> None:
    """Every row of the dataset is answered. Ray writes to standard error, and warns of its own settings."""
    pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")
    printed = printed_by(EXAMPLES / "ray_dataset.py", cwd=tmp_path, env=environment)
    assert re.search(r"^  Germany +Berlin$", printed, re.MULTILINE)
    assert "failed" not in printed
    assert re.search(r"^9 prompts, \d{2} tokens$", printed, re.MULTILINE)


def test_no_weights(command: Command, environment: dict[str, str], tmp_path: Path) -> None:
    """Without a key and without a model an example says so in one line, not in a traceback."""
    environment["HORAY_LOCAL_MODEL"] = str(tmp_path / "none.gguf")
    done = subprocess.run(
        command("image.py"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"The model file .*none\.gguf can't be read: .*\n", done.stderr)


def test_none_forgotten() -> None:
    """Every example is run by a test of its name."""
    tested = {f"{name.removeprefix('test_')}.py" for name in globals() if name.startswith("test_")}
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names - SERVED - SHARED <= tested
    assert names >= SERVED | SHARED
