"""What the calls of one client share: options, pools, headers and the retry budget."""

from __future__ import annotations

import platform

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from horay_async._observe import PROCESS, Complaints, Observer, Telemetry
from horay_async._protocol.limits.retry import RetryBudget
from horay_async._protocol.wire.drift import DriftWatch
from horay_async._protocol.wire.request import Request
from horay_async._transport import log
from horay_async._transport.call import EVENT_STREAM, JSON, Call
from horay_async._transport.pool import Pools
from horay_async._transport.proxy import proxy_from_environment
from horay_async._version import __version__
from horay_async.options import ClientOptions

__all__ = ["Transport"]

USER_AGENT = (
    f"horay-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)


class Transport:
    """Sends requests for one client. `made_at` is where in the caller's code the client was made."""

    def __init__(
        self, options: ClientOptions, *, made_at: str = "", share: Transport | None = None
    ) -> None:
        self.options = options
        if share is None:
            log.set_up()
        self.pools: Pools = share.pools if share else Pools(made_at)
        self.budget: RetryBudget = share.budget if share else RetryBudget()
        self.complaints: Complaints = share.complaints if share else Complaints()
        self.drift: DriftWatch = (share.drift.changed if share else DriftWatch)(options.strict)
        self._hooks = _hooks_of(options, self.complaints)
        self._urls: dict[str, URL] = {}
        self._proxies: dict[URL, URL | None] = {}
        self._timers: dict[float | None, aiohttp.ClientTimeout] = {}
        self._headers: CIMultiDict[str] = CIMultiDict(
            {
                "Authorization": type(options.api_key)(f"Bearer {options.api_key}"),
                "Accept": JSON,
                "Content-Type": JSON,
                "User-Agent": USER_AGENT,
            }
        )
        self._headers.update(options.default_headers)

    def changed(self, options: ClientOptions) -> Transport:
        """A transport with other options on the same pools and budget."""
        return Transport(options, share=self)

    def call(self, request: Request, *, stream: bool = False) -> Call:
        """A call, ready to run."""
        accept = EVENT_STREAM if stream else JSON
        telemetry, hooks = self.telemetry, self._hooks
        if telemetry is None and hooks is None:
            return Call(self, request, accept=accept)
        from horay_async._transport.observed import ObservedCall  # noqa: PLC0415 - seldom needed

        # What telemetry adds to the headers is shown to the hooks.
        observers = [observer for observer in (telemetry, hooks) if observer is not None]
        return ObservedCall(
            self, request, accept=accept, observers=observers, complaints=self.complaints
        )

    @property
    def telemetry(self) -> Telemetry | None:
        """The client's own telemetry, else that of the process."""
        return self.options.telemetry or PROCESS.telemetry

    async def close(self) -> None:
        """Closes the connections of every copy."""
        await self.pools.close()

    def url(self, path: str) -> URL:
        """The URL of a path; those without a query are kept, since making one costs as much as sending."""
        url = self._urls.get(path)
        if url is None:
            if not path.startswith("/"):  # a whole URL, on another host
                return URL(path, encoded=True)
            url = URL(self.options.base_url + path, encoded=True)
            if "?" not in path and len(self._urls) < 64:
                self._urls[path] = url
        return url

    async def proxy(self, url: URL) -> str | URL | None:
        """The proxy to reach `url` by; the environment is read once for each host."""
        options = self.options
        if options.proxy is not None or not options.trust_env:
            return options.proxy
        origin = url.origin()
        if origin not in self._proxies:
            self._proxies[origin] = await proxy_from_environment(origin)
        return self._proxies[origin]

    def headers(self, request: Request, accept: str) -> CIMultiDict[str]:
        """Everything that one request is sent with."""
        if request.external:
            # The client's own headers, the key above all, are meant for the API alone.
            headers = CIMultiDict({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
            headers.update(request.headers)
            return headers
        headers = self._headers.copy()
        if request.body is None:
            headers.pop("Content-Type", None)
        if accept is not JSON:
            headers["Accept"] = accept
        headers.update(request.headers)
        return headers

    def connect_timer(self, seconds: float | None) -> aiohttp.ClientTimeout:
        """Aiohttp's timer for making a connection, the one clock of it that is used.

        Its `connect` would count the wait for a connection too, but its pool has no limit here.
        """
        timer = self._timers.get(seconds)
        if timer is None:
            # Rounding times up to whole seconds, as aiohttp does above the threshold, isn't wanted.
            timer = aiohttp.ClientTimeout(
                total=None, connect=seconds, sock_read=None, ceil_threshold=float("inf")
            )
            self._timers[seconds] = timer
        return timer


def _hooks_of(options: ClientOptions, complaints: Complaints) -> Observer | None:
    """The observer for the hooks among `options`; None where there are none."""
    if not (options.on_request or options.on_retry or options.on_response):
        return None
    from horay_async._hooks import Hooks  # noqa: PLC0415 - seldom needed

    return Hooks(options, complaints)
