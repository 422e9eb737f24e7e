"""A request's parameters, as attributes of the conventions."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import attrs
import msgspec

from horay_async._json import fields_of
from horay_async._observers import CallStarted
from horay_async._protocol.wire.clean import well_formed
from horay_async.integrations.otel.conventions import LATEST, OLD, Version
from horay_async.integrations.otel.values import real, texts, whole

PROVIDER = "horay"
"""`gen_ai.provider.name`: none of the conventions' well-known values is this API."""

OPERATIONS = {
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/image/generations": "generate_content",
    "/embeddings": "embeddings",
}
"""`gen_ai.operation.name` by path."""


_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class SentBody:
    """A body, of whose fields each is decoded when it is asked for. Raises `MsgspecError` for what is no JSON object.

    A field may have any value: the server refuses wrong ones.
    """

    def __init__(self, raw: bytes) -> None:
        self._fields = _fields_of(raw)

    def get(self, name: str) -> Any:
        """The value of a field; None where there is none, or one that can't be read."""
        with suppress(KeyError, msgspec.MsgspecError):
            return msgspec.json.decode(self._fields[name])
        return None


@attrs.frozen(kw_only=True)
class DescribedRequest:
    """A request that has something generated."""

    operation: str
    body: SentBody
    stream: bool
    identity: dict[str, Any]
    """Attributes that identify the request: all those of the metrics, and the first of the span."""

    @property
    def name(self) -> str:
        """The span's name."""
        model = self.identity.get("gen_ai.request.model")
        return self.operation if model is None else f"{self.operation} {model}"

    def attributes(self, version: Version) -> dict[str, Any]:
        """All that the span begins with."""
        get = self.body.get
        most, stop, effort = get("max_completion_tokens"), get("stop"), get("reasoning_effort")
        found: dict[str, Any] = {
            "gen_ai.request.choice.count": None if get("n") == 1 else whole(get("n")),
            "gen_ai.request.frequency_penalty": real(get("frequency_penalty")),
            "gen_ai.request.max_tokens": whole(get("max_tokens") if most is None else most),
            "gen_ai.request.presence_penalty": real(get("presence_penalty")),
            "gen_ai.request.seed": whole(get("seed")),
            "gen_ai.request.stop_sequences": texts([stop] if isinstance(stop, str) else stop),
            "gen_ai.request.stream": self.stream or None,
            "gen_ai.request.temperature": real(get("temperature")),
            "gen_ai.request.top_k": (real if version == OLD else whole)(get("top_k")),
            "gen_ai.request.top_p": real(get("top_p")),
            "gen_ai.request.encoding_formats": texts([get("encoding_format")]),
            "gen_ai.embeddings.dimension.count": whole(get("dimensions")),
            "gen_ai.output.type": self._output_type(),
        }
        if version == LATEST and isinstance(effort, str):
            found["gen_ai.request.reasoning.level"] = well_formed(effort)
        return self.identity | {name: value for name, value in found.items() if value is not None}

    def _output_type(self) -> str | None:
        if self.operation == "generate_content":
            return "image"
        kind = fields_of(self.body.get("response_format")).get("type")
        return {"text": "text", "json_object": "json", "json_schema": "json"}.get(str(kind))


def generation_of(call: CallStarted) -> DescribedRequest | None:
    """The call as one that has something generated; None for any other."""
    operation = OPERATIONS.get(call.path)
    if operation is None or call.method != "POST":
        return None
    place = {"gen_ai.provider.name": PROVIDER, **server(call.url)}
    return described(operation, call.body, stream=call.stream, identity=place)


def described(
    operation: str, raw: bytes | None, *, stream: bool, identity: dict[str, Any]
) -> DescribedRequest | None:
    """What sends `raw`, as a request; None where that is no JSON object."""
    if raw is None:
        return None
    try:
        body = SentBody(raw)
    except msgspec.MsgspecError:  # a body of the caller's own making, by `client.request`
        return None
    identity = {"gen_ai.operation.name": operation, **identity}
    if isinstance(model := body.get("model"), str):
        identity["gen_ai.request.model"] = well_formed(model)
    return DescribedRequest(operation=operation, body=body, stream=stream, identity=identity)


@lru_cache(maxsize=64)
def server(url: str) -> dict[str, Any]:
    """Where a request goes; not to be changed."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
