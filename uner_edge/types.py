"""The types a user asks for: names with optional definitions, from a list, a preset or a file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from uner_edge.errors import TypesError

MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of entity. Generators may be asked the definition; taggers read the name."""

    name: str
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class TypeSet:
    """Asked types, in the user's order; names are unique whatever their case."""

    types: tuple[EntityType, ...]

    def __post_init__(self) -> None:
        if not self.types:
            raise TypesError("no types asked for; try --types 'person, organization'")
        seen: dict[str, str] = {}
        for kind in self.types:
            if not kind.name:
                raise TypesError("a type name is empty; separate names by single commas")
            if len(kind.name) > MAX_NAME_CHARS:
                raise TypesError(
                    f"type name '{kind.name[:30]}…' has {len(kind.name)} characters; "
                    f"at most {MAX_NAME_CHARS}: give long explanations as definitions in a pack"
                )
            if not any(c.isalnum() for c in kind.name):
                raise TypesError(f"type name '{kind.name}' has no letter or digit")
            if not kind.name.isprintable():
                raise TypesError(f"type name {kind.name!r} has a control character")
            if kind.name.casefold() in seen:
                raise TypesError(f"type '{kind.name}' is given twice")
            seen[kind.name.casefold()] = kind.name

    @property
    def names(self) -> tuple[str, ...]:
        """The names alone, in the user's order."""
        return tuple(kind.name for kind in self.types)

    def __iter__(self) -> Iterator[EntityType]:
        return iter(self.types)

    def __len__(self) -> int:
        return len(self.types)

    @classmethod
    def of(cls, names: Iterable[str]) -> TypeSet:
        """Types without definitions; runs of white space in names become single blanks."""
        return cls(tuple(EntityType(" ".join(name.split())) for name in names))

    @classmethod
    def parse(cls, listing: str) -> TypeSet:
        """``"drug, disease"``: names separated by commas."""
        return cls.of(listing.split(","))


@dataclass(frozen=True, slots=True)
class TypePack:
    """A named set of types with definitions."""

    title: str
    description: str
    types: TypeSet


def load_pack(path: Path) -> TypePack:
    """A TOML type pack: ``title``, ``description`` and ``[[type]]`` tables with name, definition.

    Raises:
        TypesError: Not readable, not TOML, or with keys a pack does not have.
    """
    try:
        return _parse_pack(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise TypesError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TypesError(f"{path}: a type pack is UTF-8 text: {error.reason}") from error


def presets() -> tuple[str, ...]:
    """Names of the packs that come with the program, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in (files("uner_edge") / "packs").iterdir()
            if entry.name.endswith(".toml")
        )
    )


def load_preset(name: str) -> TypePack:
    """The pack called ``name``.

    Raises:
        TypesError: There is none; names the nearest one.
    """
    known = presets()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"
        raise TypesError(f"no preset '{name}'; {hint}")
    text = (files("uner_edge") / "packs" / f"{name}.toml").read_text("utf-8")
    return _parse_pack(text, f"preset {name}")


def _parse_pack(text: str, source: str) -> TypePack:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TypesError(f"{source}: not TOML: {error}") from error
    _only_keys(table, {"title", "description", "type"}, source)
    rows = table.get("type", [])
    if not isinstance(rows, list):
        raise TypesError(f"{source}: write each type as a [[type]] table")
    types = []
    for row in rows:
        _only_keys(row, {"name", "definition"}, f"{source}: [[type]]")
        name, definition = row.get("name", ""), row.get("definition")
        if not isinstance(name, str) or not isinstance(definition, str | None):
            raise TypesError(f"{source}: name and definition of a type are strings")
        types.append(EntityType(" ".join(name.split()), definition))
    title, description = str(table.get("title", "")), str(table.get("description", ""))
    try:
        return TypePack(title, description, TypeSet(tuple(types)))
    except TypesError as error:
        raise TypesError(f"{source}: {error}") from error


def _only_keys(table: dict[str, Any], known: set[str], source: str) -> None:
    if not isinstance(table, dict):
        raise TypesError(f"{source}: expected a table")
    for key in table:
        if key not in known:
            raise TypesError(f"{source}: unknown key '{key}'; known: {', '.join(sorted(known))}")
