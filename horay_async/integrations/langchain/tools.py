"""LangChain's tools for `run_tools`, which finds this by an entry point: hand them over as they are."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId
from langchain_core.utils.function_calling import convert_to_openai_tool

from horay_async.tools.define import Tool


def tool_of(tool: BaseTool) -> Tool[..., Any]:
    """A LangChain tool as one of `run_tools`. It checks its arguments itself. Raises `TypeError` for one that can't be run without what
    LangChain injects.
    """
    described = convert_to_openai_tool(tool)["function"]
    name = described["name"]
    injected: set[str] = set()
    for field, info in getattr(tool.get_input_schema(), "model_fields", {}).items():
        if any(_is(InjectedToolArg, each) for each in info.metadata):
            if info.is_required() or any(_is(InjectedToolCallId, each) for each in info.metadata):
                raise TypeError(
                    f"the tool {name} can't be run here: LangChain injects its parameter {field}"
                )
            injected.add(field)

    async def call(**arguments: Any) -> Any:
        if sent := sorted(injected & arguments.keys()):
            raise TypeError(f"there is no parameter {', '.join(sent)}")
        return await tool.ainvoke(arguments)

    return Tool.from_schema(
        name, described.get("description"), described.get("parameters", {}), call
    )


def _is(kind: type, annotation: object) -> bool:
    """Whether what a parameter is annotated with is a class of this kind, or an instance of one."""
    return issubclass(annotation if isinstance(annotation, type) else type(annotation), kind)
