"""What is sure of a chunk in which a stream was cut, or of a response that was cut. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from horay_async._json import Json, fields_of, is_array, is_object
from horay_async._protocol.wire.dialects import PLACES, WITHOUT_CONTENT

TEXTS = frozenset(
    {
        "arguments",
        "content",
        "data",
        "reasoning",
        "reasoning_content",
        "reasoning_text",
        "refusal",
        "text",
        "thinking",
        "transcript",
    }
)
"""Fields with a text, of which a part is worth having. Of an id, a name or a finish reason it would be taken for another one."""


LABELS = WITHOUT_CONTENT - PLACES - {"function_call"}
"""Fields whose strings aren't generated, or of calls that have no arguments yet."""


def drop_unsure(
    chunk: Json, knows_call: Callable[[int, int], bool], *, in_string: bool, only_one: bool
) -> bool:
    """Removes from `chunk`, JSON that was cut and closed, what is cut in it, and what may belong to another choice or call.
    Returns whether anything of a choice may be left.

    `knows_call` says whether a call of the choice and the index that are given has come, `in_string` whether the cut is in a string,
    and `only_one` whether a choice without an index is the first.

    - The string that was cut is removed, unless it is a text.
    - The usage and the finish reasons are removed, and log probabilities in which the cut is: more may follow.
    - The last choice is removed where nothing says which one it is.
    - A `function_call` with a name is removed: it may repeat a call.
    - The last tool call is kept where it has an index, and its arguments are a text, and it is one of two: it has neither an id nor
      a name, and goes on with a call that has come; or it has both, and its call is new. Any other may repeat what has come.
    """
    path = _path_of_last(chunk)
    holder, name = path[-1] if path else (chunk, "")
    names = [key for _, key in path if isinstance(key, str)]
    if in_string and path and names[-1] not in TEXTS:
        del holder[name]
    chunk.pop("usage", None)
    choices: Any = chunk.get("choices")
    if not is_array(choices) or not choices:
        return False
    if not (only_one or "index" in fields_of(choices[-1])):
        choices.pop()
    for choice in filter(is_object, choices):
        choice.pop("finish_reason", None)
        if "logprobs" in names and choice is choices[-1]:
            choice.pop("logprobs", None)  # it may be of the one that was left out
        delta = fields_of(choice.get("delta"))
        if fields_of(delta.get("function_call")).get("name"):
            del delta["function_call"]
        calls: Any = delta.get("tool_calls")
        if is_array(calls) and calls:
            last = fields_of(calls[-1])
            index, function = last.get("index"), fields_of(last.get("function"))
            named = bool(last.get("id")), bool(function.get("name"))
            known = isinstance(index, int) and knows_call(choice.get("index", 0), index)
            sure = isinstance(index, int) and named == (not known, not known)
            if not (sure and isinstance(function.get("arguments"), str)):
                calls.pop()
    return bool(choices)


def drop_cut(response: Any, *, depth: int, in_string: bool) -> None:
    """Removes from a response, JSON that was cut within `depth` objects and lists and closed, what would be false of it: the usage where
    the cut is in it, as counts are missing; and the string that was cut (`in_string`), where it is a label in or beside choices, or an address.
    """
    path = _path_of_last(response)
    for holder, name in path[: max(depth - 1, 0)]:
        if name == "usage":
            del holder[name]
            return
    if not path:
        return
    holder, name = path[-1]
    is_label = name in LABELS and any("choices" in fields_of(around) for around, _ in path)
    if in_string and (is_label or (name == "url" and holder[name].startswith("http"))):
        del holder[name]


def has_text(value: Any) -> bool:
    """Whether there is anything generated in JSON of choices, wherever it is and whatever it is called."""
    if is_array(value):
        return any(map(has_text, value))
    if is_object(value):
        return any(has_text(inner) for name, inner in value.items() if name not in LABELS)
    return isinstance(value, str) and value != ""


def _path_of_last(value: Any) -> list[tuple[Any, Any]]:
    """The objects and arrays that the last value is in, each with the place of the next one."""
    path: list[tuple[Any, Any]] = []
    while (is_object(value) or is_array(value)) and value:
        place: Any = next(reversed(value)) if is_object(value) else len(value) - 1
        path.append((value, place))
        value = value[place]
    return path
