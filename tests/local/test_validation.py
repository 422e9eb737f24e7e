"""The documented ranges, and refusals that name the field."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async.local import validation
from horay_async.local.errors import ApiProblem

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
COMPLETION = {"model": "m", "prompt": "p"}
IMAGE = {"model": "m", "prompt": "p", "image_size": "768x512"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", True),
        ("max_tokens", 2**31),
        ("max_tokens", 1.5),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "hot"),
        ("top_p", 1.01),
        ("top_p", -0.01),
        ("top_k", -2),
        ("repetition_penalty", 0),
        ("repetition_penalty", float("inf")),
        ("presence_penalty", 2.01),
        ("presence_penalty", -2.01),
        ("frequency_penalty", 2.01),
        ("frequency_penalty", -2.01),
        ("n", 0),
        ("n", 129),
        ("seed", "7"),
        ("seed", 7.0),
        ("stop", 4),
        ("stop", [""]),
        ("stop", ["a", 1]),
        ("stream", "yes"),
        ("stream_options", []),
        ("logit_bias", [1]),
        ("logit_bias", {"berlin": 1}),
        ("logit_bias", {"105": "much"}),
        ("logit_bias", {"105": 101}),
        ("logit_bias", {str(2**32 + 105): 1}),
        ("prompt", ["p"]),
        ("prompt", 5),
        ("model", 5),
        ("echo", 1),
        ("logprobs", -1),
        ("logprobs", "all"),
    ],
)
def test_out_of_range(name: str, value: object) -> None:
    """A value outside its documented range is a 400 whose message and param name the field."""
    with pytest.raises(ApiProblem) as caught:
        validation.validate(COMPLETION | {name: value}, validation.COMPLETION, ("model", "prompt"))
    assert caught.value.status == 400
    assert caught.value.message.startswith(name)
    assert (caught.value.param or "").startswith(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 1),
        ("temperature", 0),
        ("temperature", 2),
        ("top_p", 0),
        ("top_p", 1),
        ("top_k", -1),
        ("repetition_penalty", 0.01),
        ("presence_penalty", -2),
        ("presence_penalty", 2.0),
        ("frequency_penalty", 2),
        ("n", 1),
        ("n", 128),
        ("seed", -5),
        ("seed", 2**70),
        ("stop", "END"),
        ("stop", []),
        ("logit_bias", {"105": 21.4, "1024": -10.5}),
        ("logprobs", True),
        ("logprobs", 0),
        ("prompt", ""),
        ("stream_options", {"include_usage": True}),
    ],
)
def test_in_range(name: str, value: object) -> None:
    """The ends of each range are inside it."""
    body = COMPLETION | {name: value}
    assert validation.validate(body, validation.COMPLETION, ("model", "prompt")) == body


def test_message_tells_the_range() -> None:
    """A refusal says what would be right."""
    with pytest.raises(ApiProblem, match=r"^n must be from 1 to 128, got 129$"):
        validation.validate(COMPLETION | {"n": 129}, validation.COMPLETION, ())
    for given, bound in ((10**12, "at most 2147483647"), (0, "at least 1")):
        with pytest.raises(ApiProblem, match=rf"^max_tokens must be {bound}, got {given}$"):
            validation.validate(COMPLETION | {"max_tokens": given}, validation.COMPLETION, ())
    with pytest.raises(ApiProblem, match=r"^temperature must be at least 0 and at most 2, got 3$"):
        validation.validate(COMPLETION | {"temperature": 3}, validation.COMPLETION, ())


@pytest.mark.parametrize("body", [{"model": "m"}, {"model": "m", "prompt": None}])
def test_required(body: dict[str, Any]) -> None:
    """A required field that is missing or null is named."""
    with pytest.raises(ApiProblem, match=r"^prompt is required$"):
        validation.validate(body, validation.COMPLETION, ("model", "prompt"))


def test_null_is_unset() -> None:
    """Null for an optional field is as good as leaving it out."""
    body = COMPLETION | {"temperature": None, "stop": None}
    assert validation.validate(body, validation.COMPLETION, ("model", "prompt")) == COMPLETION


def test_unknown_fields_pass() -> None:
    """What the reference doesn't know is not refused."""
    assert (
        validation.validate(COMPLETION | {"user": "me"}, validation.COMPLETION, ())["user"] == "me"
    )


@pytest.mark.parametrize("value", [[], {}, "hi", ["hi"], [{"content": "hi"}], [{"role": 1}]])
def test_messages(value: object) -> None:
    """Messages are a non-empty array of objects with a role."""
    with pytest.raises(ApiProblem, match=r"^messages"):
        validation.validate(CHAT | {"messages": value}, validation.CHAT, ("model", "messages"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", {}),
        ("tools", [{"type": "function"}]),
        ("tools", [{"type": "function", "function": {"name": ""}}]),
        ("tools", [{"type": "retrieval", "function": {"name": "f"}}]),
        ("tool_choice", "f"),
        ("tool_choice", {"type": "function"}),
        ("tool_choice", ["auto"]),
        ("response_format", "json_object"),
        ("response_format", {"type": "xml"}),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "n"}}),
    ],
)
def test_wrong_form(name: str, value: object) -> None:
    """Tools and response formats are refused by name where llama.cpp would pass over them."""
    with pytest.raises(ApiProblem) as caught:
        validation.validate(CHAT | {name: value}, validation.CHAT, ())
    assert (caught.value.param or "").startswith(name)
    assert caught.value.message.startswith(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", []),
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("tool_choice", "none"),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
        ("response_format", {"type": "text"}),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {}}}),
    ],
)
def test_right_form(name: str, value: object) -> None:
    """What the API's vocabulary has for tools and response formats passes."""
    assert validation.validate(CHAT | {name: value}, validation.CHAT, ())[name] == value


@pytest.mark.parametrize("seed", [0, 9999999999, -1, 1.5])
def test_image_seed(seed: object) -> None:
    """An image's seed lies strictly between 0 and 9999999999."""
    with pytest.raises(ApiProblem, match=r"^seed must be .*from 1 to 9999999998"):
        validation.validate(IMAGE | {"seed": seed}, validation.IMAGE, ())


def test_image_size() -> None:
    """An image's size is one of six, and a refusal lists them."""
    for size in validation.IMAGE_SIZES:
        validation.validate(IMAGE | {"image_size": size}, validation.IMAGE, ())
    for wrong in ("1x1", 5, ["768x512"]):
        with pytest.raises(ApiProblem, match=r"^image_size must be one of .*1024x576"):
            validation.validate(IMAGE | {"image_size": wrong}, validation.IMAGE, ())
    with pytest.raises(ApiProblem, match=r"^image_size is required: .*768x1024"):
        validation.validate({"model": "m", "prompt": "p"}, validation.IMAGE, ("image_size",))
