"""What a request says of itself, as attributes of the conventions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import attrs
import msgspec

from horay_async._json import is_object
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


class SentBody(msgspec.Struct):
    """What is looked at of a body. Anything may stand there: what is wrong is the server's to say."""

    model: Any = None
    n: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    reasoning_effort: Any = None
    dimensions: Any = None
    encoding_format: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    seed: Any = None
    stop: Any = None
    response_format: Any = None
    messages: msgspec.Raw = msgspec.Raw(b"")
    prompt: msgspec.Raw = msgspec.Raw(b"")
    tools: msgspec.Raw = msgspec.Raw(b"")


_body_of = msgspec.json.Decoder(SentBody).decode


@attrs.frozen(kw_only=True)
class DescribedRequest:
    """A request that has something generated."""

    operation: str
    body: SentBody
    stream: bool
    identity: dict[str, Any]
    """Attributes that tell apart whose measurements are whose: those of the metrics, and the span's first."""

    @property
    def name(self) -> str:
        """The span's name."""
        model = self.identity.get("gen_ai.request.model")
        return self.operation if model is None else f"{self.operation} {model}"

    def attributes(self, version: Version) -> dict[str, Any]:
        """All that the span begins with."""
        body = self.body
        most = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
        stop: Any = [body.stop] if isinstance(body.stop, str) else body.stop
        found: dict[str, Any] = {
            "gen_ai.request.choice.count": None if body.n == 1 else whole(body.n),
            "gen_ai.request.frequency_penalty": real(body.frequency_penalty),
            "gen_ai.request.max_tokens": whole(most),
            "gen_ai.request.presence_penalty": real(body.presence_penalty),
            "gen_ai.request.seed": whole(body.seed),
            "gen_ai.request.stop_sequences": texts(stop),
            "gen_ai.request.stream": self.stream or None,
            "gen_ai.request.temperature": real(body.temperature),
            "gen_ai.request.top_k": real(body.top_k) if version == OLD else whole(body.top_k),
            "gen_ai.request.top_p": real(body.top_p),
            "gen_ai.request.encoding_formats": texts([body.encoding_format]),
            "gen_ai.embeddings.dimension.count": whole(body.dimensions),
            "gen_ai.output.type": self._output_type(),
        }
        if version == LATEST and isinstance(body.reasoning_effort, str):
            found["gen_ai.request.reasoning.level"] = well_formed(body.reasoning_effort)
        return self.identity | {name: value for name, value in found.items() if value is not None}

    def _output_type(self) -> str | None:
        if self.operation == "generate_content":
            return "image"
        form = self.body.response_format
        kind = form.get("type") if is_object(form) else None
        return {"text": "text", "json_object": "json", "json_schema": "json"}.get(str(kind))


def generation_of(call: CallStarted) -> DescribedRequest | None:
    """The call as one that has something generated; None for any other."""
    operation = OPERATIONS.get(call.path)
    if operation is None or call.method != "POST":
        return None
    place = {"gen_ai.provider.name": PROVIDER, **server(call.url)}
    return _described(operation, call.body, stream=call.stream, identity=place)


def run_of(body: bytes | None) -> DescribedRequest | None:
    """A run of tools whose first request sends `body`."""
    return _described("invoke_agent", body, stream=False, identity={})


def _described(
    operation: str, raw: bytes | None, *, stream: bool, identity: dict[str, Any]
) -> DescribedRequest | None:
    if raw is None:
        return None
    try:
        body = _body_of(raw)
    except msgspec.MsgspecError:  # a body of the caller's own making, by `client.request`
        return None
    identity = {"gen_ai.operation.name": operation, **identity}
    if isinstance(body.model, str):
        identity["gen_ai.request.model"] = well_formed(body.model)
    return DescribedRequest(operation=operation, body=body, stream=stream, identity=identity)


@lru_cache(maxsize=64)
def server(url: str) -> dict[str, Any]:
    """Where a request goes; not to be changed."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
