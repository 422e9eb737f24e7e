"""Sockets whose connections the operating system gives up when the other side is silent."""

from __future__ import annotations

import socket
from typing import Any


def make_socket(tcp_keepalive: float | None, address: Any) -> socket.socket:
    """A socket for `address`, as `getaddrinfo` returns it; `tcp_keepalive` is that option of the client, in seconds."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if tcp_keepalive is not None:
        keep_alive(made, tcp_keepalive)
    return made


def keep_alive(made: socket.socket, seconds: float) -> None:
    """Has the operating system give a connection up when the other side is silent for `seconds`: after half of
    that it probes three times. Without, a connection that a router has dropped is found out by no one.
    """
    options = {
        "TCP_KEEPIDLE": max(1, round(seconds / 2)),
        "TCP_KEEPALIVE": max(1, round(seconds / 2)),  # what macOS calls it
        "TCP_KEEPINTVL": max(1, round(seconds / 6)),
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": max(1, round(seconds * 1000)),  # of data that isn't acknowledged
    }
    if hasattr(socket, "TCP_KEEPIDLE"):
        del options["TCP_KEEPALIVE"]
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
