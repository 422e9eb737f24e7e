"""What the calls of one client share, and where their parts are put together."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from horay_async._keys import ProvidedKeys
from horay_async._observer_defaults import LogOnce, process_defaults
from horay_async._protocol.limits.retry_budget import RetryBudget
from horay_async._protocol.wire.clean import Cleaner
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.request import Request
from horay_async._transport import log
from horay_async._transport.call import Call
from horay_async._transport.connection_pool import ConnectionPools
from horay_async._transport.sender import Sender
from horay_async._transport.shared_limiters import SharedLimiters
from horay_async.options import ClientOptions

if TYPE_CHECKING:
    from horay_async._observers import Observer, TelemetryObserver
    from horay_async._transport.key_source import KeySource
    from horay_async._transport.request_limiter import RequestLimiter


class Transport:
    """Makes the calls of one client. `made_at` is where in the caller's code the client was made."""

    def __init__(self, options: ClientOptions, *, made_at: str = "") -> None:
        self.options: ClientOptions = options
        log.set_up()
        self.pools: ConnectionPools = ConnectionPools(made_at)
        self.budget: RetryBudget = RetryBudget()
        self.drift: DriftWatch = DriftWatch(options.strict)
        self._log_once: LogOnce = LogOnce()
        self._limiters: SharedLimiters = SharedLimiters()
        self._keys: KeySource | None = None  # where a function provides them; a copy has the same
        self.use_options()

    def use_options(self) -> None:
        """Makes what depends on the options."""
        options = self.options
        self._hooks: Observer | None = _hooks_of(options, self._log_once)
        key = options.api_key
        if not isinstance(key, ProvidedKeys):
            self._keys = None
        elif self._keys is None:
            from horay_async._transport.key_source import KeySource  # noqa: PLC0415 - seldom needed

            self._keys = KeySource(key)
        self.clean: Cleaner = Cleaner(str(key)) if self._keys is None else self._keys.clean
        """What masks the API keys that are sent."""
        membership = self._limiters.join(options)
        self._sender: Sender = Sender(options, self.pools, membership, self.clean, self._keys)

    def changed(self, options: ClientOptions) -> Transport:
        """A transport with other options on the same pools and budget."""
        made = copy(self)
        made.options = options
        made.drift = self.drift.changed(options.strict)
        made.use_options()
        return made

    def call(self, request: Request, *, stream: bool = False, started: float | None = None) -> Call:
        """A call, ready to run. It is a part of one that began at `started`, where that is given."""
        limiter = request.limiter
        if limiter is None and self.options.limits is not None and not request.external:
            limiter = self.limiter()
        call = Call(
            request,
            self._sender,
            budget=self.budget,
            drift=self.drift,
            stream=stream,
            limiter=limiter,
            started=started,
        )
        telemetry, hooks = self.telemetry, self._hooks
        if telemetry is not None or hooks is not None:
            from horay_async._transport.observers import CallObservers  # noqa: PLC0415 - seldom needed

            call.observers = CallObservers(
                request,
                self._sender.url(request.path),
                stream=stream,
                # What telemetry adds to the headers is shown to the hooks.
                observers=[observer for observer in (telemetry, hooks) if observer is not None],
                log=self._log_once,
            )
        return call

    def masked(self, body: bytes) -> bytes:
        """`body` as it was sent, but for the API key."""
        return self.clean.mask_bytes(body)

    def limiter(self) -> RequestLimiter:
        """The running loop's limiter: shared by the copies that have the same limits, for the same server."""
        return self._limiters.get(self.options)

    @property
    def telemetry(self) -> TelemetryObserver | None:
        """The client's own telemetry, else that of the process."""
        return self.options.telemetry or process_defaults.telemetry

    async def close(self) -> None:
        """Closes the connections of every copy."""
        self._limiters.close()
        await self.pools.close()


def _hooks_of(options: ClientOptions, log_once: LogOnce) -> Observer | None:
    """The observer for the hooks among `options`; None where there are none."""
    if not (options.on_request or options.on_retry or options.on_response):
        return None
    from horay_async._hooks import Hooks  # noqa: PLC0415 - seldom needed

    return Hooks(options, log_once)
