"""From an operation and its parameters to the bytes to send."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.request import (
    Operation,
    Request,
    build,
    build_request,
    check_path,
    download,
    forwarded,
    jsonable_field,
    streamed_body,
    to_jsonable,
)
from horay_async.errors import ConfigurationError
from horay_async.models.chat import ChatChoice, ChatCompletion, ChatMessage, FunctionCall, ToolCall
from horay_async.models.chat_params import ChatParams
from horay_async.models.completions import Completion, CompletionParams
from horay_async.models.images import ImageParams, ImageResponse
from horay_async.models.models import ModelList, ModelListParams
from horay_async.options import ClientOptions, RetryPolicy, Timeouts

KEY = "sk-0123456789abcdef"

TEXT = Operation(method="POST", path="/completions", params=CompletionParams, response=Completion)
CHAT = Operation(
    method="POST", path="/chat/completions", params=ChatParams, response=ChatCompletion
)
LIST = Operation(method="GET", path="/models", params=ModelListParams, response=ModelList)
IMAGE = Operation(
    method="POST",
    path="/image/generations",
    params=ImageParams,
    response=ImageResponse,
    billed_per_run=True,
)


def options(**given: Any) -> ClientOptions:
    """A client's options."""
    return ClientOptions.of(KEY, **given)


def text(client: ClientOptions | None = None, **params: Any) -> Request:
    """A request for a completion."""
    return build(
        TEXT,
        {"model": "m", "prompt": "p", **params},
        client or options(),
        new_idempotency_key="new",
    )


def body(request: Request) -> dict[str, Any]:
    """The JSON that is sent."""
    assert request.body is not None
    sent: dict[str, Any] = json.loads(request.body)
    return sent


def query(request: Request) -> list[tuple[str, str]]:
    """The query that is sent."""
    return parse_qsl(urlsplit(request.path).query, keep_blank_values=True)


def test_a_completion() -> None:
    """Method, path, body and headers of a plain call; nothing is sent that wasn't given."""
    request = text(temperature=0.5, stop=["a"], logit_bias={"105": 21.4})
    assert (request.method, request.path) == ("POST", "/completions")
    assert body(request) == {
        "model": "m",
        "prompt": "p",
        "temperature": 0.5,
        "stop": ["a"],
        "logit_bias": {"105": 21.4},
    }
    assert request.headers == {"Idempotency-Key": "new"}
    assert request.label == "POST /completions"
    assert not request.billed_per_run
    assert not request.external
    assert not request.keep_truncated
    assert request.choices == 1


def test_none_is_sent() -> None:
    """An explicit None is null; what isn't given isn't there."""
    sent = body(text(seed=None))
    assert sent["seed"] is None
    assert "stop" not in sent


def test_stream_is_a_field() -> None:
    """Streaming is asked for in the body."""
    params = {"model": "m", "prompt": "p"}
    assert (
        body(build(TEXT, params, options(), new_idempotency_key="k", stream=True))["stream"] is True
    )
    assert "stream" not in body(text())


def test_call_options_are_no_fields() -> None:
    """What steers the call isn't sent in its body."""
    request = text(
        timeout=3.0,
        max_retries=5,
        extra_headers={"X-A": "b"},
        extra_query={"a": 1, "flag": True},
        extra_body={"new": [1], "prompt": "other"},
        idempotency_key="mine",
        on_truncation="return",
    )
    assert body(request) == {"model": "m", "prompt": "other", "new": [1]}
    assert request.headers == {"X-A": "b", "Idempotency-Key": "mine"}
    assert request.path == "/completions?a=1&flag=true"
    assert request.label == "POST /completions"
    assert request.timeouts == Timeouts(total=3.0)
    assert request.retry.max_retries == 5
    assert request.keep_truncated


def test_timeouts_of_a_call() -> None:
    """A number changes the deadline alone, `Timeouts` all the timeouts; None lifts the deadline."""
    client = options(timeout=Timeouts(idle=1.0, total=9.0))
    assert text(client).timeouts == Timeouts(idle=1.0, total=9.0)
    assert text(client, timeout=3).timeouts == Timeouts(idle=1.0, total=3)
    assert text(client, timeout=None).timeouts == Timeouts(idle=1.0)
    assert text(client, timeout=Timeouts(queue=1.0)).timeouts == Timeouts(queue=1.0)
    with pytest.raises(ConfigurationError, match="total"):
        text(client, timeout=-1)


