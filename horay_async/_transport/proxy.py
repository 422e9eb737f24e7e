"""The proxy that the environment names."""

from __future__ import annotations

import netrc
from base64 import b64encode
from typing import cast
from urllib.parse import quote, unquote
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from horay_async._checks import is_loopback
from horay_async._keys import Secret
from horay_async.options import netrc_file


def proxy_from_environment(url: URL) -> URL | None:
    """The proxy for `url`, its user and password in it; None where there is none.

    From `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the system's settings on macOS and Windows;
    the password also from `.netrc`. In plain HTTP this machine is reached without a proxy on another one, which
    would get to see the key.
    """
    host = url.host or ""
    found = getproxies().get(url.scheme)
    if not found or proxy_bypass(host):
        return None
    proxy = URL(found if "://" in found else f"http://{found}")
    if proxy.host is None:
        return None
    if url.scheme == "http" and is_loopback(host) and not is_loopback(proxy.host):
        return None
    if proxy.user is not None:
        return proxy
    try:
        account = netrc.netrc(netrc_file()).authenticators(proxy.host)
    except (OSError, netrc.NetrcParseError):
        return proxy
    if account is None:
        return proxy
    user, _, password = account
    return proxy.with_user(user).with_password(cast("str | None", password))


class _Account(Secret):
    """The value of the header with a proxy's user and password, of which not even the end is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def with_auth_apart(proxy: str | URL | None) -> tuple[URL | None, dict[str, str] | None]:
    """The proxy's URL without its user and password, and the header that tells it these.

    aiohttp keeps the URL in local variables, which tools record with a traceback; the header's `repr` is masked.
    It makes `Proxy-Authorization` of `Authorization` for either kind of proxying.
    """
    if proxy is None:
        return None, None
    url = URL(proxy)
    if url.user is None and url.password is None:
        return url, None
    return url.with_user(None), {"Authorization": _Account(f"Basic {_account(url)}")}


def proxy_secrets(proxy: str | URL | None) -> tuple[str, ...]:
    """The password of `proxy`, as it is, as a URL spells it and as a header does."""
    if proxy is None or not (password := URL(proxy).password):
        return ()
    return password, quote(password, safe=""), unquote(password), _account(URL(proxy))


def _account(proxy: URL) -> str:
    """User and password as aiohttp sends them by itself."""
    return b64encode(f"{proxy.user or ''}:{proxy.password or ''}".encode("latin1")).decode()
