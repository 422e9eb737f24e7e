"""The messages of a conversation as classes. Plain dicts in the API's own form do as well."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import attrs

from horay_async._suggestions import naming_fields
from horay_async.models._base import Model
from horay_async.models._base64 import in_short, media_type_of
from horay_async.models.chat import ChatMessage, Message

__all__ = [
    "AssistantMessage",
    "ImagePart",
    "ImageURL",
    "SystemMessage",
    "TextPart",
    "ToolMessage",
    "UserMessage",
]


@naming_fields
@attrs.define(eq=False, repr=False)
class TextPart(Model):
    """A piece of text within a message."""

    text: str
    """The text."""
    type: Literal["text"] = attrs.field(default="text", init=False, repr=False)
    """The name of this kind of part."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ImageURL(Model):
    """Where an image is, and how closely to look at it."""

    url: str = attrs.field(repr=in_short)
    """An `https:` URL that the server fetches, or a `data:` URL that holds the image itself."""
    detail: str | None = None
    """`"low"`, `"high"` or `"auto"`, for models that distinguish them."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ImagePart(Model):
    """An image within a message; `ImagePart.of(...)` makes one."""

    image_url: ImageURL
    """The picture."""
    type: Literal["image_url"] = attrs.field(default="image_url", init=False, repr=False)
    """The name of this kind of part."""

    @classmethod
    def of(
        cls,
        source: str | os.PathLike[str] | bytes,
        *,
        detail: str | None = None,
        media_type: str | None = None,
    ) -> Self:
        """An image from a file's path or its bytes, which go into a `data:` URL, or from a URL.

        A string is a URL where it begins with `http://`, `https://` or `data:`, else a path. URLs are
        passed on as they are, for the server to fetch. The media type is read off the first bytes unless
        given; raises `ValueError` where they are those of no known kind, `OSError` for an unreadable file.
        """
        if isinstance(source, str) and source.lower().startswith(("http://", "https://", "data:")):
            return cls(image_url=ImageURL(url=source, detail=detail))
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        kind = media_type or media_type_of(data)
        if kind is None:
            named = "these bytes are" if isinstance(source, bytes) else f"{source!r} is"
            raise ValueError(
                f"{named} no image of a known kind (PNG, JPEG, GIF, WebP, AVIF, HEIC or TIFF); "
                'if it is one, pass media_type="image/..."'
            )
        url = f"data:{kind};base64,{b64encode(data).decode()}"
        return cls(image_url=ImageURL(url=url, detail=detail))


@naming_fields
@attrs.define(eq=False, repr=False)
class SystemMessage(Message):
    """Instructions for the model: how to behave in the whole conversation."""

    content: str | Sequence[TextPart | Mapping[str, object]]
    """The text, or its parts."""
    role: Literal["system"] = attrs.field(default="system", init=False, repr=False)
    """Who speaks."""
    name: str | None = attrs.field(default=None, kw_only=True)
    """Tells several speakers of one role apart."""


@naming_fields
@attrs.define(eq=False, repr=False)
class UserMessage(Message):
    """What the user says and shows."""

    content: str | Sequence[TextPart | ImagePart | Mapping[str, object]]
    """A text, or its parts: texts, images, and others in the API's JSON form."""
    role: Literal["user"] = attrs.field(default="user", init=False, repr=False)
    """Who speaks."""
    name: str | None = attrs.field(default=None, kw_only=True)
    """Tells several speakers of one role apart."""


@attrs.define(eq=False, repr=False)
class AssistantMessage(ChatMessage):
    """The model's text. The message of a response, a `ChatMessage`, can be sent as well."""

    content: str | None = None
    """The text; None for a message that only calls tools."""


@naming_fields
@attrs.define(eq=False, repr=False)
class ToolMessage(Message):
    """What came of one tool call."""

    content: str | Sequence[TextPart | ImagePart | Mapping[str, object]]
    """The result as text, or its parts."""
    tool_call_id: str = attrs.field(kw_only=True)
    """The `id` of the call."""
    role: Literal["tool"] = attrs.field(default="tool", init=False, repr=False)
    """Who speaks."""
