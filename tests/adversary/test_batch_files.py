"""Batches against servers that respond in odd ways: what was paid for is there once, whenever a run was killed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from horay_async import AsyncHoray, BatchRequest, Horay, HorayError
from horay_async.testing import FaultServer, Request, ScriptedResponse, error, respond
from tests.adversary.draws import Draw, draws, json_value, text
from tests.adversary.echo import TOKEN
from tests.adversary.operations import with_clients
from tests.adversary.watchdog import in_time

FILES, CUTS, KILLED = 3, 30, 2
"""Files of requests, places where each file of results is cut, and files whose runs are killed."""

Body = Callable[[str, random.Random], bytes]


def whole(token: str, draw: random.Random, **more: Any) -> dict[str, Any]:
    """A response whose text says for whom it is."""
    before = text(draw) + "word " * draw.choice([0, 0, 500])
    content = f"{before} paid-{token}-paid {text(draw)}"
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [choice],
        **more,
    }


def encoded(token: str, draw: random.Random, **more: Any) -> bytes:
    """The same as JSON."""
    return json.dumps(whole(token, draw, **more), ensure_ascii=draw.random() < 0.5).encode()


ODD: dict[str, Body] = {
    "good": encoded,
    "on several lines": lambda token, draw: json.dumps(whole(token, draw), indent=1).replace("\n", "\r\n").encode(),
    "more fields": lambda token, draw: encoded(token, draw, x_mood=json_value(draw)),
    "NaN": lambda token, draw: encoded(token, draw, logprob=float("nan")),
    "no UTF-8": lambda token, draw: encoded(token, draw).replace(b"paid-", b"\xff paid-", 1),
    "more behind it": lambda token, draw: encoded(token, draw) + draw.choice([b"}", b"\nnull", b"{}", b"\0"]),
    "cut": lambda token, draw: encoded(token, draw)[: -draw.randint(1, 25)],
    "half a pair": lambda token, draw: encoded(token, draw).replace(b"paid-", rb"\ud83d paid-", 1),
    "half a pair in a name": lambda token, draw: encoded(token, draw)[:-1] + rb', "\udc00": 1}',
    "an unescaped tab": lambda token, draw: encoded(token, draw).replace(b"paid-", b"\t paid-", 1),
    "in a list": lambda token, draw: b"[" + encoded(token, draw) + b"]",
    "in an envelope": lambda token, draw: b'{"code": 20000, "data": ' + encoded(token, draw) + b"}",
    "with an error": lambda token, draw: encoded(token, draw, error={"message": "no"}),
    "a name twice": lambda token, draw: encoded(token, draw)[:-1] + b', "id": "d"}',
    "a byte order mark": lambda token, draw: b"\xef\xbb\xbf" + encoded(token, draw),
    "deep": lambda token, draw: encoded(token, draw)[:-1] + b', "x": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    "a long number": lambda token, draw: encoded(token, draw)[:-1] + b', "x": ' + b"7" * 5000 + b"}",
    "a text": lambda token, draw: ("word " * 500 + f"paid-{token}-paid").encode(),
    "a text in JSON": lambda token, draw: json.dumps(f"paid-{token}-paid").encode(),
    "a text as choice": lambda token, draw: json.dumps({"choices": [f"paid-{token}-paid"]}).encode(),
    "a text as message": lambda token, draw: json.dumps({"choices": [{"message": f"paid-{token}-paid"}]}).encode(),
    "another shape": lambda token, draw: json.dumps({"response": f"paid-{token}-paid"}).encode(),
    "events": lambda token, draw: b"data: " + encoded(token, draw).replace(b"\n", b" ") + b"\n\ndata: [DONE]\n\n",
}  # fmt: skip
"""What servers and gateways have sent with a status of success."""

FAILURES = [400, 404, 422]


class Odd:
    """A server that sends each token its own response; what it has sent with a status of success is paid for."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self.kinds: dict[str, str] = {}
        self.sent: Counter[str] = Counter()

    def new_token(self) -> str:
        """One whose kind of response is drawn."""
        token = f"token-{len(self.kinds) + 1}"
        self.kinds[token] = self._draw.choice([*ODD, *ODD, *map(str, FAILURES)])
        return token

    def __call__(self, request: Request) -> ScriptedResponse:
        found = TOKEN.search(request.body)
        assert found is not None
        token = found[0].decode()
        kind = self.kinds[token]
        self.sent[token] += 1
        if kind not in ODD:
            return error(int(kind), "no")
        return respond(ODD[kind](token, Draw(f"{self._draw!r} {token}")))

    def is_paid(self, token: str) -> bool:
        """Whether its response is one of success."""
        return self.kinds[token] in ODD


