"""How responses show themselves in a notebook."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async import (
    BatchRequest,
    ChatCompletion,
    Completion,
    ImagePart,
    ImageResponse,
    ModelList,
    UserMessage,
)
from horay_async._record import lines
from horay_async.batch import BatchResult
from horay_async.models._notebook import address, code, escaped
from horay_async.models.chat import ChatChoice, ChatMessage, FunctionCall, ToolCall
from horay_async.models.chat_chunks import ChatChunkChoice, ChatCompletionChunk, ChatDelta
from horay_async.models.completions import CompletionChoice
from horay_async.models.images import GeneratedImage


def chat(*messages: ChatMessage) -> ChatCompletion:
    """A chat completion of several choices."""
    return ChatCompletion(
        choices=[ChatChoice(index=at, message=message) for at, message in enumerate(messages)]
    )


def shown(response: Any) -> str | None:
    """What a notebook shows."""
    markdown: str | None = response._repr_markdown_()
    return markdown


def test_a_chat() -> None:
    """Text is Markdown, reasoning a quotation, a tool call code."""
    call = ToolCall(id="t", function=FunctionCall(name="weather", arguments='{"city":"Bonn"}'))
    message = ChatMessage(content="**Hi**", reasoning_content="Hm.\nOh.", tool_calls=[call])
    assert shown(chat(message)) == ('> Hm.\n> Oh.\n\n**Hi**\n\n```\nweather({"city":"Bonn"})\n```')
    assert shown(chat(ChatMessage(content="a"), ChatMessage(refusal="b"))) == (
        "**Choice 0**\n\na\n\n**Choice 1**\n\nb"
    )


def test_the_others() -> None:
    """Completions and chunks show their text, pictures themselves; the rest has its `repr`."""
    assert shown(Completion(choices=[CompletionChoice(text="a")])) == "a"
    chunk = ChatCompletionChunk(choices=[ChatChunkChoice(delta=ChatDelta(content="a"))])
    assert shown(chunk) == "a"
    pictures = ImageResponse(images=[GeneratedImage(url="https://h.example/a b.png?x=(1)")])
    assert shown(pictures) == "![picture 0](https://h.example/a%20b.png?x=%281%29)"
    assert shown(ModelList()) is None
    assert shown(ChatCompletion()) is None


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("![x](https://evil.example/?q)", "!\\[x](https://evil.example/?q)"),
        ("```html\n<b>\n```\n<b>", "```html\n<b>\n```\n&lt;b>"),
        ("````\n```\n<b>\n````\n<b>", "````\n```\n<b>\n````\n&lt;b>"),
        ("~~~\n```\n<b>\n~~~\n<b>", "~~~\n```\n<b>\n~~~\n&lt;b>"),
        ("- a\n  ```\n<b>", "- a\n  ```\n&lt;b>"),
        ("> ```\n<b>", "> ```\n&lt;b>"),
        ("``` a`b\n<b>", "``` a`b\n&lt;b>"),
        ("```<b>\nx", "```&lt;b>\nx\n```"),
        ("```\n<b>", "```\n<b>\n```"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
    ids=str,
)
def test_no_html(text: str, made: str) -> None:
    """What a model wrote is Markdown, but no HTML and no picture outside of a block of code."""
    assert escaped(text) == made


def test_no_html_in_reasoning() -> None:
    """Within a quotation no line is taken for a block of code."""
    assert shown(chat(ChatMessage(reasoning_content="```\n<b>"))) == "> ```\n> &lt;b>"


def test_pictures_in_short() -> None:
    """A `repr` doesn't hold a whole picture, and says how large it is; other URLs are shown as they are."""
    url = f"data:image/png;base64,{'A' * 100_000}"
    shown_url = f"'{url[:60]}...' (100,022 characters)"
    part = ImagePart.of(url)
    assert repr(part.image_url) == f"ImageURL(url={shown_url}, detail=None)"
    assert shown_url in repr(part)
    assert shown_url in lines(part)
    assert len(repr(BatchRequest.chat(model="m", messages=[UserMessage([part])]))) < 500
    assert repr(GeneratedImage(url=url)) == f"GeneratedImage(url={shown_url})"
    for whole in ("https://h.example/" + "a" * 90, "data:image/png;base64,AAAA"):
        assert repr(whole) in repr(ImagePart.of(whole))


def test_addresses() -> None:
    """Only what fetches a picture is an address."""
    assert address("javascript:alert(1)") == ""
    assert address("https://h.example/a)[b](c)") == "https://h.example/a%29%5Bb%5D%28c%29"
    assert address("data:image/png;base64,AA==") == "data:image/png;base64,AA=="


def test_backticks_in_code() -> None:
    """A block of code ends where it should, whatever is in it."""
    assert code("a```b") == "````\na```b\n````"


class Printer:
    """What IPython hands in."""

    def __init__(self) -> None:
        self.shown = ""

    def text(self, text: str) -> None:
        self.shown += text


def test_lines() -> None:
    """A long `repr` takes a line for each field; a short one stays on one."""
    printer: Any = Printer()
    short = ChatMessage(content="a")
    assert lines(GeneratedImage(url="u")) == "GeneratedImage(url='u')"
    chat(short)._repr_pretty_(printer, False)
    assert printer.shown.startswith("ChatCompletion(\n    id='',\n")
    assert "    choices=[\n        ChatChoice(\n            index=0,\n" in printer.shown
    assert lines("x" * 100) == repr("x" * 100)
    of_a_batch = BatchResult(index=0, custom_id="a", request=None, response=chat(short))
    printer.shown = ""
    of_a_batch._repr_pretty_(printer, False)
    assert printer.shown.startswith("BatchResult(\n    index=0,\n    custom_id='a',\n")
    printer.shown = ""
    chat(short)._repr_pretty_(printer, False)
    assert eval(
        printer.shown, {cls.__name__: cls for cls in (ChatCompletion, ChatChoice, ChatMessage)}
    ) == chat(short)
