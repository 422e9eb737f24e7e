"""From bytes to responses: the direct way, the lenient one, envelopes, and what is no response."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._first_use import FIRST_USE
from horay_async._protocol.wire.decode import (
    Decoder,
    ErrorInBody,
    InvalidBody,
    decoder,
    drift_of,
    has_error_field,
    is_error_envelope,
    number_choices,
)
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.completions import Completion, CompletionChoice, CompletionChunk
from horay_async.models.embeddings import EmbeddingResponse
from horay_async.models.images import ImageResponse
from horay_async.models.models import ModelList
from horay_async.models.user import UserInfo
from tests.mutations import RESPONSES
from tests.readers import OTHER_APIS

R = TypeVar("R", bound=Response)


def encoded(value: Any) -> bytes:
    """JSON as a server may send it."""
    return json.dumps(value, ensure_ascii=False).encode()


COMPLETION: dict[str, Any] = {
    "id": "c-1",
    "object": "text_completion",
    "created": 123,
    "model": "m",
    "choices": [
        {
            "text": "Berlin",
            "finish_reason": "stop",
            "logprobs": {"tokens": ["Ber", "lin"], "token_logprobs": [None, -0.1]},
            "seed": 7,
        }
    ],
    "prompt": [{"text": "The", "logprobs": {"tokens": ["The"], "token_logprobs": [-0.5]}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    "x_extra": {"größe": [1, None, 1.5]},
}

CHAT: dict[str, Any] = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 123,
    "model": "m",
    "choices": [
        {"message": {"role": "assistant", "content": "Hi", "x": 1}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}

USER: dict[str, Any] = copy.deepcopy(RESPONSES[UserInfo])
USER["data"]["newField"] = 1


def test_completion() -> None:
    """The documented completion, field by field, and the JSON as it was sent."""
    made = Decoder(Completion)
    response = made.decode(encoded(COMPLETION))
    choice = response.choices[0]
    assert (response.id, response.created, response.model) == ("c-1", 123, "m")
    assert (choice.index, choice.text, choice.finish_reason) == (0, "Berlin", "stop")
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["Ber", "lin"]
    assert choice.logprobs.token_logprobs == [None, -0.1]
    assert response.prompt is not None
    assert response.prompt[0].text == "The"
    assert response.usage is not None
    assert response.usage.total_tokens == 2
    assert response.to_dict() == COMPLETION


def test_while_msgspec_cannot_learn_the_class() -> None:
    """A call that interrupts the making of a decoder, or whose turn doesn't come, reads the same by the converter."""
    data = encoded(COMPLETION)

    made = Decoder(Completion, direct=False)
    assert made.decode_described(data) is None
    assert made.decode_many([data, data], data + b"\n" + data) is None
    responses = [made.decode(data)]
    assert responses == [Decoder(Completion).decode(data)]
    assert drift_of(responses[0]) == drift_of(Decoder(Completion).decode(data))


def test_decoder_is_kept_once_it_is_complete() -> None:
    """One that was made in another's place isn't."""
    class_of_its_own: Any = type("Own", (Completion,), {"__slots__": ()})
    passing = FIRST_USE.alone(lambda: decoder(class_of_its_own), lambda: None)
    assert passing is not decoder(class_of_its_own)
    assert decoder(class_of_its_own) is decoder(class_of_its_own)


def test_what_another_thread_made_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waited for its turn takes it, and makes no second one."""
    made: list[object] = []

    def after_another(make: Callable[[], object], _: object) -> object:
        made[:] = make(), make()
        return made[1]

    monkeypatch.setattr(FIRST_USE, "alone", after_another)
    class_of_its_own: Any = type("Own", (Completion,), {"__slots__": ()})
    own = decoder(class_of_its_own)
    assert made[0] is made[1] is own
    assert own.decode(encoded({**COMPLETION, "x_extra": None})).id == "c-1"


def test_user_is_unwrapped() -> None:
    """The user's envelope is taken off, camelCase read, and money exact."""
    user = Decoder(UserInfo).decode(encoded(USER))
    assert (user.id, user.name, user.status, user.is_admin) == ("u-1", "Ada", "normal", False)
    assert user.balance == Decimal("0.88")
    assert str(user.charge_balance) == "88.00"
    assert user.total_balance == Decimal("88.88")
    assert user.to_dict() == USER


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("123456789012.123456789", Decimal("123456789012.123456789")),
        ("88.00", Decimal("88.00")),
        ("9007199254740993", Decimal(9007199254740993)),
        ("1e400", Decimal("1e400")),
        ("1e99999999999999999999", None),
    ],
)
def test_money_as_a_number(sent: str, read: Decimal | None) -> None:
    """It keeps its digits where a server sends it as a number; that counts as drift."""
    data = b'{"code": 20000, "status": true, "message": "OK", "data": {"id": "u", "balance": %b}}'
    user = Decoder(UserInfo).decode(data % sent.encode())
    assert str(user.balance) == str(read)
    assert ("$.data.balance", "retyped") in drift_of(user)


