"""`horay image`: the picture is saved under a name that says what it is, and nothing paid is lost."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from horay_async import GeneratedImage
from horay_async.cli.exit_codes import ExitCode
from horay_async.sync import Images
from horay_async.testing import FaultServer, Reset, error, image, json_response, picture, respond

from .conftest import Horay
from .process import in_shell

PICTURE = "/files/picture.png"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pictures go."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_picture(horay: Horay, fault_server: FaultServer, folder: Path) -> None:
    """It is asked for, saved and named."""
    result = horay("image", "An island, at dusk!", "--size", "768x512", "--seed", "7")
    assert (result.exit_code, result.stdout) == (ExitCode.DONE, "an-island-at-dusk.png\n")
    assert (folder / "an-island-at-dusk.png").read_bytes().startswith(b"\x89PNG")
    assert fault_server.requests[0].json() == {
        "model": "black-forest-labs/FLUX.1-schnell",
        "prompt": "An island, at dusk!",
        "image_size": "768x512",
        "seed": 7,
    }


def test_names_are_free(horay: Horay) -> None:
    """A picture never takes the place of another, unless its name is given."""
    assert [horay("image", "x").stdout for _ in range(3)] == ["x.png\n", "x-2.png\n", "x-3.png\n"]
    assert [horay("image", "x", "-o", "y.png").stdout for _ in range(2)] == ["y.png\n"] * 2


@pytest.mark.parametrize(
    ("prompt", "name"),
    [("../../etc/passwd", "etc-passwd.png"), ("???", "image.png"), ("a" * 99, "a" * 40 + ".png")],
)
def test_names_are_harmless(prompt: str, name: str, horay: Horay) -> None:
    """Whatever the text, the file is in this folder, and its name not too long."""
    assert horay("image", prompt).stdout == f"{name}\n"


@pytest.mark.parametrize(
    ("name", "note"),
    [("x.jpg", "the format of x.jpg is PNG\n"), ("x.PNG", ""), ("x.img", ""), ("x", "")],
)
def test_name_of_another_format(name: str, note: str, horay: Horay) -> None:
    """Is kept, and what the file is is said."""
    assert horay("image", "a dot", "-o", name).stderr == note


def test_several(horay: Horay, fault_server: FaultServer) -> None:
    """Several pictures have numbers; the file's kind is that of the URL."""
    url = fault_server.picture_url.replace(".png", ".jpeg?x=1")
    fault_server.always(picture(), method="GET")
    fault_server.add(image(url, url))
    assert horay("image", "x", "-o", "y.jpg").stdout == "y.jpg\ny-2.jpg\n"
    fault_server.add(image(url, url))
    assert horay("image", "x").stdout == "x.jpeg\nx-2.jpeg\n"


