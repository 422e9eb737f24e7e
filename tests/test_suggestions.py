"""What users of other clients type is told what it is called here, and is in nobody's way otherwise."""

from __future__ import annotations

import copy
import enum
import importlib
import inspect
import pickle
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union

import aiohttp
import httpx2
import openai
import pytest

import horay_async
import horay_async.testing
from horay_async import (
    AsyncHoray,
    BatchRequest,
    ChatChoice,
    ChatCompletion,
    ChatMessage,
    ConfigurationError,
    EmbeddingParams,
    Horay,
    HorayError,
    ImageResponse,
    ModelInfo,
    ModelList,
    RateLimitError,
    ResponseEvent,
    SystemMessage,
    TextDelta,
    TextPart,
    Timeouts,
    ToolMessage,
    UserMessage,
)
from horay_async._class_attributes import Group
from horay_async._protocol.wire.check_parameters import check_parameters
from horay_async._signatures import rows_of
from horay_async._suggestions import (
    ADVICE,
    ATTRIBUTES,
    BATCH_OPTIONS,
    CALL_NAMES,
    CLIENT_NAMES,
    CLIENT_OPTIONS,
    ELSEWHERE,
    EXPORTS,
    OPTIONS,
    PARAMETERS,
    TESTING_EXPORTS,
    did_you_mean,
)
from horay_async.models import events
from horay_async.models.chat_params import ChatParams
from horay_async.models.images import ImageParams
from horay_async.models.options import CallOptions, GenerationOptions
from horay_async.options import ClientParams
from horay_async.resources.chat import AsyncChat
from horay_async.testing import FaultServer

MODULES = (
    *("client", "sync", "streaming", "errors", "tools.run", "models.events", "models.images"),
    *(
        "models.hooks",
        "models.chat",
        "models.chat_chunks",
        "models.completions",
        "models.usage",
        "testing.server",
    ),
    *("models.embeddings", "models.models", "models.user", "batch.results", "batch.batch_request"),
    *("batch.run", "batch.resource"),
    *(
        f"resources.{name}"
        for name in ("chat", "completions", "embeddings", "images", "models", "user")
    ),
)


def classes(name: str) -> Iterator[type[Any]]:
    """The classes of both clients that a section of the table is about."""
    for module in MODULES:
        home = importlib.import_module(f"horay_async.{module}")
        for found in (f"Async{name}", name):
            cls = vars(home).get(found)
            if inspect.isclass(cls) and cls.__module__ == home.__name__:
                yield cls


def bare(cls: Any) -> Any:
    """An instance on which nothing is set."""
    return cls.__new__(cls)


@pytest.mark.parametrize("section", [name for name in ATTRIBUTES if name])
def test_each_attribute(section: str) -> None:
    """The error of either client says what there is instead; nothing in the table exists by now."""
    found = list(classes(section))
    assert found, f"no class {section}"
    for cls in found:
        for name, words in ATTRIBUTES[section].items():
            assert not hasattr(cls, name), (
                f"{cls.__name__}.{name} is there: take it out of the table"
            )
            made = bare(cls)
            with pytest.raises(AttributeError, match=re.escape(words)) as raised:
                getattr(made, name)
            assert (raised.value.name, raised.value.obj) == (name, made)
            assert repr(name) in str(raised.value)


def there(cls: Any, path: str) -> bool:
    """Whether instances of a class have what a path such as `choices[0].message` leads to, as far as the types say."""
    hint: Any = cls
    for step in path.split("."):
        name, item, _ = step.partition("[")
        found = inspect.getattr_static(hint, name, None)
        if isinstance(found, Group):
            hint = getattr(hint, name)
            continue
        if isinstance(found, property) and inspect.isfunction(found.fget):
            hint = typing.get_type_hints(found.fget)["return"]
        elif isinstance(found, property) or callable(found):
            return True
        elif name in (hints := typing.get_type_hints(hint)):
            hint = hints[name]
        else:
            return False
        if typing.get_origin(hint) in (Union, UnionType):
            hint = next(each for each in typing.get_args(hint) if each is not type(None))
        if item:
            hint = typing.get_args(hint)[0]
        if hint is Any or isinstance(hint, typing.TypeVar):
            return True
        hint = typing.get_origin(hint) or hint
    return True


