"""The two ways to have aiohttp send a request and wait for the answer's head."""

from __future__ import annotations

import io
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import aiohttp

from horay_async._protocol.wire.request import Request

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from yarl import URL

    from horay_async._transport.pool import Pool
    from horay_async._transport.response import Exchange
    from horay_async._transport.transport import Transport

__all__ = ["by_session", "straight"]

MAX_AT_A_STRETCH = 2**20
"""Bytes of a body that aiohttp writes without a break; its own limit for that."""


def straight(
    transport: Transport,
    request: Request,
    headers: CIMultiDict[str],
    pool: Pool,
    under_way: Exchange,
) -> Awaitable[aiohttp.ClientResponse] | None:
    """Past the session; None where the request can't be sent that way."""
    direct, body = pool.direct, request.body
    if direct is None or body is None or not direct.takes(request.method, headers, body):
        return None
    return direct.post(
        transport.url(request.path),
        headers,
        body,
        tls=transport.options.ssl_context or True,
        timer=transport.connect_timer(request.timeouts.connect),
        under_way=under_way,
    )


def by_session(
    transport: Transport,
    request: Request,
    headers: CIMultiDict[str],
    pool: Pool,
    proxy: str | URL | None,
) -> Awaitable[aiohttp.ClientResponse]:
    """Through the session, which may be the caller's."""
    return pool.session.request(
        request.method,
        transport.url(request.path),
        data=_payload(request.body),
        headers=headers,
        allow_redirects=request.external,
        proxy=proxy,
        ssl=transport.options.ssl_context or True,
        timeout=transport.connect_timer(request.timeouts.connect),
        # A caller's own session may be set up otherwise.
        raise_for_status=False,
        auto_decompress=not request.external,
    )


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # Of bytes beyond this size aiohttp warns, as they are written at a stretch; a file is written in parts.
    return io.BytesIO(body) if body is not None and len(body) > MAX_AT_A_STRETCH else body
