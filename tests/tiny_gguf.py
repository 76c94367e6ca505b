"""A complete language model of a few hundred kilobytes: random weights, a real vocabulary.

Built like the base that published generators start from (Gemma 3 in a GGUF file: the same tensors,
the same metadata, a SentencePiece vocabulary with bytes to fall back on), so that whatever reads
the base reads this.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import gguf
import numpy as np

WORDS = (
    "a virtual assistant answers questions from user based on the provided text USER ASSISTANT "
    "Text I've read this What describes in person city drug date gene food organization location "
    "Ann Lee took aspirin Oslo She felt better May and wrote to Berlin about it He said Take road "
    "not train left The cat sat mat with hat that other had before rat came man number in Imatinib"
).split()
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
JOINED = ('▁["', '"]', '",', '▁"', "▁[]", "▁[", "▁the", "▁in", "ing", "er", "an", "on", ". ")


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Pieces, scores (a merge that ranks higher comes first) and kinds, in SentencePiece's terms.

    Every merged piece has two halves that are pieces, too.
    """
    normal, control, byte = (
        int(kind) for kind in (gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.BYTE)
    )
    merged: dict[str, None] = {}
    for word in (*WORDS, *("▁" + word for word in WORDS), *JOINED):
        for end in range(2, len(word) + 1):
            merged.setdefault(word[:end])
    letters = [chr(code) for code in range(33, 127)] + [*"▁éüßńłΩ東京–"]
    rank = Counter({piece: -at for at, piece in enumerate(sorted(merged, key=len))})
    pieces = [*SPECIAL, *(f"<0x{value:02X}>" for value in range(256)), *merged, *letters]
    scores = [0.0] * (len(SPECIAL) + 256) + [float(rank[piece]) for piece in merged]
    scores += [-1e4 - at for at in range(len(letters))]
    kinds = [control] * len(SPECIAL) + [byte] * 256 + [normal] * (len(merged) + len(letters))
    return pieces, scores, kinds


def write_tiny_gguf(
    path: Path, *, seed: int = 0, layers: int = 2, hidden: int = 64, causal: bool = True
) -> Path:
    """Writes the model, with float32 weights that follow from ``seed``."""
    pieces, scores, kinds = vocabulary()
    heads, length, inner = 2, 256, 2 * hidden
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_name("tiny")
    writer.add_context_length(2048)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(length)
    writer.add_value_length(length)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(512)
    if not causal:
        writer.add_causal_attention(False)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    draw = np.random.default_rng(seed)

    def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        values = draw.normal(0, scale / np.sqrt(columns), (rows, columns))
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    def ones(name: str, size: int) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))

    matrix("token_embd", len(pieces), hidden, scale=3.0)
    ones("output_norm", hidden)
    for layer in range(layers):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            ones(f"{block}.{norm}", hidden)
        for norm in ("attn_q_norm", "attn_k_norm"):
            ones(f"{block}.{norm}", length)
        matrix(f"{block}.attn_q", heads * length, hidden)
        matrix(f"{block}.attn_k", length, hidden)
        matrix(f"{block}.attn_v", length, hidden)
        matrix(f"{block}.attn_output", hidden, heads * length)
        matrix(f"{block}.ffn_gate", inner, hidden)
        matrix(f"{block}.ffn_up", inner, hidden)
        matrix(f"{block}.ffn_down", hidden, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
