"""What `tools` takes beside plain dicts, for type checkers: the classes stand above the models, in `horay_async.tools`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["HasTool"]


class ToolBase(Mapping[str, object]):
    """An object that is, as a mapping, its own description in the API's JSON form: `Tool` is one."""


class HasTool(Protocol):
    """What `tools` takes beside a `Tool` and a dict: an object that can describe itself as a tool.

    Other software's tools are passed this way: as objects with this method, or, for classes
    that nobody can add a method to, an entry point in the group `horay_async.tools` whose name is the top-level
    package of the class, and whose value is a function that makes a `Tool` of an instance (mostly by
    `Tool.from_schema`).
    """

    def __horay_tool__(self) -> ToolBase:
        """The tool that it is: a `Tool`."""
        ...
