"""The two ways in which the local server says no: to whoever starts it, and to a client."""

from __future__ import annotations


class LocalServerError(RuntimeError):
    """The server can't start, or was used in a state that doesn't allow it; one plain sentence."""


class ApiProblem(Exception):
    """A refusal that a client gets, as an HTTP status and the API's error body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> dict[str, object]:
        """The JSON object that goes over the wire, `{"error": {...}}`."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }
