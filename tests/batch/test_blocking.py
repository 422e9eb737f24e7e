"""The batch on the blocking client."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from horay_async import BatchRequest, BatchRun, ConfigurationError, Horay, HorayError
from horay_async.models.completions import Completion

from .conftest import KEY, Stub, line, lines


class Threaded:
    """A stub server in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.stub = self.call(self._make)
        self._runner = self.call(self.stub.start)

    @staticmethod
    async def _make() -> Stub:
        return Stub()

    def call(self, function: Callable[[], Any]) -> Any:
        """Runs a coroutine function there."""
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(20)

    def reached(self, condition: Callable[[Stub], bool]) -> None:
        """Waits for something that changes with what comes and goes there."""
        self.call(lambda: self.stub.reached(lambda: condition(self.stub)))

    def hold(self) -> None:
        """Responses nothing for now."""
        self._loop.call_soon_threadsafe(self.stub.open.clear)

    def release(self) -> None:
        """Responses again."""
        self._loop.call_soon_threadsafe(self.stub.open.set)

    def close(self) -> None:
        """Ends the server and its thread."""
        self.release()
        self.call(self._runner.cleanup)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def server() -> Iterator[Threaded]:
    running = Threaded()
    yield running
    running.close()


@pytest.fixture
def client(server: Threaded) -> Iterator[Horay]:
    with Horay(KEY, base_url=server.stub.base_url) as made:
        yield made


def endless() -> Iterator[dict[str, Any]]:
    return (line("a") for _ in itertools.count())


def test_results_come_one_by_one(client: Horay) -> None:
    """As on the other client."""
    requests = [BatchRequest.completion(model="m", prompt=f"p{number}") for number in range(30)]
    run = client.batch.run(requests, ordered=True)
    first = next(run)
    assert isinstance(first.unwrap(), Completion)
    texts = [result.unwrap().choices[0].text for result in run]
    assert texts == [f"p{number}" for number in range(1, 30)]
    assert (run.progress.done, run.progress.failed) == (30, 0)


def test_requests_can_come_from_the_same_client(client: Horay) -> None:
    """A generator that calls it doesn't wait for itself."""

    def requests() -> Iterator[BatchRequest[Completion]]:
        for number in range(3):
            text = client.completions.create(model="m", prompt=f"p{number}").choices[0].text
            yield BatchRequest.completion(model="m", prompt=text)

    texts = {result.unwrap().choices[0].text for result in client.batch.run(requests())}
    assert texts == {"p0", "p1", "p2"}


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), KeyError("theirs")])
def test_exits_of_the_iterable_lose_nothing(client: Horay, error: BaseException) -> None:
    """They are raised behind the results of what was read before, and the client goes on."""

    def failing() -> Iterator[dict[str, Any]]:
        yield from lines(5)
        raise error

    indexes: list[int] = []
    with pytest.raises(type(error)) as raised:
        indexes.extend(result.index for result in client.batch.run(failing()))
    assert raised.value is error
    assert sorted(indexes) == list(range(5))
    assert len(list(client.batch.run(lines(2)))) == 2


def test_leaving_the_loop_cancels_what_is_under_way(client: Horay, server: Threaded) -> None:
    """At once."""
    for _ in client.batch.run(endless(), concurrency=5):
        server.hold()
        server.reached(lambda stub: stub.under_way == 5)
        break
    server.reached(lambda stub: stub.under_way == 0)


def test_leaving_the_block_cancels_what_is_under_way(client: Horay, server: Threaded) -> None:
    """So does close()."""
    with client.batch.run(endless(), concurrency=5) as run:
        next(run)
        server.hold()
        server.reached(lambda stub: stub.under_way == 5)
    server.reached(lambda stub: stub.under_way == 0)
    run.close()
    with pytest.raises(HorayError, match=r"left|closed"):
        next(run)


def close(run: BatchRun[Any]) -> None:
    """Closes in so many words."""
    run.close()


def leave(run: BatchRun[Any]) -> None:
    """Leaves the block."""
    with run:
        pass