def test_retries_of_a_call() -> None:
    """The count can be changed for a call; the rest of the policy stays, its class as well."""

    class Own(RetryPolicy):
        pass

    client = options(retry=Own(max_backoff=1.0))
    request = text(client, max_retries=0)
    assert isinstance(request.retry, Own)
    assert (request.retry.max_retries, request.retry.max_backoff) == (0, 1.0)
    assert text(client, max_retries=client.retry.max_retries).retry is client.retry  # no copy
    assert text(client).retry is client.retry
    with pytest.raises(ConfigurationError, match="max_retries"):
        text(client, max_retries=-1)


def test_truncation_of_a_client() -> None:
    """The client's setting holds unless the call has one."""
    client = options(on_truncation="return")
    assert text(client).keep_truncated
    assert not text(client, on_truncation="raise").keep_truncated


@pytest.mark.parametrize(
    ("given", "choices"),
    [({"n": 3}, 3), ({"extra_body": {"n": 4}}, 4), ({"n": None}, 1), ({"n": 0}, 1), ({"n": -2}, 1), ({}, 1)],
    ids=str,
)  # fmt: skip
def test_choices(given: dict[str, Any], choices: int) -> None:
    """How many choices were asked for, wherever it was said."""
    assert text(**given).choices == choices
    assert build_request("POST", "/x", {}, options(), body=["n"]).choices == 1


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [(["a"], 1), (["a", "b"], 2), ([[1, 2], [3], []], 3), ([1, 2, 3], 1), ([], 1), (None, 1)],
    ids=str,
)
@pytest.mark.parametrize("n", [None, 3])
def test_choices_of_several_prompts(prompt: object, prompts: int, n: int | None) -> None:
    """Each prompt of a list has its own, in whatever way the request is made; a list of tokens is one prompt."""
    body = {"prompt": prompt, "n": n}
    expected = prompts * (n or 1)
    assert text(extra_body=body).choices == expected
    assert build_request("POST", "/completions", {}, options(), body=body).choices == expected
    assert passed_on({}, json.dumps(body).encode())[0].choices == expected


def test_images_are_paid_by_the_piece() -> None:
    """An image's request says so."""
    params = {"model": "m", "prompt": "p", "image_size": "1024x1024"}
    assert build(IMAGE, params, options(), new_idempotency_key="k").billed_per_run


def test_a_list() -> None:
    """The parameters of a GET go into its query; it has neither a body nor an idempotency key."""
    request = build(LIST, {"type": "text", "sub_type": "chat"}, options(), new_idempotency_key="k")
    assert request.path == "/models?type=text&sub_type=chat"
    assert request.body is None
    assert request.headers == {}
    assert build(LIST, {}, options(), new_idempotency_key="k").path == "/models"


def test_queries_join() -> None:
    """The client's query, the call's and one in the path stand side by side; the call's comes last."""
    client = options(default_query={"a": "client", "b": "client"})
    request = build(
        LIST,
        {"type": "text", "extra_query": {"b": "ü&=", "c": 1.5}},
        client,
        new_idempotency_key="k",
    )
    assert query(request) == [("a", "client"), ("b", "ü&="), ("type", "text"), ("c", "1.5")]
    request = build_request("GET", "/x?z=1", {}, client)
    assert query(request) == [("z", "1"), ("a", "client"), ("b", "client")]
    assert build_request("GET", "/x", {}, options(), query={"a": None}).path == "/x"


def test_mismatches_are_refused() -> None:
    """A parameter that doesn't fit is refused before anything is made."""
    with pytest.raises(TypeError, match="unknown parameter 'promt'"):
        build(TEXT, {"model": "m", "promt": "p"}, options(), new_idempotency_key="k")
    with pytest.raises(TypeError, match="missing parameter: prompt"):
        build(TEXT, {"model": "m"}, options(), new_idempotency_key="k")


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_idempotency_key_as_a_header(name: str) -> None:
    """A key that is given as a header is the only one."""
    assert text(extra_headers={name: "mine"}).headers == {name: "mine"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"extra_headers": {"X-A": "a\r\nX-B: b"}}, "extra_headers"),
        ({"extra_headers": {"X-A\n": "a"}}, "extra_headers"),
        ({"extra_headers": {"X A": "a"}}, "extra_headers"),
        ({"extra_headers": {"": "a"}}, "extra_headers"),
        ({"extra_headers": {"X-A": 1}}, "extra_headers"),
        ({"idempotency_key": "a\nb"}, "idempotency_key"),
    ],
    ids=str,
)
def test_headers_are_checked(given: dict[str, Any], named: str) -> None:
    """A header that would break the request is refused."""
    with pytest.raises(ConfigurationError, match=named):
        text(**given)


