"""OpenTelemetry: spans, metrics and trace context for calls. Needs the extra `otel`.

    from horay_async.integrations.otel import HorayInstrumentor

    HorayInstrumentor().instrument()       # all clients of the process, those that exist included

or for one client, `AsyncHoray(telemetry=Telemetry(...))`. Under `opentelemetry-instrument` nothing has to be
written at all.

What is recorded follows version 1.41.1 of the OpenTelemetry semantic conventions for generative AI, the last
that was published before they moved to a repository of their own. They are still in development.

Chat completions, completions and pictures have a span named for the operation and the model, such as
`chat meta-llama/Meta-Llama-3.1-8B-Instruct`, of kind CLIENT: it begins with the call, spans all its attempts, and
ends when the answer is whole, of a stream when it was read to its end or left. Everything else has a plain HTTP
client span, such as `GET /models`. Tools that `run_tools` runs have a span `execute_tool NAME`. Parent is the
span that is current where the call is made, in the calling thread with the blocking client. Each attempt that
failed and was followed by another is an event `horay.retry`, with `error.type`, `horay.retry.attempt` (its number,
from 1), `horay.retry.delay` (seconds until the next) and, where an answer came, `http.response.status_code`.

`error.type` is the name of the error's class in `horay_async`; of plain HTTP spans, the status where there is one.
A call that was cancelled, and a stream that was left early, hasn't failed: it is marked `horay.cancelled`.
`horay.request_id` is the server's id for the answer, and `http.request.resend_count` the number of retries.

Metrics are `gen_ai.client.operation.duration`, `gen_ai.client.token.usage` (where the server reports usage: for
streams that takes `stream_options={"include_usage": True}`), `gen_ai.client.operation.time_to_first_chunk` and
`gen_ai.client.operation.time_per_output_chunk` (chunks that come in one read share the time since the last).

Trace context goes out in the headers of every attempt, by the propagators that OpenTelemetry is set up with, but
not to the hosts of pictures. Prompts, answers and tools' arguments are recorded on spans only where
`capture_content` or `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for it.
"""

from __future__ import annotations

from horay_async._extras import missing_extra

if missing := missing_extra("horay_async.integrations.otel", "otel", "opentelemetry.trace"):
    raise ImportError(missing)

from horay_async.integrations.otel.instrumentor import HorayInstrumentor
from horay_async.integrations.otel.telemetry import Telemetry, TelemetryParams

__all__ = ["HorayInstrumentor", "Telemetry", "TelemetryParams"]
