"""`@tool`: a function as something that the model may ask to be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from horay_async._first_use import MadeOnce
from horay_async.models.tools import ToolBase

if TYPE_CHECKING:
    from horay_async.models.chat import ToolCall
    from horay_async.tools._signature import Signature

__all__ = ["Approve", "Tool", "pydantic_function_tool", "tool"]

Approval = bool | str | Mapping[str, object] | None
"""The decision of an `Approve` about a call."""

if TYPE_CHECKING:
    Approve = Callable[[ToolCall], Approval | Awaitable[Approval]]
    """Decides about a call, as a function or a coroutine function: None or True lets it run, False refuses it, a
    string is sent to the model instead of a result, a mapping replaces the arguments. The call is a copy; a change of
    its function changes what runs."""
else:  # made when it is first asked for: the class loads what calls without tools don't need

    def __getattr__(name: str) -> Any:
        if name != "Approve":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from horay_async.models.chat import ToolCall  # noqa: PLC0415 - see above

        return Callable[[ToolCall], Approval | Awaitable[Approval]]


P = ParamSpec("P")
R = TypeVar("R")


class Tool(ToolBase, Generic[P, R]):
    """A function that the model may ask to be called; `@tool` makes one.

    Called, it does what the function does. In a request's `tools` it stands for its description in the
    API's JSON form, which it is as a mapping; the description is made when it is first looked at, and
    raises `TypeError` then for a function that can't be described.
    """

    name: str
    """What the model calls it."""
    function: Callable[P, R]
    """What is called."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        if not callable(cast("object", function)):
            hint = f": @tool(name={function!r})" if isinstance(function, str) else ""
            raise TypeError(f"a tool is made of a function, not of {function!r}{hint}")
        # Without the function's attributes: of a class they are its fields, which would hide what a tool has.
        update_wrapper(self, function, updated=())
        self.__doc__ = _owner_of("__doc__", function).__doc__
        self.function = function
        if name is None:
            named = _owner_of("__name__", function)
            name = str(getattr(named, "__name__", type(named).__name__))
        if not isinstance(cast("object", name), str):
            raise TypeError(f"the name of a tool must be a string, not {name!r}")
        if name in ("", "<lambda>"):
            raise TypeError(
                f'a tool can\'t be named {name!r}: give it a name, such as name="weather"'
            )
        self.name = name
        self._description = description
        self._schema: dict[str, Any] | None = None
        """The parameters' schema, where it was given."""
        self._check: Callable[[], None] | None = None
        """Raises where no call can succeed; asked before each round of a run, which would be paid for nothing."""

    @staticmethod
    def from_schema(
        name: str,
        description: str | None,
        parameters: Mapping[str, Any],
        call: Callable[..., Any],
    ) -> Tool[..., Any]:
        """A tool from a JSON schema and a function, plain or asynchronous, that is called with the arguments.

        The arguments are passed as the model sent them: that they are a JSON object is all that is checked,
        since whoever has a schema of its own (an MCP server, another framework) checks by it, and knows more
        of it. Fractions come as floats. Raises `TypeError` for a schema that isn't one of an object, and for an
        empty name.
        """
        if not callable(call):
            raise TypeError(f"the tool {name} needs something to call, not {call!r}")
        if not isinstance(cast("object", parameters), Mapping):
            raise TypeError(
                f"the parameters of the tool {name} must be a JSON schema, a mapping, not {parameters!r}"
            )
        if parameters.get("type", "object") != "object":
            raise TypeError(
                f"the parameters of the tool {name} are an object, not {parameters['type']!r}"
            )
        made = Tool(call, name=name, description=description or "")
        made._schema = {"type": "object", "properties": {}, **parameters}
        return made

    @MadeOnce
    def signature(self) -> Signature:
        """What the function takes, read off its type hints and its docstring. Raises `TypeError` where no schema can be made of them."""
        from horay_async._protocol.structured.schema import schema  # noqa: PLC0415 - needed by tools alone
        from horay_async.tools._signature import Signature, signature_of  # noqa: PLC0415 - the same

        if self._schema is not None:
            return Signature(arguments=dict[str, Any], text="")
        made = signature_of(self.function, self.name, _owner_of("__doc__", self.function))
        form = schema(made.arguments).json
        if form.get("type") != "object":
            raise TypeError(f"the parameters of the tool {self.name} are an object, not {form}")
        return made

    @property
    def description(self) -> str:
        """The description for the model: the docstring up to its first section."""
        return self.signature.text if self._description is None else self._description

    @MadeOnce
    def _form(self) -> dict[str, object]:
        from horay_async._protocol.structured.schema import schema  # noqa: PLC0415 - needed by tools alone

        function: dict[str, object] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        if self._schema is not None:
            function["parameters"] = self._schema
        else:
            form = schema(self.signature.arguments)
            function["parameters"] = {
                name: value for name, value in form.json.items() if name != "description"
            }
            function["strict"] = form.strict
        return {"type": "function", "function": function}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __getitem__(self, name: str) -> object:
        return self._form[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._form)

    def __len__(self) -> int:
        return len(self._form)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"


def _owner_of(attribute: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """What has the name or the docstring of a function: of a partial one, unless it was given its own, the function that it calls."""
    owner: Any = function
    while isinstance(owner, partial) and attribute not in vars(owner):
        owner = cast("partial[Any]", owner).func
    return cast("Callable[..., Any]", owner)


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
) -> Any:
    """Makes a tool of a function, as `@tool` or as `@tool(name=..., description=...)`.

    Its parameters' type hints become the schema, its docstring the descriptions: the text up to the first
    section is the tool's, entries under `Args:` (or in Sphinx's or NumPy's form) are the parameters'. A
    parameter with a default may be null, and then has its default, unless null is a value of its own, as of `int | None`. Coroutine functions are awaited, plain
    ones run in a thread. An attrs class, a dataclass or a pydantic model does as well: it is made of the
    arguments. What `functools.partial` has bound is no parameter of the tool.
    """

    def make(function: Callable[..., Any]) -> Tool[..., Any]:
        return Tool(function, name=name, description=description)

    return make if function is None else make(function)


def pydantic_function_tool(
    model: Callable[P, R], *, name: str | None = None, description: str | None = None
) -> Tool[P, R]:
    """Makes a tool of a class: `tool`, by the name that users of the `openai` package know."""
    return Tool(model, name=name, description=description)
