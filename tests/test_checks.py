"""What a setting must be like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horay_async import Limits, RetryPolicy, Timeouts
from horay_async._checks import (
    CONNECTION_FIELDS,
    check_headers,
    check_key,
    check_proxy,
    http_url,
    is_loopback,
)
from horay_async.errors import ConfigurationError


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
        ("127.0.0.1.example.com", False),
        ("127.0.0.256", False),
        ("127.0.0", False),
        ("127.0.0.²", False),
        ("127.0.0.٣", False),
        ("128.0.0.1", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("::2", False),
    ],
)
def test_loopback(host: str, here: bool) -> None:
    """Only what surely is this machine counts as this machine."""
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://h.example", True),
        ("http://h.example:8080/v1", True),
        ("HTTPS://h.example", True),
        ("https://[::1]:8080", True),
        ("https://", False),
        ("//h.example", False),
        ("h.example", False),
        ("ftp://h.example", False),
        ("https://h.example:x", False),
        ("https://h.example:99999", False),
        ("https://[::1", False),
        ("https://h.example/a b", False),
        ("https://h.example/a\n", False),
        ("", False),
        (None, False),
        (b"https://h.example", False),
    ],
)
def test_urls(url: Any, usable: bool) -> None:
    """What requests can go to, and what they can't."""
    assert (http_url(url) is not None) is usable


@pytest.mark.parametrize("value", ["", "a b", "a\t b", "größe", "a:b;c", "\u200b"])
def test_header_values(value: str) -> None:
    """Whatever doesn't break the line can be sent, a tab as well."""
    assert check_headers({"X-A": value}, "default_headers") == {"X-A": value}


@pytest.mark.parametrize(
    "value", ["a\rb", "a\nb", "a\r\nX: y", "a\0b", "a\x1fb", "a\x7fb", "\udc80", "ü\ud83d"]
)
def test_header_values_that_break_the_line(value: str) -> None:
    """Control characters and halves of characters are refused, and the value isn't repeated."""
    with pytest.raises(ConfigurationError, match="default_headers holds 'X-A'") as caught:
        check_headers({"X-A": f"secret{value}"}, "default_headers")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "X A", "X:A", "X-A\n", "größe", "X(A)", "X\tA", "X\0"])
def test_header_names(name: str) -> None:
    """A header's name is a token."""
    with pytest.raises(ConfigurationError, match="default_headers"):
        check_headers({name: "a"}, "default_headers")


@pytest.mark.parametrize("headers", [{1: "a"}, {"X-A": None}, {"X-A": b"a"}], ids=str)
def test_headers_of_other_types(headers: Any) -> None:
    """Headers are text."""
    with pytest.raises(ConfigurationError, match="must map strings to strings"):
        check_headers(headers, "default_headers")


@pytest.mark.parametrize(
    "number",
    [10**400, 10**5000, -(10**400), float("inf"), float("nan")],
    ids=["large", "unprintable", "negative", "inf", "nan"],
)
def test_numbers_beyond_a_float(number: float) -> None:
    """Seconds and rates that can't be counted with are refused, however many digits they have."""
    for make in (
        lambda: Timeouts(total=number),
        lambda: RetryPolicy(max_backoff=number),
        lambda: Limits(rpm=number),
    ):
        with pytest.raises(ConfigurationError, match="must be a number"):
            make()


def test_counts_beyond_a_float() -> None:
    """So are counts, whose digits Python refuses to show."""
    for make in (
        lambda: RetryPolicy(max_retries=-(10**5000)),
        lambda: Limits(concurrency=-(10**5000)),
    ):
        with pytest.raises(ConfigurationError, match="got an integer larger than any float"):
            make()


@settings(deadline=None, derandomize=True, database=None)
@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_headers(headers: dict[str, str]) -> None:
    """Whatever passes can't end its line, or begin another header."""
    passed: dict[str, str] = {}
    try:
        passed = check_headers(headers, "default_headers")
    except ConfigurationError:
        assert headers
    for name, value in passed.items():
        assert name
        assert not set(name) & set("\r\n\0: ")
        assert not set(value) & set("\r\n\0")


@pytest.mark.parametrize("field", sorted(CONNECTION_FIELDS))
@pytest.mark.parametrize("spelled", [str.lower, str.title, str.upper])
def test_headers_of_the_connection(field: str, spelled: Callable[[str], str]) -> None:
    """What says where a request ends, or how its connection is used, is nobody else's to set."""
    name = spelled(field)
    with pytest.raises(ConfigurationError, match=f"extra_headers holds '{name}', which the conn"):
        check_headers({"X-A": "1", name: "chunked"}, "extra_headers")


def test_headers_twice() -> None:
    """Names of headers have no case: which of two was meant is anybody's guess."""
    with pytest.raises(ConfigurationError, match="extra_headers holds 'x-a' twice"):
        check_headers({"X-A": "1", "x-a": "2"}, "extra_headers")


@pytest.mark.parametrize("key", ["Bearer sk-1", "bearer sk-1"])
def test_key_with_its_scheme(key: str) -> None:
    """A key that was copied out of a header says so."""
    with pytest.raises(ConfigurationError, match="begins with 'Bearer ', which is added to it"):
        check_key(key)


def test_proxy_of_socks() -> None:
    """It is none that can be used."""
    with pytest.raises(ConfigurationError, match="of an HTTP proxy, not of SOCKS"):
        check_proxy("socks5://127.0.0.1:1080")