def test_extra_body_needs_an_object() -> None:
    """Extra fields can't go into a body that has none."""
    with pytest.raises(TypeError, match="extra_body"):
        build_request("POST", "/x", {"extra_body": {"a": 1}}, options(), body=[1])
    with pytest.raises(TypeError, match="extra_body"):
        build(LIST, {"extra_body": {"a": 1}}, options(), new_idempotency_key="k")


def test_texts_and_numbers_of_derived_classes() -> None:
    """They are sent as what they are, such as those that numpy makes."""

    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "something else"

    class Whole(int):
        pass

    class Number(float):
        pass

    sent = text(
        prompt=Text("a"),
        model=Text("m"),
        max_tokens=Whole(3),
        temperature=Number(0.5),
        extra_body={"x": [Text("b")]},
    )
    assert body(sent) == {
        "prompt": "a",
        "model": "m",
        "max_tokens": 3,
        "temperature": 0.5,
        "x": ["b"],
    }
    with pytest.raises(TypeError, match=r"^temperature can't be sent as JSON: it must be a finite"):
        text(extra_body={"temperature": Number("nan")})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"prompt": "\ud800"}, "prompt"),
        ({"extra_body": {"new": object()}}, "new"),
        ({"extra_body": {"new": {"a": {1: {(1, 2): 3}}}}}, "new"),
    ],
    ids=["surrogate", "object", "key"],
)
def test_what_json_can_t_hold(given: dict[str, Any], named: str) -> None:
    """A value that JSON can't hold is refused, and its field named."""
    with pytest.raises(TypeError, match=rf"^{named} can't be sent as JSON: "):
        text(**given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"logit_bias": {"7": float("nan")}}, r"logit_bias\.7"),
        ({"extra_body": {"new": [1, {"a": (0.5, float("inf"))}]}}, r"new\[1\]\.a\[1\]"),
        ({"extra_body": {"new": float("-inf"), "old": None}}, "new"),
        ({"extra_body": {"new": {float("nan")}}}, r"new\[0\]"),
        ({"extra_body": {"new": frozenset([float("nan")])}}, r"new\[0\]"),
    ],
)
def test_numbers_that_are_not_finite(given: dict[str, Any], named: str) -> None:
    """What would silently be sent as null is refused, and named, however deep."""
    with pytest.raises(TypeError, match=rf"^{named} can't be sent as JSON: it must be a finite"):
        text(**given)


def test_body_that_is_not_finite() -> None:
    """A body that is such a number is named as a whole."""
    with pytest.raises(TypeError, match=r"^the body can't be sent as JSON: it must be a finite"):
        build_request("POST", "/x", {}, options(), body=float("nan"))


def test_nulls_are_sent() -> None:
    """None, and the word itself, go out as they are."""
    given = {"new": [None, 0.5, {"a": None, "b": "null"}]}
    assert body(text(extra_body=given))["new"] == given["new"]


def test_bodies_without_fields() -> None:
    """A body that is no object is named as a whole; one that loops is refused as well."""
    with pytest.raises(TypeError, match=r"^the body can't be sent as JSON: "):
        build_request("POST", "/x", {}, options(), body=[object()])
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match=r"^a can't be sent as JSON: "):
        build_request("POST", "/x", {}, options(), body={"b": 1, "a": loop})
    assert build_request("POST", "/x", {}, options()).body is None
    assert build_request("POST", "/x", {}, options(), body="text").body == b'"text"'


def test_culprit_of_a_whole() -> None:
    """Keys that can't be one are the body's own fault."""
    with pytest.raises(TypeError, match=r"^the body can't be sent as JSON: "):
        build_request("POST", "/x", {}, options(), body={(1, 2): "a"})


# Conversations.


