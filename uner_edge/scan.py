"""A scan: files -> what changed -> worker processes -> the store, document by document."""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import msgspec

from uner_edge.document import Unreadable
from uner_edge.engines import cores
from uner_edge.errors import ModelError
from uner_edge.files import Found
from uner_edge.pipes import receive, send
from uner_edge.scan_worker import Reply, Setup, Task
from uner_edge.store import Known, Store

WORKER_MEMORY = 400_000_000
"""Bytes that a worker with a tagger takes, with room for its documents."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that has to be searched, or whose results can be taken from another."""

    path: str
    size: int
    sha256: str | None
    """Of its bytes when the scan was planned; None if it could not be read."""
    reuse: Known | None = None
    """A file of the same content and kind whose results serve."""


@dataclass(slots=True)
class Plan:
    """What a scan will do."""

    search: list[Planned] = field(default_factory=list)
    reuse: list[Planned] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    back: list[Known] = field(default_factory=list)
    """Unchanged, but marked as deleted."""
    gone: list[Known] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: for progress."""

    path: str
    size: int
    """Bytes that are done with by it."""
    entities: int
    state: str
    """``done``, ``reused``, ``failed``, ``without text``; empty while a file is under way."""
    error: str | None = None


def plan(
    found: Iterable[Found | Unreadable],
    known: dict[bytes, Known],
    roots: Sequence[str],
    stopped: Callable[[], bool] = lambda: False,
) -> Plan:
    """Compares files with what the store knows, by content: clocks are not to be trusted.

    A file that failed is tried again. A file that is new, with the content of one that is known,
    takes its results: it was renamed or copied. Files below ``roots`` that are no longer found are
    gone; what other folders of the store hold stays as it is.
    """
    made = Plan()
    by_content = {
        (file.sha256, _kind(os.fsdecode(file.raw))): file
        for file in known.values()
        if file.sha256 is not None and file.state in ("done", "deleted")
    }
    seen: set[bytes] = set()
    for entry in found:
        if stopped():
            return made
        if isinstance(entry, Unreadable):
            made.unreadable.append(entry)
            seen.add(os.fsencode(entry.path))
            continue
        raw = os.fsencode(entry.path)
        seen.add(raw)
        before = known.get(raw)
        digest = _sha256(entry.path)
        if before is not None and digest is not None and before.sha256 == digest:
            if before.state == "deleted":
                made.back.append(before)
            if before.state in ("done", "deleted", "without text"):
                made.unchanged.append(entry.path)
                continue
        source = by_content.get((digest, _kind(entry.path))) if digest is not None else None
        planned = Planned(entry.path, entry.size, digest, source)
        (made.search if source is None else made.reuse).append(planned)
    below = [os.fsencode(os.path.join(root, "")) for root in roots] + [
        os.fsencode(root) for root in roots
    ]
    made.gone = [
        file
        for raw, file in known.items()
        if raw not in seen
        and file.state != "deleted"
        and any(raw == root or raw.startswith(root) for root in below)
    ]
    return made


def _kind(path: str) -> str:
    """What, besides its content, decides how a file is read."""
    return PurePath(path).suffix.lower()


def _sha256(path: str) -> str | None:
    """Of a file's bytes; None if it cannot be read, which its reader will tell."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def carry_out(
    made: Plan,
    store: Store,
    setup: Setup,
    workers: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Does what is planned; each file is complete in the store before its last event.

    Once ``stopped`` says True, files under way are forgotten: the next scan begins them anew.
    """
    for known in made.back:
        store.mark_present(known)
    for problem in made.unreadable:
        file = store.begin(os.fsencode(problem.path), 0)
        store.finish(file, None, "failed", problem.reason)
        yield Event(problem.path, 0, 0, "failed", problem.reason)
    for planned in made.reuse:
        if stopped():
            return
        assert planned.reuse is not None
        count = store.reuse(planned.reuse, os.fsencode(planned.path), planned.size)
        yield Event(planned.path, planned.size, count, "reused")
    if made.gone:
        store.mark_deleted(made.gone)
    if made.search and not stopped():
        yield from _search(made.search, store, setup, min(workers, len(made.search)), stopped)


@dataclass(slots=True)
class _UnderWay:
    """A file that a worker reads."""

    planned: Planned
    file: int
    entities: int = 0
    documents: int = 0
    errors: list[str] = field(default_factory=list)
    failed: bool = False


def _search(
    files: Sequence[Planned],
    store: Store,
    setup: Setup,
    workers: int,
    stopped: Callable[[], bool],
) -> Iterator[Event]:
    tasks: queue.SimpleQueue[Planned | None] = queue.SimpleQueue()
    # Bounded, so that entities wait in the workers and not here when the disk is slow.
    answers: queue.Queue[tuple[Planned | None, Reply]] = queue.Queue(4 * workers)
    for one in files:
        tasks.put(one)
    for _ in range(workers):
        tasks.put(None)
    team = [_Worker(setup, tasks, answers) for _ in range(workers)]
    under_way: dict[str, _UnderWay] = {}
    working = workers
    try:
        while working:
            if stopped():
                return
            try:
                planned, reply = answers.get(timeout=0.2)
            except queue.Empty:
                continue
            if planned is None:
                working -= 1
                if reply.error is not None:
                    raise ModelError(reply.error)
                continue
            entry = under_way.get(planned.path)
            if entry is None:
                file = store.begin(os.fsencode(planned.path), planned.size)
                entry = under_way[planned.path] = _UnderWay(planned, file)
            if reply.end:
                del under_way[planned.path]
                yield _finished(entry, reply, store)
            else:
                yield _stored(entry, reply, store)
    finally:
        for worker in team:
            worker.stop()


def _stored(entry: _UnderWay, reply: Reply, store: Store) -> Event:
    """A document's entities, or its last ones and its facts, are put into the store."""
    result = reply.result
    found = reply.entities if result is None else result.entities
    if result is None:
        store.add(entry.file, reply.member, found)
    else:
        if result.sha256 is None and not reply.member:
            entry.failed = True
        else:
            store.complete(entry.file, reply.member, result)
            entry.documents += 1
        if result.error is not None:
            entry.errors.append(result.error)
    entry.entities += len(found)
    return Event(entry.planned.path, 0, len(found), "")