STEP = r"[a-z_]+(?:\[0\])?"
PATH = rf"{STEP}(?:\.{STEP})*"


def said_to_be_there(words: str) -> list[str]:
    """The attributes and methods that a hint says the object has."""
    if known := re.match(r"what is known is in the error: (.*)", words):
        return known[1].split(", ")
    told = re.match(rf"it is (?:in )?({PATH})", words)
    if told is None or "of parse(...)" in words or "of horay_async.testing" in words:
        return []
    return [told[1]]


@pytest.mark.parametrize("section", [name for name in ATTRIBUTES if name])
def test_each_attribute_that_is_named(section: str) -> None:
    """What a hint says to be there is there, in each class that gives it."""
    for base in classes(section):
        told = [
            base,
            *(cls for cls in subclasses(base) if cls.__module__.startswith("horay_async")),
        ]
        for cls in told:
            for name, words in ATTRIBUTES[section].items():
                nearest = next(
                    (
                        known[name]
                        for kind in cls.__mro__
                        if name
                        in (known := ATTRIBUTES.get(kind.__name__.removeprefix("Async"), {}))
                    ),
                )
                if nearest != words or hasattr(cls, name):
                    continue
                for path in said_to_be_there(words):
                    assert there(cls, path), f"{cls.__name__}.{name}: {words}"


def test_each_path_from_the_client() -> None:
    """What a hint writes behind `client.` is there."""
    tables = (*ATTRIBUTES.values(), CLIENT_OPTIONS, BATCH_OPTIONS, EXPORTS)
    paths = {
        path
        for table in tables
        for words in table.values()
        for path in re.findall(r"\bclient\.([a-z_]+(?:\.[a-z_]+)*)", words)
    }
    assert len(paths) > 15
    for client in (Horay("key"), AsyncHoray("key")):
        for path in paths:
            attrgetter(path)(client)


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    """All classes derived from one."""
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.parametrize("name", ATTRIBUTES[""])
def test_what_no_class_has(name: str) -> None:
    """The general ones hold on clients, groups of operations, operations and streams."""
    for client in (Horay("key"), AsyncHoray("key")):
        for each in (client, client.chat, client.chat.completions, client.models):
            with pytest.raises(AttributeError, match=re.escape(ATTRIBUTES[""][name])):
                getattr(each, name)


def test_other_names() -> None:
    """A name that nobody is used to is the usual error; so are dunders and underscores."""
    client = Horay("key")
    for name in ("betta", "_private", "__nothing__"):
        with pytest.raises(AttributeError) as raised:
            getattr(client, name)
        assert str(raised.value) == f"'Horay' object has no attribute {name!r}"


OVER = ResponseEvent(
    call=1,
    label="GET /models",
    method="GET",
    url="https://api.example/v1/models",
    stream=False,
    attempt=1,
    error=None,
    complete=True,
    status=200,
    seconds=0.5,
    meta=None,
    response=ModelList(),
)
"""What a hook is told of a call."""


@pytest.mark.parametrize("made", [TextDelta(0, "a"), RateLimitError("a"), ImageResponse(), OVER])
def test_copies(made: Any) -> None:
    """`hasattr`, `getattr` with a default, copies and pickles are as before, and `dir` shows none of it."""
    assert not hasattr(made, "delta")
    assert getattr(made, "snapshot", 3) == 3
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert type(again) is type(made)
        assert str(again) == str(made)
    section = ATTRIBUTES.get(type(made).__name__, {})
    assert not set(dir(made)) & (section.keys() | {"delta", "snapshot", "with_raw_response"})


def test_response_as_a_dict_or_an_iterable() -> None:
    """What has no items says where they are; libraries still see nothing that can be iterated over."""
    made: Any = ChatCompletion(choices=[ChatChoice(message=ChatMessage(content="Hi"))])
    with pytest.raises(
        TypeError, match=r"not subscriptable: its fields are attributes, \.choices in"
    ):
        made["choices"]
    with pytest.raises(
        TypeError, match=r"'ChatMessage' object is not subscriptable: .* \.content in"
    ):
        made.choices[0].message["content"]
    with pytest.raises(TypeError, match=r"not iterable .* model_dump\(\) makes a dict of it"):
        dict(made)
    with pytest.raises(TypeError, match=r"'ChatMessage' .* model_dump\(\) makes a dict of it"):
        dict(made.choices[0].message)
    with pytest.raises(TypeError, match=r"not iterable .* create\(\.\.\., stream=True\) returns"):
        list(made)
    with pytest.raises(TypeError, match=r"'ChatMessage' object is not iterable .* attributes$"):
        list(made.choices[0].message)
    assert not isinstance(made, Iterable)
    assert [model.id for model in ModelList(data=[ModelInfo(id="m")])] == ["m"]


