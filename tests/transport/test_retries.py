"""What is tried again, how often, and what is known of each attempt."""

from __future__ import annotations

import asyncio
import errno
import pickle
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest

from horay_async import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AsyncHoray,
    AuthenticationError,
    BatchRequest,
    Completion,
    ConfigurationError,
    Execution,
    ImageResponse,
    RateLimitError,
    RetryPolicy,
    ServiceOverloadedError,
    StreamError,
)
from horay_async.testing import (
    CloseUnderNext,
    Cut,
    FaultServer,
    Fin,
    MarkExecuted,
    Reset,
    ScriptedResponse,
    chat,
    completion,
    error,
    image,
    json_response,
    models,
    rate_limits,
    raw,
    respond,
    sse,
)

if TYPE_CHECKING:
    from tests.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]


async def complete(client: AsyncHoray) -> Completion:
    """One text completion."""
    return await client.completions.create(model="m", prompt="p")


async def draw(client: AsyncHoray) -> ImageResponse:
    """One picture."""
    return await client.images.generate(model="m", prompt="p", image_size="1024x1024")


async def stream(client: AsyncHoray) -> None:
    """One streamed chat response, read to its end."""
    async for _ in await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=True
    ):
        pass


async def outcomes(calls: list[Any]) -> list[Any]:
    """What each call came to: a response, or the error."""
    return await asyncio.gather(*calls, return_exceptions=True)


# An outage.

HEAD_ALONE = respond([Reset()], content_type="text/event-stream", framing="chunked")


@pytest.mark.internals(True)  # takes seconds, and is the budget's business
@pytest.mark.parametrize(
    ("response", "call"),
    [
        (raw(Reset()), complete),
        (error(503), complete),
        (HEAD_ALONE, stream),
    ],
    ids=["reset", "503", "cut after the head"],
)
async def test_outage_of_a_thousand_calls(
    fault_server: FaultServer,
    connect: Connect,
    response: ScriptedResponse,
    call: Callable[[Any], Any],
) -> None:
    """A dead server gets at most a tenth more requests than there are calls, and each call is told."""
    fault_server.always(response)
    async with connect(retries=2) as client:
        found = await outcomes([call(client) for _ in range(1000)])
    assert all(isinstance(outcome, APIError) for outcome in found)
    assert len(fault_server.requests) <= 1100
    assert sum(len(outcome.attempts) for outcome in found) == len(fault_server.requests)


async def test_lone_call_gets_its_retries(fault_server: FaultServer, connect: Connect) -> None:
    """One call on a server that fails tries as often as it is set to."""
    fault_server.always(error(503))
    async with connect(retries=2) as client:
        with pytest.raises(ServiceOverloadedError) as raised:
            await complete(client)
    assert len(raised.value.attempts) == len(fault_server.requests) == 3


