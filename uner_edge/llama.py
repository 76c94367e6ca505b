"""The one door to llama.cpp: load a GGUF file, count tokens, evaluate many sequences at once.

Works on the low-level functions of llama-cpp-python, because its high-level class keeps a single
sequence; here a passage is evaluated once and every question continues a copy of its state.
"""

from __future__ import annotations

import ctypes
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from uner_edge.errors import ModelError

EVERY_LAYER = 10_000
"""More layers than any model has: all of them go to the GPU."""

BATCH = 2048
"""Tokens given to llama.cpp at a time."""

_log: deque[str] = deque(maxlen=50)


def _keep(level: int, text: bytes, user_data: Any) -> None:
    _log.append(text.decode("utf-8", "replace"))


_remember = llama_cpp.llama_log_callback(_keep)
"""Referenced here for good: llama.cpp calls it whenever it likes."""


def quiet_log() -> None:
    """Keeps what llama.cpp says off the terminal, from here on; see ``last_log``."""
    llama_cpp.llama_log_set(_remember, ctypes.c_void_p(0))


def clear_log() -> None:
    """Forgets what llama.cpp said so far, so that ``last_log`` is about what comes now."""
    _log.clear()


def last_log() -> str:
    """The last thing that llama.cpp complained about, in one line."""
    lines = [line.strip() for line in "".join(_log).splitlines()]
    bad = [line for line in lines if "error" in line.lower() or "fail" in line.lower()]
    return (bad or [line for line in lines if line] or ["no reason given"])[-1]


def supports_gpu() -> bool:
    """Whether the installed llama-cpp-python was built with a GPU backend."""
    return bool(llama_cpp.llama_supports_gpu_offload())


class LanguageModel:
    """A GGUF file's weights and vocabulary."""

    def __init__(self, path: Path, gpu_layers: int | None = None) -> None:
        """``gpu_layers``: layers that are put on a GPU; None is all of them if there is one.

        Raises:
            ModelError: No such file, not a GGUF file, or not a model that generates text.
        """
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        if gpu_layers and not supports_gpu():
            raise ModelError(
                f"--gpu-layers {gpu_layers}: this llama-cpp-python was built without GPU support; "
                "see uner doctor"
            )
        quiet_log()
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        wanted = EVERY_LAYER if gpu_layers is None else gpu_layers
        parameters.n_gpu_layers = wanted if supports_gpu() else 0
        # AMX kernels of llama.cpp crash when built by a recent GCC (llama.cpp#26954).
        parameters.use_extra_bufts = b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info()
        clear_log()
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            raise ModelError(f"{path}: llama.cpp cannot load it: {last_log()}")
        self.path = path
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocab_size: int = llama_cpp.llama_vocab_n_tokens(self.vocab)
        causal = self.text(f"{self.text('general.architecture')}.attention.causal") != "false"
        writes = causal and llama_cpp.llama_model_has_decoder(self.handle)
        if llama_cpp.llama_model_has_encoder(self.handle) or not writes or not self.vocab_size:
            self.close()
            raise ModelError(f"{path}: not a language model that generates text")
        self.eos: int = llama_cpp.llama_vocab_eos(self.vocab)
        begins = llama_cpp.llama_vocab_get_add_bos(self.vocab)
        self.bos: list[int] = [llama_cpp.llama_vocab_bos(self.vocab)] if begins else []
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(self.handle)

    def close(self) -> None:
        """Frees the weights."""
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None

    @property
    def size(self) -> int:
        """Bytes of the weights."""
        return int(llama_cpp.llama_model_size(self.handle))

    @property
    def cell_size(self) -> int:
        """Bytes that one token takes in a context, with 16-bit keys and values."""
        heads = llama_cpp.llama_model_n_head_kv(self.handle)
        length = self.number("attention.key_length")
        if not length:
            width = llama_cpp.llama_model_n_embd(self.handle)
            length = width // llama_cpp.llama_model_n_head(self.handle)
        return int(llama_cpp.llama_model_n_layer(self.handle) * heads * length * 2 * 2)

    def text(self, key: str) -> str:
        """A metadata value; empty if there is none."""
        buffer = ctypes.create_string_buffer(512)
        size = llama_cpp.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    def number(self, key: str) -> int:
        """A metadata value of the model's own architecture; 0 if there is none."""
        value = self.text(f"{self.text('general.architecture')}.{key}")
        return int(value) if value.isdigit() else 0

    def tokenise(self, text: str) -> list[int]:
        """Token ids; special tokens written in ``text`` are plain text."""
        data = text.encode("utf-8", "surrogatepass")
        room = len(data) + 8
        ids = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), ids, room, False, False)
        if count < 0:
            raise ModelError(f"{self.path}: its tokenizer failed on {len(data)} bytes")
        return list(ids[:count])

    def token_bytes(self, token: int) -> bytes:
        """What a token adds to a text."""
        buffer = ctypes.create_string_buffer(64)
        size = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, 64, 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, -size, 0, False)
        return buffer.raw[:size]

    def guide(self) -> Any:
        """The vocabulary as llguidance wants it; seconds of work, so done once."""
        from llguidance.llamacpp import lltokenizer_from_vocab

        with warnings.catch_warnings():  # it calls a function that llama-cpp-python renamed
            warnings.simplefilter("ignore", DeprecationWarning)
            return lltokenizer_from_vocab(self.vocab, slices=[])

    def open(self, cells: int, sequences: int, threads: int) -> Context:
        """A context for up to ``sequences`` sequences with ``cells`` tokens in all.

        Raises:
            ModelError: Not enough memory for it; says how much it needs.
        """
        needed = self.cell_size * cells
        free = _free_memory()
        reason = f"only {free / 1e9:.2f} GB are free" if free is not None else ""
        if free is None or needed < free:
            parameters = llama_cpp.llama_context_default_params()
            parameters.n_ctx = cells
            parameters.n_batch = min(BATCH, cells)
            parameters.n_seq_max = sequences
            parameters.n_threads = parameters.n_threads_batch = threads
            parameters.kv_unified = True
            parameters.swa_full = True
            parameters.no_perf = True
            clear_log()
            context = llama_cpp.llama_init_from_model(self.handle, parameters)
            if context:
                return Context(self, context, min(BATCH, cells))
            reason = last_log()
        raise ModelError(
            f"{self.path}: no memory for a context of {cells} tokens, which needs "
            f"{needed / 1e9:.2f} GB beside the model's {self.size / 1e9:.2f} GB: {reason}"
        )


