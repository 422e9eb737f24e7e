"""The tool calls of one choice, from the deltas that chunks bring.

The API gives each call an index, and its id and name in its first delta alone. Servers of the family don't all
do so, and which call a delta belongs to is decided by what it has, in three steps.

First, which call it may go on with (`ToolCalls._find`):

| the delta has | the call |
| --- | --- |
| the id of a call, and its index or none | that one |
| an index that is known | the newest of that index |
| an index that is new, and the id of a call without one | that one, whose index it is |
| an index that is new, and no id, where the newest call has no index and isn't whole, and not both have a name | the newest, whose index it is |
| an index that is new otherwise | none: it begins a call |
| neither an index nor the id of a call | the newest |

Then, whether it only repeats that call (`CallDelta.repeats`): a call that has an id, whose id comes again, or its name without one, with all
of its arguments once more. Some servers end with the whole message, or repeat a call as `function_call`. Its arguments are left out then.
A delta that stands behind one of the same call in one chunk repeats nothing.

At last, whether it begins a call all the same (`CallDelta.begins`). The first row that fits decides. A new id is one that isn't the call's, where
that has one.

| | the delta | begins a call |
| --- | --- | --- |
| 1 | has a new id and no name | where it has no index, and has no arguments, or those so far are whole |
| 2 | has a new id, and another name or stands behind a delta of the call in one chunk | always |
| 3 | has a new id, and no arguments have come | where it has no index |
| 4 | has a new id otherwise | where the arguments so far are whole, as some servers give all calls index 0, or are broken: they have no place for its `{`. Otherwise it goes on, as some gateways give each delta an id of its own |
| 5 | has neither id nor index, and stands behind a delta of the call in one chunk | where it has a name |
| 6 | has no other name, and the call has an id, and `{}` so far, with which some servers begin | where it stands behind a delta of the call in one chunk, and has its name and `{}`, too: the two are alike |
| 7 | has anything else | where it has a name and arguments, and those so far are whole: nothing can follow whole JSON |

A name that comes again with each delta is the same name; pieces of a name are joined.
"""

from __future__ import annotations

import re

import attrs
import msgspec

from horay_async._json import Json, decimal, is_same
from horay_async._protocol.wire.decode import MALFORMED
from horay_async._protocol.wire.unknown import (
    drop_repeated,
    merge_unknown,
    unknown_of,
    with_unknown,
)
from horay_async.models.chat import FunctionCall, ToolCall
from horay_async.models.chat_chunks import FunctionCallDelta, ToolCallDelta
from horay_async.models.events import ChatEvent, ToolCallArgumentsDelta, ToolCallStarted

DECODE = msgspec.json.Decoder(float_hook=decimal).decode
OUTSIDE = re.compile(r"[{}\[\]\"]")
"""What counts between the strings of JSON."""
INSIDE = re.compile(r"[\"\\]")
"""What counts within one."""
REST_OF_STRING = re.compile(r"(?:[^\"\\]|\\.)*+(?:\"\s*+(?:[,:}\]]|\Z)|\\?\Z)", re.DOTALL)
"""The rest of a string up to what may follow it, or as much of that as has come."""
BEFORE_OBJECT = ("", "[", ":", ",")
"""What an object within another can follow; "" where a piece of spaces doesn't tell."""


PLACEHOLDER = "{}"
"""What some servers begin the arguments of a call with."""

NULL = "null"
"""What others send for a function without parameters."""

MAX_TIMES_LONGER = 16
"""How many times longer arguments may be than the same ones written more closely, to be compared: an indented object is about
twice as long, and a character that ASCII spells as two escapes twelve times.
"""


def are_same_json(one: str, other: str) -> bool:
    """Whether two texts are the same, or JSON of the same values. Takes no longer than `MAX_TIMES_LONGER` times the shorter one is long."""
    if one == other:
        return True
    if max(len(one), len(other)) > MAX_TIMES_LONGER * min(len(one), len(other)):
        return False
    try:
        return is_same(DECODE(one), DECODE(other))
    except MALFORMED:
        return False


