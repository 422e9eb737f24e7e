"""What users of other clients type out of habit, and what it is called here: told by the errors for unknown names.

Looked at when an attribute, a parameter or an option doesn't exist, or a value has a wrong type; never before.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from enum import EnumMeta
from functools import wraps
from types import FrameType, MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_origin

from horay_async._class_attributes import OnInstances

C = TypeVar("C", bound=type[Any])
F = TypeVar("F", bound=Callable[..., Any])

REQUEST = "there is no method for it: client.request(method, path, body=...) reaches every path"

JSON = "to_dict() returns the JSON that the server sent, to_json() its text, and model_dump() the known fields"


PART = "to_dict() and to_json() are methods of the whole response; model_dump() gives the known fields of this part"

SENT = "the API doesn't describe it; where the server has sent it, it is in to_dict() of the whole response"


def _table(text: str) -> dict[str, str]:
    """The messages by name; each line is `names: message`."""
    lines = (line.partition(": ") for line in text.strip().splitlines())
    return {name: message for names, _, message in lines for name in names.split()}


def _tables(text: str) -> dict[str, dict[str, str]]:
    """Such a table for each class; its lines stand below `[classes]`, once or more often."""
    tables: dict[str, dict[str, str]] = {}
    for section in text.split("\n[")[1:]:
        names, _, lines = section.partition("]")
        for name in names.split(" "):
            tables.setdefault(name, {}).update(_table(lines))
    return tables


ATTRIBUTES = _tables(
    f"""
