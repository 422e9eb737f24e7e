"""Refuses responses that were cut or aren't whole, whose JSON LangChain's parsers would complete. And returns the
result of parsing beside the response, which LangChain's own fallbacks don't do in a stream.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import attrs
from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.output_parsers import BaseLLMOutputParser, JsonOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import Runnable, RunnableConfig, RunnableGenerator, RunnableMap
from langchain_core.runnables.utils import AddableDict
from langchain_core.utils.json import parse_json_markdown

from horay_async._json import is_object
from horay_async._protocol.wire.finish_reasons import cut_of
from horay_async.errors import AnswerError
from horay_async.models._base import refuse_constant

KEPT_FIELDS = ("content", "additional_kwargs", "response_metadata", "id", "name", "usage_metadata")
"""Of a message that becomes a chunk."""

WHOLE_JSON = partial(json.loads, strict=False, parse_constant=refuse_constant)
"""How LangChain's parsers read JSON that they needn't complete; but NaN and infinities are none."""


class CheckedMessages(RunnableGenerator[AIMessage, AIMessage]):
    """Passes a message on to `parser`, whole or in chunks. Raises `AnswerError` where it ends cut, as its finish reason says;
    and where the text, with `text_is_json`, or else the tool call isn't whole, whatever that says: servers have other names
    for it. With `any_json` the text needs to be no object. A dict has to have the fields in `required`. LangChain's parsers pass over what doesn't fit in chunks; for the whole of these `parser` raises here.
    """

    def __init__(
        self,
        parser: object,
        *,
        text_is_json: bool,
        any_json: bool = False,
        required: Sequence[str] = (),
    ) -> None:
        self._whole: Callable[..., _Whole] = partial(
            _Whole, parser, text_is_json, any_json, required
        )
        # No functions within this one, which could not be pickled.
        whole = partial(self._whole, streamed=True)
        super().__init__(partial(_checked, whole), partial(_achecked, whole), name="check_message")

    def invoke(
        self, input: AIMessage, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        whole = self._whole(streamed=False)
        whole.add(input)
        whole.check()
        return input

    async def ainvoke(
        self, input: AIMessage, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        return self.invoke(input)


def _checked(make: Callable[[], _Whole], messages: Iterator[AIMessage]) -> Iterator[AIMessage]:
    whole = make()
    for message in messages:
        whole.add(message)
        yield _as_chunk(message)
    whole.check()


async def _achecked(
    make: Callable[[], _Whole], messages: AsyncIterator[AIMessage]
) -> AsyncIterator[AIMessage]:
    whole = make()
    async for message in messages:
        whole.add(message)
        yield _as_chunk(message)
    whole.check()


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    """A message of a model that doesn't stream, as LangChain's parsers take it in a stream: of a whole one they drop the tool calls.
    Those that are broken are left out, since the parsers would complete them.
    """
    if isinstance(message, AIMessageChunk):
        return message
    fields = {name: getattr(message, name) for name in KEPT_FIELDS}
    calls = [
        ToolCallChunk(
            name=call["name"],
            args=json.dumps(call["args"]),
            id=call["id"],
            index=at,
            type="tool_call_chunk",
        )
        for at, call in enumerate(message.tool_calls)
    ]
    return AIMessageChunk(**fields, tool_call_chunks=calls)


def with_raw(
    model: Runnable[Any, Any], parser: Runnable[Any, Any]
) -> Runnable[Any, dict[str, Any]]:
    """A runnable of `raw`, the message of `model`, and behind it `parsed` and `parsing_error`: what `parser` makes of the message,
    or what it raises.
    """
    # Its types know of no `config`, which it passes to functions that take one.
    outcomes: Any = RunnableGenerator(
        cast("Any", partial(_outcomes, parser)),
        cast("Any", partial(_aoutcomes, parser)),
        name="parse_message",
    )
    return cast("Runnable[Any, dict[str, Any]]", RunnableMap(raw=model) | outcomes)


def _outcomes(
    parser: Runnable[Any, Any], parts: Iterator[dict[str, Any]], config: RunnableConfig
) -> Iterator[AddableDict]:
    raw: Any = None
    for part in parts:
        raw = part["raw"] if raw is None else raw + part["raw"]
        yield AddableDict(part)
    try:
        outcome = AddableDict(parsed=parser.invoke(raw, config), parsing_error=None)
    except Exception as error:  # noqa: BLE001 - as LangChain's fallbacks do
        outcome = AddableDict(parsed=None, parsing_error=error)
    yield outcome


async def _aoutcomes(
    parser: Runnable[Any, Any], parts: AsyncIterator[dict[str, Any]], config: RunnableConfig
) -> AsyncIterator[AddableDict]:
    raw: Any = None
    async for part in parts:
        raw = part["raw"] if raw is None else raw + part["raw"]
        yield AddableDict(part)
    try:
        outcome = AddableDict(parsed=await parser.ainvoke(raw, config), parsing_error=None)
    except Exception as error:  # noqa: BLE001 - as LangChain's fallbacks do
        outcome = AddableDict(parsed=None, parsing_error=error)
    yield outcome


@attrs.define
class _Whole:
    """The message so far."""

    _parser: Any
    _text_is_json: bool
    _any_json: bool
    _required: Sequence[str]
    streamed: bool = attrs.field(kw_only=True)
    _messages: list[AIMessage] = attrs.field(factory=list[AIMessage], init=False)
    _request_id: str | None = attrs.field(default=None, init=False)

    def add(self, message: AIMessage) -> None:
        """Takes in a message or a chunk of it. Raises where it was cut."""
        self._messages.append(message)
        metadata = message.response_metadata
        self._request_id = metadata.get("request_id") or self._request_id
        if cut := cut_of(metadata.get("finish_reason")):
            raise self._error(cut.problem, cut.reason, self._text() or _broken_call(message))

    def check(self) -> None:
        """Raises where the model declined, where the message isn't whole, or where chunks come to what doesn't fit."""
        message = self._message()
        if message is not None and (refusal := message.additional_kwargs.get("refusal")):
            raise self._error(f"the model declined: {refusal}", "refusal", refusal)
        # The client's own parser completes nothing, and knows of drafts.
        if self._text_is_json and issubclass(type(self._parser), BaseLLMOutputParser):
            self._check_text(self._text())
        if message is None:
            return
        if not self._text_is_json and not message.tool_calls:
            if not message.invalid_tool_calls:
                raise self._error("the model called no tool", "mismatch", self._text())
            problem = message.invalid_tool_calls[-1]["error"] or "its arguments are no JSON object"
            text = _broken_call(message)
            raise self._error(f"a tool call isn't whole: {problem}", "mismatch", text)
        parser = self._parser
        if isinstance(parser, JsonOutputKeyToolsParser):
            called = [call["name"] for call in message.tool_calls]
            if parser.key_name not in called:
                problem = f"the model called {', '.join(called)}, not {parser.key_name}"
                raise self._error(problem, "mismatch", self._text())
            arguments = message.tool_calls[called.index(parser.key_name)]["args"]
            self._check_fields(arguments, json.dumps(arguments))
        if self.streamed and isinstance(parser, BaseLLMOutputParser):
            parser.parse_result([ChatGeneration(message=message)])

    def _text(self) -> str:
        return "".join(str(message.text) for message in self._messages)

    def _message(self) -> AIMessage | None:
        """The message, merged of its chunks; None where none came."""
        chunks = [one for one in self._messages if isinstance(one, AIMessageChunk)]
        if len(chunks) > 1:
            return chunks[0].__add__(chunks[1:])
        return self._messages[0] if self._messages else None

    def _check_text(self, text: str) -> None:
        """Raises where LangChain takes `text` for JSON only since it completes it, or for a dict what is no object, unless `any_json` will do."""
        try:
            parse_json_markdown(text)
        except json.JSONDecodeError:
            return  # its parser raises, too
        try:
            value = parse_json_markdown(text, parser=WHOLE_JSON)
        except ValueError as error:
            problem = f"the response is no whole JSON: {error}"
            raise self._error(problem, "mismatch", text) from error
        dicts = type(self._parser) is JsonOutputParser and not self._any_json
        if dicts and not is_object(value):
            raise self._error("the response is no JSON object", "mismatch", text)
        if dicts:
            self._check_fields(value, text)

    def _check_fields(self, value: dict[str, Any], text: str) -> None:
        """Raises where a dict lacks fields: nothing else would notice."""
        if missing := [name for name in self._required if name not in value]:
            names = ", ".join(map(repr, missing))
            raise self._error(
                f"the response doesn't fit the schema: it lacks {names}", "mismatch", text
            )

    def _error(self, problem: str, reason: Any, text: str) -> AnswerError:
        return AnswerError(problem, reason=reason, text=text, request_id=self._request_id)


def _broken_call(message: AIMessage) -> str:
    """The arguments of the last tool call that isn't whole; empty where there is none."""
    return (message.invalid_tool_calls[-1]["args"] or "") if message.invalid_tool_calls else ""