class Arguments:
    """The pieces of a call's arguments, JSON text."""

    __slots__ = (
        "_depth",
        "_in_string",
        "_length",
        "_opened",
        "_read",
        "_skips",
        "_start",
        "pieces",
    )

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._start = ""  # of the text, without blanks; not much longer than null
        self._length = 0
        self._read = 0  # of the pieces, by `whole`
        self._depth = 0  # of objects and lists that are open
        self._opened = False
        self._in_string = False
        self._skips = False  # the next character: a backslash ended the last piece

    def add(self, piece: str) -> None:
        if len(self._start) <= len(NULL):
            self._start += "".join(piece.split())
        self.pieces.append(piece)
        self._length += len(piece)

    @property
    def are_placeholder(self) -> bool:
        """Whether they are an empty object so far: some servers begin with that, whatever follows."""
        return self._start == PLACEHOLDER

    @property
    def may_be_placeholder(self) -> bool:
        """Whether they are the beginning of one so far, or nothing."""
        return PLACEHOLDER.startswith(self._start)

    def are(self, text: str) -> bool:
        """Whether the pieces are whole, and the JSON that `text` is, however it is written. Takes no longer than
        `MAX_TIMES_LONGER` times `text` is long.
        """
        if not self.whole or self._length > MAX_TIMES_LONGER * len(text):
            return False
        return are_same_json(text, "".join(self.pieces))

    @property
    def whole(self) -> bool:
        """Whether the pieces are an object, or a list, that is closed, or null. Reads each piece once."""
        while self._read < len(self.pieces):
            self._look_at(self.pieces[self._read])
            self._read += 1
        closed = self._opened and self._depth <= 0 and not self._in_string
        return closed or self._start == NULL

    def may_go_on_with(self, piece: str) -> bool:
        """Whether `piece`, behind what isn't whole, is no new object by its `{`. Takes no longer than two pieces are long."""
        if not piece.lstrip().startswith("{"):
            return True
        if not self.whole and self._in_string:
            return REST_OF_STRING.match(piece, 1 if self._skips else 0) is not None
        return self.pieces[-1].rstrip()[-1:] in BEFORE_OBJECT

    def _look_at(self, piece: str) -> None:
        at = 1 if self._skips and piece else 0
        self._skips = self._skips and not piece
        while found := (INSIDE if self._in_string else OUTSIDE).search(piece, at):
            at = found.end()
            match found[0]:
                case "\\":
                    self._skips = at == len(piece)
                    at += 1
                case '"':
                    self._in_string = not self._in_string
                case "{" | "[":
                    self._opened = True
                    self._depth += 1
                case _:
                    self._depth -= 1


@attrs.define(eq=False, weakref_slot=False)
class MergedCall:
    """One call so far."""

    index: int | None
    """As the server has it."""
    number: int
    """Among the choice's calls, as events have it."""
    id: str = ""
    type: str = "function"
    told: bool = False
    """Whether an event has told that it is whole."""
    arguments: Arguments = attrs.field(factory=Arguments)
    unknown: Json = attrs.field(factory=Json)
    unknown_in_function: Json = attrs.field(factory=Json)
    _names: list[str] = attrs.field(factory=list[str], init=False)
    _name_length: int = attrs.field(default=0, init=False)

    @property
    def name(self) -> str:
        return "".join(self._names)

    def is_named(self, name: str) -> bool:
        """Whether `name` is the name so far. Takes no longer than `name` is long."""
        return len(name) == self._name_length and name == self.name

    def add_name(self, piece: str) -> bool:
        """Adds to the name; returns whether `piece` is any news."""
        if not piece or self.is_named(piece):
            return False
        self._names.append(piece)
        self._name_length += len(piece)
        return True

    def add_id(self, id_: str) -> bool:
        """Keeps the first id; returns whether this is it."""
        if not id_ or self.id:
            return False
        self.id = id_
        return True

    def result(self) -> ToolCall:
        function = FunctionCall(name=self.name, arguments="".join(self.arguments.pieces))
        function = with_unknown(function, self.unknown_in_function)
        return with_unknown(ToolCall(id=self.id, type=self.type, function=function), self.unknown)