def test_messages_of_both_kinds() -> None:
    """Plain dicts go as they are; a response's message goes as the fields that it has."""
    call = ToolCall(id="c-1", function=FunctionCall(name="f", arguments="{}"))
    messages = [
        {"role": "user", "content": "Hi", "name": None},
        ChatMessage(content=None, tool_calls=[call]),
        ChatMessage(content="Done.", refusal=None),
    ]
    request = build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    sent_call = {"id": "c-1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert body(request)["messages"] == [
        {"role": "user", "content": "Hi", "name": None},
        {"role": "assistant", "content": None, "tool_calls": [sent_call]},
        {"role": "assistant", "content": "Done."},
    ]


RESPONSE = ChatCompletion(
    id="c", model="m", choices=[ChatChoice(index=0, message=ChatMessage(content="Hi"))]
)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("hi", "a string: write messages=[{'role': 'user', 'content': 'hi'}]"),
        (None, "None: write messages=[{'role': 'user', 'content': '...'}]"),
        (3, "an integer: write"),
        (True, "a boolean: write"),
        (("user", "hi"), "a list or a tuple: write"),
        (RESPONSE, "a response: append response.choices[0].message"),
        (RESPONSE.choices[0], "a choice: append response.choices[0].message"),
        (RESPONSE.model_dump(), "a response: append response.choices[0].message"),
    ],
)
def test_what_is_no_message(item: Any, said: str) -> None:
    """It is refused, with its place and what to write."""
    with pytest.raises(TypeError) as caught:
        build(
            CHAT,
            {"model": "m", "messages": [{"role": "user"}, item]},
            options(),
            new_idempotency_key="k",
        )
    assert str(caught.value).startswith(f"messages[1] must be a message, not {said}")
    with pytest.raises(ValueError, match=r"messages must not be empty: write messages=\["):
        build(CHAT, {"model": "m", "messages": []}, options(), new_idempotency_key="k")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (RESPONSE, "a response"),
        (RESPONSE.choices[0], "a choice"),
        (RESPONSE.choices[0].message, "a message"),
    ],
)
def test_response_as_content(content: Any, said: str) -> None:
    """What holds a content isn't one."""
    messages = [{"role": "assistant", "content": content}]
    with pytest.raises(TypeError) as caught:
        build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    assert str(caught.value) == (
        f"messages[0].content must be a string or a list of parts, not {said}: write "
        "response.choices[0].message.content"
    )


def test_object_as_content() -> None:
    """A part that isn't in a list is for the server to judge."""
    messages: list[Any] = [{"role": "user", "content": {"type": "text", "text": "Hi"}}]
    made = build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    assert json.loads(made.body or b"")["messages"] == messages


def test_text_among_parts() -> None:
    """A bare text in the place of a part is refused, with its place and what to write."""
    content = [{"type": "text", "text": "Hi"}, "Berlin " * 9]
    messages = [{"content": "Hi"}, {"role": "user", "content": content}]
    with pytest.raises(TypeError) as caught:
        build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    assert str(caught.value) == (
        "messages[1].content[1] must be a part, not a string: "
        "write {'type': 'text', 'text': 'Berlin Berlin Berlin...'}"
    )


def test_messages_in_other_containers() -> None:
    """Tuples and mappings of any kind go as lists and objects."""
    parts = (MappingProxyType({"type": "text", "text": "Hi"}),)
    messages = (MappingProxyType({"role": "user", "content": parts}),)
    request = build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    sent = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert body(request)["messages"] == sent


def test_messages_that_loop() -> None:
    """A message that holds itself is refused, and named."""
    loop: list[Any] = []
    loop.append(loop)
    messages = [{"role": "user", "content": loop}]
    with pytest.raises(TypeError, match=r"^messages can't be sent as JSON: "):
        build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")


def test_plain() -> None:
    """What is no model stays what it is."""
    assert to_jsonable("text") == "text"
    assert to_jsonable(7) == 7
    assert to_jsonable(None) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"model": st.text(), "prompt": st.text()},
        optional={
            "max_tokens": st.none() | st.integers(0, 2**60),
            "temperature": st.none() | st.floats(-1e300, 1e300),
            "stop": st.none() | st.text() | st.lists(st.text()),
            "logit_bias": st.dictionaries(st.text(), st.floats(-100, 100)),
            "n": st.integers(1, 128),
            "echo": st.booleans(),
        },
    ),
    st.dictionaries(st.text(min_size=1), VALUES, max_size=3),
)
def test_json_round_trip(params: dict[str, Any], extra: dict[str, Any]) -> None:
    """What is sent decodes to what was given."""
    request = build(TEXT, {**params, "extra_body": extra}, options(), new_idempotency_key="k")
    assert body(request) == {**params, **extra}


