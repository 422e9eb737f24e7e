# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The Python client for the Horay API: async first, with a blocking client."""

from horay_async._version import __version__ as __version__
from horay_async.batch import AsyncBatch as AsyncBatch
from horay_async.batch import AsyncBatchRun as AsyncBatchRun
from horay_async.batch import BatchFileError as BatchFileError
from horay_async.batch import BatchOptions as BatchOptions
from horay_async.batch import BatchProgress as BatchProgress
from horay_async.batch import BatchRequest as BatchRequest
from horay_async.batch import BatchResult as BatchResult
from horay_async.batch import InvalidRequestError as InvalidRequestError
from horay_async.batch import read_results as read_results
from horay_async.client import AsyncHoray as AsyncHoray
from horay_async.errors import AnswerError as AnswerError
from horay_async.errors import AnswerFault as AnswerFault
from horay_async.errors import APIConnectionError as APIConnectionError
from horay_async.errors import APIError as APIError
from horay_async.errors import APIResponseError as APIResponseError
from horay_async.errors import APIStatusError as APIStatusError
from horay_async.errors import APITimeoutError as APITimeoutError
from horay_async.errors import AuthenticationError as AuthenticationError
from horay_async.errors import BadRequestError as BadRequestError
from horay_async.errors import Clock as Clock
from horay_async.errors import ConfigurationError as ConfigurationError
from horay_async.errors import ConflictError as ConflictError
from horay_async.errors import DriftError as DriftError
from horay_async.errors import DriftKind as DriftKind
from horay_async.errors import DriftWarning as DriftWarning
from horay_async.errors import Execution as Execution
from horay_async.errors import HorayError as HorayError
from horay_async.errors import InsufficientBalanceError as InsufficientBalanceError
from horay_async.errors import InternalServerError as InternalServerError
from horay_async.errors import NotFoundError as NotFoundError
from horay_async.errors import PermissionDeniedError as PermissionDeniedError
from horay_async.errors import RateLimitError as RateLimitError
from horay_async.errors import ServiceOverloadedError as ServiceOverloadedError
from horay_async.errors import StreamError as StreamError
from horay_async.errors import StreamTruncatedError as StreamTruncatedError
from horay_async.errors import UnprocessableEntityError as UnprocessableEntityError
from horay_async.models.chat import ChatChoice as ChatChoice
from horay_async.models.chat import ChatCompletion as ChatCompletion
from horay_async.models.chat import ChatLogprobs as ChatLogprobs
from horay_async.models.chat import ChatMessage as ChatMessage
from horay_async.models.chat import FunctionCall as FunctionCall
from horay_async.models.chat import Message as Message
from horay_async.models.chat import TokenLogprob as TokenLogprob
from horay_async.models.chat import ToolCall as ToolCall
from horay_async.models.chat import TopLogprob as TopLogprob
from horay_async.models.chat_chunks import ChatChunkChoice as ChatChunkChoice
from horay_async.models.chat_chunks import ChatCompletionChunk as ChatCompletionChunk
from horay_async.models.chat_chunks import ChatDelta as ChatDelta
from horay_async.models.chat_chunks import FunctionCallDelta as FunctionCallDelta
from horay_async.models.chat_chunks import ToolCallDelta as ToolCallDelta
from horay_async.models.chat_params import ChatParams as ChatParams
from horay_async.models.chat_params import ChatSettings as ChatSettings
from horay_async.models.chat_params import ConversationParams as ConversationParams
from horay_async.models.completions import Completion as Completion
from horay_async.models.completions import CompletionChoice as CompletionChoice
from horay_async.models.completions import CompletionChunk as CompletionChunk
from horay_async.models.completions import CompletionChunkChoice as CompletionChunkChoice
from horay_async.models.completions import CompletionLogprobs as CompletionLogprobs
from horay_async.models.completions import CompletionParams as CompletionParams
from horay_async.models.completions import PromptEcho as PromptEcho
from horay_async.models.dicts import AssistantMessageDict as AssistantMessageDict
from horay_async.models.dicts import AudioPartDict as AudioPartDict
from horay_async.models.dicts import ContentPartDict as ContentPartDict
from horay_async.models.dicts import DeveloperMessageDict as DeveloperMessageDict
from horay_async.models.dicts import FilePartDict as FilePartDict
from horay_async.models.dicts import FunctionCallDict as FunctionCallDict
from horay_async.models.dicts import FunctionDict as FunctionDict
from horay_async.models.dicts import ImagePartDict as ImagePartDict
from horay_async.models.dicts import ImageURLDict as ImageURLDict
from horay_async.models.dicts import InputAudioDict as InputAudioDict
from horay_async.models.dicts import JSONObjectFormatDict as JSONObjectFormatDict
from horay_async.models.dicts import JSONSchemaDict as JSONSchemaDict
from horay_async.models.dicts import JSONSchemaFormatDict as JSONSchemaFormatDict
from horay_async.models.dicts import MessageDict as MessageDict
from horay_async.models.dicts import NamedFunctionDict as NamedFunctionDict
from horay_async.models.dicts import ResponseFormatDict as ResponseFormatDict
from horay_async.models.dicts import StreamOptionsDict as StreamOptionsDict
from horay_async.models.dicts import SystemMessageDict as SystemMessageDict
from horay_async.models.dicts import TextFormatDict as TextFormatDict
from horay_async.models.dicts import TextPartDict as TextPartDict
from horay_async.models.dicts import ToolCallDict as ToolCallDict
from horay_async.models.dicts import ToolChoiceDict as ToolChoiceDict
from horay_async.models.dicts import ToolDict as ToolDict
from horay_async.models.dicts import ToolMessageDict as ToolMessageDict
from horay_async.models.dicts import UserMessageDict as UserMessageDict
from horay_async.models.drift import Drift as Drift
from horay_async.models.drift import DriftCounts as DriftCounts
from horay_async.models.embeddings import Embedding as Embedding
from horay_async.models.embeddings import EmbeddingInput as EmbeddingInput
from horay_async.models.embeddings import EmbeddingParams as EmbeddingParams
from horay_async.models.embeddings import EmbeddingResponse as EmbeddingResponse
from horay_async.models.embeddings import EmbeddingUsage as EmbeddingUsage
from horay_async.models.events import AnswerParsed as AnswerParsed
from horay_async.models.events import ChatEvent as ChatEvent
from horay_async.models.events import ChoiceFinished as ChoiceFinished
from horay_async.models.events import CompletionEvent as CompletionEvent
from horay_async.models.events import PartialObject as PartialObject
from horay_async.models.events import ReasoningDelta as ReasoningDelta
from horay_async.models.events import RefusalDelta as RefusalDelta
from horay_async.models.events import RoundFinished as RoundFinished
from horay_async.models.events import RoundStarted as RoundStarted
from horay_async.models.events import TextDelta as TextDelta
from horay_async.models.events import ToolCallArgumentsDelta as ToolCallArgumentsDelta
from horay_async.models.events import ToolCallDone as ToolCallDone
from horay_async.models.events import ToolCallStarted as ToolCallStarted
from horay_async.models.events import ToolResult as ToolResult
from horay_async.models.events import ToolRunEvent as ToolRunEvent
from horay_async.models.events import TypedChatEvent as TypedChatEvent
from horay_async.models.events import UsageReported as UsageReported
from horay_async.models.hooks import CallEvent as CallEvent
from horay_async.models.hooks import RequestEvent as RequestEvent
from horay_async.models.hooks import ResponseEvent as ResponseEvent
from horay_async.models.hooks import RetryEvent as RetryEvent
from horay_async.models.images import GeneratedImage as GeneratedImage
from horay_async.models.images import ImageParams as ImageParams
from horay_async.models.images import ImageResponse as ImageResponse
from horay_async.models.images import ImageSize as ImageSize
from horay_async.models.images import ImageTimings as ImageTimings
from horay_async.models.messages import AssistantMessage as AssistantMessage
from horay_async.models.messages import ImagePart as ImagePart
from horay_async.models.messages import ImageURL as ImageURL
from horay_async.models.messages import SystemMessage as SystemMessage
from horay_async.models.messages import TextPart as TextPart
from horay_async.models.messages import ToolMessage as ToolMessage
from horay_async.models.messages import UserMessage as UserMessage
from horay_async.models.meta import Attempt as Attempt
from horay_async.models.meta import ResponseMeta as ResponseMeta
from horay_async.models.models import ModelInfo as ModelInfo
from horay_async.models.models import ModelList as ModelList
from horay_async.models.models import ModelListParams as ModelListParams
from horay_async.models.models import ModelSubType as ModelSubType
from horay_async.models.models import ModelType as ModelType
from horay_async.models.options import CallOptions as CallOptions
from horay_async.models.options import GenerationOptions as GenerationOptions
from horay_async.models.parsed import ParsedChoice as ParsedChoice
from horay_async.models.parsed import ParsedCompletion as ParsedCompletion
from horay_async.models.parsed import ParsedFunctionCall as ParsedFunctionCall
from horay_async.models.parsed import ParsedMessage as ParsedMessage
from horay_async.models.parsed import ParsedToolCall as ParsedToolCall
from horay_async.models.rate_limits import RateLimit as RateLimit
from horay_async.models.rate_limits import RateLimits as RateLimits
from horay_async.models.raw import JSONResponse as JSONResponse
from horay_async.models.raw import ServerSentEvent as ServerSentEvent
from horay_async.models.sampling import SamplingParams as SamplingParams
from horay_async.models.tools import HasTool as HasTool
from horay_async.models.usage import CompletionTokensDetails as CompletionTokensDetails
from horay_async.models.usage import PromptTokensDetails as PromptTokensDetails
from horay_async.models.usage import Usage as Usage
from horay_async.models.user import UserInfo as UserInfo
from horay_async.options import ClientOptions as ClientOptions
from horay_async.options import ClientParams as ClientParams
from horay_async.options import Limits as Limits
from horay_async.options import RetryPolicy as RetryPolicy
from horay_async.options import Timeouts as Timeouts
from horay_async.parsing import messages_to_dicts as messages_to_dicts
from horay_async.parsing import parse_text as parse_text
from horay_async.streaming import AsyncEventStream as AsyncEventStream
from horay_async.streaming import AsyncStream as AsyncStream
from horay_async.sync import BatchRun as BatchRun
from horay_async.sync import EventStream as EventStream
from horay_async.sync import Horay as Horay
from horay_async.sync import Stream as Stream
from horay_async.sync import ToolRun as ToolRun
from horay_async.tools.define import Approve as Approve
from horay_async.tools.define import Tool as Tool
from horay_async.tools.define import pydantic_function_tool as pydantic_function_tool
from horay_async.tools.define import tool as tool
from horay_async.tools.run import AsyncToolRun as AsyncToolRun

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
    "messages_to_dicts",
    "parse_text",
    "pydantic_function_tool",
    "read_results",
    "tool",
]
