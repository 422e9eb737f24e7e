"""From the bytes of a stream to its chunks, and to the verdict on how it ended."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from horay_async._protocol.accumulate import Accumulator
from horay_async._protocol.decode import Decoder, EnvelopeFailure, NotDecodable
from horay_async._protocol.failures import bad_response, stream_error
from horay_async._protocol.sse import EventTooLarge, NamedEvent, SSEDecoder
from horay_async.errors import APIError, StreamError, StreamTruncatedError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

__all__ = ["ChunkReader"]

C = TypeVar("C", bound=Response)
A = TypeVar("A", bound=Response)

DONE = b"[DONE]"
UNNAMED = {bytes}


class ChunkReader(Generic[C, A]):
    """Fed the bytes of one stream, gives its chunks and merges them on the way.

    `label` names the call in messages; `key` is masked where the server echoes it.
    """

    def __init__(
        self,
        decoder: Decoder[C],
        merged: Accumulator[C, A],
        *,
        meta: ResponseMeta,
        label: str,
        key: str,
        max_event_bytes: int,
    ) -> None:
        self.merged = merged
        self.done = False
        """Whether `[DONE]` has come, or a failure: nothing after it counts."""
        self._failure: APIError | None = None
        self.content = False
        """Whether the newest chunks held anything generated."""
        self._decoder = decoder
        self._sse = SSEDecoder(max_event_bytes=max_event_bytes)
        self._meta = meta
        self._label = label
        self._key = key
        self._max_event_bytes = max_event_bytes

    @property
    def failure(self) -> APIError | None:
        """What to raise once the chunks before it are delivered."""
        failure = self._failure
        if failure is not None and not self.merged.empty:
            failure.execution = "executed"
            if isinstance(failure, StreamError | StreamTruncatedError):
                failure.partial = self.merged.result()
        return failure

    def feed(self, piece: bytes) -> list[C]:
        """The chunks that `piece` completes."""
        try:
            datas = self._sse.feed(piece)
        except EventTooLarge:
            self._fail(
                self._bad(f"has an event of more than {self._max_event_bytes:,} bytes", piece)
            )
            return []
        return self._chunks(datas) if datas else []

    def end(self, reason: str, *, keep_truncated: bool, cause: APIError | None = None) -> list[C]:
        """The last chunks of a stream whose bytes ended, for `reason`; a `failure` where it wasn't
        complete. `cause` is the error that ended it, if one did.
        """
        if self.done:
            return []
        chunks: list[C] = []
        for data in self._sse.flush():
            try:
                msgspec.json.decode(data) if data != DONE else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                reason = f"{reason}, in the middle of an event"
            else:
                chunks += self._chunks([data])
        if self.done or self.merged.complete or (keep_truncated and cause is None):
            self.done = True
            return chunks
        self._fail(
            StreamTruncatedError(
                f"the stream of {self._label} is incomplete: {reason}",
                reason=reason,
                request_id=self._meta.request_id,
            )
        )
        return chunks

    def _chunks(self, datas: list[bytes]) -> list[C]:
        if DONE in datas:
            datas = datas[: datas.index(DONE)]
            self.done = True
        if b"" in datas:
            datas = [data for data in datas if data]  # an empty event keeps the connection alive
        # Only a string of JSON's own holds these bytes: within a text the quotes are escaped.
        joined = b"\n".join(datas)
        suspect = b'"error"' in joined or b'"code"' in joined or set(map(type, datas)) - UNNAMED
        if suspect:
            chunks = self._one_by_one(datas)
        else:
            try:
                chunks = self._decoder.many(datas)
            except (NotDecodable, EnvelopeFailure):
                chunks = self._one_by_one(datas)
        content = False
        meta = self._meta
        add = self.merged.add
        for chunk in chunks:
            chunk.meta = meta
            if add(chunk):
                content = True
        self.content = content
        return chunks

    def _one_by_one(self, datas: list[bytes]) -> list[C]:
        """The chunks up to the first event that isn't one, which becomes the failure."""
        chunks: list[C] = []
        for data in datas:
            name = data.name if isinstance(data, NamedEvent) else ""
            if name == "error" or self._is_error(data):
                error = stream_error(data, label=self._label, key=self._key)
                self._fail(error)
                break
            try:
                chunks.append(self._decoder.one(data))
            except (NotDecodable, EnvelopeFailure) as problem:
                if name:
                    continue  # an event of some other kind, such as `event: ping`
                self._fail(self._bad(f"has an event that {problem}", data))
                break
        return chunks

    def _is_error(self, data: bytes) -> bool:
        if b'"error"' not in data and b'"code"' not in data:
            return False
        try:
            decoded = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if not isinstance(decoded, dict):
            return False
        return bool(decoded.get("error")) or ("code" in decoded and "choices" not in decoded)

    def _bad(self, what: str, data: bytes) -> APIError:
        return bad_response(
            what,
            data,
            status=self._meta.status,
            label=self._label,
            key=self._key,
            request_id=self._meta.request_id,
        )

    def _fail(self, error: APIError) -> None:
        self.done = True
        self._failure = error
