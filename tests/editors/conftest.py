"""One language server for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .language_server import LanguageServer


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """pyright's language server."""
    server = LanguageServer(tmp_path_factory.mktemp("editors"))
    yield server
    server.close()
