"""Ask for an answer in the form of a class, and watch it fill.

python examples/typed_answer.py "Two teas at 1.20 each, due on New Year's Eve 2025"
"""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from decimal import Decimal
from typing import Literal

import attrs
from connect import Target, connect

from horay_async import AnswerError, AnswerParsed, AsyncHoray, PartialObject, UserMessageDict

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


@attrs.define
class Order:
    """What was ordered.

    Attributes:
        price: For one piece, in euros.
    """

    drink: Literal["tea", "coffee"]
    pieces: Literal[1, 2, 3]
    price: Decimal
    due: date | None


async def main(target: Target, text: str) -> None:
    """Prints the order in `text`."""
    question: UserMessageDict = {"role": "user", "content": f"Write this order as JSON: {text}"}
    async with AsyncHoray(target.api_key, base_url=target.base_url) as client:
        try:
            async with client.chat.completions.stream(
                model=MODEL,
                messages=[question],
                response_format=Order,
                max_tokens=200,
                temperature=0,
            ) as events:
                async for event in events:
                    if isinstance(event, PartialObject):
                        print("so far:", event.value)
                    elif isinstance(event, AnswerParsed):
                        print("whole: ", event.parsed)
        except AnswerError as error:
            print(f"The model wrote {error.text!r}: {error}")


if __name__ == "__main__":
    with connect() as target:
        asyncio.run(
            main(target, " ".join(sys.argv[1:]) or "Two teas at 1.20 each, due on 2025-12-31.")
        )
