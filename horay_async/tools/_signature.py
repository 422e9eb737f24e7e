"""From a function's signature and docstring to the class of its arguments."""

from __future__ import annotations

import dataclasses
import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast, get_type_hints

import attrs

from horay_async._json import is_object
from horay_async._protocol.structured.classes import has_fields, own_docstring
from horay_async._protocol.structured.docstrings import parse_docstring
from horay_async._protocol.structured.hints import admits_null
from horay_async._suggestions import did_you_mean

FIELDS = {
    ("pydantic.fields", "FieldInfo"),
    ("dataclasses", "Field"),
    ("attr._make", "_CountingAttr"),
    ("msgspec._core", "Field"),
}
"""Classes of what stands for a field in the body of a class, by module and name: none of them needs to be installed."""


@attrs.frozen(kw_only=True)
class Signature:
    """What a tool takes."""

    arguments: Any
    """The class of its arguments, an attribute each; a tool that is a class is its own. For a tool that has a
    schema instead of type hints, dicts: its arguments are passed on as they come."""
    text: str
    """The docstring up to its first section."""
    parameters: Mapping[str, inspect.Parameter] = {}
    """The function's parameters; none where the tool is a class."""

    def bound(self, arguments: Any) -> tuple[list[Any], dict[str, Any]]:
        """What to call the function with."""
        if is_object(arguments):
            return [], arguments
        parameters = self.parameters.values()
        kwargs = {each.name: getattr(arguments, each.name) for each in parameters}
        args = [kwargs.pop(each.name) for each in parameters if each.kind is each.POSITIONAL_ONLY]
        return args, kwargs


def signature_of(
    function: Callable[..., Any], name: str, documented: Callable[..., Any]
) -> Signature:
    """The signature of a tool; `documented` has its docstring. Raises `TypeError` for one that a schema can't describe."""
    if has_fields(function):
        cls = cast("type[Any]", function)
        return Signature(arguments=cls, text=parse_docstring(own_docstring(cls)).text)
    docs = parse_docstring(inspect.getdoc(documented) or "")
    # First: from Python 3.14 on, `signature` evaluates the hints as well, and explains no failure.
    inner, bound = _without_partials(function)
    hints = _hints(inner, name)
    try:
        parameters = {
            each.name: each
            for each in inspect.signature(function).parameters.values()
            if each.name not in bound
        }
        known = inspect.signature(inner).parameters.keys()
    except ValueError as error:  # of what is written in C
        raise TypeError(
            f"the tool {name} has no signature: make a tool of a function with type hints that calls it"
        ) from error
    for described in docs.arguments.keys() - known:
        meant = did_you_mean(described, known - docs.arguments.keys()).rstrip()
        text = (
            f"the docstring of the tool {name} describes {described!r}, which is none of its parameters"
            f"{meant and f': {meant}'}"
        )
        code = getattr(inspect.unwrap(inner), "__code__", None)
        if code is None:
            warnings.warn(text, stacklevel=2)
        else:  # where it is to be mended, not where the tool is first used
            warnings.warn_explicit(text, UserWarning, code.co_filename, code.co_firstlineno)
    fields: list[tuple[str, Any, Any]] = []
    nulled: dict[str, Any] = {}
    """Parameters whose null stands for their default: in a strict schema everything has to be there."""
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"the tool {name} can't take {parameter}: name each parameter")
        if parameter.name not in hints:
            of_object = ": make a tool of the method of an object, tool(thing.method)"
            raise TypeError(
                f"the tool {name} needs a type hint for its parameter {parameter.name}"
                f"{of_object if parameter.name == 'self' else ''}"
            )
        hint: Any = hints[parameter.name]
        default: dict[str, Any] = {}
        if parameter.default is not parameter.empty:
            _check_default(parameter, name)
            default = {"default_factory": lambda value=parameter.default: value}
            if not admits_null(hint):
                hint, default = hint | None, {"default": None}
                nulled[parameter.name] = parameter.default
        metadata = {"description": docs.arguments.get(parameter.name)}
        field: Any = dataclasses.field(metadata=metadata, **default)
        fields.append((parameter.name, hint, field))

    def fill_in(arguments: Any) -> None:
        for name, value in nulled.items():
            if getattr(arguments, name) is None:
                setattr(arguments, name, value)

    return Signature(
        # attrs would keep the text of the methods that it makes for ever.
        arguments=dataclasses.make_dataclass(
            re.sub(r"\W", "_", name), fields, kw_only=True, namespace={"__post_init__": fill_in}
        ),
        text=docs.text,
        parameters=parameters,
    )


def _check_default(parameter: inspect.Parameter, name: str) -> None:
    """Raises `TypeError` for what describes a field of a class, as pydantic's `Field(...)`: the function would get that object as its value."""
    made_of = type(cast("object", parameter.default))
    if (made_of.__module__, made_of.__name__) in FIELDS:
        raise TypeError(
            f"the tool {name} has the description of a field as the default of its parameter {parameter.name}: write that in the type hint, "
            f"{parameter.name}: Annotated[int, Field(le=5)] = 3, and only the default behind it"
        )


def _without_partials(function: Callable[..., Any]) -> tuple[Callable[..., Any], set[str]]:
    """The function that a partial one calls, and the names of the parameters that are bound by keyword."""
    bound: set[str] = set()
    while isinstance(function, partial):
        outer = cast("partial[Any]", function)
        bound |= outer.keywords.keys()
        function = outer.func
    return function, bound


def _hints(target: Any, name: str) -> dict[str, Any]:
    if not inspect.isroutine(target):
        target = type(target).__call__  # an object that can be called
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"a type hint of the tool {name} can't be resolved: {error}; the names in it must be defined "
            "at the top of its module"
        ) from error
