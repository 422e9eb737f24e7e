"""Runs of tools with any calls, ends and interruptions: each call is made once, with what the model wrote, and told once."""

from __future__ import annotations

import json
import random
import threading
import unicodedata
from collections import Counter
from typing import Any

import attrs

from horay_async import AsyncHoray, Horay, Tool, ToolCall, ToolMessage, tool
from horay_async._json import is_object
from horay_async.testing import FaultServer, Request, ScriptedResponse, error
from tests.adversary.answers import JSON, sent_streamed
from tests.adversary.classes import NAMES, SINGLES, alike, written
from tests.adversary.draws import draws, json_text, text
from tests.adversary.operations import Block, done, driven, each, with_clients
from tests.adversary.watchdog import in_time

RUNS = 80
"""Runs of each client."""


class Stop(Exception):
    """What a test's own code raises."""


@attrs.define
class Made:
    """A call that the model has asked for."""

    name: str
    arguments: str
    expected: dict[str, Any] | None
    """What the function is to get; None where the arguments are wrong, or there is no such function."""
    id: str = ""


def meaning(arguments: str) -> Any:
    """What arguments say, however they are written; what is no JSON says itself."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


class Model:
    """A server that plays a model which asks for tools in its first rounds. It checks each conversation that it gets."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.rounds = draw.randrange(4)
        self.tools: dict[str, dict[str, Any]] = {}
        self.asked: list[Made] = []
        self.wrong: list[str] = []
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> ScriptedResponse:
        try:
            return self.respond(request)
        except Exception as failure:  # which the server would call its own
            self.wrong.append(repr(failure))
            raise

    def respond(self, request: Request) -> ScriptedResponse:
        """A message of the model's."""
        asked = request.json()
        if asked["messages"][0]["content"] != str(id(self)):
            return error(400, "of a run that was left")
        if problem := problem_of(asked["messages"]):
            self.wrong.append(problem)
        number = sum(each["role"] == "assistant" for each in asked["messages"])
        calls = (
            [self.call(number) for _ in range(self.draw.randint(1, 4))]
            if number < self.rounds
            else []
        )
        message: JSON = {"role": "assistant", "content": self.draw.choice([None, text(self.draw)])}
        if calls:
            message["tool_calls"] = calls
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if calls else "stop",
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        whole = {"id": "c", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        return sent_streamed(whole, self.draw)

    def call(self, number: int) -> JSON:
        """A call of one of the tools, mostly a right one."""
        draw = self.draw
        name = draw.choice([*self.tools])
        arguments: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for parameter, (_, values) in self.tools[name].items():
            arguments[parameter], given[parameter] = values(draw)
        expected: dict[str, Any] | None = given
        whole = written(arguments, draw)
        kind = draw.randrange(12)
        if kind == 0:
            whole, expected = whole[:-1], None
        elif kind == 1:
            whole, expected = (
                json_text({**dict.fromkeys(arguments, 0), "no such": 1}, draw),
                None,
            )
        elif kind == 2:
            name, expected = "no_such_tool", None
        elif kind == 3 and not arguments:
            whole = ""
        is_new = all(
            (made.name, meaning(made.arguments)) != (name, meaning(whole)) for made in self.asked
        )
        self.asked.append(Made(name, whole, expected))
        ids = ["", *(f"id-{draw.getrandbits(40)}" for _ in range(6))]
        if is_new:  # what is repeated with its id is one call
            ids += ["same", f"call_{number + 1}_1", f"call_{number + 1}_2"]
        self.asked[-1].id = draw.choice(ids)
        return {
            "id": self.asked[-1].id,
            "type": "function",
            "function": {"name": name, "arguments": whole},
        }

    def function(self, name: str, parameters: dict[str, Any]) -> Tool[..., Any]:
        """A tool that notes what it gets."""
        self.tools[name] = parameters

        def note(given: dict[str, Any]) -> str:
            with self.lock:
                self.got.append((name, given))
                number = len(self.got)
            if number % 7 == 0:
                raise Stop(f"result of {name}")
            return f"result of {name}"

        space: dict[str, Any] = {"note": note}
        hints = {parameter: hint for parameter, (hint, _) in parameters.items()}
        listed = ", ".join(parameters)
        star = "*, " if listed and self.draw.random() < 0.5 else ""
        given = "{" + ", ".join(f"{each!r}: {each}" for each in parameters) + "}"
        is_async = self.draw.random() < 0.5
        exec(
            f"{'async ' if is_async else ''}def {name}({star}{listed}):\n    return note_({given})",
            {"note_": note},
            space,
        )
        made = space[name]
        made.__annotations__ = {**hints, "return": str}
        return tool(made)


def problem_of(messages: list[JSON]) -> str:
    """Why a server refuses a conversation: each call has its result behind it, in order, by an id of its own."""
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        results = [each.get("tool_call_id") for each in messages[at : at + len(ids)]]
        if results != ids or len(set(ids)) != len(ids) or not all(ids):
            return f"calls {ids}, results {results}"
        at += len(ids)
        if message["role"] == "tool" and not ids:
            return f"a result without a call: {message}"
    return ""


def agree(_: ToolCall) -> bool:
    """Lets each call run."""
    return True


async def run(client: Any, model: Model, tools: list[Any], how: str) -> None:
    """One run to its end, or until it is left; checked."""
    draw = model.draw
    asked: Any = [{"role": "user", "content": str(id(model))}]
    approve: Any = draw.choice([None, agree])
    work = client.chat.completions.run_tools(
        model="m", messages=asked, tools=tools, max_rounds=6, approve=approve
    )
    results: list[Any] = []
    left_after = draw.randrange(1, 30) if how == "left" else None
    async with Block(work):
        number = 0
        async for event in each(work):
            number += 1
            if event.type == "tool_result":
                results.append(event)
            if number == left_after:
                await done(work.close())
                break
        else:
            response = await done(work.final())
            assert not response.choices[0].message.tool_calls
            assert problem_of([as_dict(each_) for each_ in work.messages]) == ""
            assert len(results) == len(model.asked), (draw, model.asked, results)
    check_calls(model, results, work.messages, whole=left_after is None)


def as_dict(message: Any) -> JSON:
    """A message as it is sent."""
    if is_object(message):
        return message
    shown: JSON = {"role": message.role, "content": message.content}
    if isinstance(message, ToolMessage):
        shown["tool_call_id"] = message.tool_call_id
    elif message.tool_calls:
        shown["tool_calls"] = [{"id": call.id} for call in message.tool_calls]
    return shown


def check_calls(model: Model, results: list[Any], messages: list[Any], *, whole: bool) -> None:
    """Fails where a call wasn't made as it was asked for, or was made twice."""
    assert not model.wrong, (model.draw, model.wrong)
    right = [made for made in model.asked if made.expected is not None]
    left = list(right)
    for name, given in model.got:
        match = [made for made in left if made.name == name and alike(given, made.expected)]
        assert match, (model.draw, name, given, left)
        left.remove(match[0])
    if whole:
        assert not left, (model.draw, left)
    told = Counter(each_.tool_call_id for each_ in messages if isinstance(each_, ToolMessage))
    assert all(told[result.tool_call.id] for result in results), (model.draw, told)
    for result in results:
        made = next(
            one
            for one in model.asked
            if (one.name, one.arguments)
            == (result.tool_call.function.name, result.tool_call.function.arguments)
        )
        if made.expected is None:
            assert result.error is not None
        else:
            assert f"result of {made.name}" in result.content


def test_every_call_is_made_once() -> None:
    """By both clients, to the end or until the run is left."""

    async def check(server: FaultServer, client: AsyncHoray, blocking: Horay) -> None:
        for draw in draws("tools", RUNS):
            for who in (client, blocking):
                model = Model(draw)
                server.always(model)
                tools = [
                    model.function(f"tool_{n}", parameters(draw)) for n in range(draw.randint(1, 3))
                ]
                work = run(who, model, tools, draw.choice(["whole", "whole", "left"]))
                if isinstance(who, AsyncHoray):
                    await in_time(work)
                else:
                    driven(work)

    with_clients(check)


def parameters(draw: random.Random) -> dict[str, Any]:
    """Parameters of any names and kinds."""
    names = [
        name
        for name in draw.sample(NAMES, draw.randrange(4))
        if unicodedata.is_normalized("NFKC", name)
    ]
    return {name: draw.choice(SINGLES) for name in names}
