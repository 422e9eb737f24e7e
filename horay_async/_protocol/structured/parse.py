"""From a model's text to an instance of a caller's class, or to the error that says why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from horay_async._protocol.structured.find_json import Ambiguous, json_in
from horay_async._protocol.structured.mismatch import Mismatches, named
from horay_async._protocol.structured.structuring import structure_strictly
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.finish_reasons import cut_of
from horay_async._protocol.wire.tool_calls import NULL
from horay_async._protocol.wire.unknown import unknown_of
from horay_async.errors import AnswerError
from horay_async.models._base import Extensible, Response
from horay_async.models.chat import ChatChoice, ChatCompletion, ToolCall
from horay_async.models.parsed import (
    ParsedChoice,
    ParsedCompletion,
    ParsedFunctionCall,
    ParsedMessage,
    ParsedToolCall,
)

T = TypeVar("T")
M = TypeVar("M", bound=Extensible)

NO_SECRETS = Cleaner()


def parse_text(into: type[T], text: str) -> T:
    """`text`, JSON or a Markdown block of it, behind a draft perhaps, as an instance of `into`; raises `AnswerError`."""
    return _parse(into, text, f"the response doesn't fit {named(into)}")


def parse_arguments(into: type[T], text: str, tool: str) -> T:
    """The arguments of a call of a tool, as `parse_text`. Some models send nothing at all for a function without parameters, or null."""
    return _parse(
        into, "{}" if text.strip() in ("", NULL) else text, f"the arguments don't fit {tool}"
    )


def _parse(into: type[T], text: str, problem: str) -> T:
    """`text` as an instance of `into`; `problem` is how the message of the `AnswerError` begins."""
    try:
        value = _decoded(text)
    except ValueError as error:
        raise _mismatch(problem, text, [("$", str(error))]) from error
    try:
        found: T = structure_strictly(value, into)
    except Mismatches as error:
        pairs = [(mismatch.path, mismatch.message) for mismatch in error.found]
        raise _mismatch(problem, text, pairs) from error
    return found


SHOWN = 60
"""Characters that a message shows of a text that is no JSON."""


def _decoded(text: str) -> Any:
    """The JSON in `text`; raises `ValueError` that completes "$: ..."."""
    try:
        return json_in(text)
    except Ambiguous:
        raise
    except RecursionError as error:
        raise ValueError("is nested too deep") from error
    except ValueError as error:
        if not text.strip():
            raise ValueError("is empty") from error
        told = str(error).removeprefix("JSON is malformed: ")
        shown = repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
        raise ValueError(f"is no JSON: {told}, in {shown}") from error


def _mismatch(problem: str, text: str, mismatches: list[tuple[str, str]]) -> AnswerError:
    (path, message), *more = mismatches
    also = f" (and {len(more)} more)" if more else ""
    return AnswerError(
        f"{problem}: {path}: {message}{also}",
        reason="mismatch",
        path=path,
        errors=tuple(mismatches),
        text=text,
    )


def parse_completion(
    completion: ChatCompletion,
    into: type[T] | None,
    tools: Mapping[str, type[Any]],
    clean: Cleaner = NO_SECRETS,
) -> ParsedCompletion[T]:
    """`completion` with its choices' texts as instances of `into`, or left alone where that is None.

    `tools` maps the names of tools to the classes of their arguments. Raises `AnswerError`, which holds
    the completion, and what `clean` masks in that alone.
    """
    try:
        choices = [parse_choice(choice, into, tools) for choice in completion.choices]
    except AnswerError as error:
        mask(error, clean)
        complete(error, completion)
        raise
    return upgraded(completion, choices)


def complete(error: AnswerError, completion: Response) -> None:
    """Gives an error the response that it is about, and how that came about."""
    meta = getattr(completion, "meta", None)
    error.completion = completion
    error.request_id = getattr(meta, "request_id", None)
    error.attempts = getattr(meta, "attempts", ())


def mask(error: AnswerError, clean: Cleaner) -> None:
    """Masks the secrets in what an error says: it quotes the model, to which a key may have been sent."""
    said = (error.message, error.path or "", *(text for pair in error.errors for text in pair))
    if all(clean.mask(text) == text for text in said):
        return
    error.message = clean.mask(error.message)
    error.args = (error.message,)
    error.path = error.path and clean.mask(error.path)
    error.errors = tuple((clean.mask(path), clean.mask(text)) for path, text in error.errors)
    error.__cause__ = error.__context__ = None  # which quote it, too


def parse_choice(
    choice: ChatChoice, into: type[T] | None, tools: Mapping[str, Any]
) -> ParsedChoice[T]:
    """One choice, parsed. Raises `AnswerError`."""
    message = choice.message
    text = message.content or ""
    if message.refusal:
        raise AnswerError(
            f"the model declined: {message.refusal}", reason="refusal", text=message.refusal
        )
    if cut := cut_of(choice.finish_reason):
        raise AnswerError(cut.problem, reason=cut.reason, text=text)
    calls = [_parse_call(call, tools) for call in message.tool_calls or ()]
    try:
        parsed = None if into is None else parse_text(into, text)
    except AnswerError:
        if not calls:
            raise
        parsed = None  # what is said beside the calls, before there is a value
    return _choice(choice, parsed, calls)


def so_far(choice: ChatChoice, whole: ParsedChoice[T] | None) -> ParsedChoice[T]:
    """One choice with what was parsed when it was `whole`; with nothing where it isn't yet."""
    if whole is not None:
        return _choice(choice, whole.message.parsed, whole.message.tool_calls or [])
    return _choice(choice, None, [_call(call, None) for call in choice.message.tool_calls or ()])


def upgraded(completion: ChatCompletion, choices: list[ParsedChoice[T]]) -> ParsedCompletion[T]:
    """`completion` as a `ParsedCompletion` with these choices."""
    parsed = _extended(ParsedCompletion[T], completion, choices=choices)
    for name in ("_raw", "meta"):  # filled in by the transport; not there in what was merged
        if hasattr(completion, name):
            setattr(parsed, name, getattr(completion, name))
    return parsed


def _parse_call(call: ToolCall, tools: Mapping[str, type[Any]]) -> ParsedToolCall:
    function = call.function
    kind = tools.get(function.name)
    return _call(
        call, None if kind is None else parse_arguments(kind, function.arguments, function.name)
    )


def _call(call: ToolCall, arguments: Any) -> ParsedToolCall:
    function = _extended(ParsedFunctionCall, call.function, parsed_arguments=arguments)
    return _extended(ParsedToolCall, call, function=function)


def _choice(choice: ChatChoice, parsed: T | None, calls: list[ParsedToolCall]) -> ParsedChoice[T]:
    message = _extended(ParsedMessage[T], choice.message, parsed=parsed, tool_calls=calls or None)
    return _extended(ParsedChoice[T], choice, message=message)


def _extended(into: type[M], model: Extensible, **changed: Any) -> M:
    """An instance of `into` with the fields of `model`, unknown ones included, some of them changed."""
    known = {f.name: getattr(model, f.name) for f in attrs.fields(cast(Any, type(model)))}
    made = into(**{**known, **changed})
    if unknown := unknown_of(model):
        made._unknown = unknown  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its maker
    return made