def test_user_without_its_envelope() -> None:
    """A user that comes bare is read as well."""
    assert Decoder(UserInfo).decode(encoded(USER["data"])).name == "Ada"
    assert Decoder(UserInfo).decode(encoded([USER["data"]])).name == "Ada"
    assert Decoder(UserInfo).decode(encoded({**USER, "data": [USER["data"]]})).name == "Ada"


@pytest.mark.parametrize(
    "into", [Completion, ChatCompletion, ModelList, ImageResponse, UserInfo, CompletionChunk]
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "No."}},
        {"error": "No."},
        {"error": {"message": "No."}, "choices": []},
        [{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}],
        {"code": 20012, "message": "No.", "data": None},
        {"code": "20012", "message": "No."},
        {"code": 20000, "message": "No.", "data": {}, "status": False},
        {"code": 400.0, "message": "No.", "data": {}},
        {"code": "00400", "message": "No.", "data": {}},
        {"status": False, "message": "No."},
        {"object": "error", "message": "No.", "type": "NotFoundError", "code": 404},
        {"message": "No."},
        {"detail": "Not Found"},
        {"detail": [{"loc": ["body"], "msg": "No."}]},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "within", ["nothing", "list", "envelope", "list and envelope", "envelope and list", "envelopes"]
)
def test_failures_are_told(into: type[Response], body: Any, within: str) -> None:
    """A failure is never taken for a response, whatever class was expected, and whatever it is in."""
    envelope: Any = {"code": 20000, "message": "Ok", "status": True}
    forms: dict[str, Any] = {
        "nothing": body,
        "list": body if isinstance(body, list) else [body],
        "envelope": {**envelope, "data": body},
        "list and envelope": [{**envelope, "data": body}],
        "envelope and list": {**envelope, "data": body if isinstance(body, list) else [body]},
        "envelopes": {**envelope, "data": {"code": 0, "data": body}},
    }
    sent = forms[within]
    with pytest.raises(ErrorInBody):
        Decoder(into).decode(encoded(sent))


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("into", [Completion, ChatCompletion, ModelList, ImageResponse, UserInfo])
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "isn't valid JSON"),
        (b"<html>", "isn't valid JSON"),
        (b'{"id": "x", "choices": [', "isn't valid JSON"),
        (b'{"created": NaN}', "isn't valid JSON"),
        (b'{"choices": [], "x": Infinity}', "isn't valid JSON"),
        (b'{"id": "\\ud800', "isn't valid JSON"),
        (b'{"id": "\xff"}', "isn't valid UTF-8"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b"null", "expected a JSON object, got null"),
        (b'"x"', "expected a JSON object, got a string"),
        (b"7", "expected a JSON object, got a number"),
        (b"true", "expected a JSON object, got a boolean"),
        (b'{"code": 20000, "data": null}', "expected a JSON object, got null"),
        (b"{}", "holds none of the fields"),
        (b'{"hello": "world"}', "holds none of the fields"),
        (b'{"code": 20000, "message": "OK", "data": {}}', "holds none of the fields"),
        (b'{"choices": "none", "data": 7, "images": {}}', "holds none of the fields"),
    ],
    ids=str,
)
def test_what_is_no_response(into: type[Response], body: bytes, problem: str) -> None:
    """Bytes that hold no response are refused, in words that say why."""
    with pytest.raises(InvalidBody, match=problem):
        Decoder(into).decode(body)


def test_a_list_where_an_object_is_due() -> None:
    """A bare list is the list that the response is about; a user has none."""
    assert Decoder(ModelList).decode(b'[{"id": "m"}]').data[0].id == "m"
    assert Decoder(ModelList).decode(b'{"code": 20000, "data": [{"id": "m"}]}').data[0].id == "m"
    assert Decoder(ModelList).decode(b'{"code": 20000, "status": true, "data": []}').data == []
    with pytest.raises(InvalidBody, match="got an array"):
        Decoder(UserInfo).decode(b"[]")


