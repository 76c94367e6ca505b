"""The process in which files are parsed: ``python -m uner_edge.readers.worker``.

Documents come from anywhere, and their parsers are large; here they can take no more memory than
allowed, open no socket, and take nothing down with them but this process.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

import msgspec

from uner_edge.document import Document, Unreadable
from uner_edge.offline import deny_network
from uner_edge.pipes import receive, send
from uner_edge.readers.parts import ReadOptions
from uner_edge.readers.reading import read_content


class Request(msgspec.Struct):
    """One file to read."""

    path: str
    """For finding out the format; replies are named by it."""
    content: bytes
    options: ReadOptions


class Reply(msgspec.Struct):
    """One document, or one failure, or (both None) the end of the file."""

    document: Document | None = None
    unreadable: Unreadable | None = None


def limit_memory(size: int) -> None:
    """At most ``size`` bytes of address space for this process, where the system can do it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    except (ValueError, OSError):  # macOS refuses
        return


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until there are no more."""
    while (content := receive(requests)) is not None:
        request = msgspec.msgpack.decode(content, type=Request)
        del content
        for found in read_content(request.content, request.path, request.options):
            if isinstance(found, Document):
                send(replies, Reply(document=found))
            else:
                send(replies, Reply(unreadable=found))
        send(replies, Reply())


def main() -> None:
    """Keeps the streams to the parent to itself: what a library prints goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    deny_network()
    limit_memory(int(sys.argv[1]))
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    serve(requests, replies)


if __name__ == "__main__":
    main()
