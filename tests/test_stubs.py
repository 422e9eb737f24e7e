"""The stubs and the table of parameters are those that the parameter classes make."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import printed_by

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / ".ci" / "stubs.py"

pytest.importorskip("ruff", reason="formats what is generated")


def generator() -> Any:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("stubs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stubs"] = module
    spec.loader.exec_module(module)
    return module


def test_stubs_are_in_step() -> None:
    """What is generated is what lies there: a parameter is changed in its class, and the script run."""
    printed_by(SCRIPT, "--check")


def test_a_new_parameter_needs_one_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declared in its class, it is in both stubs and in the table, with its type and description."""
    stubs = generator()
    real = Path.read_text

    def edited(self: Path, *args: Any, **kwargs: Any) -> str:
        text = real(self, *args, **kwargs)
        if self == ROOT / "horay_async" / "models" / "completions.py":
            end = '    """Text that comes after the generated one, for models that fill in."""\n'
            assert end in text
            text = text.replace(end, f'{end}    mood: dict[str, int] | None\n    """The mood."""\n')
        return text

    monkeypatch.setattr(Path, "read_text", edited)
    files: dict[Path, str] = stubs.generated()
    for name in ("resources/completions.pyi", "sync.pyi"):
        text = files[ROOT / "horay_async" / name]
        assert "mood: dict[str, int] | None = ..." in text
        assert "mood: The mood." in text
    assert '"mood: dict[str, int] | None = ...": "The mood."' in files[stubs.TABLE]


def test_undescribed_parameter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter without a description below it stops the script, which names it."""
    stubs = generator()
    real = Path.read_text

    def edited(self: Path, *args: Any, **kwargs: Any) -> str:
        text = real(self, *args, **kwargs)
        return text.replace('    """What the picture shows."""\n', "")

    monkeypatch.setattr(Path, "read_text", edited)
    with pytest.raises(SystemExit, match=r"ImageParams\.prompt has no description"):
        stubs.generated()


def test_run_time_and_stub_agree() -> None:
    """`inspect` tells the parameters of a method in the order of its stub."""
    from horay_async.sync import Horay  # noqa: PLC0415 - made here

    stubs = generator()
    function = stubs.functions(stubs.definitions("horay_async.client")["AsyncHoray"], "__init__")[0]
    listed = [parameter.name for parameter in stubs.parameters("horay_async.client", function, {})]
    assert [*inspect.signature(Horay.__init__).parameters] == listed
