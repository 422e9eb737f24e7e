"""The file of results as a record."""

from __future__ import annotations

import codecs
import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horay_async import APIConnectionError, RateLimitError, read_results
from horay_async._protocol.wire.decode import decoder
from horay_async.batch import BatchFileError, BatchResult
from horay_async.batch.ids import LISTED, IdTable
from horay_async.batch.locks import FileLock
from horay_async.batch.result_file import ResultFile
from horay_async.batch.result_lines import HEAD, line_of
from horay_async.models.chat import ChatCompletion
from tests.readers import made_meta


def written(*names: str, failing: tuple[str, ...] = ()) -> bytes:
    """Lines of results, some of them failures."""
    return b"".join(
        json.dumps(
            {
                "id": "x",
                "custom_id": name,
                "response": {"status_code": 500 if name in failing else 200},
            }
        ).encode()
        + b"\n"
        for name in names
    )


def result(name: str) -> BatchResult[Any]:
    error = RateLimitError("too much", status_code=429)
    return BatchResult(index=0, custom_id=name, request=None, error=error)


def outcome(name: str, good: bool) -> BatchResult[Any]:
    """A response, or a failure without one."""
    error = None if good else RateLimitError("no", status_code=200)
    return BatchResult(
        index=0, custom_id=name, request=None, response=WELL if good else None, error=error
    )


WELL: Any = decoder(ChatCompletion).decode(b'{"choices": []}')
WELL.meta = made_meta()


def names_in(path: Path) -> list[str]:
    """The ids of a file that holds whole lines alone."""
    data = path.read_bytes()
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(raw)["custom_id"] for raw in data.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def opened(
    path: Path, *listed: str, retry_failed: bool = False
) -> tuple[ResultFile, int, list[str]]:
    """A file of results, how many of the listed are finished, and which."""
    ids = IdTable()
    for name in listed:
        ids.mark(name, LISTED)
    result_file = ResultFile(path)
    finished = result_file.open(ids, retry_failed=retry_failed)
    return (
        result_file,
        finished.total,
        [name for name in listed if not ids.is_unfinished(name)],
    )


def behind(path: Path, data: bytes) -> list[str]:
    """The ids of the lines behind `data`, with which a file begins."""
    found = path.read_bytes()
    assert found.startswith(data)
    return [json.loads(raw)["custom_id"] for raw in found.removeprefix(data).splitlines()]


def retried(path: Path, *listed: str, again: tuple[str, ...] = ("b",)) -> ResultFile:
    """The same after a run that has sent `again`, failures of before, once more. They fail again: `result` is a failure."""
    result_file = opened(path, *listed, retry_failed=True)[0]
    for name in again:
        result_file.append([result(name)])
    result_file.drop_superseded()
    return result_file


def test_new_file(path: Path) -> None:
    """Begins empty; what is appended is there at once."""
    result_file, finished, _ = opened(path, "a")
    assert finished == 0
    result_file.append([result("a"), result("b")])
    assert names_in(path) == ["a", "b"]
    result_file.append([])
    result_file.close()
    result_file.close()


def test_existing_file_is_gone_on_with(path: Path) -> None:
    """What it holds is finished, failures included; what isn't asked for doesn't count."""
    path.write_bytes(written("a", "other", "c", failing=("c",)))
    result_file, finished, names = opened(path, "a", "b", "c")
    assert (finished, names) == (2, ["a", "c"])
    result_file.append([result("b")])
    assert names_in(path) == ["a", "other", "c", "b"]
    result_file.close()


@pytest.mark.parametrize("failing", [(), ("a",)])
def test_byte_order_mark(path: Path, failing: tuple[str, ...]) -> None:
    """An editor that puts one before the first line costs no result, and keeps no failure from being replaced."""
    path.write_bytes(codecs.BOM_UTF8 + written("a", "b", failing=failing))
    assert [found.custom_id for found in read_results(path)] == ["a", "b"]
    result_file, finished, names = opened(path, "a", "b")
    assert (finished, names, result_file.unreadable) == (2, ["a", "b"], [])
    result_file.close()
    retried(path, "a", "b", again=failing).close()
    left = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    assert [json.loads(raw)["custom_id"] for raw in left.splitlines()] == (
        ["b", "a"] if failing else ["a", "b"]
    )


