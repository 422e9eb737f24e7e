"""What each tool that shows a method to its user must show of every public method of both clients: a tally, a point for
each method, tool and wish. It is printed where one of them doesn't hold.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest

import horay_async
from tests.processes import run_python

from .language_server import LanguageServer
from .methods import WANTED, Method, parts
from .tally import HEAD, METHODS, ROOT, disorder, lands, script, tally, unlike


def test_all_methods_are_in_the_table() -> None:
    """A new method can't be left out; each has the parameters of its class."""
    for client in ("AsyncHoray", "Horay"):
        assert {method.path for method in METHODS if method.client == client} == {*WANTED}
    for method in METHODS:
        params = method.wanted.params
        assert {*method.parameters} >= {*(params.__annotations__ if params else ())}, method


def test_inspection() -> None:
    """Python itself: `inspect`, `asyncio`, and `help()`."""

    def order(method: Method) -> str:
        parameters = inspect.signature(method.living).parameters
        empty = inspect.Parameter.empty
        needed = [name for name, one in parameters.items() if one.default is empty]
        if method.path and tuple(needed) != method.wanted.first:
            return f"requires {needed}"
        return disorder(method, list(parameters))

    def kind(method: Method) -> str:
        wanted = method.wanted.waits and method.client == "AsyncHoray"
        asked = {"inspect": inspect.iscoroutinefunction}
        if sys.version_info < (3, 14):  # deprecated from there on
            asked["asyncio"] = vars(asyncio)["iscoroutinefunction"]
        forms = [method.living, inspect.unwrap(method.living)]
        if method.path:
            forms.append(method.living.__func__)
        found = {name for name, ask in asked.items() for form in forms if ask(form) is not wanted}
        return f"wrong by {found}" if found else ""

    def names(method: Method) -> str:
        living = method.living
        owner = type(living.__self__).__name__ if method.path else ""
        wanted = f"{owner}.{method.name}".lstrip(".")
        return "" if living.__qualname__ == wanted else str(living.__qualname__)

    def returned(method: Method) -> str:
        hint = str(inspect.signature(method.living).return_annotation)
        outer = {re.split(r"[\[ ]", result)[0] for result in method.wanted.calls.values()}
        if not method.path:
            outer = {"None"}
        wrong = [
            name for name in outer if not re.search(rf"\b(Self|{method.result(name)})\b", hint)
        ]
        blocking = method.client == "Horay"
        return hint if wrong or (blocking and re.search("Async|Awaitable|Coroutine", hint)) else ""

    def helped(method: Method) -> str:
        renderer: Any = vars(pydoc)["plaintext"]  # without bold letters
        lines = pydoc.render_doc(method.living, renderer=renderer)
        missing = [
            name for name in method.parameters if not re.search(rf"\n[ |]+{name}: \S", lines)
        ]
        return f"no meaning of {missing}" if missing else ""

    tally(
        {
            "inspect: what is required first, timeout and extra_* last": order,
            "inspect: a coroutine function only where it is one": kind,
            "inspect: its own qualified name": names,
            "inspect: its own return type": returned,
            "help(): each parameter with its meaning": helped,
        }
    )


def test_ipython() -> None:
    """`create?` lists the parameters with their types and meanings, in the words of `inspect`."""
    pytest.importorskip("IPython")
    lines = [HEAD]
    for method in METHODS:
        lines += [
            f"print('=== {method}')",
            f"get_ipython().run_line_magic('pinfo', '{method.code}')",
        ]
    command = ["-m", "IPython", "--no-banner", "--colors=NoColor", "-c", "\n".join(lines)]
    environment = {
        **os.environ,
        "PAGER": "cat",
        "IPYTHONDIR": os.devnull,
        "PYTHONIOENCODING": "utf-8",
    }
    done = run_python(*command, encoding="utf-8", env=environment)
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    shown = dict(part.split("\n", 1) for part in text.split("=== ")[1:])

    def listed(method: Method) -> str:
        head, _, meanings = shown[str(method)].partition("ocstring:")
        missing = [n for n, hint in method.parameters.items() if f"{n}: {hint}" not in head]
        missing += [n for n in method.parameters if not re.search(rf"\n +{n}: \S", meanings)]
        return f"{missing} not in {head}" if missing else ""

    tally({"create?: each parameter with type and meaning": listed})


def test_jedi() -> None:
    """As in IPython and Jupyter."""
    jedi: Any = pytest.importorskip("jedi")  # which has no types
    text, places = script()
    asked = jedi.Script(text)

    def typed(description: str) -> tuple[str, str]:
        name, _, hint = description.removeprefix("param ").partition(": ")
        return name, hint.rpartition("=")[0] or hint

    def signatures(method: Method) -> list[Any]:
        line, column = places[method]
        return list(asked.get_signatures(line + 1, column))

    def completed(method: Method) -> str:
        line, column = places[method]
        found = asked.complete(line + 1, column)
        params = dict(typed(one.description) for one in found if one.type == "param")
        positional = {
            name: hint
            for signature in signatures(method)
            for name, hint in (typed(one.description) for one in signature.params)
            if name in method.wanted.first
        }
        return unlike(method, [positional | params], each=False)

    def meant(method: Method) -> str:
        meanings = signatures(method)[-1].docstring()
        missing = [name for name in method.parameters if f"    {name}: " not in meanings]
        return f"no meaning of {missing}" if missing else ""

    def order(method: Method) -> str:
        found = [[one.name for one in each.params] for each in signatures(method)]
        return (
            "; ".join(filter(None, (disorder(method, names) for names in found)))
            if found
            else "none"
        )

    def goto(method: Method) -> str:
        line, column = places[method]
        found = asked.goto(line + 1, column - 2, follow_imports=True)
        if any(lands(method, one.module_path, one.line) for one in found):
            return ""
        return str([(one.module_path, one.line) for one in found])

    tally(
        {
            "jedi: completes each name with its type": completed,
            "jedi: each parameter has its meaning": meant,
            "jedi: what is required first, timeout and extra_* last": order,
            "jedi: the definition is the method in its source": goto,
        }
    )