def test_further_pictures_replace_no_file(
    horay: Horay, fault_server: FaultServer, folder: Path
) -> None:
    """Only the file that was named is replaced, not one whose name a further picture would have."""
    (folder / "y.png").write_text("named")
    (folder / "y-2.png").write_text("somebody's")
    fault_server.add(image(fault_server.picture_url, fault_server.picture_url))
    assert horay("image", "x", "-o", "y.png").stdout == "y.png\ny-3.png\n"
    assert (folder / "y.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "y-2.png").read_text() == "somebody's"


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes of this kind")
def test_pipe_with_a_name(horay: Horay, fault_server: FaultServer, folder: Path) -> None:
    """A picture can't replace a pipe: told before it is drawn and paid for."""
    os.mkfifo(folder / "pipe")
    told = horay("image", "x", "-o", "pipe")
    assert "pipe isn't a regular file: -o - writes the picture into a pipe" in told.stderr
    assert told.exit_code == ExitCode.FAILED
    assert not fault_server.requests


@pytest.mark.parametrize(
    ("arguments", "taken", "printed"),
    [([], "x-2.png", "x.png\nx-3.png\n"), (["-o", "y.png"], "y-2.png", "y.png\ny-3.png\n")],
)
def test_names_that_another_command_takes_meanwhile(
    arguments: list[str],
    taken: str,
    printed: str,
    horay: Horay,
    fault_server: FaultServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that is made while the picture is fetched isn't replaced."""
    save, calls = Images.save, count()

    def saved(self: Images, *given: Any) -> None:
        if next(calls) == 1:
            (folder / taken).write_text("theirs")
        save(self, *given)

    monkeypatch.setattr(Images, "save", saved)
    fault_server.add(image(fault_server.picture_url, fault_server.picture_url))
    assert horay("image", "x", *arguments).stdout == printed
    assert (folder / taken).read_text() == "theirs"
    assert {file.name for file in folder.iterdir()} == {taken, *printed.split()}


def test_json(horay: Horay, fault_server: FaultServer, folder: Path) -> None:
    """`--json` prints what the server sent; the picture is saved all the same."""
    result = horay("image", "x", "--json")
    assert json.loads(result.stdout)["images"] == [{"url": fault_server.picture_url}]
    assert result.stderr == "saved as x.png\n"
    assert (folder / "x.png").exists()


def test_no_folder(horay: Horay, fault_server: FaultServer) -> None:
    """Where it can't be saved, no picture is made, nor paid for."""
    result = horay("image", "x", "-o", "no/such/folder/x.png")
    assert result.exit_code == ExitCode.FAILED
    assert "nothing can be saved in no/such/folder" in result.stderr
    assert not fault_server.requests


def test_picture_that_cannot_be_fetched(horay: Horay, fault_server: FaultServer) -> None:
    """It was paid for: where it is to be had is told."""
    fault_server.always(error(404), method="GET")
    result = horay("image", "x", "--retries", "0")
    assert result.exit_code == ExitCode.FAILED
    assert fault_server.picture_url in result.stderr.splitlines()[0]


@pytest.mark.parametrize("url", ["data:image/png;base64,!!", "DATA:image/svg+xml;base64,PHN2Zz4="])
def test_picture_in_the_response_that_cannot_be_saved(
    url: str, horay: Horay, fault_server: FaultServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server sent is kept, and the pictures after it are saved."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    fault_server.add(image(url, fault_server.picture_url))
    result = horay("image", "x")
    assert result.exit_code == ExitCode.BROKEN
    (kept,) = folder.glob("horay-*.txt")
    assert kept.read_text() == url
    assert str(kept) in result.stderr
    assert result.stdout == "x.png\n"
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [[], ["--json"], ["-o", "-"]])
def test_no_picture(
    arguments: list[str], horay: Horay, fault_server: FaultServer, folder: Path
) -> None:
    """A response without pictures is no success."""
    fault_server.add(json_response({"images": []}))
    result = horay("image", "x", *arguments)
    assert result.exit_code == ExitCode.BROKEN
    assert result.stderr == "horay: the response has no picture\n"
    assert not list(folder.iterdir())


def test_standard_output(horay: Horay, folder: Path) -> None:
    """`-o -` writes the picture itself, and saves nothing."""
    result = horay("image", "x", "-o", "-")
    assert (result.exit_code, result.stdout_bytes[:8]) == (ExitCode.DONE, b"\x89PNG\r\n\x1a\n")
    assert not list(folder.iterdir())


def test_picture_and_json(horay: Horay, fault_server: FaultServer) -> None:
    """Both on standard output would be neither."""
    assert horay("image", "x", "-o", "-", "--json").exit_code == ExitCode.USAGE
    assert not fault_server.requests


def test_output_that_cannot_be_written(
    environment: Mapping[str, str], fault_server: FaultServer, folder: Path
) -> None:
    """Pictures are saved though nobody can be told their names, and named where they can't be had otherwise."""
    url = fault_server.picture_url
    fault_server.always(picture(), method="GET")
    for arguments, saved in (("x", 2), ("y --json", 2), ("z -o -", 0)):
        fault_server.add(image(url, url + "?2"))
        status, told = in_shell(f"image {arguments} >/dev/full", environment)
        assert status == ExitCode.FAILED
        assert "No space left on device" in told
        assert told.count("can be fetched for a while") == 2 - saved
        assert len(list(folder.glob(f"{arguments[0]}*.png"))) == saved


def test_response_that_breaks_off(horay: Horay, fault_server: FaultServer) -> None:
    """Where the pictures are that it tells of whole is told: they are paid for."""
    body = b'{"images": [{"url": "http://a/1.png"}, {"url": "http://a/2.pn'
    fault_server.add(respond([body, Reset()], framing="chunked"))
    result = horay("image", "x")
    assert result.exit_code != ExitCode.DONE
    told = " ".join(result.stderr.split())
    assert "can be fetched for a while at http://a/1.png" in told
    assert "2.pn" not in told
    assert "the connection broke" in told


def test_further_pictures_for_standard_output(horay: Horay, fault_server: FaultServer) -> None:
    """Only one can go there: where the others are is told."""
    fault_server.always(picture(), method="GET")
    fault_server.add(image(fault_server.picture_url, "https://files.example/2.png"))
    result = horay("image", "x", "-o", "-")
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert result.stderr.replace("\n", " ").count("https://files.example/2.png") == 1


def test_interrupted(
    horay: Horay, fault_server: FaultServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a picture is fetched tells where it, and those after it, can be had."""
    real = Images.save

    def save(self: Images, picture: GeneratedImage, path: Path) -> object:
        if picture.url.endswith("2.png"):
            raise KeyboardInterrupt
        return real(self, picture, path)

    monkeypatch.setattr(Images, "save", save)
    fault_server.always(picture(), method="GET")
    urls = [f"https://files.example/{number}.png" for number in (2, 3)]
    fault_server.add(image(fault_server.picture_url, *urls))
    result = horay("image", "x")
    assert (result.exit_code, result.stdout) == (ExitCode.INTERRUPTED, "x.png\n")
    for url in urls:
        assert url in result.stderr.replace("\n", "")
