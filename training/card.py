"""Writes a model's card from its manifest: ``python -m training.card models/NAME``.

Numbers come from ``model.toml`` alone, each beside the command that measured it.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from training.encoder import encoder_name
from uner_edge.calibration import RAW
from uner_edge.model_files import MANIFEST

MEASURES = ("precision", "recall", "f1", "surface_f1")
MACROS = ("macro_f1", "macro_surface_f1")

TAGGER_CARD = """# {name}

Finds entities of any type you name, in English text, on a CPU, without a network. It scores every
word of a passage against every asked type in one pass (see `training/model.py`).

| | |
|---|---|
| kind | tagger, ONNX int8, {megabytes:.1f} MB |
| base | {base} ({base_licence}), from the Python package `{package}` |
| licence | {licence}; the texts it learned from are not included |
| window | 256 sub-tokens a passage; longer documents are read in overlapping passages |
| default threshold | {threshold} (temperature {temperature}, offset {offset}) |
| training | {hours} h on one or two CPU cores, {steps:,} steps, {passages:,} passages |
| recipe | {recipes} |

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
macro F1 **{unseen:.1f}**; threshold, temperature, offset and which runs went into it were chosen on
them). **Seen** ones have a training part that was used ({seen_count}, macro F1 {seen:.1f}).
**Other** ones could not be used for training because of their licence and did not help to choose
anything ({other_count}, macro F1 {other:.1f}). Texts that also stand in a training part are left
out (`training/overlaps.toml`).

{domains}

<details><summary>Every dataset</summary>

{scores}

</details>

## Calibration

On {calibration[texts]:,} texts of the unseen datasets, each dataset weighing the same:
expected calibration error {calibration[error_before]:.3f} before, {calibration[error_after]:.3f}
after, each dataset calibrated by the others. `{calibration[command]}`
{reliability}
## What spoils it

{robustness}

## What was lost on the way to int8

Largest and mean difference of a word's probability, and spans that both find, on the fixed
passages of `export/parity.py`:

{parity}

## What it learned from

{data}
"""


GENERATOR_CARD = """# {name}

A small language model that is asked one question per type about a passage and answers with a list
of mentions, word for word from the passage (the conversation in `uner_edge/prompt.py`).

| | |
|---|---|
| kind | generator; ships as a LoRA adapter of {megabytes:.1f} MB |
| on your machine | `uner models build {name}` makes a GGUF file in {level} of it |
| base | Gemma 3 270M, from the Python package `{package}` |
| licence | {licence}; see NOTICE and GEMMA_TERMS.txt; the texts it learned from are not included |
| window | {window} tokens a passage; longer documents are read in overlapping passages |
| default threshold | {threshold} (temperature {temperature}, offset {offset}) |
| training | {hours} h on 2 CPU cores, shared with other work |
| passages | {passages:,} in {steps:,} steps, seed {seed} |
| recipe | `{recipe}` |

## What it can and cannot do

- It reads definitions: a type in a pack that has one is asked by it.
- Every span it gives stands in the text. What it calls a span of a type may still be wrong.
- A score is the mean probability of the answer's tokens, calibrated on datasets it has never seen.
- English first: its vocabulary was cut down to what its training texts use; any text still encodes.
- It is many times slower than the tagger. Not a medical device, no guarantee for redaction.

## Scores on dev data

Strict span F1 (start, end and type must be right) and the surface metric of UniversalNER, macro
over datasets. `{command}`

{summary}

**Base** is Gemma 3 270M untuned, with the same questions and the same constrained answers:
`{base_command}`

<details><summary>Every dataset</summary>

{scores}

</details>

## Calibration

On {calibration[texts]:,} texts of the unseen datasets, each dataset weighing the same:
expected calibration error {calibration[error_before]:.3f} before, {calibration[error_after]:.3f}
after one temperature. `{calibration[command]}`

## What quantisation costs

`python -m export.levels` (see CONTRIBUTING.md); KL is the divergence from 16 bits over the tokens
of gold answers, speed is relative to 16 bits.

{levels}

## What it learned from

