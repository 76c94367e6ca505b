"""CoNLL: a token and its IOB2 tag per line, for taggers' training and evaluation tools."""

from __future__ import annotations

from typing import TextIO

from uner_edge.document import Result
from uner_edge.writers.tokens import outermost, tokens, underscored


class ConllWriter:
    """Writes documents after ``-DOCSTART-`` lines, blank lines between paragraphs.

    Of nested entities the outermost is written: IOB2 has one tag per token. A blank in a type
    becomes an underscore. Offsets are not part of the format.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is None:
            return
        entities = outermost(result.entities)
        lines = ["-DOCSTART-\tO", ""]
        at, begun, previous_end = 0, -1, 0
        for start, end in tokens(result.text, entities):
            if result.text.count("\n", previous_end, start) > 1:
                lines.append("")
            while at < len(entities) and entities[at].end <= start:
                at += 1
            tag = "O"
            if at < len(entities) and entities[at].start <= start:
                tag = f"{'I' if begun == at else 'B'}-{underscored(entities[at].type)}"
                begun = at
            lines.append(f"{result.text[start:end]}\t{tag}")
            previous_end = end
        self._stream.write("\n".join(lines) + "\n\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""
