"""What ``uner`` reads goes where the user asked and nowhere else; seen from outside the process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMATS = ("csv", "html", "sqlite", "bioc-xml", "parquet")


def extract(
    corpus: Path, home: Path, output: Path, format: str, *tracer: str
) -> subprocess.CompletedProcess[str]:
    """A run whose home and temporary folder are ``home``."""
    return subprocess.run(
        [
            *tracer,
            *(sys.executable, "-m", "uner_edge.cli", "extract", str(corpus)),
            *("--types", "drug, person", "--format", format, "-o", str(output)),
        ],
        env=os.environ
        | {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_a_run_over_every_format_leaves_nothing_but_its_output(
    format: str, corpus: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    before = {p: p.read_bytes() for p in corpus.iterdir()}
    done = extract(corpus, home, tmp_path / "out", format)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"home", "out"}
    assert not list(home.rglob("*"))
    assert {p: p.read_bytes() for p in corpus.iterdir()} == before


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_no_socket_is_opened_and_no_other_file_written(corpus: Path, tmp_path: Path) -> None:
    """By the operating system's own account, children included."""
    home, log = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    calls = "trace=socket,connect,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"
    done = extract(
        corpus, home, tmp_path / "out", "csv", "strace", "-f", "-qq", "-e", calls, "-o", str(log)
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    lines = log.read_text("utf-8", "replace").splitlines()
    assert any("story.pdf" in line for line in lines)
    assert not [line for line in lines if re.search(r"socket\(AF_INET|connect\(.*AF_INET", line)]
    written = [
        line
        for line in lines
        if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename", line)
        and not re.search(r'"/dev/|"/proc/|= -1 ', line)
    ]
    assert written
    assert all(f'"{tmp_path}/out"' in line for line in written), written
