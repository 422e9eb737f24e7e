"""What LangChain's classes share: the settings of a client, and the two clients made of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Self, TypeVar, cast

from langchain_core.load.serializable import (
    Serializable,
    SerializedConstructor,
    SerializedNotImplemented,
)
from langchain_core.utils import secret_from_env
from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from horay_async import AsyncHoray, ClientOptions, Horay
from horay_async._keys import may_be_secret
from horay_async._protocol.wire.check_parameters import unknown_parameter
from horay_async._protocol.wire.clean import secrets_of
from horay_async._suggestions import CLIENT_OPTIONS, LANGCHAIN_SETTINGS
from horay_async.errors import ConfigurationError
from horay_async.options import ClientParams

ClientT = TypeVar("ClientT", Horay, AsyncHoray)

LEFT_OUT = "[left out]"
"""What stands for a secret wherever a model is written down, traced or shown."""


MAY_HOLD_SECRETS = ("client_options", "extra_headers", "extra_query")
"""Settings that may."""


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they may be written down."""
    return {
        name: _without_secrets(name, value) if name in MAY_HOLD_SECRETS else value
        for name, value in settings.items()
    }


def _without_secrets(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        return {name: _without_secrets(name, value) for name, value in inner.items()}
    if not isinstance(value, str):
        return value
    secret = "@" in value if name == "proxy" else may_be_secret(name) or secrets_of([(name, value)])
    return LEFT_OUT if secret else value


def refuse_left_out(value: Any, place: str) -> None:
    """Raises `ConfigurationError` for a secret that has to be given again."""
    if isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            refuse_left_out(inner, f"{place}[{name!r}]")
    elif isinstance(value, str) and value == LEFT_OUT:
        raise ConfigurationError(
            f"{place} was left out when the model was written down: set it before the first call"
        )


def _when_collected(client: object, close: Callable[[], None]) -> None:
    """Closes a client once it is collected. LangChain's models are never closed, so this needs no warning.

    The finalizer is the client's, since copies of a model share it. `close` must not refer to the client.
    """
    weakref.finalize(client, close).atexit = False  # loops close their connections themselves


class HasClients(Serializable):
    """Settings of a client; each of the two clients is made when it is first used."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True,
        populate_by_name=True,
        extra="forbid",
        hide_input_in_errors=True,  # it holds the key
    )

    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("HORAY_API_KEY", default=None)
    )
    """The API key; from `HORAY_API_KEY` unless given."""
    base_url: str | None = None
    """The API's address; from `HORAY_BASE_URL` unless given."""
    client_options: dict[str, Any] = Field(default_factory=dict)
    """Further keyword arguments of `AsyncHoray` and `Horay`, such as `proxy` or `default_headers`. Passwords and keys in
    them are never written down: set them again in a model that was loaded."""
    client: Horay | None = Field(default=None, exclude=True)
    """A blocking client of yours; it is never closed here. Settings of a client have no effect beside it."""
    async_client: AsyncHoray | None = Field(default=None, exclude=True)
    """An asynchronous client of yours, for code that awaits; it is never closed here."""

    _made: Horay = PrivateAttr()
    _made_async: AsyncHoray = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def _names_checked(cls, given: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        """Raises `TypeError` for a setting that doesn't exist, as a call does."""
        try:
            return make(given)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
                    raise TypeError(cls._unknown(str(problem["loc"][0]))) from None
            raise

    @field_validator("base_url")
    @classmethod
    def _address_checked(cls, given: str | None) -> str | None:
        """Raises `ConfigurationError` as a client does, before the address, which may hold a password, is shown anywhere."""
        if given is not None:
            ClientOptions(api_key="any", base_url=given, allow_insecure_http=True)
        return given

    @classmethod
    def _unknown(cls, name: str) -> str:
        habit = LANGCHAIN_SETTINGS.get(name) or CLIENT_OPTIONS.get(name)
        if name in ClientParams.__optional_keys__:
            habit = f"it goes into client_options={{{name!r}: ...}}"
        return (
            f"unknown parameter {name!r}: {habit}"
            if habit
            else unknown_parameter(name, cls.model_fields)
        )

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain may write it down: the key is left out."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where LangChain finds the class again."""
        return ["horay_async", "integrations", "langchain"]

    @property
    def lc_secrets(self) -> dict[str, str]:
        """What is never written down, and the environment variable that it is read from instead."""
        return {"api_key": "HORAY_API_KEY"}

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """What LangChain writes down: `"[left out]"` in the place of passwords and keys among the client's options and the
        headers. Loaded again, the model says at its first call which of them it needs.
        """
        written = super().to_json()
        if written["type"] == "constructor":
            written["kwargs"] = without_secrets(written["kwargs"])
        return written

    def __repr_args__(self) -> Any:
        return without_secrets(dict(super().__repr_args__())).items()

    def _settings(self) -> dict[str, Any]:
        settings = dict(self.client_options)
        if self.api_key is not None:
            settings["api_key"] = self.api_key.get_secret_value()
        if self.base_url is not None:
            settings["base_url"] = self.base_url
        refuse_left_out(settings, "model.client_options")
        return settings

    @property
    def _blocking(self) -> Any:  # no checker can tell what a call's dict of parameters holds
        return self.client or self._made_once("_made", self._make)

    def _make(self) -> Horay:
        made = Horay(**self._settings())
        pools = made._wrapped._transport.pools  # noqa: SLF001 - what closes the client may not know it
        _when_collected(made, partial(made._handle.close_soon, pools.close))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above
        return made

    @property
    def _awaiting(self) -> Any:  # as above
        return self.async_client or self._made_once("_made_async", self._make_async)

    def _make_async(self) -> AsyncHoray:
        made = AsyncHoray(**self._settings())
        _when_collected(made, made._transport.pools.close_soon)  # noqa: SLF001 - as above
        return made

    def _made_once(self, name: str, make: Callable[[], ClientT]) -> ClientT:
        """The client under that name. LangChain calls from several threads at once: each may make one, the first stays."""
        made: ClientT | None = self._private.get(name)
        return self._private.setdefault(name, make()) if made is None else made

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy that shares the clients, as a shallow one does."""
        clients = (self.client, self.async_client, *self._private.values())
        return super().__deepcopy__({**(memo or {}), **{id(client): client for client in clients}})

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: no client that was made here, and no key, passwords or headers with such, as what LangChain writes down."""
        state = dict(super().__getstate__())
        state["__dict__"] = without_secrets({**state["__dict__"], "api_key": None})
        return {**state, "__pydantic_private__": {}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """From a pickle; the key is read from `HORAY_API_KEY` again."""
        super().__setstate__(state)
        key = type(self).model_fields["api_key"].get_default(call_default_factory=True)
        vars(self)["api_key"] = key

    @property
    def _private(self) -> dict[str, Any]:
        private = self.__pydantic_private__
        assert private is not None  # it is where the class declares any
        return private

    def _addresses(self) -> list[str]:
        """Where the blocking client and the other one send their calls, or will once they are made."""
        clients: list[Any] = [
            self.client or self._private.get("_made"),
            self.async_client or self._private.get("_made_async"),
        ]
        # Any key will do for an address.
        base_url = self._settings().get("base_url")
        unmade = ClientOptions(api_key="any", base_url=base_url, allow_insecure_http=True)
        return [(client.options if client else unmade).base_url for client in clients]

    def close(self) -> None:
        """Closes the blocking client, if one was made here. The next call makes a new one."""
        made: Horay | None = self._private.pop("_made", None)
        if made is not None:
            made.close()

    async def aclose(self) -> None:
        """Closes both clients, if they were made here. The next call makes new ones."""
        made: AsyncHoray | None = self._private.pop("_made_async", None)
        if made is not None:
            await made.close()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