def _finished(entry: _UnderWay, reply: Reply, store: Store) -> Event:
    path, size = entry.planned.path, entry.planned.size
    error = reply.error or (entry.errors[0] if entry.errors else None)
    state = "done"
    if reply.no_text:
        state = "without text"
    elif reply.error is not None or (entry.failed and not entry.documents):
        state = "failed"
    # The hash from before it was read: if it changed meanwhile, the next scan will see that.
    digest = None if state == "failed" else entry.planned.sha256
    store.finish(entry.file, digest, state, error)
    return Event(path, size, 0, state, error)


class _Worker:
    """A thread that feeds a worker process and passes its answers on."""

    def __init__(
        self,
        setup: Setup,
        tasks: queue.SimpleQueue[Planned | None],
        answers: queue.Queue[tuple[Planned | None, Reply]],
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
            while not self._stopping and (planned := self._tasks.get()) is not None:
                error = self._start()
                if error is not None:
                    break
                self._read(planned)
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
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, self._setup)  # type: ignore[arg-type]
            if receive(self._process.stdout) is not None:  # type: ignore[arg-type]
                # What it says from now on is of no interest, and must not fill the pipe.
                assert self._process.stderr is not None
                threading.Thread(target=self._process.stderr.read, daemon=True).start()
                return None
        except OSError:
            pass
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        self._end_process()
        return f"a worker cannot be started: {said[-1] if said else 'it ended without a word'}"

    def _read(self, planned: Planned) -> None:
        assert self._process is not None
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        answer: bytes | None = None
        try:
            send(process.stdin, Task(os.fsencode(planned.path)))  # type: ignore[arg-type]
            while (answer := receive(process.stdout)) is not None:  # type: ignore[arg-type]
                reply = msgspec.msgpack.decode(answer, type=Reply)
                self._pass_on(planned, reply)
                if reply.end:
                    return
        except OSError:
            pass
        self._end_process()
        if not self._stopping:
            cause = f"exit code {process.returncode}"
            self._pass_on(planned, Reply(end=True, error=f"its worker crashed ({cause})"))

    def _pass_on(self, planned: Planned | None, reply: Reply) -> None:
        while not self._stopping:
            try:
                self._answers.put((planned, reply), timeout=0.2)
                return
            except queue.Full:
                continue

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except BrokenPipeError:
                        pass
            self._process = None

    def stop(self) -> None:
        """Ends process and thread, now."""
        self._stopping = True
        process = self._process
        if process is not None:
            process.kill()
        self._thread.join(timeout=10)


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
