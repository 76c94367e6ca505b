"""Labelled texts as UniversalNER conversations: one passage, one question per type.

``python -m training.conversations RECIPE --data DATA`` prints what a recipe would ask.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.augment import known_definitions
from training.corpus import TEACHER, Corpus, load_corpus, type_counts
from training.negatives import NegativeTypes, load_negatives
from training.tune_recipe import ConversationRecipe, load_tune_recipe
from uner_edge.labelled import LabelledText
from uner_edge.prompt import answer, flatten, opening, question


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer."""

    query: str
    """A type's name, or its definition."""
    answers: tuple[str, ...]
    """Distinct mentions in order of appearance; empty for a negative type."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A passage and everything asked of it."""

    text: str
    dataset: str | None
    """Named to the model, for supervised data only."""
    turns: tuple[Turn, ...]


def mentions(row: LabelledText, kind: str) -> tuple[str, ...]:
    """Distinct mentions of a type in order of appearance, white space as models see it."""
    found = sorted((e.start, e.end) for e in row.entities if e.type == kind)
    return tuple(dict.fromkeys(flatten(row.text[start:end])[0] for start, end in found))


def converse(
    row: LabelledText,
    recipe: ConversationRecipe,
    negatives: NegativeTypes,
    definitions: Mapping[str, str],
    rng: random.Random,
) -> Conversation:
    """Draws types for one text, some it has and some it has not, and asks them in random order.

    A text with full annotation is asked only its own types, since another set's types may well be
    in it; those that a person rejected there come first. With open annotation the listed absent
    types come first, then types close in meaning to those present, then types in proportion to
    their frequency (see ``negatives``).
    """
    present = sorted({e.type for e in row.entities})
    positive = rng.sample(
        present, min(len(present), round(recipe.max_types * (1 - recipe.negative_share)))
    )
    share = recipe.negative_share
    wanted = max(1, round(len(positive) * share / (1 - share)))
    if row.types is not None:
        listed = [kind for kind in row.absent if kind not in present]
        missing = [kind for kind in row.types if kind not in present and kind not in listed]
        negative = rng.sample(listed, min(len(listed), wanted))
        negative += rng.sample(missing, min(len(missing), wanted - len(negative)))
    else:
        listed = [kind for kind in row.absent if kind not in present]
        negative = rng.sample(listed, min(len(listed), -(-wanted // 3)))
        negative += negatives.draw_close(present, (wanted - len(negative)) // 3, rng)
        negative += negatives.draw(present, wanted - len(negative), rng)
    kinds = list(dict.fromkeys([*positive, *negative]))
    rng.shuffle(kinds)
    named = row.types is not None and rng.random() < recipe.dataset_chance
    turns = []
    for kind in kinds:
        defined = kind in definitions and rng.random() < recipe.definition_chance
        turns.append(Turn(definitions[kind] if defined else kind, mentions(row, kind)))
    return Conversation(flatten(row.text)[0], row.dataset if named else None, tuple(turns))


def draw_conversations(
    corpus: Corpus,
    recipe: ConversationRecipe,
    negatives: NegativeTypes,
    definitions: Mapping[str, str],
    count: int,
    rng: random.Random,
) -> list[Conversation]:
    """``count`` conversations: which dataset, which text, which types, all from ``rng``."""
    supervised = [name for name in corpus.datasets if name != TEACHER]
    weights = [len(corpus.datasets[name]) ** recipe.size_exponent for name in supervised]
    drawn = []
    for _ in range(count):
        teacher = TEACHER in corpus.datasets and (
            not supervised or rng.random() < recipe.teacher_share
        )
        name = TEACHER if teacher else rng.choices(supervised, weights)[0]
        row = rng.choice(corpus.datasets[name])
        drawn.append(converse(row, recipe, negatives, definitions, rng))
    return drawn


def spoken(corpus: Corpus, definitions: Mapping[str, str]) -> Iterator[str]:
    """Every segment that a conversation drawn from ``corpus`` can hold, some of them twice."""
    kinds: set[str] = set(definitions)
    for name, rows in corpus.datasets.items():
        for row in rows:
            kinds.update(row.types or (), row.absent, (e.type for e in row.entities))
            yield opening(flatten(row.text)[0])
            yield from (answer(mentions(row, kind)) for kind in {e.type for e in row.entities})
        yield opening("", name)
    yield answer(())
    yield from map(question, sorted(kinds))
    yield from map(question, definitions.values())


def segments(conversation: Conversation) -> list[str]:
    """A conversation's text in order, without the special tokens between its parts."""
    turns = [part for t in conversation.turns for part in (question(t.query), answer(t.answers))]
    return [opening(conversation.text, conversation.dataset), *turns]


def statistics(corpus: Corpus, drawn: list[Conversation]) -> str:
    """What the annotation holds and what would be asked, in Markdown."""
    counts = sum((type_counts(rows) for rows in corpus.datasets.values()), Counter[str]())
    ranked = [count for _, count in counts.most_common()]
    one, ten = -(-len(ranked) // 100), -(-len(ranked) // 10)
    lines = ["| types | number | share of (text, type) pairs |", "|---|---:|---:|"]
    for label, part in (
        ("top 1 %", ranked[:one]),
        ("1-10 %", ranked[one:ten]),
        ("rest", ranked[ten:]),
    ):
        lines.append(f"| {label} | {len(part):,} | {100 * sum(part) / sum(ranked):.0f} % |")
    turns = [turn for conversation in drawn for turn in conversation.turns]
    empty = sum(not turn.answers for turn in turns)
    named = sum(c.dataset is not None for c in drawn)
    lengths = sorted(len(c.text.split()) for c in drawn)
    lines += [
        "",
        f"texts: {sum(len(rows) for rows in corpus.datasets.values()):,} "
        f"in {len(corpus.datasets)} datasets; types: {len(counts):,}",
        f"conversations drawn: {len(drawn):,}, {named / len(drawn):.0%} with a dataset's name",
        f"questions: {len(turns):,}, {len(turns) / len(drawn):.1f} a passage, "
        f"{empty / len(turns):.0%} without an answer",
        f"passage words: median {lengths[len(lengths) // 2]}, longest {lengths[-1]}",
        f"answers to a positive question: {_mean_answers(turns):.1f}",
        "most asked: "
        + ", ".join(f"{q} ({n})" for q, n in Counter(t.query for t in turns).most_common(12)),
    ]
    return "\n".join(lines)


def _mean_answers(turns: list[Turn]) -> float:
    sizes = [len(turn.answers) for turn in turns if turn.answers]
    return sum(sizes) / max(1, len(sizes))


def main() -> None:
    """Parses the command line and prints statistics."""
    parser = argparse.ArgumentParser(prog="python -m training.conversations", description=__doc__)
    parser.add_argument("recipe", type=Path, help="e.g. training/recipes/gemma-270m-laptop.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--draw", type=int, default=5000, help="conversations to draw")
    parser.add_argument("--write", type=Path, help="write them here, for export.importance")
    arguments = parser.parse_args()
    recipe = load_tune_recipe(arguments.recipe)
    corpus = load_corpus(arguments.data, recipe.data)
    counts = type_counts(corpus.datasets[TEACHER])
    negatives = load_negatives(counts, recipe.encoder, recipe.data.similar)
    rng = random.Random(recipe.seed)
    drawn = draw_conversations(
        corpus, recipe.data, negatives, known_definitions(), arguments.draw, rng
    )
    print(statistics(corpus, drawn))
    if arguments.write:
        lines = (json.dumps(segments(conversation), ensure_ascii=False) for conversation in drawn)
        arguments.write.write_text("".join(line + "\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