@pytest.mark.anyio
async def test_loop_over_what_is_asynchronous(fault_server: FaultServer) -> None:
    """A plain `for` says what to write, and tools that look still see nothing that can be iterated over so."""
    async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as client:
        stream: Any = await client.completions.create(model="m", prompt="p", stream=True)
        events: Any = client.completions.stream(model="m", prompt="p")
        batch: Any = client.batch.run([BatchRequest.completion(model="m", prompt="p")])
        tools: Any = client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[]
        )
        for each in (stream, events, batch, tools):
            with pytest.raises(TypeError, match=r"not iterable .*: read it with `async for`"):
                list(each)
            assert not isinstance(each, Iterable)
        await stream.close()
        await tools.close()
        await batch.close()


@pytest.mark.anyio
async def test_await_of_what_is_read() -> None:
    """What is made without waiting says how it is used."""
    async with AsyncHoray("key") as client:
        events: Any = client.completions.stream(model="m", prompt="p")
        tools: Any = client.chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[]
        )
        requests: list[BatchRequest[Any]] = []
        batch: Any = client.batch.run(requests)
        read = "read it with `async for`"
        for made, words in (
            (batch, read),
            (tools, f"{read}, or await its final()"),
            (
                events,
                f"use it in a block, `async with ... as stream`, and there {read}, or await its final()",
            ),
        ):
            with pytest.raises(TypeError, match=re.escape(f"can't be awaited: {words}") + "$"):
                await made
        await tools.close()
        await batch.close()


@pytest.mark.anyio
async def test_stream_outside_a_block() -> None:
    """Each client names the block that it has."""
    async with AsyncHoray("key") as client:
        with pytest.raises(HorayError, match=r"use the stream in an async with block$"):
            aiter(client.completions.stream(model="m", prompt="p"))
    with Horay("key") as blocking:
        events = blocking.completions.stream(model="m", prompt="p")
        for read in ("__iter__", "final"):
            with pytest.raises(HorayError, match=r"use the stream in a with block$"):
                getattr(events, read)()
        with pytest.raises(HorayError, match=r"use the stream in a with block$"):
            _ = events.meta


@pytest.mark.anyio
async def test_wrong_with(fault_server: FaultServer) -> None:
    """The statement to write is named, and tools that look still see what there is."""
    client: Any = AsyncHoray(fault_server.api_key, base_url=fault_server.base_url)
    blocking: Any = Horay(fault_server.api_key, base_url=fault_server.base_url)
    stream = await client.completions.create(model="m", prompt="p", stream=True)
    events = client.completions.stream(model="m", prompt="p")
    tools = client.chat.completions.run_tools(
        model="m", messages=[{"role": "user", "content": "?"}], tools=[]
    )
    batches = client.batch.run([]), blocking.batch.run([])
    for each in (client, stream, events, batches[0], tools):
        name = type(each).__name__
        with pytest.raises(TypeError, match=f"'{name}' .* write `async with`"), each:
            pass
        assert not isinstance(each, AbstractContextManager)
        assert not hasattr(each, "__enter__")
        with pytest.raises(TypeError, match="context manager"):
            ExitStack().enter_context(each)
    for each in (blocking, batches[1]):
        with pytest.raises(TypeError, match=f"'{type(each).__name__}' .* write `with`"):
            async with each:
                pass
        assert not isinstance(each, AbstractAsyncContextManager)
    with pytest.raises(TypeError, match=r"context manager of this kind$"):
        async with blocking.chat:
            pass
    await stream.close()
    await tools.close()
    await batches[0].close()
    batches[1].close()
    await client.close()
    blocking.close()


