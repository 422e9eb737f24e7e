"""What threads use for the first time at once, and what a fork finds half made: each case in a process of its own, which a fault would end."""

from __future__ import annotations

import textwrap
import threading
from functools import partial

import pytest

from horay_async._first_use import FirstUse, MadeOnce
from tests.processes import printed_by, unmeasured

PREAMBLE = """
import os, signal, sys, threading, warnings
from horay_async import _first_use
from horay_async._protocol.wire.decode import decoder
from horay_async.models.chat import ChatCompletion

warnings.simplefilter("ignore", DeprecationWarning)
_first_use.WAIT_TIMEOUT = 60  # for a busy machine
BODY = b'''{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
    "message": {"role": "assistant", "content": "Hi"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}'''
amid, go_on = threading.Event(), threading.Event()
RETURNS = 0

class Watched:
    '''The lock, which lets the first thread go on once another one comes.'''

    def __init__(self):
        self._lock = threading.RLock()
        self.release = self._lock.release

    def acquire(self, **options):
        if amid.is_set() and threading.current_thread() is not first:
            go_on.set()
        return self._lock.acquire(**options)

_first_use.FIRST_USE._lock = Watched()

def read():
    response = decoder(ChatCompletion).decode(BODY)
    assert response.choices[0].message.content == "Hi"

def stop(frame, event, _):
    '''Stops in the midst of msgspec's looking at classes.'''
    global RETURNS
    if event == "return" and "msgspec" in frame.f_code.co_filename and frame.f_code.co_name == "get_class_annotations":
        RETURNS += 1
        if RETURNS == AT:
            amid.set()
            assert go_on.wait(60)

def read_and_stop():
    sys.setprofile(stop)
    read()
    os.write(1, b"first ")

first = threading.Thread(target=read_and_stop)
first.start()
assert amid.wait(60), "msgspec looks at classes in another way: stop elsewhere"
"""

AT = pytest.mark.parametrize(
    "at", [2, 5, 14], ids=["the class", "a field of it", "its strict decoder"]
)
"""How many classes msgspec has looked at by then."""


def run(code: str, *arguments: str, at: int | None = None) -> str:
    """What a script prints, beside a thread that stops where msgspec has looked at `at` classes."""
    before = "" if at is None else f"AT = {at}\n{PREAMBLE}"
    script = before + textwrap.dedent(code)
    given = ("-X", "faulthandler", "-c", script, *arguments)
    return printed_by(*given, env=unmeasured(), timeout=180)


def test_one_thread_at_a_time() -> None:
    """What interrupts the making on the same thread gets the other thing at once, and the next one makes it again."""
    first = FirstUse()
    ask = partial(first.alone, lambda: "made", lambda: "not now")
    assert first.alone(ask, str) == "not now"
    assert ask() == "made"


def test_another_thread_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is done without: a thread that waits here may be what the other one waits for."""
    monkeypatch.setattr("horay_async._first_use.WAIT_TIMEOUT", 0)
    first = FirstUse()
    found: list[str] = []
    first._lock.acquire()
    other = threading.Thread(
        target=lambda: found.append(first.alone(lambda: "made", lambda: "not now"))
    )
    other.start()
    other.join()
    first._lock.release()
    assert found == ["not now"]


def test_fork_while_another_thread_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's lock stays that thread's; the child, which hasn't the thread, has a new one."""
    monkeypatch.setattr("horay_async._first_use.FORK_TIMEOUT", 0)
    first, held, over = FirstUse(), threading.Event(), threading.Event()

    def hold() -> None:
        first._lock.acquire()
        held.set()
        over.wait(60)
        first._lock.release()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    first.before_fork()
    first.after_fork_in_parent()
    with pytest.raises(RuntimeError):
        first._lock.release()
    first.before_fork()
    over.set()
    other.join()
    first.after_fork_in_child()
    assert first.alone(lambda: "made", lambda: "not now") == "made"


def test_made_once() -> None:
    """An attribute that is made when it is asked for, and found on the class with its docstring."""

    class Has:
        @MadeOnce
        def thing(self) -> list[int]:
            """A thing."""
            return []

    has = Has()
    assert has.thing is has.thing
    assert Has().thing is not has.thing
    assert Has.thing.__doc__ == "A thing."


@AT
def test_decoding_while_another_thread_learns_the_class(at: int) -> None:
    """Decoding waits until what msgspec knows of the class is complete: half of it would end the process."""
    printed = run(
        """
        read()
        first.join()
        print("second")
        """,
        at=at,
    )
    assert sorted(printed.split()) == ["first", "second"]


@AT
@pytest.mark.posix
def test_fork_while_a_thread_learns_the_class(at: int) -> None:
    """A fork waits, too: nobody would complete the child's half."""
    printed = run(
        """
        os.register_at_fork(before=go_on.set)  # called before those that were registered earlier
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            read()
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        first.join()
        """,
        at=at,
    )
    assert sorted(printed.split()) == ["0", "first"]


@pytest.mark.posix
@pytest.mark.parametrize(
    ("use", "loads"),
    [
        ("AsyncHoray.images.generate", "horay_async.resources.images"),
        ("import_module('horay_async.resources._streams')", "horay_async.streaming"),
    ],
    ids=["a group", "within a function"],
)
def test_fork_while_a_thread_loads_a_module(use: str, loads: str) -> None:
    """A fork waits until the module is loaded: the child would wait for ever for it."""
    run(
        """
            import importlib.abc, os, signal, sys, threading, warnings
            from importlib import import_module
            from horay_async import AsyncHoray
            warnings.simplefilter("ignore", DeprecationWarning)
            loading, go_on = threading.Event(), threading.Event()
            class Slow(importlib.abc.MetaPathFinder):
                def find_spec(self, name, path, target=None):
                    if name == sys.argv[2]:
                        loading.set()
                        go_on.wait(4)
            sys.meta_path.insert(0, Slow())
            other = threading.Thread(target=lambda: eval(sys.argv[1]))
            other.start()
            assert loading.wait(60)
            os.register_at_fork(before=go_on.set)  # called before those that were registered earlier
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                os._exit(0 if eval(sys.argv[1]) else 1)
            assert os.waitpid(child, 0)[1] == 0
            other.join()
        """,
        use,
        loads,
    )


@pytest.mark.posix
def test_fork_while_a_thread_counts_drift() -> None:
    """A fork waits for it: the child's copy of the lock would never be given back."""
    run(
        """
            import os, signal, threading, warnings
            from horay_async.models.drift import Drift
            warnings.simplefilter("ignore", DeprecationWarning)
            counting, go_on = threading.Event(), threading.Event()
            def found():
                counting.set()
                go_on.wait(60)
                yield "$.x", "unknown"
            drift = Drift()
            other = threading.Thread(target=drift.add, args=(found(),))
            other.start()
            assert counting.wait(60)
            os.register_at_fork(before=go_on.set)  # called before those that were registered earlier
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                drift.add([("$.x", "unknown")])
                os._exit(drift["$.x"].unknown)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
            other.join()
            drift.add([("$.x", "unknown")])
        """,
    )
