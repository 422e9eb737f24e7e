"""The log of calls: method, URL, status, times and attempts; never a key, a header, a body or a query."""

from __future__ import annotations

import logging

from horay_async.options import log_level

LOG = logging.getLogger("horay_async")
LOG.addHandler(logging.NullHandler())


def set_up() -> None:
    """Turns the log on where `HORAY_LOG` asks for it, unless the program has set it up itself."""
    level = log_level()
    if level is None or LOG.level != logging.NOTSET:
        return
    LOG.setLevel(level.upper())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    LOG.addHandler(handler)
