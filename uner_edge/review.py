"""A person's decisions on what was found, kept in the store, and the data they become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from uner_edge.document import Entity
from uner_edge.store import Store, now

Verdict = Literal["accepted", "rejected", "added"]

PASSAGE = 1_000
"""Characters of a passage of exported data, about: what training takes in at once."""

_BORDER = re.compile(r"\s*\n\s*|(?<=[.!?])\s+")
"""Ends of lines and sentences."""

_QUESTION = "SELECT value FROM question WHERE key = 'question'"

Key = tuple[int, int, str]
"""Start, end and type."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one decision changed, so that it can be undone."""

    sha256: str
    before: tuple[tuple[Key, str, Verdict | None], ...]
    """Key, text and verdict (None: there was none) of every span concerned."""
    after: tuple[tuple[Key, str, Verdict | None], ...]


class Reviews:
    """Decisions on spans of documents; each is in the store when its method returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done: list[Change] = []
        self._undone: list[Change] = []

    def of(self, sha256: str) -> dict[Key, tuple[str, Verdict]]:
        """A document's decisions: text and verdict."""
        rows: list[Any] = self._store.rows(
            'SELECT start, "end", type, text, verdict FROM decisions WHERE sha256 = ?', (sha256,)
        )
        return {(start, end, kind): (text, verdict) for start, end, kind, text, verdict in rows}

    def accept(self, sha256: str, entities: Sequence[Entity]) -> Change:
        """They are right; what a person had added stays so marked."""
        known = self.of(sha256)
        after: list[tuple[Key, str, Verdict | None]] = [
            (_key(e), e.text, "added" if _verdict(known, e) == "added" else "accepted")
            for e in entities
        ]
        return self._decide(sha256, after)

    def reject(self, sha256: str, entities: Sequence[Entity]) -> Change:
        """They are wrong; one that a person had added is forgotten."""
        known = self.of(sha256)
        after: list[tuple[Key, str, Verdict | None]] = []
        for entity in entities:
            added = _verdict(known, entity) == "added"
            verdict = self._left_over(sha256, entity) if added else "rejected"
            after.append((_key(entity), entity.text, verdict))
        return self._decide(sha256, after)

    def add(self, sha256: str, entity: Entity) -> Change:
        """A span that was missed."""
        return self._decide(sha256, [(_key(entity), entity.text, "added")])

    def change(self, sha256: str, old: Entity, new: Entity) -> Change:
        """Another type or other borders: the old span is wrong, the new one right."""
        was_added = _verdict(self.of(sha256), old) == "added"
        return self._decide(
            sha256,
            [
                (_key(old), old.text, self._left_over(sha256, old) if was_added else "rejected"),
                (_key(new), new.text, "added"),
            ],
        )

    def undo(self) -> Change | None:
        """Takes the last decision back; None if there is none."""
        if not self._done:
            return None
        change = self._done[-1]
        self._write(change.sha256, change.before)
        self._undone.append(self._done.pop())
        return change

    def redo(self) -> Change | None:
        """Decides again what was taken back last."""
        if not self._undone:
            return None
        change = self._undone[-1]
        self._write(change.sha256, change.after)
        self._done.append(self._undone.pop())
        return change

    def mark(self, sha256: str, reviewed: bool, least: float = 0.0) -> None:
        """A document is reviewed for the store's question, or is not any more.

        What a person saw and did not reject is right, and nothing is missing.

        Args:
            least: The score from which entities were seen; lower ones nobody called right.
        """
        with self._store.writing():
            self._store.database.execute(
                f"DELETE FROM reviewed WHERE sha256 = ? AND question = ({_QUESTION})", (sha256,)
            )
            if reviewed:
                self._store.database.execute(
                    "INSERT INTO reviewed (sha256, question, decided, least)"
                    f" SELECT ?, ({_QUESTION}), ?, ?",
                    (sha256, now(), least),
                )

    def reviewed(self) -> dict[str, float]:
        """Documents that are reviewed for the store's question, by content: the score seen from."""
        rows: list[Any] = self._store.rows(
            f"SELECT sha256, least FROM reviewed WHERE question = ({_QUESTION})"
        )
        return dict(rows)

    def _left_over(self, sha256: str, entity: Entity) -> Verdict | None:
        """What is to be said of an added span that is wrong: nothing, unless a model finds it."""
        found = self._store.rows(
            "SELECT 1 FROM entities JOIN documents ON documents.id = document"
            ' WHERE documents.sha256 = ? AND start = ? AND "end" = ? AND type = ? LIMIT 1',
            (sha256, *_key(entity)),
        )
        return "rejected" if found else None

    def _decide(self, sha256: str, after: Sequence[tuple[Key, str, Verdict | None]]) -> Change:
        known = self.of(sha256)
        before = tuple(
            (key, text, known[key][1] if key in known else None) for key, text, _ in after
        )
        change = Change(sha256, before, tuple(after))
        self._write(sha256, change.after)
        self._done.append(change)
        self._undone.clear()
        return change

    def _write(self, sha256: str, rows: Iterable[tuple[Key, str, Verdict | None]]) -> None:
        with self._store.writing():
            for (start, end, kind), text, verdict in rows:
                self._store.database.execute(
                    'DELETE FROM decisions WHERE sha256 = ? AND start = ? AND "end" = ?'
                    " AND type = ?",
                    (sha256, start, end, kind),
                )
                if verdict is not None:
                    self._store.database.execute(
                        "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (sha256, start, end, kind, text, verdict, now()),
                    )


