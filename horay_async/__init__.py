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
    ConfigurationError,
    ConflictError,
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
from horay_async.models.catalogue import ModelInfo, ModelList
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
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from horay_async.models.completions import (
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionChunkChoice,
    CompletionLogprobs,
    CompletionParams,
    PromptEcho,
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
from horay_async.models.images import GeneratedImage, ImageParams, ImageResponse, ImageSize
from horay_async.models.meta import Attempt, ResponseMeta
from horay_async.models.usage import Usage
from horay_async.models.user import UserInfo
from horay_async.options import ClientOptions, RetryPolicy, Timeouts
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
    "Completion",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionChunkChoice",
    "CompletionEvent",
    "CompletionLogprobs",
    "CompletionParams",
    "ConfigurationError",
    "ConflictError",
    "EventStream",
    "FunctionCall",
    "GeneratedImage",
    "Horay",
    "HorayError",
    "ImageParams",
    "ImageResponse",
    "ImageSize",
    "InsufficientBalanceError",
    "InternalServerError",
    "ModelInfo",
    "ModelList",
    "NotFoundError",
    "PermissionDeniedError",
    "PromptEcho",
    "RateLimitError",
    "ReasoningDelta",
    "RefusalDelta",
    "ResponseMeta",
    "RetryPolicy",
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
    "UnprocessableEntityError",
    "Usage",
    "UsageReported",
    "UserInfo",
    "__version__",
]
