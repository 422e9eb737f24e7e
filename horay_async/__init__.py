"""The Python client for the Horay API: async first, with a blocking client.

    from horay_async import AsyncHoray

    async with AsyncHoray() as client:
        response = await client.completions.create(model="...", prompt="The capital of Germany is")
        print(response.choices[0].text)

`Horay` is the same client for code that doesn't await. Importing this package loads next to nothing: each
name brings its module when it is first used, and aiohttp comes with the first client.

Its layers, from the lowest up. A module imports from lower layers and from its own, for types too. The
leaves are imported by no other layer; only the command line loads `local`, when it starts a local server.

    _argument_errors, _first_use, _type_hints, _user_code
    _class_docs
    _class_attributes, _descriptors, _extras, _files, _http_date, _json, _record, _version
    _suggestions
    _attempt
    errors
    _checks
    _keys
    _limits, _retry_policy, _timeouts
    models
    _observers
    _observer_defaults
    options
    _generated_parameters
    _signatures
    _hooks, _protocol
    _transport
    streaming
    parsing, tools
    resources
    batch
    client
    _bridge
    sync
    __init__
    cli
    integrations, local, testing (leaves)
"""

# Each module lists in `__all__` what it has for users; their names stand once more in this one's, and come when they are
# asked for. Type checkers and editors see the generated stub:
# ruff: noqa: F822
# pyright: reportUnsupportedDunderAll=false

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from horay_async._version import __version__

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerError",
    "AnswerFault",
    "AnswerParsed",
    "Approve",
    "AssistantMessage",
    "AssistantMessageDict",
    "AsyncBatch",
    "AsyncBatchRun",
    "AsyncEventStream",
    "AsyncHoray",
    "AsyncStream",
    "AsyncToolRun",
    "Attempt",
    "AudioPartDict",
    "AuthenticationError",
    "BadRequestError",
    "BatchFileError",
    "BatchOptions",
    "BatchProgress",
    "BatchRequest",
    "BatchResult",
    "BatchRun",
    "CallEvent",
    "CallOptions",
    "ChatChoice",
    "ChatChunkChoice",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatDelta",
    "ChatEvent",
    "ChatLogprobs",
    "ChatMessage",
    "ChatParams",
    "ChatSettings",
    "ChoiceFinished",
    "ClientOptions",
    "ClientParams",
    "Clock",
    "Completion",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionChunkChoice",
    "CompletionEvent",
    "CompletionLogprobs",
    "CompletionParams",
    "CompletionTokensDetails",
    "ConfigurationError",
    "ConflictError",
    "ContentPartDict",
    "ConversationParams",
    "DeveloperMessageDict",
    "Drift",
    "DriftCounts",
    "DriftError",
    "DriftKind",
    "DriftWarning",
    "Embedding",
    "EmbeddingInput",
    "EmbeddingParams",
    "EmbeddingResponse",
    "EmbeddingUsage",
    "EventStream",
    "Execution",
    "FilePartDict",
    "FunctionCall",
    "FunctionCallDelta",
    "FunctionCallDict",
    "FunctionDict",
    "GeneratedImage",
    "GenerationOptions",
    "HasTool",
    "Horay",
    "HorayError",
    "ImageParams",
    "ImagePart",
    "ImagePartDict",
    "ImageResponse",
    "ImageSize",
    "ImageTimings",
    "ImageURL",
    "ImageURLDict",
    "InputAudioDict",
    "InsufficientBalanceError",
    "InternalServerError",
    "InvalidRequestError",
    "JSONObjectFormatDict",
    "JSONResponse",
    "JSONSchemaDict",
    "JSONSchemaFormatDict",
    "Limits",
    "Message",
    "MessageDict",
    "ModelInfo",
    "ModelList",
    "ModelListParams",
    "ModelSubType",
    "ModelType",
    "NamedFunctionDict",
    "NotFoundError",
    "ParsedChoice",
    "ParsedCompletion",
    "ParsedFunctionCall",
    "ParsedMessage",
    "ParsedToolCall",
    "PartialObject",
    "PermissionDeniedError",
    "PromptEcho",
    "PromptTokensDetails",
    "RateLimit",
    "RateLimitError",
    "RateLimits",
    "ReasoningDelta",
    "RefusalDelta",
    "RequestEvent",
    "ResponseEvent",
    "ResponseFormatDict",
    "ResponseMeta",
    "RetryEvent",
    "RetryPolicy",
    "RoundFinished",
    "RoundStarted",
    "SamplingParams",
    "ServerSentEvent",
    "ServiceOverloadedError",
    "Stream",
    "StreamError",
    "StreamOptionsDict",
    "StreamTruncatedError",
    "SystemMessage",
    "SystemMessageDict",
    "TextDelta",
    "TextFormatDict",
    "TextPart",
    "TextPartDict",
    "Timeouts",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallArgumentsDelta",
    "ToolCallDelta",
    "ToolCallDict",
    "ToolCallDone",
    "ToolCallStarted",
    "ToolChoiceDict",
    "ToolDict",
    "ToolMessage",
    "ToolMessageDict",
    "ToolResult",
    "ToolRun",
    "ToolRunEvent",
    "TopLogprob",
    "TypedChatEvent",
    "UnprocessableEntityError",
    "Usage",
    "UsageReported",
    "UserInfo",
    "UserMessage",
    "UserMessageDict",
    "__version__",
    "parse_text",
    "pydantic_function_tool",
    "tool",
]

_MODULES = (
    "errors",
    "options",
    "client",
    "models.raw",
    "models.models",
    "models.chat",
    "models.chat_chunks",
    "models.chat_params",
    "models.completions",
    "models.dicts",
    "models.drift",
    "models.embeddings",
    "models.events",
    "models.hooks",
    "models.images",
    "models.messages",
    "models.meta",
    "models.options",
    "models.parsed",
    "models.sampling",
    "models.tools",
    "models.rate_limits",
    "models.usage",
    "models.user",
    "streaming",
    "batch",
    "parsing",
    "tools.define",
    "tools.run",
    "sync",
)
"""Where the names live, the modules that load fastest first."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            home = import_module(f"horay_async.{module}")
            if name in home.__all__:
                return globals().setdefault(name, getattr(home, name))
    message = f"module {__name__!r} has no attribute {name!r}"
    if not name.startswith("__"):
        from horay_async._suggestions import EXPORTS  # noqa: PLC0415 - needed for a mistake alone

        if name in EXPORTS:
            # Of `from horay_async import name`, Python replaces an AttributeError by an error of its own.
            caller = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nothing else tells who asks
            if caller.f_code.co_name == "_handle_fromlist":
                raise ImportError(
                    f"cannot import name {name!r} from {__name__!r}: {EXPORTS[name]}", name=__name__
                )
            message = f"{message}: {EXPORTS[name]}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
