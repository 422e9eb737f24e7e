"""`horay complete`: continues a text."""

from __future__ import annotations

from horay_async.cli import options
from horay_async.cli.inputs import read_content
from horay_async.cli.responses import print_response
from horay_async.cli.session import open_client


@options.expand_groups
def complete(
    prompt: options.Text = None,
    *,
    model: options.ChatModel = None,
    sampling: options.Sampling,
    n: int | None = options.option(
        "Continuations to generate; a line --- separates them.", "--choices"
    ),
    output: options.Output,
    server: options.ServerOptions,
) -> None:
    """Continue a text."""
    params = {
        "model": server.model_or_default(model),
        "prompt": read_content(prompt).text(),
        **sampling.params(),
        **options.given(n=n),
    }
    with open_client(server) as client:
        print_response(client.completions, params, output)