async def test_budget_is_one_for_all_copies_loops_and_threads(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Calls of a client draw on one budget, wherever they run."""
    fault_server.always(error(503))
    client = connect(retries=2)

    def in_thread(copy: AsyncHoray) -> None:
        asyncio.run(outcomes_of(copy))

    async def outcomes_of(copy: AsyncHoray) -> None:
        await outcomes([complete(copy) for _ in range(50)])

    threads = [
        threading.Thread(target=in_thread, args=(copy,))
        for copy in (client, client, client.with_options(default_query={"a": 1}))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await client.close()
    budget = client._transport.budget
    assert len(fault_server.requests) <= 150 + budget.CAPACITY + budget.LONE


async def test_success_refills_the_budget(fault_server: FaultServer, connect: Connect) -> None:
    """Whole responses earn retries back, those of streams and downloads included."""
    async with connect() as client:
        budget = client._transport.budget
        for spend in (complete(client), stream(client), client.models.list()):
            assert budget.take(now=0)
            left = budget._tokens
            await spend
            assert budget._tokens > left


# Coming back when told to.


@attrs.frozen(kw_only=True)
class Impatient(RetryPolicy):
    """Notes how long it should wait, and doesn't."""

    noted: list[float] = attrs.field(factory=list[float])

    def delay(self, error: APIError, **known: Any) -> float | None:
        delay = super().delay(error, **known)
        if delay is None:
            return None
        self.noted.append(delay)
        return 0.0


async def test_every_form_of_retry_after(fault_server: FaultServer, connect: Connect) -> None:
    """Seconds, a date, milliseconds and both are kept, a little more is waited; what can't be read isn't."""
    fault_server.add(*rate_limits(6, retry_after=5))
    policy = Impatient(max_retries=6, initial_backoff=0.5)
    async with connect(retry=policy) as client:
        response = await complete(client)
    assert [attempt.status for attempt in response.meta.attempts] == [429] * 6 + [200]
    seconds, date, milliseconds, both, garbage, none = policy.noted
    assert 5 <= seconds <= 5.5
    assert 4 <= date <= 6.6  # in whole seconds, and some time has passed
    assert 5 <= milliseconds <= 5.5
    assert 5 <= both <= 5.5
    assert garbage <= 8
    assert none <= 8


@pytest.mark.parametrize(("code", "streamed"), [(429, False), (429, True), (None, True)])
async def test_retry_after_beside_a_success(
    fault_server: FaultServer, connect: Connect, code: int | None, streamed: bool
) -> None:
    """A failure that is reported under HTTP status 200 waits for as long as the header beside it says."""
    headers = {"Retry-After": "5"}
    body = {"error": {"message": "slow down", "code": code}}
    event = respond(sse(body), content_type="text/event-stream", headers=headers)
    fault_server.add(event if streamed else json_response(body, headers=headers))
    policy = Impatient(max_retries=1)
    async with connect(retry=policy) as client:
        if streamed:
            stream = await client.completions.create(model="m", prompt="p", stream=True)
            assert "".join([text async for text in stream.text()])
        else:
            await complete(client)
    (waited,) = policy.noted
    assert 5 <= waited <= 5.5


async def test_too_long_a_retry_after_in_a_stream(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A failure of no known kind says how long the server asks to wait, and is raised at once where that is too long."""
    event = sse({"error": {"message": "slow down"}})
    headers = {"Retry-After": "500"}
    fault_server.always(respond(event, content_type="text/event-stream", headers=headers))
    async with connect(retries=3) as client:
        with pytest.raises(StreamError, match="slow down") as raised:
            await (
                (await client.completions.create(model="m", prompt="p", stream=True))
                .text()
                .__anext__()
            )
    assert (raised.value.retry_after, len(raised.value.attempts)) == (500, 1)
    assert raised.value.headers["retry-after"] == "500"


async def test_wake_ups_are_spread(fault_server: FaultServer, connect: Connect) -> None:
    """Callers who are told the same don't come back as one."""
    fault_server.add(*[error(429, retry_after=2)] * 20)
    policy = Impatient()
    async with connect(retry=policy) as client:
        await asyncio.gather(*(complete(client) for _ in range(20)))
    assert len(set(policy.noted)) == 20
    assert max(policy.noted) - min(policy.noted) > 0.05
    assert min(policy.noted) >= 2


async def test_rate_limit_without_end(fault_server: FaultServer, connect: Connect) -> None:
    """In the end the server's last word is raised, with all attempts on record."""
    fault_server.always(error(429, "slow down", retry_after=1, form="ms"))
    policy = Impatient(max_retries=3)
    async with connect(retry=policy) as client:
        with pytest.raises(RateLimitError, match="slow down") as raised:
            await complete(client)
    assert raised.value.retry_after == 1
    assert [attempt.status for attempt in raised.value.attempts] == [429] * 4
    assert [attempt.backoff for attempt in raised.value.attempts] == [0, 0, 0, None]
    assert "4 attempts" in str(raised.value)


async def test_headers_of_a_refusal(fault_server: FaultServer, connect: Connect) -> None:
    """They are in the error, without regard to case, and go along when it is pickled."""
    fault_server.always(error(429, "slow down", retry_after=1))
    async with connect(retries=0) as client:
        with pytest.raises(RateLimitError) as raised:
            await complete(client)
    for failure in (raised.value, pickle.loads(pickle.dumps(raised.value))):
        assert (failure.headers["retry-after"], failure.headers["Retry-After"]) == ("1", "1")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_what_retrying_cannot_help(
    fault_server: FaultServer, connect: Connect, status: int
) -> None:
    """A request that is refused for what it is isn't sent again."""
    fault_server.always(error(status))
    async with connect(retries=3) as client:
        with pytest.raises(APIStatusError):
            await complete(client)
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
async def test_what_may_be_over_soon(
    fault_server: FaultServer, connect: Connect, status: int
) -> None:
    """What may be over soon is tried again, and the response tells of it."""
    fault_server.add(error(status, shape="html"))
    async with connect(retries=1) as client:
        response = await complete(client)
    assert [attempt.status for attempt in response.meta.attempts] == [status, 200]


# What is known of the execution.


@attrs.frozen
class Phase:
    """A place where an exchange can break."""

    break_: Callable[[ScriptedResponse], ScriptedResponse | None]
    """Makes of a good response what the server plays; None turns the connection away unread."""
    says: set[Execution]
    """What the client can know."""
    runs: int
    """How often the request is run in it."""


PHASES = {
    "turned away": Phase(lambda _: None, {"unknown", "not_sent"}, 0),
    "after the headers": Phase(lambda _: raw(Reset(), read=0), {"unknown"}, 0),
    "within the body": Phase(lambda _: raw(Reset(), read=10), {"unknown"}, 0),
    "before it is run": Phase(lambda _: raw(Reset()), {"unknown"}, 0),
    "before it is run, in order": Phase(lambda _: raw(Fin()), {"unknown"}, 0),
    "after it was run": Phase(lambda _: raw(MarkExecuted(), Reset()), {"unknown"}, 1),
    "within the head": Phase(lambda good: good.with_faults(Cut(20, by="rst")), {"unknown"}, 1),
    "after the head": Phase(lambda good: good.with_faults(Cut(0, within="body")), {"executed"}, 1),
    "within the response": Phase(lambda good: good.with_faults(Cut(-1, by="rst")), {"executed"}, 1),
}


def break_first(server: FaultServer, phase: Phase, good: ScriptedResponse) -> None:
    """Lets the first exchange break in `phase`."""
    broken = phase.break_(good)
    if broken is None:
        server.on_connect("reset")
    else:
        server.add(broken)


@pytest.mark.parametrize(
    ("call", "good"), [(complete, completion("x")), (draw, image())], ids=["text", "image"]
)
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
async def test_execution_is_told_truly(
    fault_server: FaultServer,
    connect: Connect,
    phase: Phase,
    call: Callable[..., Any],
    good: ScriptedResponse,
) -> None:
    """What an error says of the execution is what the server counted, or that nobody knows."""
    break_first(fault_server, phase, good)
    async with connect() as client:
        with pytest.raises(APIConnectionError) as raised:
            await call(client)
        await client.models.list()  # the server's thread has counted by then
    assert raised.value.execution in phase.says
    assert [attempt.execution for attempt in raised.value.attempts] == [raised.value.execution]
    assert fault_server.executions - 1 == phase.runs


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
async def test_no_image_is_drawn_twice(
    fault_server: FaultServer, connect: Connect, phase: Phase
) -> None:
    """Whatever breaks, a picture that may have been drawn isn't ordered again."""
    break_first(fault_server, phase, image())
    async with connect(retries=3) as client:
        (outcome,) = await outcomes([draw(client)])
    assert fault_server.executions <= 1
    if phase.says == {"unknown", "not_sent"}:
        return  # turned away: it depends on the moment whether the order had left
    assert isinstance(outcome, APIConnectionError)
    assert len(fault_server.requests) == 1


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
async def test_text_is_sent_again_unless_it_was_run(
    fault_server: FaultServer, connect: Connect, phase: Phase
) -> None:
    """A text whose response had begun was run and isn't sent again; in every other case it is."""
    break_first(fault_server, phase, completion("x"))
    async with connect(retries=3) as client:
        (outcome,) = await outcomes([complete(client)])
    if phase.says == {"executed"}:
        assert isinstance(outcome, APIConnectionError)
        assert fault_server.executions == 1
    else:
        assert [attempt.status for attempt in outcome.meta.attempts] == [None, 200]
        assert fault_server.executions == phase.runs + 1


@attrs.frozen(kw_only=True)
class Ending(RetryPolicy):
    """Stops the server before the first retry."""

    stop: Callable[[], object]

    def delay(self, error: APIError, **known: Any) -> float | None:
        self.stop()
        return None if super().delay(error, **known) is None else 0.0


@pytest.mark.parametrize("in_batch", [False, True])
async def test_what_may_have_run_stays_unknown(connect: Connect, in_batch: bool) -> None:
    """An attempt that never left doesn't undo one that the server has read: sent again, the request may be paid for twice."""
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer())
        server.add(completion("first"), raw(Reset()))
        policy = Ending(stop=stack.close, max_retries=2)
        async with connect(base_url=server.base_url, retry=policy) as client:
            await complete(client)
            if in_batch:
                asked = [BatchRequest.completion(model="m", prompt="p")]
                [result] = [one async for one in client.batch.run(asked, give_up_after=0.1)]
                error: Any = result.error
            else:
                with pytest.raises(APIConnectionError) as raised:
                    await complete(client)
                error = raised.value
    told = [attempt.execution for attempt in error.attempts]
    assert (told[0], told[-1]) == ("unknown", "not_sent")
    assert error.execution == "unknown"


async def test_refused_connection_was_not_sent(connect: Connect) -> None:
    """What never left is sent again, a picture too."""
    with FaultServer() as server:
        gone = server.base_url
    async with connect(base_url=gone, retries=2) as client:
        for call in (complete, draw):
            with pytest.raises(APIConnectionError) as raised:
                await call(client)
            assert raised.value.execution == "not_sent"
            assert len(raised.value.attempts) == 3
            assert "; is the server running, and base_url right? `horay doctor`" in str(
                raised.value
            )
            cause = raised.value.__cause__
            assert isinstance(cause, aiohttp.ClientConnectorError)
            assert isinstance(cause.os_error, ConnectionRefusedError)
            shown = traceback.format_exception(cause)  # without the frames of the libraries beneath
            assert len(shown) == 1, shown


async def test_too_many_open_files(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That isn't the server's fault."""

    def make(*_: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("horay_async._transport.connection.make_socket", make)
    async with connect(retries=0) as client:
        with pytest.raises(APIConnectionError, match="ulimit -n") as raised:
            await complete(client)
    assert "is the server running" not in str(raised.value)
    assert raised.value.execution == "not_sent"


@pytest.mark.parametrize("status", [429, 503])
async def test_image_is_retried_where_it_surely_was_not_drawn(
    fault_server: FaultServer, connect: Connect, status: int
) -> None:
    """Responses that promise it wasn't run allow another try."""
    fault_server.add(error(status))
    async with connect(retries=1) as client:
        assert len((await draw(client)).images) == 1
    assert fault_server.executions == 1


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_image_is_not_retried_where_nobody_knows(
    fault_server: FaultServer, connect: Connect, status: int
) -> None:
    """Other failures don't, unless the policy says so."""
    fault_server.add(error(status))
    async with connect(retries=1) as client:
        with pytest.raises(APIStatusError):
            await draw(client)
        fault_server.add(error(status))
        bold = client.with_options(retry=RetryPolicy(initial_backoff=0, retry_unknown_images=True))
        assert (await draw(bold)).images


async def test_text_is_not_retried_where_the_policy_forbids(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Those who would rather fail than pay twice can say so for texts as well."""
    fault_server.add(raw(Reset()))
    async with connect(retry=RetryPolicy(retry_unknown=False)) as client:
        with pytest.raises(APIConnectionError):
            await complete(client)
    assert len(fault_server.requests) == 1


async def test_broken_body_of_a_get_is_fetched_again(
    fault_server: FaultServer, connect: Connect
) -> None:
    """A GET runs nothing, so it is sent again wherever it broke, also by those who would rather fail than pay twice."""
    cut = (models().with_faults(Cut(-1)), models().with_faults(Cut(0, within="body", by="rst")))
    async with connect(
        retry=RetryPolicy(initial_backoff=0, max_retries=2, retry_unknown=False)
    ) as client:
        for call in (client.models.list, partial(client.request, "get", "/models")):
            fault_server.add(*cut)
            response = await call()
            attempts = [attempt.execution for attempt in response.meta.attempts]
            assert attempts == ["unknown", "unknown", None]
        fault_server.add(error(500))
        assert await client.models.list()
        fault_server.add(*cut, cut[0])
        with pytest.raises(APIConnectionError, match="attempts, safe to repeat") as raised:
            await client.models.list()
        assert raised.value.repeatable
        assert pickle.loads(pickle.dumps(raised.value)).repeatable
        fault_server.add(error(404))
        with pytest.raises(APIStatusError) as missing:
            await client.models.list()
        assert "repeat" not in str(missing.value)
        fault_server.add(raw(Reset()))
        with pytest.raises(APIConnectionError) as unknown:
            await complete(client)
        assert not unknown.value.repeatable


@pytest.mark.parametrize("ending", ["fin", "rst"])
async def test_connection_that_closes_under_a_request(
    fault_server: FaultServer, connect: Connect, ending: Any
) -> None:
    """No request is repeated off the record: each that the server saw is an attempt."""
    fault_server.add(models().with_faults(CloseUnderNext(ending)), models())
    async with connect(retries=1) as client:
        await client.models.list()
        response = await client.models.list()
        assert [attempt.error for attempt in response.meta.attempts] == ["APIConnectionError", None]
        assert len(fault_server.requests) == 3
        fault_server.add(models().with_faults(CloseUnderNext(ending)))
        await client.with_options(max_retries=0).models.list()
        with pytest.raises(APIConnectionError) as raised:
            await client.with_options(max_retries=0).models.list()
    assert len(raised.value.attempts) == 1


# The idempotency key.


async def test_idempotency_key_is_stable(fault_server: FaultServer, connect: Connect) -> None:
    """All attempts of a call carry one key, each call another, and a GET none."""
    fault_server.add(raw(Reset()), error(500), chat("x"), error(503))
    fault_server.always(chat("x"), path="/other")
    async with connect(retries=2) as client:
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        await draw(client)
        await stream(client)
        await client.request("POST", "/other", body={}, max_retries=0, idempotency_key="mine")
        await client.models.list()
    keys = [request.headers.get("Idempotency-Key") for request in fault_server.requests]
    assert keys[0]
    assert keys[0] == keys[1] == keys[2]
    assert keys[3] == keys[4]
    assert keys[6:] == ["mine", None]
    assert len(set(keys)) == 5


async def test_idempotency_key_outlives_a_stream_that_broke(
    fault_server: FaultServer, connect: Connect
) -> None:
    """Opening a stream again is the same call."""
    fault_server.add(HEAD_ALONE)
    async with connect(retries=1) as client:
        await stream(client)
    first, second = fault_server.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


@attrs.frozen(kw_only=True)
class Returning(RetryPolicy):
    """Waits for what it is given."""

    wait: Any = 0.0

    def delay(self, error: APIError, **known: Any) -> float | None:
        return None if super().delay(error, **known) is None else self.wait


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), -1, "1", True])
async def test_delays_that_are_none(
    fault_server: FaultServer, connect: Connect, wait: object
) -> None:
    """What a policy of a user's own returns is checked: after NaN, asyncio's timers stop for all."""
    fault_server.always(error(500))
    async with connect(retry=Returning(wait=wait)) as client:
        with pytest.raises(
            ConfigurationError, match=r"Returning\.delay\(\) must return .*"
        ) as caught:
            await complete(client)
        assert isinstance(caught.value.__context__, APIStatusError)
    assert len(fault_server.requests) == 1


class Always(RetryPolicy):
    """Looks at nothing."""

    def delay(self, error: APIError, **known: Any) -> float | None:
        return 0.0


@pytest.mark.parametrize("status", [429, 500])
async def test_no_retries_is_none_whatever_the_policy(
    fault_server: FaultServer, connect: Connect, status: int
) -> None:
    """A call or a batch that is to be sent once is sent once."""
    fault_server.always(error(status))
    async with connect(retry=Always()) as client:
        with pytest.raises(APIStatusError):
            await complete(client.with_options(max_retries=0))
        assert len(fault_server.requests) == 1
        request = BatchRequest.completion(model="m", prompt="p")
        once = client.with_options(max_retries=0)
        (result,) = [result async for result in once.batch.run([request])]
    assert isinstance(result.error, APIStatusError)
    assert len(fault_server.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_closing_ends_a_backoff(
    fault_server: FaultServer, connect: Connect, stream: bool
) -> None:
    """A call between two attempts is told at once what the last one met, and that the client is closed."""
    fault_server.always(error(429, retry_after=100))
    backing_off = asyncio.Event()
    client = connect(retries=2, on_retry=lambda _: backing_off.set())
    call: asyncio.Future[Any] = asyncio.ensure_future(
        client.completions.create(model="m", prompt="p", stream=stream)
    )
    await backing_off.wait()
    await client.close()
    with pytest.raises(RateLimitError) as caught:
        await asyncio.wait_for(call, 20)
    assert caught.value.__notes__ == [
        "the request wasn't sent again: the client is closed: make a new one"
    ]
    assert len(caught.value.attempts) == 1


async def test_closing_ends_the_wait_for_a_key(fault_server: FaultServer) -> None:
    """So is one that waits for the function for the key, and for a new key after a refusal."""
    asked = asyncio.Event()
    keys = iter(["first-key-that-is-refused"])

    async def key() -> str:
        if (known := next(keys, None)) is not None:
            return known
        asked.set()
        await asyncio.Event().wait()
        return "never"

    fault_server.always(error(401))
    client = AsyncHoray(key, base_url=fault_server.base_url)
    calls = [asyncio.ensure_future(complete(client)) for _ in range(2)]
    await asked.wait()
    calls.append(asyncio.ensure_future(complete(client)))
    await client.close()
    for call in calls[:2]:  # which were refused
        with pytest.raises(
            (APIConnectionError, AuthenticationError), match=r"the client (is|was) closed"
        ):
            await asyncio.wait_for(call, 20)
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await asyncio.wait_for(calls[2], 20)
