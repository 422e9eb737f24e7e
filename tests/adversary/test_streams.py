"""One response, whole or streamed in any way, by every method of both clients: all give the same."""

from __future__ import annotations

import copy
import json
import pickle
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from horay_async import AnswerError, AsyncHoray, Horay, HorayError
from horay_async._json import is_array, is_object
from horay_async.testing import Cut, FaultServer, Request, ScriptedResponse
from tests.adversary.answers import (
    JSON,
    answer,
    chunks,
    event_stream,
    sent,
    sent_streamed,
    sent_whole,
)
from tests.adversary.draws import draws, json_text, json_value, text
from tests.adversary.operations import Block, done, driven, each, with_clients
from tests.adversary.watchdog import in_time

SAME, BROKEN, COPIES = 60, 80, 20
"""Responses of each kind."""


@attrs.define
class Found:
    """What the text is to become."""

    a: str
    b: Any = None
    c: list[str] = attrs.field(factory=list[str])


def structured(draw: random.Random) -> str:
    """A text that fits `Found`, or hardly."""
    value = {"a": text(draw), "b": json_value(draw), "c": [text(draw)]}
    whole = json_text(value, draw)
    kind = draw.randrange(8)
    if kind == 0:
        return f"Here:\n```json\n{whole}\n```\n"
    if kind == 1:
        return whole[: draw.randrange(len(whole))]
    if kind == 2:
        return text(draw)
    if kind == 3:
        return json_text({**value, "a": 7}, draw)
    return whole


class Both:
    """A server that sends one response at a time, whole or as a stream, and both clients."""

    def __init__(self, server: FaultServer, client: AsyncHoray, blocking: Horay) -> None:
        self.client = client
        self.blocking = blocking
        self.draw = random.Random(0)
        self.answer: JSON = {}
        self.fixed: ScriptedResponse | None = None
        server.always(self._next)

    def _next(self, request: Request) -> ScriptedResponse:
        if self.fixed is not None:
            return self.fixed
        streamed = request.json().get("stream")
        return (sent_streamed if streamed else sent_whole)(self.answer, self.draw)


ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}

Way = Callable[[Any], Awaitable[Any]]
"""How a client gets a response."""


def running(check: Callable[[Both], Awaitable[None]]) -> None:
    """Runs a check with a server and both clients."""

    async def run(server: FaultServer, client: AsyncHoray, blocking: Horay) -> None:
        await check(Both(server, client, blocking))

    with_clients(run)


async def created(client: Any, **more: Any) -> Any:
    """By one call."""
    return await done(client.chat.completions.create(**ASKED, **more))


async def parsed(client: Any, **more: Any) -> Any:
    """By one call, with a class."""
    return await done(client.chat.completions.parse(**ASKED, **more))


async def by_final(client: Any, **more: Any) -> Any:
    """By a stream that is read without events."""
    async with Block(client.chat.completions.stream(**ASKED, **more)) as events:
        return await done(events.final())


async def by_events(client: Any, **more: Any) -> Any:
    """By a stream's events, which are compared with what they come to."""
    seen = Told()
    async with Block(client.chat.completions.stream(**ASKED, **more)) as events:
        try:
            async for event in each(events):
                seen.take(event)
        finally:
            seen.check(events.snapshot)
        response = await done(events.final())
        assert shown(events.snapshot) == shown(response)
    return response


async def by_text(client: Any, **more: Any) -> Any:
    """By a stream's text."""
    async with Block(client.chat.completions.stream(**ASKED, **more)) as events:
        told = "".join([piece async for piece in each(events.text())])
        response = events.snapshot
        said = [one.message.content for one in response.choices if one.index == 0]
        assert told == "".join(one or "" for one in said)
        return await done(events.final())


class Told:
    """What events have told of a response."""

    def __init__(self) -> None:
        self.texts: Counter[tuple[str, int]] = Counter()
        self.said: dict[tuple[str, int], str] = {}
        self.calls: dict[int, dict[int, Any]] = {}
        self.arguments: dict[tuple[int, int], str] = {}
        self.finished: dict[int, str | None] = {}
        self.parsed: dict[int, Any] = {}
        self.drafts: dict[int, Any] = {}
        self.usage: Any = None

    def take(self, event: Any) -> None:
        """Takes note of one."""
        match event.type:
            case "text" | "reasoning" | "refusal":
                key = (event.type, event.index)
                self.said[key] = self.said.get(key, "") + event.text
            case "tool_call_arguments":
                place = (event.index, event.tool_index)
                self.arguments[place] = self.arguments.get(place, "") + event.arguments
            case "tool_call_done":
                calls = self.calls.setdefault(event.index, {})
                assert event.tool_index not in calls
                calls[event.tool_index] = event.tool_call
            case "finished":
                assert event.index not in self.finished
                self.finished[event.index] = event.finish_reason
            case "usage":
                self.usage = event.usage
            case "parsed":
                assert event.index not in self.parsed
                self.parsed[event.index] = event.parsed
            case "partial":
                now = json.loads(json.dumps(event.value))
                assert grows(self.drafts.get(event.index), now), (self.drafts, now)
                self.drafts[event.index] = now
            case _:
                assert event.type == "tool_call_started"

    def check(self, snapshot: Any) -> None:
        """Fails where a snapshot says something else."""
        for one in snapshot.choices:
            message = one.message
            assert self.said.get(("text", one.index), "") == (message.content or "")
            assert self.said.get(("reasoning", one.index), "") == (message.reasoning_content or "")
            assert self.said.get(("refusal", one.index), "") == (message.refusal or "")
            assert self.finished.get(one.index) == one.finish_reason
            for place, call in enumerate(message.tool_calls or ()):
                assert self.arguments.get((one.index, place), "") == call.function.arguments
                if place in self.calls.get(one.index, {}):
                    assert self.calls[one.index][place] == call
            whole = getattr(message, "parsed", None)
            assert self.parsed.get(one.index) == whole
            if (
                whole is not None
                and one.index in self.drafts
                and not message.content.startswith("Here")
            ):
                assert self.drafts[one.index] == json.loads(message.content)
        assert self.usage == snapshot.usage


