"""`horay chat`: a conversation on the terminal, or one question from a script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from horay_async.cli import options
from horay_async.cli.inputs import Content, parse_path, read_content
from horay_async.cli.responses import print_response
from horay_async.cli.session import open_client


@options.expand_groups
def chat(
    message: options.Text = None,
    *,
    files: list[Path] | None = options.option(
        "Text or an image to send with the message; may be repeated.",
        "-f",
        "--file",
        metavar="FILE",
        parser=parse_path,
    ),
    model: options.ChatModel = None,
    system: str | None = options.option(
        "The system message: what the model is to keep to.", "-s", "--system"
    ),
    sampling: options.Sampling,
    markdown: bool = options.option(
        "Lay out Markdown on a terminal. A pipe gets it as it is.", default=True
    ),
    output: options.Output,
    server: options.ServerOptions,
) -> None:
    """Talk with a model.

    Without a message, on a terminal, it is a conversation: /help there tells the rest. A pipe and files
    join the message.
    """
    to_terminal = sys.stdout.isatty() and not output.as_json and not output.file
    if message is None and sys.stdin.isatty() and to_terminal:
        from horay_async.cli.conversation import Conversation  # noqa: PLC0415 - loads readline

        # Bytes that aren't UTF-8 are an error once the line is read, see `decode_argument`.
        cast("Any", sys.stdin).reconfigure(errors="surrogateescape")
        attached = Content()
        attached.add_files(files or ())
        with open_client(server) as client:
            Conversation(
                client,
                server.model_or_default(model),
                system,
                sampling.params(),
                markdown=markdown,
                attached=attached,
            ).run()
        return
    first = [{"role": "system", "content": system}] if system else []
    content = read_content(message, files or (), images=True)
    params = {
        "model": server.model_or_default(model),
        "messages": [*first, {"role": "user", "content": content.parts()}],
        **sampling.params(),
    }
    with open_client(server) as client:
        print_response(client.chat.completions, params, output, markdown=markdown)
