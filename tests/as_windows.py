"""What the package meets on Windows, made on POSIX: `python -m tests.as_windows FOLDER`.

Modules and names that Python lacks there are taken away, and `msvcrt` is put in. What is loaded before has to be: the
libraries and the standard library must go on working here. Then every module of the package is loaded, and calls,
streams and a batch on files are made, awaited and blocking.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import math
import os
import select
import signal
import socket
import sys
import time
import types
from pathlib import Path
from typing import Any

MODULES = (
    "_curses",
    "curses",
    "fcntl",
    "grp",
    "pty",
    "pwd",
    "readline",
    "resource",
    "syslog",
    "termios",
    "tty",
)
"""Modules that the documentation of Python says are not there on Windows."""

NAMES: dict[Any, tuple[str, ...]] = {
    os: (
        "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "chown", "fchown", "fork", "forkpty",
        "fdatasync", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg", "mkfifo", "posix_fadvise",
        "pread", "pwrite", "register_at_fork", "sched_getaffinity", "setsid", "sync",
    ),
    signal: (
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm", "pthread_kill",
        "pthread_sigmask", "setitimer", "sigwait",
    ),
    select: ("poll",),
    socket: ("SO_REUSEPORT", "TCP_USER_TIMEOUT", "MSG_DONTWAIT"),
}  # fmt: skip

LIBRARIES = (
    "aiohttp", "aiohttp.web", "anyio", "anyio.from_thread", "anyio._backends._asyncio", "attrs", "cattrs", "getpass",
    "msgspec", "opentelemetry.sdk.trace", "platformdirs", "pydantic", "pytest", "rich", "rich.console",
    "rich.live", "rich.markdown", "rich.progress", "rich.prompt", "rich.table", "shutil", "subprocess", "trustme",
    "typer", "webbrowser", "xllamacpp",
)  # fmt: skip
"""Loaded first, since they choose their code by the platform."""


def locking() -> types.ModuleType:
    """A module `msvcrt` that can lock, by the calls of POSIX."""
    import fcntl  # noqa: PLC0415 - taken away afterwards

    msvcrt: Any = types.ModuleType("msvcrt")
    msvcrt.LK_UNLCK, msvcrt.LK_LOCK, msvcrt.LK_NBLCK = 0, 1, 2
    kinds = {0: fcntl.LOCK_UN, 1: fcntl.LOCK_EX, 2: fcntl.LOCK_EX | fcntl.LOCK_NB}

    def lock(handle: int, kind: int, _: int) -> None:
        fcntl.flock(handle, kinds[kind])

    msvcrt.locking = lock
    made: types.ModuleType = msvcrt
    return made


def count_in_ticks() -> None:
    """Makes the clock move 64 times a second, as it does on Windows up to Python 3.12."""
    real = time.monotonic

    def ticks(*_: object) -> float:
        return math.floor(real() * 64) / 64

    loop: Any = asyncio.SelectorEventLoop
    loop.time = ticks
    time.monotonic = ticks


def translate_line_ends() -> None:
    """Makes `os.write` end lines as Windows does, on what was opened without `O_BINARY`."""
    real_open, real_write, real_close = os.open, os.write, os.close
    names: Any = os
    names.O_BINARY = binary = 1 << 30
    texts: set[int] = set()

    def open_(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        handle = real_open(path, flags & ~binary, *args, **kwargs)
        if not flags & binary:
            texts.add(handle)
        return handle

    def write(handle: int, data: Any) -> int:
        if handle not in texts:
            return real_write(handle, data)
        real_write(handle, bytes(data).replace(b"\n", b"\r\n"))
        return len(data)

    def close(fd: int) -> None:
        texts.discard(fd)
        real_close(fd)

    os.open, os.write, os.close = open_, write, close


def become_windows() -> None:
    """Takes away what isn't there."""
    for name in LIBRARIES:
        if importlib.util.find_spec(
            name.partition(".")[0]
        ):  # xllamacpp isn't built for every Python
            importlib.import_module(name)
    asyncio.new_event_loop().close()  # settles which kind of loop there is
    loaded: dict[str, Any] = sys.modules
    loaded["msvcrt"] = locking()
    loaded.update(dict.fromkeys(MODULES))  # None makes importing one fail
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)

    if sys.version_info >= (3, 13):
        os.process_cpu_count = os.cpu_count

    def refuse(*_: object) -> None:
        raise NotImplementedError

    loop: Any = asyncio.SelectorEventLoop
    loop.add_signal_handler = loop.remove_signal_handler = refuse
    loop.add_reader = loop.add_writer = refuse  # as the proactor does
    translate_line_ends()
    count_in_ticks()
    sys.platform = "win32"


def load_all() -> int:
    """Loads every module of the package, and gives their number."""
    package = Path(__file__).parent.parent / "horay_async"
    names = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in sorted(package.rglob("*.py"))
        # The other integrations need libraries that not every Python has, and a `__main__` runs.
        if ("integrations" not in path.parts or "otel" in path.parts) and path.stem != "__main__"
    ]
    for name in names:
        importlib.import_module(name)
    return len(names)


async def awaited(server: Any) -> None:
    """A call, a stream and a batch."""
    from horay_async import AsyncHoray, BatchRequest  # noqa: PLC0415 - loaded once this is Windows

    async with AsyncHoray(server.api_key, base_url=server.base_url) as client:
        server.reply("Berlin")
        response = await client.completions.create(model="m", prompt="p")
        assert response.choices[0].text == "Berlin"
        server.stream(["Ber", "lin"])
        chunks = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        assert [text async for text in chunks.text()] == ["Ber", "lin"]
        requests = [BatchRequest.completion(model="m", prompt=str(number)) for number in range(200)]
        assert len([result async for result in client.batch.run(requests)]) == 200


def blocking(server: Any, folder: Path) -> None:
    """The same, the batch on files and begun again."""
    from horay_async import Horay  # noqa: PLC0415 - loaded once this is Windows

    line = {"method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "p"}}
    given, results = folder / "in.jsonl", folder / "out.jsonl"
    given.write_bytes(
        b"".join(json.dumps({"custom_id": str(n), **line}).encode() + b"\n" for n in range(5))
    )
    with Horay(server.api_key, base_url=server.base_url) as client:
        server.stream(["Ber", "lin"])
        chunks = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        assert list(chunks.text()) == ["Ber", "lin"]
        client.batch.run_file(given, results)
        assert client.batch.run_file(given, results).skipped == 5
    written = results.read_bytes()
    assert written.count(b"\n") == 5
    assert b"\r" not in written


def main() -> None:
    """Prints the number of modules."""
    become_windows()
    loaded = load_all()
    from horay_async.testing import FaultServer  # noqa: PLC0415 - loaded once this is Windows

    assert importlib.import_module("horay_async._bridge.thread").MAX_WAIT
    assert "Ctrl-Z" in importlib.import_module("horay_async.cli.conversation").HOW_TO_LEAVE
    with FaultServer() as server:
        asyncio.run(awaited(server))
        blocking(server, Path(sys.argv[1]))
    print(f"{loaded} modules")


if __name__ == "__main__":
    main()
