"""What differs from the API's description: found wherever it is, in responses and in streams."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async._protocol.wire.chunk_reader import ChunkReader
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.decode import Decoder, decoder, drift_of
from horay_async._protocol.wire.description import Envelope, differences
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.errors import ErrorContext
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.errors import DriftError, DriftWarning, StreamTruncatedError
from horay_async.models import (
    chat,
    chat_chunks,
    completions,
    embeddings,
    images,
    models,
    usage,
    user,
)
from horay_async.models._base import Model, Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.completions import Completion
from horay_async.models.drift import Drift
from horay_async.models.images import ImageResponse
from horay_async.models.models import ModelList
from horay_async.models.user import UserInfo
from tests.mutations import RESPONSES, STREAMS, USAGE, encoded, mutated, mutations_of
from tests.readers import KEY, reader_of

Counts = Counter[tuple[str, str]]


def counts_of(drift: Drift) -> Counts:
    """What was counted, by path and kind."""
    return Counter(
        {(path, kind): n for path, by in drift.to_dict().items() for kind, n in by.items()}
    )


def drift_in(into: type[Response], body: Any) -> Counts:
    """What is found in a response."""
    made: Decoder[Response] = decoder(into)
    return Counter(drift_of(made.decode(encoded(body))))


def context(request_id: str | None = None) -> ErrorContext:
    """What the errors say beside what went wrong."""
    clean = Cleaner(KEY)
    shown = None if request_id is None else clean(request_id)
    return ErrorContext(label="POST /x", clean=clean, status=200, request_id=shown)


def events(chunks: Iterable[Any], done: bool = True) -> list[bytes]:
    """Chunks as events."""
    sent = [b"data: " + encoded(chunk) + b"\n\n" for chunk in chunks]
    return [*sent, b"data: [DONE]\n\n"] if done else sent


def read(source: ChunkReader[Any, Any], pieces: Iterable[bytes]) -> list[Any]:
    """All chunks that come of `pieces`."""
    return [chunk for piece in pieces for chunk in source.feed(piece)]


def told(text: str, **more: Any) -> dict[str, Any]:
    """A chunk with a piece of text, and with more fields."""
    return {
        "id": "s", "object": "o", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}}], **more,
    }  # fmt: skip


# Responses


@pytest.mark.parametrize("into", RESPONSES, ids=lambda cls: cls.__name__)
def test_what_is_described(into: type[Response]) -> None:
    """A response as it is described doesn't drift, whatever can be left out of it."""
    assert not drift_in(into, RESPONSES[into])


@pytest.mark.parametrize("into", RESPONSES, ids=lambda cls: cls.__name__)
def test_every_single_mutation(into: type[Response]) -> None:
    """Every change of one field, at any depth, is counted at its place as what it is, and never fatal."""
    body = encoded(RESPONSES[into])
    mutations = mutations_of(into, RESPONSES[into])
    assert {mutation.kind for mutation in mutations} == {"unknown", "missing", "retyped"}
    for mutation in mutations:
        changed = json.loads(body)
        mutation.apply(changed)
        assert drift_in(into, changed) == {(mutation.path, mutation.kind): 1}, mutation


@given(st.data())
def test_several_mutations(data: st.DataObject) -> None:
    """Several changes at once are each counted."""
    into = data.draw(st.sampled_from(sorted(RESPONSES, key=lambda cls: cls.__name__)))
    body, expected = data.draw(mutated(into, RESPONSES[into]))
    assert drift_in(into, body) == expected


@pytest.mark.parametrize(
    ("into", "path", "value", "found"),
    [
        (Completion, ["id"], None, [("$.id", "retyped")]),
        (Completion, ["created"], 1.5, [("$.created", "retyped")]),
        (Completion, ["created"], 123.0, []),
        (Completion, ["usage"], None, []),
        (Completion, ["choices", 0, "finish_reason"], None, []),
        (Completion, ["choices", 0, "größe"], 1, [("$.choices[].größe", "unknown")]),
        (Completion, ["choices", 0, "a b"], 1, [("$.choices[]['a b']", "unknown")]),
        (Completion, ["x" * 101], 1, [(f"$['{'x' * 100}…']", "unknown")]),
        (UserInfo, ["data", "balance"], "much", [("$.data.balance", "retyped")]),
        (UserInfo, ["data", "balance"], "NaN", [("$.data.balance", "retyped")]),
        (ImageResponse, ["timings", "inference"], 2, []),
    ],
    ids=str,
)
def test_values(into: type[Response], path: list[Any], value: Any, found: list[Any]) -> None:
    """What passes for a type, and how names are spelled."""
    body = json.loads(encoded(RESPONSES[into]))
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert drift_in(into, body) == Counter(found)