[]
with_raw_response: every response has .meta, with its headers, status and request_id: call the method itself
with_streaming_response: call create(..., stream=True), or client.request(..., stream=True) for other paths
aclose: it is called close() on both clients
[Horay]
audio containers conversations evals files fine_tuning moderations realtime rerank uploads vector_stores videos: {REQUEST}
api_key base_url timeout default_headers: the settings are in client.options, a copy with others is made by client.with_options(...)
beta: nothing is in beta here: use client.chat.completions.parse, .stream and .run_tools
responses: use client.chat.completions; {REQUEST}
assistants: use client.chat.completions.run_tools; {REQUEST}
batches: client.batch.run(requests) and client.batch.run_file(...) send many requests
webhooks: this API sends none
copy: client.with_options(...) makes a copy
is_closed: it is closed, without parentheses
complete generate: use client.completions.create, or client.chat.completions.create
ChatCompletion: use client.chat.completions.create
Completion: use client.completions.create
Embedding: use client.embeddings.create
Image: use client.images.generate
Model: use client.models.list
acompletion ask invoke ainvoke predict run: use client.chat.completions.create
create parse stream run_tools: use client.chat.completions, which has it
embed encode: use client.embeddings.create
list_models: use client.models.list
map run_batch submit: use client.batch.run
run_file: use client.batch.run_file
usage cost: each response has its usage; client.user.info() returns the account's balance
account balance me: use client.user.info
model: name it in each call
get: use client.request("GET", path)
post: use client.request("POST", path, body=...)
put: use client.request("PUT", path, body=...)
patch: use client.request("PATCH", path, body=...)
delete: use client.request("DELETE", path)
max_retries: it is options.retry.max_retries; client.with_options(max_retries=...) makes a copy
messages: use client.chat.completions
completion: use client.completions.create, or client.chat.completions.create
chat_completions: use client.chat.completions.create
embedding: use client.embeddings.create
image: use client.images.generate
[FaultServer]
error rate_limits: it is a function of horay_async.testing: server.add(error(...))
fail raise_error respond_with_error add_error add_exception: use add(error(429)), with error of horay_async.testing
chat respond: it is a function of horay_async.testing, as in server.add(chat(...)); server.reply("...") puts a text in line
respond_with respond_with_data respond_with_json add_response enqueue queue: it is reply("...") for a text, and add(...) for what horay_async.testing makes, such as chat("...")
expect_request expect mock route get post: it is add(...), which takes a handler too: a function that makes the response of the request
set_handler default: it is always(...)
replay replies: it is reply("...")
port: it is in base_url
start: use it in a with block, which starts it
stop close shutdown: use it in a with block, whose end stops it
pending remaining: it is waiting
last_request received history log: it is requests, of which the last is requests[-1]
url: it is base_url
calls: it is requests
tool_call tool_calls call_tool: it is call_tools(("name", {...}), ...)
[Chat]
create: use client.chat.completions.create
parse: use client.chat.completions.parse
stream: use client.chat.completions.stream
run_tools: use client.chat.completions.run_tools
complete generate: use client.chat.completions.create
completion: it is completions
[Completions]
parse: use client.chat.completions.parse
run_tools: use client.chat.completions.run_tools
[ChatCompletions]
list retrieve update delete messages: {REQUEST}
run: it is run_tools(...)
[Completions ChatCompletions]
acreate complete generate invoke: it is create(...)
[Embeddings]
acreate embed encode generate: it is create(...)
[Images]
create: it is generate(model=..., prompt=..., image_size=...)
edit create_variation: {REQUEST}
download: it is save(picture, path)
[Models]
delete: {REQUEST}
all: it is list()
get: it is retrieve("name")
[User]
get me retrieve: it is info()
balance credits total_balance usage: it is in info(), as total_balance
[Batch]
create execute gather map send start submit: it is run(requests), or run_file(...) from a file to a file
cancel list retrieve: the server knows nothing of a batch: run(requests) sends its requests, and close() of what it returns ends it
file from_file: it is run_file(...)
read_results results: from horay_async import read_results
request: from horay_async import BatchRequest
[ChatCompletion Completion EmbeddingResponse ImageResponse ModelList UserInfo]
get keys items values: to_dict() makes a dict of it
model_copy: write copy.deepcopy(...)
[ChatCompletion Completion ImageResponse]
request_id: it is meta.request_id
status_code status: it is meta.status
headers: it is meta.headers
[ChatCompletion]
json dict: {JSON}
finish_reason: it is choices[0].finish_reason
tool_calls: it is choices[0].message.tool_calls
text content output_text output data result: it is choices[0].message.content
message: it is choices[0].message
role: it is choices[0].message.role
reasoning reasoning_content thinking: it is choices[0].message.reasoning_content
refusal: it is choices[0].message.refusal
logprobs: it is choices[0].logprobs
parsed: it is choices[0].message.parsed, of parse(...)
[ChatCompletion Completion]
stop_reason: it is choices[0].finish_reason
cost: {SENT}
raw raw_response response_metadata: it is to_dict(), the JSON that the server sent
[ChatCompletion Completion EmbeddingResponse]
prompt_tokens input_tokens: it is usage.prompt_tokens
total_tokens: it is usage.total_tokens
token_usage usage_metadata: it is usage
[ChatCompletion Completion]
completion_tokens output_tokens: it is usage.completion_tokens
[EmbeddingResponse]
embedding: it is data[0].embedding
embeddings vectors: each of data has its embedding
request_id: it is meta.request_id
headers: it is meta.headers
status_code status: it is meta.status
json dict: {JSON}
[ModelList]
models: it is data
[UserInfo]
credits: it is total_balance
username: it is name
[ChatChoice]
text content: it is message.content
to_dict to_json json dict: {PART}
delta: it is message; chunks of a stream have delta
parsed: it is message.parsed, of parse(...)
[ChatMessage]
text: it is content
reasoning: it is reasoning_content
thinking: it is reasoning_content
audio annotations function_call: {SENT}
parsed: only the response of parse(...) has it, and of stream(...) with a class; create(...) parses nothing
to_dict to_json json dict: {PART}
[Usage]
cost: {SENT}
input_tokens request_tokens prompt: it is prompt_tokens
output_tokens response_tokens completion: it is completion_tokens
total: it is total_tokens
cached_tokens: it is prompt_tokens_details.cached_tokens
reasoning_tokens: it is completion_tokens_details.reasoning_tokens
to_dict to_json json dict: {PART}
[ChatChunkChoice]
text content: it is delta.content
message: it is delta; only a whole response has message
[CompletionChoice CompletionChunkChoice]
to_dict to_json json dict: {PART}
message: it is text; chat.completions.create returns messages
content: it is text
[Completion]
json dict: {JSON}
finish_reason: it is choices[0].finish_reason
text content output output_text: it is choices[0].text
message: it is choices[0].text
[Stream EventStream ToolRun BatchRun]
cancel stop: it is close()
[Stream EventStream]
deltas: it is text(), with parentheses
[Stream]
choices model json: stream=True returns a stream of chunks: loop over it, or leave stream=True out for the whole response
usage: the last chunk has it if stream_options={{'include_usage': True}} asks for it; the method stream(...) has it in final().usage
final get_final_completion get_final_message get_final_text: use the method stream(...), which has final(), instead of create(..., stream=True)
snapshot: use the method stream(...), which has snapshot, instead of create(..., stream=True)
response: .meta has the headers, the status and the request_id
text_stream: it is text(), with parentheses
until_done: read it to its end in a loop, or use the method stream(...), which has final()
[EventStream]
choices: the whole response is final(), and what has come of it is snapshot
usage: it is in final().usage if stream_options={{'include_usage': True}} asks for it
response: .meta has the headers, the status and the request_id
request_id: it is meta.request_id
text_stream text_deltas: it is text(), with parentheses
until_done: final() reads to the end, and returns the whole response
get_final_completion get_final_response: it is final(), which returns the whole response
get_final_message: it is final(); the message is final().choices[0].message
get_final_text: it is final(); the text is final().choices[0].message.content
current_completion_snapshot: it is snapshot
[ToolRun]
choices: they are those of the last response, final()
result output response final_output: it is final(), which returns the last response
all_messages conversation new_messages: it is messages
total_tokens: it is usage.total_tokens
until_done: final() reads to the end, and returns the last response
get_final_completion: it is final(), which returns the last response
text: it yields events of all kinds; the pieces of the text are event.text where isinstance(event, TextDelta)
[BatchRun]
results result: read it with a loop, which gives one result for each request
final gather join wait: read it to its end in a loop
done completed: it is progress.done
failed: it is progress.failed
total: it is progress.total
seconds: it is progress.seconds
total_tokens: it is progress.total_tokens
errors: each result has its error; progress.main_error is the most frequent one
usage: it is progress.total_tokens, and each result has its usage
[BatchResult]
value result output data completion body: it is response, or unwrap(), which raises the error where there is none
choices text content message output_text: it is response.choices, for chat completions response.choices[0].message.content
parsed: it is response.choices[0].message.parsed, of a request with a class as response_format
model: it is response.model
meta headers: it is response.meta
tokens total_tokens: it is usage.total_tokens
exception failure: it is error
ok success succeeded failed is_error: compare response with None, which it is where the request failed
status status_code: it is response.meta.status; of a failure error.status_code, where it is an APIStatusError
id: it is custom_id
request_id: it is response.meta.request_id, of a failure error.request_id
get raise_for_status: it is unwrap()
duration elapsed latency: it is seconds
position line: it is index
to_dict json to_json dict model_dump: it is response.to_dict()
[BatchRequest]
id: it is custom_id
body kwargs: it is params
model messages prompt input: it is in params
method path url: it is operation.method and operation.path
to_dict to_json json dict model_dump: it is to_line(), a line of a batch file
[BatchProgress]
completed succeeded success: it is done
finished: it is done and failed; of earlier runs skipped
errors: it is failed, a count; main_error is the most frequent one
pending remaining left: take skipped, done and failed from total
active running: it is in_flight
stop cancel close: it is stop_sending(), which waits for what is under way
duration elapsed: it is seconds
tokens usage: it is total_tokens
input_tokens: it is prompt_tokens
output_tokens: it is completion_tokens
[CallEvent]
body request: the body is in no hook, since it holds the prompt; url, method and label say what the request is
id call_id: it is call
[RetryEvent ResponseEvent]
status_code: it is status
elapsed duration latency: it is seconds
exception: it is error
[RetryEvent]
wait backoff: it is delay
[ResponseEvent]
usage tokens total_tokens prompt_tokens completion_tokens: response.usage has it; response is None where nothing has come, and its usage where the server sends none
model choices: it is in response, which is None where nothing has come
request_id: it is meta.request_id, where meta isn't None
headers: it is meta.headers, where meta isn't None
attempts: it is meta.attempts, where meta isn't None; attempt counts them
[Event]
delta: new text is event.text, of the types 'text', 'reasoning' and 'refusal'; new arguments of a tool call are event.arguments; isinstance(event, TextDelta) tells them apart
snapshot: the response so far is stream.snapshot; merging takes time, so it isn't in each event
content: new text is event.text; the whole one is in stream.snapshot and stream.final()
chunk: the chunks are in stream.chunks, and come from create(..., stream=True)
arguments_delta: new arguments of a tool call are event.arguments
parsed_arguments: the call is event.tool_call; parse() and final() have function.parsed_arguments
refusal: new text of a refusal is event.text, where event.type is 'refusal'
logprobs: they are in the chunks and in stream.final()
choices: these are events; chunks with choices come from create(..., stream=True)
[GeneratedImage]
b64_json: this API sends addresses, url; client.images.save(picture, path) fetches a picture
save read download write_to_file show: client.images.save(picture, path) fetches it
to_dict to_json json dict: {PART}
[ImageResponse]
data: the pictures are in .images, each with its .url; client.images.save(picture, path) fetches one
created: the server doesn't tell it
[HorayError]
message msg user_message: write str(error)
[APIError]
response: what is known is in the error: message, execution, request_id, attempts, partial
request: what was tried is in .attempts
msg user_message: it is message
http_status status status_code: an APIStatusError has status_code, as an APIResponseError has; this error has none
body json_body: other errors have a body: those of a failing status, a lost connection, or a response that can't be read
headers retry_after: only an APIStatusError and a StreamError have it
type code param: only an APIStatusError and a StreamError have it
completion: what had come is .partial; an AnswerError has .completion
usage total_usage: where a response came, it has it: .completion of an AnswerError, .partial of the others
num_retries n_attempts: it is attempts, a tuple of all, the first too
[APIConnectionError]
json_body: it is body
[APITimeoutError]
timeout: it is clock, the name of the timeout
[APIStatusError]
response: what is known is in the error: status_code, message, type, code, param, body, headers, request_id, attempts
http_status status: it is status_code
json_body: it is body
[APIResponseError]
response: what is known is in the error: message, status_code, body, request_id, attempts, partial
http_status status: it is status_code
json_body content text: it is body
[StreamError]
response: what is known is in the error: message, type, code, param, body, headers, request_id, attempts, partial
json_body: it is body
[StreamTruncatedError]
response completion text content snapshot: it is partial
finish_reason: it is reason
[AnswerError]
response last_completion raw_response: it is completion
choices: it is completion.choices
usage total_usage: it is completion.usage
finish_reason: it is completion.choices[0].finish_reason; reason says why this was raised
body json_body content output llm_output raw: it is text; the whole response is completion
parsed: it doesn't fit the class: errors says where, text is what came
[DriftError]
completion: it is response
usage: it is response.usage
json_body: it is body
"""
)
"""By class, without the `Async` of its name: attributes that it hasn't got, and what is there instead; first those of any class."""

