"""Responses in pydantic's world: fields of its models, responses of FastAPI's endpoints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import fastapi
import pydantic
import pytest
from starlette.testclient import TestClient

from horay_async import ChatCompletion, ChatCompletionChunk, Completion, ModelList, UserInfo
from horay_async._protocol.wire.decode import decoder
from horay_async.models._base import Response
from horay_async.models.messages import SystemMessage, TextPart
from tests.mutations import RESPONSES, STREAMS, encoded
from tests.processes import printed_by

SENT: dict[type[Response], Any] = {**RESPONSES, **{into: all_[1] for into, all_ in STREAMS.items()}}

EACH = pytest.mark.parametrize("into", SENT, ids=lambda cls: cls.__name__)


def made(into: type[Response]) -> Any:
    """A response, or a chunk, as it was sent."""
    return decoder(into).decode(encoded(SENT[into]))


@EACH
def test_a_field_of_a_model(into: type[Response]) -> None:
    """An instance passes as it is, and comes back from JSON."""
    model: Any = pydantic.create_model("Stored", response=(into, ...))
    response = made(into)
    stored = model(response=response)
    assert stored.response is response
    assert stored.model_dump(mode="json")["response"] == response.model_dump(mode="json")
    assert model.model_validate_json(stored.model_dump_json()).response == response
    assert model.model_validate({"response": response.model_dump()}).response == response
    schema = model.model_json_schema()
    assert schema["$defs"][into.__name__]["properties"].keys() == response.model_dump().keys()


def test_what_does_not_fit() -> None:
    """A value of a wrong type is pydantic's own error."""
    adapter = pydantic.TypeAdapter(ChatCompletion)
    with pytest.raises(pydantic.ValidationError, match=r"choices\.0"):
        adapter.validate_python({"choices": [7]})
    with pytest.raises(pydantic.ValidationError):
        adapter.validate_json('{"choices": "a"}')


def test_messages() -> None:
    """Messages keep what tells them apart, which is no argument of theirs."""
    adapter = pydantic.TypeAdapter(SystemMessage)
    message = SystemMessage([TextPart("a")])
    assert adapter.validate_json(adapter.dump_json(message)).role == "system"
    assert adapter.validate_python(message) is message


@EACH
def test_an_endpoint(into: type[Response]) -> None:
    """An endpoint can return one, with and without an annotation; the OpenAPI page shows its fields."""
    app, response = fastapi.FastAPI(), made(into)

    def endpoint() -> Any:
        return response

    app.get("/annotated", response_model=into)(endpoint)
    app.get("/bare", response_model=None)(endpoint)
    app.get("/list", response_model=list[into])(lambda: [response])  # type: ignore[valid-type] # a class, told at run time
    app.get("/without", response_model=into, response_model_exclude_none=True)(endpoint)
    with TestClient(app) as client:
        plain = response.model_dump(mode="json")
        assert client.get("/annotated").json() == plain
        assert client.get("/bare").json() == plain
        assert client.get("/list").json() == [plain]
        assert client.get("/without").json() == response.model_dump(mode="json", exclude_none=True)
        shown = client.get("/openapi.json").json()["components"]["schemas"][into.__name__]
    assert shown["properties"].keys() == plain.keys()
    assert shown["title"] == into.__name__
    assert shown["description"].startswith((into.__doc__ or "")[:10])


def test_money() -> None:
    """Money stays exact."""
    adapter = pydantic.TypeAdapter(UserInfo)
    user = UserInfo(balance=Decimal("0.10"))
    assert adapter.validate_json(adapter.dump_json(user)).balance == Decimal("0.10")


def test_not_loaded_before_it_is_asked_for() -> None:
    """Importing the models, and dumping one, loads no pydantic."""
    code = (
        "import sys; from horay_async import ChatCompletion; ChatCompletion().model_dump_json(); "
        "assert 'pydantic' not in sys.modules"
    )
    printed_by("-c", code)


def test_empty_ones() -> None:
    """A response without a value in any field passes, too."""
    for into in (ChatCompletion, ChatCompletionChunk, Completion, ModelList):
        adapter: Any = pydantic.TypeAdapter(into)
        assert adapter.validate_json("{}") == into()
