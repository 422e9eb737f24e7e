"""What the semantic conventions for generative AI ask for, as data.

Source of the latest: github.com/open-telemetry/semantic-conventions-genai at commit
88eccb155ca7d6984826da1f4b1c08ee916e0f49: docs/gen-ai/client-inference.md and client-embeddings.md,
model/gen-ai/spans.yaml, metrics.yaml and token-metrics.yaml; the boundaries of runs and tools, docs/gen-ai/gen-ai-metrics.md,
at commit 004902b8; the exception's event, docs/gen-ai/gen-ai-exceptions.md, at commit e8fc5751; MCP, docs/gen-ai/mcp.md, at
commit 0393513c. Left out are attributes for what this API doesn't have: conversations kept by the server, separate
system instructions, named prompts and agents, tokens by modality.

What `*_1_41_1` differs in: OpenTelemetry semantic conventions, version 1.41.1, docs/gen-ai/gen-ai-spans.md, sections
"Inference" and "Execute tool span", and docs/gen-ai/gen-ai-metrics.md, section "Generative AI client metrics".
"""

from __future__ import annotations

from typing import Any, Final, cast

REQUIRED: Final = "required"
CONDITIONAL: Final = "conditionally required"
RECOMMENDED: Final = "recommended"
OPT_IN: Final = "opt-in"

STRINGS: Final = (str,)
"""The type of an attribute that is an array of strings is given by its items'."""

INFERENCE: Final[dict[str, tuple[str, Any]]] = {
    "gen_ai.operation.name": (REQUIRED, str),
    "gen_ai.provider.name": (REQUIRED, str),
    "error.type": (CONDITIONAL, str),
    "gen_ai.output.type": (CONDITIONAL, str),
    "gen_ai.request.choice.count": (CONDITIONAL, int),
    "gen_ai.request.model": (CONDITIONAL, str),
    "gen_ai.request.seed": (CONDITIONAL, int),
    "gen_ai.request.stream": (CONDITIONAL, bool),
    "gen_ai.request.top_k": (CONDITIONAL, int),
    "server.port": (CONDITIONAL, int),
    "gen_ai.request.frequency_penalty": (RECOMMENDED, float),
    "gen_ai.request.max_tokens": (RECOMMENDED, int),
    "gen_ai.request.presence_penalty": (RECOMMENDED, float),
    "gen_ai.request.reasoning.level": (RECOMMENDED, str),
    "gen_ai.request.stop_sequences": (RECOMMENDED, STRINGS),
    "gen_ai.request.temperature": (RECOMMENDED, float),
    "gen_ai.request.top_p": (RECOMMENDED, float),
    "gen_ai.response.finish_reasons": (RECOMMENDED, STRINGS),
    "gen_ai.response.id": (RECOMMENDED, str),
    "gen_ai.response.model": (RECOMMENDED, str),
    "gen_ai.response.time_to_first_chunk": (RECOMMENDED, float),
    "gen_ai.usage.cache_read.input_tokens": (RECOMMENDED, int),
    "gen_ai.usage.cache_write.input_tokens": (RECOMMENDED, int),
    "gen_ai.usage.input_tokens": (RECOMMENDED, int),
    "gen_ai.usage.output_tokens": (RECOMMENDED, int),
    "gen_ai.usage.reasoning.output_tokens": (RECOMMENDED, int),
    "server.address": (RECOMMENDED, str),
    "gen_ai.input.messages": (OPT_IN, str),
    "gen_ai.output.messages": (OPT_IN, str),
    "gen_ai.tool.definitions": (OPT_IN, str),
}
"""Attributes of the span of a generation: how much they are asked for, and their type."""

INFERENCE_1_41_1: Final[dict[str, tuple[str, Any]]] = {
    name: form
    for name, form in {
        **INFERENCE,
        "gen_ai.request.top_k": (CONDITIONAL, float),
        "gen_ai.usage.cache_creation.input_tokens": (RECOMMENDED, int),
    }.items()
    if name not in ("gen_ai.request.reasoning.level", "gen_ai.usage.cache_write.input_tokens")
}

EMBEDDINGS: Final[dict[str, tuple[str, Any]]] = {
    "gen_ai.operation.name": (REQUIRED, str),
    "gen_ai.provider.name": (REQUIRED, str),
    "error.type": (CONDITIONAL, str),
    "gen_ai.request.model": (CONDITIONAL, str),
    "server.port": (CONDITIONAL, int),
    "gen_ai.embeddings.dimension.count": (RECOMMENDED, int),
    "gen_ai.request.encoding_formats": (RECOMMENDED, STRINGS),
    "gen_ai.response.model": (RECOMMENDED, str),
    "gen_ai.usage.input_tokens": (RECOMMENDED, int),
    "server.address": (RECOMMENDED, str),
}
"""The same of the span of embeddings."""

