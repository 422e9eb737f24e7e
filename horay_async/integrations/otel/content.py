"""Prompts and responses in the JSON form that the conventions have for messages.

Spans take no objects, so each is a text. The forms are those of `gen-ai-input-messages.json`,
`gen-ai-output-messages.json` and `gen-ai-tool-definitions.json` beside the conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
from opentelemetry.trace import Span

from horay_async._json import fields_of, is_array
from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.conventions import OLD, Version
from horay_async.integrations.otel.requests import SentBody
from horay_async.integrations.otel.spans import TelemetrySettings
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion, ChatMessage
from horay_async.models.completions import Completion
from horay_async.models.images import ImageResponse

Part = dict[str, Any]


def set_content(span: Span, attribute: str, text_of: Callable[[], str | None]) -> None:
    """Sets an attribute to a text, where there is one. A text that can't be recorded is left out alone."""
    try:
        text = text_of()
    except Exception as error:  # noqa: BLE001 - any content may come, and the rest of the span is worth having
        span.set_attribute("horay.content_error", type(error).__qualname__)
    else:
        if text is not None:
            span.set_attribute(attribute, well_formed(text))


def set_input(span: Span, body: SentBody) -> None:
    """Sets what a request sent as attributes, where the span is recorded."""
    if span.is_recording():
        set_content(span, "gen_ai.input.messages", lambda: input_messages(body))
        set_content(span, "gen_ai.tool.definitions", lambda: tool_definitions(body))


def set_output(span: Span, response: Response, settings: TelemetrySettings) -> None:
    """Sets how a response ended, and the model's messages where those are captured."""
    reasons = [choice.finish_reason for choice in getattr(response, "choices", ())]
    if reasons and not (settings.version == OLD and None in reasons):
        ended = [well_formed(reason or "error") for reason in reasons]
        span.set_attribute("gen_ai.response.finish_reasons", ended)
    if settings.capture:
        version = settings.version
        set_content(span, "gen_ai.output.messages", lambda: output_messages(response, version))


def input_messages(body: SentBody) -> str | None:
    """What the model was sent: the conversation, or the prompt as a message of the user."""
    if (messages := body.get("messages")) is not None:
        return _as_json([_message(message) for message in messages]) if is_array(messages) else None
    if (prompt := body.get("prompt")) is not None:
        return _as_json([{"role": "user", "parts": list(_parts(prompt))}])
    return None


def output_messages(response: Response, version: Version) -> str | None:
    """The model's messages, one a choice."""
    cut = "" if version == OLD else None  # the finish reason of a choice that has none
    if isinstance(response, ChatCompletion):
        found = [
            _output(_parts_of(choice.message), choice.finish_reason or cut, choice.message.role)
            for choice in response.choices
        ]
    elif isinstance(response, Completion):
        found = [
            _output([_said(choice.text)], choice.finish_reason or cut)
            for choice in response.choices
        ]
    elif isinstance(response, ImageResponse):
        parts = [
            {"type": "uri", "modality": "image", "uri": image.url} for image in response.images
        ]
        found = [_output(parts, "stop")]
    else:
        return None
    return _as_json(found)


def tool_definitions(body: SentBody) -> str | None:
    """The tools that the model may ask for, by name alone: their schemas are large."""
    if not is_array(tools := body.get("tools")):
        return None
    functions = [fields_of(fields_of(tool).get("function")) for tool in tools]
    return _as_json([{"type": "function", "name": str(each.get("name"))} for each in functions])


def tool_result(content: str) -> str:
    """A tool's result, as the JSON that the model gets, or else as a JSON text."""
    try:
        msgspec.json.decode(content)
    except msgspec.DecodeError:
        return _as_json(content)
    return content


def _output(parts: Iterable[Part], finish_reason: str | None, role: str = "assistant") -> Part:
    return {"role": role, "parts": list(parts), "finish_reason": finish_reason}


def _message(message: Any) -> Part:
    fields = fields_of(message)
    role = str(fields.get("role", "user"))
    content = fields.get("content")
    if role == "tool":
        part = {"type": "tool_call_response", "id": fields.get("tool_call_id"), "response": content}
        return {"role": role, "parts": [part]}
    parts = list(_parts(content))
    calls = fields.get("tool_calls")
    for call in calls if is_array(calls) else ():
        function = fields_of(fields_of(call).get("function"))
        parts.append(
            _call(fields_of(call).get("id"), function.get("name"), function.get("arguments"))
        )
    return {"role": role, "parts": parts}


def _parts(content: Any) -> Iterator[Part]:
    """The parts of a message's content."""
    if isinstance(content, str):
        yield _said(content)
    elif is_array(content):
        for part in content:
            fields = fields_of(part)
            if "text" in fields:
                yield _said(str(fields["text"]))
            elif "image_url" in fields:
                yield _image(str(fields_of(fields["image_url"]).get("url", "")))
            else:
                yield {"type": str(fields.get("type", "unknown"))}


def _image(url: str) -> Part:
    """A picture by its address; of one that is sent in full, which is large, only that there is one."""
    if not url.startswith("data:"):
        return {"type": "uri", "modality": "image", "uri": url}
    kind, _, data = url.removeprefix("data:").partition(",")
    return {"type": "image", "mime_type": kind.partition(";")[0], "characters": len(data)}


def _parts_of(message: ChatMessage) -> Iterator[Part]:
    if message.reasoning_content:
        yield {"type": "reasoning", "content": message.reasoning_content}
    for text in (message.content, message.refusal):
        if text:
            yield _said(text)
    for call in message.tool_calls or ():
        yield _call(call.id, call.function.name, call.function.arguments)


def _said(text: str) -> Part:
    return {"type": "text", "content": text}


def _call(name_of_call: Any, name: Any, arguments: Any) -> Part:
    """A call of a tool; its arguments as an object, where the model wrote JSON."""
    if isinstance(arguments, str):
        with suppress(msgspec.DecodeError):
            arguments = msgspec.json.decode(arguments)
    return {"type": "tool_call", "id": name_of_call, "name": str(name), "arguments": arguments}


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
