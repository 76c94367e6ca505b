"""The command as a person runs it: a process of its own, the shipped model, real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
TYPES = ("--types", "person, organization, location, date, drug, disease")


def uner(*arguments: object, stdin: bytes | None = None, **environment: str):
    """Runs ``uner`` and returns the finished process, output decoded."""
    done = subprocess.run(
        [sys.executable, "-m", "uner_edge.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("UNER_")} | environment,
        timeout=120,
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def records(done) -> dict[str, dict]:
    """JSON lines of a run by file name."""
    return {Path(r["path"]).name: r for r in map(json.loads, done.stdout.splitlines())}


def one_line(done) -> str:
    """The message of a run that failed: exactly one line."""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("uner: ")
    return done.stderr
