"""The blocking client over real connections: streams, interrupts, threads."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    BatchRun,
    ConfigurationError,
    Horay,
    HorayError,
    RateLimitError,
    ResponseEvent,
    Stream,
    StreamTruncatedError,
    sync,
)
from horay_async.streaming import STREAM_LEFT
from horay_async.testing import Ending, FaultServer, Gate, Reset, Stall, error, error_event, raw

from .conftest import ConnectBlocking
from .recorded import CHAT, TEXT, playing, told
from .test_streaming import chat, check, contents, cut_as_asked, sse_response, text

AT_ONCE = 8


def read(client: Horay, ask: Callable[[Any, str], Any], at: int) -> object:
    """Reads a stream that is cut after `at` bytes: the merged response, or the error."""
    try:
        chunks: Stream[Any] = ask(client, str(at))
        for _ in chunks:
            pass
    except APIError as failure:
        return failure
    return chunks._wrapped._merged()


@pytest.mark.parametrize("by", ["fin", "rst"])
@pytest.mark.parametrize(("ask", "events", "choices"), [(chat, CHAT, 1), (text, TEXT, 2)])
def test_cut_after_every_byte(
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    ask: Callable[[Any, str], Any],
    events: list[bytes],
    choices: int,
    by: Ending,
) -> None:
    """However much has come, the call gives the whole response or raises with exactly that much."""
    response = playing(events)
    fault_server.always(cut_as_asked(response, by))
    with connect_blocking() as client, ThreadPoolExecutor(AT_ONCE) as threads:
        places = range(len(response.data))
        for at, outcome in enumerate(threads.map(partial(read, client, ask), places)):
            check(outcome, told(response.data[:at], choices=choices), at)


def test_ten_streams_use_one_connection(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Read to their ends, streams hand their connection on, whatever way they are read."""
    with connect_blocking() as client:
        for number in range(10):
            chunks = chat(client)
            if number % 2:
                assert "".join(chunks.text())
            else:
                assert list(chunks)
            assert next(chunks, None) is None
            assert chunks.meta.total is not None
        with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            assert events.final().choices[0].finish_reason == "stop"
    assert len(fault_server.connections) == 1
    assert len(fault_server.requests) == 11


def leave_by_break(chunks: Stream[Any]) -> None:
    for _ in chunks:
        break


def leave_by_text(chunks: Stream[Any]) -> None:
    for _ in chunks.text():
        break


def leave_by_error(chunks: Stream[Any]) -> None:
    def fail() -> None:
        for _ in chunks:
            raise LookupError

    with pytest.raises(LookupError):
        fail()


def leave_by_block(chunks: Stream[Any]) -> None:
    with chunks:
        next(chunks)


def leave_by_close(chunks: Stream[Any]) -> None:
    next(chunks)
    chunks.close()
    chunks.close()


def leave_unread(chunks: Stream[Any]) -> None:
    chunks.close()


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_text, leave_by_error, leave_by_block, leave_by_close, leave_unread],
)
def test_leaving_early_closes_at_once(
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    leave: Callable[[Stream[Any]], None],
) -> None:
    """However a stream is left, the server sees it, the slot is free, and nothing more is given."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    with connect_blocking(max_connections=1) as client:
        chunks = chat(client)
        leave(chunks)
        fault_server.wait_for_close(1)
        assert fault_server.connections[0].closed_by == "client"
        assert client.models.list()
        with pytest.raises(HorayError, match="closed"):
            next(chunks)


def test_forgotten_stream_is_closed(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """A stream that nobody holds any more ends its connection."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    with connect_blocking(max_connections=1) as client:
        next(chat(client))
        fault_server.wait_for_close(1)
        assert client.models.list()


def test_errors_are_those_of_the_other_face(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """The class, the records and the partial response cross the threads."""
    fault_server.add(error(429, retry_after=0, form="ms"), error(429), error(401, "who are you?"))
    fault_server.add(sse_response(*CHAT[:2], error_event("no", code="rate_limit_exceeded")))
    with connect_blocking(retries=1) as client:
        with pytest.raises(RateLimitError) as limited:
            client.models.list()
        assert len(limited.value.attempts) == 2
        with pytest.raises(AuthenticationError, match="who are you"):
            client.models.list()
        chunks = chat(client)
        assert next(chunks).choices[0].delta.role == "assistant"
        assert next(chunks).text == "Grü"
        for _ in range(2):
            with pytest.raises(RateLimitError, match="no"):
                next(chunks)


@pytest.mark.anyio
async def test_works_below_a_running_loop(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """A thread whose event loop is running can call and read streams, as in a notebook."""
    assert asyncio.get_running_loop().is_running()
    with connect_blocking() as client:
        assert client.models.list()
        assert "".join(chat(client).text())
    assert len(fault_server.connections) == 1


def interrupt_once(ready: Callable[[], object]) -> threading.Thread:
    """Sends Ctrl-C to the main thread as soon as `ready` has returned."""

    def wait_and_send() -> None:
        ready()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread


def whole_call(client: Horay) -> None:
    client.completions.create(model="m", prompt="p")


def opened_stream(client: Horay) -> None:
    chat(client)


def entered_events(client: Horay) -> None:
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]):
        pass


