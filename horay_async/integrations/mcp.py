"""Tools of MCP servers for `run_tools`. The extra is `mcp`; versions 1 and 2 of the `mcp` package do.

    from mcp import Client
    from horay_async.integrations.mcp import tools_of

    async with Client("http://127.0.0.1:8000/mcp") as session:
        run = client.chat.completions.run_tools(model=..., messages=[...], tools=await tools_of(session))
        response = await run.final()

A result's text goes to the model as text, pictures as pictures, other structured content as JSON. What the server
reports as an error is told to the model too. A run that is cancelled cancels its calls on the server. With telemetry
on, the span of the tool says that it was an MCP call, and the server is sent the trace context.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from inspect import signature
from typing import Any, ClassVar, Protocol, TypeVar, cast

import attrs

from horay_async._extras import missing_extra
from horay_async._transport.loops import BLOCKED_THREAD
from horay_async.errors import ConfigurationError, HorayError
from horay_async.models.messages import ImagePart, ImageURL, TextPart
from horay_async.tools.define import Tool

if _missing := missing_extra(__name__, "mcp", "mcp"):
    raise ImportError(_missing)

__all__ = ["MCPToolError", "Session", "tools_of"]

T = TypeVar("T")

BLOCKED = (
    "the event loop of the MCP session runs in the thread that waits for this call, and can't run meanwhile: use AsyncHoray "
    "there, or make the call in another thread"
)

MAX_PAGES = 1_000
"""Most pages of a list of tools that are read: more are taken for a list that never ends."""

CHECK_SECONDS = 1.0
"""How often a call looks whether the session's loop still runs: so long it may wait in vain where that stops."""

CANCEL_SECONDS = 5.0
"""Most seconds of telling the server that a call was cancelled; the caller doesn't wait for it."""


class Session(Protocol):
    """What is needed of `mcp.Client` or `mcp.ClientSession`."""

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None, /) -> Any:
        """Calls a tool."""
        ...


class MCPToolError(HorayError):
    """A tool of an MCP server reported an error; its text is the server's."""

    telemetry_type: ClassVar[str] = "tool_error"
    """Its `error.type` by OpenTelemetry's conventions for MCP."""


async def tools_of(session: Session) -> list[Tool[..., Any]]:
    """The tools of an MCP session, for `run_tools(tools=...)`.

    `session` is an `mcp.Client` or an initialized `mcp.ClientSession`, of version 1 or 2. The tools can be used as
    long as it is open, from any event loop while its own is running. Raises what the session raises.

    A run with one of them raises `HorayError` where the session's loop doesn't run any more, and `ConfigurationError` on the
    blocking client in the thread of that loop, as in a cell of a notebook: there each would wait for the other.
    """
    home = _Home(asyncio.get_running_loop(), threading.get_ident())
    found: list[Tool[..., Any]] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await _page(session, cursor)
        found.extend(_tool(session, home, one) for one in page.tools)
        cursor = _either(page, "next_cursor", "nextCursor")
        if not cursor:
            return found
    raise HorayError(f"the MCP server's list of tools doesn't end: {MAX_PAGES} pages were read")


async def _page(session: Any, cursor: str | None) -> Any:
    if cursor is None:
        return await session.list_tools()
    try:
        return await session.list_tools(cursor=cursor)
    except TypeError:  # version 2's ClientSession has it among the parameters
        return await session.list_tools(params=_types().PaginatedRequestParams(cursor=cursor))


