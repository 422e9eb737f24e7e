"""What a server can do on the wire: small steps, played one after another."""

from __future__ import annotations

import attrs

from horay_async.testing.watch import Watch

__all__ = ["Fin", "Gate", "MarkExecuted", "Pause", "Repeat", "Reset", "Send", "Stall", "Step"]


@attrs.frozen
class Send:
    """Writes bytes, and goes on once the operating system has taken them all."""

    data: bytes
    """What is written, in one piece."""


@attrs.frozen
class Repeat:
    """Writes the same bytes again and again until the client leaves."""

    data: bytes
    """What is written, in one piece each time."""
    gap: float = 0.0
    """Seconds between two of them."""


@attrs.frozen
class Pause:
    """Does nothing for a while; ends early when the client leaves."""

    seconds: float
    """How long."""


class Gate:
    """A step that waits until the test opens it, with `open()`. It stays open from then on.

    One gate can hold up any number of responses.
    """

    def __init__(self) -> None:
        self._watch = Watch()
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether `open` was called."""
        return self._is_open

    def open(self) -> None:
        """Lets everything that waits here go on. From any thread."""
        self._is_open = True
        self._watch.changed()

    async def passed(self) -> None:
        """Waits for the gate to open."""
        await self._watch.until(lambda: self._is_open, None)


@attrs.frozen
class Stall:
    """Says nothing more, and waits for the client to leave."""


@attrs.frozen
class Fin:
    """Ends the server's side of the connection: a TCP FIN after all that was sent.

    Whatever the client still sends is read and thrown away, so that no reset takes the place of the
    FIN. On TLS it comes without a closing alert, as when a connection is cut and not closed.
    """


@attrs.frozen
class Reset:
    """Resets the connection: a TCP RST. On Linux the client can still read what was sent before."""


@attrs.frozen
class MarkExecuted:
    """Counts the request as executed, if its body was read whole. Nothing is sent."""


Step = Send | Repeat | Pause | Gate | Stall | Fin | Reset | MarkExecuted
"""Any of the steps."""
