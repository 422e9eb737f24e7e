"""Files of requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from horay_async.batch import BatchFileError
from horay_async.batch.ids import FINISHED, IdTable
from horay_async.batch.inputs import index_input, read

from .conftest import line, lines


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
    ids = IdTable()
    assert index_input(path, ids) == 3
    found = list(read(path, ids))
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
    ids = IdTable()
    assert index_input(path, ids) == 2
    assert [item.custom_id for item in read(path, ids)] == ["a", "b"]


def test_finished_requests_are_left_out(path: Path) -> None:
    """Those with an answer."""
    write(path, *(json.dumps(item) + "\n" for item in lines(5)))
    ids = IdTable()
    ids.mark("id-1", FINISHED)
    ids.mark("id-4", FINISHED)
    assert index_input(path, ids) == 5
    assert [item.custom_id for item in read(path, ids)] == ["id-0", "id-2", "id-3"]


def test_empty_file(path: Path) -> None:
    """Holds no requests."""
    path.touch()
    assert index_input(path, IdTable()) == 0


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "{",
        "[]",
        "3",
        "{}",
        '{"custom_id": 3}',
        '{"custom_id": null}',
        '{"custom_id": "a"} {"custom_id": "b"}',
        b'{"custom_id": "\xff"}',
        '{"custom_id": "x", "body": ' + "[" * 5000,
    ],
)
def test_bad_line_is_named(path: Path, bad: str | bytes) -> None:
    """With its file and number, before anything is sent."""
    write(path, json.dumps(line("ok")), "\n\n", bad, "\n")
    with pytest.raises(BatchFileError, match=r"in\.jsonl, line 3: not a JSON object") as caught:
        index_input(path, IdTable())
    assert (caught.value.path, caught.value.line) == (str(path), 3)


def test_duplicate_id_is_named(path: Path) -> None:
    """With both its lines."""
    write(path, *(json.dumps(line(name)) + "\n" for name in ("a", "b", "c", "b")))
    with pytest.raises(BatchFileError, match=r"line 4: the custom_id 'b' was in line 2") as caught:
        index_input(path, IdTable())
    assert caught.value.line == 4
