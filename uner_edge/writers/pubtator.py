"""PubTator: title, abstract and annotations in lines."""

from __future__ import annotations

import re
from typing import TextIO

from uner_edge.document import Result

_LINE_ENDS = re.compile(r"[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


class PubtatorWriter:
    """Documents by running number: the first line as title, the rest as abstract.

    The format has one line for each, so every line end and tab inside becomes a blank; offsets
    stay what they are in the document.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._number = 0

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is None:
            return
        self._number += 1
        number = self._number
        title, _, abstract = result.text.partition("\n")
        lines = [f"{number}|t|{_flat(title)}", f"{number}|a|{_flat(abstract)}"]
        lines += [
            f"{number}\t{e.start}\t{e.end}\t{_flat(e.text)}\t{e.type}\t-" for e in result.entities
        ]
        self._stream.write("\n".join(lines) + "\n\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""


def _flat(text: str) -> str:
    return _LINE_ENDS.sub(" ", text)
