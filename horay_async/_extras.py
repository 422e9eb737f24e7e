"""What the optional parts of the package say where the libraries that they need aren't installed."""

from __future__ import annotations

from importlib.util import find_spec


def missing_extra(part: str, extra: str, *libraries: str) -> str | None:
    """One sentence that says what to install for `part`; None where all `libraries` are there.

    `libraries` are names of modules, looked for without importing them.
    """
    missing = [library for library in libraries if not _is_there(library)]
    if not missing:
        return None
    return f"{part} needs {' and '.join(missing)}: pip install 'horay-async[{extra}]'"


def _is_there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ImportError:  # of the package that the module is in
        return False