@pytest.mark.parametrize("end", [close, leave])
def test_nothing_is_sent_once_it_is_closed(
    client: Horay, end: Callable[[BatchRun[Any]], None]
) -> None:
    """Closing waits until what is under way has ended."""
    for _ in range(20):
        run = client.batch.run(endless(), concurrency=5)
        next(run)
        end(run)
        assert run.progress.in_flight == 0


def test_closing_in_another_thread(client: Horay, server: Threaded) -> None:
    """Who waits for a result is told that the batch was left."""
    server.hold()
    run = client.batch.run(endless(), concurrency=5)

    def close() -> None:
        server.reached(lambda stub: stub.under_way == 5)
        run.close()

    thread = threading.Thread(target=close)
    thread.start()
    for _ in range(2):
        with pytest.raises(HorayError, match="the batch was left") as raised:
            next(run)
        assert type(raised.value) is HorayError
    thread.join(10)


def test_never_read(client: Horay) -> None:
    """A batch that nobody reads does nothing, and a warning says so, where it is dropped."""
    with pytest.warns(RuntimeWarning, match=r"batch.run\(...\) was never read") as caught:
        client.batch.run(endless())
    assert caught[0].filename == __file__
    iter(client.batch.run(endless()))
    client.batch.run(endless()).close()
    with client.batch.run(endless()):
        pass
    client.close()
    with pytest.raises(ConfigurationError):
        next(client.batch.run(endless()))


def test_dropped_batch_is_cancelled(client: Horay, server: Threaded) -> None:
    """Without a loop as well."""
    run = client.batch.run(endless(), concurrency=5)
    next(run)
    server.hold()
    server.reached(lambda stub: stub.under_way == 5)
    del run
    gc.collect()
    server.reached(lambda stub: stub.under_way == 0)


def interrupt_when_under_way(server: Threaded, count: int) -> None:
    """Sends Ctrl-C to this thread once so many requests are under way."""
    main = threading.get_ident()

    def interrupt() -> None:
        server.reached(lambda stub: stub.under_way == count)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()


@pytest.mark.posix
def test_interrupt_cancels_what_is_under_way(client: Horay, server: Threaded) -> None:
    """Ctrl-C while waiting for a result."""
    server.hold()
    interrupt_when_under_way(server, 5)
    with pytest.raises(KeyboardInterrupt):
        list(client.batch.run(endless(), concurrency=5))
    server.reached(lambda stub: stub.under_way == 0)


@pytest.mark.posix
def test_interrupted_file_can_be_begun_again_at_once(
    client: Horay, server: Threaded, tmp_path: Path
) -> None:
    """When Ctrl-C is raised, the output file is written and unlocked."""
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_text("".join(json.dumps(item) + "\n" for item in lines(20)))
    server.hold()
    interrupt_when_under_way(server, 5)
    with pytest.raises(KeyboardInterrupt):
        client.batch.run_file(requests, results, concurrency=5)
    server.release()
    progress = client.batch.run_file(requests, results, concurrency=5)
    assert progress.done == 20


def test_slow_caller_isnt_buried(client: Horay, server: Threaded) -> None:
    """The thread reads ahead within bounds."""
    run = client.batch.run(endless(), concurrency=2)
    next(run)
    quiet = 0
    before = -1
    while quiet < 20:  # it comes to rest
        seen = sum(request["prompt"] == "Once" for request in server.stub.requests)
        quiet = quiet + 1 if seen == before else 0
        before = seen
        client.completions.create(model="m", prompt="to pass the time")
    assert before < 200
    run.close()


def test_files(client: Horay, tmp_path: Path) -> None:
    """The call returns when all is done."""
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_text("".join(json.dumps(item) + "\n" for item in lines(20)))
    progress = client.batch.run_file(requests, results)
    assert (progress.total, progress.done) == (20, 20)
    assert len(results.read_text().splitlines()) == 20


def test_empty_batch(client: Horay) -> None:
    """No requests, no results."""
    assert list(client.batch.run(lines(0))) == []


def test_bar_of_a_blocking_batch(
    client: Horay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is drawn as well."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for result in client.batch.run(list(lines(20)), progress="always"):
        assert result.error is None
    assert "20/20" in capsys.readouterr().err
