"""openai's own clients on this client: calls, streams and everything that can go wrong, awaited and blocking."""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel

from horay_async import (
    APITimeoutError,
    AsyncHoray,
    Horay,
    Limits,
    ResponseEvent,
    RetryPolicy,
    StreamTruncatedError,
    Timeouts,
)
from horay_async.integrations.httpx2 import AsyncHorayTransport, HorayTransport
from horay_async.integrations.openai import PLACEHOLDER, AsyncOpenAI, OpenAI
from horay_async.testing import (
    Cut,
    Delay,
    FaultServer,
    Gate,
    Hang,
    Stall,
    error,
    error_event,
    json_response,
    pings,
    respond,
    sse,
    stream,
)
from tests.integrations.scripted_model import scripted_model

pytestmark = pytest.mark.anyio

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
QUICK = RetryPolicy(max_retries=2, initial_backoff=0.001, max_backoff=0.002)


async def settled(value: Any) -> Any:
    """The result of a call of either client."""
    return await value if inspect.isawaitable(value) else value


class Side:
    """One of the two clients, used alike: blocking calls run in a thread."""

    def __init__(self, server: FaultServer, *, blocking: bool) -> None:
        self.server = server
        self.blocking = blocking
        self.made: list[Any] = []

    def horay(self, **options: Any) -> Any:
        """A Horay client."""
        options = {"base_url": self.server.base_url, "retry": QUICK, **options}
        made = (Horay if self.blocking else AsyncHoray)(self.server.api_key, **options)
        self.made.append(made)
        return made

    def client(self, **options: Any) -> Any:
        """An openai client on a Horay client."""
        horay = options.pop("horay", None) or self.horay()
        return (OpenAI if self.blocking else AsyncOpenAI)(horay=horay, **options)

    async def read(self, stream: Any, arrived: asyncio.Event | None = None) -> None:
        """Reads a stream to its end."""
        if self.blocking:
            await asyncio.to_thread(list, stream)
            return
        async for _ in stream:
            if arrived is not None:
                arrived.set()

    async def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """What a call returns."""
        if self.blocking:
            return await asyncio.to_thread(function, **arguments)
        return await function(**arguments)

    async def ask(self, client: Any, **arguments: Any) -> Any:
        """A chat completion."""
        create = client.chat.completions.create
        return await self.run(create, model="m", messages=MESSAGES, **arguments)

    async def texts(self, client: Any, into: list[str], **arguments: Any) -> list[str]:
        """The texts of a streamed chat completion, those before an error in `into`."""
        stream = await self.ask(client, stream=True, **arguments)

        def add(chunk: Any) -> None:
            into.extend(c.delta.content for c in chunk.choices if c.delta.content)

        def add_all() -> None:
            for chunk in stream:
                add(chunk)

        if self.blocking:
            await asyncio.to_thread(add_all)
        else:
            async for chunk in stream:
                add(chunk)
        return into

    async def kinds(self, stream: Any) -> list[str]:
        """The types of a stream's events."""
        if self.blocking:
            return await asyncio.to_thread(lambda: [event.type for event in stream])
        return [event.type async for event in stream]

    async def close(self) -> None:
        """Closes the Horay clients."""
        for made in self.made:
            await settled(made.close())


@pytest.fixture(params=["awaited", "blocking"])
async def side(request: pytest.FixtureRequest, fault_server: FaultServer) -> Any:
    """Each of the two clients."""
    side = Side(fault_server, blocking=request.param == "blocking")
    yield side
    await side.close()


async def test_call_and_stream(side: Side) -> None:
    """Both work on an instance of openai's class, with no other key than the Horay client's."""
    client = side.client()
    assert isinstance(client, openai.OpenAI if side.blocking else openai.AsyncOpenAI)
    side.server.reply("Good day")
    side.server.reply("one two three")
    assert (await side.ask(client)).choices[0].message.content == "Good day"
    assert await side.texts(client, []) == ["one", " two", " three"]
    for request in side.server.requests:
        assert request.headers["authorization"] == f"Bearer {side.server.api_key}"
        assert request.headers["x-stainless-lang"] == "python"
        assert request.headers["idempotency-key"]
        assert PLACEHOLDER not in str(request.headers)


