"""Chat completions: `POST /chat/completions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, cast, overload

import attrs

from horay_async._argument_errors import keyword_names, refuse_positional
from horay_async._checks import is_whole
from horay_async._class_attributes import Group
from horay_async._json import is_object
from horay_async._protocol.wire.check_parameters import check_parameter_names
from horay_async._protocol.wire.request import Operation
from horay_async._suggestions import about_field, about_value
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_params import ChatParams, ConversationParams
from horay_async.models.tools import ToolBase
from horay_async.resources._base import Resource

if TYPE_CHECKING:
    from horay_async._transport.transport import Transport
    from horay_async.models.chat_chunks import ChatCompletionChunk
    from horay_async.models.events import ChatEvent, TypedChatEvent
    from horay_async.models.parsed import ParsedCompletion
    from horay_async.streaming import AsyncEventStream, AsyncStream
    from horay_async.tools.define import Approve, Tool
    from horay_async.tools.run import AsyncToolRun

__all__ = ["AsyncChat", "AsyncChatCompletions"]

T = TypeVar("T")

CREATE: Final = Operation(
    method="POST", path="/chat/completions", params=ChatParams, response=ChatCompletion
)


CHOICES = ("auto", "none", "required")
"""What `tool_choice` may be beside a tool."""


class AsyncChatCompletions(Resource):
    """Responds to a conversation."""

    async def create(
        self, *positional: object, stream: bool = False, **params: Unpack[ChatParams]
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        """Asks the model to respond to `messages`: the whole response, or with `stream=True` its chunks as they come.

        The parameters are those of `ChatParams`. Raises `APIError` in one of its classes, and
        `TypeError` for a parameter of a wrong name or type.

        Args:
            stream: Whether to return the chunks as they come; without it the whole response.
        """
        refuse_positional(self.create, positional)
        adapt_tools(params)
        return await self._create(CREATE, params, stream=stream)

    @overload
    def stream(
        self, *, response_format: type[T], **params: Unpack[ConversationParams]
    ) -> AsyncEventStream[TypedChatEvent[T], ParsedCompletion[T]]: ...

    @overload
    def stream(
        self, **params: Unpack[ChatParams]
    ) -> AsyncEventStream[ChatEvent, ChatCompletion]: ...

    def stream(self, *positional: object, **params: Any) -> AsyncEventStream[Any, Any]:
        """Asks the model to respond to `messages`, and yields what happens as events; `final()` is the whole response.

        To be used in a `with` block, which sends the request. The parameters are those of `ChatParams`;
        raises as `create` does. With a class as `response_format`, there are events with the object as
        far as it has come, and with the instance; iteration and `final()` then raise as `parse` does.

        Args:
            response_format: The form that the response must have: a class to parse it into, or the API's JSON form.
        """
        refuse_positional(self.stream, positional)
        adapt_tools(params)
        into = params.get("response_format")
        if into is None or isinstance(into, Mapping):
            return self._typed_events(CREATE, params)
        # cattrs loads with them, which takes as long as all the rest.
        from horay_async._protocol.structured.parse_stream import TypedAccumulator  # noqa: PLC0415 - see above

        parse, clean = parser_of(params), self._transport.clean
        classes = parse.keywords["tools"]
        return self._typed_events(
            CREATE,
            params,
            lambda: TypedAccumulator(into, classes, clean),
            partial(parse, clean=clean),
        )

    @overload
    async def parse(
        self, *, response_format: type[T], **params: Unpack[ConversationParams]
    ) -> ParsedCompletion[T]: ...

    @overload
    async def parse(
        self, *, response_format: None = None, **params: Unpack[ConversationParams]
    ) -> ParsedCompletion[None]: ...

    async def parse(self, *positional: object, **params: Any) -> ParsedCompletion[Any]:
        """Asks the model to respond to `messages` in the form of a class: each message's `parsed` is an instance of it.

        `response_format` is an attrs class, a dataclass or a pydantic model; the other parameters are those
        of `ChatParams`. Its schema goes out with the request. The arguments of calls to tools made by
        `@tool` are parsed too, as `function.parsed_arguments`, and a message that calls tools need not have
        a text besides. Raises what `create` does; `TypeError` for a class that no schema can describe;
        and `AnswerError` where the model declined, the response was cut at the token limit, or it doesn't fit.

        Args:
            response_format: The class to parse the response into: an attrs class, a dataclass or a pydantic model.
        """
        refuse_positional(self.parse, positional)
        parse = parser_of(params)
        completion = await self._response(CREATE, params)
        return parse(completion, clean=self._transport.clean)

    def run_tools(
        self,
        *positional: object,
        max_rounds: int = 10,
        max_total_tokens: int | None = None,
        approve: Approve | None = None,
        **params: Unpack[ChatParams],
    ) -> AsyncToolRun:
        """Asks the model to respond to `messages`, and calls `tools` when it asks for them; `final()` is the response.

        The parameters are those of `ChatParams`. The calls of one message run concurrently, plain functions
        in threads of their own; what a tool raises, and arguments that don't fit its parameters, are told to
        the model. A result is a text, content parts (`TextPart`, `ImagePart`, or a list of them), or whatever
        has a JSON form.

        `max_rounds` limits the requests, and `timeout` the seconds for all of them and the tools.
        `max_total_tokens` limits the tokens of all rounds' prompts and responses together: when they are spent, no other
        round begins, and none begins after a response without a usage (this parameter asks the server for it).

        `approve` is called with each `ToolCall` whose arguments fit, in the order of the calls and one at a time, before its
        tool runs: a coroutine function, or a function, which runs in a thread of its own, with `Horay` in the thread that reads the run. It
        returns None or True to let the call run, False to refuse it, a string to tell the model instead, or a mapping of arguments to run it with; what it raises ends the
        run. The call that it gets is a copy: if it changes the name or the arguments, the changed call runs, and the
        model's message stays as it came.

        A `tool_choice` that forces a call holds for the first round. A tool given in the API's JSON form has
        no function here: when the model calls one, the run ends, the log says so, and the response has the
        call. A cut response raises, whatever `on_truncation` says. Other software's tools are taken as `HasTool` describes.
        Raises `TypeError` for a parameter of a wrong name or type.

        Args:
            max_rounds: Most requests; 10 unless given.
            max_total_tokens: Most tokens of all rounds' prompts and responses together; None is no limit.
            approve: Asked about each call before its tool runs; None lets all run.
        """
        refuse_positional(self.run_tools, positional)
        from horay_async.tools.define import Tool  # noqa: PLC0415 - needed here alone
        from horay_async.tools.run import AsyncToolRun, RunSettings  # noqa: PLC0415 - needed here alone

        check_parameter_names(params, ChatParams, keyword_names(self.run_tools))
        if not is_whole(max_rounds, 1):
            raise TypeError(f"max_rounds must be a whole number of at least 1, not {max_rounds!r}")
        if max_total_tokens is not None and not is_whole(max_total_tokens, 1):
            raise TypeError(
                f"max_total_tokens must be a whole number of at least 1, not {max_total_tokens!r}"
            )
        if approve is not None and not callable(approve):
            raise TypeError(f"approve must be a function, not {approve!r}")
        given = adapt_tools(params)
        tools = _by_name(given)
        if max_total_tokens is not None:
            asked: Any = {"include_usage": True, **(params.get("stream_options") or {})}
            params["stream_options"] = asked
        if params.get("n") not in (None, 1):
            raise TypeError("run_tools follows one choice: n can't be more than 1")
        # Complains here, where the mistake is, of what can't be sent.
        first = self._request(CREATE, params)
        timeouts = first.timeouts

        def ask(
            messages: Sequence[Any], number: int, left: float | None
        ) -> AsyncEventStream[ChatEvent, ChatCompletion]:
            sent: dict[str, Any] = {**params, "messages": messages}
            sent["on_truncation"] = "raise"  # what was cut may look like another call
            sent["timeout"] = attrs.evolve(timeouts, total=left)
            if number > 1 and sent.get("tool_choice") not in (None, "none"):
                sent["tool_choice"] = "auto"
            return self._typed_events(CREATE, sent, part=number if number > 1 else None)

        telemetry = self._transport.telemetry
        settings = RunSettings(
            ask=ask,
            pools=self._transport.pools,
            tools=tools,
            left_to_caller=frozenset(_name(tool) for tool in given if not isinstance(tool, Tool)),
            approve=approve,
            max_rounds=max_rounds,
            max_total_tokens=max_total_tokens,
            seconds=timeouts.total,
            telemetry=telemetry,
        )
        body = None if telemetry is None else first.body
        return AsyncToolRun(settings, params["messages"], body)


def parser_of(params: dict[str, Any]) -> partial[ParsedCompletion[Any]]:
    """Puts the schema of the class that is given as `response_format` in its place, and returns what parses a response into it."""
    from horay_async._protocol.structured.parse import parse_completion  # noqa: PLC0415 - see `stream`
    from horay_async._protocol.structured.schema import response_format  # noqa: PLC0415 - see `stream`

    adapt_tools(params)
    into = params.pop("response_format", None)
    if into is not None:
        params["response_format"] = response_format(into)
    return partial(parse_completion, into=into, tools=_argument_classes(params.get("tools")))


def adapt_tools(params: Any) -> Sequence[Any]:
    """Puts `Tool`s in the place of other software's tools, and the API's form in the place of a tool's name in `tool_choice`.
    Returns the tools.
    """
    given: Any = params.get("tools")
    if not given:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return cast("Sequence[Any]", given)  # for which a request complains
    tools = cast("Sequence[Any]", given)
    if not all(isinstance(each, dict) for each in tools):
        from horay_async.tools._framework_tools import as_tool  # noqa: PLC0415 - needed here alone

        params["tools"] = tools = [as_tool(each) for each in tools]
    choice: Any = params.get("tool_choice")
    is_tool = isinstance(choice, ToolBase)
    is_name = isinstance(choice, str) and choice not in CHOICES
    if is_tool or (is_name and choice in map(_name, tools)):
        name = _name(choice) if is_tool else choice
        params["tool_choice"] = {"type": "function", "function": {"name": name}}
    return tools


def _argument_classes(tools: Sequence[Any] | None) -> dict[str, type[Any]]:
    """The classes of the tools' arguments, by the tools' names."""
    if not tools:
        return {}
    from horay_async.tools.define import Tool  # noqa: PLC0415 - needed here alone

    return {tool.name: tool.signature.arguments for tool in tools if isinstance(tool, Tool)}


def _by_name(given: Sequence[Any]) -> dict[str, Tool[..., Any]]:
    """The tools that can be run, by their names. Raises `TypeError` for two of one name."""
    from horay_async.tools.define import Tool  # noqa: PLC0415 - needed here alone

    whole = cast("object", given)
    if iscoroutine(whole):
        whole.close()
        raise TypeError(
            "tools is a coroutine, which makes them once it is awaited: write tools=await ..."
        )
    if isinstance(whole, Mapping | str) or not isinstance(whole, Iterable):
        raise TypeError(
            f"tools must be a list of tools, not a value of type {type(given).__qualname__}: "
            + about_value("tools", given)
        )
    found: dict[str, Tool[..., Any]] = {}
    for place, tool in enumerate(cast("Sequence[object]", given)):
        if isinstance(tool, Tool):
            made = cast("Tool[..., Any]", tool)
            if found.setdefault(made.name, made) is not made:
                raise TypeError(f"two tools are named {made.name}")
        elif not isinstance(tool, Mapping):
            wrong = about_field("tools", given) or (
                f"tools[{place}] is a value of type {type(tool).__qualname__}: "
                + (
                    "leave out its brackets"
                    if isinstance(tool, list | tuple)
                    else "a tool is a function with @tool, or in JSON"
                )
            )
            raise TypeError(f"tools can't be sent as JSON: {wrong}")
    return found


def _name(tool: Any) -> str:
    """The name of a tool in the API's JSON form; of anything else none."""
    if not isinstance(tool, Mapping):
        return ""
    tool = cast("Mapping[str, Any]", tool)
    form: Any = tool.get(str(tool.get("type")))
    return str((form if is_object(form) else tool).get("name"))


class AsyncChat(Resource):
    """The chat operations."""

    completions = Group(AsyncChatCompletions)

    def _make_group(self, cls: Callable[[Transport], T], name: str) -> T:
        return cls(self._transport)