def test_each_occurrence_counts() -> None:
    """A field that is odd in each item of a list counts for each."""
    body = json.loads(encoded(RESPONSES[Completion]))
    for choice in body["choices"]:
        choice["mood"] = "good"
        del choice["text"]
    assert drift_in(Completion, body) == {
        ("$.choices[].mood", "unknown"): 2,
        ("$.choices[].text", "missing"): 2,
    }


def test_lists_without_their_object() -> None:
    """A list that came bare drifts as a whole, and its items are looked at."""
    bare = [*RESPONSES[ModelList]["data"], {"id": "m"}]
    missing = [(f"$[].{name}", "missing") for name in ("object", "created", "owned_by")]
    assert drift_in(ModelList, bare) == Counter([("$", "retyped"), *missing])


def test_envelopes() -> None:
    """A response in an envelope is looked at inside, and so is the envelope; one needn't be there."""
    envelope = {"code": 20000, "message": None, "status": True, "trace": 1}
    inner = {**RESPONSES[ChatCompletion], "mood": 1}
    assert drift_in(ChatCompletion, {**envelope, "data": inner}) == {
        ("$.trace", "unknown"): 1,
        ("$.data.mood", "unknown"): 1,
    }
    listed = [{"text": "a", "finish_reason": "stop", "mood": 1}]
    assert drift_in(Completion, {**envelope, "data": listed}) == {
        ("$.trace", "unknown"): 1,
        ("$.data", "retyped"): 1,
        ("$.data[].mood", "unknown"): 1,
    }
    assert not drift_in(UserInfo, RESPONSES[UserInfo]["data"])
    # Beside the list that the response is about, its marks are just unknown fields.
    marked = {**RESPONSES[ModelList], "code": 20000, "message": "OK"}
    assert drift_in(ModelList, marked) == {
        ("$.code", "unknown"): 1,
        ("$.message", "unknown"): 1,
    }


@pytest.mark.parametrize("value", ["1e999", "1" * 5000, '"\\ud800"', "[[]]", '{"a": 1, "a": 2}'])
def test_values_that_nothing_else_reads(value: str) -> None:
    """An unknown field that Python can hardly hold is just unknown."""
    body = encoded({**RESPONSES[Completion], "x": "HERE"}).replace(b'"HERE"', value.encode())
    made = decoder(Completion)
    assert drift_of(made.decode(body)) == [("$.x", "unknown")]


def test_what_is_not_described() -> None:
    """What `request` gives back has no description to differ from."""
    assert not drift_of(JSONDecoder().decode(b'{"a": 1}'))


def test_what_always_comes() -> None:
    """What is said to be always there are fields that the models have."""
    described: set[type[Model]] = {Envelope}
    for module in (chat, chat_chunks, completions, embeddings, images, models, usage, user):
        for cls in vars(module).values():
            own = isinstance(cls, type) and cls.__module__ == module.__name__
            if own and issubclass(cls, Model) and cls.__wire__.required:
                described.add(cls)
    assert len(described) == 26
    for model in described:
        names = model.__wire__.required
        assert set(names) <= {field.name for field in attrs.fields(cast(Any, model))}, model


def test_money_and_floats() -> None:
    """A model outside the responses is gone through as well."""

    @attrs.define(kw_only=True)
    class Price(Model):
        amount: Decimal = Decimal(0)
        rate: float = 0.0

    assert differences({"amount": "1.5", "rate": 10**400}, Price) == []
    assert differences({"amount": 1.5, "rate": "1"}, Price, "$.p") == [
        ("$.p.amount", "retyped"),
        ("$.p.rate", "retyped"),
    ]


# Streams


