# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""Chat completions: `POST /chat/completions`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeVar, overload

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async._transport.transport import Transport
from horay_async.models.chat import ChatCompletion, Message
from horay_async.models.chat_chunks import ChatCompletionChunk
from horay_async.models.chat_params import ChatParams
from horay_async.models.dicts import (
    MessageDict,
    ResponseFormatDict,
    StreamOptionsDict,
    ToolChoiceDict,
    ToolDict,
)
from horay_async.models.events import ChatEvent, TypedChatEvent
from horay_async.models.parsed import ParsedCompletion
from horay_async.models.tools import HasTool, ToolBase
from horay_async.resources._base import Resource
from horay_async.streaming import AsyncEventStream, AsyncStream
from horay_async.tools.define import Approve
from horay_async.tools.run import AsyncToolRun

__all__ = ["AsyncChat", "AsyncChatCompletions"]
T = TypeVar("T")
CREATE: Final = Operation(
    method="POST", path="/chat/completions", params=ChatParams, response=ChatCompletion
)

class AsyncChatCompletions(Resource):
    """Responds to a conversation."""
    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: Literal[False] = False,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ChatCompletion:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: Literal[True],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> AsyncStream[ChatCompletionChunk]:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        stream: bool,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            stream: Whether to return the chunks as they come; without it the whole response.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def stream(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: type[T],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> AsyncEventStream[TypedChatEvent[T], ParsedCompletion[T]]:
        """Asks the model to respond to `messages`, and yields what happens as events; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does. With a class as `response_format`, there are events with the object as
        far as it has come, and with the instance; iteration and `final()` then raise as `parse` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The form that the response must have: a class to parse it into, or the API's JSON form.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    def stream(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> AsyncEventStream[ChatEvent, ChatCompletion]:
        """Asks the model to respond to `messages`, and yields what happens as events; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does. With a class as `response_format`, there are events with the object as
        far as it has come, and with the instance; iteration and `final()` then raise as `parse` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    async def parse(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: type[T],
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ParsedCompletion[T]:
        """Asks the model to respond to `messages` in the form of a class: each message's `parsed` is an instance of it.

        `response_format` is an attrs class, a dataclass or a pydantic model; the other parameters are those
        of `ChatParams`. Its schema goes out with the request. The arguments of calls to tools made by
        `@tool` are parsed too, as `function.parsed_arguments`, and a message that calls tools need not have
        a text besides. Raises what `create` does; `TypeError` for a class that no schema can describe;
        and `AnswerError` where the model declined, the response was cut at the token limit, or it doesn't fit.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The class to parse the response into: an attrs class, a dataclass or a pydantic model.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @overload
    async def parse(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: None = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> ParsedCompletion[None]:
        """Asks the model to respond to `messages` in the form of a class: each message's `parsed` is an instance of it.

        `response_format` is an attrs class, a dataclass or a pydantic model; the other parameters are those
        of `ChatParams`. Its schema goes out with the request. The arguments of calls to tools made by
        `@tool` are parsed too, as `function.parsed_arguments`, and a message that calls tools need not have
        a text besides. Raises what `create` does; `TypeError` for a class that no schema can describe;
        and `AnswerError` where the model declined, the response was cut at the token limit, or it doesn't fit.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The class to parse the response into: an attrs class, a dataclass or a pydantic model.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def run_tools(
        self,
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        max_rounds: int = 10,
        max_total_tokens: int | None = None,
        approve: Approve | None = None,
        on_truncation: Literal["raise", "return"] = ...,
        max_tokens: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        temperature: float | None = ...,
        top_p: float | None = ...,
        top_k: int | None = ...,
        min_p: float | None = ...,
        repetition_penalty: float | None = ...,
        presence_penalty: float | None = ...,
        frequency_penalty: float | None = ...,
        logit_bias: Mapping[str, float] | None = ...,
        n: int | None = ...,
        seed: int | None = ...,
        stream_options: StreamOptionsDict | None = ...,
        user: str | None = ...,
        max_completion_tokens: int | None = ...,
        parallel_tool_calls: bool | None = ...,
        logprobs: bool | None = ...,
        top_logprobs: int | None = ...,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | str | None = ...,
        verbosity: Literal["low", "medium", "high"] | str | None = ...,
        service_tier: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        store: bool | None = ...,
        modalities: Sequence[str] | None = ...,
        audio: Mapping[str, object] | None = ...,
        prediction: Mapping[str, object] | None = ...,
        web_search_options: Mapping[str, object] | None = ...,
        prompt_cache_key: str | None = ...,
        safety_identifier: str | None = ...,
        tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...,
        tool_choice: Literal["auto", "none", "required"]
        | str
        | ToolChoiceDict
        | ToolBase
        | None = ...,
        response_format: ResponseFormatDict | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> AsyncToolRun:
        """Asks the model to respond to `messages`, and calls `tools` when it asks for them; `final()` is the response.

        The parameters are those of `ChatParams`. The calls of one message run concurrently, plain functions
        in threads of their own; what a tool raises, and arguments that don't fit its parameters, are told to
        the model. A result is a text, content parts (`TextPart`, `ImagePart`, or a list of them), or whatever
        has a JSON form.

        `max_rounds` limits the requests, and `timeout` the seconds for all of them and the tools.
        `max_total_tokens` limits the tokens of all rounds' prompts and responses together: when they are spent, no other
        round begins, and none begins after a response without a usage (this parameter asks the server for it).

        `approve` is called with each `ToolCall` whose arguments fit, in the order of the calls and one at a time, before its
        tool runs: a coroutine function, or a function, which runs in a thread of its own, with `Horay` in the thread that reads the run. It
        returns None or True to let the call run, False to refuse it, a string to tell the model instead, or a mapping of arguments to run it with; what it raises ends the
        run. The call that it gets is a copy: if it changes the name or the arguments, the changed call runs, and the
        model's message stays as it came.

        A `tool_choice` that forces a call holds for the first round. A tool given in the API's JSON form has
        no function here: when the model calls one, the run ends, the log says so, and the response has the
        call. A cut response raises, whatever `on_truncation` says. Other software's tools are taken as `HasTool` describes.
        Raises `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            max_rounds: Most requests; 10 unless given.
            max_total_tokens: Most tokens of all rounds' prompts and responses together; None is no limit.
            approve: Asked about each call before its tool runs; None lets all run.
            on_truncation: What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end.
            max_tokens: Most tokens to generate.
            stop: Sequences that end the output; they aren't part of it.
            temperature: How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.
            top_p: Nucleus threshold: samples from the likeliest tokens that make up this probability.
            top_k: Samples from this many of the likeliest tokens.
            min_p: Leaves out tokens less likely than this part of the likeliest one's probability.
            repetition_penalty: A higher value repeats less; 1 changes nothing.
            presence_penalty: -2.0 to 2.0; above 0 favours tokens that haven't appeared yet.
            frequency_penalty: -2.0 to 2.0; above 0 disfavours tokens by how often they appeared.
            logit_bias: Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.
            n: How many choices to generate, 1 to 128.
            seed: For responses that repeat, as far as the server can.
            stream_options: `{"include_usage": True}` asks for a last chunk with the usage.
            user: An id of your end user, for the server's abuse checks.
            max_completion_tokens: Most tokens to generate, reasoning included, for models that distinguish the two.
            parallel_tool_calls: Whether one response may ask for several calls.
            logprobs: Asks for the log probabilities of the sampled tokens.
            top_logprobs: How many alternatives to report for each token, with `logprobs=True`.
            reasoning_effort: How much to reason before the response; other values where the model has them.
            verbosity: How long the response is to be.
            service_tier: How the request is to be served, by the server's names, e.g. `"auto"` or `"flex"`.
            metadata: Names and values kept with the request, where the server stores it.
            store: Whether the server keeps the response.
            modalities: The kinds of output, e.g. `["text", "audio"]`.
            audio: The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.
            prediction: Text that the response is likely to repeat: `{"type": "content", "content": ...}`.
            web_search_options: How the model is to search the web, where it can; `{}` for the server's defaults.
            prompt_cache_key: Requests with the same key are likely to share the server's prompt cache.
            safety_identifier: A stable name of the end user, best hashed, by which the server notices misuse.
            tools: The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).
            tool_choice: `"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API's JSON form.
            response_format: The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """

def parser_of(params: dict[str, Any]) -> partial[ParsedCompletion[Any]]:
    """Puts the schema of the class that is given as `response_format` in its place, and returns what parses a response into it."""

def adapt_tools(params: Any) -> Sequence[Any]:
    """Puts `Tool`s in the place of other software's tools, and the API's form in the place of a tool's name in `tool_choice`.
    Returns the tools.
    """

class AsyncChat(Resource):
    """The chat operations."""

    completions: AsyncChatCompletions
    def _make_group(self, cls: Callable[[Transport], T], name: str) -> T: ...
