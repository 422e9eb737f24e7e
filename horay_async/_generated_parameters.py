# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The parameters of the clients' methods, as a signature has them, and their descriptions."""

__all__ = ["CLASSES", "METHODS", "PARAMETERS"]

PARAMETERS: dict[str, dict[str, str]] = {
    "SamplingParams": {
        "model: str": 'The model\'s name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.',
        "max_tokens: int | None = ...": "Most tokens to generate.",
        "stop: str | Sequence[str] | None = ...": "Sequences that end the output; they aren't part of it.",
        "temperature: float | None = ...": "How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token each time.",
        "top_p: float | None = ...": "Nucleus threshold: samples from the likeliest tokens that make up this probability.",
        "top_k: int | None = ...": "Samples from this many of the likeliest tokens.",
        "min_p: float | None = ...": "Leaves out tokens less likely than this part of the likeliest one's probability.",
        "repetition_penalty: float | None = ...": "A higher value repeats less; 1 changes nothing.",
        "presence_penalty: float | None = ...": "-2.0 to 2.0; above 0 favours tokens that haven't appeared yet.",
        "frequency_penalty: float | None = ...": "-2.0 to 2.0; above 0 disfavours tokens by how often they appeared.",
        "logit_bias: Mapping[str, float] | None = ...": 'Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`.',
        "n: int | None = ...": "How many choices to generate, 1 to 128.",
        "seed: int | None = ...": "For responses that repeat, as far as the server can.",
        "stream_options: StreamOptionsDict | None = ...": '`{"include_usage": True}` asks for a last chunk with the usage.',
        "user: str | None = ...": "An id of your end user, for the server's abuse checks.",
    },
    "ConversationParams": {
        "messages: Sequence[MessageDict | Message]": "The conversation, oldest first: objects with `role` and `content`, instances of the message classes, and responses' messages.",
        "tools: Sequence[ToolDict | ToolBase | HasTool] | None = ...": "The functions that the model may ask to be called: made by `@tool`, in the API's JSON form, or other software's (see `HasTool`).",
        "tool_choice: Literal['auto', 'none', 'required'] | str | ToolChoiceDict | ToolBase | None = ...": '`"auto"`, `"none"`, `"required"`, or the one tool to use: one of `tools`, its name, or the API\'s JSON form.',
    },
    "GenerationOptions": {
        "on_truncation: Literal['raise', 'return'] = ...": "What to do when a stream ends without `[DONE]` and without a finish reason for every choice: raise `StreamTruncatedError` (the default), or take what came as the response, for servers that never mark the end."
    },
    "ChatSettings": {
        "max_completion_tokens: int | None = ...": "Most tokens to generate, reasoning included, for models that distinguish the two.",
        "parallel_tool_calls: bool | None = ...": "Whether one response may ask for several calls.",
        "logprobs: bool | None = ...": "Asks for the log probabilities of the sampled tokens.",
        "top_logprobs: int | None = ...": "How many alternatives to report for each token, with `logprobs=True`.",
        "reasoning_effort: Literal['none', 'minimal', 'low', 'medium', 'high'] | str | None = ...": "How much to reason before the response; other values where the model has them.",
        "verbosity: Literal['low', 'medium', 'high'] | str | None = ...": "How long the response is to be.",
        "service_tier: str | None = ...": 'How the request is to be served, by the server\'s names, e.g. `"auto"` or `"flex"`.',
        "metadata: Mapping[str, str] | None = ...": "Names and values kept with the request, where the server stores it.",
        "store: bool | None = ...": "Whether the server keeps the response.",
        "modalities: Sequence[str] | None = ...": 'The kinds of output, e.g. `["text", "audio"]`.',
        "audio: Mapping[str, object] | None = ...": 'The voice and the format of spoken output, e.g. `{"voice": "alloy", "format": "wav"}`.',
        "prediction: Mapping[str, object] | None = ...": 'Text that the response is likely to repeat: `{"type": "content", "content": ...}`.',
        "web_search_options: Mapping[str, object] | None = ...": "How the model is to search the web, where it can; `{}` for the server's defaults.",
        "prompt_cache_key: str | None = ...": "Requests with the same key are likely to share the server's prompt cache.",
        "safety_identifier: str | None = ...": "A stable name of the end user, best hashed, by which the server notices misuse.",
    },
    "ChatParams": {
        "response_format: ResponseFormatDict | None = ...": 'The form that the response must have, e.g. `{"type": "json_object"}`. For one that comes back as an instance of a class, see `parse`.'
    },
    "CallOptions": {
        "max_retries: int = ...": "Most attempts after the first.",
        "idempotency_key: str = ...": "Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.",
        "bulk: bool = ...": "Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.",
        "timeout: float | Timeouts | None = ...": "The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.",
        "extra_headers: Mapping[str, str] = ...": "Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.",
        "extra_query: Mapping[str, object] = ...": "Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.",
        "extra_body: Mapping[str, object] = ...": "Fields that this client doesn't know, put into the JSON body over those that it does.",
    },
    "CompletionParams": {
        "prompt: str": "The text to continue.",
        "logprobs: int | bool | None = ...": "Asks for the log probabilities of the sampled tokens.",
        "echo: bool | None = ...": "Asks for the prompt in front of the generated text.",
        "suffix: str | None = ...": "Text that comes after the generated one, for models that fill in.",
    },
    "EmbeddingParams": {
        "model: str": 'The model\'s name, e.g. `"BAAI/bge-m3"`.',
        "input: EmbeddingInput": "A text or a list of texts; token ids or a list of lists of them. None of them empty.",
        "dimensions: int | None = ...": "Numbers of each vector, for models that can shorten theirs.",
        "encoding_format: Literal['base64', 'float'] | None = ...": 'How vectors are sent: `"base64"`, which takes a quarter of the bytes, unless given, or `extra_body` asks for other numbers. What is read of the response is the same.',
        "user: str | None = ...": "An id of your end user, for the server's abuse checks.",
    },
    "ImageParams": {
        "model: str": 'The model\'s name, e.g. `"black-forest-labs/FLUX.1-schnell"`.',
        "prompt: str": "What the picture shows.",
        "image_size: ImageSize": 'Width by height in pixels. One of `"1024x1024"`, `"1536x1536"`, `"768x512"`, `"768x1024"`, `"1024x576"`, `"576x1024"`.',
        "seed: int | None = ...": "Above 0 and below 9999999999; the same seed gives the same picture.",
    },
    "BatchOptions": {
        "concurrency: int | Literal['auto'] = ...": "Most requests under way at once. `\"auto\"`, the default, finds what the server can take: it tries more as long as more succeeds in the same time, and fewer when the server refuses (429, 503) or its responses get slower. What it found is shared by all batches of the client. Neither is bound by the client's `max_connections`; a session of the caller's is bound by its connector.",
        "rpm: float | None = ...": "Most requests a minute, retries included; they go evenly spaced. Batches of the client with the same `rpm` and `tpm` share them. The client's `limits` hold beside this and the others. None, the default, is no limit.",
        "tpm: float | None = ...": "Most tokens a minute: estimated from a request's length and its `max_tokens`, and corrected by what its response reports. None, the default, is no limit.",
        "bulk: bool = ...": "Low priority: where the client's `limits` make calls wait, all other calls go before the batch's requests. True; with False they wait in the same line.",
        "fail_fast: bool = ...": "Whether the first failure ends the batch, with its error. False, the default: a failure is a result like any other. `run` drops what is under way then; `run_file` waits for it, and writes its results. What fails has no line in the file then, so that the next start sends it, unless a response came that can't be used.",
        "give_up_after: float = ...": "Seconds, 600 by default, for which a request is sent again and again where the server is overloaded (429, 503), or can't be reached though it has responded before. After that, the request fails with that error. If the server has refused everything for so long, the requests that wait fail too. All other failures are retried as the client's `RetryPolicy` says, and no more.",
    },
    "ClientParams": {
        "base_url: str | None = ...": "From `HORAY_BASE_URL` unless given, else `https://api.horay.ai/v1`. A URL object of httpx or yarl is taken, too.",
        "timeout: float | Timeouts | None = ...": "A number is the total deadline in seconds; `Timeouts` sets each of the five timeouts. Unless given, the defaults of `Timeouts`: 15 s to connect, 600 s to the first byte, 120 s without content, no deadline.",
        "max_retries: int = ...": "Most attempts after the first; the other rules of retrying stay as they are. 2 unless given.",
        "retry: RetryPolicy = ...": "The rules of retrying, `RetryPolicy()` unless given; `max_retries` changes only how many retries there are.",
        "limits: Limits | None = ...": "Most requests and tokens a minute, and requests at once, for all calls; None, the default, is no limit. Copies with the same limits and `base_url` share them.",
        "max_connections: int = ...": "Most requests under way at once on one event loop; further ones wait in line. 1,000, and never more than the files that the system lets a process have open (`ulimit -n`), less 32; if calls wait for that reason, the log says so.",
        "tcp_keepalive: float | None = ...": "Seconds after which the system closes a connection whose other side has sent nothing at all, not even an acknowledgement; from 1 to 32,767, what Linux takes. The system asks for one (a TCP keep-alive probe) after half of that time. 60 s, the default, is below the 350 s and 240 s after which the load balancers of two large clouds drop a silent connection. None leaves it to the system. A copy that changes this has connections of its own.",
        "max_response_objects: int = ...": "Most JSON objects and lists in one response, or kept of one stream: they take up to 250 bytes of memory each, and a tenth of a byte to send. In a stream, four alternatives to a token count as one. 1,000,000; over it an `APIResponseError` is raised.",
        "default_headers: Mapping[str, str] = ...": "Sent with each request to the API. None unless given.",
        "default_query: Mapping[str, str | int | float | bool] = ...": "Added to each URL's query. None unless given.",
        "proxy: str | None = ...": "`http://host:port` of a proxy. None, the default, is no proxy but what `trust_env` finds.",
        "ssl_context: ssl.SSLContext | None = ...": "For a private certificate authority or client certificates. Unless given, the client trusts the system's certificates. A copy that changes this has connections of its own: make one context and pass the same one each time.",
        "trust_env: bool = ...": "Whether to take the proxy from `HTTPS_PROXY` and its like, and its password from `.netrc`. False, the default: the environment's proxy isn't used.",
        "allow_insecure_http: bool = ...": "Whether the key may be sent over plain HTTP to a host that isn't this machine. False unless given.",
        "on_truncation: Literal['raise', 'return'] = ...": 'What to do if a stream ends without a mark of its end: `"raise"`, the default, raises a `StreamTruncatedError`; `"return"` takes what came as complete.',
        "strict: Literal['warn', 'raise'] | None = ...": 'What happens beside counting where a response differs from what the API describes (`client.drift`). None, the default: nothing; `"warn"` gives a `DriftWarning`, once for each path and kind; `"raise"` raises a `DriftError`, which keeps the response.',
        "session: aiohttp.ClientSession | None = ...": "A session of yours to send with. The client never closes it; its connector decides on connections, TLS and proxies. A response that nobody asked for, from a faulty gateway, can be taken there for the response to the next call; the client's own connections discard it.",
        "on_request: Callable[[RequestEvent], object] | None = ...": "Called with a `RequestEvent` just before each attempt is sent. The three hooks are plain functions, called on the event loop, in the context of the call: they must not block. What they return is ignored. What they raise is logged, and the call goes on, also after a `CancelledError`; only `KeyboardInterrupt` and `SystemExit` end the call.",
        "on_retry: Callable[[RetryEvent], object] | None = ...": "Called with a `RetryEvent` after an attempt that failed, before the wait for the next one.",
        "on_response: Callable[[ResponseEvent], object] | None = ...": "Called with a `ResponseEvent` once for each call, when it is over, however it ended; for a stream that is when it was read to its end or left.",
        "telemetry: TelemetryObserver | None = ...": "OpenTelemetry for this client's calls; see `horay_async.integrations.otel`.",
    },
    "ModelListParams": {
        "type: ModelType = ...": 'Only models of this kind. One of `"text"`, `"image"`, `"audio"`, `"video"`.',
        "sub_type: ModelSubType = ...": 'Only models for this task. One of `"chat"`, `"embedding"`, `"reranker"`, `"text-to-image"`, `"image-to-image"`, `"speech-to-text"`, `"text-to-video"`.',
    },
}
"""What each parameter class itself declares."""

