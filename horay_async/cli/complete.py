"""`horay complete`: continues a text."""

from __future__ import annotations

from typing import Annotated

import typer

from horay_async.cli.options import (
    AsJson,
    ChatModel,
    Sampling,
    Server,
    Streamed,
    Text,
    expand_groups,
)
from horay_async.cli.output import read_text
from horay_async.cli.responses import print_response
from horay_async.cli.session import open_client

__all__ = ["complete"]


@expand_groups
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
    params = {
        "model": server.model_or_default(model),
        "prompt": read_text(prompt),
        **sampling.params(),
    }
    if n is not None:
        params["n"] = n
    with open_client(server) as client:
        print_response(client.completions, params, as_json=as_json, streamed=streamed)
