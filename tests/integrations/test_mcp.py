"""Tools of an MCP server, called by a run: an official server in memory, with versions 1 and 2 of its package."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra `mcp`")

from horay_async import AsyncHoray, ConfigurationError, Horay, HorayError, MessageDict, ToolResult
from horay_async.integrations.mcp import MCPToolError, tools_of
from horay_async.testing import FaultServer
from horay_async.testing.canned import PNG
from tests.conftest import Connect, ConnectBlocking
from tests.integrations.scripted_model import scripted_model

pytestmark = pytest.mark.anyio

NEW = int(version("mcp").split(".")[0]) >= 2

# The same things by the names of version 2 and of version 1.
server_module: Any = import_module("mcp.server.mcpserver" if NEW else "mcp.server.fastmcp")
exceptions: Any = import_module(f"{server_module.__name__}.exceptions")
MCPServer: Any = server_module.MCPServer if NEW else server_module.FastMCP


class Server:
    """A server of some tools, which tells what happens to slow calls."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.app: Any = MCPServer("tests")

        def add(a: int, b: int) -> int:
            """Adds two numbers."""
            return a + b

        async def slow(seconds: int) -> str:
            """Takes its time."""
            self.started.set()
            try:
                await asyncio.sleep(3600)
            except BaseException:
                self.cancelled.set()
                raise
            return "late"

        def failing(reason: str) -> str:
            """Fails."""
            raise exceptions.ToolError(f"it failed: {reason}")

        def picture() -> Any:
            """A picture."""
            return server_module.Image(data=PNG, format="png")

        def large(size: int) -> str:
            """A long text."""
            return "x" * 2_000_000

        for function in (add, slow, failing, picture, large):
            self.app.tool()(function)


@asynccontextmanager
async def session_of(server: Server) -> AsyncGenerator[Any]:
    opened: Any
    if NEW:
        opened = import_module("mcp").Client(server.app)
    else:
        memory: Any = import_module("mcp.shared.memory")
        opened = memory.create_connected_server_and_client_session(server.app._mcp_server)
    async with opened as session:
        yield session


async def run_one(client: AsyncHoray, session: Any, name: str, prompt: str) -> ToolResult:
    """The result of the one call that the scripted model makes."""
    run = client.chat.completions.run_tools(
        model="m",
        messages=[{"role": "user", "content": prompt}],
        tools=[tool for tool in await tools_of(session) if tool.name == name],
    )
    results = [event async for event in run if isinstance(event, ToolResult)]
    [result] = results
    return result


async def test_list() -> None:
    """Every tool has its name, description and schema."""
    async with session_of(Server()) as session:
        tools = {tool.name: tool for tool in await tools_of(session)}
    assert list(tools) == ["add", "slow", "failing", "picture", "large"]
    form: Any = dict(tools["add"])
    assert form["function"]["description"] == "Adds two numbers."
    assert set(form["function"]["parameters"]["properties"]) == {"a", "b"}


async def test_results(fault_server: FaultServer, connect: Connect) -> None:
    """Text and numbers come as text, long ones whole, pictures as pictures, errors as errors."""
    fault_server.always(scripted_model)
    async with connect() as client, session_of(Server()) as session:
        assert (await run_one(client, session, "add", "3 and 3")).content == "6"
        failed = await run_one(client, session, "failing", "of 'rust'")
        assert isinstance(failed.error, MCPToolError)
        assert "it failed: rust" in failed.content
        await run_one(client, session, "picture", "one, please")
        sent = fault_server.requests[-1].json()["messages"][-1]
        assert base64.b64encode(PNG).decode() in str(sent["content"])
        assert len((await run_one(client, session, "large", "9")).content) == 2_000_000


async def test_error_without_a_text(fault_server: FaultServer, connect: Connect) -> None:
    """Of an error that is told in structured content, the model is told that."""

    class Refusing:
        async def list_tools(self) -> Any:
            schema = {"type": "object", "properties": {"reason": {"type": "string"}}}
            one = SimpleNamespace(name="failing", description="Fails.", inputSchema=schema)
            return SimpleNamespace(tools=[one], nextCursor=None)

        async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            why = {"why": f"no {name} for {arguments['reason']}"}
            return SimpleNamespace(content=[], isError=True, structuredContent=why)

    class Drawing(Refusing):
        async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            picture = SimpleNamespace(type="image", mimeType="image/png", data="AAAA")
            parts = [picture] if arguments["reason"] == "rust" else []
            return SimpleNamespace(content=parts, isError=False, structuredContent={"size": 3})

    fault_server.always(scripted_model)
    async with connect() as client:
        failed = await run_one(client, Refusing(), "failing", "of 'rust'")
        await run_one(client, Drawing(), "failing", "of 'rust'")
        drawn = str(fault_server.requests[-1].json()["messages"][-1]["content"])
        told = await run_one(client, Drawing(), "failing", "of 'air'")
    assert '{"why": "no failing for rust"}' in failed.content
    assert "AAAA" in drawn
    assert '{"size": 3}' in drawn.replace("\\", "")
    assert json.loads(told.content) == {"size": 3}


