"""How responses show themselves in a notebook. Pure.

Text of a model is rendered as Markdown, but none of it is HTML, and no picture that it names is fetched: a
notebook trusts the output of its own cells.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
"""What begins a block of code; only at a line's beginning, where it is in no list that could end it."""


def markdown(response: Any) -> str | None:
    """A response as Markdown; None where its class has nothing to show so."""
    if images := getattr(response, "images", None):
        return "\n\n".join(
            f"![picture {at}]({address(image.url)})" for at, image in enumerate(images)
        )
    choices: list[Any] = getattr(response, "choices", None) or []
    shown = [shown for choice in choices if (shown := _choice(choice))]
    if len(choices) > 1:
        shown = [f"**Choice {at}**\n\n{one}" for at, one in enumerate(shown)]
    return "\n\n".join(shown) or None


def _choice(choice: Any) -> str:
    message = getattr(choice, "message", None) or getattr(choice, "delta", None)
    if message is None or isinstance(message, dict):
        return escaped(getattr(choice, "text", "") or "")
    parts: list[str] = []
    if message.reasoning_content:
        quoted = escaped(message.reasoning_content, fences=False)
        parts.append("\n".join(f"> {line}" for line in quoted.split("\n")))
    parts += [escaped(text) for text in (message.content, message.refusal) if text]
    for call in message.tool_calls or ():
        function = call.function
        if function is not None:
            parts.append(code(f"{function.name or ''}({function.arguments or ''})"))
    return "\n\n".join(parts)


def escaped(text: str, *, fences: bool = True) -> str:
    """Markdown that a model wrote, without HTML and pictures. Blocks of code stay as they are."""
    made: list[str] = []
    fence = ""
    for line in re.split(r"\r\n|\r|\n", text):
        found = FENCE.match(line) if fences else None
        if fence:
            made.append(line)
            if set(line.strip()) == {fence[0]} and len(line.strip()) >= len(fence):
                fence = ""
        elif found:
            fence = found[1] or found[2]
            made.append(line if "<" not in line else _plain(line))
        else:
            made.append(_plain(line))
    if fence:
        made.append(fence)
    return "\n".join(made)


def _plain(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[")


def code(text: str) -> str:
    """Text as a block of code, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def address(url: str) -> str:
    """A URL as Markdown's syntax holds it; of schemes that fetch a picture alone."""
    if not url.lower().startswith(("https://", "http://", "data:image/")):
        return ""
    return quote(url, safe="/?&=%:@!$'*+,;~-._#")
