"""Responses held to a form by llama.cpp's grammar: forced tool calls, and `response_format`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from horay_async.local.errors import ApiProblem
from horay_async.local.requests import chat_call
from horay_async.local.responses import ChatResponseBuilder
from horay_async.local.tools import ForcedCall, forced_schema, forced_tools

from .wire import Json, Wire


def tool(name: str, parameters: Json | None = None, **described: str) -> Json:
    """A tool of that name."""
    function: Json = {"name": name, **described}
    return {"type": "function", "function": function | {"parameters": parameters or {}}}


def by_name(name: str) -> Json:
    """The `tool_choice` that insists on one tool."""
    return {"type": "function", "function": {"name": name}}


CITY: Json = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = tool("get_weather", CITY, description="Tells the weather of a city.")
SUM = tool(
    "add",
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/digit"}, "b": {"$ref": "#/$defs/digit"}},
        "required": ["a", "b"],
        "$defs": {"digit": {"type": "integer", "minimum": 0, "maximum": 9}},
    },
    description="Adds two digits.",
)
CALLED: Json = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
QUESTION: Json = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_nothing_forced(choice: object) -> None:
    """Where the model may choose, llama.cpp gets the request as it is."""
    assert forced_tools({"tools": [WEATHER], "tool_choice": choice}) == []


def test_forced_form() -> None:
    """A required call is JSON that names one of the tools and has its arguments."""
    tools = forced_tools({"tools": [WEATHER, SUM], "tool_choice": "required"})
    assert tools == [WEATHER, SUM]
    first, second = forced_schema(tools)["anyOf"]
    assert first == {
        "type": "object",
        "properties": {"name": {"const": "get_weather"}, "arguments": CITY},
        "required": ["name", "arguments"],
    }
    arguments = second["properties"]["arguments"]
    assert arguments["properties"]["a"] == {"$ref": "#/anyOf/1/properties/arguments/$defs/digit"}


def test_named_tool() -> None:
    """A tool that is named is the only one left; one that isn't there is refused."""
    request = {"tools": [WEATHER, SUM], "tool_choice": by_name("add")}
    assert forced_tools(request) == [SUM]
    with pytest.raises(ApiProblem, match=r"^tool_choice must be met") as caught:
        forced_tools(request | {"tool_choice": by_name("subtract")})
    assert caught.value.param == "tool_choice"
    with pytest.raises(ApiProblem, match=r"^tool_choice must be met"):
        forced_tools({"tool_choice": "required"})


ARGUMENTS = '{"city": "P}a{r\\"is\\\\", "deep": {"x": []}}'
CALL = '{\n "name" : "get_\\u0077eather",\t"arguments":' + ARGUMENTS + "\n}"


@pytest.mark.parametrize("size", range(1, len(CALL) + 1))
def test_pieces(size: int) -> None:
    """The call comes out the same wherever its text is cut, one piece for a piece at most."""
    call = ForcedCall()
    fed = [call.feed(CALL[start : start + size]) for start in range(0, len(CALL), size)]
    pieces = [piece for piece in fed if piece]
    assert pieces[0]["id"].startswith("call_")
    assert pieces[0]["type"] == "function"
    assert pieces[0]["function"]["name"] == "get_weather"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == ARGUMENTS
    assert all(piece["index"] == 0 for piece in pieces)
    assert all("id" not in piece for piece in pieces[1:])
    assert call.complete


def test_cut_call() -> None:
    """A call whose tokens ran out is no call that asks to be run."""
    body = {"model": "m", **QUESTION, "tools": [WEATHER], "tool_choice": "required"}
    builder = ChatResponseBuilder(chat_call(body), "local-model")
    events: list[Json] = [
        {"choices": [{"delta": {"content": CALL[:60]}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "length"}]},
    ]
    for event in events:
        builder.choices(0, event)
    (choice,) = builder.response()["choices"]
    assert choice["finish_reason"] == "length"
    (call,) = choice["message"]["tool_calls"]
    assert ARGUMENTS.startswith(call["function"]["arguments"])


