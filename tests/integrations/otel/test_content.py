"""Prompts and responses in the form that the conventions have for messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horay_async import (
    ChatChoice,
    ChatCompletion,
    ChatMessage,
    Completion,
    CompletionChoice,
    FunctionCall,
    GeneratedImage,
    ImageResponse,
    ModelList,
    ToolCall,
)
from horay_async.integrations.otel.content import (
    input_messages,
    output_messages,
    tool_definitions,
    tool_result,
)
from horay_async.integrations.otel.conventions import LATEST
from horay_async.integrations.otel.requests import SentBody
from horay_async.models._base import Response

from .conventions import PARTS


def body(**fields: Any) -> SentBody:
    """A request's body, as it is read."""
    return SentBody(json.dumps(fields).encode())


def checked(text: str | None) -> list[Any]:
    """Messages, whose parts have what they must have."""
    assert text is not None
    messages: list[Any] = json.loads(text)
    for message in messages:
        assert isinstance(message["role"], str)
        for part in message["parts"]:
            assert part.keys() >= PARTS.get(part["type"], set())
    return messages


def test_conversation() -> None:
    """Texts, calls of tools and their results have parts of their own."""
    messages = checked(
        input_messages(
            body(
                messages=[
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "1", "function": {"name": "weather", "arguments": '{"a": 1}'}},
                            {"id": "2", "function": {"name": "weather", "arguments": "{torn"}},
                            {"id": "3", "function": {"name": "weather", "arguments": None}},
                        ],
                    },
                    {"role": "tool", "tool_call_id": "1", "content": "rainy"},
                ]
            )
        )
    )
    assert messages == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "1", "name": "weather", "arguments": {"a": 1}},
                {"type": "tool_call", "id": "2", "name": "weather", "arguments": "{torn"},
                {"type": "tool_call", "id": "3", "name": "weather", "arguments": None},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "1", "response": "rainy"}],
        },
    ]


def test_pictures_in_messages() -> None:
    """A picture is recorded by its address; one sent in full by its type and size."""
    parts = [
        {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA"}},
    ]
    (message,) = checked(input_messages(body(messages=[{"role": "user", "content": parts}])))
    assert message["parts"] == [
        {"type": "uri", "modality": "image", "uri": "https://pictures.example/1.png"},
        {"type": "image", "mime_type": "image/png", "characters": 4},
        {"type": "input_audio"},
    ]


def test_prompt() -> None:
    """A prompt is a message of the user; without one there is nothing to record."""
    (message,) = checked(input_messages(body(prompt="Once upon")))
    assert message == {"role": "user", "parts": [{"type": "text", "content": "Once upon"}]}
    assert input_messages(body(model="m")) is None
    assert input_messages(body(messages="hi")) is None


CALL = ToolCall(id="1", function=FunctionCall(name="weather", arguments="{}"))
NO_ARGUMENTS: dict[str, object] = {}


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        (
            ChatCompletion(
                choices=[
                    ChatChoice(
                        message=ChatMessage(
                            content="Rain.", reasoning_content="Hm.", tool_calls=[CALL]
                        ),
                        finish_reason="stop",
                    )
                ]
            ),
            [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Rain."},
                {"type": "tool_call", "id": "1", "name": "weather", "arguments": NO_ARGUMENTS},
            ],
        ),
        (
            ChatCompletion(
                choices=[ChatChoice(message=ChatMessage(refusal="No."), finish_reason="stop")]
            ),
            [{"type": "text", "content": "No."}],
        ),
        (
            Completion(choices=[CompletionChoice(text=" a time", finish_reason="stop")]),
            [{"type": "text", "content": " a time"}],
        ),
        (
            ImageResponse(images=[GeneratedImage(url="https://pictures.example/1.png")]),
            [{"type": "uri", "modality": "image", "uri": "https://pictures.example/1.png"}],
        ),
    ],
)
def test_responses(response: Response, parts: list[Any]) -> None:
    """One message a choice, with its finish reason."""
    (message,) = checked(output_messages(response, LATEST))
    assert message == {"role": "assistant", "parts": parts, "finish_reason": "stop"}


def test_other_responses_have_no_messages() -> None:
    """What isn't generated isn't recorded."""
    assert output_messages(ModelList(), LATEST) is None


def test_tool_definitions() -> None:
    """Tools are told by name; their schemas would be large."""
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"a": 1}}}]
    assert json.loads(tool_definitions(body(tools=tools)) or "") == [
        {"type": "function", "name": "weather"}
    ]
    assert tool_definitions(body(model="m")) is None
    assert tool_definitions(body(tools={})) is None


def test_tool_result() -> None:
    """A result is JSON: as the tool gave it, or its text as one."""
    assert tool_result('{"a": 1}') == '{"a": 1}'
    assert tool_result("rainy") == '"rainy"'
