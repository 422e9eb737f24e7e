"""The house rules that no type checker holds: layers, who may import what, and what the top shows."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler

import horay_async
from horay_async._bridge.wrapper import BlockingWrapper

PACKAGE = Path(horay_async.__file__).parent

LAYERS = [
    set(line.strip().removesuffix(" (leaves)").split(", "))
    for line in cast("str", horay_async.__doc__).partition("Its layers")[2].splitlines()
    if line.startswith("    ")
]
"""Each may import from those before it, and from itself: as the package's docstring lists them."""

LEAVES = LAYERS.pop()
"""Subpackages that nothing else imports."""

UPWARD = {("cli", "local")}
"""What is loaded when it is first used, by the command that starts it."""


class Import:
    """One import statement's target, and where it stands."""

    def __init__(self, module: str, *, typing_only: bool, in_function: bool) -> None:
        self.module = module
        self.typing_only = typing_only
        self.in_function = in_function


def is_module(name: str) -> bool:
    """Whether a dotted name is a file or a folder of this package."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports_of(path: Path) -> Iterator[Import]:
    """Every module that a file imports."""

    def walk(node: ast.AST, typing_only: bool, in_function: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, typing_only=typing_only, in_function=in_function)
        if isinstance(node, ast.ImportFrom):
            if node.level:
                parts = path.relative_to(PACKAGE.parent).with_suffix("").parts[: -node.level]
                target = ".".join((*parts, *filter(None, [node.module])))
            else:
                target = node.module or ""
            for alias in node.names:
                name = f"{target}.{alias.name}"
                # `from horay_async._transport import log` imports the module `log`.
                if target != "horay_async" and not is_module(name):
                    name = target
                yield Import(name, typing_only=typing_only, in_function=in_function)
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            guarded = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            yield from walk(child, typing_only or guarded, inside)

    return walk(ast.parse(path.read_text(encoding="utf-8")), False, False)


FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The layer that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def height(part: str) -> int:
    """How high in the house a part stands."""
    for level, parts in enumerate(LAYERS):
        if part in parts:
            return level
    raise AssertionError(
        f"{part} has no place among the layers: name it in the docstring of horay_async/__init__.py"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward(path: Path) -> None:
    """A module imports only from its own part of the package and from lower ones."""
    here = part_of(path)
    for found in imports_of(path):
        if not found.module.startswith("horay_async."):
            continue
        there = found.module.split(".")[1]
        if not any(there in parts for parts in [*LAYERS, LEAVES]):
            there = "__init__"  # one of the names that the package itself shows
        if here == there:
            continue
        if (here, there) in UPWARD and found.in_function:
            continue
        assert there not in LEAVES, f"{path} imports {found.module}, a leaf"
        if here not in LEAVES:
            assert height(there) < height(here), f"{path} imports {found.module}, which is above it"


FOUNDATIONS = [
    ("aiohttp", "_transport"),
    ("attrs", "models"),
    ("cattrs", "models"),
    ("cattrs", "_protocol/structured"),
    ("anyio.from_thread", "_bridge"),
]
"""The packages that the client stands on, and where: what makes connections and models, structures the caller's classes, and runs the calls of
blocking clients.
"""


@pytest.mark.parametrize(("package", "room"), FOUNDATIONS)
def test_foundations(package: str, room: str) -> None:
    """What they do isn't done by code of the client's own."""
    files = [path for path in FILES if (PACKAGE / room) in path.parents]
    imported = {
        found.module for path in files for found in imports_of(path) if not found.typing_only
    }
    assert any(f"{module}.".startswith(f"{package}.") for module in imported)


def graph_of_files() -> dict[str, set[str]]:
    """Which files import which, for types and within functions too."""
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in FILES
    }
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        here = part_of(path)
        graph[name] = set()
        for found in imports_of(path):
            # The package itself loads its names when they are first used.
            if found.module not in modules or "horay_async" in (name, found.module):
                continue
            there = found.module.split(".")[1]
            if (here, there) in UPWARD:
                continue
            graph[name].add(found.module)
    return graph


def test_no_circle_of_files() -> None:
    """No file imports itself by way of others, for types neither."""
    TopologicalSorter(graph_of_files()).prepare()  # raises CycleError, which names the circle


def test_no_circle_of_rooms() -> None:
    """Nor does any folder; those of the protocol count for themselves."""

    def room_of(module: str) -> str:
        parts = module.split(".")[1:]
        return ".".join(parts[:2] if parts[0] == "_protocol" else parts[:1])

    rooms: dict[str, set[str]] = {}
    for name, targets in graph_of_files().items():
        if name != "horay_async":
            here = room_of(name)
            rooms.setdefault(here, set()).update({room_of(target) for target in targets} - {here})
    TopologicalSorter(rooms).prepare()


ALLOWED = {
    "aiohttp": {"_transport", "local", "testing"},
    "anyio": {"_bridge"},
    "opentelemetry": {"integrations"},
    "typer": {"cli", "local"},
    "rich": {"cli", "batch"},
    "ray": {"integrations"},
    "pyarrow": {"integrations"},
}
"""Who may import the libraries that are kept in one place."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_keep_their_place(path: Path) -> None:
    """aiohttp is the transport's business, anyio the bridge's, and so on."""
    for found in imports_of(path):
        library = found.module.split(".")[0]
        if library in ALLOWED and not found.typing_only:
            assert part_of(path) in ALLOWED[library], f"{path} imports {library}"


