"""What there is in a body: a response, the report of a failure, or both."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from horay_async._protocol.wire.contents import Contents, contents_of
from horay_async._protocol.wire.decode import decoder
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.models.completions import Completion
from horay_async.models.embeddings import EmbeddingResponse
from horay_async.models.raw import JSONResponse

WHOLE: dict[str, Any] = {"choices": [{"text": "a", "index": 0, "finish_reason": "stop"}]}
VECTORS: list[Any] = [{"embedding": [1.0], "index": 0}, {"embedding": [2.0], "index": 1}]


def text_of(held: Contents) -> str | None:
    """The text of the response that was found."""
    return None if held.response is None else cast("Completion", held.response).choices[0].text


@pytest.mark.parametrize(
    ("body", "text", "usable", "reports"),
    [
        (json.dumps(WHOLE), "a", True, False),
        (json.dumps(WHOLE) + "\n\ndata: [DONE]", "a", False, False),
        ("\ufeff" + json.dumps({"code": 503, "message": "busy", "data": WHOLE}), "a", False, True),
        (json.dumps({"code": 503, "message": "busy", "data": WHOLE}) + "}", "a", False, False),
        (json.dumps({"error": {"message": "busy"}}), None, False, True),
        ("<p>busy", None, False, False),
        ("", None, False, False),
    ],
)
def test_contents(body: str, text: str | None, usable: bool, reports: bool) -> None:
    """Each has a response, what is wrong with it, or an error."""
    held = contents_of(decoder(Completion), body.encode())
    assert text_of(held) == text
    assert held.is_response is usable
    assert held.reports_error is reports
    assert bool(held.problem) is not (usable or reports)


@pytest.mark.parametrize("vectors", [VECTORS[:1], VECTORS])
def test_list_in_the_envelope_of_a_failure(vectors: list[Any]) -> None:
    """It is what stands beside the failure."""
    body = json.dumps({"code": 503, "message": "busy", "status": False, "data": vectors})
    held = contents_of(decoder(EmbeddingResponse), body.encode())
    assert held.reports_error
    assert isinstance(held.response, EmbeddingResponse)
    assert len(held.response.data) == len(vectors)


@pytest.mark.parametrize(
    ("body", "read", "reports"),
    [
        ('{"id": "r", "output": [{"text": "Ber', {"id": "r", "output": [{"text": "Ber"}]}, False),
        ('[1, {"a": 2}, ', [1, {"a": 2}], False),
        ('"Ber', "Ber", False),
        ('{"a": 1} and more', {"a": 1}, False),
        ('{"id', None, False),
        ("Ber", None, False),
        ("", None, False),
        ('{"error": {"message": "bu', None, False),
        ('{"error": {"message": "busy"}}', None, True),
    ],
)
def test_json_that_nothing_describes(body: str, read: Any, reports: bool) -> None:
    """Of any JSON that is cut there is what had come; what reports a failure is none."""
    held = contents_of(JSONDecoder(), body.encode())
    assert (held.response and cast("JSONResponse", held.response).json) == read
    assert not held.is_response
    assert held.reports_error is reports
