"""A request for a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

import attrs

from horay_async._class_docs import describe_fields
from horay_async._protocol.wire.check_parameters import check_parameter_names
from horay_async._protocol.wire.embeddings import prepare
from horay_async._protocol.wire.request import (
    OPTIONS,
    Operation,
    encode,
    fields_of,
    with_extra,
)
from horay_async._signatures import with_signatures
from horay_async._suggestions import naming_options, no_attribute
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.chat_params import ChatParams, ConversationParams
from horay_async.models.completions import Completion, CompletionParams
from horay_async.models.embeddings import EmbeddingParams, EmbeddingResponse
from horay_async.models.images import ImageParams, ImageResponse
from horay_async.models.parsed import ParsedCompletion
from horay_async.resources import chat, completions, embeddings, images

__all__ = ["BatchRequest"]

T = TypeVar("T")
ResponseT_co = TypeVar("ResponseT_co", bound=Response, covariant=True)


@naming_options
@describe_fields
@with_signatures
@attrs.frozen
class BatchRequest(Generic[ResponseT_co]):
    """A request for a batch, made by one of the methods below, which take what the operations take.

    They raise `TypeError` for a parameter of a wrong name. Whatever else is wrong with the parameters is told by the
    `error` of the request's result, so that it stops no batch.
    """

    operation: Operation[ResponseT_co] = attrs.field(repr=lambda operation: operation.path)
    """What is asked for: method, path and the class of the response."""
    params: Mapping[str, Any]
    """The operation's parameters, by name."""
    custom_id: str | None = None
    """Names the request in its result."""

    parse: Callable[..., ResponseT_co] | None = attrs.field(default=None, repr=False)
    """What makes the result's response of the server's, where a class was given as `response_format`."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    @overload
    @staticmethod
    def chat(
        *,
        custom_id: str | None = None,
        response_format: type[T],
        **params: Unpack[ConversationParams],
    ) -> BatchRequest[ParsedCompletion[T]]: ...

    @overload
    @staticmethod
    def chat(
        *, custom_id: str | None = None, **params: Unpack[ChatParams]
    ) -> BatchRequest[ChatCompletion]: ...

    @staticmethod
    def chat(*, custom_id: str | None = None, **params: Any) -> BatchRequest[Any]:
        """A request for a chat completion, as `chat.completions.create` sends it; with a class as `response_format`, as
        `chat.completions.parse` does.

        Then the response is a `ParsedCompletion`, and an `AnswerError` is the result's error where it doesn't fit.
        Raises `TypeError` for a class that no schema can describe. `params["response_format"]` is the schema.

        Args:
            custom_id: Names the request in its result.
            response_format: The form that the response must have: a class to parse it into, or the API's JSON form.
        """
        check_parameter_names(params, ChatParams, ("custom_id",))
        chat.adapt_tools(params)
        parse = None
        if not isinstance(params.get("response_format", {}), Mapping | None):
            parse = chat.parser_of(params)
        return BatchRequest(chat.CREATE, params, custom_id, parse)

    @staticmethod
    def completion(
        *, custom_id: str | None = None, **params: Unpack[CompletionParams]
    ) -> BatchRequest[Completion]:
        """A request for the continuation of a prompt, as `completions.create` sends it.

        Args:
            custom_id: Names the request in its result.
        """
        check_parameter_names(params, CompletionParams, ("custom_id",))
        return BatchRequest(completions.CREATE, params, custom_id)

    @staticmethod
    def embedding(
        *, custom_id: str | None = None, **params: Unpack[EmbeddingParams]
    ) -> BatchRequest[EmbeddingResponse]:
        """A request for embeddings, as `embeddings.create` sends it, but one for all inputs, however many there are.

        Args:
            custom_id: Names the request in its result.
        """
        check_parameter_names(params, EmbeddingParams, ("custom_id",))
        return BatchRequest(embeddings.CREATE, params, custom_id)

    @staticmethod
    def image(
        *, custom_id: str | None = None, **params: Unpack[ImageParams]
    ) -> BatchRequest[ImageResponse]:
        """A request for pictures, as `images.generate` sends it.

        Args:
            custom_id: Names the request in its result.
        """
        check_parameter_names(params, ImageParams, ("custom_id",))
        return BatchRequest(images.GENERATE, params, custom_id)

    def to_line(self) -> str:
        """The request as a line of a batch file, without a line end.

        Raises `TypeError` for parameters that don't fit, and `ValueError` for a request without a `custom_id`, and for an option of calls
        that a line has no place for, such as `timeout`.
        """
        if not isinstance(self.custom_id, str):
            raise ValueError(
                f"a line of a batch file needs a custom_id, a text; got {self.custom_id!r}"
            )
        if options := sorted(self.params.keys() & OPTIONS - {"extra_body"}):
            raise ValueError(
                f"a line of a batch file can't hold {options[0]}: set it on the client that sends the file"
            )
        params = self.params
        if self.operation is embeddings.CREATE:
            params = prepare(params)
            if "encoding_format" not in {**self.params, **(self.params.get("extra_body") or {})}:
                del params["encoding_format"]  # a file's vectors are read by others
        body = with_extra(fields_of(self.operation, params), params.get("extra_body"))
        url = f"/v1{self.operation.path}"
        line = {"custom_id": self.custom_id, "method": "POST", "url": url, "body": body}
        return encode(line).decode()
