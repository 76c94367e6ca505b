"""What a scan costs beside the bare engine, what memory it holds, and that kills change nothing.

``python benchmarks/scan.py``: 10,000 small files; a text of 200 MB for some minutes (``--all`` to
its end: more than an hour); 20 kills at random moments. Linux: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from uner_edge.engines import EngineOptions, open_engine
from uner_edge.extract import extract
from uner_edge.files import Found
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.store_file import opened_store
from uner_edge.types import TypeSet

TYPES = "person, organization, location, date, drug"
SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.txt"))
WORKERS = 2


def small_files(folder: Path, count: int) -> int:
    """Pieces of the samples, some 500 characters each; the sum of their sizes."""
    folder.mkdir(parents=True)
    text = "\n\n".join(path.read_text("utf-8") for path in SAMPLES)
    size = 0
    for number in range(count):
        at = (number * 397) % (len(text) - 600)
        piece = f"{number}. {text[at : at + 400 + number % 200]}"
        size += (folder / f"{number % 100:02}-{number:05}.txt").write_bytes(piece.encode("utf-8"))
    return size


def large_file(path: Path, size: int) -> None:
    """The samples again and again, numbered, until there are ``size`` bytes."""
    text = "\n\n".join(p.read_text("utf-8") for p in SAMPLES).encode("ascii", "ignore")
    with path.open("wb") as stream:
        number = 0
        while stream.tell() < size:
            stream.write(b"%d. %s\n\n" % (number, text))
            number += 1


def command(folder: Path, store: Path) -> list[str]:
    run = [sys.executable, "-m", "uner_edge.cli", "scan", str(folder), "--store", str(store)]
    return [*run, "--types", TYPES, "--workers", str(WORKERS)]


def memory(process: int) -> int:
    """Resident bytes of a process and all below it; shared pages count once for each."""
    total = 0
    waiting = [process]
    while waiting:
        number = waiting.pop()
        try:
            for line in Path(f"/proc/{number}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    total += int(line.split()[1]) * 1024
            for children in Path(f"/proc/{number}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        except OSError:
            continue
    return total


def watched(run: list[str], seconds: float = float("inf")) -> tuple[float, list[int]]:
    """Seconds a command took, at most ``seconds``, and its memory every half second."""
    began = time.monotonic()
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = []
    while process.poll() is None and time.monotonic() - began < seconds:
        held.append(memory(process.pid))
        time.sleep(0.5)
    took = time.monotonic() - began
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait()
    return took, held


def bare(folder: Path, count: int) -> float:
    """Bytes a second of one engine on one core, without store or processes."""
    engine = open_engine(load_manifest("uner-tagger-small", None), EngineOptions(threads=1))
    files = sorted(folder.rglob("*.txt"))[:count]
    found = [Found(str(path), 0, named=True) for path in files]
    began = time.perf_counter()
    documents = read_documents(found, [], ReadOptions(), Limits())
    results = list(extract(documents, engine, TypeSet.parse(TYPES), 0.5))
    return sum(r.size for r in results) / (time.perf_counter() - began)


def digest(store: Path) -> str:
    """Of everything a store says, but for times."""
    total = hashlib.sha256()
    with opened_store(store) as opened:
        for query in (
            "SELECT raw, sha256, size, state, error FROM files ORDER BY raw",
            'SELECT path, start, "end", type, text, score, page, place FROM found'
            ' ORDER BY path, start, "end", type',
        ):
            for row in opened.rows(query):
                total.update(repr(row).encode())
        assert opened.check() == []
    return total.hexdigest()


def main() -> None:
    """Prints what is measured as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=3.0, help="for the large file")
    parser.add_argument("--all", action="store_true", help="read the large file to its end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        size = small_files(base / "small", arguments.files)
        rate = bare(base / "small", 1_000)
        took, held = watched(command(base / "small", base / "a.uner"))
        print(
            f"{arguments.files:,} files, {size / 1e6:.1f} MB, {WORKERS} workers: {took:.1f} s,"
            f" {size / took / 1e3:.1f} kB/s; bare engine on one core {rate / 1e3:.1f} kB/s;"
            f" ratio to {WORKERS} bare engines {size / took / (WORKERS * rate):.2f};"
            f" peak {max(held) / 1e6:.0f} MB in all processes",
            flush=True,
        )
        took, _ = watched(command(base / "small", base / "a.uner"))
        print(f"again, nothing changed: {took:.1f} s", flush=True)

        rng = random.Random(7)
        for _ in range(arguments.kills):
            process = subprocess.Popen(
                command(base / "small", base / "b.uner"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(rng.uniform(0.5, 5.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(command(base / "small", base / "b.uner"), stderr=subprocess.DEVNULL)
        same = digest(base / "a.uner") == digest(base / "b.uner")
        print(f"after {arguments.kills} kills: the same store: {same}", flush=True)

        shutil.rmtree(base / "small")
        (base / "large").mkdir()
        large_file(base / "large" / "large.txt", arguments.megabytes * 1_000_000)
        limit = float("inf") if arguments.all else 60 * arguments.minutes
        took, held = watched(command(base / "large", base / "c.uner"), limit)
        quarters = [held[len(held) * n // 4 : len(held) * (n + 1) // 4] for n in range(4)]
        peaks = ", ".join(f"{max(q) / 1e6:.0f}" for q in quarters if q)
        print(
            f"one text of {arguments.megabytes} MB, {took / 60:.1f} minutes of it: peak of each"
            f" quarter of that time {peaks} MB in all processes"
        )


if __name__ == "__main__":
    main()
