"""One colour per type, the same in every part of the screen."""

from __future__ import annotations

from collections.abc import Sequence

PALETTE = (
    *("#4ea1d3", "#e86a92", "#5fbf72", "#a78bfa", "#e0a458", "#4fc1b0", "#e0789a", "#9bc53d"),
    *("#6c8ef5", "#f27059", "#3fb6c9", "#c792ea"),
)


def colours(types: Sequence[str]) -> dict[str, str]:
    """By type name, in the order asked; after a dozen they repeat."""
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(types)}
