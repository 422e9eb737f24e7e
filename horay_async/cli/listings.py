"""`horay models` and `horay user`: what the API knows, looked up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import horay_async
from horay_async.cli.options import AsJson, Server, one_of, takes
from horay_async.cli.output import colours, printable, shown, write_json
from horay_async.cli.session import client_of

if TYPE_CHECKING:
    from horay_async import ModelList, ModelListParams

__all__ = ["models", "user"]


@takes
def models(
    type: Annotated[str | None, one_of(lambda: horay_async.ModelType, "Such as text.")] = None,
    sub_type: Annotated[
        str | None, one_of(lambda: horay_async.ModelSubType, "Such as chat.")
    ] = None,
    *,
    as_json: AsJson = False,
    server: Server,
) -> None:
    """List the models: in a pipe their names, one a line."""
    asked: dict[str, Any] = {"type": type, "sub_type": sub_type}
    params = cast("ModelListParams", {key: word for key, word in asked.items() if word})
    with client_of(server) as client:
        found = client.models.list(**params)
    if as_json:
        write_json(found.to_dict())
    elif sys.stdout.isatty():
        _show(found)
    else:
        print("\n".join(model.id for model in found))


def _show(found: ModelList) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415 - with rich, of which pipes have no need

    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    def since(created: int) -> str:
        return str(datetime.fromtimestamp(created, UTC).date()) if created else ""

    columns = {
        "model": [model.id for model in found],
        "owner": [model.owned_by for model in found],
        "since": [since(model.created) for model in found],
    }
    told = {name: values for name, values in columns.items() if any(values)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in told:
        table.add_column(name, style="" if name == "model" else "dim", overflow="fold")
    for row in zip(*told.values(), strict=True):
        table.add_row(*map(printable, row))
    console = Console(
        color_system="auto" if colours(sys.stdout) else None, markup=False, highlight=False
    )
    console.print(table)


@takes
def user(*, as_json: AsJson = False, server: Server) -> None:
    """Show the account behind the key, and what is left on it."""
    with client_of(server) as client:
        info = client.user.info()
    if as_json:
        write_json(info.to_dict())
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
            print(f"{label:<10}{shown(str(value))}")