@dataclass(frozen=True, slots=True)
class Step:
    """Tokens that a sequence goes on with."""

    sequence: int
    start: int
    """Position of the first of them."""
    tokens: Sequence[int]
    answer: bool
    """Whether the logits behind the last of them are wanted."""


class Context:
    """The evaluated state of many sequences of one model."""

    def __init__(self, model: LanguageModel, context: Any, batch: int) -> None:
        self._model = model
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)
        self._size = batch
        self._batch = llama_cpp.llama_batch_init(batch, 0, 1)

    def evaluate(self, steps: Sequence[Step]) -> NDArray[np.float32]:
        """Adds all tokens to their sequences.

        Returns:
            (S, V): the logits behind each of the S steps that want an answer, in their order.
        """
        rows = [
            (token, step.start + at, step.sequence, step.answer and at == len(step.tokens) - 1)
            for step in steps
            for at, token in enumerate(step.tokens)
        ]
        found: list[NDArray[np.float32]] = []
        for first in range(0, len(rows), self._size):
            found += self._decode(rows[first : first + self._size])
        return np.stack(found) if found else np.zeros((0, self._model.vocab_size), np.float32)

    def _decode(self, rows: list[tuple[int, int, int, bool]]) -> list[NDArray[np.float32]]:
        batch = self._batch
        batch.n_tokens = len(rows)
        for at, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[at] = token
            batch.pos[at] = position
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = sequence
            batch.logits[at] = wanted
        clear_log()
        failed = llama_cpp.llama_decode(self._context, batch)
        if failed:
            raise ModelError(f"{self._model.path}: llama.cpp failed ({failed}): {last_log()}")
        shape = (self._model.vocab_size,)
        return [
            np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, at), shape).copy()
            for at, row in enumerate(rows)
            if row[3]
        ]

    def adapt(self, adapter: Path) -> None:
        """Adds a LoRA adapter in GGUF to everything evaluated from here on.

        Raises:
            ModelError: It is no adapter, or not one for this model.
        """
        clear_log()
        loaded = llama_cpp.llama_adapter_lora_init(self._model.handle, str(adapter).encode())
        if not loaded:
            raise ModelError(f"{adapter}: llama.cpp cannot load it: {last_log()}")
        scales = (ctypes.c_float * 1)(1.0)
        adapters = (type(loaded) * 1)(loaded)
        llama_cpp.llama_set_adapters_lora(self._context, adapters, 1, scales)

    def copy(self, source: int, target: int) -> None:
        """Makes ``target`` a sequence with all that ``source`` has; nothing is evaluated."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget(self, sequence: int) -> None:
        """Empties a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def close(self) -> None:
        """Frees everything."""
        if self._context:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            self._context = None


def _free_memory() -> int | None:
    """Bytes that could still be used, where the system says so (Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None
