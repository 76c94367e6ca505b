"""Passages with the types to ask of them, drawn from teacher data and human-annotated datasets."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from training.augment import augment
from training.example import Example
from training.implied import Implications, types_by_span
from training.negatives import NegativeTypes
from training.recipe import AugmentRecipe, DataRecipe
from training.tune_recipe import ConversationRecipe
from uner_edge.labelled import LabelledSpan, LabelledText, read_labelled

TEACHER = "teacher"


@dataclass(frozen=True, slots=True)
class Corpus:
    """All training texts by dataset."""

    datasets: dict[str, list[LabelledText]]
    distilled: list[Example] = field(default_factory=list)
    """What a larger tagger scored."""
    implications: Implications | None = None
    """What the teacher's labels say beyond what is written down, if that is learned."""

    def sizes(self) -> dict[str, int]:
        """Texts per dataset."""
        sizes = {name: len(rows) for name, rows in self.datasets.items()}
        return sizes | ({"distilled": len(self.distilled)} if self.distilled else {})


def load_corpus(data: Path, recipe: DataRecipe | ConversationRecipe) -> Corpus:
    """Reads every dataset of the recipe from ``data``.

    Raises:
        DataError: A file is missing or breaks the format.
    """
    datasets = {
        name: list(read_labelled(data / "ner" / "train" / f"{name}.jsonl.gz"))
        for name in recipe.datasets
    }
    if recipe.teacher_share > 0:
        datasets[TEACHER] = list(read_labelled(data / TEACHER / "train.jsonl.gz"))
    if isinstance(recipe, DataRecipe) and recipe.implied and TEACHER in datasets:
        return Corpus(datasets, implications=Implications(datasets[TEACHER]))
    return Corpus(datasets)


def types_of(row: LabelledText, which: str) -> set[str]:
    """The types of a teacher passage that are the "specific" (first) or "general" one of a mention.

    Both, if so asked, or where a mention has but one.
    """
    parts = {"specific": slice(1), "general": slice(-1, None), "both": slice(None)}
    return {kind for kinds in types_by_span(row).values() for kind in kinds[parts[which]]}


def type_counts(rows: list[LabelledText]) -> Counter[str]:
    """In how many texts each type occurs; the same order in every process."""
    return Counter(kind for row in rows for kind in sorted({e.type for e in row.entities}))


def draw_examples(
    corpus: Corpus,
    recipe: DataRecipe,
    negatives: NegativeTypes | None,
    count: int,
    rng: random.Random,
    changes: AugmentRecipe | None = None,
    distilled_share: float = 0.0,
) -> list[Example]:
    """``count`` examples: which dataset, which text, which types, all from ``rng``."""
    changes = changes or AugmentRecipe()
    supervised = [name for name in corpus.datasets if name != TEACHER]
    weights = [len(corpus.datasets[name]) ** recipe.size_exponent for name in supervised]
    examples = []
    for _ in range(count):
        if distilled_share and rng.random() < distilled_share:
            examples.append(rng.choice(corpus.distilled))
        elif TEACHER in corpus.datasets and rng.random() < recipe.teacher_share:
            assert negatives is not None
            row = rng.choice(corpus.datasets[TEACHER])
            example = _ask_open(row, recipe, negatives, corpus.implications, rng)
            examples.append(augment(example, changes, complete=False, rng=rng))
        else:
            name = rng.choices(supervised, weights)[0]
            row = rng.choice(corpus.datasets[name])
            example = _ask_closed(row, recipe, rng)
            complete = set(example.types) == set(row.types or ())
            examples.append(augment(example, changes, complete, rng))
    return examples


def _ask_closed(row: LabelledText, recipe: DataRecipe, rng: random.Random) -> Example:
    """Types of a fully annotated text: all of them, or a random part if they are many."""
    assert row.types is not None
    asked = list(row.types)
    rng.shuffle(asked)
    size = min(len(asked), recipe.max_types)
    present = {e.type for e in row.entities}
    if rng.random() < recipe.subset_chance:
        size = rng.randint(1, size)
        if rng.random() < 0.5:
            # People ask a few types, too, of which a text has none.
            present = set()
    # Where not all fit, present types first, so that a text is not asked for nothing it has; then
    # those that a person rejected in it.
    asked.sort(key=lambda kind: (kind not in present, kind not in row.absent))
    kept = set(asked[:size])
    return Example(row.text, tuple(asked[:size]), tuple(e for e in row.entities if e.type in kept))


def _ask_open(
    row: LabelledText,
    recipe: DataRecipe,
    negatives: NegativeTypes,
    implications: Implications | None,
    rng: random.Random,
) -> Example:
    """Types of an openly annotated text: some it has, the listed absent ones, drawn negatives."""
    present = sorted({e.type for e in row.entities})
    exclusive = recipe.exclusive > 0 and rng.random() < recipe.exclusive
    only_general = exclusive and rng.random() < 0.5
    # What is not learned here is there all the same: never a negative.
    chosen = sorted(types_of(row, "general" if only_general else recipe.teacher_types))
    if recipe.frequent_chance < 1:
        frequent, chance = negatives.frequent, recipe.frequent_chance
        chosen = [kind for kind in chosen if kind not in frequent or rng.random() < chance]
    most = round(recipe.max_types * (1 - recipe.negative_share))
    if recipe.few_chance and rng.random() < recipe.few_chance:
        most = rng.randint(1, most)
    asked = rng.sample(chosen, min(len(chosen), most))
    wanted = round(len(asked) * recipe.negative_share / (1 - recipe.negative_share))
    absent = [kind for kind in row.absent if kind not in present and recipe.listed]
    hard = rng.sample(absent, min(len(absent), max(2, wanted // 2)))
    possible = implications.possible(row) if implications else ()
    drawn = negatives.draw(present, max(1, wanted - len(hard)), rng, possible)
    kept = set(asked)
    others = [kind for kind in dict.fromkeys([*hard, *drawn]) if kind not in kept]
    entities = [e for e in row.entities if e.type in kept]
    if exclusive:
        # The teacher names the specific type first.
        entities = list({(e.start, e.end): e for e in reversed(entities)}.values())[::-1]
    uncertain: list[LabelledSpan] = []
    if implications and not exclusive:
        for (start, end), kinds in types_by_span(row).items():
            for kind in sorted(kept.difference(kinds)):
                holds = implications.holds(kinds, kind)
                if holds is not False:
                    (entities if holds else uncertain).append(LabelledSpan(start, end, kind))
    return Example(row.text, (*asked, *others), tuple(entities), uncertain=tuple(uncertain))
