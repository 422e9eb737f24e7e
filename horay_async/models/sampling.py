"""The parameters that text completions and chat completions share."""

from collections.abc import Mapping, Sequence
from typing import Required

from horay_async.models.dicts import StreamOptionsDict
from horay_async.models.options import GenerationOptions

__all__ = ["SamplingParams"]


class SamplingParams(GenerationOptions, total=False):
    """How tokens are chosen: shared by completions and chat completions.

    A parameter that isn't given isn't sent; None is sent as null.
    """

    model: Required[str]
    """The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`."""
    max_tokens: int | None
    """Most tokens to generate."""
    stop: str | Sequence[str] | None
    """Sequences that end the output; they aren't part of it."""
    temperature: float | None
    """How random the text is: 0 to 1 in the API's description; the server may take up to 2. 0 takes the likeliest token
    each time."""
    top_p: float | None
    """Nucleus threshold: samples from the likeliest tokens that make up this probability."""
    top_k: int | None
    """Samples from this many of the likeliest tokens."""
    min_p: float | None
    """Leaves out tokens less likely than this part of the likeliest one's probability."""
    repetition_penalty: float | None
    """A higher value repeats less; 1 changes nothing."""
    presence_penalty: float | None
    """-2.0 to 2.0; above 0 favours tokens that haven't appeared yet."""
    frequency_penalty: float | None
    """-2.0 to 2.0; above 0 disfavours tokens by how often they appeared."""
    logit_bias: Mapping[str, float] | None
    """Token id, as a string, to the bias added to it, e.g. `{"105": 21.4, "1024": -10.5}`."""
    n: int | None
    """How many choices to generate, 1 to 128."""
    seed: int | None
    """For responses that repeat, as far as the server can."""
    stream_options: StreamOptionsDict | None
    """`{"include_usage": True}` asks for a last chunk with the usage."""
    user: str | None
    """An id of your end user, for the server's abuse checks."""