@pytest.mark.anyio
async def test_text_of_an_asynchronous_stream(fault_server: FaultServer) -> None:
    """It is neither awaited nor read by a plain `for`."""
    async with AsyncHoray(fault_server.api_key, base_url=fault_server.base_url) as client:
        stream: Any = await client.completions.create(model="m", prompt="p", stream=True)
        text = stream.text()
        with pytest.raises(TypeError, match="can't be awaited: read it with `async for`"):
            await text
        with pytest.raises(TypeError, match=r"not iterable .*: read it with `async for`"):
            list(text)
        await stream.close()


@pytest.mark.parametrize(
    ("declared", "words"),
    [(ChatParams, "the method stream"), (ImageParams, "there is nothing to stream")],
)
def test_stream_where_it_is_no_parameter(declared: type, words: str) -> None:
    """Methods that don't take it name those that stream."""
    with pytest.raises(TypeError, match=f"unknown parameter 'stream': leave it out.*{words}"):
        check_parameters({"stream": True}, declared)


def test_text_for_messages() -> None:
    """It is shown in its place."""
    with pytest.raises(TypeError, match=r"write messages=\[{'role': 'user', 'content': 'Hi'}\]$"):
        check_parameters({"model": "m", "messages": "Hi"}, ChatParams)


def test_subclasses() -> None:
    """A class derived from one of ours tells the same."""

    class Mine(Horay):
        """A user's own."""

    with pytest.raises(AttributeError, match=r"'Mine' object has no attribute 'beta': nothing"):
        getattr(Mine("key"), "beta")  # noqa: B009 - no type checker lets it pass otherwise


def test_each_event_has_it() -> None:
    """Every event class, of the tool runs' too."""
    made = [
        cls
        for cls in vars(events).values()
        if inspect.isclass(cls) and cls.__module__ == events.__name__ and hasattr(cls, "type")
    ]
    assert all(issubclass(cls, events.Event) for cls in made)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter(name: str) -> None:
    """Each is refused by some operation, with the name that is meant; where that isn't taken, with the usual words."""
    told = 0
    for declared in (ChatParams, ImageParams, horay_async.CompletionParams, EmbeddingParams):
        known = rows_of(declared.__name__).keys()
        if name in known:
            continue
        meant = [other for other in PARAMETERS[name] if other in known]
        elsewhere = [other for other in PARAMETERS[name] if other in ELSEWHERE]
        words = re.escape(f"extra_body={{{name!r}")
        if meant:
            words = f"it is {meant[0]} here"
        elif elsewhere:
            words = f"isn't taken here, but by .*, as {elsewhere[0]}$"
        with pytest.raises(TypeError, match=words):
            check_parameters({name: "a"}, declared)
        told += bool(meant or elsewhere)
    meant = [
        other for other in PARAMETERS[name] if other in ("body", "extra_headers", "extra_query")
    ]
    given: Any = {name: {}}
    if meant:
        for stream in (False, True):
            with pytest.raises(
                TypeError, match=f"unknown parameter {name!r}: it is {meant[0]} here"
            ):
                Horay("key").request("POST", "/x", stream=stream, **given)
    assert told or meant
    assert ADVICE.keys() <= {meant for several in PARAMETERS.values() for meant in several}


@dataclass
class City:
    """An answer."""

    name: str


def test_names_of_client_options() -> None:
    """The table has all of them."""
    assert set(CLIENT_NAMES) == {*ClientParams.__optional_keys__, "api_key"}


