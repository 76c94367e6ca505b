"""brat standoff: a folder with a .txt and an .ann per document."""

from __future__ import annotations

import re
from pathlib import Path

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path
from uner_edge.writers.tokens import underscored

_NAME_BYTES = 200
"""Of a file's name in UTF-8, without its ending; file systems allow 255 with it."""

_LINE_ENDS = "\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029"


class BratWriter:
    """Writes into a folder that is new or empty.

    Type names lose their blanks; notes keep the name and the score. An entity over several lines
    is written as brat wants it, in fragments, one a line; a tab, which separates the fields of a
    line, divides it as well. Of Windows' line ends the carriage return becomes a blank, and one
    on its own a line feed: readers that translate line ends would shift all that follows.
    """

    def __init__(self, folder: Path) -> None:
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError("brat needs an empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._types: dict[str, None] = {}
        self._names: set[str] = set()

    def write(self, result: Result) -> None:
        """Two files; none for a document without text."""
        if result.text is None:
            return
        name = self._name(result.path)
        self._save(f"{name}.txt", result.text.replace("\r\n", " \n").replace("\r", "\n"))
        self._types |= dict.fromkeys(map(underscored, result.types))
        lines = []
        for number, entity in enumerate(result.entities, start=1):
            kind = underscored(entity.type)
            self._types[kind] = None
            spans, text = _fragments(entity)
            lines.append(f"T{number}\t{kind} {spans}\t{text}\n")
            note = [] if entity.score is None else [f"score {entity.score:.4f}"]
            note += [entity.type] if kind != entity.type else []
            if note:
                lines.append(f"#{number}\tAnnotatorNotes T{number}\t{', '.join(note)}\n")
        self._save(f"{name}.ann", "".join(lines))

    def close(self) -> None:
        """The configuration that makes brat know the types."""
        types = "".join(f"{kind}\n" for kind in self._types)
        self._save(
            "annotation.conf", f"[entities]\n{types}\n[relations]\n\n[events]\n\n[attributes]\n"
        )

    def _save(self, name: str, content: str) -> None:
        (self._folder / name).write_bytes(content.encode("utf-8"))

    def _name(self, path: str) -> str:
        """Of the document inside the folder: flat, and never twice the same."""
        safe = re.sub(r"[^\w.-]+", "_", printable_path(path)).strip("._") or "document"
        safe = safe.removesuffix(".txt").encode("utf-8")[-_NAME_BYTES:].decode("utf-8", "ignore")
        name, number = safe, 1
        while name.lower() in self._names:
            number += 1
            name = f"{safe}-{number}"
        self._names.add(name.lower())
        return name


def _fragments(entity: Entity) -> tuple[str, str]:
    """The entity's spans, cut at line ends and tabs, and its text on one line."""
    spans = [
        (entity.start + m.start(), entity.start + m.end())
        for m in re.finditer(rf"[^\t{_LINE_ENDS}]+", entity.text)
    ] or [(entity.start, entity.end)]
    text = " ".join(entity.text[s - entity.start : e - entity.start] for s, e in spans)
    return ";".join(f"{s} {e}" for s, e in spans), text
