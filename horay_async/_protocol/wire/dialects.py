"""What other servers of this family send in other places, put where the API describes it. Pure.

Only what differs from the description comes here, as decoded JSON, and is changed in place. The shapes stand
in `tests/vectors/dialects.toml`, each with its source. Three steps for each choice:

1. the message is found: it may come as `delta`, `message`, `text` or `content`, or be the text itself;
2. within it, the text, the reasoning and the tool calls are found;
3. so is the finish reason.

What is found nowhere is told by `unrecognised_in_response` and `unrecognised_in_chunk`: a choice that is finished and
seems to hold nothing may hold something under a name that nobody has seen yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, cast

import attrs

from horay_async._json import Json, is_array, is_object, objects_in
from horay_async._protocol.wire.content_parts import KEPT, is_data, split, text_of
from horay_async.models._base import Response
from horay_async.models._base64 import SCHEMES, data_url

TEXTS = ("content", "refusal", "reasoning_content")
"""Texts that a message of the API can hold."""

LISTS = ("tool_calls", KEPT)
"""Lists that it can hold."""

MEDIA = ("audio", "context", "images", "video")
"""Objects or lists that it can hold, kept as they are: OpenRouter has pictures as `images`, Azure what it found in a user's own data
as `context`."""

REASONING = ("reasoning", "reasoning_text", "thinking", "reasoning_details", "thinking_blocks")
"""Other names of `reasoning_content`, the plainest first: some servers send it under two at once."""

ARGUMENTS = ("arguments", "parameters", "args")
"""Where a tool call has its arguments."""

USAGE = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
}
"""Where the usage is named as in the responses API of openai and in that of Anthropic."""

WITHOUT_CONTENT = frozenset(
    {
        "annotations", "content_filter_offsets", "content_filter_raw", "content_filter_result",
        "content_filter_results", "delta", "extra_content", "finish_details", "finish_reason", "function_call",
        "id", "index", "matched_stop", "message", "metadata", "model", "name", "native_finish_reason", "object",
        "prompt_token_ids", "provider_specific_fields", "role", "safety_ratings", "seed", "stop_reason",
        "token_ids", "tool_call_id", "type", "usage",
    }
)  # fmt: skip
"""Fields that are known, or known to be no part of what was generated."""

PLACES = frozenset({"delta", "message"})
"""Those of them that hold what was generated."""

AROUND_IMAGES = WITHOUT_CONTENT | {"created", "images", "revised_prompt", "timings"}
"""The same around images."""

CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Tokens of the prompt beside its `input_tokens`."""


class Changes:
    """Whether anything was put anywhere."""

    made = False

    def put(self, fields: Json, name: str, value: Any) -> None:
        """Sets a field."""
        fields[name] = value
        self.made = True


def normalize(sent: Json, into: type[Response]) -> bool:
    """Puts what `sent` has elsewhere where `into` has it. Says whether anything was put anywhere."""
    place = into.__wire__.content_in
    changes = Changes()
    if into.__wire__.list_field == "images":
        _find_images(sent, changes)
        return changes.made
    if not place:
        _find_usage(sent, [], changes, output=0)
        return changes.made
    if is_object(sent.get("choices")):
        changes.put(sent, "choices", [sent["choices"]])
    choices = objects_in(sent.get("choices"))
    for choice in choices:
        if place == "text":
            _find_text(choice, changes)
        else:
            _find_message(choice, place, changes)
        _find_finish_reason(choice, sent if len(choices) == 1 else {}, changes)
    _find_usage(sent, choices, changes, output=None)
    return changes.made


def unrecognised_in_response(sent: Json, into: type[Response]) -> str | None:
    """Where a whole response has something unknown, if its choices are finished and hold nothing known. `sent`
    was normalized. None where nothing is amiss.
    """
    place = into.__wire__.content_in
    choices = objects_in(sent.get("choices"))
    if not choices:
        return None
    unrecognised = None
    for choice in choices:
        if not choice.get("finish_reason") or choice.get("logprobs"):
            return None
        inner = choice.get(place)
        if place == "text":
            if inner is not None:
                return None
        elif is_object(inner) and any(_is_content(name, value) for name, value in inner.items()):
            return None
        unrecognised = unrecognised or _unrecognised(choice, place)
        # What a filter took back may come without a message.
        taken_back = choice["finish_reason"] == "content_filter"
        if unrecognised is None and (inner is not None or taken_back):
            return None
    return unrecognised or f"no {place}"


def unrecognised_images(sent: Json, into: type[Response]) -> str | None:
    """What a response about images holds in their place, where it has none that is known. `sent` was normalized. None
    where nothing is amiss.
    """
    if into.__wire__.list_field != "images":
        return None
    images: list[Any] = sent.get("images") or []
    if any(is_object(image) and image.get("error") and not image.get("url") for image in images):
        return "'error' in the place of one"
    holders = objects_in(images) or [sent]
    if any(isinstance(url := holder.get("url"), str) and url for holder in holders):
        return None
    for image in images:
        if not is_object(image):
            return ascii(image)[:100]
    for holder in holders:
        for name, value in holder.items():
            if value and isinstance(value, str | list | dict) and name not in AROUND_IMAGES:
                return ascii(name[:100])
    if not images and sent.get("images") is None:
        told = [ascii(name[:100]) for name, value in sent.items() if value is not None]
        return f"only {', '.join(told[:5])}"
    return "empty objects" if images else None


