"""Options: defaults, checks, the environment, and the rules of retrying."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import aiohttp
import attrs
import httpx2
import pytest
import yarl
from hypothesis import given, settings
from hypothesis import strategies as st

from horay_async import Horay, errors
from horay_async._keys import Secret
from horay_async.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    Clock,
    ConfigurationError,
    StreamError,
    StreamTruncatedError,
)
from horay_async.options import ClientOptions, RetryPolicy, Timeouts, log_level

KEY = "sk-0123456789abcdef"

STEADY = settings(deadline=None, derandomize=True, database=None)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the environment of the machine."""
    for name in ("HORAY_API_KEY", "HORAY_BASE_URL", "HORAY_LOG"):
        monkeypatch.delenv(name, raising=False)


def options(**given: Any) -> ClientOptions:
    """Options with a key."""
    return ClientOptions.of(KEY, **given)


# The key.


def test_key_is_masked_when_shown() -> None:
    """No `repr` shows the key; the options show all the rest."""
    made = options(default_headers={"X-Token": "secret"}, proxy="http://me:secret@p.example:3128")
    assert KEY not in repr(made)
    assert "secret" not in repr(made)
    assert "…cdef" in repr(made)
    assert "X-Token" in repr(made)
    assert "p.example:3128" in repr(made)
    assert repr(options(proxy="http://p.example:3128")).count("http://p.example:3128") == 1
    assert repr(Secret("12345678901")) == "'…'"
    assert repr(Secret("123456789012")) == "'…9012'"
    assert "proxy=None" in repr(options())
    assert KEY not in f"{[made.api_key]} {made.api_key!r} {(made.api_key,)}"


def test_key_is_itself() -> None:
    """The key can still be sent."""
    assert options().api_key == KEY
    assert f"Bearer {options().api_key}" == f"Bearer {KEY}"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_key_isn_t_pickled(way: Any) -> None:
    """A pickle would hold the key in clear."""
    with pytest.raises(TypeError, match="HORAY_API_KEY"):
        way(options().api_key)
    with pytest.raises(TypeError, match="HORAY_API_KEY"):
        pickle.dumps(options())


def test_key_isn_t_in_a_traceback() -> None:
    """A traceback that shows variables shows the key in none of the frames that check the options."""
    with pytest.raises(ConfigurationError) as caught:
        ClientOptions.of(KEY, base_url="nonsense")
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert len(frames) > 3
    for frame in frames[1:]:  # the first is this test's own
        held = [value for value in frame.f_locals.values() if value.__class__ is str]
        assert KEY not in held, frame


@pytest.mark.parametrize("key", ["", None])
def test_no_key(key: str | None) -> None:
    """Without a key there is no client, and the words say where to put it."""
    with pytest.raises(ConfigurationError, match="HORAY_API_KEY"):
        ClientOptions.of(key)


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f" {KEY}", f"a\r\nX: {KEY}", f"{KEY}ß", f"{KEY}\0", f"{KEY}\t"]
)
def test_keys_that_can_t_be(key: str) -> None:
    """A key that would break the header is refused, and not repeated."""
    with pytest.raises(ConfigurationError, match="the API key holds a line break") as caught:
        ClientOptions.of(key)
    assert KEY not in str(caught.value)


def test_key_of_another_type() -> None:
    """A key is text."""
    wrong: Any = KEY.encode()
    with pytest.raises(ConfigurationError, match="the API key must be a string, not bytes"):
        ClientOptions.of(wrong)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and URL come from the environment where they aren't given."""
    monkeypatch.setenv("HORAY_API_KEY", "from-the-environment")
    monkeypatch.setenv("HORAY_BASE_URL", "https://env.example/v1/")
    made = ClientOptions.of(None)
    assert made.api_key == "from-the-environment"
    assert made.base_url == "https://env.example/v1"
    made = ClientOptions.of(KEY, base_url="https://own.example")
    assert (made.api_key, made.base_url) == (KEY, "https://own.example")
    monkeypatch.setenv("HORAY_BASE_URL", "env.example")
    with pytest.raises(ConfigurationError, match=r"^HORAY_BASE_URL must be an http"):
        ClientOptions.of(KEY)
    with pytest.raises(ConfigurationError, match=r"^base_url must be an http"):
        ClientOptions.of(KEY, base_url="env.example")
    monkeypatch.setenv("HORAY_BASE_URL", "")
    assert ClientOptions.of(KEY).base_url == "https://api.horay.ai/v1"


