"""Every Python block of the README and of the guide runs, page by page, as a reader would type it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from horay_async.local import LocalServer
from horay_async.testing.canned import PNG

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "examples/guide").rglob("*.md"))]
PRINTED = {
    "README.md": ["Berlin", "Local account"],
    "examples/guide/tutorial.md": ["Germany", "404"],
}
"""What some of the pages promise to print, by their place."""

REQUIRES = re.compile(r"^<!-- requires: ([\w, ]+) -->$", re.MULTILINE)
"""Names modules that a page needs and the extra `test` doesn't bring: tox has environments for these."""


def blocks(page: Path) -> list[str]:
    """The Python blocks of a page. Those marked `py` are only read."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


RUN = [page for page in PAGES if any("def test_" not in block for block in blocks(page))]
TESTED = [page for page in PAGES if any("def test_" in block for block in blocks(page))]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def local_server() -> Iterator[LocalServer]:
    """The server that the pages talk to."""
    with LocalServer() as server:
        yield server


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, local_server: LocalServer) -> None:
    """What a reader has set up: a key, a server, and a folder to work in, with the picture of a page before."""
    monkeypatch.setenv("HORAY_API_KEY", local_server.api_key)
    monkeypatch.setenv("HORAY_BASE_URL", local_server.base_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "island.png").write_bytes(PNG)


def skip_without(page: Path) -> None:
    """Skips a page whose modules aren't installed here."""
    for found in REQUIRES.findall(page.read_text(encoding="utf-8")):
        for module in found.split(", "):
            if find_spec(module) is None:
                pytest.skip(f"the page is about {module}: `tox -e {module}` runs it")


@pytest.mark.anyio
@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("page", RUN, ids=name_of)
async def test_blocks_run(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks run from the first to the last, and print what the page promises."""
    skip_without(page)
    # A module of its own: annotations are looked up in the module that a class says it is of.
    module = types.ModuleType("__page__")
    monkeypatch.setitem(sys.modules, "__page__", module)
    names: dict[str, Any] = vars(module)
    for block in blocks(page):
        if "def test_" in block:
            continue
        if "asyncio.run(" in block:  # a script of its own, or a part of one: it makes its own loop
            await _in_thread(block, page, names)
            continue
        code = compile(block, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)  # the whole point: this is the page's own code
        if inspect.iscoroutine(outcome):
            await outcome
    printed = capsys.readouterr().out
    for promised in PRINTED.get(name_of(page), []):
        assert promised in printed


async def _in_thread(block: str, page: Path, names: dict[str, Any]) -> None:
    code = compile(block, str(page), "exec")
    await asyncio.to_thread(eval, code, names)


@pytest.mark.parametrize("page", TESTED, ids=name_of)
def test_its_tests_pass(page: Path, pytester: pytest.Pytester) -> None:
    """The tests that a page shows pass, with the plugin that is loaded where the package is installed."""
    skip_without(page)
    tests = [block for block in blocks(page) if "def test_" in block]
    pytester.makeconftest(
        "import pytest\n\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
    )
    pytester.makepyfile(*tests)
    passed = sum(len(re.findall(r"^(?:async )?def test_", test, re.MULTILINE)) for test in tests)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=passed)


def test_pages_are_found() -> None:
    """There are pages with blocks to run and with tests to pass."""
    assert len(RUN) > 10
    assert TESTED


def test_index_links_to_every_page() -> None:
    """Every page of the site's navigation that lies in the guide can be reached from its first page."""
    guide = ROOT / "examples/guide"
    config = (ROOT / ".ci/docs/mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r": ([\w/]+\.md)$", config, re.MULTILINE)
    pages = {page for page in named if (guide / page).is_file()} - {"index.md"}
    index = (guide / "index.md").read_text(encoding="utf-8")
    assert len(pages) > 40
    assert pages - set(re.findall(r"\]\(([\w/]+\.md)", index)) == set()


def test_where_decisions_are_made() -> None:
    """The files that the page names for them exist, and what it names in them is there."""
    text = (ROOT / "examples/guide/explanations/walk.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2] for line in text.split("\n") if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        source = ""
        for path in re.findall(r"`([\w/]+\.py)`", row):
            [module] = (ROOT / "horay_async").rglob(path)
            source += module.read_text(encoding="utf-8")
        for name in re.findall(r"\(`([\w.]+)`\)", row):
            for part in name.split("."):
                assert re.search(rf"(class|def) {part}\b", source), name
