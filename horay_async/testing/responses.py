"""Responses: the steps that a server plays for one request, and HTTP messages made into such steps."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypedDict, Unpack

import attrs

from horay_async._suggestions import unknown_option
from horay_async.testing.steps import Repeat, Send, Step

__all__ = ["Coding", "Fault", "MessageOptions", "ScriptedResponse", "Then"]
__all__ += ["json_response", "raw", "respond", "sse"]

Then = Literal["keep", "close", "close_under_next", "reset_under_next"]
"""What becomes of the connection after a response: it is kept for the next request; closed; or kept and
closed (FIN) or reset (RST) the moment the next request has come, unanswered."""

Coding = Literal["gzip", "deflate"]
"""The compressions of `Content-Encoding` that are played here."""

_WBITS: dict[Coding, int] = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@attrs.frozen(kw_only=True)
class ScriptedResponse:
    """What the server does with one request. Made by `respond`, `raw` and the canned responses."""

    steps: tuple[Step, ...]
    """Played in this order."""
    status: int | None = None
    """The HTTP status, where the steps begin with a status line."""
    read: int | None = None
    """How many bytes of the request's body are read before the first step; None is all of it. Only a
    response that was put into the script as it is can stop before the end: a handler is called with
    the whole request."""
    executed: bool = False
    """Whether the request counts as executed when the response's first byte is sent."""
    then: Then = "keep"
    """What becomes of the connection afterwards."""
    name: str = ""
    """What this is, for those who read the records: `"chat"`, `"cut"` ..."""

    @property
    def data(self) -> bytes:
        """All bytes that the steps send, without repetitions."""
        return b"".join(step.data for step in self.steps if isinstance(step, Send))

    @property
    def head_size(self) -> int:
        """How many of these bytes are the HTTP head, its empty line included; 0 where there is none."""
        end = self.data.find(b"\r\n\r\n")
        return 0 if end < 0 else end + 4

    def with_faults(self, *faults: Fault) -> ScriptedResponse:
        """A copy of the response with faults, applied from left to right."""
        response = self
        for fault in faults:
            response = check_fault(fault)(response)
        return response


class AnyFault:
    """The base of this package's faults, which sets them apart from handlers, also functions of one argument."""

    __slots__ = ()


Fault = Callable[[ScriptedResponse], ScriptedResponse]
"""Makes a faulty response of a good one; `horay_async.testing` has `Cut`, `Split`, `Hang`, `Delay` ..."""


def check_fault(fault: Any) -> Any:
    """A fault; raises `TypeError` for what can't be one."""
    if not callable(fault) or isinstance(fault, type | ScriptedResponse):
        made = f", such as {fault.__name__}(...)" if isinstance(fault, type) else ""
        more = f": reply takes one text, so write reply({fault!r}) for the next one"
        more = more if isinstance(fault, str) else ""
        raise TypeError(
            f"a fault must be one of Cut, Split, Hang, Delay ...{made}; got {fault!r}{more}"
        )
    return fault


class MessageOptions(TypedDict, total=False):
    """How an HTTP response is put together: the keyword arguments of `respond` and of whatever makes
    responses with it.
    """

    headers: Mapping[str, str]
    """More headers. One named like a header that is there anyway takes its place."""
    content_type: str
    """`application/json`; an empty one isn't sent."""
    framing: Literal["length", "chunked", "close"]
    """How the body's end is marked: by `Content-Length`, by chunked encoding with one chunk a piece, or by
    closing the connection."""
    coding: Coding
    """Compresses the body; each piece can be decompressed as it comes."""
    coding_cut: int
    """How many bytes of the compressed body are left off at its end, its framing being right."""
    content_length: int
    """What `Content-Length` claims; the truth unless given."""
    read: int | None
    """As in `ScriptedResponse`."""
    executed: bool
    """As in `ScriptedResponse`; unless given, whether the status is one of success."""
    then: Then
    """As in `ScriptedResponse`."""
    name: str
    """As in `ScriptedResponse`."""


HABITS = {
    "usage": "a whole response has it, and a stream where the request asks for it: stream_options={'include_usage': True}",
    "choices": "there are as many as the request's n says",
}
"""What a request decides for a reply."""


def check_options(options: MessageOptions) -> None:
    """Raises `TypeError` for an option that there isn't."""
    known = MessageOptions.__annotations__.keys()
    if strange := options.keys() - known:
        raise unknown_option("response option", min(strange), known, HABITS)


def respond(
    body: bytes | str | Sequence[bytes | Step] = b"",
    status: int = 200,
    **options: Unpack[MessageOptions],
) -> ScriptedResponse:
    """An HTTP/1.1 response. A body of several pieces is sent piece by piece, with other steps between."""
    check_options(options)
    _check_order(body, status, "respond")
    framing = options.get("framing", "length")
    if isinstance(body, str):
        body = body.encode()
    pieces: list[bytes | Step] = [body] if isinstance(body, bytes) else list(body)
    headers: dict[str, str] = {}
    if content_type := options.get("content_type", "application/json"):
        headers["Content-Type"] = content_type
    if coding := options.get("coding"):
        headers["Content-Encoding"] = coding
        pieces = _compressed(pieces, coding)
        _trim(pieces, options.get("coding_cut", 0))
    if framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        pieces = [*map(_chunk, pieces), b"0\r\n\r\n"]
    elif framing == "close":
        headers["Connection"] = "close"
    else:
        length = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
        headers["Content-Length"] = str(options.get("content_length", length))
    named = {name.lower() for name in options.get("headers", {})}
    headers = {name: value for name, value in headers.items() if name.lower() not in named}
    headers.update(options.get("headers", {}))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Unnamed"
    start = f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode("latin-1")
    only = pieces[0] if len(pieces) == 1 else None
    # Small responses in one go.
    sent = [start + only] if isinstance(only, bytes) else [start, *pieces]
    return ScriptedResponse(
        steps=tuple(_steps(sent)),
        status=status,
        read=options.get("read"),
        executed=options.get("executed", 200 <= status < 300),
        then=options.get("then", "close" if framing == "close" else "keep"),
        name=options.get("name", str(status)),
    )


