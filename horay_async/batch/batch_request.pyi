# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""A request for a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, overload

import attrs

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion, Message
from horay_async.models.completions import Completion
from horay_async.models.dicts import (
    MessageDict,
    ResponseFormatDict,
    StreamOptionsDict,
    ToolChoiceDict,
    ToolDict,
)
from horay_async.models.embeddings import EmbeddingInput, EmbeddingResponse
from horay_async.models.images import ImageResponse, ImageSize
from horay_async.models.parsed import ParsedCompletion
from horay_async.models.tools import HasTool, ToolBase

__all__ = ["BatchRequest"]
T = TypeVar("T")
ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)

@attrs.frozen
class BatchRequest(Generic[ResponseT_co]):
    """A request for a batch, made by one of the methods below, which take what the operations take.

    They raise `TypeError` for a parameter of a wrong name. Whatever else is wrong with the parameters is told by the
    `error` of the request's result, so that it stops no batch.
    """

    operation: Operation[ResponseT_co]
    """What is asked for: method, path and the class of the response."""
    params: Mapping[str, Any]
    """The operation's parameters, by name."""
    custom_id: str | None = ...
    """Names the request in its result."""
    parse: Callable[..., ResponseT_co] | None = ...
    """What makes the result's response of the server's, where a class was given as `response_format`."""
    @overload
    @staticmethod
    def chat(
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        response_format: type[T],
        custom_id: str | None = None,
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
    ) -> BatchRequest[ParsedCompletion[T]]:
        """A request for a chat completion, as `chat.completions.create` sends it; with a class as `response_format`, as
        `chat.completions.parse` does.

        Then the response is a `ParsedCompletion`, and an `AnswerError` is the result's error where it doesn't fit.
        Raises `TypeError` for a class that no schema can describe. `params["response_format"]` is the schema.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            response_format: The form that the response must have: a class to parse it into, or the API's JSON form.
            custom_id: Names the request in its result.
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
    @staticmethod
    def chat(
        *,
        model: str,
        messages: Sequence[MessageDict | Message],
        custom_id: str | None = None,
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
    ) -> BatchRequest[ChatCompletion]:
        """A request for a chat completion, as `chat.completions.create` sends it; with a class as `response_format`, as
        `chat.completions.parse` does.

        Then the response is a `ParsedCompletion`, and an `AnswerError` is the result's error where it doesn't fit.
        Raises `TypeError` for a class that no schema can describe. `params["response_format"]` is the schema.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            messages: The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.
            custom_id: Names the request in its result.
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
    @staticmethod
    def completion(
        *,
        model: str,
        prompt: str,
        custom_id: str | None = None,
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
        logprobs: int | bool | None = ...,
        echo: bool | None = ...,
        suffix: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> BatchRequest[Completion]:
        """A request for the continuation of a prompt, as `completions.create` sends it.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
            custom_id: Names the request in its result.
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
            logprobs: Asks for the log probabilities of the sampled tokens.
            echo: Asks for the prompt in front of the generated text.
            suffix: Text that comes after the generated one, for models that fill in.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @staticmethod
    def embedding(
        *,
        model: str,
        input: EmbeddingInput,
        custom_id: str | None = None,
        dimensions: int | None = ...,
        encoding_format: Literal["base64", "float"] | None = ...,
        user: str | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> BatchRequest[EmbeddingResponse]:
        """A request for embeddings, as `embeddings.create` sends it, but one for all inputs, however many there are.

        Args:
            model: The model's name, e.g. `"BAAI/bge-m3"`.
            input: A text or a list of texts; token ids or a list of lists of them. None of them empty.
            custom_id: Names the request in its result.
            dimensions: Numbers of each vector, for models that can shorten theirs.
            encoding_format: How vectors are sent: `"base64"`, which takes a quarter of the bytes, unless given, or `extra_body` asks for other numbers. What is read of the response is the same.
            user: An id of your end user, for the server's abuse checks.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    @staticmethod
    def image(
        *,
        model: str,
        prompt: str,
        image_size: ImageSize,
        custom_id: str | None = None,
        seed: int | None = ...,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> BatchRequest[ImageResponse]:
        """A request for pictures, as `images.generate` sends it.

        Args:
            model: The model's name, e.g. `"black-forest-labs/FLUX.1-schnell"`.
            prompt: What the picture shows.
            image_size: Width by height in pixels. One of `"1024x1024"`, `"1536x1536"`, `"768x512"`, `"768x1024"`, `"1024x576"`, `"576x1024"`.
            custom_id: Names the request in its result.
            seed: Above 0 and below 9999999999; the same seed gives the same picture.
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
    def to_line(self) -> str:
        """The request as a line of a batch file, without a line end.

        Raises `TypeError` for parameters that don't fit, and `ValueError` for a request without a `custom_id`, and for an option of calls
        that a line has no place for, such as `timeout`.
        """