def test_failures_are_replaced(path: Path) -> None:
    """Each by the new line of its request, and not before that is there; everything else stays as it was."""
    before = written("a", "b") + b"\n" + written("c", "d", "e", failing=("c", "e"))
    path.write_bytes(before)
    result_file, finished, names = opened(path, *"abcde", retry_failed=True)
    assert (finished, names) == (3, ["a", "b", "d"])
    result_file.drop_superseded()
    assert path.read_bytes() == before
    result_file.append([result("c")])
    assert behind(path, before) == ["c"]
    result_file.drop_superseded()
    kept = written("a", "b") + b"\n" + written("d", "e", failing=("e",))
    assert behind(path, kept) == ["c"]
    result_file.append([result("e")])
    result_file.close()
    assert sorted(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("retry_failed", [False, True])
@pytest.mark.parametrize(
    ("later", "expected"), [((), ((2, 0), (2, 0))), (("b",), ((2, 1), (1, 0)))]
)
def test_run_that_was_killed_while_it_sent_failures_again(
    path: Path, retry_failed: bool, later: tuple[str, ...], expected: tuple[tuple[int, int], ...]
) -> None:
    """The later line counts, and the next run takes the one before it out. What isn't listed stays."""
    other = written("x", failing=("x",)) + written("x")
    before = other + written("b", "a", failing=("b",)) + written("b", failing=later)
    path.write_bytes(before)
    ids = IdTable()
    for name in "abc":
        ids.mark(name, LISTED)
    result_file = ResultFile(path)
    assert result_file.open(ids, retry_failed=retry_failed) == expected[retry_failed]
    assert path.read_bytes() == before
    assert ids.is_unfinished("b") == (retry_failed and bool(later))
    assert ids.is_unfinished("c")
    if ids.is_unfinished("b"):
        result_file.append([result("b")])
        result_file.drop_superseded()
        assert behind(path, other + written("a")) == ["b"]
    else:
        result_file.drop_superseded()
        assert path.read_bytes() == other + written("a") + written("b", failing=later)
    result_file.close()


OUTCOMES = st.lists(st.tuples(st.sampled_from("abcdx"), st.booleans()), max_size=8)


@given(OUTCOMES, st.lists(st.tuples(st.booleans(), OUTCOMES, st.booleans()), max_size=6))
def test_any_runs(
    tmp_path_factory: pytest.TempPathFactory,
    held: list[tuple[str, bool]],
    runs: list[tuple[bool, list[tuple[str, bool]], bool]],
) -> None:
    """Whatever lines a file holds, and whichever runs were killed: a success is never sent again, a failure on demand alone and by its
    last line, and of a request's failures a run that ends well leaves none that has a line of it behind.
    """
    path = tmp_path_factory.mktemp("runs") / "out.jsonl"
    path.write_bytes(b"".join(line_of(outcome(*one)) for one in held))
    now = list(held)
    for retry_failed, sent, killed in runs:
        result_file, finished, names = opened(path, *"abcd", retry_failed=retry_failed)
        well = {name for name, good in now if good}
        failed = {name for name, _ in now} - well
        done = well if retry_failed else well | failed
        expected = sorted(done - {"x"})
        assert (finished, names) == (len(expected), expected)
        for name, good in dict(sent).items():
            if name not in (*names, "x"):
                result_file.append([outcome(name, good)])
                now.append((name, good))
        if not killed:
            result_file.drop_superseded()
            now = [
                (name, good)
                for at, (name, good) in enumerate(now)
                if good
                or name == "x"
                or (name, True) in now[:at]
                or name not in dict(now[at + 1 :])
            ]
        result_file.close()
        found = [json.loads(raw) for raw in path.read_bytes().splitlines()]
        assert [(line["custom_id"], line["error"] is None) for line in found] == now


def kinds_of(path: Path) -> list[tuple[str, str]]:
    """The lines of a file: the id, and whether it is a success, a failure with something of a response, or one without."""
    lines = [json.loads(raw) for raw in path.read_bytes().splitlines()]
    kinds = {(True, True): "good", (False, True): "paid", (False, False): "bad"}
    return [
        (line["custom_id"], kinds[line["error"] is None, line["response"] is not None])
        for line in lines
    ]


def of_kind(name: str, kind: str) -> BatchResult[Any]:
    """A result of one of these kinds."""
    made = outcome(name, good=kind == "good")
    if kind == "paid":
        made.error = APIConnectionError("it broke", partial=WELL, execution="executed")
    return made


KINDS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["good", "paid", "bad"]))


