"""Scores an exported model on dev data: ``python -m training.score models/NAME --data DATA``.

Strict span F1 at the model's own threshold, by the runtime's engine, per dataset; writes the
table into ``model.toml`` under ``[dev]``. Unseen datasets are those of ``unseen.toml``; seen ones
are those the model learned from; a dataset that is neither (its licence forbids training on it)
counts as other: its texts are new to the model, but it did not help to choose anything.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from training.dev import load_dev
from training.recipe import unseen_datasets
from uner_edge.engines import open_engine
from uner_edge.evaluate import evaluate_spans
from uner_edge.model_files import MANIFEST, load_manifest


def score(folder: Path, data: Path, texts: int) -> None:
    """Measures and writes ``[dev]``."""
    manifest = load_manifest(str(folder.resolve()))
    engine = open_engine(manifest)
    seen = {entry["dataset"] for entry in manifest.table["training"]["data"]}
    names = sorted(p.name.removesuffix(".jsonl.gz") for p in (data / "ner" / "dev").iterdir())
    rows: list[dict[str, Any]] = []
    for name in names:
        texts_of_set = load_dev(data, [name], texts)[name]
        scores = evaluate_spans(texts_of_set, engine, manifest.threshold)
        unseen = name in unseen_datasets()
        rows.append(
            {
                "dataset": name,
                "domain": texts_of_set[0].domain,
                "kind": "unseen" if unseen else "seen" if name in seen else "other",
                "texts": scores.texts,
                "precision": round(scores.total.precision, 4),
                "recall": round(scores.total.recall, 4),
                "f1": round(scores.total.f1, 4),
            }
        )
        print(f"{name:32} {rows[-1]['kind']:7} F1 {100 * scores.total.f1:5.1f}", flush=True)
    table = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    table["dev"] = {
        "metric": "strict span F1, flat",
        "command": f"python -m training.score models/{folder.name} --data DATA --texts {texts}",
        "macro_f1": {kind: _macro(rows, "kind", kind) for kind in ("unseen", "seen", "other")},
        "domains": {d: _macro(rows, "domain", d) for d in sorted({r["domain"] for r in rows})},
        "scores": rows,
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(table).encode("utf-8"))
    print(table["dev"]["macro_f1"])


def _macro(rows: list[dict[str, Any]], key: str, value: str) -> float:
    chosen: list[float] = [row["f1"] for row in rows if row[key] == value]
    return round(sum(chosen) / max(1, len(chosen)), 4)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.score", description=__doc__)
    parser.add_argument("folder", type=Path, help="model folder, e.g. models/uner-tagger-small")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/")
    parser.add_argument("--texts", type=int, default=300, help="of each dataset at most")
    arguments = parser.parse_args()
    score(arguments.folder, arguments.data, arguments.texts)


if __name__ == "__main__":
    main()
