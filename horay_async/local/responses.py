"""From llama.cpp's events to Horay's responses, streamed and whole.

Pure. A `ResponseBuilder` turns each event into streamed choices, and merges those into the choices of the
whole response: what is checked and what is sent whole is what a stream would have carried.
"""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from horay_async._json import Json

from .checking import raise_mismatch
from .requests import ModelCall
from .tools import ForcedCall


@dataclass
class ResponseBuilder(ABC):
    """The response to one call, fed with the events of its jobs, one index a choice."""

    call: ModelCall
    model: str

    prefix: ClassVar[str]
    whole: ClassVar[str]
    piece: ClassVar[str]

    def __post_init__(self) -> None:
        self.id: str = f"{self.prefix}-{secrets.token_hex(12)}"
        self.created: int = int(time.time())
        self.usage: dict[str, int] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        self._started: set[int] = set()
        self._merged: list[Json] = [self._blank(index) for index in range(len(self.call.jobs))]
        """The choices of the whole response, as far as they have come."""

    def choices(self, index: int, event: Mapping[str, Any]) -> list[Json]:
        """The streamed choices, none to two, that one event of llama.cpp amounts to."""
        usage = event.get("usage")
        if usage:
            self.usage["prompt_tokens"] = usage["prompt_tokens"]  # shared by all choices
            self.usage["completion_tokens"] += usage["completion_tokens"]
            self.usage["total_tokens"] = usage["prompt_tokens"] + self.usage["completion_tokens"]
        if "prompt_progress" in event:
            return []
        found = [part for one in event.get("choices", ()) if (part := self._choice(index, one))]
        if found and index not in self._started:
            self._started.add(index)
            found[:0] = self._opening(index)
        for choice in found:
            self._merge(self._merged[index], choice)
        return found

    def chunk(self, choice: Json) -> Json:
        """The streamed chunk that carries one choice."""
        return self._envelope(self.piece) | {"choices": [choice]}

    def usage_chunk(self) -> Json:
        """The last chunk of a stream whose request asked for the usage."""
        return self._envelope(self.piece) | {"choices": [], "usage": self.usage}

    def response(self) -> Json:
        """The whole response, once all events have come."""
        return self._envelope(self.whole) | {"choices": self._merged, "usage": self.usage}

    def _envelope(self, object_name: str) -> Json:
        return {
            "id": self.id,
            "object": object_name,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": f"horay-local-{self.model}",
        }

    def _merge(self, whole: Json, part: Json) -> None:
        """Merge a streamed choice into its choice of the whole response.

        Raises `ApiProblem` (500) where that ends with it, and doesn't fit its schema.
        """
        self._add(whole, part)
        whole["finish_reason"] = part["finish_reason"] or whole["finish_reason"]
        if added := part["logprobs"]:
            kept: Json = whole["logprobs"] or {}
            whole["logprobs"] = {name: [*kept.get(name, ()), *added[name]] for name in added}
        self._check(whole)

    def _check(self, whole: Json) -> None:
        if self.call.schema is not None and whole["finish_reason"] == "stop":
            raise_mismatch(self.call.schema, self._text(whole))

    @abstractmethod
    def _text(self, whole: Json) -> str:
        """The text of a choice that is held to a schema."""

    @abstractmethod
    def _choice(self, index: int, choice: Json) -> Json | None:
        """One of llama.cpp's choices as a streamed one, or None when there is nothing in it."""

    @abstractmethod
    def _opening(self, index: int) -> list[Json]:
        """What a choice's stream starts with, before anything sampled."""

    @abstractmethod
    def _blank(self, index: int) -> Json:
        """A choice of the whole response, before anything is merged into it."""

    @abstractmethod
    def _add(self, whole: Json, part: Json) -> None:
        """Add what a streamed choice has generated to a choice of the whole response."""


