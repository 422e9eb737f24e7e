"""From an operation and its parameters to the bytes to send."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast
from urllib.parse import quote, urlencode

import attrs
import msgspec

from horay_async._checks import CONNECTION_FIELDS, check_headers, http_url
from horay_async._json import is_array, is_object, plain_value
from horay_async._protocol.wire.check_parameters import check_messages, check_parameters
from horay_async._protocol.wire.content_parts import put_together
from horay_async._protocol.wire.decode import MALFORMED
from horay_async._protocol.wire.size_limits import MAX_BODY_BYTES, MAX_OBJECTS
from horay_async._protocol.wire.unknown import unknown_of
from horay_async._record import Record
from horay_async._suggestions import about_field
from horay_async.errors import ConfigurationError
from horay_async.models._base import Extensible, Model
from horay_async.models.options import CallOptions, GenerationOptions
from horay_async.options import ClientOptions, RetryPolicy, Timeouts, holds_key

if TYPE_CHECKING:
    from horay_async._protocol.limits.attempt_limiter import AttemptLimiter

ResponseT = TypeVar("ResponseT")

OPTIONS = frozenset(CallOptions.__annotations__) | frozenset(GenerationOptions.__annotations__)
"""Parameters that steer the call and aren't sent as fields."""

IDEMPOTENCY = "idempotency-key"
"""The header by which a server can tell a retry from a new request."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Operation(Record, Generic[ResponseT]):
    """One operation of the API."""

    method: Literal["GET", "POST"]
    path: str
    """Below the base URL, with its leading slash."""
    params: type
    """The typed dict that declares the parameters."""
    response: type[ResponseT]
    """The class of the response."""
    billed_per_run: bool = False
    """Paid by the run, not by the token: never run twice unless the caller says so."""


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that only read: HTTP calls them safe (RFC 9110, section 9.2.1)."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Request(Record):
    """One call, ready to send as often as need be."""

    method: str
    path: str
    """Below the base URL; the query included."""
    headers: dict[str, str]
    """What is sent beside the client's own headers."""
    body: bytes | None
    timeouts: Timeouts
    retry: RetryPolicy
    billed_per_run: bool
    choices: int = 1
    """How many choices were asked for."""
    keep_truncated: bool = False
    """Whether a stream without a mark of its end counts as complete."""
    max_objects: int = MAX_OBJECTS
    """Most JSON objects and lists to take in of the response."""
    bulk: bool = False
    """Whether others go first where the limits make it wait."""
    limiter: AttemptLimiter | None = None
    """What admits each attempt in the place of the client's limits: a batch's request has its own."""
    max_body_bytes: int = MAX_BODY_BYTES
    """Most bytes to take in of a whole response."""
    external: bool = False
    """Whether `path` is a whole URL on a host that the key and the default headers aren't meant for."""
    is_safe: bool = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.method in SAFE_METHODS, takes_self=True)
    )
    """Whether its method is safe, in HTTP's word: it runs nothing at the server, so that it can be sent again whatever
    became of it. Errors have it as `repeatable`.
    """

    @property
    def bare_path(self) -> str:
        """The path without the query."""
        return self.path.partition("?")[0]

    @property
    def label(self) -> str:
        """Method and path, as messages name the call."""
        path = self.bare_path
        if self.external:  # its address may hold a password
            scheme, _, rest = path.partition("://")
            authority, slash, rest = rest.partition("/")
            path = f"{scheme}://{authority.rpartition('@')[2]}{slash}{rest}"
        return f"{self.method} {path}"

    @property
    def incomplete(self) -> str:
        """How the message begins for a response whose connection was lost."""
        return f"the response to {self.label} is incomplete: "

    def be_part(self, number: int) -> None:
        """Makes it one of the requests of a call that sends several: a key of the caller's stands for the whole call, and two requests
        with one idempotency key would be one.
        """
        for name in self.headers:
            if name.lower() == IDEMPOTENCY:
                self.headers[name] += f"-{number}"


def build(
    operation: Operation[Any],
    params: Mapping[str, Any],
    options: ClientOptions,
    *,
    new_idempotency_key: str,
    stream: bool = False,
) -> Request:
    """The request for `operation` with `params`, a mapping of the operation's parameters.

    `new_idempotency_key` is the idempotency key to use where the caller gave none. Raises `TypeError` for a
    parameter that doesn't fit its declaration, `ConfigurationError` for a header that can't be sent.
    """
    fields = fields_of(operation, params)
    if operation.method == "GET":
        return build_request("GET", operation.path, params, options, query=fields)
    if stream:
        fields["stream"] = True
    return build_request(
        operation.method,
        operation.path,
        params,
        options,
        body=fields,
        new_idempotency_key=new_idempotency_key,
        billed_per_run=operation.billed_per_run,
    )


