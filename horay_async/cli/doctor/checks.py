"""The checks in their order, each only if those before it left it a meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from horay_async.cli.doctor import settings
from horay_async.cli.doctor.clock import compare_clocks
from horay_async.cli.doctor.findings import Finding
from horay_async.cli.doctor.route import Route
from horay_async.cli.doctor.service import check_service
from horay_async.cli.options import ServerOptions
from horay_async.cli.session import make_client

DEADLINE: Final = 30.0
"""Seconds for each question to the API, where none is set: far more than one token takes."""


def run_checks(server: ServerOptions, model: str | None) -> Iterator[Finding]:
    """Looks at everything between the settings and a token of `model` (None: without that token)."""
    yield settings.versions()
    key = settings.key(server.api_key)
    yield key
    address, base_url = settings.address(server)
    yield address
    if address.state == "fault":
        return
    proxy, found = settings.proxy(base_url, server)
    if found is not None:
        yield found
    route = Route(base_url, proxy)
    arrived = yield from route.check()
    if not route.reachable:
        return
    date = None
    if arrived and key.state == "ok":
        patient = replace(server, timeout=server.timeout or DEADLINE, retries=server.retries or 0)
        with make_client(patient) as client:
            date = yield from check_service(client, model, local=server.local)
    yield compare_clocks(date or route.date(), datetime.now(UTC))