@pytest.mark.parametrize(
    "name",
    sorted(
        (CLIENT_NAMES | CLIENT_OPTIONS.keys()) - {"model"} - GenerationOptions.__optional_keys__
    ),
)
@pytest.mark.anyio
async def test_client_option_given_to_a_call(name: str) -> None:
    """No call and no request of a batch takes it: each says where it goes, and none that it goes into the body."""
    given: Any = {name: "a"}
    chat: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}], **given}
    prompt: Any = {"model": "m", "prompt": "p", **given}
    client: Any = AsyncHoray("key")
    blocking: Any = Horay("key")
    calls: list[Callable[[], object]] = [
        lambda: blocking.chat.completions.create(**chat),
        lambda: blocking.chat.completions.create(stream=True, **chat),
        lambda: blocking.chat.completions.parse(response_format=City, **chat),
        lambda: blocking.chat.completions.stream(**chat),
        lambda: blocking.chat.completions.run_tools(tools=[], **chat),
        lambda: client.chat.completions.stream(**chat),
        lambda: client.chat.completions.run_tools(tools=[], **chat),
        lambda: blocking.completions.create(**prompt),
        lambda: blocking.embeddings.create(model="m", input="a", **given),
        lambda: blocking.images.generate(**prompt),
        lambda: blocking.models.list(**given),
        lambda: blocking.request("GET", "/x", **given),
        lambda: BatchRequest.chat(**chat),
        lambda: BatchRequest.completion(**prompt),
        lambda: BatchRequest.embedding(model="m", input="a", **given),
        lambda: BatchRequest.image(**prompt),
    ]
    for call in calls:
        with pytest.raises(TypeError) as raised:
            call()
        assert "extra_body" not in str(raised.value)
        assert "client" in str(raised.value) or name in PARAMETERS


def test_key_given_to_a_call() -> None:
    """It is kept out of the body, and the other options name the method that sets them."""
    blocking: Any = Horay("key")
    for name in ("api_key", "apikey", "API_KEY", "key"):
        with pytest.raises(TypeError, match="make a client for another key, and keep the key out"):
            blocking.models.list(**{name: "a"})
    with pytest.raises(TypeError, match=r"client\.with_options\(retry=\.\.\.\)$"):
        blocking.models.list(retry=3)
    with pytest.raises(TypeError, match=r"it is ssl_context.*; this is for the client, not for a"):
        blocking.models.list(verify=False)
    given: Any = {"retry": 3}
    with pytest.raises(TypeError, match=r"client\.with_options\(retry=\.\.\.\)\.batch$"):
        BatchRequest.image(model="m", prompt="p", **given)


@pytest.mark.parametrize("name", CLIENT_OPTIONS)
def test_each_option(name: str) -> None:
    """Each is refused when a client is made or copied, with what to do instead."""
    assert name not in ClientParams.__annotations__
    given: Any = {name: "a"}
    clients: list[Any] = [Horay("key"), AsyncHoray("key")]
    of_copy = CLIENT_OPTIONS[name]
    if of_copy == "it is api_key":
        of_copy = "a copy has the key of its client"
    for client in clients:
        with pytest.raises(TypeError, match=re.escape(of_copy)):
            client.with_options(**given)
        with pytest.raises(TypeError, match=re.escape(CLIENT_OPTIONS[name])):
            client.__class__("key", **given)


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls, names in OPTIONS.items() for name in names]
)
def test_each_option_of_a_class(cls: str, name: str) -> None:
    """The classes of options refuse it with what to do instead."""
    made: Any = getattr(horay_async, cls)
    assert name not in made.__annotations__
    with pytest.raises(TypeError, match=re.escape(OPTIONS[cls][name])):
        made(**{name: 3})


@pytest.mark.parametrize("name", BATCH_OPTIONS)
@pytest.mark.anyio
async def test_each_option_of_a_batch(name: str) -> None:
    """It says where that is set."""
    given: Any = {name: 3}
    batch = AsyncHoray("key").batch
    with pytest.raises(TypeError, match=re.escape(BATCH_OPTIONS[name])):
        await batch.run_file("a", "b", **given) if name == "ordered" else batch.run([], **given)


def test_parameters_given_to_a_batch() -> None:
    """Each parameter of an operation is told to belong to its request, and the method that is named takes it."""
    taken: dict[str, set[str]] = {
        name: {*rows_of(declared.__name__)}
        for name, declared in (
            ("chat", ChatParams),
            ("completion", horay_async.CompletionParams),
            ("embedding", EmbeddingParams),
            ("image", ImageParams),
        )
    }
    options = CLIENT_NAMES | horay_async.BatchOptions.__annotations__.keys()
    names = {name for each in taken.values() for name in each}
    assert names - options == CALL_NAMES - {"bulk"}
    for name in names - horay_async.BatchOptions.__annotations__.keys():
        assert "each request" in BATCH_OPTIONS[name] or name == "on_truncation", name
    for words in BATCH_OPTIONS.values():
        for method, parameter in re.findall(r"BatchRequest\.(\w+)\((\w+)=", words):
            assert parameter in taken[method] | {"custom_id"}, words


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (CLIENT_OPTIONS, CLIENT_NAMES),
        *((OPTIONS[name], getattr(horay_async, name).__annotations__) for name in OPTIONS),
        (TESTING_EXPORTS, horay_async.testing.__all__),
        (EXPORTS, horay_async.__all__),
    ],
    ids=["client", *OPTIONS, "testing", "package"],
)
def test_what_is_named_is_known(words: dict[str, str], known: Iterable[str]) -> None:
    """Where another name is said to be the right one, there is such a name."""
    for name, told in words.items():
        if meant := re.match(r"it is (\w+)(?: here|,|$)", told):
            assert meant[1] in known, f"{name}: {told}"


