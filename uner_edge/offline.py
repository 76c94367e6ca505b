"""No network, provably: once denied, this process cannot open an internet connection."""

from __future__ import annotations

import socket
import sys
from typing import Any

_DENIED = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
    }
)


_listening: set[tuple[str, int]] = set()


def deny_network() -> None:
    """Installs an audit hook (PEP 578) that cannot be removed; it covers all Python code.

    Sockets of the local machine's own kind (AF_UNIX) stay possible.
    """
    sys.addaudithook(_refuse)


def allow_listening(port: int) -> None:
    """Lets programs of this machine connect to this one, at 127.0.0.1; nothing may connect out."""
    _listening.add(("127.0.0.1", port))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _DENIED:
        return
    first = arguments[0] if arguments else None
    if isinstance(first, socket.socket) and first.family == getattr(socket, "AF_UNIX", None):
        return
    if event == "socket.bind" and arguments[1] in _listening:
        return
    raise PermissionError(f"uner-edge does not use the network: {event} refused")