async def test_cut_stream_is_an_error(side: Side) -> None:
    """A stream that ends between two events is no end without a word."""
    side.server.stream(["one", " two"], done=False, finish_reason=None)
    texts: list[str] = []
    with pytest.raises(openai.APIConnectionError, match="is incomplete") as caught:
        await side.texts(side.client(), texts)
    assert texts == ["one", " two"]
    cause = caught.value.__cause__
    assert isinstance(cause, StreamTruncatedError)
    assert cause.partial.choices[0].message.content == "one two"


async def test_failed_stream_never_looks_complete(side: Side) -> None:
    """Reading on after its failure raises the failure again, by `for` and by `next`."""
    side.server.stream(["one", " two"], done=False, finish_reason=None)
    stream = await side.ask(side.client(), stream=True)
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError, match="is incomplete"):
            await side.read(stream)
    with pytest.raises(openai.APIConnectionError, match="is incomplete"):
        _ = next(stream) if side.blocking else await anext(stream)


async def test_cancelled_stream_never_looks_complete(fault_server: FaultServer) -> None:
    """A read that was cancelled, as by a timeout, has closed it: reading on says so."""
    side = Side(fault_server, blocking=False)
    fault_server.stream(["one", " two"], Hang(at=-60))
    stream = await side.ask(side.client(), stream=True)
    reading = asyncio.create_task(side.read(stream, waiting := asyncio.Event()))
    await waiting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError, match="CancelledError ended"):
            await side.read(stream)
    await side.close()


def test_interrupted_stream_never_looks_complete(fault_server: FaultServer) -> None:
    """The same after Ctrl-C that is caught, also for the loop that is held."""
    fault_server.stream(["one", " two"], Hang(at=-60))
    with Horay(fault_server.api_key, base_url=fault_server.base_url) as horay:
        client = OpenAI(horay=horay)
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        arrived = threading.Event()

        def take(_: object) -> None:
            arrived.set()

        def interrupt() -> None:
            assert arrived.wait(10)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        loop = iter(stream)
        with pytest.raises(KeyboardInterrupt):
            deque(map(take, loop), maxlen=0)
        thread.join()
        for items in (loop, stream, iter(stream)):
            with pytest.raises(openai.APIConnectionError, match="KeyboardInterrupt ended"):
                next(items)


def helpers_of(client: Any) -> list[Any]:
    """The managers of openai's helpers for streams, each of a request of its own."""
    chat: Any = {"model": "m", "messages": MESSAGES}
    return [
        client.chat.completions.stream(**chat),
        client.with_options(max_retries=0).beta.chat.completions.stream(**chat),
        client.responses.stream(model="m", input="Hello"),
    ]


async def test_helpers_of_cut_streams_never_look_complete(side: Side) -> None:
    """A helper raises the failure again, where it is read on, and where it is asked for the whole."""
    side.server.always(stream(["one", " two"], done=False, finish_reason=None))
    created: Any = {"type": "response.created", "response": RESPONSE, "sequence_number": 0}
    event = sse(created, event="response.created")
    side.server.always(respond([event], content_type="text/event-stream"), path="/responses")

    def get_whole(helper: Any) -> Any:
        return (getattr(helper, "get_final_completion", None) or helper.get_final_response)()

    def read_blocking(manager: Any) -> None:
        with manager as helper:
            for read in (list, list, next, get_whole):
                with pytest.raises(openai.APIConnectionError, match="is incomplete"):
                    read(helper)

    async def read(manager: Any) -> None:
        async with manager as helper:
            for reading in (side.read, side.read, anext, get_whole):
                with pytest.raises(openai.APIConnectionError, match="is incomplete"):
                    await reading(helper)

    for manager in helpers_of(side.client(max_retries=0)):
        await (asyncio.to_thread(read_blocking, manager) if side.blocking else read(manager))


async def test_helper_of_a_cancelled_read_never_looks_complete(fault_server: FaultServer) -> None:
    """What had come isn't returned as the whole."""
    side = Side(fault_server, blocking=False)
    fault_server.stream(["one", " two"], Hang(at=-60))
    chat = side.client().chat.completions
    async with chat.stream(model="m", messages=MESSAGES) as helper:
        reading = asyncio.create_task(side.read(helper, waiting := asyncio.Event()))
        await waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        for again in (side.read(helper), helper.get_final_completion()):
            with pytest.raises(openai.APIConnectionError, match="CancelledError ended"):
                await again
    await side.close()


