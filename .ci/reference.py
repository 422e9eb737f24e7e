"""Builds the API reference from the docstrings: `python .ci/reference.py [FOLDER]`, `reference` by default.

It is pdoc (the extra `docs`), which is told what typed dictionaries inherit, and gets the names that the
package loads late.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types
import typing
import warnings
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path

import pdoc
import pdoc.doc
import pdoc.doc_ast
import pdoc.render

MODULES = (
    "horay_async",
    "horay_async.integrations.otel",
    "horay_async.integrations.ray",
    "horay_async.testing",
    "horay_async.local",
)

TOLD_ELSEWHERE = "horay_async.ClientParams."
"""Its parameters are the fields of `ClientOptions`, and described there."""


class Class(pdoc.doc.Class):
    """A class, with what a typed dictionary inherits."""

    @cached_property
    def _bases(self) -> tuple[type, ...]:
        return lineage(self.obj) if typing.is_typeddict(self.obj) else super()._bases


class Module(pdoc.doc.Module):
    """A module, with the docstrings of the variables that it shows from others."""

    @cached_property
    def _var_docstrings(self) -> dict[str, str]:
        found = dict(super()._var_docstrings)
        for name, home in sys.modules.items():
            if name.startswith("horay_async.") and home is not self.obj:
                for variable, words in pdoc.doc_ast.walk_tree(home).var_docstrings.items():
                    if variable in self.obj.__all__:
                        found.setdefault(variable, words)
        return found


def lineage(cls: type) -> tuple[type, ...]:
    """A typed dictionary and those that it extends, as its source names them: Python forgets them."""
    [definition] = ast.parse(inspect.getsource(cls)).body
    assert isinstance(definition, ast.ClassDef)
    names = vars(sys.modules[cls.__module__])
    bases = [names[ast.unparse(base)] for base in definition.bases]
    return (cls, *(found for base in bases if typing.is_typeddict(base) for found in lineage(base)))


def loaded(name: str) -> types.ModuleType:
    """A module that has all of its names: the package's own loads each when it is first used."""
    module = import_module(name)
    for public in module.__all__:
        getattr(module, public)
    return module


def members(parent: pdoc.doc.Namespace[typing.Any]) -> Iterator[pdoc.doc.Doc[typing.Any]]:
    """The public names in a module or class, and in its classes, that are the package's own."""
    for member in parent.members.values():
        # A type alias is taken from `typing`, and is the package's own all the same.
        foreign = not member.taken_from[0].startswith(("horay_async", "typing", "types"))
        if not member.name.startswith("_") and not foreign:
            yield member
            if isinstance(member, Class):
                yield from members(member)


def described(member: pdoc.doc.Doc[typing.Any]) -> bool:
    """Whether it has a docstring of its own: an alias such as `Literal["a", "b"]` has that of `Literal`."""
    own = member.docstring
    return bool(own) and not (
        isinstance(member, pdoc.doc.Variable) and own == inspect.getdoc(member.default_value)
    )


def main(folder: Path) -> None:
    """Writes the pages. Whatever pdoc warns of, or has no docstring, ends it."""
    warnings.simplefilter("error")
    # The `__init__` that attrs writes names types that another module has imported. They are shown as
    # they stand there.
    warnings.filterwarnings("ignore", r"Error parsing type annotation .+\.__init__\.")
    pdoc.doc.Class = Class  # type: ignore[misc]  # pdoc has no other way in
    pdoc.doc.Module = Module  # type: ignore[misc]  # as above
    pages = [Module(loaded(name)) for name in MODULES]
    shown = [member for page in pages for member in members(page)]
    bare = [member.fullname for member in shown if not described(member)]
    bare = [name for name in bare if not name.startswith(TOLD_ELSEWHERE)]
    if bare:
        sys.exit(f"{len(bare)} of {len(shown)} have no docstring: {', '.join(bare)}")
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)
    print(f"{len(shown)} names, each with its docstring: {folder / 'index.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "reference"))
