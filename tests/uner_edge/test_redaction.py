"""Redaction: nothing that was found stays, in any format, and nothing else changes."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.corpus import ENTITIES
from benchmarks.renderers import RENDERERS
from tests.uner_edge.fake_engine import DictionaryEngine
from uner_edge.errors import UsageError
from uner_edge.readers import Limits, ReadOptions
from uner_edge.redaction.replacements import MASK, Mode, Replacements
from uner_edge.redaction.rewrite import rewrite_csv, rewrite_json, rewrite_text
from uner_edge.redaction.story import Outcome, Redactor, Refused, Source, redact, target_of
from uner_edge.redaction.vault import load_map, save_map
from uner_edge.types import TypeSet

ROOT = Path(__file__).parents[2]
TYPES = TypeSet.parse(", ".join(sorted(set(ENTITIES.values()))))
WORDS = ["Zoë", "Łuk", "Maria", "us", "US", "a_b", "李", "李明", "x", "-", "“", "\n", " "]


def replacing(mode: Mode = "label", **texts: str) -> Replacements:
    replacements = Replacements(mode)
    for text, kind in texts.items():
        replacements.add(kind, text)
    return replacements


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.data())
def test_nothing_that_is_to_be_replaced_stays_and_nothing_else_goes(
    words: list[str], data: st.DataObject
) -> None:
    text = "".join(words)
    replacements = Replacements("mask")
    for _ in range(data.draw(st.integers(0, 3))):
        known = "".join(data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)))
        replacements.add("thing", known, inside=data.draw(st.booleans()))
    found = list(replacements.find(text))
    ends = [0, *(end for _, end, _ in found)]
    assert all(before <= start < end for before, (start, end, _) in zip(ends, found, strict=False))
    kept = "".join(
        text[a:b] for a, b in zip(ends, [*(s for s, _, _ in found), len(text)], strict=True)
    )
    assert replacements.apply(text).replace(MASK, "") == kept
    assert list(replacements.find(replacements.apply(text))) == []


def test_case_matters_for_short_texts_only_and_blanks_never() -> None:
    replacements = replacing(US="country", **{"Maria Jensen": "person"})
    assert replacements.apply("US let us see MARIA\n  JENSEN, maria jensens, Maria_Jensen.") == (
        "[COUNTRY] let us see [PERSON], maria jensens, Maria_Jensen."
    )


def test_what_replacing_cuts_off_a_word_is_replaced_too() -> None:
    replacements = replacing("mask", Zoë="person", Maria="person")
    replacements.add("person", "Łuk", inside=True)
    assert replacements.apply("ZoëŁuk, ŁukMaria, Mariana") == f"{MASK * 2}, {MASK * 2}, Mariana"


def test_a_text_inside_words_is_replaced_there() -> None:
    replacements = Replacements("label")
    replacements.add("person", "李明", inside=True)
    assert replacements.apply("昨天李明来了") == "昨天[PERSON]来了"


def test_the_longest_known_text_is_replaced() -> None:
    replacements = replacing("pseudonym", Jensen="person", **{"Maria Jensen": "person"})
    assert replacements.apply("Maria Jensen and Jensen") == "PERSON-2 and PERSON-1"


def redactor(mode: Mode = "label", replacements: Replacements | None = None) -> Redactor:
    return Redactor(
        DictionaryEngine(), TYPES, 0.5, replacements or Replacements(mode), ReadOptions(), Limits()
    )


def run(
    paths: list[Path], output: Path, redactor: Redactor, as_text: bool = False
) -> tuple[Outcome, list[Refused]]:
    loaded = [redactor.load(str(p), Path(p.name), as_text) for p in paths]
    sources = [s for s in loaded if isinstance(s, Source)]
    try:
        return redact(redactor, sources, output), [s for s in loaded if isinstance(s, Refused)]
    finally:
        redactor.close()


def everything_in(path: Path) -> Iterator[str]:
    """All the text a file could give away, its name included."""
    yield path.name
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield archive.read(entry).decode("utf-8", "replace")
    yield content.decode("utf-8", "replace")
    yield json.dumps(content.decode("utf-8", "replace")).encode().decode("unicode-escape")


@pytest.mark.parametrize("mode", ["mask", "label", "pseudonym"])
@pytest.mark.parametrize("ending", RENDERERS)
def test_no_known_entity_stays_in_any_format(
    ending: str, mode: Mode, corpus: Path, tmp_path: Path
) -> None:
    """Formats that cannot be rewritten are refused, and redacted as text on request."""
    path, output = corpus / f"story.{ending}", tmp_path / "out"
    outcome, refused = run([path], output, redactor(mode))
    if ending not in ("txt", "csv", "tsv", "json", "jsonl", "docx"):
        assert "cannot be rewritten safely; --as-text" in refused[0].reason
        assert not list(output.rglob("*"))
        outcome, refused = run([path], output, redactor(mode), as_text=True)
    assert (outcome.leaks, outcome.refused, refused) == ([], [], [])
    (written,) = output.rglob("*.*")
    assert outcome.written[0].replaced >= len(ENTITIES)
    for text in everything_in(written):
        for known in ENTITIES:
            assert known.casefold() not in text.casefold()
            assert " ".join(known.split()) not in " ".join(text.split())


def test_the_same_text_gets_the_same_pseudonym_across_files_and_runs(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("Zoë Łuk took Imatinib.", "utf-8")
    second.write_text("Imatinib helped ZOË ŁUK in Tromsø.", "utf-8")
    outcome, _ = run([first, second], tmp_path / "out", used := redactor("pseudonym"))
    assert [w.path.read_text("utf-8") for w in outcome.written] == [
        "PERSON-1 took DRUG-1.", "DRUG-1 helped PERSON-1 in LOCATION-1.",
    ]  # fmt: skip
    save_map(tmp_path / "map.json", used.replacements, None)
    second.write_text("In Tromsø, Odense University Hospital, Zoë Łuk.", "utf-8")
    again = redactor(replacements=load_map(tmp_path / "map.json", None))
    outcome, _ = run([second], tmp_path / "again", again)
    assert outcome.written[0].path.read_text("utf-8") == (
        "In LOCATION-1, ORGANIZATION-1, PERSON-1."
    )


def test_the_map_is_for_its_owner_and_can_be_encrypted(tmp_path: Path) -> None:
    replacements = replacing("pseudonym", **{"Zoë Łuk": "person", "Tromsø": "home town"})
    replacements.add("person", "ZOË  ŁUK")
    plain, locked = tmp_path / "map.json", tmp_path / "map.age"
    save_map(plain, replacements, None)
    save_map(locked, replacements, "correct horse")
    for path in (plain, locked):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(plain.read_text("utf-8"))["pseudonyms"] == {
        "PERSON-1": {"type": "person", "texts": ["Zoë Łuk", "ZOË ŁUK"]},
        "HOME_TOWN-1": {"type": "home town", "texts": ["Tromsø"]},
    }
    assert "Tromsø".encode() not in locked.read_bytes()
    again = load_map(locked, "correct horse")
    assert (again.by_text, again.numbers, again.originals) == (
        replacements.by_text, replacements.numbers, replacements.originals,
    )  # fmt: skip
    for passphrase, reason in ((None, "is encrypted"), ("wrong", "wrong passphrase")):
        with pytest.raises(UsageError, match=reason):
            load_map(locked, passphrase)
    plain.write_text('{"pseudonyms": [1]}', "utf-8")
    with pytest.raises(UsageError, match="no map of pseudonyms"):
        load_map(plain, None)


def test_names_of_files_and_folders_are_redacted_too(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "Zoë Łuk"
    folder.mkdir(parents=True)
    for name in ("Imatinib_letter.txt", "IMATINIB_letter.txt"):
        (folder / name).write_text("Zoë Łuk took Imatinib.", "utf-8")
    used = redactor()
    paths = [str(p) for p in sorted(folder.iterdir())]
    sources = [used.load(p, target_of(p, [str(tmp_path / "in")]), False) for p in paths]
    outcome = redact(used, [s for s in sources if isinstance(s, Source)], tmp_path / "out")
    used.close()
    written = sorted(str(w.path.relative_to(tmp_path / "out")) for w in outcome.written)
    assert written == ["[PERSON]/[DRUG]_letter-2.txt", "[PERSON]/[DRUG]_letter.txt"]
    assert not outcome.leaks


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_keeps_its_encoding_and_line_ends(codec: str) -> None:
    content = "Dear Zoë,\r\nsee you in Malmö.\r".encode(codec)
    changed = rewrite_text(content, replacing(Malmö="city"))
    assert changed == "Dear Zoë,\r\nsee you in [CITY].\r".encode(codec)
    masked = rewrite_text(content, replacing("mask", Malmö="city"))
    assert MASK in masked.decode(codec if codec != "cp1252" else "utf-8")


def test_json_changes_in_its_strings_alone() -> None:
    content = b'{\n  "Maria": ["Mar\\u0069a", 1.50, "say \\"Maria\\""],\t"x": null}\n'
    assert rewrite_json(content, replacing(Maria="person")) == (
        b'{\n  "Maria": ["[PERSON]", 1.50, "say \\"[PERSON]\\""],\t"x": null}\n'
    )


def test_a_name_in_the_name_of_a_field_is_a_leak(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"Imatinib": "helped Zoë Łuk, Imatinib did"}', "utf-8")
    outcome, _ = run([path], tmp_path / "out", redactor())
    assert [(leak.type, leak.text) for leak in outcome.leaks] == [("known", "Imatinib")]


def test_csv_cells_are_whole_texts() -> None:
    content = b'name;note\r\n"Jensen; ""Bo""";of Odense\r\n'
    changed = rewrite_csv(content, replacing(**{'Jensen; "Bo"': "person", "Odense": "city"}))
    assert changed == b"name;note\r\n[PERSON];of [CITY]\r\n"


