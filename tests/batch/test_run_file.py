"""From a file of requests to a file of results."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import os
import random
import select
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from horay_async import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    AsyncHoray,
    AuthenticationError,
    BadRequestError,
    BatchRequest,
    ConfigurationError,
    InsufficientBalanceError,
    RetryPolicy,
)
from horay_async.batch import (
    AsyncBatch,
    BatchFileError,
    BatchProgress,
    BatchResult,
    balance_search,
    request_file,
    result_file,
)
from horay_async.batch.locks import FileLock
from horay_async.batch.request_file import RequestFile
from horay_async.batch.result_file import ResultFile
from horay_async.resources._base import fetch
from horay_async.testing import FaultServer, error

from .conftest import KEY, USAGE, Json, Stub, client_of, completion, line, lines, refusal, until

pytestmark = pytest.mark.anyio


class Files:
    """The two files of a test."""

    def __init__(self, folder: Path) -> None:
        self.requests = folder / "in.jsonl"
        self.results = folder / "out.jsonl"
        self.folder = folder

    def ask(self, *items: Any) -> None:
        """Writes the requests."""
        self.requests.write_text("".join(json.dumps(item) + "\n" for item in items))

    @property
    def outcomes(self) -> dict[str, Json]:
        """The responses by id; there is exactly one line each."""
        data = self.results.read_bytes()
        assert data == b"" or data.endswith(b"\n")
        found = [json.loads(raw) for raw in data.splitlines()]
        named: dict[str, Json] = {response["custom_id"]: response for response in found}
        assert len(named) == len(found)
        return named

    @property
    def texts(self) -> dict[str, str]:
        """The answered texts by id."""
        return {
            name: response["response"]["body"]["choices"][0]["text"]
            for name, response in self.outcomes.items()
        }


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def drained(reading: int) -> bool:
    """Whether a pipe or socket holds nothing that wasn't read yet."""
    ready, _, _ = select.select([reading], [], [], 0)
    return not ready


ALL = {f"id-{number}": f"prompt {number}" for number in range(20)}
"""What comes of `lines(20)`."""


async def test_closing_in_a_backoff(fault_server: FaultServer, tmp_path: Path) -> None:
    """A request that waits to be sent again has no result: the next run sends it."""
    fault_server.add(error(500))
    waits = asyncio.Event()
    retry = RetryPolicy(max_retries=2, initial_backoff=60, max_backoff=60)
    client = AsyncHoray(
        fault_server.api_key,
        base_url=fault_server.base_url,
        retry=retry,
        on_retry=lambda _: waits.set(),
    )
    source, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    request = BatchRequest.completion(model="m", prompt="p", custom_id="a")
    source.write_text(request.to_line(), "utf-8")
    run = asyncio.ensure_future(client.batch.run_file(source, results))
    await waits.wait()
    await client.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await run
    assert results.read_bytes() == b""
    async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as another:
        assert (await another.batch.run_file(source, results)).done == 1


async def test_every_request_gets_its_line(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """And the totals tell of them."""
    files.ask(*lines(20))
    progress = await batch.run_file(files.requests, files.results)
    assert files.texts == ALL
    assert (progress.total, progress.skipped, progress.done, progress.failed) == (20, 0, 20, 0)
    assert (progress.prompt_tokens, progress.completion_tokens) == (60, 40)
    assert sorted(path.name for path in files.folder.iterdir()) == ["in.jsonl", "out.jsonl"]


async def test_bodies_and_responses_are_passed_on_as_they_are(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """Byte by byte in both directions."""
    body = b'{"prompt":  "x", "model": "m", "temperature": 1.0e-1}'
    files.requests.write_bytes(
        b'{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": %b}\n' % body
    )
    raw = b'{"id": "x", "choices": [{"text":"\\u00e9"}],  "cost": 0.10}'
    stub.reply = lambda _: web.Response(body=raw, content_type="application/json")
    await batch.run_file(str(files.requests), str(files.results))
    assert stub.requests[0]["raw"] == body
    assert b'"body":' + raw + b"}," in files.results.read_bytes()


async def test_finished_requests_arent_sent_again(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """A second start has nothing to do, and one with more requests does those."""
    files.ask(*lines(10))
    await batch.run_file(files.requests, files.results)
    before = files.results.read_bytes()
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.total, progress.skipped, progress.done) == (10, 10, 0)
    assert files.results.read_bytes() == before
    files.ask(*lines(20))
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.total, progress.skipped, progress.done) == (20, 10, 10)
    assert files.results.read_bytes().startswith(before)
    assert files.texts == ALL
    assert len(stub.requests) == 20


async def test_failures_are_lines_and_retried_on_demand(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """Those of the server, and those of requests that can't be sent."""
    files.ask(*lines(3), line("bad", url="nowhere"))
    stub.reply = lambda body: web.json_response({"message": "no"}, status=400)
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.done, progress.failed) == (0, 4)
    assert files.outcomes["id-0"]["response"]["status_code"] == 400
    assert files.outcomes["bad"]["error"]["code"] == "InvalidRequestError"
    stub.reply = completion
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped, progress.skipped_failed, progress.done) == (4, 4, 0)
    files.ask(*lines(3), line("bad"))
    progress = await batch.run_file(files.requests, files.results, retry_failed=True)
    assert (progress.skipped, progress.done, progress.failed) == (0, 4, 0)
    assert files.texts == {**dict(list(ALL.items())[:3]), "bad": "Once"}


