"""Tools: what the model is told of a function, and what becomes of the function."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any, Literal, cast

import attrs
import msgspec
import openai
import pydantic
import pytest

from horay_async._protocol.structured.parse import parse_text
from horay_async._protocol.wire.request import to_jsonable
from horay_async.errors import AnswerError
from horay_async.tools.define import Tool, pydantic_function_tool, tool

Json = dict[str, Any]


@tool
def forecast(
    city: str, days: int = 1, unit: Literal["C", "F"] | None = None, /, *, wind: bool = False
) -> str:
    """The weather of a city.

    Asks the national service.

    Args:
        city: Its name.
        days: How many days ahead.
    """
    return f"{city} {days} {unit} {wind}"


@tool(name="look_up", description="Finds things.")
async def find(what: Annotated[str, "What to find."]) -> int:
    """Not told to the model."""
    return len(what)


@dataclasses.dataclass
class Query:
    """Asks the database."""

    table: Literal["orders", "customers"]
    limit: int = 10


class GetWeather(pydantic.BaseModel):
    """Asks for the weather."""

    city: str


def function(of: Tool[..., Any]) -> Json:
    """What a request says of a tool."""
    form: Json = to_jsonable(of)
    assert form.keys() == {"type", "function"}
    assert form["type"] == "function"
    described: Json = form["function"]
    return described


def test_function() -> None:
    """Name, description and schema come from the function; a default may be null."""
    assert function(forecast) == {
        "name": "forecast",
        "description": "The weather of a city.\n\nAsks the national service.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"description": "Its name.", "type": "string"},
                "days": {
                    "description": "How many days ahead.",
                    "anyOf": [{"type": "integer"}, {"type": "null"}],
                },
                "unit": {"anyOf": [{"type": "string", "enum": ["C", "F"]}, {"type": "null"}]},
                "wind": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            },
            "required": ["city", "days", "unit", "wind"],
            "additionalProperties": False,
        },
        "strict": True,
    }


def test_description_of_no_parameter() -> None:
    """A parameter that the docstring spells in another way would be described to nobody."""

    @tool
    def weather(city: str, days: int) -> str:
        """The weather.

        Args:
            ciyt: Its name.
            days: How many days ahead.
        """
        return f"{city} {days}"

    told = r"weather describes 'ciyt', which is none of its parameters: did you mean 'city'\?$"
    with pytest.warns(UserWarning, match=told):
        assert function(weather)["parameters"]["properties"]["city"] == {"type": "string"}


def test_given_words() -> None:
    """A name and a description that are given win."""
    assert function(find)["name"] == find.name == "look_up"
    assert function(find)["description"] == find.description == "Finds things."
    properties = function(find)["parameters"]["properties"]
    assert properties == {"what": {"description": "What to find.", "type": "string"}}


@pytest.mark.parametrize("made", [tool(Query), pydantic_function_tool(Query)])
def test_class(made: Tool[..., Query]) -> None:
    """A class is a tool of its own making."""
    form = function(made)
    assert (form["name"], form["description"]) == ("Query", "Asks the database.")
    assert form["parameters"]["required"] == ["table", "limit"]
    assert made(table="orders") == Query("orders", 10)


@attrs.define
class Order:
    """Has fields that are named as what a tool has itself."""

    items: list[str]
    signature: str
    keys: int = 0
    name: str = ""
    description: str = ""
    function: str = ""


@dataclasses.dataclass
class PlainOrder:
    """The same without slots."""

    items: list[str]
    signature: str = "s"
    keys: int = 0
    name: str = ""
    description: str = ""
    function: str = ""


@pytest.mark.parametrize("kind", [Order, PlainOrder])
def test_fields_named_as_what_a_tool_has(kind: Callable[..., Any]) -> None:
    """They are the class's, and hide nothing of the tool."""
    made = tool(kind)
    assert function(made)["name"] == kind.__name__
    assert list(function(made)["parameters"]["properties"]) == [
        "items",
        "signature",
        "keys",
        "name",
        "description",
        "function",
    ]
    assert dict(made.items()) == to_jsonable(made)


