"""Files of requests."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from horay_async.batch import BatchFileError, InvalidRequestError, request_file
from horay_async.batch.ids import SUCCEEDED, IdTable
from horay_async.batch.jsonl import fields_of, text_of
from horay_async.batch.preparer import Preparer
from horay_async.batch.request_file import RequestFile
from horay_async.batch.request_lines import RequestLine, is_unfinished, parse_request_line
from horay_async.options import ClientOptions

from .conftest import line, lines

OPTIONS = ClientOptions.of("a-key-for-nothing")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.jsonl"


def write(path: Path, *texts: str | bytes) -> None:
    path.write_bytes(b"".join(text.encode() if isinstance(text, str) else text for text in texts))


def test_requests_are_read_with_their_bytes(path: Path) -> None:
    """Ids, paths and bodies as they stand there, whatever else a line holds."""
    write(
        path,
        '{"custom_id": "a", "method": "POST", "url": "/v1/x", "body": {"n":  1.50}, "more": [1]}\n',
        '{"body": [], "custom_id": "\\u00e9"}\n',
        '{"custom_id": "c", "method": 3}',
    )
    requests = RequestFile(path, IdTable())
    assert requests.index() == 3
    found = list(requests.unfinished())
    assert [item.custom_id for item in found] == ["a", "é", "c"]
    assert (found[0].method, found[0].url, bytes(found[0].body)) == (
        "POST",
        "/v1/x",
        b'{"n":  1.50}',
    )
    assert (found[1].method, found[1].url) == (None, None)
    assert found[2].method == 3


def test_what_editors_leave_is_passed_over(path: Path) -> None:
    """A byte-order mark, blank lines and Windows' line ends."""
    write(
        path, b"\xef\xbb\xbf", '{"custom_id": "a"}\r\n', "\r\n", "  \n", '{"custom_id": "b"}\r\n\n'
    )
    requests = RequestFile(path, IdTable())
    assert requests.index() == 2
    assert [item.custom_id for item in requests.unfinished()] == ["a", "b"]


def test_finished_requests_are_left_out(path: Path) -> None:
    """Those with a response."""
    write(path, *(json.dumps(item) + "\n" for item in lines(5)))
    ids = IdTable()
    ids.mark("id-1", SUCCEEDED)
    ids.mark("id-4", SUCCEEDED)
    requests = RequestFile(path, ids)
    assert requests.index() == 5
    assert [item.custom_id for item in requests.unfinished()] == ["id-0", "id-2", "id-3"]


def test_empty_file(path: Path) -> None:
    """Holds no requests."""
    path.touch()
    assert RequestFile(path, IdTable()).index() == 0


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("nonsense", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('"cut', "not a JSON object"),
        ("{}", "custom_id is missing"),
        ('{"custom_id": 3}', "custom_id must be a string"),
        ('{"custom_id": null}', "custom_id must be a string"),
        (b'{"custom_id": "\xff"}', "custom_id must be valid Unicode text"),
        ("{", "cut off, or a } is missing"),
        ('{"custom_id": "a', "cut off, or a } is missing"),
        ('{"custom_id": "a" , "custom_id": "b', "cut off, or a } is missing"),
        ('{"body": {"prompt": "cut', "cut off, or a } is missing"),
        ('{"custom_id": "a"} {"custom_id": "b"}', "not valid JSON: behind the object stands '{'"),
        ('{"custom_id": "a"b", "body": {}}', "not valid JSON: } is missing before 'b'"),
        ('{"custom_id": "a", , "b": 1}', "not valid JSON: a field's name is missing before ','"),
        ('{"custom_id": , "b": 1}', "not valid JSON: a value is missing before ','"),
        (
            '{"custom_id": "a", "body": {"prompt": "cut {"custom_id": "b", "body": {}}',
            "cut off, or a } is missing",
        ),
    ],
)
def test_bad_line_is_named(path: Path, bad: str | bytes, told: str) -> None:
    """With its file and number and what is wrong, before anything is sent."""
    write(path, json.dumps(line("ok")), "\n\n", bad, "\n")
    with pytest.raises(BatchFileError) as caught:
        RequestFile(path, IdTable()).index()
    assert str(caught.value) == f"{path}, line 3: {told}"
    assert (caught.value.path, caught.value.line) == (str(path), 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            json.dumps([line("a")], indent=1),
            "this is a JSON array: write one object a line (`jq -c '.[]'`",
        ),
        (json.dumps([line("a")]), "this is a JSON array: write one object a line (`jq -c '.[]'`"),
        (
            json.dumps(line("a"), indent=1),
            "this is JSON on several lines: write one object a line (`jq -c '.'`",
        ),
    ],
)
def test_other_form_of_json(path: Path, text: str, told: str) -> None:
    """Is named as what it is, not line by line."""
    write(path, "\n", text, "\n")
    with pytest.raises(BatchFileError) as caught:
        RequestFile(path, IdTable()).index()
    assert str(caught.value) == f"{path}: {told} does that)"
    assert caught.value.line == 2


