"""What an editor completes beyond the methods' parameters (`test_points`): on a client that is there, and within dicts."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async import Horay

from .language_server import LanguageServer


def test_jedi_on_living_objects() -> None:
    """As in a notebook, where the client is there already."""
    jedi: Any = pytest.importorskip("jedi")  # which has no types
    with Horay("a-key-for-nothing") as client:
        script = jedi.Interpreter("client.completions.create(", [{"client": client}])
        (signature,) = script.get_signatures()[-1:]
        assert [parameter.name for parameter in signature.params][:2] == ["model", "prompt"]
        assert "prompt: The text to continue." in signature.docstring()


@pytest.mark.parametrize(
    ("of", "field", "names"),
    [
        ("ChatCompletion", "usage", {"prompt_tokens", "total_tokens"}),
        ("ChatChoice", "logprobs", {"content"}),
        ("ChatMessage", "tool_calls[0]", {"function", "id"}),
        ("Completion", "usage", {"completion_tokens"}),
    ],
)
def test_jedi_on_fields_that_may_be_none(of: str, field: str, names: set[str]) -> None:
    """As in a cell that hasn't run yet: what the field is declared as."""
    jedi: Any = pytest.importorskip("jedi")
    script = jedi.Script(f"from horay_async import {of}\ndef show(it: {of}):\n    it.{field}.")
    assert names <= {each.name for each in script.complete()}


@pytest.mark.parametrize("client", ["AsyncHoray", "Horay"])
@pytest.mark.parametrize(
    ("argument", "rest", "keys"),
    [
        ("messages=[{'", "'}])", {"role", "content"}),
        ("messages=[], tools=[{'", "'}])", {"type", "function"}),
        ("messages=[], tools=[{'function': {'", "'}}])", {"name", "parameters"}),
        ("messages=[], stream_options={'", "'})", {"include_usage"}),
    ],
)
def test_pyright_completes_keys(
    server: LanguageServer, client: str, argument: str, rest: str, keys: set[str]
) -> None:
    """Within the dicts of a request, too."""
    text = f"from horay_async import {client}\n{client}().chat.completions.run_tools(model='m', {argument}"
    listed = server.at_end(text + rest, "completion", back=len(rest))
    offered = {item["label"].strip("'\"") for item in listed["items"]}
    assert keys <= offered


@pytest.mark.parametrize(
    ("call", "end"),
    [
        ("Horay(timeout", "no deadline."),
        ("Horay().chat.completions.create(bulk", "False unless given."),
        ("Horay().batch.run([], give_up_after", "."),
    ],
)
def test_pyright_shows_the_whole_description(server: LanguageServer, call: str, end: str) -> None:
    """Of a parameter, however long it is: an editor shows the line that begins with its name."""
    hover = server.at_end(f"from horay_async import Horay\n{call}=None)", "hover", back=6)
    shown = str(hover["contents"]["value"]).strip().removesuffix("---").strip()
    assert shown.endswith(end), shown
