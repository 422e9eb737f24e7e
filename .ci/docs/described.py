"""For the reference: a method is shown as `help` shows it, with every parameter and what it means.

In the source most parameters stand in a typed dictionary (`**params: Unpack[ChatParams]`); `horay_async._signatures`
writes them out at run time.
"""

from __future__ import annotations

import ast
import inspect
import re
from copy import copy
from importlib import import_module
from typing import Any, is_typeddict

import attrs
import griffe

from horay_async.batch.options import Settings
from horay_async.options import ClientOptions, ClientParams, RetryPolicy

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.VAR_POSITIONAL: griffe.ParameterKind.var_positional,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
    inspect.Parameter.VAR_KEYWORD: griffe.ParameterKind.var_keyword,
}


PUBLIC = frozenset(
    getattr(import_module(top), name)
    for top in ("horay_async", "horay_async.testing", "horay_async.integrations.otel")
    for name in import_module(top).__all__
    if isinstance(getattr(import_module(top), name), type)
)
"""The classes that the reference has a place for."""


PLACES = {one.__name__: f"{one.__module__}.{one.__qualname__}" for one in PUBLIC}
"""Where each of them is shown, by its name."""


SETTINGS = {"__init__": ClientOptions, "run": Settings, "run_file": Settings}
"""By the method that takes them by keyword, the class that has their defaults."""


QUOTED = re.compile(r"`(\w+)`")


def _linked(quoted: re.Match[str]) -> str:
    """A class's name in a docstring, as a link to its place where it has one."""
    home = PLACES.get(quoted[1])
    return quoted[0] if home is None else f"[{quoted[0]}][{home}]"


class Described(griffe.Extension):
    """Takes signature and docstring of methods from the object itself, where it has ones of its own."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called once for each class that was read: bases that are no reader's business give way to theirs, and leave what
        they have.
        """
        found = _object_of(cls)
        if cls.docstring is not None:
            cls.docstring.value = QUOTED.sub(_linked, cls.docstring.value)
        if not isinstance(found, type) or is_typeddict(found):
            return
        named = [next(filter(_is_known, base.__mro__), None) for base in found.__bases__]
        cls.bases = [griffe.ExprName(one.__name__, parent=cls) for one in named if one is not None]
        for base in found.__bases__:
            unknown = cls.module.members.get(base.__name__)
            if not _is_known(base) and isinstance(unknown, griffe.Class):
                for name, member in unknown.members.items():
                    if not name.startswith("_") and name not in cls.members:
                        cls.members[name] = own = copy(member)
                        own.parent = cls

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Called once for each function that was read."""
        if func.is_private or not isinstance(func.parent, griffe.Class):
            return
        found = _object_of(func)
        if not hasattr(found, "__signature__"):
            return
        func.parameters = griffe.Parameters(
            *(_parameter(one, func) for one in inspect.signature(found).parameters.values())
        )
        if func.name in SETTINGS:
            _show_defaults(func.parameters, SETTINGS[func.name])
        if text := inspect.getdoc(found):
            text = QUOTED.sub(_linked, text)
            func.docstring = griffe.Docstring(text, parent=func, parser="google")

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Called once for each module that was read, with all that is in it: a page has words of its own for what it shows of models."""
        if mod.path.startswith("horay_async.models"):
            mod.docstring = None
        if mod.path == ClientOptions.__module__:
            _describe_client_params(mod)

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Called once for each attribute that was read: how a value is made says nothing to a reader."""
        attr.labels -= {"class-attribute", "instance-attribute"}
        value = attr.value
        if isinstance(value, griffe.ExprCall) and str(value.function) == "attrs.field":
            given = {
                one.name: one.value
                for one in value.arguments
                if isinstance(one, griffe.ExprKeyword)
            }
            attr.value = value = given.get("default")
        if str(value).startswith("_"):
            attr.value = None


def _object_of(described: griffe.Object) -> Any:
    """What is described, as it is at run time; None where it isn't there."""
    found: Any = import_module(described.module.path)
    for name in described.path.removeprefix(f"{described.module.path}.").split("."):
        found = getattr(found, name, None)
    return found


def _is_known(one: type) -> bool:
    """Whether a base says something to a reader: a class of the reference, or an error of Python's."""
    return one in PUBLIC or (one.__module__ == "builtins" and one is not object)


def _parameter(one: inspect.Parameter, func: griffe.Function) -> griffe.Parameter:
    annotation: Any = None
    if one.annotation is not inspect.Parameter.empty:
        # For links to what it names.
        tree = ast.parse(str(one.annotation), mode="eval").body
        annotation = griffe.safe_get_annotation(tree, parent=func)
    default = None if one.default is inspect.Parameter.empty else _shown(one.default)
    return griffe.Parameter(one.name, kind=KINDS[one.kind], annotation=annotation, default=default)


def _show_defaults(parameters: griffe.Parameters, settings: Any) -> None:
    """Writes the defaults of settings in the place of those that only say that there is one."""
    defaults = _defaults_of(settings)
    for parameter in parameters:
        if parameter.default == "..." and parameter.name in defaults:
            parameter.default = defaults[parameter.name]


def _defaults_of(settings: Any) -> dict[str, str]:
    """The defaults of settings, as they are written, by name."""
    # The client's `max_retries` is a field of the retry policy.
    fields = (*attrs.fields(RetryPolicy), *attrs.fields(settings))
    given = {one.name: one.default for one in fields if one.default is not attrs.NOTHING}
    return {
        name: _call_of(default.factory) if hasattr(default, "factory") else repr(default)
        for name, default in given.items()
    }


def _describe_client_params(mod: griffe.Module) -> None:
    """Gives the keyword arguments of a client, which stand there with their types alone, the descriptions and the defaults
    of the settings that they become.
    """
    params, options = mod[ClientParams.__name__], mod[ClientOptions.__name__]
    defaults = _defaults_of(ClientOptions)
    for name, member in params.members.items():
        if name in options.members and not member.has_docstring:
            member.docstring = options[name].docstring
        member.value = defaults.get(name)


def _call_of(factory: Any) -> str:
    return "{}" if not isinstance(factory, type) else f"{factory.__name__}()"


def _shown(default: Any) -> str:
    return "..." if default is ... else repr(default)