CLASSES: dict[str, tuple[str, ...]] = {
    "ChatParams": (
        "GenerationOptions",
        "SamplingParams",
        "ChatSettings",
        "ConversationParams",
        "ChatParams",
        "CallOptions",
    ),
    "CompletionParams": ("GenerationOptions", "SamplingParams", "CompletionParams", "CallOptions"),
    "EmbeddingParams": ("EmbeddingParams", "CallOptions"),
    "ImageParams": ("ImageParams", "CallOptions"),
    "BatchOptions": ("BatchOptions",),
    "ClientParams": ("ClientParams",),
    "GenerationOptions": ("GenerationOptions", "CallOptions"),
    "ConversationParams": (
        "GenerationOptions",
        "SamplingParams",
        "ChatSettings",
        "ConversationParams",
        "CallOptions",
    ),
    "CallOptions": ("CallOptions",),
    "ModelListParams": ("ModelListParams", "CallOptions"),
}
"""The keys in `PARAMETERS` of a parameter class and of those that it extends, in the order of a signature."""

METHODS: dict[str, tuple[str, dict[str, str]]] = {
    "BatchRequest.chat": (
        "ChatParams",
        {
            "response_format: type[T] | ResponseFormatDict | None = ...": "The form that the response must have: a class to parse it into, or the API's JSON form.",
            "custom_id: str | None = None": "Names the request in its result.",
        },
    ),
    "BatchRequest.completion": (
        "CompletionParams",
        {"custom_id: str | None = None": "Names the request in its result."},
    ),
    "BatchRequest.embedding": (
        "EmbeddingParams",
        {"custom_id: str | None = None": "Names the request in its result."},
    ),
    "BatchRequest.image": (
        "ImageParams",
        {"custom_id: str | None = None": "Names the request in its result."},
    ),
    "AsyncBatch.run": (
        "BatchOptions",
        {
            "requests: Iterable[BatchRequest[ResponseT]] | AsyncIterable[BatchRequest[ResponseT]] | Iterable[BatchRequest[Response] | Mapping[str, object]] | AsyncIterable[BatchRequest[Response] | Mapping[str, object]]": "What to send: an iterable, plain or asynchronous.",
            "ordered: bool = False": "Whether the results come in the order of the requests. Where the loop raises, or is ended by `progress.stop_sending()`, a request that has no result by then, before others that have one, has a `HorayError` in its place.",
            "progress: ShowProgress = False": 'Whether to draw a bar where somebody sees it; `"always"` draws it anyway.',
        },
    ),
    "AsyncBatch.run_file": (
        "BatchOptions",
        {
            "requests: str | os.PathLike[str] | int": "The file of requests, or a pipe; or the descriptor of one that is open.",
            "results: str | os.PathLike[str]": "The output file; it is made, or continued.",
            "retry_failed: bool = False": "Whether to send earlier failures again.",
            "sync_interval: float = 5.0": "Seconds until what was written is safe from a loss of power; 5, with 0 at once.",
            "progress: BatchProgress | ShowProgress = False": "Whether to draw a bar, as for `run`; or an object that is kept up to date. One of an earlier run begins anew; one of a run that goes on is refused.",
        },
    ),
    "AsyncHoray.__init__": (
        "ClientParams",
        {
            "api_key: str | KeyFunction | None = None": "From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it and the seconds that it is good for."
        },
    ),
    "AsyncHoray.with_options": ("ClientParams", {}),
    "AsyncHoray.request": (
        "GenerationOptions",
        {
            "method: str": 'Of HTTP, such as `"POST"`.',
            "path: str": 'Below the base URL, such as `"/responses"`.',
            "body: Any = None": 'Anything that JSON holds. With `stream=True`, `"stream": true` is added to an object without it.',
            "stream: bool = False": "Whether the response is a stream of server-sent events.",
            "ends_with: str | Collection[str] = ()": "What the last event is known by: its name, the `type` in its JSON, or its data; or several of these.",
        },
    ),
    "AsyncChatCompletions.create": (
        "ChatParams",
        {
            "stream: bool = False": "Whether to return the chunks as they come; without it the whole response."
        },
    ),
    "AsyncChatCompletions.stream": (
        "ChatParams",
        {
            "response_format: type[T] | ResponseFormatDict | None = ...": "The form that the response must have: a class to parse it into, or the API's JSON form."
        },
    ),
    "AsyncChatCompletions.parse": (
        "ConversationParams",
        {
            "response_format: type[T] | None = None": "The class to parse the response into: an attrs class, a dataclass or a pydantic model."
        },
    ),
    "AsyncChatCompletions.run_tools": (
        "ChatParams",
        {
            "max_rounds: int = 10": "Most requests; 10 unless given.",
            "max_total_tokens: int | None = None": "Most tokens of all rounds' prompts and responses together; None is no limit.",
            "approve: Approve | None = None": "Asked about each call before its tool runs; None lets all run.",
        },
    ),
    "AsyncCompletions.create": (
        "CompletionParams",
        {
            "stream: bool = False": "Whether to return the chunks as they come; without it the whole response."
        },
    ),
    "AsyncCompletions.stream": ("CompletionParams", {}),
    "AsyncEmbeddings.create": ("EmbeddingParams", {}),
    "AsyncImages.generate": ("ImageParams", {}),
    "AsyncImages.save": (
        "CallOptions",
        {
            "image: GeneratedImage | str": "A picture of a response, or a URL; one with `data:` is decoded, and so is base64 in its place.",
            "path: str | os.PathLike[str]": "The file to write; one that is there is replaced.",
        },
    ),
    "AsyncModels.list": ("ModelListParams", {}),
    "AsyncModels.retrieve": (
        "CallOptions",
        {"model: str": 'The model\'s id, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`.'},
    ),
    "AsyncUser.info": ("CallOptions", {}),
    "Horay.__init__": (
        "ClientParams",
        {
            "api_key: str | KeyFunction | None = None": "From `HORAY_API_KEY` unless given; or a function, plain or a coroutine function, that returns it, or it and the seconds that it is good for."
        },
    ),
    "Horay.with_options": ("ClientParams", {}),
}
"""The parameter class that a method takes, and what it declares itself."""
