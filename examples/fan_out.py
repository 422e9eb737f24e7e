"""Many prompts on one client, printed as they are answered; a failed one doesn't stop the rest.

    python examples/fan_out.py

`max_connections` is how many requests are under way at once. All tasks can be started right away:
those over the limit wait in line.
"""

from __future__ import annotations

import asyncio
import time

from connect import connect

from horay_async import APIError, AsyncHoray

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
COUNTRIES = (
    "Austria", "Brazil", "Canada", "Chile", "Cuba", "Denmark", "France", "Germany", "Greece", "Hungary",
    "Italy", "Japan", "Kenya", "Mexico", "Norway", "Portugal", "Russia", "Spain", "Sweden", "Thailand",
)  # fmt: skip


async def ask(client: AsyncHoray, country: str) -> int:
    """Prints a country's capital; gives the tokens that it took."""
    try:
        response = await client.completions.create(
            model=MODEL,
            prompt=f"The capital of {country} is",
            max_tokens=8,
            temperature=0,
            stop=[".", ",", "\n"],
        )
    except APIError as error:  # after the client's own retries
        print(f"  {country:<9} failed: {error}")
        return 0
    print(f"  {country:<9} {response.choices[0].text.strip()}")
    return response.usage.total_tokens if response.usage else 0


async def main() -> None:
    """A task for each prompt. Leaving the group early, as by Ctrl-C, cancels what is under way."""
    with connect() as target:
        async with AsyncHoray(
            target.api_key, base_url=target.base_url, max_connections=8
        ) as client:
            begun = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(client, country)) for country in COUNTRIES]
            seconds = time.perf_counter() - begun
            tokens = sum(task.result() for task in tasks)
            print(f"\n{len(tasks)} prompts, {tokens} tokens, {seconds:.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
