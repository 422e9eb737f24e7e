"""Code of the caller's that runs within a call: what it raises must not look as if the call itself were to end."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any


class UserCodeEnded(RuntimeError):
    """User code raised what would have ended more than itself: SystemExit, its own cancellation ..."""


def contain(function: Callable[..., Any], *args: Any) -> Any:
    """What a plain function returns that runs user code here and now: constructors, validators, `model_dump` ...

    Raises what that raises, but `UserCodeEnded` for what isn't an `Exception`; `KeyboardInterrupt` passes in the main
    thread, where it is the user's.
    """
    try:
        return function(*args)
    except Exception:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and is_main_thread():
            raise
        raise UserCodeEnded(f"it raised {type(error).__name__}") from error


def is_async(function: Callable[..., Any]) -> bool:
    """Whether what is called is a coroutine function, by itself or by its `__call__`."""
    called = getattr(function, "__call__", None)  # noqa: B004 - to look at what it is, not whether
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def is_main_thread() -> bool:
    """Whether signals arrive in this thread."""
    return threading.current_thread() is threading.main_thread()
