"""Label Studio: tasks with predictions, to be corrected by people."""

from __future__ import annotations

from typing import Any, TextIO

import msgspec

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path


class LabelStudioWriter:
    """Writes one JSON array of tasks, with predictions for a labelling interface such as this.

    ``<View><Labels name="label" toName="text">…</Labels><Text name="text" value="$text"/></View>``
    with a ``<Label value="drug"/>`` for every type. Offsets are in code points there as well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "[\n"

    def write(self, result: Result) -> None:
        """One task; none for a document without text."""
        if result.text is None:
            return
        task = {
            "data": {"text": result.text, "path": printable_path(result.path)},
            "predictions": [
                {
                    "model_version": result.model,
                    "result": [_region(n, e) for n, e in enumerate(result.entities, start=1)],
                }
            ],
        }
        self._stream.write(self._before + msgspec.json.encode(task).decode("utf-8"))
        self._stream.flush()
        self._before = ",\n"

    def close(self) -> None:
        """The end of the array."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")
        self._stream.flush()


def _region(number: int, entity: Entity) -> dict[str, Any]:
    region: dict[str, Any] = {
        "id": f"T{number}",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": {
            "start": entity.start,
            "end": entity.end,
            "text": entity.text,
            "labels": [entity.type],
        },
    }
    return region if entity.score is None else region | {"score": round(entity.score, 4)}
