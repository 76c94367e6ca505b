"""A scan's worker process: ``python -m uner_edge.scan_worker``. Reads files, finds entities."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import msgspec

from uner_edge.document import Document, Entity, Result
from uner_edge.engines import Engine, EngineOptions, open_engine
from uner_edge.extract import Options, extract
from uner_edge.files import Found
from uner_edge.model_files import load_manifest
from uner_edge.offline import deny_network
from uner_edge.pipes import receive, send
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.settings import Settings
from uner_edge.types import EntityType, TypeSet


class Setup(msgspec.Struct):
    """The first message: what every file is searched for, and how."""

    settings: Settings
    types: list[tuple[str, str | None]]
    threads: int
    nice: int = 0
    """How far other programs go before (nice, in steps of POSIX)."""


class Task(msgspec.Struct):
    """A file to search."""

    raw: bytes


class Reply(msgspec.Struct):
    """Entities of a document under way, or a document's result, or the end of the file."""

    member: str = ""
    entities: tuple[Entity, ...] = ()
    result: Result | None = None
    ready: bool = False
    end: bool = False
    no_text: bool = False
    error: str | None = None


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers tasks until there are no more."""
    content = receive(requests)
    if content is None:
        return
    setup = msgspec.msgpack.decode(content, type=Setup)
    if setup.nice and hasattr(os, "nice"):
        os.nice(setup.nice)
    settings = setup.settings
    manifest = load_manifest(settings.model, settings.template)
    options = EngineOptions(setup.threads, settings.gpu_layers, settings.occurrences)
    engine = open_engine(manifest, options)
    types = TypeSet(tuple(EntityType(name, definition) for name, definition in setup.types))
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    send(replies, Reply(ready=True))
    while (content := receive(requests)) is not None:
        task = msgspec.msgpack.decode(content, type=Task)
        _search(task, settings, engine, types, threshold, lambda reply: send(replies, reply))


def _search(
    task: Task,
    settings: Settings,
    engine: Engine,
    types: TypeSet,
    threshold: float,
    answer: Callable[[Reply], None],
) -> None:
    path = os.fsdecode(task.raw)
    skipped: list[str] = []
    sources = read_documents(
        [Found(path, 0, named=False)],
        skipped,
        ReadOptions(settings.text_field, settings.max_bytes),
        Limits(settings.read_seconds),
    )

    def final(document: Document, entities: tuple[Entity, ...]) -> None:
        answer(Reply(document.path.removeprefix(path), entities))

    results = extract(sources, engine, types, threshold, Options(settings.nested), sink=final)
    for result in results:
        # A path that is not UTF-8 cannot be sent as text; the parent knows it.
        answer(Reply(result.path.removeprefix(path), result=replace(result, path="")))
    answer(Reply(end=True, no_text=path in skipped))


def main() -> None:
    """Keeps the streams to the parent to itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    deny_network()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    try:
        serve(requests, replies)
    except BrokenPipeError:
        pass  # the parent is gone, and so is the reason to go on


if __name__ == "__main__":
    main()
