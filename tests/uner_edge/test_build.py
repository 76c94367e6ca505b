"""A generator built from base and adapter, without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge import build as module
from uner_edge.base_weights import installed_base, sha256_of
from uner_edge.build import BASE_SHA256, KEPT_TOKENS, build_generator, built_file, merge_adapter
from uner_edge.engines import EngineOptions, open_engine
from uner_edge.errors import ModelError
from uner_edge.llama import LanguageModel, Step
from uner_edge.model_files import Manifest, read_manifest
from uner_edge.types import TypeSet

PACKAGE = "tiny_base_for_tests"
SENTENCE = "Text: Ann Lee took aspirin in Oslo."
RANK, ALPHA = 2, 6.0


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return fields, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


def write_adapter(base: Path, path: Path, **changes: Any) -> Path:
    """A random adapter for some layers of ``base``; drops the pieces of ``What`` and ``Berlin``."""
    fields, tensors = read(base)
    tokens = fields["tokenizer.ggml.tokens"]
    kept = [i for i, t in enumerate(tokens) if not t.lstrip("▁").startswith(("Wh", "Berl"))]
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, ALPHA)
    writer.add_string(BASE_SHA256, changes.get("digest", sha256_of(base)))
    writer.add_array(KEPT_TOKENS, kept)
    draw = np.random.default_rng(5)
    for name in ("blk.0.attn_q.weight", "blk.1.ffn_down.weight", "blk.1.attn_k.weight"):
        rows, columns = tensors[name].shape
        size = columns + changes.get("wider", 0)
        down, up = draw.normal(0, 0.2, (RANK, size)), draw.normal(0, 0.2, (rows, RANK))
        place = changes.get("place", name)
        writer.add_tensor(f"{place}.lora_a", down.astype(np.float16))
        writer.add_tensor(f"{place}.lora_b", up.astype(np.float16))
        if changes:
            break
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def adapter(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tiny_gguf, tmp_path_factory.mktemp("adapter") / "adapter.gguf")


@pytest.fixture(scope="module")
def merged(tiny_gguf: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("merged") / "merged.gguf"
    merge_adapter(tiny_gguf, adapter, path, "student")
    return path


@pytest.fixture
def package(tiny_gguf: Path, tmp_path: Path) -> Iterator[str]:
    """An installed package that carries the tiny base, as the real one does."""
    site = tmp_path / "site"
    (site / PACKAGE).mkdir(parents=True)
    (site / PACKAGE / "__init__.py").write_text(
        "import shutil\nMODEL_NAME = 'tiny.gguf'\n"
        f"def assemble(path):\n    return shutil.copy({str(tiny_gguf)!r}, path)\n",
        "utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield PACKAGE
    sys.modules.pop(PACKAGE, None)


@pytest.fixture
def manifest(tiny_gguf: Path, adapter: Path, package: str, tmp_path: Path) -> Manifest:
    folder = tmp_path / "models" / "uner-tiny"
    folder.mkdir(parents=True)
    shutil.copy(adapter, folder)
    (folder / "model.toml").write_text(
        'format_version = 1\nname = "uner-tiny"\nversion = 1\nkind = "generator"\n'
        "prompt_version = 1\nwindow = 128\nthreshold = 0.1\ntemperature = 1.0\n"
        f'[[files]]\nname = "adapter.gguf"\nsha256 = "{sha256_of(adapter)}"\nsize = 1\n'
        f'[base]\npackage = "{package}"\nsha256 = "{sha256_of(tiny_gguf)}"\n'
        '[build]\nlevel = "Q8_0"\n',
        "utf-8",
    )
    return read_manifest(folder)


def test_adapted_weights_are_base_plus_scaled_product(
    tiny_gguf: Path, adapter: Path, merged: Path
) -> None:
    (_, before), (_, changes), (_, after) = read(tiny_gguf), read(adapter), read(merged)
    kept = read(adapter)[0][KEPT_TOKENS]
    assert before.keys() == after.keys()
    for name, weights in before.items():
        expected = weights[kept] if name == "token_embd.weight" else weights
        if f"{name}.lora_a" in changes:
            down, up = (changes[f"{name}.lora_{side}"].astype(np.float32) for side in "ab")
            expected = weights + ALPHA / RANK * up @ down
            assert not np.allclose(expected, weights, atol=0.05)
        assert after[name].dtype == (np.float32 if expected.ndim == 1 else np.float16)
        np.testing.assert_allclose(after[name], expected, rtol=1e-3, atol=1e-3)


def test_the_vocabulary_is_cut_down_and_counted_anew(
    tiny_gguf: Path, adapter: Path, merged: Path
) -> None:
    before, after = read(tiny_gguf)[0], read(merged)[0]
    kept = read(adapter)[0][KEPT_TOKENS]
    for key in ("tokens", "scores", "token_type"):
        whole = before[f"tokenizer.ggml.{key}"]
        assert after[f"tokenizer.ggml.{key}"] == [whole[old] for old in kept]
    for name in ("bos", "eos", "unknown", "padding"):
        key = f"tokenizer.ggml.{name}_token_id"
        assert kept[after[key]] == before[key]
    assert after["general.name"] == "student"
    assert after["gemma3.attention.key_length"] == before["gemma3.attention.key_length"]


@given(st.text().filter(lambda text: "\u2581" not in text))
def test_any_text_still_encodes(merged: Path, text: str) -> None:
    model = _model(merged)
    assert b"".join(map(model.token_bytes, model.tokenise(text))).decode("utf-8") == text


def test_text_of_kept_tokens_is_tokenised_as_before(
    tiny_gguf: Path, adapter: Path, merged: Path
) -> None:
    kept = read(adapter)[0][KEPT_TOKENS]
    whole, cut = _model(tiny_gguf), _model(merged)
    for text in (SENTENCE, ' ["Ann Lee", "Oslo"]', "She felt better: 東京, naïve."):
        assert [kept[new] for new in cut.tokenise(text)] == whole.tokenise(text)
    assert len(cut.tokenise("Berlin")) > len(whole.tokenise("Berlin"))


def test_llama_cpp_adds_the_same_adapter_to_the_same_effect(
    tiny_gguf: Path, adapter: Path, merged: Path
) -> None:
    kept = read(adapter)[0][KEPT_TOKENS]
    whole, cut = _model(tiny_gguf), _model(merged)
    plain, ours = _logits(whole, whole.tokenise(SENTENCE)), _logits(cut, cut.tokenise(SENTENCE))
    theirs = _logits(whole, whole.tokenise(SENTENCE), adapter)
    assert np.abs(ours - plain[kept]).max() > 0.5
    np.testing.assert_allclose(ours, theirs[kept], atol=0.1)


_open: dict[Path, LanguageModel] = {}


def _model(path: Path) -> LanguageModel:
    if path not in _open:
        _open[path] = LanguageModel(path)
    return _open[path]


def _logits(
    model: LanguageModel, tokens: list[int], adapter: Path | None = None
) -> np.ndarray[Any, Any]:
    context = model.open(256, 1, 1)
    if adapter is not None:
        context.adapt(adapter)
    logits = context.evaluate([Step(0, 0, tokens, True)])[0]
    context.close()
    return logits


def test_a_build_is_made_once_and_checked_ever_after(manifest: Manifest, tmp_path: Path) -> None:
    cache, said = tmp_path / "cache" / "models", list[str]()
    with pytest.raises(ModelError, match="uner models build uner-tiny"):
        built_file(manifest, cache)
    path = build_generator(manifest, cache, said.append)
    assert len(said) == 3 and "Q8_0" in said[-1]
    assert sorted(p.suffix for p in cache.iterdir()) == [".gguf", ".sha256"]
    assert LanguageModel(path).vocab_size == len(
        read(manifest.path("adapter.gguf"))[0][KEPT_TOKENS]
    )
    assert build_generator(manifest, cache, said.append) == path
    assert len(said) == 3
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="damaged or tampered with; uner models build"):
        built_file(manifest, cache)
    assert build_generator(manifest, cache) == path == built_file(manifest, cache)


def test_a_built_model_finds_entities(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "user_cache_path", lambda name: tmp_path / "cache")
    with pytest.raises(ModelError, match="not built on this machine yet"):
        open_engine(manifest)
    build_generator(manifest)
    engine = open_engine(manifest, EngineOptions(threads=1))
    assert engine.model.startswith("uner-tiny@1 sha256:")
    (found,) = engine.find([SENTENCE], TypeSet.parse("person, city, drug, gene"), 0.0)
    assert all(SENTENCE[e.start : e.end] == e.text for e in found)


def test_an_interrupted_build_leaves_nothing_that_counts(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "models"

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    for step in ("quantise", "sha256_of"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                build_generator(manifest, cache)
        with pytest.raises(ModelError, match="not built"):
            built_file(manifest, cache)
    assert not list(cache.glob("*.partial"))
    assert build_generator(manifest, cache).is_file()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digest": "0" * 64}, "was tuned on another base"),
        ({"wider": 3}, "does not fit the base at blk.0.attn_q.weight"),
        ({"place": "blk.7.attn_q.weight"}, "adapts blk.7.attn_q.weight.lora_"),
    ],
)
def test_an_adapter_that_does_not_belong_is_refused(
    changes: dict[str, Any], problem: str, tiny_gguf: Path, tmp_path: Path
) -> None:
    adapter = write_adapter(tiny_gguf, tmp_path / "adapter.gguf", **changes)
    with pytest.raises(ModelError, match=problem):
        merge_adapter(tiny_gguf, adapter, tmp_path / "merged.gguf", "x")


def test_a_damaged_adapter_is_refused(tiny_gguf: Path, adapter: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    for size in (0, 10, adapter.stat().st_size // 2):
        broken.write_bytes(adapter.read_bytes()[:size])
        with pytest.raises(ModelError, match="broken.gguf: not a GGUF file, or damaged"):
            merge_adapter(tiny_gguf, broken, tmp_path / "merged.gguf", "x")
    with pytest.raises(ModelError, match="not an adapter of uner-edge"):
        merge_adapter(tiny_gguf, tiny_gguf, tmp_path / "merged.gguf", "x")


def test_a_base_left_half_done_is_made_anew(package: str, tiny_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"half")
    path = installed_base(package, sha256_of(tiny_gguf), tmp_path)
    assert path.read_bytes() == tiny_gguf.read_bytes()
    with pytest.raises(ModelError, match="its sha256 is not the one expected"):
        installed_base(package, "0" * 64, tmp_path)
    with pytest.raises(ModelError, match="pip install no-such-base"):
        installed_base("no_such_base", "0" * 64, tmp_path)


def test_too_little_disk_space_says_how_much_is_needed(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ModelError, match=r"GB are free, a build needs [\d.]+ GB"):
        build_generator(manifest, tmp_path / "cache" / "models")


def test_building_never_loads_torch() -> None:
    code = (
        "import sys, json; import uner_edge.build, uner_edge.engines.generator;"
        "print(json.dumps([m for m in ('torch', 'transformers', 'peft') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == []
