"""Fetching pictures: whole or not at all, and with nothing that is only the API's business."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from horay_async import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    GeneratedImage,
    NotFoundError,
    Timeouts,
)
from horay_async.resources import images
from horay_async.testing import (
    Cut,
    FaultServer,
    Repeat,
    Reset,
    ScriptedResponse,
    Stall,
    error,
    json_response,
    picture,
    raw,
    redirect,
    respond,
)

if TYPE_CHECKING:
    from tests.conftest import Connect, ConnectBlocking

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("internals")]

PATH = "/files/picture.png"


async def test_end_of_the_program(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits for a file that is being written, so that no part of one stays."""
    module: Any = images
    real, waited_for = module._write, list[bool]()

    def write(content: bytes, path: Path) -> None:
        waited_for.append(not threading.current_thread().daemon)
        real(content, path)

    monkeypatch.setattr(images, "_write", write)
    fault_server.always(picture(b"\x89PNG"), path=PATH)
    async with connect() as client:
        for url in (fault_server.picture_url, "data:;base64,iVBORw0KGgo="):
            await client.images.save(url, tmp_path / "one.png")
    assert waited_for == [True, True]


async def test_full_executor(fault_server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """The program's functions in the loop's executor may wait for this very picture."""
    loop, over = asyncio.get_running_loop(), threading.Event()
    fault_server.always(picture(b"\x89PNG"), path=PATH)
    url = f"{fault_server.base_url.removesuffix('/v1')}{PATH}"
    with ThreadPoolExecutor(1) as executor:
        loop.set_default_executor(executor)
        waits = loop.run_in_executor(None, over.wait, 60)
        async with connect() as client:
            try:
                saved = await client.images.save(url, tmp_path / "one.png")
            finally:
                over.set()
        assert await waits
    assert saved.read_bytes() == b"\x89PNG"


@pytest.mark.posix
async def test_picture_is_saved(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """A response's picture, or any URL, becomes a file that others may read as any new file."""
    content = b"\x89PNG" + bytes(range(256)) * 4000
    fault_server.always(picture(content), path=PATH)
    async with connect() as client:
        response = await client.images.generate(model="m", prompt="p", image_size="1024x1024")
        saved = await client.images.save(response.images[0], tmp_path / "one.png")
        assert saved == tmp_path / "one.png"
        await client.images.save(fault_server.picture_url, os.fspath(tmp_path / "two.png"))
    for name in ("one.png", "two.png"):
        assert (tmp_path / name).read_bytes() == content
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("one.png", "plain")]
    assert modes[0] == modes[1]


async def test_nothing_of_the_api_goes_to_the_host(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Neither the key, nor the client's headers or query, nor those of another host's cookies."""
    async with connect(
        default_headers={"X-Team": "secret", "Cookie": "session=1"}, default_query={"team": "1"}
    ) as client:
        await client.images.save(
            GeneratedImage(url=fault_server.picture_url + "?sig=1"), tmp_path / "x.png"
        )
    (request,) = fault_server.requests
    assert request.target == f"{PATH}?sig=1"
    assert {name.lower() for name in request.headers} <= {
        *("host", "user-agent", "accept", "accept-encoding"),
    }
    assert fault_server.api_key not in repr(request.headers)


async def test_what_the_caller_asks_for_goes_to_the_host(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The call's own headers and query are sent there, beside nothing of the client's."""
    async with connect(default_headers={"X-Team": "secret"}) as client:
        await client.images.save(
            fault_server.picture_url + "?sig=1",
            tmp_path / "x.png",
            extra_headers={"Authorization": "Bearer of-that-host", "User-Agent": "me"},
            extra_query={"size": "large"},
        )
    (request,) = fault_server.requests
    assert request.target == f"{PATH}?sig=1&size=large"
    assert request.headers["Authorization"] == "Bearer of-that-host"
    assert request.headers["User-Agent"] == "me"
    assert "X-Team" not in request.headers


async def test_key_is_never_sent_to_the_host(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Not even where the caller asks for it: the picture's host isn't the API's."""
    async with connect() as client:
        with pytest.raises(ConfigurationError, match="'X-Auth' would send the API key") as caught:
            await client.images.save(
                fault_server.picture_url,
                tmp_path / "x.png",
                extra_headers={"X-Auth": f"Bearer {fault_server.api_key}"},
            )
    assert fault_server.api_key not in str(caught.value)
    assert not fault_server.requests


async def test_redirects_are_followed(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Pictures may lie elsewhere; a chase without end is an error."""
    fault_server.add(redirect(fault_server.picture_url, 302), path=PATH)
    async with connect() as client:
        await client.images.save(fault_server.picture_url, tmp_path / "x.png")
        assert (tmp_path / "x.png").exists()
        fault_server.always(redirect(fault_server.picture_url, 302), path=PATH)
        with pytest.raises(APIResponseError, match="redirected without end") as caught:
            await client.images.save(fault_server.picture_url, tmp_path / "y.png")
        assert caught.value.execution == "unknown"


@pytest.mark.parametrize(
    ("response", "raises"),
    [
        (picture(b"x" * 100).with_faults(Cut(-1)), APIConnectionError),
        (picture(b"x" * 100).with_faults(Cut(-1, by="rst")), APIConnectionError),
        (picture(b"x" * 100, content_length=200, then="close"), APIConnectionError),
        (picture(b"x" * 100, framing="chunked").with_faults(Cut(-3)), APIConnectionError),
        (picture(b"x" * 100, framing="close"), APIResponseError),
        (picture(b"x" * 100, coding="gzip"), APIResponseError),
        (picture(b""), APIResponseError),
        (picture(b"<html>expired</html>"), APIResponseError),
        (picture(b'{"error": "expired"}'), APIResponseError),
        (respond("<html>Please log in</html>", content_type="text/html"), APIResponseError),
        (respond(b'{"error": "expired"}'), APIResponseError),
        (error(404, "gone"), NotFoundError),
        (error(403, "<Error>expired</Error>", shape="plain"), APIStatusError),
        (
            respond([b"x", Repeat(b"x" * 2**16)], content_type="image/png", framing="chunked"),
            APIResponseError,
        ),
        (respond([b"x", Stall()], content_type="image/png", content_length=9), APITimeoutError),
        (raw(b"not http\r\n\r\n", Stall()), APIResponseError),
    ],
)
async def test_whole_or_not_at_all(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    response: ScriptedResponse,
    raises: type[Exception],
) -> None:
    """Whatever goes wrong, no file appears, the one that is there stays, and no half of one is left."""
    monkeypatch.setattr("horay_async.resources.images.MAX_IMAGE_BYTES", 2**20)
    fault_server.always(response, path=PATH)
    target = tmp_path / "x.png"
    target.write_bytes(b"old")
    async with connect(timeout=Timeouts(idle=0.1)) as client:
        with pytest.raises(raises):
            await client.images.save(fault_server.picture_url, target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.png"]


@pytest.mark.parametrize("headers", [{}, {"Content-Range": "bytes 0-2/10"}])
@pytest.mark.parametrize("status", [200, 206])
async def test_part_of_a_picture_is_no_picture(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
) -> None:
    """What a server says is a part isn't saved as the whole."""
    response = respond(
        [b"\xff\xd8\xff"],
        status=status,
        content_type="image/png",
        content_length=3,
        headers=headers,
    )
    fault_server.always(response, path=PATH)
    async with connect() as client:
        if status == 200 and not headers:
            await client.images.save(fault_server.picture_url, tmp_path / "x.png")
            return
        with pytest.raises(APIResponseError, match="part of a picture"):
            await client.images.save(fault_server.picture_url, tmp_path / "x.png")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("coding", ["", "Identity", "gzip"])
async def test_picture_as_it_is(
    fault_server: FaultServer, connect: Connect, tmp_path: Path, coding: str
) -> None:
    """One that isn't compressed is saved, whatever header a gateway has left on."""
    content = b"\xff\xd8\xff" + bytes(100)
    headers = {"Content-Encoding": coding}
    fault_server.always(respond(content, content_type="image/png", headers=headers), path=PATH)
    async with connect() as client:
        await client.images.save(fault_server.picture_url, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == content


@pytest.mark.posix
async def test_umask_of_the_process_is_left_alone(
    fault_server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of all threads; what it takes from new files is taken from these."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", None)
            async with connect() as client:
                await client.images.save(fault_server.picture_url, tmp_path / "x.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.png").stat().st_mode) == 0o640


@pytest.mark.posix
async def test_file_that_is_there_keeps_what_is_its_own(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Its permissions, and the symbolic link that leads to it."""
    target, link = tmp_path / "x.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    async with connect() as client:
        assert await client.images.save(fault_server.picture_url, link) == link
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["link.png", "x.png"]


@pytest.fixture
def chown_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for whoever isn't root, in a folder that several share."""

    def chown(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.chown", chown)


@pytest.mark.posix
@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away"
)
async def test_file_of_somebody_else(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """It stays theirs: where no new one can be given to them, theirs is written over."""
    target = tmp_path / "x.png"
    target.write_bytes(b"old" * 1000)
    os.chown(target, 1234, 1234)
    request.getfixturevalue("chown_denied")
    async with connect() as client:
        await client.images.save(fault_server.picture_url, target)
    assert target.read_bytes().startswith(b"\x89PNG")
    assert b"old" not in target.read_bytes()
    assert target.stat().st_uid == 1234
    assert os.listdir(tmp_path) == ["x.png"]


@pytest.mark.posix
@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away"
)
async def test_file_of_somebody_else_on_a_full_disk(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was to be written over it stays beside it, where the error says."""
    target = tmp_path / "x.png"
    target.write_bytes(b"old")
    os.chown(target, 1234, 1234)
    request.getfixturevalue("chown_denied")

    def copyfile(*_: object) -> None:
        target.write_bytes(b"")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", copyfile)
    async with connect() as client:
        with pytest.raises(OSError, match="No space left") as caught:
            await client.images.save(fault_server.picture_url, target)
    [beside] = set(os.listdir(tmp_path)) - {"x.png"}
    assert (tmp_path / beside).read_bytes().startswith(b"\x89PNG")
    assert beside in str(caught.value)


@pytest.mark.posix
async def test_what_is_no_file_is_left_alone(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """A pipe isn't waited for, nor replaced."""
    os.mkfifo(tmp_path / "pipe")
    async with connect() as client:
        with pytest.raises(OSError, match="Not a regular file"):
            await client.images.save(fault_server.picture_url, tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


async def test_broken_download_is_tried_again(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Fetching costs nothing, so it is repeated wherever it broke."""
    fault_server.add(
        picture(b"x" * 100).with_faults(Cut(-1)), error(503), raw(b"HTTP/1.1 2", Reset()), path=PATH
    )
    fault_server.add(picture(b"\x89PNG whole"), path=PATH)
    async with connect(retries=3) as client:
        await client.images.save(fault_server.picture_url, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == b"\x89PNG whole"


async def test_file_that_cannot_be_written(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """A folder that isn't there, or is in the way, is the operating system's error."""
    (tmp_path / "folder").mkdir()
    async with connect() as client:
        with pytest.raises(FileNotFoundError, match=r"/x\.png'$") as caught:
            await client.images.save(fault_server.picture_url, tmp_path / "no" / "x.png")
        assert caught.value.filename == str(tmp_path / "no" / "x.png")
        with pytest.raises(IsADirectoryError):
            await client.images.save(fault_server.picture_url, tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]
    assert not os.listdir(tmp_path / "folder")


@pytest.mark.parametrize(
    "url", ["", "picture.png", "file:///etc/passwd", "ftp://host/x", "http://", "http://[::1"]
)
async def test_what_is_not_a_url(
    connect: Connect, fault_server: FaultServer, tmp_path: Path, url: str
) -> None:
    """What can't be fetched is refused before anything is sent."""
    async with connect() as client:
        with pytest.raises(ConfigurationError):
            await client.images.save(url, tmp_path / "x.png")
    assert not fault_server.connections
    assert not os.listdir(tmp_path)


async def test_cancelled_download_leaves_nothing(
    fault_server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Cancelling leaves neither a connection nor a file."""
    fault_server.always(
        respond([b"x", Stall()], content_type="image/png", content_length=9), path=PATH
    )
    async with connect() as client:
        call: Any = client.images.save(fault_server.picture_url, tmp_path / "x.png")
        task = asyncio.ensure_future(call)
        await fault_server.until_requests(1)
        task.cancel()
        await asyncio.wait([task])
        await fault_server.until_closed(1)
    assert task.cancelled()
    assert not os.listdir(tmp_path)


def test_blocking_download(
    fault_server: FaultServer, connect_blocking: ConnectBlocking, tmp_path: Path
) -> None:
    """The blocking client saves pictures too."""
    with connect_blocking() as client:
        path = client.images.save(fault_server.picture_url, tmp_path / "x.png")
    assert path.read_bytes().startswith(b"\x89PNG")


GENERATE: Any = {"model": "m", "prompt": "p", "image_size": "1024x1024"}


@pytest.mark.parametrize("rest", [{}, {"seed": 1}, {"created": 1}])
@pytest.mark.parametrize("place", ["images", "data"])
async def test_pictures_in_other_forms(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    place: str,
    rest: dict[str, Any],
) -> None:
    """Pictures in openai's place, sent themselves, or linked to without objects around the links, are saved as all are."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    sent: list[Any] = [{"b64_json": b64encode(content).decode()}, fault_server.picture_url]
    fault_server.add(json_response({place: sent, **rest}))
    fault_server.always(picture(content), path=PATH)
    async with connect() as client:
        response = await client.images.generate(**GENERATE)
        for number, image in enumerate(response.images):
            path = await client.images.save(image, tmp_path / f"{number}.png")
            assert path.read_bytes() == content
        assert len(response.images) == 2
        fault_server.add(json_response({"images": [{"b64_json": "aGk="}]}))
        (image,) = (await client.images.generate(**GENERATE)).images
        assert image.url == "data:application/octet-stream;base64,aGk="
        for bad in (image, GeneratedImage(url=""), GeneratedImage(url="file:///picture.png")):
            with pytest.raises(
                APIResponseError, match="has a picture that can't be used"
            ) as raised:
                await client.images.save(bad, tmp_path / "x.png")
            assert raised.value.execution == "executed"
        for url in ("data:image/png;base64,!", "data:image/png,x", "data:text/plain;base64,aGk="):
            with pytest.raises(ConfigurationError, match="has no picture"):
                await client.images.save(url, tmp_path / "x.png")


FORMS: dict[str, Callable[[bytes], str]] = {
    "plain": lambda content: b64encode(content).decode(),
    "line breaks": lambda content: encodebytes(content).decode(),
    "CRLF": lambda content: encodebytes(content).decode().replace("\n", "\r\n"),
    "for URLs": lambda content: urlsafe_b64encode(content).decode(),
    "a data URL": lambda content: f"DATA:image/png;base64,{b64encode(content).decode()}",
    "no padding": lambda content: b64encode(content).decode().rstrip("="),
}


@pytest.mark.parametrize("length", [252, 253, 254, 3000])
@pytest.mark.parametrize("form", FORMS)
async def test_forms_of_base64(
    fault_server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    form: str,
    length: int,
) -> None:
    """What is taken for a picture can be saved, in whichever form it was sent; so can URLs made of it."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(200, 256)) + b"\xff" * length
    fault_server.add(json_response({"data": [{"b64_json": FORMS[form](content)}]}))
    async with connect() as client:
        (image,) = (await client.images.generate(**GENERATE)).images
        _, data = image.url.split(",")
        for url in (image, f"DATA:IMAGE/PNG;BASE64,{data}", f"data:image/png;base64,{quote(data)}"):
            path = await client.images.save(url, tmp_path / "x.png")
            assert path.read_bytes() == content


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", ["url", "item"])
async def test_pictures_in_place_of_their_links(
    fault_server: FaultServer, connect: Connect, tmp_path: Path, form: str, place: str
) -> None:
    """Base64 that a server sends as the link is the picture; so is what a caller passes."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(200, 256))
    sent = FORMS[form](content)
    fault_server.add(json_response({"images": [{"url": sent} if place == "url" else sent]}))
    async with connect() as client:
        response = await client.images.generate(**GENERATE)
        assert response.images[0].url.lower().startswith("data:image/png;base64,")
        for image in (response.images[0], sent):
            path = await client.images.save(image, tmp_path / "x.png")
            assert path.read_bytes() == content
    assert response.to_dict()["images"][0] in (sent, {"url": sent})


async def test_link_that_is_none(connect: Connect, tmp_path: Path) -> None:
    """The error has its beginning alone: it may be long."""
    async with connect() as client:
        for url in ("files/abcd", "A" * 1_000_000):
            with pytest.raises(ConfigurationError, match="https:// URL is needed") as caught:
                await client.images.save(url, tmp_path / "x.png")
            assert len(str(caught.value)) < 300


UNKNOWN_IMAGES: list[tuple[Any, str]] = [
    ([{"image_url": "http://x/1"}], "'image_url'"),
    ([{"b64_json": "!"}], "'b64_json'"),
    ([{"b64_json": ""}], "empty objects"),
    (["1.png"], "'1.png'"),
    ({"uri": "http://x/1"}, "'uri'"),
    ([{}], "empty objects"),
    (None, "only 'timings', 'seed'"),
    ([{"index": 1}, {"image_url": "http://x/1"}], "'image_url'"),
]


@pytest.mark.parametrize(("images", "says"), UNKNOWN_IMAGES)
async def test_pictures_in_no_known_form(
    fault_server: FaultServer, connect: Connect, images: object, says: str
) -> None:
    """A response without a picture in a known form raises, once, with all that was sent."""
    fault_server.add(json_response({"images": images, "timings": {"inference": 1.0}, "seed": 1}))
    async with connect(retries=2) as client:
        with pytest.raises(APIResponseError, match="no image that is known") as caught:
            await client.images.generate(**GENERATE)
    assert says in caught.value.message
    assert caught.value.execution == "executed"
    assert caught.value.partial.to_dict()["images"] == images
    assert len(fault_server.requests) == 1