def unrecognised_in_chunk(sent: Json, into: type[Response]) -> str | None:
    """Where a chunk has something unknown that may have been generated; None where it doesn't."""
    place = into.__wire__.content_in
    for choice in objects_in(sent.get("choices")):
        if unrecognised := _unrecognised(choice, place):
            return unrecognised
    return None


def unrecognised_beside_choices(sent: Json, into: type[Response]) -> str | None:
    """What a response or a chunk has beside its choices that isn't known and may have been generated: texts; in the place of choices,
    as in the responses of other APIs, also lists and objects. None where it has none.
    """
    in_their_place = not is_array(sent.get("choices"))
    known = WITHOUT_CONTENT - PLACES if in_their_place else WITHOUT_CONTENT
    known = known.union(field.name for field in attrs.fields(cast("Any", into)))
    kinds = (str, list, dict) if in_their_place else str
    told = [
        repr(name[:100])
        for name, value in sent.items()
        if value and isinstance(value, kinds) and name not in known
    ]
    return ", ".join(told[:5]) or None


def _unrecognised(choice: Json, place: str) -> str | None:
    inner = choice.get(place)
    fields = {**choice, **inner} if is_object(inner) else choice
    for name, value in fields.items():
        if not value or not isinstance(value, str | list | dict) or name in WITHOUT_CONTENT:
            continue
        read_elsewhere = name in ("logprobs", "text") or (
            place != "text" and ((name in TEXTS and not is_data(value)) or _is_content(name, value))
        )
        if not read_elsewhere:
            return repr(name[:100])
    return None


def _is_content(name: str, value: Any) -> bool:
    """Whether a field of a message is content in a form that is read."""
    return bool(value) and (
        (name in TEXTS and isinstance(value, str))
        or (name in LISTS and is_array(value))
        or (name in MEDIA and isinstance(value, list | dict))
    )


def from_messages(sent: Json) -> list[int]:
    """Which choices of a chunk, by position, have their content in a `message` in place of the `delta`."""
    return [
        position
        for position, choice in enumerate(objects_in(sent.get("choices")))
        if is_object(choice.get("message"))
        and not (is_object(choice.get("delta")) and _has_content(choice["delta"]))
    ]


def is_delta(choice: Json) -> bool:
    """Whether a chunk's choice, which has its content in a `message`, has it there alone, and a text: then others have theirs so, too."""
    texts = (value for name, value in choice["message"].items() if name != "role")
    return not is_object(choice.get("delta")) and any(
        text and isinstance(text, str) for text in texts
    )


# Where the message is


def _find_message(choice: Json, place: str, changes: Changes) -> None:
    """Finds the message, or the delta, and what is in it."""
    own = choice.get(place)
    elsewhere = choice.get("message" if place == "delta" else "delta")
    message: Json = {**own} if is_object(own) else {}
    inner = Changes()
    if not _has_content(message):
        if is_object(elsewhere) and _has_content(elsewhere):
            message |= elsewhere
            inner.made = True
        else:
            content = _first(_text_or_parts, ("text", "content", "message", "delta"), choice)
            if content is not None:
                inner.put(message, "content", content)
    _find_content(message, choice, inner, whole=place == "message")
    if inner.made:
        changes.put(choice, place, message)


def _find_text(choice: Json, changes: Changes) -> None:
    """Sets the text of a choice of a text completion."""
    holders = (choice, choice.get("delta"), choice.get("message"))
    names = ("content", "text", "delta", "message")
    if not choice.get("text") and (text := _first(text_of, names, *holders)):
        changes.put(choice, "text", text)


def _has_content(message: Json) -> bool:
    return any(value for name, value in message.items() if name != "role")


# The images


def _find_images(sent: Json, changes: Changes) -> None:
    """Puts images into a list of objects, each with its address: a `data:` URL where the image itself was sent."""
    images = sent.get("images")
    if not images and is_array(data := sent.get("data")):  # as openai has it
        images = data
    if images and not is_array(images):
        changes.put(sent, "images", images := [images])
    found = [_image(image) for image in images or ()]
    if found and found != sent.get("images"):
        changes.put(sent, "images", found)


def _image(sent: Any) -> Any:
    if isinstance(sent, str) and (sent[:8].lower().startswith(SCHEMES) or data_url(sent)):
        return {"url": sent}
    if is_object(sent) and not sent.get("url"):
        data = sent.get("b64_json")
        if not isinstance(data, str) or not data:
            return sent
        if data[:5].lower() == "data:":
            return {**sent, "url": data}
        if url := data_url(data, unknown="application/octet-stream"):
            return {**sent, "url": url}
    return sent


