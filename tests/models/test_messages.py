"""Images in messages: read, named by their first bytes, and put into a URL."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from horay_async.models.messages import ImagePart

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"

SIGNATURES = [
    (PNG, "image/png"),
    (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
    (b"GIF87arest", "image/gif"),
    (b"GIF89arest", "image/gif"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    (b"\0\0\0\x20ftypavif", "image/avif"),
    (b"\0\0\0\x20ftypheic", "image/heic"),
    (b"II*\0rest", "image/tiff"),
    (b"MM\0*rest", "image/tiff"),
]


def data_url(data: bytes, kind: str) -> str:
    """The URL that holds the data."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(("data", "kind"), SIGNATURES)
def test_bytes(data: bytes, kind: str) -> None:
    """The first bytes say what it is."""
    assert ImagePart.of(data).image_url.url == data_url(data, kind)


def test_path(tmp_path: Path) -> None:
    """A file is read; its name says nothing."""
    path = tmp_path / "picture.jpg"
    path.write_bytes(PNG)
    for source in (path, str(path)):
        part = ImagePart.of(source, detail="low")
        assert part.image_url.url == data_url(PNG, "image/png")
        assert (part.image_url.detail, part.type) == ("low", "image_url")


@pytest.mark.parametrize(
    "url", ["https://x.example/a.png", "HTTP://x.example/a", "data:image/png;base64,AAAA"]
)
def test_url(url: str) -> None:
    """A URL is passed on as it is."""
    assert ImagePart.of(url).image_url.url == url


def test_given_media_type() -> None:
    """What the caller says wins."""
    assert ImagePart.of(b"<svg/>", media_type="image/svg+xml").image_url.url == data_url(
        b"<svg/>", "image/svg+xml"
    )


@pytest.mark.parametrize("data", [b"", b"plain text", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x20ftypmp42"])
def test_no_image(data: bytes, tmp_path: Path) -> None:
    """What isn't an image is refused here, not by the server."""
    with pytest.raises(ValueError, match=r"these bytes are no image of a known kind \(PNG"):
        ImagePart.of(data)
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.png'\)? is no image of a known kind"):
        ImagePart.of(path)


def test_no_file(tmp_path: Path) -> None:
    """A file that isn't there is the operating system's to tell of."""
    with pytest.raises(FileNotFoundError):
        ImagePart.of(tmp_path / "none.png")
