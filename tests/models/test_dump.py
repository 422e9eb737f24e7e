"""Responses as plain values, under the names that users of openai's package and of pydantic type."""

from __future__ import annotations

import inspect
import json
import math
import re
from decimal import Decimal
from typing import Any

import attrs
import pydantic
import pytest

from horay_async._protocol.wire.decode import decoder
from horay_async.models._base import Response
from horay_async.models.chat import ChatChoice, ChatCompletion, ChatMessage
from horay_async.models.completions import Completion
from horay_async.models.parsed import ParsedChoice, ParsedCompletion, ParsedMessage
from horay_async.models.user import UserInfo
from tests.mutations import RESPONSES, encoded

SENT = {"id": "c", "choices": [{"message": {"content": "Grüße", "x": 1}}], "y": {"z": None}}


@pytest.mark.parametrize("into", RESPONSES, ids=lambda cls: cls.__name__)
def test_every_response(into: type[Response]) -> None:
    """All known fields are there, all the way down, and JSON holds them."""
    response: Any = decoder(into).decode(encoded(RESPONSES[into]))
    dumped = response.model_dump()
    described: Any = into
    assert list(dumped) == [field.name for field in attrs.fields(described)]
    assert json.loads(response.model_dump_json()) == response.model_dump(mode="json")
    assert json.loads(response.to_json()) == response.to_dict() == RESPONSES[into]
    assert vars(response) == response.model_dump(mode="json")


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("model_dump", {"exclude_unset": True, "mode": "json"}, "it takes mode and exclude_none; "),
        ("model_dump_json", {"by_alias": True}, "it takes indent and exclude_none; to_json()"),
        ("to_dict", {"mode": "json"}, "it takes no parameters; it is what the server sent; model"),
        ("to_json", {"exclude_none": True}, "it takes indent; it is what the server sent; model"),
    ],
)
def test_other_parameters(method: str, given: dict[str, Any], words: str) -> None:
    """Those of pydantic's models: the error names the response's class, the parameter, and what there is."""
    chat = decoder(ChatCompletion).decode(encoded(SENT))
    strange = next(iter(given))
    told = f"ChatCompletion.{method}() has no parameter {strange!r}: {words}"
    with pytest.raises(TypeError, match="^" + re.escape(told)):
        getattr(chat, method)(**given)


def test_parts_have_parameters_of_their_own() -> None:
    """The error names the part's class; what `inspect` shows is what the method takes."""
    part: Any = ChatMessage(content="a")
    with pytest.raises(TypeError, match=r"^ChatMessage\.model_dump\(\) has no parameter 'exclude'"):
        part.model_dump(exclude={"role"})
    assert list(inspect.signature(part.model_dump).parameters) == ["mode", "exclude_none"]


def test_known_fields() -> None:
    """What is unknown is left to `to_dict()` and `to_json()`; None can be left out."""
    chat = decoder(ChatCompletion).decode(encoded(SENT))
    assert chat.model_dump()["choices"][0]["message"]["content"] == "Grüße"
    assert "x" not in chat.model_dump()["choices"][0]["message"]
    assert chat.model_dump(exclude_none=True)["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Grüße"}}
    ]
    assert "usage" not in json.loads(chat.model_dump_json(exclude_none=True))
    assert chat.to_json(indent=None) == '{"id":"c","choices":[{"message":{"content":"Grüße","x":1}}],"y":{"z":null}}'  # fmt: skip
    assert chat.to_json().count("\n") > 5
    assert chat.model_dump_json(indent=2).startswith('{\n  "id": "c"')


@pytest.mark.parametrize("indent", [None, 2])
def test_each_digit(indent: int | None) -> None:
    """The text of the JSON has the numbers that no float holds as they were sent."""
    digits = "12345678901234567.89", "1e400", "0.10", "1" * 5000
    sent = f'{{"id":"c","choices":[{{"text":"é"}}],"x":[{",".join(digits)}]}}'
    response = decoder(Completion).decode(sent.encode())
    written = response.to_json(indent=indent)
    assert written.replace("\n", "").replace(" ", "") == sent
    assert response.to_dict()["x"][:3] == [12345678901234567.89, math.inf, 0.1]


def test_what_was_sent_elsewhere() -> None:
    """Reasoning under another name stands in its place here, and where it was in `to_dict()`."""
    sent = {"choices": [{"message": {"content": "a", "reasoning": "b"}}]}
    chat = decoder(ChatCompletion).decode(encoded(sent))
    assert chat.model_dump()["choices"][0]["message"]["reasoning_content"] == "b"
    assert chat.to_dict() == sent


def test_money() -> None:
    """An amount is a `Decimal`, and a string in JSON."""
    user = UserInfo(balance=Decimal("0.10"))
    assert user.model_dump()["balance"] == Decimal("0.10")
    assert user.model_dump(mode="json")["balance"] == "0.10"


def test_made_into_a_class() -> None:
    """What a response was parsed into is dumped as well, whatever kind of class it is."""

    class City(pydantic.BaseModel):
        name: str

    @attrs.define
    class Town:
        name: str

    for made in (City(name="Bonn"), Town(name="Bonn"), {"name": "Bonn"}):
        choice = ParsedChoice(message=ParsedMessage(content="", parsed=made))
        dumped = ParsedCompletion(choices=[choice]).model_dump(mode="json")
        assert dumped["choices"][0]["message"]["parsed"] == {"name": "Bonn"}
    odd = ParsedMessage(content="", parsed=object())
    whole = ParsedCompletion(choices=[ParsedChoice(message=odd)])
    assert whole.model_dump()["choices"][0]["message"]["parsed"] is odd.parsed
    with pytest.raises(TypeError, match="has no JSON form"):
        whole.model_dump_json()


def test_made_by_hand() -> None:
    """A response that no server sent is dumped like any other."""
    chat = ChatCompletion(choices=[ChatChoice(message=ChatMessage(content="a"))])
    assert json.loads(chat.to_json()) == chat.model_dump()