@given(st.lists(st.tuples(st.booleans(), KINDS), max_size=5))
def test_nothing_that_came_is_lost(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[bool, dict[str, str]]]
) -> None:
    """However often failures are sent again: what came of a request stays until more of it comes, and there is one line each."""
    path = tmp_path_factory.mktemp("runs") / "out.jsonl"
    held: dict[str, str] = {}
    for retry_failed, sent in runs:
        result_file, _, names = opened(path, *"abc", retry_failed=retry_failed)
        for name, kind in sent.items():
            if name not in names:
                result_file.append([of_kind(name, kind)])
                if (held.get(name), kind) != ("paid", "bad"):
                    held[name] = kind
        result_file.drop_superseded()
        result_file.close()
        assert sorted(kinds_of(path)) == sorted(held.items())


def test_failure_behind_one_with_a_response(path: Path) -> None:
    """As in files of other makes: the one that has something of a response stays."""
    lines = [of_kind("a", "bad"), of_kind("a", "paid"), of_kind("a", "bad"), of_kind("b", "good")]
    path.write_bytes(b"".join(map(line_of, lines)))
    result_file, finished, _ = opened(path, "a", "b")
    assert finished == 2
    result_file.drop_superseded()
    result_file.close()
    assert kinds_of(path) == [("a", "paid"), ("b", "good")]


@given(
    st.lists(st.sampled_from(["damaged", "blank", *"abcdef"])),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
)
def test_numbers_of_damaged_lines(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], failing: set[str], again: set[str]
) -> None:
    """They are those of the file as it is, whatever was taken out of it."""
    path = tmp_path_factory.mktemp("numbers") / "out.jsonl"
    other = {"damaged": b'{"id":"batch_req_x"}\n', "blank": b"\n"}
    lines = [other.get(kind) or line_of(outcome(kind, kind not in failing)) for kind in kinds]
    path.write_bytes(line_of(outcome("x", good=True)) + b"".join(lines))
    result_file, _, names = opened(path, *"abcdef", retry_failed=True)

    def are_told() -> bool:
        found = path.read_bytes().splitlines(keepends=True)
        damaged = [number for number, raw in enumerate(found, 1) if raw == other["damaged"]]
        return result_file.unreadable == damaged

    assert are_told()
    result_file.append(outcome(name, good=True) for name in sorted(again - set(names)))
    for _ in range(2):
        result_file.drop_superseded()
        assert are_told()
    result_file.close()


def test_nothing_is_rewritten_without_need(path: Path) -> None:
    """Where no failure was sent again the file stays the same one."""
    path.write_bytes(written("a", "b", failing=("b",)))
    before = path.stat().st_ino
    retried(path, "a", "b", again=()).close()
    assert path.stat().st_ino == before


@pytest.mark.parametrize("cut", range(1, len(written("b"))))
def test_torn_last_line_is_cut_off(path: Path, cut: int) -> None:
    """Wherever it was torn; a line that lacks nothing but its end is kept."""
    path.write_bytes(written("a") + written("b")[:cut])
    result_file, finished, names = opened(path, "a", "b")
    whole = cut == len(written("b")) - 1
    assert names == (["a", "b"] if whole else ["a"])
    assert finished == len(names)
    assert path.read_bytes() == written(*names)
    result_file.append([result("c")])
    result_file.close()
    assert names_in(path) == [*names, "c"]


def test_zeros_at_the_end_are_cut_off(path: Path) -> None:
    """As some file systems leave them after a loss of power."""
    path.write_bytes(written("a") + bytes(100))
    result_file, _, names = opened(path, "a")
    result_file.close()
    assert names == ["a"]
    assert path.read_bytes() == written("a")


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"name,value\n1,2\n", 1),
        (written("a") + b"{}\n" + written("b"), 2),
        (written("a") + b'{"custom_id": "b"\n', 2),
        (written("a") + b"dear diary", 2),
        (b"\xff\xfe", 1),
    ],
)
def test_foreign_file_is_left_alone(path: Path, data: bytes, number: int) -> None:
    """It is no record of a batch, and nothing is cut off from it."""
    path.write_bytes(data)
    with pytest.raises(BatchFileError, match=rf"out\.jsonl, line {number}: not a line") as caught:
        opened(path, "a")
    assert (caught.value.path, caught.value.line) == (str(path), number)
    assert path.read_bytes() == data


