"""From Horay's text requests to llama.cpp's: a request becomes a `ModelCall` with one job per choice.

Pure, like its counterpart for the responses, `responses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from horay_async._json import Json

from .schemas import RequestedSchema, check
from .tools import forced_schema, forced_tools, tool_parameters
from .validation import CHAT, COMPLETION, refuse, validate

# The model card of SmolLM2-Instruct samples at temperature 0.2 and top_p 0.9: a model this small
# wanders at the usual 0.8. min_p is llama.cpp's own extra filter (0.05 there); off, because no
# documented field would lift it. Penalties look back over the default model's whole trained context
# of 8192 tokens instead of llama.cpp's 64.
DEFAULTS: Final[Mapping[str, object]] = {
    "temperature": 0.2,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.0,
    "repeat_last_n": 8192,
}
# Tokens per choice where the request has no limit; llama.cpp itself would fill the context.
DEFAULT_MAX_TOKENS: Final = 256
# llama.cpp reads a seed as 32 bits, and takes the highest one to mean "draw one".
SEEDS: Final = 2**32 - 1

# Fields that go on under the same name.
_SAME: Final = (
    *("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logit_bias"),
    *("min_p", "typical_p", "repeat_last_n", "ignore_eos", "grammar"),  # llama.cpp's own
)
_CHAT_SAME: Final = (
    *("messages", "tools", "tool_choice", "parallel_tool_calls"),
    *("chat_template_kwargs", "reasoning_format"),
)

_IMAGE_MODELS: Final = ("black-forest-labs/",)
RENDERER: Final = "local/picture-renderer"


@dataclass(frozen=True)
class ModelCall:
    """A checked text request."""

    jobs: list[Json]
    """One llama.cpp request per choice."""
    stream: bool
    include_usage: bool
    """Whether a stream ends with a chunk that holds nothing but the usage."""
    prompt: str = ""
    """Completions only: what the response echoes."""
    echo: bool = False
    """Completions only: whether each choice's text starts with the prompt."""
    top_logprobs: int = 0
    """Chat only: alternatives to list with each token's logprob."""
    forced_call: bool = False
    """Chat only: whether the text of the jobs is a tool call, as `tools.forced_schema` has it."""
    schema: RequestedSchema | None = None
    """What the whole text has to fit where it ends by itself."""
    parameters: Mapping[str, RequestedSchema] = field(default_factory=dict[str, RequestedSchema])
    """Chat only: what the arguments of each tool have to fit, by its name."""


def completion_call(body: Mapping[str, object]) -> ModelCall:
    """Check a `POST /completions` body and translate it; raises `ApiProblem` (400)."""
    given = validate(body, COMPLETION, ("model", "prompt"))
    job = _sampling(given) | {"prompt": given["prompt"]}
    if given.get("logprobs", False) is not False:
        job["logprobs"] = 1
    schema = None
    if "json_schema" in given:  # llama.cpp's own field
        schema = check("json_schema", given["json_schema"])
        job["grammar"] = schema.grammar()
    return _call(given, job, prompt=given["prompt"], echo=given.get("echo", False), schema=schema)


def chat_call(body: Mapping[str, object]) -> ModelCall:
    """Check a `POST /chat/completions` body and translate it; raises `ApiProblem` (400)."""
    given = validate(body, CHAT, ("model", "messages"))
    parameters = tool_parameters(given)
    schema = None
    job = _sampling(given) | {name: given[name] for name in _CHAT_SAME if name in given}
    if "tools" in given:
        job["tools"] = [_engine_tool(tool, parameters) for tool in given["tools"]]
    wanted: Json = given.get("response_format", {"type": "text"})
    if forced := forced_tools(given):
        schema = check("tools", forced_schema(forced), levels=4)
        job["tools"] = forced
    elif wanted["type"] == "json_schema":
        schema = check("response_format.json_schema.schema", wanted["json_schema"]["schema"])
    if schema is not None:
        # llama.cpp takes a grammar beside tools only where none may be called; the model reads them
        # all the same.
        job |= {"grammar": schema.grammar(), "tool_choice": "none"}
    elif wanted["type"] == "json_object":
        schema = check("response_format", {"type": "object"})
        job["response_format"] = wanted
    if "max_completion_tokens" in given:
        job["max_tokens"] = given["max_completion_tokens"]
    alternatives = given.get("top_logprobs", 0)
    if given.get("logprobs"):
        # llama.cpp counts the chosen token as one of the alternatives.
        job |= {"logprobs": True, "top_logprobs": max(1, alternatives)}
    elif alternatives:
        raise refuse("top_logprobs", "needs logprobs to be true")
    return _call(
        given,
        job,
        top_logprobs=alternatives,
        forced_call=bool(forced),
        schema=schema,
        parameters=parameters,
    )


def _engine_tool(tool: Json, parameters: Mapping[str, RequestedSchema]) -> Json:
    """A tool with the parameters that llama.cpp's own grammar takes."""
    function: Json = tool["function"]
    if function["name"] not in parameters:
        return tool
    simple = parameters[function["name"]].tool_parameters()
    return tool | {"function": function | {"parameters": simple}}


def makes_images(model: str) -> bool:
    """Whether a name is an image model's. Every other one stands for the loaded text model."""
    return model == RENDERER or model.startswith(_IMAGE_MODELS)


def _sampling(given: Mapping[str, Any]) -> Json:
    model = given["model"]
    if makes_images(model):
        raise refuse("model", f"{model!r} makes images; use POST /v1/image/generations for it")
    job: Json = dict(DEFAULTS) | {"max_tokens": given.get("max_tokens", DEFAULT_MAX_TOKENS)}
    job |= {name: given[name] for name in _SAME if name in given}
    if "repetition_penalty" in given:
        job["repeat_penalty"] = given["repetition_penalty"]
    if "stop" in given:
        stop = given["stop"]
        job["stop"] = [stop] if isinstance(stop, str) else stop
    return job


def _call(given: Mapping[str, Any], job: Json, **own: Any) -> ModelCall:
    """The call for a checked request; `own` is what only its endpoint has."""
    # Always a stream, with progress events while the prompt is read: a job can be stopped only at
    # an event. Reused prompt caches change the last bits of the numbers, so not under a seed.
    job |= {"stream": True, "return_progress": True, "stream_options": {"include_usage": True}}
    job["cache_prompt"] = "seed" not in given
    jobs = [dict(job) for _ in range(given.get("n", 1))]
    if "seed" in given:
        for index, one in enumerate(jobs):
            one["seed"] = (given["seed"] + index) % SEEDS
    usage = given.get("stream_options", {}).get("include_usage") is True
    return ModelCall(jobs, given.get("stream", False), usage, **own)
