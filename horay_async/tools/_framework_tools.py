"""Other software's tools as tools of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from horay_async.models.tools import ToolBase

ENTRY_POINTS = "horay_async.tools"
"""The group of the entry points that make a `Tool` of a class's instances, each named as a top-level package."""


def as_tool(given: Any) -> Any:
    """`given` as a `Tool` if it is one or can become one; else as it is, such as a tool in the API's JSON form."""
    if isinstance(given, Mapping):  # as a `Tool` is
        return cast(Any, given)
    kinds: tuple[type[Any], ...] = type(given).__mro__
    if any("__horay_tool__" in kind.__dict__ for kind in kinds):
        return _checked(given.__horay_tool__(), kinds[0])
    from importlib.metadata import entry_points  # noqa: PLC0415 - needed for other software's tools alone

    packages = {kind.__module__.partition(".")[0] for kind in kinds}
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in packages:
            return _checked(point.load()(given), kinds[0])
    return given


def _checked(made: Any, kind: type[Any]) -> Any:
    """What was made of an object of this kind; raises `TypeError` where that is no `Tool`."""
    if not isinstance(made, ToolBase):
        raise TypeError(
            f"the tool of an object of type {kind.__qualname__} must be a Tool, such as "
            f"Tool.from_schema(...) makes; got {made!r}"
        )
    return made
