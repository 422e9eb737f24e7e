"""What can be wrong with a batch beside the calls themselves."""

from __future__ import annotations

from horay_async.errors import HorayError


class InvalidRequestError(HorayError):
    """An item of a batch can't be sent; the message names the field. Nothing was sent for it."""


class BatchFileError(HorayError):
    """A file of requests or of responses can't be used, or no longer written.

    `path` is the file, `line` the number of the line, from 1, where one line is wrong.
    """

    path: str
    """The file, as it was given."""
    line: int | None
    """Number of the line, from 1; None where it isn't about one."""

    def __init__(self, message: str, *, path: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
