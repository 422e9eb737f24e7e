"""From rows to requests, and from results to columns."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")

from horay_async import BatchResult, ConfigurationError, RateLimitError
from horay_async._protocol.wire.decode import decoder
from horay_async.integrations.ray.rows import Rows
from horay_async.models.chat import ChatCompletion
from horay_async.models.completions import Completion

pa: Any = import_module("pyarrow")

PROMPTS = Rows(column="prompt", chat=False, params={"model": "m", "max_tokens": 4})
CHATS = Rows(column="talk", chat=True, params={"model": "m"})


def test_prompts() -> None:
    """A completion for each row, with the parameters for all."""
    first, second = PROMPTS.requests(pa.table({"prompt": ["a", "b"], "other": [1, 2]}))
    assert first.operation.path == "/completions"
    assert first.params == {"model": "m", "max_tokens": 4, "prompt": "a"}
    assert second.params["prompt"] == "b"


def test_messages() -> None:
    """A chat for each row; a text is a user's one message."""
    (request,) = CHATS.requests(pa.table({"talk": ["Hello"]}))
    assert request.operation.path == "/chat/completions"
    assert request.params["messages"] == [{"role": "user", "content": "Hello"}]


def test_fields_that_a_message_does_not_have() -> None:
    """A table gives all messages the same fields; those that were added are taken away again."""
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "user", "content": [{"type": "text", "text": "And?"}], "name": "Ann"},
    ]  # fmt: skip
    (request,) = CHATS.requests(pa.table({"talk": [talk]}))
    assert request.params["messages"] == talk


def test_missing_column() -> None:
    """The message names the columns that there are."""
    with pytest.raises(ConfigurationError, match="no column 'prompt', but text, id"):
        PROMPTS.requests(pa.table({"text": ["a"], "id": [1]}))


def test_taken_column() -> None:
    """No column is written over; with a prefix the new ones have other names."""
    table = pa.table({"prompt": ["a"], "error": [1]})
    with pytest.raises(ConfigurationError, match="'error' already"):
        PROMPTS.requests(table)
    second = Rows(column="prompt", chat=False, params={}, prefix="second_")
    assert second.requests(table)
    assert second.with_results(table, [failed(0)]).column_names == [
        *("prompt", "error"),
        *("second_answer", "second_usage", "second_error"),
    ]


def failed(index: int) -> BatchResult[Any]:
    error = RateLimitError("slow down", status_code=429, request_id="r-1")
    return BatchResult(index=index, custom_id="", request=None, error=error)


def answered(index: int, kind: type[Any], body: bytes) -> BatchResult[Any]:
    return BatchResult(index=index, custom_id="", request=None, response=decoder(kind).decode(body))


def test_columns() -> None:
    """Each row has its own response, whatever order they came in, or null and what it failed with."""
    usage = b'"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 0}'  # whose total isn't told
    table = PROMPTS.with_results(
        pa.table({"prompt": ["a", "b", "c", "d"]}),
        [
            failed(2),
            answered(
                1, ChatCompletion, b'{"choices": [{"message": {"content": "B"}}], %b}' % usage
            ),
            answered(0, Completion, b'{"choices": [{"text": "A"}]}'),
            answered(3, Completion, b'{"choices": []}'),
        ],
    )
    assert table.column("prompt").to_pylist() == ["a", "b", "c", "d"]
    assert table.column("answer").to_pylist() == ["A", "B", None, None]
    counts = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert table.column("usage").to_pylist() == [None, counts, None, None]
    failure = {"type": "RateLimitError", "message": "slow down (request id r-1)", "status": 429}
    assert table.column("error").to_pylist() == [None, None, failure, None]


@pytest.mark.parametrize("tokens", [b"1" * 400, b"-1000000000", b"1000000000000"])
def test_what_doesnt_fit_its_column(tokens: bytes) -> None:
    """Costs that value, not the block: counts that can't be true, and text of a header that isn't Unicode."""
    body = b'{"choices": [{"text": "A"}], "usage": {"total_tokens": %b}}' % tokens
    error = RateLimitError("slow \udcff", status_code=429)
    table = PROMPTS.with_results(
        pa.table({"prompt": ["a", "b"]}),
        [
            answered(0, Completion, body),
            BatchResult(index=1, custom_id="", request=None, error=error),
        ],
    )
    assert table.column("answer").to_pylist() == ["A", None]
    assert table.column("usage").to_pylist() == [None, None]
    assert table.column("error").to_pylist()[1]["message"] == "slow \ufffd"


def test_types_are_fixed() -> None:
    """A block without a response, or without a failure, has the types of all others."""
    table = PROMPTS.with_results(pa.table({"prompt": ["a"]}), [failed(0)])
    assert [table.schema.field(field.name).type for field in Rows.columns] == [
        field.type for field in Rows.columns
    ]
