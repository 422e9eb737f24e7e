"""What a request's fields may hold: the documented ranges, and the message of each refusal.

Pure: every check takes a field's name and its value, and raises `ApiProblem` (400) naming both the
field and what it allows. The ranges are those of the public API reference; where it is silent the
wider range of this family of servers holds, and the line below says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, get_args

from horay_async._json import is_array, is_object
from horay_async.models.images import ImageSize
from horay_async.models.models import ModelSubType, ModelType

from .errors import ApiProblem

Check = Callable[[str, object], None]

INT32_MAX: Final = 2**31 - 1
IMAGE_SIZES: Final[tuple[str, ...]] = get_args(ImageSize)
IMAGE_SEEDS: Final = (1, 9999999998)
TOOL_CHOICES: Final = ("none", "auto", "required")
RESPONSE_FORMATS: Final = ("text", "json_object", "json_schema")
ENCODING_FORMATS: Final = ("float", "base64")
# Texts of one request for embeddings, as OpenAI's reference has it.
MAX_INPUTS: Final = 2048


def refuse(name: str, message: str) -> ApiProblem:
    """A 400 about one field."""
    return ApiProblem(400, f"{name} {message}", param=name, code="invalid_value")


def number(low: float, high: float, *, above: bool = False) -> Check:
    """A finite number from `low` to `high`; with `above`, `low` itself is out."""
    start = f"above {low:g}" if above else f"at least {low:g}"
    end = "" if math.isinf(high) else f" and at most {high:g}"

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(name, f"must be a number {start}{end}")
        if not low <= value <= high or (above and value == low) or value == math.inf:
            raise refuse(name, f"must be {start}{end}, got {value}")

    return check


def integer(low: int, high: int = INT32_MAX) -> Check:
    """A whole number from `low` to `high`, both included; no further than llama.cpp can count."""
    allowed = f"at least {low}" if high == INT32_MAX else f"from {low} to {high}"

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse(name, f"must be an integer {allowed}")
        if not low <= value <= high:
            bound = f"at most {high}" if value > high == INT32_MAX else allowed
            raise refuse(name, f"must be {bound}, got {value}")

    return check


def must_be(expected: str, fits: Callable[[Any], object]) -> Check:
    """A value for which `fits` is true; `expected` is what to call such a value."""

    def check(name: str, value: object) -> None:
        if not fits(value):
            raise refuse(name, f"must be {expected}")

    return check


def one_of(choices: Collection[str]) -> Check:
    """One of a few strings."""
    return must_be(f"one of {', '.join(choices)}", choices.__contains__)


any_integer: Final = must_be("an integer", lambda value: type(value) is int)
boolean: Final = must_be("true or false", lambda value: isinstance(value, bool))
string: Final = must_be("a string", lambda value: isinstance(value, str))
tool_choice: Final = must_be(
    f"one of {', '.join(TOOL_CHOICES)}, or a function by its name",
    lambda value: value in TOOL_CHOICES or _function_name(value) is not None,
)
# This family also takes one string alone.
stops: Final = must_be(
    "an array of non-empty strings",
    lambda value: all(
        isinstance(item, str) and item for item in (value if is_array(value) else [value])
    ),
)


def logit_bias(name: str, value: object) -> None:
    """An object from token ids, written as strings, to numbers from -100 to 100."""
    if not is_object(value):
        raise refuse(name, 'must be an object from token ids to numbers, such as {"105": 21.4}')
    for token, bias in value.items():
        if not (token.isascii() and token.isdigit() and int(token[:11]) <= INT32_MAX):
            raise refuse(name, f"must have token ids as its keys, got {token[:40]!r}")
        number(-100, 100)(f"{name}.{token}", bias)


def completion_logprobs(name: str, value: object) -> None:
    """`true`, `false`, or the number of alternatives that older clients of this family send."""
    if not isinstance(value, bool):
        integer(0, 20)(name, value)


def stream_options(name: str, value: object) -> None:
    """An object whose `include_usage`, if there, is a boolean."""
    if not is_object(value):
        raise refuse(name, "must be an object")
    if value.get("include_usage") is not None:
        boolean(f"{name}.include_usage", value["include_usage"])


def messages(name: str, value: object) -> None:
    """A non-empty array of objects with a `role`; their contents are llama.cpp's to judge."""
    if not is_array(value) or not value:
        raise refuse(name, "must be a non-empty array of messages")
    for place, message in enumerate(value):
        if not is_object(message) or not isinstance(message.get("role"), str):
            raise refuse(f"{name}[{place}]", "must be an object with a role and a content")


