"""The clients under comparison, each used the way its own documentation shows.

A contender's module is loaded only in the process that measures it.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

__all__ = ["CONTENDERS", "installed", "load", "on_uvloop"]

CONTENDERS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "hand-written": ("hand_written", "HandWritten", ("aiohttp", "orjson")),
    "horay": ("horay", "AwaitedHoray", ()),
    "horay, documented aiohttp": ("horay", "DocumentedHoray", ()),
    "hand-written, uvloop": ("hand_written", "HandWritten", ("aiohttp", "orjson", "uvloop")),
    "horay, uvloop": ("horay", "AwaitedHoray", ("uvloop",)),
    "floor": ("floor", "Floor", ("httptools",)),
    "pyreqwest": ("reqwest", "Reqwest", ("pyreqwest", "orjson")),
    "huggingface_hub": ("peers", "HuggingFace", ("huggingface_hub",)),
    "openai, aiohttp": ("peers", "OpenAIOnAiohttp", ("openai", "aiohttp")),
    "openai": ("peers", "AwaitedOpenAI", ("openai",)),
    "openai on horay": ("peers", "OpenAIOnHoray", ("openai", "httpx2")),
    "ChatOpenAI": ("on_langchain", "OpenAIModel", ("langchain_openai",)),
    "ChatHoray": ("on_langchain", "HorayModel", ("langchain_core",)),
    "together": ("peers", "Together", ("together",)),
    "horay, blocking": ("horay", "BlockingHoray", ()),
    "openai, blocking": ("peers", "BlockingOpenAI", ("openai",)),
    "horay, Ray": ("on_ray", "HorayOnRay", ("ray", "pyarrow")),
    "Ray's HTTP stage": ("on_ray", "HttpStage", ("ray", "pyarrow")),
}
"""By name: the module here, its class, and the packages that must be installed."""


def installed(name: str) -> bool:
    """Whether all that a contender needs is installed."""
    _, _, packages = CONTENDERS[name]
    return all(importlib.util.find_spec(package) for package in packages)


def load(name: str) -> Any:
    """A contender's class."""
    module, attribute, _ = CONTENDERS[name]
    return getattr(importlib.import_module(f"benchmarks.contenders.{module}"), attribute)


def on_uvloop(name: str) -> bool:
    """Whether a contender runs on uvloop's event loop."""
    return name.endswith(", uvloop")
