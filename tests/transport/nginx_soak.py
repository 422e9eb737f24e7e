"""Calls through nginx, none of which may be lost: `python tests/transport/nginx_soak.py --calls 5000`.

nginx stands in front of a scripted server, with TLS, keep-alive of one second, compression and no
buffering, as gateways do. Many of the calls come just when their connection is being closed. Prints how
many were answered, retried and lost; needs `nginx` on the path (Debian: `nginx-light`).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import trustme

from horay_async import APIError, AsyncHoray
from horay_async.testing import FaultServer, Gate, Reply, Request

CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_min_length 1; gzip_proxied any; gzip_types application/json text/event-stream;
    keepalive_timeout 1s;
    upstream horay {{ server {upstream}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://horay; proxy_buffering off;
            proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""

KEEPALIVE = 1.0
"""Seconds, as in the configuration."""


def start(folder: Path, upstream: str, port: int) -> tuple[subprocess.Popen[bytes], ssl.SSLContext]:
    """Starts nginx; gives its process, and what clients need to trust it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "chain.pem"), append=True)
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, upstream=upstream, port=port))
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    # Its own log is named before the configuration is read, or it would want the system's.
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(config)]
    return subprocess.Popen(command), context


def echo(request: Request) -> Reply:
    """Responds to a text with itself."""
    return Reply(request.json()["prompt"])


async def call(client: AsyncHoray, number: int) -> tuple[bool, int]:
    """One call, whole or streamed: whether the response is right, and how many attempts it took."""
    prompt = f"words of call no. {number} " * (1 + number % 50)
    if number % 2:
        whole = await client.completions.create(model="m", prompt=prompt)
        return whole.choices[0].text == prompt, len(whole.meta.attempts)
    async with client.completions.stream(model="m", prompt=prompt) as events:
        response = await events.final()
        return response.choices[0].text == prompt, len(events.meta.attempts)


async def soak(client: AsyncHoray, calls: int, at_once: int) -> Counter[str]:
    """Makes the calls, so many at once, with pauses around the keep-alive's length."""
    found: Counter[str] = Counter()
    numbers = iter(range(calls))
    draw = random.Random(5)

    async def worker() -> None:
        for number in numbers:
            try:
                right, attempts = await call(client, number)
            except APIError as error:
                found[f"lost: {error}"] += 1
            else:
                found["right" if right else "lost: wrong response"] += 1
                found["retried"] += attempts > 1
            if draw.random() < 0.2:
                await asyncio.sleep(KEEPALIVE + draw.uniform(-0.02, 0.02))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return found


async def run(calls: int, at_once: int, port: int, *, reload: bool) -> bool:
    """Runs the whole thing and prints what came of it; says whether nothing was lost."""
    with FaultServer() as server, tempfile.TemporaryDirectory(prefix="nginx") as name:
        server.always(echo, path="/completions")
        folder = Path(name)
        process, context = start(folder, server.origin.removeprefix("http://"), port)
        stop = Gate()

        async def reloading() -> None:
            while not stop.is_open:
                await asyncio.sleep(0.5)
                process.send_signal(
                    1
                )  # SIGHUP: new workers take over, and old ones close what is idle

        try:
            async with AsyncHoray(
                server.api_key,
                base_url=f"https://127.0.0.1:{port}/v1",
                ssl_context=context,
                max_connections=at_once,
            ) as client:
                await client.with_options(max_retries=10).models.list()  # until nginx listens
                began = time.perf_counter()
                reloader = asyncio.ensure_future(reloading()) if reload else None
                found = await soak(client, calls, at_once)
                seconds = time.perf_counter() - began
                stop.open()
                if reloader is not None:
                    await reloader
        finally:
            process.terminate()
            process.wait()
        ran = sum(request.executed for request in server.requests) - 1
    print(f"{calls} calls in {seconds:.1f} s, {ran} runs upstream: {dict(found)}")
    return found["right"] == calls


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--reload", action="store_true", help="reload nginx twice a second")
    given = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("nginx isn't installed: nothing was run")
    sys.exit(not asyncio.run(run(given.calls, given.at_once, given.port, reload=given.reload)))


if __name__ == "__main__":
    main()