@pytest.mark.parametrize("name", sorted(CLIENT_OPTIONS))
def test_option_of_a_client_that_is_one_of_a_call(name: str) -> None:
    """A name that stands for an option of a call isn't said to be for the client alone."""
    meant = re.match(r"it is (\w+)", CLIENT_OPTIONS[name])
    if meant is None or meant[1] not in CallOptions.__annotations__:
        return
    given: Any = {name: 5}
    with pytest.raises(TypeError, match=f"unknown parameter {name!r}: it is {meant[1]} here"):
        Horay("key").models.list(**given)


@pytest.mark.parametrize("name", ["max_steps", "max_iterations", "max_turns", "recursion_limit"])
def test_bounds_of_a_run(name: str) -> None:
    """Other libraries' names for the most rounds of a run; no other method takes one."""
    given: Any = {name: 3, "model": "m", "messages": [{"role": "user", "content": "?"}]}
    completions = Horay("key").chat.completions
    with pytest.raises(TypeError, match=f"unknown parameter {name!r}: it is max_rounds here"):
        completions.run_tools(tools=[], **given)
    for call in (completions.create, completions.parse, completions.stream, BatchRequest.chat):
        with pytest.raises(TypeError, match=r"but by run_tools\(\.\.\.\), as max_rounds$"):
            call(**given)


def test_parameters_that_few_methods_take() -> None:
    """Each is refused by the others, with what takes it."""
    run = inspect.signature(AsyncHoray.chat.completions.run_tools).parameters
    assert {"max_rounds", "max_total_tokens", "approve"} <= run.keys()
    for name, taken_by in ELSEWHERE.items():
        given: Any = {name: 3, "model": "m", "messages": [{"role": "user", "content": "?"}]}
        with pytest.raises(TypeError, match=re.escape(f"isn't taken here, but by {taken_by}")):
            Horay("key").chat.completions.create(**given)


@pytest.mark.parametrize("name", ["id", "request_id"])
def test_id_of_a_request_of_a_batch(name: str) -> None:
    """It is its `custom_id`."""
    given: Any = {name: "a", "model": "m", "prompt": "p"}
    with pytest.raises(TypeError, match=f"unknown parameter {name!r}: it is custom_id here"):
        BatchRequest.image(**given)


def test_nearly_an_option_that_is_set_elsewhere() -> None:
    """It is taken for that one, not for what is here."""
    given: Any = {"max_retry": 3}
    with pytest.raises(TypeError, match=r"if 'max_retries' is meant, it is set on the client"):
        Horay("key").batch.run([], **given)


@pytest.mark.parametrize("name", ["temperature", "tools", "n"])
def test_parameter_given_to_a_client(name: str) -> None:
    """It isn't compared with the names of options, none of which is meant."""
    given: Any = {name: 1}
    with pytest.raises(TypeError, match=f"option {name!r}: it belongs to each call$"):
        Horay("key", **given)


def test_no_guess_for_what_is_hardly_alike() -> None:
    """`max_steps` isn't `max_tokens`: a guess that is wrong is worse than none."""
    assert did_you_mean("max_steps", ["max_tokens"]) == ""
    assert did_you_mean("retries", ["retry_failed"]) == ""
    assert did_you_mean("maxtokens", ["max_tokens"]) == "did you mean 'max_tokens'? "
    assert did_you_mean("temprature", ["temperature"]) == "did you mean 'temperature'? "


