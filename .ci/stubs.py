"""Writes what editors and `help` are told of the clients' methods: `python .ci/stubs.py`, or with `--check`
says what is out of step.

A method takes `**params: Unpack[ChatParams]`, and each parameter is declared once, in the typed dictionary: its
type and, below it, its description. One with `stream: bool = False` returns the first of its two results, and with
`stream=True` the second. From these come, written out parameter by parameter,

- a stub (`.pyi`) beside each module in `STUBBED` and for each of `PACKAGES`, for type checkers and editors;
- `horay_async/_generated_parameters.py`, from which `horay_async._signatures` makes signatures and docstrings.

From the modules' `__all__` come, for each of `PACKAGES`, the names in its stub, and those in its `_generated_names.py`, by which it finds
them at run time.

A blocking class's methods (`@blocking(AsyncCompletions.create)`) and properties are those of the asynchronous class,
with the blocking classes (`class Stream(..., of=AsyncStream)`) in the place of the asynchronous ones.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from inspect import cleandoc
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "horay_async"
TABLE = PACKAGE / "_generated_parameters.py"

STUBBED = (
    "horay_async.batch.batch_request",
    "horay_async.batch.resource",
    "horay_async.client",
    "horay_async.resources.chat",
    "horay_async.resources.completions",
    "horay_async.resources.embeddings",
    "horay_async.resources.images",
    "horay_async.resources.models",
    "horay_async.resources.user",
    "horay_async.sync",
)
"""The modules whose classes get stubs; one that isn't there is passed over."""

PACKAGES = {
    "horay_async": (
        "errors",
        "options",
        "client",
        "models.raw",
        "models.models",
        "models.chat",
        "models.chat_chunks",
        "models.chat_params",
        "models.completions",
        "models.dicts",
        "models.drift",
        "models.embeddings",
        "models.events",
        "models.hooks",
        "models.images",
        "models.messages",
        "models.meta",
        "models.options",
        "models.parsed",
        "models.sampling",
        "models.tools",
        "models.rate_limits",
        "models.usage",
        "models.user",
        "streaming",
        "batch",
        "parsing",
        "tools.define",
        "tools.run",
        "sync",
    ),
    "horay_async.testing": (
        "_server_connection",
        "responses",
        "canned",
        "cassettes",
        "chaos",
        "failures",
        "faults",
        "recorder",
        "records",
        "script",
        "server",
        "steps",
        "tls",
    ),
}
"""The packages that load their modules late, and the modules whose names they show: those in their `__all__`."""

DESCRIBED_BY = {"ClientParams": "ClientOptions"}
"""Typed dictionaries whose parameters are described by another class's fields of the same names."""

LAST = re.compile(r"timeout|extra_\w+")
"""The options of a call that close its signature: few calls need them."""

HEADER = "# Written by .ci/stubs.py from the parameter classes: change those, and run it again."

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Parameter:
    """One parameter of a signature."""

    name: str
    type: str
    default: str | None = None
    kind: str = "keyword"
    """`positional` or `keyword`."""
    description: str = ""
    module: str = ""
    """Where the names in its type are to be found."""
    owner: str = field(default="", compare=False)
    """The typed dictionary that declares it."""

    def __str__(self) -> str:
        annotation = f": {self.type}" if self.type else ""
        default = "" if self.default is None else f"{' = ' if self.type else '='}{self.default}"
        return f"{self.name}{annotation}{default}"


@dataclass
class Method:
    """A method with its parameters written out."""

    parameters: list[Parameter]
    returns: str
    docstring: str
    module: str
    names: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """What its types need: where, and which name."""


@cache
def tree(module: str) -> ast.Module:
    """A module's syntax tree."""
    found = ast.parse(path_of(module).read_text(encoding="utf-8"))
    for node in found.body:
        if isinstance(node, ast.ClassDef):
            node.body = [each for item in node.body for each in ways_of_calling(node, item)]
    return found


