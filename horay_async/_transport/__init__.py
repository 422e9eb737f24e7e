"""Sending and receiving over aiohttp. Nothing else in the client imports it."""

from __future__ import annotations

from horay_async._transport.call import Call
from horay_async._transport.response import RawResponse
from horay_async._transport.transport import Transport

__all__ = ["Call", "RawResponse", "Transport"]