class CallDelta:
    """What one delta says of a call; empty where it says nothing."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, sent: ToolCallDelta) -> None:
        function = sent.function
        self.id = sent.id or ""
        self.index = None if sent.index is None or sent.index < 0 else sent.index
        self.name = (function and function.name) or ""
        self.arguments = (function and function.arguments) or ""

    def repeats(self, call: MergedCall) -> bool:
        """Whether it says once more what `call` is. Where no call has an id, it may be another one like it."""
        known = self.id == call.id if self.id else bool(self.name)
        if not (call.id and self.arguments and known):
            return False
        return (not self.name or call.is_named(self.name)) and call.arguments.are(self.arguments)

    def tells_index_of(self, call: MergedCall) -> bool:
        """Whether its index, which is new, is that of `call`."""
        if call.index is not None:
            return False
        if self.id:
            return self.id == call.id
        return not (self.name and call.name) and not call.arguments.whole

    def begins(self, call: MergedCall, *, follows: bool) -> bool:
        """Whether it begins a call, where it might go on with `call`: by the rows of the last table above. `follows` says whether the
        delta before it, in the same chunk, is of that call.
        """
        so_far = call.arguments
        indexed = self.index is not None
        new_id = bool(self.id and call.id) and self.id != call.id
        other_name = bool(self.name) and not call.is_named(self.name)
        if new_id and not self.name:  # 1
            return not indexed and (not self.arguments or so_far.whole)
        if new_id and (other_name or follows):  # 2
            return True
        if new_id and not so_far.pieces:  # 3
            return not indexed
        if new_id:  # 4
            return so_far.whole or not so_far.may_go_on_with(self.arguments)
        if follows and not indexed and not self.id:  # 5
            return bool(self.name)
        if so_far.are_placeholder and call.id and not other_name:  # 6
            return follows and bool(self.name) and "".join(self.arguments.split()) == PLACEHOLDER
        return bool(self.name and self.arguments.strip()) and so_far.whole  # 7


class ToolCalls:
    """The tool calls of one choice. To add a delta takes constant time, however many calls there are."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_newest", "_next", "object_count")

    def __init__(self) -> None:
        self.object_count = 0
        """Objects that deltas have left here: each delta, each call, and values in fields that their classes don't know."""
        self._calls: dict[int, MergedCall] = {}  # by number
        self._by_index: dict[int, MergedCall] = {}  # the newest of each index
        self._by_id: dict[str, MergedCall] = {}  # by the first id that each had
        self._newest: MergedCall | None = None
        self._next = 0  # the number of the next call that has none of its own

    def __len__(self) -> int:
        return len(self._calls)

    def knows(self, index: int) -> bool:
        """Whether a call has come with this index."""
        return index in self._by_index

    def in_order(self) -> list[MergedCall]:
        """The calls by their numbers."""
        return [call for _, call in sorted(self._calls.items())]

    def rest_of(self, whole: list[ToolCallDelta]) -> list[ToolCallDelta] | None:
        """What the calls of a whole message have beyond the deltas that have come; None where they are others, so that these count. Each is
        told by its id, or by its place among the calls.
        """
        rest: list[ToolCallDelta] = []
        calls = self.in_order()
        for place, delta in enumerate(whole):
            call = self._by_id.get(delta.id or "") or (calls[place] if place < len(calls) else None)
            if call is None:
                rest.append(delta)
                continue
            function = delta.function or FunctionCallDelta()
            name, arguments = function.name or "", function.arguments or ""
            have = "".join(call.arguments.pieces)
            if arguments.startswith(have):
                arguments = arguments[len(have) :]
            elif call.arguments.are(arguments) or not arguments:
                arguments = ""
            else:
                return None
            if name and not name.startswith(call.name):
                return None
            delta.index, delta.type = call.index, None
            delta.function = FunctionCallDelta(name=name[len(call.name) :], arguments=arguments)
            drop_repeated(call.unknown, delta)
            if delta.function.name or arguments or unknown_of(delta):
                rest.append(delta)
        return rest

    def add(
        self, sent: ToolCallDelta, position: int, choice: int, events: list[ChatEvent] | None
    ) -> bool:
        """Adds the delta that stands at `position` in its chunk; `choice` is the choice's index. Returns whether there
        was anything new in it.
        """
        delta = CallDelta(sent)
        call = self._find(delta)
        follows = position > 0 and call is self._newest
        if call is not None and not follows and delta.repeats(call):
            delta.arguments = ""
        started = call is None or delta.begins(call, follows=follows)
        if call is None or started:
            call = self._begin(delta.index)
        self._newest = call
        identified = call.add_id(delta.id)
        if identified:
            self._by_id[call.id] = call
        if sent.type:
            call.type = sent.type
        named = call.add_name(delta.name)
        if started and events is not None:
            events.append(ToolCallStarted(choice, call.number, call.id, call.name))
        if delta.arguments:
            if call.arguments.are_placeholder and delta.arguments.strip():
                call.arguments = Arguments()
            untold = call.arguments.may_be_placeholder
            call.arguments.add(delta.arguments)
            if events is not None and not call.arguments.may_be_placeholder:
                text = "".join(call.arguments.pieces) if untold else delta.arguments
                events.append(ToolCallArgumentsDelta(choice, call.number, text))
        self.object_count += 1 + started + merge_unknown(call.unknown, sent)
        self.object_count += merge_unknown(call.unknown_in_function, sent.function)
        return started or identified or named or bool(delta.arguments)

    def _find(self, delta: CallDelta) -> MergedCall | None:
        """The call that a delta goes on with, unless it begins one: by the first table above."""
        known = self._by_id.get(delta.id)
        if known is not None and delta.index in (None, known.index):
            return known
        begun = known or self._newest
        if delta.index is None:
            return begun
        known = self._by_index.get(delta.index)
        if known is None and begun is not None and delta.tells_index_of(begun):
            begun.index = delta.index
            known = self._by_index[delta.index] = begun
        return known

    def _begin(self, index: int | None) -> MergedCall:
        number = self._next if index is None or index in self._calls else index
        self._next = max(self._next, number + 1)
        call = self._calls[number] = MergedCall(index, number)
        if index is not None:
            self._by_index[index] = call
        return call