async def test_reset_stream_is_an_error(side: Side) -> None:
    """One whose connection is reset is one too, of the same class."""
    side.server.stream(["one", " two"], Cut(-120, by="rst"))
    with pytest.raises(openai.APIConnectionError):
        await side.texts(side.client(max_retries=0), [])


async def test_finish_reason_is_an_end(side: Side) -> None:
    """Where each choice has its finish reason, the missing mark of the end is no error."""
    side.server.stream(["one"], done=False)
    assert await side.texts(side.client(), []) == ["one"]


async def test_retries_happen_once(side: Side) -> None:
    """A call is tried as often as was said: not once for each of two layers."""
    side.server.always(error(429, "slow down"))
    with pytest.raises(openai.RateLimitError) as caught:
        await side.ask(side.client())
    assert len(side.server.requests) == 3
    assert caught.value.response.json()["error"]["message"] == "slow down"
    keys = {request.headers["idempotency-key"] for request in side.server.requests}
    assert len(keys) == 1


@pytest.mark.parametrize("where", ["client", "copy"])
async def test_max_retries_is_ours(side: Side, where: str) -> None:
    """openai's `max_retries` sets that of the Horay client's policy."""
    side.server.always(error(503))
    client = side.client(max_retries=4) if where == "client" else side.client()
    client = client if where == "client" else client.with_options(max_retries=4)
    with pytest.raises(openai.InternalServerError):
        await side.ask(client)
    assert len(side.server.requests) == 5


async def test_retried(side: Side) -> None:
    """What can be tried again is, also for a stream that fails before its first chunk."""
    client = side.client()
    side.server.add(error(429, retry_after=0.001, form="ms"))
    side.server.reply("Good day")
    assert (await side.ask(client)).choices[0].message.content == "Good day"
    side.server.stream([], done=False, finish_reason=None)
    side.server.reply("Good evening")
    assert "".join(await side.texts(client, [])) == "Good evening"


async def test_images_are_not_run_twice(side: Side) -> None:
    """The class of a path decides: what is paid by the piece isn't sent again after a lost response."""
    side.server.always(respond(b"{", content_length=2).with_faults(Cut(-1)))
    client = side.client()
    with pytest.raises(openai.APIConnectionError):
        await side.run(client.images.generate, model="m", prompt="an island")
    side.server.always(respond(b"").with_faults(Cut(0)))
    before = len(side.server.requests)
    with pytest.raises(openai.APIConnectionError):
        await side.run(client.images.generate, model="m", prompt="an island")
    assert len(side.server.requests) == before + 1
    with pytest.raises(openai.APIConnectionError):
        await side.ask(client)
    assert len(side.server.requests) == before + 4


