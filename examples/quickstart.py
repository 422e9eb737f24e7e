"""Every operation once: the account, the models, text as it is generated, many at once, a picture.

    python examples/quickstart.py

It uses the Horay API if `HORAY_API_KEY` is set, else a small model on this machine.
"""

from __future__ import annotations

import asyncio
import time

from connect import Target, connect

from horay_async import AsyncHoray, Horay

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
GUIDE = "A travel guide to Germany. The capital of Germany is"
COUNTRIES = ("Germany", "France", "Italy", "Spain", "Japan", "Norway", "Greece", "Kenya")


async def capital(client: AsyncHoray, country: str) -> str:
    """A country's capital, as far as the model knows."""
    response = await client.completions.create(
        model=MODEL,
        prompt=f"The capital of {country} is",
        max_tokens=8,
        temperature=0,
        stop=[".", ",", "\n"],
    )
    return response.choices[0].text.strip()


async def awaited(target: Target) -> None:
    """The asynchronous client."""
    async with AsyncHoray(target.api_key, base_url=target.base_url) as client:
        user = await client.user.info()
        print(f"Account   {user.name}, balance {user.total_balance}")
        models = [model.id for model in await client.models.list()]
        print(f"Models    {', '.join(models[:5])}{' ...' if models[5:] else ''}")

        print("\nA completion, as it is generated:\n")
        print(GUIDE, end="", flush=True)
        stream = await client.completions.create(
            model=MODEL, prompt=GUIDE, max_tokens=60, temperature=0, stop=["\n"], stream=True
        )
        async for text in stream.text():
            print(text, end="", flush=True)

        print("\n\nEight prompts at once, on one client:\n")
        begun = time.perf_counter()
        capitals = await asyncio.gather(*(capital(client, country) for country in COUNTRIES))
        seconds = time.perf_counter() - begun
        for country, found in zip(COUNTRIES, capitals, strict=True):
            print(f"  {country:<9} {found}")
        print(f"\n  {len(capitals)} responses in {seconds:.1f} s")

        image = await client.images.generate(
            model="black-forest-labs/FLUX.1-schnell",
            prompt="an island at dusk",
            image_size="768x512",
            seed=7,
        )
        path = await client.images.save(image.images[0], "island.png")
        print(f"\nA picture, saved: {path} ({path.stat().st_size // 1000} kB)")
        if image.model:
            print(f"  by {image.model}")


def blocking(target: Target) -> None:
    """The blocking client: the same methods, called without `await`."""
    print("\nThe same, blocking:\n")
    with Horay(target.api_key, base_url=target.base_url) as client:
        print(GUIDE, end="", flush=True)
        stream = client.completions.create(
            model=MODEL, prompt=GUIDE, max_tokens=60, temperature=0, stop=["\n"], stream=True
        )
        for text in stream.text():
            print(text, end="", flush=True)
        print()


if __name__ == "__main__":
    with connect() as target:
        asyncio.run(awaited(target))
        blocking(target)