PARAMETERS = {
    name: tuple(meant.split())
    for name, meant in _table(
        """
size resolution: image_size
functions: tools
function_call: tool_choice
engine model_name model_id deployment deployment_id: model
input: messages prompt
prompt: messages input
messages: prompt input
message user_prompt question query: messages prompt input
contents conversation history message_history chat_history: messages
text texts documents: input
json data content json_data: body
text_format output_format response_model response_schema output_type output_schema output_cls result_type json_schema schema: response_format
max_output_tokens max_new_tokens max_tokens_to_sample num_predict: max_tokens
num_completions num_return_sequences candidate_count: n
random_seed: seed
stop_sequences stop_sequence: stop
request_timeout: timeout
retries num_retries max_attempts max_retry_attempts: max_retries
id: custom_id
request_id: custom_id idempotency_key
max_steps max_iterations max_iters max_turns max_loops recursion_limit request_limit: max_rounds
total_tokens_limit max_tokens_total token_budget: max_total_tokens
usage_limits: max_total_tokens
toolset toolsets: tools
model_kwargs extra_params additional_params: extra_body
headers: extra_headers
params: extra_query
reasoning: reasoning_effort
system system_prompt instructions: messages
"""
    ).items()
}
"""Parameters of a call that have another name here: those that may be meant, the likeliest first."""

