"""The proxy that the environment names."""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

__all__ = ["proxy_from_environment"]


async def proxy_from_environment(url: URL) -> URL | None:
    """The proxy for `url`, its user and password in it; None where there is none.

    Both come from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, the password also from `.netrc`. aiohttp's own
    `trust_env` would look up the API's host in `.netrc` too, and refuse to send the key beside a password.
    """
    try:
        proxy, found = await asyncio.to_thread(get_env_proxy_for_url, url)
    except LookupError:
        return None
    if found is None:
        return proxy
    # A named tuple whose class is deprecated, and so without types.
    user, password, _ = cast("tuple[str, str, str]", found)
    return proxy.with_user(user).with_password(password)
