"""`POST /image/generations`: its parameters and the response."""

from __future__ import annotations

from typing import ClassVar, Literal, Required

import attrs

from horay_async.models._base import Model, Response, WireForm
from horay_async.models._base64 import SCHEMES, data_url, in_short
from horay_async.models.options import CallOptions

__all__ = ["GeneratedImage", "ImageParams", "ImageResponse", "ImageSize", "ImageTimings"]

ImageSize = Literal["1024x1024", "1536x1536", "768x512", "768x1024", "1024x576", "576x1024"]
"""The documented sizes, width by height in pixels."""


class ImageParams(CallOptions, total=False):
    """The parameters of `images.generate`."""

    model: Required[str]
    """The model's name, e.g. `"black-forest-labs/FLUX.1-schnell"`."""
    prompt: Required[str]
    """What the picture shows."""
    image_size: Required[ImageSize]
    """Width by height in pixels."""
    seed: int | None
    """Above 0 and below 9999999999; the same seed gives the same picture."""


@attrs.define(kw_only=True, eq=False, repr=False)
class GeneratedImage(Model):
    """One generated picture."""

    __wire__: ClassVar[WireForm] = WireForm(required=("url",))

    url: str = attrs.field(default="", repr=in_short)
    """Where to fetch it, without a key; `images.save` does. Such links expire. A `data:` URL where the server sent the
    picture itself, as `b64_json` or in place of the link."""

    def __attrs_post_init__(self) -> None:
        if self.url and not self.url[:8].lower().startswith(SCHEMES):
            self.url = data_url(self.url) or self.url


@attrs.define(kw_only=True, eq=False, repr=False)
class ImageTimings(Model):
    """What the server measured."""

    __wire__: ClassVar[WireForm] = WireForm(required=("inference",))

    inference: float | None = None
    """Seconds of computing."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ImageResponse(Response):
    """The pictures of one call."""

    __wire__: ClassVar[WireForm] = WireForm(
        list_field="images", required=("images", "timings", "seed")
    )

    images: list[GeneratedImage] = attrs.field(factory=list[GeneratedImage])
    """The pictures, in the order that they were made."""
    timings: ImageTimings | None = None
    """How long it took; None where the server doesn't send it."""
    seed: int | None = None
    """The seed that was used."""
    model: str | None = None
    """The model that drew, where the server names it."""