{data}
"""


def card(table: dict[str, Any]) -> str:
    """The card in Markdown."""
    return tagger_card(table) if table["kind"] == "tagger" else generator_card(table)


def generator_card(table: dict[str, Any]) -> str:
    """A generator's card; figures that are not measured yet are left out."""
    training, dev, base = table["training"], table["dev"], table["dev_base"]
    kinds = ("unseen", "seen", "other")
    counts = Counter(row["kind"] for row in dev["scores"])
    return GENERATOR_CARD.format(
        megabytes=table["files"][0]["size"] / 1e6,
        level=table["build"]["level"],
        package=table["base"]["package"],
        command=dev["command"],
        base_command=base["command"],
        calibration=table["calibration"],
        offset=table.get("offset", RAW.offset),
        **{key: table[key] for key in ("name", "licence", "window", "threshold", "temperature")},
        **{key: training[key] for key in ("hours", "steps", "passages", "seed", "recipe")},
        summary=_table(
            ("datasets", "", "span F1", "surface F1", "base: span F1", "base: surface F1"),
            [
                (counts[kind], kind)
                + tuple(_percent(t[key].get(kind)) for t in (dev, base) for key in MACROS)
                for kind in kinds
                if counts[kind]
            ],
        ),
        scores=_table(
            ("dataset", "domain", "", "texts", "precision", "recall", "span F1", "surface F1"),
            [
                (r["dataset"], r["domain"], r["kind"], r["texts"])
                + tuple(f"{100 * r[key]:.1f}" for key in MEASURES)
                for kind in kinds
                for r in dev["scores"]
                if r["kind"] == kind
            ],
        ),
        levels=_table(
            ("level", "importance", "MB", "surface F1", "KL", "speed"),
            [
                (
                    row["level"],
                    "yes" if row["importance"] else "no",
                    row["megabytes"],
                    f"{100 * row['f1']:.1f}",
                    row["divergence"],
                    row["speed"],
                )
                for row in table["levels"]
            ],
        ),
        data=_data(training),
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _data(training: dict[str, Any]) -> str:
    rows = [(row["dataset"], row["texts"], row["licence"]) for row in training["data"]]
    return _table(("dataset", "texts", "licence"), rows)


def _recipes(training: dict[str, Any]) -> str:
    """Every run that went into a tagger."""
    runs = training.get("stages", [training])
    return ", ".join(f"`{r['recipe']}` (seed {r['seed']}, {r['steps']:,} steps)" for r in runs)


def tagger_card(table: dict[str, Any]) -> str:
    """A tagger's card."""
    training, dev, base = table["training"], table["dev"], table["base"]
    by_kind = {
        kind: [row for row in dev["scores"] if row["kind"] == kind]
        for kind in ("unseen", "seen", "other")
    }
    return TAGGER_CARD.format(
        name=table["name"],
        megabytes=sum(file["size"] for file in table["files"]) / 1e6,
        base=encoder_name(base["package"], base["folder"], base.get("layers", 0)),
        base_licence=base["licence"],
        package=base["package"],
        licence=table["licence"],
        threshold=table["threshold"],
        temperature=table["temperature"],
        offset=table.get("offset", RAW.offset),
        command=dev["command"],
        calibration=table["calibration"],
        **{key: training[key] for key in ("hours", "steps", "passages")},
        recipes=_recipes(training),
        **{kind: 100 * dev["macro_f1"][kind] for kind in by_kind},
        **{f"{kind}_count": len(rows) for kind, rows in by_kind.items()},
        reliability=_reliability(table),
        robustness=_robustness(table),
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
        data=_data(training),
    )


def _reliability(table: dict[str, Any]) -> str:
    if "before" not in table["calibration"]:
        return ""
    name = table["name"]
    return f"\n![Share that is right by score](../../docs/reliability-{name}.svg)\n"


def _robustness(table: dict[str, Any]) -> str:
    """Unseen F1 when texts, names of types, or their number change."""
    if "robustness" not in table:
        return "Not measured."
    measured = table["robustness"]
    rows = [(name, f"{100 * f1:.1f}") for name, f1 in measured["f1"].items()]
    return f"`{measured['command']}`\n\n" + _table(("texts and types", "unseen F1"), rows)


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