def word_file() -> bytes:
    """A letter that gives its patient away in every way that a docx knows."""
    document = docx.Document()
    properties = document.core_properties
    properties.author = properties.last_modified_by = "Zoë Łuk"
    properties.title, properties.keywords = "Letter to Zoë Łuk", "Imatinib"
    paragraph = document.add_paragraph("Dear Zo")
    paragraph.add_run("ë ").bold = True
    paragraph.add_run("Łuk, take Ima")
    paragraph.add_run("tinib.").italic = True
    who = f'{nsdecls("w")} w:id="1" w:author="Zoë Łuk" w:date="2026-01-01T00:00:00Z"'
    run = "<w:r><w:{tag}>{text}</w:{tag}></w:r>"
    for kind, tag, text in (("ins", "t", " Also Tromsø."), ("del", "delText", "Secret Zoë Łuk")):
        inner = run.format(tag=tag, text=text)
        paragraph._p.append(parse_xml(f"<w:{kind} {who}>{inner}</w:{kind}>"))
    document.add_table(1, 1).cell(0, 0).text = "Tromsø"
    document.sections[0].header.paragraphs[0].text = "Odense University Hospital"
    document.add_comment(document.paragraphs[0].runs[0], "ask Zoë Łuk", author="Zoë Łuk")
    document.part.relate_to(
        "mailto:Imatinib@example.org",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_a_word_file_keeps_its_form_and_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(word_file())
    outcome, refused = run([path], tmp_path / "out", redactor())
    assert (outcome.leaks, outcome.refused, refused) == ([], [], [])
    (written,) = (w.path for w in outcome.written)
    for text in everything_in(written):
        for known in [*ENTITIES, "Zoë", "Łuk", "Secret"]:
            assert known not in text
    document = docx.Document(str(written))
    assert document.paragraphs[0].text == "Dear [PERSON], take [DRUG]."
    assert True in [r.bold for r in document.paragraphs[0].runs]
    assert document.tables[0].cell(0, 0).text == "[LOCATION]"
    assert document.sections[0].header.paragraphs[0].text == "[ORGANIZATION]"
    assert document.core_properties.author == ""
    assert document.core_properties.created is not None


def test_a_word_file_with_files_inside_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO(word_file())
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("word/embeddings/table.xlsx", b"PK")
    path = tmp_path / "a.docx"
    path.write_bytes(stream.getvalue())
    outcome, _ = run([path], tmp_path / "out", redactor())
    assert "holds another file" in outcome.refused[0].reason
    assert not outcome.written


def test_what_a_second_look_finds_is_redacted_too(tmp_path: Path) -> None:
    """An engine that sees the last name only once the first is gone."""

    class Shy(DictionaryEngine):
        def find(self, passages: Any, types: Any, threshold: float) -> Any:
            found = super().find(passages, types, threshold)
            for entities in found:
                if any(e.text == "Imatinib" for e in entities):
                    entities[:] = [e for e in entities if e.text == "Imatinib"]
            return found

    path = tmp_path / "a.txt"
    path.write_text("Imatinib for Zoë Łuk in Tromsø.", "utf-8")
    used = Redactor(Shy(), TYPES, 0.5, Replacements("label"), ReadOptions(), Limits())
    outcome, _ = run([path], tmp_path / "out", used)
    assert outcome.written[0].path.read_text("utf-8") == "[DRUG] for [PERSON] in [LOCATION]."
    assert not outcome.leaks


def uner(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "uner_edge.cli", "redact", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_from_folder_to_folder(tmp_path: Path) -> None:
    folder, output = tmp_path / "letters", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.md").write_text("Maria Jensen lives in Copenhagen.\n", "utf-8")
    (folder / "scan.pdf").write_bytes(b"%PDF-1.4 broken")
    types = ("--types", "person, location")
    done = uner(folder, *types, "-o", output, "--mode", "pseudonym", "--map", tmp_path / "m.age",
                "--encrypt-map", UNER_PASSPHRASE="correct horse")  # fmt: skip
    assert done.returncode == 1
    assert "scan.pdf: not redacted" in done.stderr
    assert (output / "sub" / "a.md").read_text("utf-8") == "PERSON-1 lives in LOCATION-1.\n"
    assert (tmp_path / "m.age").read_bytes().startswith(b"age-encryption.org")
    (folder / "scan.pdf").unlink()
    for arguments, reason in (
        ((folder, *types, "-o", output), "is not empty"),
        ((folder, *types, "-o", tmp_path / "o", "--mode", "blur"), "--mode takes"),
        ((folder, *types, "-o", tmp_path / "o", "--map", "m"), "goes with --mode pseudonym"),
        (("-", *types, "-o", tmp_path / "o"), "standard input"),
        (
            (folder, *types, "-o", tmp_path / "o", "--mode", "pseudonym", "--map",
             tmp_path / "m.age"),
            "no passphrase",
        ),
    ):  # fmt: skip
        done = uner(*arguments)
        assert done.returncode == 2, done.stderr
        assert reason in done.stderr
    assert uner(folder, *types, "-o", tmp_path / "fine").returncode == 0