REQUEST = (
    b'{"custom_id": "b", "method": "POST", "url": "/v1/completions", "body": {"model": "m"}}\n'
)


LABEL = b'{"custom_id": "a", "label": "cat", "annotator": "Ann"}\n'


@pytest.mark.parametrize("retry_failed", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        LABEL * 2,
        LABEL[:-1],
        b'{"custom_id": "a", "response": "a text"}\n',
        b'{"custom_id": "a", "error": "a typo"}\n',
        b'{"custom_id": "a", "error": null, "label": "cat"}\n',
        b'{"custom_id": "a", "label": "\\ud83d"}\n',
    ],
)
def test_lines_that_say_nothing_of_a_result(path: Path, data: bytes, retry_failed: bool) -> None:
    """A file of something else as OUT is refused, whatever ids it has, and stays as it is."""
    path.write_bytes(data)
    with pytest.raises(BatchFileError, match=r"line 1: not a line of a batch's results"):
        opened(path, "a", "b", retry_failed=retry_failed)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [b'{"mine": [1, 2', b'{"custom_id": "a", "note', b"{", b'"text'])
def test_beginning_of_something_else(path: Path, data: bytes) -> None:
    """Without a result in the file, a last line without an end is cut off only where it begins as those do."""
    path.write_bytes(data)
    if HEAD.startswith(data):
        opened(path, "a")[0].close()
        assert path.read_bytes() == b""
        return
    with pytest.raises(BatchFileError, match=r"line 1: not a line of a batch's results"):
        opened(path, "a")
    assert path.read_bytes() == data


def test_failures_of_other_files_stay(path: Path) -> None:
    """Only what is sent again is taken out: a line whose request isn't in the file may hold the only response."""
    other, mine = line_of(result("x")), line_of(result("a"))
    path.write_bytes(written("x") + other + mine)
    retried(path, "a", again=("a", "x")).close()
    assert behind(path, written("x") + other) == ["a", "x"]


@pytest.mark.parametrize("retry_failed", [False, True])
@pytest.mark.parametrize(
    ("data", "number"),
    [
        (REQUEST, 1),
        (REQUEST[:-1], 1),
        (REQUEST[:-9], 1),
        (REQUEST[:45], 1),
        (b'{"custom_id": "b", "body": {"x": "\\ud83d"}, "more": "\\ud83d"}\n', 1),
        (written("a") + REQUEST, 2),
        (line_of(result("a")) + b"\n" + REQUEST + line_of(result("c")), 3),
    ],
    ids=["whole", "no line end", "cut off", "cut off early", "half a pair", "behind", "between"],
)
def test_requests_are_no_results(path: Path, data: bytes, number: int, retry_failed: bool) -> None:
    """A file of requests as OUT, such as where IN and OUT were swapped, is refused, and stays as it is."""
    path.write_bytes(data)
    with pytest.raises(BatchFileError, match=rf"line {number}: .*it is a request") as caught:
        opened(path, "a", "b", retry_failed=retry_failed)
    assert (caught.value.path, caught.value.line) == (str(path), number)
    assert path.read_bytes() == data


def cut_in_two(line: bytes) -> bytes:
    """A line end in the middle."""
    return line.replace(b'"response":', b'"response"\n')


def with_zeros(line: bytes) -> bytes:
    """As a lost sector leaves it."""
    return line[: line.index(b"custom_") + 7] + bytes(50) + line[line.index(b'","body"') :]


def without_middle(line: bytes) -> bytes:
    """The body stands where a request's does."""
    return line.replace(b'"response":{"status_code":429,"request_id":"",', b"")