@given(
    st.lists(
        st.dictionaries(st.text(), VALUES, max_size=3)
        | st.builds(ChatMessage, content=st.none() | st.text(), refusal=st.none() | st.text()),
        min_size=1,
    )
)
def test_messages_round_trip(messages: list[Any]) -> None:
    """So do messages of every kind."""
    request = build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")
    for sent, given_ in zip(body(request)["messages"], messages, strict=True):
        if isinstance(given_, ChatMessage):
            assert sent == {
                "role": "assistant",
                "content": given_.content,
                **({} if given_.refusal is None else {"refusal": given_.refusal}),
            }
        else:
            assert sent == given_


@pytest.mark.parametrize("extra", [{"a": "x\ud800"}, {"\udfff": "x"}])
def test_half_a_character_in_a_query(extra: dict[str, Any]) -> None:
    """It has no bytes, and the error names it."""
    with pytest.raises(ConfigurationError, match=r"the query .* holds half a character"):
        build(LIST, {"extra_query": extra}, options(), new_idempotency_key="k")


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans(), max_size=4))
def test_query_round_trip(extra: dict[str, Any]) -> None:
    """Whatever is put into the query comes out of it, and nothing breaks the line."""
    request = build(LIST, {"extra_query": extra}, options(), new_idempotency_key="k")
    spelled = {True: "true", False: "false"}
    assert query(request) == [
        (name, spelled[value] if isinstance(value, bool) else str(value))
        for name, value in extra.items()
    ]
    assert request.path.isascii()
    assert request.path.isprintable()
    assert " " not in request.path


# Paths and places.


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/files", "/files"),
        ("/files/a b", "/files/a%20b"),
        ("/files/größe?x=ü&y=1", "/files/gr%C3%B6%C3%9Fe?x=%C3%BC&y=1"),
        ("/files/a%2Fb", "/files/a%2Fb"),
        ("/a/~b:c@d,e;f=g", "/a/~b:c@d,e;f=g"),
        ("/a#b", "/a%23b"),
        ("/a\\b", "/a%5Cb"),
    ],
)
def test_paths(path: str, sent: str) -> None:
    """A path is encoded where need be, and nowhere else."""
    assert check_path("GET", path) == sent


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "files"),
        ("GET", ""),
        ("GET", "//evil.example/x"),
        ("GET", "https://evil.example/x"),
        ("GET", "/a\r\nX-Evil: 1"),
        ("GET", "/a\nb"),
        ("GET", "/a\0b"),
        ("GET ", "/a"),
        ("GET\r\n", "/a"),
        ("GÉT", "/a"),
        ("", "/a"),
    ],
)
def test_paths_that_can_t_be(method: str, path: str) -> None:
    """What would go elsewhere, or break the line, is refused."""
    with pytest.raises(ConfigurationError):
        check_path(method, path)


@given(st.text())
def test_any_path(path: str) -> None:
    """Whatever is asked for, what is sent is one line below the base URL, or nothing."""
    sent = "/"
    try:
        sent = check_path("GET", path)
    except ConfigurationError:
        assert not path.startswith("/") or path.startswith("//") or not path.isprintable()
    assert sent.startswith("/")
    assert not sent.startswith("//")
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent


def test_download() -> None:
    """A download goes to the URL as it is, and carries neither the client's query nor headers."""
    client = options(default_query={"a": "b"}, default_headers={"X-A": "b"})
    request = download("https://h.example/a%20b.png?sig=x%2B", client, {"timeout": 3})
    assert request.path == "https://h.example/a%20b.png?sig=x%2B"
    assert request.label == "GET https://h.example/a%20b.png"
    assert request.headers == {}
    assert request.external
    assert request.body is None
    assert request.timeouts.total == 3


