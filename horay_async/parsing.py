"""A text at hand as an instance of a class, and messages as what can be stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

__all__ = ["messages_to_dicts", "parse_text"]

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


def messages_to_dicts(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """A conversation in JSON's types alone, to be stored: each message as the next request sends it, with the fields of the server's
    that have no name here, such as signatures of thoughts.

    The list can be passed as `messages` again. Raises `TypeError` for what can't be sent.
    """
    from msgspec.json import decode  # noqa: PLC0415 - as for `parse_text`

    from horay_async._protocol.wire import request  # noqa: PLC0415 - as for `parse_text`
    from horay_async._protocol.wire.check_parameters import check_messages  # noqa: PLC0415 - see above

    made: list[dict[str, Any]] = request.jsonable_field("messages", list(messages))
    if made:
        check_messages(made)
    stored: dict[str, Any] = decode(request.encode({"messages": made}))
    return cast("list[dict[str, Any]]", stored["messages"])
