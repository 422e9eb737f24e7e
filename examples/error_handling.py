"""What goes wrong, and what to catch: from a wrong parameter to a server that isn't there.

python examples/error_handling.py
"""

from __future__ import annotations

import asyncio

from connect import connect

from horay_async import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncHoray,
    AuthenticationError,
    BadRequestError,
    RateLimitError,
)

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


async def ask(client: AsyncHoray, case: str, temperature: float = 0) -> None:
    """One call, and what a program can tell from each kind of failure. The order is from narrow to wide."""
    print(f"{case}:")
    try:
        await client.completions.create(
            model=MODEL, prompt="Once upon a time", max_tokens=200, temperature=temperature
        )
    except AuthenticationError as error:
        print(f"  check HORAY_API_KEY: {error.message}")
    except BadRequestError as error:
        print(f"  the request is wrong, parameter {error.param!r}: {error.message}")
    except RateLimitError as error:  # raised only once the client's own retries are used up
        print(f"  too many requests; the server asks to wait {error.retry_after} s")
    except APIStatusError as error:
        print(f"  the server refused with {error.status_code}: {error.message}")
    except APITimeoutError as error:
        print(f"  too slow, by the timeout {error.clock!r}: {error.message}")
    except APIConnectionError as error:
        tries = ", ".join(
            f"{attempt.error} after {attempt.seconds:.2f} s" for attempt in error.attempts
        )
        print(f"  no way to the server: {error.message}")
        print(f"  {len(error.attempts)} attempts: {tries}")
        print(f"  was the request run? {error.execution}")
    except APIError as error:
        print(f"  something else: {error}")
    else:
        print("  it worked")
    print()


async def main() -> None:
    """Failures on purpose."""
    with connect() as target:
        async with AsyncHoray(target.api_key, base_url=target.base_url) as client:
            await ask(client, "A parameter out of its range", temperature=9)
            await ask(client.with_options(timeout=0.05), "A deadline that is too short")
        async with AsyncHoray("not-the-right-key", base_url=target.base_url) as client:
            await ask(client, "A wrong key")
    # Port 9, "discard", where hardly any machine listens.
    async with AsyncHoray("any-key", base_url="http://127.0.0.1:9/v1", max_retries=1) as client:
        await ask(client, "A server that isn't there")


if __name__ == "__main__":
    asyncio.run(main())
