"""OpenTelemetry: spans, metrics and trace context for calls. Needs the extra `otel`.

    from horay_async.integrations.otel import HorayInstrumentor

    HorayInstrumentor().instrument()       # all clients of the process, those that exist included

or for one client, `AsyncHoray(telemetry=Telemetry(...))`. Under `opentelemetry-instrument` nothing has to be
written at all.

What is recorded follows the OpenTelemetry semantic conventions for generative AI, in their repository
github.com/open-telemetry/semantic-conventions-genai at commit 88eccb155ca7, the newest text that could be read when this
was written. They are still in development. `Telemetry(conventions="1.41.1")` follows version 1.41.1 instead, the last
one before they moved there: other names of metrics and of some attributes, no spans of runs, and no events. The value
`gen_ai_latest_experimental` of the environment variable OTEL_SEMCONV_STABILITY_OPT_IN asks for what is the default here.

Chat completions, completions, pictures and embeddings have a span named for the operation and the model, such as
`chat meta-llama/Meta-Llama-3.1-8B-Instruct`, of kind CLIENT: it begins with the call, spans all its attempts, and
ends when the response is whole, of a stream when it was read to its end or left. Everything else has a plain HTTP
client span, such as `GET /models`. A run of `run_tools` has a span `invoke_agent` of kind INTERNAL, from its first step
to its end; its requests are below it, and so are the tools that it runs, each with a span `execute_tool NAME`. Parent
is the span that is current where the call is made, in the calling thread with the blocking client. Each attempt that
failed and was followed by another is an event `horay.retry`, with `error.type`, `horay.retry.attempt` (its number,
from 1), `horay.retry.delay` (seconds until the next) and, where a response came, `http.response.status_code`.

`error.type` is the name of the error's class in `horay_async`, of tools that of what they raised; of plain HTTP spans,
the status where there is one; of errors that an MCP server reports, `tool_error`. A choice without a finish reason has
`error` in its place. A call that was cancelled, and a stream or run that was left early, hasn't failed: it is marked
`horay.cancelled`. `horay.request_id` is the server's id for the response, `http.request.resend_count` the number of
retries, and `horay.content_error` the class of what kept content from being recorded.

Metrics of calls are the histograms `gen_ai.client.inference.duration`, `.time_to_first_chunk` and `.time_per_output_chunk`
(chunks that come in one read share the time since the last), and `gen_ai.client.embeddings.duration`. Tokens are counted where
the server reports them (for streams that takes `stream_options={"include_usage": True}`): by the counters
`gen_ai.client.inference.usage.*`, for failed calls too, and by the histograms `gen_ai.client.inference.operation.input_tokens`
and `.output_tokens` and `gen_ai.client.embeddings.operation.input_tokens` for those that succeeded. Runs and tools have the
histograms `gen_ai.invoke_agent.duration`, `.inference_calls` and `.tool_calls`, and `gen_ai.execute_tool.duration`.

A call of the conventions' operations that failed is an event `gen_ai.client.operation.exception` with the class and the
traceback. The server's message, which may repeat a prompt, is in it only where content is recorded.

Trace context goes out in the headers of every attempt, by the propagators that OpenTelemetry is set up with, but
not to the hosts of pictures. Prompts, responses and tools' arguments are recorded on spans only where
`capture_content` or `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for it.
"""

from __future__ import annotations

from horay_async._extras import missing_extra

if _missing := missing_extra("horay_async.integrations.otel", "otel", "opentelemetry.trace"):
    raise ImportError(_missing)

from horay_async.integrations.otel.telemetry import HorayInstrumentor, Telemetry, TelemetryParams

__all__ = ["HorayInstrumentor", "Telemetry", "TelemetryParams"]
