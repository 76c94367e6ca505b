"""What several commands share: their options, and how they become settings."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from uner_edge.errors import UsageError
from uner_edge.settings import Settings, load_settings
from uner_edge.types import TypeSet, load_pack, load_preset

Model = Annotated[
    str | None, typer.Option(metavar="NAME|DIR|GGUF", help="Installed model, folder or .gguf.")
]
Threshold = Annotated[
    float | None, typer.Option(help="Least score, 0 to 1. Default: the model's own.")
]
Threads = Annotated[int | None, typer.Option(help="Default: one per core.")]
GpuLayers = Annotated[
    str | None, typer.Option(metavar="auto|N", help="Generator layers on the GPU. Default: auto.")
]
Template = Annotated[
    str | None, typer.Option(help="uniner: the conversation a bare .gguf was tuned for.")
]
Occurrences = Annotated[
    str | None, typer.Option(help="all or first: which places of a generator's mention count.")
]
Types = Annotated[str | None, typer.Option(help="What to find: names separated by commas.")]
Preset = Annotated[str | None, typer.Option(help="What to find: a ready list (uner presets).")]
TypesFile = Annotated[
    Path | None, typer.Option(help="What to find: a type pack of your own (TOML).")
]
Recursive = Annotated[
    bool | None,
    typer.Option("--recursive/--no-recursive", help="Enter subfolders, but never hidden ones."),
]
Include = Annotated[
    list[str] | None, typer.Option(help="Only such files, as in .gitignore: '*.md'.")
]
Exclude = Annotated[list[str] | None, typer.Option(help="No such files or folders: 'drafts/'.")]
Nested = Annotated[
    bool | None, typer.Option("--nested/--flat", help="Allow entities inside entities.")
]
MaxBytes = Annotated[int | None, typer.Option(help="Report larger files instead of reading them.")]
TextField = Annotated[
    list[str] | None,
    typer.Option(help="Only this column of tables, this field of JSON (repeat for more)."),
]
ReadSeconds = Annotated[
    float | None, typer.Option(help="Give up on a document that takes longer to read: 120.")
]
Config = Annotated[Path | None, typer.Option(help="Settings file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings that a command's arguments, its ``locals()``, ask for.

    An option is a setting if it has the name of one.
    """
    known = {field.name for field in dataclasses.fields(Settings)}
    flags = {key: value for key, value in given.items() if key in known}
    flags = {key: tuple(v) if isinstance(v, list) else v for key, v in flags.items()}
    if "gpu_layers" in flags:
        flags["gpu_layers"] = _layers(flags["gpu_layers"])
    return load_settings(flags, config=given.get("config"))


def _layers(given: str | None) -> int | None:
    if given in (None, "auto"):
        return None
    if not given.isdecimal():
        raise UsageError(f"--gpu-layers takes auto or a number, not '{given}'")
    return int(given)


def asked_types(types: str | None, preset: str | None, types_file: Path | None) -> TypeSet:
    """The types of the one option that was given.

    Raises:
        UsageError: None of them was given, or several.
    """
    given = [source for source in (types, preset, types_file) if source is not None]
    if len(given) != 1:
        problem = "say what to find" if not given else "say only once what to find"
        raise UsageError(f"{problem}: --types 'person, drug', --preset NAME or --types-file FILE")
    if types is not None:
        return TypeSet.parse(types)
    return load_preset(preset).types if preset is not None else load_pack(Path(given[0])).types


PIPED = 10_000
"""Characters of the widest table that is not for a terminal."""


def show(columns: tuple[str, ...], rows: list[list[str]], as_json: bool) -> None:
    """Prints rows as a table, or as JSON."""
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, style="bold" if index == 0 else "", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # In a pipe a row is a line, however long: what reads it looks for whole names.
    wide = None if sys.stdout.isatty() else PIPED
    Console(highlight=False, width=wide).print(table)
