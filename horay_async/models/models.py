"""`GET /models`: its parameters and the response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import attrs

from horay_async.models._base import Response, WireForm
from horay_async.models.options import CallOptions

__all__ = ["ModelInfo", "ModelList", "ModelListParams", "ModelSubType", "ModelType"]

ModelType = Literal["text", "image", "audio", "video"]
"""What models make or take, as the API sorts them."""
ModelSubType = Literal[
    "chat",
    "embedding",
    "reranker",
    "text-to-image",
    "image-to-image",
    "speech-to-text",
    "text-to-video",
]
"""What models do, as the API sorts them."""


class ModelListParams(CallOptions, total=False):
    """The parameters of `models.list`, sent in the query."""

    type: ModelType
    """Only models of this kind."""
    sub_type: ModelSubType
    """Only models for this task."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ModelInfo(Response):
    """One model on offer. Its `meta` is there where it was asked for alone, by `models.retrieve`."""

    __wire__: ClassVar[WireForm] = WireForm(required=("id", "object", "created", "owned_by"))

    id: str = ""
    """The name to give as `model`."""
    object: str = ""
    """What kind of object it is: `model`."""
    created: int = 0
    """Unix time, in seconds; 0 where the server doesn't send it."""
    owned_by: str = ""
    """Who made it or offers it."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ModelList(Response):
    """The models on offer; iterable, with a length."""

    __wire__: ClassVar[WireForm] = WireForm(list_field="data", required=("object", "data"))

    object: str = ""
    """What kind of object it is: `list`."""
    data: list[ModelInfo] = attrs.field(factory=list[ModelInfo])
    """The models, in the server's order."""

    def __iter__(self) -> Iterator[ModelInfo]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
