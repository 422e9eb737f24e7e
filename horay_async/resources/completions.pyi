# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""Text completions: `POST /completions`."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, overload

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async.models.completions import Completion, CompletionChunk, CompletionParams
from horay_async.models.dicts import StreamOptionsDict
from horay_async.models.events import CompletionEvent
from horay_async.resources._base import Resource
from horay_async.streaming import AsyncEventStream, AsyncStream

__all__ = ["AsyncCompletions"]
CREATE: Final = Operation(
    method="POST", path="/completions", params=CompletionParams, response=Completion
)

class AsyncCompletions(Resource):
    """Continues a text."""
    @overload
    async def create(
        self,
        *,
        model: str,
        prompt: str,
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
    ) -> Completion:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
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
    @overload
    async def create(
        self,
        *,
        model: str,
        prompt: str,
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
    ) -> AsyncStream[CompletionChunk]:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
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
    @overload
    async def create(
        self,
        *,
        model: str,
        prompt: str,
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
    ) -> Completion | AsyncStream[CompletionChunk]:
        """Continues `prompt`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `CompletionParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
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
    def stream(
        self,
        *,
        model: str,
        prompt: str,
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
    ) -> AsyncEventStream[CompletionEvent, Completion]:
        """Continues `prompt` and tells what happens, event by event; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of
        `CompletionParams`; raises as `create` does.

        Args:
            model: The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.
            prompt: The text to continue.
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
