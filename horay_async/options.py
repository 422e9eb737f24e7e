"""What a client can be set to. The environment is read here, and here alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

import attrs

from horay_async._checks import (
    check_base_url,
    check_count,
    check_headers,
    check_keepalive,
    check_key,
    check_mapping,
    check_proxy,
    is_loopback,
    wrong,
)
from horay_async._keys import (
    MIN_SECRET_LENGTH,
    EnvironmentSecret,
    KeyFunction,
    ProvidedKeys,
    Secret,
)
from horay_async._limits import Limits
from horay_async._record import FrozenRecord
from horay_async._retry_policy import RetryPolicy
from horay_async._suggestions import (
    CALL_NAMES,
    CLIENT_OPTIONS,
    about_value,
    naming_options,
    unknown_option,
)
from horay_async._timeouts import Timeouts
from horay_async._type_hints import resolvable
from horay_async._user_code import is_async
from horay_async.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    import aiohttp

    from horay_async._observers import TelemetryObserver
    from horay_async.models.hooks import RequestEvent, ResponseEvent, RetryEvent

__all__ = ["ClientOptions", "ClientParams", "Limits", "RetryPolicy", "Timeouts"]

DEFAULT_BASE_URL = "https://api.horay.ai/v1"
MAX_RESPONSE_OBJECTS = 1_000_000
"""In earnest, a completion of 20,000 tokens with log probabilities and 20 alternatives each has some 800,000."""
DEFAULT_MAX_CONNECTIONS = 1000
"""What openai's client has: just below the 1,024 open files that most Linux systems allow a process."""


@resolvable
class ClientParams(TypedDict, total=False):
    """The keyword arguments of a client and of `with_options`; `ClientOptions` holds what they become."""

    base_url: str | None
    timeout: float | Timeouts | None
    max_retries: int
    """Most attempts after the first; the other rules of retrying stay as they are. 2 unless given."""
    retry: RetryPolicy
    limits: Limits | None
    max_connections: int
    tcp_keepalive: float | None
    max_response_objects: int
    default_headers: Mapping[str, str]
    default_query: Mapping[str, str | int | float | bool]
    proxy: str | None
    ssl_context: ssl.SSLContext | None
    trust_env: bool
    allow_insecure_http: bool
    on_truncation: Literal["raise", "return"]
    strict: Literal["warn", "raise"] | None
    session: aiohttp.ClientSession | None
    on_request: Callable[[RequestEvent], object] | None
    on_retry: Callable[[RetryEvent], object] | None
    on_response: Callable[[ResponseEvent], object] | None
    telemetry: TelemetryObserver | None


def _key(value: str | KeyFunction | ProvidedKeys | None) -> Secret | ProvidedKeys:
    if isinstance(value, ProvidedKeys | Secret):  # of another client's options
        return value
    if callable(value):
        return ProvidedKeys(value)
    name, kind = "the API key", Secret
    if value is None:
        value, name = os.environ.get("HORAY_API_KEY"), "the API key in HORAY_API_KEY"
        kind = EnvironmentSecret
    if value == "" and kind is Secret:
        raise ConfigurationError(
            "api_key is an empty string: leave it out for the key in HORAY_API_KEY, or pass a key"
        )
    if not value:
        raise ConfigurationError(
            "no API key: pass api_key=..., or set the environment variable HORAY_API_KEY"
        )
    return kind(check_key(value, name=name))


def _base_url(value: str | None) -> str:
    name = "base_url"
    if value is None:
        value, name = os.environ.get("HORAY_BASE_URL") or DEFAULT_BASE_URL, "HORAY_BASE_URL"
    return check_base_url(value, example=DEFAULT_BASE_URL, name=name)


def log_level() -> Literal["debug", "info"] | None:
    """How much `HORAY_LOG` asks to be logged. Raises `ConfigurationError` for a word it doesn't know."""
    level: Any = os.environ.get("HORAY_LOG", "").lower() or None
    if level not in ("debug", "info", None):
        raise wrong("HORAY_LOG", "debug or info, or unset", level)
    return level  # type: ignore[no-any-return] # one of these


