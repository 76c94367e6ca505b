"""What the tests of the application share: a store with known results, and ways to drive it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from tui.app import UnerApp
from tui.session import LEAST
from uner_edge.document import Entity, Result
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions, read_one
from uner_edge.settings import Settings
from uner_edge.store import Question
from uner_edge.store_file import opened_store

TEXTS = {
    "a.txt": "Zoë Łuk met Ana Marija in Tromsø.\n\nAna Marija took Imatinib on Monday.\n",
    "b.txt": "Nothing but Zoë Łuk.\n",
    "c.txt": "Tromsø again.\n",
}
FOUND = {
    "a.txt": [("Zoë Łuk", 0, "person", 0.9), ("Ana Marija", 0, "person", 0.4),
              ("Tromsø", 0, "location", 0.8), ("Ana Marija", 1, "location", 0.17),
              ("Imatinib", 0, "drug", 0.15)],
    "b.txt": [("Zoë Łuk", 0, "person", 0.7)],
    "c.txt": [("Tromsø", 0, "location", 0.6)],
}  # fmt: skip
TYPES = ("person", "location", "drug")


Found = dict[str, list[tuple[str, int, str, float]]]
Flow = Callable[[UnerApp, Pilot[int]], Awaitable[None]]


def drive(library: tuple[Path, Path], flow: Flow, size: tuple[int, int] = (110, 34)) -> None:
    """Runs a flow; what a worker does is waited for by its effect."""

    async def run() -> None:
        app = UnerApp([str(library[0])], Settings(), library[1])
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.pane.view.text == TEXTS["a.txt"])
            await flow(app, pilot)

    asyncio.run(run())


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("never came true")


def listed(app: UnerApp) -> list[tuple[str, str]]:
    return [(e.text, e.type) for e in (r.entity for r in app.pane.entities.rows)]


def verdicts(app: UnerApp) -> dict[tuple[str, str], str | None]:
    return {(r.entity.text, r.entity.type): r.verdict for r in app.pane.entities.rows}


def fill(folder: Path, store_path: Path, texts: dict[str, str], found: Found) -> None:
    """Writes texts, and a store in which each has been searched."""
    manifest = load_manifest(Settings().model)
    question = Question(
        manifest.label, tuple((t, None) for t in TYPES), LEAST * manifest.threshold,
        False, "all", (),
    )  # fmt: skip
    with opened_store(store_path, create=True) as store:
        store.ask(question)
        for name, text in texts.items():
            path = folder / name
            path.write_text(text, "utf-8")
            document = read_one(str(path), ReadOptions(), Limits())
            entities = []
            for mention, nth, kind, score in found[name]:
                at = text.index(mention)
                for _ in range(nth):
                    at = text.index(mention, at + 1)
                entities.append(Entity(at, at + len(mention), kind, mention, score))
            file = store.begin(str(path).encode(), document.size)
            result = Result(
                "", document.sha256, "utf-8", len(text), len(text), tuple(entities), "", TYPES,
                0.0, format="text",
            )  # fmt: skip
            store.complete(file, "", result)
            store.finish(file, document.sha256, "done", None)
