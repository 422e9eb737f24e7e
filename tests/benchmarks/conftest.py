"""A stub server for all the tests of the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import running


@pytest.fixture(scope="session")
def stub() -> Iterator[str]:
    """The stub's URL. It sleeps between requests here: nothing is measured."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(running, "cores", list[int])
        with running.stub_server() as url:
            yield url
