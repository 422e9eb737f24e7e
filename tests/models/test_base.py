"""What every response has: the JSON as it was sent, its meta, and both through copies and pickles."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatChunkChoice, ChatCompletionChunk, ChatDelta
from horay_async.models.completions import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
)
from horay_async.models.images import ImageResponse
from horay_async.models.meta import Attempt, ResponseMeta
from horay_async.models.models import ModelInfo, ModelList
from horay_async.models.raw import JSONResponse
from horay_async.models.user import UserInfo
from tests.readers import made_meta

BODIES: dict[type[Response], dict[str, Any]] = {
    Completion: {"id": "c", "choices": [{"text": "a", "x": 1}], "x": {"y": None}},
    CompletionChunk: {"id": "c", "choices": [{"text": "a", "x": 1}], "x": 1},
    ChatCompletion: {"id": "c", "choices": [{"message": {"content": "a", "x": 1}}], "x": 1},
    ChatCompletionChunk: {"id": "c", "choices": [{"delta": {"content": "a"}}], "x": 1},
    ModelList: {"data": [{"id": "m", "x": 1}]},
    ImageResponse: {"images": [{"url": "u", "x": 1}], "timings": {"inference": 1}},
    UserInfo: {"code": 20000, "message": "OK", "data": {"id": "u", "balance": "0.88", "x": 1}},
}

EACH = pytest.mark.parametrize("into", BODIES, ids=lambda cls: cls.__name__)


def pickled(protocol: int) -> Callable[[Any], Any]:
    """Through a pickle and back."""
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {version}": pickled(version) for version in range(2, pickle.HIGHEST_PROTOCOL + 1)},
}

WAYS = pytest.mark.parametrize("way", COPIES.values(), ids=list(COPIES))


def meta(headers: Any) -> ResponseMeta:
    """How a response came about."""
    attempts = (Attempt(started=0.0, status=200),)
    return made_meta(headers=headers, attempts=attempts, connect=0.1, first_byte=0.2, total=0.3)


def received(into: type[Response]) -> Response:
    """A response as it comes from the wire."""
    response = decoder(into).decode(json.dumps(BODIES[into]).encode())
    response.meta = meta(CIMultiDictProxy(CIMultiDict({"X-Request-Id": "r", "Set-Cookie": "a"})))
    return response


@EACH
def test_to_dict(into: type[Response]) -> None:
    """A response gives back exactly what was sent."""
    assert received(into).to_dict() == BODIES[into]


@EACH
@WAYS
def test_copies(into: type[Response], way: Callable[[Any], Any]) -> None:
    """A copy is equal, gives back the same JSON, and knows how it came about."""
    response = received(into)
    again = way(response)
    assert again == response
    assert type(again) is into
    assert again.to_dict() == BODIES[into]
    assert again.meta.attempts == response.meta.attempts
    assert again.meta.headers["x-request-id"] == "r"
    assert repr(again) == repr(response)


@WAYS
def test_copies_of_what_was_made_by_hand(way: Callable[[Any], Any]) -> None:
    """An object that never was on the wire has neither JSON nor meta, and its copy neither."""
    again = way(Completion(id="c", choices=[CompletionChoice(text="a")]))
    assert again == Completion(id="c", choices=[CompletionChoice(text="a")])
    assert not hasattr(again, "meta")
    assert again.to_dict()["choices"][0]["text"] == "a"


def test_deepcopy_is_deep() -> None:
    """A deep copy shares nothing that can change."""
    response = received(Completion)
    assert isinstance(response, Completion)
    again = copy.deepcopy(response)
    again.choices[0].text = "b"
    again.meta.status = 500
    assert response.choices[0].text == "a"
    assert response.meta.status == 200


@WAYS
def test_copies_of_any_response(way: Callable[[Any], Any]) -> None:
    """The response of `request(...)` is no exception."""
    response = JSONDecoder().decode(b'{"a": [1]}')
    again = way(response)
    assert isinstance(again, JSONResponse)
    assert again["a"] == [1]
    assert again.to_dict() == {"a": [1]}


@pytest.mark.parametrize(
    "headers",
    [{"a": "b"}, MappingProxyType({"a": "b"}), CIMultiDict({"a": "b"})],
    ids=lambda h: type(h).__name__,
)
@WAYS
def test_copies_of_meta(headers: Any, way: Callable[[Any], Any]) -> None:
    """Headers of every kind survive."""
    again = way(meta(headers))
    assert dict(again.headers) == {"a": "b"}
    assert attrs.evolve(again, headers={}) == attrs.evolve(meta({}), headers={})


class View(Mapping[str, str]):
    """Headers that know no copying of their own, and can't be pickled."""

    def __getitem__(self, name: str) -> str:
        return {"a": "b"}[name]

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


@WAYS
def test_meta_of_a_view(way: Callable[[Any], Any]) -> None:
    """Headers that can't be copied become a dict."""
    assert way(meta(View())).headers == {"a": "b"}


def test_repr_holds_no_headers() -> None:
    """Headers can hold secrets, and aren't shown."""
    assert "secret" not in repr(meta({"Set-Cookie": "secret"}))


def test_text_of_a_chunk() -> None:
    """A chunk's text is that of choice 0, wherever it stands, and empty where there is none."""
    first, second = CompletionChunkChoice(index=1, text="b"), CompletionChunkChoice(text="a")
    assert CompletionChunk(choices=[first, second]).text == "a"
    assert CompletionChunk(choices=[first]).text == ""
    assert CompletionChunk().text == ""
    one = ChatChunkChoice(index=1, delta=ChatDelta(content="b"))
    other = ChatChunkChoice(delta=ChatDelta(content="a"))
    assert ChatCompletionChunk(choices=[one, other]).text == "a"
    assert ChatCompletionChunk(choices=[one, ChatChunkChoice()]).text == ""
    assert ChatCompletionChunk(choices=[one]).text == ""


def test_models_are_a_list() -> None:
    """The model list is iterable and has a length."""
    models = ModelList(data=[ModelInfo(id="a"), ModelInfo(id="b")])
    assert [model.id for model in models] == ["a", "b"]
    assert len(models) == 2


def test_money_by_hand() -> None:
    """An object made by hand gives its fields as they are."""
    assert UserInfo(balance=Decimal("0.88")).to_dict()["balance"] == Decimal("0.88")
