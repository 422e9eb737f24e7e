"""What wrong arguments are told: the class and the method that were called, and what to write."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from inspect import signature
from operator import attrgetter
from typing import Any

import attrs
import pytest

from horay_async import AsyncHoray, Horay, ImageResponse, tool

KEY = "a-key-for-nothing"
MESSAGES = [{"role": "user", "content": "Hi"}]


@attrs.frozen
class City:
    """A form for a response."""

    name: str


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"snow in {city}"


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "one by position": (
        lambda client: client.chat.completions.create("m"),
        (
            "ChatCompletions.create() takes no positional arguments, but 1 was given: "
            "write create(model=..., messages=...)"
        ),
    ),
    "two by position": (
        lambda client: client.chat.completions.stream("m", MESSAGES),
        (
            "ChatCompletions.stream() takes no positional arguments, but 2 were given: "
            "write stream(model=..., messages=...)"
        ),
    ),
    "one too many": (
        lambda client: client.request("POST", "/path", {}),
        (
            "Horay.request() takes at most 2 positional arguments, but 3 were given: "
            "write request(method=..., path=..., body=...)"
        ),
    ),
    "none of them required": (
        lambda client: client.models.list("text"),
        "Models.list() takes no positional arguments, but 1 was given: write list(type=...)",
    ),
    "too few": (
        lambda client: client.images.save(),
        (
            "Images.save() missing 2 required positional arguments: 'image' and 'path': "
            "write save(image=..., path=...)"
        ),
    ),
    "twice": (
        lambda client: client.batch.run([], requests=[]),
        "Batch.run() got multiple values for argument 'requests': write run(requests=...)",
    ),
    "none": (
        lambda client: client.completions.create(),
        "Completions.create(): missing parameters: model, prompt",
    ),
    "none, of a stream": (
        lambda client: client.chat.completions.stream(),
        "ChatCompletions.stream(): missing parameters: messages, model",
    ),
    "none, of a typed stream": (
        lambda client: client.chat.completions.stream(response_format=Exception),
        "ChatCompletions.stream(): ",
    ),
    "unknown": (
        lambda client: client.embeddings.create(model="m", input="x", size=3),
        "Embeddings.create(): unknown parameter 'size': ",
    ),
    "of a wrong type": (
        lambda client: client.images.generate(model=1, prompt="p", image_size="1024x1024"),
        "Images.generate(): model must be a string, not an integer",
    ),
    "an empty conversation": (
        lambda client: client.chat.completions.create(model="m", messages=[]),
        "ChatCompletions.create(): messages must not be empty: write messages=[{'role': 'user', ",
    ),
    "one message": (
        lambda client: client.chat.completions.create(model="m", messages=MESSAGES[0]),
        "ChatCompletions.create(): messages must be a list, not a value of type dict: write messages=[{'role': ",
    ),
    "several prompts": (
        lambda client: client.completions.create(model="m", prompt=["a", "b"]),
        (
            "Completions.create(): prompt must be a string, not a value of type list: write prompt='...', one text for "
            "each call; client.batch.run(...) sends many"
        ),
    ),
    "seconds as text": (
        lambda client: client.models.list(timeout="5"),
        (
            "Models.list(): timeout must be a number or a value of type Timeouts or None, not a string: "
            "write timeout=30 for 30 seconds"
        ),
    ),
    "one tool": (
        lambda client: client.chat.completions.create(model="m", messages=MESSAGES, tools=weather),
        "ChatCompletions.create(): tools must be a list or None, not a value of type Tool: write tools=[weather]",
    ),
    "a tool's name": (
        lambda client: client.chat.completions.create(
            model="m", messages=MESSAGES, tools="weather"
        ),
        "ChatCompletions.create(): tools must be a list or None, not a string: write tools=[...]",
    ),
    "one tool of a run": (
        lambda client: client.chat.completions.run_tools(
            model="m", messages=MESSAGES, tools=weather
        ),
        "ChatCompletions.run_tools(): tools must be a list of tools, not a value of type Tool: write tools=[weather]",
    ),
    "an instance as a form": (
        lambda client: client.chat.completions.parse(
            model="m", messages=MESSAGES, response_format=City("Berlin")
        ),
        (
            "ChatCompletions.parse(): an attrs class, a dataclass or a pydantic model is needed; "
            "got City(name='Berlin'): pass the class City, not an instance"
        ),
    ),
    "out of range": (
        lambda client: client.chat.completions.run_tools(
            model="m", messages=MESSAGES, tools=[], max_rounds=0
        ),
        "ChatCompletions.run_tools(): max_rounds must be a whole number of at least 1, not 0",
    ),
    "unknown, of a batch": (
        lambda client: client.batch.run([], colour=3),
        "Batch.run(): unknown batch option 'colour'; ",
    ),
    "a number as requests": (
        lambda client: client.batch.run_file(1.5, "out"),
        "Batch.run_file(): requests must be a path, or an open file's descriptor, not a value of type float",
    ),
    "an object as results": (
        lambda client: client.batch.run_file("in", object()),
        "Batch.run_file(): results must be a path, not a value of type object",
    ),
    "a descriptor as results": (
        lambda client: client.batch.run_file("in", 2),
        "Batch.run_file(): results must be a path, not a value of type int",
    ),
    "a number as method": (
        lambda client: client.request(1, "/path"),
        "Horay.request(): method must be a string, not a value of type int",
    ),
    "a number as path": (
        lambda client: client.request("GET", 2),
        "Horay.request(): path must be a string, not a value of type int",
    ),
    "a number among the tools": (
        lambda client: client.chat.completions.run_tools(model="m", messages=MESSAGES, tools=[5]),
        "ChatCompletions.run_tools(): tools can't be sent as JSON: tools[0] is a value of type int: a tool is",
    ),
    "a function among the tools": (
        lambda client: client.chat.completions.run_tools(model="m", messages=MESSAGES, tools=[len]),
        "ChatCompletions.run_tools(): tools can't be sent as JSON: tools[0] is the plain function len: decorate it with @tool",
    ),
    "a number as tools": (
        lambda client: client.chat.completions.run_tools(model="m", messages=MESSAGES, tools=5),
        "ChatCompletions.run_tools(): tools must be a list of tools, not a value of type int",
    ),
    "unknown, of a copy": (
        lambda client: client.with_options(size=3),
        "Horay.with_options(): unknown client option 'size'; ",
    ),
    "unknown, of a client": (
        lambda _: Horay(KEY, size=3),  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - the mistake
        "Horay(): unknown client option 'size'; ",
    ),
}


@pytest.fixture(scope="module")
def client() -> Iterator[Horay]:
    """Of no server."""
    with Horay(KEY, base_url="http://127.0.0.1:9/v1") as client:
        yield client


@pytest.mark.parametrize("mistake", WRONG)
def test_blocking_method_is_named(client: Horay, mistake: str) -> None:
    """The message begins with what was called; nothing asynchronous is in it or in what is shown below it."""
    call, message = WRONG[mistake]
    with pytest.raises((TypeError, ValueError)) as caught:
        call(client)
    assert str(caught.value).startswith(message)
    assert "Async" not in str(caught.value)
    shown = traceback.format_exception_only(caught.value)
    assert shown == [f"{caught.type.__name__}: {caught.value}\n"]


@pytest.mark.parametrize("mistake", WRONG)
def test_both_clients_refuse_at_the_call(mistake: str) -> None:
    """What the blocking client refuses, the asynchronous one refuses too, before anything is sent."""

    async def run() -> None:
        async with AsyncHoray(KEY, base_url="http://127.0.0.1:9/v1") as client:
            await WRONG[mistake][0](client)

    with pytest.raises((TypeError, ValueError)):
        asyncio.run(run())


@pytest.mark.parametrize("mistake", ["one by position", "two by position", "none of them required"])
def test_asynchronous_method_says_what_to_write(mistake: str) -> None:
    """As the blocking one, with its own name."""
    call, message = WRONG[mistake]

    async def run() -> None:
        async with AsyncHoray(KEY, base_url="http://127.0.0.1:9/v1") as client:
            await call(client)

    with pytest.raises((TypeError, ValueError)) as caught:
        asyncio.run(run())
    assert str(caught.value) == f"Async{message}"


CHECKED_AS_REQUEST = [
    *("none", "none, of a stream", "unknown", "of a wrong type", "an empty conversation"),
    *("one message", "several prompts", "seconds as text", "one tool", "a tool's name"),
]
"""The mistakes that show when the request is made."""


@pytest.mark.parametrize("mistake", CHECKED_AS_REQUEST)
def test_asynchronous_method_is_named(mistake: str) -> None:
    """In calls that run side by side nothing else tells which one it was."""
    call, message = WRONG[mistake]

    async def run() -> None:
        async with AsyncHoray(KEY, base_url="http://127.0.0.1:9/v1") as client:
            await asyncio.gather(call(client))

    with pytest.raises((TypeError, ValueError)) as caught:
        asyncio.run(run())
    assert str(caught.value).startswith(f"Async{message}")


NOTHING_BY_POSITION = [
    *("chat.completions.create", "chat.completions.stream", "chat.completions.parse"),
    *("chat.completions.run_tools", "completions.create", "completions.stream"),
    *("embeddings.create", "images.generate", "models.list"),
]


@pytest.mark.parametrize("kind", [AsyncHoray, Horay])
@pytest.mark.parametrize("method", NOTHING_BY_POSITION)
def test_each_method_that_takes_nothing_by_position(kind: Any, method: str) -> None:
    """Says so; neither its signature nor its description has what it refuses."""

    async def run() -> None:
        await called("m", 3)

    with ExitStack() as stack:
        client = kind(KEY, base_url="http://127.0.0.1:9/v1")
        if kind is Horay:
            stack.enter_context(client)
        called: Any = attrgetter(method)(client)
        assert "positional" not in signature(called).parameters
        refused = f"{called.__name__}\\(\\) takes no positional arguments, but 2 were given: "
        with pytest.raises(TypeError, match=f"{refused}write {called.__name__}\\("):
            asyncio.run(run())


def test_errors_of_other_code_are_left_alone() -> None:
    """A `TypeError` that a function of the caller's raises isn't about the call's arguments."""
    own = TypeError("the caller's own")

    class Messages(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            raise own

    with Horay(KEY, base_url="http://127.0.0.1:9/v1") as client, pytest.raises(TypeError) as caught:
        client.chat.completions.create(model="m", messages=Messages(MESSAGES))
    assert caught.value is own
    assert str(own) == "the caller's own"


def test_subclass_is_named_by_its_own_name() -> None:
    """In what its constructor and `with_options` refuse, and in its `repr`."""

    class Ours(Horay):
        """A client with something of its own."""

    options: Any = {"size": 3}
    with pytest.raises(TypeError, match=r"^Ours\(\): unknown client option 'size'"):
        Ours(KEY, **options)
    with Ours(KEY) as client:
        with pytest.raises(
            TypeError, match=r"^Ours\.with_options\(\): unknown client option 'size'"
        ):
            client.with_options(**options)
        assert repr(client).startswith("Ours(api_key=")
        assert repr(client.with_options(timeout=3)).startswith("Ours(api_key=")


SAID: dict[str, tuple[Callable[[Any], Any], str]] = {
    "stream, a text": (
        lambda client: client.chat.completions.create(model="m", messages=MESSAGES, stream="yes"),
        "stream must be True or False, not 'yes'",
    ),
    "stream, a number": (
        lambda client: client.completions.create(model="m", prompt="p", stream=1),
        "stream must be True or False, not 1",
    ),
    "stream, of any path": (
        lambda client: client.request("POST", "/x", body={}, stream="no"),
        "stream must be True or False, not 'no'",
    ),
    "a plain function": (
        lambda client: client.chat.completions.create(model="m", messages=MESSAGES, tools=[len]),
        "tools[0] is the plain function len: decorate it with @tool",
    ),
    "an object among the messages": (
        lambda client: client.chat.completions.create(model="m", messages=[*MESSAGES, object()]),
        "messages[1] is a value of type object: a message is {'role': ..., 'content': ...}",
    ),
    "a class": (
        lambda client: client.chat.completions.create(
            model="m", messages=MESSAGES, response_format=KeyError
        ),
        "parse(..., response_format=KeyError) and stream(...) take a class",
    ),
    "a whole response": (
        lambda client: client.images.save(ImageResponse(images=[]), "x.png"),
        "pass one of its pictures, such as response.images[0]",
    ),
    "no picture": (
        lambda client: client.images.save(7, "x.png"),
        "image must be a picture of a response or a URL, not a value of type int",
    ),
    "an option of the batch": (
        lambda client: client.batch.run([], concurency=3),
        "unknown batch option 'concurency': did you mean 'concurrency'? The options are",
    ),
    "an option of a batch alone": (
        lambda client: client.batch.run([], order=True),
        "unknown batch option 'order': did you mean 'ordered'? The options are",
    ),
    "an option of a file": (
        lambda client: client.batch.run([], retry_failed=True),
        "unknown batch option 'retry_failed': it is an option of run_file",
    ),
    "a word for truncation": (
        lambda client: client.completions.create(
            model="m", prompt="p", stream=True, on_truncation="Return"
        ),
        'on_truncation must be "raise" or "return", not \'Return\'',
    ),
    "a filter of the models": (
        lambda client: client.models.list(limit=3),
        "unknown parameter 'limit': fields that this client doesn't know go into extra_query={'limit': ...}",
    ),
    "an option of the client": (
        lambda client: client.with_options(base_ur="http://localhost"),
        "unknown client option 'base_ur': did you mean 'base_url'? The options are",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_said(case: str) -> None:
    """What doesn't fit says what does, and nothing is sent."""
    call, message = SAID[case]
    client = Horay(KEY, base_url="http://127.0.0.1:1", max_retries=0)
    with client, pytest.raises(TypeError) as caught:
        call(client)
    assert message in str(caught.value)
