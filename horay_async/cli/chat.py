"""`horay chat`: a conversation on the terminal, or one question from a script."""

from __future__ import annotations

import sys
from typing import Annotated, Any

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

__all__ = ["chat"]


@takes
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

        with client_of(server) as client:
            Conversation(client, server.named(model), system, sampling.params()).run()
        return
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text_of(message)})
    params: dict[str, Any] = {
        "model": server.named(model),
        "messages": messages,
        **sampling.params(),
    }
    with client_of(server) as client:
        answer(client.chat.completions, params, as_json=as_json, streamed=streamed)
