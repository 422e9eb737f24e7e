"""The two ways in which the local server says no: to whoever starts it, and to a client."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


class LocalServerError(RuntimeError):
    """The server can't start, or was used in a state that doesn't allow it; one plain sentence."""


@dataclass(eq=False)
class ApiProblem(Exception):
    """A refusal that a client gets, as an HTTP status and the API's error body."""

    status: int
    message: str
    type: str = field(default="invalid_request_error", kw_only=True)
    param: str | None = field(default=None, kw_only=True)
    code: str | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        return self.message

    def body(self) -> dict[str, object]:
        """The JSON object that goes over the wire, `{"error": {...}}`."""
        fields = asdict(self)
        del fields["status"]
        return {"error": fields}
