"""The chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, get_origin, get_type_hints

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.base import OutputParserLike
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGenerationChunk, ChatResult, Generation
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, create_model

from horay_async._json import is_array, is_object
from horay_async.integrations.langchain._clients import (
    LEFT_OUT,
    MAY_HOLD_SECRETS,
    HasClients,
    refuse_left_out,
    without_secrets,
)
from horay_async.integrations.langchain._cuts import CheckedMessages, with_raw
from horay_async.integrations.langchain.messages import (
    StreamedMessage,
    kept_arguments,
    result_of,
    sent_messages,
)
from horay_async.models.chat_params import ChatSettings
from horay_async.parsing import parse_text

SETTINGS = tuple(
    name
    for name in get_type_hints(ChatSettings)
    if name not in ("model", "stream_options", *BaseChatModel.model_fields)
)
"""The parameters of `create` that are settings of the model. `stream_usage` stands for `stream_options`; what LangChain
has another use for, as `metadata`, goes into `extra_body`."""

KEEP_ARGUMENTS = "keep_arguments"
"""The name of a setting of ours for one call: whether its message keeps the text of the arguments of tool calls."""

Method = Literal["json_schema", "function_calling", "json_mode"]
Stop = list[str] | None
"""Texts at which LangChain has a response end."""

if TYPE_CHECKING:
    from pydantic import SecretStr

    from horay_async import AsyncHoray, Horay

    class Parameters(BaseChatModel, HasClients):
        """The settings as fields."""
else:
    # LangChain wants fields; the settings are declared in `ChatSettings`, and nowhere else.
    _hints = get_type_hints(ChatSettings)
    Parameters = create_model(
        "Parameters",
        __base__=(BaseChatModel, HasClients),
        **{name: (_hints[name] | None, None) for name in SETTINGS},
    )


class ChatHoray(Parameters):
    """A chat model of the Horay API.

    Takes every parameter of `chat.completions.create` that is a setting of the model, such as `temperature`,
    `max_tokens`, `timeout` or `max_retries`; one that isn't given isn't sent. What a single call passes
    (`model.invoke(messages, temperature=0)`) overrides it.
    """

    model: str
    """The model's name, e.g. `"meta-llama/Meta-Llama-3.1-8B-Instruct"`."""
    streaming: bool = False
    """Whether `invoke` streams too, so that callbacks get each piece."""
    stream_usage: bool = True
    """Whether a stream asks the server for the token usage."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            api_key: SecretStr | str | None = ...,
            base_url: str | None = ...,
            client_options: dict[str, Any] = ...,
            client: Horay | None = ...,
            async_client: AsyncHoray | None = ...,
            streaming: bool = ...,
            stream_usage: bool = ...,
            **settings: Unpack[ChatSettings],
        ) -> None: ...

    @property
    def _llm_type(self) -> str:
        return "horay-chat"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return without_secrets({"model": self.model, "base_url": self.base_url, **self._set()})

    def _get_invocation_params(self, stop: Stop = None, **kwargs: Any) -> dict[str, Any]:
        """What tracers get of a call."""
        return without_secrets(super()._get_invocation_params(stop=stop, **kwargs))

    def _get_ls_params(self, stop: Stop = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "horay"
        return params

    def _get_llm_string(self, stop: Stop = None, **kwargs: Any) -> str:
        """LangChain's key for its cache. It is made of the settings, which lack the address of a client or of the
        environment, and secrets, which can identify the caller: the address and a digest of these are added.
        """
        given = {name: [getattr(self, name, None), kwargs.get(name)] for name in MAY_HOLD_SECRETS}
        digest = blake2b(repr(given).encode(), digest_size=16).hexdigest()
        key = super()._get_llm_string(stop=stop, **without_secrets(kwargs))
        return f"{self._addresses()}---{digest if LEFT_OUT in key else ''}---{key}"

    def _set(self) -> dict[str, Any]:
        """The parameters that were given."""
        return {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}

    def _sent(
        self, messages: list[BaseMessage], stop: Stop, call: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The parameters of one call."""
        sent = {"model": self.model, **self._set(), **call, "messages": sent_messages(messages)}
        for ours in ("stream_usage", KEEP_ARGUMENTS):
            sent.pop(ours, None)
        for name in ("extra_headers", "extra_query"):
            refuse_left_out(sent.get(name), f"model.{name}")
        if stop is not None:
            sent["stop"] = stop
        return sent

    def _streamed(
        self, messages: list[BaseMessage], stop: Stop, call: Mapping[str, Any]
    ) -> tuple[StreamedMessage, dict[str, Any]]:
        """What reads the stream of one call, and the parameters of the call."""
        sent = self._sent(messages, stop, call)
        if call.get("stream_usage", self.stream_usage):
            sent.setdefault("stream_options", {"include_usage": True})
        if sent.get("n") not in (None, 1):
            raise ValueError("n: LangChain streams one choice; call `generate` for several")
        keep, in_blocks = call.get(KEEP_ARGUMENTS, False), self.output_version == "v1"
        return StreamedMessage(keep_arguments=keep, in_blocks=in_blocks), sent

    def _generate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        sent = self._sent(messages, stop, kwargs)
        response = self._blocking.chat.completions.create(**sent)
        return result_of(response, keep_arguments=kwargs.get(KEEP_ARGUMENTS, False))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        sent = self._sent(messages, stop, kwargs)
        response = await self._awaiting.chat.completions.create(**sent)
        return result_of(response, keep_arguments=kwargs.get(KEEP_ARGUMENTS, False))

    def _stream(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        message, sent = self._streamed(messages, stop, kwargs)
        with self._blocking.chat.completions.stream(**sent) as events:
            for event in events:
                yield from message.chunks(event)
            yield from message.last(events.final())

    async def _astream(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        message, sent = self._streamed(messages, stop, kwargs)
        async with self._awaiting.chat.completions.stream(**sent) as events:
            async for event in events:
                for chunk in message.chunks(event):
                    yield chunk
            for chunk in message.last(await events.final()):
                yield chunk

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """A model that may call `tools`: functions, pydantic models, LangChain's tools or the API's JSON form.

        `tool_choice` is `"auto"`, `"none"`, `"required"` (also as `"any"` or True), the name of a tool, or the
        API's JSON form. `strict` asks the server to hold the arguments to their schema.
        """
        bound = [convert_to_openai_tool(one, strict=strict) for one in tools]
        if tool_choice:
            names = {one["function"]["name"] for one in bound if "function" in one}
            kwargs["tool_choice"] = _tool_choice(tool_choice, names)
        return super().bind(tools=bound, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """A model that responds in the form of `schema`: a pydantic model, an attrs class or a dataclass (an
        instance comes back), a typed dictionary or a JSON schema (a dict comes back).

        `method` is `"json_schema"` (the schema as `response_format`), `"function_calling"` (a forced call) or
        `"json_mode"` (JSON of any shape: describe it in the prompt). With `include_raw` the result is a dict of
        `raw`, `parsed` and `parsing_error`, and nothing is raised for what doesn't fit.

        A response that was cut, at the token limit or by the server's filter, raises `AnswerError`, with that `reason`; JSON
        that isn't whole for any other one does, too.
        A stream gives the object as it grows, and raises at its end.
        """
        call, parse, any_json = _structured(schema, method, True if strict is None else strict)
        text_is_json = method != "function_calling"
        required = () if method == "json_mode" else _required(schema)
        check = CheckedMessages(
            parse, text_is_json=text_is_json, any_json=any_json, required=required
        )
        parser = check | parse
        call["ls_structured_output_format"] = {
            "kwargs": {"method": method, "strict": strict},
            "schema": _traced_schema(schema),
        }
        model = self.bind(**call, **kwargs)
        chain: Any = with_raw(model, parser) if include_raw else model | parser
        return cast("Runnable[LanguageModelInput, dict[str, Any] | BaseModel]", chain)


def _tool_choice(choice: str | bool | dict[str, Any], names: set[str]) -> str | dict[str, Any]:
    if isinstance(choice, dict):
        return choice
    if choice is True or choice == "any":
        return "required"
    if choice in names:
        return {"type": "function", "function": {"name": choice}}
    if choice in ("auto", "none", "required"):
        return str(choice)
    raise ValueError(f"tool_choice {choice!r} is no tool: the tools are {', '.join(sorted(names))}")


def _is_ours(schema: object) -> bool:
    """Whether `schema` is a class that this package describes: LangChain describes pydantic's and typed dictionaries."""
    cls = get_origin(schema) or schema
    return hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__dataclass_fields__")


def _function_of(cls: type[Any]) -> dict[str, Any]:
    from horay_async._protocol.structured.schema import response_format  # noqa: PLC0415 - loads cattrs

    described = response_format(cls)["json_schema"]
    return {"name": described["name"], "parameters": described["schema"]}


def _traced_schema(schema: dict[str, Any] | type) -> dict[str, Any] | type:
    """What LangChain's traces get of a schema, which LangChain describes for each call."""
    if not _is_ours(schema):
        return schema
    function = _function_of(cast("type[Any]", schema))
    return {"title": function["name"], **function["parameters"]}


def _described(schema: dict[str, Any] | type, strict: bool | None) -> dict[str, Any]:
    """The name and the JSON schema, as `parameters`, of what isn't ours."""
    inner: Any = None
    if isinstance(schema, dict):
        if is_object(schema.get("schema")):  # as openai has it
            inner = schema["schema"]
        elif not schema.keys() & {"name", "properties", "toolSpec"}:  # of a list, or the like
            inner = {each: schema[each] for each in schema.keys() - {"title", "description"}}
        name = schema.get("name", schema.get("title"))
        if inner and isinstance(name, str):
            told = {"description": schema["description"]} if "description" in schema else {}
            return {"name": name, **told, "parameters": inner}
    return convert_to_openai_function(schema, strict=strict)


def _required(schema: dict[str, Any] | type) -> Sequence[str]:
    """The fields that a typed dictionary or a JSON schema asks for; what is sent asks for all of the first. Classes check their own."""
    keys: Any = getattr(schema, "__required_keys__", None)  # of a typed dictionary
    if keys is None and not is_object(schema):
        return ()
    found: Any = _described(schema, None)["parameters"].get("required")
    named = [name for name in found if isinstance(name, str)] if is_array(found) else []
    return [name for name in named if keys is None or name in keys]


def _check_schema(schema: object, method: Method) -> None:
    """Raises `TypeError` for what has no fields; `dict` or None will do for JSON of any shape."""
    any_shape = method == "json_mode" and (schema is None or schema is dict)
    is_kept = any_shape or is_object(schema) or _is_ours(schema)
    module = getattr(schema, "__module__", "builtins")  # that of str, list and so on
    if not is_kept and (
        not callable(cast("Any", schema)) or get_origin(schema) is not None or module == "builtins"
    ):
        raise TypeError(
            "schema must be a class with fields (of pydantic, attrs or dataclasses, or a typed dictionary) or a JSON schema, "
            f"not {schema!r}"
        )


def _structured(
    schema: dict[str, Any] | type, method: Method, strict: bool
) -> tuple[dict[str, Any], OutputParserLike[Any] | Runnable[Any, Any], bool]:
    """What is sent for a schema, what makes the result of the message, and whether that may be other JSON than an object."""
    _check_schema(schema, method)
    ours = _is_ours(schema)
    cls: type[Any] = dict if isinstance(schema, dict) else schema
    pydantic = not ours and is_basemodel_subclass(cls)
    whole: OutputParserLike[Any] | Runnable[Any, Any]
    if ours:
        whole = RunnableLambda(partial(_read_text, cls))
    elif pydantic:
        whole = PydanticOutputParser(pydantic_object=cls)
    else:
        whole = JsonOutputParser()
    if method == "json_mode":
        return {"response_format": {"type": "json_object"}}, whole, False
    if ours:
        function = _function_of(cls)
    else:
        function = _described(schema, strict if method == "json_schema" else None)
    parameters = function["parameters"]
    is_of_object = parameters.get("type", "object") == "object"
    any_json = not parameters.keys() & {"properties", "type"} or not is_of_object
    if method == "json_schema":
        sent = {"name": function["name"], "schema": parameters, "strict": strict}
        return {"response_format": {"type": "json_schema", "json_schema": sent}}, whole, any_json
    if method != "function_calling":
        raise ValueError(
            f"method must be 'json_schema', 'function_calling' or 'json_mode', not {method!r}"
        )
    name = function["name"]
    if not is_of_object:
        raise ValueError(
            f"{name} is no JSON schema of an object, which a call has: use method='json_schema'"
        )
    call = {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": name}},
    }
    if pydantic:
        return call, _CallParser(tools=[cls], first_tool_only=True), False
    if not ours:
        return call, JsonOutputKeyToolsParser(key_name=name, first_tool_only=True), False
    return {**call, KEEP_ARGUMENTS: True}, RunnableLambda(partial(_read_call, cls, name)), False


class _CallParser(PydanticToolsParser):
    """LangChain's parser of calls, with the error that its parser of texts has for what doesn't fit."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        try:
            return super().parse_result(result, partial=partial)
        except OutputParserException:
            raise
        except ValueError as error:  # pydantic's, of either version
            raise OutputParserException(f"the arguments of the call don't fit: {error}") from error


def _read_text(cls: type[Any], message: Any) -> Any:
    return parse_text(cls, str(message.text))


def _read_call(cls: type[Any], name: str, message: Any) -> Any:
    return parse_text(cls, kept_arguments(message, name) or "null")