def test_list_of_one_response() -> None:
    """A whole response in a list is that response; objects of something else aren't its choices."""
    body = {"id": "c", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    found = Decoder(ChatCompletion).decode(encoded([body]))
    assert (found.id, found.choices[0].message.content) == ("c", "Hi")
    assert (
        Decoder(ChatCompletion).decode(encoded(body["choices"])).choices[0].message.content == "Hi"
    )
    others: list[list[dict[str, str]]] = [[{"status": "queued"}], [{"choices": "none"}], [{}, {}]]
    for other in others:
        with pytest.raises(InvalidBody, match="holds none of the fields"):
            Decoder(ChatCompletion).decode(encoded(other))


@pytest.mark.parametrize("into", [Completion, ChatCompletion])
def test_message_that_is_text(into: type[Completion | ChatCompletion]) -> None:
    """A choice whose message is the text itself, or an object around it."""
    for message in ("Hi", {"text": "Hi"}, {"content": {"text": "Hi"}}):
        body = {"choices": [{"message": message, "finish_reason": "stop"}]}
        choice = Decoder(into).decode(encoded(body)).choices[0]
        assert (
            choice.text if isinstance(choice, CompletionChoice) else choice.message.content
        ) == "Hi"


@pytest.mark.parametrize("where", ["known", "unknown", "late"])
def test_utf8_is_checked_everywhere(where: str) -> None:
    """Invalid UTF-8 is found where nothing reads it, too: `to_dict()` has to give it back."""
    body = {
        "known": b'{"id": "\xff", "choices": [{"text": "a"}]}',
        "unknown": b'{"x": "\xff", "choices": [{"text": "a"}]}',
        "late": b'{"choices": [{"text": "a", "x": "\xff"}]}',
    }[where]
    good = b'{"choices": [{"text": "\xc3\xa4"}]}'
    for decode in (
        lambda: Decoder(Completion).decode(body),
        lambda: many(Decoder(CompletionChunk), [good, body]),
    ):
        with pytest.raises(InvalidBody, match="UTF-8"):
            decode()


def test_empty_list_is_a_response() -> None:
    """A response whose list is empty is one."""
    assert Decoder(ModelList).decode(b'{"object": "list", "data": []}').data == []
    assert Decoder(ModelList).decode(b'{"data": []}').data == []
    assert Decoder(Completion).decode(b'{"id": "x", "choices": []}').id == "x"


def test_response_in_an_envelope() -> None:
    """An envelope around any other response is taken off too, and a list of one around that."""
    wrapped = {"code": 20000, "message": "OK", "data": COMPLETION}
    made = Decoder(Completion)
    assert made.decode(encoded(wrapped)).choices[0].text == "Berlin"
    assert made.decode(encoded(wrapped)).to_dict() == wrapped
    assert made.decode(encoded({"status": True, "data": COMPLETION})).id == "c-1"
    assert made.decode(encoded({"code": "20000", "data": COMPLETION})).id == "c-1"
    assert made.decode(encoded([wrapped])).choices[0].text == "Berlin"
    assert made.decode(encoded({**wrapped, "data": [COMPLETION]})).choices[0].text == "Berlin"


MARKS: list[dict[str, Any]] = [
    {"code": 0, "message": "Success"},
    {"code": 200, "message": "OK"},
    {"code": 20000, "message": "OK", "data": {}},
    {"status": True, "message": "OK"},
    {"status": False, "data": None},
]


@pytest.mark.parametrize("marks", MARKS, ids=str)
def test_marks_of_an_envelope_beside_the_response(marks: dict[str, Any]) -> None:
    """Some servers put their code and message into the response itself: what it holds is there all the same."""
    assert Decoder(Completion).decode(encoded({**COMPLETION, **marks})).choices[0].text == "Berlin"
    chunk = {"choices": [{"index": 0, "delta": {"content": "NOT "}}], **marks}
    assert Decoder(ChatCompletionChunk).decode(encoded(chunk)).choices[0].delta.content == "NOT "
    models = {**marks, "object": "list", "data": [{"id": "m"}]}
    assert [model.id for model in Decoder(ModelList).decode(encoded(models)).data] == ["m"]
    with pytest.raises((ErrorInBody, InvalidBody)):
        Decoder(Completion).decode(encoded({"choices": [], **marks}))
    pictures = {**marks, "images": [{"url": "https://h/a.png"}]}
    assert Decoder(ImageResponse).decode(encoded(pictures)).images[0].url == "https://h/a.png"
    if marks.get("status") is not False and marks.get("data") is None:
        assert Decoder(UserInfo).decode(encoded({**USER["data"], **marks})).name == "Ada"


@pytest.mark.parametrize("code", [0, 200, 200.0, 20000, "0", "00000", "", "Success", "ok"])
def test_codes_of_success(code: Any) -> None:
    """Gateways that put a response into an envelope spell it in one of these ways; a chunk without choices may have one, too."""
    wrapped = {"code": code, "message": "success", "data": COMPLETION}
    assert Decoder(Completion).decode(encoded(wrapped)).choices[0].text == "Berlin"
    assert JSONDecoder().decode(encoded(wrapped)).json == wrapped
    last: dict[str, Any] = {
        "code": code,
        "message": "Success",
        "choices": [],
        "usage": {"total_tokens": 7},
    }
    usage = Decoder(ChatCompletionChunk).decode(encoded(last)).usage
    assert usage is not None
    assert usage.total_tokens == 7


OWN: list[Any] = [
    {"id": "resp_1", "object": "response", "error": {"code": "server_error"}, "output": ["paid"]},
    {"object": "fine_tuning.job", "status": "failed", "error": {"message": "bad file"}},
    {"id": "video_1", "status": "failed", "error": {"message": "no"}, "code": 7, "message": "x"},
    {"code": "print(1)", "message": "here it is"},
]


@pytest.mark.parametrize("sent", OWN, ids=str)
def test_objects_that_tell_of_an_error(sent: Any) -> None:
    """Of paths that nothing describes: what became of the object is no failure of the request for it."""
    assert JSONDecoder().decode(encoded(sent)).json == sent


@pytest.mark.parametrize(
    "sent",
    [
        {"error": {"message": "no"}},
        {"object": "error", "message": "no", "code": 40004},
        {"code": 50000, "message": "no"},
        {"code": "x", "error": "no"},
        {"code": "50505", "message": "no"},
        {"object": "error", "id": "e1", "message": "no"},
        [{"error": {"message": "no"}}],
    ],
    ids=str,
)
def test_failures_of_any_path(sent: Any) -> None:
    """What is nothing but an error is one of the request."""
    with pytest.raises(ErrorInBody):
        JSONDecoder().decode(encoded(sent))


def test_error_beside_choices_is_kept() -> None:
    """A whole response that has choices is one, even where the server remarks on something."""
    response = Decoder(Completion).decode(encoded({**COMPLETION, "error": "partly"}))
    assert response.to_dict()["error"] == "partly"


@pytest.mark.parametrize("reason", [None, ""])
@pytest.mark.parametrize("told", ["upstream died", {"message": "upstream died", "code": 502}])
def test_error_beside_choices_that_arent_finished(reason: str | None, told: Any) -> None:
    """Is why they aren't; what there is of them is kept."""
    choice = {"index": 0, "text": "half a", "finish_reason": reason}
    with pytest.raises(ErrorInBody) as caught:
        Decoder(Completion).decode(encoded({**COMPLETION, "choices": [choice], "error": told}))
    assert isinstance(caught.value.response, Completion)
    assert caught.value.response.choices[0].text == "half a"


RETYPED: list[tuple[str, Any, str, Any]] = [
    ("created", "123", "created", 123),
    ("created", 123.0, "created", 123),
    ("created", "soon", "created", 0),
    ("created", None, "created", 0),
    ("created", True, "created", 0),
    ("id", 7, "id", "7"),
    ("id", {"a": 1}, "id", ""),
    ("usage", "none", "usage", None),
    ("usage", [], "usage", None),
    ("prompt", "The", "prompt", None),
    ("system_fingerprint", 7, "system_fingerprint", "7"),
]


@pytest.mark.parametrize(("field", "value", "name", "read"), RETYPED, ids=str)
def test_retyped_field(field: str, value: Any, name: str, read: Any) -> None:
    """A field of another type is read if it can be, and never costs the others."""
    made = Decoder(Completion)
    body = {**COMPLETION, field: value}
    response = made.decode(encoded(body))
    assert getattr(response, name) == read
    assert response.choices[0].text == "Berlin"
    assert response.choices[0].logprobs is not None
    assert response.model == "m"
    assert response.to_dict() == body


def test_retyped_within() -> None:
    """The same goes for fields within."""
    body: dict[str, Any] = {
        "id": "c",
        "choices": [
            {"index": "0", "message": {"role": "assistant", "content": [
                {"type": "text", "text": "Hel"}, {"type": "image_url"}, {"type": "text", "text": "lo"}
            ], "tool_calls": {}}, "finish_reason": 7, "logprobs": "none"},
            None,
            {"index": 1.0, "message": "Hello", "finish_reason": "stop"},
        ],
    }  # fmt: skip
    response = Decoder(ChatCompletion).decode(encoded(body))
    first, second = response.choices
    assert first.message.content == "Hello"
    assert (first.index, first.finish_reason, first.logprobs) == (0, "7", None)
    assert first.message.tool_calls is None
    assert (second.index, second.message.content, second.finish_reason) == (1, "Hello", "stop")
    assert response.to_dict() == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=3)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(st.sampled_from(sorted(attrs.fields_dict(Completion))), JSON)
