"""Text at hand as an instance of a class."""

from __future__ import annotations

from typing import TypeVar, cast

__all__ = ["parse_text"]

T = TypeVar("T")


def parse_text(into: type[T], text: str) -> T:
    """`text`, JSON or a Markdown block of it, as an instance of `into`, as `chat.completions.parse` makes one.

    `into` is an attrs class, a dataclass, a pydantic model, or whatever else can be a field of theirs, such
    as `list[Invoice]`. Raises `AnswerError` with the path to what doesn't fit, and `TypeError` for a type
    that JSON has no form for, and for a text that is no string.
    """
    if not isinstance(cast(object, text), str):
        raise TypeError(f"text must be a string, not {type(text).__name__}: parse_text(into, text)")
    from horay_async._protocol.structured import parse  # noqa: PLC0415 - loads cattrs, which takes long

    return parse.parse_text(into, text)
