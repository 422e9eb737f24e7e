"""Text that comes in: from arguments, the environment, files and standard input."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import typer

import horay_async
from horay_async._descriptors import DescriptorReader
from horay_async.cli.exit_codes import WrongUsage
from horay_async.cli.output import spinner

DASH: Final = Path("-")
"""Stands for standard input, or for standard output."""

END_OF_INPUT: Final = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
"""What is pressed on a terminal, at the start of a line, where no more is to come."""

MAX_INPUT: Final = 64 * 2**20
"""Bytes read from one source: more than any model takes, and little enough for memory."""


def decode(data: bytes, source: str) -> str:
    """UTF-8 text, without a byte-order mark. Raises `WrongUsage` for anything else.

    Whatever the locale: what a pipe or a file holds doesn't depend on it.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{source} isn't UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise WrongUsage(f"{source} isn't text: it contains NUL bytes")
    return text


def decode_argument(text: str, source: str) -> str:
    """An argument, a variable or a typed line, which Python decodes by the locale. Bytes that the locale
    lacks come as lone surrogates; they are decoded as UTF-8. Raises `WrongUsage` where they aren't.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return decode(os.fsencode(text), source)
    return text


class Content:
    """What goes into one message: texts, and the images among the files."""

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self._images: list[horay_async.ImagePart] = []

    def add(self, data: bytes, source: str, *, images: bool = True) -> None:
        """Adds a file by what it holds, not by its name. Raises `WrongUsage` for what is neither text nor,
        where `images` are taken, an image.
        """
        if images:
            with contextlib.suppress(ValueError):
                self._images.append(horay_async.ImagePart.of(data))
                return
        # The last line end is dropped: `echo` and editors add it, and nobody means it.
        self._texts.append(decode(data, source).removesuffix("\n").removesuffix("\r"))

    def add_files(self, files: Iterable[Path]) -> None:
        """Adds each file; `-` is standard input. Raises `WrongUsage` and `OSError`."""
        for file in files:
            if file == DASH:
                self.add(_read_stdin(asked=True), "standard input")
            else:
                self.add(read_file(file), str(file))

    def add_content(self, other: Content) -> None:
        """Adds what another holds."""
        self._texts += other._texts
        self._images += other._images

    def is_empty(self) -> bool:
        """Whether there is neither a text but for blanks nor an image."""
        return not self._images and not any(map(str.strip, self._texts))

    def text(self) -> str:
        """The texts, an empty line between them. Raises `WrongUsage` where there is none."""
        if self.is_empty():
            raise WrongUsage("the text is empty")
        return "\n\n".join(filter(None, self._texts))

    def parts(self) -> str | list[Any]:
        """The `content` of a message: the text alone where there are no images."""
        text = self.text()
        if not self._images:
            return text
        images: list[Any] = [image.model_dump(exclude_none=True) for image in self._images]
        return [{"type": "text", "text": text}, *images] if text.strip() else images


def read_content(
    text: str | None, files: Collection[Path] = (), *, images: bool = False
) -> Content:
    """The content of an argument, a pipe and files, in this order.

    `-` stands for standard input. A pipe joins the argument, so that `cat FILE | horay chat "Summarise:"`
    does what it says. Raises `WrongUsage` where there is neither text nor file.
    """
    piped = not sys.stdin.isatty()
    if text is None and not piped and not files:
        raise WrongUsage("there is no text: give it as an argument, or - and pipe it in")
    content = Content(*([] if text in (None, "-") else [text]))
    if text == "-" or (piped and DASH not in files):
        content.add(_read_stdin(asked=text == "-"), "standard input", images=images)
    content.add_files(files)
    if text in (None, "-") and not files and content.is_empty():
        raise WrongUsage(
            "there is no text: standard input is empty; give the text as an argument, or pipe it in"
        )
    return content


def parse_path(given: str) -> Path:
    """The path in an argument. Only `-` itself becomes `Path("-")`, which stands for standard input or output; of
    `./-`, which names a file, `Path` would make the same. Raises `typer.BadParameter` for an empty one, of which it
    would make the folder, and for one that ends in a slash.
    """
    if not given:
        raise typer.BadParameter("it must name a file; it is empty")
    if given.endswith("/"):  # which `Path` drops
        raise typer.BadParameter(f"it must name a file; {given} names a folder")
    path = Path(given)
    return path.absolute() if path == DASH and given != "-" else path


def read_file(file: Path) -> bytes:
    """A whole file. Raises `WrongUsage` where that is more than `MAX_INPUT`, and `OSError`."""
    with file.open("rb") as opened:
        return _limited([opened.read(MAX_INPUT + 1)], str(file))


def _read_stdin(*, asked: bool) -> bytes:
    """What stands on standard input. Raises `OSError` where that can't be read, if it was asked for."""
    with spinner("reading standard input"):
        try:
            return _limited(_stdin_chunks(), "standard input")
        except OSError as error:
            if error.errno == errno.EBADF and not asked:  # not open for reading, as under nohup
                return b""
            raise OSError(error.errno, error.strerror, "standard input") from error


def _stdin_chunks() -> Iterator[bytes]:
    try:
        handle = sys.stdin.fileno()
    except io.UnsupportedOperation:  # something else was put in its place
        yield sys.stdin.buffer.read()
        return
    with contextlib.closing(DescriptorReader()) as reader:
        yield from reader.read(handle)


def _limited(chunks: Iterable[bytes], source: str) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_INPUT:
            raise WrongUsage(f"{source} is over {MAX_INPUT >> 20} MiB")
    return bytes(data)
