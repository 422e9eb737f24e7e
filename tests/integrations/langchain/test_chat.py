"""`ChatHoray` over real connections: what comes back, and what goes wrong."""

from __future__ import annotations

import copy
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar, cast

import attrs
import pytest

pytest.importorskip("langchain_core", reason="LangChain has an environment of its own")

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, tool
from pydantic import BaseModel, SecretStr, ValidationError

from horay_async import (
    AnswerError,
    AsyncHoray,
    ConfigurationError,
    Horay,
    RateLimitError,
    StreamTruncatedError,
    ToolResult,
)
from horay_async._suggestions import LANGCHAIN_SETTINGS
from horay_async.integrations.langchain import ChatHoray, HorayEmbeddings
from horay_async.testing import (
    Cut,
    FaultServer,
    Request,
    ScriptedResponse,
    chat,
    error,
    json_response,
    rate_limits,
    respond,
    sse,
)
from tests.integrations.scripted_model import scripted_model
from tests.tools.responses import calling

pytestmark = pytest.mark.anyio

T = TypeVar("T")

Connect = Callable[..., ChatHoray]


@pytest.fixture
def connect(fault_server: FaultServer) -> Iterator[Connect]:
    """Makes models of the test's server."""
    made: list[ChatHoray] = []

    def model(**options: Any) -> ChatHoray:
        options = {"model": "m", "max_retries": 0, **options}
        made.append(
            ChatHoray(api_key=fault_server.api_key, base_url=fault_server.base_url, **options)
        )
        return made[-1]

    yield model
    for one in made:
        one.close()


def test_what_is_sent(fault_server: FaultServer, connect: Connect) -> None:
    """Settings go out with each call, those of the call over those of the model; what isn't given isn't sent."""
    model = connect(temperature=0.5, max_tokens=9, stop=["x"])
    model.invoke("hi", temperature=0)
    assert fault_server.requests[0].json() == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        "max_tokens": 9,
        "stop": ["x"],
    }


def test_unknown_parameter(connect: Connect) -> None:
    """A parameter that doesn't exist is refused by name."""
    with pytest.raises(TypeError, match="temprature"):
        connect().invoke("hi", temprature=0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("temprature", "did you mean 'temperature'"),
        ("max_token", "did you mean 'max_tokens'"),
        ("stream", "did you mean 'streaming'"),
        ("openai_api_key", "it is api_key"),
        *((name, re.escape(told)) for name, told in LANGCHAIN_SETTINGS.items()),
        ("proxy", r"it goes into client_options={'proxy': \.\.\.}"),
    ],
)
def test_unknown_setting(connect: Connect, given: str, told: str) -> None:
    """So is one of the constructor, which pydantic would pass over without a word."""
    with pytest.raises(TypeError, match=f"unknown parameter '{given}': {told}") as raised:
        connect(**{given: 0})
    assert raised.value.__cause__ is None


def test_settings_of_langchain(fault_server: FaultServer, connect: Connect) -> None:
    """LangChain's own settings are taken, and models are made again of others with some changed; errors of pydantic
    stay.
    """
    model = connect(
        name="one",
        cache=False,
        callbacks=[],
        tags=["t"],
        metadata={"a": 1},
        verbose=True,
        rate_limiter=InMemoryRateLimiter(requests_per_second=1000, max_bucket_size=10),
        disable_streaming="tool_calling",
        custom_get_token_ids=len,
        profile={"max_input_tokens": 10},
    )
    changed = model.configurable_fields(temperature=ConfigurableField(id="t"))
    changed.invoke("hi", {"configurable": {"t": 0.5}})
    assert cast("dict[str, Any]", fault_server.requests[0].json())["temperature"] == 0.5
    with pytest.raises(ValidationError, match="temperature"):
        connect(temperature="hot")


SECRETS = {
    name: f"{name}-0123456789" for name in ("proxy", "header", "option", "extra", "query", "call")
}


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "secret-0123"},  # the model is missing
        {"client_options": {"proxy": "http://user:secret-0123@127.0.0.1:1"}},
        {"model": "m", "client_options": "http://user:secret-0123@127.0.0.1:1"},
        {"model": "m", "api_key": ["secret-0123"]},
    ],
)
@pytest.mark.parametrize("cls", [ChatHoray, HorayEmbeddings])
def test_wrong_settings_are_not_shown(cls: Any, given: dict[str, Any]) -> None:
    """An error says which setting is missing or wrong, but not what was given, which may be a key."""
    with pytest.raises(ValidationError, match=r"Field required|valid string|valid dict") as raised:
        cls(**given)
    assert "secret" not in f"{raised.value} {raised.value!r}"


def hide(value: object) -> None:
    """Fails where a secret is shown."""
    assert not [secret for secret in SECRETS.values() if secret in str(value)]


class Traced(BaseCallbackHandler):
    """Keeps what a tracer gets."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def on_chat_model_start(self, serialized: object, messages: object, **kwargs: object) -> None:
        self.got.append(f"{serialized}{kwargs}")


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")  # LangChain says so to all
def test_secrets_are_not_written_down(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither tracers nor LangChain's cache get them, and a model that is loaded says which it needs."""
    monkeypatch.delenv("HORAY_API_KEY", raising=False)
    options: dict[str, Any] = {
        "default_headers": {"X-Api-Key": SECRETS["header"], "X-Title": "shown-0123456789"},
        "api_key": SECRETS["option"],
        "proxy": f"http://user:{SECRETS['proxy']}@127.0.0.1:1",
        "max_connections": 7,
    }
    extra: dict[str, Any] = {
        "extra_headers": {"Authorization": f"Bearer {SECRETS['extra']}"},
        "extra_query": {"api_key": SECRETS["query"], "page": 1},
    }
    model = ChatHoray(
        model="m", base_url=fault_server.base_url, client_options=dict(options), **extra
    )
    written, cached = dumps(model), model._get_llm_string(extra_headers={"key": SECRETS["call"]})
    for shown in (repr(model), written, cached):
        assert "shown-0123456789" in shown
        hide(shown)
    again = loads(written, valid_namespaces=["horay_async"], allowed_objects=[ChatHoray])
    assert again.client_options["max_connections"] == 7
    headers = again.client_options["default_headers"]
    for place, held, given in (
        ("extra_headers['Authorization']", again.extra_headers, f"Bearer {fault_server.api_key}"),
        ("extra_query['api_key']", again.extra_query, SECRETS["query"]),
        ("client_options['default_headers']['X-Api-Key']", headers, SECRETS["header"]),
        ("client_options['api_key']", again.client_options, fault_server.api_key),
        ("client_options['proxy']", again.client_options, None),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(f"model.{place} was left out")):
            again.invoke("hi")
        held[place.split("'")[-2]] = given
    tracer = Traced()
    with again:
        again.invoke(
            "hi", {"callbacks": [tracer]}, extra_headers={"X-Gateway-Key": SECRETS["call"]}
        )
    hide(tracer.got)
    sent = fault_server.requests[0]
    assert sent.headers["x-gateway-key"] == SECRETS["call"]
    assert sent.headers["x-api-key"] == SECRETS["header"]


def test_cut_stream_raises(fault_server: FaultServer, connect: Connect) -> None:
    """A stream that was cut is an error, never a shorter text."""
    fault_server.stream(["Ber", "lin"], Cut(-500, by="rst"))
    with pytest.raises(StreamTruncatedError):
        list(connect().stream("hi"))


