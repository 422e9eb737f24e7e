"""`horay complete`: continues a text."""

from __future__ import annotations

from horay_async.cli.inputs import read_content
from horay_async.cli.options import (
    ChatModel,
    Output,
    Sampling,
    ServerOptions,
    Text,
    expand_groups,
    option,
)
from horay_async.cli.responses import print_response
from horay_async.cli.session import open_client


@expand_groups
def complete(
    prompt: Text = None,
    *,
    model: ChatModel = None,
    sampling: Sampling,
    n: int | None = option("Continuations to generate; a line --- separates them.", "--choices"),
    output: Output,
    server: ServerOptions,
) -> None:
    """Continue a text."""
    params = {
        "model": server.model_or_default(model),
        "prompt": read_content(prompt).text(),
        **sampling.params(),
    }
    if n is not None:
        params["n"] = n
    with open_client(server) as client:
        print_response(client.completions, params, output)