def test_as_openai_makes_it() -> None:
    """The form is the one that the openai package's helper of that name makes."""
    theirs: Json = dict(openai.pydantic_function_tool(GetWeather, name="get_weather"))
    parameters = theirs["function"]["parameters"]
    # It has pydantic's titles, and the description a second time.
    del parameters["title"], parameters["description"], parameters["properties"]["city"]["title"]
    assert to_jsonable(pydantic_function_tool(GetWeather, name="get_weather")) == theirs


def test_still_the_function() -> None:
    """A tool is called as what it was made of, and has its name and docstring."""
    assert forecast("Rome", 3, wind=True) == "Rome 3 None True"
    assert asyncio.run(find("me")) == 2
    assert vars(forecast)["__name__"] == "forecast"
    assert (forecast.__doc__ or "").startswith("The weather")
    assert repr(forecast) == "<Tool forecast>"


def test_mapping() -> None:
    """It is a mapping with the request's keys; two tools are the same only where they are one."""
    assert list(forecast) == ["type", "function"]
    assert len(forecast) == 2
    again = tool(forecast.function)
    assert again != forecast
    assert {forecast, again, forecast} == {again, forecast}


class Counter:
    """Has methods, and can be called."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, amount: int) -> int:
        """Counts on."""
        self.count += amount
        return self.count

    def __call__(self, amount: int) -> int:
        return self.add(amount)


@pytest.mark.parametrize(
    ("callable_", "name"),
    [
        (Counter().add, "add"),
        (Counter(), "Counter"),
        (partial(Counter().add), "add"),
        (partial(Counter()), "Counter"),
    ],
)
def test_other_callables(callable_: Callable[..., Any], name: str) -> None:
    """Bound methods, objects and partials are described like functions."""
    form = function(tool(callable_))
    assert form["name"] == name
    assert form["parameters"]["properties"] == {"amount": {"type": "integer"}}


def transfer(amount: int, account: str, note: str = "") -> str:
    """Transfers money.

    Args:
        amount: How much.
        account: From where.
        note: What for.
    """
    return f"{amount} from {account} {note}"


def renamed(function: Any) -> Any:
    """`function` with a name and a docstring of its own."""
    function.__name__, function.__doc__ = "pay", "Pays."
    return function


MINE = partial(transfer, account="mine")


@pytest.mark.parametrize(
    ("made", "name", "description", "parameters"),
    [
        (tool(MINE), "transfer", "Transfers money.", ["amount", "note"]),
        (tool(partial(transfer, 5)), "transfer", "Transfers money.", ["account", "note"]),
        (tool(partial(renamed(partial(transfer, 5)), note="")), "pay", "Pays.", ["account"]),
        (Tool(MINE, name="give", description="Gives."), "give", "Gives.", ["amount", "note"]),
    ],
)
def test_bound_arguments(
    made: Tool[..., Any], name: str, description: str, parameters: list[str]
) -> None:
    """What is bound isn't the model's to choose; name and descriptions are those of the function that is called."""
    form = function(made)
    assert (form["name"], form["description"]) == (name, description)
    properties: Json = form["parameters"]["properties"]
    assert list(properties) == form["parameters"]["required"] == parameters
    described = [each for each in properties.values() if "description" in each]
    assert len(described) == (0 if name == "pay" else len(parameters))


def test_bound_argument_that_the_model_sends() -> None:
    """It is refused; without it the function is called with what is bound."""
    made = tool(MINE)
    assert made(3) == "3 from mine "
    assert made.__doc__ == transfer.__doc__
    args, kwargs = made.signature.bound(parse_text(made.signature.arguments, '{"amount": 5}'))
    assert made(*args, **kwargs) == "5 from mine "
    with pytest.raises(AnswerError, match=r"\$\.account: transfer has no such field"):
        parse_text(made.signature.arguments, '{"amount": 5, "account": "yours"}')


def anything(**_: int) -> None:
    """Takes what comes."""


def unhinted(x: int) -> None:
    """Says nothing of x, once its hint is gone."""


del unhinted.__annotations__["x"]


def unresolved(x: int) -> None:
    """Speaks of a class that isn't there."""