async def test_retries(fault_server: FaultServer, connect: Connect) -> None:
    """429s are retried by the client, as often as `max_retries` says."""
    model = connect(max_retries=2)
    fault_server.add(*rate_limits(2, retry_after=0))
    fault_server.reply("Berlin")
    assert (await model.ainvoke("hi")).text == "Berlin"
    fault_server.add(error(429, "slow down"))
    with pytest.raises(RateLimitError):
        await model.ainvoke("hi", max_retries=0)
    await model.aclose()


def test_odd_tool_calls(fault_server: FaultServer, connect: Connect) -> None:
    """Arguments that aren't JSON become invalid calls; a name in pieces is joined."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{oops"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    fault_server.add(json_response({"id": "1", "choices": [choice]}))
    response = connect().invoke("hi")
    assert response.tool_calls == []
    assert response.invalid_tool_calls[0]["name"] == "f"
    deltas: list[dict[str, Any]] = [
        {"index": 0, "id": "1", "function": {"name": "get_", "arguments": ""}},
        {"index": 0, "function": {"name": "weather"}},
        {"index": 0, "function": {"arguments": '{"a": 1}'}},
    ]
    events = [sse({"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]}) for one in deltas]
    events.append(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
    fault_server.add(respond([*events, sse("[DONE]")], content_type="text/event-stream"))
    whole: AIMessageChunk | None = None
    for chunk in connect().stream("hi"):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    [made] = whole.tool_calls
    assert (made["name"], made["args"], made["id"]) == ("get_weather", {"a": 1}, "1")


async def test_no_choice(fault_server: FaultServer, connect: Connect) -> None:
    """A response without a choice raises, and is in the error: its tokens are paid for."""
    usage = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}

    def respond_without(request: Request) -> ScriptedResponse:
        body: dict[str, Any] = {"id": "c", "model": "m", "choices": [], "usage": usage}
        if not request.json().get("stream"):
            return json_response(body)
        return respond([sse(body), sse("[DONE]")], content_type="text/event-stream")

    fault_server.always(respond_without)
    model = connect()
    with pytest.raises(AnswerError, match="no choice") as invoked:
        model.invoke("hi")
    with pytest.raises(AnswerError, match="no choice") as awaited:
        await model.ainvoke("hi")
    with pytest.raises(AnswerError, match="no choice") as streamed:
        list(model.stream("hi"))
    for one in (invoked, awaited, streamed):
        assert one.value.completion.usage.total_tokens == 9
    await model.aclose()


def test_choices_in_any_order(fault_server: FaultServer, connect: Connect) -> None:
    """They are in the order of their indexes, so that the message is the one that a stream gives."""
    choices = [
        {"index": at, "finish_reason": "stop", "message": {"role": "assistant", "content": str(at)}}
        for at in (2, 0, 1)
    ]
    fault_server.always(json_response({"id": "c", "model": "m", "choices": choices}))
    assert connect().invoke("hi", n=3).text == "0"
    [generations] = connect().generate([[HumanMessage("hi")]], n=3).generations
    assert [one.text for one in generations] == ["0", "1", "2"]


@attrs.define
class Order:
    """An order."""

    drink: str
    count: int


class Joke(BaseModel):
    """A joke."""

    setup: str
    count: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("form", [Order, Joke])
def test_structured(
    fault_server: FaultServer, connect: Connect, method: Any, form: type[Any]
) -> None:
    """An attrs class comes back as an instance, as a pydantic model does, by a schema or by a call."""
    fault_server.always(scripted_model)
    found: Any = connect().with_structured_output(form, method=method).invoke("3 of 'tea'")
    assert isinstance(found, form)
    assert found.count == 3
    both = connect().with_structured_output(form, method=method, include_raw=True).invoke("3")
    assert isinstance(both, dict)
    assert isinstance(both["parsed"], form)


@attrs.define
class Section:
    """A class within itself, and with one of its kind beside."""

    order: Order
    parts: list[Section]


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_nested_classes(fault_server: FaultServer, connect: Connect, method: Any) -> None:
    """LangChain, which traces the schema of each call, doesn't describe these classes itself."""
    section = '{"order": {"drink": "tea", "count": 3}, "parts": []}'
    text = f'{{"order": {{"drink": "tea", "count": 3}}, "parts": [{section}]}}'
    fault_server.reply(text)
    fault_server.stream([text])
    model: Any = connect().with_structured_output(Section, method=method)
    inner = Section(Order("tea", 3), [])
    assert model.invoke("hi") == Section(Order("tea", 3), [inner])
    assert list(model.stream("hi"))[-1] == Section(Order("tea", 3), [inner])


@attrs.define
class Pair(Generic[T]):
    """A class of which a type is still to be said."""

    first: T
    second: T


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_generic_class(fault_server: FaultServer, connect: Connect, method: Any) -> None:
    """It is one with its type."""
    fault_server.always(
        chat('{"first": 1, "second": 2}') if method == "json_mode" else scripted_model
    )
    form: Any = Pair[int]
    found: Any = connect().with_structured_output(form, method=method).invoke("1 and 2")
    assert attrs.asdict(found).keys() == {"first", "second"}
    assert isinstance(found.first, int)


def test_structured_mismatch(fault_server: FaultServer, connect: Connect) -> None:
    """What doesn't fit raises; with `include_raw` it is told instead."""
    fault_server.reply('{"drink": 3}')
    fault_server.reply('{"drink": 3}')
    with pytest.raises(AnswerError):
        connect().with_structured_output(Order).invoke("hi")
    both = connect().with_structured_output(Order, include_raw=True).invoke("hi")
    assert isinstance(both, dict)
    assert both["parsed"] is None
    assert isinstance(both["parsing_error"], AnswerError)


async def streamed_both_ways(model: ChatHoray) -> tuple[Any, Any]:
    """The chunks of `stream`, merged, and those of `astream`."""
    whole: Any = None
    for chunk in model.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    again: Any = None
    async for chunk in model.astream("hi"):
        again = chunk if again is None else again + chunk
    return whole, again


