"""The HTTP side: routes, keys, limits, and the way from a request to the engine and back."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from horay_async._json import Json, is_object
from horay_async.models._base import refuse_constant

from . import hosts
from .embeddings import embedding_call, embedding_response
from .engine import Engine, Kind
from .errors import ApiProblem
from .images import ImageStore, render
from .requests import RENDERER, chat_call, completion_call, makes_images
from .responses import ChatResponseBuilder, CompletionResponseBuilder, ResponseBuilder
from .validation import IMAGE, IMAGE_SEEDS, MODEL_FILTERS, refuse, validate

# Generous for text, and far below what would hurt a laptop.
MAX_BODY: Final = 4 * 1024 * 1024
_RENDERER_NOTE: Final = f"{RENDERER} (computed by rule on this machine, no diffusion model)"
KINDS: Final = (("text", ("chat", "embedding")), ("image", ("text-to-image",)))
"""The `type` and the `sub_type`s of each model."""

_log = logging.getLogger("horay_async.local")

HTTP_LOG: Final = logging.getLogger("horay_async.local.http")
"""aiohttp's log of requests that aren't valid HTTP: in one line, since its traceback would show their headers, the
key too."""


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


HTTP_LOG.addFilter(_without_traceback)


@dataclass(frozen=True)
class Service:
    """What the routes work with, and the routes themselves."""

    engine: Engine
    embedding_engine: Callable[[], Engine]
    """The engine for embeddings, started at the first call; the same one at every further call."""
    host: str
    """The address that the server listens on, as it was given."""
    model: str
    """The local model's name, reported in every response whatever name was asked for."""
    api_key: str
    image_store: ImageStore = field(default_factory=ImageStore)
    started: int = field(default_factory=lambda: int(time.time()))
    """Unix time of the start, in seconds."""

    def app(self) -> web.Application:
        """An application that needs `handler_cancellation` of its runner: it stops generations."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        app.on_response_prepare.append(_name_request)
        app.router.add_get("/v1/user/info", self.user_info, allow_head=False)
        app.router.add_get("/v1/models", self.models, allow_head=False)
        app.router.add_get("/v1/models/{name:.+}", self.model_by_id, allow_head=False)
        app.router.add_post("/v1/embeddings", self.embeddings)
        app.router.add_post("/v1/completions", self.completions)
        app.router.add_post("/v1/chat/completions", self.chat_completions)
        app.router.add_post("/v1/image/generations", self.images)
        app.router.add_get("/pictures/{name}", self.picture)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Ask for the key under /v1, and give every refusal the API's error body."""
        try:
            self._check_host(request)
            if request.path.startswith("/v1/"):
                self._authenticate(request)
            response: web.StreamResponse = await handler(request)
            return response
        except ApiProblem as problem:
            return _refusal(problem)
        except web.HTTPException as refused:
            return _refusal(_routing_problem(request, refused), Allow=refused.headers.get("Allow"))
        except ConnectionError:
            raise  # the client is gone: nobody to respond to
        except Exception:  # noqa: BLE001 - whatever a handler trips over is a 500, and logged
            _log.exception("the local server failed on %s %s", request.method, request.path)
            return _refusal(ApiProblem(500, "the local server failed", type="server_error"))

    def _check_host(self, request: web.Request) -> None:
        """Refuse a `Host` that another site's name can stand behind, while the key is well known.

        A web page can rebind its own name to this machine's address, and then read what this server
        sends (DNS rebinding); but the browser goes on sending that name.
        """
        name = hosts.name_of(request.headers.get("Host", ""))
        if self.api_key == hosts.DEFAULT_API_KEY and not hosts.is_own(name, self.host):
            raise ApiProblem(
                403,
                f"this server doesn't respond to the host {name[:100]!r}; use localhost or an IP "
                "address, or start it with an API key of your own",
                type="permission_error",
                code="host_not_allowed",
            )

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given, right = key.strip().encode(errors="replace"), self.api_key.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, right):
            raise ApiProblem(
                401,
                "the API key is missing or wrong; send Authorization: Bearer <key>",
                type="authentication_error",
                code="invalid_api_key",
            )

    async def user_info(self, _: web.Request) -> web.Response:
        """`GET /user/info`: the local account, of which nothing is ever charged."""
        # More than nothing: a client may refuse to go on with an empty account.
        data = {
            "id": "local",
            "name": "Local account",
            "image": "",
            "email": "local@example.invalid",
            "isAdmin": False,
            "balance": "1.00",
            "status": "normal",
            "introduction": "The account of a local development server; nothing is charged.",
            "role": "user",
            "chargeBalance": "0.00",
            "totalBalance": "1.00",
        }
        return _json({"code": 20000, "message": "OK", "status": True, "data": data})

    async def models(self, request: web.Request) -> web.Response:
        """`GET /models`: the text model in use, and the renderer under its honest name."""
        wanted = validate(request.query, MODEL_FILTERS, ())
        data = [
            model
            for model, (kind, sub_kinds) in zip(self._models(), KINDS, strict=True)
            if wanted.get("type", kind) == kind
            and wanted.get("sub_type", sub_kinds[0]) in sub_kinds
        ]
        return _json({"object": "list", "data": data})

    async def model_by_id(self, request: web.Request) -> web.Response:
        """`GET /models/{id}`: the model that a request with this name gets, under its own name."""
        text, images = self._models()
        return _json(images if makes_images(request.match_info["name"]) else text)

    def _models(self) -> list[Json]:
        """The text model and the renderer."""
        return [
            {"id": name, "object": "model", "created": self.started, "owned_by": owner}
            for name, owner in (
                (self.model, "llama.cpp on this machine"),
                (RENDERER, "computed by rule, no diffusion model"),
            )
        ]

    async def embeddings(self, request: web.Request) -> web.Response:
        """`POST /embeddings`: the loaded model's vectors, the mean over each text's tokens."""
        call = embedding_call(await _body(request))
        events: list[Json] = [{}] * len(call.inputs)
        async with self.embedding_engine().run("embeddings", call.jobs()) as run:
            try:
                async for index, event in run:
                    events[index] = event
            except ApiProblem as problem:
                # llama.cpp calls this a failure of its own (500), and advises a setting.
                if "too large to process" in problem.message:
                    limit = self.embedding_engine().options.longest
                    raise refuse("input", f"must have at most {limit} tokens a text") from None
                raise
        return _json(embedding_response(call, events, self.model))

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """`POST /completions`."""
        builder = CompletionResponseBuilder(completion_call(await _body(request)), self.model)
        return await self._generate(request, "completions", builder)

    async def chat_completions(self, request: web.Request) -> web.StreamResponse:
        """`POST /chat/completions`."""
        builder = ChatResponseBuilder(chat_call(await _body(request)), self.model)
        return await self._generate(request, "chat_completions", builder)

    async def _generate(
        self, request: web.Request, kind: Kind, builder: ResponseBuilder
    ) -> web.StreamResponse:
        async with self.engine.run(kind, builder.call.jobs) as events:
            if not builder.call.stream:
                async for index, event in events:
                    builder.choices(index, event)
                return _json(builder.response())
            response: web.StreamResponse | None = None
            try:
                async for index, event in events:
                    # Only now, as a job that the engine refuses still gets a proper status.
                    response = response or await _open_stream(request)
                    for choice in builder.choices(index, event):
                        await response.write(_sse(builder.chunk(choice)))
                response = response or await _open_stream(request)
                if builder.call.include_usage:
                    await response.write(_sse(builder.usage_chunk()))
                await response.write(b"data: [DONE]\n\n")
            except ApiProblem as problem:
                if response is None:
                    raise
                await response.write(_sse(problem.body()))
            except ConnectionResetError:  # the client has left
                if response is None:
                    raise
            return response

    async def images(self, request: web.Request) -> web.Response:
        """`POST /image/generations`: a seeded picture, kept at a URL until newer ones need room."""
        given = validate(await _body(request), IMAGE, ("model", "prompt", "image_size"))
        seed = given.get("seed") or random.randint(*IMAGE_SEEDS)
        width, height = map(int, given["image_size"].split("x"))
        begun = time.perf_counter()
        picture = await asyncio.to_thread(render, given["prompt"], seed, width, height)
        seconds = time.perf_counter() - begun
        url = request.url.origin() / "pictures" / self.image_store.add(picture)
        return _json(
            {
                "images": [{"url": str(url)}],
                "timings": {"inference": round(seconds, 4)},
                "seed": seed,
                "model": _RENDERER_NOTE,
            }
        )

    async def picture(self, request: web.Request) -> web.Response:
        """A picture's bytes; the name can't be guessed, so no key is asked for."""
        picture = self.image_store.get(request.match_info["name"])
        if picture is None:
            raise ApiProblem(404, "there is no such picture, or not any more", code="not_found")
        return web.Response(body=picture, content_type="image/png")


