"""The operations that a batch's lines name by their path."""

from __future__ import annotations

from typing import Any

from horay_async._protocol.wire.request import Operation
from horay_async.resources import chat, completions, embeddings, images

OPERATIONS: dict[str, Operation[Any]] = {
    operation.path: operation
    for operation in (chat.CREATE, completions.CREATE, embeddings.CREATE, images.GENERATE)
}
"""Those whose responses have a class, by path."""

VERSION = "/v1"
"""What paths of batch files begin with; here it is part of the base URL."""


def path_below_version(url: str) -> str:
    """The path below the base URL, of one that may have the version in front."""
    return url.removeprefix(VERSION) if url.startswith(f"{VERSION}/") else url
