"""Embeddings over the wire: what is sent, what comes back, what is raised."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import struct
from typing import TYPE_CHECKING, Any

import attrs
import openai
import pytest

from horay_async import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AsyncHoray,
    BadRequestError,
    BatchRequest,
    ConfigurationError,
    DriftError,
    RateLimitError,
    ResponseEvent,
    Timeouts,
)
from horay_async._protocol.wire.embeddings import CONCURRENT_REQUESTS
from horay_async.resources import embeddings as module
from horay_async.resources._base import decode_response
from horay_async.testing import (
    Cut,
    Delay,
    FaultServer,
    Gate,
    Hang,
    Split,
    embeddings,
    error,
    json_response,
    respond,
)

if TYPE_CHECKING:
    from pathlib import Path

    from horay_async.testing import Request, ScriptedResponse
    from tests.conftest import Connect, ConnectBlocking

pytestmark = pytest.mark.anyio

VECTORS = [[0.1, -2.5e-20, 3.4e38], [1e-45, float("inf"), -0.0]]


def numbered_body(request: Request) -> dict[str, Any]:
    """A vector for each input, whose first number is what the input says; the last input comes first."""
    asked = request.json()["input"]
    given = [asked] if isinstance(asked, str) else asked
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(struct.pack("<2f", float(text), 1)).decode(),
        }
        for index, text in enumerate(given)
    ]
    usage = {"prompt_tokens": len(given), "total_tokens": len(given)}
    return {"object": "list", "data": data[::-1], "model": "m", "usage": usage}


def numbered(request: Request) -> ScriptedResponse:
    """The same as a response."""
    first = request.json()["input"][0]
    return json_response(numbered_body(request), headers={"x-request-id": f"first-{first[:9]}"})


async def test_create(fault_server: FaultServer, connect: Connect) -> None:
    """Base64 is asked for, and one vector comes back for each input."""
    fault_server.add(embeddings([0.5, 1.5], [2, 3], headers={"x-request-id": "req-1"}))
    async with connect(strict="raise") as client:
        response = await client.embeddings.create(model="m", input=["a", "b"], dimensions=2)
    (request,) = fault_server.requests
    assert (request.method, request.path) == ("POST", "/embeddings")
    assert request.json() == {
        "encoding_format": "base64",
        "model": "m",
        "input": ["a", "b"],
        "dimensions": 2,
    }
    assert [item.embedding for item in response] == [[0.5, 1.5], [2.0, 3.0]]
    assert response.usage is not None
    assert response.usage.prompt_tokens == 2
    assert response.meta.request_id == "req-1"
    assert response.to_dict()["data"][0]["embedding"] == "AAAAPwAAwD8="


@pytest.mark.parametrize("given", ["a text", [1, 2, 3], ["a"], [[1, 2]]])
async def test_inputs(fault_server: FaultServer, connect: Connect, given: Any) -> None:
    """A text, several, token ids, or several lists of those."""
    async with connect() as client:
        response = await client.embeddings.create(model="m", input=given)
    assert fault_server.requests[0].json()["input"] == given
    assert len(response) == 1


async def test_floats(fault_server: FaultServer, connect: Connect) -> None:
    """Numbers can be asked for, and a server that sends them unasked is understood."""
    fault_server.always(embeddings([0.1, 2], encoding_format="float"))
    async with connect() as client:
        asked = await client.embeddings.create(model="m", input="a", encoding_format="float")
        unasked = await client.embeddings.create(model="m", input="a")
    assert [request.json()["encoding_format"] for request in fault_server.requests] == [
        "float",
        "base64",
    ]
    for response in (asked, unasked):
        assert response.data[0].embedding == [0.1, 2.0]
        assert response.data[0].array.tolist() == [struct.unpack("f", struct.pack("f", 0.1))[0], 2]


@pytest.mark.parametrize("form", ["base64", "float", None])
def test_as_openai(fault_server: FaultServer, connect_blocking: ConnectBlocking, form: Any) -> None:
    """Bit by bit what the `openai` package makes of the same response."""
    numpy = pytest.importorskip("numpy")
    vectors = VECTORS if form != "float" else [VECTORS[0], [1e-45, 7.0, -0.0]]
    fault_server.always(embeddings(*vectors, encoding_format=form or "base64"))
    asked: Any = {"model": "m", "input": ["a", "b"], **({"encoding_format": form} if form else {})}
    with (
        connect_blocking() as client,
        openai.OpenAI(api_key=fault_server.api_key, base_url=fault_server.base_url) as other,
    ):
        ours = client.embeddings.create(**asked)
        theirs = other.embeddings.create(**asked)
    for own, their in zip(ours, theirs.data, strict=True):
        sent: Any = their.embedding  # text, where base64 was asked for by name
        if isinstance(sent, str):
            sent = numpy.frombuffer(base64.b64decode(sent), dtype="float32").tolist()
        size = len(sent)
        assert struct.pack(f"{size}d", *own.embedding) == struct.pack(f"{size}d", *sent)
        assert own.array.tobytes() == numpy.array(sent, dtype=numpy.float32).tobytes()
        assert own.index == their.index


@pytest.mark.parametrize(
    ("response", "named"),
    [
        (embeddings([1.0]), r"has 1 vectors for 2 inputs: there is none for input\[1\]"),
        (embeddings([1.0], [2.0], [3.0]), "index 2 for 2 inputs"),
        (json_response({"object": "list", "data": [{"embedding": "AAAA"}]}), r"without an index"),
        (
            json_response({"object": "list", "data": [{"index": 0, "embedding": "AAA"}]}),
            r"data\[0\]\.embedding: Invalid base64",
        ),
    ],
)
async def test_refused(
    fault_server: FaultServer, connect: Connect, response: ScriptedResponse, named: str
) -> None:
    """A response with vectors that can't be right is an error; the request was run, and isn't sent again."""
    fault_server.add(response)
    async with connect(retries=1) as client:
        with pytest.raises(APIResponseError, match=named) as caught:
            await client.embeddings.create(model="m", input=["1", "2"])
        assert caught.value.execution == "executed"
    assert len(fault_server.requests) == 1


async def test_empty(fault_server: FaultServer, connect: Connect) -> None:
    """Nothing is sent for an empty input."""
    async with connect() as client:
        with pytest.raises(ValueError, match=r"input\[1\] must not be empty"):
            await client.embeddings.create(model="m", input=["a", ""])
    assert not fault_server.requests


async def test_many(fault_server: FaultServer, connect: Connect) -> None:
    """Many inputs go in several requests and come back in order, renumbered, with the sum of the usage."""
    fault_server.always(numbered)
    async with connect() as client:
        response = await client.embeddings.create(
            model="m",
            input=[str(number) for number in range(5000)],
            idempotency_key="mine",
            extra_body={"truncate": True},
        )
    assert [item.index for item in response] == list(range(5000))
    assert [item.array[0] for item in response] == list(range(5000))
    assert response.usage is not None
    assert response.usage.total_tokens == 5000
    assert response.meta.request_id == "first-0"
    sent = sorted(fault_server.requests, key=lambda request: int(request.json()["input"][0]))
    assert [len(request.json()["input"]) for request in sent] == [2048, 2048, 904]
    assert [request.headers["Idempotency-Key"] for request in sent] == [
        "mine-0",
        "mine-1",
        "mine-2",
    ]
    assert all(request.json()["truncate"] for request in sent)


async def test_bounded(fault_server: FaultServer, connect: Connect) -> None:
    """No more than so many requests of one call are under way at once."""
    under_way: list[int] = []
    fault_server.always(numbered)
    async with connect(
        on_request=lambda _: under_way.append(under_way[-1] + 1 if under_way else 1),
        on_response=lambda _: under_way.append(under_way[-1] - 1),
    ) as client:
        parts = 3 * CONCURRENT_REQUESTS
        text = "1" * 2**20
        await client.embeddings.create(
            model="m", input=["1"] + [text.replace("1", "0")] * (parts - 1)
        )
    assert len(fault_server.requests) == parts
    assert max(under_way) == CONCURRENT_REQUESTS


async def test_first_failure(fault_server: FaultServer, connect: Connect) -> None:
    """What one request fails with is raised as it is, and the others are cancelled."""

    def refuse_one(request: Request) -> ScriptedResponse:
        first = request.json()["input"][0]
        made = numbered(request)
        return error(400, "too long") if first == "2048" else made.with_faults(Hang(at=0))

    fault_server.always(refuse_one)
    async with connect() as client:
        with pytest.raises(BadRequestError, match="too long") as caught:
            await client.embeddings.create(model="m", input=[str(number) for number in range(5000)])
        assert caught.value.__context__ is None
        assert len(caught.value.attempts) == 1
        caller = asyncio.current_task()
        assert caller is not None
        assert not caller.cancelling()  # an `asyncio.timeout` around it would take that for its own
        tasks = [task for task in asyncio.all_tasks() if "send" in repr(task.get_coro())]
        assert not tasks


@pytest.mark.parametrize("end", [[], [Cut(-1000)]], ids=["whole", "cut"])
async def test_responses_under_way_are_read(
    fault_server: FaultServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    end: list[Any],
) -> None:
    """What has begun to come when another request fails has been paid for: it is in the error, also as far as it is cut, and isn't asked
    for again.
    """
    begun, refused = Gate(), Gate()

    async def reading(*args: Any, **known: Any) -> Any:
        begun.open()
        return await decode_response(*args, **known)

    def ended(event: ResponseEvent) -> None:
        if event.error:
            refused.open()

    monkeypatch.setattr(module, "decode_response", reading)

    def respond_to(request: Request) -> ScriptedResponse:
        if request.json()["input"][0] == "2048":
            return error(400, "too long").with_faults(Delay(begun))
        begins, *rest = (
            numbered(request).with_faults(Split(at=[1000], gap=0, within="body"), *end).steps
        )
        return attrs.evolve(numbered(request), steps=(begins, refused, *rest))

    fault_server.always(respond_to)
    async with connect(on_response=ended) as client:
        with pytest.raises(BadRequestError, match="too long") as caught:
            await client.embeddings.create(model="m", input=[str(number) for number in range(3000)])
    came = [(item.index, item.array[0]) for item in caught.value.partial]
    assert came == [(n, n) for n in range(2048 - len(came), 2048)]
    assert len(came) > 1900 if end else len(came) == 2048
    assert len(fault_server.requests) == 2


async def test_request_that_could_not_be_sent(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors of those before it are in an error that doesn't say that nothing was sent."""
    monkeypatch.setattr("horay_async.resources.embeddings.CONCURRENT_REQUESTS", 1)
    keys = iter([(fault_server.api_key, 0.0)])

    async def key() -> tuple[str, float]:
        if (known := next(keys, None)) is None:
            raise OSError
        return known

    fault_server.always(numbered)
    texts = [str(number) for number in range(5000)]
    async with AsyncHoray(key, base_url=fault_server.base_url) as client:
        with pytest.raises(
            APIConnectionError, match="not all of the requests could be sent: the function"
        ) as caught:
            await client.embeddings.create(model="m", input=texts)
        assert (caught.value.execution, len(caught.value.partial)) == ("executed", 2048)
        with pytest.raises(ConfigurationError, match="the function for the API key"):
            await client.embeddings.create(model="m", input=texts)


