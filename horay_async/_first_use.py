"""What is made when it is first used, and shared by all threads: one thread at a time makes it, and the process isn't forked meanwhile.

msgspec puts what it knows of a class on that class before it has all of it: a second thread that makes a decoder of the class, or
of another one with such a field, gets the unfinished half, and decoding with it ends the process (msgspec 0.22). A forked
child has a copy of whatever was unfinished, and nobody who finishes it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")

WAIT_TIMEOUT = 1.0
"""Seconds that a thread waits for another one. What is made takes milliseconds, but a signal handler that interrupts the
making may itself wait for a thread that waits here."""

FORK_TIMEOUT = 5.0
"""Seconds that a fork waits. Loading a module for the first time can take some."""


PACKAGE = __name__.partition(".")[0]


class FirstUse:
    """The lock, which is this thread's or a fork's."""

    def __init__(self) -> None:
        # A signal handler may fork on the thread that has it.
        self._lock = threading.RLock()
        self._making = False
        self._forking: list[bool] = []
        """Whether it is held for a fork that is under way."""

    def alone(self, make: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """What `make` returns, called while no other thread is in here and the process isn't forked; what `otherwise` returns
        where this call interrupts such a one on the same thread, or another thread takes too long.
        """
        try:
            if not self._lock.acquire(timeout=WAIT_TIMEOUT) or self._making:
                return otherwise()
            self._making = True
            try:
                return make()
            finally:
                self._making = False
        finally:
            try:  # noqa: SIM105 - Ctrl-C can come after any call, that of `suppress` too
                self._lock.release()
            except RuntimeError:  # it took too long, or Ctrl-C came before it had it
                pass

    def before_fork(self) -> None:
        """Waits until nothing is half made, and none of this package's modules half loaded."""
        self._forking.append(self._lock.acquire(timeout=FORK_TIMEOUT))
        for name, module in [*sys.modules.items()]:
            # The mark is Python's own. Without it, a child may wait for such a module for ever.
            spec = getattr(module, "__spec__", None) if name.startswith(PACKAGE) else None
            if getattr(spec, "_initializing", False):
                with contextlib.suppress(Exception):  # the thread that loads it is told
                    import_module(name)

    def after_fork_in_parent(self) -> None:
        """Lets the others go on."""
        if self._forking.pop():
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """The same; a lock whose thread isn't here is replaced."""
        if self._forking.pop():
            self._lock.release()
        else:
            self._lock = threading.RLock()
            self._making = False


FIRST_USE = FirstUse()
"""The one of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=FIRST_USE.before_fork,
        after_in_parent=FIRST_USE.after_fork_in_parent,
        after_in_child=FIRST_USE.after_fork_in_child,
    )


class MadeOnce(Generic[T]):
    """An attribute that is made by the method when it is first asked for.

    `functools.cached_property` without a lock: that of Python 3.11 is one for all instances, and a forked child waits for
    ever where another thread had it. Threads that ask at the same time may each make one; the first one stays.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> MadeOnce[T]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> MadeOnce[T] | T:
        if instance is None:
            return self
        made: T = instance.__dict__.setdefault(self._name, self._make(instance))
        return made