async def call() -> None:
    """What others hand to `gather`."""


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("Hi", "messages=[{'role': 'user', 'content': 'Hi'}]"),
        ("x" * 99, f"'content': '{'x' * 20}...'}}]"),
        (call, "in the place of a call: the batch makes the calls"),
        (5, "write BatchRequest.chat(model=..., messages=...)"),
    ],
)
@pytest.mark.anyio
async def test_items_of_a_batch_that_are_no_requests(item: Any, words: str) -> None:
    """A list of texts or calls is refused at once; what comes from elsewhere, or is just one of many, is told in its result."""
    async with AsyncHoray("key") as client:
        if item != 5:
            with pytest.raises(TypeError, match=re.escape(words)):
                client.batch.run([item])
        unusable: Any = iter([item])
        (result,) = [result async for result in client.batch.run(unusable)]
        assert words in str(result.error)


@pytest.mark.anyio
async def test_list_of_coroutines() -> None:
    """As the batch makes the calls, it takes none that were made."""
    made: Any = call()
    async with AsyncHoray("key") as client:
        with pytest.raises(TypeError, match="coroutine: write BatchRequest"):
            client.batch.run([made])
    await made


def test_function_for_progress() -> None:
    """What others call a function with is read."""
    show: Any = print
    with pytest.raises(ConfigurationError, match=r"read run\.progress in the loop"):
        AsyncHoray("key").batch.run([], progress=show)


@pytest.mark.parametrize(
    ("cls", "name", "meant"),
    [
        (Timeouts, "first_bite", "first_byte"),
        (horay_async.RetryPolicy, "max_retry", "max_retries"),
        (horay_async.Limits, "rpms", "rpm"),
        (horay_async.ClientOptions, "timeouts", "timeout"),
    ],
)
def test_misspelt_option_of_a_class(cls: Any, name: str, meant: str) -> None:
    """The one that is spelt most alike is named, and so are all, also where a value has no name."""
    with pytest.raises(
        TypeError, match=f"unknown {cls.__name__} option {name!r}: did you mean {meant!r}"
    ):
        cls(**{name: 3})
    with pytest.raises(TypeError, match=f"The options are .*{meant}"):
        cls(**{name: 3, meant: 2})
    told = f"{cls.__name__} takes options by their names: .*{meant}.*; got 30 without one"
    with pytest.raises(TypeError, match=told):
        cls(30)


@pytest.mark.parametrize("name", EXPORTS)
def test_each_export(name: str) -> None:
    """Names of the other module, asked of this one."""
    assert name not in horay_async.__all__
    with pytest.raises(AttributeError, match=re.escape(EXPORTS[name])):
        getattr(horay_async, name)
    assert getattr(horay_async, name, None) is None
    words = f"cannot import name {name!r} from 'horay_async': {EXPORTS[name]}"
    with pytest.raises(ImportError, match=f"^{re.escape(words)}$"):
        exec(f"from horay_async import {name}")


@pytest.mark.parametrize("name", TESTING_EXPORTS)
def test_each_export_for_tests(name: str) -> None:
    """The same of `horay_async.testing`."""
    assert name not in horay_async.testing.__all__
    assert getattr(horay_async.testing, name, None) is None
    words = f"cannot import name {name!r} from 'horay_async.testing': {TESTING_EXPORTS[name]}"
    with pytest.raises(ImportError, match=f"^{re.escape(words)}$"):
        exec(f"from horay_async.testing import {name}")
    for function in re.findall(r"(\w+)\(", TESTING_EXPORTS[name]):
        assert function in horay_async.testing.__all__


def test_import_of_what_nobody_is_used_to() -> None:
    """Python's own error, and modules are imported as ever."""
    with pytest.raises(ImportError, match=r"cannot import name 'OpenAy' from 'horay_async' \("):
        exec("from horay_async import OpenAy")
    exec("from horay_async import errors, local, testing")


TIMEOUTS = [
    (httpx2.Timeout(60.0, connect=2.0), "connect=2.0, first_byte=60.0, idle=60.0, queue=60.0"),
    (openai.Timeout(None, connect=2.0), "connect=2.0"),
    (aiohttp.ClientTimeout(total=9, sock_read=3), "total=9, first_byte=3, idle=3"),
    ((3, 10), "connect=..., idle=..., total=..."),
]
"""What others call timeouts, and the arguments of `Timeouts` in their place."""