def test_call_that_a_stop_text_cut() -> None:
    """A forced call that ends by itself without being whole fits no schema, whatever its tool's parameters are."""
    tool = {"type": "function", "function": {"name": "get_weather"}}
    body = {"model": "m", **QUESTION, "tools": [tool], "tool_choice": "required", "stop": ["deep"]}
    builder = ChatResponseBuilder(chat_call(body), "local-model")
    begun = {"choices": [{"delta": {"content": CALL[:60]}, "finish_reason": None}]}
    assert builder.choices(0, begun)
    with pytest.raises(ApiProblem, match="doesn't fit its schema") as caught:
        builder.choices(0, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert caught.value.code == "schema_mismatch"


@pytest.mark.anyio
async def test_required_call(wire: Wire) -> None:
    """The real model calls a tool, with arguments that fit its schema and the question."""
    response = await wire.post(
        "/chat/completions", **QUESTION, tools=[WEATHER], tool_choice="required", temperature=0
    )
    (choice,) = response["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


@pytest.mark.anyio
async def test_named_call_streamed(wire: Wire) -> None:
    """A call to a named tool is streamed piece by piece, references in its schema followed."""
    events = await wire.stream(
        "/chat/completions", **QUESTION, tools=[SUM, WEATHER], tool_choice=by_name("add"), n=2
    )
    for index in (0, 1):
        choices = [event["choices"][0] for event in events]
        mine = [choice for choice in choices if choice["index"] == index]
        assert mine[0]["delta"] == {"role": "assistant", "content": None}
        assert mine[-1]["finish_reason"] == "tool_calls"
        assert not any(choice["delta"].get("content") for choice in mine)
        (first, *rest) = [choice["delta"]["tool_calls"][0] for choice in mine[1:-1]]
        assert first["function"]["name"] == "add"
        assert len(rest) > 3
        spoken = "".join(piece["function"]["arguments"] for piece in [first, *rest])
        arguments = json.loads(spoken)
        assert set(arguments) == {"a", "b"}
        assert all(0 <= digit <= 9 for digit in arguments.values())


@pytest.mark.anyio
async def test_call_of_its_own_accord(wire: Wire) -> None:
    """Left to choose, the small model follows an example; llama.cpp makes that a call."""
    messages: list[Json] = [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [CALLED]},
        {"role": "user", "content": "Weather in Oslo?"},
    ]
    body: Json = {"messages": messages, "tools": [WEATHER], "temperature": 0}
    for choice in (None, "auto"):
        response = await wire.post("/chat/completions", **body, tool_choice=choice)
        message = response["choices"][0]["message"]
        assert message["content"] is None
        (call,) = message["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    response = await wire.post("/chat/completions", **body, tool_choice="none", max_tokens=8)
    assert "tool_calls" not in response["choices"][0]["message"]


@pytest.mark.anyio
async def test_tool_results_are_read(wire: Wire) -> None:
    """Calls made and their results are part of what the model reads."""
    messages: list[Json] = [
        *QUESTION["messages"],
        {"role": "assistant", "content": None, "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "c1", "content": "18 degrees, sunny"},
    ]
    response = await wire.post("/chat/completions", messages=messages, temperature=0, max_tokens=24)
    assert "18 degrees" in response["choices"][0]["message"]["content"]


STARS: Json = {
    "type": "object",
    "properties": {"stars": {"type": "integer", "minimum": 0, "maximum": 5}},
    "required": ["stars"],
    "additionalProperties": False,
}


def formatted(schema: Json) -> Json:
    """The `response_format` of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}


@pytest.mark.anyio
async def test_json_schema(wire: Wire) -> None:
    """Hot, seeded responses all fit the schema. A hundred do as well, and take six times as long."""
    response = await wire.post(
        "/chat/completions",
        messages=[{"role": "system", "content": ""}, {"role": "user", "content": '{"stars":3}'}],
        response_format=formatted(STARS),
        temperature=1.5,
        seed=0,
        n=16,
    )
    seen: set[int] = set()
    for choice in response["choices"]:
        assert choice["finish_reason"] == "stop"
        found = json.loads(choice["message"]["content"])
        assert list(found) == ["stars"]
        seen.add(found["stars"])
    assert len(seen) > 1
    assert seen <= {0, 1, 2, 3, 4, 5}


@pytest.mark.anyio
async def test_json_object(wire: Wire) -> None:
    """`json_object` is an object of the model's own making, whole and streamed."""
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": 'Answer with exactly {"a": 1}'}],
        "response_format": {"type": "json_object"},
        "temperature": 0,
    }
    response = await wire.post("/chat/completions", **body)
    content = response["choices"][0]["message"]["content"]
    assert isinstance(json.loads(content), dict)
    events = await wire.stream("/chat/completions", **body)
    deltas = [event["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content", "") for delta in deltas) == content


@pytest.mark.anyio
async def test_impossible_schema(wire: Wire) -> None:
    """A schema that llama.cpp can't follow is a 400 with its words."""
    refused = await wire.post(
        "/chat/completions", status=400, **QUESTION, response_format=formatted({"type": "mystery"})
    )
    assert "unrecognized type mystery" in refused["error"]["message"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "refers to itself"),
        ({"type": "object", "minProperties": 2, "maxProperties": 1}, "over maxProperties"),
        ({"type": "object", "properties": {"a": {"pattern": "a{5,2}"}}}, "at least 5 and at most 2"),
    ],
)  # fmt: skip
async def test_hostile_schema(wire: Wire, schema: Json, words: str) -> None:
    """A schema that would end llama.cpp's process is a 400, in a response's format and in tools."""
    for fields, named in (
        ({"response_format": formatted(schema)}, "response_format.json_schema.schema"),
        ({"tools": [tool("f", schema)]}, "tools[0].function.parameters"),
        ({"tools": [tool("f", schema)], "tool_choice": "required"}, "tools[0].function.parameters"),
    ):
        refused = await wire.post("/chat/completions", status=400, **QUESTION, **fields)
        assert words in refused["error"]["message"]
        assert refused["error"]["param"] == named
    refused = await wire.post("/completions", status=400, prompt="p", json_schema=schema)
    assert refused["error"]["param"] == "json_schema"


