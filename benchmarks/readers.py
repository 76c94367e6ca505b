"""How fast each format is read, and whether a PDF is read faster than it is searched.

``python benchmarks/readers.py``: renders one long story into every format, reads each in the
process that ``uner`` would read it in, and prints a Markdown table; then a PDF of 300 pages, read
and searched in one run.
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import ENTITIES, STORY, story
from benchmarks.renderers import RENDERERS, Section, pdf
from uner_edge.document import Document
from uner_edge.engines import EngineOptions, open_engine
from uner_edge.extract import extract
from uner_edge.model_files import load_manifest
from uner_edge.readers.parts import ReadOptions
from uner_edge.readers.sandbox import Limits, Sandbox
from uner_edge.types import TypeSet

PARAGRAPHS = 8_000
PAGES = 300
ROUNDS = 3


def read(content: bytes, name: str) -> tuple[float, list[Document], float]:
    """Seconds of the fastest of some rounds, the documents, and the process's peak in MB."""
    best, documents = float("inf"), []
    with Sandbox(Limits()) as sandbox:
        list(sandbox.read(RENDERERS["txt"](STORY), "warm.csv", ReadOptions()))
        for _ in range(ROUNDS):
            began = time.perf_counter()
            documents = [d for d in sandbox.read(content, name, ReadOptions())]
            best = min(best, time.perf_counter() - began)
        assert all(isinstance(d, Document) for d in documents), documents[:3]
        peak = _peak(sandbox)
    return best, documents, peak  # type: ignore[return-value]


def _peak(sandbox: Sandbox) -> float:
    """Of the reading process, in MB; 0 where /proc does not tell."""
    assert sandbox._process is not None
    status = Path(f"/proc/{sandbox._process.pid}/status")
    if not status.exists():
        return 0.0
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def every_format() -> None:
    """One row per format."""
    print(f"| format | file MB | text MB | seconds | text MB/s | peak MB |\n|{'---|' * 6}")
    sections = story(PARAGRAPHS)
    for ending, render in RENDERERS.items():
        content = render(sections)
        seconds, documents, peak = read(content, f"story.{ending}")
        size = sum(len(d.text.encode()) for d in documents) / 1e6
        print(
            f"| {ending} | {len(content) / 1e6:.2f} | {size:.2f} | {seconds:.2f} |"
            f" {size / seconds:.1f} | {peak:.0f} |",
            flush=True,
        )


def long_pdf() -> None:
    """Reading and searching the same PDF."""
    paragraph = " ".join(p for s in STORY for p in s.paragraphs) * 3
    content = pdf(tuple(Section(f"Part {n}", (paragraph,) * 4) for n in range(PAGES)))
    seconds, documents, peak = read(content, "long.pdf")
    pages = max(s.page or 0 for s in documents[0].segments)
    engine = open_engine(load_manifest("uner-tagger-small", None), EngineOptions())
    types = TypeSet.parse(", ".join(sorted(set(ENTITIES.values()))))
    began = time.perf_counter()
    (result,) = extract(documents, engine, types, 0.5)
    searched = time.perf_counter() - began
    print(
        f"\nPDF of {pages} pages, {result.chars:,} characters: read in {seconds:.2f} s"
        f" ({pages / seconds:.0f} pages/s, peak {peak:.0f} MB), searched for"
        f" {len(types.names)} types in {searched:.1f} s"
        f" ({pages / searched:.0f} pages/s): reading is"
        f" {searched / seconds:.0f} times as fast"
    )


if __name__ == "__main__":
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    every_format()
    long_pdf()
