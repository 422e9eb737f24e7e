"""How requests become llama.cpp's jobs."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async.local.errors import ApiProblem
from horay_async.local.requests import DEFAULT_MAX_TOKENS, RENDERER, chat_call, completion_call

MESSAGES = [{"role": "user", "content": "hi"}]


def completion(**body: object) -> dict[str, Any]:
    """The first job of a completion."""
    return completion_call({"model": "m", "prompt": "p", **body}).jobs[0]


def chat(**body: object) -> dict[str, Any]:
    """The first job of a chat completion."""
    return chat_call({"model": "m", "messages": MESSAGES, **body}).jobs[0]


@pytest.mark.parametrize("job", [completion(), chat()], ids=["completion", "chat"])
def test_defaults(job: dict[str, Any]) -> None:
    """Unset sampling fields mean what the documentation says."""
    assert (job["temperature"], job["top_p"], job["top_k"]) == (0.2, 0.9, 40)
    assert job["max_tokens"] == DEFAULT_MAX_TOKENS
    assert job["min_p"] == 0
    assert "seed" not in job
    assert "repeat_penalty" not in job


@pytest.mark.parametrize("make", [completion, chat])
def test_sampling_is_passed(make: Any) -> None:
    """Every sampling field reaches llama.cpp, under its name there."""
    job = make(
        max_tokens=7,
        stop="END",
        temperature=0.5,
        top_p=0.6,
        top_k=3,
        repetition_penalty=1.2,
        presence_penalty=0.3,
        frequency_penalty=-0.4,
        logit_bias={"105": 21.4},
        seed=9,
    )
    wanted = {
        "max_tokens": 7,
        "stop": ["END"],
        "temperature": 0.5,
        "top_p": 0.6,
        "top_k": 3,
        "repeat_penalty": 1.2,
        "presence_penalty": 0.3,
        "frequency_penalty": -0.4,
        "logit_bias": {"105": 21.4},
        "seed": 9,
    }
    assert job | wanted == job


def test_every_job_can_be_stopped() -> None:
    """Jobs are streamed with progress even where the caller wants one response."""
    job = completion(stream=False)
    assert job["stream"] is True
    assert job["return_progress"] is True


def test_one_job_a_choice_with_its_own_seed() -> None:
    """Choice i samples with seed + i, within llama.cpp's 32 bits and beside its magic value."""
    call = completion_call({"model": "m", "prompt": "p", "n": 3, "seed": 5})
    assert [job["seed"] for job in call.jobs] == [5, 6, 7]
    last = completion_call({"model": "m", "prompt": "p", "n": 2, "seed": 2**32 - 2})
    assert [job["seed"] for job in last.jobs] == [2**32 - 2, 0]
    assert completion(seed=-1)["seed"] == 2**32 - 2


def test_no_prompt_cache_under_a_seed() -> None:
    """A seed asks for the same numbers again, which reused caches don't give."""
    assert completion()["cache_prompt"] is True
    assert completion(seed=1)["cache_prompt"] is False


@pytest.mark.parametrize(("asked", "sent"), [(True, True), (0, True), (3, True), (False, False)])
def test_completion_logprobs(asked: object, sent: bool) -> None:
    """Any number asks for the logprobs, and so does true."""
    assert ("logprobs" in completion(logprobs=asked)) is sent


def test_chat_logprobs() -> None:
    """llama.cpp needs one alternative to be asked for; the response lists what the caller asked."""
    assert chat(logprobs=True)["top_logprobs"] == 1
    call = chat_call({"model": "m", "messages": MESSAGES, "logprobs": True, "top_logprobs": 4})
    assert (call.jobs[0]["top_logprobs"], call.top_logprobs) == (4, 4)
    with pytest.raises(ApiProblem, match=r"^top_logprobs needs logprobs"):
        chat(top_logprobs=2)


def test_chat_vocabulary_is_handed_on() -> None:
    """Tools and the response format are llama.cpp's to understand."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    job = chat(tools=tools, tool_choice="auto", response_format={"type": "json_object"})
    assert job["tools"] == tools
    assert job["tool_choice"] == "auto"
    assert job["response_format"] == {"type": "json_object"}
    assert job["messages"] == MESSAGES


def test_newer_name_of_max_tokens() -> None:
    """`max_completion_tokens` is what newer clients send."""
    assert chat(max_completion_tokens=3, max_tokens=9)["max_tokens"] == 3


def test_engine_internals_stay_out_of_reach() -> None:
    """Fields that steer llama.cpp's server rather than its sampler are not handed on."""
    job = completion(id_slot=1, n_cmpl=4, return_tokens=True, n_predict=-1, lora=[])
    assert not {"id_slot", "n_cmpl", "return_tokens", "n_predict", "lora", "model"} & set(job)
    assert completion(ignore_eos=True)["ignore_eos"] is True


def test_stream_options() -> None:
    """Only a stream that asks for it ends with the usage."""
    body = {"model": "m", "prompt": "p", "stream": True}
    assert completion_call(body).include_usage is False
    asked = completion_call(body | {"stream_options": {"include_usage": True}})
    assert (asked.stream, asked.include_usage) == (True, True)


@pytest.mark.parametrize("model", [RENDERER, "black-forest-labs/FLUX.1-schnell"])
def test_image_models_write_no_text(model: str) -> None:
    """A model that makes images is refused for text, and the right route named."""
    with pytest.raises(ApiProblem, match=r"^model .*/v1/image/generations") as caught:
        completion(model=model)
    assert caught.value.param == "model"
    with pytest.raises(ApiProblem):
        chat(model=model)
