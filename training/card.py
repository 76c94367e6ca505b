"""Writes a model's card from its manifest: ``python -m training.card models/NAME``.

Numbers come from ``model.toml`` alone, each beside the command that measured it.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from uner_edge.model_files import MANIFEST

CARD = """# {name}

Finds entities of any type you name, in English text, on a CPU, without a network. It scores every
word of a passage against every asked type in one pass (see `training/model.py`).

| | |
|---|---|
| kind | tagger, ONNX int8, {megabytes:.1f} MB |
| base | all-MiniLM-L6-v2 (22.7 M parameters, {base_licence}), from the Python package `{package}` |
| licence | {licence}; the texts it learned from are not included |
| window | 256 sub-tokens a passage; longer documents are read in overlapping passages |
| default threshold | {threshold} (temperature {temperature}) |
| training | {hours} h on 2 CPU cores, {steps:,} steps, {passages:,} passages, seed {seed} |
| recipe | `{recipe}` |

## What it can and cannot do

- Names of common kinds (people, places, organisations, dates, drugs, diseases, ingredients,
  software) are found best; long descriptive spans and very specific types worst.
- English only. Other languages are read, and names in them are sometimes found.
- A score is the estimated chance that start, end and type are all right, as people would annotate
  them in datasets the model has never seen.
- Definitions in type packs are not read by this model, only the names.
- Not a medical device, and not a guarantee for redaction: it misses entities.

## Scores on dev data

Strict: start, end and type must be right. `{command}`

**Unseen** datasets were never trained on and stand for zero-shot use ({unseen_count} datasets,
macro F1 **{unseen:.1f}**; threshold and temperature were chosen on them). **Seen** ones have a
training part that was used ({seen_count}, macro F1 {seen:.1f}). **Other** ones could not be used
for training because of their licence and did not help to choose anything ({other_count}, macro
F1 {other:.1f}).

{domains}

<details><summary>Every dataset</summary>

{scores}

</details>

## Calibration

On {calibration[texts]:,} texts of the unseen datasets, each dataset weighing the same:
expected calibration error {calibration[error_before]:.3f} before, {calibration[error_after]:.3f}
after one temperature. `{calibration[command]}`

## What was lost on the way to int8

Largest and mean difference of a word's probability, and spans that both find, on the fixed
passages of `export/parity.py`:

{parity}

## What it learned from

{data}
"""


def card(table: dict[str, Any]) -> str:
    """The card in Markdown."""
    training, dev = table["training"], table["dev"]
    by_kind = {
        kind: [row for row in dev["scores"] if row["kind"] == kind]
        for kind in ("unseen", "seen", "other")
    }
    return CARD.format(
        name=table["name"],
        megabytes=sum(file["size"] for file in table["files"]) / 1e6,
        base_licence=table["base"]["licence"],
        package=table["base"]["package"],
        licence=table["licence"],
        threshold=table["threshold"],
        temperature=table["temperature"],
        command=dev["command"],
        calibration=table["calibration"],
        **{key: training[key] for key in ("hours", "steps", "passages", "seed", "recipe")},
        **{kind: 100 * dev["macro_f1"][kind] for kind in by_kind},
        **{f"{kind}_count": len(rows) for kind, rows in by_kind.items()},
        domains=_table(
            ("domain", "macro F1"),
            [(name, f"{100 * f1:.1f}") for name, f1 in dev["domains"].items()],
        ),
        scores=_table(
            ("dataset", "domain", "", "texts", "precision", "recall", "F1"),
            [
                (r["dataset"], r["domain"], r["kind"], r["texts"])
                + tuple(f"{100 * r[key]:.1f}" for key in ("precision", "recall", "f1"))
                for kind in by_kind
                for r in by_kind[kind]
            ],
        ),
        parity=_table(
            ("step", "largest", "mean", "spans", "the same"),
            [
                (k, p["largest"], p["mean"], p["spans"], p["same"])
                for k, p in table["parity"].items()
            ],
        ),
        data=_table(
            ("dataset", "texts", "licence"),
            [(row["dataset"], row["texts"], row["licence"]) for row in training["data"]],
        ),
    )


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("folder", type=Path, help="model folder, e.g. models/uner-tagger-small")
    folder = parser.parse_args().folder
    table = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / "README.md").write_text(card(table), "utf-8")


if __name__ == "__main__":
    main()
