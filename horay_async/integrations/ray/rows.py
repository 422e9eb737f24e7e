"""From the rows of a table to requests, and from their results to columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Final, TypeAlias, cast

import attrs

from horay_async._json import is_array
from horay_async._protocol.limits.token_estimate import are_believable
from horay_async._protocol.wire.clean import well_formed
from horay_async._protocol.wire.embeddings import parts, prepare
from horay_async._protocol.wire.request import Operation
from horay_async.batch import BatchRequest, BatchResult, InvalidRequestError
from horay_async.errors import APIStatusError, ConfigurationError, HorayError
from horay_async.models._base import Response
from horay_async.models.chat import ChatCompletion
from horay_async.models.completions import Completion
from horay_async.models.embeddings import EmbeddingResponse
from horay_async.models.usage import Usage, tokens_in
from horay_async.resources import chat, completions, embeddings

pa: Any = import_module("pyarrow")  # it comes without types

Table: TypeAlias = Any
"""A `pyarrow.Table`."""

COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")

ERROR: Final = (
    "error",
    pa.struct([("type", pa.string()), ("message", pa.string()), ("status", pa.int64())]),
)
"""The column for what a row failed with."""

REFUSED: Final = frozenset({400, 413, 422})
"""Statuses by which a server refuses a request for what is in it: one of its inputs may be the cause."""


@attrs.frozen(kw_only=True)
class TableRows:
    """What is asked for the rows of a table, and where the responses go."""

    columns: ClassVar[Any]
    """What is added to a dataset. The types are fixed: a block in which nothing failed has them as well."""

    column: str
    """With what is sent: prompts, the messages of chats, or inputs to make vectors of."""
    params: Mapping[str, Any]
    """Further parameters of each request, the model among them."""
    prefix: str = ""
    """Stands before the names of the new columns."""

    def check(self, table: Table) -> None:
        """Raises `ConfigurationError` where the table has no such column, or has one of the new ones already."""
        if self.column not in table.column_names:
            raise ConfigurationError(
                f"the dataset has no column {self.column!r}, but {', '.join(table.column_names)}"
            )
        for name in self.columns.names:
            if self.prefix + name in table.column_names:
                raise ConfigurationError(
                    f"the dataset has a column {self.prefix + name!r} already: pass a prefix for the new ones"
                )

    def with_cells(self, table: Table, rows: Sequence[tuple[object, ...]]) -> Table:
        """The table with the new columns, whose cells are given row by row."""
        for at, field in enumerate(self.columns):
            column = pa.array([row[at] for row in rows], field.type)
            table = table.append_column(self.prefix + field.name, column)
        return table


@attrs.frozen(kw_only=True)
class Rows(TableRows):
    """A completion for each row."""

    columns: ClassVar[Any] = pa.schema(
        [
            ("answer", pa.string()),
            ("usage", pa.struct([(name, pa.int64()) for name in COUNTS])),
            ERROR,
        ]
    )

    chat: bool
    """Whether it is chat completions that are asked for."""

    def requests(self, table: Table) -> list[BatchRequest[Any]]:
        """A request for each row. Raises `ConfigurationError` where the columns aren't as they must be."""
        self.check(table)
        operation: Operation[Any] = chat.CREATE if self.chat else completions.CREATE
        name = "messages" if self.chat else "prompt"
        return [
            BatchRequest(operation, {**self.params, name: self._asked(cell)})
            for cell in table.column(self.column).to_pylist()
        ]

    def _asked(self, cell: object) -> object:
        if not self.chat:
            return cell
        return (
            [{"role": "user", "content": cell}] if isinstance(cell, str) else _without_nulls(cell)
        )

    def again(self, table: Table, results: Iterable[BatchResult[Any]]) -> list[BatchRequest[Any]]:
        """None: a request is of one row."""
        return []

    def with_results(self, table: Table, results: Iterable[BatchResult[Any]]) -> Table:
        """The table with what became of each row."""
        ordered = sorted(results, key=lambda result: result.index)
        return self.with_cells(table, [_cells(result) for result in ordered])