async def _name_request(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["x-request-id"] = uuid.uuid4().hex


async def _body(request: web.Request) -> Mapping[str, object]:
    try:
        body = json.loads(await request.read(), parse_constant=refuse_constant)
        # llama.cpp takes no lone surrogates, which JSON's \u escapes can smuggle in.
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        problem = "the body contains half of a surrogate pair, which isn't text"
        raise ApiProblem(400, problem, code="invalid_json") from None
    except (ValueError, RecursionError) as error:
        raise ApiProblem(400, f"the body is not valid JSON: {error}", code="invalid_json") from None
    except web.RequestPayloadError as error:
        raise ApiProblem(400, "the body can't be decoded as its headers say") from error
    if not is_object(body):
        raise ApiProblem(400, "the body must be a JSON object", code="invalid_json")
    return body


async def _open_stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    return response


_dumps: Callable[[object], str] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _sse(event: Mapping[str, object]) -> bytes:
    return f"data: {_dumps(event)}\n\n".encode()


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=_dumps(body).encode(), status=status, content_type="application/json")


def _refusal(problem: ApiProblem, **headers: str | None) -> web.Response:
    response = _json(problem.body(), problem.status)
    response.headers.update({name: value for name, value in headers.items() if value})
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _routing_problem(request: web.Request, refused: web.HTTPException) -> ApiProblem:
    message, code = {
        404: (f"there is no {request.path} here", "not_found"),
        405: (f"{request.path} doesn't take {request.method}", "method_not_allowed"),
        413: (f"the body is larger than {MAX_BODY} bytes", "request_too_large"),
    }.get(refused.status, (refused.reason, "bad_request"))
    return ApiProblem(refused.status, message, code=code)