DOCUMENTED = {"_create_connection"}
"""What begins with an underscore, and stands in aiohttp's reference (`BaseConnector`) as what derived classes override."""


def undocumented(path: Path) -> Iterator[str]:
    """What a file of the transport uses of aiohttp that its documentation doesn't name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aiohttp."):
            yield node.module
        elif isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            own = of in {"self", "cls", "share"}  # `share` is another object of the same class
            # aiohttp's own modules below the top, attributes of its protocols, and whatever begins with an underscore.
            if (
                (of == "aiohttp" and inspect.ismodule(getattr(aiohttp, node.attr, None)))
                or node.attr in {"should_close", "protocol", "set_response_params"}
                or (node.attr.startswith("_") and not node.attr.startswith("__") and not own)
            ) and node.attr not in DOCUMENTED:
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            yield from (
                ast.unparse(node)
                for name in node.args[1:2]
                if isinstance(name, ast.Constant) and name.value in dir(ResponseHandler)
            )


def test_undocumented_names_of_aiohttp_have_one_place() -> None:
    """And are found there, so that one switch can turn them off."""
    found = {path.name: set(undocumented(path)) for path in (PACKAGE / "_transport").glob("*.py")}
    assert "content._buffer" in found.pop("aiohttp_internals.py")
    assert not {name: names for name, names in found.items() if names}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "_protocol").rglob("*.py")), ids=lambda path: path.name
)
def test_protocol_is_pure(path: Path) -> None:
    """No I/O, no clock and no chance in the protocol: they are handed in."""
    forbidden = {
        "aiohttp",
        "anyio",
        "asyncio",
        "os",
        "random",
        "socket",
        "ssl",
        "threading",
        "time",
    }
    assert not {found.module.split(".")[0] for found in imports_of(path)} & forbidden


def test_no_lock_of_cached_property() -> None:
    """That of Python 3.11 is one for all instances, and a forked child waits for ever where another thread had it."""
    assert not [path for path in FILES if "import cached_property" in path.read_text("utf-8")]
    assert not [path for path in FILES if "functools.cached_property(" in path.read_text("utf-8")]


def test_environment_is_read_in_one_place() -> None:
    """Only the options read the environment; the local server, a program of its own, does too."""
    readers = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text(encoding="utf-8"))
    }
    assert {name for name in readers if not name.startswith(("local/", "cli/"))} == {"options.py"}


def public(cls: type) -> set[str]:
    """The public names of a class, its instances' attributes aside."""
    return {name for name in dir(cls) if not name.startswith("_")}


BLOCKING_CLASSES: dict[type, type[BlockingWrapper]] = BlockingWrapper._classes


@pytest.mark.parametrize(
    "asynchronous", BLOCKING_CLASSES, ids=lambda asynchronous: asynchronous.__name__
)
def test_blocking_classes_match(asynchronous: type) -> None:
    """A blocking class has the public names of its asynchronous class, and its docstrings."""
    blocking = BLOCKING_CLASSES[asynchronous]
    assert asynchronous.__name__ == f"Async{blocking.__name__}"
    assert public(blocking) == public(asynchronous)
    for name in public(blocking):
        assert getattr(blocking, name).__doc__ == getattr(asynchronous, name).__doc__, name


def modules() -> Iterator[Any]:
    """The modules whose names the top shows."""
    for info in pkgutil.walk_packages([str(PACKAGE)], "horay_async."):
        parts = info.name.split(".")[1:]
        shown = parts[0] in {
            "errors",
            "options",
            "client",
            "sync",
            "streaming",
            "models",
            "parsing",
            "tools",
        } or parts == ["batch"]
        if shown and not any(part.startswith("_") for part in parts):
            yield importlib.import_module(info.name)


def test_top_shows_every_public_name() -> None:
    """The top's `__all__` is the union of the public modules', and the version."""
    names = {name for module in modules() for name in getattr(module, "__all__", ())}
    assert set(horay_async.__all__) == names | {"__version__"}
    for name in horay_async.__all__:
        assert getattr(horay_async, name) is not None


def test_attributes_of_the_clients_match() -> None:
    """Both clients hand out the same resources."""
    with horay_async.Horay("a-key-for-nothing") as blocking:
        asynchronous = blocking._wrapped
        resources = {name for name in vars(asynchronous) if not name.startswith("_")}
        assert resources == {name for name in vars(blocking) if not name.startswith("_")}


SHARED_NAMES = {
    "Request": "what the client sends, and what the test server received: tests read `server.requests`",
}
"""Class names that stand for two things, and which. None more: a reader looks for one name in one place."""


def test_docstring_begins_with_what_users_need() -> None:
    """`help(horay_async)` names the classes that programs need before the layers, and each is there."""
    before = cast("str", horay_async.__doc__).partition("Its layers")[0]
    named = set(re.findall(r"`(\w+)`", before))
    assert {"Horay", "AsyncHoray", "Timeouts", "BatchRequest", "tool"} <= named
    assert named <= set(horay_async.__all__)


def test_class_names_stand_for_one_thing() -> None:
    """No two classes of the package have one name, but for those that are listed with what they are."""
    found: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    several = {name: places for name, places in found.items() if len(places) > 1}
    assert several.keys() <= SHARED_NAMES.keys(), several
