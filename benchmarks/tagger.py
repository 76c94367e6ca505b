"""Speed and memory of the tagger on samples/: ``python benchmarks/tagger.py``.

Everything is measured in one run, so ratios hold even where a machine's speed drifts; every
figure is the median of several rounds. Tokens are the encoder's sub-tokens of the text alone.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from uner_edge.engines import Engine, open_engine
from uner_edge.extract import extract
from uner_edge.model_files import DEFAULT_MODEL, load_manifest
from uner_edge.readers import Limits, ReadOptions, read_one
from uner_edge.types import TypeSet, load_preset, presets

SAMPLES = Path(__file__).parent.parent / "samples"
COUNTS = (1, 5, 20, 100)
ROUNDS = 5
REPEAT = 3
"""How often the samples are searched in one round."""


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL
    print(machine(), end="\n\n")
    engine = open_engine(load_manifest(model))
    documents = [
        read_one(str(p), ReadOptions(), Limits()) for p in sorted(SAMPLES.iterdir())
    ] * REPEAT
    tokens = sum(piece.size for d in documents for piece in engine.pieces(d.text))
    types = {count: some_types(count) for count in COUNTS}
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS + 1):
        for count in COUNTS:
            seconds[count].append(search(engine, documents, types[count]))
    print("| types | tokens/s | documents/s | time against 1 type |")
    print("|---:|---:|---:|---:|")
    base = statistics.median(seconds[1][1:])
    for count in COUNTS:
        median = statistics.median(seconds[count][1:])
        print(
            f"| {count} | {tokens / median:,.0f} | {len(documents) / median:.1f} "
            f"| {median / base:.2f} |"
        )
    print(f"\n{len(documents)} documents, {tokens:,} tokens a round, {ROUNDS} rounds")
    cold, small_peak = command(model, [str(SAMPLES / "news.txt")])
    print(f"\ncold start, one small file, 5 types: {cold:.2f} s, peak {small_peak:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.txt"
        text = "\n\n".join(d.text for d in documents[: len(documents) // REPEAT])
        large.write_text(text * (1_000_000 // len(text) + 1), "utf-8")
        whole, large_peak = command(model, [str(large)], rounds=1)
    print(f"one file of 1 MB, 5 types: {whole:.1f} s, peak {large_peak:.0f} MB")


def search(engine: Engine, documents: list, types: TypeSet) -> float:
    began = time.perf_counter()
    for _ in extract(documents, engine, types, threshold=0.5):
        pass
    return time.perf_counter() - began


def some_types(count: int) -> TypeSet:
    names: dict[str, None] = dict.fromkeys(("person", "organization", "location", "date", "drug"))
    for preset in presets():
        names |= dict.fromkeys(load_preset(preset).types.names)
    return TypeSet.of(list(names)[:count])


def command(model: str, paths: list[str], rounds: int = ROUNDS) -> tuple[float, float]:
    """(median seconds, peak MB) of the whole process."""
    seconds = []
    call = [sys.executable, "-m", "uner_edge.cli", "extract", *paths, "--model", model]
    call += ["--types", ",".join(some_types(5).names), "--format", "jsonl"]
    for _ in range(rounds + (rounds > 1)):
        began = time.perf_counter()
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return statistics.median(seconds[rounds > 1 :]), peak


def machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        name = lines[0].split(":")[1].strip() if lines else name
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