async def test_number_of_a_damaged_line(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """It is that of the file at the end, from which failures before it were taken out."""
    files.ask(*lines(4))
    refused = {"prompt 0", "prompt 1"}
    stub.reply = lambda body: refusal(400) if body["prompt"] in refused else completion(body)
    await batch.run_file(files.requests, files.results, concurrency=1)
    held = files.results.read_bytes().splitlines(keepends=True)
    damaged = held[2].replace(b":200,", b":2#0,")
    files.results.write_bytes(b"".join([*held[:2], damaged, held[3]]))
    stub.reply = completion
    progress = await batch.run_file(files.requests, files.results, retry_failed=True)
    assert progress.unreadable == (1,)
    assert files.results.read_bytes().splitlines(keepends=True)[:2] == [damaged, held[3]]


async def test_failures_with_a_response_keep_it(stub: Stub, files: Files) -> None:
    """What was paid for is in the file, beside the error: a response that drifts, and one that can't be used."""
    files.ask(
        line("drift"),
        line("vectors", url="/v1/embeddings", body={"model": "m", "input": ["a", "b"]}),
        line("cut", "cut"),
    )
    vectors = {"object": "list", "data": [{"index": 0, "object": "embedding", "embedding": [1]}]}

    def reply(body: Json) -> web.Response:
        if "input" in body:
            return web.json_response({**vectors, "model": "m", "usage": USAGE})
        if body["prompt"] == "cut":
            return web.Response(text='{"choices": [', content_type="application/json")
        sent = json.loads(completion(body).text or "")
        return web.json_response({**sent, "mood": "fine"})

    stub.reply = reply
    async with client_of(stub, strict="raise") as client:
        progress = await client.batch.run_file(files.requests, files.results)
    assert (progress.done, progress.failed, progress.prompt_tokens) == (0, 3, 6)
    found = files.outcomes
    assert found["drift"]["error"]["code"] == "DriftError"
    assert found["drift"]["response"]["status_code"] == 200
    assert found["drift"]["response"]["body"]["mood"] == "fine"
    assert found["vectors"]["error"]["code"] == "APIResponseError"
    assert found["vectors"]["response"]["body"]["data"] == vectors["data"]
    assert found["cut"]["response"]["body"] == '{"choices": ['
    stub.reply = completion
    async with client_of(stub) as client:
        again = await client.batch.run_file(files.requests, files.results, retry_failed=True)
    assert (again.skipped, again.done, again.failed) == (0, 2, 1)  # vectors of a text completion


@pytest.mark.parametrize(
    ("media", "kept"),
    [("text/plain", True), ("text/html", True), ("application/json", True), ("audio/mpeg", False)],
)
async def test_whole_text_that_isnt_json_is_kept(
    stub: Stub, batch: AsyncBatch, files: Files, media: str, kept: bool
) -> None:
    """It may have been paid for: with its line ends, on the error as in the file. Of a picture or a sound the beginning is enough."""
    text = "# Report\n" + 400 * "Paid for, 40 bytes a line, key: KEY ok\n"
    body = text.replace("KEY", KEY)
    stub.reply = lambda _: web.Response(body=body.encode(), headers={"Content-Type": media})
    whole = text.replace("KEY", "[API key]")
    (result,) = [result async for result in batch.run([line("a")])]
    assert isinstance(result.error, APIResponseError)
    assert (result.error.body == whole) is kept
    assert kept or len(result.error.body) == 500
    assert len(str(result.error)) < 300
    files.ask(line("a"))
    await batch.run_file(files.requests, files.results)
    found = files.outcomes["a"]
    assert found["response"]["body"] == result.error.body
    assert (found["response"]["status_code"], found["error"]["code"]) == (200, "APIResponseError")


@pytest.mark.parametrize("behind", ["\n{}", " more", ""])
async def test_whole_text_that_is_nearly_json_is_kept(
    stub: Stub, batch: AsyncBatch, files: Files, behind: str
) -> None:
    """The error has what can be read of it; the file has all."""
    sent = '{"choices": [{"text": "Once", "finish_reason": "stop"}], "score": NaN, "usage": {"prompt_tokens": 3}}'
    stub.reply = lambda _: web.Response(text=sent + behind, content_type="application/json")
    (result,) = [result async for result in batch.run([line("a")])]
    assert isinstance(result.error, APIResponseError)
    assert result.error.partial.choices[0].text == "Once"
    assert result.error.body == sent + behind
    files.ask(line("a"))
    progress = await batch.run_file(files.requests, files.results)
    assert files.outcomes["a"]["response"]["body"] == sent + behind
    assert (progress.failed, progress.prompt_tokens) == (1, 3)


async def test_totals_can_be_watched(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """By whoever passes them in."""
    files.ask(*lines(20))
    stub.open.clear()
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, progress=progress, concurrency=6)
    )
    await stub.reached(lambda: stub.under_way == 6)
    assert (progress.total, progress.skipped, progress.in_flight, progress.done) == (20, 0, 6, 0)
    assert progress.seconds > 0
    stub.open.set()
    assert await run is progress
    assert (progress.in_flight, progress.done) == (0, 20)


async def test_totals_are_of_one_run_at_a_time(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """Two that count in one object would be mixed. After its run, also one that couldn't begin, it can be used again."""
    files.ask(*lines(2))
    stub.open.clear()
    progress = BatchProgress()
    with pytest.raises(BatchFileError):
        await batch.run_file(files.folder, files.results, progress=progress)
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results, progress=progress))
    await stub.reached(lambda: stub.under_way == 2)
    other = files.folder / "other.jsonl"
    with pytest.raises(ConfigurationError, match="each run needs a BatchProgress of its own"):
        await batch.run_file(files.requests, other, progress=progress)
    assert not other.exists() or not other.read_bytes()
    stub.open.set()
    await run
    assert progress.done == 2
    await batch.run_file(files.requests, other, progress=progress)
    assert progress.done == 2


async def test_lines_are_written_while_others_are_under_way(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """What has come is safe, whatever becomes of the rest."""
    hold = stub.hold_first()
    files.ask(*lines(20))
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results))
    # A line that is being written while this looks has no end yet; each of the 19 gets one.
    await until(lambda: files.results.exists() and files.results.read_bytes().count(b"\n") == 19)
    assert len(files.outcomes) == 19
    hold.set()
    await run
    assert files.texts == ALL


async def test_cancelled_run_keeps_what_has_come(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """And can be gone on with."""
    files.ask(*lines(20))

    async def reply(body: Json) -> web.Response:
        if len(stub.requests) > 8:
            await asyncio.Event().wait()
        return completion(body)

    stub.reply = reply
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, progress=progress, concurrency=4)
    )
    await stub.reached(lambda: stub.under_way == 4 and len(stub.requests) > 8)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(files.outcomes) == progress.done
    assert progress.done >= 8
    stub.reply = completion
    await batch.run_file(files.requests, files.results)
    assert files.texts == ALL
    assert not (files.folder / "out.jsonl.lock").exists()


