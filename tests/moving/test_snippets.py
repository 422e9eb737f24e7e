"""What users of the `openai` package type runs by a change of import, or the error says what to type here.

The snippets run through that package too: they are what its users really type.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import openai
import pytest

import horay_async
from horay_async import AsyncHoray, Horay
from horay_async.testing import FaultServer, Hang, Request, ScriptedResponse, error, json_response
from tests.integrations.scripted_model import scripted_model

pytestmark = pytest.mark.anyio

FILE = Path(__file__).with_name("snippets.toml")
SNIPPETS: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["snippet"]
GUIDE = Path(__file__).parents[2] / "examples/guide/guides/moving_over.md"

NATIVE = [snippet for snippet in SNIPPETS if "error" not in snippet]
OTHERS = [snippet for snippet in SNIPPETS if "error" in snippet]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a place.",
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        },
    }
]


def chat(request: Request) -> ScriptedResponse:
    """A model's response, or what the model's name asks for."""
    asked = cast("dict[str, Any]", request.json())
    match asked["model"]:
        case "limited":
            return error(429)
        case "missing":
            return error(404)
        case "slow":
            return json_response({}).with_faults(Hang())
        case _:
            pass
    made = scripted_model(request)
    if "n" not in asked and "logprobs" not in asked:
        return made
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    choice = {
        "message": {"role": "assistant", "content": "a"},
        "finish_reason": "stop",
        "logprobs": {"content": [token], "refusal": None},
    }
    choices = [{**choice, "index": at} for at in range(asked.get("n") or 1)]
    opening = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"]}
    return json_response({**opening, "choices": choices})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A scripted model; the environment of both packages names it."""
    with FaultServer() as server:
        server.always(chat, path="/chat/completions")
        pictures = {"created": 1, "data": [{"url": server.picture_url}]}
        server.always(json_response(pictures), path="/images/generations")
        server.always(json_response({"object": "list", "data": []}), path="/files")
        server.always(json_response({"id": "m", "model": "m", "results": []}), path="/moderations")
        said: dict[str, object] = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "status": "completed",
        }
        text: dict[str, object] = {"type": "output_text", "text": "Hi", "annotations": []}
        output = [{**said, "content": [text]}]
        server.always(
            json_response({"id": "r", "object": "response", "output": output}), path="/responses"
        )
        for package in ("HORAY", "OPENAI"):
            monkeypatch.setenv(f"{package}_API_KEY", server.api_key)
            monkeypatch.setenv(f"{package}_BASE_URL", server.base_url)
        yield server


async def run(
    snippet: dict[str, Any], server: FaultServer, module: Any, blocking: Any, awaited: Any
) -> None:
    """Runs a snippet as a module of its own, with the names of a package."""
    home = types.ModuleType("__snippet__")
    names = vars(home)
    names.update(openai=module, OpenAI=blocking, AsyncOpenAI=awaited, tools=TOOLS)
    names.update(client_key=server.api_key, client_url=server.base_url)
    sys.modules["__snippet__"] = home
    try:
        with blocking() as client:
            async with contextlib.AsyncExitStack() as stack:
                aclient = await stack.enter_async_context(awaited())
                names.update(client=client, aclient=aclient)
                code = compile(
                    snippet["code"], snippet["name"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                )
                outcome = eval(code, names)  # the whole point
                if inspect.iscoroutine(outcome):
                    await outcome
    finally:
        del sys.modules["__snippet__"]


def name_of(snippet: dict[str, Any]) -> str:
    return str(snippet["name"])


@pytest.mark.parametrize("snippet", SNIPPETS, ids=name_of)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that package's own
async def test_in_openai(snippet: dict[str, Any], server: FaultServer) -> None:
    """Each is what the package takes."""
    await run(snippet, server, openai, openai.OpenAI, openai.AsyncOpenAI)


@pytest.mark.parametrize("snippet", NATIVE, ids=name_of)
async def test_by_a_change_of_import(snippet: dict[str, Any], server: FaultServer) -> None:
    """The same code with these classes in the place of those."""
    await run(snippet, server, horay_async, Horay, AsyncHoray)


@pytest.mark.parametrize("snippet", OTHERS, ids=name_of)
async def test_with_a_word_of_help(snippet: dict[str, Any], server: FaultServer) -> None:
    """The error says what to type, and the guide lists the difference."""
    kind, _, words = snippet["error"].partition(": ")
    with pytest.raises(Exception, match=re.escape(words)) as raised:
        await run(snippet, server, horay_async, Horay, AsyncHoray)
    assert type(raised.value).__name__ == kind
    assert f"`{snippet['section']}" in GUIDE.read_text(encoding="utf-8")


def test_how_many() -> None:
    """Most of what is typed runs as it is."""
    assert len(SNIPPETS) >= 55
    assert len(NATIVE) >= 36