@attrs.frozen(kw_only=True)
class EmbeddingRows(TableRows):
    """What is asked for the rows, and where the vectors go.

    The rows of a table go in one request, or in as many as it takes. Where the server refuses one for what is in
    it, each of its rows is asked for alone: the others don't fail with it.
    """

    columns: ClassVar[Any] = pa.schema([("embedding", pa.list_(pa.float32())), ERROR])

    def requests(self, table: Table) -> list[BatchRequest[Any]]:
        """The requests for all rows. Raises `ConfigurationError` where the columns aren't as they must be."""
        self.check(table)
        rows, at = self._usable(table), 0
        requests: list[BatchRequest[Any]] = []
        for part in parts(list(rows.values())) if rows else ():
            requests.append(self._request(at, cast("list[Any]", part)))
            at += len(part)
        return requests

    def again(self, table: Table, results: Iterable[BatchResult[Any]]) -> list[BatchRequest[Any]]:
        """Requests for the rows of those that were refused, one each."""
        cells = list(self._usable(table).values())
        return [
            self._request(at, [cells[at]])
            for result in results
            if _is_refused(result.error) and len(_places(result)) > 1
            for at in _places(result)
        ]

    def with_results(self, table: Table, results: Iterable[BatchResult[Any]]) -> Table:
        """The table with what became of each row; the last result for it counts."""
        outcomes: dict[int, tuple[object, object]] = {}
        for result in results:
            places, response = _places(result), result.response
            for at, place in enumerate(places):
                if isinstance(response, EmbeddingResponse):
                    outcomes[place] = response.data[at].embedding, None
                else:
                    outcomes[place] = None, failure(result.error)
        asked = {row: outcomes[place] for place, row in enumerate(self._usable(table))}
        unusable = (None, failure(InvalidRequestError("the row has nothing to make a vector of")))
        return self.with_cells(table, [asked.get(row, unusable) for row in range(table.num_rows)])

    def _request(self, at: int, cells: list[Any]) -> BatchRequest[Any]:
        """A request for some of the usable rows, named by which these are."""
        params = {**self.params, "input": cells}
        return BatchRequest(embeddings.CREATE, params, custom_id=f"{at}:{at + len(cells)}")

    def _usable(self, table: Table) -> dict[int, Any]:
        """The cells with something in them, by their rows."""
        cells: list[Any] = table.column(self.column).to_pylist()
        usable: dict[int, Any] = {}
        for row, cell in enumerate(cells):
            try:
                prepare({"model": "", "input": [cell]})
            except (TypeError, ValueError):
                continue
            usable[row] = cell
        return usable


def _without_nulls(value: object) -> object:
    """A cell without the fields that a table adds to objects which don't have them."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value).items()
        return {name: _without_nulls(field) for name, field in fields if field is not None}
    if is_array(value):
        return [_without_nulls(item) for item in value]
    return value


def _cells(result: BatchResult[Any]) -> tuple[str | None, object, object]:
    """The columns `answer`, `usage` and `error`."""
    response: Response | None = result.response
    if response is None:
        return None, None, failure(result.error)
    usage = getattr(response, "usage", None)
    return _generated_text(response), _counts(usage) if isinstance(usage, Usage) else None, None


def _generated_text(response: Response) -> str | None:
    """The text of the first choice."""
    if isinstance(response, ChatCompletion) and response.choices:
        return response.choices[0].message.content
    if isinstance(response, Completion) and response.choices:
        return response.choices[0].text
    return None


def _counts(usage: Usage) -> dict[str, int] | None:
    """The counts; None for those that can't be true, which need not even fit the column."""
    counts: dict[str, int] = {name: getattr(usage, name) for name in COUNTS}
    if not are_believable(*counts.values()):
        return None
    return counts | {"total_tokens": tokens_in(usage)}


def failure(error: HorayError | None) -> dict[str, object]:
    """The cell of the column for errors."""
    message = well_formed(str(error))  # a column holds Unicode alone
    status = error.status_code if isinstance(error, APIStatusError) else None
    return {"type": type(error).__name__, "message": message, "status": status}


def _places(result: BatchResult[Any]) -> range:
    """Which of the usable rows a result is of."""
    start, end = result.custom_id.split(":")
    return range(int(start), int(end))


def _is_refused(error: object) -> bool:
    return isinstance(error, APIStatusError) and error.status_code in REFUSED
