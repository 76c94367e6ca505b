"""The parent's side of the process in which files are parsed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from uner_edge.document import Document, Unreadable
from uner_edge.pipes import end, receive, send
from uner_edge.readers.parts import ReadOptions
from uner_edge.readers.worker import Reply, Request


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one document may take."""

    seconds: float = 120.0
    memory: int = 4_000_000_000
    """Bytes of address space of the reading process; not enforced on Windows and macOS."""


class Sandbox:
    """Reads files in a process of its own, started with the first and anew after a failure."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def read(
        self, content: bytes, path: str, options: ReadOptions
    ) -> Iterator[Document | Unreadable]:
        """The documents in a file's bytes.

        A file that takes too long or too much, or that crashes its parser, ends as an Unreadable;
        documents that it gave before are kept.
        """
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        watch = _Watch(process, self._limits.seconds)
        try:
            with watch:
                send(process.stdin, Request(path, content, options))  # type: ignore[arg-type]
            while True:
                with watch:
                    answer = receive(process.stdout)  # type: ignore[arg-type]
                if answer is None:
                    break
                reply = msgspec.msgpack.decode(answer, type=Reply)
                found = reply.document or reply.unreadable
                if found is None:
                    return
                yield found
        except BrokenPipeError:
            pass
        except GeneratorExit:
            self.close()  # nobody wants the rest of the answer
            raise
        self.close()
        yield Unreadable(path, self._cause(process, watch.rang))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uner_edge.readers.worker", str(self._limits.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _cause(self, process: subprocess.Popen[bytes], timed_out: bool) -> str:
        if timed_out:
            return f"takes longer than {self._limits.seconds:.0f} s to read; given up"
        code = process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"crashes its reader ({how}) or needs more than {self._limits.memory:,} bytes"

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class _Watch:
    """Kills a process that takes longer than allowed for what happens inside ``with``."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._seconds = seconds
        self.rang = False

    def _ring(self) -> None:
        self.rang = True
        self._process.kill()

    def __enter__(self) -> None:
        self._timer = threading.Timer(self._seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *exception: Any) -> None:
        self._timer.cancel()