@pytest.mark.parametrize("first", ["id,prompt", '"id";"prompt"', "id\tprompt"])
def test_table(path: Path, first: str) -> None:
    """So is a file of rows."""
    write(path, first, "\n", "1,Hi", "\n")
    with pytest.raises(BatchFileError, match=r"this isn't JSON. If it is a table"):
        RequestFile(path, IdTable()).index()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16(path: Path, encoding: str) -> None:
    """A file that Windows PowerShell wrote is named as what it is."""
    path.write_bytes(
        ("\ufeff" * (encoding != "utf-16") + json.dumps(line("a")) + "\r\n").encode(encoding)
    )
    with pytest.raises(BatchFileError, match=r"UTF-16, .*: save it as UTF-8"):
        RequestFile(path, IdTable()).index()


@pytest.mark.parametrize(
    "outcome",
    [
        {"response": {"status_code": 200, "body": {}}, "error": None},
        {"response": None, "error": {"message": "no"}},
        {"id": "batch_req_1", "response": {"status_code": 500, "body": {}}},
    ],
    ids=["whole", "failed", "of another client"],
)
def test_file_of_results_is_refused(path: Path, outcome: dict[str, object]) -> None:
    """With its first line, before anything is sent."""
    write(path, json.dumps({"custom_id": "a", **outcome}), "\n")
    with pytest.raises(
        BatchFileError, match=r"in\.jsonl, line 1: this is a file of results"
    ) as caught:
        RequestFile(path, IdTable()).index()
    assert (caught.value.path, caught.value.line) == (str(path), 1)


@pytest.mark.parametrize(
    "more", [{}, {"response": None, "error": None}, {"method": "POST", "error": 3}]
)
def test_what_says_nothing_of_an_outcome_is_a_request(path: Path, more: dict[str, object]) -> None:
    """However little of one: its own result says what it lacks."""
    write(path, json.dumps({"custom_id": "a", **more}), "\n")
    assert RequestFile(path, IdTable()).index() == 1


def test_duplicate_id_is_named(path: Path) -> None:
    """With both its lines."""
    write(path, *(json.dumps(line(name)) + "\n" for name in ("a", "b", "c", "b")))
    with pytest.raises(BatchFileError, match=r"line 4: the custom_id 'b' was in line 2") as caught:
        RequestFile(path, IdTable()).index()
    assert caught.value.line == 4


def test_all_lines_that_are_no_requests_are_named(path: Path) -> None:
    """With what is wrong with each, at once; of many, the first ten."""
    a, b = (json.dumps(line(name)) + "\n" for name in "ab")
    write(path, a, "no\n", b, a, "[1]\n", b)
    with pytest.raises(BatchFileError) as caught:
        RequestFile(path, IdTable()).index()
    told = str(caught.value)
    assert told.splitlines() == [
        f"{path}: 4 lines are no requests, nothing was sent:",
        "line 2: not a JSON object",
        "line 4: the custom_id 'a' was in line 1 already",
        "line 5: not a JSON object",
        "line 6: the custom_id 'b' was in line 3 already",
    ]
    assert (caught.value.path, caught.value.line) == (str(path), 2)
    write(path, "no\n" * 1012)
    with pytest.raises(
        BatchFileError, match=r"(?s): 1,012 lines are.*line 10: .*\nand 1,002 more\na request is {"
    ):
        RequestFile(path, IdTable()).index()
    write(path, a * 20_000)
    with pytest.raises(
        BatchFileError, match=r"(?s): 10,000 lines and maybe more are.*\nand 9,990 more$"
    ):
        RequestFile(path, IdTable()).index()


