"""`typing.get_type_hints` for what imports the names of its types for type checkers alone, to be loaded fast."""

from __future__ import annotations

import ast
import sys
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")


def _loading(name: str) -> Any:
    """A method of dicts, before which the names in the annotations are imported."""

    def call(self: _LazyHints) -> Any:
        load_type_names(self.module)
        return getattr(dict, name)(self)

    return call


class _LazyHints(dict[str, Any]):
    """Annotations whose names are imported when somebody goes through them."""

    def __init__(self, hints: dict[str, Any], module: str) -> None:
        super().__init__(hints)
        self.module = module

    __iter__ = _loading("__iter__")
    keys = _loading("keys")
    items = _loading("items")
    values = _loading("values")


def resolvable(decorated: T) -> T:
    """Has the annotations of a class or function of this package resolved when they are asked for, as a decorator."""
    target: Any = decorated
    hints = (
        vars(target).get("__annotations__") if isinstance(target, type) else target.__annotations__
    )
    if hints:
        target.__annotations__ = _LazyHints(hints, target.__module__)
    return decorated


@cache
def load_type_names(module: str) -> None:
    """Imports into a module of this package what stands below its `if TYPE_CHECKING:`, as far as its source can be had."""
    names = vars(sys.modules[module])
    # Of the models, which the first call goes through, hardly any has such imports: reading sources takes long.
    if not module.startswith("horay_async.") or "TYPE_CHECKING" not in names:
        return
    for block in source_tree(module).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in block.body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    exec(compile(ast.Module([node], []), module, "exec"), names)


def source_tree(module: str) -> ast.Module:
    """The syntax tree of a module; an empty one where it was delivered without its source."""
    import inspect  # noqa: PLC0415 - only needed here

    try:
        return ast.parse(inspect.getsource(import_module(module)))
    except OSError:
        return ast.Module([], [])
