"""LangChain's messages as the API's, and the API's responses as LangChain's messages."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from horay_async._json import is_object
from horay_async._protocol.wire.content_parts import put_together
from horay_async._protocol.wire.finish_reasons import CutReason, cut_of
from horay_async._protocol.wire.unknown import unknown_of
from horay_async.errors import AnswerError, AnswerFault
from horay_async.models import events
from horay_async.models._base import refuse_constant
from horay_async.models._dump import dump
from horay_async.models.chat import ChatChoice, ChatCompletion, ChatMessage
from horay_async.models.usage import Usage, tokens_in
from horay_async.resources._base import new_idempotency_key
from horay_async.tools._calls import with_own_ids

PROVIDER = "horay"
"""What LangChain's metadata calls this API."""

MESSAGE_EXTRAS = "message_extras"
"""The key in `additional_kwargs` of what a message has in fields that have no name here."""

CALL_EXTRAS = "tool_call_extras"
"""The key in `additional_kwargs` of what tool calls have beside their function, by the calls' ids."""

CALL_TEXTS = "tool_calls"
"""The key in `additional_kwargs` of tool calls as they came, which is LangChain's name for these."""

NOT_SENT = frozenset(
    {None, "reasoning", "reasoning_content", "thinking", "redacted_thinking", "tool_call", "tool_call_chunk", "non_standard",
     "invalid_tool_call", "tool_use", "function_call", "server_tool_call", "server_tool_call_chunk", "server_tool_result"}
)  # fmt: skip
"""The types of LangChain's and other providers' content blocks that aren't sent in a model's message: reasoning, calls, of which the
tools' own are sent beside the content, and what by its type is another provider's. What remains is the server's to take or refuse.
"""

NO_CHOICE = "the response has no choice"
NO_OBJECT = "arguments are no JSON object"


def sent_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The messages in the API's form, those of this API with what came beside the text."""
    sent: list[dict[str, Any]] = []
    of_models: list[tuple[AIMessage, dict[str, Any]]] = []
    for message in messages:
        forms = _forms(message)
        for form in forms:
            if form["role"] == "assistant":
                form["content"] = _sent_parts(form["content"])
                if isinstance(message, AIMessage):
                    of_models.append((message, form))
        sent += forms
    with_result = {form["tool_call_id"] for form in sent if "tool_call_id" in form}
    for message, form in of_models:
        if message.invalid_tool_calls:
            _add_invalid(form, message, with_result)
        if message.response_metadata.get("model_provider") == PROVIDER:
            _add_beside(form, message.additional_kwargs)
    return sent


def _forms(message: BaseMessage) -> list[dict[str, Any]]:
    """A message in LangChain's form for this family of APIs: one, or several where it holds results of tools. That form joins texts by
    line ends, and leaves out where a server is to cut for its cache of prompts: several texts stay parts here, with these marks.
    """
    blocks = [] if isinstance(message.content, str) else message.content
    for block in blocks:
        if not isinstance(block, str):
            _check_block(block, of_model=isinstance(message, AIMessage))
    if isinstance(message, AIMessage) and not all(map(_has_type, blocks)):
        message = message.model_copy(update={"content": [*filter(_has_type, blocks)]})
    content = [] if isinstance(message, AIMessage) else blocks
    texts = [part for part in content if isinstance(part, str) or part.get("type") == "text"]
    marks = [part.get("cache_control") if is_object(part) else None for part in texts]
    if len(marks) < 2 and not any(marks):
        return convert_to_openai_messages([message])
    forms: list[dict[str, Any]] = convert_to_openai_messages([message], text_format="block")
    parts = [part for form in forms for part in form["content"] if part["type"] == "text"]
    for part, mark in zip(parts, marks, strict=False):
        part.update(_known(cache_control=mark))
    return forms


def _check_block(block: dict[Any, Any], *, of_model: bool) -> None:
    """Raises `ValueError` where LangChain's conversion would have a `KeyError` of its own. What other providers put into a model's
    message without a type isn't text, and isn't sent.
    """
    kind, text = block.get("type"), block.get("text")
    right = isinstance(text, str) if kind == "text" else isinstance(kind, str)
    if not right and not (of_model and kind is None and text is None):
        raise ValueError(
            f'a content block is a text or {{"type": "text", "text": "..."}}, or another with its type; got {block!r}'
        )


