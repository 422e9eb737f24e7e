"""The `TypeError`s and `ValueError`s of wrong arguments: the method that was called, and what to write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, TypeVar

ErrorT = TypeVar("ErrorT", bound=TypeError | ValueError)

PACKAGE = str(Path(__file__).parent)


def keyword_names(method: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that a method declares with a default, to be given by name."""
    return tuple(getattr(method, "__kwdefaults__", None) or ())


def named(error: ErrorT, called: str) -> ErrorT:
    """Puts what was called, such as `Images.save`, before the message of an error that this package raised.

    One that other code raised, such as a function of the caller's, stays as it is.
    """
    traceback, raised_here = error.__traceback__, False
    while traceback is not None:
        raised_here = traceback.tb_frame.f_code.co_filename.startswith(PACKAGE)
        traceback = traceback.tb_next
    message = str(error)
    if raised_here and not message.startswith(f"{called}()"):
        error.args = (f"{called}(): {message}",)
    return error


def naming_caller(error: ErrorT, resource: object) -> ErrorT:
    """As `named`, for the public method of `resource` that is running, if one is. To look for it costs nothing where nothing is wrong."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
    while frame is not None:
        code = frame.f_code
        method: Any = getattr(type(resource), code.co_name, None)
        is_running = method.__class__ is FunctionType and method.__code__ is code
        if is_running and code.co_name[0] != "_":
            return named(error, method.__qualname__)
        frame = frame.f_back
    return error


def naming_method(
    error: ErrorT, method: Callable[..., Any], asynchronous: Callable[..., Any], given: int
) -> ErrorT:
    """As `named`, for a method that runs an asynchronous one. Of arguments that Python couldn't bind to that one's
    parameters the message says how the method is called; `given` is how many came by position.
    """
    called = f"{asynchronous.__qualname__}()"
    if str(error).startswith(f"{called}: "):  # named already, as `naming_caller` does
        error.args = (f"{method.__qualname__}()" + str(error).removeprefix(called),)
        return error
    if not str(error).startswith(called):
        return named(error, method.__qualname__)
    error.args = (_how_to_call(method, str(error).removeprefix(called), given),)
    return error


def refuse_positional(method: Any, given: tuple[object, ...]) -> None:
    """Raises `TypeError` where a bound method that takes none was given arguments by position. Python's own is less clear, and counts
    `self`.
    """
    if given:
        raise TypeError(_how_to_call(method.__func__, "", len(given)))


def _how_to_call(method: Callable[..., Any], problem: str, given: int) -> str:
    from inspect import Parameter, signature  # noqa: PLC0415 - only needed for a mistake

    parameters = list(signature(method).parameters.values())[1:]  # without `self`
    most = sum(parameter.kind is not Parameter.KEYWORD_ONLY for parameter in parameters)
    if given > most:
        allowed = f"at most {most}" if most else "no"
        were = f"{given} were" if given > 1 else "1 was"
        problem = f" takes {allowed} positional argument{'s' * (most != 1)}, but {were} given"
    # All that is required comes first.
    required = sum(parameter.default is Parameter.empty for parameter in parameters)
    shown = ", ".join(f"{parameter.name}=..." for parameter in parameters[: max(required, given)])
    return f"{method.__qualname__}(){problem}: write {method.__name__}({shown})"