def ways_of_calling(node: ast.ClassDef, item: ast.stmt) -> Iterator[ast.stmt]:
    """A statement of a class; before a method whose `stream` chooses between two results, the overloads that say which."""
    if (
        isinstance(item, Function)
        and isinstance(item.returns, ast.BinOp)
        and "stream: bool=False" in ast.unparse(item.args)
        and not any(map(is_overload, functions(node, item.name)))
    ):
        whole, streamed = item.returns.left, item.returns.right
        for hint, default, returns in (
            ("Literal[False]", ast.Constant(False), whole),
            ("Literal[True]", None, streamed),
            ("bool", None, item.returns),
        ):
            way = copy.deepcopy(item)
            way.decorator_list, way.returns = [ast.Name("overload")], returns
            at = next(n for n, each in enumerate(way.args.kwonlyargs) if each.arg == "stream")
            way.args.kwonlyargs[at].annotation = ast.parse(hint, mode="eval").body
            way.args.kw_defaults[at] = default
            yield way
    yield item


def path_of(module: str) -> Path:
    """A module's file."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, those under `if TYPE_CHECKING` among them."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            yield from statements(statement.body)
        else:
            yield statement


@cache
def imports(module: str) -> dict[str, tuple[str, str | None]]:
    """The names that a module imports, and where from: the module, and the name in it."""
    found: dict[str, tuple[str, str | None]] = {}
    for statement in statements(tree(module).body):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                found[alias.asname or alias.name] = (statement.module or "", alias.name)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                found[alias.asname or alias.name.partition(".")[0]] = (alias.name, None)
    return found


@cache
def definitions(module: str) -> dict[str, ast.stmt]:
    """What a module defines at its top."""
    found: dict[str, ast.stmt] = {}
    for statement in statements(tree(module).body):
        if isinstance(statement, ast.ClassDef | Function):
            found[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement
    return found


def home(module: str, name: str) -> tuple[str, str | None] | None:
    """Where a name used in a module comes from; None for a builtin."""
    if name in definitions(module):
        return module, name
    if name in imports(module):
        return imports(module)[name]
    if hasattr(builtins, name):
        return None
    if name in ("Literal", "overload"):  # of overloads that the source leaves to this script
        return "typing", name
    raise SystemExit(f"{module}: where does {name} come from?")


def class_of(module: str, name: str) -> tuple[str, ast.ClassDef]:
    """A class by the name that a module has for it, followed to where it is defined."""
    place = home(module, name)
    while place is not None and place[1] is not None and place[0].startswith("horay_async"):
        found = definitions(place[0]).get(place[1])
        if isinstance(found, ast.ClassDef):
            return place[0], found
        place = home(place[0], place[1])
    raise SystemExit(f"{module}: {name} isn't a class of this package")


def description_below(body: list[ast.stmt], index: int) -> str:
    """The string below a field, on one line."""
    below = body[index + 1] if index + 1 < len(body) else None
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        return " ".join(cleandoc(str(below.value.value)).split())
    return ""


def fields(module: str, node: ast.ClassDef) -> dict[str, tuple[str, str]]:
    """The types and descriptions of a class's own fields."""
    return {
        statement.target.id: (
            ast.unparse(statement.annotation),
            description_below(node.body, index),
        )
        for index, statement in enumerate(node.body)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


@cache
def declared(module: str, name: str) -> tuple[Parameter, ...]:
    """The parameters that a typed dictionary declares, as its signatures order them."""
    found: dict[str, Parameter] = {}
    last: set[str] = set()

    def collect(module: str, node: ast.ClassDef) -> None:
        for base in node.bases:
            base_name = ast.unparse(base)
            if base_name != "TypedDict":
                collect(*class_of(module, base_name))
        own = fields(module, node)
        told: dict[str, tuple[str, str]] = {}
        if node.name in DESCRIBED_BY:
            told = fields(*class_of(module, DESCRIBED_BY[node.name]))
        for key, (hint, below) in own.items():
            text = below or told.get(key, ("", ""))[1]
            if not text:
                raise SystemExit(f"{module}: {node.name}.{key} has no description below it")
            text += values_of(module, hint, text)
            found[key] = Parameter(
                key,
                re.sub(r"^(?:Not)?Required\[(.*)\]$", r"\1", hint),
                None if hint.startswith("Required[") else "...",
                description=text,
                module=module,
                owner=node.name,
            )
            if node.name == "CallOptions":
                last.add(key)

    collect(*class_of(module, name))

    def rank(parameter: Parameter) -> int:
        if parameter.default is None:
            return 0
        if parameter.name not in last:
            return 1
        return 3 if LAST.fullmatch(parameter.name) else 2

    return tuple(sorted(found.values(), key=rank))


def values_of(module: str, hint: str, text: str) -> str:
    """The values of a named `Literal`, which its name alone doesn't tell; empty for any other type."""
    name = re.sub(r"^(?:Not)?Required\[(.*)\]$", r"\1", hint).removesuffix(" | None")
    definition = definitions(module).get(name)
    if not isinstance(definition, ast.Assign) or not isinstance(definition.value, ast.Subscript):
        return ""
    if ast.unparse(definition.value.value) != "Literal":
        return ""
    values = ast.literal_eval(definition.value.slice)
    listed = ", ".join(
        f'`"{value}"`' for value in (values if isinstance(values, tuple) else (values,))
    )
    return "" if listed in text else f" One of {listed}."


def unpacked(function: Function) -> str | None:
    """The typed dictionary in `**params: Unpack[...]`."""
    hint = function.args.kwarg and function.args.kwarg.annotation
    found = re.fullmatch(r"Unpack\[(\w+)\]", ast.unparse(hint)) if hint else None
    return found[1] if found else None


ARGUMENTS = re.compile(r"\n\nArgs:\n((?:[ ]{4}.*\n?)+)")


def parse_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """A docstring without its section `Args:`, and what that says of each parameter."""
    found = ARGUMENTS.search(docstring)
    if not found:
        return docstring, {}
    entries: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(found[1]).splitlines():
        entry = re.match(r"(\w+): (.*)", line)
        if entry:
            name = entry[1]
        entries[name] = f"{entries[name]} {line.strip()}" if not entry else entry[2]
    return ARGUMENTS.sub("", docstring), entries


def parameters(module: str, function: Function, told: dict[str, str]) -> list[Parameter]:
    """A function's parameters, in the order of its signature: what is required first."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    explicit = [
        (argument, default, "positional")
        for argument, default in zip(positional, defaults, strict=True)
    ] + [
        (argument, default, "keyword")
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    own = [
        Parameter(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation else "",
            ast.unparse(default) if default else None,
            kind,
            told.get(argument.arg, ""),
            module,
        )
        for argument, default, kind in explicit
    ]
    name = unpacked(function)
    listed = declared(module, name) if name else ()
    taken = {parameter.name for parameter in own}
    listed = tuple(parameter for parameter in listed if parameter.name not in taken)
    return [
        *(parameter for parameter in own if parameter.kind == "positional"),
        *(parameter for parameter in listed if parameter.default is None),
        *(p for p in own if p.kind == "keyword" and p.default is None),
        *(p for p in own if p.kind == "keyword" and p.default is not None),
        *(parameter for parameter in listed if parameter.default is not None),
    ]


def with_arguments(summary: str, listed: Iterable[Parameter]) -> str:
    """A docstring with its section `Args:`."""
    lines = [f"    {p.name}: {p.description}" for p in listed if p.description]
    return "\n".join([summary, "", "Args:", *lines]) if lines else summary


def is_overload(function: Function) -> bool:
    """Whether it only declares one way of calling another function."""
    return any(ast.unparse(decorator) == "overload" for decorator in function.decorator_list)


def functions(node: ast.ClassDef, name: str) -> list[Function]:
    """All of a class's functions of a name: the overloads and the implementation."""
    return [item for item in node.body if isinstance(item, Function) and item.name == name]


def write_function(
    module: str, function: Function, told: dict[str, str], summary: str, out: Stub, indent: str
) -> list[str]:
    """A function's lines in a stub."""
    listed = parameters(module, function, told)
    out.uses(module, function.returns)
    for parameter in listed:
        if parameter.type:
            out.uses(parameter.module, ast.parse(parameter.type, mode="eval"))
    shown: list[str] = []
    for parameter in listed:
        if parameter.kind == "keyword" and "*" not in shown:
            shown.append("*")
        shown.append(str(parameter))
    # Arguments by position that a function only tells what to write instead, or takes and ignores.
    rest = function.args.vararg.arg if function.args.vararg else "positional"
    if rest == "_":
        shown.append("*_: object")
    elif rest != "positional" or (function.args.kwarg and not unpacked(function)):
        raise SystemExit(f"{module}: {function.name} takes what no parameter class declares")
    returns = f" -> {out.renamed(ast.unparse(function.returns))}" if function.returns else ""
    decorators = [f"{indent}@{ast.unparse(item)}" for item in function.decorator_list]
    for item in function.decorator_list:
        out.uses(module, item)
    word = "async def" if isinstance(function, ast.AsyncFunctionDef) and not out.blocking else "def"
    head = f"{indent}{word} {function.name}({', '.join(shown)}){returns}:"
    lines = [*decorators, head]
    if summary and (not function.name.startswith("_") or function.name == "__init__"):
        return [*lines, *docstring(with_arguments(summary, listed), indent + "    ")]
    return [*lines, f"{indent}    ..."]


def docstring(text: str, indent: str) -> list[str]:
    """A docstring's lines, each parameter's description on one, since editors show no more of it."""
    if not text:
        return []
    quoted = f'{"r" if chr(92) in text else ""}"""{text}'
    end = '\n"""' if "\n" in text else '"""'
    return textwrap.indent(quoted + end, indent, lambda line: bool(line.strip())).splitlines()


class Stub:
    """A stub in the making: its lines, and what they need imported."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.blocking = False
        self.lines: list[str] = []
        self.needed: dict[str, tuple[str, str | None]] = {}
        self.classes = blocking_classes() if module == "horay_async.sync" else {}

    def uses(self, module: str, node: ast.AST | None) -> None:
        """Notes the names of an expression found in `module`."""
        for item in ast.walk(node) if node else ():
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                continue
            if isinstance(item, ast.Name):
                name = self.renamed(item.id) if self.blocking else item.id
                if name != item.id:
                    continue  # a class of this module
                place = home(module, name)
                if place is not None and place[0] == module != self.module:
                    # A type variable of the same name and kind serves both.
                    own = definitions(self.module).get(name)
                    if own and ast.unparse(own) == ast.unparse(definitions(module)[name]):
                        continue
                if place is not None and place != (self.module, name):
                    self.needed[name] = place

    def renamed(self, text: str) -> str:
        """Types with the blocking classes in them."""
        if not self.blocking:
            return text
        return re.sub(r"\w+", lambda word: self.classes.get(word[0], word[0]), text)

    def import_lines(self) -> list[str]:
        """The import statements."""
        lines: list[str] = []
        for name, (module, original) in sorted(self.needed.items()):
            if original is None:
                lines.append(f"import {module}" if module == name else f"import {module} as {name}")
            else:
                alias = "" if original == name else f" as {name}"
                lines.append(f"from {module} import {original}{alias}")
        return lines


@cache
def blocking_classes() -> dict[str, str]:
    """The asynchronous classes' names, and the blocking ones'."""
    found: dict[str, str] = {}
    for node in definitions("horay_async.sync").values():
        if isinstance(node, ast.ClassDef) and (asynchronous := wrapped_by(node)):
            found[asynchronous] = node.name
    return found


def wrapped_by(node: ast.ClassDef) -> str | None:
    """The name of the asynchronous class that a blocking one names by `of=`."""
    return next((ast.unparse(item.value) for item in node.keywords if item.arg == "of"), None)


def write_class(module: str, node: ast.ClassDef, out: Stub) -> None:
    """A class's lines in a stub."""
    stripped = copy.copy(node)
    stripped.body = [ast.Pass()]
    stripped.decorator_list = [
        item
        for item in node.decorator_list
        if ast.unparse(item) not in ("describe_fields", "naming_options", "with_signatures")
    ]
    for item in [*node.bases, *stripped.decorator_list, *(k.value for k in node.keywords)]:
        out.uses(module, item)
    out.lines += ast.unparse(stripped).splitlines()[:-1]
    text = ast.get_docstring(node)
    if text and (made := functions(node, "__init__")) and unpacked(made[-1]):
        # jedi shows a class's docstring where the class is called.
        _, told = parse_docstring(ast.get_docstring(made[-1]) or "")
        text = with_arguments(text, parameters(module, made[-1], told))
    body = docstring(text, "    ") if text else []
    done: set[str] = set()
    is_attrs = any(ast.unparse(item).startswith("attrs.") for item in node.decorator_list)
    for index, item in enumerate(node.body):
        if isinstance(item, Function):
            if (call := blocking_form(item)) is not None:
                body += write_blocking(module, item.name, call, out)
            else:
                body += write_method(module, node, item, out)
        elif isinstance(item, ast.AnnAssign) or group_of(item) is not None:
            target = ast.unparse(
                item.target if isinstance(item, ast.AnnAssign) else item.targets[0]
            )
            hint = group_of(item) or item.annotation
            out.uses(module, hint)
            default = " = ..." if is_attrs and has_default(item) else ""
            body.append(f"    {target}: {ast.unparse(hint)}{default}")
            if description := description_below(node.body, index):
                body += docstring(description, "    ")
            done.add(target)
    body += write_properties(module, node, out)
    body += [f"    {line}" for name, line in attributes(module, node, out) if name not in done]
    out.lines += [*(body or ["    ..."]), ""]


def has_default(item: ast.stmt) -> bool:
    """Whether a field of an attrs class needn't be given."""
    match item:
        case ast.AnnAssign(value=ast.Constant()):
            return True
        case ast.AnnAssign(value=ast.Call(func=func, keywords=keywords)):
            given = {keyword.arg for keyword in keywords}
            return ast.unparse(func) == "attrs.field" and not given.isdisjoint(
                ("default", "factory")
            )
    return False


def attributes(module: str, node: ast.ClassDef, out: Stub) -> Iterator[tuple[str, str]]:
    """The attributes that methods give to `self`."""
    seen: set[str] = set()
    for function in (item for item in node.body if isinstance(item, Function)):
        hints = {a.arg: a.annotation for a in [*function.args.args, *function.args.kwonlyargs]}
        for item in ast.walk(function):
            if isinstance(item, ast.AnnAssign):
                target, value, hint = item.target, item.value, item.annotation
            elif isinstance(item, ast.Assign):
                target, value, hint = item.targets[0], item.value, None
            else:
                continue
            if not (isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"):
                continue
            if target.attr in seen:
                continue
            if hint is None or ast.unparse(hint) == "Final":
                if isinstance(value, ast.Name) and hints.get(value.id) is not None:
                    hint = hints[value.id]
                elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                    hint = value.func
            if hint is None:
                continue  # declared in the class, or by a base
            seen.add(target.attr)
            out.uses(module, hint)
            yield target.attr, f"{target.attr}: {ast.unparse(hint)}"


def group_of(item: ast.stmt) -> ast.expr | None:
    """The class in `name = Group(Class)`, or in `name: Group[Class] = ...`."""
    match item:
        case ast.Assign(value=ast.Call(func=ast.Name("Group"), args=[ast.Name() as cls])):
            return cls
        case ast.AnnAssign(annotation=ast.Subscript(value=ast.Name("Group"), slice=cls)):
            return cls
    return None


def blocking_form(item: Function) -> ast.Call | None:
    """The `@blocking(...)` above a method."""
    for decorator in item.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "blocking":
            return decorator
    return None


def write_method(module: str, node: ast.ClassDef, item: Function, out: Stub) -> list[str]:
    """One function of a class; the implementation of overloads is left out."""
    group = functions(node, item.name)
    if len(group) > 1 and not is_overload(item) and any(map(is_overload, group)):
        return []
    summary, told = parse_docstring(ast.get_docstring(group[-1]) or "")
    return write_function(module, item, told, summary, out, "    ")


def write_blocking(module: str, name: str, call: ast.Call, out: Stub) -> list[str]:
    """The blocking form of a method, with its overloads."""
    (argument,) = call.args
    cls, _, method = ast.unparse(argument).partition(".")
    there, node = class_of(module, cls)
    group = functions(node, method)
    summary, told = parse_docstring(ast.get_docstring(group[-1]) or "")
    lines: list[str] = []
    out.blocking = True
    for function in group:
        if len(group) > 1 and not is_overload(function):
            continue
        written = copy.copy(function)
        written.name = name
        lines += write_function(there, written, told, summary, out, "    ")
    out.blocking = False
    return lines


def write_properties(module: str, node: ast.ClassDef, out: Stub) -> list[str]:
    """The properties that a blocking class has from the asynchronous one."""
    if (asynchronous := wrapped_by(node)) is None:
        return []
    there, source = class_of(module, asynchronous)
    own = {item.name for item in node.body if isinstance(item, Function)}
    lines: list[str] = []
    out.blocking = True
    for item in source.body:
        if (
            isinstance(item, Function)
            and "property" in map(ast.unparse, item.decorator_list)
            and item.name not in own
        ):
            lines += write_method(there, source, item, out)
    out.blocking = False
    return lines


def stub(module: str) -> str:
    """A module's stub."""
    out = Stub(module)
    source = tree(module)
    body: list[str] = []
    for statement in statements(source.body):
        if isinstance(statement, ast.ClassDef):
            out.lines = []
            write_class(module, statement, out)
            body += out.lines
        elif isinstance(statement, Function) and not statement.name.startswith("_"):
            summary, told = parse_docstring(ast.get_docstring(statement) or "")
            body += write_function(module, statement, told, summary, out, "")
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            name = ast.unparse(target)
            value = statement.value
            called = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
            if name == "__all__" or called in ("TypeVar", "Operation"):
                out.uses(module, value)
                if isinstance(statement, ast.AnnAssign):
                    out.uses(module, statement.annotation)
                body.append(ast.unparse(statement))
    head = ast.get_docstring(source) or ""
    lines = [HEADER, "", f'"""{head.splitlines()[0]}"""', "", *out.import_lines(), "", *body]
    return formatted("\n".join(lines), path_of(module).with_suffix(".pyi"))


def formatted(text: str, path: Path) -> str:
    """Code as the house's formatter writes it, its imports sorted."""
    for command in (["check", "--quiet", "--select=I", "--fix-only"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, f"--stdin-filename={path}", "-"],
            input=text,
            capture_output=True,
            encoding="utf-8",
            cwd=ROOT,
            check=True,
        )
        text = done.stdout
    return text


def table() -> str:
    """The module of parameters that signatures and docstrings are made from at run time."""
    parameters: dict[str, dict[str, str]] = {}
    classes: dict[str, tuple[str, ...]] = {}
    methods: dict[str, tuple[str, dict[str, str]]] = {}
    for module in stubbed():
        for node in definitions(module).values():
            if not isinstance(node, ast.ClassDef):
                continue
            for name in dict.fromkeys(
                item.name for item in node.body if isinstance(item, Function)
            ):
                group = functions(node, name)
                names = [found for function in group if (found := unpacked(function))]
                if not names:
                    continue
                chosen = max(names, key=lambda one: len(declared(module, one)))
                optional_first = sorted(
                    declared(module, chosen), key=lambda parameter: parameter.default is None
                )
                classes[chosen] = tuple(dict.fromkeys(each.owner for each in optional_first))
                for parameter in declared(module, chosen):
                    known = parameters.setdefault(parameter.owner, {})
                    known[str(parameter)] = parameter.description
                _, told = parse_docstring(ast.get_docstring(group[-1]) or "")
                own = merged(module, group, told, chosen)
                methods[f"{node.name}.{name}"] = (
                    chosen,
                    {str(parameter): parameter.description for parameter in own},
                )
    lines = [
        HEADER,
        "",
        '"""The parameters of the clients\' methods, as a signature has them, and their descriptions."""',
        "",
        '__all__ = ["CLASSES", "METHODS", "PARAMETERS"]',
        "",
        f"PARAMETERS: dict[str, dict[str, str]] = {parameters!r}",
        '"""What each parameter class itself declares."""',
        "",
        f"CLASSES: dict[str, tuple[str, ...]] = {classes!r}",
        '"""The keys in `PARAMETERS` of a parameter class and of those that it extends, in the order of a signature."""',
        "",
        f"METHODS: dict[str, tuple[str, dict[str, str]]] = {methods!r}",
        '"""The parameter class that a method takes, and what it declares itself."""',
    ]
    return formatted("\n".join(lines), TABLE)


def merged(
    module: str, group: list[Function], told: dict[str, str], chosen: str
) -> list[Parameter]:
    """A method's own parameters, over all its overloads: those that its class doesn't declare so."""
    overloads = [item for item in group if is_overload(item)] or group
    known = {parameter.name: parameter for parameter in declared(module, chosen)}
    found: dict[str, list[Parameter]] = {}
    for function in overloads:
        for parameter in parameters(module, function, told):
            found.setdefault(parameter.name, []).append(parameter)
    result: list[Parameter] = []
    for name, ways in found.items():
        if name == "self" or ways == [known.get(name)] * len(ways):
            continue
        types = list(dict.fromkeys(way.type for way in ways))
        if "bool" in types:
            types = ["bool"]
        optional = len(ways) < len(overloads) or any(way.default is not None for way in ways)
        given = next((way.default for way in ways if way.default is not None), "...")
        text = next((way.description for way in ways if way.description), "")
        if not text:
            raise SystemExit(
                f"{module}: {group[-1].name} doesn't describe {name}: its docstring needs a line "
                f"`{name}: ...` in a last section `Args:`"
            )
        result.append(
            Parameter(name, " | ".join(types), given if optional else None, ways[0].kind, text)
        )
    return result


def package(name: str) -> str:
    """The stub of a package whose names come from its modules when they are asked for."""
    lines = [HEADER, "", f'"""{(ast.get_docstring(tree(name)) or "").splitlines()[0]}"""', ""]
    # Jedi takes what is imported without an `as` for private.
    lines += [f"from {name}.{part} import {each} as {each}" for each, part in homes(name).items()]
    lines.append(f"__all__ = {[*homes(name)]}")
    return formatted("\n".join(lines), path_of(name).with_suffix(".pyi"))


def homes(name: str) -> dict[str, str]:
    """The public names of such a package, and the module below it that each comes from."""
    found = {each: part for part in PACKAGES[name] for each in exported(f"{name}.{part}")}
    if name == "horay_async":
        found["__version__"] = "_version"
    return dict(sorted(found.items()))


def names(name: str) -> str:
    """The module in which such a package looks its names up at run time."""
    lines = [HEADER.replace("the parameter classes", "the modules"), ""]
    lines += [
        f'"""The public names of `{name}`, and the module below it that each comes from."""',
        "",
    ]
    lines += ["from __future__ import annotations", "", '__all__ = ["HOMES"]', ""]
    lines.append(f"HOMES = {homes(name)}")
    return formatted("\n".join(lines), names_of(name))


def names_of(name: str) -> Path:
    """The file of that module."""
    return path_of(name).with_name("_generated_names.py")


def exported(module: str) -> list[str]:
    """The names in a module's `__all__`, which may be written in several parts."""
    found: list[str] = []
    for item in tree(module).body:
        if isinstance(item, ast.Assign | ast.AugAssign) and ast.unparse(item).startswith("__all__"):
            found += ast.literal_eval(item.value)
    return found


def stubbed() -> list[str]:
    """The modules that get stubs."""
    return [module for module in STUBBED if path_of(module).exists()]


def generated() -> dict[Path, str]:
    """All that is generated: the files and what is in them."""
    files = {path_of(module).with_suffix(".pyi"): stub(module) for module in stubbed()}
    files |= {path_of(name).with_suffix(".pyi"): package(name) for name in PACKAGES}
    files |= {names_of(name): names(name) for name in PACKAGES}
    return {**files, TABLE: table()}


def main(arguments: list[str]) -> int:
    """Writes, or with `--check` compares."""
    stale = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" not in arguments:
        for path, text in generated().items():
            path.write_text(text, encoding="utf-8", newline="\n")
        return 0
    for path in stale:
        print(
            f"{path.relative_to(ROOT)} is out of step: run `python .ci/stubs.py`", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
