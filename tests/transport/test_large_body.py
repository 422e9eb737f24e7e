"""A large body is decoded beside the loop, which goes on meanwhile; a small one at once."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from horay_async import APIConnectionError, APIError, APIResponseError, AsyncHoray
from horay_async._protocol.wire.decode import Decoder
from horay_async._protocol.wire.size_limits import LARGE_BODY, LARGE_BROKEN_BODY

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]


async def ask(body: bytes, *, missing: int = 0, **options: Any) -> Any:
    """A call that is answered with `body`, of which so many bytes are `missing`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body) + missing, body)
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with AsyncHoray("key-for-the-test", base_url=url, max_retries=0, **options) as client:
            return await client.completions.create(model="m", prompt="p")


def completion(text: str) -> bytes:
    """A response with this text."""
    return b'{"id": "1", "choices": [{"text": "%b", "finish_reason": "stop"}]}' % text.encode()


@pytest.mark.parametrize(
    ("size", "cut", "beside"),
    [
        (10, False, False),
        (LARGE_BROKEN_BODY, False, False),
        (LARGE_BODY, False, True),
        (10, True, False),
        (LARGE_BROKEN_BODY, True, True),
    ],
)
async def test_thread(monkeypatch: pytest.MonkeyPatch, size: int, cut: bool, beside: bool) -> None:
    """While a large body is decoded, the loop runs on: the decoding here waits for that. One that was cut takes longer."""
    loop, here = asyncio.get_running_loop(), threading.current_thread()
    kind: Any = Decoder
    real = kind.decode
    seen: list[bool] = []

    def decode(self: Any, data: bytes, **options: Any) -> Any:
        seen.append(threading.current_thread() is not here)
        if seen[-1]:
            ran = threading.Event()
            loop.call_soon_threadsafe(ran.set)
            assert ran.wait(10)
        return real(self, data, **options)

    monkeypatch.setattr(Decoder, "decode", decode)
    if cut:
        with pytest.raises(APIConnectionError) as caught:
            await ask(completion("x" * size), missing=True)
        response = caught.value.partial
    else:
        response = await ask(completion("x" * size))
    assert response.choices[0].text == "x" * size
    assert set(seen) == {beside}


@pytest.mark.parametrize("cut", [False, True])
async def test_process_that_can_start_no_thread(monkeypatch: pytest.MonkeyPatch, cut: bool) -> None:
    """A container may limit them. The body is decoded on the loop: the response is paid for."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    if cut:
        with pytest.raises(APIConnectionError) as caught:
            await ask(completion("x" * LARGE_BODY), missing=True)
        response = caught.value.partial
    else:
        response = await ask(completion("x" * LARGE_BODY))
    assert response.choices[0].text == "x" * LARGE_BODY
    with pytest.raises(APIResponseError, match="isn't valid JSON"):
        await ask(b"{" + b" " * LARGE_BODY)


async def test_error() -> None:
    """What is wrong with a large body is raised as of a small one."""
    with pytest.raises(APIResponseError, match="isn't valid JSON") as caught:
        await ask(b"{" + b" " * LARGE_BODY)
    assert caught.value.execution == "executed"


@pytest.mark.parametrize("kind", ["broken", "error", "cut", "no JSON", "drift"])
async def test_failure_keeps_no_body(kind: str) -> None:
    """No cycle of references holds what a call has failed with, once the caller has dropped it."""
    padding = "x" * LARGE_BODY
    body = {
        "broken": b'{"choices": ["%b"' % padding.encode(),
        "error": b'{"error": {"message": "%b"}}' % padding.encode(),
        "cut": completion(padding),
        "no JSON": padding.encode(),
        "drift": b'{"odd": "%b", "choices": [{"text": "a"}]}' % padding.encode(),
    }[kind]
    kept: list[weakref.ref[BaseException]] = []

    async def fail() -> None:
        try:
            await ask(body, missing=kind == "cut", strict="raise" if kind == "drift" else None)
        except APIError as error:
            kept.append(weakref.ref(error))

    gc.collect()
    gc.disable()
    try:
        await fail()
        for thread in threading.enumerate():
            if thread.name == "horay-decode":
                thread.join(20)
        assert [each() for each in kept] == [None]
    finally:
        gc.enable()
