"""Telemetry for the whole process, and that it costs nothing where nobody asks for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from horay_async import AsyncHoray, ConfigurationError
from horay_async.integrations.otel import HorayInstrumentor, Telemetry
from horay_async.resources.models import LIST
from horay_async.testing import FaultServer
from tests.processes import printed_by

if TYPE_CHECKING:
    from tests.conftest import Connect

    from .conftest import Recorded

pytestmark = pytest.mark.anyio


@pytest.fixture
def instrumentor() -> Iterator[HorayInstrumentor]:
    """The instrumentor, switched off after the test."""
    instrumentor = HorayInstrumentor()
    yield instrumentor
    instrumentor.uninstrument()


def switch_on(instrumentor: HorayInstrumentor, recorded: Recorded, **options: Any) -> None:
    """Records the calls of all clients."""
    instrumentor.instrument(
        tracer_provider=recorded.tracer_provider,
        meter_provider=recorded.meter_provider,
        **options,
    )


async def test_all_clients(
    connect: Connect, recorded: Recorded, instrumentor: HorayInstrumentor
) -> None:
    """It holds for clients made before and after, from one call to the next."""
    async with connect() as before:
        switch_on(instrumentor, recorded, skip_dep_check=True)
        assert HorayInstrumentor().is_instrumented_by_opentelemetry
        async with connect() as after:
            for client in (before, after):
                await client.models.list()
        instrumentor.uninstrument()
        assert not instrumentor.is_instrumented_by_opentelemetry
        await before.models.list()
    assert len(recorded.spans) == 2


async def test_own_telemetry_comes_first(
    connect: Connect, recorded: Recorded, instrumentor: HorayInstrumentor
) -> None:
    """A client's own telemetry takes the place of the process's: a call has one span."""
    switch_on(instrumentor, recorded, capture_content=True)
    async with connect(telemetry=recorded.telemetry(capture_content=False)) as client:
        await client.completions.create(model="m", prompt="p")
    assert "gen_ai.input.messages" not in recorded.attributes


def test_parameters_are_named() -> None:
    """A parameter that isn't there is refused, and those that are there are named."""
    misspelt: dict[str, Any] = {"capture_contents": True}
    with pytest.raises(
        TypeError,
        match=r"unknown Telemetry option 'capture_contents': did you mean 'capture_content'",
    ):
        Telemetry(**misspelt)


def test_parameters_of_the_instrumentor(instrumentor: HorayInstrumentor) -> None:
    """One that isn't there is left out, and told of; it may be another distribution's."""
    wrong: dict[str, Any] = {"provider": None}
    with pytest.raises(TypeError, match="'provider': tracer_provider makes the spans"):
        Telemetry(**wrong)
    with pytest.warns(UserWarning, match=r"'provider': tracer_provider makes .*; it is left out$"):
        instrumentor.instrument(**wrong)
    assert instrumentor.is_instrumented_by_opentelemetry


@pytest.mark.parametrize("value", ["1.36.0", "", 1.41, True])
def test_conventions_are_known(value: Any) -> None:
    """A version that isn't known is refused, and those that are there are named."""
    with pytest.raises(ConfigurationError, match=r"'latest' or '1\.41\.1'; got "):
        Telemetry(conventions=value)


@pytest.mark.parametrize(
    ("version", "url"), [("latest", ""), ("1.41.1", "https://opentelemetry.io/schemas/1.41.1")]
)
async def test_schema_url(connect: Connect, recorded: Recorded, version: str, url: str) -> None:
    """The schema is named where there is one that is published."""
    async with connect(telemetry=recorded.telemetry(conventions=version)) as client:
        await client.completions.create(model="m", prompt="p")
    scope = recorded.span.instrumentation_scope
    assert scope is not None
    assert (scope.schema_url or "") == url


def test_twice(
    recorded: Recorded, instrumentor: HorayInstrumentor, caplog: pytest.LogCaptureFixture
) -> None:
    """Switching it on twice changes nothing, and is told of."""
    switch_on(instrumentor, recorded)
    with caplog.at_level(logging.WARNING, "horay_async"):
        switch_on(instrumentor, recorded)
    assert "on already" in caplog.text


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("EVENT_ONLY", False),
        ("", False),
        (None, False),
    ],
)
async def test_environment_asks_for_content(
    connect: Connect,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    captured: bool,
) -> None:
    """The variable of OpenTelemetry's own instrumentations decides, unless the program does."""
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    monkeypatch.delenv(name, raising=False)
    if value is not None:
        monkeypatch.setenv(name, value)
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.completions.create(model="m", prompt="p")
    assert ("gen_ai.input.messages" in recorded.attributes) is captured


async def test_nobody_looks_on(connect: Connect, recorded: Recorded) -> None:
    """Without hooks and telemetry, a call has no observers."""
    async with connect() as client:
        request = client.models._request(LIST, {})
        assert client._transport.call(request).observers is None
        watched = client.with_options(telemetry=recorded.telemetry())._transport
        assert watched.call(request).observers is not None


def test_opentelemetry_is_loaded_on_request_alone(fault_server: FaultServer) -> None:
    """A call without telemetry loads nothing of OpenTelemetry."""
    code = (
        "import sys; from horay_async import Horay\n"
        f"with Horay({fault_server.api_key!r}, base_url={fault_server.base_url!r}) as client:\n"
        "    client.completions.create(model='m', prompt='p')\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert printed_by("-c", code) == "False\n"


@pytest.mark.parametrize("value", [True, "otel", Telemetry])
def test_telemetry_is_an_instance(value: Any) -> None:
    """Anything else is refused by name."""
    with pytest.raises(
        ConfigurationError, match=r"instance of horay_async\.integrations\.otel\.Telemetry"
    ):
        AsyncHoray("a-key-for-nothing", telemetry=value)


async def test_failing_telemetry_breaks_nothing(
    connect: Connect, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in telemetry, calls go on; the log has each kind of failure once."""

    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("no telemetry today")

    telemetry = recorded.telemetry()
    async with connect(telemetry=telemetry) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("horay_async.integrations.otel.generation.Generation.on_attempt", fail)
            patch.setattr("horay_async.integrations.otel.generation.Generation.on_end", fail)
            for _ in range(2):
                assert (await client.completions.create(model="m", prompt="p")).choices
            patch.setattr(telemetry, "begin", fail)
            assert (await client.completions.create(model="m", prompt="p")).choices
    said = [record.getMessage() for record in caplog.records]
    assert [text.split()[0] for text in said] == ["Generation", "Telemetry"]