async def test_timeout_is_a_deadline(side: Side) -> None:
    """A number as `timeout` bounds the call as a whole, retries included."""
    gate = Gate()
    side.server.always(lambda _: json_response({}).with_faults(Delay(gate)))
    with pytest.raises(openai.APITimeoutError, match=r"deadline of 0\.3 s") as caught:
        await side.ask(side.client(timeout=0.3))
    cause = caught.value.__cause__
    assert isinstance(cause, APITimeoutError)
    assert cause.clock == "total"
    with pytest.raises(openai.APITimeoutError):
        await side.ask(side.client(), timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        await side.ask(side.client().with_options(timeout=0.3))
    gate.open()
    assert len(side.server.requests) == 3


async def test_timeouts_by_clock(side: Side) -> None:
    """`httpx2.Timeout` with different values sets the timeouts; without any, the Horay client's hold."""
    side.server.always(lambda _: json_response({}).with_faults(Hang()))
    client = side.client(max_retries=0, timeout=httpx2.Timeout(60, read=0.2))
    with pytest.raises(openai.APITimeoutError) as caught:
        await side.ask(client)
    assert isinstance(caught.value.__cause__, APITimeoutError)
    assert caught.value.__cause__.clock == "first_byte"
    horay = side.horay(timeout=Timeouts(first_byte=0.2))
    with pytest.raises(openai.APITimeoutError):
        await side.ask(side.client(horay=horay, max_retries=0))


async def test_any_timeout_counts(side: Side) -> None:
    """Also the one that httpx2 has by default, and None, which is no deadline."""
    client = side.client(timeout=httpx2.Timeout(5.0))
    seen: list[float | None] = []
    for made in (client, client.with_options(timeout=None)):
        options = openai_request(made).extensions["horay"]
        seen.append(options["timeout"])
    assert seen == [5.0, None]
    assert "timeout" not in openai_request(side.client()).extensions["horay"]


def openai_request(client: Any) -> httpx2.Request:
    """What openai's client makes of a call."""
    models: Any = import_module("openai._models")
    options = models.FinalRequestOptions(method="post", url="/x", json_data={})
    request: httpx2.Request = client._build_request(options)
    return request


async def test_helpers_of_openai(side: Side) -> None:
    """`parse` and `stream` of openai's client, with a class."""

    class City(BaseModel):
        name: str

    side.server.always(scripted_model)
    client = side.client()
    options: Any = {"model": "m", "messages": [{"role": "user", "content": "'Oslo'"}]}
    options["response_format"] = City
    parsed = await side.run(client.chat.completions.parse, **options)
    assert parsed.choices[0].message.parsed.name == "Oslo"

    def final() -> Any:
        with client.chat.completions.stream(**options) as stream:
            return stream.get_final_completion()

    if side.blocking:
        whole = await asyncio.to_thread(final)
    else:
        async with client.chat.completions.stream(**options) as stream:
            whole = await stream.get_final_completion()
    assert whole.choices[0].message.parsed.name == "Oslo"


async def test_plain_client_on_the_transport(side: Side) -> None:
    """openai's own class on the public transport: the error is the one that it wraps, or httpx2's in openai 3.3."""
    side.server.always(stream(["one"], done=False, finish_reason=None))
    key: Any = {"api_key": "any", "base_url": side.server.base_url, "max_retries": 0}
    horay = side.horay(retry=RetryPolicy(max_retries=0))
    if side.blocking:
        http: Any = httpx2.Client(transport=HorayTransport(horay))
        client: Any = openai.OpenAI(http_client=http, **key)
    else:
        http = httpx2.AsyncClient(transport=AsyncHorayTransport(horay))
        client = openai.AsyncOpenAI(http_client=http, **key)
    with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
        await side.texts(client, [])
    assert side.server.requests[0].headers["authorization"] == f"Bearer {side.server.api_key}"


def test_dropping_a_stream_closes_the_connection(fault_server: FaultServer) -> None:
    """A stream that nobody reads, or reads on, and nobody closes."""
    with Horay(fault_server.api_key, base_url=fault_server.base_url) as horay:
        client = OpenAI(horay=horay)
        for number in (1, 2):
            fault_server.stream(["one", " two"], Hang(at=-60))
            found = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            if number == 2:
                next(iter(found))
            del found
            gc.collect()
            fault_server.wait_for_close(number)


@pytest.mark.parametrize("read", [True, False])
async def test_streams_that_are_dropped_hold_no_permit(
    fault_server: FaultServer, read: bool
) -> None:
    """They are closed at once, and not by the garbage collector, for which a call that waits would wait in vain."""
    fault_server.always(stream(["a", Stall()]))
    gc.disable()
    try:
        async with AsyncHoray(
            fault_server.api_key, base_url=fault_server.base_url, limits=Limits(concurrency=1)
        ) as horay:
            client = AsyncOpenAI(horay=horay)
            for _ in range(3):
                async with asyncio.timeout(20):
                    chunks = await client.chat.completions.create(
                        model="m", messages=MESSAGES, stream=True
                    )
                if read:
                    async for _ in chunks:
                        break
                del chunks
    finally:
        gc.enable()


async def test_pings_do_not_stop_the_clock(side: Side) -> None:
    """Comments that keep a connection alive are no content: the timeout `idle` runs on."""
    side.server.stream(["one", *pings(400, gap=0.01)])
    horay = side.horay(timeout=Timeouts(idle=0.2))
    texts: list[str] = []
    with pytest.raises(openai.APITimeoutError):
        await side.texts(side.client(horay=horay), texts)
    assert texts == ["one"]


async def test_status_error_keeps_body_and_headers(side: Side) -> None:
    """As the server sent them, but for the key."""
    body = f'{{ "error": {{"message": "no {side.server.api_key}",\n "code": 7}}, "more": [1] }}'
    side.server.always(respond(body, 400, headers={"x-request-id": "r-1", "x-more": "yes"}))
    with pytest.raises(openai.BadRequestError) as caught:
        await side.ask(side.client())
    response = caught.value.response
    assert response.text == body.replace(side.server.api_key, "[API key]")
    assert (response.headers["x-more"], caught.value.request_id) == ("yes", "r-1")
    assert str(caught.value.code) == "7"
    assert side.server.api_key not in repr(vars(caught.value)) + str(caught.value)


async def test_failure_with_status_200(side: Side) -> None:
    """A failure in an envelope has the status class that it maps to."""
    side.server.always(error(200, "no such model", shape="envelope", code=404))
    with pytest.raises(openai.NotFoundError) as caught:
        await side.ask(side.client())
    assert caught.value.response.json()["message"] == "no such model"


async def test_error_in_a_stream(side: Side) -> None:
    """It is raised as openai's client does it: with the server's body."""
    side.server.stream(["one", error_event("out of memory", code="oom")])
    texts: list[str] = []
    with pytest.raises(openai.APIError, match="out of memory") as caught:
        await side.texts(side.client(), texts)
    assert texts == ["one"]
    assert caught.value.code == "oom"


async def test_raw_and_streaming_responses(side: Side) -> None:
    """`with_raw_response` and `with_streaming_response` show the server's headers and body."""
    client = side.client()
    side.server.reply("Good day", headers={"x-more": "yes"})
    raw = await side.run(
        client.chat.completions.with_raw_response.create, model="m", messages=MESSAGES
    )
    assert raw.headers["x-more"] == "yes"
    assert raw.parse().choices[0].message.content == "Good day"
    side.server.reply("one two")
    options: Any = {"model": "m", "messages": MESSAGES, "stream": True}

    def lines() -> list[str]:
        with client.chat.completions.with_streaming_response.create(**options) as response:
            return [line for line in response.iter_lines() if line]

    if side.blocking:
        found = await asyncio.to_thread(lines)
    else:
        create = client.chat.completions.with_streaming_response.create
        async with create(**options) as response:
            found = [line async for line in response.iter_lines() if line]
    assert found[-1] == "data: [DONE]"
    assert all(line.startswith("data: {") for line in found[:-1])


async def test_retries_taken(side: Side) -> None:
    """A raw response tells the attempts of the Horay client."""
    create = side.client().chat.completions.with_raw_response.create
    for failures in (0, 2):
        for _ in range(failures):
            side.server.add(error(500))
        side.server.reply("Good day")
        raw = await side.run(create, model="m", messages=MESSAGES)
        assert raw.retries_taken == failures


async def test_uploads(side: Side) -> None:
    """Files go out as multipart forms."""
    side.server.add(json_response({"id": "file-1", "object": "file"}), path="/files")
    client = side.client()
    made = await side.run(client.files.create, file=("a.jsonl", b'{"a": 1}\n'), purpose="batch")
    assert made.id == "file-1"
    (request,) = side.server.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'{"a": 1}\n' in request.body


async def test_binary_responses(side: Side) -> None:
    """Sound comes as it is, whole or piece by piece."""
    sound = bytes(range(256)) * 1000
    side.server.always(respond(sound, content_type="audio/mpeg"), path="/audio/speech")
    client = side.client()
    spoken = await side.run(client.audio.speech.create, model="m", voice="v", input="Hello")
    assert spoken.content == sound


async def test_file_contents_are_not_looked_into(side: Side) -> None:
    """A file may be JSON, several lines of it, or say `error`."""
    for body in (b'{"error": {"message": "mine"}}', b'{"a": 1}\n{"a": 2}\n'):
        side.server.add(respond(body), path="/files/file-1/content")
        client = side.client()
        found = await side.run(client.files.content, file_id="file-1")
        assert found.content == body


async def test_embeddings_and_models(side: Side) -> None:
    """Other paths pass through."""
    item = {"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    side.server.add(
        json_response({"object": "list", "data": [item], "model": "m", "usage": usage}),
        path="/embeddings",
    )
    client = side.client()
    found = await side.run(client.embeddings.create, model="m", input="x", encoding_format="float")
    assert found.data[0].embedding == [0.5, 1.0]
    listed = await settled(client.models.list())
    assert listed.data


RESPONSE: Any = {
    "id": "resp-1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
}  # fmt: skip


def response_events(*, whole: bool) -> list[bytes]:
    """A stream of the Responses API."""
    delta: Any = {
        "type": "response.output_text.delta",
        "delta": "Hi",
        "item_id": "i",
        "output_index": 0,
    }
    delta |= {"content_index": 0, "sequence_number": 1, "logprobs": []}
    end: Any = {"type": "response.completed", "response": RESPONSE, "sequence_number": 2}
    events = [sse(delta, event=delta["type"])]
    return [*events, sse(end, event="response.completed")] if whole else events


async def test_responses(side: Side) -> None:
    """The Responses API: whole, streamed, and a stream that lacks its last event."""
    client = side.client(max_retries=0)
    side.server.add(json_response(RESPONSE), path="/responses")
    whole = await side.run(client.responses.create, model="m", input="Hello")
    assert whole.id == "resp-1"

    async def kinds(*, resumed: bool = False) -> list[str]:
        stream = (
            await side.run(
                client.responses.retrieve, response_id="resp-1", stream=True, starting_after=0
            )
            if resumed
            else await side.run(client.responses.create, model="m", input="Hello", stream=True)
        )
        return await side.kinds(stream)

    for path, resumed in (("/responses", False), ("/responses/resp-1", True)):
        for complete in (True, False):
            events = response_events(whole=complete)
            side.server.add(respond(events, content_type="text/event-stream"), path=path)
        told = await kinds(resumed=resumed)
        assert told == ["response.output_text.delta", "response.completed"]
        with pytest.raises(openai.APIConnectionError, match="incomplete"):
            await kinds(resumed=resumed)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("fault", [Cut(-30), Hang(-30)], ids=repr)
async def test_cut_within_the_last_event(side: Side, framing: Any, fault: Any) -> None:
    """It is openai's error for a stream that was cut or fell silent, whatever the cut leaves of the event's JSON."""
    body = response_events(whole=True)
    whole = respond(body, content_type="text/event-stream", framing=framing)
    side.server.add(whole.with_faults(fault), path="/responses")
    horay = side.horay(timeout=Timeouts(idle=0.3))
    client = side.client(horay=horay, max_retries=0)
    stream = await side.run(client.responses.create, model="m", input="Hello", stream=True)
    kind = openai.APITimeoutError if isinstance(fault, Hang) else openai.APIConnectionError
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError) as caught:
            await side.kinds(stream)
        assert type(caught.value) is kind


