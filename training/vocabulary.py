"""Which tokens a student keeps: those its texts use, and everything they are merged from.

A vocabulary of 262,144 tokens is two thirds of a small model and a quarter of the work of every
step, most of it for languages and scripts the student is not tuned for. What is left out still
encodes, as shorter tokens or bytes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

BLOCK = 1000
"""Texts tokenised at a time."""


def kept_tokens(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> list[int]:
    """Sorted ids of the tokens to keep.

    Kept are the tokens of ``texts``, special tokens, bytes, all single characters, and, for each
    of these, both halves of every split into two tokens. So each merge that builds a kept token
    is still possible, and a text whose tokens are all kept is tokenised as before.
    """
    used: set[int] = set()
    texts = iter(texts)
    while block := list(itertools.islice(texts, BLOCK)):
        for encoding in tokenizer.backend_tokenizer.encode_batch(block, add_special_tokens=False):
            used.update(encoding.ids)
    ids = tokenizer.get_vocab()
    pieces = {id: piece for piece, id in ids.items()}
    waiting = list(used | set(tokenizer.all_special_ids))
    waiting += [id for piece, id in ids.items() if len(piece) == 1 or is_byte(piece)]
    kept: set[int] = set()
    while waiting:
        id = waiting.pop()
        if id in kept:
            continue
        kept.add(id)
        piece = pieces[id]
        for cut in range(1, len(piece)):
            left, right = ids.get(piece[:cut]), ids.get(piece[cut:])
            if left is not None and right is not None:
                waiting += (left, right)
    return sorted(kept)


def is_byte(piece: str) -> bool:
    """Whether a token stands for one byte, as in ``<0x0A>``."""
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def prune_tokenizer(tokenizer: PreTrainedTokenizerFast, kept: list[int]) -> PreTrainedTokenizerFast:
    """The tokenizer with only the tokens of ``kept``, numbered in that order."""
    table: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    new = {old: number for number, old in enumerate(kept)}
    model = table["model"]
    model["vocab"] = {p: new[old] for p, old in model["vocab"].items() if old in new}
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    model["merges"] = [
        [left, right]
        for left, right in pairs
        if left in model["vocab"] and right in model["vocab"] and left + right in model["vocab"]
    ]
    table["added_tokens"] = [
        token | {"id": new[token["id"]]} for token in table["added_tokens"] if token["id"] in new
    ]
    processor = table.get("post_processor") or {}
    for special in processor.get("special_tokens", {}).values():
        special["ids"] = [new[old] for old in special["ids"]]
    names = tokenizer.special_tokens_map
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(table)),
        **{key: str(token) for key, token in names.items() if isinstance(token, str)},
    )


@torch.no_grad()
def keep_only(model: PreTrainedModel, kept: list[int]) -> None:
    """Cuts the embeddings, tied or not, down to the rows of ``kept``, in that order."""
    rows = torch.tensor(kept)
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    tied = outputs.weight is inputs.weight
    for layer in (inputs,) if tied else (inputs, outputs):
        layer.weight.data[: len(kept)] = layer.weight.data[rows]
    model.resize_token_embeddings(len(kept))
    if tied:
        model.tie_weights()