def fields_of(operation: Operation[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a request for `operation` with `params` sends as its fields, without the call's options. Raises `TypeError` for a parameter
    that doesn't fit its declaration.
    """
    others = "extra_query" if operation.method == "GET" else "extra_body"
    check_parameters(params, operation.params, others=others)
    fields = {name: value for name, value in params.items() if name not in OPTIONS}
    for name, value in fields.items():
        if value.__class__ not in SCALARS and name not in LONG_LISTS:
            fields[name] = jsonable_field(name, value)
    if "messages" in fields:
        check_messages(fields["messages"])
    return fields


def build_request(
    method: str,
    path: str,
    call: Mapping[str, Any],
    options: ClientOptions,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    new_idempotency_key: str | None = None,
    billed_per_run: bool = False,
) -> Request:
    """A request from its parts; `call` holds the call's options (`CallOptions`)."""
    if "extra_body" in call:
        body = with_extra(body, call["extra_body"])
    if query or options.default_query or "extra_query" in call:
        path = _with_query(path, call, options, query or {})
    fields = body if is_object(body) else {}
    return Request(
        method=method,
        path=path,
        headers=_headers(method, call, new_idempotency_key),
        body=None if body is None else encode(body),
        timeouts=_timeouts(call, options),
        retry=_retry(call, options),
        billed_per_run=billed_per_run,
        choices=_count_choices(fields.get("n"), fields.get("prompt")),
        bulk=call.get("bulk", False),
        max_objects=options.max_response_objects,
        keep_truncated=_keeps_truncated(call, options),
    )


def _keeps_truncated(call: Mapping[str, Any], options: ClientOptions) -> bool:
    """Whether what came of a stream without a mark of its end is taken. Raises `TypeError` for a word that isn't known."""
    asked = call.get("on_truncation")
    if asked is None:
        asked = options.on_truncation
    if asked not in ("raise", "return"):
        raise TypeError(f'on_truncation must be "raise" or "return", not {asked!r}')
    return asked == "return"


def _headers(
    method: str, call: Mapping[str, Any], new_idempotency_key: str | None
) -> dict[str, str]:
    """The call's own headers, and the idempotency key of what doesn't only read."""
    headers: dict[str, str] = {}
    if "extra_headers" in call:
        headers = check_headers(call["extra_headers"], "extra_headers")
        if IDEMPOTENCY in map(str.lower, headers):
            return headers
    if method in SAFE_METHODS:
        return headers
    if own := call.get("idempotency_key"):
        return headers | check_headers({"Idempotency-Key": own}, "idempotency_key")
    if new_idempotency_key:
        headers["Idempotency-Key"] = new_idempotency_key
    return headers


def with_extra(body: Any, extra: Mapping[str, object] | None) -> Any:
    """`body` with the fields of `extra_body` over its own."""
    if not extra:
        return body
    if not is_object(body):
        raise TypeError("extra_body needs a JSON object as the body to put its fields into")
    return {**body, **{name: jsonable_field(name, value) for name, value in extra.items()}}


def _with_query(
    path: str, call: Mapping[str, Any], options: ClientOptions, query: Mapping[str, Any]
) -> str:
    """`path` with the client's query, the operation's and the call's, in this order of precedence."""
    extra: Mapping[str, Any] = call.get("extra_query", {})
    text = _query({**options.default_query, **query, **extra})
    return f"{path}{'&' if '?' in path else '?'}{text}" if text else path


def _timeouts(call: Mapping[str, Any], options: ClientOptions) -> Timeouts:
    """The client's timeouts; the call's `timeout` replaces them, or sets the total where it is a number."""
    if "timeout" not in call:
        return options.timeout
    timeout: float | Timeouts | None = call["timeout"]
    if isinstance(timeout, Timeouts):
        return timeout
    return attrs.evolve(options.timeout, total=timeout)


def _retry(call: Mapping[str, Any], options: ClientOptions) -> RetryPolicy:
    most = call.get("max_retries")
    # openai's client says it of each call, mostly as it is set here.
    if most is None or (most.__class__ is int and most == options.retry.max_retries):
        return options.retry
    return attrs.evolve(options.retry, max_retries=most)


def _count_choices(n: Any, prompt: Any) -> int:
    """How many choices `n` and `prompt` ask for: `n` for each prompt of a list, which holds texts or lists of tokens. A
    list of tokens is one prompt.
    """
    several = (
        not isinstance(prompt, str)
        and is_array(prompt)
        and bool(prompt)
        and not isinstance(prompt[0], int)
    )
    prompts = len(prompt) if several else 1
    return prompts * n if isinstance(n, int) and n > 0 else prompts


def download(url: str, options: ClientOptions, call: Mapping[str, Any]) -> Request:
    """The request for a file on another host, with the headers and the query that `call` asks for, and none
    of the client's. Raises `ConfigurationError` for a URL that isn't one and for a header with the API key
    in it, and `TypeError` for an option that doesn't fit its declaration.
    """
    check_parameters(call, CallOptions)
    if http_url(url) is None:
        raise ConfigurationError(f"an http:// or https:// URL is needed; got {url!r:.200}")
    request = build_request("GET", url, call, attrs.evolve(options, default_query={}))
    _check_key_stays(request, options, "extra_headers")
    return attrs.evolve(request, external=True)


def check_path(method: str, path: str) -> str:
    """`path`, percent-encoded where need be; raises `ConfigurationError` for one that can't be."""
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigurationError(f"the path starts with one '/', below the base URL; got {path!r}")
    if not path.isprintable() or not (method.isascii() and method.isalpha()):
        raise ConfigurationError(
            "the method or the path has a line break or another such character"
        )
    return quote(path, safe="/?&=%:@!$'()*+,;~-._")


class _Asked(msgspec.Struct):
    """What has to be known of a JSON body that is sent as it is."""

    stream: Any = None
    n: Any = None
    prompt: Any = None


_asked = msgspec.json.Decoder(_Asked).decode
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

OWN_HEADERS = CONNECTION_FIELDS | {"accept-encoding"}
"""Headers of another HTTP library's that this one sets by itself."""


def forwarded(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    call: Mapping[str, Any],
    options: ClientOptions,
    *,
    new_idempotency_key: str,
    external: bool = False,
) -> tuple[Request, bool]:
    """A request that another HTTP library has put together, and whether it asks for a stream.

    `path` is below the base URL, or a whole URL; `external` says that this is on a host that the key isn't meant for.
    `call` holds the call's options (`CallOptions`), which go before what the request has. The client's own key replaces
    what `headers` have for it. Raises `ConfigurationError` for headers that would send the key to another host.
    """
    keyed = external or any(name.lower() == IDEMPOTENCY for name in headers)
    changes_body = bool(call.get("extra_body"))
    request = build_request(
        method,
        path,
        call,
        attrs.evolve(options, default_query={}) if external else options,
        body=_fields_in(body) if changes_body else None,
        new_idempotency_key=None if keyed else new_idempotency_key,
        billed_per_run=may_be_billed(method, path),
    )
    if not changes_body:
        request.body = body
    asked = _Asked()
    if request.body is not None and request.body.startswith(b"{"):
        # A body that isn't JSON is the server's to judge.
        with suppress(*MALFORMED):
            asked = _asked(request.body)
    request.choices = _count_choices(asked.n, asked.prompt)
    request.external = external
    left_out = OWN_HEADERS | {name.lower() for name in request.headers}
    if not external:
        left_out |= {"authorization"}
    sent = {name: value for name, value in headers.items() if name.lower() not in left_out}
    request.headers = sent | request.headers
    if external:
        _check_key_stays(request, options, "the header")
    return request, asked.stream is True


def _fields_in(body: bytes | None) -> dict[str, msgspec.Raw] | None:
    """The fields of a body, each as it was written; None where it is no JSON object."""
    with suppress(*MALFORMED):
        return _raw_fields(body or b"")
    return None


def _check_key_stays(request: Request, options: ClientOptions, what: str) -> None:
    """Raises `ConfigurationError` for a header with the API key in it; `what` is what the message calls a header."""
    for name, value in request.headers.items():
        if holds_key(options, value):
            raise ConfigurationError(f"{what} {name!r} would send the API key to another host")


TEXT_PATHS = frozenset(
    {"/chat/completions", "/completions", "/embeddings", "/responses", "/messages"}
)
"""Paths whose requests can be sent again though they may have been run: text is paid by the token."""


def may_be_billed(method: str, path: str) -> bool:
    """Whether each run of a request that nothing describes may cost: what only reads runs nothing."""
    return method.upper() not in SAFE_METHODS and path.partition("?")[0] not in TEXT_PATHS


def streamed_body(body: Any) -> Any:
    """`body` as it asks for a stream."""
    if not isinstance(body, Mapping):
        return body
    fields = cast("Mapping[str, Any]", body)
    asked = fields.get("stream", True)
    if asked is not True:
        raise TypeError(
            f"stream is {asked!r} in the body, and True in the call: leave it out there"
        )
    return {**fields, "stream": True}


class BytesFoundError(TypeError):
    """JSON has no bytes; the encoder would make base64 of them, without a word."""


def to_jsonable(value: Any) -> Any:
    """`value` for JSON: the models in it as their fields, other mappings as dicts; the rest as it is."""
    # What conversations are mostly made of is told by its exact class: the questions below take longer.
    kind: type[Any] = value.__class__
    if kind is str:
        return value
    if kind is dict:
        return {
            name: item if item.__class__ is str else to_jsonable(item)
            for name, item in value.items()
        }
    if kind is list:
        return [to_jsonable(item) for item in value]
    if isinstance(value, Model):
        fields: dict[str, Any] = {}
        for field in attrs.fields(cast(Any, type(value))):
            content = getattr(value, field.name)
            # None is for what isn't there; but a message's content stands there even when it's null.
            if (content is not None or field.name == "content") and field.metadata.get(
                "sent", True
            ):
                fields[field.name] = to_jsonable(content)
        if isinstance(value, Extensible) and (unknown := unknown_of(value)):
            fields |= {name: _reference(name, item) for name, item in unknown.items()}
            if fields.get("type") in unknown:  # a call of a tool that is no function
                fields.pop("function", None)
            put_together(fields)
        return fields
    if isinstance(value, Mapping):
        return {name: to_jsonable(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, bytes | bytearray | memoryview):
        raise BytesFoundError(
            "it holds bytes: decode a text, and pass an image as ImagePart.of(...)"
        )
    return value


SCALARS = frozenset({str, int, float, bool, NoneType})
LONG_LISTS = ("prompt", "input")
"""Parameters of texts and of numbers alone, each of which is checked already or is JSON's; to look at them anew would take long."""


def jsonable_field(name: str, value: Any) -> Any:
    """A field of the body. Raises `TypeError` that names it where JSON has no form for what is in it."""
    try:
        return to_jsonable(value)
    except BytesFoundError as error:
        raise TypeError(f"{name} can't be sent as JSON: {error}") from None
    except RecursionError as error:
        raise TypeError(f"{name} can't be sent as JSON: it is nested too deep") from error


def _reference(name: str, value: Any) -> Any:
    """An unknown field of a response's message as a request has it: of a sound its id alone, as the API asks for."""
    return {"id": value["id"]} if name == "audio" and is_object(value) and "id" in value else value


def encode(body: Any) -> bytes:
    """`body` as JSON. Raises `TypeError` that names the field whose value JSON can't hold."""
    try:
        encoded = msgspec.json.encode(body, enc_hook=plain_value)
    except (TypeError, ValueError, RecursionError) as error:
        name, value = _culprit(body)
        raise TypeError(
            f"{name} can't be sent as JSON: {about_field(name, value) or error}"
        ) from error
    # What is no number in JSON becomes a null, without a word.
    if b"null" in encoded and (path := _not_finite(body)) is not None:
        place = path.lstrip(".") or "the body"
        raise TypeError(f"{place} can't be sent as JSON: it must be a finite number")
    return encoded


def _culprit(body: object) -> tuple[str, object]:
    """What JSON can't hold: a field's name and value."""
    if is_object(body):
        for name, value in body.items():
            try:
                msgspec.json.encode(value, enc_hook=plain_value)
            except (TypeError, ValueError, RecursionError):
                return str(name), value
    return "the body", cast("object", body)


def _not_finite(value: Any) -> str | None:
    """The path of a number that is infinite or none at all; None where there is no such."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    if isinstance(value, Mapping):
        inside = ((f".{key}", item) for key, item in cast("Mapping[Any, Any]", value).items())
    elif isinstance(value, list | tuple | set | frozenset):
        inside = ((f"[{i}]", item) for i, item in enumerate(cast("Collection[Any]", value)))
    else:
        return None
    for step, item in inside:
        if (rest := _not_finite(item)) is not None:
            return step + rest
    return None


def _query_value(name: str, value: object) -> object:
    kind = type(value)
    if isinstance(value, bool):
        # The API spells truth in the JSON way, as does every server of its family.
        return str(value).lower()
    if isinstance(value, Collection) and not isinstance(value, str):
        raise TypeError(
            f"{name!r} in the query must be a text, a number, true or false, or a list of these, not a value of type "
            f"{kind.__qualname__}"
        )
    return value


def _query(query: Mapping[str, Any]) -> str:
    sent = [
        (name, _query_value(name, item))
        for name, value in query.items()
        for item in (cast("Sequence[Any]", value) if isinstance(value, list | tuple) else [value])
        if item is not None
    ]
    try:
        return urlencode(sent)
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"the query {error.object!r} holds half a character, which can't be sent"
        ) from error