def _cut_script(message: dict[str, Any], reason: str) -> Callable[[Any], Any]:
    """Responds with a message that ended for `reason`, whole or streamed."""

    def script(request: Any) -> Any:
        if not request.json().get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return json_response({"id": "1", "choices": [choice]})
        told = cast("list[dict[str, Any]]", message.get("tool_calls") or [])
        calls = [{**one, "index": at} for at, one in enumerate(told)]
        delta: dict[str, Any] = {**message, "tool_calls": calls} if calls else message
        events = [
            sse({"choices": [{"index": 0, "delta": delta}]}),
            sse({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
            sse("[DONE]"),
        ]
        return respond(events, content_type="text/event-stream")

    return script


def _calling(*arguments: str, name: str = "Joke") -> dict[str, Any]:
    """A message that calls `name` with each of `arguments`."""
    calls = [
        {"id": str(at), "type": "function", "function": {"name": name, "arguments": one}}
        for at, one in enumerate(arguments)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


async def _errors_of(cut: Any) -> list[AnswerError]:
    """What each of the four ways to ask raises."""
    with pytest.raises(AnswerError) as invoked:
        cut.invoke("hi")
    with pytest.raises(AnswerError) as streamed:
        list(cut.stream("hi"))
    with pytest.raises(AnswerError) as awaited:
        await cut.ainvoke("hi")
    with pytest.raises(AnswerError) as astreamed:
        _ = [part async for part in cut.astream("hi")]
    return [one.value for one in (invoked, streamed, awaited, astreamed)]


JOKE_SCHEMA = Joke.model_json_schema()


@pytest.mark.parametrize("reason", ["length", "content_filter"])
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("form", [Order, Joke, JOKE_SCHEMA], ids=["attrs", "pydantic", "schema"])
async def test_structured_cut(
    fault_server: FaultServer, connect: Connect, form: Any, method: Any, reason: str
) -> None:
    """A response that was cut is never completed to an object: it raises, or is told with `include_raw`."""
    text = '{"drink": "tea", "setup": "a man walks", "count": 3'
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if method == "function_calling":
        message = _calling(text)
    fault_server.always(_cut_script(message, reason))
    model = connect()
    cut = model.with_structured_output(form, method=method)
    found = await _errors_of(cut)
    assert [one.reason for one in found] == [reason] * 4
    assert [one.text for one in found] == [text] * 4
    both: Any = model.with_structured_output(form, method=method, include_raw=True).invoke("hi")
    assert both["parsed"] is None
    assert both["parsing_error"].reason == reason
    await model.aclose()


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("form", [Order, Joke, JOKE_SCHEMA], ids=["attrs", "pydantic", "schema"])
async def test_structured_refusal(
    fault_server: FaultServer, connect: Connect, form: Any, method: Any
) -> None:
    """What the model says when it declines is told, as by the client itself."""
    message = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    fault_server.always(_cut_script(message, "stop"))
    model = connect()
    found = await _errors_of(model.with_structured_output(form, method=method))
    assert [(one.reason, one.text) for one in found] == [("refusal", message["refusal"])] * 4
    assert str(found[0]).startswith("the model declined: I can't help")
    await model.aclose()


@attrs.define
class Bill:
    """A bill."""

    amount: Decimal


AMOUNTS = ["12345678901234567.89", "0.10", "1E+400"]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
async def test_decimals_are_exact(
    fault_server: FaultServer, connect: Connect, method: Any, amount: str
) -> None:
    """Each digit of the text comes back, by whatever method, and with line ends in other strings too."""
    text = f'{{"amount": {amount}}}'
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if method == "function_calling":
        message = _calling(text, name="Bill")
    fault_server.always(_cut_script(message, "stop"))
    model = connect()
    bound: Any = model.with_structured_output(Bill, method=method)
    made = [bound.invoke("hi"), await bound.ainvoke("hi"), *bound.stream("hi")]
    made += [one async for one in bound.astream("hi")]
    assert [str(one.amount) for one in made] == [amount] * 4
    both: Any = model.with_structured_output(Bill, method=method, include_raw=True).invoke("hi")
    assert str(both["parsed"].amount) == amount
    await model.aclose()


class Sweetened(TypedDict, total=False):
    """What may be left out."""

    sugar: int


class Drink(Sweetened):
    """A drink."""

    name: str


DRINK_SCHEMA = {
    "title": "Drink",
    "type": "object",
    "properties": {"name": {"type": "string"}, "sugar": {"type": "integer"}},
    "required": ["name"],
}


@pytest.mark.parametrize("form", [Drink, DRINK_SCHEMA], ids=["typed dictionary", "schema"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("text", ["{}", '{"sugar": 1}', ""])
def test_fields_that_are_required(
    fault_server: FaultServer, connect: Connect, form: Any, method: Any, text: str
) -> None:
    """A dict without them doesn't fit, nor does a call without arguments; one without others does."""
    is_call = method == "function_calling"
    bound = connect().with_structured_output(form, method=method)
    whole = '{"name": "tea"}'
    for each in (text, whole):
        if is_call:
            fault_server.call_tools(("Drink", each))
        else:
            fault_server.reply(each or "{}")
    with pytest.raises(AnswerError, match="doesn't fit the schema: it lacks 'name'") as caught:
        bound.invoke("hi")
    assert caught.value.reason == "mismatch"
    assert bound.invoke("hi") == {"name": "tea"}


def test_schema_that_requires_what_is_no_list(fault_server: FaultServer, connect: Connect) -> None:
    """It asks for nothing that could be checked."""
    form = {**DRINK_SCHEMA, "required": True}
    fault_server.reply("{}")
    assert connect().with_structured_output(form).invoke("hi") == {}


def test_line_ends_in_arguments(fault_server: FaultServer, connect: Connect) -> None:
    """LangChain reads them in strings, where JSON has them escaped."""
    fault_server.always(
        _cut_script(_calling('{"drink": "a\nb", "count": 1}', name="Order"), "stop")
    )
    bound: Any = connect().with_structured_output(Order, method="function_calling")
    assert bound.invoke("hi") == Order("a\nb", 1)


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "interrupted"])
@pytest.mark.parametrize("text", ['{"setup": "a man', '{"setup": "a", "count": 1', '["a"]', "no"])
@pytest.mark.parametrize("form", [Order, Joke, JOKE_SCHEMA], ids=["attrs", "pydantic", "schema"])
@pytest.mark.parametrize("off", [False, True], ids=["streaming", "none"])
async def test_calls_that_are_not_whole(
    fault_server: FaultServer, connect: Connect, form: Any, text: str, reason: str, off: bool
) -> None:
    """They raise where the finish reason says nothing of a cut, and are no missing object."""
    name = "Order" if form is Order else "Joke"
    fault_server.always(_cut_script(_calling(text, name=name), reason))
    model = connect(disable_streaming=off)
    bound = model.with_structured_output(form, method="function_calling")
    for one in await _errors_of(bound):
        assert (one.reason, one.text) == ("mismatch", text)
    both: Any = model.with_structured_output(
        form, method="function_calling", include_raw=True
    ).invoke("hi")
    assert both["parsed"] is None
    assert isinstance(both["parsing_error"], AnswerError)
    await model.aclose()


def test_broken_call_beside_a_whole_one(fault_server: FaultServer, connect: Connect) -> None:
    """The one that is whole is the response; of an attrs class the first call is."""
    fault_server.always(_cut_script(_calling('{"setup": "a", "count": 1}', '{"setup'), "stop"))
    bound: Any = connect().with_structured_output(Joke, method="function_calling")
    assert bound.invoke("hi") == Joke(setup="a", count=1)
    fault_server.always(
        _cut_script(_calling('{"drink', '{"drink": "a", "count": 1}', name="Order"), "stop")
    )
    ours = connect().with_structured_output(Order, method="function_calling")
    with pytest.raises(AnswerError):
        ours.invoke("hi")


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("form", [Order, Joke], ids=["attrs", "pydantic"])
@pytest.mark.parametrize("text", ['{"town": "Rome"}', "", " nu"])
async def test_what_does_not_fit_raises_in_streams(
    fault_server: FaultServer, connect: Connect, form: Any, method: Any, text: str
) -> None:
    """As it does where the response comes whole, and not as a stream without any object; with `include_raw` it is told."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if method == "function_calling":
        message = _calling(text, name=form.__name__)
    fault_server.always(_cut_script(message, "stop"))
    model = connect()
    bound: Any = model.with_structured_output(form, method=method)
    with pytest.raises((AnswerError, OutputParserException)) as invoked:
        bound.invoke("hi")
    if form is Joke and text.startswith("{"):
        assert invoked.type is OutputParserException
        assert isinstance(invoked.value.__cause__, ValidationError)
    with pytest.raises(invoked.type):
        list(bound.stream("hi"))
    with pytest.raises(invoked.type):
        _ = [part async for part in bound.astream("hi")]
    if method == "function_calling" and text != '{"town": "Rome"}':
        return  # the model's own stream raises
    both: Any = model.with_structured_output(form, method=method, include_raw=True)
    parts = list(both.stream("hi"))
    aparts = [part async for part in both.astream("hi")]
    for last in (parts[-1], aparts[-1], both.invoke("hi"), await both.ainvoke("hi")):
        assert last["parsed"] is None
        assert isinstance(last["parsing_error"], invoked.type)
    for some in (parts, aparts):
        raw = [part["raw"].text for part in some if "raw" in part]
        assert "".join(raw) == ("" if method == "function_calling" else text)
    await model.aclose()


def test_first_calls_from_threads(
    fault_server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that make the client at the same time have the same one, and no call loses its own."""
    fault_server.always(chat("hi"))
    both = threading.Barrier(2)

    def slow(**options: Any) -> Horay:
        both.wait(20)
        return Horay(**options)

    monkeypatch.setattr("horay_async.integrations.langchain._clients.Horay", slow)
    model = connect()
    assert [message.text for message in model.batch(["a", "b"])] == ["hi", "hi"]


@pytest.mark.parametrize("reason", ["stop", "finished", "interrupted"])
@pytest.mark.parametrize(
    "text", ['{"setup": "a man', '{"setup": "a", "count": 12', '```json\n{"setup": "a"']
)
@pytest.mark.parametrize("form", [Joke, JOKE_SCHEMA], ids=["pydantic", "schema"])
async def test_json_that_is_not_whole(
    fault_server: FaultServer, connect: Connect, form: Any, text: str, reason: str
) -> None:
    """It isn't completed either where the finish reason says nothing of a cut."""
    fault_server.always(_cut_script({"role": "assistant", "content": text}, reason))
    model = connect()
    cut = model.with_structured_output(form)
    for one in await _errors_of(cut):
        assert (one.reason, one.text) == ("mismatch", text)
    await model.aclose()


@pytest.mark.parametrize("text", ["null", '"a"', "[1]", '{"setup": NaN}', "```json\nnull\n```"])
async def test_json_that_is_no_object(
    fault_server: FaultServer, connect: Connect, text: str
) -> None:
    """A schema asks for an object, and nothing else is taken for one."""
    fault_server.always(_cut_script({"role": "assistant", "content": text}, "stop"))
    model = connect()
    for one in await _errors_of(model.with_structured_output(JOKE_SCHEMA)):
        assert (one.reason, one.text) == ("mismatch", text)
    await model.aclose()


@pytest.mark.parametrize(
    "text", ['{"setup": "a\nb", "count": 1}', 'So:\n```json\n{"setup": "a\nb", "count": 1}\n```']
)
def test_json_that_langchain_reads(fault_server: FaultServer, connect: Connect, text: str) -> None:
    """What its parsers needn't complete is theirs to read: line ends in strings, and code blocks."""
    fault_server.always(_cut_script({"role": "assistant", "content": text}, "stop"))
    assert connect().with_structured_output(JOKE_SCHEMA).invoke("hi") == {
        "setup": "a\nb",
        "count": 1,
    }


@pytest.mark.parametrize("include_raw", [True, False])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("form", [Order, Joke, JOKE_SCHEMA])
def test_structured_models_can_be_pickled(
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    form: Any,
    method: Any,
    include_raw: bool,
) -> None:
    """As other models can, for a process of its own."""
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    fault_server.always(scripted_model)
    model = ChatHoray(model="m", base_url=fault_server.base_url)
    made = model.with_structured_output(form, method=method, include_raw=include_raw)
    again = pickle.loads(pickle.dumps(made))
    if method != "json_mode":  # for which the server has no answer
        found: list[Any] = [one.invoke("3 of 'tea'") for one in (made, again)]
        parsed = [one["parsed"] if include_raw else one for one in found]
        assert parsed[0] == parsed[1]
        assert parsed[0] is not None


async def test_pickle_of_a_model(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be made before and after the first call, holds no secret, and reads the key from the environment."""
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    fault_server.always(scripted_model)
    options = {"default_headers": {"Authorization": "Bearer hidden-1", "X-Team": "a"}}
    model = ChatHoray(model="m", base_url=fault_server.base_url)
    assert pickle.loads(pickle.dumps(model)) == model
    model.invoke("hi")
    await model.ainvoke("hi")
    pickled = pickle.dumps(model)
    again = pickle.loads(pickled)
    assert again.model_dump() == model.model_dump()
    assert again.invoke("hi").content
    secret = pickle.dumps(
        ChatHoray(model="m", api_key=SecretStr("sk-hidden-2"), client_options=options)
    )
    assert fault_server.api_key.encode() not in pickled
    assert b"hidden" not in secret
    assert b"X-Team" in secret
    await model.aclose()


@pytest.mark.parametrize(
    "block", [{"x": 1}, {"cachePoint": {}}, {"reasoningContent": {"text": "hm"}, "type": None}]
)
def test_blocks_without_a_type(fault_server: FaultServer, connect: Connect, block: Any) -> None:
    """Of a model of another provider: they aren't sent."""
    fault_server.always(scripted_model)
    for blocks, sent in (
        ([block], ""),
        ([block, "t"], "t"),
        ([{"type": "text", "text": "t"}, block], "t"),
    ):
        connect().invoke([("human", "a"), AIMessage(blocks), ("human", "b")])
        assert fault_server.requests[-1].json()["messages"][1] == {
            "role": "assistant",
            "content": sent,
        }


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {"title": "Words", "type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "string"}},
        ),
        ({"title": "Words", "anyOf": [{"type": "array"}]}, {"anyOf": [{"type": "array"}]}),
        (
            {"name": "Words", "strict": True, "schema": {"type": "array"}, "description": "Some."},
            {"type": "array"},
        ),
    ],
)
def test_schemas_of_no_object(
    fault_server: FaultServer, connect: Connect, schema: dict[str, Any], sent: object
) -> None:
    """They are sent, and lists come back."""
    fault_server.reply('["a", "b"]')
    fault_server.reply('["a", "b"]')
    model: Any = connect().with_structured_output(schema)
    assert model.invoke("hi") == ["a", "b"]
    assert list(model.stream("hi"))[-1] == ["a", "b"]
    form = fault_server.requests[0].json()["response_format"]["json_schema"]
    assert form == {"name": "Words", "schema": sent, "strict": True}


def test_text_that_is_no_json(fault_server: FaultServer, connect: Connect) -> None:
    """LangChain's own error says so."""
    fault_server.always(_cut_script({"role": "assistant", "content": "no"}, "stop"))
    with pytest.raises(OutputParserException):
        connect().with_structured_output(JOKE_SCHEMA).invoke("hi")


def test_call_of_another_tool(fault_server: FaultServer, connect: Connect) -> None:
    """LangChain's own error says so here, too."""
    fault_server.call_tools(("Poem", "{}"))
    bound = connect().with_structured_output(Joke, method="function_calling")
    with pytest.raises(OutputParserException, match=r"^Unknown tool type: 'Poem'"):
        bound.invoke("hi")


async def test_structured_stream_grows(fault_server: FaultServer, connect: Connect) -> None:
    """A structured stream still gives the object as it grows."""
    fault_server.always(scripted_model)
    model = connect()
    grown = [one async for one in model.with_structured_output(JOKE_SCHEMA).astream("3 of 'tea'")]
    assert grown == list(model.with_structured_output(JOKE_SCHEMA).stream("3 of 'tea'"))
    assert grown[-1] == {"setup": "tea", "count": 3}
    assert len(grown) > 1
    await model.aclose()


@pytest.mark.parametrize("arguments", ['{"setup": "a man', "{", ""])
async def test_cut_tool_call(fault_server: FaultServer, connect: Connect, arguments: str) -> None:
    """A tool call that was cut is never a valid one: it is invalid in a response, and raises in a stream."""
    fault_server.always(_cut_script(_calling('{"count": 1}', arguments), "length"))
    model = connect()
    response = model.invoke("hi")
    assert [one["id"] for one in response.tool_calls] == ["0"]
    assert [one["args"] for one in response.invalid_tool_calls] == [arguments]
    with pytest.raises(AnswerError) as streamed:
        list(model.stream("hi"))
    with pytest.raises(AnswerError) as astreamed:
        _ = [chunk async for chunk in model.astream("hi")]
    for one in (streamed.value, astreamed.value):
        assert (one.reason, one.text) == ("length", arguments)
        assert one.completion.choices[0].finish_reason == "length"
    await model.aclose()


@pytest.mark.parametrize("arguments", ["[1]", "[]", "5", "0", '"x"', '""', "true", "null", " "])
async def test_arguments_that_are_no_object(
    fault_server: FaultServer, connect: Connect, arguments: str
) -> None:
    """Such a call is invalid, in a response as in a stream; text, usage and the other calls stay."""
    message = {**_calling('{"count": 1}', arguments), "content": "paid for"}
    fault_server.always(_cut_script(message, "tool_calls"))
    model = connect()
    streamed: AIMessageChunk | None = None
    for chunk in model.stream("hi"):
        assert isinstance(chunk, AIMessageChunk)
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed is not None
    for response in (model.invoke("hi"), await model.ainvoke("hi"), streamed):
        assert response.content == "paid for"
        assert [one["args"] for one in response.tool_calls] == [{"count": 1}]
        assert [one["args"] for one in response.invalid_tool_calls] == [arguments]
    told = model.invoke("hi").invalid_tool_calls[0]["error"] or ""
    assert told.startswith("arguments are no JSON object: ")
    await model.aclose()


@pytest.mark.parametrize("arguments", ['{"count": NaN}', '{"count": [-Infinity]}'])
async def test_numbers_that_json_lacks(
    fault_server: FaultServer, connect: Connect, arguments: str
) -> None:
    """A call with one is invalid; a stream raises, with the response, since LangChain would take it."""
    fault_server.always(_cut_script(_calling('{"count": 1}', arguments), "tool_calls"))
    model = connect()
    response = await model.ainvoke("hi")
    assert [one["id"] for one in response.tool_calls] == ["0"]
    assert [one["args"] for one in response.invalid_tool_calls] == [arguments]
    with pytest.raises(AnswerError, match="no JSON object") as streamed:
        _ = [chunk async for chunk in model.astream("hi")]
    assert (streamed.value.reason, streamed.value.text) == ("mismatch", arguments)
    assert streamed.value.completion is not None
    await model.aclose()


def test_broken_tool_call_streamed(fault_server: FaultServer, connect: Connect) -> None:
    """Arguments that LangChain would complete raise, whatever the reason; whole ones and none are left."""
    fault_server.always(_cut_script(_calling('{"count": 1'), "tool_calls"))
    with pytest.raises(AnswerError) as broken:
        list(connect().stream("hi"))
    assert broken.value.reason == "mismatch"
    fault_server.always(_cut_script(_calling('{"count": 1}', ""), "tool_calls"))
    for chunk in (*connect().stream("hi"), connect().invoke("hi")):
        assert chunk.invalid_tool_calls == []
    fault_server.always(_cut_script(_calling('{"count": 1}'), "length"))
    [made] = [call for chunk in connect().stream("hi") for call in chunk.tool_calls if call["args"]]
    assert made["args"] == {"count": 1}


async def test_fields_without_a_name(fault_server: FaultServer, connect: Connect) -> None:
    """Audio, annotations and what a tool call has beside its function are kept, and sent back."""
    signature = {"google": {"thought_signature": "SIG"}}
    audio = {"id": "a1", "data": "UEFJRA==", "transcript": "paid"}
    message: dict[str, Any] = {
        **_calling('{"count": 1}', "{}"),
        "audio": audio,
        "annotations": [{"url": "u"}],
    }
    message["tool_calls"][1]["extra_content"] = signature
    fault_server.always(_cut_script(message, "tool_calls"))
    model = connect()
    whole: Any = None
    async for chunk in model.astream("hi"):
        whole = chunk if whole is None else whole + chunk
    for response in (model.invoke("hi"), whole, await connect(streaming=True).ainvoke("hi")):
        assert response.additional_kwargs == {
            "audio": audio,
            "annotations": [{"url": "u"}],
            "tool_call_extras": {"1": {"extra_content": signature}},
        }
        results = [ToolMessage("done", tool_call_id=one) for one in ("0", "1")]
        model.invoke([HumanMessage("hi"), response, *results])
        sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
        assert [one["role"] for one in sent] == ["user", "assistant", "tool", "tool"]
        assert sent[1]["audio"] == {"id": "a1"}
        assert sent[1]["annotations"] == [{"url": "u"}]
        assert [one.get("extra_content") for one in sent[1]["tool_calls"]] == [None, signature]
    await model.aclose()


@pytest.mark.parametrize("id_", ["", "same"])
async def test_calls_without_ids_of_their_own(
    fault_server: FaultServer, connect: Connect, id_: str
) -> None:
    """They get one each, by which results and what came beside them go with the call that they are of."""
    message = _calling('{"count": 1}', "{oops", '{"count": 2}')
    for at, call in enumerate(message["tool_calls"]):
        call.update(id=id_, extra_content=f"of {at}")
    fault_server.always(_cut_script(message, "tool_calls"))
    model = connect()
    for response in (model.invoke("hi"), await model.ainvoke("hi")):
        ids = [one["id"] for one in (*response.tool_calls, *response.invalid_tool_calls)]
        assert (len(set(ids)), all(ids)) == (3, True)
        results = [ToolMessage("done", tool_call_id=str(one)) for one in ids[:2]]
        model.invoke([HumanMessage("hi"), response, *results])
        sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
        calls = sent[1]["tool_calls"]
        assert [one["extra_content"] for one in calls] == ["of 0", "of 2"]
        assert [one["id"] for one in calls] == [one["tool_call_id"] for one in sent[2:]]
    await model.aclose()


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_repeated_call(
    fault_server: FaultServer, connect: Connect, version: Literal["v0", "v1"]
) -> None:
    """A call that comes twice with its id is one, whole or streamed; one that only shares the id gets its own."""
    texts = ['{"at": 1}', '{ "at":1 }', '{"at": 2}']
    calls = [
        {
            "index": index,
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": text},
        }
        for index, text in enumerate(texts)
    ]
    events = [sse({"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]}) for one in calls]
    events.append(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
    streamed = respond([*events, sse("[DONE]")], content_type="text/event-stream")
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    fault_server.add(streamed, streamed, _cut_script(message, "tool_calls"))
    model = connect(output_version=version)
    whole, again = await streamed_both_ways(model)
    for response in (whole, again, model.invoke("hi")):
        assert [one["args"] for one in response.tool_calls] == [{"at": 1}, {"at": 2}]
        first, second = (str(one["id"]) for one in response.tool_calls)
        assert (first, second[:5]) == ("a", "call_")
    await model.aclose()


@pytest.mark.parametrize("ids", [("", ""), ("same", "same"), (None, None), ("a", "b")])
@pytest.mark.parametrize("late", [False, True])
async def test_streamed_calls_without_ids_of_their_own(
    fault_server: FaultServer, connect: Connect, ids: tuple[Any, Any], *, late: bool
) -> None:
    """The same in a stream, whose ids may come behind the names."""
    deltas: list[dict[str, Any]] = []
    for index, id_ in enumerate(ids):
        at = {"index": index}
        function = {"name": "f", "arguments": f'{{"at": {index}}}'}
        deltas.append({**at, "id": None if late else id_, "function": function})
        deltas.append({**at, "id": id_, "extra_content": f"of {index}"})
    events = [sse({"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]}) for one in deltas]
    events.append(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
    script = respond([*events, sse("[DONE]")], content_type="text/event-stream")
    fault_server.add(script)
    fault_server.add(script)
    fault_server.reply("fine")
    model = connect()
    whole, again = await streamed_both_ways(model)
    for response in (whole, again):
        found = [one["id"] for one in response.tool_calls]
        assert (len(set(found)), all(found)) == (2, True)
        assert found[0] == ids[0] or not ids[0]
        assert found[1] == ids[1] or ids[0] == ids[1]
    results = [ToolMessage("done", tool_call_id=one["id"]) for one in whole.tool_calls]
    await model.ainvoke([HumanMessage("hi"), whole, *results])
    sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
    assert [one["extra_content"] for one in sent[1]["tool_calls"]] == ["of 0", "of 1"]
    assert [one["id"] for one in sent[1]["tool_calls"]] == [one["id"] for one in whole.tool_calls]
    await model.aclose()


def _call(id_: str, arguments: str) -> dict[str, Any]:
    """A tool call in the API's form."""
    return {"type": "function", "id": id_, "function": {"name": "Joke", "arguments": arguments}}


def _sent_calls(fault_server: FaultServer) -> list[dict[str, Any]]:
    """The tool calls of the second message that was sent."""
    sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
    return cast("list[dict[str, Any]]", sent[1].get("tool_calls", []))


def test_broken_calls_are_sent_back(fault_server: FaultServer, connect: Connect) -> None:
    """With the text of their arguments as it came, of a stream where they were: a result has to follow its call. Those
    without a result are left out, since servers refuse them.
    """
    texts = ("[1]", '{"count": 1}', "[2]", '{"count": 3}')
    calls = [_call(str(at), text) for at, text in enumerate(texts)]
    fault_server.always(_cut_script(_calling(*texts), "tool_calls"))
    model = connect()
    whole: Any = None
    for chunk in model.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    for response, order in ((model.invoke("hi"), "1302"), (whole, "0123")):
        for answered in ("13", "013", "123", "0123"):
            results = [ToolMessage("done", tool_call_id=id_) for id_ in answered]
            model.invoke([HumanMessage("hi"), response, *results])
            expected = [calls[int(id_)] for id_ in order if id_ in answered]
            assert _sent_calls(fault_server) == expected


def test_broken_calls_of_others_are_sent(fault_server: FaultServer, connect: Connect) -> None:
    """Behind the other calls, where their place isn't known; and once, if they are in the content as well."""
    fault_server.always(scripted_model)
    broken = invalid_tool_call(name="Joke", args=None, id="0", error=None)
    used: dict[str, Any] = {"type": "tool_use", "id": "0", "name": "Joke", "input": {}}
    whole = tool_call(name="Joke", args={}, id="1")
    other = AIMessage([used], invalid_tool_calls=[broken], tool_calls=[whole])
    results = [ToolMessage("done", tool_call_id=id_) for id_ in ("0", "1")]
    connect().invoke([HumanMessage("hi"), other, *results])
    assert _sent_calls(fault_server) == [_call("1", "{}"), _call("0", "")]
    alone = AIMessage("", invalid_tool_calls=[broken])
    connect().invoke([HumanMessage("hi"), alone, results[0]])
    assert _sent_calls(fault_server) == [_call("0", "")]
    connect().invoke([HumanMessage("hi"), alone, HumanMessage("What?")])
    sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
    assert sent[1] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_content_blocks(fault_server: FaultServer, connect: Connect, version: str) -> None:
    """Text, reasoning and tool calls are blocks of their own, in a stream too; the API gets none but the text of them."""
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "Hm. "},
        {"content": "Let me "},
        {"content": "look."},
        *({"tool_calls": [{**_call(str(at), ""), "index": at}]} for at in range(2)),
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"count": '}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"count": 2}'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"content": " Wait."},
    ]
    events = [sse({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    events.append(sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
    streamed = respond([*events, sse("[DONE]")], content_type="text/event-stream")
    calls = [_call("0", '{"count": 1}'), _call("1", '{"count": 2}')]
    text = "Let me look. Wait."
    message = {"role": "assistant", "content": text, "reasoning_content": "Hm. "}
    choice = {"index": 0, "finish_reason": "tool_calls"}
    body = {"id": "1", "choices": [{**choice, "message": {**message, "tool_calls": calls}}]}
    fault_server.always(lambda asked: streamed if "stream" in asked.json() else json_response(body))
    model = connect(output_version=version)
    merged, again = await streamed_both_ways(model)
    responses: list[Any] = [merged, again, model.invoke("hi"), await model.ainvoke("hi")]
    for response in responses:
        assert [one["args"] for one in response.tool_calls] == [{"count": 1}, {"count": 2}]
        blocks: list[dict[str, Any]] = response.content_blocks
        found = [(one["type"], one["id"], one["args"]) for one in blocks if "args" in one]
        assert found == [("tool_call", "0", {"count": 1}), ("tool_call", "1", {"count": 2})]
        assert "".join(one["text"] for one in blocks if one["type"] == "text") == text
        assert [one["reasoning"] for one in blocks if one["type"] == "reasoning"] == ["Hm. "]
        results = [ToolMessage("done", tool_call_id=one["id"]) for one in response.tool_calls]
        model.invoke([HumanMessage("hi"), response, *results])
        sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
        assert sent[1]["content"] == text
        assert [one["id"] for one in _sent_calls(fault_server)] == ["0", "1"]
    await model.aclose()


def test_blocks_that_say_nothing(fault_server: FaultServer, connect: Connect) -> None:
    """A block without its type, or a text block without a text, is refused by a message that shows it."""
    wrong: list[dict[str, Any]] = [
        {"text": "hi"},
        {"type": None, "text": "hi"},
        {"type": "text"},
        {"type": "text", "text": None},
    ]
    for block in wrong:
        for message in (HumanMessage([block]), AIMessage([block])):
            with pytest.raises(ValueError, match=f"a content block is .* {re.escape(repr(block))}"):
                connect().invoke([message])
    with pytest.raises(ValueError, match="a content block is"):
        connect().invoke([HumanMessage([{"cachePoint": {}}])])
    assert not fault_server.requests


def test_blocks_of_others(fault_server: FaultServer, connect: Connect) -> None:
    """The blocks of other providers' messages aren't sent: reasoning, and calls, which are sent beside. Parts that are new here are."""
    fault_server.always(scripted_model)
    text: dict[str, Any] = {
        "type": "text",
        "text": "Look:",
        "index": 0,
        "id": "t",
        "annotations": [],
    }
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/a.png"}}
    clip = {"type": "video_url", "video_url": {"url": "https://a.example/a.mp4"}}
    call: dict[str, Any] = {"id": "1", "name": "Joke", "args": {}}
    blocks: list[str | dict[str, Any]] = [
        {"type": "reasoning", "reasoning": "Hm."},
        {"type": "thinking", "thinking": "Hm.", "signature": "S"},
        {"type": "redacted_thinking", "data": "S"},
        text,
        {"type": "tool_call", **call},
        {"type": "tool_call_chunk", **call, "args": "{}", "index": 1},
        {"type": "invalid_tool_call", **call, "args": "{", "error": "broken"},
        {"type": "tool_use", "id": "1", "name": "Joke", "input": {}},
        {"type": "function_call", "call_id": "1", "name": "Joke", "arguments": "{}"},
        {"type": "server_tool_call", **call},
        {"type": "non_standard", "value": {}},
        {"cachePoint": {}},
    ]
    model, result = connect(), ToolMessage("done", tool_call_id="1")
    bare = {"type": "text", "text": "Look:"}
    more: list[str | dict[str, Any]] = [" yes", {"type": "refusal", "refusal": "no"}]
    cases: list[tuple[list[str | dict[str, Any]], Any]] = [
        (blocks, "Look:"),
        ([*blocks, " yes"], "Look: yes"),
        ([*blocks, picture], [bare, picture]),
        ([*blocks, clip], [bare, clip]),
        ([*blocks, *more], [bare, {"type": "text", "text": " yes"}, more[1]]),
        (blocks[:3], ""),
    ]
    for content, expected in cases:
        other = AIMessage(content, tool_calls=[tool_call(name="Joke", args={}, id="1")])
        model.invoke([HumanMessage("hi"), other, result])
        sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
        assert sent[1] == {
            "role": "assistant",
            "content": expected,
            "tool_calls": [_call("1", "{}")],
        }


def test_other_fields(fault_server: FaultServer, connect: Connect) -> None:
    """Nothing of a paid response is lost: what LangChain has no name for is in the metadata, and goes back with the
    message where it was in it.
    """
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "cost": 0.5,
        "prompt_tokens_details": {"cached_tokens": 1, "video_tokens": 2},
    }
    head = {"id": "c1", "created": 1, "model": "m", "usage": usage, "citations": ["u1"]}
    logprobs = {"content": [{"token": "a", "logprob": -1.0, "token_id": 5}]}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": logprobs, "native": "end_turn"}
    message = {"role": "assistant", "content": "a", "mood": "fine", "sources": [{"url": "u"}]}

    def script(request: Request) -> ScriptedResponse:
        if request.json().get("stream"):
            chunk = {**head, "object": "chat.completion.chunk"}
            events = [sse({**chunk, "choices": [{**choice, "delta": message}]}), sse("[DONE]")]
            return respond(events, content_type="text/event-stream")
        whole = {**head, "object": "chat.completion"}
        return json_response({**whole, "choices": [{**choice, "message": message}]})

    fault_server.always(script)
    model, streaming = connect(), connect(streaming=True)
    merged: Any = None
    for chunk in model.stream("hi"):
        merged = chunk if merged is None else merged + chunk
    for response in (model.invoke("hi"), merged, streaming.invoke("hi")):
        told = response.response_metadata
        assert (told["citations"], told["native"]) == (["u1"], "end_turn")
        assert told["token_usage"]["cost"] == 0.5
        assert told["token_usage"]["prompt_tokens_details"]["video_tokens"] == 2
        assert told["logprobs"]["content"][0]["token_id"] == 5
        assert told["finish_reason"] == "stop"
        model.invoke([HumanMessage("hi"), response, HumanMessage("more")])
        sent = cast("dict[str, Any]", fault_server.requests[-1].json())["messages"][1]
        assert sent == message


def test_cache_of_two_users(fault_server: FaultServer, connect: Connect) -> None:
    """One user's response isn't given to another, though the header that says who asks is in no key of the cache."""
    fault_server.add(chat("for a"), chat("for b"), chat("for c"))
    model = connect(cache=InMemoryCache())
    for user in "abab":
        headers = {"X-User-Token": f"token-of-{user}"}
        assert model.invoke("hi", extra_headers=headers).text == f"for {user}"
    options = {"default_headers": {"X-User-Token": "token-of-c"}}
    assert model.model_copy(update={"client_options": options}).invoke("hi").text == "for c"
    assert len(fault_server.requests) == 3


@pytest.mark.parametrize("given", ["variable", "client", "async_client", "base_url"])
async def test_cache_of_two_servers(
    given: str, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangChain's cache doesn't give one server's response for another's, wherever the address comes from."""
    cache = InMemoryCache()
    monkeypatch.setenv("HORAY_API_KEY", fault_server.api_key)
    with FaultServer() as other:
        for server, text in ((fault_server, "one"), (other, "two")):
            server.always(text)
            address: dict[str, Any] = {"base_url": server.base_url}
            if given == "variable":
                monkeypatch.setenv("HORAY_BASE_URL", server.base_url)
                address = {}
            elif given != "base_url":
                made: Any = (Horay if given == "client" else AsyncHoray)(**address)
                address = {given: made}
            address["cache"] = cache
            for _ in range(2):
                model = ChatHoray(model="m", **address)
                called = model.ainvoke("Hi") if given == "async_client" else None
                response = model.invoke("Hi") if called is None else await called
                assert response.text == text
                repeated = model.invoke("Hi") if called is None else await model.ainvoke("Hi")
                assert repeated.text == text
                await model.aclose()
            assert len(server.requests) == 1
            if given == "async_client":
                await address[given].close()
            elif given == "client":
                address[given].close()


def test_response_in_a_list(fault_server: FaultServer, connect: Connect) -> None:
    """A response that a server sends in a list is read as by the client itself."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    message = {"role": "assistant", "content": "Berlin"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]}
    fault_server.add(json_response([{**body, "usage": usage}]))
    response = connect().invoke("hi")
    assert response.text == "Berlin"
    assert response.response_metadata["token_usage"]["total_tokens"] == 3


def test_fields_of_others(fault_server: FaultServer, connect: Connect) -> None:
    """What another provider's message has beside its text isn't sent to this one."""
    other = AIMessage("yes", additional_kwargs={"audio": {"id": "a1"}})
    connect().invoke([HumanMessage("hi"), other])
    sent = cast("dict[str, Any]", fault_server.requests[0].json())["messages"]
    assert sent[1] == {"role": "assistant", "content": "yes"}


def test_bad_settings(connect: Connect) -> None:
    """A method or a tool that doesn't exist is refused, with those that do."""
    with pytest.raises(ValueError, match="json_mode"):
        connect().with_structured_output(Joke, method=cast("Any", "magic"))
    with pytest.raises(ValueError, match="Words is no JSON schema of an object"):
        connect().with_structured_output(
            {"title": "Words", "type": "array"}, method="function_calling"
        )
    for schema in (None, list[str], str, int | None, 5):
        with pytest.raises(TypeError, match="schema must be a class with fields"):
            connect().with_structured_output(cast("Any", schema))
    with pytest.raises(ValueError, match="is no tool"):
        connect().bind_tools([weather], tool_choice="wether")
    with pytest.raises(ValueError, match="n: LangChain streams one choice"):
        list(connect(n=2).stream("hi"))


async def test_clients_of_yours(fault_server: FaultServer) -> None:
    """Given clients are used, and never closed."""
    with Horay(fault_server.api_key, base_url=fault_server.base_url) as blocking:
        async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as client:
            with ChatHoray(model="m", client=blocking, async_client=client) as model:
                model.invoke("hi")
                await model.ainvoke("hi")
            assert not blocking.closed
            assert not client.closed


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"snow in {city}"


@tool
def population(city: str) -> int:
    """How many people live in a city."""
    return 3_700_000


async def test_agent(fault_server: FaultServer, connect: Connect) -> None:
    """An agent of LangGraph with two tools, streamed."""
    agents = pytest.importorskip(
        "langchain.agents", reason="LangChain's agents are in `tox -e langchain`"
    )
    fault_server.always(scripted_model)
    model = connect()
    agent = agents.create_agent(model, [weather, population])
    pieces: list[str] = []
    async for message, _ in agent.astream(
        {"messages": [("user", "How is the weather in 'Oslo'?")]}, stream_mode="messages"
    ):
        pieces.append(message.text)
    assert "The tool says: snow in Oslo" in "".join(pieces)
    await model.aclose()


async def test_tools_in_a_run(fault_server: FaultServer) -> None:
    """LangChain's tools can be handed to `run_tools` as they are; what they raise is told to the model."""

    @tool
    def broken(city: str) -> str:
        """Breaks."""
        raise ValueError(f"no {city}")

    fault_server.always(scripted_model)
    async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as client:
        for one, told in ((weather, "snow in Oslo"), (broken, "no Oslo")):
            tools: Any = [one]
            run = client.chat.completions.run_tools(
                model="m", messages=[{"role": "user", "content": "'Oslo'?"}], tools=tools
            )
            results = [event async for event in run if isinstance(event, ToolResult)]
            assert told in results[0].content


async def test_injected_parameters_in_a_run(fault_server: FaultServer) -> None:
    """The model doesn't see them, and can't set them."""

    @tool
    def note(text: str, user: Annotated[str, InjectedToolArg] = "me") -> str:
        """Notes."""
        return f"{text} by {user}"

    @tool
    def reply(text: str, call: Annotated[str, InjectedToolCallId] = "") -> str:
        """Replies."""
        return text

    @tool
    def look(state: Annotated[dict[str, Any], InjectedToolArg]) -> str:
        """Looks."""
        return str(state)

    for arguments in ({"text": "a"}, {"text": "a", "user": "b"}):
        fault_server.add(calling(("note", arguments)))
        fault_server.reply(".")
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    tools: list[Any] = [note, reply, look]
    async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as client:
        told: list[str] = []
        for _ in range(2):
            run = client.chat.completions.run_tools(**asked, tools=tools[:1])
            told += [event.content async for event in run if isinstance(event, ToolResult)]
        assert told == ["a by me", "Error: TypeError: there is no parameter user"]
        for refused, name in zip(tools[1:], ("call", "state"), strict=True):
            with pytest.raises(TypeError, match=f"LangChain injects its parameter {name}"):
                await client.chat.completions.run_tools(**asked, tools=[refused]).final()
    assert len(fault_server.requests) == 4


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured_output_behind_a_draft(
    fault_server: FaultServer, connect: Connect, method: Any
) -> None:
    """As a reasoning model begins with: also where there is JSON in it."""
    text = '<think>```json\n{"drink": 3}\n```</think>\n{"drink": "tea", "count": 1}'
    fault_server.reply(text)
    fault_server.reply(text)
    model = connect().with_structured_output(Order, method=method)
    order: Any = model.invoke("hi")
    assert [*model.stream("hi")][-1] == order
    assert (order.drink, order.count) == ("tea", 1)


def test_copies_share_the_client(fault_server: FaultServer, connect: Connect) -> None:
    """Also once there is one, as agents copy their models."""
    fault_server.always(chat("hi"))
    model = connect()
    model.invoke("hi")
    for copied in (copy.copy(model), copy.deepcopy(model), model.model_copy(deep=True)):
        assert copied.invoke("hi").text == "hi"
    assert len(fault_server.connections) == 1


def test_parts_of_text(fault_server: FaultServer, connect: Connect) -> None:
    """Several stay parts, and a server's marks for its cache of prompts stay with them, whoever says it."""
    marked: dict[str, Any] = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    plain = {"type": "text", "text": "b"}
    called = AIMessage("", tool_calls=[{"id": "1", "name": "f", "args": {}}])
    fault_server.add(chat("hi"))
    connect().invoke(
        [
            SystemMessage([marked]),
            HumanMessage([marked, "b"]),
            HumanMessage([plain]),
            called,
            ToolMessage([marked], tool_call_id="1"),
        ]
    )
    contents = [
        message["content"]
        for message in cast("dict[str, Any]", fault_server.requests[-1].json())["messages"]
    ]
    assert contents == [[marked], [marked, plain], "b", "", [marked]]


def test_reasoning_is_sent_back(fault_server: FaultServer, connect: Connect) -> None:
    """As the client itself does: models that think between calls of tools want it."""
    message = {"role": "assistant", "content": "hi", "reasoning_content": "because"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    fault_server.add(json_response({"choices": [choice]}), chat("bye"))
    model = connect()
    model.invoke([HumanMessage("hi"), model.invoke("hi"), HumanMessage("why?")])
    assert cast("dict[str, Any]", fault_server.requests[-1].json())["messages"][1] == message


@pytest.mark.parametrize("off", [True, "tool_calling"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("form", [Order, Joke, JOKE_SCHEMA], ids=["attrs", "pydantic", "schema"])
async def test_streams_of_a_model_that_does_not_stream(
    fault_server: FaultServer, connect: Connect, form: Any, method: Any, off: Any
) -> None:
    """The response comes as a whole, and is parsed as in `invoke`."""
    fault_server.always(scripted_model)
    model = connect(disable_streaming=off)
    bound: Any = model.with_structured_output(form, method=method)
    found = bound.invoke("3 of 'tea'")
    assert list(bound.stream("3 of 'tea'"))[-1] == found
    assert [part async for part in bound.astream("3 of 'tea'")][-1] == found
    assert await bound.ainvoke("3 of 'tea'") == found
    await model.aclose()


def test_call_of_another_function(fault_server: FaultServer, connect: Connect) -> None:
    """It is no missing object: it raises, whole and in a stream."""
    fault_server.always(_cut_script(_calling('{"a": 1}', name="Other"), "stop"))
    bound: Any = connect().with_structured_output(JOKE_SCHEMA, method="function_calling")
    with pytest.raises(AnswerError, match="the model called Other, not Joke"):
        bound.invoke("hi")
    with pytest.raises(AnswerError, match="the model called Other, not Joke"):
        list(bound.stream("hi"))


@pytest.mark.parametrize("model_class", [ChatHoray, HorayEmbeddings])
def test_address_with_a_password(model_class: Any) -> None:
    """It is refused when the model is made: what is made shows its address."""
    with pytest.raises(ConfigurationError, match="can't hold a user name, a password") as raised:
        model_class(model="m", api_key="a-key", base_url="http://u:hidden@h/v1")
    assert "hidden" not in str(raised.value)
