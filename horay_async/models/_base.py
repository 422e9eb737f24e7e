"""What every response model shares: the body as it was sent, and how it came about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, get_type_hints

import attrs
import msgspec

from horay_async._record import Record
from horay_async._suggestions import ATTRIBUTES, no_attribute, no_item, takes_only
from horay_async.errors import APIResponseError, DriftKind
from horay_async.models._dump import dump, formatted, to_text
from horay_async.models.meta import ResponseMeta

T = TypeVar("T")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class WireForm(Record):
    """How the JSON of one class of models is sent."""

    case: Literal["snake", "camel"] = "snake"
    """How the API spells the field names."""
    list_field: str = ""
    """The name of the list that the response is about: where it is empty, the body may be something else.
    Empty where there is no such list."""
    allow_empty: bool = False
    """Whether an object with no known field in it passes, as one that keeps a stream alive does."""
    content_in: Literal["", "message", "delta", "text"] = ""
    """Where a choice has what was generated. Empty where there are no choices."""
    required: tuple[str, ...] = ()
    """The fields that are in every such object: those which the API reference shows without saying that they can
    be missing and, where it is silent, those which all servers of the family send. All others can be left out."""


class Model(Record):
    """An attrs class that mirrors a JSON object of the API.

    Fields that the server left out, or sent in a type that can't be read, have their default:
    None, an empty string, 0 or an empty list, as the field's type says; a log probability -9999.0, since 0 would be
    certainty.

    Classes that are decoded by the thousand have an `__attrs_pre_init__` that fills in the fields which
    are mostly left out. msgspec calls it on a new object, and afterwards looks for each field in it; to
    look into an empty slot raises an `AttributeError` inside, which takes longer than decoding a field. It calls the object `new`:
    from `self.usage = None` editors that use jedi would conclude that there is nothing to complete in `usage`.
    """

    __slots__ = ()

    __wire__: ClassVar[WireForm] = WireForm()
    """How it is sent. A dunder, as it is nothing that a user of the object needs."""

    if not TYPE_CHECKING:
        __getitem__ = no_item

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        super().__attrs_init_subclass__()
        made: Any = cls
        # Others do without, since Python also calls it for an empty slot.
        if cls.__name__ in ATTRIBUTES:
            made.__getattr__ = no_attribute

    @takes_only("to_dict() of a response is what the server sent")
    def model_dump(
        self, *, mode: Literal["python", "json"] = "python", exclude_none: bool = False
    ) -> dict[str, Any]:
        """The known fields, under the names of their attributes, all the way down.

        `mode="json"` gives values that JSON can hold: an amount of money, otherwise a `Decimal`, is a string then.
        `exclude_none` leaves out what is None.
        """
        dumped: dict[str, Any] = dump(self, mode=mode, exclude_none=exclude_none)
        return dumped

    @takes_only("to_json() of a response is what the server sent")
    def model_dump_json(self, *, indent: int | None = None, exclude_none: bool = False) -> str:
        """The known fields as JSON text; see `model_dump`."""
        return to_text(self.model_dump(mode="json", exclude_none=exclude_none), indent)

    # pydantic is loaded by who asks for these: it is no dependency.

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from horay_async.models._pydantic import schema  # noqa: PLC0415 - see above

        return schema(cls, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, given: Any, handler: Any) -> Any:
        from horay_async.models._pydantic import json_schema  # noqa: PLC0415 - see above

        return json_schema(cls, given, handler)


class Extensible(Model):
    """A model that keeps fields of the server's which its class doesn't declare."""

    __slots__ = ("_unknown",)

    _unknown: dict[str, Any]
    """Decoded JSON. Set where there are any; never changed."""

    _in_pieces: ClassVar[bool] = False
    """Whether it is one of the pieces that chunks bring of the same object."""
    _as_sent: ClassVar[bool] = False
    """Whether a merged response has it as one chunk brought it: whatever it holds stands in it alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        # attrs would copy and pickle its own fields alone.
        names = *(field.name for field in self.__attrs_attrs__), *("_unknown", "_raw", "meta")
        values = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return _remade, (type(self), values)


def _remade(cls: Any, values: dict[str, Any]) -> Any:
    """Undoes `Extensible.__reduce__`."""
    made = cls.__new__(cls)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Differences(list[tuple[str, DriftKind]]):
    """How a body differs from what the API describes: paths, and what is the matter there."""

    normalized = False
    """Whether something was put from where the server had it to where the API describes it."""

    wrapped = False
    """Whether the response stood in an envelope or a list of one."""

    adds = False
    """Whether unknown fields in it add to those of other chunks."""


