"""A merged folder as a GGUF file in 16 bits: ``python -m export.to_gguf FOLDER --out FILE``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from export.fetch_converter import WANTED, converter_folder


def to_gguf(folder: Path, target: Path, converter: Path) -> None:
    """Runs llama.cpp's converter.

    Args:
        folder: In Hugging Face's format, as ``training.merge`` writes it.
        target: Appears whole or not at all.
        converter: See ``fetch_converter``.

    Raises:
        SystemExit: There is no converter, or it refuses the folder.
    """
    script = converter / WANTED[0]
    if not script.is_file():
        raise SystemExit(f"error: {script}: no converter there; make fetch-converter")
    partial = target.with_name(target.name + ".partial")
    command = [sys.executable, str(script), str(folder), "--outfile", str(partial)]
    # The converter has its own gguf; nothing it imports may come from here.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [*command, "--outtype", "f16"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        partial.unlink(missing_ok=True)
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise SystemExit(f"error: {folder}: cannot be converted: {lines[-1]}")
    os.replace(partial, target)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m export.to_gguf", description=__doc__)
    parser.add_argument("folder", type=Path, help="merged model, from training.merge")
    parser.add_argument("--out", type=Path, required=True, help="NAME.f16.gguf")
    parser.add_argument("--converter", type=Path, default=converter_folder())
    arguments = parser.parse_args()
    to_gguf(arguments.folder, arguments.out, arguments.converter)


if __name__ == "__main__":
    main()
