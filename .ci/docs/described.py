"""For the reference: a method is shown as `help` shows it, with every parameter and what it means.

In the source most parameters stand in a typed dictionary (`**params: Unpack[ChatParams]`); `horay_async._signatures`
writes them out at run time.
"""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from typing import Any

import griffe

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.VAR_POSITIONAL: griffe.ParameterKind.var_positional,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
    inspect.Parameter.VAR_KEYWORD: griffe.ParameterKind.var_keyword,
}


class Described(griffe.Extension):
    """Takes signature and docstring of methods from the object itself, where it has ones of its own."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Called once for each function that was read."""
        if func.is_private or not isinstance(func.parent, griffe.Class):
            return
        found: Any = import_module(func.module.path)
        for name in func.path.removeprefix(f"{func.module.path}.").split("."):
            found = getattr(found, name, None)
        if not hasattr(found, "__signature__"):
            return
        func.parameters = griffe.Parameters(
            *(_parameter(one, func) for one in inspect.signature(found).parameters.values())
        )
        if text := inspect.getdoc(found):
            func.docstring = griffe.Docstring(text, parent=func, parser="google")

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Called once for each attribute that was read: a value that a private function makes says nothing to a reader."""
        if str(attr.value).startswith("_"):
            attr.value = None


def _parameter(one: inspect.Parameter, func: griffe.Function) -> griffe.Parameter:
    annotation: Any = None
    if one.annotation is not inspect.Parameter.empty:
        # For links to what it names.
        tree = ast.parse(str(one.annotation), mode="eval").body
        annotation = griffe.safe_get_annotation(tree, parent=func)
    default = None if one.default is inspect.Parameter.empty else _shown(one.default)
    return griffe.Parameter(one.name, kind=KINDS[one.kind], annotation=annotation, default=default)


def _shown(default: Any) -> str:
    return "..." if default is ... else repr(default)