async def test_run_that_is_cancelled_at_each_await_keeps_what_has_come(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As scopes of anyio cancel: what has come while lines are being written is written as well."""
    go_on = threading.Event()
    append = ResultFile.append

    def slow(result_file: ResultFile, results: list[BatchResult[Any]]) -> None:
        assert go_on.wait(20)
        append(result_file, results)

    monkeypatch.setattr(ResultFile, "append", slow)
    files.ask(*lines(20))
    progress = BatchProgress()
    run = asyncio.ensure_future(
        batch.run_file(files.requests, files.results, progress=progress, concurrency=4)
    )
    await until(lambda: progress.done >= 8)
    for _ in range(10):
        run.cancel()
        await asyncio.sleep(0)
    go_on.set()
    while not run.done():
        run.cancel()
        await asyncio.sleep(0)
    assert run.cancelled()
    assert len(files.outcomes) == progress.done >= 8


@pytest.mark.parametrize("broken", [False, True])
async def test_cancelled_run_waits_for_its_threads(
    batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    """The files stay locked for as long as something works on them."""
    begun, go_on = threading.Event(), threading.Event()

    index = RequestFile.index

    def slow(file: RequestFile) -> int:
        begun.set()
        assert go_on.wait(20)
        if broken:
            raise OSError
        return index(file)

    monkeypatch.setattr(RequestFile, "index", slow)
    files.ask(*lines(3))
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results))
    await until(begun.is_set)
    run.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(BatchFileError, match="another run"):
        await batch.run_file(files.requests, files.results)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    with FileLock(files.results):
        pass


@pytest.mark.parametrize("reading", ["requests", "results"])
async def test_cancelled_run_reads_its_files_no_further(
    batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    """Nor does it change what it was reading, however much there was to read."""
    files.ask(*lines(9))
    await batch.run_file(files.requests, files.results)
    data = files.results.read_bytes().replace(b'"error":null', b'"error":{"message":"no"}')
    files.results.write_bytes(data + b'{"id"')
    begun, go_on = threading.Event(), threading.Event()
    module, name = {
        "requests": (request_file, "parse_request_line"),
        "results": (result_file, "_result_line"),
    }[reading]
    read: list[bytes] = []
    parse = getattr(module, name)

    def slow(raw: bytes, *others: Any) -> Any:
        read.append(raw)
        begun.set()
        assert go_on.wait(20)
        return parse(raw, *others)

    monkeypatch.setattr(module, name, slow)
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results, retry_failed=True))
    await until(begun.is_set)
    run.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(read) == 1
    assert files.results.read_bytes().startswith(data)
    assert sorted(path.name for path in files.folder.iterdir()) == ["in.jsonl", "out.jsonl"]


async def test_progress_of_an_earlier_run_begins_anew(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """One object will do for a run and for that which sends again what has failed."""
    files.ask(*lines(4))
    stub.reply = lambda body: refusal(400) if body["prompt"] == "prompt 0" else completion(body)
    progress = BatchProgress()
    await batch.run_file(files.requests, files.results, progress=progress)
    assert (progress.done, progress.failed) == (3, 1)
    stub.reply = completion
    await batch.run_file(files.requests, files.results, progress=progress, retry_failed=True)
    assert (progress.total, progress.skipped, progress.done, progress.failed) == (4, 3, 1, 0)
    assert progress.main_error is None
    assert progress.completion_tokens == 2


async def test_first_failure_ends_the_run_on_demand(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """Its request isn't finished then, and is sent again by the next start."""
    files.ask(line("good"), line("bad", "bad"))
    stub.reply = lambda body: (
        web.json_response({}, status=400) if body["prompt"] == "bad" else completion(body)
    )
    with pytest.raises(BadRequestError) as caught:
        await batch.run_file(files.requests, files.results, fail_fast=True, concurrency=1)
    assert "custom_id 'bad'" in caught.value.__notes__[0]
    assert set(files.outcomes) == {"good"}
    stub.reply = completion
    await batch.run_file(files.requests, files.results)
    assert set(files.outcomes) == {"good", "bad"}


async def test_first_failure_waits_for_what_is_under_way(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """That has been paid for. Nothing else is sent; what fails meanwhile has no line either, and isn't sent again before the next start."""
    progress = BatchProgress()

    async def reply(body: Json) -> web.Response:
        number = int(body["prompt"].removeprefix("prompt "))
        await stub.reached(lambda: len(stub.requests) == 4)
        if number:
            await until(lambda: progress.failed)
        if number == 3:
            return refusal(500)
        return completion(body) if number == 1 else refusal(400)

    stub.reply = reply
    files.ask(*lines(6))
    options: Any = {"fail_fast": True, "concurrency": 4}
    with pytest.raises(BadRequestError) as caught:
        await batch.run_file(files.requests, files.results, progress=progress, **options)
    assert "custom_id 'id-0'" in caught.value.__notes__[0]
    assert set(files.outcomes) == {"id-1"}
    assert len(stub.requests) == 4
    stub.reply = completion
    await batch.run_file(files.requests, files.results)
    assert len(files.outcomes) == 6
    assert len(stub.requests) == 4 + 5


async def test_first_failure_keeps_what_is_paid(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """A response that can't be used has its line, so that it isn't asked for again unless that is wanted."""
    files.ask(line("vectors", url="/v1/embeddings", body={"model": "m", "input": ["a", "b"]}))
    vectors = {"object": "list", "data": [{"index": 0, "object": "embedding", "embedding": [1]}]}
    stub.reply = lambda _: web.json_response({**vectors, "model": "m", "usage": USAGE})
    with pytest.raises(APIResponseError):
        await batch.run_file(files.requests, files.results, fail_fast=True)
    assert files.outcomes["vectors"]["response"]["body"]["data"] == vectors["data"]
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped_failed, len(stub.requests)) == (1, 1)


async def test_first_failure_keeps_what_is_no_response(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """A text of which nothing can be read was paid for as well."""
    files.ask(line("a"))
    stub.reply = lambda _: web.Response(text="Once upon a time")
    for progress in (BatchProgress(), BatchProgress()):
        with contextlib.suppress(APIResponseError):
            await batch.run_file(files.requests, files.results, progress=progress, fail_fast=True)
    assert (progress.skipped_failed, len(stub.requests)) == (1, 1)
    assert files.outcomes["a"]["response"]["body"] == "Once upon a time"


async def test_errors_of_the_requests_come_before_anything_happens(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """Nothing is sent, nothing written."""
    files.ask(*lines(3), line("id-1"))
    with pytest.raises(BatchFileError, match=r"line 4: the custom_id 'id-1' was in line 2"):
        await batch.run_file(files.requests, files.results)
    with pytest.raises(FileNotFoundError):
        await batch.run_file(files.folder / "nowhere", files.results)
    assert stub.requests == []
    assert sorted(path.name for path in files.folder.iterdir()) == ["in.jsonl"]


async def test_two_runs_on_one_file(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """The second is told so."""
    files.ask(*lines(3))
    with (
        FileLock(files.results),
        pytest.raises(BatchFileError, match="another run is writing it"),
    ):
        await batch.run_file(files.requests, files.results)


async def test_responses_need_a_file_of_their_own(batch: AsyncBatch, files: Files) -> None:
    """Not that of the requests."""
    files.ask(*lines(3))
    with pytest.raises(BatchFileError, match="need a file of their own"):
        await batch.run_file(files.requests, files.requests)
    assert len(files.requests.read_text().splitlines()) == 3


async def test_whatever_a_line_holds_is_one_result(
    stub: Stub, batch: AsyncBatch, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines that can't be sent fail, and all others are answered; at the next start nothing is left to do."""
    odd = [
        b'"method": ' + b"1" * 5000,
        b'"method": "PO\xffST"',
        b'"method": "POST", "url": "/v1/completions", "body": ' + b"9" * 5000,
        b'"body": ' + b"[" * 50_000 + b"]" * 50_000,
        b'"more": "\\ud83d"',
    ]
    files.ask(*lines(20))
    with files.requests.open("ab") as file:
        for number, fields in enumerate(odd):
            file.write(b'{"custom_id": "odd-%d", %b}\n' % (number, fields))
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.total, progress.done, progress.failed) == (25, 20, 5)
    codes = {
        name: response["error"]["code"]
        for name, response in files.outcomes.items()
        if response["error"] is not None
    }
    assert codes == {f"odd-{number}": "InvalidRequestError" for number in range(5)}
    assert "failed in earlier runs" not in caplog.text
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped, progress.skipped_failed, progress.failed) == (25, 5, 0)
    told = "5 that failed in earlier runs aren't sent again; retry_failed=True, or --retry-failed, sends them"
    assert told in caplog.text


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "response",
    [
        b'{"choices": [{"text": "\\ud83d"}]}',
        b'{"choices": [{"text": "x"}], "more": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"choices": [{"text": "x"}], "more": ' + b"[" * 985 + b"]" * 985 + b"}",
        b'{"choices": [{"text": "x"}], "more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"error": {"message": "no", "more": ' + b"[" * 980 + b"]" * 980 + b"}}",
    ],
    ids=["half a pair", "deep", "on the edge", "too deep", "a deep error"],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_whatever_a_response_holds_is_one_line(
    stub: Stub, batch: AsyncBatch, files: Files, response: bytes, status: int
) -> None:
    """And the next start can read the file."""
    stub.reply = lambda _: web.Response(
        body=response, status=status, content_type="application/json"
    )
    files.ask(*lines(3))
    progress = await batch.run_file(files.requests, files.results)
    assert progress.done + progress.failed == 3
    sent = len(stub.requests)
    progress = await batch.run_file(files.requests, files.results)
    assert progress.skipped == 3
    assert len(stub.requests) == sent


@pytest.mark.posix
async def test_requests_come_through_a_pipe(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """They are read twice all the same."""
    os.mkfifo(files.requests)
    text = "".join(json.dumps(item) + "\n" for item in lines(20))
    writer = threading.Thread(target=files.requests.write_text, args=(text,))
    writer.start()
    progress = await batch.run_file(files.requests, files.results)
    writer.join()
    assert (progress.total, progress.done) == (20, 20)
    assert files.texts == ALL


@pytest.mark.posix
async def test_bad_line_of_a_pipe_is_named_as_one(batch: AsyncBatch, files: Files) -> None:
    """By the pipe, not by where its content is kept."""
    os.mkfifo(files.requests)
    writer = threading.Thread(target=files.requests.write_text, args=("nonsense\n",))
    writer.start()
    with pytest.raises(BatchFileError, match=r"in\.jsonl, line 1: not a JSON object") as caught:
        await batch.run_file(files.requests, files.results)
    writer.join()
    assert caught.value.path == str(files.requests)


@pytest.mark.posix
async def test_pipe_that_nobody_writes_to_can_be_left(batch: AsyncBatch, files: Files) -> None:
    """Waiting for its other end holds up neither the loop nor its end."""
    os.mkfifo(files.requests)
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results))
    await until(lambda: any(t.name == "horay-batch-spool" for t in threading.enumerate()))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not files.results.exists()
    with files.requests.open("wb"):  # lets the thread end
        pass


@pytest.mark.posix
async def test_pipe_that_cant_be_kept(
    batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For want of room, or because it broke: that is the error."""
    os.mkfifo(files.requests)

    class Full(FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make(buffering: int) -> FileIO:
        return Full(os.devnull, "r+")

    monkeypatch.setattr("tempfile.TemporaryFile", make)
    run = asyncio.ensure_future(batch.run_file(files.requests, files.results))
    await until(lambda: any(t.name == "horay-batch-spool" for t in threading.enumerate()))
    with files.requests.open("wb", buffering=0) as pipe:
        pipe.write(b"{}")
        with pytest.raises(OSError, match="No space left") as caught:
            await run
    assert f"{files.requests} has to be kept in a temporary file" in str(caught.value)
    assert f"in {tempfile.gettempdir()}: No space left" in str(caught.value)
    assert "TMPDIR" in str(caught.value)
    assert not files.results.exists()


@pytest.mark.posix
async def test_folder_for_temporary_files_that_is_gone(
    batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is named, as is the variable that names another."""
    monkeypatch.setattr("tempfile.tempdir", str(files.folder / "gone"))
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(FileNotFoundError, match=r"can't be written in .*gone: .* TMPDIR"):
        await batch.run_file(reading, files.results)
    os.close(reading)
    assert not files.results.exists()


def test_pipe_that_is_written_to_after_the_loop_has_closed(tmp_path: Path) -> None:
    """Nobody is told any more, and nothing is left open."""
    pipe = tmp_path / "in.jsonl"
    os.mkfifo(pipe)

    async def leave() -> None:
        async with AsyncHoray(KEY, base_url="http://127.0.0.1:1/v1") as client:
            batch = AsyncBatch(client._transport)
            run = asyncio.ensure_future(batch.run_file(pipe, tmp_path / "out.jsonl"))
            await until(lambda: any(t.name == "horay-batch-spool" for t in threading.enumerate()))
            run.cancel()
            await asyncio.wait([run])

    asyncio.run(leave())
    (thread,) = [t for t in threading.enumerate() if t.name == "horay-batch-spool"]
    with pipe.open("wb"):
        pass
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.posix
@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_requests_of_an_open_file(
    stub: Stub, batch: AsyncBatch, files: Files, kind: str
) -> None:
    """By its descriptor, which stays open; what starts a program can hand it a socket."""
    text = "".join(json.dumps(item) + "\n" for item in lines(20))
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())

    def write() -> None:
        with open(writing, "w", encoding="utf-8") as pipe:
            pipe.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    progress = await batch.run_file(reading, files.results)
    writer.join()
    os.close(reading)
    assert (progress.total, progress.done) == (20, 20)
    assert files.texts == ALL


@pytest.mark.posix
@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_pauses_of_a_non_blocking_descriptor(
    stub: Stub, batch: AsyncBatch, files: Files, kind: str
) -> None:
    """Are no end, wherever they come: it is read until it is closed at its other end."""
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())
    os.set_blocking(reading, False)
    run = asyncio.ensure_future(batch.run_file(reading, files.results))
    for item in lines(20):
        await until(partial(drained, reading))
        os.write(writing, json.dumps(item).encode() + b"\n")
    await until(partial(drained, reading))
    os.close(writing)
    progress = await run
    os.close(reading)
    assert (progress.total, progress.done) == (20, 20)
    assert files.texts == ALL


@pytest.mark.posix
async def test_run_that_is_left_reads_no_more(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """What comes afterwards is for the next run of the same pipe."""
    reading, writing = os.pipe()
    run = asyncio.ensure_future(batch.run_file(reading, files.results))
    await until(lambda: any(t.name == "horay-batch-spool" for t in threading.enumerate()))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    os.write(writing, "".join(json.dumps(item) + "\n" for item in lines(20)).encode())
    os.close(writing)
    progress = await batch.run_file(reading, files.results)
    os.close(reading)
    assert (progress.total, progress.done) == (20, 20)
    await until(lambda: all(t.name != "horay-batch-spool" for t in threading.enumerate()))


@pytest.mark.posix
async def test_number_that_is_no_descriptor(batch: AsyncBatch, files: Files) -> None:
    """Is refused as one that is closed."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        await batch.run_file(-1, files.results)


@pytest.mark.posix
async def test_bad_line_of_an_open_file(batch: AsyncBatch, files: Files) -> None:
    """There is no name to tell: its number stands for it."""
    reading, writing = os.pipe()
    os.write(writing, b"nonsense\n")
    os.close(writing)
    with pytest.raises(BatchFileError, match=f"^file descriptor {reading}, line 1: not a JSON"):
        await batch.run_file(reading, files.results)
    os.close(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await batch.run_file(reading, files.results)
    assert not files.results.exists()


async def test_inherited_pipe(stub: Stub, files: Files) -> None:
    """`/dev/stdin`, as a shell hands it over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", RUN, KEY, stub.base_url, "/dev/stdin", str(files.results)),
        stdin=asyncio.subprocess.PIPE,
    )
    text = "".join(json.dumps(item) + "\n" for item in lines(20))
    await process.communicate(text.encode())
    assert process.returncode == 0
    assert files.texts == ALL


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "pipe": os.mkfifo,
}


@pytest.mark.parametrize("kind", ["folder", "socket", "device"])
async def test_requests_are_in_no_file(
    batch: AsyncBatch, files: Files, kind: str, tmp_path: Path
) -> None:
    """Which is said at once, and nothing is made."""
    KINDS[kind](files.requests)
    with pytest.raises(BatchFileError, match="the requests must come in a file or through a pipe"):
        await batch.run_file(files.requests, files.results)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


STAYS = ("st_mode", "st_ino", "st_dev", "st_nlink", "st_size", "st_mtime_ns", "st_ctime_ns")
"""What reading alone doesn't change."""


@pytest.mark.parametrize("kind", KINDS)
async def test_responses_go_to_no_file(
    stub: Stub, batch: AsyncBatch, files: Files, kind: str
) -> None:
    """Which is said before anything is sent or waited for, and what is there stays what it is."""
    KINDS[kind](files.results)
    before = files.results.lstat()
    files.ask(*lines(3))
    with pytest.raises(BatchFileError, match="the results need a file"):
        await batch.run_file(files.requests, files.results)
    now = files.results.lstat()
    assert [getattr(now, name) for name in STAYS] == [getattr(before, name) for name in STAYS]
    assert stub.requests == []


@pytest.mark.posix
@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_two_runs_on_one_file_by_two_names(
    batch: AsyncBatch, files: Files, link: Callable[[Path, Path], None]
) -> None:
    """It is the file that is locked, not its name."""
    files.ask(*lines(3))
    files.results.touch()
    other = files.folder / "other.jsonl"
    link(files.results, other)
    with (
        FileLock(files.results),
        pytest.raises(BatchFileError, match="another run is writing it"),
    ):
        await batch.run_file(files.requests, other)


@pytest.mark.posix
async def test_responses_go_where_a_link_leads(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """Even if there is nothing yet; the link stays, and failures are taken out behind it."""
    real = files.folder / "real.jsonl"
    files.results.symlink_to(real)
    files.ask(*lines(20))
    stub.reply = lambda body: (
        web.json_response({}, status=400) if body["prompt"] == "prompt 3" else completion(body)
    )
    await batch.run_file(files.requests, files.results)
    real.chmod(0o600)
    stub.reply = completion
    await batch.run_file(files.requests, files.results, retry_failed=True)
    assert files.results.is_symlink()
    assert files.texts == ALL
    assert real.stat().st_mode & 0o777 == 0o600
    assert len(list(files.folder.iterdir())) == 3


@pytest.mark.posix
@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_responses_need_a_file_of_their_own_by_another_name(
    batch: AsyncBatch, files: Files, link: Callable[[Path, Path], None]
) -> None:
    """A link to the requests is the requests."""
    files.ask(*lines(3))
    before = files.requests.read_bytes()
    link(files.requests, files.results)
    with pytest.raises(BatchFileError, match="need a file of their own"):
        await batch.run_file(files.requests, files.results)
    assert files.requests.read_bytes() == before


@pytest.mark.parametrize("change", ["truncated", "removed"])
async def test_responses_that_are_taken_away_end_the_run(
    stub: Stub, batch: AsyncBatch, files: Files, change: str
) -> None:
    """Nothing more is sent, and the next start sends again what is gone."""
    files.ask(*lines(60))

    async def reply(asked: Json) -> web.Response:
        if len(stub.requests) == 31:
            await until(lambda: len(files.results.read_bytes().splitlines()) == 30)
            if change == "truncated":
                os.truncate(files.results, 0)
            else:
                files.results.unlink()
        return completion(asked)

    stub.reply = reply
    with pytest.raises(BatchFileError, match=f"it was {change} meanwhile"):
        await batch.run_file(files.requests, files.results, concurrency=1)
    sent = len(stub.requests)
    assert sent < 60
    stub.reply = completion
    await batch.run_file(files.requests, files.results)
    assert files.outcomes.keys() == {f"id-{number}" for number in range(60)}


async def test_full_disk_ends_the_run(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clear error; the next start goes on where it was."""
    files.ask(*lines(20))
    real, calls = os.write, list[int]()

    def write(handle: int, data: memoryview) -> int:
        results = bytes(data[:1]) == b"{"  # at the start there is room
        if (
            results and calls
        ):  # responses that come together are written together: the first write is some
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if results:
            calls.append(len(data))
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(BatchFileError, match=r"out\.jsonl: can't be written: No space left"):
            await batch.run_file(files.requests, files.results, concurrency=2)
    assert 0 < len(files.outcomes) < 20
    await batch.run_file(files.requests, files.results)
    assert files.texts == ALL


async def test_disk_that_is_full_at_the_start(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, whose results would be lost; where all is done, none is needed."""
    files.ask(*lines(3))
    await batch.run_file(files.requests, files.results)
    before = files.results.read_bytes()
    real = os.write

    def write(handle: int, data: memoryview) -> int:
        if len(data) <= 300:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data[:-300])

    monkeypatch.setattr(os, "write", write)
    files.ask(*lines(20))
    for _ in range(2):
        with pytest.raises(BatchFileError, match=r"out\.jsonl: can't be written: No space left"):
            await batch.run_file(files.requests, files.results)
        assert files.results.read_bytes() == before
    assert len(stub.requests) == 3
    files.ask(*lines(3))
    assert (await batch.run_file(files.requests, files.results)).skipped == 3


async def test_requests_that_change_meanwhile_end_the_run(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before stays done, nothing else is sent, and the next start takes the file as it is then."""
    monkeypatch.setattr(request_file, "BUFFER", 1024)
    files.ask(*lines(500))

    def reply(asked: Json) -> web.Response:
        if len(stub.requests) == 1:
            files.ask(*(line(f"id-{number}", f"a longer prompt {number}") for number in range(500)))
        return completion(asked)

    stub.reply = reply
    with pytest.raises(BatchFileError, match=r"in\.jsonl was changed while its requests were sent"):
        await batch.run_file(files.requests, files.results, concurrency=1)
    done = files.texts
    assert 0 < len(done) == len(stub.requests) < 500
    assert done == {f"id-{number}": f"prompt {number}" for number in range(len(done))}
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped, progress.done) == (len(done), 500 - len(done))
    assert len(stub.requests) == len(files.texts) == 500


async def test_unfinished_last_line(
    stub: Stub, batch: AsyncBatch, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """Is told and not recorded; a later start, when it is whole, sends it."""
    files.ask(*lines(3))
    whole = files.requests.read_bytes()
    files.requests.write_bytes(whole[:-20])
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.total, progress.done, progress.failed) == (2, 2, 0)
    assert progress.unfinished_line == 3
    assert caplog.text.count("in.jsonl: the last line, 3, is unfinished") == 1
    assert sorted(files.outcomes) == ["id-0", "id-1"]
    files.requests.write_bytes(whole)
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.skipped, progress.skipped_failed, progress.done) == (2, 0, 1)
    assert progress.unfinished_line is None
    assert len(stub.requests) == 3


async def test_line_of_the_results_that_cant_be_read(
    stub: Stub, batch: AsyncBatch, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """Is told with its number, and its request is sent again."""
    files.ask(*lines(3))
    await batch.run_file(files.requests, files.results, concurrency=1)
    first, second, third = files.results.read_bytes().splitlines()
    files.results.write_bytes(b"\n".join((first, second[:-9], third, b"")))
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.unreadable, progress.skipped, progress.done) == ((2,), 2, 1)
    assert (
        "out.jsonl, line 2: can't be read: it stays there, and its request is sent again"
        in caplog.text
    )


@pytest.mark.parametrize("interval", [0, 0.001])
async def test_disk_that_fails_ends_the_run(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    """Whether it is synced after each write or from time to time."""

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "broken")

    async def reply(body: Json) -> web.Response:
        if body["prompt"] != "prompt 0":
            await asyncio.Event().wait()
        return completion(body)

    stub.reply = reply
    monkeypatch.setattr(os, "fsync", fail)
    files.ask(*lines(3))
    with pytest.raises(BatchFileError, match="can't be written: broken"):
        await batch.run_file(files.requests, files.results, sync_interval=interval)


async def test_responses_are_synced_from_time_to_time(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing more comes for long."""
    synced = threading.Event()
    real = os.fsync

    def sync(handle: int) -> None:
        real(handle)
        synced.set()

    async def reply(body: Json) -> web.Response:
        if body["prompt"] == "prompt 1":
            await until(synced.is_set)
        return completion(body)

    stub.reply = reply
    monkeypatch.setattr(os, "fsync", sync)
    files.ask(*lines(2))
    await asyncio.wait_for(
        batch.run_file(files.requests, files.results, sync_interval=0.001), timeout=20
    )
    assert len(files.outcomes) == 2


async def test_wrong_options_are_refused_at_once(batch: AsyncBatch, files: Files) -> None:
    """Before any file is looked at."""
    with pytest.raises(ConfigurationError, match="sync_interval"):
        await batch.run_file(files.requests, files.results, sync_interval=-1)
    with pytest.raises(ConfigurationError, match="concurrency"):
        await batch.run_file(files.requests, files.results, concurrency=0)


@pytest.mark.parametrize("empty", ["requests", "results"])
async def test_empty_name_is_refused(batch: AsyncBatch, empty: str) -> None:
    """It isn't taken for the current folder."""
    names = {"requests": "in", "results": "out", empty: ""}
    with pytest.raises(ConfigurationError, match=f"{empty} must name a file; it is empty"):
        await batch.run_file(names["requests"], names["results"])


async def test_concurrency_over_the_file_limit_is_refused_before_files_are_made(
    stub: Stub, batch: AsyncBatch, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, nothing written."""

    def limits(_: int) -> tuple[int, int]:
        return 1000, 1000

    monkeypatch.setattr("resource.getrlimit", limits)
    files.ask(*lines(3))
    with pytest.raises(ConfigurationError, match="concurrency=1000 can't be reached"):
        await batch.run_file(files.requests, files.results, concurrency=1000)
    assert not files.results.exists()
    assert stub.requests == []


async def test_refusals_dont_end_up_in_the_file(
    stub: Stub, batch: AsyncBatch, files: Files
) -> None:
    """A busy server costs time, not lines."""
    responses = iter([refusal() for _ in range(10)])
    stub.reply = lambda body: next(responses, None) or completion(body)
    files.ask(*lines(20))
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.done, progress.refused) == (20, 10)
    assert files.texts == ALL


RUN = """
import asyncio, sys
from horay_async import AsyncHoray
from horay_async.batch import AsyncBatch

async def main(key, base_url, requests, results):
    async with AsyncHoray(key, base_url=base_url) as client:
        batch = AsyncBatch(client._transport)
        await batch.run_file(requests, results, concurrency=8)

asyncio.run(main(*sys.argv[1:]))
"""


IN_A_THREAD = (
    """
import threading
"""
    + RUN.replace("asyncio.run(main(*sys.argv[1:]))", "")
    + """
def job():
    threading.main_thread().join()
    asyncio.run(main(*sys.argv[1:]))

threading.Thread(target=job).start()
"""
)


async def test_run_that_goes_on_when_the_main_thread_has_ended(stub: Stub, files: Files) -> None:
    """Python waits for other threads, though not with its executors."""
    files.ask(*lines(20))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", IN_A_THREAD, KEY, stub.base_url),
        *(str(files.requests), str(files.results)),
    )
    assert await process.wait() == 0
    assert files.texts == ALL


async def test_run_beside_a_full_executor(stub: Stub, batch: AsyncBatch, files: Files) -> None:
    """The program's functions in it may wait for this very run."""
    loop, over = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        loop.set_default_executor(executor)
        waits = loop.run_in_executor(None, over.wait, 60)
        files.ask(*lines(20))
        try:
            await batch.run_file(files.requests, files.results)
        finally:
            over.set()
        assert await waits
    assert files.texts == ALL


async def test_killed_runs(stub: Stub, files: Files) -> None:
    """Killed at any moment and started again, each request has one line in the end, and no more than what
    was under way was sent twice.
    """
    files.ask(*lines(400))
    chance = random.Random(1)
    killed = 0
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", RUN, KEY, stub.base_url),
            *(str(files.requests), str(files.results)),
        )
        over = asyncio.ensure_future(process.wait())
        if killed < 4:
            mark = len(stub.requests) + chance.randrange(1, 90)
            await stub.reached(lambda mark=mark: len(stub.requests) >= mark)  # type: ignore[misc] # bound above
            process.kill()
            killed += 1
        status = await over
        if status == 0:
            break
        assert status == -9
        whole = files.results.read_bytes().rpartition(b"\n")[0].splitlines()
        assert len({json.loads(raw)["custom_id"] for raw in whole}) == len(whole)
    assert files.texts == {f"id-{number}": f"prompt {number}" for number in range(400)}
    # What was under way, or had come and wasn't written yet.
    assert len(stub.requests) <= 400 + killed * 2 * (8 + 16)


@pytest.fixture
def down() -> Iterator[AsyncHoray]:
    """A client whose server isn't there, that tries once."""
    with socket.socket() as bound:  # its port is nobody else's meanwhile, and refuses
        bound.bind(("127.0.0.1", 0))
        yield AsyncHoray(
            KEY,
            base_url=f"http://127.0.0.1:{bound.getsockname()[1]}/v1",
            retry=RetryPolicy(max_retries=0),
        )


async def test_server_that_is_down(down: AsyncHoray, files: Files) -> None:
    """The run ends with the reason; nothing is written for what wasn't sent, so that the next run sends it."""
    files.ask(*lines(200))
    progress = BatchProgress()
    async with down:
        with pytest.raises(APIConnectionError, match="can't connect to") as raised:
            await down.batch.run_file(
                files.requests, files.results, progress=progress, concurrency=4
            )
    assert "none of its first" in raised.value.__notes__[0]
    assert (files.outcomes, progress.done, progress.failed, progress.in_flight) == ({}, 0, 0, 0)


async def test_key_function_that_raises(stub: Stub, files: Files) -> None:
    """It is as if the server were down: the run ends with the reason, and the next one sends the requests."""

    def key() -> str:
        raise OSError("the vault is away")

    files.ask(*lines(50))
    async with AsyncHoray(key, base_url=stub.base_url) as client:
        with pytest.raises(ConfigurationError, match="raised OSError") as raised:
            await client.batch.run_file(files.requests, files.results, concurrency=4)
    assert "none of its first" in raised.value.__notes__[0]
    assert (files.outcomes, stub.requests) == ({}, [])


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, AuthenticationError, "the server refused the key of the first {} requests"),
        (402, InsufficientBalanceError, "the balance didn't suffice for {} requests"),
    ],
)
async def test_wrong_key(
    batch: AsyncBatch,
    stub: Stub,
    files: Files,
    status: int,
    kind: type[APIStatusError],
    told: str,
) -> None:
    """The run ends with the server's word, and the next one, with a right key, sends the requests."""
    files.ask(*lines(100))
    stub.reply = lambda _: web.json_response({"message": "no"}, status=status)
    with pytest.raises(kind) as raised:
        await batch.run_file(files.requests, files.results, concurrency=4)
    sent = len(stub.requests)
    assert told.format(sent) in raised.value.__notes__[0]
    probes = balance_search.MAX_PROBES if kind is InsufficientBalanceError else 0
    assert 3 <= sent <= 8 + probes  # none of them waited for the others
    assert files.outcomes == {}
    stub.reply = completion
    progress = await batch.run_file(files.requests, files.results, concurrency=4)
    assert (progress.done, progress.failed) == (100, 0)


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize("paid", [1, 37, 98, 99])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_balance_that_ends_in_the_middle(
    batch: AsyncBatch,
    stub: Stub,
    files: Files,
    concurrency: int,
    paid: int,
    status: int,
) -> None:
    """The run ends: what was responded to has its line, what wasn't is sent by the next run, and none has failed."""
    files.ask(*lines(100))
    left = itertools.count(paid, -1)
    error = {"error": {"message": "no", "code": "insufficient_quota"}}

    def reply(body: Json) -> web.Response:
        return completion(body) if next(left) > 0 else web.json_response(error, status=status)

    stub.reply = reply
    progress = BatchProgress()
    with pytest.raises(InsufficientBalanceError) as raised:
        await batch.run_file(
            files.requests, files.results, concurrency=concurrency, progress=progress
        )
    assert "none sent later succeeded" in raised.value.__notes__[0]
    assert (progress.done, progress.failed) == (paid, 0)
    assert len(files.outcomes) == paid
    refused = len(stub.requests) - paid
    # Those that were under way, those in the place of the first two, and one that waited for its turn.
    assert min(3, 100 - paid) <= refused <= concurrency + 3 + balance_search.MAX_PROBES
    stub.reply = completion
    progress = await batch.run_file(files.requests, files.results)
    assert (progress.done, progress.skipped, progress.failed) == (100 - paid, paid, 0)


