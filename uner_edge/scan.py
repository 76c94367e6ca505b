"""A scan: files -> what changed -> worker processes -> the store, document by document."""

from __future__ import annotations

import hashlib
import os
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from uner_edge.document import Unreadable
from uner_edge.errors import ModelError
from uner_edge.files import Found
from uner_edge.scan_team import Worker
from uner_edge.scan_worker import Reply, Setup
from uner_edge.store import Known, Store

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
    # A folder that cannot be looked into (a disk that is not mounted) says nothing about its files.
    closed = tuple(os.fsencode(os.path.join(problem.path, "")) for problem in made.unreadable)
    made.gone = [
        file
        for raw, file in known.items()
        if raw not in seen
        and file.state != "deleted"
        and not raw.startswith(closed)
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
        store.fail(os.fsencode(problem.path), problem.reason)
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
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # Bounded, so that entities wait in the workers and not here when the disk is slow.
    answers: queue.Queue[tuple[str | None, Reply]] = queue.Queue(4 * workers)
    for one in files:
        tasks.put(one.path)
    for _ in range(workers):
        tasks.put(None)
    team = [Worker(setup, tasks, answers) for _ in range(workers)]
    by_path = {planned.path: planned for planned in files}
    under_way: dict[str, _UnderWay] = {}
    working = workers
    try:
        while working:
            if stopped():
                return
            try:
                path, reply = answers.get(timeout=0.2)
            except queue.Empty:
                continue
            if path is None:
                working -= 1
                if reply.error is not None:
                    raise ModelError(reply.error)
                continue
            entry = under_way.get(path)
            if entry is None:
                planned = by_path[path]
                file = store.begin(os.fsencode(path), planned.size)
                entry = under_way[path] = _UnderWay(planned, file)
            if reply.end:
                del under_way[path]
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
