"""`horay image`: draws a picture and saves it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from urllib.parse import urlsplit

import typer

import horay_async
from horay_async.cli.exit_codes import CommandError
from horay_async.cli.options import AsJson, Server, Text, expand_groups, literal_option
from horay_async.cli.output import Spinner, note, read_text, write_json
from horay_async.cli.session import open_client

if TYPE_CHECKING:
    from horay_async import GeneratedImage, Horay, ImageParams

__all__ = ["image"]

DEFAULT_MODEL: Final = "black-forest-labs/FLUX.1-schnell"
"""The one that the API's reference names for pictures."""

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
LONGEST_NAME: Final = 40
"""Characters of a prompt that go into a file's name."""


@expand_groups
def image(
    prompt: Text = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Where to save it; by default a name made of the text."
        ),
    ] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="The model's name.")] = DEFAULT_MODEL,
    size: Annotated[
        str, literal_option(lambda: horay_async.ImageSize, "Width by height.")
    ] = "1024x1024",
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same picture; above 0.")
    ] = None,
    preview: Annotated[bool, typer.Option(help="Show the picture, where the terminal can.")] = True,
    as_json: AsJson = False,
    server: Server,
) -> None:
    """Draw a picture, save it, and print the file's name."""
    described = read_text(prompt)
    asked: dict[str, Any] = {"model": model, "prompt": described, "image_size": size}
    if seed is not None:
        asked["seed"] = seed
    folder = output.parent if output else Path()
    if not os.access(folder, os.W_OK | os.X_OK):  # rather now than when the picture is paid for
        raise CommandError(
            f"nothing can be saved in {folder}: no such folder, or no right to write there"
        )
    params = cast("ImageParams", asked)
    with open_client(server) as client:
        with Spinner("drawing"):
            answer = client.images.generate(**params)
        if as_json:
            write_json(answer.to_dict())
        for number, picture in enumerate(answer.images, 1):
            path = _numbered(output, number) if output else _free_name(described, picture.url)
            _save(client, picture, path)
            if as_json:
                note(f"saved as {path}")
                continue
            print(path, flush=True)
            if preview and sys.stdout.isatty():
                from horay_async.cli.preview import show  # noqa: PLC0415 - loads rich

                show(path.read_bytes())
    if answer.seed is not None and sys.stdout.isatty():
        note(f"seed {answer.seed}")


def _save(client: Horay, picture: GeneratedImage, path: Path) -> None:
    try:
        with Spinner("fetching the picture"):
            client.images.save(picture, path)
    except (horay_async.HorayError, OSError):
        note(f"the picture is made, and can be had for a while at {picture.url}")
        raise


def _numbered(output: Path, number: int) -> Path:
    """The file of the picture of this number: the first has the name that was given."""
    return output if number == 1 else output.with_stem(f"{output.stem}-{number}")


def _free_name(prompt: str, url: str) -> Path:
    """A file's name, made of the text, that isn't taken yet."""
    words = re.sub(r"\W+", "-", prompt.lower())[:LONGEST_NAME].strip("-_") or "image"
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    path = Path(words + (suffix if suffix in SUFFIXES else ".png"))
    number = 1
    while path.exists():
        number += 1
        path = path.with_stem(f"{words}-{number}")
    return path
