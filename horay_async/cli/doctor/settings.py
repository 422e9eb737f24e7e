"""What can be wrong before anything is sent: the key, the address, the proxy that is meant."""

from __future__ import annotations

import platform
import ssl
import sys
from importlib.metadata import PackageNotFoundError, version
from urllib.request import getproxies

from yarl import URL

import horay_async
from horay_async._transport.proxy import proxy_from_environment
from horay_async.cli.doctor.findings import Finding, fault, ok, warning
from horay_async.cli.errors import in_options
from horay_async.cli.options import ServerOptions

SHOWN = ("aiohttp", "anyio", "msgspec", "attrs", "cattrs")


def versions() -> Finding:
    """What is installed, for a report to somebody else."""
    parts = [f"horay-async {horay_async.__version__}", f"Python {platform.python_version()}"]
    for name in SHOWN:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"{name} missing")
    parts += [" ".join(ssl.OPENSSL_VERSION.split()[:2]), sys.platform]
    return ok("versions", ", ".join(parts))


def key(given: str | None) -> Finding:
    """Whether there is a key that can be sent."""
    if not given:
        return fault(
            "key", "there is none", "Set HORAY_API_KEY to the key from your account at horay.ai."
        )
    try:
        # The address is none of this check's business: any will do.
        options = horay_async.ClientOptions(api_key=given, base_url="https://localhost")
    except horay_async.ConfigurationError as error:
        return fault("key", str(error), "Copy the key again, without spaces and line ends.")
    return ok("key", f"{options.api_key.masked} ({len(given)} characters)")


def address(server: ServerOptions) -> tuple[Finding, str]:
    """Whether the base URL can be used, and the base URL."""
    try:
        # The key is none of this check's business: any will do.
        options = horay_async.ClientOptions(
            api_key="any", base_url=server.base_url, allow_insecure_http=server.allow_insecure_http
        )
    except horay_async.ConfigurationError as error:
        return fault(
            "base URL", in_options(str(error)), "Correct HORAY_BASE_URL or --base-url."
        ), ""
    # Of another name than the fault that a base URL can turn out to be: so far it is just well formed.
    return ok("address", options.base_url), options.base_url


def proxy(base_url: str, server: ServerOptions) -> tuple[str | None, Finding | None]:
    """The URL of the proxy that requests go through, None where there is none; and the finding about it."""
    if server.proxy:
        return server.proxy, None
    url = URL(base_url)
    try:
        used = str(proxy_from_environment(url) or "")
    except ValueError:  # it is no URL, as the next check says
        used = getproxies()[url.scheme]
    if not used:
        return None, ok("proxy", "none")
    return used, warning(
        "proxy",
        "it is the environment's; a client in Python doesn't use it by default",
        "In scripts, pass trust_env=True, or proxy=..., to Horay and AsyncHoray.",
    )
