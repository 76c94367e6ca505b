"""Two taggers side by side on the samples, 5 types: ``python benchmarks/taggers.py``."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from uner_edge.engines import Engine, open_engine
from uner_edge.extract import extract
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions, read_one
from uner_edge.types import TypeSet

MODELS = ("uner-tagger-small", "uner-tagger-base")
TYPES = TypeSet.parse("person, organization, location, date, drug")
ROUNDS = 4


def speeds(engines: Mapping[str, Engine], rounds: int) -> dict[str, list[float]]:
    """Tokens/s of every engine on the samples, round by round, one engine after the other."""
    samples = Path(__file__).parents[1] / "samples"
    documents = [read_one(str(p), ReadOptions(), Limits()) for p in sorted(samples.iterdir())]
    first = next(iter(engines.values()))
    tokens = sum(piece.size for d in documents for piece in first.pieces(d.text))
    rates: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            began = time.perf_counter()
            list(extract(documents, engine, TYPES, threshold=0.5))
            rates[name].append(tokens / (time.perf_counter() - began))
    return rates


def main() -> None:
    for name, rates in speeds({n: open_engine(load_manifest(n)) for n in MODELS}, ROUNDS).items():
        print(f"{name}: {statistics.median(rates):,.0f} tokens/s")


if __name__ == "__main__":
    main()
