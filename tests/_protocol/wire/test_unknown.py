"""Fields that the classes of a response don't know: merged from chunks, kept in messages, and sent back."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from horay_async._json import is_array, is_object
from horay_async._protocol.structured.parse import parse_completion
from horay_async._protocol.wire.accumulate import ChatAccumulator, CompletionAccumulator
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.request import to_jsonable
from horay_async._protocol.wire.unknown import MAX_DEPTH
from horay_async.models.chat import ChatCompletion, ChatMessage
from horay_async.models.completions import CompletionChunk
from horay_async.models.events import ToolCallDone
from tests.readers import reader_of

from .test_chunk_reader import event, text_reader

JSON = dict[str, Any]
HEAD: JSON = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
SIGNED: JSON = {"google": {"thought_signature": "c2ln"}}


def chunk(
    delta: JSON, finish: str | None = None, *, choice: JSON | None = None, **more: Any
) -> bytes:
    """A chunk of one choice as an event."""
    inner = {"index": 0, "delta": delta, "finish_reason": finish, **(choice or {})}
    return event({**HEAD, "choices": [inner], **more})


def merged(*chunks: bytes) -> JSON:
    """What a stream is as a whole, read piece by piece and in one go."""
    results: list[JSON] = []
    for pieces in (chunks, [b"".join(chunks)]):
        reader = reader_of()
        for piece in pieces:
            reader.feed(piece)
        reader.feed(chunk({}, "stop") + b"data: [DONE]\n\n")
        assert reader.take_failure() is None
        results.append(reader.result().to_dict())
        assert reader.result().to_dict() == results[-1]
    assert results[0] == results[1]
    return results[0]


def message_of(*deltas: JSON) -> JSON:
    """The message that deltas make."""
    message: JSON = merged(*map(chunk, deltas))["choices"][0]["message"]
    return message


def whole(message: JSON) -> ChatMessage:
    """The message of a whole response."""
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return decoder(ChatCompletion).decode(json.dumps(body).encode()).choices[0].message


def test_sound_is_put_together() -> None:
    """Data and transcript are joined; of the rest the last counts."""
    message = message_of(
        {"audio": {"id": "a1", "transcript": "Ber"}},
        {"audio": {"data": "QUI=", "transcript": "lin"}},
        {"audio": {"data": "Q0Q=", "expires_at": None}},
        {"audio": {"expires_at": 7}},
    )
    assert message["audio"] == {
        "id": "a1",
        "data": "QUJDRA==",
        "transcript": "Berlin",
        "expires_at": 7,
    }


@pytest.mark.parametrize(
    ("pieces", "data"), [(["QUJD", "REVG"], "QUJDREVG"), (["QUI=", "!"], "QUI=!")]
)
def test_sound_in_base64(pieces: list[str], data: str) -> None:
    """Pieces of one base64 text are joined as they are, and so is what isn't base64."""
    assert message_of(*({"audio": {"data": piece}} for piece in pieces))["audio"] == {"data": data}


def test_lists_go_on() -> None:
    """Lists of deltas go on, also where one is sent twice beside a text."""
    message = message_of(
        {"content": "a", "annotations": [{"url": "u"}]},
        {"content": "b", "annotations": [{"url": "u"}]},
        {"content": "c", "annotations": None, "details": {"ids": [1], "deep": {"x": 1}}},
        {"content": "d", "details": {"ids": [1], "deep": {"y": 1}}},
    )
    assert message["content"] == "abcd"
    assert message["annotations"] == [{"url": "u"}, {"url": "u"}]
    assert message["details"] == {"ids": [1, 1], "deep": {"x": 1, "y": 1}}


def _nested(levels: int, name: str) -> dict[str, Any]:
    return {"deep": _nested(levels - 1, name)} if levels else {name: 1}


def test_objects_are_merged_to_their_depth() -> None:
    """Up to a bound; in one of Gemini's stands a signature that the next request needs."""
    google = [{"thought_signature": "S"}, {"thought": True}]
    message = message_of(*({"content": "", "extra_content": {"google": each}} for each in google))
    assert message["extra_content"] == {"google": {"thought_signature": "S", "thought": True}}

    for levels, merged in ((MAX_DEPTH, {"x": 1, "y": 1}), (MAX_DEPTH + 1, {"y": 1})):
        message = message_of({"content": "a"}, _nested(levels, "x"), _nested(levels, "y"))
        for _ in range(levels):
            message = message["deep"]
        assert message == merged


