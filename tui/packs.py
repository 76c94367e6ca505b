"""Type packs of one's own, kept beside the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w
from platformdirs import user_config_path

from uner_edge.errors import TypesError
from uner_edge.types import EntityType, TypeSet


def pack_folder() -> Path:
    """Where they are kept; any of them can also be given to ``--types-file``."""
    return Path(user_config_path("uner-edge")) / "packs"


def own_packs() -> list[Path]:
    """The files of the folder, by name."""
    return sorted(pack_folder().glob("*.toml"))


def save_pack(name: str, types: TypeSet) -> Path:
    """Writes ``types`` as a pack; the file.

    Raises:
        TypesError: The name will not do for a file, or the folder cannot be written.
    """
    if not name or not all(c.isalnum() or c in "-_ " for c in name):
        raise TypesError("a pack's name has letters, digits, blanks, - and _ only")
    path = pack_folder() / f"{name}.toml"
    rows: list[dict[str, Any]] = [
        {"name": t.name} | ({"definition": t.definition} if t.definition else {}) for t in types
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tomli_w.dumps({"title": name, "type": rows}), "utf-8")
    except OSError as error:
        raise TypesError(f"{path}: {error.strerror or error}") from error
    return path


def with_definitions(lines: str) -> TypeSet:
    """``name: definition`` per line; the definition may be left out.

    Raises:
        TypesError: A name is empty, too long or given twice.
    """
    types = []
    for line in lines.splitlines():
        if line.strip():
            name, _, definition = line.partition(":")
            types.append(EntityType(" ".join(name.split()), definition.strip() or None))
    return TypeSet(tuple(types))


def as_lines(types: TypeSet) -> str:
    """What ``with_definitions`` reads."""
    return "\n".join(f"{t.name}: {t.definition or ''}".rstrip() for t in types)