DEEP = b"[" * 50_000 + b"]" * 50_000

UNUSABLE = {
    "5,000 digits": b'"method": ' + b"1" * 5000,
    "a number out of range": b'"method": 1e99999',
    "a method that isn't UTF-8": b'"method": "PO\xffST"',
    "a path that isn't UTF-8": b'"method": "POST", "url": "/v1/\xff"',
    "half a surrogate pair": b'"method": "\\ud83d"',
    "half a pair in a field of no interest": b'"more": "\\ud83d"',
    "depth": b'"body": ' + DEEP,
    "depth inside a body": b'"body": {"model": "m", "prompt": ' + DEEP + b"}",
    "depth in a field of no interest": b'"more": ' + DEEP,
    "no JSON value": b'"more": nonsense',
    "no mark between": b'"body": {"model": "m" "prompt": "x"}',
}

BROKEN = {
    "a string without an end": b', "body": {"model": "m", "prompt": "cut h',
    "a body without an end": b', "body": {"model": "m"',
    "depth without an end": b', "body": ' + b"[" * 5000,
    "a name without an end": b', "bo',
    "no value": b', "body": ',
    "no mark between": b', "method": "POST" "url": "/v1/x"}',
    "the wrong bracket": b', "body": {"model": "m"]}',
    "nothing behind the id": b"",
    "more behind the object": b"} and more",
}