def test_any_retyped_field(name: str, value: Any) -> None:
    """Whatever a field turns into, the rest is there, and all of it comes back. Nothing fails but a response whose choices are none."""
    body = {**COMPLETION, name: value}
    try:
        response: Any = Decoder(Completion).decode(encoded(body))
    except InvalidBody as problem:
        assert name == "choices"
        assert not isinstance(value, list | dict)
        response = problem.response
    assert response.to_dict() == body
    for other in ("id", "created", "model", "usage", "prompt"):
        if other != name:
            assert getattr(response, other) == getattr(
                Decoder(Completion).decode(encoded(COMPLETION)), other
            )


@given(JSON)
def test_any_json(value: Any) -> None:
    """Any JSON is a response, a failure, or no response; nothing else happens."""
    data = encoded(value)
    for into in (Completion, ChatCompletionChunk, UserInfo, ModelList):
        with contextlib.suppress(InvalidBody, ErrorInBody):
            assert decoder(into).decode(data).to_dict() == value
    try:
        assert JSONDecoder().decode(data).json == value
    except ErrorInBody:
        assert is_error_envelope(data)


def test_any_decoder() -> None:
    """Whatever has no class of its own is taken as it is; failures are told, too."""
    response = JSONDecoder().decode(b'{"data": [1], "x": {"y": "z"}}')
    assert response["x"]["y"] == "z"
    assert response.to_dict() == response.json
    assert JSONDecoder().decode(b"[7]")[0] == 7
    with pytest.raises(ErrorInBody):
        JSONDecoder().decode(b'{"error": "No."}')
    with pytest.raises(InvalidBody):
        JSONDecoder().decode(b"No.")


