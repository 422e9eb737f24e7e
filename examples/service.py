"""A web service that passes an answer on to the browser while it is generated.

    python examples/service.py [port]

When the browser leaves, the generation is stopped: nobody pays for tokens that nobody reads.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from connect import connect

from horay_async import APIError, AsyncHoray

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
CLIENT = web.AppKey("client", AsyncHoray)
PAGE = """<!doctype html>
<meta charset="utf-8"><title>Ask</title>
<style>body { font: 1.1rem/1.5 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
input { font: inherit; width: 75% } pre { font: inherit; white-space: pre-wrap }</style>
<form><input name="question" value="Tell me a long story about the sea."> <button>Ask</button></form>
<pre></pre>
<script>
document.forms[0].onsubmit = async event => {
  event.preventDefault()
  const out = document.querySelector("pre"), form = new FormData(event.target)
  out.textContent = ""
  const answer = await fetch("/answer?" + new URLSearchParams(form))
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let part; !(part = await reader.read()).done;) out.textContent += part.value
}
</script>
"""


async def client_of_the_service(app: web.Application) -> AsyncIterator[None]:
    """One client for all requests, as long as the service runs."""
    with connect() as target:
        async with AsyncHoray(target.api_key, base_url=target.base_url) as client:
            app[CLIENT] = client
            yield


async def page(_: web.Request) -> web.Response:
    """The page with the form."""
    return web.Response(text=PAGE, content_type="text/html")


async def answer(request: web.Request) -> web.StreamResponse:
    """An answer, piece by piece. A browser that leaves cancels this, wherever it waits."""
    question = request.query.get("question", "")
    try:
        stream = await request.app[CLIENT].chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": question}],
            max_tokens=500,
            stream=True,
        )
    except APIError as error:
        return web.Response(status=502, text=f"The model can't be asked: {error}")
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    try:
        async with stream:  # left before its end, it closes its connection, and the server stops
            await response.prepare(request)
            async for text in stream.text():
                await response.write(text.encode())
    except APIError as error:
        await response.write(f"\n[The answer broke off: {error}]".encode())
    except asyncio.CancelledError:
        print("The browser left: generation stopped.", flush=True)
        raise
    return response


def main(port: int) -> None:
    """Runs until Ctrl-C."""
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/answer", answer)])
    app.cleanup_ctx.append(client_of_the_service)
    # handler_cancellation is off by default: without it a handler outlives its browser.
    web.run_app(app, host="127.0.0.1", port=port, handler_cancellation=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8080)
