"""Where the bytes of a stream become raw server-sent events, for operations that have no class of their own.

Chunks of the operations that have one are made in `chunk_reader`.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from horay_async._protocol.wire.cut_chunk import has_text
from horay_async._protocol.wire.cut_json import closed
from horay_async._protocol.wire.decode import (
    MALFORMED,
    InvalidBody,
    has_error_field,
    is_json,
    parsed,
)
from horay_async._protocol.wire.envelope import error_in
from horay_async._protocol.wire.errors import ErrorContext, stream_error
from horay_async._protocol.wire.repairs import repaired
from horay_async._protocol.wire.sse import DONE, ERROR, NamedEvent
from horay_async._protocol.wire.sse_reader import PINGS, SSEReader
from horay_async.errors import APIError
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta
from horay_async.models.raw import ServerSentEvent


class _Typed(msgspec.Struct):
    """The one field by which servers of several families say what an event is."""

    type: str = ""


_typed = msgspec.json.Decoder(_Typed).decode


class RawEventReader(SSEReader[ServerSentEvent]):
    """Fed the bytes of one stream, returns its events.

    `ends_with` names the last event: by its name, by the `type` in its JSON, or as its data. Without it, a stream
    is complete at `[DONE]`, or where its bytes end between two events. Unless it is named, `[DONE]` is no event.
    """

    def __init__(
        self,
        *,
        ends_with: Collection[str],
        meta: ResponseMeta,
        context: ErrorContext,
        max_event_bytes: int,
    ) -> None:
        super().__init__(meta=meta, context=context, max_event_bytes=max_event_bytes, keep_ids=True)
        self._ends_with = frozenset(ends_with)
        self._began = False  # whether an event has come that is more than a sign of life

    def take_failure(self) -> APIError | None:
        failure, self._failure = self._failure, None
        if failure is not None and self._began:
            failure.execution = "executed"
        return failure

    @property
    def _ends_anywhere(self) -> bool:
        return not self._ends_with

    def _add_cut(self) -> APIError | None:
        data = self._cut_data
        if isinstance(data, NamedEvent) and data.name in (ERROR, *PINGS):
            return None
        try:
            came = parsed(repaired(closed(data.decode("utf-8-sig", "ignore")).text.encode()))
        except InvalidBody:
            self._began |= not DONE.startswith(data.strip())
            return None
        if error_in(came) is not None:
            return stream_error(msgspec.json.encode(came), context=self._context)
        self._began |= has_text(came)
        return None

    def _is_whole(self, data: bytes, *, ended: bool) -> bool:
        # By its data alone, whose end its name doesn't tell.
        return self._is_last_by_data(data) or _is_closed(data) or (ended and is_json(data))

    def _read(self, datas: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        has_content = False
        for data in datas:
            name = data.name if isinstance(data, NamedEvent) else ""
            if name == ERROR or (b'"error"' in data and has_error_field(data, named=bool(name))):
                self._fail(stream_error(data, context=self._context))
                break
            last = self._is_last(data)
            if not last and data.strip() == DONE:
                if self._ends_anywhere:
                    self.done = True
                    break
                continue  # gateways write it behind whatever has come: the last event has to come all the same
            event = ServerSentEvent(
                event=name,
                data=data.decode("utf-8", "replace"),  # as the standard has it
                id=data.id if isinstance(data, NamedEvent) else "",
            )
            made: Response = event
            made.meta = self._meta
            events.append(event)
            has_content = has_content or (name not in PINGS and bool(data.strip()))
            if last:
                self.done = True
                break
        self.has_content = has_content
        self._began |= has_content
        return events

    def _is_last(self, data: bytes) -> bool:
        """Whether the caller named this event as the last one."""
        if not self._ends_with:
            return False
        if isinstance(data, NamedEvent) and data.name in self._ends_with:
            return True
        return self._is_last_by_data(data)

    def _is_last_by_data(self, data: bytes) -> bool:
        """Whether its data are those of the last event, or JSON of its type."""
        if data.lstrip().startswith(b"{"):  # JSON may have blanks before it
            try:
                return _typed(data).type in self._ends_with
            except MALFORMED:
                return False
        return data.strip().decode("utf-8", "replace") in self._ends_with


def _is_closed(data: bytes) -> bool:
    """Whether data is JSON that no more could follow: a number could go on."""
    if data.strip() == DONE:
        return True
    return data.lstrip().startswith((b"{", b"[", b'"')) and is_json(data)
