"""The ways to a server: TLS, proxies, and what the environment says of them."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from horay_async import APIConnectionError, AsyncHoray, ConfigurationError
from horay_async.testing import FaultServer, Stall, TLSKind, stream

from .tunnel import Tunnel, tunnel

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = pytest.mark.anyio


@pytest.fixture
def secure_server(fault_server: FaultServer) -> Iterator[FaultServer]:
    """A server with a good certificate."""
    with FaultServer(tls="good", api_key=fault_server.api_key) as server:
        yield server


@pytest.fixture
async def proxy() -> AsyncIterator[Tunnel]:
    """A tunnelling proxy."""
    async with tunnel() as running:
        yield running


async def test_private_authority(secure_server: FaultServer, connect: Connect) -> None:
    """With the context of a private authority its servers are reached, over one connection."""
    async with connect(
        base_url=secure_server.base_url, ssl_context=secure_server.ssl_context
    ) as client:
        for _ in range(3):
            await client.models.list()
    assert len(secure_server.connections) == 1


async def test_handshake_that_ends(connect: Connect) -> None:
    """A server that closes while TLS is set up says nothing, and the error says that."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, connect(base_url=f"https://{host}:{port}/v1", retries=0) as client:
        with pytest.raises(APIConnectionError, match=r": the server (closed|reset) the") as raised:
            await client.models.list()
    assert raised.value.execution == "not_sent"


@pytest.mark.parametrize("kind", ["wrong_name", "expired", "old"])
async def test_certificates_that_are_not_accepted(kind: TLSKind, connect: Connect) -> None:
    """A wrong name, an expired certificate and an old protocol end the call, with nothing sent."""
    with FaultServer(tls=kind) as server:
        async with connect(
            base_url=server.base_url, ssl_context=server.ssl_context, retries=1
        ) as client:
            with pytest.raises(APIConnectionError) as raised:
                await client.models.list()
    assert raised.value.execution == "not_sent"
    assert isinstance(raised.value.__cause__, ssl.SSLError | OSError)
    assert not server.requests


async def test_certificates_are_checked_by_default(
    secure_server: FaultServer, connect: Connect
) -> None:
    """Without a context the system's authorities decide, and they don't know this one."""
    async with connect(base_url=secure_server.base_url) as client:
        with pytest.raises(APIConnectionError, match="certificate") as raised:
            await client.models.list()
    assert raised.value.execution == "not_sent"


async def test_https_where_there_is_no_tls(connect: Connect) -> None:
    """A port that speaks plain HTTP is told as that, not by OpenSSL's name for it."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(base_url=f"https://127.0.0.1:{port}/v1") as client:
            with pytest.raises(
                APIConnectionError, match="speaks plain HTTP, not TLS: write http://"
            ) as raised:
                await client.models.list()
    assert (raised.value.execution, raised.value.transient) == ("not_sent", False)


async def test_leaving_a_stream_over_tls(secure_server: FaultServer, connect: Connect) -> None:
    """The server sees the end of a stream that was left at once, as on plain connections."""
    secure_server.add(stream(["a", Stall()]))
    async with connect(
        base_url=secure_server.base_url, ssl_context=secure_server.ssl_context
    ) as client:
        async for _ in await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        ):
            break
        await secure_server.until_closed(1)


async def test_tunnel_to_https(secure_server: FaultServer, connect: Connect, proxy: Tunnel) -> None:
    """HTTPS goes through a proxy end to end: it never sees the key, and its password goes to it alone."""
    async with connect(
        base_url=secure_server.base_url,
        ssl_context=secure_server.ssl_context,
        proxy=proxy.url.replace("//", "//user:secret@"),
    ) as client:
        await client.models.list()
        await client.models.list()
    (head,) = proxy.heads
    assert head.startswith("CONNECT 127.0.0.1:")
    assert secure_server.api_key not in head
    assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head
    for request in secure_server.requests:
        assert request.headers["Authorization"] == f"Bearer {secure_server.api_key}"
        assert "Proxy-Authorization" not in request.headers


async def test_proxy_that_refuses(connect: Connect, proxy: Tunnel) -> None:
    """A proxy that won't tunnel is named as the cause, and nothing was sent."""
    proxy.refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with connect(base_url="https://api.example/v1", proxy=proxy.url) as client:
        with pytest.raises(APIConnectionError, match="proxy responded with 407") as raised:
            await client.models.list()
    assert raised.value.execution == "not_sent"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the proxy's response to CONNECT isn't valid HTTP"),
        (
            b"HTTP/1.1 200 X\r\nA: " + 2**17 * b"x",
            "the proxy's response to CONNECT has a head that",
        ),
        (
            b"\n",
            "the server, or a proxy before it, closed the connection before the request was sent",
        ),
    ],
)
async def test_proxy_that_is_none(
    connect: Connect, proxy: Tunnel, refusal: bytes, said: str
) -> None:
    """What responds before anything was sent is the proxy, not the API."""
    proxy.refusal = refusal
    async with connect(base_url="https://api.example/v1", proxy=proxy.url) as client:
        with pytest.raises(APIConnectionError, match=said) as raised:
            await client.models.list()
    assert raised.value.execution == "not_sent"