async def test_closing_under_several_requests(fault_server: FaultServer, connect: Connect) -> None:
    """What the connection says of those that were sent counts, and not that others weren't."""
    fault_server.always(lambda request: numbered(request).with_faults(Hang(at=0)))
    client = connect(max_connections=2)
    texts = [str(number) for number in range(20_000)]
    call = asyncio.ensure_future(client.embeddings.create(model="m", input=texts))
    await fault_server.until_requests(2)
    await client.close()
    with pytest.raises(APIConnectionError, match="the client was closed") as caught:
        await call
    assert caught.value.execution == "unknown"


async def test_one_that_was_not_sent(fault_server: FaultServer, connect: Connect) -> None:
    """Where others were, their call may have been executed."""
    fault_server.always(lambda request: numbered(request).with_faults(Hang(at=0)))
    async with connect(retries=0, max_connections=1) as client:
        with pytest.raises(APITimeoutError) as caught:
            await client.embeddings.create(
                model="m", input=[str(n) for n in range(3000)], timeout=Timeouts(queue=0.01)
            )
    assert [attempt.execution for attempt in caught.value.attempts] == ["not_sent"]
    assert (caught.value.execution, caught.value.partial) == ("unknown", None)


async def test_failure_with_what_came(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors that are paid for are in the error of a later request, by the numbers of their inputs."""
    monkeypatch.setattr("horay_async.resources.embeddings.CONCURRENT_REQUESTS", 1)

    def refuse_one(request: Request) -> ScriptedResponse:
        refused = request.json()["input"][0] == "4096"
        return error(400, "too long") if refused else numbered(request)

    fault_server.always(refuse_one)
    texts = [str(number) for number in range(5000)]
    async with connect() as client:
        with pytest.raises(BadRequestError, match="too long") as caught:
            await client.embeddings.create(model="m", input=texts)
    partial = caught.value.partial
    assert [(item.index, item.array[0]) for item in partial] == [(n, n) for n in range(4096)]
    assert partial.usage.total_tokens == 4096
    assert partial.meta.request_id == "first-0"
    assert str(caught.value).endswith(": too long; 4,096 of 5,000 vectors are in `partial`")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), len(again.partial)) == (str(caught.value), 4096)


async def test_drift_of_one(fault_server: FaultServer, connect: Connect) -> None:
    """With `strict="raise"` all requests are sent, and the error has the whole response."""

    def drifting(request: Request) -> ScriptedResponse:
        more = {"mood": "fine"} if request.json()["input"][0] == "2048" else {}
        return json_response({**numbered_body(request), **more})

    fault_server.always(drifting)
    texts = [str(number) for number in range(5000)]
    async with connect(strict="raise") as client:
        with pytest.raises(DriftError, match="mood is unknown") as caught:
            await client.embeddings.create(model="m", input=texts)
    assert [item.array[0] for item in caught.value.response] == list(range(5000))
    assert caught.value.response.usage.total_tokens == 5000
    assert len(fault_server.requests) == 3


async def test_drift_and_failure(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that drifts is part of what came, too."""
    monkeypatch.setattr("horay_async.resources.embeddings.CONCURRENT_REQUESTS", 1)

    def respond(request: Request) -> ScriptedResponse:
        if request.json()["input"][0] != "0":
            return error(400, "too long")
        return json_response({**numbered_body(request), "mood": "fine"})

    fault_server.always(respond)
    async with connect(strict="raise") as client:
        with pytest.raises(BadRequestError, match=r"2,048 of 2,049 vectors") as caught:
            await client.embeddings.create(model="m", input=[str(n) for n in range(2049)])
    assert len(caught.value.partial) == 2048


@pytest.mark.parametrize("given", [2, 2050])
async def test_what_can_be_read(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, given: int
) -> None:
    """Of a response with a vector that can't be read, the others are in the error."""
    monkeypatch.setattr("horay_async.resources.embeddings.CONCURRENT_REQUESTS", 1)

    def break_last(request: Request) -> ScriptedResponse:
        body = numbered_body(request)
        if request.json()["input"][-1] == str(given - 1):
            body["data"][0]["embedding"] = "AAA"  # the last input comes first
        return json_response(body)

    fault_server.always(break_last)
    async with connect() as client:
        with pytest.raises(APIResponseError, match="Invalid base64") as caught:
            await client.embeddings.create(model="m", input=[str(n) for n in range(given)])
    partial = caught.value.partial
    assert [(item.index, item.array[0]) for item in partial] == [(n, n) for n in range(given - 1)]
    assert partial.usage.total_tokens == given
    if given == 2:
        assert len(partial.to_dict()["data"]) == 2


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"embedding": [0.25]}, {"embedding": [0.5]}],
        [{"index": 0, "embedding": [0.25]}, {"index": 0, "embedding": [0.5]}],
        [{"index": 0, "embedding": "AAA"}, {"index": 1}],
    ],
    ids=["none", "no index", "one index", "unreadable"],
)
async def test_no_vector_that_can_be_read(
    fault_server: FaultServer, connect: Connect, items: list[dict[str, Any]], tmp_path: Path
) -> None:
    """A response is in the error, and in a batch's output and totals, even where none of its vectors can be told."""
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    body = {"object": "list", "model": "m", "data": items, "usage": usage}
    fault_server.always(json_response(body))
    asked = {"model": "m", "input": ["a", "b"]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": asked}
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n")
    async with connect() as client:
        with pytest.raises(APIResponseError) as caught:
            await client.embeddings.create(model="m", input=["a", "b"])
        progress = await client.batch.run_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    partial = caught.value.partial
    assert (partial.data, partial.usage.total_tokens, partial.to_dict()) == ([], 2, body)
    assert (progress.failed, progress.total_tokens) == (1, 2)
    assert json.loads((tmp_path / "out.jsonl").read_text())["response"]["body"] == body


async def test_lengths_of_several_requests(fault_server: FaultServer, connect: Connect) -> None:
    """Vectors of different lengths are in the error, since they are paid for."""

    def respond(request: Request) -> ScriptedResponse:
        given = request.json()["input"]
        return embeddings(*([1.0] * (1 if given[0] == "0" else 2) for _ in given))

    fault_server.always(respond)
    async with connect() as client:
        with pytest.raises(APIResponseError, match="different lengths") as caught:
            await client.embeddings.create(model="m", input=[str(n) for n in range(2050)])
    assert caught.value.execution == "executed"
    assert [len(item.array) for item in caught.value.partial] == [1] * 2048 + [2] * 2


async def test_one_retried(fault_server: FaultServer, connect: Connect) -> None:
    """Each request is retried by itself."""
    failed: list[str] = []

    def refuse_one(request: Request) -> ScriptedResponse:
        first = request.json()["input"][0]
        if first == "2048" and not failed:
            failed.append(first)
            return error(429, "later")
        return numbered(request)

    fault_server.always(refuse_one)
    async with connect(retries=1) as client:
        response = await client.embeddings.create(
            model="m", input=[str(number) for number in range(2049)]
        )
        assert len(response) == 2049
        failed.clear()
        with pytest.raises(RateLimitError):
            await client.embeddings.create(model="m", input=["2048"], max_retries=0)
    assert len(fault_server.requests) == 4


async def test_deadline(fault_server: FaultServer, connect: Connect) -> None:
    """The deadline is that of the whole call, not one for each wave of requests."""
    fault_server.always(lambda request: numbered(request).with_faults(Hang(at=0)))
    async with connect() as client:
        with pytest.raises(APITimeoutError) as caught:
            await client.embeddings.create(
                model="m", input=[str(number) for number in range(5000)], timeout=0.2
            )
    assert caught.value.clock == "total"


async def test_cancelled(fault_server: FaultServer, connect: Connect) -> None:
    """A call that is cancelled cancels all of its requests."""
    fault_server.always(lambda request: numbered(request).with_faults(Hang(at=0)))
    started = asyncio.Event()
    async with connect(on_request=lambda _: started.set()) as client:
        call = asyncio.create_task(
            client.embeddings.create(model="m", input=[str(number) for number in range(5000)])
        )
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not [task for task in asyncio.all_tasks() if "send" in repr(task.get_coro())]


async def test_unsendable(fault_server: FaultServer, connect: Connect) -> None:
    """A text that no JSON can hold is refused by name."""
    async with connect() as client:
        with pytest.raises(TypeError, match="input can't be sent"):
            await client.embeddings.create(model="m", input=["\ud800"] * 3000)
        with pytest.raises(TypeError, match="input can't be sent"):
            await client.embeddings.create(model="m", input=["a"] * 3000 + ["\ud800"])
    assert not fault_server.requests


def test_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client has the same."""
    fault_server.always(numbered)
    with connect_blocking() as client:
        response = client.embeddings.create(model="m", input=[str(n) for n in range(3000)])
    assert [item.array[0] for item in response] == list(range(3000))
    assert json.loads(response.to_json())["data"][2999]["index"] == 2999


async def test_batch(fault_server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Batches and their files take embeddings, and refuse a response that has too few vectors."""
    fault_server.always(numbered)
    lines = [
        {
            "custom_id": name,
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": "m", "input": given},
        }
        for name, given in (("one", "3"), ("two", ["4", "5"]))
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    async with connect() as client:
        async for result in client.batch.run(
            [BatchRequest.embedding(model="m", input=["1", "2"], custom_id="a")]
        ):
            assert [item.array[0] for item in result.unwrap()] == [1, 2]
        progress = await client.batch.run_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
        assert (progress.done, progress.prompt_tokens) == (2, 3)
        fault_server.always(embeddings([1.0]))
        async for result in client.batch.run(lines[1:]):
            assert isinstance(result.error, APIResponseError)
    written = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    found = {line["custom_id"]: line["response"]["body"]["data"] for line in written}
    assert [item["index"] for item in found["two"]] == [1, 0]
    assert len(found["one"]) == 1


async def test_error_beside_the_vectors(fault_server: FaultServer, connect: Connect) -> None:
    """They are paid: the error has them, and they aren't asked for again. Where there are none, nothing is known to be paid."""
    vectors = json.loads(embeddings((1.0, 2.0)).data.partition(b"\r\n\r\n")[2])
    error = {"message": "a text was cut", "type": "server_error"}
    envelope = {"code": 503, "message": "a text was cut", "data": vectors}
    for number, form in enumerate(({**vectors, "error": error}, envelope), 1):
        fault_server.add(json_response(form))
        async with connect(retries=2) as client:
            with pytest.raises(APIStatusError, match="a text was cut") as caught:
                await client.embeddings.create(model="m", input=["a"], encoding_format="float")
        assert caught.value.execution == "executed"
        assert caught.value.partial.data[0].embedding
        assert len(fault_server.requests) == number
    besides: list[dict[str, Any]] = [{}, {"data": []}, {"data": "none"}]
    bodies = [json.dumps({**beside, "error": error}) for beside in besides]
    bodies += [
        bodies[0][:-1] + f', "more": {more}}}' for more in (r'"\ud800"', "1e400", "1" * 5000)
    ]
    for sent in bodies:
        fault_server.add(respond(sent))
        async with connect(retries=0) as client:
            with pytest.raises(APIStatusError, match="a text was cut") as caught:
                await client.embeddings.create(model="m", input=["a"], encoding_format="float")
        assert caught.value.partial is None
        assert caught.value.execution == "unknown"
