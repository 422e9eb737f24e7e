"""Where the bytes of a stream become chunks: objects of the classes in `models`. Says how the stream ended, too."""

# The bytes of a chunk are kept under a private name, which users don't see:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec

from horay_async._json import fields_of, is_array
from horay_async._protocol.wire.accumulate import ChoiceAccumulator
from horay_async._protocol.wire.characters import SplitCharacters
from horay_async._protocol.wire.chunk_template import ChunkTemplate
from horay_async._protocol.wire.contents import without_errors
from horay_async._protocol.wire.cut_chunk import drop_unsure, has_text
from horay_async._protocol.wire.cut_json import closed
from horay_async._protocol.wire.decode import (
    NO_DIFFERENCES,
    NOTHING_KNOWN,
    Decoder,
    ErrorInBody,
    InvalidBody,
    check_size,
    drift_of,
    has_error_field,
    holds_content,
    is_json,
    number_choices,
    parsed,
    unwrapped,
)
from horay_async._protocol.wire.description import Difference
from horay_async._protocol.wire.dialects import (
    from_messages,
    is_delta,
    unrecognised_beside_choices,
    unrecognised_in_chunk,
)
from horay_async._protocol.wire.drift import DriftWatch, masked
from horay_async._protocol.wire.envelope import error_in, says_it_failed
from horay_async._protocol.wire.errors import ErrorContext, stream_error
from horay_async._protocol.wire.repairs import repaired
from horay_async._protocol.wire.size_limits import BOM, MAX_OBJECTS
from horay_async._protocol.wire.sse import DONE, ERROR, NamedEvent
from horay_async._protocol.wire.sse_reader import NO_EVENTS, PINGS, SSEReader
from horay_async._protocol.wire.unknown import has_strings, unknown_of
from horay_async.errors import APIError, DriftError, DriftWarning
from horay_async.models._base import Response
from horay_async.models.meta import ResponseMeta

C = TypeVar("C", bound=Response)
A = TypeVar("A", bound=Response)

MORE = re.compile(rb'^event: ?error|"error"\s*:\s*[{"]|"choices"\s*:\s*\[\s*\{', re.MULTILINE)
"""How an event may begin that holds a choice or an error, and doesn't just count tokens."""

OBJECT = b"{"
"""How a chunk begins. Whatever else is to be told from one compares as less: `[DONE]`, an empty event,
blanks in front."""


