"""Ask a model that can see about a picture: a file, or a URL.

    HORAY_API_KEY=... python examples/describe_image.py MODEL picture.png

The local server's model can't see, and refuses the request.
"""

from __future__ import annotations

import asyncio
import sys

from horay_async import AsyncHoray, ImagePart, SystemMessage, TextPart, UserMessage


async def main(model: str, picture: str) -> None:
    """Prints what is in the picture, and asks once more about it."""
    messages = [
        SystemMessage("Answer in one sentence."),
        UserMessage([TextPart("What is in this picture?"), ImagePart.of(picture)]),
    ]
    async with AsyncHoray() as client:
        response = await client.chat.completions.create(
            model=model, messages=messages, max_tokens=100
        )
        print(response.choices[0].message.content)
        again = [*messages, response.choices[0].message, UserMessage("Which colours has it?")]
        response = await client.chat.completions.create(model=model, messages=again, max_tokens=100)
        print(response.choices[0].message.content)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/describe_image.py MODEL PICTURE")
    asyncio.run(main(*sys.argv[1:]))
