"""What spoils a tagger, and how much: ``python -m training.robustness models/NAME --data DATA``.

Strict span F1 at the model's own threshold, macro over the unseen datasets, of the same texts

- as they are, and in float32 instead of int8 (``--run``, the folder the model was trained in),
- all lower and all upper case, with slips of the keyboard, with scanning errors,
- asked by names kept from training (``synonyms-dev.toml``; types it does not list by their own),
- asked 60 types instead of the dataset's own few (what is found of the others is not judged: it
  may be right).

Writes the table into ``model.toml`` under ``[robustness]``. Changed texts follow from the seed.
"""

from __future__ import annotations

import argparse
import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w

from training.augment import change_text, lower, scan, slip, upper
from training.dev import load_dev
from training.example import Example
from training.freeze import load_run
from training.recipe import unseen_datasets
from training.torch_engine import TorchEngine
from uner_edge.calibration import RAW
from uner_edge.engines import Engine, open_engine
from uner_edge.evaluate import Counts, asked_types, candidates
from uner_edge.labelled import LabelledText
from uner_edge.model_files import MANIFEST, load_manifest
from uner_edge.resolve import resolve

SEED = 5
MANY = 60
"""Types asked at once."""
NOISY_SHARE = 0.15
"""Of the words of a text, changed."""

Rows = Sequence[LabelledText]


@dataclass(frozen=True, slots=True)
class Asking:
    """How the types of a dataset are asked."""

    names: Mapping[str, str]
    """Type to the name it is asked by; others by their own."""
    more: tuple[str, ...] = ()
    """Types asked beside them."""


def f1(rows: Rows, engine: Engine, threshold: float, asking: Asking) -> float:
    """Micro-averaged strict span F1 on one dataset."""
    counts = Counts()
    named = [{kind: asking.names.get(kind, kind) for kind in asked_types(row)} for row in rows]
    asked = [_with_more(tuple(names.values()), asking.more) for names in named]
    for index, found in candidates([row.text for row in rows], asked, engine, threshold):
        names = named[index]
        kept = resolve(e for e in found if e.type in names.values())
        for kind, name in names.items():
            gold = {(e.start, e.end) for e in rows[index].entities if e.type == kind}
            counts.add(set(gold), {(e.start, e.end) for e in kept if e.type == name})
    return counts.f1


def _with_more(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    others = [name for name in more if name not in names]
    return (*names, *others[: max(0, MANY - len(names))])


def changed(rows: Rows, change: Callable[[str, random.Random], str], share: float) -> Rows:
    """The same texts spelled differently; where a mention ends within a word, as they were."""
    rng = random.Random(SEED)
    spelled = []
    for row in rows:
        example = change_text(Example(row.text, (), row.entities), change, share, rng)
        spelled.append(LabelledText(example.text, example.entities, row.types, absent=row.absent))
    return spelled


def measure(folder: Path, data: Path, texts: int, run: Path | None) -> None:
    """Measures and writes ``[robustness]``."""
    manifest = load_manifest(str(folder.resolve()))
    engine, threshold = open_engine(manifest), manifest.threshold
    dev = load_dev(data, unseen_datasets(), texts)
    table = tomllib.loads(Path(__file__).with_name("synonyms-dev.toml").read_text("utf-8"))
    plain = Asking({})
    everything = sorted(
        {kind for rows in dev.values() for row in rows for kind in asked_types(row)}
    )
    random.Random(SEED).shuffle(everything)
    spellings: dict[str, Callable[[Rows], Rows]] = {
        "lower case": lambda rows: changed(rows, lower, 1.0),
        "upper case": lambda rows: changed(rows, upper, 1.0),
        "slips of the keyboard": lambda rows: changed(rows, slip, NOISY_SHARE),
        "scanning errors": lambda rows: changed(rows, scan, NOISY_SHARE),
    }
    found: dict[str, float] = {}

    def note(name: str, scores: list[float]) -> None:
        found[name] = round(float(np.mean(scores)), 4)
        print(f"{name:24} {100 * found[name]:5.1f}", flush=True)

    note("as is", [f1(rows, engine, threshold, plain) for rows in dev.values()])
    if run is not None:
        tagger, word_pieces, _, _ = load_run(run)
        raw = RAW.probability(manifest.calibration.logit(threshold))
        exact = TorchEngine(tagger, word_pieces, exact=True)
        note("float32", [f1(rows, exact, raw, plain) for rows in dev.values()])
    for name, spelling in spellings.items():
        note(name, [f1(spelling(rows), engine, threshold, plain) for rows in dev.values()])
    asked_otherwise = Asking(table["names"])
    note("other names", [f1(rows, engine, threshold, asked_otherwise) for rows in dev.values()])
    crowd = Asking({}, tuple(everything))
    note(f"{MANY} types asked", [f1(rows, engine, threshold, crowd) for rows in dev.values()])
    manifest_table = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    option = " --run RUN" * bool(run)
    manifest_table["robustness"] = {
        "command": f"python -m training.robustness models/{folder.name} --data DATA"
        f" --texts {texts}{option}",
        "f1": found,
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(manifest_table).encode("utf-8"))


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.robustness", description=__doc__)
    parser.add_argument("folder", type=Path, help="model folder, e.g. models/uner-tagger-small")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/")
    parser.add_argument("--texts", type=int, default=100, help="of each dataset at most")
    parser.add_argument("--run", type=Path, help="the folder the model was trained in")
    arguments = parser.parse_args()
    measure(arguments.folder, arguments.data, arguments.texts, arguments.run)


if __name__ == "__main__":
    main()