async def test_event_that_is_no_json(side: Side) -> None:
    """One that has its blank line, and so is no cut, is openai's error as well."""
    body = [*response_events(whole=False), sse('{"type": ', event="response.completed")]
    client = side.client(max_retries=0)
    side.server.add(respond(body, content_type="text/event-stream"), path="/responses")
    stream = await side.run(client.responses.create, model="m", input="Hello", stream=True)
    for _ in range(2):
        with pytest.raises(openai.APIResponseValidationError, match="isn't JSON") as caught:
            await side.kinds(stream)
        assert caught.value.body == '{"type": '


async def test_error_event_of_responses(side: Side) -> None:
    """openai's client hands the Responses API's error event on, so it comes as it was sent."""
    event = {"type": "error", "message": "out of memory", "code": "oom", "param": None}
    side.server.add(
        respond([sse(event, event="error")], content_type="text/event-stream"), path="/responses"
    )
    client = side.client(max_retries=0)
    stream = await side.run(client.responses.create, model="m", input="Hello", stream=True)
    events: list[Any] = (
        await asyncio.to_thread(list, stream) if side.blocking else [e async for e in stream]
    )
    assert (events[0].type, events[0].message) == ("error", "out of memory")


ERROR: Any = {"error": {"message": "out of memory", "code": 500}}
CHUNK: Any = {"choices": [{"index": 0, "delta": {"content": "Once"}, "finish_reason": None}]}


