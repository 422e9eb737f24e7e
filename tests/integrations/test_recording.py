"""Recording with vcrpy and pytest-recording: what was recorded is replayed, and the key isn't in it."""

from __future__ import annotations

import asyncio
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from tests.processes import printed_by

pytest.importorskip("vcr", reason="the tox environment `recording`")
pytest.importorskip("pytest_recording", reason="the tox environment `recording`")

from horay_async.testing import (
    FaultServer,
    Request,
    ScriptedResponse,
    cassette_options,
    completion,
    error,
    respond,
)

KEY = "key-of-a-test-0123456789"

SCRIPT = """
import asyncio, sys
import vcr

def texts(stream):
    return "".join(stream.text())

async def awaited(client, large):
    async with client:
        messages = [{"role": "user", "content": "x" * (2**21 if large else 1)}]
        whole = await client.chat.completions.create(model="m", messages=messages)
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        models = await client.models.list()
        return whole.choices[0].message.content, "".join([t async for t in stream.text()]), len(models)

def blocking(client, large):
    with client:
        messages = [{"role": "user", "content": "x" * (2**21 if large else 1)}]
        whole = client.chat.completions.create(model="m", messages=messages)
        stream = client.chat.completions.create(model="m", messages=messages, stream=True)
        return whole.choices[0].message.content, texts(stream), len(client.models.list())

way, url, key, path, mode = sys.argv[1:]
if way.endswith("loaded"):
    import horay_async._transport.transport
with vcr.use_cassette(path, record_mode=mode) as cassette:
    from horay_async import AsyncHoray, Horay
    options = {"base_url": url, "max_retries": 0}
    if way.startswith("blocking"):
        print(blocking(Horay(key, **options), way.endswith("large")))
    else:
        print(asyncio.run(awaited(AsyncHoray(key, **options), way.endswith("large"))))
    assert len(cassette) == 3, len(cassette)
"""


@pytest.mark.parametrize(
    ("way", "ending"),
    [
        ("awaited", "yaml"),
        ("awaited", "json"),
        ("awaited, loaded", "yaml"),
        ("awaited, large", "yaml"),
        ("blocking", "yaml"),
    ],
)
def test_replayed_without_a_server(tmp_path: Path, way: str, ending: str) -> None:
    """A call, a stream and a list are replayed once the server is gone, wherever the client was loaded."""
    cassette = tmp_path / f"one.{ending}"
    serializer = f'vcr.use_cassette(path, record_mode=mode, serializer="{ending}")'
    script = SCRIPT.replace("vcr.use_cassette(path, record_mode=mode)", serializer)
    with FaultServer(api_key=KEY) as server:
        url = server.base_url
        recorded = printed_by("-c", script, way, url, KEY, str(cassette), "once")
        assert len(server.requests) == 3
    text = cassette.read_text(encoding="utf-8")
    assert KEY not in text
    assert "[API key]" in text
    replayed = printed_by("-c", script, way, url, "another-key", str(cassette), "none")
    assert replayed == recorded


@pytest.mark.parametrize("status", [200, 401])
def test_echoed_key_is_masked(tmp_path: Path, status: int) -> None:
    """In bodies and headers of responses, however JSON or a URL spells it; the response itself is as it came."""
    vcr: Any = import_module("vcr")

    from horay_async import AuthenticationError, Horay  # noqa: PLC0415 - as the cassette is in use

    key = "key/of-a-test-0123456789"
    spelled = key.replace("/", "\\/")
    body = f'{{"message": "{key}", "choices": [{{"index": 0, "text": "{spelled}"}}]}}'
    cassette = tmp_path / "echo.yaml"
    with FaultServer(check_key=False) as server:
        headers = {"X-Told": f"?key={quote(key, safe='')}", "X-Key": key}
        server.always(respond(body, status=status, headers=headers))
        url = server.base_url
        for turn in ("record", "replay"):
            with (
                vcr.use_cassette(str(cassette), **cassette_options()),
                Horay(key if turn == "record" else "other-key-0123", base_url=url) as client,
            ):
                if status == 401:
                    with pytest.raises(AuthenticationError):
                        client.completions.create(model="m", prompt="p")
                    continue
                text = client.completions.create(model="m", prompt="p").choices[0].text
                assert text == (key if turn == "record" else "[API key]")
        assert len(server.requests) == 1
    text = cassette.read_text(encoding="utf-8")
    assert text.count("[API key]") == 5
    for spelling in (key, spelled, spelled.replace("\\", "\\\\"), quote(key, safe="")):
        assert spelling not in text


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("padding", [0, 3_000_000])
def test_echoed_key_is_masked_in_a_compressed_body(
    tmp_path: Path, coding: Literal["gzip", "deflate"], padding: int
) -> None:
    """It is recorded unpacked; another body stays as it came."""
    vcr: Any = import_module("vcr")

    from horay_async import AuthenticationError, Horay  # noqa: PLC0415 - as the cassette is in use

    cassette = tmp_path / "echo.yaml"
    told: list[str] = []
    with FaultServer(check_key=False) as server:
        body = json.dumps({"error": {"message": f"wrong key: {KEY}"}, "x": "x" * padding})
        server.add(respond(body, status=401, coding=coding), completion("fine", coding=coding))
        for turn in ("record", "replay"):
            with (
                vcr.use_cassette(str(cassette), **cassette_options()),
                Horay(
                    KEY if turn == "record" else "other-key-0123", base_url=server.base_url
                ) as client,
            ):
                with pytest.raises(AuthenticationError, match="wrong key") as caught:
                    client.completions.create(model="m", prompt="p")
                told.append(str(caught.value))
                assert client.completions.create(model="m", prompt="q").choices[0].text == "fine"
        assert len(server.requests) == 2
    assert told[0] == told[1]
    text = cassette.read_text(encoding="utf-8")
    assert text.count("wrong key: [API key]") == 1
    assert text.lower().count("content-encoding") == 1


