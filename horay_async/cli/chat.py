"""`horay chat`: a conversation on the terminal, or one question from a script."""

from __future__ import annotations

import sys
from typing import Annotated, Any

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

__all__ = ["chat"]


@expand_groups
def chat(
    message: Text = None,
    *,
    model: ChatModel = None,
    system: Annotated[
        str | None, typer.Option("-s", "--system", help="What the model is to be told first.")
    ] = None,
    sampling: Sampling,
    streamed: Streamed = None,
    as_json: AsJson = False,
    server: Server,
) -> None:
    """Talk with a model.

    Without a message, on a terminal, it is a conversation: /help there tells the rest.
    """
    if message is None and sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
        from horay_async.cli.conversation import Conversation  # noqa: PLC0415 - loads readline

        with open_client(server) as client:
            Conversation(client, server.model_or_default(model), system, sampling.params()).run()
        return
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": read_text(message)})
    params: dict[str, Any] = {
        "model": server.model_or_default(model),
        "messages": messages,
        **sampling.params(),
    }
    with open_client(server) as client:
        print_response(client.chat.completions, params, as_json=as_json, streamed=streamed)