ADVICE: dict[str, str] = {
    "tools": "each as {'type': 'function', 'function': {...}}, or made by @tool",
    "tool_choice": "'auto', 'none', 'required' or {'type': 'function', 'function': {'name': ...}}",
    "messages": "[{'role': 'user', 'content': ...}], with a system prompt first as {'role': 'system', 'content': ...}",
    "response_format": "a class, in parse(...) or stream(...)",
    "image_size": "such as '1024x1024'",
    "body": "anything that JSON holds",
    "max_retries": "the attempts after the first",
    "max_rounds": "the most requests of a run",
    "extra_body": "a mapping of further fields",
}
"""What is given as some of those that may be meant."""

ELSEWHERE = _table(
    """
max_rounds max_total_tokens approve: run_tools(...)
custom_id: BatchRequest.chat(...) and the other requests of a batch
concurrency rpm tpm: Limits(...), which is an option of the client, and batch.run(...)
"""
)
"""Parameters that few methods take, and which these are."""

OPTIONS = _tables(
    """
[Timeouts]
read sock_read: it is first_byte, until the response begins, and idle, between two pieces of it
write: it is first_byte, which counts from the sending of the request
pool: it is queue
sock_connect: it is connect
timeout deadline: it is total
[RetryPolicy]
retries num_retries total: it is max_retries
attempts max_attempts: it is max_retries, the attempts after the first
backoff_factor: it is initial_backoff, in seconds
backoff_max max_delay: it is max_backoff, in seconds
status_forcelist: it is statuses
[Limits]
max_connections: it is concurrency here, for requests; the client's option max_connections is for connections
max_keepalive_connections: idle connections are kept; the client's option max_connections limits them
requests_per_minute: it is rpm
rps requests_per_second: it is rpm, requests a minute: 60 times as many
tokens_per_minute: it is tpm
[BatchRequest]
model messages prompt input: write BatchRequest.chat(model=..., messages=...), or .completion, .embedding or .image with their parameters
"""
)
"""By class, options that have another name here; those of a client stand below."""

CLIENT_OPTIONS = _table(
    """
api_base openai_api_base azure_endpoint endpoint host url: it is base_url
openai_api_key key access_token token auth authorization: it is api_key
organization project: this API has none; a header of another server's goes into default_headers={...}
admin_api_key: this API has none; the key is api_key
webhook_secret: this API sends no webhooks
websocket_base_url: this API has no WebSocket; the address is base_url
api_version: this API has none; default_query={'api-version': ...} adds one to each URL
azure_deployment: name it as model in each call
azure_ad_token_provider: api_key takes a function, too
http_client: requests are sent by aiohttp: max_connections, proxy, ssl_context and trust_env set its client up, and session=aiohttp.ClientSession(...) brings your own
verify verify_ssl ca_bundle: it is ssl_context, an ssl.SSLContext
cert: it is ssl_context, an ssl.SSLContext with the certificate loaded
proxies: it is proxy, one URL
headers: it is default_headers
request_timeout: it is timeout
retries num_retries: it is max_retries
max_attempts: it is max_retries, the attempts after the first
retry_policy retry_config: it is retry, a RetryPolicy
concurrency max_concurrency max_concurrent_requests rate_limiter requests_per_minute rpm tpm: it is limits, as Limits(concurrency=..., rpm=..., tpm=...)
callbacks event_hooks hooks: it is on_request, on_retry and on_response
http2: requests go over HTTP/1.1
_strict_response_validation: it is strict='raise'
model: name it in each call
"""
)
"""Options of a client that have another name here."""

NO_KEY = "all calls of a client have its key: make a client for another key, and keep the key out of the body"


def _of_client(name: str, of: str) -> str:
    """What to write for an option of the client that is given to a call, a request of a batch, or a batch; `of` says which."""
    if name == "api_key":
        return NO_KEY
    batch = "" if of == "call" else ".batch"
    return f"it is an option of the client, not of a {of}: client.with_options({name}=...){batch}"


CLIENT_NAMES = frozenset(
    (
        *("api_key", "base_url", "timeout", "max_retries", "retry"),
        *("limits", "max_connections", "tcp_keepalive", "max_response_objects", "default_headers"),
        *("default_query", "proxy", "ssl_context", "trust_env", "allow_insecure_http"),
        *("on_truncation", "strict", "session", "on_request", "on_retry"),
        *("on_response", "telemetry"),
    )
)
"""The options of a client: `ClientParams` and `api_key`."""

