"""The tagger: an ONNX encoder that scores every word against every asked type in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from uner_edge.document import Entity, Piece
from uner_edge.engines import EngineOptions, cores
from uner_edge.errors import ModelError
from uner_edge.model_files import Manifest
from uner_edge.span_decoding import decode_spans
from uner_edge.tagger_input import LAYOUT_VERSION, PackedPassage, WordPieces, collate, pack
from uner_edge.types import TypeSet

TYPE_TOKENS = 128
"""Sub-tokens of types that go into one pass beside the passage; more types, more passes."""

SLOWER = ("SkipLayerNormFusion",)
"""What onnxruntime does to a graph by itself that costs time on a CPU: a sum and the layer
normalisation after it, fused (benchmarks/fusions.py)."""


class TaggerEngine:
    """Satisfies ``uner_edge.engines.Engine``.

    Passages run one at a time, each on one core, as many at once as there are threads. So a
    passage's scores depend on nothing but the passage and the types: not on its neighbours in a
    batch (int8 activations are scaled over a whole batch), nor on the number of threads.
    """

    window = 256
    batch = 32

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        word_pieces: WordPieces,
        manifest: Manifest,
        threads: int,
    ) -> None:
        self.model = manifest.label
        self._session = session
        self._word_pieces = word_pieces
        self._calibration = manifest.calibration
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="tagger")

    def pieces(self, text: str) -> Iterator[Piece]:
        """Words and their sub-tokens."""
        return self._word_pieces.pieces(text)

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """Scores are calibrated probabilities; see ``span_decoding`` for what they combine."""
        groups = self._group(types.names)

        def search(text: str) -> list[Entity]:
            return [e for group in groups for e in self._search(text, group, threshold)]

        return list(self._workers.map(search, passages))

    def word_logits(self, packed: PackedPassage, names: Sequence[str]) -> NDArray[np.float32]:
        """Log odds of each word's roles, calibrated as spans are.

        Shape (words, types in the order of ``names``, 3).
        """
        columns: dict[str, NDArray[np.float32]] = {}
        for group in self._group(names):
            logits = self._run(packed, group)
            columns |= {name: logits[:, k] for k, name in enumerate(group)}
        logits = np.stack([columns[name] for name in names], axis=1)
        scaled = logits / self._calibration.temperature + self._calibration.offset
        return scaled.astype(np.float32)

    def _group(self, names: Sequence[str]) -> list[dict[str, list[int]]]:
        """Types in alphabetical order, as many per group as fit one pass."""
        groups: list[dict[str, list[int]]] = []
        room = 0
        for name in sorted(names):
            ids = self._word_pieces.of_type(name)
            if not groups or len(ids) + 1 > room:
                groups.append({})
                room = TYPE_TOKENS
            groups[-1][name] = ids
            room -= len(ids) + 1
        return groups

    def _search(self, text: str, types: dict[str, list[int]], threshold: float) -> Iterator[Entity]:
        packed = pack(text, self._word_pieces)
        if not packed.spans:
            return
        logits = self._run(packed, types)
        names = list(types)
        for first, last, kind, score in decode_spans(logits, threshold, self._calibration):
            start, end = packed.spans[first][0], packed.spans[last][1]
            yield Entity(start, end, names[kind], text[start:end], score)

    def _run(self, packed: PackedPassage, types: dict[str, list[int]]) -> NDArray[np.float32]:
        """Logits, shape (words, types, 3)."""
        batch = collate([packed], [list(types.values())], self._word_pieces)
        logits: NDArray[np.float32] = self._session.run(None, batch.feed())[0][0]
        return logits


def open_tagger(manifest: Manifest, options: EngineOptions) -> TaggerEngine:
    """Loads a verified tagger.

    Raises:
        ModelError: Another input layout than this version builds, or a file that is no model.
    """
    layout = manifest.table.get("layout_version")
    if layout != LAYOUT_VERSION:
        raise ModelError(
            f"{manifest.name}: input layout {layout}, this program builds layout "
            f"{LAYOUT_VERSION}; install a matching version of uner-edge or of the model"
        )
    weights, tokenizer = (manifest.path(file.name) for file in manifest.files)
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = session_options.inter_op_num_threads = 1
    session_options.log_severity_level = 3
    try:
        word_pieces = WordPieces(Tokenizer.from_file(str(tokenizer)))
        session = onnxruntime.InferenceSession(
            weights,
            session_options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=SLOWER,
        )
    except Exception as error:  # both libraries raise bare Exception subclasses of their own
        raise ModelError(f"{manifest.folder}: cannot be loaded: {error}") from error
    return TaggerEngine(session, word_pieces, manifest, options.threads or cores())
