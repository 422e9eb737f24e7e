"""From items of a batch to requests."""

from __future__ import annotations

import inspect
import json
from typing import Any

import attrs
import msgspec
import pytest

from horay_async import (
    BadRequestError,
    MessageDict,
    RateLimitError,
    RetryPolicy,
    ServiceOverloadedError,
    Timeouts,
    UserMessage,
)
from horay_async._protocol.wire.check_parameters import required_parameters
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.embeddings import EmbeddingDecoder
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.batch import BatchRequest, InvalidRequestError
from horay_async.batch.operations import OPERATIONS
from horay_async.batch.preparer import (
    Preparer,
    _Body,
    name_of,
)
from horay_async.batch.request_lines import RequestLine
from horay_async.batch.work_item import WorkItem
from horay_async.errors import APIConnectionError, APIError
from horay_async.models.chat import ChatCompletion
from horay_async.models.completions import Completion
from horay_async.models.images import ImageResponse
from horay_async.options import ClientOptions
from horay_async.resources.chat import AsyncChatCompletions
from horay_async.resources.completions import AsyncCompletions
from horay_async.resources.embeddings import AsyncEmbeddings
from horay_async.resources.images import AsyncImages
from horay_async.tools.define import Tool

from .conftest import line

OPTIONS = ClientOptions.of("a-key-for-nothing", max_retries=5)
MESSAGES: list[MessageDict] = [{"role": "user", "content": "hi"}]
CHAT = {"model": "m", "messages": MESSAGES}


def prepare(item: object, index: int = 7) -> WorkItem:
    return Preparer(OPTIONS).prepare(item, index)


def body_of(work: WorkItem) -> Any:
    assert work.request.body is not None
    return json.loads(work.request.body)


def complaint(item: object) -> str:
    """What is wrong with an item."""
    with pytest.raises(InvalidRequestError) as caught:
        prepare(item)
    return str(caught.value)


def test_typed_requests() -> None:
    """Each operation has its constructor, which takes the operation's parameters."""
    chat = prepare(BatchRequest.chat(custom_id="a", model="m", messages=MESSAGES))
    text = prepare(BatchRequest.completion(model="m", prompt="Once", max_tokens=3, n=2))
    image = prepare(BatchRequest.image(model="m", prompt="p", image_size="768x512"))
    assert [work.request.path for work in (chat, text, image)] == [
        "/chat/completions",
        "/completions",
        "/image/generations",
    ]
    assert [work.custom_id for work in (chat, text)] == ["a", "request-7"]
    assert body_of(chat) == CHAT
    assert chat.into is decoder(ChatCompletion)
    assert (text.size.max_tokens, text.size.choices, text.into) == (3, 2, decoder(Completion))
    assert image.request.billed_per_run
    assert image.into is decoder(ImageResponse)


def test_custom_id_that_is_no_text() -> None:
    """It is told, and not replaced: by it alone a result is told from others."""
    wrong: Any = 7
    assert complaint(BatchRequest.chat(custom_id=wrong, model="m", messages=MESSAGES)) == (
        "custom_id must be a string; got 7"
    )


def test_lines_of_typed_requests() -> None:
    """They ask for the same as the requests."""
    request = BatchRequest.chat(
        custom_id="a", model="m", messages=[UserMessage("hü")], extra_body={"top_k": 3}
    )
    text = request.to_line()
    assert "\n" not in text
    fields = json.loads(text)
    assert {**fields, "body": None} == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": None,
    }
    assert body_of(prepare(fields)) == fields["body"] == body_of(prepare(request))
    vectors = BatchRequest.embedding(custom_id="b", model="m", input=["x"])
    assert json.loads(vectors.to_line())["body"] == {"model": "m", "input": ["x"]}
    numbers = BatchRequest.embedding(
        custom_id="b", model="m", input=range(3), extra_body={"encoding_format": "float"}
    )
    body = {"model": "m", "input": [0, 1, 2], "encoding_format": "float"}
    assert json.loads(numbers.to_line())["body"] == body
    with pytest.raises(ValueError, match="input"):
        BatchRequest.embedding(custom_id="b", model="m", input=[]).to_line()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "needs a custom_id, a text; got None"),
        ({"custom_id": 7}, "needs a custom_id, a text; got 7"),
        ({"custom_id": "a", "timeout": 3.0}, "can't hold timeout: set it on the client"),
        ({"custom_id": "a", "temperature": "hot"}, "temperature must be a number"),
        ({"custom_id": "a", "messages": []}, "messages must not be empty"),
    ],
)
def test_typed_requests_without_a_line(params: dict[str, Any], told: str) -> None:
    """What a line has no place for is refused, and what can't be sent."""
    chat: Any = BatchRequest.chat
    with pytest.raises((TypeError, ValueError), match=told):
        chat(**{**CHAT, **params}).to_line()


