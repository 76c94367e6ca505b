"""What sharing and batching buy a generator, and that they change nothing.

``python benchmarks/generator.py MODEL --data FILE`` asks 10 types about 50 passages three ways in
one run, interleaved: one question at a time with everything evaluated anew; one question at a
time behind a passage evaluated once; and as ``uner extract`` does. It prints times as ratios, the
share of (passage, type) pairs with the same spans, and how close every decision was that differed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llguidance import LLMatcher

from uner_edge.answers import Answer, admitted, grammar, log_sum
from uner_edge.engines import EngineOptions, cores
from uner_edge.engines.generator import GeneratorEngine, Limits, answer_limit, weights_of
from uner_edge.llama import LanguageModel, Step
from uner_edge.model_files import load_manifest
from uner_edge.prompt import flatten, opening, question
from uner_edge.types import TypeSet

TYPES = TypeSet.parse(
    "person, organization, location, date, drug, disease, gene or protein, software, money, event"
)
BLOCK = 5
"""Passages a way gets at a time, so that all ways meet the same moods of the machine."""


class OneAtATime:
    """The same decoding with nothing shared: every question evaluates its passage anew."""

    def __init__(self, model: LanguageModel, threads: int) -> None:
        self.model = model
        self._guide = model.guide()
        self._context = model.open(2048, 1, threads)

    def prompt(self, text: str, kind: str) -> list[int]:
        """Everything that stands before an answer."""
        tokens = self.model.tokenise
        first = [*self.model.bos, *tokens(opening(flatten(text)[0])), self.model.eos]
        return first + tokens(question(kind))

    def logits(self, tokens: list[int]) -> Any:
        """(V,): what the model would say next."""
        self._context.forget(0)
        return self._context.evaluate([Step(0, 0, tokens, True)])[0]

    def answers(self, texts: Sequence[str], types: TypeSet) -> list[dict[str, Answer]]:
        """Per text, the answer for every type."""
        return [{kind: self._answer(text, kind) for kind in types.names} for text in texts]

    def _answer(self, text: str, kind: str) -> Answer:
        answer, asked = Answer(), self.prompt(text, kind)
        matcher = LLMatcher(self._guide, grammar(flatten(text)[0]), log_level=0)
        row, at = self.logits(asked), len(asked)
        for _ in range(answer_limit(len(asked) - len(self.model.tokenise(question(kind))))):
            token = admitted(matcher, row)
            if token in (-1, self.model.eos) or not matcher.consume_token(token):
                break
            answer.add(token, self.model.token_bytes(token), float(row[token]) - log_sum(row))
            if answer.repeats():
                break
            row, at = self._context.evaluate([Step(0, at, [token], True)])[0], at + 1
        return answer


def main() -> None:
    """Parses the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="e.g. uner-270m")
    parser.add_argument("--template", help="for a bare .gguf file")
    parser.add_argument("--data", type=Path, required=True, help="labelled texts, .jsonl.gz")
    parser.add_argument("--passages", type=int, default=50)
    parser.add_argument("--threads", type=int, default=cores())
    arguments = parser.parse_args()
    manifest = load_manifest(arguments.model, arguments.template)
    model, options = LanguageModel(weights_of(manifest)), EngineOptions(arguments.threads)
    alone = OneAtATime(model, arguments.threads)
    ways: dict[str, GeneratorEngine | OneAtATime] = {
        "one question at a time": alone,
        "passage evaluated once": GeneratorEngine(manifest, model, options, Limits(4096, 1, 1)),
        "and all questions side by side": GeneratorEngine(manifest, model, options),
    }
    rows = gzip.decompress(arguments.data.read_bytes()).decode("utf-8").splitlines()
    texts = [" ".join(json.loads(row)["text"].split()[:120]) for row in rows[: arguments.passages]]
    words = sum(len(text.split()) for text in texts)
    seconds = dict.fromkeys(ways, 0.0)
    found: dict[str, list[dict[str, Answer]]] = {name: [] for name in ways}
    for at in range(0, len(texts), BLOCK):
        for name, way in ways.items():
            began = time.perf_counter()
            answers = way.answers(texts[at : at + BLOCK], TYPES)
            seconds[name] += time.perf_counter() - began
            found[name] += answers
    print(f"{len(texts)} passages, {words} words, {len(TYPES)} types, {manifest.label}\n")
    print("| way | seconds | words/s | times as fast |\n|---|---:|---:|---:|")
    first, *others = ways
    for name, taken in seconds.items():
        print(f"| {name} | {taken:.1f} | {words / taken:.0f} | {seconds[first] / taken:.2f} |")
    for name in others:
        same = 0
        print(f"\n{name}, against {first}:")
        for text, expected, given in zip(texts, found[first], found[name], strict=True):
            for kind in TYPES.names:
                if mentions(expected[kind]) == mentions(given[kind]):
                    same += 1
                else:
                    explain(alone, text, kind, expected[kind], given[kind])
        print(f"  the same spans in {same} of {len(texts) * len(TYPES)} (passage, type) pairs")


def mentions(answer: Answer) -> list[str]:
    return [mention for mention, _ in answer.mentions()]


def explain(alone: OneAtATime, text: str, kind: str, expected: Answer, given: Answer) -> None:
    """Shows the first decision that differed and how likely its two outcomes were."""
    first, second = ([*a.tokens, alone.model.eos] for a in (expected, given))
    at = next(i for i, (x, y) in enumerate(zip(first, second, strict=False)) if x != y)
    row = alone.logits(alone.prompt(text, kind) + first[:at])
    likely = [math.exp(float(row[tokens[at]]) - log_sum(row)) for tokens in (first, second)]
    chances = f"{likely[0]:.4f} to {likely[1]:.4f}"
    print(f"  {kind}: {mentions(expected)} or {mentions(given)}: {chances}")


if __name__ == "__main__":
    main()