@pytest.mark.parametrize(("value", "level"), [("", None), ("debug", "debug"), ("INFO", "info")])
def test_log_level(value: str, level: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HORAY_LOG` is read without regard to case."""
    monkeypatch.setenv("HORAY_LOG", value)
    assert log_level() == level


def test_log_level_unheard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that it doesn't know is told."""
    monkeypatch.setenv("HORAY_LOG", "loud")
    with pytest.raises(ConfigurationError, match="HORAY_LOG must be debug or info"):
        log_level()


# The base URL.


@pytest.mark.parametrize(
    "url",
    ["https://h.example", "https://h.example/v1/", "https://h.example:8443/a/b", "http://localhost:80", "http://127.0.0.1:1/v1", "http://[::1]:1"],
)  # fmt: skip
def test_base_urls(url: str) -> None:
    """A URL to put paths behind; plain HTTP only to this machine."""
    assert options(base_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "h.example", "ftp://h.example", "https://", "https://h.example:x", "https://h.example/?a=b", "https://h.example/?",
        "https://h.example/#a", "https://h.example/a b", "https://h.example\n", "https://[::1", "https://me:secret@h.example",
        "ftp://me:secret@h.example", "http://evil.example\\.localhost", "sk-secret", 7,
    ],
)  # fmt: skip
def test_base_urls_that_can_t_be(url: Any) -> None:
    """What is no such URL is refused; a password or a misplaced key in it isn't repeated."""
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        options(base_url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "api.horay.ai/v1/", "10.0.0.1:80"])
def test_base_url_without_a_scheme(url: str) -> None:
    """What surely is a place, and no key, is shown with what it lacks."""
    with pytest.raises(ConfigurationError, match=f"got {url!r}, which lacks the scheme$"):
        options(base_url=url)


def test_key_of_a_copy() -> None:
    """It is its client's; the error says what to do for another one."""
    with Horay("key") as client:
        given: Any = {"api_key": "other-secret"}
        with pytest.raises(TypeError, match="make a client for another key") as caught:
            client.with_options(**given)
    assert "secret" not in str(caught.value)


def test_url_objects() -> None:
    """Those of other packages are taken for what they spell."""
    assert options(base_url=yarl.URL("https://h.example/v1/")).base_url == "https://h.example/v1"
    assert options(base_url=httpx2.URL("https://h.example")).base_url == "https://h.example"
    proxied = options(base_url="https://h.example", proxy=yarl.URL("http://p.example:3128"))
    assert proxied.proxy == "http://p.example:3128"


def test_empty_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't taken for the environment's, which may be another server."""
    monkeypatch.setenv("HORAY_BASE_URL", "https://env.example")
    with pytest.raises(ConfigurationError, match="base_url is an empty string: leave it out"):
        options(base_url="")


def test_what_was_given_is_repeated() -> None:
    """A URL that holds no secret is shown, so that the mistake can be seen."""
    with pytest.raises(ConfigurationError, match=r"got 'htps://h\.example'"):
        options(base_url="htps://h.example")


@pytest.mark.parametrize(
    "url", ["http://h.example", "http://localhost.h.example", "http://127.0.0.1.h.example"]
)
def test_plain_http(url: str) -> None:
    """The key goes over plain HTTP to another machine only where that was asked for."""
    with pytest.raises(ConfigurationError, match="plain HTTP"):
        options(base_url=url)
    assert options(base_url=url, allow_insecure_http=True).base_url == url
    with pytest.raises(ConfigurationError, match="plain HTTP"):
        options(base_url=url, allow_insecure_http=True).changed(allow_insecure_http=False)


def test_plain_http_through_a_proxy() -> None:
    """A proxy on another machine would see the key, wherever it goes."""
    here, elsewhere = "http://localhost:3128", "http://p.example:3128"
    assert options(base_url="http://localhost", proxy=here).proxy == here
    with pytest.raises(ConfigurationError, match=r"plain HTTP through the proxy p\.example: "):
        options(base_url="http://localhost", proxy=elsewhere)
    assert options(base_url="https://h.example", proxy=elsewhere).proxy == elsewhere


# The other settings.


def test_defaults() -> None:
    """The defaults suit long generations and many calls."""
    made = options()
    assert made.timeout == Timeouts(
        queue=None, connect=15.0, first_byte=600.0, idle=120.0, total=None
    )
    assert made.retry == RetryPolicy()
    assert made.max_connections == 1000
    assert (made.default_headers, made.default_query) == ({}, {})
    assert (made.proxy, made.ssl_context, made.session) == (None, None, None)
    assert not made.trust_env
    assert made.on_truncation == "raise"
    assert made.strict is None


WRONG: list[dict[str, Any]] = [
    {"timeout": 0},
    {"timeout": -1},
    {"timeout": float("nan")},
    {"timeout": float("inf")},
    {"timeout": True},
    {"timeout": "5"},
    {"max_retries": -1},
    {"max_retries": 1.5},
    {"max_retries": True},
    {"max_retries": 1, "retry": RetryPolicy()},
    {"retry": 3},
    {"max_connections": 0},
    {"max_connections": "many"},
    {"max_response_objects": 0},
    {"max_response_objects": 1e6},
    {"default_headers": {"X-A": "a\nb"}},
    {"default_headers": {"idempotency-key": "a"}},
    {"default_headers": 5},
    {"default_query": "secret=1"},
    {"default_query": {1: "secret"}},
    {"ssl_context": False},
    {"session": "s"},
    {"session": aiohttp.ClientSession},
    {"trust_env": "no"},
    {"allow_insecure_http": 0},
    {"proxy": "p.example:3128"},
    {"proxy": "socks5://p.example"},
    {"proxy": "http://me:secret@"},
    {"on_truncation": "ignore"},
    {"strict": True},
    {"strict": "error"},
]


@pytest.mark.parametrize("given", WRONG, ids=str)
def test_settings_that_can_t_be(given: dict[str, Any]) -> None:
    """A setting that can't work is refused when the client is made, and when it is changed."""
    with pytest.raises(ConfigurationError) as caught:
        options(**given)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        options().changed(**given)


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(Timeouts)])
def test_each_clock_is_checked(field: str) -> None:
    """Each timeout has its check, and is named by it."""
    assert getattr(Timeouts(**{field: 1}), field) == 1
    assert getattr(Timeouts(**{field: None}), field) is None
    with pytest.raises(ConfigurationError, match=field):
        Timeouts(**{field: 0})


def test_unknown_options() -> None:
    """A misspelt option is refused."""
    wrong: dict[str, Any] = {"timeuot": 3}
    with pytest.raises(TypeError, match="unknown client option 'timeuot'"):
        options(**wrong)
    with pytest.raises(TypeError, match="unknown client option 'timeuot'"):
        options().changed(**wrong)
    key: dict[str, Any] = {"key": KEY}
    with pytest.raises(TypeError, match=r"option 'key': it is api_key$"):
        ClientOptions.of(None, **key)
    with pytest.raises(TypeError) as copied:
        options().changed(**key)
    assert "api_key" not in str(copied.value)  # a copy keeps its key


def test_changes() -> None:
    """A changed copy has what was changed; the rest stays, and so does the original."""
    made = options(timeout=3, max_retries=5, default_headers={"X-A": "a"})
    changed = made.changed(max_retries=0, base_url="https://h.example")
    assert changed.timeout.total == 3
    assert changed.retry.max_retries == 0
    assert changed.default_headers == {"X-A": "a"}
    assert changed.api_key == KEY
    assert made.retry.max_retries == 5
    policy = RetryPolicy(retry_unknown=False)
    assert made.changed(retry=policy).retry is policy
    assert made.changed(retry=policy).changed(max_retries=9).retry == RetryPolicy(
        max_retries=9, retry_unknown=False
    )


def test_one_connection_will_do() -> None:
    """The least that works is taken."""
    assert options(max_connections=1, max_retries=0).max_connections == 1


def test_mappings_are_copied() -> None:
    """What the caller changes later changes nothing here."""
    headers, query = {"X-A": "a"}, {"a": 1}
    made = options(default_headers=headers, default_query=query)
    headers["X-B"] = "b"
    query["b"] = 2
    assert (made.default_headers, made.default_query) == ({"X-A": "a"}, {"a": 1})


# When to try again.


def delay(
    error: APIError,
    policy: RetryPolicy | None = None,
    *,
    retries: int = 0,
    chance: float = 0.5,
    image: bool = False,
) -> float | None:
    """What the policy says."""
    policy = policy or RetryPolicy()
    return policy.delay(error, retries=retries, billed_per_run=image, random=lambda: chance)


@pytest.mark.parametrize(
    ("status", "text", "image"),
    [
        (200, False, False),
        (301, False, False),
        (400, False, False),
        (401, False, False),
        (402, False, False),
        (403, False, False),
        (404, False, False),
        (408, True, False),
        (409, True, False),
        (422, False, False),
        (429, True, True),
        (500, True, False),
        (502, True, False),
        (503, True, True),
        (504, True, False),
        (529, True, False),
    ],
)
def test_statuses(status: int, text: bool, image: bool) -> None:
    """Which statuses are tried again, and which of them for an image, that is paid a piece."""
    error = APIStatusError("No.", status_code=status)
    assert (delay(error) is not None) is text
    assert (delay(error, image=True) is not None) is image


TIMEOUTS: dict[Clock, bool] = {
    "queue": False,
    "connect": True,
    "first_byte": True,
    "idle": True,
    "total": False,
}


@pytest.mark.parametrize(("clock", "again"), TIMEOUTS.items())
def test_timeouts(clock: Clock, again: bool) -> None:
    """Neither a full pool nor a passed deadline gets better by trying again."""
    assert (delay(APITimeoutError("No.", clock=clock)) is not None) is again
    not_sent = APITimeoutError("No.", clock=clock, execution="not_sent")
    assert (delay(not_sent, image=True) is not None) is again


@pytest.mark.parametrize("cls", [APIConnectionError, StreamError, StreamTruncatedError])
def test_execution(cls: type[APIError]) -> None:
    """What surely ran isn't run again; what may have run is, unless it is an image."""
    for image in (False, True):
        assert delay(cls("No.", execution="executed"), image=image) is None
        assert delay(cls("No.", execution="not_sent"), image=image) is not None
    assert delay(cls("No.", execution="unknown")) is not None
    assert delay(cls("No.", execution="unknown"), image=True) is None


def test_connections_that_can_t_be() -> None:
    """A certificate that isn't trusted isn't trusted the second time either."""
    refused = APIConnectionError("No.", transient=False, execution="not_sent")
    assert delay(refused) is None
    assert delay(refused, image=True) is None


def test_executed_statuses() -> None:
    """A status that came after the response had begun isn't tried again either."""
    assert delay(APIStatusError("No.", status_code=429, execution="executed")) is None


def test_what_never_helps() -> None:
    """A response that can't be read wouldn't be better the second time."""
    assert delay(APIResponseError("No.", execution="unknown")) is None
    assert delay(APIError("No.")) is None


def test_policy_settings() -> None:
    """Statuses, safety and the unknown are settings."""
    teapot = APIStatusError("No.", status_code=418)
    assert delay(teapot, RetryPolicy(statuses=[418])) is not None
    assert (
        delay(errors.RateLimitError("No.", status_code=429), RetryPolicy(statuses=frozenset()))
        is None
    )
    cut = APIConnectionError("No.")
    assert delay(cut, RetryPolicy(retry_unknown=False)) is None
    assert (
        delay(cut, RetryPolicy(retry_unknown=False, retry_unknown_images=True), image=True)
        is not None
    )
    gateway = errors.InternalServerError("No.", status_code=504)
    assert delay(gateway, RetryPolicy(safe_statuses=frozenset({504})), image=True) is not None
    assert delay(gateway, RetryPolicy(retry_unknown=False)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"initial_backoff": -1},
        {"max_backoff": float("inf")},
        {"max_retry_after": float("nan")},
        {"initial_backoff": True},
        {"max_retries": -1},
        {"statuses": 429},
        {"statuses": ["429"]},
        {"safe_statuses": None},
    ],
    ids=str,
)
def test_policies_that_can_t_be(given: dict[str, Any]) -> None:
    """A policy that can't work is refused."""
    with pytest.raises(ConfigurationError):
        RetryPolicy(**given)


def test_count() -> None:
    """There are as many retries as were asked for."""
    error = errors.InternalServerError("No.", status_code=500)
    policy = RetryPolicy(max_retries=3)
    assert [delay(error, policy, retries=made) is not None for made in range(5)] == [True] * 3 + [
        False
    ] * 2
    assert delay(error, RetryPolicy(max_retries=0)) is None


def test_backoff_doubles() -> None:
    """The bound of the wait doubles from half a second to eight."""
    error = errors.InternalServerError("No.", status_code=500)
    policy = RetryPolicy(max_retries=10)
    bounds = [delay(error, policy, retries=made, chance=1.0) for made in range(7)]
    assert bounds == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@STEADY
@given(
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1e300),
    st.floats(0, 1e300),
)
def test_backoff_bounds(retries: int, chance: float, initial: float, most: float) -> None:
    """However many retries, the wait is between 0 and the bound, and never fails."""
    policy = RetryPolicy(max_retries=20_000, initial_backoff=initial, max_backoff=most)
    waited = delay(APIConnectionError("No."), policy, retries=retries, chance=chance)
    assert waited is not None
    assert 0 <= waited <= min(most, initial * 2.0 ** min(retries, 64))


@STEADY
@given(st.floats(0, 1e9), st.floats(0, 1, exclude_max=True), st.floats(0, 1e6))
def test_retry_after_bounds(asked: float, chance: float, most: float) -> None:
    """A wait that was asked for is kept to, and spread by a tenth or a quarter of a second; over the limit, the call
    is over.
    """
    error = errors.RateLimitError("No.", status_code=429, retry_after=asked)
    waited = delay(error, RetryPolicy(max_retry_after=most), chance=chance)
    if asked > most:
        assert waited is None
    else:
        assert waited is not None
        assert asked <= waited <= asked + max(0.25, asked / 10)


def test_retry_after_at_the_limit() -> None:
    """Two minutes are waited for, and not a moment less; a moment more ends the call."""
    for asked, waits in ((120.0, True), (120.001, False)):
        error = errors.RateLimitError("No.", status_code=429, retry_after=asked)
        assert (delay(error, chance=0.0) == asked) is waits
        assert (delay(error, chance=0.0) is None) is not waits


def test_retry_after_is_spread() -> None:
    """A thousand callers who were told the same come back apart."""
    error = errors.RateLimitError("No.", status_code=429, retry_after=10.0)
    waits = {delay(error, chance=number / 1000) for number in range(1000)}
    assert len(waits) == 1000
    assert delay(error, chance=1.0) == 11.0
    short = errors.RateLimitError("No.", status_code=429, retry_after=0.0)
    assert delay(short, chance=1.0) == 0.25


def test_policy_can_be_replaced() -> None:
    """A subclass decides for itself, and options keep it."""

    class Stubborn(RetryPolicy):
        def delay(
            self, error: APIError, *, retries: int, billed_per_run: bool, random: Any
        ) -> float | None:
            return 1.0 if retries < 5 else None

    made = options(retry=Stubborn()).changed(max_retries=9)
    assert isinstance(made.retry, Stubborn)
    assert delay(APIError("No."), made.retry, retries=4) == 1.0