async def test_proxy_that_is_down(fault_server: FaultServer, connect: Connect) -> None:
    """A proxy that isn't there means that nothing was sent."""
    async with tunnel() as proxy:
        gone = proxy.url
    async with connect(proxy=gone, retries=1) as client:
        with pytest.raises(APIConnectionError, match="can't connect to the proxy 127") as raised:
            await client.images.generate(model="m", prompt="p", image_size="1024x1024")
    assert raised.value.execution == "not_sent"
    assert len(raised.value.attempts) == 2
    assert not fault_server.requests


async def test_plain_http_through_a_proxy(fault_server: FaultServer, connect: Connect) -> None:
    """Plain HTTP is passed on by the proxy, which is told the whole URL."""
    async with connect(
        base_url="http://api.example/v1", allow_insecure_http=True, proxy=fault_server.origin
    ) as client:
        await client.models.list()
    (request,) = fault_server.requests
    assert request.target == "http://api.example/v1/models"


async def test_plain_http_through_a_proxy_with_a_password(
    fault_server: FaultServer, connect: Connect
) -> None:
    """The proxy gets its password, and the key is in the header of its own."""
    async with connect(
        base_url="http://api.example/v1",
        allow_insecure_http=True,
        proxy=fault_server.origin.replace("//", "//us%C3%A9r:s%40cret@"),
    ) as client:
        await client.models.list()
    (request,) = fault_server.requests
    account = b64encode("usér:s@cret".encode("latin1")).decode()
    assert request.headers["Proxy-Authorization"] == f"Basic {account}"
    assert request.headers["Authorization"] == f"Bearer {fault_server.api_key}"


async def test_proxy_password_in_local_variables(connect: Connect) -> None:
    """Who records those of the frames of a failed call doesn't record the password."""
    async with tunnel() as proxy:
        gone = proxy.url
    async with connect(proxy=gone.replace("//", "//user:pr0xy-s3cret@")) as client:
        try:
            await client.models.list()
        except APIConnectionError as error:
            told: BaseException | None = error
        else:
            pytest.fail("the proxy isn't there")
    shown = list[str]()
    while told is not None:
        frames = traceback.StackSummary.extract(
            traceback.walk_tb(told.__traceback__), capture_locals=True
        )
        shown += [value for frame in frames for value in (frame.locals or {}).values()]
        told = told.__cause__
    assert any("127.0.0.1" in value for value in shown)
    assert not any(
        secret in value
        for value in shown
        for secret in ("s3cret", b64encode(b"user:pr0xy-s3cret").decode()[:-4])
    )


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "proxy.example:3128", "http://"])
def test_proxies_that_cannot_be_used(connect: Connect, proxy: str) -> None:
    """What isn't the URL of an HTTP proxy is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="proxy"):
        connect(proxy=proxy)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies, and with a `.netrc` that has a password for everything."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    return monkeypatch


async def test_proxy_of_the_environment(
    secure_server: FaultServer,
    connect: Connect,
    proxy: Tunnel,
    environment: pytest.MonkeyPatch,
) -> None:
    """With `trust_env` the environment names the proxy, and `.netrc` its password; without, neither."""
    environment.setenv("HTTPS_PROXY", proxy.url)

    async def ask(*, trust_env: bool) -> None:
        async with connect(
            base_url=secure_server.base_url,
            ssl_context=secure_server.ssl_context,
            trust_env=trust_env,
        ) as client:
            await client.models.list()
            await client.models.list()

    await ask(trust_env=False)
    assert not proxy.heads
    await ask(trust_env=True)
    (head,) = proxy.heads
    assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head
    environment.setenv("NO_PROXY", "127.0.0.1")
    await ask(trust_env=True)
    assert len(proxy.heads) == 1


@pytest.mark.usefixtures("environment")
async def test_netrc_does_not_touch_the_key(fault_server: FaultServer, connect: Connect) -> None:
    """A password for the API's own host, in a `.netrc`, doesn't take the key's place."""
    async with connect(trust_env=True) as client:
        await client.models.list()
    (request,) = fault_server.requests
    assert request.headers["Authorization"] == f"Bearer {fault_server.api_key}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_names_are_looked_up(fault_server: FaultServer, connect: Connect, host: str) -> None:
    """A name is as good as an address."""
    url = fault_server.base_url.replace("127.0.0.1", host)
    async with connect(base_url=url) as client:
        await client.models.list()
    assert fault_server.requests[0].headers["Host"].startswith(host)


async def test_name_that_does_not_exist() -> None:
    """A host that can't be found means that nothing was sent."""
    async with AsyncHoray("key", base_url="https://nowhere.invalid/v1", max_retries=0) as client:
        with pytest.raises(APIConnectionError, match=r"nowhere\.invalid") as raised:
            await client.models.list()
    assert raised.value.execution == "not_sent"