def tools(name: str, value: object) -> None:
    """An array of functions with a name; `schemas` checks their parameters."""
    if not is_array(value):
        raise refuse(name, "must be an array of tools")
    for place, tool in enumerate(value):
        if _function_name(tool) is None:
            raise refuse(f"{name}[{place}]", "must be a function with a name")


def _function_name(value: object) -> str | None:
    """The name in `{"type": "function", "function": {"name": ...}}`; None in anything else."""
    if not is_object(value) or value.get("type", "function") != "function":
        return None
    function: object = value.get("function")
    name: object = function.get("name") if is_object(function) else None
    return name if isinstance(name, str) and name else None


def response_format(name: str, value: object) -> None:
    """Text, any JSON object, or JSON by a schema, which `schemas` checks."""
    if not is_object(value) or value.get("type") not in RESPONSE_FORMATS:
        raise refuse(name, f"must be an object whose type is one of {', '.join(RESPONSE_FORMATS)}")
    if value["type"] == "json_schema":
        described: object = value.get("json_schema")
        schema: object = described.get("schema") if is_object(described) else None
        if not isinstance(schema, dict | bool):
            raise refuse(f"{name}.json_schema", "must be an object with a schema")


def embedding_input(name: str, value: object) -> None:
    """A text, its token ids, or an array of one or the other; none of them empty."""
    items: list[object] = value if is_array(value) and value and not _is_id(value[0]) else [value]
    if len(items) > MAX_INPUTS:
        raise refuse(name, f"must have at most {MAX_INPUTS} texts, got {len(items)}")
    for item in items:
        if isinstance(item, str) and item:
            continue
        if not is_array(item) or not item or not all(_is_id(token) for token in item):
            raise refuse(
                name, "must be a string, an array of token ids, or an array of those, none empty"
            )
    if len({isinstance(item, str) for item in items}) > 1:
        raise refuse(name, "must not mix strings and token ids")


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT32_MAX


SAMPLING: Final[Mapping[str, Check]] = {
    "max_tokens": integer(1),
    "stop": stops,
    # The reference describes 0 to 1; this family, and so its clients, go up to 2.
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    # 0 and -1 both switch it off, as elsewhere in this family.
    "top_k": integer(-1),
    "repetition_penalty": number(0, math.inf, above=True),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "logit_bias": logit_bias,
    "n": integer(1, 128),
    "seed": any_integer,
    "stream": boolean,
    "stream_options": stream_options,
    "grammar": string,  # llama.cpp's own
}
COMPLETION: Final[Mapping[str, Check]] = {
    "model": string,
    "prompt": string,
    "echo": boolean,
    "logprobs": completion_logprobs,
    **SAMPLING,
}
CHAT: Final[Mapping[str, Check]] = {
    "model": string,
    "messages": messages,
    "max_completion_tokens": integer(1),
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "tools": tools,
    "tool_choice": tool_choice,
    "response_format": response_format,
    **SAMPLING,
}
IMAGE: Final[Mapping[str, Check]] = {
    "model": string,
    "prompt": string,
    "image_size": one_of(IMAGE_SIZES),
    "seed": integer(*IMAGE_SEEDS),
}
EMBEDDING: Final[Mapping[str, Check]] = {
    "model": string,
    "input": embedding_input,
    "encoding_format": one_of(ENCODING_FORMATS),
    "dimensions": integer(1),
}
MODEL_FILTERS: Final[Mapping[str, Check]] = {
    "type": one_of(get_args(ModelType)),
    "sub_type": one_of(get_args(ModelSubType)),
}


def validate(
    body: Mapping[str, object], checks: Mapping[str, Check], required: Collection[str]
) -> dict[str, Any]:
    """The fields of `body` that are set, checked; null counts as unset, unknown fields pass.

    Raises `ApiProblem` (400) for the first field that is missing or out of its range.
    """
    for name in required:
        if body.get(name) is None:
            hint = f": {', '.join(IMAGE_SIZES)}" if name == "image_size" else ""
            raise refuse(name, f"is required{hint}")
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in checks:
            checks[name](name, value)
    return given