async def test_request_that_is_too_dear_for_what_is_left(
    batch: AsyncBatch, stub: Stub, files: Files
) -> None:
    """Others succeed after it: it is sent once more, and then the refusal is its result."""
    files.ask(*lines(9))

    def reply(body: Json) -> web.Response:
        dear = body["prompt"] == "prompt 4"
        return web.json_response({"message": "no"}, status=402) if dear else completion(body)

    stub.reply = reply
    progress = await batch.run_file(files.requests, files.results, concurrency=2)
    assert (progress.done, progress.failed) == (8, 1)
    assert [body["prompt"] for body in stub.requests].count("prompt 4") == 2
    assert len(files.outcomes) == 9


@pytest.mark.parametrize("code", [402, "insufficient_quota", 401])
async def test_response_beside_a_refusal(
    batch: AsyncBatch, stub: Stub, files: Files, code: int | str
) -> None:
    """It is paid for: the failure is its request's own, and the response is in its line."""
    files.ask(*lines(9))
    error = {"code": code, "message": "used up"}

    def reply(body: Json) -> web.Response:
        choice = {"index": 0, "text": body["prompt"], "finish_reason": None}
        return web.json_response({"id": "x", "choices": [choice], "usage": USAGE, "error": error})

    stub.reply = reply
    progress = await batch.run_file(files.requests, files.results, concurrency=2)
    assert (progress.done, progress.failed) == (0, 9)
    assert len(stub.requests) == 9
    found = list(files.outcomes.values())
    assert all(outcome["error"]["message"] for outcome in found)
    texts = {outcome["response"]["body"]["choices"][0]["text"] for outcome in found}
    assert texts == {f"prompt {number}" for number in range(9)}


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_balance_that_suffices_for_one_model_alone(
    batch: AsyncBatch, stub: Stub, files: Files, concurrency: int, mixed: bool
) -> None:
    """The other model's requests fail, once each but for the first few; the run goes on, however many of them stand together."""

    def asked(number: int) -> str:
        return "dear" if (number % 2 == 0 if mixed else number < 50) else "free"

    files.ask(
        *(line(f"id-{n}", body={"model": asked(n), "prompt": f"prompt {n}"}) for n in range(100))
    )

    def reply(body: Json) -> web.Response:
        dear = body["model"] == "dear"
        return web.json_response({"message": "no"}, status=402) if dear else completion(body)

    stub.reply = reply
    progress = await batch.run_file(files.requests, files.results, concurrency=concurrency)
    assert (progress.done, progress.failed) == (50, 50)
    assert len(files.outcomes) == 100
    assert len(stub.requests) <= 100 + concurrency + 3 + balance_search.MAX_PROBES


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_balance_that_ends_after_one_was_refused(
    batch: AsyncBatch, stub: Stub, files: Files, concurrency: int
) -> None:
    """One that asked for more than was left makes the later refusals of its model nobody's own."""
    files.ask(
        *(
            line(f"id-{n}", body={"model": "b" if n % 20 == 0 else "a", "prompt": f"prompt {n}"})
            for n in range(300)
        )
    )

    def reply(body: Json) -> web.Response:
        exhausted = body["prompt"] == "prompt 59" or len(stub.requests) > 150
        error = web.json_response({"message": "no"}, status=402)
        return error if exhausted else completion(body)

    stub.reply = reply
    progress = BatchProgress()
    with pytest.raises(InsufficientBalanceError):
        await batch.run_file(
            files.requests, files.results, concurrency=concurrency, progress=progress
        )
    assert progress.failed == 1
    assert len(stub.requests) <= 150 + 2 * concurrency + 6 + balance_search.MAX_PROBES


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_requests_that_ask_for_more_than_is_left(
    batch: AsyncBatch, stub: Stub, files: Files, concurrency: int
) -> None:
    """However many there are before others that succeed, each gets its result."""
    files.ask(*lines(200))

    def reply(body: Json) -> web.Response:
        number = int(body["prompt"].split()[1])
        dear = number % 3 < 2 and number < 180
        return web.json_response({"message": "no"}, status=402) if dear else completion(body)

    stub.reply = reply
    progress = await batch.run_file(files.requests, files.results, concurrency=concurrency)
    assert (progress.done, progress.failed) == (80, 120)


