"""`typing.get_type_hints` for what imports the names of its types for type checkers alone, to be loaded fast."""

from __future__ import annotations

import ast
import sys
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class _LazyHints(dict[str, Any]):
    """Annotations whose names are imported when somebody goes through them."""

    def __init__(self, hints: dict[str, Any], module: str) -> None:
        super().__init__(hints)
        self._module = module

    def __iter__(self) -> Iterator[str]:
        load_type_names(self._module)
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - dict's own view
        load_type_names(self._module)
        return super().keys()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - dict's own view
        load_type_names(self._module)
        return super().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - dict's own view
        load_type_names(self._module)
        return super().values()


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
    import inspect  # noqa: PLC0415 - only needed here

    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:  # delivered without it
        return
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in block.body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    exec(compile(ast.Module([node], []), module, "exec"), names)