def line(token: str) -> str:
    """A line of a file of requests."""
    body = {"model": "m", "messages": [{"role": "user", "content": token}]}
    return (
        json.dumps(
            {"custom_id": token, "method": "POST", "url": "/v1/chat/completions", "body": body}
        )
        + "\n"
    )


def test_paid_responses_are_there() -> None:
    """Each in its own result: in the response, or in the error's body or what came of it."""
    seen: Counter[str] = Counter()

    async def check(server: FaultServer, client: AsyncHoray, _: Horay) -> None:
        for draw in draws("results", 6):
            odd = Odd(draw)
            server.always(odd)
            tokens = [odd.new_token() for _ in range(40)]
            requests = [
                BatchRequest.chat(
                    model="m", messages=[{"role": "user", "content": each}], custom_id=each
                )
                for each in tokens
            ]
            async for result in client.batch.run(requests, concurrency=4):
                token = result.custom_id
                seen[odd.kinds[token]] += 1
                assert odd.sent[token] == 1, (draw, token, odd.kinds[token])
                if odd.is_paid(token):
                    assert f"paid-{token}-paid" in said(result), (
                        draw,
                        token,
                        odd.kinds[token],
                        result,
                    )

    with_clients(check)
    assert len(seen) > len(ODD)


def said(result: Any) -> str:
    """All that a result holds."""
    if result.response is not None:
        return str(result.response.choices) + json.dumps(result.response.to_dict(), default=repr)
    failure = result.error
    assert isinstance(failure, HorayError)
    held = [
        getattr(failure, name, None)
        for name in ("message", "body", "partial", "completion", "response", "text")
    ]
    return " ".join(map(str, held))


class Files:
    """A folder with a file of requests, and what is to be in the file of results."""

    def __init__(self, folder: Path, odd: Odd, tokens: list[str]) -> None:
        self.folder = folder
        self.odd = odd
        self.tokens = tokens
        self.requests = folder / "in.jsonl"
        self.results = folder / "out.jsonl"
        self.requests.write_text("".join(map(line, tokens)), "utf-8")

    async def run(self, client: AsyncHoray, folder: Path, **options: Any) -> None:
        """Runs the batch in that folder."""
        requests, results = folder / self.requests.name, folder / self.results.name
        await in_time(
            client.batch.run_file(requests, results, concurrency=3, sync_interval=0, **options)
        )

    def check(self, folder: Path) -> bytes:
        """Fails where a result isn't there once, or says something else; returns the file."""
        data = (folder / self.results.name).read_bytes()
        lines = data.split(b"\n")
        assert lines.pop() == b""
        assert Counter(map(id_of, lines)) == Counter(self.tokens)
        for each in lines:
            kind = self.odd.kinds[token := id_of(each)]
            status = 200 if self.odd.is_paid(token) else int(kind)
            assert f'"response":{{"status_code":{status},'.encode() in each, (kind, each)
            if status == 200:
                assert f"paid-{token}-paid".encode() in each, (kind, each)
            if kind not in ("deep", "a long number"):  # which Python's own reader refuses
                assert json.loads(each)["custom_id"] == token
        left = {path.name for path in folder.iterdir()}
        assert left == {self.requests.name, self.results.name}
        return data


def id_of(result: bytes) -> str:
    """The id in a line of results."""
    found = re.match(rb'\{"id":"batch_req_\w+","custom_id":"(token-\d+)",', result)
    assert found is not None, result
    return found[1].decode()


