"""Formats of annotation tools and libraries are read back by those, or as those read them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import bioc.biocjson
import bioc.biocxml
import bioc.brat
import bioc.pubtator
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from tests.uner_edge.some_results import (
    FIRST,
    LETTER,
    SECOND,
    UNREAD,
    found,
    result,
    spans,
    written,
    written_file,
)
from uner_edge.document import Entity, Result
from uner_edge.errors import UsageError


def bioc_text(document: bioc.BioCDocument) -> str:
    assert [p.offset for p in document.passages] == [
        sum(len(q.text or "") for q in document.passages[:i]) for i in range(len(document.passages))
    ]
    return "".join(p.text or "" for p in document.passages)


def bioc_spans(document: bioc.BioCDocument) -> list[tuple[int, int, str]]:
    return sorted(
        (a.total_span.offset, a.total_span.end, a.infons["type"])
        for p in document.passages
        for a in p.annotations
    )


@given(found())
def test_bioc_xml_is_read_back(wrote: Result) -> None:
    """By the reference reader; what XML cannot hold is a blank."""
    (document,) = bioc.biocxml.loads(written("bioc-xml", wrote)).documents
    assert wrote.text is not None
    held = "".join(
        " " if (ord(c) < 32 and c not in "\t\r\n") or ord(c) in (0xFFFE, 0xFFFF) else c
        for c in wrote.text
    )
    assert bioc_text(document) == held
    assert bioc_spans(document) == spans(wrote.entities)


@given(found())
def test_bioc_json_is_read_back(wrote: Result) -> None:
    (document,) = bioc.biocjson.loads(written("bioc-json", wrote)).documents
    assert bioc_text(document) == wrote.text
    assert bioc_spans(document) == spans(wrote.entities)


def test_bioc_has_a_passage_for_every_segment() -> None:
    (document, empty) = bioc.biocxml.loads(written("bioc-xml", FIRST, SECOND)).documents
    assert bioc_text(document) == LETTER
    assert [p.infons for p in document.passages] == [
        {"page": "1"},
        {"page": "2", "place": "section End"},
    ]
    bioc.validate(bioc.biocxml.loads(written("bioc-xml", FIRST, SECOND)))
    assert document.id == "letters/Zoë.txt"
    assert bioc_text(empty) == "Nothing here."


@given(found())
def test_pubtator_is_read_back(wrote: Result) -> None:
    """Line ends and tabs are blanks, and its reader strips lines; offsets stay what they were."""
    assert wrote.text is not None
    (document,) = bioc.pubtator.loads(written("pubtator", wrote)) or [None]
    if document is None:
        return
    read = [(a.start, a.end, a.type) for a in document.annotations]
    assert sorted(read) == spans(wrote.entities)
    flat = "".join(" " if c.isspace() or c in "\x1c\x1d\x1e\x85" else c for c in wrote.text)
    for a in document.annotations:
        assert "".join(" " if c.isspace() else c for c in a.text) == flat[a.start : a.end].strip()


def test_brat_is_read_back(tmp_path: Path) -> None:
    folder = written_file("brat", tmp_path / "out", FIRST, SECOND, UNREAD)
    assert sorted(p.name for p in folder.iterdir()) == [
        "annotation.conf", "b.ann", "b.txt", "letters_Zoë.ann", "letters_Zoë.txt",
    ]  # fmt: skip
    text = (folder / "letters_Zoë.txt").read_bytes().decode("utf-8")
    assert text == LETTER
    with (folder / "letters_Zoë.ann").open(encoding="utf-8") as stream:
        document = bioc.brat.load_ann(stream)
    read = {e.text: (e.type, *e.total_span) for e in document.entities}
    assert read == {
        "Imatinib 400 mg": ("dose", 9, 24),
        "Imatinib": ("drug", 9, 17),
        "severe muscle cramps": ("adverse_event", 37, 57),
    }
    assert "T3\tadverse_event 37 43;44 57\tsevere muscle cramps" in (
        folder / "letters_Zoë.ann"
    ).read_text("utf-8")
    with pytest.raises(UsageError, match="empty folder"):
        written_file("brat", folder, FIRST)


@given(found())
def test_brat_is_read_back_whatever_the_text(wrote: Result) -> None:
    """By the reference reader and with translated line ends, which must move nothing."""
    with TemporaryDirectory() as name:
        folder = written_file("brat", Path(name) / "out", wrote)
        text = (folder / "a.txt").read_text("utf-8")
        with (folder / "a.ann").open(encoding="utf-8") as stream:
            document = bioc.brat.load_ann(stream)
        types = (folder / "annotation.conf").read_text("utf-8").split("\n\n")[0]
    assert wrote.text is not None
    assert types == "[entities]\ndrug\nadverse_event\ndose"
    assert text == wrote.text.replace("\r\n", " \n").replace("\r", "\n")
    separators = set("\t\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
    for read, entity in zip(document.entities, wrote.entities, strict=True):
        fragments = sorted((i.begin, i.end) for i in read.locations)
        assert (fragments[0][0], fragments[-1][1]) == (entity.start, entity.end)
        pieces = [text[start:end] for start, end in fragments]
        assert read.text == " ".join(pieces)
        assert "".join(pieces) == "".join(c for c in entity.text if c not in separators)


def test_brat_files_have_names_of_their_own_that_a_disk_can_hold(tmp_path: Path) -> None:
    paths = ["文" * 90 + "/" + "書" * 90 + ".txt", "a/b.txt", "A_b.txt", "...", "a_b.txt"]
    folder = written_file("brat", tmp_path / "out", *(result("Hm.", (), p) for p in paths))
    assert len(list(folder.glob("*.txt"))) == len(list(folder.glob("*.ann"))) == len(paths)


@given(found())
def test_spacy_reads_text_and_entities(wrote: Result) -> None:
    doc = Doc(spacy.blank("en").vocab).from_json(json.loads(written("spacy", wrote)))
    assert doc.text == wrote.text
    flat = [(e.start_char, e.end_char, e.label_) for e in doc.ents]
    nested = [(s.start_char, s.end_char, s.label_) for s in doc.spans.get("sc", ())]
    assert sorted(nested or flat) == spans(wrote.entities)


def test_spacy_makes_a_docbin_of_it() -> None:
    nlp = spacy.blank("en")
    lines = written("spacy", FIRST, SECOND).splitlines()
    docs = [Doc(nlp.vocab).from_json(json.loads(line), validate=True) for line in lines]
    again = list(DocBin().from_bytes(DocBin(docs=docs).to_bytes()).get_docs(nlp.vocab))
    assert [doc.text for doc in again] == [LETTER, "Nothing here."]
    assert [json.loads(line)["path"] for line in lines] == ["letters/Zoë.txt", "b.txt"]


@given(found())
def test_conll_keeps_every_token_and_the_outermost_entities(wrote: Result) -> None:
    assert wrote.text is not None
    lines = [line for line in written("conll", wrote).split("\n")[2:] if line]
    tokens = [line.split("\t")[0] for line in lines]
    assert "".join(tokens) == "".join(
        c for c in wrote.text if not c.isspace() and c not in "\x1c\x1d\x1e\x1f"
    )
    outermost = {(e.start, e.end) for e in wrote.entities if not is_inside(e, wrote.entities)}
    assert sum("\tB-" in line for line in lines) == len(outermost)


def is_inside(entity: Entity, others: tuple[Entity, ...]) -> bool:
    size = entity.end - entity.start
    return any(
        o.start <= entity.start and entity.end <= o.end and o.end - o.start > size for o in others
    )


@given(found())
def test_web_annotations_quote_what_they_point_at(wrote: Result) -> None:
    page = json.loads(written("webannotation", wrote))
    assert wrote.text is not None
    read = []
    for item in page["items"]:
        position, quote = item["target"]["selector"]
        start, end = position["start"], position["end"]
        assert quote["exact"] == wrote.text[start:end]
        assert wrote.text[:start].endswith(quote["prefix"])
        assert wrote.text[end:].startswith(quote["suffix"])
        read.append((start, end, item["body"][0]["value"]))
        assert unquote(item["target"]["source"]) == wrote.path
    assert sorted(read) == spans(wrote.entities)
    assert len({item["id"] for item in page["items"]}) == len(page["items"])


@given(st.lists(found(), max_size=3))
def test_label_studio_tasks_hold_text_and_regions(wrote: list[Result]) -> None:
    tasks = json.loads(written("labelstudio", *wrote))
    for task, one in zip(tasks, wrote, strict=True):
        assert task["data"]["text"] == one.text
        regions = [r["value"] for r in task["predictions"][0]["result"]]
        assert sorted((r["start"], r["end"], r["labels"][0]) for r in regions) == spans(
            one.entities
        )
        assert all(one.text[r["start"] : r["end"]] == r["text"] for r in regions)
