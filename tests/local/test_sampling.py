"""Every sampling field does something to what the real model says."""

from __future__ import annotations

from typing import Any

import pytest

from .wire import Json, Wire

pytestmark = pytest.mark.anyio

# Greedy, so that whatever changes the text is the field under test.
REPEATING: Json = {"prompt": "The cat sat. " * 3 + "The cat sat.", "temperature": 0}
BERLIN = "11452"  # the id of " Berlin" in this model's vocabulary
# Hot, and short as the tests of it are many.
STORY: Json = {"prompt": "Once upon a time", "temperature": 1.5, "top_p": 1, "max_tokens": 5}


async def text(wire: Wire, **body: Any) -> str:
    """The text of a completion's first choice."""
    response = await wire.post("/completions", **body)
    first: str = response["choices"][0]["text"]
    return first


@pytest.mark.parametrize(
    "field", [{"repetition_penalty": 1.5}, {"presence_penalty": 2}, {"frequency_penalty": 2}]
)
async def test_penalties(wire: Wire, field: Json) -> None:
    """Each penalty breaks a repetition that the model would go on with."""
    assert await text(wire, **REPEATING, max_tokens=3) == " The cat sat"
    assert "cat" not in await text(wire, **REPEATING, **field, max_tokens=3)


async def test_penalties_look_far_back(wire: Wire) -> None:
    """A penalty counts the whole prompt, not just its last 64 tokens as llama.cpp would."""
    filler = "The quick brown fox jumps over the lazy dog. " * 8
    prompt = f"The password is pear. {filler}The password is"
    body: Json = {"prompt": prompt, "temperature": 0, "max_tokens": 1}
    assert await text(wire, **body) == " pear"
    assert await text(wire, **body, repetition_penalty=1.5) != " pear"
    assert await text(wire, **body, repetition_penalty=1.5, repeat_last_n=64) == " pear"


@pytest.mark.parametrize("field", [{"top_k": 1}, {"top_p": 0}])
async def test_one_candidate(wire: Wire, field: Json) -> None:
    """With one candidate a step, heat doesn't matter."""
    greedy = await text(wire, **STORY | {"temperature": 0})
    for seed in (1, 2):
        assert await text(wire, **STORY | field, seed=seed) == greedy


async def test_logit_bias(wire: Wire) -> None:
    """A bias puts its token first, or keeps it from being said."""
    body: Json = {"prompt": "The capital of Germany is", "temperature": 0}
    assert await text(wire, **body, max_tokens=3, logit_bias={"105": 100}) == "yyy"
    assert await text(wire, **body, max_tokens=1) == " Berlin"
    assert await text(wire, **body, max_tokens=1, logit_bias={BERLIN: -100}) != " Berlin"


async def test_seed(wire: Wire) -> None:
    """The same seed repeats a response; other seeds give others."""
    said = [await text(wire, **STORY, seed=seed) for seed in (1, 2, 3, 1, 2, 3)]
    assert said[:3] == said[3:]
    assert len(set(said)) == 3


async def test_stop(wire: Wire) -> None:
    """A stop sequence ends the text before it; it may be a list or a string."""
    body: Json = {"prompt": "The capital of Germany is", "temperature": 0, "max_tokens": 12}
    for stop in ("Berl", ["nowhere", "."]):
        response = await wire.post("/completions", **body, stop=stop)
        (choice,) = response["choices"]
        assert choice["finish_reason"] == "stop"
        assert choice["text"] == (" " if stop == "Berl" else " Berlin")


async def test_choices(wire: Wire) -> None:
    """`n` choices come in order, differ, and are counted together; a stream has them all."""
    # Seeded: by chance one may end early, or within a character, which is counted and has no logprob.
    body: Json = {**STORY, "n": 3, "logprobs": True, "seed": 1}
    response = await wire.post("/completions", **body)
    choices = response["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["text"] for choice in choices}) == 3
    tokens = sum(len(choice["logprobs"]["tokens"]) for choice in choices)
    assert response["usage"]["completion_tokens"] == tokens
    assert response["usage"]["prompt_tokens"] == 4
    events = await wire.stream("/completions", **body)
    indexes = [choice["index"] for event in events for choice in event["choices"]]
    assert set(indexes) == {0, 1, 2}


async def test_logprobs(wire: Wire) -> None:
    """Logprobs belong to the tokens of the text, and greedy tokens are the likeliest."""
    body: Json = {"prompt": "The capital of Germany is", "max_tokens": 4, "logprobs": True}
    response = await wire.post("/completions", **body, temperature=0)
    (choice,) = response["choices"]
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert len(logprobs["token_logprobs"]) == 4
    assert all(-5 < logprob <= 0 for logprob in logprobs["token_logprobs"])
    chat = await wire.post(
        "/chat/completions",
        messages=[{"role": "user", "content": "Say hello."}],
        temperature=0,
        max_tokens=3,
        logprobs=True,
        top_logprobs=2,
    )
    (choice,) = chat["choices"]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == choice["message"]["content"]
    for token in tokens:
        best, second = token["top_logprobs"]
        assert best["token"] == token["token"]
        assert best["logprob"] == token["logprob"] >= second["logprob"]


async def test_echo(wire: Wire) -> None:
    """With `echo` the prompt stands before the text, whole and streamed."""
    body: Json = {"prompt": "The capital of Germany is", "temperature": 0, "max_tokens": 1}
    assert await text(wire, **body, echo=True) == "The capital of Germany is Berlin"
    events = await wire.stream("/completions", **body, echo=True)
    pieces = [event["choices"][0]["text"] for event in events]
    assert pieces[:2] == ["The capital of Germany is", " Berlin"]
