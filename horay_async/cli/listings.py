"""`horay models` and `horay user`: the models and the account, looked up."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import horay_async
from horay_async.cli.options import AsJson, ServerOptions, expand_groups, given, literal_option
from horay_async.cli.output import for_stdout, write_json
from horay_async.cli.session import open_client


@dataclass(kw_only=True)
class ModelFilter:
    """Which models are listed. The fields are named as the parameters of `models.list`."""

    type: str | None = literal_option(
        lambda: horay_async.ModelType, "One of text, image, audio, video."
    )
    sub_type: str | None = literal_option(
        lambda: horay_async.ModelSubType,
        "One of chat, embedding, reranker, text-to-image, image-to-image, speech-to-text, text-to-video.",
    )


@expand_groups
def models(*, wanted: ModelFilter, as_json: AsJson = False, server: ServerOptions) -> None:
    """List the models: in a pipe their names, one a line."""
    with open_client(server) as client:
        found = client.models.list(**given(**vars(wanted)))
    if as_json:
        write_json(found)
    elif sys.stdout.isatty():
        from horay_async.cli.table import show  # noqa: PLC0415 - loads rich, which pipes do without

        show(found.data)
    else:
        print("\n".join(model.id for model in found))


@expand_groups
def user(*, as_json: AsJson = False, server: ServerOptions) -> None:
    """Show the account behind the key, and what is left on it."""
    with open_client(server) as client:
        info = client.user.info()
    if as_json:
        write_json(info)
        return
    for label, value in (
        ("name", info.name),
        ("email", info.email),
        ("status", info.status),
        ("role", info.role),
        ("granted", info.balance),
        ("paid in", info.charge_balance),
        ("total", info.total_balance),
    ):
        if value not in (None, ""):
            print(f"{label:<10}{for_stdout(str(value))}")