async def test_balance_that_suffices_for_no_model(
    batch: AsyncBatch, stub: Stub, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request of each other model is sent before the run ends."""
    monkeypatch.setattr(balance_search, "MAX_PROBES", 0)
    files.ask(*(line(f"id-{n}", body={"model": f"m{n // 20}", "prompt": "p"}) for n in range(100)))
    stub.reply = lambda _: web.json_response({"message": "no"}, status=402)
    with pytest.raises(InsufficientBalanceError) as raised:
        await batch.run_file(files.requests, files.results, concurrency=2)
    assert "none sent later succeeded" in raised.value.__notes__[0]
    assert [body["model"] for body in stub.requests[-5:]] == ["m0", "m1", "m2", "m3", "m4"]
    assert len(stub.requests) <= 9
    assert files.outcomes == {}


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_request_whose_key_alone_is_refused(
    batch: AsyncBatch, stub: Stub, files: Files, concurrency: int
) -> None:
    """Among others that aren't, it is its own result; what the server has a fault with says nothing of the key."""
    files.ask(*lines(9))
    statuses = {"prompt 0": 401, "prompt 1": 500}

    def reply(body: Json) -> web.Response:
        status = statuses.get(body["prompt"])
        return web.json_response({"message": "no"}, status=status) if status else completion(body)

    stub.reply = reply
    progress = await batch.run_file(files.requests, files.results, concurrency=concurrency)
    assert (progress.done, progress.failed) == (7, 2)
    sent = [body["prompt"] for body in stub.requests].count("prompt 0")
    assert sent in ((2,) if concurrency == 1 else (1, 2))  # once more where nothing else had come
    assert len(files.outcomes) == 9


async def test_key_function_that_raises_first(stub: Stub, files: Files) -> None:
    """What it was asked for is sent when another request has reached the server."""
    asked = itertools.count()

    def key() -> str:
        if next(asked) == 0:
            raise OSError("the vault is away")
        return KEY

    files.ask(*lines(9))
    async with AsyncHoray(key, base_url=stub.base_url) as client:
        progress = await client.batch.run_file(files.requests, files.results, concurrency=2)
    assert (progress.done, progress.failed) == (9, 0)


async def test_request_that_reaches_the_server_late(
    monkeypatch: pytest.MonkeyPatch, batch: AsyncBatch, down: AsyncHoray, files: Files
) -> None:
    """What couldn't reach the server waits for those under way, and is sent again when one was responded to."""
    files.ask(*lines(3))
    failed = asyncio.Event()
    calls = list[str]()

    async def fetch_late(transport: Any, request: Any, into: Any, **options: Any) -> Any:
        prompt = json.loads(request.body)["prompt"]
        calls.append(prompt)
        if prompt == "prompt 0":
            await failed.wait()
        elif calls.count(prompt) == 1:
            failed.set()
            return await fetch(down._transport, request, into, **options)
        return await fetch(transport, request, into, **options)

    monkeypatch.setattr("horay_async.batch.sender.fetch", fetch_late)
    async with down:
        progress = await batch.run_file(files.requests, files.results, concurrency=2)
    assert (progress.done, progress.failed) == (3, 0)
    assert len(files.outcomes) == 3
