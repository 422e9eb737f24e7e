"""Runs of tools: a span around them, and what is measured of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode

from horay_async import AnswerError, RoundFinished, tool
from horay_async.testing import FaultServer, error
from tests.tools.responses import calling, saying

from .conventions import INVOKE_AGENT, OPT_IN, RUN_METRICS, check

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.conftest import Connect, ConnectBlocking

    from .conftest import Recorded

pytestmark = pytest.mark.anyio

RUN = "invoke_agent"


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"clear in {city}"


@tool
async def fail() -> str:
    """Fails."""
    raise RuntimeError("s3cret")


def question(**params: Any) -> dict[str, Any]:
    """A run's parameters."""
    return {
        "model": "m",
        "messages": [{"role": "user", "content": "s3cret?"}],
        "tools": [weather, fail],
        **params,
    }


def named(recorded: Recorded, name: str) -> ReadableSpan:
    """The only span of that name."""
    (span,) = [span for span in recorded.spans if span.name == name]
    return span


def below(recorded: Recorded, parent: ReadableSpan) -> list[str]:
    """The names of a span's children."""
    found = parent.get_span_context()
    assert found is not None
    return [
        span.name
        for span in recorded.spans
        if span.parent is not None and span.parent.span_id == found.span_id
    ]


async def test_tokens_that_one_round_does_not_tell(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """The sum of the others isn't told as the run's."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    fault_server.add(calling(("weather", {"city": "Berlin"}), usage=usage), saying("Clear."))
    async with connect(telemetry=recorded.telemetry()) as client:
        await client.chat.completions.run_tools(**question()).final()
    attributes = named(recorded, RUN).attributes or {}
    assert not [name for name in attributes if name.startswith("gen_ai.usage.")]


@pytest.mark.parametrize("capture", [False, True])
async def test_span_of_a_run(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, capture: bool
) -> None:
    """It has the conventions' attributes, the sum of the tokens, and requests and tools below it."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    fault_server.add(
        calling(("weather", {"city": "Berlin"}), ("fail", {}), usage=usage),
        saying("Clear.", usage=usage),
    )
    telemetry = recorded.telemetry(capture_content=capture)
    async with connect(telemetry=telemetry) as client:
        await client.chat.completions.run_tools(
            **question(
                max_tokens=9,
                temperature=0,
                top_p=1,
                top_k=4,
                seed=1,
                stop="END",
                presence_penalty=0,
                frequency_penalty=0,
                response_format={"type": "json_object"},
                stream_options={"include_usage": True},
            )
        ).final()
    span = named(recorded, RUN)
    attributes: dict[str, Any] = dict(span.attributes or {})
    optional = {name for name, (level, _) in INVOKE_AGENT.items() if level == OPT_IN}
    known = check(attributes, INVOKE_AGENT)
    assert known == INVOKE_AGENT.keys() - {"error.type"} - (set() if capture else optional)
    assert (span.kind, span.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["gen_ai.usage.output_tokens"] == 4
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert sorted(below(recorded, span)) == [
        "chat m",
        "chat m",
        "execute_tool fail",
        "execute_tool weather",
    ]
    if capture:
        (response,) = json.loads(attributes["gen_ai.output.messages"])
        assert response["parts"] == [{"type": "text", "content": "Clear."}]
    else:
        assert "s3cret" not in span.to_json()


async def test_arguments_of_approve_that_dont_fit(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Such a call is told as one that failed, as one with the model's own."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Sorry."))

    def approve(call: object) -> dict[str, object]:
        return {"town": 1}

    async with connect(telemetry=recorded.telemetry()) as client:
        await client.chat.completions.run_tools(**question(approve=approve)).final()
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.tool_calls")] == [1]
    (tool,) = recorded.points("gen_ai.execute_tool.duration")
    assert dict(tool.attributes or {})["error.type"] == "AnswerError"


async def test_metrics_of_runs(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Durations of run and tools, and how many requests and tools there were, refused ones left out."""
    fault_server.add(
        calling(("weather", {"city": "Rome"}), ("fail", {}), ("gone", {})),
        calling(("weather", {"city": "Oslo"})),
        saying("Clear."),
    )
    responses = iter([None, None, "not today"])

    def approve(call: Any) -> str | None:
        return next(responses)

    async with connect(telemetry=recorded.telemetry()) as client:
        await client.chat.completions.run_tools(**question(approve=approve)).final()
    metrics = recorded.metrics()
    for name, (unit, bounds) in RUN_METRICS.items():
        assert metrics[name].unit == unit
        for point in recorded.points(name):
            assert list(point.explicit_bounds) == pytest.approx(bounds)
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.inference_calls")] == [3]
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.tool_calls")] == [3]
    (run,) = recorded.points("gen_ai.invoke_agent.duration")
    assert dict(run.attributes or {}) == {"gen_ai.request.model": "m"}
    tools = {
        dict(point.attributes or {})["gen_ai.tool.name"]: dict(point.attributes or {})
        for point in recorded.points("gen_ai.execute_tool.duration")
    }
    assert tools == {  # but not the name that the model has made up
        "weather": {"gen_ai.tool.name": "weather", "gen_ai.tool.type": "function"},
        "fail": {
            "gen_ai.tool.name": "fail",
            "gen_ai.tool.type": "function",
            "error.type": "RuntimeError",
        },
    }


async def test_runs_that_fail(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """A run has the class of the error that it ends with, as has its duration."""
    fault_server.always(calling(("weather", {"city": "Rome"})))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(AnswerError):
            await client.chat.completions.run_tools(**question(max_rounds=2)).final()
    span = named(recorded, RUN)
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "AnswerError"
    (point,) = recorded.points("gen_ai.invoke_agent.duration")
    assert dict(point.attributes or {})["error.type"] == "AnswerError"
    assert recorded.spans[-1] is span


async def test_a_failed_request_counts(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """A run whose first request fails has made one."""
    fault_server.always(error(400))
    async with connect(telemetry=recorded.telemetry()) as client:
        with pytest.raises(Exception, match="400"):
            await client.chat.completions.run_tools(**question()).final()
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.inference_calls")] == [1]
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.tool_calls")] == [0]
    assert dict(named(recorded, RUN).attributes or {})["error.type"] == "BadRequestError"


@pytest.mark.parametrize("way", ["break", "drop", "close", "cancel"])
async def test_runs_that_are_left(
    fault_server: FaultServer, connect: Connect, recorded: Recorded, way: str
) -> None:
    """A run that is left, dropped, closed or cancelled ends there: not failed, but marked, its tools too."""
    started = asyncio.Event()

    @tool
    async def slow() -> str:
        """Takes its time."""
        started.set()
        await asyncio.Event().wait()
        return ""

    fault_server.always(calling(("slow", {})))
    async with connect(telemetry=recorded.telemetry()) as client:
        run = client.chat.completions.run_tools(**question(tools=[slow]))

        async def go_on() -> None:
            async for event in run:
                if way != "cancel" and isinstance(event, RoundFinished):
                    await started.wait()
                    if way == "break":
                        break
                    if way == "close":
                        await run.close()
                        break
                    return

        task = asyncio.create_task(go_on())
        await started.wait()
        if way == "cancel":
            task.cancel()
        await asyncio.wait([task])
        await run.close()
    span = named(recorded, RUN)
    assert span.status.status_code is StatusCode.UNSET
    for each in (span, named(recorded, "execute_tool slow")):
        assert dict(each.attributes or {})["horay.cancelled"] is True
    (point,) = recorded.points("gen_ai.execute_tool.duration")
    assert dict(point.attributes or {})["horay.cancelled"] is True


async def test_runs_within_tools(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """A run within a tool is below the tool, and its requests are its own."""
    fault_server.add(
        calling(("ask", {})),
        calling(("weather", {"city": "Rome"})),
        saying("Clear."),
        saying("It is clear."),
    )
    async with connect(telemetry=recorded.telemetry()) as client:

        @tool
        async def ask() -> str:
            """Asks somebody else."""
            run = client.chat.completions.run_tools(**question(tools=[weather]))
            return str((await run.final()).choices[0].message.content)

        await client.chat.completions.run_tools(**question(tools=[ask])).final()
    inner, outer = [span for span in recorded.spans if span.name == RUN]
    assert below(recorded, outer) == ["execute_tool ask", "chat m", "chat m"] or sorted(
        below(recorded, outer)
    ) == ["chat m", "chat m", "execute_tool ask"]
    assert sorted(below(recorded, inner)) == ["chat m", "chat m", "execute_tool weather"]
    assert below(recorded, named(recorded, "execute_tool ask")) == [RUN]
    (calls,) = recorded.points("gen_ai.invoke_agent.inference_calls")
    assert (calls.count, calls.sum) == (2, 4)


def test_blocking_runs(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, recorded: Recorded
) -> None:
    """With the blocking client the run's parent is the current span of the calling thread."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Clear."))
    tracer = recorded.tracer_provider.get_tracer("test")
    with (
        connect_blocking(telemetry=recorded.telemetry()) as client,
        tracer.start_as_current_span("caller"),
    ):
        client.chat.completions.run_tools(**question()).final()
    span = named(recorded, RUN)
    assert sorted(below(recorded, span)) == ["chat m", "chat m", "execute_tool weather"]
    assert below(recorded, named(recorded, "caller")) == [RUN]


async def test_old_names_have_no_runs(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """By version 1.41.1 there are spans of the tools, as there were, and nothing is measured of them."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Clear."))
    async with connect(telemetry=recorded.telemetry(conventions="1.41.1")) as client:
        await client.chat.completions.run_tools(**question()).final()
    assert [span.name for span in recorded.spans] == ["chat m", "execute_tool weather", "chat m"]
    assert not recorded.metrics().keys() & RUN_METRICS.keys()


async def test_failing_telemetry_breaks_no_run(
    fault_server: FaultServer,
    connect: Connect,
    recorded: Recorded,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A processor that raises breaks neither run nor tools; the log has it once."""

    class Broken:
        """A span processor."""

        def on_start(self, span: object, parent_context: object = None) -> None:
            raise RuntimeError("no telemetry today")

        def on_end(self, span: object) -> None:
            raise RuntimeError("no telemetry today")

        def shutdown(self) -> None: ...

        def _on_ending(self, span: object) -> None: ...

    recorded.tracer_provider.add_span_processor(Broken())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - all that is called of one
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Clear."))
    async with connect(telemetry=recorded.telemetry()) as client:
        response = await client.chat.completions.run_tools(**question()).final()
    assert response.choices[0].message.content == "Clear."
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 2  # of the calls, and of the run with its tools


async def test_run_is_current_within_alone(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """What goes on in a run is below its span; what its caller does between the steps isn't."""
    within: list[bool] = []

    def approve(call: object) -> None:
        within.append(trace.get_current_span().get_span_context().is_valid)

    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Clear."))
    async with connect(telemetry=recorded.telemetry()) as client:
        async for _ in client.chat.completions.run_tools(**question(approve=approve)):
            assert not trace.get_current_span().get_span_context().is_valid
    assert within == [True]


async def test_run_stopped_from_another_thread(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Its span ends once, there."""
    fault_server.always(saying("Clear."))
    async with connect(telemetry=recorded.telemetry()) as client:
        run = client.chat.completions.run_tools(**question())
        events = run.__aiter__()
        await events.__anext__()
        await asyncio.to_thread(run._close_nowait)
        await run.close()
    assert dict(named(recorded, RUN).attributes or {})["horay.cancelled"] is True
    assert [p.sum for p in recorded.points("gen_ai.invoke_agent.inference_calls")] == [0]


async def test_suppressed_runs(
    fault_server: FaultServer, connect: Connect, recorded: Recorded
) -> None:
    """Where the context suppresses instrumentation, runs and tools have no spans either."""
    fault_server.add(calling(("weather", {"city": "Rome"})), saying("Clear."))
    async with connect(telemetry=recorded.telemetry()) as client:
        token = context.attach(context.set_value("suppress_instrumentation", True))
        try:
            await client.chat.completions.run_tools(**question()).final()
        finally:
            context.detach(token)
    assert not recorded.spans
    assert not recorded.metrics()
