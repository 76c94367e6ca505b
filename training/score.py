"""Scores an exported model on dev data: ``python -m training.score models/NAME --data DATA``.

Strict span F1 and UniversalNER's surface F1 at the model's own threshold, by the runtime's engine,
per dataset; writes the table into ``model.toml`` under ``[dev]``. ``--base FILE.gguf`` measures a
generator's untuned base instead, asked and held to the text in the same way, into ``[dev_base]``.

Unseen datasets are those of ``unseen.toml``; seen ones are those the model learned from; a dataset
that is neither (its licence forbids training on it) counts as other: its texts are new to the
model, but it did not help to choose anything.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from training.dev import load_dev
from training.recipe import unseen_datasets
from uner_edge.engines import Engine, open_engine
from uner_edge.evaluate import Counts, asked_types, normalise, predict
from uner_edge.labelled import LabelledText
from uner_edge.model_files import MANIFEST, bare_manifest, load_manifest

KINDS = ("unseen", "seen", "other")


def score(
    folder: Path, data: Path, texts: int, base: Path | None = None, only_unseen: bool = False
) -> None:
    """Measures and writes ``[dev]`` or ``[dev_base]``."""
    manifest = load_manifest(str(folder.resolve()))
    if base is None:
        engine, threshold = open_engine(manifest), manifest.threshold
    else:
        bare = bare_manifest(base, "uniner")
        engine, threshold = open_engine(bare), bare.threshold
    seen = {entry["dataset"] for entry in manifest.table["training"]["data"]}
    names = sorted(p.name.removesuffix(".jsonl.gz") for p in (data / "ner" / "dev").iterdir())
    if only_unseen:
        names = [name for name in names if name in unseen_datasets()]
    rows: list[dict[str, Any]] = []
    for name in names:
        texts_of_set = load_dev(data, [name], texts)[name]
        spans, surfaces = evaluate_both(texts_of_set, engine, threshold)
        unseen = name in unseen_datasets()
        rows.append(
            {
                "dataset": name,
                "domain": texts_of_set[0].domain,
                "kind": "unseen" if unseen else "seen" if name in seen else "other",
                "texts": len(texts_of_set),
                "precision": round(spans.precision, 4),
                "recall": round(spans.recall, 4),
                "f1": round(spans.f1, 4),
                "surface_f1": round(surfaces.f1, 4),
            }
        )
        shown = f"F1 {100 * spans.f1:5.1f}, surfaces {100 * surfaces.f1:5.1f}"
        print(f"{name:32} {rows[-1]['kind']:7} {shown}", flush=True)
    table = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    option = " --base BASE.gguf" * bool(base) + " --only-unseen" * only_unseen
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    table["dev_base" if base else "dev"] = {
        "metric": "strict span F1, flat, and surface F1",
        "command": f"python -m training.score models/{folder.name} --data DATA --texts {texts}"
        + option,
        "macro_f1": {kind: _macro(rows, "kind", kind) for kind in kinds},
        "macro_surface_f1": {kind: _macro(rows, "kind", kind, "surface_f1") for kind in kinds},
        "domains": {d: _macro(rows, "domain", d) for d in sorted({r["domain"] for r in rows})},
        "scores": rows,
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(table).encode("utf-8"))
    print(table["dev_base" if base else "dev"]["macro_f1"])


def evaluate_both(
    rows: list[LabelledText], engine: Engine, threshold: float
) -> tuple[Counts, Counts]:
    """Strict spans and surfaces (see ``uner_edge.evaluate``) of the same predictions."""
    spans, surfaces = Counts(), Counts()
    asked = [asked_types(row) for row in rows]
    for index, found in predict([r.text for r in rows], asked, engine, threshold, nested=False):
        row = rows[index]
        for kind in asked[index]:
            gold = {(e.start, e.end) for e in row.entities if e.type == kind}
            given = {(e.start, e.end) for e in found if e.type == kind}
            spans.add(set(gold), set(given))
            surfaces.add(
                {normalise(row.text[start:end]) for start, end in gold},
                {normalise(row.text[start:end]) for start, end in given},
            )
    return spans, surfaces


def _macro(rows: list[dict[str, Any]], key: str, value: str, measure: str = "f1") -> float:
    chosen: list[float] = [row[measure] for row in rows if row[key] == value]
    return round(sum(chosen) / len(chosen), 4)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.score", description=__doc__)
    parser.add_argument("folder", type=Path, help="model folder, e.g. models/uner-tagger-small")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/")
    parser.add_argument("--texts", type=int, default=300, help="of each dataset at most")
    parser.add_argument("--base", type=Path, help="GGUF file of a generator's untuned base")
    parser.add_argument("--only-unseen", action="store_true", help="leave out all other datasets")
    arguments = parser.parse_args()
    score(arguments.folder, arguments.data, arguments.texts, arguments.base, arguments.only_unseen)


if __name__ == "__main__":
    main()
