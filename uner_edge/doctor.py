"""What this machine offers to ``uner``, and how to get what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from platformdirs import user_cache_path

from uner_edge import __version__
from uner_edge.engines import cores
from uner_edge.errors import ModelError
from uner_edge.model_files import installed, read_manifest, verify

COMPILE = 'CMAKE_ARGS="{}" pip install --force-reinstall --no-cache-dir llama-cpp-python=={}'
LLAMA = "0.3.36"
GPU_BUILDS = {
    "NVIDIA": "-DGGML_CUDA=on -DLLAVA_BUILD=OFF",
    "AMD": "-DGGML_HIP=on -DLLAVA_BUILD=OFF",
    "any, with Vulkan": "-DGGML_VULKAN=on -DLLAVA_BUILD=OFF",
}
"""How llama-cpp-python is compiled for a GPU; on a Mac with Apple silicon it always is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    state: str
    fine: bool = True
    """Nothing is broken; an extra that was never installed is not."""
    remedy: str = ""
    """What to do; empty where nothing needs doing."""


def examine() -> Iterator[Finding]:
    """Looks at everything, in the order a reader wants it; never raises."""
    yield Finding("uner-edge", f"{__version__}, Python {platform.python_version()}")
    yield Finding(
        "machine", f"{platform.system()} {platform.machine()}, {cores()} cores{_memory()}"
    )
    yield Finding("tagger runtime", f"onnxruntime {_version('onnxruntime')}")
    yield from _generator()
    for folder in installed():
        yield _model(folder)
    yield Finding("built models and caches", str(user_cache_path("uner-edge")))
    yield Finding("network", "denied to this program at its start")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


def _memory() -> str:
    try:
        return f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    except (AttributeError, OSError, ValueError):
        return ""


def _generator() -> Iterator[Finding]:
    parts = {"llama-cpp-python": "llama_cpp", "llguidance": "llguidance"}
    missing = [name for name, part in parts.items() if importlib.util.find_spec(part) is None]
    if missing:
        # It is an extra: only a part of it is a fault.
        yield Finding(
            "generator runtime",
            f"{' and '.join(missing)} not installed; the tagger needs neither",
            len(missing) == len(parts),
            "pip install 'uner-edge[generator]' (compiles llama.cpp once, minutes)",
        )
        return
    from uner_edge.llama import supports_gpu

    yield Finding("generator runtime", f"llama-cpp-python {_version('llama-cpp-python')}")
    if supports_gpu():
        yield Finding("GPU", "can be used by generators (--gpu-layers auto)")
    else:
        ways = "; ".join(f"{who}: {COMPILE.format(how, LLAMA)}" for who, how in GPU_BUILDS.items())
        yield Finding("GPU", "not used: llama-cpp-python was built without", True, ways)


def _model(folder: Path) -> Finding:
    try:
        manifest = read_manifest(folder)
        verify(manifest)
        if "build" in manifest.table:
            from uner_edge.build import built_file

            built_file(manifest)
    except ModuleNotFoundError as error:
        state = f"needs {error.name}"
        return Finding(f"model {folder.name}", state, remedy="see generator runtime")
    except ModelError as error:
        return Finding(f"model {folder.name}", str(error), False)
    return Finding(f"model {manifest.name}", f"{manifest.kind}, ready, all hashes match")