@pytest.mark.parametrize("call", [whole_call, opened_stream, entered_events])
def test_interrupt_cancels_a_call(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, call: Callable[[Horay], None]
) -> None:
    """Ctrl-C while a call waits: the server sees its end, and the client is as good as before."""
    fault_server.add(raw(Stall()))
    with connect_blocking(max_connections=1) as client:
        thread = interrupt_once(fault_server.wait_for_requests)
        with pytest.raises(KeyboardInterrupt):
            call(client)
        thread.join()
        fault_server.wait_for_close(1)
        assert fault_server.connections[0].closed_by == "client"
        assert client.models.list()


def test_interrupt_cancels_a_stream(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Ctrl-C while a loop waits for the next chunk does the same."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    with connect_blocking(max_connections=1) as client:
        chunks = chat(client)
        received: list[str] = []
        arrived = threading.Event()
        thread = interrupt_once(arrived.wait)

        def read_on() -> None:
            for piece in chunks.text():
                received.append(piece)
                arrived.set()

        with pytest.raises(KeyboardInterrupt):
            read_on()
        thread.join()
        assert received == ["Grü"]
        fault_server.wait_for_close(1)
        assert client.models.list()


def test_interrupt_ends_a_backoff(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Ctrl-C while a call waits for its next attempt: there is none."""
    fault_server.add(error(429, retry_after=30))
    waits = threading.Event()
    with connect_blocking(retries=2, on_retry=lambda _: waits.set()) as client:
        thread = interrupt_once(waits.wait)
        with pytest.raises(KeyboardInterrupt):
            whole_call(client)
        thread.join()
        assert client.models.list()
    sent = [(request.method, request.path) for request in fault_server.requests]
    assert sent == [("POST", "/completions"), ("GET", "/models")]


def in_thread(act: Callable[[], object], raised: list[BaseException]) -> threading.Thread:
    """Runs `act` in another thread and keeps what it raises."""

    def run() -> None:
        try:
            act()
        except HorayError as failure:
            raised.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("close", ["client", "stream"])
def test_closing_ends_a_loop_in_another_thread(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, close: str
) -> None:
    """Closing the client, or the stream, under a thread that reads raises there, and hangs nobody."""
    fault_server.add(sse_response(*CHAT[:2], Stall()))
    raised: list[BaseException] = []
    with connect_blocking() as client:
        chunks = chat(client)
        arrived = threading.Event()

        def read_on() -> None:
            for _ in chunks.text():
                arrived.set()

        thread = in_thread(read_on, raised)
        assert arrived.wait(5)
        (client if close == "client" else chunks).close()
        thread.join(5)
        assert not thread.is_alive()
        if close == "stream":
            with pytest.raises(HorayError) as again:
                next(chunks)
            raised.append(again.value)
    fault_server.wait_for_close(1)
    if close == "client":
        assert isinstance(raised[0], StreamTruncatedError)
        assert "closed" in str(raised[0])
    else:
        assert [(type(each), str(each)) for each in raised] == [(HorayError, STREAM_LEFT)] * 2


def test_client_that_is_closed_as_its_stream_is_made(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another thread: the request was sent, and may have been paid for."""
    make = cast("Any", sync.Stream).__init__

    def closed_first(stream: Any, *args: Any, **known: Any) -> None:
        client.close()
        make(stream, *args, **known)

    monkeypatch.setattr(sync.Stream, "__init__", closed_first)
    with connect_blocking() as client:
        stream = client.completions.create(model="m", prompt="p", stream=True)
        with pytest.raises(APIConnectionError, match="before its stream was read") as raised:
            next(stream)
    assert raised.value.execution == "unknown"


def test_stream_whose_reading_is_kept_from_its_start(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """By the closing of the last client, in another thread: its request was sent, and may have been paid for."""
    busy, free = threading.Event(), threading.Event()

    def hook(event: ResponseEvent) -> None:
        if event.label == "GET /user/info":
            busy.set()
            free.wait(60)

    fault_server.stream(["a", Stall()])
    with connect_blocking(on_response=hook) as client, ThreadPoolExecutor(2) as pool:
        stream = chat(client, "?")
        thread = client._handle.thread
        assert thread is not None
        pool.submit(client.user.info)
        assert busy.wait(60)
        read = pool.submit(next, stream)
        while thread._inbox.empty():
            time.sleep(0.001)
        thread.end_soon()
        free.set()
        with pytest.raises(APIConnectionError, match="before its stream was read") as caught:
            read.result(60)
    assert (caught.value.execution, caught.value.transient) == ("unknown", False)


def test_stream_that_is_read_once_the_client_is_closed(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Its request was sent, and may have been paid for: the error doesn't say that nothing was."""
    fault_server.stream(["a", "b"])
    client = connect_blocking()
    unread = chat(client, "?")
    client.close()
    for _ in range(2):
        with pytest.raises(APIConnectionError, match="before its stream was read") as raised:
            next(unread)
        assert (raised.value.execution, raised.value.transient) == ("unknown", False)


def test_closing_ends_a_call_in_another_thread(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Closing the client under a call that waits raises there that it was closed."""
    fault_server.add(raw(Stall()))
    raised: list[BaseException] = []
    client = connect_blocking(retries=2)
    thread = in_thread(client.models.list, raised)
    fault_server.wait_for_requests()
    client.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(raised[0], APIConnectionError)
    assert "the client was closed" in str(raised[0])
    with pytest.raises(ConfigurationError, match="closed"):
        client.models.list()


def test_many_threads_share_one_client(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """Calls from many threads at once each get their own response, over no more than `max_connections`."""
    fault_server.always(lambda request: request.json()["prompt"])

    def ask(number: int) -> str:
        return client.completions.create(model="m", prompt=f"no. {number}").choices[0].text

    with connect_blocking(max_connections=4) as client, ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(100))) == [f"no. {number}" for number in range(100)]
    assert len(fault_server.connections) <= 4


def test_final_of_a_cut_stream(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """`final()` raises as iteration does; what had come stands in the error."""
    fault_server.add(sse_response(*CHAT[:2], Reset()))
    with (
        connect_blocking() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        with pytest.raises(StreamTruncatedError) as raised:
            events.final()
        assert contents(raised.value.partial) == {0: ("Grü", None)}


def test_whole_surface(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, tmp_path: Path
) -> None:
    """Every operation responses, and every view of a stream is there, as on the other client."""
    with connect_blocking(default_headers={"X-A": "1"}) as client:
        assert client.user.info().id == "user-1"
        assert len(client.models.list()) == 2
        assert client.request("GET", "/models").json["object"] == "list"
        drawn = client.images.generate(model="m", prompt="p", image_size="1024x1024")
        assert client.images.save(drawn.images[0], tmp_path / "x.png").exists()
        copied = client.with_options(timeout=5)
        assert copied.options.timeout.total == 5
        assert copied.options.default_headers == {"X-A": "1"}
        with copied.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            assert [event.type for event in events][-1] == "finished"
            assert events.snapshot.choices[0].message.content == "Hello from the test server."
            assert events.chunks.meta is events.meta
            with pytest.raises(HorayError, match="read to its end"):
                events.text()
        with copied.completions.stream(model="m", prompt="p") as pieces:
            read = "".join(pieces.text())
            assert pieces.snapshot.choices[0].text == read == pieces.final().choices[0].text
        with copied.completions.stream(model="m", prompt="p") as others:
            assert "".join(others.text()) == "Hello from the test server."
    assert copied.closed
    assert repr(client).startswith("Horay(")


def test_events_left_early(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """Leaving the block closes the connection at once, however much was read."""
    fault_server.always(sse_response(*CHAT[:2], Stall()), path="/chat/completions")
    with connect_blocking(max_connections=1) as client:
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]):
            pass
        fault_server.wait_for_close(1)
        with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            for event in events:
                if event.type == "text":
                    break
        fault_server.wait_for_close(2)
        assert client.models.list()


def test_second_thread_that_reads_is_refused(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """A thread that reads while another one waits is told so at once; the first one reads on to the end."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT[:2], gate, *CHAT[2:]))
    raised: list[BaseException] = []
    texts: list[str] = []
    with connect_blocking() as client:
        chunks = chat(client)
        reading = in_thread(lambda: texts.extend(chunks.text()), raised)
        while not chunks._prefetcher._reading.locked() or chunks._prefetcher._call is None:
            threading.Event().wait(0.001)
        readers: list[Callable[[Any], Any]] = [list, next, lambda stream: list(stream.text())]
        for read_too in readers:
            with pytest.raises(HorayError, match="read by another thread") as refused:
                read_too(chunks)
            assert type(refused.value) is HorayError
            del refused
        gate.open()
        reading.join(5)
        assert not reading.is_alive()
        assert not raised
        with pytest.raises(HorayError, match="read to its end"):
            list(chunks)
        assert "".join(texts) == chunks._wrapped._merged().choices[0].message.content


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("here", [False, True])
def test_final_leaves_a_loop_what_it_reads(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, *, here: bool, at_once: bool
) -> None:
    """A loop that is busy with a chunk meanwhile, in whichever thread, neither goes on behind a gap nor looks complete."""
    gate = Gate()
    fault_server.add(
        sse_response(b"".join(CHAT)) if at_once else sse_response(*CHAT[:2], gate, *CHAT[2:])
    )
    with (
        connect_blocking() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        pieces = events.text()
        texts = [next(pieces)]
        gate.open()
        finals: list[Any] = []
        raised: list[BaseException] = []
        for _ in range(2):
            if here:
                finals.append(events.final())
            else:
                in_thread(lambda: finals.append(events.final()), raised).join(5)
        assert not raised
        texts.extend(pieces)
        assert [final.choices[0].message.content for final in finals] == ["".join(texts)] * 2
        with pytest.raises(HorayError, match="read to its end"):
            events.text()


def test_final_that_fails_leaves_a_loop_what_it_reads(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """The loop goes on to where the stream broke off, and raises there."""
    gate = Gate()
    fault_server.add(sse_response(*CHAT[:2], gate, *CHAT[2:4]))
    with (
        connect_blocking() as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events,
    ):
        pieces = events.text()
        texts = [next(pieces)]
        gate.open()
        with pytest.raises(StreamTruncatedError) as raised:
            events.final()
        with pytest.raises(StreamTruncatedError):
            events.final()
        with pytest.raises(StreamTruncatedError):
            texts.extend(pieces)
        assert "".join(texts) == raised.value.partial.choices[0].message.content


def test_threads_that_read_one_stream_all_end(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """However threads meet at one stream, none waits for ever, and no chunk is lost or handed out twice."""
    fault_server.always(lambda _: sse_response(*CHAT))
    with connect_blocking() as client:
        whole = [chunk.to_dict() for chunk in chat(client)]
        for _ in range(30):
            chunks = chat(client)
            raised: list[BaseException] = []
            got: list[Any] = []

            def read_on(chunks: Any = chunks, got: list[Any] = got) -> None:
                for chunk in chunks:
                    got.append(chunk.to_dict())  # noqa: PERF401 - an error may come between

            readers = [in_thread(read_on, raised) for _ in range(3)]
            for reader in readers:
                reader.join(5)
                assert not reader.is_alive()
            assert len(raised) < len(readers)
            told = ("another thread", "read to its end")  # the others' loop may be over by then
            assert all(any(words in str(error) for words in told) for error in raised)
            assert len(got) == len(whole)
            assert all(chunk in got for chunk in whole)


def test_second_loop_over_a_read_stream_is_refused(
    fault_server: FaultServer, connect_blocking: ConnectBlocking
) -> None:
    """A loop that begins after the end raises; one from before just ends, and `final()` returns the response."""
    fault_server.always(sse_response(*CHAT))
    with connect_blocking() as client:
        chunks = chat(client)
        first, before = iter(chunks), chunks.text()
        assert list(first)
        for ended in (first, before, chunks):
            assert next(ended, None) is None
        begin: list[Callable[[Any], Any]] = [iter, lambda stream: stream.text()]
        for loop in (*begin, list[Any]):
            with pytest.raises(HorayError, match=r"read to its end: keep its items in a list"):
                loop(chunks)
        with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            assert list(events)
            begin.append(lambda stream: iter(stream.chunks))
            for loop in begin:
                with pytest.raises(HorayError, match=r"read to its end: .* final\(\) and snapshot"):
                    loop(events)
            assert events.final().choices == events.snapshot.choices
            assert repr(events) == "<EventStream of POST /chat/completions: read to its end>"
        unsent = client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        )
        assert repr(unsent) == "<EventStream: not sent yet, use it in a with block>"
        with chat(client) as left:
            assert next(left)
            assert repr(left).startswith("<Stream of POST /chat/completions: ")
        assert repr(client.chat) == f"<Chat of {client.options.base_url}>"
        assert repr(client.batch) == f"<Batch of {client.options.base_url}>"
        run: BatchRun[Any] = client.batch.run([])
        assert list(run) == []
        assert repr(run) == "<BatchRun: 0 of 0 done, 0 failed>"
        with pytest.raises(HorayError, match="results of the batch were read to their end"):
            list(run)
        tools = client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[]
        )
        assert repr(tools) == "<ToolRun: not begun, read it in a loop or call final()>"
        assert list(tools)
        assert repr(tools) == "<ToolRun: over>"
        with pytest.raises(HorayError, match="the run is over"):
            list(tools)
        assert tools.final()
