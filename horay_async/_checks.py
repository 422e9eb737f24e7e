"""What a setting must be like. Each check raises `ConfigurationError` with a message that repeats no secret."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeGuard
from urllib.parse import SplitResult, urlsplit

import attrs

from horay_async.errors import ConfigurationError

SEPARATORS = frozenset('"(),/:;<=>?@[\\]{} ')
"""Printable characters that can't stand in a header's name (RFC 9110, section 5.6.2)."""

CONNECTION_FIELDS = frozenset(
    {
        *("content-length", "transfer-encoding", "te", "trailer", "host", "expect"),
        *("connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings"),
    }
)
"""Headers that say where a request ends and how its connection is used (RFC 9112, section 6; RFC 9110, sections 7.2, 7.6.1 and
10.1.1): set by another hand than the connection's own, one request can be taken for two.
"""

LARGEST = sys.float_info.max
"""The largest number that isn't infinite."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that there is a float for: an integer can be larger."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -LARGEST <= value <= LARGEST


def _shown(value: object) -> str:
    """A value for a message: of an integer that is larger than any float, Python may refuse to show the digits."""
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return "an integer larger than any float"
    return repr(value)


def is_true(name: str, value: object) -> bool:
    """A switch of a call. Raises `TypeError` for anything but a boolean, or None for False: `"no"` would be true."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {value!r}")


def wrong(name: str, expected: str, value: object) -> ConfigurationError:
    """The error for the setting `name`, which must be something else than `value`."""
    return ConfigurationError(f"{name} must be {expected}; got {_shown(value)}")


def check_seconds(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A timeout: a number of seconds above 0, or None."""
    if value is not None and not (is_number(value) and value > 0):
        expected = "a number of seconds above 0, or None: no limit"
        raise wrong(f"timeout {attribute.name!r}", expected, value)