@pytest.mark.parametrize("fields", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("form", [b'{"custom_id": "b", %b}', b'{%b, "custom_id": "b"}'])
def test_line_with_an_id_is_a_request(path: Path, fields: bytes, form: bytes) -> None:
    """What it can't be sent for is found when its turn comes, and costs no other line."""
    write(path, json.dumps(line("a")), "\n", form % fields, "\n", json.dumps(line("c")))
    requests = RequestFile(path, IdTable())
    assert requests.index() == 3
    found = list(requests.unfinished())
    assert [item.custom_id for item in found] == ["a", "b", "c"]
    with pytest.raises(InvalidRequestError) as raised:
        Preparer(OPTIONS).prepare(found[1], 1)
    assert "recursion" not in str(raised.value)


@pytest.mark.parametrize("rest", BROKEN.values(), ids=BROKEN)
def test_line_that_is_cut_after_its_id(path: Path, rest: bytes) -> None:
    """Is named with its number before anything is sent, with all others that are no requests."""
    cut = b'{"custom_id": "b"' + rest + b"\n"
    write(path, json.dumps(line("a")), "\n", cut, json.dumps(line("c")), "\n", cut)
    with pytest.raises(
        BatchFileError, match=r"(?s)2 lines are no requests.*\nline 2: .*\nline 4: "
    ) as caught:
        RequestFile(path, IdTable()).index()
    assert caught.value.line == 2


@given(st.data())
def test_line_cut_anywhere(data: st.DataObject) -> None:
    """Is no request, not even where its id can be read: what it was to ask for is lost."""
    raw = json.dumps(
        {
            "method": "POST",
            "custom_id": data.draw(st.text()),
            "body": {"prompt": data.draw(st.text())},
        }
    ).encode()
    assert parse_request_line(raw).custom_id == json.loads(raw)["custom_id"]
    with pytest.raises(ValueError, match=r".+"):
        parse_request_line(raw[: data.draw(st.integers(0, len(raw) - 1))])


CUT = [
    b"{",
    b'{"custom_id": "b',
    b'{"method": "POST"',
    b'{"custom_id": "b", "body": {"prompt": "cut h',
    b'{"custom_id": "b", "body": {"prompt": "x"}',
    b'{"custom_id": "b", "body": {"prompt": "\xc3',
    b'{"custom_id": "b", "body": {"n": tr',
    b'{"custom_id": "b", "body": ' + b"[" * 5000,
]
"""Beginnings of a line."""


@pytest.mark.parametrize("cut", CUT)
def test_unfinished_last_line_is_left_to_the_next_start(path: Path, cut: bytes) -> None:
    """Whoever writes it isn't done: it is no request yet, even if its end comes during the run."""
    ids = IdTable()
    first = json.dumps(line("a")).encode() + b"\n"
    write(path, first, cut)
    requests = RequestFile(path, ids)
    assert requests.index() == 1
    assert requests.unfinished_line == 2
    write(path, first, cut, b'"}}\n')
    assert [item.custom_id for item in requests.unfinished()] == ["a"]


def test_line_that_was_finished_since(path: Path) -> None:
    """Is a request like any other, also without a line end."""
    whole = json.dumps(line("a"))
    write(path, whole[:-1])
    requests = RequestFile(path, IdTable())
    assert (requests.index(), requests.unfinished_line) == (0, 1)
    write(path, whole)
    requests = RequestFile(path, IdTable())
    assert (requests.index(), requests.unfinished_line) == (1, None)


@given(st.data())
def test_every_beginning_of_a_line_is_unfinished(data: st.DataObject) -> None:
    """Wherever it is cut."""
    text = st.text()
    raw = json.dumps(
        {"custom_id": data.draw(text), "body": {"prompt": data.draw(text), "n": [1, -2.5e3, None]}},
        ensure_ascii=data.draw(st.booleans()),
    ).encode()
    assert not is_unfinished(raw)
    assert is_unfinished(raw[: data.draw(st.integers(1, len(raw) - 1))])


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "[]",
        "3",
        "{}",
        '{"custom_id": "b"} {"custom_id": "c"}',
        '{"custom_id": "b"} {"custom_id": "c',
        '{"custom_id": "b"}\r{"custom_id": "c"}\r',
        '{"custom_id" "b"',
        '{"custom_id": "b", "custom_id": "c", 3',
        '{"custom_id": ]',
    ],
)
def test_what_can_be_no_beginning_is_refused(path: Path, bad: str) -> None:
    """Without a line end as well: more of it would make no request."""
    write(path, json.dumps(line("ok")), "\n", bad)
    with pytest.raises(BatchFileError, match=r"in\.jsonl, line 2: (not|custom_id)"):
        RequestFile(path, IdTable()).index()


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "same length": lambda raw: raw.replace(b"Once", b"Then"),
    "other ids": lambda raw: raw.replace(b"id-", b"no-"),
    "longer": lambda raw: raw.replace(b"prompt", b"a longer prompt"),
    "shorter": lambda raw: raw.replace(b"prompt", b"p"),
    "without its end": lambda raw: raw[:-1],
    "half": lambda raw: raw[: len(raw) // 2],
    "nothing": lambda raw: b"",
    "moved": lambda raw: b"\n" + raw,
}