def test_files_cut_anywhere(tmp_path: Path) -> None:
    """A file that breaks off at any byte is gone on with: what was whole stays, and no other request is sent again."""

    async def check(server: FaultServer, client: AsyncHoray, _: Horay) -> None:
        for number, draw in enumerate(draws("cut files", FILES)):
            odd = Odd(draw)
            server.always(odd)
            folder = tmp_path / str(number)
            folder.mkdir()
            files = Files(folder, odd, [odd.new_token() for _ in range(12)])
            await files.run(client, folder)
            data = files.check(folder)
            places = draw.sample(range(len(data)), CUTS)
            ends = [at for at, byte in enumerate(data) if byte == 10]
            for at in [*places, *ends, *(end + 1 for end in ends)]:
                files.results.write_bytes(kept := data[:at])
                odd.sent.clear()
                await files.run(client, folder)
                after = files.check(folder)
                # A last line that lacks nothing but its end counts.
                end = at + 1 if data[at : at + 1] == b"\n" else kept.rfind(b"\n") + 1
                assert after.startswith(data[:end]), (draw, at)
                had = set(map(id_of, data[:end].splitlines()))
                assert odd.sent == Counter(set(files.tokens) - had), (draw, at, kept[end:])

    with_clients(check)


class States:
    """The states in which a folder is between any two changes of it, kept in other folders: a killed run leaves one of them."""

    CHANGES = ("write", "ftruncate", "replace", "fsync", "unlink", "open")

    def __init__(self, folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._kept = kept
        self.found: list[Path] = []
        for name in self.CHANGES:
            monkeypatch.setattr(os, name, self._noting(getattr(os, name)))

    def _noting(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **more: Any) -> Any:
            if (
                change.__name__ == "write"
                and len(args[1]) > 1
                and self._folder.exists()
                and self._is_ours(args[0])
            ):
                half = len(args[1]) // 2
                written = change(args[0], bytes(args[1][:half]))
                self.keep()
                return written  # as a short write, which the rest follows
            result = change(*args, **more)
            if change.__name__ != "open":
                self.keep()
            return result

        return noted

    def _is_ours(self, handle: int) -> bool:
        path = os.readlink(f"/proc/self/fd/{handle}")
        return path.startswith(str(self._folder))

    def keep(self) -> None:
        """Keeps the state that the folder is in."""
        state = self._kept / str(len(self.found))
        shutil.copytree(self._folder, state)
        self.found.append(state)


@pytest.mark.posix
def test_killed_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as a killed run leaves it, after any change of its files: what was finished stays, and each request has one line."""

    async def check(server: FaultServer, client: AsyncHoray, _: Horay) -> None:
        for number, draw in enumerate(draws("killed", KILLED)):
            odd = Odd(draw)
            server.always(odd)
            folder = tmp_path / f"run-{number}"
            folder.mkdir()
            files = Files(folder, odd, [odd.new_token() for _ in range(8)])
            await killed(client, files, tmp_path / f"first-{number}", b"")
            data = files.check(folder)
            for token, kind in odd.kinds.items():  # the server has been mended
                odd.kinds[token] = kind if kind in ODD else "good"
            await killed(client, files, tmp_path / f"again-{number}", data, retry_failed=True)

    async def killed(
        client: AsyncHoray, files: Files, kept: Path, before: bytes, **options: Any
    ) -> None:
        with monkeypatch.context() as patched:
            states = States(files.folder, kept, patched)
            await files.run(client, files.folder, **options)
        files.check(files.folder)
        assert len(states.found) > 8
        good = [
            each
            for each in before.splitlines()
            if b'"error":null' in each and b'"status_code":200' in each
        ]
        for state in states.found:
            files.odd.sent.clear()
            await files.run(client, state, **options)
            after = files.check(state)
            assert all(each in after for each in good), state
            assert not files.odd.sent.keys() & set(map(id_of, good)), state

    with_clients(check)
