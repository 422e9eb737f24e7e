"""A picture, generated and saved.

    python examples/image.py ["what it shows"]

The local server has no diffusion model: its images are colour gradients.
"""

from __future__ import annotations

import asyncio
import sys

from connect import connect

from horay_async import AsyncHoray


async def main(prompt: str) -> None:
    """Generates, then fetches: the URL is on another host, which never gets to see the key."""
    with connect() as target:
        async with AsyncHoray(target.api_key, base_url=target.base_url) as client:
            image = await client.images.generate(
                model="black-forest-labs/FLUX.1-schnell",
                prompt=prompt,
                image_size="1024x576",
                seed=42,  # the same seed gives the same picture
            )
            path = await client.images.save(image.images[0], "image.png")
    print(f'"{prompt}", seed {image.seed}')
    if image.timings and image.timings.inference:
        print(
            f"made in {image.timings.inference:.2f} s{f' by {image.model}' if image.model else ''}"
        )
    print(f"saved as {path.resolve()} ({path.stat().st_size // 1000} kB)")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "a lighthouse at dusk"))
