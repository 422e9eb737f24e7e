"""Responses that were cut: LangChain's parsers complete the JSON of these, so they have to be refused first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableGenerator

from horay_async.errors import AnswerError, AnswerFault

__all__ = ["CUTS", "refuse_cut"]

CUTS: dict[str, tuple[AnswerFault, str]] = {
    "length": ("length", "the response was cut at the token limit: raise max_tokens"),
    "content_filter": ("content_filter", "the server's content filter cut the response"),
}
"""The finish reasons of a response that isn't whole: the `reason` and the message of the error."""


def refuse_cut() -> RunnableGenerator[AIMessage, AIMessage]:
    """Passes a message on, whole or in chunks. Raises `AnswerError` where it ends cut."""
    return RunnableGenerator(_checked, _achecked)


def _checked(messages: Iterator[AIMessage]) -> Iterator[AIMessage]:
    said: list[str] = []
    for message in messages:
        _check(message, said)
        yield message


async def _achecked(messages: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
    said: list[str] = []
    async for message in messages:
        _check(message, said)
        yield message


def _check(message: AIMessage, said: list[str]) -> None:
    """Adds to what was `said`, and raises where the message was cut."""
    said.append(str(message.text))
    told = message.response_metadata
    cut = CUTS.get(told.get("finish_reason") or "")
    if cut is None:
        return
    reason, problem = cut
    text = "".join(said)
    if not text and message.invalid_tool_calls:
        text = message.invalid_tool_calls[-1]["args"] or ""
    raise AnswerError(problem, reason=reason, text=text, request_id=told.get("request_id"))
