"""The methods of both clients, as users call them, and what is wanted of each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from horay_async import AsyncHoray, Horay
from horay_async.batch.options import BatchOptions
from horay_async.models.chat_params import ChatParams, ConversationParams
from horay_async.models.completions import CompletionParams
from horay_async.models.embeddings import EmbeddingParams
from horay_async.models.images import ImageParams
from horay_async.models.models import ModelListParams
from horay_async.models.options import CallOptions, GenerationOptions
from horay_async.options import ClientParams

KEY = "a-key-for-nothing"

CLIENTS: dict[str, Any] = {"AsyncHoray": AsyncHoray, "Horay": Horay}
LIVING = {name: cls(KEY) for name, cls in CLIENTS.items()}
GROUPS = ("user", "models", "chat.completions", "completions", "images", "embeddings", "batch")

LAST = ["timeout", "extra_headers", "extra_query", "extra_body"]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a method, the same of both clients' but for the blocking names."""

    first: tuple[str, ...]
    """The parameters that its signature begins with: those that are required."""
    params: type[Any] | None
    """The class that declares its other parameters."""
    calls: dict[str, str]
    """Arguments, and the type that type checkers are to see of the blocking method's result."""
    waits: bool = True
    """Whether the asynchronous one is a coroutine function."""
    overloaded: dict[str, str] = field(default_factory=dict[str, str])
    """Parameters whose types type checkers know better than the implementation says."""


CHAT = "model='m', messages=[]"
TEXT = "model='m', prompt=''"

WANTED = {
    "": Wanted(("api_key",), ClientParams, {"timeout=3": "Horay"}, waits=False),
    "with_options": Wanted((), ClientParams, {"timeout=3": "Horay"}, waits=False),
    "close": Wanted((), None, {"": "None"}),
    "request": Wanted(
        ("method", "path"),
        GenerationOptions,
        {
            "'GET', '/path'": "JSONResponse",
            "'GET', '/path', stream=True": "Stream[ServerSentEvent]",
            "'GET', '/path', stream=bool()": "JSONResponse | Stream[ServerSentEvent]",
        },
    ),
    "user.info": Wanted((), CallOptions, {"": "UserInfo"}),
    "models.list": Wanted((), ModelListParams, {"type='text'": "ModelList"}),
    "models.retrieve": Wanted(("model",), CallOptions, {"'m'": "ModelInfo"}),
    "chat.completions.create": Wanted(
        ("model", "messages"),
        ChatParams,
        {
            CHAT: "ChatCompletion",
            f"{CHAT}, stream=False": "ChatCompletion",
            f"{CHAT}, stream=True": "Stream[ChatCompletionChunk]",
            f"{CHAT}, stream=bool()": "ChatCompletion | Stream[ChatCompletionChunk]",
        },
    ),
    "chat.completions.stream": Wanted(
        ("model", "messages"),
        ChatParams,
        {
            CHAT: "EventStream[ChatEvent, ChatCompletion]",
            f"{CHAT}, response_format=Box[int]": "EventStream[TypedChatEvent[Box[int]], ParsedCompletion[Box[int]]]",
        },
        waits=False,
    ),
    "chat.completions.parse": Wanted(
        ("model", "messages"),
        ConversationParams,
        {
            f"{CHAT}, response_format=Box[int]": "ParsedCompletion[Box[int]]",
            CHAT: "ParsedCompletion[None]",
        },
    ),
    "chat.completions.run_tools": Wanted(
        ("model", "messages"), ChatParams, {f"{CHAT}, tools=[]": "ToolRun"}, waits=False
    ),
    "completions.create": Wanted(
        ("model", "prompt"),
        CompletionParams,
        {
            TEXT: "Completion",
            f"{TEXT}, stream=True": "Stream[CompletionChunk]",
            f"{TEXT}, stream=bool()": "Completion | Stream[CompletionChunk]",
        },
    ),
    "completions.stream": Wanted(
        ("model", "prompt"),
        CompletionParams,
        {TEXT: "EventStream[CompletionEvent, Completion]"},
        waits=False,
    ),
    "embeddings.create": Wanted(
        ("model", "input"), EmbeddingParams, {"model='m', input='x'": "EmbeddingResponse"}
    ),
    "images.generate": Wanted(
        ("model", "prompt", "image_size"),
        ImageParams,
        {f"{TEXT}, image_size='1024x1024'": "ImageResponse"},
    ),
    "images.save": Wanted(("image", "path"), CallOptions, {"'https://host/', 'a.png'": "Path"}),
    "batch.run": Wanted(
        ("requests",),
        BatchOptions,
        {
            "list[BatchRequest[Completion]]()": "BatchRun[Completion]",
            "list[dict[str, object]]()": "BatchRun[Any]",
        },
        waits=False,
        overloaded={
            "requests": "Iterable[BatchRequest[ResponseT]] | AsyncIterable[BatchRequest[ResponseT]]"
            " | Iterable[BatchRequest[Response] | Mapping[str, object]]"
            " | AsyncIterable[BatchRequest[Response] | Mapping[str, object]]"
        },
    ),
    "batch.run_file": Wanted(
        ("requests", "results"), BatchOptions, {"'a.jsonl', 'b.jsonl'": "BatchProgress"}
    ),
}
"""By path; the constructor's is empty."""