def _check_order(body: object, status: object, called: str) -> None:
    """Raises `TypeError` for a status that is none, and for one in the place of the body."""
    if isinstance(status, int) and (called != "respond" or not isinstance(body, int)):
        return
    if isinstance(body, int):
        given = "..." if isinstance(status, int) else repr(status)
        raise TypeError(f"the body comes first: {called}({given}, {body!r})")
    raise TypeError(f"status must be a number such as 503; got {status!r}")


def json_response(
    value: Any, status: int = 200, **options: Unpack[MessageOptions]
) -> ScriptedResponse:
    """A response whose body is `value` as JSON."""
    _check_order(value, status, "json_response")
    return respond(json.dumps(value, ensure_ascii=False), status, **options)


def sse(data: Any, event: str = "") -> bytes:
    """One Server-Sent Event: `data` as it is where it is a string, else as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n".encode()


def defaulted(options: MessageOptions, **defaults: Unpack[MessageOptions]) -> MessageOptions:
    """`options` over `defaults`; the headers of both."""
    headers = {**defaults.get("headers", {}), **options.get("headers", {})}
    return {**defaults, **options, "headers": headers}


def raw(
    *steps: bytes | Step, read: int | None = None, then: Then = "keep", name: str = "raw"
) -> ScriptedResponse:
    """Exactly these bytes and steps, HTTP or not."""
    start = b"".join(step for step in steps if isinstance(step, bytes))
    line = re.match(rb"HTTP/1\.[01] (\d\d\d)\b", start)
    status = int(line[1]) if line else None
    return ScriptedResponse(
        steps=tuple(_steps(steps)),
        status=status,
        read=read,
        executed=status is not None and 200 <= status < 300,
        then=then,
        name=name,
    )


def _steps(pieces: Iterable[bytes | Step]) -> Iterable[Step]:
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield check_piece(piece, Step, "bytes and steps such as Pause(0.1)")
        elif piece:
            yield Send(piece)


def check_piece(piece: Any, allowed: Any, named: str) -> Any:
    """A part of a response; raises `TypeError` for what is none, and `ValueError` for a text that can't be sent."""
    if not isinstance(piece, allowed):
        instead = about_scripted(piece) if issubclass(str, allowed) else about_fault(piece)
        raise TypeError(f"a response is made of {named}; got {piece!r}{instead}")
    if isinstance(piece, str):
        piece.encode()  # raises for half of a surrogate pair
    return piece


def is_number(value: object, kind: Any = int | float) -> bool:
    """Whether a value is a number of that kind, and no boolean."""
    return isinstance(value, kind) and not isinstance(value, bool)


def check_word(name: str, word: object, allowed: Sequence[str]) -> None:
    """Raises `ValueError` for a text that isn't one of those allowed."""
    if word not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {word!r}")


def about_fault(value: object) -> str:
    """What to write instead of a fault in a wrong place; nothing where `value` is none."""
    name = type(value).__name__
    place = f'add(chat("...").with_faults({name}(...))), or reply("...", {name}(...))'
    return f": faults are given behind a response, {place}" if isinstance(value, AnyFault) else ""


def about_scripted(value: object) -> str:
    """What to write instead of `value` in the place of a text; nothing where it is neither JSON nor a fault."""
    if isinstance(value, Mapping):
        return f": JSON that the model writes is a text, json.dumps({value!r})"
    return about_fault(value)


def _chunk(piece: bytes | Step) -> bytes | Step:
    if isinstance(piece, Repeat):
        return attrs.evolve(piece, data=framed(piece.data))
    return framed(piece) if isinstance(piece, bytes) else piece


def framed(data: bytes) -> bytes:
    """`data` as one chunk of chunked encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty chunk would be the last


def _compressed(pieces: list[bytes | Step], coding: Coding) -> list[bytes | Step]:
    compressor = zlib.compressobj(wbits=_WBITS[coding])
    done: list[bytes | Step] = []
    for piece in pieces:
        if isinstance(piece, Repeat):
            raise ValueError("an endless body can't be compressed here")
        if isinstance(piece, bytes):
            done.append(compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH))
        else:
            done.append(piece)
    return [*done, compressor.flush()]


def _trim(pieces: list[bytes | Step], size: int) -> None:
    """Takes `size` bytes off the end of `pieces`."""
    for place in reversed(range(len(pieces))):
        piece = pieces[place]
        if size and isinstance(piece, bytes):
            pieces[place] = piece[: max(0, len(piece) - size)]
            size = max(0, size - len(piece))
