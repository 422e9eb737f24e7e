"""Which hosts a server with a well-known key responds to."""

from __future__ import annotations

import aiohttp
import pytest

from horay_async.local import LocalServer
from horay_async.local.hosts import is_own, name_of


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("LocalHost:8000", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("evil.example.:80", "evil.example"),
        ("", ""),
    ],
)
def test_name(header: str, name: str) -> None:
    """A name comes without its port, brackets, final dot and capitals."""
    assert name_of(header) == name


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.7", True),
        ("devbox.internal", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_own(name: str, own: bool) -> None:
    """Addresses, localhost and the name it was told to listen on are a server's own."""
    assert is_own(name, "DevBox.internal") is own


def test_no_host() -> None:
    """A server on every interface has no name of its own."""
    assert not is_own("", "")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/v1/models", "/pictures/x.png", "/"])
async def test_rebound_name(server: LocalServer, path: str) -> None:
    """With the well-known key a foreign name is refused whatever the path and the key."""
    headers = {"Authorization": f"Bearer {server.api_key}", "Host": "evil.example:8000"}
    url = server.base_url.removesuffix("/v1") + path
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as response,
    ):
        assert response.status == 403
        error = (await response.json())["error"]
    assert "'evil.example'" in error["message"]
    assert error["code"] == "host_not_allowed"


@pytest.mark.anyio
async def test_own_key() -> None:
    """Who sets a key of their own may put the server behind any name."""
    async with LocalServer(threads=1, slots=1, api_key="own") as server:
        headers = {"Authorization": "Bearer own", "Host": "models.example"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(server.base_url + "/models") as response,
        ):
            assert response.status == 200
