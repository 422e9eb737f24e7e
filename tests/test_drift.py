"""Drift over real connections, on both clients: counted, warned of, raised."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from horay_async import (
    AsyncHoray,
    ChatCompletion,
    Completion,
    DriftError,
    DriftWarning,
    Horay,
    ImageResponse,
    ModelList,
    UserInfo,
)
from horay_async.models._base import Response
from horay_async.testing import FaultServer, json_response

from .conftest import Connect, ConnectBlocking
from .mutations import RESPONSES, STREAMS, encoded, mutated
from .recorded import playing
from .test_streaming import take

ASK: dict[type[Response], Callable[[Any], Any]] = {
    ChatCompletion: lambda client: client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}]
    ),
    Completion: lambda client: client.completions.create(model="m", prompt="p"),
    ImageResponse: lambda client: client.images.generate(
        model="m", prompt="p", image_size="1024x1024"
    ),
    ModelList: lambda client: client.models.list(),
    UserInfo: lambda client: client.user.info(),
}

EACH = pytest.mark.parametrize("into", ASK, ids=lambda cls: cls.__name__)

ODD = {**RESPONSES[ChatCompletion], "mood": "good", "created": "now"}

FOUND = {"$.mood": {"unknown": 1}, "$.created": {"retyped": 1}}


def odd_stream() -> list[bytes]:
    """A chat stream, each chunk of which has a field that isn't described."""
    kind = next(cls for cls in STREAMS if cls.__name__ == "ChatCompletionChunk")
    chunks = [encoded({**chunk, "mood": 1}) for chunk in STREAMS[kind]]
    return [b"data: " + chunk + b"\n\n" for chunk in [*chunks, b"[DONE]"]]


TEXT = 'Grüße "an\nalle Leute hier.'
CHUNKS = len(odd_stream()) - 1


def counted(client: AsyncHoray | Horay) -> Counter[tuple[str, str]]:
    """What a client has counted."""
    counts = client.drift.to_dict().items()
    return Counter({(path, kind): count for path, by in counts for kind, count in by.items()})


@EACH
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.data())
def test_mutated_responses(
    into: type[Response],
    fault_server: FaultServer,
    connect_blocking: ConnectBlocking,
    data: st.DataObject,
) -> None:
    """Whatever is changed in a response, the call gives it, and each change is counted."""
    body, expected = data.draw(mutated(into, RESPONSES[into]))
    fault_server.always(json_response(body))
    with connect_blocking() as client:
        assert ASK[into](client).to_dict() == body
        assert counted(client) == expected
        strict = client.with_options(strict="raise")
        with pytest.raises(DriftError) as caught:
            ASK[into](strict)
        assert (caught.value.path, caught.value.kind) in expected
        assert set(caught.value.drifts) == set(expected)
        assert caught.value.response.to_dict() == json.loads(caught.value.body) == body


@EACH
@pytest.mark.anyio
async def test_described_responses(
    into: type[Response], fault_server: FaultServer, connect: Connect
) -> None:
    """What is as described passes under every setting."""
    fault_server.always(json_response(RESPONSES[into]))
    async with connect(strict="raise") as client:
        response: Awaitable[Response] = ASK[into](client)
        assert (await response).to_dict() == RESPONSES[into]
        assert not client.drift


def test_canned_responses(connect_blocking: ConnectBlocking) -> None:
    """What the test server says of its own accord is as described, streams included."""
    with connect_blocking(strict="raise") as client:
        for ask in ASK.values():
            ask(client)
        with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            events.final()
        with client.completions.stream(model="m", prompt="p") as events:
            events.final()
        assert not client.drift


@pytest.mark.anyio
async def test_counted(fault_server: FaultServer, connect: Connect) -> None:
    """Responses and chunks are counted together, those of changed copies too, until it is cleared."""
    fault_server.add(json_response(ODD), playing(odd_stream()), json_response(ODD))
    async with connect() as client:
        drift = client.drift
        assert str(drift) == "no drift"
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert drift.to_dict() == FOUND
        copy = client.with_options(timeout=5)
        async with copy.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            final = await events.final()
        assert final.choices[0].message.content == TEXT
        assert copy.drift is drift
        assert drift["$.mood"].unknown == 1 + CHUNKS
        drift.clear()
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert drift.to_dict() == FOUND


