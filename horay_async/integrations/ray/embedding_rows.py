"""From the rows of a table to requests for their vectors, and from the results to columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final, cast

import attrs

from horay_async._protocol.wire.embeddings import parts, prepare
from horay_async.batch import BatchRequest, BatchResult, InvalidRequestError
from horay_async.errors import APIStatusError
from horay_async.integrations.ray.rows import ERROR, Table, TableRows, failure, pa
from horay_async.models.embeddings import EmbeddingResponse
from horay_async.resources import embeddings

REFUSED: Final = frozenset({400, 413, 422})
"""Statuses by which a server refuses a request for what is in it: one of its inputs may be the cause."""


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


def _places(result: BatchResult[Any]) -> range:
    """Which of the usable rows a result is of."""
    start, end = result.custom_id.split(":")
    return range(int(start), int(end))


def _is_refused(error: object) -> bool:
    return isinstance(error, APIStatusError) and error.status_code in REFUSED