@pytest.mark.parametrize("block", [16, 2**20])
@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_file_that_changes_meanwhile(
    path: Path,
    changed: Callable[[bytes], bytes],
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Is an error, however it keeps its size and times; nothing of what was changed comes out."""
    monkeypatch.setattr(request_file, "BUFFER", block)
    raw = b"".join(json.dumps(item).encode() + b"\n" for item in [*lines(9), line("id-9")])
    write(path, raw)
    requests = RequestFile(path, IdTable())
    requests.index()
    times = path.stat()
    write(path, changed(raw))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    found: list[RequestLine] = []
    with pytest.raises(BatchFileError, match=r"in\.jsonl was changed while its requests were sent"):
        found.extend(requests.unfinished())
    sent = b"".join(bytes(item.body) for item in found)
    assert [item.custom_id for item in found] == [f"id-{number}" for number in range(len(found))]
    assert sent == b"".join(re.findall(rb'"body": (\{.*?\})', raw))[: len(sent)]


def begun(path: Path) -> tuple[bytes, Iterator[RequestLine]]:
    """A file of nine requests, and what is read of it once it was indexed."""
    raw = b"".join(json.dumps(item).encode() + b"\n" for item in lines(9))
    write(path, raw)
    requests = RequestFile(path, IdTable())
    requests.index()
    return raw, requests.unfinished()


@pytest.mark.parametrize("block", [64, 2**20])
@pytest.mark.parametrize("replaced", [False, True])
def test_change_between_two_reads_of_a_file(
    path: Path, block: int, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops it at the block that has changed, even if that is read already."""
    monkeypatch.setattr(request_file, "BUFFER", block)
    raw, reading = begun(path)
    assert next(reading).custom_id == "id-0"
    if replaced:
        new = path.with_name("new")
        write(new, raw.replace(b"id-8", b"no-8") + b"\n")
        new.replace(path)
    else:
        write(path, raw.replace(b"id-8", b"no-88"))
    taken: list[RequestLine] = []
    with pytest.raises(BatchFileError, match="was changed"):
        taken.extend(reading)
    assert len(taken) <= (0 if block > 64 else 7)


@pytest.mark.parametrize("block", [64, 2**20])
@pytest.mark.parametrize("how", ["touched", "appended", "gone", "replaced by the same"])
def test_file_whose_lines_stay(
    path: Path, block: int, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't changed by another time, by lines behind its own, or by another name."""
    monkeypatch.setattr(request_file, "BUFFER", block)
    raw, reading = begun(path)
    taken = [next(reading), next(reading)]
    if how == "touched":
        os.utime(path, ns=(1, 1))
    elif how == "appended":
        write(path, raw + raw)
    else:
        path.rename(path.with_name("old"))
        if how == "replaced by the same":
            write(path, raw)
    taken.extend(reading)
    assert [item.custom_id for item in taken] == [f"id-{number}" for number in range(9)]


@pytest.mark.parametrize("block", [16, 2**20])
@pytest.mark.parametrize("more", [*"abc", "nonsense", '{"custom_id": "c'])
def test_lines_that_are_appended_meanwhile(
    path: Path, more: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are left to the next start: nobody has looked whether their ids were there before."""
    monkeypatch.setattr(request_file, "BUFFER", block)
    written = [json.dumps(line(name)) + "\n" for name in "ab"]
    write(path, *written)
    requests = RequestFile(path, IdTable())
    requests.index()
    write(path, *written, json.dumps(line(more)) if len(more) == 1 else more)
    assert [item.custom_id for item in requests.unfinished()] == ["a", "b"]


@given(st.binary().filter(lambda raw: b"\n" not in raw and raw.strip()))
@example(b'{"custom_id":"b","custom_id":"c"}')
@example(
    b'{"custom_id":"b","method":"POST","url":"/v1/completions","body":{"n":' + b"9" * 5000 + b"}}"
)
def test_any_bytes_as_a_line(raw: bytes) -> None:
    """A line is a request with an id, or refused before anything is sent; the id is the same both times."""
    try:
        parsed = parse_request_line(raw)
    except ValueError:
        return
    assert parse_request_line(raw).custom_id == parsed.custom_id
    with contextlib.suppress(InvalidRequestError):
        Preparer(OPTIONS).prepare(parsed, 0)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[])),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"custom_id": st.text()},
        optional={
            "method": JSON | st.just("POST"),
            "url": JSON | st.just("/v1/completions"),
            "body": JSON,
            "more": JSON,
        },
    )
)
def test_any_object_with_an_id_is_a_request(item: dict[str, object]) -> None:
    """It gives a job, or says what is wrong; and the careful way finds the same id as the fast one."""
    raw = json.dumps(item).encode()
    assert (
        parse_request_line(raw).custom_id
        == item["custom_id"]
        == text_of(fields_of(raw)["custom_id"])
    )
    with contextlib.suppress(InvalidRequestError):
        Preparer(OPTIONS).prepare(parse_request_line(raw), 0)


def test_names_that_arent_text_are_passed_over() -> None:
    """The fields beside them are found."""
    assert fields_of(b'{"\xff": 1, "a": [2, {"b": "]"}], "a": 3}') == {"a": b"3"}
