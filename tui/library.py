"""What a store knows, as the screen and the exports show it: files, texts, entities, decisions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tui.file_tree import FileRow
from uner_edge.document import Document, Entity, Result
from uner_edge.errors import ReadError
from uner_edge.review import Key, Reviews, Verdict, decided
from uner_edge.settings import Settings
from uner_edge.store import Store
from uner_edge.types import EntityType, TypeSet

Judged = tuple[Entity, Verdict | None]


class Library:
    """A store and the files it speaks of; belongs to the thread that opened the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.reviews = Reviews(store)

    @property
    def types(self) -> TypeSet | None:
        """What the store was asked; None if nothing yet."""
        question = self.store.question()
        if question is None:
            return None
        return TypeSet(tuple(EntityType(n, d) for n, d in question.types))

    def files(self, found: Sequence[str] = ()) -> list[FileRow]:
        """Every document that is known, and every file of ``found`` that is not read yet."""
        rows: dict[str, list[FileRow]] = {}
        reviewed = self.reviews.reviewed()
        stored = self.store.rows(
            "SELECT raw, ifnull(member, ''), state, documents.sha256,"
            " files.error, (SELECT count(*) FROM entities WHERE document = documents.id)"
            " FROM files LEFT JOIN documents ON documents.file = files.id"
            " WHERE state != 'deleted' ORDER BY 1, 2"
        )
        for raw, member, state, sha, error, count in stored:
            assert isinstance(raw, bytes)
            file = os.fsdecode(raw)
            state = "running" if state == "reading" else str(state)
            state = "reviewed" if sha in reviewed and state == "done" else state
            row = FileRow(f"{file}{member}", state, int(str(count or 0)), _text(error), _text(sha))
            rows.setdefault(file, []).append(row)
        listed = [row for path in found for row in rows.pop(path, [FileRow(path, "new")])]
        return listed + [row for rest in rows.values() for row in rest]

    def text_of(self, path: str, sha256: str | None) -> Document:
        """Reads a document.

        Raises:
            ReadError: It cannot be read, is gone, or has changed since it was scanned.
        """
        # Imported here: the first screen does not wait for it.
        from uner_edge.files import Found, file_of
        from uner_edge.readers import Limits, ReadOptions, read_documents

        file = file_of(path)
        if file is None:
            raise ReadError("is not there any more")
        options = ReadOptions(self.settings.text_field, self.settings.max_bytes)
        limits = Limits(self.settings.read_seconds)
        for source in read_documents([Found(file, 0, named=True)], [], options, limits):
            if source.path == path:
                if not isinstance(source, Document):
                    raise ReadError(source.reason)
                if sha256 is not None and source.sha256 != sha256:
                    raise ReadError("has changed since it was scanned; scan again (s)")
                return source
        raise ReadError("is not there any more")

    def entities_of(self, path: str, sha256: str | None) -> list[Entity]:
        """What is stored of a document, in text order; nothing if it has another content by now."""
        rows = self.store.rows(
            'SELECT start, "end", type, entities.text, score, page, place FROM entities'
            " JOIN documents ON documents.id = document JOIN files ON files.id = file"
            " WHERE CAST(raw || member AS BLOB) = ? AND documents.sha256 IS ?"
            ' ORDER BY start, -"end", type',
            (os.fsencode(path), sha256),
        )
        return [Entity(*row) for row in rows]  # type: ignore[arg-type]

    def content_of(self, path: str) -> str | None:
        """The content of a file as it was searched; None if it was not, or holds several."""
        rows = self.store.rows(
            "SELECT documents.sha256 FROM documents JOIN files ON files.id = file"
            " WHERE raw = ? AND member = ''",
            (os.fsencode(path),),
        )
        return _text(rows[0][0]) if rows else None

    def rows_of(self, path: str, sha256: str | None) -> list[tuple[Entity, Verdict | None]]:
        """Entities with verdicts, those that a person added among them."""
        return decided(self.entities_of(path, sha256), self._decisions(sha256))

    def results(self, least: float = 0.0) -> Iterator[Result]:
        """Everything, as decided: for the formats of ``uner extract``.

        Args:
            least: Score below which what nobody decided on is left out.
        """
        for result in self.store.results():
            rows = seen(decided(result.entities, self._decisions(result.sha256)), least)
            kept = tuple(e for e, verdict in rows if verdict != "rejected")
            yield replace(result, entities=kept)

    def _decisions(self, sha256: str | None) -> dict[Key, tuple[str, Verdict]]:
        """A document's decisions on types that are asked; those on others wait in the store."""
        types = self.types
        asked = types.names if types else ()
        decisions = self.reviews.of(sha256) if sha256 else {}
        return {key: decision for key, decision in decisions.items() if key[2] in asked}


def seen(rows: Sequence[Judged], least: float) -> list[Judged]:
    """What is on the screen from a threshold on: good enough, or decided on."""
    return [(e, v) for e, v in rows if v is not None or e.score is None or e.score >= least]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