@pytest.mark.parametrize("texts", [("one", "two", "three"), ("one", "two\n", "three")])
def test_value_that_changes_back(texts: tuple[str, ...]) -> None:
    """The last counts, though the chunk that has it is but for its text the one that came first."""
    values = (True, False, True)
    message = message_of(
        *({"content": text, "x": {"y": value}} for text, value in zip(texts, values, strict=True))
    )
    assert message["x"] == {"y": True}


@pytest.mark.parametrize(
    ("strings", "result"),
    [
        # Texts, one of whose pieces at least is no single word.
        (["Let me ", "think ", "twice."], "Let me think twice."),
        (["Let", " me", " me", " think"], "Let me me think"),
        (["ha ", "ha ", "ha ", "ha ", "!"], "ha ha ha ha !"),
        (["the", "the", "the", "\n", "\n", "\n"], "thethethe\n\n\n"),
        (["你", "好"], "你好"),
        (["(", "x", ")"], "(x)"),
        (["日本", "語", "です"], "日本語です"),
        # A text so far, sent as a whole each time.
        (["One ", "One two ", "One two three"], "One two three"),
        # Labels and times: joined they would be no text.
        (["Thinking...", "Searching the web", "Zürich", "Done"], "Done"),
        (["50%", "60%"], "60%"),
        (["https://a.b/c?x=1", "https://a.b/c?x=2"], "https://a.b/c?x=2"),
        (['{"step":1}', '{"step":2}'], '{"step":2}'),
        (["typing", "typing", "finished"], "finished"),
        (["2026-01-02 03:04:05", "2026-01-02 03:04:06"], "2026-01-02 03:04:06"),
        (["Searching the web", "Searching the web"], "Searching the web"),
    ],
)
def test_strings_under_an_unknown_name(strings: list[str], result: str) -> None:
    """Pieces of a text are joined, alone and within an object, and a label is the last one."""
    for beside in ({}, {"content": "a"}, {"content": ""}, {"reasoning_content": "a"}):
        message = message_of(
            {"content": "b"}, *({"x": text, "y": {"z": text}, **beside} for text in strings)
        )
        assert (message["x"], message["y"]["z"]) == (result, result)
        # A chunk that is but for its text the one before is known by its bytes.
        message = message_of({"content": "b"}, *({**beside, "x": text} for text in strings))
        assert message["x"] == result


def test_text_under_an_unknown_name_is_repeated() -> None:
    """A server may end a choice with its whole message: of a text that came in pieces nothing is doubled."""
    deltas = [{"content": "a", "x": "One "}, {"content": "b", "x": "two"}]
    for end, result in (("", "One two"), (" three.", "One two three.")):
        last = {"content": "ab", "x": f"One two{end}"}
        choice = {"message": last, "index": 0, "finish_reason": "stop"}
        chunks = [*map(chunk, deltas), event({**HEAD, "choices": [choice]})]
        assert merged(*chunks)["choices"][0]["message"]["x"] == result


def test_the_last_of_other_values_counts() -> None:
    """A value that changes its kind, or is repeated with each chunk, is the last one."""
    message = message_of(
        {"content": "a", "x": [1], "y": "a", "z": {"a": 1}}, {"x": {"b": 1}, "y": ["b"], "z": "c"}
    )
    assert (message["x"], message["y"], message["z"]) == ({"b": 1}, ["b"], "c")
    assert message_of({"audio": {"data": ["a"]}}, {"audio": {"data": "b"}})["audio"] == {
        "data": "b"
    }


def test_fields_beside_the_deltas() -> None:
    """In a choice and in the chunk itself the last counts, lists included."""
    repeated: JSON = {"citations": ["u1", "u2"], "provider": "P"}
    result = merged(
        chunk({"content": "a"}, choice={"filter": {"hate": False}}, **repeated),
        chunk({"content": "b"}, choice={"filter": {"hate": True}}, **repeated),
    )
    assert {name: result[name] for name in repeated} == repeated
    assert result["choices"][0]["filter"] == {"hate": True}


def test_no_delta() -> None:
    """A choice without a delta has unknown fields all the same."""
    result = merged(chunk({"content": "a"}), chunk({}, choice={"delta": None, "mood": "fine"}))
    assert result["choices"][0]["mood"] == "fine"


def test_completions_have_them() -> None:
    """So in a text completion."""
    reader = text_reader()
    head = {**HEAD, "object": "text_completion", "provider": "P"}
    for text in ("a", "b"):
        reader.feed(event({**head, "choices": [{"index": 0, "text": text, "matched": [1]}]}))
    result = reader.result().to_dict()
    assert (result["provider"], result["choices"][0]["matched"]) == ("P", [1])