unresolved.__annotations__["x"] = "Nowhere"


class Looker:
    """Has a method, which is a tool where it is an object's."""

    def look(self, what: str) -> str:
        """Looks."""
        return what


def bytewise(x: bytes) -> None:
    """Takes what JSON can't hold."""


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (anything, r"the tool anything can't take \*\*_: 'int': name each parameter"),
        (unhinted, "the tool unhinted needs a type hint for its parameter x"),
        (
            Looker.look,
            r"the tool look needs a type hint for its parameter self: make a tool of the method of an object, tool\(thing",
        ),
        (int, "the tool int has no signature: make a tool of a function with type hints"),
        (unresolved, "a type hint of the tool unresolved can't be resolved: .*Nowhere"),
        (bytewise, r"^bytewise\.x: <class 'bytes'> has no JSON schema"),
    ],
)
def test_refusals(of: Callable[..., Any], message: str) -> None:
    """What can't be described is refused when it is first looked at, also by who asks for the signature alone."""
    made = tool(of)
    with pytest.raises(TypeError, match=message):
        dict(made)
    with pytest.raises(TypeError, match=message):
        made.signature  # noqa: B018 - it is made when it is asked for


@pytest.mark.parametrize(
    "described",
    [
        pydantic.Field(default=3, le=5),
        dataclasses.field(default=3),
        attrs.field(default=3),
        msgspec.field(default=3),
    ],
    ids=["pydantic", "dataclasses", "attrs", "msgspec"],
)
def test_description_of_a_field_is_no_default(described: Any) -> None:
    """The function would get that object as its value, and no bounds would hold."""

    def pay(amount: int = described) -> str:
        """Pays."""
        return str(amount)

    message = r"^the tool pay has .* its parameter amount: .* amount: Annotated\[int, Field\(le=5\)\] = 3, and"
    with pytest.raises(TypeError, match=message):
        dict(tool(pay))


@pytest.mark.parametrize("text", ['{"city": "Oslo"}', '{"city": "Oslo", "days": null}'])
def test_parsed_arguments_have_defaults(text: str) -> None:
    """What parse makes of a call is what the tool is called with: a null stands for the default."""
    arguments = parse_text(forecast.signature.arguments, text)
    assert vars(arguments) == {"city": "Oslo", "days": 1, "unit": None, "wind": False}
    assert forecast.signature.bound(arguments) == (["Oslo", 1, None], {"wind": False})


def test_docstring_that_is_warned_of_is_found() -> None:
    """The warning says where the function is, not where the tool is used."""

    def weather_of(city: str) -> str:
        """The weather.

        Args:
            town: Its name.
        """
        return city

    @wraps(weather_of)
    def wrapped(city: str) -> str:
        return weather_of(city)

    for function in (weather_of, wrapped):
        with pytest.warns(UserWarning, match="which is none of its parameters") as told:
            len(tool(function))
        assert told[0].filename == __file__
        assert told[0].lineno == weather_of.__code__.co_firstlineno


def test_tool_of_no_function() -> None:
    """It raises where it is made; a name belongs behind `name`."""
    untyped: Any = tool
    with pytest.raises(
        TypeError, match=r"a tool is made of a function, not of 'x': @tool\(name='x'\)"
    ):
        untyped("x")
    with pytest.raises(TypeError, match=r"a tool is made of a function, not of 3$"):
        untyped(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tool(lambda: 1), "a tool can't be named '<lambda>': give it a name"),
        (lambda: Tool(forecast, name=""), "a tool can't be named '': give it a name"),
        (lambda: Tool.from_schema("", "", {}, len), "a tool can't be named ''"),
        (lambda: Tool.from_schema(cast("Any", 3), "", {}, len), "must be a string, not 3"),
        (
            lambda: Tool.from_schema("look", "", cast("Any", None), len),
            "the parameters of the tool look must be a JSON schema, a mapping, not None",
        ),
    ],
)
def test_names_and_schemas_that_are_none(make: Callable[[], Any], message: str) -> None:
    """They are refused where the tool is made, not by the server."""
    with pytest.raises(TypeError, match=message):
        make()
