"""`horay complete`: continues a text."""

from __future__ import annotations

from typing import Annotated

import typer

from horay_async.cli.answers import answer
from horay_async.cli.options import (
    AsJson,
    ChatModel,
    Sampling,
    Server,
    Streamed,
    Text,
    takes,
)
from horay_async.cli.output import text_of
from horay_async.cli.session import client_of

__all__ = ["complete"]


@takes
def complete(
    prompt: Text = None,
    *,
    model: ChatModel = None,
    sampling: Sampling,
    n: Annotated[
        int | None,
        typer.Option("--choices", help="Continuations to generate; --- parts them."),
    ] = None,
    streamed: Streamed = None,
    as_json: AsJson = False,
    server: Server,
) -> None:
    """Continue a text."""
    params = {"model": server.named(model), "prompt": text_of(prompt), **sampling.params()}
    if n is not None:
        params["n"] = n
    with client_of(server) as client:
        answer(client.completions, params, as_json=as_json, streamed=streamed)