CALL_NAMES = frozenset(
    (
        *("model", "messages", "prompt", "input", "tools", "tool_choice", "response_format"),
        *("max_tokens", "max_completion_tokens", "stop", "temperature", "top_p", "top_k", "min_p"),
        *("repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias", "n"),
        *("seed", "stream_options", "user", "parallel_tool_calls", "logprobs", "top_logprobs"),
        *("reasoning_effort", "verbosity", "service_tier", "metadata", "store", "modalities"),
        *("audio", "prediction", "web_search_options", "prompt_cache_key", "safety_identifier"),
        *("echo", "suffix", "dimensions", "encoding_format", "image_size", "idempotency_key"),
        *("extra_headers", "extra_query", "extra_body", "bulk"),
    )
)
"""The parameters of the operations that requests of a batch can be of, but for those that are options of a client too."""

LANGCHAIN_SETTINGS = _table(
    """
tools tool_choice: pass them to model.bind_tools(...)
response_format: use model.with_structured_output(...)
stream_options: it is stream_usage
model_kwargs: pass its fields as settings of their own, or in extra_body
"""
)
"""Settings of LangChain's models that are made elsewhere, or have another name here."""

_OF_REQUESTS = "it belongs to each request: BatchRequest.chat(model=..., messages=...), or the body of its line in a file"

_MADE_BY = {"prompt": "completion", "input": "embedding", "image_size": "image"}
"""The methods of `BatchRequest` that take parameters which `chat` doesn't."""

BATCH_OPTIONS = (
    {
        name: f"{message}; this is for the client, not for a batch"
        for name, message in CLIENT_OPTIONS.items()
        if name not in ("concurrency", "rpm", "tpm")
    }
    | {
        name: f"it is {meant[0]}, and belongs to each request: BatchRequest.{_MADE_BY.get(meant[0], 'chat')}({meant[0]}=...)"
        for name, meant in PARAMETERS.items()
        if meant[0] in CALL_NAMES | {"custom_id"}
    }
    | {name: _of_client(name, "batch") for name in CLIENT_NAMES - {"max_connections"}}
    | dict.fromkeys(CALL_NAMES - {"bulk", "idempotency_key"}, _OF_REQUESTS)
    | dict.fromkeys(
        (
            "response_format",
            *(name for name in PARAMETERS if "response_format" in PARAMETERS[name]),
        ),
        "it belongs to each request, BatchRequest.chat(response_format=...), and for a file also to "
        "read_results(..., response_format=...), which parses its texts",
    )
    | _table(
        """
retry: it is an option of the client, client.with_options(retry=...).batch; retry_failed=True of run_file sends again what failed in earlier runs
max_retries timeout: it is set on the client, client.with_options(...).batch, or on each request, BatchRequest.chat(...)
retries num_retries max_attempts: it is max_retries; it is set on the client, client.with_options(max_retries=...).batch, or on each request, BatchRequest.chat(...)
request_timeout: it is timeout; it is set on the client, client.with_options(timeout=...).batch, or on each request, BatchRequest.chat(...)
headers: they are set on the client, client.with_options(default_headers=...).batch
idempotency_key custom_id: each request has its own: BatchRequest.chat(...)
max_concurrency max_concurrent_requests max_workers workers n_jobs max_connections batch_size chunk_size: it is concurrency
requests_per_minute rate_limit rate_limiter: it is rpm
tokens_per_minute: it is tpm
callback callbacks on_progress: there is none: read run.progress in the loop
return_exceptions raise_on_error stop_on_error: it is fail_fast; without it a failure is a result with its error
resume restart overwrite append: a file of results that is there is always continued; give the path of a new one to begin anew
response_type: read_results(..., response_type=...) takes it, which reads the file of results
ordered: it is an option of run; a file has its lines as they are finished
retry_failed sync_interval: it is an option of run_file
"""
    )
)
"""Options of a batch that are set elsewhere, or have another name here."""

EXPORTS = _table(
    f"""
OpenAI: it is Horay here: from horay_async import Horay as OpenAI
AsyncOpenAI: it is AsyncHoray here: from horay_async import AsyncHoray as AsyncOpenAI
AzureOpenAI: it is Horay here, with base_url
AsyncAzureOpenAI: it is AsyncHoray here, with base_url
Client: it is Horay here
AsyncClient: it is AsyncHoray here
HorayClient: it is Horay here
AsyncHorayClient: it is AsyncHoray here
Limit: it is Limits here, Limits(concurrency=..., rpm=..., tpm=...)
HorayException HorayAPIError: it is HorayError here, the base of all errors
Timeout: it is Timeouts here; a number is a deadline for the whole call
OpenAIError: it is HorayError here
APIResponseValidationError: it is APIResponseError here
LengthFinishReasonError: it is AnswerError here, with reason 'length'
ContentFilterFinishReasonError: it is AnswerError here, with reason 'content_filter'
NOT_GIVEN NotGiven omit: leave the parameter out
DefaultHttpxClient DefaultAsyncHttpxClient DefaultAioHttpClient: {CLIENT_OPTIONS["http_client"]}
api_key: settings belong to a client: Horay(api_key=...)
api_base base_url: settings belong to a client: Horay(base_url=...)
organization: {CLIENT_OPTIONS["organization"]}
chat: calls belong to a client: Horay().chat.completions.create(...)
completions: calls belong to a client: Horay().completions.create(...)
images: calls belong to a client: Horay().images.generate(...)
ChatCompletionMessageParam: it is MessageDict here: from horay_async import MessageDict
ChatCompletionToolParam: it is ToolDict here: from horay_async import ToolDict
Choice: it is ChatChoice here: from horay_async import ChatChoice
ChatCompletionMessage: it is ChatMessage here: from horay_async import ChatMessage
ChatCompletionMessageToolCall: it is ToolCall here: from horay_async import ToolCall
CompletionUsage: it is Usage here: from horay_async import Usage
CreateEmbeddingResponse: it is EmbeddingResponse here: from horay_async import EmbeddingResponse
ImagesResponse: it is ImageResponse here: from horay_async import ImageResponse
Model: it is ModelInfo here: from horay_async import ModelInfo
Omit: leave the parameter out
Telemetry HorayInstrumentor: from horay_async.integrations.otel import Telemetry, HorayInstrumentor
ChatHoray: from horay_async.integrations.langchain import ChatHoray
types: there is no such module: classes are imported from horay_async itself
LocalServer: from horay_async.local import LocalServer
FaultServer: from horay_async.testing import FaultServer
"""
)
"""Names of the module `openai` that have another name here, or none; and what other modules of this package have."""


