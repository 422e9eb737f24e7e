"""Lines of results."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async import APITimeoutError, BadRequestError, RateLimitError
from horay_async._protocol.wire.json_decoder import JSONDecoder
from horay_async.batch import BatchResult, InvalidRequestError
from horay_async.batch.result_lines import ResultLine, line_of, read_result_line
from horay_async.errors import APIResponseError, APIStatusError, HorayError
from horay_async.models._base import Response
from tests.readers import made_meta


def answered(raw: bytes, request_id: str | None = "req-1") -> bytes:
    """The line for a response of these bytes."""
    response: Response = JSONDecoder().decode(raw)
    response.meta = made_meta(request_id=request_id)
    return line_of(BatchResult(index=0, custom_id='a"é', request=None, response=response))


def failed(error: HorayError) -> dict[str, Any]:
    """The line for a failure."""
    raw = line_of(BatchResult(index=0, custom_id="a", request=None, error=error))
    assert outcome(raw).failed
    line: dict[str, Any] = json.loads(raw)
    return line


def outcome(raw: bytes) -> ResultLine:
    return msgspec.json.decode(raw, type=ResultLine)


def test_response_stands_there_as_the_server_wrote_it() -> None:
    """Numbers, escapes and blanks included."""
    raw = b'{"b": 1.50,  "a":"\\u00e9\xc3\xa9", "n": 12345678901234567890, "x": {"y": [ ]}}'
    line = answered(raw)
    assert line.endswith(b"\n")
    assert b'"body":' + raw + b"}," in line
    assert not outcome(line).failed


def test_form_is_that_of_batch_outputs() -> None:
    """The fields that readers of such files look for."""
    line = json.loads(answered(b'{"id": "x"}'))
    assert line.pop("id").startswith("batch_req_")
    assert line == {
        "custom_id": 'a"é',
        "response": {"status_code": 200, "request_id": "req-1", "body": {"id": "x"}},
        "error": None,
    }
    assert json.loads(answered(b"{}", None))["response"]["request_id"] == ""


def test_ids_of_lines_differ() -> None:
    """Each line has one of its own."""
    assert json.loads(answered(b"{}"))["id"] != json.loads(answered(b"{}"))["id"]


def test_response_of_several_lines_becomes_one() -> None:
    """Line ends between tokens are blanks like any other."""
    line = answered(b'\n{\r\n "a": "x\\ny",\n "b": [\n1\r]\n}\n')
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert json.loads(line)["response"]["body"] == {"a": "x\ny", "b": [1]}


def test_response_that_isnt_json_is_kept_as_text() -> None:
    """It may have been paid for, and nothing else is left of it: with its status, and the error."""
    body = '{"text": "paid", "logprobs": [-Infinity]}'
    error = APIResponseError("it isn't valid JSON", body=body, status_code=200)
    result: BatchResult[Response] = BatchResult(index=0, custom_id="a", request=None, error=error)
    raw = line_of(result)
    line = json.loads(raw)
    assert (line["response"]["status_code"], line["response"]["body"]) == (200, body)
    assert line["error"]["code"] == "APIResponseError"
    assert outcome(raw).failed


def test_response_that_isnt_text() -> None:
    """One bad byte would keep others from reading the whole file: U+FFFD stands for it."""
    response: Response = JSONDecoder().decode(b"{}")
    response._raw = b'{"a": "\xff"}'
    response.meta = made_meta()
    line = line_of(BatchResult(index=0, custom_id="a", request=None, response=response))
    assert b'"body":{"a": "\xef\xbf\xbd"}},' in line
    assert not outcome(line).failed


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (rb'{"a": "x\ud83d", "b": 1.50}', rb'{"a": "x\ufffd", "b": 1.50}'),
        (rb'{"a": "\\ud83d \ud83d\ude00 \ude00"}', rb'{"a": "\\ud83d \ud83d\ude00 \ufffd"}'),
    ],
)
def test_half_a_surrogate_pair_is_written_as_what_stands_for_it(raw: bytes, written: bytes) -> None:
    """So that the line can be read at the next start, by any reader; the rest is as it was sent."""
    line = answered(raw)
    assert b'"body":' + written + b"}," in line
    assert not outcome(line).failed


@pytest.mark.usefixtures("no_collection")
def test_deep_response_is_written_as_it_is() -> None:
    """It was paid for; where msgspec can't read its line, the careful way can."""
    response: Response = JSONDecoder().decode(b"{}")
    response._raw = b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    response.meta = made_meta()
    line = line_of(BatchResult(index=0, custom_id="a", request=None, response=response))
    assert response._raw in line
    found = read_result_line(line)
    assert (found.custom_id, found.failed) == ("a", False)


def deep(depth: int) -> Any:
    """A list in a list, and so on."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("body", [{"x": "\ud83d"}, {"x": deep(300_000)}])
def test_failure_that_cant_be_written_as_it_came(body: dict[str, Any]) -> None:
    """Is written in the usual form; text of a header that isn't Unicode is made so."""
    error = BadRequestError("no \udcff", status_code=400, body=body, request_id="r\udcff")
    line = failed(error)
    assert line["response"]["status_code"] == 400
    assert line["response"]["request_id"] == "r\ufffd"
    assert line["response"]["body"]["error"]["message"] == "no \ufffd"


