"""What `inspect` and `help` are told of the clients' methods: each parameter by name, not `**params`.

The parameters come from the table `_generated_parameters`. A signature is made when it is asked for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any, TypeVar

from horay_async._class_docs import NOT_GIVEN, LazySignature, Unquoted, written, written_parameters
from horay_async._generated_parameters import CLASSES, METHODS, PARAMETERS
from horay_async._type_hints import resolvable

C = TypeVar("C", bound=type[Any])

INDENT = "" if sys.version_info >= (3, 13) else " " * 8
"""What stands before each line of a method's docstring: newer compilers take it away."""

Row = tuple[str, str, bool, str]
"""A parameter's name and type, whether it is required, and its description."""

Names = Callable[[], Mapping[str, str]]
"""Gives the names of asynchronous classes, and of the blocking ones in their place."""


def with_signatures(cls: C) -> C:
    """Gives a class's methods their signatures and docstrings, where they take a parameter class."""
    for name, given in vars(cls).items():
        function = given.__func__ if isinstance(given, staticmethod) else given
        if isinstance(function, FunctionType) and f"{cls.__name__}.{name}" in METHODS:
            key = f"{cls.__name__}.{name}"
            sign: Any = function
            sign.__signature__ = LazySignature(partial(_signature, function, key))
            resolvable(function)
            if function.__doc__:  # gone with -OO
                function.__doc__ = _docstring(function.__doc__, key)
    return resolvable(cls)


def blocking_form(function: Any, method: Callable[..., Any], names: Names) -> None:
    """Gives a blocking method the signature and docstring of an asynchronous one."""
    function.__doc__ = method.__doc__

    def make() -> Signature:
        signature = Signature.from_callable(method)
        returned = signature.return_annotation
        if isinstance(returned, str):
            blocking = names()
            returned = Unquoted(
                re.sub(r"\w+", lambda word: blocking.get(word[0], word[0]), returned)
            )
        return signature.replace(return_annotation=returned)

    function.__signature__ = LazySignature(make)


def rows_of(name: str) -> Mapping[str, Row]:
    """The parameters of a parameter class, by their names."""
    return {row[0]: row for owner in CLASSES[name] for row in _declared_by(owner)}


@cache
def _declared_by(owner: str) -> tuple[Row, ...]:
    return tuple(_read(PARAMETERS[owner]))


def _read(declared: Mapping[str, str]) -> Iterator[Row]:
    for declaration, description in declared.items():
        typed, optional, _ = declaration.partition(" = ")
        name, _, hint = typed.partition(": ")
        yield name, hint, not optional, description


def _rows(key: str) -> Iterator[Row]:
    """A method's parameters by keyword: what is required, its own, and then the rest."""
    name, declared = METHODS[key]
    own = {row[0]: row for row in _read(declared)}
    listed = [row for row in rows_of(name).values() if row[0] not in own]
    yield from (row for row in (*listed, *own.values()) if row[2])
    yield from (row for row in (*own.values(), *listed) if not row[2])


def _signature(function: FunctionType, key: str) -> Signature:
    parameters = [
        parameter
        for parameter in written_parameters(function)
        if parameter.kind is not Parameter.KEYWORD_ONLY
    ]
    known = {parameter.name for parameter in parameters}
    own = function.__kwdefaults__ or {}
    parameters += [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if required else own.get(name, NOT_GIVEN),
            annotation=Unquoted(hint),
        )
        for name, hint, required, _ in _rows(key)
        if name not in known
    ]
    returned = written(function.__annotations__, "return")
    return Signature(parameters, return_annotation=returned)


def _docstring(docstring: str, key: str) -> str:
    text = docstring.partition(f"\n\n{INDENT}Args:\n")[0].rstrip()
    lines = [f"{INDENT}    {name}: {meaning}" for name, _, _, meaning in _rows(key) if meaning]
    return "\n".join([text, "", f"{INDENT}Args:", *lines])
