"""Whether a finished response fits its schema: what the grammar can't hold, and that it held. Pure.

The grammar holds most of a schema; llama.cpp goes on without one where building it fails. So no
response ends with "stop" that wasn't checked. Patterns alone are left to the grammar: Python's
regular expressions can take exponential time.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from .errors import ApiProblem
from .schemas import RequestedSchema

# References followed in one check, each about 30 microseconds. A definition that refers to itself in two
# branches doubles them with each level of the value.
MAX_REFERENCES: Final = 20_000


def raise_mismatch(schema: RequestedSchema, text: str) -> None:
    """Raise `ApiProblem` (500), saying why, where `text` isn't JSON that fits `schema`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _problem(f"it is not valid JSON ({error})") from None
    try:
        found: Any = next(_validator(itertools.count())(schema.whole).iter_errors(value), None)
    except (_TooMuch, RecursionError):
        raise _problem("it is too deeply nested to be checked") from None
    if found is not None:
        raise _problem(f"{found.message[:300]} at {found.json_path[:100]}")


class _TooMuch(Exception):
    """More references were followed than a check may take."""


def _problem(reason: str) -> ApiProblem:
    message = f"the model's response doesn't fit its schema: {reason}; try again, or another model"
    return ApiProblem(500, message, type="server_error", code="schema_mismatch")


def _validator(followed: Iterator[int]) -> Any:
    """jsonschema's validator, which counts the references that it follows."""
    # Loaded at the first schema: it takes 0.1 s.
    base = importlib.import_module("jsonschema").Draft202012Validator
    follow = base.VALIDATORS["$ref"]

    def counted(*arguments: Any) -> Any:
        if next(followed) >= MAX_REFERENCES:
            raise _TooMuch
        return follow(*arguments)

    checks: dict[str, Callable[..., Any]] = {"pattern": lambda *_: None, "$ref": counted}
    return importlib.import_module("jsonschema.validators").extend(base, checks)
