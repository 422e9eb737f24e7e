"""The metrics, with the bucket boundaries that the conventions advise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter

    from horay_async.models.usage import Usage

__all__ = ["SECONDS", "TOKENS", "Histograms"]

SECONDS: Final = tuple(0.01 * 2**power for power in range(14))
"""0.01 to 81.92, doubling."""

TOKENS: Final = tuple(4**power for power in range(14))
"""1 to 67,108,864, by four."""


class Histograms:
    """The instruments."""

    def __init__(self, meter: Meter) -> None:
        self.duration: Histogram = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self.first_chunk: Histogram = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="From the call's begin to the first chunk of its stream.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self.per_chunk: Histogram = meter.create_histogram(
            "gen_ai.client.operation.time_per_output_chunk",
            unit="s",
            description="From one chunk of a stream to the next.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )

    def count(self, usage: Usage, attributes: dict[str, Any], context: Context) -> None:
        """Records the tokens that a call took."""
        for kind, tokens in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            self._tokens.record(tokens, attributes | {"gen_ai.token.type": kind}, context)
