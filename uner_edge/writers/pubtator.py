"""PubTator: title, abstract and annotations in lines."""

from __future__ import annotations

import re
from typing import TextIO

from uner_edge.document import Result
from uner_edge.writers import printable_path

_LINE_ENDS = re.compile(r"[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


class PubtatorWriter:
    """Documents by path: the first line as title, the rest as abstract.

    The format has one line for each, so every line end and tab inside becomes a blank; offsets
    stay what they are in the document. In the path, all but letters, digits, dots and hyphens
    becomes an underscore.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._names: set[str] = set()

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is None:
            return
        name = self._name(result.path)
        title, _, abstract = result.text.partition("\n")
        lines = [f"{name}|t|{_flat(title)}", f"{name}|a|{_flat(abstract)}"]
        lines += [
            f"{name}\t{e.start}\t{e.end}\t{_flat(e.text)}\t{e.type}\t-" for e in result.entities
        ]
        self._stream.write("\n".join(lines) + "\n\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""

    def _name(self, path: str) -> str:
        """Never twice the same."""
        safe = re.sub(r"[^\w.-]+", "_", printable_path(path)).strip("_") or "document"
        name, number = safe, 1
        while name in self._names:
            number += 1
            name = f"{safe}-{number}"
        self._names.add(name)
        return name


def _flat(text: str) -> str:
    return _LINE_ENDS.sub(" ", text)