@pytest.mark.parametrize("sent", [[sse(ERROR)], [sse(CHUNK), sse(CHUNK), sse(ERROR)]])
@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings", "/responses"])
async def test_error_among_events_that_nobody_asked_for(
    side: Side, path: str, sent: list[bytes]
) -> None:
    """It is raised, as the same in JSON is: openai's client would return the text of the events."""
    name = "error" if path == "/responses" else ""
    events = [*sent[:-1], sse(ERROR, event=name)]
    side.server.add(json_response(ERROR), path=path)
    side.server.add(respond(events, content_type="text/event-stream"), path=path)
    client = side.client(max_retries=0)
    calls: dict[str, Callable[[], Any]] = {
        "/chat/completions": lambda: side.ask(client),
        "/completions": lambda: side.run(client.completions.create, model="m", prompt="?"),
        "/embeddings": lambda: side.run(client.embeddings.create, model="m", input="?"),
        "/responses": lambda: side.run(client.responses.create, model="m", input="?"),
    }
    for _ in ("JSON", "events"):
        with pytest.raises(openai.APIError, match="out of memory"):
            await calls[path]()
    assert len(side.server.requests) == 2


async def test_events_that_nobody_asked_for(side: Side) -> None:
    """openai's client returns their text, where they are whole."""
    whole = stream(["one", " two"])
    side.server.add(whole)
    found = await side.ask(side.client())
    assert isinstance(found, str)
    assert found.endswith("data: [DONE]\n\n")


