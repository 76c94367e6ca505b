"""The line at the bottom: what is asked, and how far a scan has come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.markup import escape
from textual.widgets import Static

if TYPE_CHECKING:
    from uner_edge.scan import Event

BAR = 12
"""Cells."""


class StatusLine(Static):
    """Facts, and while a scan goes on a bar, its rate and the time left."""

    paused = False
    clock = staticmethod(time.monotonic)

    def __init__(self, **arguments: str) -> None:
        super().__init__("", **arguments)  # type: ignore[arg-type]
        self._facts: Sequence[str] = ()
        self._model = ""
        self._scanning = False
        self.begin()

    def begin(self) -> None:
        """A scan begins."""
        self._began = self.clock()
        self._files = self._bytes = self._found = 0
        self._all_files = self._all_bytes = 0
        self.paused = False

    def expect(self, files: int, size: int) -> None:
        """What the scan will read: files and bytes."""
        self._all_files, self._all_bytes = files, size

    def count(self, event: Event) -> None:
        """Adds what happened."""
        self._found += event.entities
        self._bytes += event.size
        self._files += bool(event.state)

    def say_model(self, step: str) -> None:
        """How far a model is made ready; empty: it is."""
        self._model = step
        self._draw()

    def say(self, facts: Sequence[str], scanning: bool) -> None:
        """Draws the line anew."""
        self._facts, self._scanning = facts, scanning
        self._draw()

    def _draw(self) -> None:
        parts = [*self._facts, *([self._model] if self._model else [])]
        if self._scanning:
            parts.insert(0, self._progress())
        self.update(escape(" · ".join(parts)))

    def _progress(self) -> str:
        if not self._all_files:
            return "looking for what is new"
        took = max(0.1, self.clock() - self._began)
        share = self._bytes / self._all_bytes if self._all_bytes else 0.0
        bar = "▰" * round(BAR * share) + "▱" * (BAR - round(BAR * share))
        left = took * (1 - share) / share if share else None
        until = f", {_duration(left)} left" if left is not None and not self.paused else ""
        state = "paused (p goes on)" if self.paused else f"{self._bytes / 1e6 / took:.2f} MB/s"
        return (
            f"{bar} {self._files:,} of {self._all_files:,} files, {self._found:,} entities,"
            f" {state}{until}"
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes} min" if minutes > 9 else f"{minutes} min {rest} s" if minutes else f"{rest} s"
    )
