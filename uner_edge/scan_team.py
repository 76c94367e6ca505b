"""The worker processes of a scan, each fed by a thread."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading

import msgspec

from uner_edge.engines import cores
from uner_edge.pipes import end, receive, send
from uner_edge.scan_worker import Reply, Setup, Task

WORKER_MEMORY = 400_000_000
"""Bytes that a worker with a tagger takes, with room for its documents."""


class Worker:
    """A thread that feeds a worker process and passes its answers on."""

    def __init__(
        self,
        setup: Setup,
        tasks: queue.SimpleQueue[str | None],
        answers: queue.Queue[tuple[str | None, Reply]],
    ) -> None:
        self._setup = setup
        self._tasks = tasks
        self._answers = answers
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error = None
        try:
            while not self._stopping and (path := self._tasks.get()) is not None:
                error = self._start()
                if error is not None:
                    break
                self._read(path)
        finally:
            self._end_process()
            self._pass_on(None, Reply(error=error))

    def _start(self) -> str | None:
        """Starts a process if there is none; what went wrong."""
        if self._process is not None:
            return None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "uner_edge.scan_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,  # an interrupt is for the parent, which decides when to stop
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, self._setup)  # type: ignore[arg-type]
            if receive(self._process.stdout) is not None:  # type: ignore[arg-type]
                # What it says from now on is of no interest, and must not fill the pipe.
                threading.Thread(target=_drain, args=(self._process,), daemon=True).start()
                return None
        except OSError:
            pass
        said = _drain(self._process).decode("utf-8", "replace").strip().splitlines()
        self._end_process()
        return f"a worker cannot be started: {said[-1] if said else 'it ended without a word'}"

    def _read(self, path: str) -> None:
        assert self._process is not None
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        answer: bytes | None = None
        try:
            send(process.stdin, Task(os.fsencode(path)))  # type: ignore[arg-type]
            while (answer := receive(process.stdout)) is not None:  # type: ignore[arg-type]
                reply = msgspec.msgpack.decode(answer, type=Reply)
                self._pass_on(path, reply)
                if reply.end:
                    return
        except OSError:
            pass
        self._end_process()
        if not self._stopping:
            cause = f"exit code {process.returncode}"
            self._pass_on(path, Reply(end=True, error=f"its worker crashed ({cause})"))

    def _pass_on(self, path: str | None, reply: Reply) -> None:
        while not self._stopping:
            try:
                self._answers.put((path, reply), timeout=0.2)
                return
            except queue.Full:
                continue

    def _end_process(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

    def stop(self) -> None:
        """Ends process and thread, now."""
        self._stopping = True
        process = self._process
        if process is not None:
            process.kill()
        self._thread.join(timeout=10)


def _drain(process: subprocess.Popen[bytes]) -> bytes:
    """All that a process says on stderr until it ends."""
    assert process.stderr is not None
    with process.stderr:
        return process.stderr.read()


def worker_count(asked: int | None, kind: str) -> int:
    """Worker processes for a kind of model: one per core for taggers, as memory allows.

    A generator uses all cores by itself and holds gigabytes: it is given one worker.
    """
    if asked is not None:
        return asked
    if kind != "tagger":
        return 1
    return max(1, min(cores(), _free_memory() // WORKER_MEMORY))


def _free_memory() -> int:
    """Bytes that may still be taken; where the system does not tell, plenty."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            for line in stream:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 40
