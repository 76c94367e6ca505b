"""A tagger without and with the fusions in ``SLOWER``: ``python benchmarks/fusions.py [MODEL]``."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.taggers import speeds
from uner_edge.engines import EngineOptions, tagger
from uner_edge.model_files import DEFAULT_MODEL, load_manifest

ROUNDS = 6


def main() -> None:
    manifest = load_manifest(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL)
    engines = {"without": tagger.open_tagger(manifest, EngineOptions())}
    skipped, tagger.SLOWER = tagger.SLOWER, ()
    engines["with"] = tagger.open_tagger(manifest, EngineOptions())
    rates = speeds(engines, ROUNDS)
    for name, measured in rates.items():
        print(f"{name} {', '.join(skipped)}: {statistics.median(measured):,.0f} tokens/s")
    ratios = [a / b for a, b in zip(rates["without"], rates["with"], strict=True)]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