TESTING_EXPORTS = _table(
    """
FakeServer MockServer TestServer FakeHoray MockHoray Server: it is FaultServer here
FaultyServer: it is FaultServer here
Response MockResponse FakeResponse: it is made by a function: chat("..."), stream([...]), error(429), json_response(...)
Error RateLimit: it is made by a function: error(429)
horay_server horay_client horay_env blocking_horay_client: it is a fixture of the pytest plugin: name it as a parameter of a test
AsyncHoray Horay: it is in horay_async itself
LocalServer: it is in horay_async.local
"""
)
"""Names that have another name in `horay_async.testing`, or are elsewhere."""


@OnInstances
def no_attribute(self: object, name: str) -> Any:
    """As a class's `__getattr__`: raises the `AttributeError`, which says what the attribute is called here.

    To be assigned where type checkers don't look, since for them it would give every class every attribute.
    """
    __tracebackhide__ = True  # pytest shows the line that asks, not this one
    message = f"{type(self).__name__!r} object has no attribute {name!r}"
    if not name.startswith("__"):
        for kind in (*type(self).__mro__, None):
            known = ATTRIBUTES.get(kind.__name__.removeprefix("Async") if kind else "", {})
            if name in known:
                message = f"{message}: {known[name]}"
                break
    raise AttributeError(message, name=name, obj=self)


def no_setting(self: object, name: str, value: object) -> None:
    """As a client's `__setattr__`: raises the `AttributeError` for an option, which would change nothing. A derived class may have
    attributes of these names.
    """
    if name in CLIENT_NAMES and type(self).__module__.startswith("horay_async."):
        copy = f"client.with_options({name}=...) makes a copy with another"
        instead = "make a client for another key" if name == "api_key" else copy
        kind = type(self).__name__
        message = f"{kind!r} object has no attribute {name!r} that can be set: {instead}"
        raise AttributeError(message, name=name, obj=self)
    object.__setattr__(self, name, value)


def no_export(
    module: str, name: str, habits: Mapping[str, str], caller: FrameType
) -> AttributeError | ImportError:
    """The error for a name that a module hasn't got; `habits` has what there is instead, and `caller` is who asks."""
    message = f"module {module!r} has no attribute {name!r}"
    if name in habits:
        # Of `from module import name`, Python replaces an AttributeError by an error of its own.
        if caller.f_code.co_name == "_handle_fromlist":
            return ImportError(
                f"cannot import name {name!r} from {module!r}: {habits[name]}", name=module
            )
        message = f"{message}: {habits[name]}"
    return AttributeError(message)


class MixedUpError(AttributeError, TypeError):
    """A context manager is used by the wrong statement. As an `AttributeError` it leaves `hasattr` as it was."""


class NoContextManager:
    """`__enter__` of an asynchronous class, and `__aenter__` of a blocking one: raises what says which statement to write.

    Where it isn't a method, a `with` statement raises this, and who looks for context managers still finds none.
    """

    def __init__(self, statement: str, method: str) -> None:
        self._statement = statement
        self._method = method  # that the statement needs

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        if instance is None:
            raise AttributeError
        instead = f": write `{self._statement}`" if hasattr(owner, self._method) else ""
        raise MixedUpError(f"{owner.__name__!r} object is no context manager of this kind{instead}")


ONLY_ASYNC = NoContextManager("async with", "__aenter__")
ONLY_BLOCKING = NoContextManager("with", "__enter__")


def no_await(self: object) -> Any:
    """As `__await__` of what is read with `async for`: raises the `TypeError`, which says so."""
    instead = "read it with `async for`"
    if hasattr(type(self), "final"):
        instead += ", or await its final()"
    if hasattr(type(self), "snapshot"):
        instead = f"use it in a block, `async with ... as stream`, and there {instead}"
    raise TypeError(f"{type(self).__name__!r} object can't be awaited: {instead}")


def no_copy(self: object) -> Any:
    """As `__reduce__` of what is read from a connection: neither copied nor pickled, since the end of one would close the
    other's connection.
    """
    raise TypeError(
        f"{type(self).__name__!r} object can't be copied or pickled: it reads a connection of its own"
    )


