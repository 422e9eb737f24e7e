"""Exceptions of signal handlers, at every step where they can come."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Generator
from dis import opname
from types import CodeType, FrameType
from typing import Any

__all__ = ["Tripped", "tripping"]


class Tripped(BaseException):
    """What a signal handler raises."""


def is_dropping(frame: FrameType | None) -> bool:
    """Whether it runs within a `__del__`, or in the callback that one has given to the event loop: what is raised there is printed and
    dropped.
    """
    while frame is not None:
        name, caller = frame.f_code.co_name, frame.f_back
        by_loop = caller is not None and caller.f_code.co_name == "_run"
        if name == "__del__" or (name == "_close_nowait" and by_loop):
            return True
        frame = caller
    return False


@contextlib.contextmanager
def tripping(steps: int, reads: Callable[[CodeType], bool]) -> Generator[None]:
    """Raises `Tripped` at the step of that number in code that `reads`, where CPython runs signal handlers: as a
    function begins, jumps back, and before and after a call.
    """
    left = steps
    called: set[FrameType] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not reads(frame.f_code) or is_dropping(frame):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            name = opname[frame.f_code.co_code[frame.f_lasti]]
            after, calls = frame in called, name.startswith("CALL")
            (called.add if calls else called.discard)(frame)
            if calls or after or name.startswith(("RESUME", "JUMP_BACKWARD")):
                left -= 1
                if left == -1:
                    raise Tripped
        return trace

    before = sys.gettrace()
    gc.disable()  # the streams before are dropped elsewhere
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        gc.enable()
