"""A tagger without and with the fusions in ``SLOWER``: ``python benchmarks/fusions.py [MODEL]``."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from uner_edge.engines import EngineOptions, tagger
from uner_edge.extract import extract
from uner_edge.model_files import DEFAULT_MODEL, load_manifest
from uner_edge.readers import Limits, ReadOptions, read_one
from uner_edge.types import TypeSet

TYPES = TypeSet.parse("person, organization, location, date, drug")
ROUNDS = 6


def main() -> None:
    samples = Path(__file__).parents[1] / "samples"
    documents = [read_one(str(p), ReadOptions(), Limits()) for p in sorted(samples.iterdir())]
    manifest = load_manifest(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL)
    engines = {"without": tagger.open_tagger(manifest, EngineOptions())}
    skipped, tagger.SLOWER = tagger.SLOWER, ()
    engines["with"] = tagger.open_tagger(manifest, EngineOptions())
    tokens = sum(piece.size for d in documents for piece in engines["with"].pieces(d.text))
    rates: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            began = time.perf_counter()
            list(extract(documents, engine, TYPES, threshold=0.5))
            rates[name].append(tokens / (time.perf_counter() - began))
    for name, measured in rates.items():
        print(f"{name} {', '.join(skipped)}: {statistics.median(measured):,.0f} tokens/s")
    ratios = [a / b for a, b in zip(rates["without"], rates["with"], strict=True)]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
