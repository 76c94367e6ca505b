"""Dev texts that models have learned: ``python -m training.overlap RECIPE --data DATA``.

Datasets borrow texts from one another: some of BioRED's abstracts, say, are also in BC5CDR. A dev
text counts as learned when more than half of its runs of eight words stand in texts that the
recipe learns from, whatever their labels. Their ids go into ``overlaps.toml``; nothing is ever
judged on them.
"""

from __future__ import annotations

import argparse
import functools
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import tomli_w

from training.corpus import load_corpus
from training.recipe import RecipeError, load_recipe
from uner_edge.errors import UnerError
from uner_edge.labelled import LabelledText, read_labelled

RUN = 8
"""Words."""
SHARE = 0.5

TABLE = Path(__file__).with_name("overlaps.toml")


def runs(text: str) -> set[int]:
    """Hashes of every ``RUN`` words in a row, whatever their case."""
    words = [word.lower() for word in re.findall(r"\w+", text)]
    return {hash(tuple(words[at : at + RUN])) for at in range(len(words) - RUN + 1)}


def learned(dev: Iterable[LabelledText], texts: Iterable[str]) -> list[str]:
    """Ids of the dev rows that ``texts`` give away."""
    wanted = {row.id: runs(row.text) for row in dev}
    known = set().union(*wanted.values())
    known = set().union(*(runs(text) & known for text in texts))
    return [name for name, own in wanted.items() if len(own & known) > SHARE * len(own)]


@functools.cache
def learned_ids() -> frozenset[str]:
    """Ids of all dev rows that nothing is judged on."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    return frozenset(name for names in table.values() for name in names)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.overlap", description=__doc__)
    parser.add_argument("recipe", type=Path, help="e.g. training/recipes/tagger-small.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    arguments = parser.parse_args()
    try:
        corpus = load_corpus(arguments.data, load_recipe(arguments.recipe).data)
        dev = {
            path.name.removesuffix(".jsonl.gz"): list(read_labelled(path))
            for path in sorted((arguments.data / "ner" / "dev").iterdir())
        }
    except (RecipeError, UnerError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    texts = [row.text for rows in corpus.datasets.values() for row in rows]
    found = set(learned([row for rows in dev.values() for row in rows], texts))
    table = {name: [row.id for row in rows if row.id in found] for name, rows in dev.items()}
    table = {name: ids for name, ids in table.items() if ids}
    TABLE.write_bytes(tomli_w.dumps(table).encode("utf-8"))
    for name, ids in table.items():
        print(f"{name:32} {len(ids)} of {len(dev[name])}")


if __name__ == "__main__":
    main()
