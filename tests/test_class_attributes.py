"""What the clients' classes show of what their instances hold: to mocks, to `help`, and to IPython without jedi."""

from __future__ import annotations

import inspect
from typing import Any
from unittest import mock

import pytest

from horay_async import AsyncHoray, Horay

CLIENTS = pytest.mark.parametrize("cls", [AsyncHoray, Horay])
GROUPS = ("user", "models", "chat", "completions", "images", "embeddings", "batch")
KEY = "a-key-for-nothing"
MESSAGES = [{"role": "user", "content": "Hi"}]


@CLIENTS
@pytest.mark.parametrize("group", GROUPS)
def test_class_shows_the_class(cls: Any, group: str) -> None:
    """A group is its class on the client's class, and an instance of that on a client."""
    assert type(getattr(cls(KEY), group)) is getattr(cls, group)
    assert group in dir(cls)


@CLIENTS
def test_methods_are_reached_without_a_client(cls: Any) -> None:
    """`help(Horay.chat.completions.create)` needs no key."""
    signature = inspect.signature(cls.chat.completions.create)
    assert list(signature.parameters)[:3] == ["self", "model", "messages"]


@CLIENTS
def test_autospec(cls: Any) -> None:
    """A mock of the class, of an instance and of a client takes what each method takes, and nothing else."""
    with mock.patch("horay_async.Horay", autospec=cls) as patched:
        made = patched(KEY, timeout=3)
    for client in (made, mock.create_autospec(cls, instance=True), mock.create_autospec(cls(KEY))):
        assert isinstance(client, cls)
        create = client.chat.completions.create
        create.return_value = "mocked"
        got = create(model="m", messages=MESSAGES)
        if cls is Horay:
            assert got == "mocked"
        else:
            assert inspect.iscoroutine(got)
            got.close()
        client.batch.run([], concurrency=3)
        wrong: list[tuple[Any, tuple[str, ...], dict[str, Any]]] = [
            (create, ("m",), {}),
            (create, (), {"model": "m", "messages": MESSAGES, "wrong": 1}),
            (client.request, ("GET",), {}),
        ]
        for method, given, named in wrong:
            with pytest.raises(TypeError):
                method(*given, **named)
        with pytest.raises(AttributeError):
            _ = client.chat.completions.delete


@CLIENTS
def test_ipython_completes_without_jedi(cls: Any) -> None:
    """Below a client's groups, and the names of parameters: it looks only where no `__getattr__` is in sight."""
    completer: Any = pytest.importorskip("IPython.core.completer")
    complete = completer.IPCompleter(namespace={"client": cls(KEY)}, use_jedi=False)
    for text, wanted in {
        "client.": {*GROUPS, "request", "with_options", "options", "drift", "closed", "close"},
        "client.chat.": {"completions"},
        "client.chat.completions.": {"create", "stream", "parse", "run_tools"},
        "client.completions.": {"create", "stream"},
        "client.embeddings.": {"create"},
        "client.images.": {"generate", "save"},
        "client.models.": {"list", "retrieve"},
        "client.user.": {"info"},
        "client.batch.": {"run", "run_file"},
        "client.chat.completions.create(mes": {"messages="},
        "client.batch.run_file(retry": {"retry_failed="},
    }.items():
        with completer.provisionalcompleter():
            found = {one.text.lstrip(".") for one in complete.completions(text, len(text))}
        assert found == wanted, text


@CLIENTS
def test_unknown_attributes_are_still_told(cls: Any) -> None:
    """The class shows no `__getattr__`; a client has it all the same."""
    assert not hasattr(cls, "__getattr__")
    with pytest.raises(AttributeError, match=r"client\.with_options"):
        _ = cls(KEY).copy
    made: Any = object.__new__(cls)  # as where the constructor has raised
    with pytest.raises(AttributeError, match="has no attribute 'chat'"):
        _ = made.chat