def test_response_with_an_id_of_a_header_that_isnt_unicode() -> None:
    """The response is written all the same."""
    line = json.loads(answered(b'{"id": "x"}', "r\udcff"))
    assert line["response"] == {"status_code": 200, "request_id": "r\ufffd", "body": {"id": "x"}}


@given(st.binary(), st.text(), st.text(st.characters(exclude_categories=[])))
def test_any_response_gives_a_line_that_can_be_read(raw: bytes, name: str, text: str) -> None:
    """With its id, whatever the server sent."""
    response: Response = JSONDecoder().decode(b"{}")
    response._raw = raw
    response.meta = made_meta(request_id=text)
    error = APIStatusError(text, status_code=400, body={text: text}, request_id=text)
    results: list[BatchResult[Any]] = [
        BatchResult(index=0, custom_id=name, request=None, response=response),
        BatchResult(index=0, custom_id=name, request=None, error=error),
    ]
    for result in results:
        line = line_of(result)
        assert line.count(b"\n") == 1
        assert read_result_line(line).custom_id == name


def test_failure_that_the_server_answered_with() -> None:
    """Its status and its words."""
    body = {"error": {"message": "no", "code": "x"}}
    line = failed(BadRequestError("no", status_code=400, body=body, request_id="r"))
    assert line["response"] == {"status_code": 400, "request_id": "r", "body": body}
    assert line["error"] is None


@pytest.mark.parametrize("body", [None, "404 page not found", ["x"]])
def test_failure_in_another_shape(body: Any) -> None:
    """Is put into the usual one."""
    line = failed(RateLimitError("too much", status_code=429, body=body, code=7))
    assert line["response"]["body"] == {
        "error": {"message": "too much", "type": None, "param": None, "code": 7}
    }


def test_failure_that_says_whether_it_was_executed() -> None:
    """A refusal of another request, for which this one wasn't sent, is no response to it; a timeout has its clock."""
    body = {"error": {"message": "no"}}
    unsent = RateLimitError("no", status_code=429, body=body, execution="not_sent")
    unsent.add_note("the request wasn't sent")
    line = failed(unsent)
    assert line["response"] is None
    kept = {"execution": "not_sent", "status_code": 429}
    told = {"code": "RateLimitError", "message": "no: the request wasn't sent"}
    assert line["error"] == told | kept
    assert failed(APITimeoutError("late", clock="idle", execution="executed"))["error"] == {
        "code": "APITimeoutError",
        "message": "late",
        "execution": "executed",
        "clock": "idle",
    }


def test_failure_in_a_success() -> None:
    """A body that came with 200 and tells of an error can hold what is paid for: the line has both."""
    body = {"results": [1, 2], "error": {"message": "one is too long"}}
    line = failed(APIStatusError("one is too long", status_code=200, body=body))
    assert line["response"] == {"status_code": 200, "request_id": "", "body": body}
    assert line["error"] == {
        "code": "APIStatusError",
        "message": "one is too long",
        "execution": "unknown",
        "status_code": 200,
    }


@pytest.mark.parametrize(
    "error",
    [
        APITimeoutError("too late", clock="total"),
        InvalidRequestError("too late"),
        # An envelope under status 200 that reports a failure of no known status.
        APIStatusError("too late", status_code=200),
    ],
)
def test_failure_without_a_failing_response(error: HorayError) -> None:
    """Has its class as its code."""
    line = failed(error)
    assert line["response"] is None
    assert (line["error"]["code"], line["error"]["message"]) == (type(error).__name__, "too late")


@pytest.mark.parametrize(
    ("line", "is_failure"),
    [
        ({"response": {"status_code": 200, "body": {}}, "error": None}, False),
        ({"response": {"status_code": 200, "body": {}}}, False),
        ({"response": {"status_code": 500, "body": {}}, "error": None}, True),
        ({"response": {"status_code": 200, "body": {}}, "error": {"code": "x"}}, True),
        ({"response": None, "error": None}, True),
        ({"response": {}}, True),
    ],
)
def test_outcomes_of_other_writers(line: dict[str, Any], is_failure: bool) -> None:
    """Lines of other makes are understood as well."""
    assert outcome(json.dumps({"custom_id": "a", **line}).encode()).failed is is_failure


@pytest.mark.parametrize(
    ("status", "is_failure"),
    [(200.0, False), ("200", False), (500.0, True), (200.5, True), (None, True)],
)
def test_status_of_other_writers(status: Any, is_failure: bool) -> None:
    """A tool that has rewritten the line may know no integers."""
    line = json.dumps({"custom_id": "a", "response": {"status_code": status, "body": {}}})
    assert read_result_line(line.encode()).failed is is_failure


def test_id_that_isnt_unicode_is_no_crash() -> None:
    """Files have none; one that is made up elsewhere still says what is wrong with it."""
    result = BatchResult[Any](index=0, custom_id="\ud800", request=None, error=HorayError("no"))
    assert (
        json.loads(line_of(result))["error"]["message"] == "it can't be written as a line of JSON"
    )


@pytest.mark.usefixtures("no_collection")
def test_failure_whose_parts_cant_be_written() -> None:
    """Is written as one of its class."""
    line = failed(RateLimitError("too much", status_code=429, code=deep(300_000)))
    assert line["error"]["code"] == "RateLimitError"