def decided(
    entities: Sequence[Entity], decisions: dict[Key, tuple[str, Verdict]]
) -> list[tuple[Entity, Verdict | None]]:
    """What was found, and what a person added or accepted, in text order, each with its verdict.

    What was accepted stays even when another model does not find it.
    """
    found = [(e, _verdict(decisions, e)) for e in entities]
    there = {_key(e) for e in entities}
    added: list[tuple[Entity, Verdict | None]] = [
        (Entity(start, end, kind, text), verdict)
        for (start, end, kind), (text, verdict) in decisions.items()
        if verdict != "rejected" and (start, end, kind) not in there
    ]
    return sorted([*found, *added], key=lambda pair: (pair[0].start, -pair[0].end, pair[0].type))


def labelled_rows(
    name: str,
    text: str,
    entities: Sequence[tuple[Entity, Verdict | None]],
    types: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """A reviewed document as rows of labelled data (``labelled.py``), a passage each.

    All asked types are listed, so that everything not marked teaches that nothing of the type is
    there. Types of which something was rejected in a passage, and nothing kept, are named as
    ``absent``: they are the hard negatives, which training asks first.
    """
    kept = [e for e, verdict in entities if verdict != "rejected"]
    rejected = [e for e, verdict in entities if verdict == "rejected"]
    for start, end in _passages(text, [(e.start, e.end) for e in kept]):
        here = [e for e in kept if start <= e.start and e.end <= end]
        present = {e.type for e in here}
        doubted = {e.type for e in rejected if start <= e.start < end}
        yield {
            "id": f"{name}:{start}",
            "dataset": "reviewed",
            "domain": "own",
            "text": text[start:end],
            "entities": [
                {"start": e.start - start, "end": e.end - start, "type": e.type} for e in here
            ],
            "types": list(types),
            "absent": [kind for kind in types if kind in doubted - present],
        }


def _passages(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Lines and sentences put together up to ``PASSAGE`` characters; no span is cut.

    A single sentence that is longer stays whole.
    """
    inside = sorted(spans)
    start = reach = at = 0
    best: int | None = None
    for border in (*(m.end() for m in _BORDER.finditer(text)), len(text)):
        while at < len(inside) and inside[at][0] < border:
            reach = max(reach, inside[at][1])
            at += 1
        if border - start > PASSAGE and best is not None:
            if text[start:best].strip():
                yield start, best
            start, best = best, None
        if reach <= border:
            best = border
    if text[start:].strip():
        yield start, len(text)


def _verdict(decisions: dict[Key, tuple[str, Verdict]], entity: Entity) -> Verdict | None:
    known = decisions.get(_key(entity))
    return None if known is None else known[1]


def _key(entity: Entity) -> Key:
    return (entity.start, entity.end, entity.type)