@attrs.frozen(eq=False)
class _Home:
    """Where a session belongs."""

    loop: asyncio.AbstractEventLoop
    thread: int
    """The ident of the loop's thread."""

    def check(self) -> None:
        """Raises where calls from here would never end."""
        if not self.loop.is_running():  # nothing would ever come of it
            raise HorayError("the event loop of the MCP session has ended, or doesn't run")
        if BLOCKED_THREAD.get() == self.thread:
            raise ConfigurationError(BLOCKED)

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Awaits on the session's own loop, which may be another thread's. Raises as `check` does."""
        if asyncio.get_running_loop() is self.loop:
            return await work()
        self.check()
        pending = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))
        try:
            # A loop that is stopped meanwhile tells nobody.
            while not (await asyncio.wait({pending}, timeout=CHECK_SECONDS))[0]:
                self.check()
            return pending.result()
        finally:
            pending.cancel()  # without effect where it has ended


def _tool(session: Any, home: _Home, described: Any) -> Tool[..., Any]:
    name: str = described.name

    async def call(**arguments: Any) -> Any:
        return _result(await home.run(lambda: _call(session, name, arguments)))

    made = Tool.from_schema(
        name, described.description or "", _either(described, "input_schema", "inputSchema"), call
    )
    made._check = home.check  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
    return made


async def _call(session: Any, name: str, arguments: dict[str, Any]) -> Any:
    # Version 1 doesn't tell the server when a call is cancelled; the next request's number is known here alone.
    number = getattr(session, "_request_id", None)
    try:
        return await session.call_tool(name, arguments, **_traced(session, number))
    except asyncio.CancelledError:
        if isinstance(number, int):
            task = asyncio.ensure_future(_cancel(session, number))
            _cancelling.add(task)
            task.add_done_callback(_cancelling.discard)
        raise


def _traced(session: Any, number: object) -> dict[str, Any]:
    """Tells telemetry of the call, where it is on; returns what is to be sent along."""
    telemetry = sys.modules.get("horay_async.integrations.otel.runs")
    if telemetry is None:
        return {}
    first = isinstance(number, int)
    context = telemetry.mcp_call(number if first else None)
    # Version 2 sends the context itself, and the older ones of version 1 can't.
    if not first or not context or "meta" not in signature(session.call_tool).parameters:
        return {}
    return {"meta": context}


_cancelling: set[asyncio.Future[None]] = set()
"""Keeps the notifications under way alive: a loop holds its tasks weakly."""


async def _cancel(session: Any, number: int) -> None:
    known = _types()
    notification = known.CancelledNotification(
        method="notifications/cancelled",
        params=known.CancelledNotificationParams(requestId=number, reason="the run was cancelled"),
    )
    # Where the session is closed or broken, the server has noticed, or can't be reached.
    with suppress(Exception):
        async with asyncio.timeout(CANCEL_SECONDS):
            await session.send_notification(known.ClientNotification(notification))


def _result(result: Any) -> Any:
    """The result for the model: text, parts where there are pictures, or the structured content."""
    blocks = cast("list[Any]", result.content or [])
    parts = [_part(block) for block in blocks]
    structured = _either(result, "structured_content", "structuredContent")
    is_error = _either(result, "is_error", "isError")
    # A text says it, too; what stands for a sound or a file doesn't.
    if structured is not None and not any(map(_text_of, blocks)):
        if not (parts or is_error):
            return structured
        parts.append(TextPart(json.dumps(structured, ensure_ascii=False)))
    if is_error:
        told = "\n".join(part.text for part in parts if isinstance(part, TextPart))
        raise MCPToolError(told or "the tool reported an error without a message")
    if not parts:
        return None
    if any(isinstance(part, ImagePart) for part in parts):
        return parts
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _text_of(block: Any) -> str:
    """The text of a block, or of a file in it, without blanks around it; empty where there is none."""
    text = getattr(block, "text", None) or getattr(getattr(block, "resource", None), "text", None)
    return text.strip() if isinstance(text, str) else ""


def _part(block: Any) -> TextPart | ImagePart:
    match block.type:
        case "text":
            return TextPart(block.text)
        case "image":
            kind = _either(block, "mime_type", "mimeType") or "image/png"
            return ImagePart(image_url=ImageURL(url=f"data:{kind};base64,{block.data}"))
        case "resource":
            inner = block.resource
            text = getattr(inner, "text", None)
            return TextPart(text if text is not None else f"(a file of bytes: {inner.uri})")
        case "resource_link":
            return TextPart(f"{block.name}: {block.uri}")
        case other:  # a sound, or what later versions bring
            plain = block.model_dump(mode="json", exclude={"data"}, exclude_none=True)
            return TextPart(f"({other}, which can't be shown: {json.dumps(plain)})")


def _types() -> Any:
    return import_module("mcp.types")  # by name: which names it has differs by version


def _either(holder: Any, new: str, old: str) -> Any:
    """An attribute by version 2's name, else by version 1's."""
    return getattr(holder, new, None) if hasattr(holder, new) else getattr(holder, old, None)
