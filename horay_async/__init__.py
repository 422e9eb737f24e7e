"""The Python client for the Horay API: async first, with a blocking face.

    from horay_async import AsyncHoray

    async with AsyncHoray() as client:
        answer = await client.completions.create(model="...", prompt="The capital of Germany is")
        print(answer.choices[0].text)

`Horay` is the same client for code that doesn't await. Importing this package loads neither aiohttp nor
anyio: they come with the first client.
"""

from horay_async._version import __version__
from horay_async.client import AsyncHoray
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    Clock,
    ConfigurationError,
    ConflictError,
    Execution,
    HorayError,
    InsufficientBalanceError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceOverloadedError,
    StreamError,
    StreamTruncatedError,
    UnprocessableEntityError,
)
from horay_async.models.anything import AnyResponse
from horay_async.models.catalogue import (
    ModelInfo,
    ModelList,
    ModelListParams,
    ModelSubType,
    ModelType,
)
from horay_async.models.chat import (
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatDelta,
    ChatLogprobs,
    ChatMessage,
    ChatParams,
    FunctionCall,
    FunctionCallDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    TopLogprob,
)
from horay_async.models.completions import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
    CompletionLogprobs,
    CompletionParams,
    PromptEcho,
    SamplingParams,
)
from horay_async.models.events import (
    ChatEvent,
    ChoiceFinished,
    CompletionEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    UsageReported,
)
from horay_async.models.images import (
    GeneratedImage,
    ImageParams,
    ImageResponse,
    ImageSize,
    ImageTimings,
)
from horay_async.models.meta import Attempt, ResponseMeta
from horay_async.models.options import CallOptions, GenerationOptions
from horay_async.models.usage import CompletionTokensDetails, PromptTokensDetails, Usage
from horay_async.models.user import UserInfo
from horay_async.options import ClientOptions, ClientParams, RetryPolicy, Timeouts
from horay_async.streaming import AsyncEventStream, AsyncStream
from horay_async.sync import EventStream, Horay, Stream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AnyResponse",
    "AsyncEventStream",
    "AsyncHoray",
    "AsyncStream",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
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
    "EventStream",
    "Execution",
    "FunctionCall",
    "FunctionCallDelta",
    "GeneratedImage",
    "GenerationOptions",
    "Horay",
    "HorayError",
    "ImageParams",
    "ImageResponse",
    "ImageSize",
    "ImageTimings",
    "InsufficientBalanceError",
    "InternalServerError",
    "ModelInfo",
    "ModelList",
    "ModelListParams",
    "ModelSubType",
    "ModelType",
    "NotFoundError",
    "PermissionDeniedError",
    "PromptEcho",
    "PromptTokensDetails",
    "RateLimitError",
    "ReasoningDelta",
    "RefusalDelta",
    "ResponseMeta",
    "RetryPolicy",
    "SamplingParams",
    "ServiceOverloadedError",
    "Stream",
    "StreamError",
    "StreamTruncatedError",
    "TextDelta",
    "Timeouts",
    "TokenLogprob",
    "ToolCall",
    "ToolCallArgumentsDelta",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolCallStarted",
    "TopLogprob",
    "UnprocessableEntityError",
    "Usage",
    "UsageReported",
    "UserInfo",
    "__version__",
]
