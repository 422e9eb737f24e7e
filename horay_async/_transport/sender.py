"""What a call is sent with: URL, headers, timers, proxy, connections, and the way over them."""

from __future__ import annotations

import io
import platform
from collections.abc import Coroutine
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from horay_async._keys import MIN_SECRET_LENGTH, Secret, copied_keys
from horay_async._protocol.wire.clean import MASK, Cleaner, secrets_of
from horay_async._protocol.wire.request import Request
from horay_async._transport.aiohttp_internals import HTTPResponse, response_before_error
from horay_async._transport.connection import PendingRequest, Sending
from horay_async._transport.connection_pool import ConnectionPool, ConnectionPools
from horay_async._transport.eviction import MAX_KEPT, keep
from horay_async._transport.failures import RedirectError
from horay_async._transport.headers import CommonHeaders, RequestHeaders
from horay_async._transport.proxy import proxy_from_environment, proxy_secrets, with_auth_apart
from horay_async._transport.shared_limiters import Membership
from horay_async._version import __version__
from horay_async.options import ClientOptions

if TYPE_CHECKING:
    from horay_async._transport.key_source import KeySource

JSON = "application/json"

USER_AGENT = (
    f"horay-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)

MAX_AT_A_STRETCH = 2**20
"""Bytes of a body that aiohttp writes without a break; its own limit for that."""

MAX_REDIRECTS = 10
"""aiohttp's own limit; browsers follow twice as many."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that name another place for the same content (RFC 9110, section 15.4)."""


class _Bearer(Secret):
    """The value of the header with the key. What copies a request, records it: the copy is masked."""

    __slots__ = ()

    def __copy__(self) -> str:
        return f"Bearer {MASK}"

    def __deepcopy__(self, memo: object) -> str:
        if (key := self.removeprefix("Bearer ")) in copied_keys:
            copied_keys.remove(key)
        copied_keys.append(key)
        return f"Bearer {MASK}"


class Sender:
    """Sends requests for one client, over its own session or a caller's.

    Calls hold their sender, and may go on when the client is collected. So the sender holds the client's `membership`, and
    the limiter that the client shares with others isn't forgotten before its calls end.
    """

    def __init__(
        self,
        options: ClientOptions,
        pools: ConnectionPools,
        membership: Membership,
        clean: Cleaner,
        keys: KeySource | None,
    ) -> None:
        self.options = options
        self.pools = pools
        self._clean = clean
        self._membership = membership  # held, and never read
        self._urls: dict[str, URL] = {}
        self._proxies: dict[URL, URL | None] = {}  # of the environment, by origin
        self._common: dict[str, CommonHeaders] = {}  # of requests with a body, by what they accept
        key = options.api_key
        self._headers: CIMultiDict[str] = CIMultiDict(
            {
                **({"Authorization": _Bearer(f"Bearer {key}")} if isinstance(key, Secret) else {}),
                "Accept": JSON,
                "Content-Type": JSON,
                "User-Agent": USER_AGENT,
            }
        )
        self._headers.update(options.default_headers)
        self.keys: KeySource | None = None if "Authorization" in self._headers else keys
        """Where a function provides the API key, and nothing else is sent in its place."""
        self._secrets: tuple[str, ...] = (
            *secrets_of([*options.default_headers.items(), *options.default_query.items()]),
            *proxy_secrets(options.proxy),
        )
        """What each request is sent with that is secret beside the key; proxies that the environment names are added."""

    def url(self, path: str) -> URL:
        """The URL of a path; those without a query are kept, since making one costs as much as sending."""
        url = self._urls.get(path)
        if url is None:
            if not path.startswith("/"):  # a whole URL, on another host
                return URL(path, encoded=True)
            url = URL(self.options.base_url + path, encoded=True)
            if "?" not in path:
                keep(self._urls, path, url)
        return url

    def headers(self, request: Request, accept: str, key: Secret | None = None) -> RequestHeaders:
        """Everything that one request is sent with; `key` is the one that a function has provided."""
        own = request.headers
        if request.external:
            # The client's own headers, the key above all, are meant for the API alone.
            headers = _external_headers()
            headers.update(own)
            return RequestHeaders(CommonHeaders(headers), {})
        common = self._common.get(accept) or self._common_headers(accept)
        if key is not None and "authorization" not in common.names:
            own = {"Authorization": _Bearer(f"Bearer {key}"), **own}
        names = set(map(str.lower, own))
        if request.body is not None and len(names) == len(own) and names.isdisjoint(common.names):
            return RequestHeaders(common, own)
        headers = common.headers.copy()
        if request.body is None:
            headers.pop("Content-Type", None)
        headers.update(own)
        return RequestHeaders(CommonHeaders(headers), {})

    def _common_headers(self, accept: str) -> CommonHeaders:
        headers = self._headers.copy()
        if accept is not JSON:
            headers["Accept"] = accept
        self._common[accept] = common = CommonHeaders(headers)
        return common

    def proxy(self, url: URL) -> str | URL | None:
        """The proxy to reach `url` by; the environment is read once for each host."""
        options = self.options
        if options.proxy is not None or not options.trust_env:
            return options.proxy
        origin = url.origin()
        try:
            return self._proxies[origin]
        except KeyError:
            proxy = proxy_from_environment(origin)
        self._secrets = tuple(dict.fromkeys((*self._secrets, *proxy_secrets(proxy))))
        return keep(self._proxies, origin, proxy)

    def masking(self, request: Request, key: str = "") -> Cleaner:
        """What masks the API keys, and what else is secret of what `request` is sent with: in headers, the query and the proxy's URL;
        and `key`, which a function has provided for it.
        """
        secrets, own = self._secrets, request.headers
        if len(key) >= MIN_SECRET_LENGTH:
            secrets = (*secrets, key)
        if "?" in request.path or len(own) > ("Idempotency-Key" in own):
            query = parse_qsl(request.path.partition("?")[2])
            secrets = (*secrets, *secrets_of([*own.items(), *query]))
        return self._clean.masking(*secrets)

    def send(
        self, pending: PendingRequest, headers: RequestHeaders, pool: ConnectionPool
    ) -> Coroutine[Any, Any, HTTPResponse]:
        """Sends a request and waits for the response's head: past the session where that can be."""
        request, direct = pending.request, pool.direct
        url, body = self.url(request.path), request.body
        if (
            direct is not None
            and body is not None
            and self.proxy(url) is None
            and direct.can_send(request.method, body)
        ):
            return direct.send(
                url,
                headers,
                body,
                tls=self.options.ssl_context or True,
                timer=_connect_timer(request.timeouts.connect),
                on_dispatch=pending.dispatched,
            )
        merged = headers.merged()
        if not pool.owned:
            # What reads bodies in a caller's session, such as a logger, would find them packed.
            merged.setdefault("Accept-Encoding", "identity")
        return self._send_indirectly(pending, url, merged, pool.session)

    async def _send_indirectly(
        self,
        pending: PendingRequest,
        url: URL,
        headers: CIMultiDict[str],
        session: aiohttp.ClientSession,
    ) -> HTTPResponse:
        """Through the session, whose connector finds the request that waits in the task's context. One to an external host may be
        redirected; the caller's headers stay with the host they are meant for.
        """
        with Sending(pending):
            for _ in range(MAX_REDIRECTS + 1):
                raw = await self._send_via_session(pending, url, headers, session)
                location = raw.headers.get("Location")
                if not pending.request.external or raw.status not in REDIRECTS or not location:
                    return raw
                raw.close()
                pending.redirected()
                target = _redirect_target(url, location)
                if target.origin() != url.origin():
                    headers = _external_headers()
                url = target
        raise RedirectError("is redirected without end")

    async def _send_via_session(
        self,
        pending: PendingRequest,
        url: URL,
        headers: CIMultiDict[str],
        session: aiohttp.ClientSession,
    ) -> HTTPResponse:
        """Through the session, which may be the caller's."""
        request = pending.request
        proxy, proxy_headers = with_auth_apart(self.proxy(url))
        try:
            return await session.request(
                request.method,
                url,
                data=_payload(request.body),
                headers=headers,
                allow_redirects=False,
                proxy=proxy,
                proxy_headers=proxy_headers,
                ssl=self.options.ssl_context or True,
                timeout=_connect_timer(request.timeouts.connect),
                # A caller's own session may be set up otherwise.
                raise_for_status=False,
                # Of a body with a fault, aiohttp drops what it had unpacked in the same read, and all of one that isn't compressed.
                auto_decompress=False,
            )
        except aiohttp.ClientResponseError:
            response = await response_before_error(
                None if pending.connection is None else pending.connection.unparsed,
                head_only=request.method == "HEAD",
            )
            if response is None:
                raise
            return response


@lru_cache(maxsize=MAX_KEPT)
def _connect_timer(seconds: float | None) -> aiohttp.ClientTimeout:
    """Aiohttp's timer for making a connection, the one timeout of it that is used.

    Its `connect` would count the wait for a connection too, but its pool has no limit here.
    """
    # Rounding times up to whole seconds, as aiohttp does above the threshold, isn't wanted.
    return aiohttp.ClientTimeout(
        total=None, connect=seconds, sock_read=None, ceil_threshold=float("inf")
    )


def _external_headers() -> CIMultiDict[str]:
    return CIMultiDict({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})


def _redirect_target(url: URL, location: str) -> URL:
    try:
        # Bytes that aren't UTF-8 are what they were: `URL` percent-encodes the rest.
        quoted = "".join(
            f"%{ord(each) - 0xDC00:02X}" if "\udc80" <= each <= "\udcff" else each
            for each in location
        )
        target = url.join(URL(quoted, encoded="%" in quoted))
        if target.scheme in ("http", "https") and target.host:
            return target.with_fragment(None)
    except ValueError:
        pass
    raise RedirectError(f"is redirected to {location}, which is no http:// or https:// URL")


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # Of bytes beyond this size aiohttp warns, as they are written at a stretch; a file is written in parts.
    return io.BytesIO(body) if body is not None and len(body) > MAX_AT_A_STRETCH else body