def netrc_file() -> str | None:
    """The file with passwords that `NETRC` names; None for the one in the home directory."""
    return os.environ.get("NETRC") or None


def content_captured() -> bool:
    """Whether `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for prompts and responses on spans, by
    `true` or one of the values that OpenTelemetry's own instrumentations take.
    """
    asked = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")
    return asked.strip().lower() in ("true", "span_only", "span_and_event")


def _timeouts(value: float | Timeouts | None) -> Timeouts:
    if isinstance(value, Timeouts):
        return value
    if hint := about_value("timeout", value):
        raise ConfigurationError(f"timeout is a number of seconds, Timeouts or None: {hint}")
    return Timeouts(total=value)


def _headers(value: Mapping[str, str]) -> dict[str, str]:
    headers = check_headers(value, "default_headers")
    if any(name.lower() == "idempotency-key" for name in headers):
        raise ConfigurationError(
            "default_headers holds an Idempotency-Key, which two requests can't share: pass idempotency_key to the call"
        )
    return headers


def _query(value: Mapping[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    check_mapping(value, "default_query")
    names: list[object] = [*value]
    for name in names:
        if not isinstance(name, str):
            raise ConfigurationError(f"default_query must have strings for names; {name!r} is none")
    return dict(value)


def _names(headers: Mapping[str, str]) -> str:
    """Headers, or a query, as they are shown: a value can be a secret."""
    return f"{{{', '.join(f'{name!r}: …' for name in headers)}}}"


def _without_password(url: str | None) -> str:
    """A URL as it is shown."""
    return repr(url) if url is None or "@" not in url else f"'…@{url.rpartition('@')[2]}'"


def _policy(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, RetryPolicy):
        raise wrong("retry", "a RetryPolicy", value)


def _limits(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Limits):
        raise wrong("limits", "a Limits, or None: no limit", value)


def _switch(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):  # "no" would be true
        raise wrong(attribute.name, "True or False", value)


def _tls(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not hasattr(value, "wrap_bio"):
        made = ""
        if isinstance(value, str) or hasattr(value, "__fspath__"):
            made = f", such as ssl.create_default_context(cafile={str(value)!r})"
        raise wrong("ssl_context", f"an ssl.SSLContext{made}, or None", value)


def _session(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, type) or not hasattr(value, "connector")):
        raise wrong("session", "an aiohttp.ClientSession, or None", value)


def _hook(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not callable(value):
        raise wrong(attribute.name, "a function", value)
    if is_async(value):
        raise ConfigurationError(
            f"{attribute.name} must be a plain function, since nothing waits for it: have it start a "
            f"task, or put what it is told into a queue; got the coroutine function {value!r}"
        )


def _telemetry(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, type) or not hasattr(value, "begin")):
        expected = "an instance of horay_async.integrations.otel.Telemetry"
        raise wrong("telemetry", expected, value)


ONE_KEY = "a copy has the key of its client, whose connections and limits it shares: make a client for another key"

DEFAULT_RETRY = RetryPolicy()
"""The policy of clients that are given none. The pytest plugin puts another one in its place, which hardly waits."""


def default_retry() -> RetryPolicy:
    """`DEFAULT_RETRY` as it is by now."""
    return DEFAULT_RETRY


@naming_options
@attrs.frozen(kw_only=True, eq=False, repr=False)
class ClientOptions(FrozenRecord):
    """A client's settings, checked. Raises `ConfigurationError` for one that can't work."""

    api_key: Secret | ProvidedKeys = attrs.field(default=None, converter=_key)
    """From `HORAY_API_KEY` unless given. Or a function, plain or a coroutine function, that returns the key, or the key and
    the seconds that it is good for."""
    base_url: str = attrs.field(default=None, converter=_base_url)
    """From `HORAY_BASE_URL` unless given, else `https://api.horay.ai/v1`. A URL object of httpx or yarl is taken, too."""
    timeout: Timeouts = attrs.field(factory=Timeouts, converter=_timeouts)
    """A number is the total deadline in seconds; `Timeouts` sets each of the five timeouts. Unless given, the defaults of
    `Timeouts`: 15 s to connect, 600 s to the first byte, 120 s without content, no deadline."""
    retry: RetryPolicy = attrs.field(factory=default_retry, validator=_policy)
    """The rules of retrying, `RetryPolicy()` unless given; `max_retries` changes only how many retries there are."""
    limits: Limits | None = attrs.field(default=None, validator=_limits)
    """Most requests and tokens a minute, and requests at once, for all calls; None, the default, is no limit. Copies with
    the same limits and `base_url` share them."""
    max_connections: int = attrs.field(default=DEFAULT_MAX_CONNECTIONS, validator=check_count)
    """Most requests under way at once on one event loop; further ones wait in line. 1,000, and never more than the files that
    the system lets a process have open (`ulimit -n`), less 32; if calls wait for that reason, the log says so."""
    tcp_keepalive: float | None = attrs.field(default=60.0, validator=check_keepalive)
    """Seconds after which the system closes a connection whose other side has sent nothing at all, not even an acknowledgement;
    from 1 to 32,767, what Linux takes. The system asks for one (a TCP keep-alive probe) after half of that time. 60 s, the
    default, is below the 350 s and 240 s after which the load balancers of two large clouds drop a silent connection. None
    leaves it to the system. A copy that changes this has connections of its own."""
    max_response_objects: int = attrs.field(default=MAX_RESPONSE_OBJECTS, validator=check_count)
    """Most JSON objects and lists in one response, or kept of one stream: they take up to 250 bytes of memory each,
    and a tenth of a byte to send. In a stream, four alternatives to a token count as one. 1,000,000; over it an `APIResponseError` is raised."""
    default_headers: dict[str, str] = attrs.field(
        factory=dict[str, str], converter=_headers, repr=_names
    )
    """Sent with each request to the API. None unless given."""
    default_query: dict[str, str | int | float | bool] = attrs.field(
        factory=dict[str, "str | int | float | bool"], converter=_query, repr=_names
    )
    """Added to each URL's query. None unless given."""
    proxy: str | None = attrs.field(default=None, converter=check_proxy, repr=_without_password)
    """`http://host:port` of a proxy. None, the default, is no proxy but what `trust_env` finds."""
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, validator=_tls)
    """For a private certificate authority or client certificates. Unless given, the client trusts the system's certificates. A
    copy that changes this has connections of its own: make one context and pass the same one each time."""
    trust_env: bool = attrs.field(default=False, validator=_switch)
    """Whether to take the proxy from `HTTPS_PROXY` and its like, and its password from `.netrc`. False, the default: the
    environment's proxy isn't used."""
    allow_insecure_http: bool = attrs.field(default=False, validator=_switch)
    """Whether the key may be sent over plain HTTP to a host that isn't this machine. False unless given."""
    on_truncation: Literal["raise", "return"] = attrs.field(default="raise")
    """What to do if a stream ends without a mark of its end: `"raise"`, the default, raises a `StreamTruncatedError`;
    `"return"` takes what came as complete."""
    strict: Literal["warn", "raise"] | None = None
    """What happens beside counting where a response differs from what the API describes (`client.drift`). None, the
    default: nothing; `"warn"` gives a `DriftWarning`, once for each path and kind; `"raise"` raises a `DriftError`, which
    keeps the response."""
    session: aiohttp.ClientSession | None = attrs.field(
        default=None, validator=_session, repr=False
    )
    """A session of yours to send with. The client never closes it; its connector decides on connections, TLS and
    proxies. A response that nobody asked for, from a faulty gateway, can be taken there for the response to the next call; the
    client's own connections discard it."""
    on_request: Callable[[RequestEvent], object] | None = attrs.field(
        default=None, validator=_hook, repr=False
    )
    """Called with a `RequestEvent` just before each attempt is sent.

    The three hooks are plain functions, called on the event loop, in the context of the call: they must not
    block. What they return is ignored. What they raise is logged, and the call goes on, also after a `CancelledError`; only
    `KeyboardInterrupt` and `SystemExit` end the call."""
    on_retry: Callable[[RetryEvent], object] | None = attrs.field(
        default=None, validator=_hook, repr=False
    )
    """Called with a `RetryEvent` after an attempt that failed, before the wait for the next one."""
    on_response: Callable[[ResponseEvent], object] | None = attrs.field(
        default=None, validator=_hook, repr=False
    )
    """Called with a `ResponseEvent` once for each call, when it is over, however it ended; for a stream that
    is when it was read to its end or left."""
    telemetry: TelemetryObserver | None = attrs.field(
        default=None, validator=_telemetry, repr=False
    )
    """OpenTelemetry for this client's calls; see `horay_async.integrations.otel`."""

    def __attrs_post_init__(self) -> None:
        if self.on_truncation not in ("raise", "return"):
            raise wrong("on_truncation", '"raise" or "return"', self.on_truncation)
        if self.strict not in (None, "warn", "raise"):
            raise wrong("strict", '"warn", "raise" or None', self.strict)
        parts = urlsplit(self.base_url)
        proxy = urlsplit(self.proxy or "").hostname
        insecure = parts.scheme == "http" and not (
            is_loopback(parts.hostname or "") and (proxy is None or is_loopback(proxy))
        )
        if insecure and not self.allow_insecure_http:
            through = f" through the proxy {proxy}" if is_loopback(parts.hostname or "") else ""
            raise ConfigurationError(
                f"base_url {self.base_url!r} would send the API key over plain HTTP{through}: use https://, or "
                "pass allow_insecure_http=True where the network is trusted"
            )

    @classmethod
    def of(cls, api_key: str | KeyFunction | None, **params: Unpack[ClientParams]) -> ClientOptions:
        """The options from a client's arguments."""
        if api_key is None:
            # It may be there under another name, which says more than that there is none.
            _check_names(params, "api_key")
        key = _key(api_key)
        api_key = None  # masked from here on, also among the variables of a traceback
        _check_names(params, "api_key")
        return cls(api_key=key, **_settle(params, default_retry()))

    def changed(self, **params: Unpack[ClientParams]) -> ClientOptions:
        """A copy with some options changed."""
        if "api_key" in params:
            raise TypeError(ONE_KEY)
        _check_names(params)
        return attrs.evolve(self, **_settle(params, self.retry))


def holds_key(options: ClientOptions, text: str) -> bool:
    """Whether a key of the client is in `text`. One that is too short for a secret isn't looked for: any text can hold it."""
    key = options.api_key
    keys = key.seen if isinstance(key, ProvidedKeys) else (key,)
    return any(len(each) >= MIN_SECRET_LENGTH and each in text for each in keys)


def _check_names(params: ClientParams, *beside: str) -> None:
    """Raises `TypeError` for an unknown name. `beside` are options that are no `ClientParams`."""
    known = ClientParams.__optional_keys__
    if strange := params.keys() - known:
        habits = dict.fromkeys(CALL_NAMES, "it belongs to each call") | CLIENT_OPTIONS
        if "api_key" not in beside:
            of_key = (each for each, told in habits.items() if told.startswith("it is api_key"))
            habits |= dict.fromkeys(of_key, ONE_KEY)
        raise unknown_option("client option", min(strange), [*known, *beside], habits)


def _settle(params: ClientParams, retry: RetryPolicy) -> dict[str, Any]:
    """The arguments as fields: `max_retries` goes into the policy."""
    settled: dict[str, Any] = dict(params)
    if "max_retries" in params:
        if "retry" in params:
            raise ConfigurationError("pass either max_retries or retry=RetryPolicy(...), not both")
        del settled["max_retries"]
        settled["retry"] = attrs.evolve(retry, max_retries=params["max_retries"])
    return settled