class ChunkReader(SSEReader[C], Generic[C, A]):
    """Fed the bytes of one stream, gives its chunks and merges them on the way.

    `drift` is told how chunks differ from what the API describes; the error that it may want is raised at the end, so
    that none of the response is lost.
    """

    def __init__(
        self,
        decoder: Decoder[C],
        merged: ChoiceAccumulator[Any, A],
        *,
        meta: ResponseMeta,
        context: ErrorContext,
        max_event_bytes: int,
        drift: DriftWatch,
        max_objects: int = MAX_OBJECTS,
    ) -> None:
        super().__init__(meta=meta, context=context, max_event_bytes=max_event_bytes)
        self.merged = merged
        self._drift_error: DriftError | DriftWarning | None = None
        self._decoder = decoder
        self._max_objects = max_objects
        self._drift = drift
        self._unrecognised: str | None = None  # a field that may hold content, and isn't known
        self._unrecognised_beside: str | None = None  # the same beside the choices
        self._template = ChunkTemplate()
        self._split = SplitCharacters()
        self._names = set[str]()  # under which chunks have come
        # Where the texts of the template's chunks go; None where more is new in each.
        self._fast_texts: list[str] | None = None
        # The template's chunk, where others like it may bring one more piece of a text under a name that its classes don't know.
        self._repeated: C | None = None
        self._others_came = False  # since the last chunk of the template
        self._in_messages = set[int]()  # the choices whose deltas come as `message`
        self._cut_has_text = False  # something generated, in the event in which the stream was cut
        self._saw_done = False  # once `[DONE]` has come

    def take_failure(self) -> APIError | DriftWarning | None:
        failure = self._failure or self._unfinished() or self._drift_error
        self._failure = self._drift_error = None
        if isinstance(failure, APIError) and self._cut_has_text:
            # What had come is in its body, whether it could be merged or not.
            failure.execution = "executed"
        if failure is not None and not self.merged.empty:
            whole = self.result()
            if isinstance(failure, APIError):
                failure.execution = "executed"
                failure.partial = whole
            if isinstance(failure, DriftError | DriftWarning):
                failure.response = whole
        return failure

    def _unfinished(self) -> APIError | None:
        """What is wrong with a stream that ended well, but has no known content, or not the end of each choice."""
        if not self.done:
            return None
        if self._saw_done and self.merged.empty:
            behind = self._sse.held.lstrip()
            self.body = self.body or (behind if behind.startswith((b"{", b"[")) else b"")
            if self.body:
                return self._misnamed(self.body) or self._bad(NO_EVENTS, self.body)
        merged = self.merged
        if where := (
            (merged.without_choices and self._unrecognised_beside)
            or (merged.holds_nothing and self._unrecognised)
        ):
            what = f"{NOTHING_KNOWN}, but {where}"
        elif self._saw_done and self.merged.partly_finished:
            what = "ends with [DONE], and not all of its choices are finished"
        else:
            return None
        return self._bad(what, self._opening)

    @property
    def complete(self) -> bool:
        cut = self._cut or self._sse.held
        return self.merged.complete and MORE.search(cut) is None

    @property
    def _ends_anywhere(self) -> bool:
        return self.merged.finished

    def _reports_error(self, data: bytes) -> bool:
        try:
            self._decoder.decode(data, max_objects=self._max_objects)
        except ErrorInBody:
            return True
        except InvalidBody:
            pass
        return False

    def partial(self) -> A | None:
        return None if self.merged.empty else self.result()

    def result(self) -> A:
        result = self.merged.result()
        result.meta = self._meta
        return result

    def _is_whole(self, data: bytes, *, ended: bool) -> bool:
        if isinstance(data, NamedEvent) and data.name == ERROR:
            return True
        return data.strip() == DONE or is_json(data)

    def _add_cut(self) -> APIError | None:
        text = self._cut_data.decode("utf-8-sig", "ignore")
        whole = closed(text)
        try:
            came = parsed(self._split.join(repaired(whole.text.encode())))
            if error_in(fields_of(came)) is not None:
                return stream_error(msgspec.json.encode(came), context=self._context)
            sent = _chunk_in(came)
            self._cut_has_text = has_text(sent.get("choices"))
            only_one, knows_call = self.merged.has_one_choice, self.merged.knows_call
            if not drop_unsure(sent, knows_call, in_string=whole.in_string, only_one=only_one):
                return None
            data = msgspec.json.encode(sent)
            chunk = self._decoder.decode(data, max_objects=self._max_objects)
        except (InvalidBody, ErrorInBody):
            return None
        # A whole message may repeat what has come.
        if holds_content(chunk) and (self.merged.empty or not from_messages(sent)):
            cast("Any", chunk).meta = self._meta
            self.merged.add(chunk)
            self.merged.add_unknown(chunk)
        return None

    # Nearly all chunks are the one before with another piece of text, which a `ChunkTemplate` sees in their bytes. What is known of
    # the one before needs no second look, which makes three ways shorter. The times are microseconds of a chunk of some 300 bytes.
    #
    #   where                what is left out                                          saves
    #   `_from_template`     one event came alone, as from a server that isn't         5 of 9
    #                        hurried: it isn't held against the description
    #   `_read`              several came at once: nor are they                        1 of 3
    #   `_add_texts`         either: when one of the template was merged last,         0.5 of these
    #                        the texts of those that follow are all that is merged
    #
    # Several events are decoded in one go (`Decoder.decode_many`), and one by one where any of them may be something else than a
    # chunk, or holds anything that isn't described. A chunk among them that differs from the description in nothing, or in fields without
    # content alone, becomes the template if its text can be seen in it.

    def _read(self, datas: list[bytes]) -> list[C]:
        # 1. One event, of the template.
        if len(datas) == 1 and (chunks := self._from_template(datas[0])) is not None:
            return chunks
        if min(datas) < OBJECT:
            datas = self._until_done(datas)
        lines = b"\n".join(datas)
        chunks = self._decode_together(datas, lines)
        # 2. Several events, all of the template, and so as described as the chunk that it was taken from.
        if chunks is not None:
            texts = self.merged.texts_in(chunks)
            if len(texts) == len(chunks) and self._template.matches_all(lines, texts):
                self._add_texts(chunks, texts)
                return chunks
        if chunks is None or not self._decoder.are_described(chunks, lines):
            chunks = self._decode_one_by_one(datas)
        # 3. Others, all as described.
        self._others_came = True
        if all(drift_of(chunk) is NO_DIFFERENCES for chunk in chunks):
            self._add(chunks)
        # 4. Others, of which some aren't: each can be the last one that is read.
        else:
            chunks = self._merge_one_by_one(chunks)
        if chunks:
            self._take_template(chunks[-1])
        return chunks

    def _take_template(self, chunk: C) -> None:
        """Makes a chunk that was just merged the template, if those like it need no second look."""
        found = drift_of(chunk)
        if found.normalized or found.wrapped or found.adds:
            return
        if self._template.take(
            chunk._raw,
            "".join(self.merged.texts_in([chunk])),
            masked(found, self._context) if found else found,
        ):
            self._fast_texts = self.merged.only_text_of(chunk)
            self._repeated = chunk if found and has_strings(chunk) else None
            self._others_came = False

    def _from_template(self, data: bytes) -> list[C] | None:
        """The chunk that `data` is, where it is one of the template; None where that isn't sure."""
        if not self._template.matches(data) or self._sse.named or self._split.halves:
            return None
        chunk = self._decoder.decode_described(data)
        if chunk is None:
            return None
        chunks = [chunk]
        self._add_texts(chunks, self.merged.texts_in(chunks))
        return chunks

    def _decode_together(self, datas: list[bytes], lines: bytes) -> list[C] | None:
        """The chunks of several events, which aren't checked yet; None where each event has to be looked at."""
        # Only a string of JSON's own holds these bytes: within a text the quotes are escaped.
        if b'"error"' in lines or self._sse.named or self._split.halves:
            return None
        return self._decoder.decode_many(datas, lines, max_objects=self._max_objects)

    def _merge_one_by_one(self, chunks: list[C]) -> list[C]:
        """Merges chunks some of which differ from the description; those up to the first that can't be."""
        # Its unknown fields may have other values than those merged here.
        self._template = ChunkTemplate()
        has_content = False
        for at, chunk in enumerate(chunks):
            found = drift_of(chunk)
            if found:
                self._note(chunk, found)
            if found.normalized and not self._drop_repeated(chunk):
                problem = "has a whole message at its end that isn't its pieces"
                self._fail(self._bad(problem, chunk._raw))
                chunks = chunks[:at]
                break
            self._add([chunk])
            self.merged.add_unknown(chunk)
            has_content = has_content or self.has_content
            if found and self._failed_by(chunk):
                self._fail(stream_error(chunk._raw, context=self._context))
                chunks = chunks[: at + 1]
                break
        self.has_content = has_content
        return chunks

    def _failed_by(self, chunk: C) -> bool:
        """Whether a chunk says that the request has failed, which doesn't finish its choices."""
        choices: list[Any] = getattr(chunk, "choices", [])
        finished = all(choice.finish_reason for choice in choices)
        return not finished and says_it_failed(unknown_of(chunk) or {})

    def _drop_repeated(self, chunk: C) -> bool:
        """Takes out of a chunk what it repeats: some servers end a choice with its whole message, and others send the text so far
        beside each delta. False where the message differs from what has come.
        """
        sent = _sent(chunk)
        choices: list[Any] = cast("Any", chunk).choices
        number_choices(choices)
        for position in from_messages(sent):
            choice = choices[position]
            known = not self.merged.is_new(choice.index)
            in_messages = choice.index in self._in_messages
            if known and (
                choice.finish_reason or (not in_messages and self.merged.is_repeated_by(choice))
            ):
                if not self.merged.drop_repeated(choice, may_be_delta=in_messages):
                    return False
            elif is_delta(sent["choices"][position]):
                self._in_messages.add(choice.index)
        return True

    def _add_texts(self, chunks: list[C], texts: list[str]) -> None:
        """Merges chunks of the template, which have these texts."""
        if self._template.found:
            self._drift.counts.add(self._template.found, len(chunks))
        if self._repeated is not None:
            for _ in chunks:
                self.merged.add_unknown(self._repeated)
        if self._fast_texts is None or self._others_came:
            self._add(chunks)
            self._others_came = False
            return
        meta = self._meta
        for chunk in chunks:
            chunk.meta = meta
        self._fast_texts.extend(filter(None, texts))
        self.has_content = any(texts)
        self._count(chunks)

    def _add(self, chunks: list[C]) -> None:
        """Merges chunks."""
        has_content = False
        meta = self._meta
        add = self.merged.add
        for chunk in chunks:
            chunk.meta = meta
            if add(chunk):
                has_content = True
        self.has_content = has_content
        self._count(chunks)

    def _count(self, chunks: list[C]) -> None:
        """Counts chunks that were merged; too many fail the stream."""
        merged = self.merged
        merged.object_count += len(chunks)
        if merged.object_count > self._max_objects:
            self._fail(
                self._bad(
                    f"is a stream of more than {self._max_objects:,} objects and pieces: pass "
                    "max_response_objects=... to the client to take in more",
                    chunks[-1]._raw,
                )
            )

    def _note(self, chunk: C, found: Sequence[Difference]) -> None:
        """Counts how `chunk` drifts, and remembers the first field with something unknown in it."""
        error = self._drift.note(found, chunk, context=self._context)
        self._drift_error = self._drift_error or error
        if any(kind == "unknown" or path.endswith(".content") for path, kind in found):
            sent = _sent(chunk)
            if self._unrecognised is None:
                self._unrecognised = unrecognised_in_chunk(sent, type(chunk))
            if self._unrecognised_beside is None and self.merged.without_choices:
                self._unrecognised_beside = unrecognised_beside_choices(sent, type(chunk))

    def _until_done(self, datas: list[bytes]) -> list[bytes]:
        """The events before `[DONE]`, without the empty ones that only keep the connection alive."""
        kept: list[bytes] = []
        for at, data in enumerate(datas, 1):
            text = data.strip()
            if text in (DONE, b'"%b"' % DONE):  # some servers make JSON of all data
                if at < len(datas) and not kept and self.merged.empty:
                    continue  # it ends nothing
                self.done = self._saw_done = True
                break
            if text or (isinstance(data, NamedEvent) and data.name == ERROR):
                kept.append(data)
        return kept

    def _decode_one_by_one(self, datas: list[bytes]) -> list[C]:
        """The chunks up to the first event that isn't one, which becomes the failure."""
        chunks: list[C] = []
        for data in datas:
            name = data.name if isinstance(data, NamedEvent) else ""
            data = repaired(data)  # noqa: PLW2901 - the others that came must not be lost for one number
            try:
                if name == ERROR or (b'"error"' in data and has_error_field(data)):
                    raise ErrorInBody
                chunk = self._decoder.decode(data, max_objects=self._max_objects, split=self._split)
            except ErrorInBody:
                self._fail(stream_error(data, context=self._context))
                chunks += self._beside_error(data)
                break
            except InvalidBody as problem:
                if self._is_of_other_kind(name, data):
                    continue
                self._fail(self._bad(f"has an event that {problem}", data))
                break
            if name and cast("Any", chunk).choices:
                self._names.add(name)
            if not name or name in self._names or self._decoder.says_something(chunk):
                chunks.append(chunk)
        return chunks

    def _beside_error(self, data: bytes) -> list[C]:
        """The chunk in an event that reports an error beside what was generated; none where there is nothing."""
        try:
            rest = without_errors(data)
            chunk = self._decoder.decode(rest, max_objects=self._max_objects)
        except (InvalidBody, ErrorInBody):
            return []
        return [chunk] if holds_content(chunk) else []

    def _is_of_other_kind(self, name: str, data: bytes) -> bool:
        """Whether an event whose data can't be decoded as a chunk isn't meant as one, as `event: ping` isn't.

        - Without a name, or with one under which chunks have come, it is a broken chunk.
        - With another name, an object that isn't whole or valid JSON is one, too: it may be the first chunk.
        - All else is of another kind, and is passed over.
        """
        if not name or name in self._names:
            return False
        if name in PINGS or not data.removeprefix(BOM).lstrip().startswith(OBJECT):
            return True
        try:
            check_size(data, self._max_objects)
            parsed(data)
        except InvalidBody:
            return False
        return True


def _sent(chunk: Response) -> dict[str, Any]:
    """The JSON of a chunk, out of the envelope or the list of one that some gateways put it into."""
    return _chunk_in(chunk.to_dict())


def _chunk_in(sent: Any) -> dict[str, Any]:
    """The fields of a chunk in JSON that may be an envelope or a list around it."""
    held = unwrapped(sent)
    return fields_of(held[0] if is_array(held) and held else held)