def test_typed_requests_take_call_options() -> None:
    """Those steer the call and aren't sent as fields."""
    work = prepare(BatchRequest.completion(model="m", prompt="", idempotency_key="k", timeout=3.0))
    assert work.request.timeouts.total == 3.0
    assert work.request.headers == {"Idempotency-Key": "k"}
    assert body_of(work) == {"model": "m", "prompt": ""}


def test_requests_wait_for_limits_as_long_as_it_takes() -> None:
    """Whatever the client's timeouts say, or their own; all other timeouts hold."""
    options = ClientOptions.of("a-key-for-nothing", timeout=Timeouts(queue=1, idle=2))
    own = BatchRequest.completion(model="m", prompt="", timeout=Timeouts(queue=3, total=4))
    preparer = Preparer(options)
    assert preparer.prepare(line("a"), 0).request.timeouts == Timeouts(idle=2)
    assert preparer.prepare(own, 1).request.timeouts == Timeouts(total=4)


def test_max_completion_tokens_counts_before_max_tokens() -> None:
    """As servers have it."""
    both = {"max_completion_tokens": 9, "max_tokens": 5}
    typed = BatchRequest.chat(
        model="m",
        messages=[{"role": "user", "content": "?"}],
        max_completion_tokens=9,
        max_tokens=5,
    )
    assert prepare(typed).size.max_tokens == 9
    assert prepare(line("a", url="/chat/completions", body={**CHAT, **both})).size.max_tokens == 9


@pytest.mark.parametrize("url", ["/v1/completions", "/completions"])
def test_lines(url: str) -> None:
    """The form of batch files, with or without the version in the path."""
    item = line(
        "a", url=url, body={"model": "m", "prompt": "é", "max_tokens": 4, "unknown": [1.50]}
    )
    work = prepare(item)
    assert (work.custom_id, work.index, work.item) == ("a", 7, item)
    assert work.request.path == "/completions"
    assert body_of(work) == item["body"]
    assert (work.size.max_tokens, work.size.choices) == (4, 1)


def test_body_of_a_file_is_sent_as_it_is_written() -> None:
    """Byte by byte, so that nothing is lost on the way."""
    raw = b'{"prompt": "x", "model":"m",  "seed": 1.0e0, "stream": false, "n": 3}'
    item = RequestLine("a", "POST", "/v1/completions", msgspec.Raw(raw))
    work = prepare(item)
    assert work.request.body == raw
    assert work.size.length == len(raw)
    assert (work.item, work.size.choices, work.size.max_tokens) == (item, 3, None)


def test_other_paths() -> None:
    """What has no method is sent all the same, and not twice where it may have been run."""
    work = prepare(line("a", url="/v1/rerank", body={"input": "x"}))
    assert work.request.path == "/rerank"
    assert work.request.billed_per_run
    assert isinstance(work.into, JSONDecoder)