@pytest.mark.parametrize(
    "url",
    [
        "",
        "island.png",
        "/tmp/island.png",
        "file:///etc/passwd",
        "ftp://h.example/a",
        "https:///a.png",
        "https://[::1/a.png",
        "https://h.example:port/a.png",
        "https://h.example/a b.png",
        "https://h.example/a\r\nX-Evil: 1",
        None,
    ],
)
def test_downloads_that_can_t_be(url: Any) -> None:
    """What is no URL of the web is refused."""
    with pytest.raises(ConfigurationError, match="an http:// or https:// URL is needed"):
        download(url, options(), {})


def test_downloads_never_carry_the_key() -> None:
    """A header with the client's key in it is refused, and named; others go along."""
    client = options()
    sent = {"X-Signature": "s"}
    assert download("https://h.example/a.png", client, {"extra_headers": sent}).headers == sent
    with pytest.raises(ConfigurationError, match="'X-Own' would send the API key"):
        download(
            "https://h.example/a.png",
            client,
            {"extra_headers": {"X-Own": f"Bearer {client.api_key}"}},
        )


def test_download_options_are_checked() -> None:
    """An option of a wrong name is refused."""
    with pytest.raises(TypeError, match="did you mean 'timeout'"):
        download("https://h.example/a.png", options(), {"timeuot": 3})


def test_label_of_a_download_shows_no_password() -> None:
    """A picture's address is named in messages without the user, the password and the query in it."""
    request = download("https://user:secret@pictures.example/a/b.png?sig=1", options(), {})
    assert request.label == "GET https://pictures.example/a/b.png"
    assert (
        download("https://pictures.example", options(), {}).label == "GET https://pictures.example"
    )


# Requests that another library has put together.


def passed_on(
    headers: dict[str, str], body: bytes | None = b"{}", *, method: str = "POST", **more: Any
) -> tuple[Request, bool]:
    """One of them."""
    path = more.pop("path", "/chat/completions")
    return forwarded(
        method,
        path,
        headers,
        body,
        more.pop("call", {}),
        options(),
        new_idempotency_key="new",
        **more,
    )


def test_forwarded_headers() -> None:
    """The connection's own and the key are left out; a key of idempotency is kept, or made where it is needed."""
    given = {"Host": "x", "content-length": "2", "AUTHORIZATION": "Bearer any", "x-a": "1"}
    given |= dict.fromkeys(("Expect", "TE", "Upgrade", "Transfer-Encoding"), "x")
    assert passed_on(given)[0].headers == {"x-a": "1", "Idempotency-Key": "new"}
    assert passed_on({"idempotency-key": "mine"})[0].headers == {"idempotency-key": "mine"}
    assert passed_on(given, None, method="GET")[0].headers == {"x-a": "1"}


@pytest.mark.parametrize(
    ("body", "stream", "choices"),
    [
        (None, False, 1),
        (b"", False, 1),
        (b"{", False, 1),
        (b"\xff{}", False, 1),
        (b'{"stream": true, "n": 3}', True, 3),
        (b'{"stream": "yes", "n": "many"}', False, 1),
        (b'{"stream": null, "n": 0}', False, 1),
        (b"--boundary", False, 1),
    ],
)
def test_forwarded_bodies(body: bytes | None, stream: bool, choices: int) -> None:
    """They go out as they are; what has to be known of them is read where it can be."""
    request, asked = passed_on({}, body)
    assert (request.body, asked, request.choices) == (body, stream, choices)


def test_forwarded_to_another_host() -> None:
    """Without the client's query, with the caller's own authorization, and never with the key."""
    url = "https://other.example/x?a=1"
    request, _ = passed_on({"authorization": "Bearer theirs"}, path=url, external=True)
    assert request.external
    assert (request.path, request.headers) == (url, {"authorization": "Bearer theirs"})
    with pytest.raises(ConfigurationError, match="x-key"):
        passed_on({"x-key": f"a {KEY}"}, path=url, external=True)


def test_forwarded_options() -> None:
    """A call's options hold, and the class of a path decides what may be billed."""
    request, _ = passed_on({}, call={"timeout": 3, "max_retries": 7, "on_truncation": "return"})
    assert (request.timeouts.total, request.retry.max_retries) == (3, 7)
    assert (request.keep_truncated, request.billed_per_run) == (True, False)
    assert passed_on({}, path="/images/generations")[0].billed_per_run


