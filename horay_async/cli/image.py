"""`horay image`: draws a picture and saves it."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

import horay_async
from horay_async._files import is_regular
from horay_async.cli import options
from horay_async.cli.exit_codes import BrokenResponse, CommandError, WrongUsage
from horay_async.cli.inputs import DASH, read_content
from horay_async.cli.kept_output import check_stdout_open, keep
from horay_async.cli.model_names import complete_models
from horay_async.cli.output import check_writable, new_file, note, spinner, write_json
from horay_async.cli.preview import show
from horay_async.cli.session import open_client

DEFAULT_MODEL: Final = "black-forest-labs/FLUX.1-schnell"
"""The one that the API's reference names for pictures."""

SUFFIXES: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Ends of names that are kept, and the formats that they stand for."""
MAX_NAME_LENGTH: Final = 40
"""Characters of a prompt that go into a file's name."""


@dataclass(kw_only=True)
class ImageOptions:
    """Which picture is drawn, and where it goes."""

    output: Path | None = options.file_option(
        "Where to save it; - is standard output. By default a name made of the text."
    )
    model: str = options.option(
        "The model's name.",
        "-m",
        "--model",
        default=DEFAULT_MODEL,
        autocompletion=complete_models("image"),
    )
    size: str = options.literal_option(
        lambda: horay_async.ImageSize,
        "Width by height: one of 1024x1024, 1536x1536, 768x512, 768x1024, 1024x576, 576x1024.",
        "1024x1024",
    )
    seed: int | None = options.option("The same seed gives the same picture; above 0.")
    preview: bool = options.option("Show the picture, where the terminal can.", default=True)
    as_json: options.AsJson = False


@options.expand_groups
def image(
    prompt: options.Text = None, *, asked: ImageOptions, server: options.ServerOptions
) -> None:
    """Draw a picture, save it, and print the file's name."""
    described = read_content(prompt).text()
    output, to_stdout = asked.output, asked.output == DASH
    if to_stdout and (asked.as_json or sys.stdout.isatty()):
        raise WrongUsage(
            "-o - writes the picture itself: send it to a file or a pipe, without --json"
        )
    if to_stdout:
        check_stdout_open()
    check_writable(output or Path("image"))
    if output and not to_stdout and not is_regular(output):
        raise CommandError(f"{output} isn't a regular file: -o - writes the picture into a pipe")
    params = options.given(
        model=asked.model, prompt=described, image_size=asked.size, seed=asked.seed
    )
    with open_client(server) as client:
        try:
            with spinner("drawing"):
                response = client.images.generate(**params)
        except horay_async.APIError as error:
            for picture in getattr(error.partial, "images", ()):
                _tell_place(picture)
            raise
        if not response.images:
            if asked.as_json:
                write_json(response)
            raise BrokenResponse("the response has no picture")
        failures: list[Exception] = []
        unsaved = list(response.images)
        try:
            if to_stdout:
                _write_to_stdout(client, unsaved[0])
                del unsaved[0]
                return
            if asked.as_json:
                with _collected(failures):
                    write_json(response)
            for number, picture in enumerate(response.images, 1):
                with _collected(failures):
                    # the name is asked for once: no further picture replaces a file
                    if output and number == 1:
                        path = _save(client, picture, output)
                    else:
                        path = _save_new(client, picture, output or _name(described, picture.url))
                    unsaved.remove(picture)
                    _tell_saved(path, as_json=asked.as_json, preview=asked.preview)
        finally:
            for picture in unsaved:
                _tell_place(picture)
        if failures:
            raise failures[0]
    if response.seed is not None and sys.stdout.isatty():
        note(f"seed {response.seed}")


@contextmanager
def _collected(failures: list[Exception]) -> Generator[None]:
    """Collects the error of the block, so that what follows is still done: each picture is paid for."""
    try:
        yield
    except (horay_async.HorayError, OSError) as error:
        failures.append(error)


def _tell_saved(path: Path, *, as_json: bool, preview: bool) -> None:
    from horay_async.models._base64 import media_type_of  # noqa: PLC0415 - only where one is saved

    data = path.read_bytes()
    found = (media_type_of(data) or "").rpartition("/")[2].upper()
    if found and found != SUFFIXES.get(path.suffix.lower(), found):
        note(f"the format of {path} is {found}")
    if as_json:
        note(f"saved as {path}")
        return
    print(path, flush=True)
    if preview and sys.stdout.isatty():
        show(data)


def _write_to_stdout(client: horay_async.Horay, picture: horay_async.GeneratedImage) -> None:
    with TemporaryDirectory() as folder:
        sys.stdout.buffer.write(_save(client, picture, Path(folder, "picture")).read_bytes())
        sys.stdout.buffer.flush()


def _save(client: horay_async.Horay, picture: horay_async.GeneratedImage, path: Path) -> Path:
    with spinner("fetching the picture"):
        client.images.save(picture, path)
    return path


def _save_new(client: horay_async.Horay, picture: horay_async.GeneratedImage, path: Path) -> Path:
    """Saves it under that name, or where there is such a file once the picture is here, under one with a number."""
    with TemporaryDirectory(prefix=".horay-", dir=path.parent) as folder:
        fetched = _save(client, picture, Path(folder, "picture"))
        with new_file(path) as new:
            fetched.replace(new)
    return new


def _tell_place(picture: horay_async.GeneratedImage) -> None:
    """Notes where a picture that wasn't saved can be fetched."""
    if picture.url[:4].lower() == "http":
        note(f"the picture was made, and can be fetched for a while at {picture.url}")
        return
    if picture.url:
        keep(picture.url, "the picture is made; what the server sent")


def _name(prompt: str, url: str) -> Path:
    """A file's name, made of the text."""
    slug = re.sub(r"\W+", "-", prompt.lower())[:MAX_NAME_LENGTH].strip("-_") or "image"
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return Path(slug + (suffix if suffix in SUFFIXES else ".png"))
