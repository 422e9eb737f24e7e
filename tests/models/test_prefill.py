"""What classes fill in before they are decoded, which is what makes decoding fast."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

import attrs
import pytest

from horay_async.models._base import Model

for part in (
    "models",
    "chat",
    "chat_chunks",
    "completions",
    "embeddings",
    "images",
    "usage",
    "user",
):
    import_module(f"horay_async.models.{part}")
gc.collect()  # attrs makes a class with slots of one without, which is still among the derived


def below(cls: type[Model]) -> Iterator[type[Model]]:
    """The model classes derived from `cls`."""
    for derived in cls.__subclasses__():
        yield derived
        yield from below(derived)


PREFILLED = [cls for cls in below(Model) if hasattr(cls, "__attrs_pre_init__")]


@pytest.mark.parametrize("cls", PREFILLED)
def test_prefilled_fields_have_their_defaults(cls: type[Model]) -> None:
    """What a class fills in before it is decoded is what its fields declare, and nothing more."""
    blank = cls.__new__(cls)
    cast(Any, blank).__attrs_pre_init__()
    filled = {
        field.name: getattr(blank, field.name)
        for field in attrs.fields(cast(Any, cls))
        if hasattr(blank, field.name)
    }
    declared = {field.name: field.default for field in attrs.fields(cast(Any, cls))}
    assert filled
    assert filled == {name: declared[name] for name in filled}


@pytest.mark.parametrize(
    "name", ["ChatDelta", "ChatCompletionChunk", "CompletionChunk", "CompletionChunkChoice"]
)
def test_what_chunks_leave_out_is_prefilled(name: str) -> None:
    """The optional fields of the classes that come by the thousand are all filled in: to look into an
    empty slot costs more than to decode a field.
    """
    (cls,) = [cls for cls in PREFILLED if cls.__name__ == name]
    blank = cls.__new__(cls)
    cast(Any, blank).__attrs_pre_init__()
    optional = [field.name for field in attrs.fields(cast(Any, cls)) if field.default is None]
    assert optional
    assert all(hasattr(blank, field) for field in optional)


def test_what_responses_leave_out_is_prefilled() -> None:
    """A class that explains attributes which it doesn't have has no slot empty that a server mostly leaves empty: that
    would make the explanation for each response.
    """
    rare = {"EmbeddingResponse", "GeneratedImage", "ImageResponse", "ModelList", "UserInfo"}
    explaining = [cls for cls in below(Model) if "__getattr__" in vars(cls)]
    assert {"ChatCompletion", "ChatChoice", "ChatChunkChoice"} <= {
        cls.__name__ for cls in explaining
    }
    for cls in explaining:
        if cls.__name__ in rare:
            continue
        blank = cls.__new__(cls)
        cast(Any, blank).__attrs_pre_init__()
        for field in attrs.fields(cast(Any, cls)):
            if field.default is None and field.name not in cls.__wire__.required:
                assert hasattr(blank, field.name), (cls, field.name)