def test_every_request_has_its_idempotency_key() -> None:
    """A different one each."""
    keys = {prepare(line("a")).request.headers["Idempotency-Key"] for _ in range(5)}
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (3, "BatchRequest objects, or mappings .* got a value of type int"),
        (CHAT, "BatchRequest objects, or mappings .* write BatchRequest.chat"),
        ({"url": "/v1/completions"}, "custom_id must be a string; it is missing"),
        (line("a", custom_id=3), "custom_id must be a string; got 3"),
        (line("a", method="GET"), "method must be \"POST\"; got 'GET'"),
        (line("a", method=None), 'method must be "POST"; it is missing'),
        (line("a", url="completions"), "url must be a path .* got 'completions'"),
        (line("a", url="https://api.openai.com/v1/completions"), "url must be a path"),
        (line("a", url=None), "url must be a path .* it is missing"),
        (line("a", url="//elsewhere/x"), "the path starts with one '/'"),
        (line("a", body=None), "body must be a JSON object; it is missing"),
        (line("a", method=10**5000), "method must be .* got a value of type int"),
        (
            RequestLine("a", "POST", "/v1/completions", msgspec.Raw(b'{"x": "\xff"}')),
            "body must be UTF-8",
        ),
        (line("a", body=[1]), r"body must be a JSON object; got \[1\]"),
        (line("a", body={"prompt": object(), "model": "m"}), "prompt can't be sent as JSON"),
        (line("a", body={"model": "m"}), "body.prompt is missing"),
        (line("a", url="/v1/chat/completions"), "body.messages is missing"),
        (line("a", url="/v1/image/generations"), "body.image_size is missing"),
        (
            line("a", body={"model": "m", "prompt": "", "stream": True}),
            "body.stream must be false: a batch takes whole responses",
        ),
        (BatchRequest.completion(model="m", prompt=3), "prompt must be a string"),  # type: ignore[arg-type] # the mistake # pyright: ignore[reportArgumentType] - as above
        (
            BatchRequest.completion(model="m", prompt="", extra_headers={"a": "b\n"}),
            "line break",
        ),
    ],
)
def test_what_is_wrong_is_named(item: object, words: str) -> None:
    """An item that can't be sent says which field is to blame."""
    with pytest.raises(InvalidRequestError, match=words):
        prepare(item)


def test_long_values_are_shown_in_part() -> None:
    """A complaint stays readable."""
    assert len(complaint(line("a", method="x" * 1000))) < 150


def test_names_of_unusable_items() -> None:
    """An item's id where it has one, else its place."""
    assert name_of({"custom_id": "a"}, 3) == "a"
    assert name_of(BatchRequest.completion(custom_id="b", model="", prompt=""), 3) == "b"
    assert name_of({"custom_id": 5}, 3) == "request-3"
    assert name_of(None, 3) == "request-3"


def test_required_parameters_are_looked_for() -> None:
    """Each that an operation can't do without is found in a body."""
    fields = {field.name for field in msgspec.structs.fields(_Body)}
    for operation in OPERATIONS.values():
        assert {"model"} < required_parameters(operation.params) <= fields


def test_refusals_are_left_to_the_batch() -> None:
    """The call doesn't wait for them; all else is retried as the caller's policy says."""
    policy = prepare(line("a")).request.retry

    def delay(error: APIError, retries: int = 0) -> float | None:
        return policy.delay(error, retries=retries, billed_per_run=False, random=lambda: 1.0)

    assert delay(RateLimitError("", status_code=429)) is None
    assert delay(ServiceOverloadedError("", status_code=503)) is None
    assert delay(BadRequestError("", status_code=400)) is None
    assert delay(APIConnectionError("", execution="not_sent"), retries=4) == 8.0
    assert delay(APIConnectionError("", execution="not_sent"), retries=5) is None


def test_going_again_is_up_to_the_policy() -> None:
    """A caller who wants no retries gets none, nor one whose images mustn't be drawn twice."""
    refused = ServiceOverloadedError("", status_code=503)
    assert prepare(line("a")).may_go_again(refused)
    assert not prepare(BatchRequest.completion(model="m", prompt="", max_retries=0)).may_go_again(
        refused
    )
    image = prepare(BatchRequest.image(model="m", prompt="", image_size="768x512"))
    assert image.may_go_again(refused)
    image.policy = attrs.evolve(image.policy, safe_statuses={429})
    assert not image.may_go_again(refused)


def test_policy_is_wrapped_once() -> None:
    """Jobs with the same policy share its wrapper; one of their own has its own."""
    preparer = Preparer(OPTIONS)
    first, second = (preparer.prepare(line("a"), 0) for _ in range(2))
    own = preparer.prepare(BatchRequest.completion(model="m", prompt="", max_retries=9), 0)
    assert first.request.retry is second.request.retry
    assert own.policy.max_retries == 9
    assert isinstance(own.policy, RetryPolicy)


def test_typed_requests_show_themselves() -> None:
    """With the path, the parameters and the id."""
    shown = repr(BatchRequest.completion(custom_id="a", model="m", prompt="Once"))
    assert "/completions" in shown
    assert "'prompt': 'Once'" in shown
    assert "custom_id='a'" in shown


