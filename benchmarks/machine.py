"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe"]

PACKAGES = (
    "horay-async",
    "aiohttp",
    "msgspec",
    "attrs",
    "anyio",
    "orjson",
    "uvloop",
    "httptools",
    "pyreqwest",
    "openai",
    "huggingface_hub",
    "together",
)


def describe() -> dict[str, str]:
    """The machine and the versions of what ran on it, by name."""
    found = {
        "CPU": _cpu(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