NUMBERS: Json = {
    "type": "object",
    "properties": {
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "code": {"type": "string", "pattern": r"^\d{3}-\w$"},
        "kind": {"allOf": [{"$ref": "#/$defs/a~1b"}]},
    },
    "required": ["share", "code", "kind"],
    "$defs": {"a/b": {"enum": ["x", "y"]}},
}


@pytest.mark.anyio
async def test_what_the_grammar_holds(wire: Wire) -> None:
    """Bounds of numbers, patterns and escaped references hold, in text and in forced calls."""
    schema = {**NUMBERS, "properties": {**NUMBERS["properties"], "share": {"enum": [0.5]}}}
    asked: tuple[Json, Json] = (
        {"response_format": formatted(schema)},
        {"tools": [tool("f", schema)], "tool_choice": "required"},
    )
    for fields in asked:
        response = await wire.post("/chat/completions", **QUESTION, **fields, temperature=1, seed=3)
        (choice,) = response["choices"]
        message = choice["message"]
        calls = message.get("tool_calls")
        found = json.loads(calls[0]["function"]["arguments"] if calls else message["content"])
        assert choice["finish_reason"] == ("tool_calls" if calls else "stop")
        assert re.fullmatch(r"\d{3}-\w", found["code"])
        assert found["kind"] in ("x", "y")
        assert 0 < found["share"] <= 1


@pytest.mark.anyio
async def test_what_the_grammar_does_not_hold(wire: Wire) -> None:
    """A response that ends by itself and doesn't fit its schema is an error, streamed and whole."""
    schema: Json = {"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2}
    body: Json = {**QUESTION, "response_format": formatted({**schema, "maxItems": 2})}
    refused = await wire.post("/chat/completions", status=500, **body)
    assert "non-unique" in refused["error"]["message"]
    assert refused["error"]["code"] == "schema_mismatch"
    full = {"model": "any", "stream": True, **body}
    async with wire.session.post(wire.url + "/chat/completions", json=full) as response:
        *_, last = (await response.text()).strip().split("\n\n")
    assert json.loads(last.removeprefix("data: "))["error"] == refused["error"]


def test_parameters_must_be_an_object() -> None:
    """Arguments are an object: a schema of anything else is refused, and one without a type is one."""
    request: Json = {"model": "m", **QUESTION}
    for types in ("string", ["string", "null"]):
        with pytest.raises(ApiProblem, match=r"^tools\[0\]\.function\.parameters must describe an"):
            chat_call({**request, "tools": [tool("f", {"type": types})]})
    schemas: list[Json] = [
        {"type": ["object", "null"]},
        {"properties": {}},
        {"$ref": "#/$defs/a", "$defs": {"a": {}}},
    ]
    for schema in schemas:
        assert "f" in chat_call({**request, "tools": [tool("f", schema)]}).parameters
    with pytest.raises(ApiProblem, match="must be a JSON schema"):
        chat_call({**request, "tools": [{"function": {"name": "f", "parameters": [1]}}]})


@pytest.mark.parametrize(
    ("arguments", "fits"), [('{"city": "Oslo"}', True), ('{"city": 5}', False)]
)
def test_arguments_are_checked(arguments: str, fits: bool) -> None:
    """A call of the model's own accord is checked too; one of a tool without a schema is not."""
    bare: Json = {"type": "function", "function": {"name": "bare"}}
    call = chat_call({"model": "m", **QUESTION, "tools": [WEATHER, bare]})
    builder = ChatResponseBuilder(call, "local-model")

    def calls(*pieces: Json) -> Json:
        return {"choices": [{"delta": {"tool_calls": list(pieces)}, "finish_reason": None}]}

    builder.choices(
        0, calls({"index": 0, "function": {"name": "get_weather", "arguments": arguments[:5]}})
    )
    builder.choices(0, calls({"index": 0, "function": {"arguments": arguments[5:]}}))
    builder.choices(0, calls({"index": 1, "function": {"name": "bare", "arguments": "5"}}))
    end: Json = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    if fits:
        assert builder.choices(0, end)
    else:
        with pytest.raises(ApiProblem, match="5 is not of type 'string'"):
            builder.choices(0, end)