async def test_error_event_of_a_resumed_stream(side: Side) -> None:
    """A GET asks for events by its query: it comes as it was sent, too."""
    event = {"type": "error", "message": "out of memory", "code": "oom", "param": None}
    side.server.add(
        respond([sse(event, event="error")], content_type="text/event-stream"), path="/responses/r"
    )
    client = side.client(max_retries=0)
    resumed = await side.run(client.responses.retrieve, response_id="r", stream=True)
    events: list[Any] = (
        await asyncio.to_thread(list, resumed) if side.blocking else [e async for e in resumed]
    )
    assert events[0].message == "out of memory"


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_stored_completions(side: Side, count: int) -> None:
    """They are listed by a GET of the path that makes them, and are no completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Once"}}
    stored = [{"id": f"c-{number}", "choices": [choice]} for number in range(count)]
    side.server.add(
        json_response({"object": "list", "data": stored, "has_more": False}),
        path="/chat/completions",
    )
    page = await side.run(side.client().chat.completions.list)
    assert [each.id for each in page.data] == [each["id"] for each in stored]
    assert [request.method for request in side.server.requests] == ["GET"]


async def test_other_hosts_never_get_the_key(side: Side, fault_server: FaultServer) -> None:
    """A whole URL on another host is reached without it."""
    with FaultServer(check_key=False) as other:
        other.always(json_response({"a": 1}))
        client = side.client()
        found = await side.run(client.get, path=f"{other.base_url}/any", cast_to=object)
        assert found == {"a": 1}
        assert "authorization" not in other.requests[0].headers
        with pytest.raises(openai.APIConnectionError, match="would send the API key"):
            await side.run(
                client.get,
                path=f"{other.base_url}/any",
                cast_to=object,
                options={"headers": {"x-key": fault_server.api_key}},
            )


async def test_redirects_are_not_followed(side: Side) -> None:
    """The status is raised: the key stays with the host it was meant for."""
    side.server.always(respond(b"", 307, headers={"Location": "https://elsewhere.example/"}))
    with pytest.raises(openai.APIStatusError) as caught:
        await side.ask(side.client())
    assert caught.value.status_code == 307


async def test_hooks_hear_of_calls(side: Side) -> None:
    """Hooks of the Horay client are told the merged response of a stream too."""
    heard: list[ResponseEvent] = []
    client = side.client(horay=side.horay(on_response=heard.append))
    side.server.reply("Good day")
    side.server.reply("Good day")
    await side.ask(client)
    await side.texts(client, [])
    assert [event.error for event in heard] == [None, None]


async def test_closing_leaves_the_horay_client_open(side: Side) -> None:
    """The Horay client is its owner's."""
    horay = side.horay()
    client = side.client(horay=horay)
    await settled(client.close())
    assert not horay.closed
    assert (await side.ask(side.client(horay=horay))).choices
    with pytest.raises((RuntimeError, openai.APIConnectionError)):  # as the version has it
        await side.ask(client.with_options(max_retries=0))


async def test_closed_horay_client(side: Side) -> None:
    """openai's error says so."""
    horay = side.horay()
    client = side.client(horay=horay)
    await settled(horay.close())
    with pytest.raises(openai.APIConnectionError, match="closed"):
        await side.ask(client)