# What is in it


def _find_content(message: Json, choice: Json, changes: Changes, *, whole: bool) -> None:
    content = message.get("content")
    if isinstance(content, list | dict):
        for name, value in split(content, whole=whole).items():
            if name in ("content", KEPT) or not message.get(name):
                changes.put(message, name, value)
    elif not content and isinstance(message.get("text"), str) and message["text"]:
        changes.put(message, "content", message["text"])
    reasoning = message.get("reasoning_content")
    is_there = isinstance(reasoning, str) and reasoning
    if not is_there and (text := _first(text_of, ("reasoning_content", *REASONING), message)):
        changes.put(message, "reasoning_content", text)
    _find_tool_calls(message, choice, changes, whole=whole)


def _find_tool_calls(message: Json, choice: Json, changes: Changes, *, whole: bool) -> None:
    calls: Any = message.get("tool_calls") or choice.get("tool_calls")
    if not calls:
        # As the API had it before there were tools.
        legacy = message.get("function_call") or choice.get("function_call")
        calls = [{"function": legacy}] if is_object(legacy) and any(legacy.values()) else None
    elif isinstance(calls, str):
        with suppress(ValueError, RecursionError):
            calls = json.loads(calls)
    if is_object(calls):
        if {"function", "name"} & calls.keys():
            calls = [calls]
        else:  # by their indexes, or whatever else
            calls = [
                {"index": int(key), **call} if key.isdecimal() else call
                for key, call in calls.items()
                if is_object(call)
            ]
    if not is_array(calls):
        return
    flat = (call for item in calls for call in (item if is_array(item) else [item]))
    found = [_tool_call(call, whole=whole) for call in flat if is_object(call)]
    if found and found != message.get("tool_calls"):
        changes.put(message, "tool_calls", found)


def _tool_call(sent: Json, *, whole: bool) -> Json:
    """A tool call, its function in its place, and the arguments as text. Empty ones of a delta may still come."""
    call = {**sent}
    index = call.get("index")
    if isinstance(index, int) and index < 0:
        call["index"] = None
    function: Any = call.get("function")
    if not is_object(function):
        if not isinstance(call.get("name"), str):
            return call
        function = {"name": call["name"]}
    function = {**function}
    for holder, name in product((function, call), ARGUMENTS):
        if (arguments := holder.get(name)) is not None:
            if arguments == {} and not whole:
                arguments = ""
            function["arguments"] = (
                arguments
                if isinstance(arguments, str)
                else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
            )
            break
    call["function"] = function
    return call


# The rest


def _find_finish_reason(choice: Json, body: Json, changes: Changes) -> None:
    """Sets a choice's finish reason; `body` is what the choice is the only one of."""
    reason = choice.get("finish_reason")
    if reason == "null":
        reason = None
        changes.put(choice, "finish_reason", None)
    if reason and not is_object(reason):
        return
    names = ("finish_reason", "finishReason", "finish_details")
    holders = (choice, choice.get("delta"), choice.get("message"), body)
    if found := _first(_reason, names, *holders):
        changes.put(choice, "finish_reason", found)


def _reason(value: Any) -> Any:
    """A finish reason, as it is or as the type of an object."""
    found = value.get("type") if is_object(value) else value
    return found if isinstance(found, str) and found != "null" else None


def _find_usage(sent: Json, choices: list[Json], changes: Changes, *, output: int | None) -> None:
    """Counts the tokens; those that were generated are `output`, where the server doesn't say."""
    holders = (sent.get("x_groq"), *choices)
    if not sent.get("usage") and (usage := _first(_object, ("usage",), *holders)):
        changes.put(sent, "usage", usage)
    usage = sent.get("usage")
    if not is_object(usage):
        return
    counted = {**usage}
    for name, other in USAGE.items():
        if not counted.get(name) and counted.get(other) is not None:
            counted[name] = counted[other]
            if name == "prompt_tokens" and isinstance(counted[name], int):
                # As Anthropic has them, these aren't counted there.
                cached = (counted.get(part) for part in CACHED)
                counted[name] += sum(part for part in cached if isinstance(part, int))
    prompt, completion = counted.get("prompt_tokens"), counted.get("completion_tokens", output)
    if not counted.get("total_tokens") and isinstance(prompt, int) and isinstance(completion, int):
        counted["total_tokens"] = prompt + completion
    if counted != usage:
        changes.put(sent, "usage", counted)


def _first(read: Callable[[Any], Any], names: Sequence[str], *holders: Any) -> Any:
    """What `read` makes of the first field that it makes something of; None where there is none."""
    for fields in filter(None, map(_object, holders)):
        for name in names:
            if found := read(fields.get(name)):
                return found
    return None


def _object(value: Any) -> Json | None:
    return value if is_object(value) else None


def _text_or_parts(value: Any) -> Any:
    return cast(Any, value) if isinstance(value, str | list) else None