def test_requests_at_the_same_time_get_their_own_responses(tmp_path: Path) -> None:
    """Though they are recorded in the order in which they end."""
    vcr: Any = import_module("vcr")

    from horay_async import AsyncHoray, BatchRequest  # noqa: PLC0415 - as the cassette is in use

    cassette = tmp_path / "batch.yaml"

    async def texts(url: str) -> dict[int, str]:
        requests = [BatchRequest.completion(model="m", prompt=f"p{n}") for n in range(4)]
        with vcr.use_cassette(str(cassette), **cassette_options()):
            async with AsyncHoray(KEY, base_url=url) as client:
                run = client.batch.run(requests, concurrency=4)
                return {result.index: result.unwrap().choices[0].text async for result in run}

    def reply(request: Request) -> ScriptedResponse:
        return completion(f"for {request.json()['prompt']}")

    with FaultServer(api_key=KEY) as server:
        server.always(reply)
        recorded = asyncio.run(texts(server.base_url))
        url = server.base_url
    assert recorded == {number: f"for p{number}" for number in range(4)}
    cassette.write_text(reordered(cassette.read_text(encoding="utf-8")), encoding="utf-8")
    assert asyncio.run(texts(url)) == recorded


def reordered(text: str) -> str:
    """A cassette whose interactions are in the opposite order: as if each request had overtaken those before it."""
    head, *interactions, tail = re.split(r"(?m)^(?=- request:)|^(?=version:)", text)
    return head + "".join(reversed(interactions)) + tail


TESTS = """
import os
import pytest
from horay_async import AsyncHoray, Horay, RateLimitError

OPTIONS = {"api_key": os.environ["KEY"], "base_url": os.environ["URL"], "max_retries": 0}
MESSAGES = [{"role": "user", "content": "Hello"}]

pytestmark = [pytest.mark.anyio, pytest.mark.vcr]

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def test_awaited():
    async with AsyncHoray(**OPTIONS) as client:
        with pytest.raises(RateLimitError):
            await client.completions.create(model="m", prompt="p")
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert len([chunk async for chunk in stream]) == 6

def test_blocking():
    with Horay(**OPTIONS) as client:
        with client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
            assert len(list(stream)) == 6
        assert client.chat.completions.create(model="m", messages=MESSAGES).choices
"""


def test_pytest_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin's mark records with the first run, and replays with the network blocked."""
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    monkeypatch.setenv("KEY", KEY)
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_it.py"]
    with FaultServer(api_key=KEY) as server:
        server.add(error(429), path="/completions")
        monkeypatch.setenv("URL", server.base_url)
        printed_by(*arguments, "--record-mode=once", cwd=tmp_path)
        assert len(server.requests) == 4
    monkeypatch.setenv("KEY", "another-key")
    assert "2 passed" in printed_by(*arguments, "--block-network", cwd=tmp_path)
    cassettes = list(tmp_path.rglob("*.yaml"))
    assert len(cassettes) == 2
    assert not any(KEY in path.read_text(encoding="utf-8") for path in cassettes)


def test_loop_is_closed_cleanly(tmp_path: Path) -> None:
    """Replaying leaves nothing open on the loop."""
    vcr: Any = import_module("vcr")

    from horay_async import AsyncHoray  # noqa: PLC0415 - as the cassette is in use

    async def ask(url: str) -> None:
        with vcr.use_cassette(str(tmp_path / "two.yaml")):
            async with AsyncHoray(KEY, base_url=url) as client:
                await client.completions.create(model="m", prompt="p")
                assert len(asyncio.all_tasks()) == 1

    with FaultServer(api_key=KEY) as server:
        url = server.base_url
        asyncio.run(ask(url))
    asyncio.run(ask(url))