async def test_client_of_its_own(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `horay=`, key and address make one, which is closed with it; openai's variables aren't read."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example")
    monkeypatch.setenv("OPENAI_API_KEY", "another-key")
    kind = OpenAI if side.blocking else AsyncOpenAI
    client: Any = kind(api_key=side.server.api_key, base_url=side.server.base_url)
    assert (await side.ask(client)).choices
    await settled(client.close())
    assert client._horay.closed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", "another-key"),
        ("base_url", "https://elsewhere.example/v1"),
        ("http_client", object()),
        ("workload_identity", {"provider": None}),
        ("websocket_base_url", "wss://elsewhere.example"),
    ],
)
async def test_contradictions_are_refused(side: Side, name: str, value: Any) -> None:
    """An option that can't hold beside the Horay client is named."""
    options: Any = {name: value}
    with pytest.raises(TypeError, match=name):
        side.client(**options)
    with pytest.raises(TypeError, match=name):
        side.client().with_options(**options)


async def test_copies(side: Side) -> None:
    """They keep the Horay client, and the other options."""
    client = side.client(default_headers={"x-one": "1"}, timeout=30)
    copy = client.with_options(default_headers={"x-two": "2"}).copy(max_retries=0)
    assert (type(copy), copy._horay, copy.timeout) == (type(client), client._horay, 30)
    await side.ask(copy)
    headers = side.server.requests[0].headers
    assert (headers["x-one"], headers["x-two"]) == ("1", "2")


async def test_idempotency_key_is_kept(side: Side) -> None:
    """The caller's own goes out with each attempt."""
    side.server.add(error(500))
    await side.ask(side.client(), extra_headers={"Idempotency-Key": "mine"})
    assert [r.headers["idempotency-key"] for r in side.server.requests] == ["mine", "mine"]


async def test_tools(side: Side) -> None:
    """Tool calls come whole and in pieces."""
    side.server.always(scripted_model)
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "parameters": parameters}
    tools = [{"type": "function", "function": function}]
    whole = await side.ask(side.client(), tools=tools)
    assert whole.choices[0].message.tool_calls[0].function.name == "weather"
    stream = await side.ask(side.client(), tools=tools, stream=True)
    chunks = await asyncio.to_thread(list, stream) if side.blocking else [c async for c in stream]
    calls = [call for c in chunks for o in c.choices for call in o.delta.tool_calls or ()]
    arguments = "".join(call.function.arguments or "" for call in calls)
    assert arguments == '{"city": "a text"}'


async def test_cancelling_closes_the_connection(fault_server: FaultServer) -> None:
    """A cancelled call, and a stream that is left, don't let the server go on."""
    side = Side(fault_server, blocking=False)
    client = side.client()
    fault_server.always(lambda _: json_response({}).with_faults(Hang()))
    task = asyncio.create_task(side.ask(client))
    await fault_server.until_requests(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await fault_server.until_closed(1)
    fault_server.stream(["one", " two"], Hang(at=-60))
    async with await side.ask(client, stream=True) as stream:
        async for _ in stream:
            break
    await fault_server.until_closed(2)
    await side.close()


def test_leaving_a_blocking_stream_closes_the_connection(fault_server: FaultServer) -> None:
    """A loop that is left, too."""
    with Horay(fault_server.api_key, base_url=fault_server.base_url) as horay:
        fault_server.stream(["one", " two"], Hang(at=-60))
        client = OpenAI(horay=horay)
        with client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
            for _ in stream:
                break
        fault_server.wait_for_close(1)


def test_several_loops(fault_server: FaultServer) -> None:
    """One client serves a loop after another, and a loop of uvloop's."""
    horay = AsyncHoray(fault_server.api_key, base_url=fault_server.base_url)
    client = AsyncOpenAI(horay=horay)

    async def ask() -> str | None:
        async for _ in await client.chat.completions.create(
            model="m", messages=MESSAGES, stream=True
        ):
            pass
        response = await client.chat.completions.create(model="m", messages=MESSAGES)
        return response.choices[0].message.content

    assert asyncio.run(ask()) == asyncio.run(ask()) == "Hello from the test server."
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == "Hello from the test server."
        runner.run(horay.close())


def test_wrong_kind_of_client(fault_server: FaultServer) -> None:
    """An awaited client can't serve a blocking one, nor the other way round."""
    horay: Any = Horay(fault_server.api_key, base_url=fault_server.base_url)
    with horay, pytest.raises(TypeError, match="AsyncHoray is needed"):
        AsyncOpenAI(horay=horay)