def no_item(self: object, key: object) -> Any:
    """As `__getitem__` of a model or an asynchronous stream: raises the `TypeError` of what has no items, and says what
    there is instead.

    It is called with 0 by a loop over the object, too.
    """
    name = type(self).__name__
    problem = "not iterable and has no items: model_dump() makes a dict of it, and its fields are attributes"
    if hasattr(self, "__aiter__"):
        problem = (
            "not iterable and has no items: read it with `async for` in a coroutine; what a blocking client returns "
            "is read with `for`"
        )
    elif isinstance(key, str):
        problem = (
            f"not subscriptable: its fields are attributes, .{key} in the place of [{key!r}]; model_dump() makes a "
            "dict of it"
        )
    elif hasattr(self, "data"):
        problem = f"not subscriptable: its items are in .data, as in .data[{key}]"
    elif name.endswith("Completion"):
        problem = "not iterable and has no items: it is a whole response, model_dump() makes a dict of it; create(..., stream=True) returns a stream of chunks"
    raise TypeError(f"{name!r} object is {problem}")


def about_parameter(name: str, declared: Container[str]) -> str:
    """What to type instead of an unknown parameter, of those that are declared; empty where nobody knows."""
    if name == "stream" and "streaming" not in declared:
        return (
            "leave it out; the method stream(...) streams events, and create(..., stream=True) chunks"
            if "stream_options" in declared
            else "leave it out: there is nothing to stream"
        )
    for meant in PARAMETERS.get(name, ()):
        if meant in declared:
            advice = ADVICE.get(meant)
            return f"it is {meant} here{f', {advice}' if advice else ''}"
    if "timeout" not in declared:  # a line of a file, whose fields are the server's
        return ""
    for meant in (name, *PARAMETERS.get(name, ())):
        if meant in ELSEWHERE:
            under = "" if meant == name else f", as {meant}"
            return f"it isn't taken here, but by {ELSEWHERE[meant]}{under}"
    of = "request" if "custom_id" in declared else "call"
    if name in CLIENT_NAMES:
        return _of_client(name, of)
    if name == "key" or closely_spelt(name, ["api_key"]):
        return NO_KEY
    if name in CLIENT_OPTIONS and name != "model":
        return f"{CLIENT_OPTIONS[name]}; this is for the client, not for a {of}"
    return ""


GUESS = 0.75
"""How alike names have to be for one to be a guess: with difflib's own 0.6, max_tokens is one for max_steps."""


def did_you_mean(name: str, declared: Iterable[str]) -> str:
    """The question after the declared name that is spelt most alike, with a blank behind it; empty where none is."""
    close = _closest(name, declared, GUESS)
    return f"did you mean {close!r}? " if close else ""