@pytest.mark.parametrize("into", STREAMS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("burst", [1, 3, 100])
def test_streams_that_are_described(into: type[Response], burst: int) -> None:
    """A stream as it is described doesn't drift, however it is cut into reads."""
    watch = DriftWatch(None)
    sent = events(STREAMS[into])
    bursts = [b"".join(sent[at : at + burst]) for at in range(0, len(sent), burst)]
    assert len(read(reader_of(into, drift=watch), bursts)) == len(STREAMS[into])
    assert not watch.counts


@given(st.data())
def test_mutated_streams(data: st.DataObject) -> None:
    """Every change in every chunk is counted, and all chunks are delivered."""
    into = data.draw(st.sampled_from(sorted(STREAMS, key=lambda cls: cls.__name__)))
    chunks, expected = list(STREAMS[into]), Counter[tuple[str, str]]()
    for at in data.draw(st.sets(st.integers(0, len(chunks) - 1), min_size=1)):
        chunks[at], found = data.draw(mutated(into, chunks[at]))
        expected += found
    watch, sent = DriftWatch(None), b"".join(events(chunks))
    cuts = sorted({0, len(sent), *data.draw(st.sets(st.integers(0, len(sent)), max_size=20))})
    source = reader_of(into, drift=watch)
    got = read(source, [sent[start:end] for start, end in pairwise(cuts)])
    assert len(got) == len(chunks)
    assert source.take_failure() is None
    assert counts_of(watch.counts) == expected


@pytest.mark.parametrize("burst", [1, 4])
@pytest.mark.parametrize(
    "text",
    [*'a"\\\n\tü🌍', 'a"', "a\\", '","x":"', '"}', "id", "content", "model"],
)
def test_every_chunk_drifts(burst: int, text: str) -> None:
    """Chunks that all drift in one way are all counted, whatever their text."""
    watch = DriftWatch(None)
    sent = events(told(text if number % 3 else "b", mood=1) for number in range(12))
    read(reader_of(drift=watch), [b"".join(sent[at : at + burst]) for at in range(0, 13, burst)])
    assert counts_of(watch.counts) == {("$.mood", "unknown"): 12}


def test_nothing_hides_behind_a_text() -> None:
    """A field that stands where others have just text is seen."""
    watch = DriftWatch(None)
    source = reader_of(drift=watch)
    plain, odd = events([told("ab"), told("cd")], done=False)
    hidden = plain.replace(b'"ab"', b'"ab","x":"y"')
    read(source, [plain, odd, hidden, odd + hidden, plain])
    assert counts_of(watch.counts) == {("$.choices[].delta.x", "unknown"): 2}


def test_a_text_of_json_hides_nothing() -> None:
    """A piece that was generated earlier, JSON itself, isn't taken for the same bytes as JSON."""
    watch = DriftWatch(None)
    source = reader_of(drift=watch)
    read(source, events([told("a"), told('","x":"')], done=False))
    read(source, [events([told("a")], done=False)[0].replace(b'"a"', b'"","x":""')])
    assert counts_of(watch.counts) == {("$.choices[].delta.x", "unknown"): 1}


def test_several_choices_and_kinds() -> None:
    """Choices in turns, reasoning before the text and a clock that runs are no drift; fields in them are."""
    watch = DriftWatch(None)
    chunks: list[Any] = []
    for number in range(12):
        delta = {"content" if number > 6 else "reasoning_content": "x", "mood": 1}
        choice = {"index": number % 2 if number > 8 else 0, "delta": delta}
        chunks.append({**told(""), "created": number // 2, "choices": [choice]})
    read(reader_of(drift=watch), events(chunks))
    assert counts_of(watch.counts) == {("$.choices[].delta.mood", "unknown"): 12}


def test_what_keeps_a_stream_alive() -> None:
    """An object without any known field lacks none; events of other kinds aren't responses at all."""
    watch = DriftWatch(None)
    ping = b'event: ping\ndata: {"x": 1}\n\nevent: ping\ndata: now\n\n'
    sent = [*events([{}, told("a"), {"wait": 1}], done=False), ping, b"data: [DONE]\n\n"]
    assert len(read(reader_of(drift=watch), sent)) == 3
    assert counts_of(watch.counts) == {("$.wait", "unknown"): 1}


def test_chunks_before_a_failure() -> None:
    """Chunks that came before an error event are counted."""
    watch = DriftWatch(None)
    source = reader_of(drift=watch)
    read(source, [b"".join(events([told("a", x=1), {"error": {"message": "No."}}], done=False))])
    failure = source.take_failure()
    assert failure is not None
    assert not isinstance(failure, DriftError)
    assert counts_of(watch.counts) == {("$.x", "unknown"): 1}


# What is done about it

Found = list[tuple[str, Literal["unknown", "missing", "retyped"]]]

FOUND: Found = [("$.a", "unknown"), ("$.b", "missing"), ("$.a", "unknown"), ("$.a", "retyped")]


def note(watch: DriftWatch, found: Found, body: bytes = b'{"a": 1}') -> DriftError | None:
    """Notes what was found in a response."""
    response = JSONDecoder().decode(body)
    error = watch.note(found, response, context=context(f"r-{KEY}"))
    assert not isinstance(error, DriftWarning)
    return error


def test_counting() -> None:
    """Without more being asked for, drift is counted and nothing else."""
    watch = DriftWatch(None)
    assert note(watch, FOUND) is None
    assert watch.counts.to_dict() == {"$.a": {"unknown": 2, "retyped": 1}, "$.b": {"missing": 1}}


def test_warning() -> None:
    """There is one warning a path and kind, and it points at the code outside of the package."""
    watch = DriftWatch(None).changed("warn")
    with pytest.warns(DriftWarning) as caught:
        assert note(watch, FOUND) is None
    messages: list[Any] = [warning.message for warning in caught]
    assert [(warning.path, warning.kind) for warning in messages] == list(dict.fromkeys(FOUND))
    assert (
        str(messages[0]) == "the response to POST /x isn't what the API describes: $.a is unknown"
    )
    assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings(record=True) as more:
        warnings.simplefilter("always")
        note(watch, FOUND)
        note(watch.changed("warn"), FOUND)
        note(DriftWatch(None), FOUND)
    assert not more
    assert watch.counts["$.a"].unknown == 6


def test_keys_in_paths() -> None:
    """A server that names a field by the key shows it in no path: not in the counts, nor in an error."""
    watch = DriftWatch("raise")
    error = note(watch, [(f"$[{KEY!r}]", "unknown")])
    assert error is not None
    assert error.path == "$['[API key]']" == error.drifts[0][0]
    assert KEY not in f"{watch.counts} {error}"


def test_raising() -> None:
    """The error names the first place and all others, keeps body and response, and masks the key."""
    watch = DriftWatch("raise")
    error = note(watch, FOUND, encoded({"größe": 1, "echo": KEY}))
    assert error is not None
    assert (error.path, error.kind, error.drifts) == ("$.a", "unknown", (*FOUND[:2], FOUND[3]))
    assert error.message == (
        "the response to POST /x isn't what the API describes: $.a is unknown (and 2 more)"
    )
    assert error.body == '{"größe":1,"echo":"[API key]"}'
    assert error.response.json == {"größe": 1, "echo": KEY}
    assert (error.execution, error.request_id) == ("executed", "r-[API key]")
    assert watch.counts
    single = note(watch, FOUND[:1])
    assert single is not None
    assert str(single).startswith(
        "the response to POST /x isn't what the API describes: $.a is unknown ("
    )
    assert watch.note(FOUND, JSONDecoder().decode(b"{}"), context=context())


def test_raising_in_a_stream() -> None:
    """A stream is delivered to its end; then the first drift is raised, with the response merged."""
    source = reader_of(drift=DriftWatch("raise"))
    sent = [told("Ber"), told("lin", x=1), told("!", y=2), told("?", usage=USAGE)]
    assert len(read(source, events(sent))) == 4
    error = source.take_failure()
    assert isinstance(error, DriftError)
    assert (error.path, error.kind, error.drifts) == ("$.x", "unknown", (("$.x", "unknown"),))
    assert json.loads(error.body) == told("lin", x=1)
    assert error.response.choices[0].message.content == "Berlin!?"
    assert error.response is error.partial
    assert error.execution == "executed"


def test_truncation_goes_first() -> None:
    """Where a stream that drifts is cut as well, that is what is raised."""
    source = reader_of(drift=DriftWatch("raise"))
    read(source, events([told("a", x=1)], done=False))
    source.end("the response ended without its last event", keep_truncated=False)
    assert isinstance(source.take_failure(), StreamTruncatedError)
