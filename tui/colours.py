"""One colour per type, the same in all of the screen, and a theme of the highest contrast."""

from __future__ import annotations

from collections.abc import Sequence

from textual.theme import Theme

ON_DARK = (
    *("#4ea1d3", "#e86a92", "#5fbf72", "#a78bfa", "#e0a458", "#4fc1b0", "#e0789a", "#9bc53d"),
    *("#6c8ef5", "#f27059", "#3fb6c9", "#c792ea"),
)
ON_LIGHT = (
    *("#0b5c8a", "#a3124b", "#1b6b2e", "#5b34c0", "#8a5200", "#0a665a", "#962a55", "#4a6b00"),
    *("#2447c2", "#a8321d", "#03606f", "#7a2fb0"),
)

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#00ffff",
    secondary="#ffff00",
    accent="#ffff00",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    success="#00ff00",
    warning="#ffff00",
    error="#ff8080",
    dark=True,
    variables={"text-muted": "#ffffff", "border": "#ffffff", "surface-lighten-2": "#ffffff"},
)


def colours(types: Sequence[str], dark: bool = True) -> dict[str, str]:
    """By type name, in the order asked; after a dozen they repeat."""
    palette = ON_DARK if dark else ON_LIGHT
    return {name: palette[index % len(palette)] for index, name in enumerate(types)}