def grows(before: Any, after: Any) -> bool:
    """Whether one draft of a JSON value can become another."""
    if before is None:
        return True
    if is_object(before):
        return is_object(after) and all(
            name in after and grows(value, after[name]) for name, value in before.items()
        )
    if is_array(before):
        return is_array(after) and len(after) >= len(before) and all(map(grows, before, after))
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    return bool(before == after)


def shown(response: Any) -> Any:
    """What is to be the same in all ways: an empty text and none are."""
    return [
        [
            one.index,
            one.message.content or "",
            one.message.refusal or "",
            one.message.reasoning_content or "",
            [
                (
                    call.id,
                    call.function.name,
                    call.function.arguments,
                    repr(getattr(call.function, "parsed_arguments", None)),
                )
                for call in one.message.tool_calls or ()
            ],
            getattr(one.message, "parsed", None),
            one.finish_reason,
        ]
        for one in response.choices
    ] + [response.usage, response.id, response.created, response.model]


async def outcome(work: Awaitable[Any]) -> Any:
    """What came of it, as it is to be the same in all ways."""
    try:
        return shown(await work)
    except AnswerError as error:
        plain = shown(error.completion)
        for one in plain[:-4]:
            one[5] = None
            one[4] = [call[:3] for call in one[4]]
        came = (error.request_id, len(error.attempts), error.completion.meta.request_id)
        return (str(error), error.reason, error.path, error.text, *came, plain)


async def all_ways(both: Both, ways: Sequence[Way], **more: Any) -> list[Any]:
    """What comes of each way, by each client."""
    found: list[Any] = []
    for way in ways:
        found.append(await in_time(outcome(way(both.client, **more))))
        found.append(driven(outcome(way(both.blocking, **more))))
    return found


def test_same_response() -> None:
    """Without a class: what one call gives, and what streams give in all their ways."""

    async def check(both: Both) -> None:
        for draw in draws("plain", SAME):
            both.draw, both.answer = draw, answer(draw)
            expected, *others = await all_ways(both, [created, by_final, by_events, by_text])
            for way, other in enumerate(others):
                assert other == expected, (draw, way)
            sent_texts = [one["message"]["content"] or "" for one in both.answer["choices"]]
            assert [one[1] for one in expected[:-4]] == sent_texts, draw

    running(check)


def test_same_instance() -> None:
    """With a class: the same instances, or the same error, which holds the whole response."""
    kinds: Counter[str] = Counter()

    async def check(both: Both) -> None:
        for draw in draws("typed", SAME):
            both.draw, both.answer = draw, answer(draw, structured)
            ways = [parsed, by_final, by_events]
            expected, *others = await all_ways(both, ways, response_format=Found)
            for way, other in enumerate(others):
                assert other == expected, (draw, way)
            kinds[type(expected).__name__] += 1
            plain: Any = expected if is_array(expected) else expected[-1]
            sent_texts = [one["message"]["content"] or "" for one in both.answer["choices"]]
            assert [one[1] for one in plain[:-4]] == sent_texts, draw

    running(check)
    assert min(kinds.values()) >= 5
    assert len(kinds) == 2


def said_before(body: bytes) -> tuple[dict[int, str], dict[int, str], bool]:
    """What the whole events in a part of a stream say: the text and the finish reason of each choice, and whether `[DONE]` came."""
    said: dict[int, str] = {}
    ended: dict[int, str] = {}
    lines = (
        body.decode("utf-8", "replace")
        .removeprefix("\ufeff")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .split("\n")
    )
    data: list[str] = []
    for line in [*lines, ""]:  # a last event counts that is whole but for the empty line behind it
        if line.startswith("data:"):
            data.append(line.removeprefix("data:"))
        elif not line and data:
            event, data = "\n".join(data).strip(), []
            if event == "[DONE]":
                return said, ended, True
            try:
                found = json.loads(event)["choices"]
            except (ValueError, LookupError):
                break
            for one in found:
                index = one["index"]
                said[index] = said.get(index, "") + (one["delta"].get("content") or "")
                if one["finish_reason"]:
                    ended[index] = one["finish_reason"]
    return said, ended, False