@dataclass(frozen=True)
class Method:
    """A method of one client."""

    client: str
    path: str

    @property
    def wanted(self) -> Wanted:
        """What is wanted of it."""
        return WANTED[self.path]

    @property
    def name(self) -> str:
        """Its own name; of the constructor the class's."""
        return self.path.rpartition(".")[2] or self.client

    @property
    def code(self) -> str:
        """How a script names it, which has a client of each class under the class's name in small letters."""
        return f"{self.client.lower()}.{self.path}" if self.path else self.client

    @property
    def line(self) -> re.Pattern[str]:
        """What stands where it is defined."""
        if not self.path:
            return re.compile(rf"class {self.client}\b|def __init__\(")
        return re.compile(rf"def {self.name}\(")

    @cached_property
    def living(self) -> Any:
        """It, of a client."""
        found: Any = LIVING[self.client]
        for name in filter(None, self.path.split(".")):
            found = getattr(found, name)
        return found if self.path else CLIENTS[self.client]

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The parameters' names and types."""
        signature = inspect.signature(self.living)
        return {name: str(one.annotation) for name, one in signature.parameters.items()}

    def result(self, blocking: str) -> str:
        """What a call gives, of the blocking client's."""
        if self.client == "Horay":
            return blocking
        return re.sub(r"\b(\w*Stream|ToolRun|BatchRun|Horay)\b", r"Async\1", blocking)

    def __str__(self) -> str:
        return f"{self.client}.{self.path}" if self.path else f"{self.client}()"


def all_methods() -> Iterator[Method]:
    """Every public method of both clients, as they are."""
    for client, living in LIVING.items():
        yield Method(client, "")
        for group in ("", *GROUPS):
            owner = living
            for name in filter(None, group.split(".")):
                owner = getattr(owner, name)
            cls: Any = owner.__class__
            for name in dir(cls):
                if not name.startswith("_") and inspect.isfunction(getattr(cls, name)):
                    yield Method(client, f"{group}.{name}".lstrip("."))


def parts(text: str, separator: str) -> list[str]:
    """The parts of a text between separators that stand in no brackets."""
    found, depth, start = list[str](), 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and text.startswith(separator, place):
            found.append(text[start:place])
            start = place + len(separator)
    return [part.strip() for part in [*found, text[start:]]]


def members(hint: str) -> set[str]:
    """The members of a union, whichever tool wrote it. Beside `str` a literal text says nothing more."""
    hint = re.sub(r"\b(os|ssl|aiohttp)\.|@\w+", "", hint.replace('"', "'"))
    hint = hint.replace(
        "[Unknown]", "[ResponseT]"
    )  # a type variable, where pyright has nothing to go by
    hint = re.sub(r"Callable\[\[(.*?)\], (\w+)\]", r"((\1) -> \2)", hint)
    found = set(parts(hint, " | "))
    return {part for part in found if "str" not in found or not part.startswith("Literal")}
