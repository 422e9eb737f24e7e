"""`read_results`: what a file of results holds, as `run` would have given it."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async import (
    AnswerError,
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    BatchFileError,
    BatchRequest,
    BatchResult,
    ChatCompletion,
    Completion,
    EmbeddingResponse,
    HorayError,
    InvalidRequestError,
    ServiceOverloadedError,
    StreamError,
    read_results,
)
from horay_async._protocol.wire.contents import contents_of
from horay_async._protocol.wire.decode import decoder
from horay_async.batch.result_lines import line_of
from horay_async.errors import Execution
from horay_async.models._dump import dump
from horay_async.testing import (
    FaultServer,
    Fin,
    Request,
    Reset,
    ScriptedResponse,
    chat,
    error,
    json_response,
    respond,
    sse,
)
from tests.conftest import Connect
from tests.readers import made_meta

pytestmark = pytest.mark.anyio


@attrs.define
class Verdict:
    """What is asked for."""

    kind: str


def write(path: Path, *lines: object) -> Path:
    """A file of results."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def result(custom_id: str, body: object, *, status: int = 200, error: object = None) -> Any:
    """A line of results."""
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "x", "custom_id": custom_id, "response": response, "error": error}


def completion(text: str) -> dict[str, Any]:
    """A body."""
    message = {"role": "assistant", "content": text}
    return {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


async def test_usage(tmp_path: Path) -> None:
    """A response that doesn't fit the class has its tokens, as one that does; a failure without a response has none."""
    used = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    path = write(
        tmp_path / "r.jsonl",
        result("fits", completion('{"kind": "praise"}') | {"usage": used}),
        result("unfit", completion("praise") | {"usage": used}),
        result("silent", completion('{"kind": "praise"}')),
        result("refused", {"message": "no"}, status=400),
    )
    results = {one.custom_id: one for one in read_results(path, response_format=Verdict)}
    assert isinstance(results["unfit"].error, AnswerError)
    tokens = {name: one.usage and one.usage.total_tokens for name, one in results.items()}
    assert tokens == {"fits": 5, "unfit": 5, "silent": None, "refused": None}
    assert BatchResult[Any](index=0, custom_id="a", request=None).usage is None


def script(request: Request) -> Any:
    """What the model's name asks for."""
    name = request.json()["model"]
    return {
        "good": chat("yes"),
        "missing": error(404, "No such model."),
        "busy": error(429, "Slow down."),
        "reset": respond([Reset()]),
        "page": respond([b"<p>busy"], content_type="text/html"),
        "beside": json_response({**completion("paid"), "object": "error", "code": 503}),
        "drift": json_response({**completion("paid"), "odd": 1}),
    }[name]


async def test_results_are_those_of_a_run(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The same responses, and errors of the same classes."""
    fault_server.always(script)
    names = ["good", "missing", "busy", "reset", "page", "beside", "drift"]
    requests = [
        BatchRequest.chat(model=name, messages=[{"role": "user", "content": "?"}], custom_id=name)
        for name in names
    ]
    source, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps({"custom_id": "bad", "url": "/v1/chat/completions", "body": {"model": 5}})]
    lines += [request.to_line() for request in requests]
    source.write_text("\n".join(lines))
    async with connect(strict="raise", timeout=20) as client:
        given = {one.custom_id: one async for one in client.batch.run(requests)}
        await client.batch.run_file(source, results)
    read = {one.custom_id: one for one in read_results(results)}
    assert isinstance(read.pop("bad").error, InvalidRequestError)
    assert read.keys() == given.keys()
    for name, one in given.items():
        found = read[name]
        assert type(found.error) is type(one.error), name
        assert (found.response is None) == (one.response is None)
        assert found.request is None
        if one.error is not None:
            assert getattr(found.error, "message", None)
    assert read["good"].unwrap().choices[0].message.content == "yes"
    for name in ("beside", "drift"):
        failure = read[name].error
        assert isinstance(failure, APIError)
        assert failure.partial.choices[0].message.content == "paid"


ASK = partial(BatchRequest.chat, messages=[{"role": "user", "content": "?"}])
EMBED = partial(BatchRequest.embedding, input="?")
BODY = json.dumps(completion("Nothing is lost.")).encode()
VECTORS = b'{"data": [{"index": 0, "object": "embedding", "embedding": [0.5, 1]}], "model": "m"}'


def events(*said: object) -> bytes:
    """Chunks of a chat completion, each of a text or with fields of its own."""
    chunks: list[object] = [
        {"choices": [{"index": 0, "delta": {"content": one}}]} if isinstance(one, str) else one
        for one in said
    ]
    return b"".join(map(sse, chunks))


FAILED: Any = {"error": {"message": "out of memory", "code": 500, "type": "odd"}}
EVENTS: Any = {"content_type": "text/event-stream"}
BROKEN: dict[str, tuple[ScriptedResponse, object]] = {
    "cut": (respond([BODY[:-9], Fin()], content_length=len(BODY)), "Nothing is lost."),
    "cut within": (respond([BODY[: BODY.index(b"ng is")], Reset()], framing="chunked"), "Nothi"),
    "squeezed": (respond(BODY, coding="gzip", coding_cut=20), "Nothing is lost."),
    "not noticed": (respond(BODY[:-9]), "Nothing is lost."),
    "more behind": (respond(BODY + b"}"), "Nothing is lost."),
    "beside": (json_response({**completion("paid"), "object": "error", "code": 503}), "paid"),
    "events": (respond(events("Noth", "ing"), **EVENTS), "Nothing"),
    "events, cut": (respond([events("Noth", "ing"), Reset()], framing="chunked", **EVENTS), "Nothing"),
    "events, failed": (respond(events("Noth", FAILED), **EVENTS), "Noth"),
    "events, refused": (respond(events("Noth", {"error": {"message": "no"}}), **EVENTS), "Noth"),
    "page": (respond(b"<p>busy", content_type="text/html"), None),
    "nothing": (respond([b'{"id": "1', Fin()], content_length=99), None),
    "vectors": (respond([VECTORS[:-12], Fin()], content_length=len(VECTORS)), [0.5, 1.0]),
    "vectors, events": (respond(events("text"), **EVENTS), events("text").decode()),
    "vectors, events cut": (respond([events("text"), Reset()], framing="chunked", **EVENTS), events("text").decode()),
}  # fmt: skip
"""Responses that break off or can't be used, and what comes of them."""


def came(partial: Any) -> object:
    """What is in `partial`."""
    if isinstance(partial, EmbeddingResponse):
        return list(partial.data[0].embedding)
    return partial.choices[0].message.content if isinstance(partial, ChatCompletion) else partial


async def test_what_came_of_a_broken_response(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is in the file, and read from there as from the error itself; and what was executed isn't sent again."""
    fault_server.always(lambda request: BROKEN[request.json()["model"]][0])
    source, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = [
        json.loads(
            (EMBED if name.startswith("vectors") else ASK)(model=name, custom_id=name).to_line()
        )
        for name in BROKEN
    ]
    write(source, *asked)
    async with connect(timeout=20) as client:
        of_run = {one.custom_id: one.error async for one in client.batch.run(asked)}
        sent = len(fault_server.requests)
        for _ in range(2):
            await client.batch.run_file(source, results)
        assert len(fault_server.requests) == 2 * sent
    chats = {one.custom_id: one.error for one in read_results(results)}
    vectors = {
        one.custom_id: one.error for one in read_results(results, response_type=EmbeddingResponse)
    }
    for name, (_, expected) in BROKEN.items():
        assert of_run[name] is not None, name
        run: Any = of_run[name]
        read: Any = (vectors if name.startswith("vectors") else chats)[name]
        assert (came(run.partial), came(read.partial)) == (expected, expected), name
        assert type(read) is type(run), name
        for field in ("execution", "status_code", "clock", "body", "code", "type", "request_id"):
            assert getattr(read, field, None) == getattr(run, field, None), (name, field)
        if expected is not None:
            assert read.execution == "executed", name
        assert read.message in (run.message, str(run))
    for raw in results.read_text("utf-8").splitlines():
        held = json.loads(raw)
        text = BROKEN[held["custom_id"]][1]
        assert text is None or str(text)[:4] in json.dumps(held["response"])


REFUSALS: dict[str, ScriptedResponse] = {
    "text": respond(b"the quota is used up", status=400, content_type="text/plain"),
    "page": respond(b"<html><title>Bad gateway</title>", status=502, content_type="text/html"),
    "list": respond(b'["a", {"b": 1}]', status=400),
    "string": respond(b'"a"', status=400),
    "number": respond(b"5", status=400),
    "empty": respond(b"", status=400),
    "no characters": respond(b'\xed\xa0\x80{"error"', status=400),
    "wait": error(429, "Slow down.", headers={"Retry-After-Ms": "50"}),
    "usual": error(404, "No such model."),
}


async def test_refusals(fault_server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """A failing status has the body and the wait that `run` tells of, whatever the server wrote; and a message that says it once."""
    fault_server.always(lambda request: REFUSALS[request.json()["model"]])
    source, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = [json.loads(ASK(model=name, custom_id=name).to_line()) for name in REFUSALS]
    write(source, *asked)
    async with connect(timeout=20) as client:
        of_run = {one.custom_id: one.error async for one in client.batch.run(asked)}
        await client.batch.run_file(source, results)
    for one in read_results(results):
        run: Any = of_run[one.custom_id]
        read: Any = one.error
        assert type(read) is type(run), one.custom_id
        for field in ("body", "retry_after", "status_code", "code", "type", "execution"):
            assert getattr(read, field) == getattr(run, field), (one.custom_id, field)
        if one.custom_id != "usual":
            assert read.message == run.message
    for raw in results.read_text("utf-8").splitlines():
        assert json.loads(raw)["response"]["body"]["error"]["message"]  # as OpenAI's have it


@given(st.text(), st.dictionaries(st.text(), st.text()), st.data())
def test_any_response_that_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, more: dict[str, str], data: st.DataObject
) -> None:
    """Whatever of it an error has, and whatever else that says, is read from its line as it was."""
    body = json.dumps({**more, **completion(text), "mood": more}, ensure_ascii=False).encode()
    held = contents_of(decoder(ChatCompletion), body[: data.draw(st.integers(0, len(body) - 1))])
    execution = data.draw(st.sampled_from(get_args(Execution)))
    made: Any = held.response
    if made is not None:
        made.meta = made_meta(request_id=text)
    kinds = (APIConnectionError, APIResponseError, APIStatusError, StreamError)
    kind: Any = data.draw(st.sampled_from(kinds))
    error = kind(text or "no", execution=execution, partial=made, request_id=text or None)
    if kind is not APIConnectionError:
        error.body = data.draw(st.sampled_from([text, "", body.decode()]))
    path = tmp_path_factory.mktemp("cut") / "r.jsonl"
    path.write_bytes(line_of(BatchResult(index=0, custom_id=text, request=None, error=error)))
    (found,) = read_results(path)
    read: Any = found.error
    assert (found.custom_id, type(read), read.execution) == (text, kind, execution)
    assert (read.message, read.request_id) == (text or "no", text or None)
    assert dump(read.partial, unknown=True) == dump(made, unknown=True)
    if made is not None and isinstance(error, APIResponseError):
        assert read.body == error.body


@pytest.mark.parametrize(
    ("line", "kind", "told"),
    [
        (result("a", completion("x"), status=201), None, ""),
        (result("a", completion("x"), status=cast("Any", 200.0)), None, ""),
        (result("a", completion("x"), status=cast("Any", "200")), None, ""),
        (result("a", {"error": {"message": "no", "code": 5}}, status=503), ServiceOverloadedError, "no"),
        (result("a", {"error": {"message": "no", "code": 503}}), ServiceOverloadedError, "no"),
        (result("a", "<p>busy"), APIResponseError, "isn't what the API describes"),
        (result("a", {"data": [{"embedding": [1]}]}), APIResponseError, "fields"),
        (result("a", None, status=0), APIStatusError, "0 from request 'a'"),
        ({"custom_id": "a", "response": None, "error": {"code": "APIConnectionError", "message": "gone"}}, APIConnectionError, "gone"),
        ({"custom_id": "a", "response": None, "error": {"code": "batch_expired", "message": "late"}}, APIError, "late"),
        ({"custom_id": "a", "response": None, "error": {"code": "HorayError"}}, HorayError, "HorayError"),
        ({"custom_id": "a", "response": None, "error": {"code": ["Clock"], "message": 5}}, APIError, "5"),
        ({"custom_id": "a", "response": None, "error": {}}, APIError, "no explanation"),
        ({"custom_id": "a", "response": None, "error": "late"}, APIError, "late"),
    ],
)  # fmt: skip
def test_lines(tmp_path: Path, line: Any, kind: type[HorayError] | None, told: str) -> None:
    """What anybody's line says."""
    (found,) = read_results(write(tmp_path / "r.jsonl", line))
    assert found.custom_id == "a"
    assert found.index == 0
    assert (found.response is None) == (kind is not None)
    if kind is not None:
        assert type(found.error) is kind
        assert told in str(found.error)


def test_classes(tmp_path: Path) -> None:
    """Responses of other operations, and texts as instances."""
    path = tmp_path / "r.jsonl"
    write(path, result("a", {"choices": [{"text": "x", "index": 0, "finish_reason": "stop"}]}))
    (found,) = read_results(path, response_type=Completion)
    assert found.unwrap().choices[0].text == "x"
    write(path, result("a", {"data": [{"embedding": [1.5], "index": 0}]}))
    (vectors,) = read_results(path, response_type=EmbeddingResponse)
    assert list(vectors.unwrap().data[0].embedding) == [1.5]
    write(path, result("a", completion('{"kind": "praise"}')), result("b", completion("praise")))
    good, bad = read_results(path, response_format=Verdict)
    assert good.unwrap().choices[0].message.parsed == Verdict("praise")
    assert isinstance(bad.error, AnswerError)
    assert bad.error.completion.choices[0].message.content == "praise"


def test_damaged_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are left out, and the log has their numbers."""
    path = tmp_path / "r.jsonl"
    whole = json.dumps(result("a", completion("x"))).encode()
    half = json.dumps(result("b", completion("@"))).replace("@", r"\ud83d").encode()
    long = b'{"custom_id":"c","response":{"status_code":200,"body":{"choices":[],"n":1e999}}}'
    path.write_bytes(b"\n".join([whole, b"", b"{", b"\0\0", half, long, b'"late"', whole[:50]]))
    with caplog.at_level(logging.WARNING, "horay_async"):
        found = list(read_results(path))
    assert [one.custom_id for one in found] == ["a", "b", "c"]
    assert [one.index for one in found] == [0, 4, 5]
    assert found[1].unwrap().choices[0].message.content == "\ufffd"
    assert [int(record.getMessage().split("line ")[1].split()[0]) for record in caplog.records] == [
        3,
        7,
        8,
    ]


def test_errors_that_msgspec_cannot_decode(tmp_path: Path) -> None:
    """They are read by their brackets."""
    path = tmp_path / "r.jsonl"
    path.write_bytes(
        b'{"custom_id":"a","response":null,"error":{"code":"NotFoundError","message":"no","n":1e999}}\n'
        b'{"custom_id":"b","response":null,"error":"1e999","n":1e999}\n'
    )
    one, other = read_results(path)
    assert type(one.error) is APIError
    assert '"no"' in str(one.error)
    assert str(other.error) == "1e999"


def test_misuse(tmp_path: Path) -> None:
    """Each is told where it is made."""
    path = write(tmp_path / "r.jsonl", {"custom_id": "a", "url": "/v1/completions", "body": {}})
    with pytest.raises(BatchFileError, match=r"line 1: .* it is a request") as caught:
        list(read_results(path))
    assert caught.value.line == 1
    with pytest.raises(TypeError, match="response_type must be a class of responses"):
        cast("Any", read_results)(path, response_type=dict)
    with pytest.raises(TypeError, match="response_format is for chat completions"):
        cast("Any", read_results)(path, response_type=Completion, response_format=Verdict)
    with pytest.raises(TypeError, match="make it a field of such a class"):
        read_results(path, response_format=object)
    with pytest.raises(FileNotFoundError):
        next(read_results(tmp_path / "none.jsonl"))


def test_files_of_something_else(tmp_path: Path) -> None:
    """No line is a result; of a line that was cut that can't be said."""
    path = tmp_path / "texts.csv"
    for text in ("id,text\n1,yes\n", '{"role": "user", "content": "Hi"}\n'):
        path.write_text(text)
        with pytest.raises(BatchFileError, match="isn't a file of results"):
            list(read_results(path))
    path.write_text('{"id":"batch_req_1","custom_id":"a","resp')
    assert not list(read_results(path))
    path.write_text(f"# by hand\n{json.dumps(result('a', completion('yes')))}\n")
    assert [one.custom_id for one in read_results(path)] == ["a"]


def test_response_of_another_kind(tmp_path: Path) -> None:
    """A completion has no vectors, which is an error as it is in a call."""
    path = write(tmp_path / "out.jsonl", result("a", completion("yes")))
    (one,) = read_results(path, response_type=EmbeddingResponse)
    assert isinstance(one.error, APIResponseError)
    assert "has no vectors" in one.error.message
