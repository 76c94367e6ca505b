"""What the application remembers from one run to the next: its look and the types asked lately.

Never a word of a document, nor a path.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
from platformdirs import user_state_path

from uner_edge.errors import TypesError
from uner_edge.types import EntityType, TypeSet

RECENT = 8
"""Sets of types that are kept."""


class Memory(msgspec.Struct):
    """The content of ``tui.json``; a damaged or missing file is as good as a new one."""

    theme: str = ""
    files_width: int = 30
    """Of 100."""
    document_height: int = 60
    """Of 100."""
    sort: str = "place"
    recent: list[list[tuple[str, str | None]]] = []
    """Names and definitions, the last asked first."""

    def remember(self, types: TypeSet) -> None:
        """Puts ``types`` first among the recent ones."""
        entry = [(kind.name, kind.definition) for kind in types]
        others = [known for known in self.recent if known != entry]
        self.recent = [entry, *others][:RECENT]

    def recent_types(self) -> list[TypeSet]:
        """The sets asked lately, the last first."""
        sets = []
        for entry in self.recent:
            with suppress(TypesError):
                sets.append(TypeSet(tuple(EntityType(*kind) for kind in entry)))
        return sets


def memory_file() -> Path:
    """Where it is kept."""
    return Path(user_state_path("uner-edge")) / "tui.json"


def load_memory() -> Memory:
    """What was remembered, within bounds."""
    try:
        memory = msgspec.json.decode(memory_file().read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return Memory()
    memory.files_width = min(60, max(15, memory.files_width))
    memory.document_height = min(85, max(20, memory.document_height))
    return memory


def save_memory(memory: Memory) -> None:
    """Keeps it; where that cannot be written, the next run looks as new."""
    with suppress(OSError):
        memory_file().parent.mkdir(parents=True, exist_ok=True)
        memory_file().write_bytes(msgspec.json.format(msgspec.json.encode(memory)))