def test_numbers_beyond_the_usual() -> None:
    """Integers of any size are exact; a number beyond a float doesn't cost the response."""
    big = 10**40
    body = b'{"created": 1, "choices": [{"text": "a"}], "big": %d, "huge": 1e999}' % big
    sent = Decoder(Completion).decode(body).to_dict()
    assert sent["big"] == big
    assert sent["huge"] == float("inf")


def chunks(*texts: str) -> list[bytes]:
    """Chunks of one text each."""
    return [encoded({"id": "c", "choices": [{"index": 0, "text": text}]}) for text in texts]


def many(made: Decoder[R], datas: list[bytes]) -> list[R]:
    """`datas`, decoded in one go where that is all there is to it, and one by one otherwise."""
    lines = b"\n".join(datas)
    responses = made.decode_many(datas, lines)
    if responses is not None and made.are_described(responses, lines):
        return responses
    return [made.decode(data) for data in datas]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_be_decoded_in_one_go(count: int) -> None:
    """One is decoded by itself."""
    datas = chunks(*"ab"[:count])
    assert Decoder(CompletionChunk).decode_many(datas, b"\n".join(datas)) is None


@pytest.mark.parametrize("count", [2, 7])
def test_many(count: int) -> None:
    """Many chunks decode as one by one, and each keeps its own bytes."""
    made = Decoder(CompletionChunk)
    datas = chunks(*(f"größe {number}" for number in range(count)))
    responses = made.decode_many(datas, b"\n".join(datas))
    assert responses is not None
    assert [response.text for response in responses] == [
        f"größe {number}" for number in range(count)
    ]
    assert [response.to_dict() for response in responses] == [json.loads(data) for data in datas]