def test_counted_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client counts the same way."""
    fault_server.add(json_response(ODD), playing(odd_stream()))
    with connect_blocking() as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert client.drift.to_dict() == FOUND
        with client.with_options(timeout=5).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        ) as chunks:
            assert "".join(chunks.text()) == TEXT
        assert client.drift["$.mood"].unknown == 1 + CHUNKS


@pytest.mark.anyio
async def test_warned_of(fault_server: FaultServer, connect: Connect) -> None:
    """With `strict="warn"` there is one warning for each path and kind, where the call is awaited."""
    fault_server.add(json_response(ODD), json_response(ODD), playing(odd_stream()))
    async with connect(strict="warn") as client:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "?"}]
                )
            async for _ in await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            ):
                pass
    messages: list[Any] = [warning.message for warning in caught]
    assert [(type(told), told.path, told.kind) for told in messages] == [
        (DriftWarning, "$.created", "retyped"),
        (DriftWarning, "$.mood", "unknown"),
    ]
    assert str(messages[1]) == (
        "the response to POST /chat/completions isn't what the API describes: $.mood is unknown"
    )
    assert {warning.filename for warning in caught} == {__file__}


def test_warned_of_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client warns too."""
    fault_server.add(json_response(ODD), playing(odd_stream()))
    with connect_blocking(strict="warn") as client:
        with pytest.warns(DriftWarning) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert len(caught) == 2
        # A second warning would be an error.
        assert list(
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
        )


@pytest.mark.anyio
async def test_raised(fault_server: FaultServer, connect: Connect) -> None:
    """With `strict="raise"` the call raises, once, and the error has the response and how it came about."""
    fault_server.always(json_response(ODD, headers={"x-request-id": "req-1"}))
    async with connect(retries=2, strict="raise") as client:
        with pytest.raises(DriftError) as caught:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
    error = caught.value
    assert (error.path, error.kind) == ("$.created", "retyped")
    assert error.response.to_dict() == ODD
    assert error.response.choices[0].message.content == "Hi"
    assert error.response.meta.total is not None
    assert (error.execution, error.request_id) == ("executed", "req-1")
    assert [attempt.error for attempt in error.attempts] == ["DriftError"]
    assert len(fault_server.requests) == 1


@pytest.mark.anyio
async def test_raised_once_for_a_get(fault_server: FaultServer, connect: Connect) -> None:
    """A response that drifts isn't asked for again, even where that costs nothing."""
    fault_server.always(json_response({**RESPONSES[ModelList], "x": 1}))
    async with connect(retries=2, strict="raise") as client:
        with pytest.raises(DriftError, match=r"GET /models .* \$\.x is unknown"):
            await client.models.list()
    assert len(fault_server.requests) == 1


@pytest.mark.anyio
async def test_raised_at_the_end_of_a_stream(fault_server: FaultServer, connect: Connect) -> None:
    """A stream is delivered whole before it raises, and the error has the merged response."""
    fault_server.always(playing(odd_stream()))
    async with connect(strict="raise") as client:
        texts: list[str] = []
        async with client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}]
        ) as events:
            with pytest.raises(DriftError) as caught:
                await take(events.text(), texts)
        assert "".join(texts) == TEXT == caught.value.response.choices[0].message.content
        assert (caught.value.path, caught.value.kind) == ("$.mood", "unknown")
        assert client.drift["$.mood"].unknown == CHUNKS


def test_raised_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client raises too: for a response, and at the end of a stream."""
    fault_server.add(json_response(ODD), playing(odd_stream()))
    with connect_blocking().with_options(strict="raise") as client:
        with pytest.raises(DriftError, match="created is retyped"):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        chunks = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        texts: list[str] = []
        with pytest.raises(DriftError, match="mood is unknown"):
            texts.extend(chunks.text())
        assert "".join(texts) == TEXT


@pytest.mark.anyio
async def test_warnings_made_errors(fault_server: FaultServer, connect: Connect) -> None:
    """A warning that the program makes an error has the response; a stream is delivered whole before."""
    fault_server.add(json_response(ODD), playing(odd_stream()), playing(odd_stream()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DriftWarning)
        async with connect(strict="warn") as client:
            with pytest.raises(DriftWarning) as caught:
                await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "?"}]
                )
            assert caught.value.response.to_dict() == ODD
            assert (caught.value.path, caught.value.kind) == ("$.created", "retyped")
            texts: list[str] = []
            async with client.chat.completions.stream(
                model="m", messages=[{"role": "user", "content": "?"}]
            ) as events:
                with pytest.raises(DriftWarning, match="mood is unknown") as caught:
                    await take(events.text(), texts)
                with pytest.raises(DriftWarning, match="mood is unknown"):
                    await events.final()
            assert "".join(texts) == TEXT == caught.value.response.choices[0].message.content
            # Each is told once.
            async with client.chat.completions.stream(
                model="m", messages=[{"role": "user", "content": "?"}]
            ) as events:
                assert (await events.final()).choices[0].message.content == TEXT
