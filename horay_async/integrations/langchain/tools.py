"""LangChain's tools for `run_tools`, which finds this by an entry point: hand them over as they are."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from horay_async.tools.define import Tool


def tool_of(tool: BaseTool) -> Tool[..., Any]:
    """A LangChain tool as one of `run_tools`. It checks its arguments itself."""
    described = convert_to_openai_tool(tool)["function"]

    async def call(**arguments: Any) -> Any:
        return await tool.ainvoke(arguments)

    return Tool.from_schema(
        described["name"], described.get("description"), described.get("parameters", {}), call
    )