@pytest.mark.parametrize(("more", "described"), [({}, True), ({"x": 1}, False)])
def test_many_are_described(more: dict[str, Any], described: bool) -> None:
    """Chunks that hold all that the API describes, and no more, need no second look."""
    choice = {"index": 0, "text": "a", "finish_reason": None, "logprobs": None}
    sent = {"id": "c", "object": "text_completion", "created": 1, "model": "m", **more}
    datas = [encoded({**sent, "choices": [choice]})] * 2
    lines = b"\n".join(datas)
    responses = Decoder(CompletionChunk).decode_many(datas, lines)
    assert responses is not None
    assert Decoder(CompletionChunk).are_described(responses, lines) is described


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id": 7, "choices": [{"text": "x"}]}',
        b'{\n"id": "7", "choices": [{"text": "x"}]\n}',
        b'{"id": "7", "choices": [], "usage": {"total_tokens": 1}}',
        b'{"code": 20000, "data": {"id": "7", "choices": [{"text": "x"}]}}',
        b"{}",
    ],
)
def test_many_with_an_odd_one(odd: bytes) -> None:
    """One that needs a closer look doesn't cost the others."""
    datas = [*chunks("a"), odd, *chunks("b")]
    responses = many(Decoder(CompletionChunk), datas)
    assert [response.to_dict() for response in responses] == [json.loads(data) for data in datas]
    assert (responses[0].text, responses[2].text) == ("a", "b")
    assert responses[1].id == ("" if odd == b"{}" else "7")


@pytest.mark.parametrize(
    "bad",
    [
        [b'{"id": "a"}{"id": "b"}', b""],
        [b'{"id": "a"}, {"id": "b"', b'"x": 1}'],
        [b'{"id": "a"', b', "x": 1}'],
        [b'{"id": "a"} x', b"{}"],
    ],
)
def test_many_never_shifts(bad: list[bytes]) -> None:
    """Events that are only JSON together aren't taken for chunks."""
    with pytest.raises(InvalidBody):
        many(Decoder(CompletionChunk), bad)


def test_many_tells_failures() -> None:
    """A failure among chunks is told."""
    with pytest.raises(ErrorInBody):
        many(Decoder(CompletionChunk), [*chunks("a"), b'{"code": 50505, "message": "Busy"}'])


def test_many_of_a_class_spelled_otherwise() -> None:
    """A class in camelCase has no direct way, in a batch either."""
    data = encoded(USER["data"])
    assert Decoder(UserInfo).decode_many([data, data], data + data) is None


def test_class_without_a_list() -> None:
    """A class that names no list of its own is looked at closely each time."""

    @attrs.define(kw_only=True)
    class Plain(Response):
        id: str = ""

    assert Decoder(Plain).decode(b'{"id": "x"}').id == "x"
    with pytest.raises(ErrorInBody):
        Decoder(Plain).decode(b'{"error": "No."}')


def test_choices_are_numbered() -> None:
    """Choices without an index get their position; those that have one keep it."""
    made = Decoder(Completion)
    bare = made.decode(encoded({"choices": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}))
    assert [choice.index for choice in bare.choices] == [0, 1, 2]
    own = made.decode(encoded({"choices": [{"text": "a", "index": 2}, {"text": "b", "index": 0}]}))
    assert [choice.index for choice in own.choices] == [2, 0]
    single = made.decode(encoded({"choices": [{"text": "a", "index": 3}]}))
    assert single.choices[0].index == 3
    number_choices(single.choices)
    assert single.choices[0].index == 3


def test_bare_chunks_pass() -> None:
    """A chunk may say nothing at all: some servers keep a stream alive that way."""
    made = Decoder(ChatCompletionChunk)
    assert not made.says_something(made.decode(b"{}"))
    assert made.decode(b'{"x": 1}').to_dict() == {"x": 1}
    assert made.says_something(made.decode(encoded(CHAT)))


def test_decoders_are_made_once() -> None:
    """The decoder of a class is shared."""
    assert decoder(Completion) is decoder(Completion)


@pytest.mark.parametrize(
    ("body", "failure", "error"),
    [
        (b'{"error": "No."}', True, True),
        (b'{"error": "No.", "choices": [1]}', False, True),
        (b'{"error": null, "choices": []}', False, False),
        (b'{"error": {"code": null, "message": ""}, "choices": [1]}', False, False),
        (b'{"error": {"code": 1}, "choices": [1]}', False, True),
        (b'{"code": 7, "message": ""}', True, False),
        (b'{"choices": []}', False, False),
        (b"[]", False, False),
        (b"<html>", False, False),
    ],
)
def test_reports(body: bytes, failure: bool, error: bool) -> None:
    """What reports a failure, and what has an error in it."""
    assert is_error_envelope(body) is failure
    assert has_error_field(body) is error


