"""Do taggers read tables and lists better when they are shown where cells and lines end?

``python benchmarks/borders.py`` makes four tables of 30 rows, once with tabs between cells and once
with every cell on a line of its own, and prints strict span F1 with and without
``uner_edge.borders``, whose two signs were chosen on tables like these.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from uner_edge.document import Entity
from uner_edge.engines import Engine, open_engine
from uner_edge.extract import find_entities, find_in_passages
from uner_edge.model_files import load_manifest
from uner_edge.passages import split
from uner_edge.resolve import resolve
from uner_edge.types import TypeSet

FIRST = "John Anna Maria Omar Wei Lucia Ravi Elena".split()
LAST = "Khan Smith Rossi Chen Novak Okafor Meyer".split()
CITIES = ["Berlin", "Paris", "Boston", "Oslo", "New York", "Madrid", "Porto"]

Column = tuple[str | None, Sequence[str]]
"""The type of a column's cells (None: no mention), and what to draw them from."""

PEOPLE = [f"{first} {last}" for first in FIRST for last in LAST]
DATES = [f"20{year}-0{month}-1{day}" for year in (11, 15, 19) for month in (2, 6) for day in (3, 8)]
TABLES: dict[str, list[Column]] = {
    "people": [
        (None, [str(n) for n in range(1, 99)]),
        ("person", PEOPLE),
        ("location", CITIES),
        ("drug", ["metformin", "aspirin", "ibuprofen"]),
        ("date", DATES),
    ],
    "genes": [
        ("gene", ["BRCA1", "TP53", "EGFR", "KRAS", "CFTR", "HTT"]),
        (None, ["c.68_69delAG", "R175H", "L858R", "G12D"]),
        ("disease", ["breast cancer", "cystic fibrosis", "Huntington disease"]),
        (None, ["pathogenic", "benign"]),
    ],
    "orders": [
        (None, [f"A-{n}" for n in range(100, 999)]),
        ("company", ["Northwind Ltd", "Harrow AG", "Acme Corp", "Blue Harbor GmbH"]),
        ("product", ["laser printer", "desk lamp", "office chair", "steel shelf"]),
        ("money", [f"${n}.50" for n in range(20, 900)]),
        ("location", CITIES),
    ],
    "notes": [
        ("person", PEOPLE),
        (None, ["came in at noon", "was seen by the nurse", "called the ward"]),
        ("symptom", ["headache", "mild fever", "chest pain", "nausea", "dry cough"]),
    ],
}


def table(
    columns: Sequence[Column], between: str, rng: random.Random
) -> tuple[str, set[tuple[int, int, str]]]:
    """A text of 30 rows and its mentions."""
    text, gold = "", set()
    for _ in range(30):
        for number, (kind, values) in enumerate(columns):
            text += between if number else "\n" if text else ""
            cell = rng.choice(values)
            if kind is not None:
                gold.add((len(text), len(text) + len(cell), kind))
            text += cell
    return text, gold


def find_as_it_is(text: str, engine: Engine, types: TypeSet, threshold: float) -> list[Entity]:
    """What is found without a sign at any border."""
    passages = list(split(text, engine.pieces(text), engine.window))
    return [e for found in find_in_passages(passages, engine, types, threshold) for e in found]


def main() -> None:
    """Prints a line per tagger and kind of table."""
    for name in sys.argv[1:] or ["uner-tagger-small", "uner-tagger-base"]:
        manifest = load_manifest(name)
        engine, threshold = open_engine(manifest), manifest.threshold
        for label, between in (("cells", "\t"), ("lines", "\n")):
            scores: dict[str, list[float]] = {"without": [], "with": []}
            for seed, columns in enumerate(TABLES.values()):
                text, gold = table(columns, between, random.Random(seed))
                types = TypeSet.of([kind for kind, _ in columns if kind is not None])
                (shown,) = find_entities([text], engine, types, threshold)
                plain = find_as_it_is(text, engine, types, threshold)
                for way, entities in (("without", plain), ("with", shown)):
                    found = {(e.start, e.end, e.type) for e in resolve(entities)}
                    scores[way].append(200 * len(found & gold) / (len(found) + len(gold)))
            told = ", ".join(
                f"{way} {sum(f1) / len(f1):.1f} ({' '.join(f'{x:.0f}' for x in f1)})"
                for way, f1 in scores.items()
            )
            print(f"{name}, {label}: {told}", flush=True)


if __name__ == "__main__":
    main()
