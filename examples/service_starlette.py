"""The service of `service.py` on Starlette. FastAPI, which is built on it, takes `answer` as it is.

    python examples/service_starlette.py [port [seconds]]

It needs starlette and uvicorn. When the browser leaves, the generation is stopped; when the service is
stopped, by SIGTERM or Ctrl-C, responses under way may go on for some seconds (10 by default).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from socket import socket

import anyio
import uvicorn
from connect import connect
from grace import PAGE, Grace, Stopping
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from horay_async import APIError, AsyncHoray, Timeouts

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


@contextlib.asynccontextmanager
async def client_of_the_service(app: Starlette) -> AsyncGenerator[None]:
    """One client for all requests; it is closed when the last of them has ended."""
    with connect() as target:
        # Somebody is waiting: less than the client's own 600 and 120 seconds (guide: retries and timeouts).
        timeout = Timeouts(first_byte=30, idle=20, total=120)
        async with AsyncHoray(target.api_key, base_url=target.base_url, timeout=timeout) as client:
            app.state.client = client
            yield


async def page(_: Request) -> Response:
    """The page with the form."""
    return HTMLResponse(PAGE)


async def answer(request: Request) -> Response:
    """A response, piece by piece."""
    state = request.app.state
    return Answer(state.client, state.grace, request.query_params.get("question", ""))


class Answer(PlainTextResponse):
    """A response that ends with its browser, also while the model hasn't begun to respond.

    Starlette's StreamingResponse notices a browser that left only once it streams, and with some servers
    only when it sends the next piece.
    """

    def __init__(self, client: AsyncHoray, grace: Grace, question: str) -> None:
        super().__init__()
        del self.headers["Content-Length"]  # nobody knows it yet
        self._client = client
        self._grace = grace
        self._question = question

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Responds, and looks out for the browser at the same time."""
        async with anyio.create_task_group() as group:

            async def look_out() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                print("The browser left: generation stopped.", flush=True)
                group.cancel_scope.cancel()

            group.start_soon(look_out)
            await self._answer(scope, receive, send)
            group.cancel_scope.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        last = b""
        try:
            async with self._grace.given():
                stream = await self._client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": self._question}],
                    max_tokens=500,
                    stream=True,
                )
                async with stream:  # left early, it closes its connection: the server stops
                    start = {"status": self.status_code, "headers": self.raw_headers}
                    await send({"type": "http.response.start", **start})
                    begun = True
                    async for text in stream.text():
                        piece = {"body": text.encode(), "more_body": True}
                        await send({"type": "http.response.body", **piece})
        except (APIError, Stopping) as error:
            if not begun:
                failed = PlainTextResponse(f"The model can't be asked: {error}", status_code=502)
                await failed(scope, receive, send)
                return
            last = f"\n[The response broke off: {error}]".encode()
        await send({"type": "http.response.body", "body": last})


class Server(uvicorn.Server):
    """Tells the service at once when it is to stop; uvicorn does so only when all responses have ended."""

    def __init__(self, config: uvicorn.Config, grace: Grace) -> None:
        super().__init__(config)
        self._grace = grace

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        print(f"Running on http://{self.config.host}:{self.config.port} (Ctrl-C stops)", flush=True)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Lets nobody new in, and waits for the responses under way."""
        asyncio.get_running_loop().call_soon(self._grace.begin)  # when the listeners are closed
        await super().shutdown(sockets)


def main(port: int = 8080, seconds: float = 10) -> None:
    """Runs until SIGTERM or Ctrl-C."""
    app = Starlette(
        routes=[Route("/", page), Route("/answer", answer)], lifespan=client_of_the_service
    )
    app.state.grace = Grace(seconds)
    config = uvicorn.Config(
        app, port=port, log_level="warning", timeout_graceful_shutdown=round(seconds + 5)
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn repeats the signal when it is done
        Server(config, app.state.grace).run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