@pytest.mark.parametrize("damage", [cut_in_two, with_zeros, without_middle])
def test_damaged_results_are_no_requests(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Though the body of a response is left on its own: the line is left out, and its request sent again."""
    damaged = damage(line_of(result("b")))
    assert damaged != line_of(result("b"))
    path.write_bytes(line_of(result("a")) + damaged + line_of(result("c")))
    result_file, finished, _ = opened(path, "a", "b", "c")
    result_file.close()
    assert finished == 2


@pytest.mark.parametrize("more", [b'"response": {"status_code": 200}', b'"error": {"code": "x"}'])
def test_result_that_repeats_its_request(path: Path, more: bytes) -> None:
    """Is a result, whatever other writers put beside it."""
    path.write_bytes(REQUEST[:-2] + b", %b}\n" % more)
    result_file, finished, names = opened(path, "b")
    result_file.close()
    assert (finished, names) == (1, ["b"])


def test_full_disk_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What there was no room for is cut off, and the error says how to go on."""
    result_file, _, _ = opened(path)
    result_file.append([result("a")])
    size = path.stat().st_size
    room = [size + size // 2]
    real = os.write

    def write(handle: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(handle, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(BatchFileError, match=r"No space left on device.*start again") as caught:
        result_file.append([result("b"), result("c"), result("d")])
    assert caught.value.path == str(path)
    assert names_in(path) == ["a", "b"]
    result_file.close()


def test_file_that_cant_be_cut_is_cut_by_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first error is the one that counts."""

    def fail(*args: object) -> int:
        raise OSError(errno.EIO, "broken")

    result_file, _, _ = opened(path)
    monkeypatch.setattr(os, "write", fail)
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(BatchFileError, match="broken"):
        result_file.append([result("a")])
    result_file.close()


def test_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where something was written since; a disk that fails is told of."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    result_file, _, _ = opened(path)
    result_file.sync()
    result_file.append([result("a")])
    result_file.sync()
    result_file.sync()
    assert len(synced) == 1

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    result_file.append([result("b")])
    with pytest.raises(BatchFileError, match="broken"):
        result_file.sync()
    result_file.close()


def test_earlier_failures_are_counted(path: Path) -> None:
    """Among what is listed and finished; those that are taken out again aren't finished."""
    path.write_bytes(written("a", "b", "c", "gone", failing=("b", "gone")))
    for retry_failed, expected in ((False, (3, 1)), (True, (2, 0))):
        ids = IdTable()
        for name in ("a", "b", "c", "d"):
            ids.mark(name, LISTED)
        result_file = ResultFile(path)
        assert result_file.open(ids, retry_failed=retry_failed) == expected
        result_file.close()


OURS = (
    b'{"id":"batch_req_x","custom_id":"%b","response":{"status_code":200,"body":%b},"error":null}\n'
)


def ours(*names: str, body: bytes = b"{}") -> bytes:
    """Lines as they are written here."""
    return b"".join(OURS % (name.encode(), body) for name in names)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "body",
    [rb'"\ud83d"', b"[" * 50_000 + b"]" * 50_000, b"1" * 5000],
    ids=["half a pair", "deep", "digits"],
)
def test_response_that_cant_be_decoded_is_finished(path: Path, body: bytes) -> None:
    """Its line has an id and a status; that is all that is asked of it."""
    data = ours("a") + ours("b", body=body) + ours("c")
    path.write_bytes(data)
    result_file, finished, names = opened(path, "a", "b", "c", "d")
    assert (finished, names) == (3, ["a", "b", "c"])
    result_file.append([result("d")])
    result_file.close()
    assert path.read_bytes().startswith(data)


@pytest.mark.parametrize(
    "garbage",
    [
        ours("b")[:40] + b"\n",
        ours("b")[20:],
        b"\xff\xfe\n",
        b"\0" * 50 + ours("b"),
        b"dear diary\n",
        b"{}\n",
        b'{"custom_id": 3}\n',
        b'{"custom_id": "b", "label": "cat"}\n',
        ours("b")[:60] + ours("b"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_line_that_cant_be_read_costs_its_own_id(path: Path, garbage: bytes, before: bool) -> None:
    """Where there are lines of ours: it stays, its id is run again, and all others are finished."""
    data = (ours("a") if before else b"") + garbage + ours("c")
    path.write_bytes(data)
    result_file, _, names = opened(path, *("abc" if before else "bc"))
    assert names == (["a", "c"] if before else ["c"])
    result_file.append([result("b")])
    result_file.close()
    assert path.read_bytes().startswith(data)
    assert opened(path, "a", "b", "c")[2] == (["a", "b", "c"] if before else ["b", "c"])


@pytest.mark.parametrize("retry_failed", [False, True])
@given(
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=30))),
    st.floats(0, 1),
)
def test_any_file_of_results(
    tmp_path_factory: pytest.TempPathFactory,
    retry_failed: bool,
    names: list[str],
    garbage: list[tuple[int, bytes]],
    cut: float,
) -> None:
    """Cut anywhere and with anything between its lines, it is refused and left alone, or all that has a whole
    line is finished, and what is appended can be read.
    """
    path = tmp_path_factory.mktemp("any") / "out.jsonl"
    pieces = [ours(name) for name in names]
    for at, piece in garbage:
        pieces.insert(at, piece + b"\n")
    data = b"".join(pieces)
    data = data[: round(len(data) * cut)]
    path.write_bytes(data)
    whole = [name for name in names if ours(name)[:-1] in data.split(b"\n")]
    try:
        result_file, _, found = opened(path, *"abcdef", retry_failed=retry_failed)
    except BatchFileError:
        assert path.read_bytes() == data
        assert not whole
        return
    assert found == sorted(whole)
    result_file.append([result("new")])
    result_file.close()
    assert opened(path, "new", *"abcdef")[2] == ["new", *sorted(whole)]


@pytest.mark.posix
def test_permissions_are_kept(path: Path) -> None:
    """Where the file is written anew."""
    path.write_bytes(written("a", "b", failing=("b",)))
    path.chmod(0o600)
    retried(path, "a", "b").close()
    assert names_in(path) == ["a", "b"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.posix
@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away"
)
def test_failures_of_somebody_elses_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It can't be written anew, whole or not at all, without becoming ours: that is said, and nothing is lost."""
    before = written("a", "b", failing=("b",))
    path.write_bytes(before)
    os.chown(path, 1234, 1234)

    def chown(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.chown", chown)
    retried(path, "a", "b").close()
    assert "1 failures stay beside the later lines of their requests: It belongs to" in caplog.text
    assert behind(path, before) == ["b"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.posix
def test_failures_of_a_file_behind_a_link(path: Path) -> None:
    """The link stays one; files that only look like ours beside it stay as well."""
    path.write_bytes(written("a", "b", failing=("b",)))
    link = path.with_name("link")
    link.symlink_to(path)
    for name in ("out.jsonl.new", "link.new", "out.jsonl.lock"):
        path.with_name(name).write_text("mine")
    retried(link, "a", "b").close()
    assert link.is_symlink()
    assert names_in(path) == ["a", "b"]
    for name in ("out.jsonl.new", "link.new", "out.jsonl.lock"):
        assert path.with_name(name).read_text() == "mine"
    assert len(list(path.parent.iterdir())) == 5


@pytest.mark.posix
def test_failures_of_a_file_with_other_names(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Can't be taken out of it under all of them at once, so they aren't."""
    data = written("a", "b", failing=("b",))
    path.write_bytes(data)
    other = path.with_name("other")
    os.link(path, other)
    with pytest.raises(BatchFileError, match="other names"):
        opened(path, "a", "b", retry_failed=True)
    assert other.samefile(path)
    assert path.read_bytes() == data
    opened(path, "a", "b")[0].close()
    path.write_bytes(data + written("b"))
    result_file = opened(path, "a", "b")[0]
    result_file.drop_superseded()
    result_file.close()
    assert other.read_bytes() == data + written("b")
    assert "it has other names, hard links" in caplog.text


def test_failures_stay_where_there_is_no_room(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is as it was, nothing is left beside it, and it isn't locked."""
    data = written("a", "b", failing=("b",))
    path.write_bytes(data)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        retried(path, "a", "b").close()
    assert "1 failures stay beside the later lines of their requests: No space" in caplog.text
    assert behind(path, data) == ["b"]
    assert list(path.parent.iterdir()) == [path]
    result_file = opened(path, "a", "b")[0]
    result_file.drop_superseded()
    result_file.close()
    assert behind(path, written("a")) == ["b"]


def test_file_that_was_written_anew_stays_locked(path: Path) -> None:
    """Under its name there is no moment in which another run could have it."""
    path.write_bytes(written("a", "b", failing=("b",)))
    result_file = retried(path, "a", "b")
    with pytest.raises(BatchFileError, match="another run"):
        opened(path, "a")
    result_file.append([result("c")])
    result_file.close()
    assert names_in(path) == ["a", "b", "c"]


def test_file_that_is_removed_meanwhile(path: Path) -> None:
    """Nothing is written to where nobody could find it."""
    result_file, _, _ = opened(path)
    path.unlink()
    with pytest.raises(BatchFileError, match="it was removed meanwhile"):
        result_file.append([result("a")])
    result_file.close()


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_file_that_gets_another_name_meanwhile(path: Path, *, linked: bool, replaced: bool) -> None:
    """As by a rotation of logs, or an editor that keeps the old file: the next start wouldn't find what is written to that."""
    if linked:
        path.with_name("kept").touch()
        path.symlink_to("kept")
    result_file, _, _ = opened(path)
    result_file.append([result("a")])
    path.rename(path.with_name("before"))
    if replaced:
        path.write_bytes(written("a"))
    with pytest.raises(BatchFileError, match="or renamed, or another file was put in its place"):
        result_file.append([result("b")])
    with pytest.raises(BatchFileError, match="or renamed, or another file was put in its place"):
        result_file.sync()
    result_file.close()
    assert names_in(path.with_name("before")) == ["a"]


def test_file_whose_folder_is_left_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name is that of the folder in which the run began."""
    monkeypatch.chdir(path.parent)
    result_file, _, _ = opened(Path(path.name))
    monkeypatch.chdir("/")
    result_file.append([result("a")])
    result_file.close()
    assert names_in(path) == ["a"]


@pytest.mark.parametrize("left", [0, 1])
def test_file_that_is_truncated_meanwhile(path: Path, left: int) -> None:
    """Is noticed before more is written, and at the end; the next start sends again what is gone."""
    path.write_bytes(written("a"))
    result_file, _, _ = opened(path, "a")
    result_file.append([result("b"), result("c")])
    size = path.stat().st_size
    os.truncate(path, size - 1 if left else 0)
    with pytest.raises(BatchFileError, match="it was truncated meanwhile"):
        result_file.append([result("d")])
    with pytest.raises(BatchFileError, match="it was truncated meanwhile"):
        result_file.sync()
    assert path.stat().st_size == (size - 1 if left else 0)
    result_file.close()
    result_file, _, finished = opened(path, "a", "b", "c")
    assert finished == (["a", "b", "c"] if left else [])
    result_file.close()


def test_file_that_is_removed_at_the_end(path: Path) -> None:
    """After its last line was written."""
    result_file, _, _ = opened(path)
    result_file.append([result("a")])
    path.unlink()
    with pytest.raises(BatchFileError, match="it was removed meanwhile"):
        result_file.sync()
    result_file.close()


def test_truncated_file_that_others_have_appended_to(path: Path) -> None:
    """What others have appended before a line of ours counts as well."""
    result_file, _, _ = opened(path)
    with path.open("ab") as file:
        file.write(written("other"))
    result_file.append([result("a")])
    result_file.sync()
    os.truncate(path, path.stat().st_size - 10)
    with pytest.raises(BatchFileError, match="it was truncated meanwhile"):
        result_file.sync()
    result_file.close()


def test_what_others_append_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk takes away what was being written, and nothing else."""
    result_file, _, _ = opened(path)
    with path.open("ab") as file:
        file.write(written("other"))

    def fail(*args: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(BatchFileError, match="full"):
        result_file.append([result("a")])
    assert names_in(path) == ["other"]
    result_file.close()


DAMAGED = [
    b'"\0\0\0\0"',
    b'"\xff"',
    b'"\x1b"',
    rb'"\x"',
    b"nonsense",
    b"1\x002",
    b"{,}",
    b'{"a" 1}',
    b"-",
]


@pytest.mark.parametrize("body", DAMAGED, ids=repr)
def test_damage_within_a_line(path: Path, body: bytes) -> None:
    """What no JSON has, such as a power cut or a bad disk leave: the line isn't read, and the request is sent again."""
    path.write_bytes(ours("a") + ours("b", body=body) + ours("c"))
    result_file, finished, names = opened(path, "a", "b", "c")
    assert (finished, names, result_file.unreadable) == (2, ["a", "c"], [2])
    result_file.close()


def test_damage_over_the_end_of_a_line(path: Path) -> None:
    """Neither of two lines that became one counts."""
    first, second = ours("b", body=b'"BBBB"'), ours("c", body=b'"CCCC"')
    path.write_bytes(ours("a") + first[:-30] + b"\0" * 50 + second[20:])
    result_file, finished, names = opened(path, "a", "b", "c")
    assert (finished, names, result_file.unreadable) == (1, ["a"], [2])
    result_file.close()


@pytest.mark.parametrize("note", [b"dear diary", b'{"dear": "diary"}', b'["dear'])
def test_what_others_append_without_a_line_end(path: Path, note: bytes) -> None:
    """It stays, and a result begins a line of its own, be it appended before the run or meanwhile."""
    path.write_bytes(ours("a") + note)
    result_file, _, _ = opened(path, "a")
    for name in "bcd":
        with path.open("ab") as file:
            file.write({"b": b"", "c": note, "d": note + b"\n"}[name])
        result_file.append([result(name)])
    result_file.close()
    lines = path.read_bytes().splitlines()
    notes = [number for number, raw in enumerate(lines, 1) if raw == note]
    assert notes == [2, 4, 6]
    result_file, finished, _ = opened(path, "a", "b", "c", "d")
    assert (finished, result_file.unreadable) == (4, notes)
    result_file.close()


def test_windows_writes_the_bytes_that_were_given(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a file is opened as text unless it is said otherwise, and line ends become two bytes."""
    monkeypatch.setattr(os, "O_BINARY", os.O_NOATIME, raising=False)
    seen: list[int] = []
    real = os.open

    def spy(name: Any, flags: int, *rest: int) -> int:
        seen.append(flags)
        return real(name, flags & ~os.O_NOATIME, *rest)

    path.write_bytes(written("a", failing=("a",)))
    monkeypatch.setattr(os, "open", spy)
    retried(path, "a", again=("a",)).close()
    writing = [flags for flags in seen if flags & os.O_RDWR]
    assert len(writing) >= 2
    assert all(flags & os.O_NOATIME for flags in writing)


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_failures_are_replaced_between_lines_that_cant_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """Those stay: nobody knows what they were. On Windows the file is closed while it is replaced."""
    monkeypatch.setattr(sys, "platform", platform)
    garbage = b"dear diary\n"
    path.write_bytes(ours("a") + garbage + written("b", failing=("b",)) + b"\n" + ours("c"))
    result_file = retried(path, "a", "b", "c")
    assert behind(path, ours("a") + garbage + b"\n" + ours("c")) == ["b"]
    with pytest.raises(BatchFileError, match="another run"):
        opened(path, "a")
    result_file.append([result("b")])
    result_file.close()
    assert list(path.parent.iterdir()) == [path]


def test_new_file_of_a_run_that_wrote_nothing_on_windows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is closed before it is removed."""
    monkeypatch.setattr(sys, "platform", "win32")
    with FileLock(path):
        assert path.exists()
    assert not path.exists()


def test_sync_beside_appending(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread appends between two looks at the file isn't missing from the first."""
    result_file = opened(path, "a", "b")[0]
    look = os.fstat
    looks = 0

    def slow(handle: int) -> os.stat_result:
        nonlocal looks
        looks += 1
        found = look(handle)
        if looks == 1:
            result_file.append([result("b")])
        return found

    result_file.append([result("a")])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", slow)
        result_file.sync()
    result_file.close()
    assert names_in(path) == ["a", "b"]


@pytest.mark.parametrize("put", [written("z"), b"{\n", b"\n"])
def test_file_that_is_edited_in_place_meanwhile(path: Path, put: bytes) -> None:
    """A line that stands where a failure was isn't taken out in its stead."""
    path.write_bytes(written("a", "b", "c", failing=("b",)))
    result_file = opened(path, "a", "b", "c", retry_failed=True)[0]
    result_file.append([outcome("b", good=True)])
    edited = put + path.read_bytes()
    path.write_bytes(edited)
    result_file.drop_superseded()
    result_file.close()
    assert path.read_bytes() == edited
