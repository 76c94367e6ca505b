"""What every quantisation level costs: ``python -m export.levels F16 --dev FILE... --out FOLDER``.

Quantises a 16-bit GGUF file to every level, with and without importance, and measures in one run,
each level against 16 bits: size, surface F1 on dev texts, Kullback-Leibler divergence of the
answers' tokens, and speed. Prints a table; ``--model`` writes it into a model's manifest.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from uner_edge.engines import EngineOptions, cores
from uner_edge.engines.generator import GeneratorEngine
from uner_edge.evaluate import as_questions, evaluate_surfaces
from uner_edge.labelled import Questions, read_labelled
from uner_edge.llama import LanguageModel, Step
from uner_edge.model_files import MANIFEST, bare_manifest
from uner_edge.prompt import answer, flatten, opening, question
from uner_edge.quantise import LEVELS, quantise

TYPES = 6
"""Questions asked of a dev text at most, those with an answer first."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One level's row."""

    level: str
    importance: bool
    megabytes: float
    f1: float
    """Micro-averaged, surface metric."""
    divergence: float
    """Mean of KL(16 bits, this level) over the tokens of gold answers, in nats."""
    speed: float
    """Words a second, divided by those of 16 bits."""


def gold_distributions(
    model: LanguageModel, rows: Sequence[Questions]
) -> list[NDArray[np.float32]]:
    """Per question, (T, V) log probabilities of what follows, at every token of the gold answer."""
    context = model.open(4096, 1, cores())
    found = []
    for row in rows:
        first = [*model.bos, *model.tokenise(opening(flatten(row.text)[0])), model.eos]
        for kind, answers in row.answers.items():
            asked = first + model.tokenise(question(kind))
            given = model.tokenise(answer([flatten(a)[0] for a in answers]))
            steps = [Step(0, 0, asked, True)]
            steps += [Step(0, len(asked) + at, [token], True) for at, token in enumerate(given)]
            context.forget(0)
            logits = context.evaluate(steps)
            top = logits.max(axis=1, keepdims=True)
            found.append(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)))
    context.close()
    return found


def divergence(
    reference: Sequence[NDArray[np.float32]], other: Sequence[NDArray[np.float32]]
) -> float:
    """Mean Kullback-Leibler divergence in nats."""
    each = [(np.exp(p) * (p - q)).sum(axis=1) for p, q in zip(reference, other, strict=True)]
    return float(np.concatenate(each).mean())


def measure(
    source: Path,
    folder: Path,
    rows: Sequence[Questions],
    importance: Mapping[str, NDArray[np.float32]] | None,
) -> list[Cost]:
    """Quantises ``source`` into ``folder`` and measures every level on ``rows``."""
    folder.mkdir(parents=True, exist_ok=True)
    exact = gold_distributions(LanguageModel(source), rows[: len(rows) // 4 or 1])
    costs: list[Cost] = []
    words = sum(len(row.text.split()) for row in rows)
    fastest = 0.0
    for level in LEVELS:
        for weighed in (False, True) if importance and level.startswith(("Q4", "Q6")) else (False,):
            path = source
            if level != "F16":
                path = folder / f"{source.name.split('.')[0]}.{level}{'.im' * weighed}.gguf"
                quantise(source, path, level, importance if weighed else None)
            manifest = bare_manifest(path, "uniner")
            engine = GeneratorEngine(manifest, LanguageModel(path), EngineOptions())
            began = time.perf_counter()
            scores = evaluate_surfaces(rows, engine, manifest.threshold)
            speed = words / (time.perf_counter() - began)
            fastest = fastest or speed
            told = gold_distributions(engine.language_model, rows[: len(rows) // 4 or 1])
            costs.append(
                Cost(
                    level,
                    weighed,
                    round(path.stat().st_size / 1e6, 1),
                    round(scores.total.f1, 4),
                    round(divergence(exact, told), 5),
                    round(speed / fastest, 2),
                )
            )
            print(costs[-1], flush=True)
    return costs


def read_rows(paths: Sequence[Path], texts: int) -> list[Questions]:
    """The first texts of every file, each with at most TYPES questions."""
    rows = []
    for path in paths:
        for row in islice(read_labelled(path), texts):
            asked = as_questions(row)
            kinds = sorted(asked.answers, key=lambda kind: not asked.answers[kind])[:TYPES]
            rows.append(Questions(asked.text, {kind: asked.answers[kind] for kind in kinds}))
    return rows


def table(costs: Sequence[Cost]) -> str:
    """In Markdown."""
    lines = [
        "| level | importance | MB | surface F1 | KL to 16 bits | speed |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for cost in costs:
        lines.append(
            f"| {cost.level} | {'yes' if cost.importance else 'no'} | {cost.megabytes:.0f} "
            f"| {100 * cost.f1:.1f} | {cost.divergence:.5f} | {cost.speed:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m export.levels", description=__doc__)
    parser.add_argument("source", type=Path, help="GGUF file in 16 bits, from export.to_gguf")
    parser.add_argument("--dev", type=Path, nargs="+", required=True, help="labelled .jsonl.gz")
    parser.add_argument("--texts", type=int, default=20, help="of each dev file")
    parser.add_argument("--importance", type=Path, help="from export.importance")
    parser.add_argument("--out", type=Path, required=True, help="folder for the quantised files")
    parser.add_argument("--model", type=Path, help="model folder whose manifest gets the table")
    arguments = parser.parse_args()
    weights = dict(np.load(arguments.importance)) if arguments.importance else None
    rows = read_rows(arguments.dev, arguments.texts)
    costs = measure(arguments.source, arguments.out, rows, weights)
    print(table(costs))
    if arguments.model:
        manifest = tomllib.loads((arguments.model / MANIFEST).read_text("utf-8"))
        manifest["levels"] = [asdict(cost) for cost in costs]
        (arguments.model / MANIFEST).write_bytes(tomli_w.dumps(manifest).encode("utf-8"))


if __name__ == "__main__":
    main()
