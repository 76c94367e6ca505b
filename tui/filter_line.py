"""The line between document and entities: a slider for the threshold, and what else filters."""

from __future__ import annotations

from rich.text import Text
from textual.events import Click, MouseMove
from textual.message import Message
from textual.widget import Widget

LABEL = "score ≥ "
SLIDER = 20
"""Cells."""


class FilterLine(Widget):
    """Drawn anew with ``show``; the slider follows the mouse, + and - move it too."""

    class Slid(Message):
        """The threshold was set with the mouse."""

        def __init__(self, threshold: float) -> None:
            super().__init__()
            self.threshold = threshold

    threshold = 0.0
    kind: str | None = None
    pattern = ""

    def show(self, threshold: float, kind: str | None, pattern: str) -> None:
        """Draws other filters."""
        self.threshold, self.kind, self.pattern = threshold, kind, pattern
        self.refresh()

    def render(self) -> Text:
        """Label, slider, type, text."""
        at = round(self.threshold * (SLIDER - 1))
        line = Text(f"{LABEL}{self.threshold:.2f} ", no_wrap=True, overflow="ellipsis")
        line.append("━" * at, "dim")
        line.append("●", "bold")
        line.append("─" * (SLIDER - 1 - at), "dim")
        if self.kind is not None:
            line.append(f"  only {self.kind}", "bold")
        if self.pattern:
            line.append(f"  with “{self.pattern}”", "bold")
        return line

    def on_click(self, event: Click) -> None:
        """Sets the threshold."""
        self._slide(event)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Drags the slider."""
        if event.button:
            self._slide(event)

    def _slide(self, event: Click | MouseMove) -> None:
        cell = event.get_content_offset_capture(self).x - len(LABEL) - 5
        if 0 <= cell < SLIDER:
            self.post_message(self.Slid(round(cell / (SLIDER - 1), 2)))