def inside(text: str) -> str:
    """What stands in the parentheses that a text begins with."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0:
            return text[1:place]
    raise ValueError(f"unclosed: {text}")


def split(text: str) -> dict[str, str]:
    """The parameters in the parentheses that a text of pyright's begins with, and their types."""
    named = (part.partition(":") for part in parts(inside(text).strip().rstrip(","), ","))
    return {
        name: " ".join(hint.partition(" = ")[0].split())
        for name, _, hint in named
        if name not in ("", "*", "/")
    }


def test_pyright(server: LanguageServer) -> None:
    """Its language server, as in VS Code and other editors."""
    text, places = script()
    address = server.open(text)

    def asked(method: Method, about: str, back: int = 0) -> Any:
        line, character = places[method]
        return server.at(address, line, character - back, about)

    def completed(method: Method) -> str:
        offered = {item["label"] for item in asked(method, "completion")["items"]}
        missing = [name for name in method.parameters if f"{name}=" not in offered]
        return f"no {missing}" if missing else ""

    def signatures(method: Method) -> list[tuple[dict[str, str], dict[str, str]]]:
        found = list[tuple[dict[str, str], dict[str, str]]]()
        for signature in asked(method, "signatureHelp")["signatures"]:
            hints, meanings = dict[str, str](), dict[str, str]()
            for parameter in signature["parameters"]:
                label = parameter["label"]
                label = label if isinstance(label, str) else signature["label"][slice(*label)]
                hints |= split(f"({label})")
                for name in split(f"({label})"):
                    meanings[name] = parameter.get("documentation", "")
            found.append((hints, meanings))
        return found

    def meant(method: Method) -> str:
        missing = [
            name for _, meanings in signatures(method) for name in meanings if not meanings[name]
        ]
        return f"no meaning of {missing}" if missing else ""

    def typed(method: Method) -> str:
        return unlike(method, [hints for hints, _ in signatures(method)])

    def order(method: Method) -> str:
        found = [list(hints) for hints, _ in signatures(method)]
        return (
            "; ".join(filter(None, (disorder(method, names) for names in found)))
            if found
            else "none"
        )

    def hover(method: Method) -> str:
        shown = asked(method, "hover", back=2)["contents"]["value"]
        shown = shown if isinstance(shown, str) else str(shown)
        heads = [shown[found.end() :] for found in re.finditer(rf"\b{method.name}(?=\()", shown)]
        return unlike(method, [split(head) for head in heads]) if heads else shown

    def goto(method: Method) -> str:
        found: list[Any] = asked(method, "definition", back=2) or []
        where = [
            (
                url2pathname(unquote(urlsplit(str(one["uri"])).path)),
                one["range"]["start"]["line"] + 1,
            )
            for one in found
        ]
        return "" if any(lands(method, *place) for place in where) else str(where)

    tally(
        {
            "pyright: completes each name": completed,
            "pyright: each parameter with its type": typed,
            "pyright: each parameter with its meaning": meant,
            "pyright: what is required first, timeout and extra_* last": order,
            "pyright: hover shows each parameter with its type": hover,
            "pyright: the definition is the method in its source": goto,
        }
    )


def test_mypy(tmp_path: Path) -> None:
    """What a call returns, of each way of calling: of a blocking method no coroutine."""
    pytest.importorskip("mypy")
    lines: list[str] = ["from pathlib import Path", "from typing import Any, assert_type", "", HEAD]
    lines.append(f"from horay_async import {', '.join(horay_async.__all__)}")
    lines.append("async def calls() -> None:")
    lines = "\n".join(lines).split("\n")
    calls: dict[str, Method] = {}
    for method in METHODS:
        awaited = "await " if method.client == "AsyncHoray" and method.wanted.waits else ""
        for arguments, result in method.wanted.calls.items():
            call = f"{awaited}{method.code}({arguments})"
            # What returns nothing can't be asked about.
            asked = call if result == "None" else f"assert_type({call}, {method.result(result)})"
            lines.append(f"    {asked}")
            calls[str(len(lines))] = method
    script = tmp_path / "calls.py"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(script)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)
    wrong: dict[Method, str] = {}
    for line in done.stdout.splitlines():
        found = re.search(r"calls.py:(\d+): (?:error|note): (.*)", line)
        assert found, done.stdout
        assert found[1] in calls, line
        wrong[calls[found[1]]] = f"{wrong.get(calls[found[1]], '')} {found[2]}"
    tally({"mypy: what a call returns": lambda method: wrong.get(method, "")})
