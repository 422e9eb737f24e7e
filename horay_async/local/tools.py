"""Tool calls that a request insists on: `tool_choice` as `"required"`, or as one tool by name.

Pure. llama.cpp's grammar lets text come before a required call, and a small model then talks until
its tokens are spent. So such a call is asked for as JSON of a known form, which the grammar holds
from the first token on, and is made a tool call again while it is streamed.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from horay_async._json import Json, is_array, is_object, with_references

from .schemas import RequestedSchema, check
from .validation import refuse

_NOTHING: Final[Json] = {"type": "object", "properties": {}}
_HEAD: Final = re.compile(
    r"""\s* \{ \s* "name" \s* : \s* ("(?:[^"\\]|\\.)*") \s* , \s* "arguments" \s* : \s* (?=\{)""",
    re.VERBOSE,
)
_BRACE: Final = re.compile(r'(?:[^"{}]|"(?:[^"\\]|\\.)*+")*+[{}]', re.DOTALL)
"""The next one that isn't in a string, and what comes before it."""


def forced_tools(given: Mapping[str, Any]) -> list[Json]:
    """The tools of which a checked chat request insists that one is called; none where it doesn't insist.

    Raises `ApiProblem` (400) when the tool that it insists on isn't there.
    """
    choice = given.get("tool_choice")
    named = choice["function"]["name"] if is_object(choice) else None
    if named is None and choice != "required":
        return []
    offered: list[Json] = given.get("tools", [])
    tools = [tool for tool in offered if named in (None, tool["function"]["name"])]
    if not tools:
        raise refuse("tool_choice", "must be met by one of tools")
    return tools


def forced_schema(tools: Sequence[Json]) -> Json:
    """The schema of a call of one of these tools, as JSON."""
    return {"anyOf": [_call_schema(place, tool) for place, tool in enumerate(tools)]}


def tool_parameters(given: Mapping[str, Any]) -> dict[str, RequestedSchema]:
    """The checked schemas of the parameters of each tool offered, by its name, where it has any.

    Raises `ApiProblem` (400) for a schema that can't be held.
    """
    return {
        tool["function"]["name"]: _parameters(place, tool["function"]["parameters"])
        for place, tool in enumerate(given.get("tools", []))
        if tool["function"].get("parameters") is not None
    }


def _parameters(place: int, schema: object) -> RequestedSchema:
    name = f"tools[{place}].function.parameters"
    if is_object(schema):
        if not schema.keys() & {"type", "$ref", "allOf", "anyOf", "oneOf"}:
            schema = {"type": "object", **schema}
        types: object = schema.get("type", "object")
        if types != "object" and not (is_array(types) and "object" in types):
            raise refuse(name, "must describe an object")
    return check(name, schema)


def _call_schema(place: int, tool: Json) -> Json:
    function = tool["function"]
    path = f"#/anyOf/{place}/properties/arguments"
    # References within it hold at its new place.
    arguments = with_references(
        function.get("parameters") or _NOTHING,
        lambda ref: path + ref[1:] if ref.startswith("#") else ref,
    )
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
    }


class ForcedCall:
    """Turns the streamed text of one forced call into streamed pieces of a tool call."""

    def __init__(self) -> None:
        self._text = ""
        self._looked_at = self._sent = self._depth = 0
        self.complete: bool = False
        """Whether the arguments have come to their end."""

    def feed(self, text: str) -> Json | None:
        """What some more text adds to the call; None while that is nothing."""
        self._text += text
        head = _HEAD.match(self._text)
        if head is None:
            return None
        self._looked_at = max(self._looked_at, head.end())
        # The arguments are an object: they end with its brace.
        while not self.complete and (found := _BRACE.match(self._text, self._looked_at)):
            self._looked_at = found.end()
            self._depth += 1 if found[0].endswith("{") else -1
            self.complete = self._depth == 0
        end = self._looked_at if self.complete else len(self._text)
        begun, self._sent = self._sent, end
        function: Json = {"arguments": self._text[begun or head.end() : end]}
        if begun:
            return {"index": 0, "function": function} if function["arguments"] else None
        function = {"name": json.loads(head[1]), **function}
        id_ = f"call_{secrets.token_hex(12)}"
        return {"index": 0, "id": id_, "type": "function", "function": function}