def test_embeddings() -> None:
    """Embeddings are asked for as by `create`; lines as they are. Both know how many vectors there must be."""
    preparer = Preparer(OPTIONS)
    asked: list[tuple[int | None, Any]] = [
        (2, BatchRequest.embedding(custom_id="a", model="m", input=["x", "y"], dimensions=3)),
        (
            1,
            {
                "custom_id": "a",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": "m", "input": [1], "dimensions": 3},
            },
        ),
        (
            None,
            {
                "custom_id": "a",
                "method": "POST",
                "url": "/embeddings",
                "body": {"model": "m", "input": {}},
            },
        ),
    ]
    for count, item in asked:
        work = preparer.prepare(item, 0)
        assert work.request.path == "/embeddings"
        assert not work.request.billed_per_run
        assert work.into == EmbeddingDecoder(count, None if count is None else 3)
    with pytest.raises(InvalidRequestError, match=r"input\[0\] must not be empty"):
        preparer.prepare(BatchRequest.embedding(model="m", input=[""]), 0)
    with pytest.raises(InvalidRequestError, match=r"body\.input is missing"):
        preparer.prepare(
            {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m"}}, 0
        )


@pytest.mark.parametrize(
    ("url", "billed"),
    [
        ("/v1/responses", False),
        ("/messages", False),
        ("/image/generations", True),
        ("/other", True),
    ],
)
def test_paid_by_the_run(url: str, billed: bool) -> None:
    """What a second run costs is told by the path, as for `client.request`."""
    body = {"model": "m", "prompt": "p", "image_size": "1x1"}
    item = {"custom_id": "a", "method": "POST", "url": url, "body": body}
    assert Preparer(OPTIONS).prepare(item, 0).request.billed_per_run is billed


MISSPELT: list[tuple[Any, dict[str, Any], str]] = [
    (BatchRequest.chat, {"model": "m", "message": []}, "it is messages here"),
    (BatchRequest.completion, {"model": "m", "promt": ""}, "did you mean 'prompt'"),
    (BatchRequest.embedding, {"model": "m", "inputs": ""}, "did you mean 'input'"),
    (BatchRequest.image, {"model": "m", "size": "1x1"}, "it is image_size here"),
]


@pytest.mark.parametrize(("make", "params", "hint"), MISSPELT)
def test_wrong_names_are_told_at_once(make: Any, params: dict[str, Any], hint: str) -> None:
    """Not by each of a thousand results."""
    with pytest.raises(TypeError, match=hint):
        make(**params)


@pytest.mark.parametrize(
    ("make", "method"),
    [
        (BatchRequest.chat, AsyncChatCompletions.create),
        (BatchRequest.completion, AsyncCompletions.create),
        (BatchRequest.embedding, AsyncEmbeddings.create),
        (BatchRequest.image, AsyncImages.generate),
    ],
)
def test_signatures_name_each_parameter(make: Any, method: Any) -> None:
    """Those of the operation, and `custom_id`, each with its description."""
    named = inspect.signature(make).parameters.keys()
    of_method = inspect.signature(method).parameters.keys() - {"self", "stream"}
    assert named == of_method | {"custom_id"}
    text = inspect.getdoc(make) or ""
    assert all(f"\n    {name}: " in text for name in named)


@pytest.mark.parametrize("parsed", [False, True])
def test_tools_of_a_request(parsed: bool) -> None:
    """They are those that the calls take: other software's too, and one of them, or its name, as `tool_choice`."""

    class Weather:
        def __horay_tool__(self) -> Tool[..., Any]:
            return Tool.from_schema("weather", "", {"type": "object"}, str)

    @attrs.define
    class Verdict:
        kind: str

    asked: Any = {**CHAT, "tools": [Weather()]}
    if parsed:
        asked["response_format"] = Verdict
    made = [
        BatchRequest.chat(**asked, tool_choice=choice)
        for choice in ("weather", Weather().__horay_tool__(), "auto")
    ]
    form = {"type": "function", "function": {"name": "weather"}}
    sent = [body_of(prepare(request)) for request in made]
    assert [body["tool_choice"] for body in sent] == [form, form, "auto"]
    for body in sent:
        [tool] = body["tools"]
        assert tool["function"]["name"] == "weather"


@pytest.mark.parametrize("make", ["chat", "completion", "embedding", "image"])
def test_misspelt_custom_id(make: str) -> None:
    """It is told as the other parameters are."""
    with pytest.raises(TypeError, match="unknown parameter 'customid': did you mean 'custom_id'"):
        getattr(BatchRequest, make)(model="m", customid="a")