def _has_type(block: str | dict[Any, Any]) -> bool:
    return isinstance(block, str) or block.get("type") is not None


def _sent_parts(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """The parts that are sent; the text by itself where there is nothing else."""
    if isinstance(content, str):
        return content
    parts = [part for part in content if part.get("type") not in NOT_SENT]
    if all(part.get("type") == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _add_invalid(form: dict[str, Any], message: AIMessage, with_result: set[str]) -> None:
    """Adds the calls with broken arguments that have a result, which has to follow its call; servers refuse a call without.

    They go where they were in a stream, or else behind the others.
    """
    invalid = {call["id"] for call in message.invalid_tool_calls}
    calls = [call for call in form.pop("tool_calls", ()) if call["id"] not in invalid]
    pieces = message.tool_call_chunks if isinstance(message, AIMessageChunk) else []
    places = {piece["id"]: at for at, piece in enumerate(pieces)}
    for call in message.invalid_tool_calls:
        function = {"name": call["name"] or "", "arguments": call["args"] or ""}
        made = {"type": "function", "id": call["id"], "function": function}
        calls.insert(places.get(call["id"], len(calls)), made)
    calls = [call for call in calls if call["id"] not in invalid - with_result]
    if calls:
        form["tool_calls"] = calls


def _add_beside(form: dict[str, Any], kept: dict[str, Any]) -> None:
    """Adds what `_beside` kept of a message. Of audio the id goes out, as the API takes no more."""
    audio = kept.get("audio")
    if is_object(audio) and "id" in audio:
        form["audio"] = {"id": audio["id"]}
    form.update(_known(reasoning_content=kept.get("reasoning_content")))
    form.update(kept.get(MESSAGE_EXTRAS) or {})
    put_together(form)
    form.update(_known(annotations=kept.get("annotations")))
    extras: dict[str, Any] = kept.get(CALL_EXTRAS) or {}
    for call in form.get("tool_calls") or ():
        call.update(extras.get(call["id"], {}))


def _beside(message: ChatMessage, *, keep_arguments: bool) -> dict[str, Any]:
    """The fields of a message that have no name here, and are to be sent back; and what `kept_arguments` reads."""
    fields = dict(unknown_of(message) or {})
    named = _known(audio=fields.pop("audio", None), annotations=fields.pop("annotations", None))
    calls = message.tool_calls or []
    extras = {call.id: unknown for call in calls if (unknown := unknown_of(call))}
    texts = dump(calls, unknown=True) if keep_arguments else None
    kept = {MESSAGE_EXTRAS: fields or None, CALL_EXTRAS: extras or None, CALL_TEXTS: texts}
    return {**named, **_known(**kept)}


def kept_arguments(message: BaseMessage, name: str) -> str | None:
    """The JSON text of the arguments of the first call of `name`, in a message that keeps it; None where there is none.

    LangChain's messages have them parsed, and a number with a fraction as a float, which may lack digits.
    """
    for call in message.additional_kwargs.get(CALL_TEXTS) or ():
        if call["function"]["name"] == name:
            return _strict_json(call["function"]["arguments"] or "{}")
    return None


def _strict_json(text: str) -> str:
    """JSON whose strings may hold line ends, as they have to be written; what is no JSON as it is."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        with contextlib.suppress(json.JSONDecodeError):
            return json.dumps(json.loads(text, strict=False))
    return text


def result_of(response: ChatCompletion, *, keep_arguments: bool = False) -> ChatResult:
    """A response as LangChain's result: one generation for each choice. Raises `AnswerError` where it has none.

    `keep_arguments` is for `kept_arguments`.
    """
    if not response.choices:
        raise _mismatch(response, NO_CHOICE)
    for choice in response.choices:
        if choice.message.tool_calls:
            choice.message.tool_calls = with_own_ids(choice.message.tool_calls, _new_id)
    usage = _usage(response.usage)
    generations: list[ChatGeneration] = []
    for number, choice in enumerate(sorted(response.choices, key=attrgetter("index"))):
        sent = choice.message
        calls, invalid = _calls(choice)
        message = AIMessage(
            content=sent.content or "",
            tool_calls=calls,
            invalid_tool_calls=invalid,
            additional_kwargs={
                **_known(refusal=sent.refusal, reasoning_content=sent.reasoning_content),
                **_beside(sent, keep_arguments=keep_arguments),
            },
            usage_metadata=usage if number == 0 else None,
            response_metadata=_metadata(response, choice),
        )
        generations.append(ChatGeneration(message=message, generation_info=_choice_info(choice)))
    output: dict[str, Any] = {"model_name": response.model, "id": response.id}
    if usage is not None:
        output["token_usage"] = dump(response.usage, unknown=True)
    return ChatResult(generations=generations, llm_output=output)


class StreamedMessage:
    """The chunks of one streamed message, from the client's events. Further choices are left out.

    `in_blocks` is for LangChain's `output_version="v1"`, which has tool calls in the content, too.
    """

    def __init__(self, *, keep_arguments: bool = False, in_blocks: bool = False) -> None:
        self._keep_arguments = keep_arguments
        self._in_blocks = in_blocks
        self._names: dict[int, str] = {}
        """The part of each tool call's name that was sent, by the call's number."""
        self._ids: dict[int, str] = {}
        """The tool calls' ids, by the calls' numbers."""
        self._held: set[int] = set()
        """The numbers of tool calls that began with the id of another one. They are sent, whole, with the last chunk: only then is it
        known whether one is that call once more, which is left out.
        """

    def chunks(self, event: events.ChatEvent) -> Iterator[ChatGenerationChunk]:
        """What an event adds: no chunk, or one."""
        if getattr(event, "index", None) != 0 or getattr(event, "tool_index", None) in self._held:
            return
        match event:
            case events.TextDelta(text=text):
                yield _chunk(content=text)
            case events.ReasoningDelta(text=text):
                yield _chunk(additional_kwargs={"reasoning_content": text})
            case events.RefusalDelta(text=text):
                yield _chunk(additional_kwargs={"refusal": text})
            case events.ToolCallStarted(tool_index=number, id=id_, name=name):
                self._names[number] = name
                if id_ in self._ids.values():
                    self._held.add(number)
                    return
                if id_:
                    self._ids[number] = id_
                yield self._tool_chunk(number, id_, name, "")
            case events.ToolCallArgumentsDelta(tool_index=number, arguments=arguments):
                yield self._tool_chunk(number, None, None, arguments)
            case events.ToolCallDone(tool_index=number, tool_call=call):
                rest = call.function.name.removeprefix(self._names.get(number, ""))
                late = None
                if number not in self._ids:
                    taken = call.id in self._ids.values()
                    self._ids[number] = late = _new_id() if taken or not call.id else call.id
                if rest or late:  # a name that came in pieces, or an id behind it
                    yield self._tool_chunk(number, late, rest or None, "")
            case _:
                pass

    def _tool_chunk(
        self, number: int, id_: str | None, name: str | None, arguments: str
    ) -> ChatGenerationChunk:
        piece = tool_call_chunk(name=name, args=arguments, id=id_, index=number)
        if not self._in_blocks:
            return _chunk(tool_call_chunks=[piece])
        # LangChain counts the blocks of text from 0, and merges blocks of one index. Here, other than in `tool_call_chunks`,
        # an index may be a string, which has to begin so.
        made = _chunk([{**piece, "index": f"lc_tc_{number}"}], tool_call_chunks=[piece])
        made.message.response_metadata["output_version"] = "v1"
        return made

    def last(self, response: ChatCompletion) -> Iterator[ChatGenerationChunk]:
        """What is known once the message is whole: tool calls that were held back, finish reason, usage, log probabilities.

        Raises `AnswerError` for a tool call that isn't whole: LangChain completes its arguments when it merges chunks,
        and would have a valid call of them. Raises it without a choice, too.
        """
        choice = next((one for one in response.choices if one.index == 0), None)
        if choice is None:
            raise _mismatch(response, NO_CHOICE)
        calls = dict(zip(sorted(self._names), choice.message.tool_calls or (), strict=False))
        for number, call in calls.items():
            call.id = self._ids.get(number, call.id)
        if calls:
            choice.message.tool_calls = with_own_ids([*calls.values()], _new_id)
        for broken in _calls(choice)[1]:
            piece = tool_call_chunk(
                name=broken["name"], args=broken["args"], id=broken["id"], index=0
            )
            if AIMessageChunk(content="", tool_call_chunks=[piece]).tool_calls:
                cut = cut_of(choice.finish_reason) or CutReason("mismatch", f"its {NO_OBJECT}")
                problem = f"a tool call isn't whole: {cut.problem}"
                raise _mismatch(response, problem, reason=cut.reason, text=broken["args"] or "")
        for number in sorted(self._held):
            call = calls[number]
            if any(call is kept for kept in choice.message.tool_calls or ()):
                yield self._tool_chunk(number, call.id, call.function.name, call.function.arguments)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                additional_kwargs=_beside(choice.message, keep_arguments=self._keep_arguments),
                usage_metadata=_usage(response.usage),
                response_metadata=_metadata(response, choice),
                chunk_position="last",
            ),
            generation_info=_choice_info(choice),
        )


def _new_id(_: object = None) -> str:
    """An id for a tool call to which the server gave none, or that of another one: results couldn't be assigned to calls."""
    return f"call_{new_idempotency_key()}"


def _chunk(content: str | list[Any] = "", **fields: Any) -> ChatGenerationChunk:
    metadata = {"model_provider": PROVIDER}
    message = AIMessageChunk(content=content, response_metadata=metadata, **fields)
    return ChatGenerationChunk(message=message)


def _calls(choice: ChatChoice) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The tool calls whose arguments are a JSON object, as they have to be, or none; and the others."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    cut = cut_of(choice.finish_reason)
    for call in choice.message.tool_calls or ():
        name, text = call.function.name, call.function.arguments
        try:
            arguments = {} if not text and not cut else _object(text)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with them is told as LangChain does
            problem = cut.problem if cut else f"{NO_OBJECT}: {error}"
            invalid.append(invalid_tool_call(name=name, args=text, id=call.id, error=problem))
        else:
            calls.append(tool_call(name=name, args=arguments, id=call.id))
    return calls, invalid


def _object(text: str) -> dict[str, Any]:
    """A JSON object; its strings may hold line ends, as LangChain reads them. Raises `ValueError` for all else."""
    found = json.loads(text, strict=False, parse_constant=refuse_constant)
    if not is_object(found):
        raise ValueError(f"it is of type {type(found).__name__}")
    return found


def _mismatch(
    response: ChatCompletion, problem: str, *, reason: AnswerFault = "mismatch", text: str = ""
) -> AnswerError:
    return AnswerError(
        problem,
        reason=reason,
        text=text,
        completion=response,
        request_id=response.meta.request_id,
        attempts=response.meta.attempts,
    )


def _metadata(response: ChatCompletion, choice: ChatChoice) -> dict[str, Any]:
    return {
        **(unknown_of(response) or {}),
        **(unknown_of(choice) or {}),
        "model_provider": PROVIDER,
        "model_name": response.model,
        "id": response.id,
        **_choice_info(choice),
        **_known(
            system_fingerprint=response.system_fingerprint,
            service_tier=response.service_tier,
            request_id=response.meta.request_id,
            token_usage=dump(response.usage, unknown=True),
        ),
    }


def _choice_info(choice: ChatChoice) -> dict[str, Any]:
    info: dict[str, Any] = {"finish_reason": choice.finish_reason}
    if choice.logprobs is not None:
        info["logprobs"] = dump(choice.logprobs, unknown=True)
    return info


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    read = usage.prompt_tokens_details
    made = usage.completion_tokens_details
    counted = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=tokens_in(usage),
    )
    if read and (inputs := _known(cache_read=read.cached_tokens, audio=read.audio_tokens)):
        counted["input_token_details"] = cast("InputTokenDetails", inputs)
    if made and (outputs := _known(reasoning=made.reasoning_tokens, audio=made.audio_tokens)):
        counted["output_token_details"] = cast("OutputTokenDetails", outputs)
    return counted


def _known(**fields: Any) -> dict[str, Any]:
    """The fields that aren't None."""
    return {name: value for name, value in fields.items() if value is not None}