@pytest.mark.parametrize(("given", "arguments"), TIMEOUTS, ids=lambda value: type(value).__name__)
def test_timeouts(given: Any, arguments: str) -> None:
    """A client's setting and a call's name the same timeouts, in a form that can be pasted."""
    words = re.escape(f"Timeouts({arguments})")
    with pytest.raises(ConfigurationError, match=words):
        Horay("key", timeout=given)
    with pytest.raises(TypeError, match=words):
        check_parameters({"timeout": given}, CallOptions)
    if "..." not in arguments:
        Timeouts(**eval(f"dict({arguments})"))  # can be pasted


def test_nothing_given() -> None:
    """openai's words for a parameter that isn't given."""
    for nothing in (openai.NOT_GIVEN, openai.omit):
        with pytest.raises(TypeError, match=r"temperature must be .* leave the parameter out"):
            check_parameters(
                {
                    "model": "m",
                    "messages": [{"role": "user", "content": "?"}],
                    "temperature": nothing,
                },
                ChatParams,
            )
    with pytest.raises(TypeError, match=r"temperature must be a number or None, not a string$"):
        check_parameters(
            {"model": "m", "messages": [{"role": "user", "content": "?"}], "temperature": "warm"},
            ChatParams,
        )


def test_request_id() -> None:
    """openai's name for a response's request id works."""
    made = ChatCompletion()
    assert made._request_id is None


def test_groups() -> None:
    """`client.chat` isn't an operation, and says where they are."""
    with pytest.raises(AttributeError, match=r"client\.chat\.completions\.create"):
        _ = bare(AsyncChat).create


UntypedUser: Any = UserMessage
UntypedSystem: Any = SystemMessage
UntypedTool: Any = ToolMessage
UntypedPart: Any = TextPart


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: UntypedUser(role="user", content="x"),
            "has its role already: write UserMessage('x')",
        ),
        (lambda: UntypedSystem("x", role="system"), "role already: write SystemMessage('x')"),
        (
            lambda: UntypedTool("x", "id"),
            "takes content, and tool_call_id by name: write ToolMessage('x', tool_call_id=...)",
        ),
        (
            lambda: UntypedUser(text="x"),
            "unknown field 'text' of UserMessage: write UserMessage(...)",
        ),
        (UntypedUser, "missing 1 required positional argument: 'content'"),
        (
            lambda: UntypedPart("x", type="text"),
            "TextPart has its type already: write TextPart('x')",
        ),
        (lambda: UntypedPart("x", "text"), "takes text, and nothing else: write TextPart('x')"),
    ],
)
def test_fields_of_messages(make: Callable[[], object], told: str) -> None:
    """The role and the type are fixed, and all but the first field go by their names."""
    with pytest.raises(TypeError, match=re.escape(told)):
        make()


def test_repr_of_a_message() -> None:
    """It can be typed back."""
    for made in (UserMessage("x", name="Ada"), ToolMessage("x", tool_call_id="a"), TextPart("x")):
        assert eval(repr(made)) == made


def test_text_for_a_response_format() -> None:
    """The form that the API takes is shown."""
    given: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    for value, told in (("json_object", "json_object"), ("text", "text"), ("json", "json_object")):
        with pytest.raises(TypeError, match=f"not a string: write {{'type': '{told}'}}$"):
            check_parameters({**given, "response_format": value}, ChatParams)


class Label(enum.Enum):
    """What a text may be."""

    PRAISE = "praise"


@pytest.mark.parametrize("given", [Label, int, str, list[City], Literal["a", "b"], City | None])
def test_type_for_a_response_format(given: Any) -> None:
    """What is no object in JSON is to be a field; a class of one goes to other methods."""
    params: Any = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    with pytest.raises(TypeError, match=r"take a class: make it a field of one$"):
        check_parameters({**params, "response_format": given}, ChatParams)
    with pytest.raises(TypeError, match=r"parse\(\.\.\., response_format=City\)"):
        check_parameters({**params, "response_format": City}, ChatParams)


@pytest.mark.parametrize("given", ["/etc/company.pem", Path("/etc/company.pem")])
def test_file_for_ssl_context(given: Any) -> None:
    """The context that trusts its certificates is written out."""
    told = f"ssl.create_default_context(cafile={str(given)!r}), or None"
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        Horay("key", ssl_context=given)
