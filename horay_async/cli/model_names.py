"""Completing the names of models in a shell: from a cache, else from the server, and never for long."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import typer

from horay_async._files import replacing

MAX_AGE: Final = 3600.0
"""Seconds until names are asked for again: new models are rare."""

RETRY_AFTER: Final = 60.0
"""Seconds until a server that didn't give them is asked again."""

TIMEOUT: Final = 2.0
"""Seconds that somebody who pressed Tab waits at most. The process that asks is then killed: not even a
name server that is silent holds the shell up.
"""

COMPLETION: Final = ("COMP_", "_HORAY_COMPLETE", "_TYPER_COMPLETE")
"""How variables begin by which a shell says what is to be completed."""


def complete_models(kind: str) -> Callable[[typer.Context, str], list[str]]:
    """A completion of the names of models of a kind, such as `text`."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        given = ctx.params
        if given.get("local"):
            return []
        cache = _cache_file(kind, given.get("base_url") or "")
        with contextlib.suppress(OSError):
            if 0 <= time.time() - cache.stat().st_mtime < MAX_AGE:
                return _read(cache)
        names = _ask(kind, given)
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            if names is None:  # then the old ones are better than none
                cache.touch()
                retry_at = time.time() - MAX_AGE + RETRY_AFTER
                os.utime(cache, (retry_at, retry_at))
            else:
                with replacing(cache, overwrite=True) as new:
                    new.write("\n".join(names).encode(errors="replace"))
            return _read(cache)
        return names or []

    return complete


def _cache_file(kind: str, base_url: str) -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 - commands do without it

    server = sha256(base_url.encode(errors="replace")).hexdigest()[:16]
    return user_cache_path("horay-async") / f"models-{kind}-{server}.txt"


def _read(cache: Path) -> list[str]:
    return _plain(cache.read_text(encoding="utf-8", errors="replace"))


def _plain(names: str) -> list[str]:
    """The names, one a line, that no shell interprets: typer leaves backslashes as they are, and zsh runs what
    stands in `<(...)`.
    """
    return [name for name in names.split("\n") if re.fullmatch(r"[\w.:/@+~=,-]+", name)]


def _ask(kind: str, given: dict[str, object]) -> list[str] | None:
    """What `horay models` prints with the options that were typed; None where it fails."""
    # Without what the shell says of the completion: the command would complete, too.
    environment = {key: text for key, text in os.environ.items() if not key.startswith(COMPLETION)}
    if given.get("api_key"):  # not as an argument: other users see those
        environment["HORAY_API_KEY"] = str(given["api_key"])
    command = [sys.executable, "-m", "horay_async.cli", "models", "--type", kind, "--retries", "0"]
    for name in ("base_url", "proxy"):
        if given.get(name):
            command += [f"--{name.replace('_', '-')}", str(given[name])]
    if given.get("allow_insecure_http"):
        command.append("--allow-insecure-http")
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return _plain(done.stdout.decode(errors="replace"))
