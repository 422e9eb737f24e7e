"""What differs between systems, shown on the one that the tests run on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(sys.platform == "win32", reason="it is the real thing")
def test_works_with_what_windows_has() -> None:
    """Every module loads, and calls, streams and batches work, with the names that Python has on Windows."""
    command = [sys.executable, "-W", "error", "-m", "tests.as_windows"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d{3} modules\n", done.stdout)
