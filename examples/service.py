"""A web service on aiohttp that passes a response on to the browser while it is generated.

    python examples/service.py [port [seconds]]

When the browser leaves, the generation is stopped: nobody pays for tokens that nobody reads. When the
service is stopped, by SIGTERM or Ctrl-C, responses under way may go on for some seconds (10 by default).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from connect import connect
from grace import PAGE, Grace, Stopping

from horay_async import APIError, AsyncHoray, Timeouts

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
CLIENT = web.AppKey("client", AsyncHoray)
GRACE = web.AppKey("grace", Grace)


async def client_of_the_service(app: web.Application) -> AsyncIterator[None]:
    """One client for all requests; it is closed when the last of them has ended."""
    with connect() as target:
        # Somebody is waiting: less than the client's own 600 and 120 seconds (guide: retries and timeouts).
        timeout = Timeouts(first_byte=30, idle=20, total=120)
        async with AsyncHoray(target.api_key, base_url=target.base_url, timeout=timeout) as client:
            app[CLIENT] = client
            yield


async def page(_: web.Request) -> web.Response:
    """The page with the form."""
    return web.Response(text=PAGE, content_type="text/html")


async def answer(request: web.Request) -> web.StreamResponse:
    """A response, piece by piece. A browser that leaves cancels this, wherever it waits."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    try:
        async with request.app[GRACE].given():
            stream = await request.app[CLIENT].chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": request.query.get("question", "")}],
                max_tokens=500,
                stream=True,
            )
            async with stream:  # left before its end, it closes its connection: the server stops
                await response.prepare(request)
                async for text in stream.text():
                    await response.write(text.encode())
    except (APIError, Stopping) as error:
        if not response.prepared:
            return web.Response(status=502, text=f"The model can't be asked: {error}")
        await response.write(f"\n[The response broke off: {error}]".encode())
    except asyncio.CancelledError:
        print("The browser left: generation stopped.", flush=True)
        raise
    return response


async def stop(app: web.Application) -> None:
    """Nobody can connect any more; what is under way has some time."""
    app[GRACE].begin()


def main(port: int = 8080, seconds: float = 10) -> None:
    """Runs until SIGTERM or Ctrl-C."""
    app = web.Application()
    app[GRACE] = Grace(seconds)
    app.add_routes([web.get("/", page), web.get("/answer", answer)])
    app.cleanup_ctx.append(client_of_the_service)
    app.on_shutdown.append(stop)
    # handler_cancellation is off by default: without it a handler outlives its browser.
    web.run_app(
        app, host="127.0.0.1", port=port, handler_cancellation=True, shutdown_timeout=seconds + 5
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