class CompletionResponseBuilder(ResponseBuilder):
    """`POST /completions`."""

    prefix = "cmpl"
    whole = piece = "text_completion"

    def response(self) -> Json:
        return super().response() | {"prompt": [{"text": self.call.prompt, "logprobs": None}]}

    def _choice(self, index: int, choice: Json) -> Json | None:
        logprobs = None
        if choice.get("logprobs"):
            tokens = choice["logprobs"]["content"]
            logprobs = {
                "tokens": [token["token"] for token in tokens],
                "token_logprobs": [token["logprob"] for token in tokens],
            }
        if not choice["text"] and not choice["finish_reason"] and logprobs is None:
            return None
        return _choice_of(index, choice["finish_reason"], logprobs, text=choice["text"])

    def _text(self, whole: Json) -> str:
        text: str = whole["text"]
        return text[len(self.call.prompt) :] if self.call.echo else text

    def _opening(self, index: int) -> list[Json]:
        return [_choice_of(index, text=self.call.prompt)] if self.call.echo else []

    def _blank(self, index: int) -> Json:
        return _choice_of(index, text="")

    def _add(self, whole: Json, part: Json) -> None:
        whole["text"] += part["text"]


class ChatResponseBuilder(ResponseBuilder):
    """`POST /chat/completions`."""

    prefix = "chatcmpl"
    whole = "chat.completion"
    piece = "chat.completion.chunk"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._forced = [ForcedCall() for _ in self.call.jobs] if self.call.forced_call else []

    def _check(self, whole: Json) -> None:
        calls: list[Json] = whole["message"].get("tool_calls", [])
        if whole["finish_reason"] == "tool_calls":
            for function in (call["function"] for call in calls):
                if function["name"] in self.call.parameters:
                    raise_mismatch(self.call.parameters[function["name"]], function["arguments"])
        elif not calls or self._forced:
            # A forced call that isn't whole is no text, which fits no schema.
            super()._check(whole)

    def _text(self, whole: Json) -> str:
        return whole["message"]["content"] or ""

    def _choice(self, index: int, choice: Json) -> Json | None:
        # llama.cpp repeats the role; a stream of this family names it once, in its first chunk.
        delta = {
            name: value
            for name, value in choice["delta"].items()
            if name != "role" and value is not None
        }
        finish_reason: str | None = choice["finish_reason"]
        if self._forced:
            piece = self._forced[index].feed(delta.pop("content", ""))
            delta |= {"tool_calls": [piece]} if piece else {}
            if finish_reason == "stop" and self._forced[index].complete:
                finish_reason = "tool_calls"
        if not delta and not finish_reason:
            return None
        logprobs = None
        if choice.get("logprobs"):
            tokens = choice["logprobs"]["content"]
            listed = self.call.top_logprobs
            logprobs = {
                "content": [
                    _described(token)
                    | {"top_logprobs": [_described(top) for top in token["top_logprobs"][:listed]]}
                    for token in tokens
                ]
            }
        return _choice_of(index, finish_reason, logprobs, delta=delta)

    def _opening(self, index: int) -> list[Json]:
        content = None if self._forced else ""
        return [_choice_of(index, delta={"role": "assistant", "content": content})]

    def _blank(self, index: int) -> Json:
        return _choice_of(index, message={"role": "assistant", "content": ""})

    def _add(self, whole: Json, part: Json) -> None:
        message = whole["message"]
        for name, value in part["delta"].items():
            if name == "tool_calls":
                message["content"] = message["content"] or None  # as this family does beside calls
                for piece in value:
                    _add_tool_call(message.setdefault("tool_calls", []), piece)
            elif name != "role" and value is not None:
                message[name] = (message.get(name) or "") + value


def _choice_of(
    index: int, finish_reason: str | None = None, logprobs: Json | None = None, **content: object
) -> Json:
    """A choice; `content` is what was generated, by the name of its field."""
    return {"index": index, **content, "finish_reason": finish_reason, "logprobs": logprobs}


def _add_tool_call(calls: list[Json], part: Json) -> None:
    """Merge one streamed piece of a tool call into the list of calls that it belongs to."""
    place: int = part.get("index", 0)
    while len(calls) <= place:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    whole = calls[place]
    whole["id"] = part.get("id") or whole["id"]
    function = part.get("function", {})
    whole["function"]["name"] += function.get("name") or ""
    whole["function"]["arguments"] += function.get("arguments") or ""


def _described(token: Json) -> Json:
    """A token without its number in llama.cpp's vocabulary, which the API doesn't have."""
    return {name: value for name, value in token.items() if name != "id"}
