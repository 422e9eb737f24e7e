"""instructor on this client, through openai's classes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from horay_async.testing import FaultServer, error

pytest.importorskip("instructor", reason="the tox environment `instructor`")

instructor: Any = import_module("instructor")

pytestmark = pytest.mark.anyio

MESSAGES: Any = [{"role": "user", "content": "Name 'Oslo'"}]


class City(BaseModel):
    """A city."""

    name: str


async def test_call_and_retry(client: Any, server: FaultServer) -> None:
    """An instance of the class, by a tool call; a 429 is retried beneath."""
    server.add(error(429, retry_after=0.001, form="ms"))
    made = instructor.from_openai(client)
    found = await made.chat.completions.create(model="m", messages=MESSAGES, response_model=City)
    assert found.name == "Oslo"
    assert len(server.requests) == 2


def test_blocking(blocking_client: Any) -> None:
    """The blocking class too, by a JSON schema."""
    made = instructor.from_openai(blocking_client, mode=instructor.Mode.JSON_SCHEMA)
    found = made.chat.completions.create(model="m", messages=MESSAGES, response_model=City)
    assert found.name == "Oslo"


async def test_stream(client: Any) -> None:
    """The instance grows as the stream comes."""
    made = instructor.from_openai(client)
    stream = made.chat.completions.create_partial(model="m", messages=MESSAGES, response_model=City)
    assert [part async for part in stream][-1].name == "Oslo"


async def test_cut_stream(client: Any, server: FaultServer) -> None:
    """A stream that is cut raises."""
    server.stream(["one"], done=False, finish_reason=None)
    made = instructor.from_openai(client)
    stream = made.chat.completions.create_partial(
        model="m", messages=MESSAGES, response_model=City, max_retries=0
    )
    with pytest.raises(Exception, match="incomplete"):
        async for _ in stream:
            pass
