"""What the server responds to which request."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine, iscoroutinefunction, signature

import attrs

from horay_async.testing._server_connection import ConnectFault
from horay_async.testing.canned import Reply, default
from horay_async.testing.records import Request
from horay_async.testing.responses import AnyFault, ScriptedResponse, about_scripted

__all__ = ["Handler", "Scripted"]

Scripted = ScriptedResponse | str | Callable[[Request], "Scripted"]
"""What can be put into a script: a response, a text to respond with, or a handler that gives one of these
for a request."""

Handler = Callable[[Request], Scripted]
"""Called on the server's thread with the whole request."""

TEXT_PATHS = frozenset({"/chat/completions", "/completions"})
"""The paths that a scripted text is for: a client that first asks for the models doesn't use one up."""


@attrs.frozen(eq=False)
class Planned:
    """A response, and the requests that it is for: of any method and path where these are None."""

    scripted: Scripted
    method: str | None
    path: str | None

    def fits(self, method: str, path: str) -> bool:
        """Whether it is for such a request."""
        if self.method is not None and self.method.upper() != method:
            return False
        if self.path is None:
            return not isinstance(self.scripted, str | Reply) or path in TEXT_PATHS
        return self.path == path


class Script:
    """Responses in line, each for one request; below them, rules for all further ones.

    Any thread may add to the lists. The server's thread alone takes from them, so that no lock is needed.
    """

    def __init__(self) -> None:
        self.line: list[Planned] = []
        self.rules: list[Planned] = []
        """The first one that fits counts."""
        self.connect_faults: list[ConnectFault] = []
        """In line, for connections to come."""

    def next(self, method: str, path: str) -> Scripted:
        """The response for a request: the first in line that fits is used up."""
        for planned in self.line:
            if planned.fits(method, path):
                self.line.remove(planned)
                return planned.scripted
        return next((rule.scripted for rule in self.rules if rule.fits(method, path)), default)


def made(scripted: Scripted, request: Request) -> ScriptedResponse:
    """The response that `scripted` is, or gives for `request`."""
    while not isinstance(scripted, ScriptedResponse):
        scripted = Reply(scripted) if isinstance(scripted, str) else scripted(request)
        check_scripted(scripted, "a handler must return")
    return scripted


def check_scripted(scripted: object, must: str) -> None:
    """Raises `TypeError` for what is neither a response nor a text nor a handler; the message begins with `must`."""
    if isinstance(scripted, str):
        scripted.encode()  # raises for half of a surrogate pair
    if isinstance(scripted, str | ScriptedResponse):
        return
    problem = about_scripted(scripted)
    if isinstance(scripted, list | tuple):
        problem = ": write a * before a list of responses, add(*responses)"
    elif iscoroutine(scripted) or iscoroutinefunction(scripted):
        problem = ": a handler is a plain function, since it is called on the server's thread"
        if iscoroutine(scripted):
            scripted.close()
    elif callable(scripted) and not isinstance(scripted, type | AnyFault):
        if _takes_a_request(scripted):
            return
        problem = ", which can't be called with a request"
    raise TypeError(
        f"{must} a response, a text, or a handler of requests; got {scripted!r}{problem}"
    )


def _takes_a_request(handler: Callable[..., object]) -> bool:
    """Whether a handler can be called with one argument, as far as its signature is known."""
    try:
        signature(handler, follow_wrapped=False).bind(None)
    except TypeError:
        return False
    except ValueError:  # written in C
        return True
    return True
