"""Fetches llama.cpp's converter: ``python -m export.fetch_converter`` (``make fetch-converter``).

It ships inside the source distribution of llama-cpp-python, so it matches the llama.cpp that runs
what it writes. Only its Python files are unpacked, into the user's cache.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from uner_edge.base_weights import sha256_of

VERSION = "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
"""Of the source distribution."""
ROOT = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
WANTED = ("convert_hf_to_gguf.py", "conversion/", "gguf-py/")


def converter_folder() -> Path:
    """Where the converter is, or will be."""
    return user_cache_path("uner-edge") / f"llama-cpp-converter-{VERSION}"


def fetch() -> Path:
    """The converter's folder; downloaded with pip and verified if it is not there yet.

    Raises:
        SystemExit: The download failed, or is not the file it should be.
    """
    target = converter_folder()
    if (target / WANTED[0]).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        command += ["--quiet", "--no-binary", ":all:", "--no-deps", "--dest", name]
        if subprocess.run([*command, f"llama-cpp-python=={VERSION}"], check=False).returncode:
            raise SystemExit("error: pip could not download llama-cpp-python's source")
        unpack(folder / f"llama_cpp_python-{VERSION}.tar.gz", folder / "unpacked")
        (folder / "unpacked" / ROOT).rename(target)
    return target


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks the converter's files from a source distribution, after checking its hash.

    Raises:
        SystemExit: It is another file.
    """
    if sha256_of(archive) != SHA256:
        raise SystemExit(f"error: {archive.name}: not the source distribution it should be")
    with tarfile.open(archive) as source:
        members = [m for m in source if m.name.startswith(tuple(ROOT + part for part in WANTED))]
        source.extractall(folder, members, filter="data")


if __name__ == "__main__":
    print(fetch())