def check_keepalive(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """The silence of a connection: a number of seconds that every system takes, or None."""
    if value is not None and not (is_number(value) and 1 <= value <= 32767):
        raise wrong(attribute.name, "a number of seconds from 1 to 32767, or None", value)


def check_wait(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A pause: a number of seconds, 0 or above."""
    if not (is_number(value) and value >= 0):
        raise wrong(attribute.name, "a number of seconds, 0 or above", value)


def check_delay(policy: object, value: Any) -> None:
    """What a policy of a user's own returns: a number of seconds, 0 or above; asyncio's timers stop at others."""
    if not (is_number(value) and value >= 0):
        raise ConfigurationError(
            f"{type(policy).__name__}.delay() must return a number of seconds, 0 or above, or None to give up; "
            f"it returned {_shown(value)}"
        )


def is_whole(value: object, lowest: int) -> bool:
    """Whether a value is a whole number of at least `lowest`, for which there is a float."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= LARGEST


def check_count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A whole number, at least 1, or 0 where that means none."""
    lowest = 0 if attribute.name == "max_retries" else 1
    if not is_whole(value, lowest):
        raise wrong(attribute.name, f"a whole number of at least {lowest}", value)


def check_positive(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A number above 0; or None where that is the default, and no limit."""
    if value is not attribute.default and not (is_number(value) and value > 0):
        raise wrong(attribute.name, f"a number above 0{_or_none(attribute)}", value)


def check_concurrency(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A whole number of at least 1, or `"auto"`; or None where that is the default, and no limit."""
    if value != "auto" and value is not attribute.default and not is_whole(value, 1):
        expected = f'"auto" or a whole number of at least 1{_or_none(attribute)}'
        raise wrong(attribute.name, expected, value)


def _or_none(attribute: attrs.Attribute[Any]) -> str:
    return "" if attribute.default is not None else ", or None for no limit"


def check_statuses(value: Iterable[int]) -> frozenset[int]:
    """HTTP statuses, as a set."""
    statuses: Any = value
    try:
        if all(isinstance(status, int) for status in statuses):
            return frozenset(statuses)
    except TypeError:
        pass  # not even a list
    raise ConfigurationError(
        f"the statuses of a retry policy must be a set of integers, such as {{429, 503}}; got {value!r}"
    )


def check_key(value: object, *, name: str = "the API key") -> str:
    """An API key that can stand in a header; `name` is what errors call it."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if value[:7].lower() == "bearer ":
        raise ConfigurationError(
            f"{name} begins with 'Bearer ', which is added to it: leave that out"
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise ConfigurationError(
            f"{name} stands in quotation marks, which aren't part of it: leave them out"
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(
            f"{name} holds a line break, a space or another character that can't stand in a "
            "header: was it copied or read from a file with its line end?"
        )
    return value


def http_url(url: object) -> SplitResult | None:
    """The parts of a URL, if it is one that requests can go to."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check: a port that isn't one raises
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def check_base_url(given: Any, *, example: str, name: str = "base_url") -> str:
    """A URL to put paths behind, without a slash at its end; also of an object such as `httpx.URL` and `yarl.URL`.

    `name` is what errors call it.
    """
    given = _plain_url(given)
    if given == "":
        raise ConfigurationError(
            f"base_url is an empty string: leave it out for HORAY_BASE_URL or {example!r}, or pass a URL"
        )
    parts = http_url(given)
    if parts is None:
        # What may hold a password isn't repeated, nor what may be the key in the wrong place.
        text = str(given)
        got = f"; got {text!r}" if "://" in text and "@" not in text else ""
        if got and text != text.strip():
            got = f"{got}, with a blank or a line end at its beginning or end"
        parts = None if got or "@" in text else http_url(f"http://{text}")
        if parts is not None and (parts.port or text.rstrip("/").endswith("/v1")):
            got = f"; got {text!r}, which lacks the scheme"
        raise ConfigurationError(
            f"{name} must be an http:// or https:// URL such as {example!r}{got}"
        )
    if "@" in parts.netloc or not set("?#\\").isdisjoint(given):
        raise ConfigurationError(
            f"{name} can't hold a user name, a password, a query, a fragment or a backslash: pass the "
            "key as api_key, and query parameters as default_query"
        )
    return str(given).rstrip("/")


def _plain_url(given: Any) -> Any:
    """The text of another package's URL object; anything else as it is."""
    return str(given) if type(given).__name__ == "URL" else given


def check_proxy(value: Any) -> str | None:
    """The URL of a proxy, or None."""
    url: str | None = _plain_url(value)
    if url is not None and http_url(url) is None:
        raise ConfigurationError(
            "proxy must be a URL such as 'http://proxy.example:3128', of an HTTP proxy, not of SOCKS"
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name or address surely is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def check_mapping(value: object, name: str) -> None:
    """Raises where the option `name`, which may hold secrets, is no mapping."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{name} must be a mapping, such as {{'name': 'value'}}; got a value of type {type(value).__name__}"
        )


def check_headers(headers: Mapping[str, str], name: str) -> dict[str, str]:
    """A copy of `headers`, none of which would break the request; `name` is the option's."""
    check_mapping(headers, name)
    given: dict[Any, Any] = {**headers}
    known: set[str] = set()
    for field, value in given.items():
        if not isinstance(field, str) or not isinstance(value, str):
            raise ConfigurationError(f"{name} must map strings to strings; {field!r} doesn't")
        lower = field.lower()
        if lower in known:
            raise ConfigurationError(f"{name} holds {lower!r} twice, in different spellings")
        known.add(lower)
        if lower in CONNECTION_FIELDS:
            instead = "the host is the one of the URL" if lower == "host" else "leave it out"
            raise ConfigurationError(
                f"{name} holds {field!r}, which the connection sets by itself: {instead}"
            )
        token = field.isascii() and field.isprintable() and SEPARATORS.isdisjoint(field)
        if not field or not token or not _is_header_value(value):
            raise ConfigurationError(
                f"{name} holds {field!r}, whose name is empty or no header's, or whose value has a line "
                "break, another control character or half a character"
            )
    return given


def _is_header_value(value: str) -> bool:
    return value.isprintable() or not any(
        (character < " " and character != "\t")
        or character == "\x7f"
        or "\ud800" <= character <= "\udfff"  # half of one in UTF-16, which has no bytes
        for character in value
    )
