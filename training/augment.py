"""Other names for the same types, and other spellings of the same text.

A student meets every type of a dataset under one name and always in the same company; users ask
for "metropolis" and "disease or symptom", and their files hold scans, chats and capitals. So
some examples are drawn with

- synonyms and plurals instead of the name (``synonyms.toml``, written for this),
- definitions instead of the name,
- two types asked as one, "disease or symptom", its mentions those of both; or, where every type
  that is annotated is asked, as "miscellaneous",
- the text all lower or all upper case, with slips of the keyboard, or as bad scans read.

Offsets move along; a text with a mention that does not end at a word's border is left as it is.
"""

from __future__ import annotations

import functools
import random
import tomllib
from collections.abc import Callable
from pathlib import Path

from training.example import Example
from training.recipe import AugmentRecipe
from uner_edge.labelled import LabelledSpan
from uner_edge.tagger_input import words
from uner_edge.types import load_preset, presets

UNIONS = ("{} or {}", "{} or {}", "{} / {}", "{} and {}")
REST = ("miscellaneous", "other", "other entity", "other term", "miscellaneous entity")

SLIP_SHARE = 0.15
"""Of the words of a text with slips or scanning errors."""

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SCANNED = {
    **{"rn": "m", "m": "rn", "cl": "d", "d": "cl", "li": "h", "h": "b", "e": "c", "c": "e"},
    **{"l": "1", "1": "l", "o": "0", "0": "O", "S": "5", "5": "S", "B": "8", "8": "B", "I": "l"},
    **{"u": "n", "n": "u", "vv": "w", "w": "vv", "g": "9", "z": "2", "t": "f", "fi": "h"},
}
"""What optical character recognition reads for what is printed."""


def augment(example: Example, recipe: AugmentRecipe, complete: bool, rng: random.Random) -> Example:
    """``example`` with a chance of each change.

    ``complete``: every type that is annotated in its text is asked.
    """
    if recipe.union and rng.random() < recipe.union:
        example = unite(example, complete, rng)
    if recipe.synonym:
        example = rename(example, recipe.synonym, rng)
    if recipe.definition:
        example = define(example, recipe.definition, rng)
    if recipe.case and rng.random() < recipe.case:
        example = change_text(example, rng.choice((lower, lower, upper)), 1.0, rng)
    if recipe.noise and rng.random() < recipe.noise:
        example = change_text(example, rng.choice((slip, scan)), SLIP_SHARE, rng)
    return example


def unite(example: Example, complete: bool, rng: random.Random) -> Example:
    """Two of the asked types, at least one with mentions, become one."""
    present = sorted({e.type for e in example.entities})
    if not present or len(example.types) < 2:
        return example
    first = rng.choice(present)
    second = rng.choice([kind for kind in example.types if kind != first])
    has_rest = any(kind in REST or kind.startswith("other ") for kind in example.types)
    if complete and not has_rest and len(example.types) > 2 and rng.random() < 0.25:
        name = rng.choice(REST)
    else:
        pair = [first, second]
        rng.shuffle(pair)
        name = rng.choice(UNIONS).format(*pair)
    return _renamed(example, {first: name, second: name})


def rename(example: Example, chance: float, rng: random.Random) -> Example:
    """Each asked type with ``chance`` under another name of the same meaning.

    Not one beside which such another name is asked: there the two mean different things.
    """
    names = {}
    for kind in example.types:
        if rng.random() < chance:
            others = synonyms().get(kind, ())
            if not set(others) & set(example.types):
                names[kind] = rng.choice(others) if others else plural(kind)
    return _renamed(example, names)


def define(example: Example, chance: float, rng: random.Random) -> Example:
    """Each asked type that has a definition with ``chance`` by that."""
    known = known_definitions()
    asked = [kind for kind in example.types if kind in known and rng.random() < chance]
    return _renamed(example, {kind: known[kind] for kind in asked})


@functools.cache
def known_definitions() -> dict[str, str]:
    """Definitions of the types in the presets that come with the program."""
    return {
        kind.name: kind.definition
        for name in presets()
        for kind in load_preset(name).types
        if kind.definition
    }


@functools.cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Type name to names of the same meaning; every name of a group stands for the others."""
    table = tomllib.loads(Path(__file__).with_name("synonyms.toml").read_text("utf-8"))
    return {
        name: tuple(other for other in group if other != name)
        for group in table["groups"]
        for name in group
    }


def plural(name: str) -> str:
    """English plural of a type name; what ends in "s" stays."""
    if name.endswith("s") or not name[-1:].isalpha():
        return name
    if name.endswith(("x", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


def _renamed(example: Example, names: dict[str, str]) -> Example:
    """Names that fall together are asked once; a new name that is asked already is not taken."""
    while taken := {old for old, new in names.items() if new in set(example.types) - names.keys()}:
        names = {old: new for old, new in names.items() if old not in taken}
    certain, uncertain = (
        {(e.start, e.end, names.get(e.type, e.type)) for e in spans}
        for spans in (example.entities, example.uncertain)
    )
    return Example(
        example.text,
        tuple(dict.fromkeys(names.get(kind, kind) for kind in example.types)),
        tuple(LabelledSpan(*span) for span in sorted(certain)),
        uncertain=tuple(LabelledSpan(*span) for span in sorted(uncertain - certain)),
    )


def change_text(
    example: Example, change: Callable[[str, random.Random], str], share: float, rng: random.Random
) -> Example:
    """``change`` done to a ``share`` of the words."""
    parts: list[str] = []
    begins, ends, at, length = {}, {}, 0, 0
    for start, end in words(example.text):
        word = example.text[start:end]
        if rng.random() < share:
            word = change(word, rng)
        parts += [example.text[at:start], word]
        length += start - at
        begins[start] = length
        length += len(word)
        ends[end] = length
        at = end
    spans = (*example.entities, *example.uncertain)
    if not all(e.start in begins and e.end in ends for e in spans):
        return example
    moved = tuple(LabelledSpan(begins[e.start], ends[e.end], e.type) for e in spans)
    certain = len(example.entities)
    text = "".join([*parts, example.text[at:]])
    return Example(text, example.types, moved[:certain], uncertain=moved[certain:])


def lower(word: str, rng: random.Random) -> str:
    """All lower case."""
    return word.lower()


def upper(word: str, rng: random.Random) -> str:
    """All upper case."""
    return word.upper()


def slip(word: str, rng: random.Random) -> str:
    """One slip of the keyboard: a letter doubled, left out, swapped or struck beside its key."""
    if len(word) < 3 or not word.isalpha():
        return word
    at = rng.randrange(len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[: at + 1] + word[at:]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    row = next((row for row in KEYS if word[at].lower() in row), None)
    if row is None:
        return word
    place = row.index(word[at].lower())
    struck = rng.choice(row[max(0, place - 1) : place] + row[place + 1 : place + 2])
    return word[:at] + (struck.upper() if word[at].isupper() else struck) + word[at + 1 :]


def scan(word: str, rng: random.Random) -> str:
    """One letter, or pair of letters, read wrongly by optical character recognition."""
    places = [
        (at, seen)
        for at in range(len(word))
        for seen in (word[at : at + 2], word[at])
        if seen in SCANNED
    ]
    if not places:
        return word
    at, seen = rng.choice(places)
    return word[:at] + SCANNED[seen] + word[at + len(seen) :]