def closely_spelt(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt nearly the same, apart from capitals and underscores; None where none is.

    Stricter than `did_you_mean`, for names that may well be right: `min_tokens` isn't `max_tokens`.
    """
    return _closest(name, known, 0.85)


def _closest(name: str, known: Iterable[str], cutoff: float) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only needed for a mistake

    letters = {_letters(one): one for one in known}
    close = get_close_matches(_letters(name), letters, n=1, cutoff=cutoff)
    return letters[close[0]] if close else None


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def unknown_option(
    what: str, name: str, known: Iterable[str], habits: Mapping[str, str] = MappingProxyType({})
) -> TypeError:
    """The error for an option that there isn't; `what` says of what. `habits` are names that others have."""
    if name in habits:
        return TypeError(f"unknown {what} {name!r}: {habits[name]}")
    options = ", ".join(sorted(known))
    close = did_you_mean(name, known)
    if not close and (meant := _closest(name, habits, GUESS)):
        return TypeError(f"unknown {what} {name!r}: if {meant!r} is meant, {habits[meant]}")
    return TypeError(
        f"unknown {what} {name!r}{f': {close}T' if close else '; t'}he options are {options}"
    )


def _as_messages(text: str) -> str:
    """The messages that a text is written as, shortened."""
    return f"[{{'role': 'user', 'content': {shortened(text)!r}}}]"


def shortened(text: str) -> str:
    """The beginning of a text, for an example."""
    return f"{text[:20]}..." if len(text) > 23 else text


def about_batch_item(item: object) -> str:
    """What to write in the place of what is no request of a batch."""
    if isinstance(item, str):
        return f"write BatchRequest.chat(model=..., messages={_as_messages(item)})"
    if callable(item) or hasattr(item, "__await__"):
        return "write BatchRequest.chat(model=..., messages=...) in the place of a call: the batch makes the calls"
    return "write BatchRequest.chat(model=..., messages=...)"


def naming_options(cls: C) -> C:
    """Has the constructor of an attrs class say of an unknown option which one may be meant, and which there are. Above
    `attrs.frozen`, as a decorator.
    """
    make = cls.__init__
    known = [field.alias for field in cls.__attrs_attrs__ if field.init]

    @wraps(make)
    def construct(self: Any, *values: Any, **options: Any) -> None:
        try:
            make(self, *values, **options)
        except TypeError as error:
            strange = next((name for name in options if name not in known), None)
            if strange is None and values and cls.__attrs_attrs__[0].kw_only:
                problem = f"{cls.__name__} takes options by their names: {', '.join(known)}"
                raise TypeError(f"{problem}; got {values[0]!r} without one") from None
            if strange is None:
                raise
            habits = OPTIONS.get(cls.__name__, CLIENT_OPTIONS)
            what = f"{cls.__name__} option"
            raise unknown_option(what, strange, known, habits) from error.__cause__

    cls.__init__ = construct
    return cls


def naming_fields(cls: C) -> C:
    """Has the constructor of a message or a part say what to write for a field that is fixed, or unknown, or that goes by its
    name. Above `attrs.define`, as a decorator.
    """
    make = cls.__init__
    fields = cls.__attrs_attrs__
    first = fields[0].name
    named = [field for field in fields if field.init and field.kw_only]
    others = [field.name for field in named]
    needed = "".join(f", {field.name}=..." for field in named if field.default is not None)

    @wraps(make)
    def construct(self: Any, *values: Any, **options: Any) -> None:
        try:
            make(self, *values, **options)
        except TypeError as error:
            name = cls.__name__
            given = values[0] if values else options.get(first)
            given = repr(shortened(given)) if isinstance(given, str) else "..."
            fixed = next((field.name for field in fields if not field.init), "")
            strange = next((each for each in options if each not in (first, *others)), None)
            if fixed in options:
                problem = f"{name} has its {fixed} already"
            elif strange is not None:
                problem = f"unknown field {strange!r} of {name}"
            elif len(values) > 1:
                rest = f"{', '.join(others)} by name" if others else "nothing else"
                problem = f"{name} takes {first}, and {rest}"
            else:
                raise
            raise TypeError(f"{problem}: write {name}({given}{needed})") from error.__cause__

    cls.__init__ = construct
    return cls


def takes_only(advice: str) -> Callable[[F], F]:
    """Has a method that takes keywords alone say of an unknown one which it takes, and `advice`. As a decorator."""

    def decorate(method: F) -> F:
        known = method.__kwdefaults__ or {}

        @wraps(method)
        def call(self: Any, *values: Any, **options: Any) -> Any:
            if strange := options.keys() - known.keys():
                what = f"{type(self).__name__}.{method.__name__}()"
                taken = " and ".join(known) or "no parameters"
                raise TypeError(
                    f"{what} has no parameter {min(strange)!r}: it takes {taken}; {advice}"
                )
            return method(self, *values, **options)

        return cast("F", call)

    return decorate


def about_field(name: str, value: object) -> str:
    """What to give in the place of what can't be sent as the field `name`; empty where nobody knows."""
    if not isinstance(value, Sequence):
        return ""
    for place, item in enumerate(cast("Sequence[object]", value)):
        if name == "tools" and callable(item) and not isinstance(item, type):
            called = getattr(item, "__name__", type(item).__name__)
            return (
                f"tools[{place}] is the plain function {called}: decorate it with @tool, which describes it to the "
                "model; run_tools(...) calls it, too"
            )
        if name == "messages" and not isinstance(item, Mapping | str):
            return (
                f"messages[{place}] is a value of type {type(item).__qualname__}: a message is "
                "{'role': ..., 'content': ...}, or the message of a response"
            )
    return ""


def _has_no_fields(value: object) -> bool:
    """Whether a value is a type whose instances are no objects in JSON, such as an enumeration, `int` or `list[...]`."""
    if isinstance(value, type) and not get_origin(value):
        return isinstance(value, EnumMeta) or issubclass(
            value, str | int | float | list | tuple | set
        )
    return get_origin(value) in (Literal, Union, UnionType, list, tuple, set)


def about_value(name: str, value: object) -> str:
    """What to give as a parameter or option instead of another client's object; empty where it is none."""
    kind = type(value)
    if kind.__name__ in ("NotGiven", "Omit"):
        return "leave the parameter out instead"
    if name == "response_format" and isinstance(value, str):
        return f"write {{'type': {'text' if value == 'text' else 'json_object'!r}}}"
    if name == "response_format" and _has_no_fields(value):
        return "parse(...) and stream(...) take a class: make it a field of one"
    if name == "response_format" and isinstance(value, type):
        return f"parse(..., response_format={value.__name__}) and stream(...) take a class"
    if name == "messages" and isinstance(value, Iterator):
        return "write messages=list(...)"
    if name == "messages":
        return f"write messages={_as_messages(value if isinstance(value, str) else '...')}"
    if name == "prompt" and isinstance(value, Sequence):
        return "write prompt='...', one text for each call; client.batch.run(...) sends many"
    if name == "tools":
        called = getattr(value, "name", None) or getattr(value, "__name__", "...")
        return f"write tools=[{called}]"
    if name != "timeout":
        return ""
    if isinstance(value, str):
        return "write timeout=30 for 30 seconds"
    package = kind.__module__.partition(".")[0]
    if (
        package in ("httpx", "httpx2", "httpcore", "openai", "aiohttp")
        and "Timeout" in kind.__name__
    ):
        timeouts = {
            "total": ["total"],
            "connect": ["sock_connect", "connect"],
            "first_byte": ["sock_read", "read"],
            "idle": ["sock_read", "read"],
            "queue": ["pool"],
        }
        seconds = {
            ours: getattr(value, name)
            for ours, theirs in timeouts.items()
            for name in theirs
            if getattr(value, name, None)
        }
        given = [f"{ours}={each!r}" for ours, each in seconds.items()]
        return f"use Timeouts({', '.join(given)}) in the place of {package}'s {kind.__name__}"
    if isinstance(value, tuple):
        return "use Timeouts(connect=..., idle=..., total=...) in the place of a tuple"
    return ""
