"""One text in every format that is read: for tests of readers, for fuzzing, for speed.

``python -m benchmarks.corpus FOLDER [--paragraphs N]`` writes a file of each format. The words are
ours; ENTITIES says what is to be found in them, and PLACES where each format should say it stands.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.renderers import RENDERERS, Section

ENTITIES = {
    "Imatinib": "drug",
    "Odense University Hospital": "organization",
    "Zoë Łuk": "person",
    "Tromsø": "location",
    "muscle cramps": "adverse event",
    "BCR-ABL1": "gene",
    "Kræftens Bekæmpelse": "organization",
    "periorbital oedema": "adverse event",
}


STORY = (
    Section("Background", ("Imatinib blocks BCR-ABL1 — even so, it is no cure.",)),
    Section(
        "Methods",
        (
            "Patients were seen at Odense University Hospital by Zoë Łuk.",
            "A second site opened in Tromsø “last spring”.",
        ),
    ),
    Section("Results", ("Half of them had muscle cramps; periorbital oedema was rarer.",)),
    Section("Funding", ("Kræftens Bekæmpelse paid for it all.",)),
)


def story(paragraphs: int | None = None) -> tuple[Section, ...]:
    """The sections; with a number, so many paragraphs in all, each said again and again."""
    if paragraphs is None:
        return STORY
    each = -(-paragraphs // len(STORY))
    return tuple(
        Section(s.title, tuple(s.paragraphs[i % len(s.paragraphs)] for i in range(each)))
        for s in STORY
    )


PLACES: dict[str, dict[str, tuple[int | None, str | None]]] = {
    "txt": {"Imatinib": (None, None)},
    "pdf": {"Imatinib": (1, None), "Tromsø": (2, None), "muscle cramps": (3, None)},
    "docx": {"Imatinib": (None, "section Background"), "Tromsø": (None, "section Methods")},
    "odt": {"Imatinib": (None, "section Background"), "Tromsø": (None, "section Methods")},
    "rtf": {"Imatinib": (None, None)},
    "pptx": {"Imatinib": (None, "slide 1"), "Tromsø": (None, "slide 2")},
    "xlsx": {
        "Imatinib": (None, "sheet Background, cell B2"),
        "Tromsø": (None, "sheet Methods, cell B3"),
    },
    "ods": {
        "Imatinib": (None, "sheet Background, cell B2"),
        "Tromsø": (None, "sheet Methods, cell B3"),
    },
    "csv": {"Imatinib": (None, "row 2, column notes"), "Tromsø": (None, "row 4, column notes")},
    "tsv": {"Imatinib": (None, "row 2, column notes"), "Tromsø": (None, "row 4, column notes")},
    "json": {"Imatinib": (None, "item 1, field notes"), "Tromsø": (None, "item 3, field notes")},
    "jsonl": {"Imatinib": (None, "line 1, field notes"), "Tromsø": (None, "line 3, field notes")},
    "html": {"Imatinib": (None, "section Background"), "Tromsø": (None, "section Methods")},
    "epub": {
        "Imatinib": (None, "chapter 1, section Background"),
        "Tromsø": (None, "chapter 2, section Methods"),
    },
    "eml": {"Imatinib": (None, "body"), "Tromsø": (None, None)},
    "mbox": {"Imatinib": (None, "body"), "Tromsø": (None, "body")},
    "nxml": {"Imatinib": (None, "section Abstract"), "Tromsø": (None, "section Methods")},
    "pubmed.xml": {
        "Imatinib": (None, "section Abstract / Background"),
        "Tromsø": (None, "section Abstract / Methods"),
    },
    "bioc.xml": {"Imatinib": (None, "passage Background"), "Tromsø": (None, "passage Methods")},
    "bioc.json": {"Imatinib": (None, "passage Background"), "Tromsø": (None, "passage Methods")},
    "pubtator": {"Imatinib": (None, "section Abstract"), "Tromsø": (None, "section Abstract")},
    "zip": {"Imatinib": (None, None)},
    "tar": {"Imatinib": (None, None)},
    "txt.gz": {"Imatinib": (None, None)},
    "csv.bz2": {"Tromsø": (None, "row 4, column notes")},
    "tar.xz": {"Imatinib": (None, None)},
}
"""Page and place of some entities, by file ending."""

MEMBERS: dict[str, dict[str, str]] = {
    "eml": {"Imatinib": "", "Tromsø": "/Methods.txt"},
    "mbox": {"Imatinib": "/message 1", "Tromsø": "/message 2"},
    "zip": {"Imatinib": "/notes/Background.txt", "Tromsø": "/notes/Methods.txt"},
    "tar": {"Imatinib": "/notes/Background.txt", "Tromsø": "/notes/Methods.txt"},
    "tar.xz": {"Imatinib": "/notes/Background.txt", "Tromsø": "/notes/Methods.txt"},
}
"""What the path of the entity's document has after that of the file."""


def main() -> None:
    """Writes the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paragraphs", type=int, help="how long; default: as short as it can be")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for ending, render in RENDERERS.items():
        (arguments.folder / f"story.{ending}").write_bytes(render(story(arguments.paragraphs)))


if __name__ == "__main__":
    main()
