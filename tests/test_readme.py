"""Every Python block of the README runs, in order and in one namespace, as a reader would type them."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from horay_async.local import LocalServer

pytest_plugins = ["pytester"]

README = Path(__file__).parents[1] / "README.md"
ALL = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
BLOCKS = [block for block in ALL if "def test_" not in block]
TESTS = [block for block in ALL if "def test_" in block]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a reader has set up: a key, a server, and a folder to work in."""
    with LocalServer() as server:
        monkeypatch.setenv("HORAY_API_KEY", server.api_key)
        monkeypatch.setenv("HORAY_BASE_URL", server.base_url)
        monkeypatch.chdir(tmp_path)
        yield


@pytest.mark.anyio
@pytest.mark.usefixtures("settings")
async def test_blocks_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks run from the first to the last, and print what they promise."""
    assert len(BLOCKS) >= 8
    # A module of its own: annotations are looked up in the module that a class says it is of.
    module = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    names: dict[str, Any] = vars(module)
    for block in BLOCKS:
        code = compile(block, str(README), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)  # the whole point: this is the README's own code
        if inspect.iscoroutine(outcome):
            await outcome
    printed = capsys.readouterr().out
    assert "Local account" in printed
    assert "Berlin" in printed
    assert os.path.getsize("island.png") > 1000


def test_its_tests_pass(pytester: pytest.Pytester) -> None:
    """The tests that the README shows pass, with the plugin that is loaded where the package is installed."""
    pytester.makeconftest(
        "import pytest\n\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
    )
    pytester.makepyfile(*TESTS)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=4)
