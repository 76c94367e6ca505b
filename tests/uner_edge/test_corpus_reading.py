"""One story, rendered into every format, gives the same entities at the right places."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.corpus import ENTITIES, MEMBERS, PLACES
from benchmarks.renderers import RENDERERS
from tests.uner_edge.fake_engine import DictionaryEngine
from uner_edge.document import Entity, Result
from uner_edge.extract import Options, extract
from uner_edge.files import Found
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.types import TypeSet

TYPES = TypeSet.parse(", ".join(sorted(set(ENTITIES.values()))))


def results_of(path: Path) -> list[Result]:
    skipped: list[str] = []
    documents = read_documents([Found(str(path), 1, True)], skipped, ReadOptions(), Limits())
    results = list(extract(documents, DictionaryEngine(), TYPES, 0.5, Options(with_text=True)))
    assert not skipped
    return results


def found_in(results: list[Result]) -> list[tuple[Result, Entity]]:
    return [(result, entity) for result in results for entity in result.entities]


@pytest.mark.parametrize("ending", RENDERERS)
def test_every_format_gives_the_entities_of_the_plain_text(ending: str, corpus: Path) -> None:
    results = results_of(corpus / f"story.{ending}")
    assert [r.error for r in results] == [None] * len(results)
    for result, entity in found_in(results):
        assert result.text is not None
        assert result.text[entity.start : entity.end] == entity.text
    found = Counter((" ".join(e.text.split()), e.type) for _, e in found_in(results))
    assert found == Counter(ENTITIES.items())


@pytest.mark.parametrize("ending", RENDERERS)
def test_every_format_says_where_an_entity_stands(ending: str, corpus: Path) -> None:
    path = corpus / f"story.{ending}"
    found = {e.text: (r.path, e.page, e.place) for r, e in found_in(results_of(path))}
    for text, (page, place) in PLACES[ending].items():
        assert found[text][1:] == (page, place)
    for text, member in MEMBERS.get(ending, {}).items():
        assert found[text][0] == f"{path}{member}"


@pytest.mark.parametrize("ending", sorted(PLACES.keys() - MEMBERS.keys()))
def test_the_content_decides_not_the_name(ending: str, corpus: Path, tmp_path: Path) -> None:
    """But for formats that only a name tells apart from plain text."""
    if ending in ("txt", "csv", "tsv", "json", "jsonl", "txt.gz", "csv.bz2"):
        return
    (result, *_) = results_of(corpus / f"story.{ending}")
    unnamed = tmp_path / "unnamed"
    unnamed.write_bytes((corpus / f"story.{ending}").read_bytes())
    (again, *_) = results_of(unnamed)
    assert (again.format, again.text) == (result.format, result.text)
