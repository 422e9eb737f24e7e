"""Responses that were cut: LangChain's parsers complete the JSON of these, so they have to be refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from functools import partial

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableGenerator
from langchain_core.utils.json import parse_json_markdown

from horay_async._protocol.structured.parse import CUTS
from horay_async.errors import AnswerError

__all__ = ["refuse_cut"]

WHOLE_JSON = partial(json.loads, strict=False)
"""How LangChain's parsers read JSON that they needn't complete."""


def refuse_cut(*, text_is_json: bool) -> RunnableGenerator[AIMessage, AIMessage]:
    """Passes a message on, whole or in chunks. Raises `AnswerError` where it ends cut, as its finish reason says; and with
    `text_is_json` where the text does, whatever that says: servers have other names for it.
    """

    def checked(messages: Iterator[AIMessage]) -> Iterator[AIMessage]:
        said: list[str] = []
        request_id = None
        for message in messages:
            request_id = _check(message, said) or request_id
            yield message
        if text_is_json:
            _check_json("".join(said), request_id)

    async def achecked(messages: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
        said: list[str] = []
        request_id = None
        async for message in messages:
            request_id = _check(message, said) or request_id
            yield message
        if text_is_json:
            _check_json("".join(said), request_id)

    return RunnableGenerator(checked, achecked)


def _check(message: AIMessage, said: list[str]) -> str | None:
    """Adds to what was `said`, and raises where the message was cut; its request's id."""
    said.append(str(message.text))
    told = message.response_metadata
    request_id: str | None = told.get("request_id")
    cut = CUTS.get(told.get("finish_reason"))
    if cut is None:
        return request_id
    reason, problem = cut
    text = "".join(said)
    if not text and message.invalid_tool_calls:
        text = message.invalid_tool_calls[-1]["args"] or ""
    raise AnswerError(problem, reason=reason, text=text, request_id=request_id)


def _check_json(text: str, request_id: str | None) -> None:
    """Raises where LangChain takes `text` for JSON only since it completes it."""
    try:
        parse_json_markdown(text)
    except json.JSONDecodeError:
        return  # its parser raises, too
    try:
        parse_json_markdown(text, parser=WHOLE_JSON)
    except json.JSONDecodeError as error:
        raise AnswerError(
            f"the response is no whole JSON: {error}",
            reason="mismatch",
            text=text,
            request_id=request_id,
        ) from error
