"""The dicts of a chat request, for editors and type checkers: keys and roles are completed and checked.

At run time they are plain dicts. Fields that aren't named here can be sent too: build the dict in a variable of type
`dict[str, Any]`, or pass them in `extra_body`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from horay_async.models._base import Model

__all__ = [
    "AssistantMessageDict",
    "AudioPartDict",
    "ContentPartDict",
    "DeveloperMessageDict",
    "FilePartDict",
    "FunctionCallDict",
    "FunctionDict",
    "ImagePartDict",
    "ImageURLDict",
    "InputAudioDict",
    "JSONObjectFormatDict",
    "JSONSchemaDict",
    "JSONSchemaFormatDict",
    "MessageDict",
    "NamedFunctionDict",
    "ResponseFormatDict",
    "StreamOptionsDict",
    "SystemMessageDict",
    "TextFormatDict",
    "TextPartDict",
    "ToolCallDict",
    "ToolChoiceDict",
    "ToolDict",
    "ToolMessageDict",
    "UserMessageDict",
]


class TextPartDict(TypedDict, total=False):
    """A piece of text within a message."""

    type: Required[Literal["text"]]
    """What kind of part it is."""
    text: Required[str]
    """The text."""
    cache_control: Mapping[str, object]
    """Where servers that cache prompts are to cut, e.g. `{"type": "ephemeral"}`."""


class ImageURLDict(TypedDict, total=False):
    """Where an image is."""

    url: Required[str]
    """An `https:` URL that the server fetches, or a `data:` URL that holds the image itself."""
    detail: Literal["low", "high", "auto"]
    """How closely to look at it."""


class ImagePartDict(TypedDict):
    """An image within a message; `ImagePart.of(...)` makes one of a file."""

    type: Literal["image_url"]
    """What kind of part it is."""
    image_url: ImageURLDict
    """The picture."""


class InputAudioDict(TypedDict):
    """A sound."""

    data: str
    """The file in base64."""
    format: str
    """`"wav"` or `"mp3"`, or another that the model takes."""


class AudioPartDict(TypedDict):
    """A sound within a message."""

    type: Literal["input_audio"]
    """What kind of part it is."""
    input_audio: InputAudioDict
    """The sound."""


class FilePartDict(TypedDict):
    """A file within a message."""

    type: Literal["file"]
    """What kind of part it is."""
    file: Mapping[str, object]
    """`file_data` (a `data:` URL) with `filename`, or the `file_id` of one that the server keeps."""


ContentPartDict = TextPartDict | ImagePartDict | AudioPartDict | FilePartDict
"""A part of a user's message."""


class SystemMessageDict(TypedDict, total=False):
    """Instructions for the model: how to behave in the whole conversation."""

    role: Required[Literal["system"]]
    """Who speaks."""
    content: Required[str | Sequence[TextPartDict | Model]]
    """The text, or its parts: dicts or instances of the part classes."""
    name: str
    """Tells several speakers of one role apart."""


class DeveloperMessageDict(TypedDict, total=False):
    """Instructions for the model, as in a system message, for models that call the role `developer`."""

    role: Required[Literal["developer"]]
    """Who speaks."""
    content: Required[str | Sequence[TextPartDict | Model]]
    """The text, or its parts."""
    name: str
    """Tells several speakers of one role apart."""


class FunctionCallDict(TypedDict):
    """Which function the model wants called, and with what."""

    name: str
    """The function's name."""
    arguments: str
    """JSON text."""


class ToolCallDict(TypedDict):
    """One call of a tool that the model asked for."""

    id: str
    """The id of the call, which its result has to name."""
    type: Literal["function"]
    """What kind of tool it is."""
    function: FunctionCallDict
    """What is to be called."""


class AssistantMessageDict(TypedDict, total=False):
    """The model's text."""

    role: Required[Literal["assistant"]]
    """Who speaks."""
    content: str | Sequence[TextPartDict | Model] | None
    """The text; may be left out where the message calls tools."""
    name: str
    """Tells several speakers of one role apart."""
    refusal: str | None
    """What the model says where it declines."""
    reasoning_content: str | None
    """The reasoning that came before, for models that want it back."""
    tool_calls: Sequence[ToolCallDict | Model]
    """The calls that the model asked for."""
    prefix: bool
    """Whether the response goes on from this message's text, where the server supports that."""


class UserMessageDict(TypedDict, total=False):
    """What the user says and shows."""

    role: Required[Literal["user"]]
    """Who speaks."""
    content: Required[str | Sequence[ContentPartDict | Model]]
    """A text, or its parts."""
    name: str
    """Tells several speakers of one role apart."""


class ToolMessageDict(TypedDict, total=False):
    """What came of one tool call."""

    role: Required[Literal["tool"]]
    """Who speaks."""
    content: Required[str | Sequence[TextPartDict | ImagePartDict | Model]]
    """The result as text, or its parts."""
    tool_call_id: Required[str]
    """The `id` of the call."""
    name: str
    """The function's name, where the server asks for it."""


MessageDict = (
    SystemMessageDict
    | DeveloperMessageDict
    | UserMessageDict
    | AssistantMessageDict
    | ToolMessageDict
)
"""One message of a conversation; its `role` says which."""


class FunctionDict(TypedDict, total=False):
    """A function that the model may ask to be called."""

    name: Required[str]
    """Its name."""
    description: str
    """What it does, for the model."""
    parameters: Mapping[str, object]
    """The JSON schema of its arguments."""
    strict: bool | None
    """Whether the server holds the arguments to the schema."""


class ToolDict(TypedDict):
    """A tool in the API's form; `@tool` makes one of a function."""

    type: Literal["function"]
    """What kind of tool it is."""
    function: FunctionDict
    """The function."""


class NamedFunctionDict(TypedDict):
    """A function by its name."""

    name: str
    """Its name."""


class ToolChoiceDict(TypedDict):
    """The one tool to use."""

    type: Literal["function"]
    """What kind of tool it is."""
    function: NamedFunctionDict
    """Which."""


class TextFormatDict(TypedDict):
    """A response of any form."""

    type: Literal["text"]
    """Which form."""


class JSONObjectFormatDict(TypedDict):
    """A response that is some JSON object: describe it in the messages."""

    type: Literal["json_object"]
    """Which form."""


class JSONSchemaDict(TypedDict, total=False):
    """A named JSON schema."""

    name: Required[str]
    """Letters, digits, `_` and `-`."""
    schema: Required[Mapping[str, object]]
    """The schema."""
    description: str
    """What it is for, for the model."""
    strict: bool | None
    """Whether the server holds the response to it."""


class JSONSchemaFormatDict(TypedDict):
    """A response that fits a JSON schema."""

    type: Literal["json_schema"]
    """Which form."""
    json_schema: JSONSchemaDict
    """The schema."""


ResponseFormatDict = TextFormatDict | JSONObjectFormatDict | JSONSchemaFormatDict
"""The form that a response must have; its `type` says which."""


class StreamOptionsDict(TypedDict, total=False):
    """What a stream has beside the chunks with content."""

    include_usage: bool
    """Whether a last chunk reports the token usage."""
    include_obfuscation: bool
    """Whether chunks are padded to one length, where the server supports that."""