def test_half_a_character_is_mended() -> None:
    """An escape of half a character becomes U+FFFD; the rest of the response, and a whole one, stay."""
    body = b'{"id": "\\ud83d", "choices": [{"text": "\\ud83d\\ude00 a\\\\ud83d \\ude00."}]}'
    response = decoder(Completion).decode(body)
    assert response.id == "\ufffd"
    assert response.choices[0].text == "\U0001f600 a\\ud83d \ufffd."
    assert response.to_dict()["id"] == "\ufffd"
    assert JSONDecoder().decode(b'{"x": "\\ud83d"}').to_dict() == {"x": "\ufffd"}


def test_nothing_on_offer_is_a_response() -> None:
    """A bare empty list says that there are no models; of a completion it says nothing."""
    assert len(decoder(ModelList).decode(b"[]")) == 0
    with pytest.raises(InvalidBody, match="got an array"):
        decoder(Completion).decode(b"[]")
    with pytest.raises(InvalidBody, match="got an array"):
        decoder(ModelList).decode(b"[1]")


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (b'{"choices":[{},{},{}]}', False),
        (b'{"choices":[{"text":"{{{[[[,,,,,,,,,,,,,,,,,,,,,,,,,,,,"}]}', True),
        (b'{"choices":[{"text":"\\"{{{[[[,,,,,,,,,,,,,,,,,,,,,,,"}]}', True),
        (b'{"choices":[{"x":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]}]}', False),
        (b'{"choices":[{"x":[1,2,3,4,5,6,7]}]}', True),
    ],
)
def test_objects_are_counted(body: bytes, fits: bool) -> None:
    """More objects, lists or values than are allowed are refused; those in a text are none."""
    for made in (Decoder(Completion), JSONDecoder()):
        if fits:
            assert made.decode(body, max_objects=4).to_dict() == json.loads(body)
            continue
        with pytest.raises(InvalidBody, match="max_response_objects"):
            made.decode(body, max_objects=4)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"text": 7}] * 20_000},
        {"choices": [{"text": ""}], **{f"x{number}": 1 for number in range(20_000)}},
        {"choices": [{"logprobs": {"tokens": [], "token_logprobs": [], "top_logprobs": [
            {str(number): "x" for number in range(20_000)}]}}]},
    ],
    ids=["list", "object", "dict"],
)  # fmt: skip
def test_drift_is_bounded(body: Any) -> None:
    """A body in which everything differs is still a response; not all of that is counted."""
    made = Decoder(Completion)
    response = made.decode(encoded(body))
    assert response.choices
    assert 10_000 < len(drift_of(response)) < 10_100


@pytest.mark.parametrize("into", [ChatCompletion, Completion])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"object": "job", "created": 1, "model": "m"},
        {"choices": None, "usage": None},
        {"usage": {"total_tokens": 1}},
    ],
)
def test_job_in_place_of_a_response(into: type[Response], fields: dict[str, Any]) -> None:
    """Some servers take a request, and respond later: what they say until then is no response."""
    body = json.dumps({"id": "job-17", "status": "queued", **fields}).encode()
    with pytest.raises(InvalidBody, match="has no choices, but 'status'"):
        decoder(into).decode(body)


USAGE = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}


@pytest.mark.parametrize("into", [ChatCompletion, Completion])
@pytest.mark.parametrize(("sent", "names"), OTHER_APIS.values(), ids=list(OTHER_APIS))
def test_response_of_another_api(into: type[Response], sent: dict[str, Any], names: str) -> None:
    """One that a gateway hands through is told by what it holds, though its tokens are counted, and is in the error."""
    with pytest.raises(InvalidBody) as caught:
        decoder(into).decode(encoded(sent))
    assert str(caught.value) == f"has no choices, but {names}"
    assert caught.value.response is not None
    assert caught.value.response.to_dict() == sent


@pytest.mark.parametrize("into", [ChatCompletion, Completion])
@pytest.mark.parametrize("choices", [{}, {"choices": None}, {"choices": "none"}])
def test_tokens_without_choices(into: type[Response], choices: dict[str, Any]) -> None:
    """Tokens that are counted are no response; a list of choices is one, though it is empty."""
    with pytest.raises(InvalidBody, match=r"has no choices$"):
        decoder(into).decode(encoded({"id": "c", "usage": USAGE, **choices}))
    decoder(into).decode(encoded({"id": "c", "usage": USAGE, "choices": []}))


@pytest.mark.parametrize(
    "item",
    [
        {"message": {"content": "Hi"}},
        {"message": "Hi", "index": 0},
        {"message": "Hi", "finish_reason": "stop", "code": "x"},
        {"text": "Hi", "status": True, "data": None},
    ],
)
def test_only_choice_is_no_report(item: Any) -> None:
    """A bare list of one choice, which may have fields of a report beside."""
    assert Decoder(ChatCompletion).decode(encoded([item])).choices[0].message.content == "Hi"