async def test_cancelled_run_cancels_the_call(fault_server: FaultServer, connect: Connect) -> None:
    """A run that is closed ends the call on the server."""
    fault_server.always(scripted_model)
    server = Server()
    async with connect() as client, session_of(server) as session:
        task = asyncio.ensure_future(run_one(client, session, "slow", "9"))
        await asyncio.wait_for(server.started.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.cancelled.wait(), 10)


async def test_blocking(fault_server: FaultServer, connect_blocking: ConnectBlocking) -> None:
    """The blocking client's run calls the session on the session's own loop."""
    fault_server.always(scripted_model)
    async with session_of(Server()) as session:
        tools = [tool for tool in await tools_of(session) if tool.name == "add"]

        def run(client: Horay) -> str | None:
            messages: list[MessageDict] = [{"role": "user", "content": "3 and 3"}]
            run = client.chat.completions.run_tools(model="m", messages=messages, tools=tools)
            return run.final().choices[0].message.content

        with connect_blocking() as client:
            assert await asyncio.to_thread(run, client) == "The tool says: 6"


@pytest.mark.parametrize("how", ["final", "loop", "next"])
async def test_blocking_in_the_thread_of_the_session(
    fault_server: FaultServer, connect: Connect, connect_blocking: ConnectBlocking, how: str
) -> None:
    """As in a notebook: it raises before anything is sent, where each would wait for the other."""
    fault_server.always(scripted_model)
    async with session_of(Server()) as session:
        tools = [tool for tool in await tools_of(session) if tool.name == "add"]
        messages: list[MessageDict] = [{"role": "user", "content": "3 and 3"}]
        with connect_blocking() as client:
            run = client.chat.completions.run_tools(model="m", messages=messages, tools=tools)
            ways: dict[str, Callable[[], object]] = {
                "final": run.final,
                "loop": lambda: list(run),
                "next": lambda: next(iter(run)),
            }
            with pytest.raises(ConfigurationError, match="MCP session runs in the thread"):
                ways[how]()
        async with connect() as awaiting:
            again = awaiting.chat.completions.run_tools(model="m", messages=messages, tools=tools)
            assert (await again.final()).choices[0].message.content == "The tool says: 6"
    assert len(fault_server.requests) == 2


@pytest.mark.parametrize("closed", [False, True])
async def test_loop_that_has_ended(connect: Connect, closed: bool) -> None:
    """A tool of a session whose loop doesn't run any more says so at once, and a run before it sends anything."""

    class Listing:
        async def list_tools(self) -> Any:
            one = SimpleNamespace(name="add", description="Adds.", inputSchema={"type": "object"})
            return SimpleNamespace(tools=[one], nextCursor=None)

        async def call_tool(self, name: str, arguments: dict[str, Any] | None = None, /) -> Any:
            raise AssertionError

    home = asyncio.new_event_loop()
    try:
        [add] = await asyncio.to_thread(home.run_until_complete, tools_of(Listing()))
        if closed:
            home.close()
        function: Any = add.function
        with pytest.raises(HorayError, match="the event loop of the MCP session"):
            await function()
        run = connect().chat.completions.run_tools(
            model="m", messages=[{"role": "user", "content": "?"}], tools=[add]
        )
        with pytest.raises(HorayError, match="the event loop of the MCP session"):
            await run.final()
    finally:
        home.close()


async def test_loop_that_ends_in_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells who waits on another loop; it looks by itself."""
    monkeypatch.setattr("horay_async.integrations.mcp.CHECK_SECONDS", 0.01)
    home = asyncio.new_event_loop()

    class Stopping:
        async def list_tools(self) -> Any:
            one = SimpleNamespace(name="add", description="Adds.", inputSchema={"type": "object"})
            return SimpleNamespace(tools=[one], nextCursor=None)

        async def call_tool(self, name: str, arguments: dict[str, Any] | None = None, /) -> Any:
            home.stop()
            await asyncio.Event().wait()

    [add] = await asyncio.to_thread(home.run_until_complete, tools_of(Stopping()))
    running = asyncio.create_task(asyncio.to_thread(home.run_forever))
    try:
        while not home.is_running():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        function: Any = add.function
        with pytest.raises(HorayError, match="the event loop of the MCP session has ended"):
            await asyncio.wait_for(function(), 20)
    finally:
        await running
        left = asyncio.all_tasks(home)
        for task in left:
            task.cancel()
        await asyncio.to_thread(home.run_until_complete, asyncio.wait(left))
        home.close()
