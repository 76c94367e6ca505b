"""Messages between a program and its worker processes: msgpack, each with its length in front."""

from __future__ import annotations

import subprocess
from typing import BinaryIO

import msgspec

_LENGTH = 8
"""Bytes of a message's length, little-endian."""


def send(stream: BinaryIO, message: msgspec.Struct) -> None:
    """Writes a message and flushes.

    Raises:
        OSError: The other side is gone.
    """
    content = msgspec.msgpack.encode(message)
    stream.write(len(content).to_bytes(_LENGTH, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """The next message's bytes; None when the other side is gone."""
    length = stream.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    size = int.from_bytes(length, "little")
    content = stream.read(size)
    return content if len(content) == size else None


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a worker, waits for it and closes the streams to it."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                pass  # something was still to be flushed, to nobody