ERROR: JSON = {"error": {"message": "out of order", "type": "server_error", "code": 500}}


def test_broken_streams() -> None:
    """A stream that is cut anywhere raises, unless it was complete; no text that came whole is missing in the error."""
    kinds: Counter[str] = Counter()

    async def check(both: Both) -> None:
        for draw in draws("broken", BROKEN):
            typed = draw.random() < 0.5
            whole = answer(draw, structured if typed else text)
            body = event_stream(chunks(whole, draw), draw)
            kept = body[: draw.randrange(1, len(body))] if draw.random() < 0.8 else body
            error_at_end = draw.random() < 0.2
            if error_at_end:
                kept = (
                    body[: max(0, body.rfind(b"data:", 0, len(kept)))]
                    + b"data: "
                    + json.dumps(ERROR).encode()
                    + b"\n\n"
                )
            response = sent(kept, draw, "text/event-stream")
            is_cut = draw.random() < 0.3
            if is_cut:
                at = response.head_size + draw.randrange(
                    len(response.data) - response.head_size + 1
                )
                response = response.with_faults(Cut(at, by=draw.choice(["fin", "rst"])))
            both.fixed = response
            said, ended, done_ = said_before(kept)
            how = draw.choice(["chunks", "events", "text", "final"])
            outcomes: list[Any] = []
            for client in (both.client, both.blocking):
                work = broken(client, how, typed=typed, n=len(whole["choices"]))
                result = await in_time(work) if client is both.client else driven(work)
                outcomes.append(result)
                told, partial, error = result
                kinds[type(error).__name__] += 1
                sent_texts = {
                    one["index"]: one["message"]["content"] or "" for one in whole["choices"]
                }
                for index, piece in told.items():
                    assert partial.get(index, "").startswith(piece), (draw, how, result)
                for index, piece in partial.items():
                    assert sent_texts[index].startswith(piece), (draw, how, result)
                if error is None or isinstance(error, AnswerError):
                    assert is_cut or done_ or len(ended) == len(whole["choices"]), (
                        draw,
                        how,
                        result,
                    )
                    assert partial == sent_texts, (draw, how, result)
                elif not is_cut:
                    for index, piece in said.items():
                        assert partial.get(index, "").startswith(piece), (draw, how, result)
            first, second = outcomes
            assert type(first[2]) is type(second[2]), (draw, outcomes)

    running(check)
    assert kinds["StreamTruncatedError"] > 20, kinds


async def broken(
    client: Any, how: str, *, typed: bool, n: int
) -> tuple[dict[int, str], dict[int, str], HorayError | None]:
    """Reads a stream to its end, however it ends: the texts that were handed out, those of the response or the error's, and the error."""
    more: Any = {"response_format": Found} if typed else {}
    told: dict[int, str] = {}
    response: Any = None
    failure: HorayError | None = None
    try:
        if how == "chunks":
            chunks_ = await done(client.chat.completions.create(**ASKED, n=n, stream=True))
            async for chunk in each(chunks_):
                for one in chunk.choices:
                    told[one.index] = told.get(one.index, "") + (one.delta.content or "")
            return told, dict(told), None
        async with Block(client.chat.completions.stream(**ASKED, n=n, **more)) as events:
            if how == "events":
                async for event in each(events):
                    if event.type == "text":
                        told[event.index] = told.get(event.index, "") + event.text
            elif how == "text":
                async for piece in each(events.text()):
                    told[0] = told.get(0, "") + piece
            response = await done(events.final())
    except HorayError as error:
        failure = error
        response = (
            error.completion if isinstance(error, AnswerError) else getattr(error, "partial", None)
        )
    choices: list[Any] = response.choices if response is not None else []
    return told, {one.index: one.message.content or "" for one in choices}, failure


def test_copies() -> None:
    """Copies and pickles of responses, and of errors that hold them, are equal to them in all that can be asked of them."""

    async def check(both: Both) -> None:
        for draw in draws("copies", COPIES):
            both.draw, both.answer = draw, answer(draw, structured)
            for way in (created, parsed, by_final, by_events):
                more: Any = {} if way is created else {"response_format": Found}
                failure: Any = None
                try:
                    response = await in_time(way(both.client, **more))
                except AnswerError as error:
                    failure, response = error, error.completion
                again: list[Any] = [] if failure is None else copies(failure)
                for copied in again:
                    assert copied.__dict__.keys() == failure.__dict__.keys()
                    assert str(copied) == str(failure), draw
                    assert shown(copied.completion) == shown(response), draw
                for copied in copies(response):
                    assert asked_of(copied) == asked_of(response), (draw, way)
                if way is created:
                    assert response.to_dict() == both.answer, draw

    running(check)


def copies(value: Any) -> list[Any]:
    """Each kind of copy."""
    return [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]


def asked_of(response: Any) -> Any:
    """All that can be asked of a response."""
    texts = [repr(response), response.to_json(), response.model_dump_json()]
    return [*texts, response, response.to_dict(), response.model_dump(), response.meta.attempts]