@pytest.mark.parametrize(
    "marks",
    [
        {"code": 500, "message": "over"},
        {"code": "503", "message": "over"},
        {"code": 429.0, "message": "over"},
        {"status": "error", "message": "over"},
        {"status": "Failed", "message": "over"},
        {"status": False, "message": "over"},
    ],
    ids=str,
)
def test_failures_beside_what_is_not_finished(marks: dict[str, Any]) -> None:
    """They say that it isn't all; beside what is finished they are a remark, and without a message, or by another code, no failure."""
    choice: dict[str, Any] = {"text": "a", "index": 0}
    with pytest.raises(ErrorInBody) as caught:
        Decoder(Completion).decode(encoded({"choices": [choice], **marks}))
    assert cast("Completion", caught.value.response).choices[0].text == "a"
    done = {**choice, "finish_reason": "stop"}
    assert Decoder(Completion).decode(encoded({"choices": [done], **marks}))
    for harmless in ({**marks, "message": None}, {"code": 1, "message": "over"}):
        assert Decoder(Completion).decode(encoded({"choices": [choice], **harmless}))


@pytest.mark.parametrize("at", [0, 1])
def test_error_among_images(at: int) -> None:
    """It stands in the place of one, which nobody could use."""
    images: list[Any] = [{"url": "https://h/a.png"}]
    images.insert(at, {"error": {"message": "filtered"}})
    with pytest.raises(InvalidBody, match="'error' in the place of one") as caught:
        Decoder(ImageResponse).decode(encoded({"images": images}))
    assert len(cast("ImageResponse", caught.value.response).images) == 2


OTHER = {"data": [{"id": "other", "index": 0, "embedding": [9.0], "url": "https://other"}]}


@pytest.mark.parametrize("name", ["result", "response"])
@pytest.mark.parametrize(
    ("into", "own"),
    [
        (EmbeddingResponse, {"object": "list", "data": [{"index": 0, "embedding": [1.0]}]}),
        (EmbeddingResponse, {"data": [{"index": 0, "embedding": [1.0]}]}),
        (ImageResponse, {"images": [{"url": "https://right"}]}),
        (ModelList, {"object": "list", "data": [{"id": "right"}]}),
        (UserInfo, {"id": "u", "name": "n"}),
        (ChatCompletion, {"choices": [{"message": {"content": "right"}}]}),
    ],
)
def test_own_field_with_a_name_of_envelopes(
    into: type[Any], own: dict[str, Any], name: str
) -> None:
    """It doesn't take the place of the response that it stands in."""
    alone = decoder(into).decode(json.dumps(own).encode())
    assert decoder(into).decode(json.dumps({**own, name: OTHER}).encode()) == alone


@pytest.mark.parametrize("name", ["data", "result", "response"])
@pytest.mark.parametrize(
    "beside", [{}, {"success": True}, {"message": "ok"}, {"code": 0}, {"id": "x"}]
)
@pytest.mark.parametrize("listed", [True, False])
def test_envelopes(name: str, beside: dict[str, Any], listed: bool) -> None:
    """With a code or without one, around a response or a list of one; also of a chunk that counts tokens alone."""
    usage: dict[str, Any] = {"choices": [], "usage": {"total_tokens": 7}}
    inner = [usage] if listed else usage
    chunk = decoder(ChatCompletionChunk).decode(json.dumps({**beside, name: inner}).encode())
    assert chunk.usage is not None
    assert chunk.usage.total_tokens == 7


@pytest.mark.parametrize("into", [ChatCompletionChunk, ChatCompletion, ModelList])
@pytest.mark.parametrize("name", ["data", "result", "response"])
def test_error_in_an_envelope_without_a_code(name: str, into: type[Any]) -> None:
    """It is one, where nothing else stands there."""
    with pytest.raises(ErrorInBody):
        decoder(into).decode(json.dumps({name: {"error": {"message": "no"}}}).encode())


@pytest.mark.parametrize("choices", [["text"], [[{"index": 0}]], [None], "text", 5])
def test_choices_that_are_no_objects(choices: Any) -> None:
    """The response would have none. A chunk without is passed over: more of the stream may come."""
    body = json.dumps({"id": "x", "choices": choices}).encode()
    for into in (ChatCompletion, Completion):
        with pytest.raises(InvalidBody, match="choices"):
            decoder(into).decode(body)
    assert decoder(ChatCompletionChunk).decode(body).choices == []
