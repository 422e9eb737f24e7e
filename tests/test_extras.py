"""A missing extra is named in one sentence, wherever it is missed."""

from __future__ import annotations

import re

import pytest

from horay_async._extras import missing_extra
from tests.processes import run_python


def test_sentence() -> None:
    """It names the part, what is missing, and what to type."""
    assert missing_extra("It", "x", "sys", "xml.dom") is None
    assert missing_extra("It", "x", "sys", "no_such_a", "no_such_b.c") == (
        "It needs no_such_a and no_such_b.c: pip install 'horay-async[x]'"
    )


@pytest.mark.parametrize(
    ("statement", "missing", "extra"),
    [
        ("import horay_async.integrations.ray", "ray", "ray"),
        ("import horay_async.integrations.ray", "pyarrow", "ray"),
        ("import horay_async.integrations.otel", "opentelemetry", "otel"),
        ("import horay_async.integrations.httpx2", "httpx2", "httpx2"),
        ("import horay_async.integrations.openai", "openai", "openai"),
        ("import horay_async.integrations.openai", "httpx2", "openai"),
        ("from horay_async.cli import main; main()", "typer", "cli"),
        ("from horay_async.cli import main; main()", "rich", "cli"),
        ("from horay_async.cli import main; main()", "platformdirs", "cli"),
        ("import horay_async.local.__main__", "typer", "local"),
        ("from horay_async.local import LocalServer\nwith LocalServer(): 0", "xllamacpp", "local"),
    ],
)
def test_extra_is_named(statement: str, missing: str, extra: str) -> None:
    """The last line says so, with no second sentence."""
    code = f"import sys; sys.modules[{missing!r}] = None\n{statement}"
    done = run_python("-c", code)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.search(
        rf"needs (\S+ and )?{missing}\S*( and \S+)?: pip install 'horay-async\[{extra}\]'$", last
    ), last