INVOKE_AGENT: Final[dict[str, tuple[str, Any]]] = {
    "gen_ai.operation.name": (REQUIRED, str),
    "error.type": (CONDITIONAL, str),
    "gen_ai.output.type": (CONDITIONAL, str),
    "gen_ai.request.seed": (CONDITIONAL, int),
    "gen_ai.request.frequency_penalty": (RECOMMENDED, float),
    "gen_ai.request.max_tokens": (RECOMMENDED, int),
    "gen_ai.request.model": (RECOMMENDED, str),
    "gen_ai.request.presence_penalty": (RECOMMENDED, float),
    "gen_ai.request.stop_sequences": (RECOMMENDED, STRINGS),
    "gen_ai.request.temperature": (RECOMMENDED, float),
    "gen_ai.request.top_p": (RECOMMENDED, float),
    "gen_ai.response.finish_reasons": (RECOMMENDED, STRINGS),
    "gen_ai.usage.input_tokens": (RECOMMENDED, int),
    "gen_ai.usage.output_tokens": (RECOMMENDED, int),
    "gen_ai.input.messages": (OPT_IN, str),
    "gen_ai.output.messages": (OPT_IN, str),
    "gen_ai.tool.definitions": (OPT_IN, str),
}
"""The same of the span of a run of tools, which is an agent in the same process (`gen_ai.invoke_agent.internal`)."""

MCP: Final[dict[str, tuple[str, Any]]] = {
    "mcp.method.name": (REQUIRED, str),
    "jsonrpc.request.id": (CONDITIONAL, str),
}
"""What the span of a tool has beside its own where it calls an MCP server."""

EXCEPTION_EVENT: Final = "gen_ai.client.operation.exception"
WARN: Final = 13
"""Its severity."""

AT_CREATION: Final = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "server.address",
    "server.port",
}
"""What has to be there when the span is made, for samplers to decide by."""

EXECUTE_TOOL: Final[dict[str, tuple[str, Any]]] = {
    "gen_ai.operation.name": (REQUIRED, str),
    "gen_ai.tool.name": (REQUIRED, str),
    "error.type": (CONDITIONAL, str),
    "gen_ai.tool.call.id": (RECOMMENDED, str),
    "gen_ai.tool.description": (RECOMMENDED, str),
    "gen_ai.tool.type": (RECOMMENDED, str),
    "gen_ai.tool.call.arguments": (OPT_IN, str),
    "gen_ai.tool.call.result": (OPT_IN, str),
}
"""The same of the span of a tool that is run."""

SECONDS: Final = [
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
]

TOKENS: Final = [
    *(1, 4, 16, 64, 256, 1024, 4096, 16384),
    *(65536, 262144, 1048576, 4194304, 16777216, 67108864),
]

RUN_SECONDS: Final = [
    *(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4),
    *(12.8, 25.6, 51.2, 102.4, 204.8, 409.6),
]

METRICS: Final[dict[str, tuple[str, list[Any]]]] = {
    "gen_ai.client.inference.duration": ("s", SECONDS),
    "gen_ai.client.inference.time_to_first_chunk": ("s", SECONDS),
    "gen_ai.client.inference.time_per_output_chunk": ("s", SECONDS),
    "gen_ai.client.inference.operation.input_tokens": ("{token}", TOKENS),
    "gen_ai.client.inference.operation.output_tokens": ("{token}", TOKENS),
}
"""The histograms of generations: unit and bucket boundaries."""

COUNTERS: Final = {
    f"gen_ai.client.inference.usage.{name}"
    for name in (
        "input_tokens",
        "output_tokens",
        "cache_read.input_tokens",
        "cache_write.input_tokens",
        "reasoning.output_tokens",
    )
}
"""The counters of tokens, each of which also says `gen_ai.token.modality`."""

METRICS_1_41_1: Final[dict[str, tuple[str, list[Any]]]] = {
    "gen_ai.client.operation.duration": ("s", SECONDS),
    "gen_ai.client.operation.time_to_first_chunk": ("s", SECONDS),
    "gen_ai.client.operation.time_per_output_chunk": ("s", SECONDS),
    "gen_ai.client.token.usage": ("{token}", TOKENS),
}

RUN_METRICS: Final[dict[str, tuple[str, list[Any]]]] = {
    "gen_ai.execute_tool.duration": ("s", SECONDS),
    "gen_ai.invoke_agent.duration": ("s", RUN_SECONDS),
    "gen_ai.invoke_agent.inference_calls": ("{inference_call}", [1, 2, 4, 8, 16, 32, 64, 128]),
    "gen_ai.invoke_agent.tool_calls": ("{tool_call}", [1, 2, 4, 8, 16, 32, 64, 128]),
}
"""The histograms of runs of tools."""

OF_METRICS: Final = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
    "server.port",
}
"""What each measurement of a call that was answered says. Failures have `error.type`, too."""

PARTS: Final[dict[str, set[str]]] = {
    "text": {"content"},
    "reasoning": {"content"},
    "tool_call": {"name"},
    "tool_call_response": {"response"},
    "uri": {"modality", "uri"},
}
"""Parts of a message by type, with the fields that they must have (gen-ai-input-messages.json). Any other type may
be one of the application's own."""


def check(attributes: dict[str, Any], table: dict[str, tuple[str, Any]]) -> set[str]:
    """Sees to it that what is required is there and that all has its type; gives what is known of the
    conventions' attributes.
    """
    for name, (level, kind) in table.items():
        if name not in attributes:
            assert level != REQUIRED, f"{name} is missing"
            continue
        value = attributes[name]
        if kind is STRINGS:
            assert isinstance(value, tuple), name
            assert all(type(item) is str for item in cast("tuple[Any, ...]", value)), name
        else:
            assert type(value) is kind, f"{name} is {value!r}"
    unknown = {name for name in attributes if name not in table}
    assert all(name.startswith(("horay.", "http.")) for name in unknown), unknown
    return attributes.keys() & table.keys()