def test_texts_under_two_names_are_there_once() -> None:
    """What is read as a known field isn't kept under its other name."""
    message = message_of({"reasoning": "be", "reasoning_content": "be"}, {"reasoning": "cause"})
    assert message["reasoning_content"] == "because"
    assert "reasoning" not in message
    sent = to_jsonable(whole({"role": "assistant", "content": "", "text": "hi"}))
    assert sent == {"role": "assistant", "content": "hi"}


def test_tool_calls_keep_theirs() -> None:
    """Signatures of tool calls are in the merged message, and in the event that tells the call."""
    pieces = [
        chunk({"tool_calls": [{"index": 0, "id": "t", "type": "function", "extra_content": SIGNED,
                               "function": {"name": "f", "arguments": "{", "strict": True}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}),
    ]  # fmt: skip
    (call,) = merged(*pieces)["choices"][0]["message"]["tool_calls"]
    function = {"name": "f", "arguments": "{}", "strict": True}
    assert call == {"id": "t", "type": "function", "function": function, "extra_content": SIGNED}
    reader, seen, events = reader_of(), ChatAccumulator(), list[Any]()
    for piece in [*pieces, chunk({}, "tool_calls")]:
        for made in reader.feed(piece):
            seen.add(made, events)
    (done,) = [found for found in events if isinstance(found, ToolCallDone)]
    assert to_jsonable(done.tool_call) == call


def test_messages_go_back_whole() -> None:
    """A response's message has its unknown fields in the next request; of a sound, the id."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sent: JSON = {"role": "assistant", "content": "A", "annotations": [{"u": 1}]}
    sent["tool_calls"] = [{**call, "index": 0, "extra_content": SIGNED}, {**call, "id": "u"}]
    message = whole({**sent, "audio": {"id": "a1", "data": "QUI="}, "mood": None})
    sent["tool_calls"][0].pop("index")
    assert to_jsonable(message) == {**sent, "audio": {"id": "a1"}}
    for again in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert again == message
        assert to_jsonable(again) == to_jsonable(message)


def test_parsed_messages_keep_theirs() -> None:
    """Parsing the text and the arguments of a message loses none of its fields."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sent: JSON = {"role": "assistant", "content": "1", "mood": "fine"}
    sent["tool_calls"] = [{**call, "extra_content": SIGNED}]
    body = {**HEAD, "choices": [{"index": 0, "message": sent, "finish_reason": "stop"}]}
    completion = decoder(ChatCompletion).decode(json.dumps(body).encode())
    assert to_jsonable(parse_completion(completion, int, {}).choices[0].message) == sent


def test_merged_responses_can_be_copied() -> None:
    """A copy of a merged response has the unknown fields at every level."""
    reader = reader_of()
    reader.feed(chunk({"content": "a", "mood": "fine"}, "stop", citations=["u"]))
    result = reader.result()
    for again in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert again.to_dict() == result.to_dict()
        assert again.to_dict()["choices"][0]["message"]["mood"] == "fine"


def test_unreadable_items_don_t_shift_the_others() -> None:
    """Where a list has an item that is no object, the unknown fields stay with their own."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = whole({"role": "assistant", "content": None, "tool_calls": [7, {**call, "sig": "x"}]})
    assert message.tool_calls is not None
    assert to_jsonable(message.tool_calls) == [{**call, "sig": "x"}]


def test_what_is_kept_is_counted() -> None:
    """What chunks add in unknown fields counts as objects that are kept; what is replaced doesn't."""
    reader = text_reader()
    head = {**HEAD, "object": "text_completion", "filler": [[1], {"a": 2}]}
    made = [
        *reader.feed(event({**head, "choices": [{"index": 0, "text": "a"}]})),
        *reader.feed(event({**head, "choices": [{"index": 0, "text": "b"}]})),
    ]
    merged = CompletionAccumulator()
    counts: list[int] = []
    for each in made:
        merged.add(each)
        merged.add_unknown(each)
        counts.append(merged.object_count)
    assert counts[0] >= 5
    first: CompletionChunk = made[0]
    merged.add_unknown(first)
    assert merged.object_count == counts[0]


def test_calls_of_tools_that_are_no_functions() -> None:
    """Their input is put together, and they go back as they came."""
    head: JSON = {"index": 0, "id": "k", "type": "custom"}
    reader = reader_of()
    for call in (
        {**head, "custom": {"name": "n", "input": "ab"}},
        {"index": 0, "custom": {"input": "cd"}},
    ):
        reader.feed(chunk({"tool_calls": [call]}))
    reader.feed(chunk({}, "tool_calls"))
    (call,) = to_jsonable(reader.result().choices[0].message)["tool_calls"]
    assert call == {"id": "k", "type": "custom", "custom": {"name": "n", "input": "abcd"}}


USAGE: JSON = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def test_the_usage_keeps_theirs() -> None:
    """A price, and kinds of tokens that nobody has named yet: of each the last one counts."""
    last: JSON = {
        **USAGE,
        "cost": 0.5,
        "reasoning": 3,
        "cost_details": {"name": "x"},
        "prompt_tokens_details": {"cached_tokens": 1, "video_tokens": 2},
        "completion_tokens_details": {"image_tokens": 4},
    }
    result = merged(
        chunk({"content": "a"}, usage={**USAGE, "cost": 0.1, "rest": 1}),
        chunk({"content": "b"}, usage=last),
        chunk({"content": "c"}, usage=last),  # known by its bytes but for the text
        chunk({"content": "d"}, usage=last),
    )
    assert result["choices"][0]["message"]["content"] == "abcd"
    assert without_none(result["usage"]) == {**last, "rest": 1}


@pytest.mark.parametrize("last", [{}, dict.fromkeys(USAGE, 0)])
def test_an_empty_usage_takes_nothing_away(last: JSON) -> None:
    """Counts that have come stay where a later chunk counts nothing."""
    result = merged(chunk({"content": "a"}, usage=USAGE), chunk({"content": "b"}, usage=last))
    assert without_none(result["usage"]) == USAGE


def test_the_usage_keeps_theirs_where_it_stands_elsewhere() -> None:
    """A usage that is found in a choice is taken as it is."""
    result = merged(chunk({"content": "a"}, choice={"usage": {**USAGE, "text": 1, "cost": 0.5}}))
    assert without_none(result["usage"]) == {**USAGE, "text": 1, "cost": 0.5}


def test_log_probabilities_keep_theirs() -> None:
    """Each token has its own, and what stands beside the tokens is merged as in a delta."""

    def token(text: str, /, **more: Any) -> JSON:
        top = [{"token": text, "logprob": -1.0, "rank": 1}, {"token": "z", "logprob": -2.0}]
        return {"token": text, "logprob": -1.0, "top_logprobs": top, **more}

    sent = [token("a", id=7), token("a", id=7), token("b", text="b"), token("a", id=7)]
    result = merged(
        *(
            chunk(
                {"content": "a"}, choice={"logprobs": {"content": [each], "ids": [7], "model": "m"}}
            )
            for each in sent
        )
    )
    logprobs = result["choices"][0]["logprobs"]
    assert without_none(logprobs) == {"content": sent, "ids": [7] * 4, "model": "m"}


def test_log_probabilities_of_completions_keep_theirs() -> None:
    """So in a text completion, whose lists are aligned with the tokens."""
    reader = text_reader()
    head = {**HEAD, "object": "text_completion"}
    for text in ("a", "b", "c"):
        logprobs = {"tokens": ["a"], "token_logprobs": [-1.0], "token_ids": [5]}
        reader.feed(event({**head, "choices": [{"index": 0, "text": text, "logprobs": logprobs}]}))
    for _ in range(2):
        assert without_none(reader.result().to_dict()["choices"][0]["logprobs"]) == {
            "tokens": ["a"] * 3,
            "token_logprobs": [-1.0] * 3,
            "token_ids": [5] * 3,
        }


def test_what_tokens_keep_is_counted() -> None:
    """Unknown fields of tokens and their alternatives count as objects that are kept."""
    counts: list[int] = []
    for more in ({}, {"x": [1] * 50}):
        reader = reader_of()
        top = [{"token": "a", "logprob": -1.0, **more}]
        entry = {"token": "a", "logprob": -1.0, "top_logprobs": top, **more}
        for _ in range(2):
            reader.feed(chunk({"content": "a"}, choice={"logprobs": {"content": [entry]}}))
        counts.append(reader.merged.object_count)
    assert counts[1] >= counts[0] + 200


def without_none(value: Any) -> Any:
    """`value`, JSON, without its nulls."""
    if is_object(value):
        return {name: without_none(item) for name, item in value.items() if item is not None}
    return [without_none(item) for item in value] if is_array(value) else value


@pytest.mark.parametrize("last", ["", None, "world"])
@pytest.mark.parametrize("beside", [True, False])
def test_message_beside_the_deltas(last: str | None, beside: bool) -> None:
    """The merged one is what the response has, however it is looked at."""
    chunks: list[bytes] = []
    for text in ("Hello ", "world"):
        message = {"role": "assistant", "content": last if beside else text}
        delta: JSON = {"delta": {"content": text}} if beside else {}
        choice = {"index": 0, "finish_reason": None, "message": message, **delta}
        chunks.append(event({**HEAD, "choices": [choice]}))
    assert merged(*chunks)["choices"][0]["message"]["content"] == "Hello world"