class Response(Extensible):
    """A model that is a response, or one streamed chunk of it, as a whole."""

    __slots__ = ("_drift", "_raw", "meta")

    _drift: Differences | None
    """How the body differed from what the API describes; None where it didn't. Set by what decodes it."""
    _raw: bytes
    meta: ResponseMeta
    """How the response came about; the chunks of one stream share theirs."""

    @property
    def _request_id(self) -> str | None:
        """`meta.request_id`, under its name in the `openai` package."""
        meta = getattr(self, "meta", None)
        return None if meta is None else meta.request_id

    @takes_only("it is what the server sent; model_dump() takes mode and exclude_none")
    def to_dict(self) -> dict[str, Any]:
        """The JSON that the server sent, unknown fields included. A fraction is a float, which holds some 16 digits of it: `to_json` has all.

        An object that was merged from chunks, or made by hand, gives its fields. Raises `APIResponseError` where the JSON is nested deeper than the stack reaches.
        """
        return cast("dict[str, Any]", self._sent(parse_json, lambda: dump(self, unknown=True)))

    @takes_only("it is what the server sent; model_dump_json() takes exclude_none, too")
    def to_json(self, *, indent: int | None = 2) -> str:
        """The JSON that the server sent, unknown fields and each digit included, as text: on one line unless `indent` is given. Else as `to_dict`."""
        return self._sent(
            lambda raw: formatted(raw, indent), lambda: to_text(self.to_dict(), indent)
        )

    def _sent(self, read: Callable[[bytes], T], dumped: Callable[[], T]) -> T:
        """What `read` makes of the body; where there is none, what `dumped` returns."""
        raw: bytes | None = getattr(self, "_raw", None)
        if raw is None:
            return dumped()
        try:
            return read(raw)
        except RecursionError as error:
            raise APIResponseError(
                "the response is JSON nested too deep to be read from here",
                body=raw[:500].decode("utf-8", "replace"),
                execution="executed",
            ) from error

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride] - objects with slots have none of their own
        """What `vars()` gives, and FastAPI takes where an endpoint has no annotation."""
        return self.model_dump(mode="json")

    def _repr_markdown_(self) -> str | None:
        """What a notebook shows: texts, reasoning, tool calls and pictures."""
        from horay_async.models._notebook import markdown  # noqa: PLC0415 - for notebooks alone

        return markdown(self)


@attrs.define(kw_only=True, eq=False, repr=False)
class GeneratedResponse(Response):
    """A response with choices, or one streamed chunk of it."""

    __wire__: ClassVar[WireForm] = WireForm(
        list_field="choices", required=("id", "object", "created", "model", "choices")
    )

    id: str = ""
    """The server's name for this response."""
    object: str = ""
    """The kind of object, as the server names it."""
    created: int = 0
    """Unix time, in seconds."""
    model: str = ""
    """The model that was used."""


def parse_json(data: bytes, decode: Callable[[bytes], Any] = msgspec.json.decode) -> Any:
    """`data`, JSON, as Python's own types, or what `decode` makes of it; a number beyond a float is infinite.

    Raises `msgspec.DecodeError`, `UnicodeDecodeError`, or `RecursionError` where it is nested deeper than the
    stack reaches from here.
    """
    try:
        return decode(data)
    except msgspec.DecodeError as error:
        if "out of range" not in str(error):
            raise
        import json  # noqa: PLC0415 - hardly ever needed

        try:
            return json.loads(data, parse_int=_integer, parse_constant=refuse_constant)
        except ValueError:
            raise error from None


def is_model(type_: Any) -> bool:
    """Whether a type of a field is a class of models."""
    return isinstance(type_, type) and issubclass(type_, Model)


def sent_fields(cls: type[Model]) -> list[tuple[str, str, Any]]:
    """The fields of a class of models: the name that the API sends, the attribute's name, and the type."""
    hints = get_type_hints(cls)
    spell: Callable[[str], str] = _camel if cls.__wire__.case == "camel" else str
    return [(spell(field.name), field.name, hints[field.name]) for field in cls.__attrs_attrs__]


def _camel(name: str) -> str:
    """A field's name as `case="camel"` spells it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def refuse_constant(word: str) -> None:
    """JSON has no `NaN` and no `Infinity`."""
    raise ValueError(f"{word} is no JSON")


def _integer(digits: str) -> float:
    """A whole number; infinite where it has so many digits that Python won't read it."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)
