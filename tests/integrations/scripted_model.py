"""A scripted model that does as a good one would: it calls the tools, fills the schemas and responds to the rest.

A small real model can't be relied on for that, and the tests of frameworks ask for it.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from horay_async.testing import Request, ScriptedResponse, json_response, respond, sse

__all__ = ["scripted_model"]

Json = dict[str, Any]


def scripted_model(request: Request) -> ScriptedResponse:
    """Responds with a chat completion, whole or streamed."""
    asked = cast("Json", request.json())
    message = _message(asked)
    reason = "tool_calls" if "tool_calls" in message else "stop"
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    opening = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        body = {**opening, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json_response(body)
    opening["object"] = "chat.completion.chunk"
    deltas = [
        *({"content": piece} for piece in re.findall(r"\S+\s*", message["content"] or "")),
        *_call_deltas(message.get("tool_calls", [])),
    ]
    events = [
        sse({**opening, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        for delta in ({"role": "assistant", "content": ""}, *deltas)
    ]
    events.append(sse({**opening, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
    if cast("Json", asked.get("stream_options") or {}).get("include_usage"):
        events.append(sse({**opening, "choices": [], "usage": usage}))
    events.append(sse("[DONE]"))
    return respond(events, content_type="text/event-stream", framing="chunked")


def _call_deltas(calls: list[Json]) -> list[Json]:
    """Each call in three pieces, as servers send it."""
    deltas: list[Json] = []
    for index, call in enumerate(calls):
        function = call["function"]
        half = len(function["arguments"]) // 2
        first = {"name": function["name"], "arguments": ""}
        deltas.append(
            {
                "tool_calls": [
                    {"index": index, "id": call["id"], "type": "function", "function": first}
                ]
            }
        )
        deltas.extend(
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in (function["arguments"][:half], function["arguments"][half:])
        )
    return deltas


def _message(asked: Json) -> Json:
    messages = cast("list[Json]", asked["messages"])
    nothing: Json = {}
    prompt = _text(next((m for m in reversed(messages) if m["role"] == "user"), nothing))
    tools = [tool["function"] for tool in asked.get("tools") or ()]
    choice = asked.get("tool_choice", "auto")
    result = next((m for m in reversed(messages) if m["role"] == "tool"), None)
    answered = result is not None and messages[-1]["role"] == "tool"
    if tools and choice != "none" and not answered:
        if isinstance(choice, dict):
            name = cast("Json", choice)["function"]["name"]
            tools = [tool for tool in tools if tool["name"] == name]
        tool = tools[0]
        arguments = _instance(tool.get("parameters") or {}, prompt, tool.get("parameters") or {})
        call = {
            "id": f"call_{len(messages)}",
            "type": "function",
            "function": {
                "name": tool["name"],
                "arguments": json.dumps(arguments, ensure_ascii=False),
            },
        }
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    form = cast("Json", asked.get("response_format") or {})
    if form.get("type") == "json_schema":
        schema = form["json_schema"]["schema"]
        content = json.dumps(_instance(schema, prompt, schema))
    elif form.get("type") == "json_object":
        keys = re.findall(r"[`'\"](\w+)[`'\"]", prompt) or ["answer"]
        content = json.dumps(dict.fromkeys(keys, "a text"))
    elif answered and result is not None:
        content = f"The tool says: {_text(result)}"
    else:
        content = f"You said: {prompt}"
    return {"role": "assistant", "content": content}


def _text(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = cast("list[Json | str]", content or [])
    return " ".join(part if isinstance(part, str) else part.get("text", "") for part in parts)


def _instance(schema: Json, prompt: str, root: Json) -> Any:
    """A value that fits a schema, with what the prompt names where that fits."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _instance(target, prompt, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _instance(schema[union][0], prompt, root)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = cast("list[str]", kind)[0]
    match kind:
        case "object":
            properties = cast("Json", schema.get("properties") or {})
            return {name: _instance(one, prompt, root) for name, one in properties.items()}
        case "array":
            return [_instance(schema.get("items") or {}, prompt, root)]
        case "integer" | "number":
            found = re.search(r"\d+", prompt)
            return int(found.group()) if found else 1
        case "boolean":
            return True
        case "null":
            return None
        case _:
            quoted = re.search(r"'([^']+)'", prompt)
            return quoted.group(1) if quoted else "a text"