def test_forwarded_options_beside_the_request() -> None:
    """What a call's options send goes before what the request has, and the rest of its body stays as it was written."""
    own: Any = {"X-A": "2", "Authorization": "Bearer other"}
    call = {"bulk": True, "extra_headers": own, "idempotency_key": "mine"}
    call |= {"extra_query": {"b": 2}, "extra_body": {"n": 2, "stream": True}}
    given = {"x-a": "1", "x-b": "1", "idempotency-key": "theirs", "authorization": "Bearer any"}
    request, stream = passed_on(given, b'{"n": 1, "seed": 12345678901234567890123}', call=call)
    assert request.headers == {"x-b": "1", **own, "Idempotency-Key": "mine"}
    assert request.body == b'{"n":2,"seed":12345678901234567890123,"stream":true}'
    assert (request.path, request.bulk) == ("/chat/completions?b=2", True)
    assert (request.choices, stream) == (2, True)


@pytest.mark.parametrize("body", [None, b"--boundary", b"[1]", b'{"a"'])
def test_forwarded_body_that_takes_no_fields(body: bytes | None) -> None:
    """`extra_body` has no place in it; an empty one leaves it as it is."""
    assert passed_on({}, body, call={"extra_body": {}})[0].body == body
    with pytest.raises(TypeError, match="extra_body needs a JSON object"):
        passed_on({}, body, call={"extra_body": {"a": 1}})


def test_forwarded_options_to_another_host() -> None:
    """They hold there, too, but for the key."""
    url = "https://other.example/x"
    call: Any = {"extra_query": {"a": 1}, "extra_headers": {"X-A": "1"}, "idempotency_key": "mine"}
    request, _ = passed_on({}, path=url, external=True, call=call)
    assert (request.path, request.headers) == (
        f"{url}?a=1",
        {"X-A": "1", "Idempotency-Key": "mine"},
    )
    with pytest.raises(ConfigurationError, match="the header 'X-A' would send the API key"):
        passed_on({}, path=url, external=True, call={"extra_headers": {"X-A": KEY}})


def test_body_that_asks_for_a_stream() -> None:
    """An object is told to stream, unless it says otherwise; anything else is sent as it is."""
    assert streamed_body({"a": 1}) == {"a": 1, "stream": True}
    assert streamed_body([1]) == [1]
    assert streamed_body("text") == "text"
    with pytest.raises(TypeError, match="stream is False in the body"):
        streamed_body({"stream": False})


@pytest.mark.parametrize("value", [b"hello", bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_no_text(value: object) -> None:
    """Bytes in a message are refused: the encoder would send base64 of them."""
    messages: Any = [{"role": "user", "content": value}]
    with pytest.raises(TypeError, match="messages can't be sent as JSON: it holds bytes"):
        build(CHAT, {"model": "m", "messages": messages}, options(), new_idempotency_key="k")


@pytest.mark.parametrize("value", [b"abc", bytearray(b"x"), [memoryview(b"x")], {"a": (b"x",)}])
def test_bytes_in_any_field(value: object) -> None:
    """They are refused in every field, as in messages, and the field is named."""
    with pytest.raises(TypeError, match=r"^new can't be sent as JSON: it holds bytes"):
        text(extra_body={"new": value})
    with pytest.raises(TypeError, match=r"^logit_bias can't be sent as JSON: it holds bytes"):
        text(logit_bias={"1": value})
    with pytest.raises(TypeError, match=r"^the body can't be sent as JSON: it holds bytes"):
        jsonable_field("the body", {"x": value})


@pytest.mark.parametrize("items", [[1, "b c", True, None], (1, "b c", True)])
def test_lists_in_a_query(items: object) -> None:
    """Each item goes out under the same name."""
    request = build(LIST, {"extra_query": {"a": items, "z": 1}}, options(), new_idempotency_key="k")
    assert query(request) == [("a", "1"), ("a", "b c"), ("a", "true"), ("z", "1")]


@pytest.mark.parametrize("value", [{"b": 1}, {1}, b"x", [[1]], [{"b": 1}], [b"x"]])
def test_what_a_query_has_no_form_for(value: object) -> None:
    """It is refused, and named: Python's own way to show it would be sent."""
    with pytest.raises(TypeError, match=r"^'a' in the query must be a text, a number"):
        build(LIST, {"extra_query": {"a": value}}, options(), new_idempotency_key="k")
