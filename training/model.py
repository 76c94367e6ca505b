"""The tagger: an encoder that scores every word of a passage against every asked type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from training.mpnet import mpnet_states
from uner_edge.tagger_input import SHAPES


class Tagger(nn.Module):
    """A BERT or MPNet encoder over passage and types packed side by side, and two small heads.

    A word is its first sub-token's state (or the mean over all of them, as ``word`` says), a type
    the mean over its segment; two MLPs take them to ``score_dim`` for each of three roles (starts
    here, ends here, lies inside) and a scaled dot product scores the pair. The uncased vocabulary
    hides capitals and digits, so an embedding of each word's shape is added to its sub-tokens.
    """

    def __init__(
        self,
        config: BertConfig | MPNetConfig,
        word: Literal["first", "mean"] = "first",
        apart: bool = False,
        head_dim: int = 512,
        score_dim: int = 128,
    ) -> None:
        super().__init__()
        self.word, self.apart = word, apart
        kind = MPNetModel if isinstance(config, MPNetConfig) else BertModel
        self.encoder = kind(config, add_pooling_layer=False)
        self.shapes = nn.Embedding(len(SHAPES), config.hidden_size)
        self.score_dim = score_dim
        self.word_head = _head(config.hidden_size, head_dim, 3 * score_dim)
        self.type_head = _head(config.hidden_size, head_dim, 3 * score_dim)
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.bias = nn.Parameter(torch.full((3,), -3.0))
        nn.init.normal_(self.shapes.weight, std=config.initializer_range)

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        segments: Tensor,
        shapes: Tensor,
        word_starts: Tensor,
        type_numbers: Tensor,
    ) -> Tensor:
        """Logits, shape (batch, words, types, 3). Inputs as in ``tagger_input.TaggerBatch``."""
        embedded = self.encoder.embeddings.word_embeddings(input_ids) + self.shapes(shapes)
        mask = _attention_mask(segments, embedded.dtype, self.apart)
        if isinstance(self.encoder, MPNetModel):
            states = mpnet_states(self.encoder, embedded, positions, mask)
        else:
            states = self.encoder(
                inputs_embeds=embedded,
                position_ids=positions,
                token_type_ids=(segments > 0).long(),
                attention_mask=mask,
            ).last_hidden_state
        if self.word == "mean":
            word_states = _word_means(states, segments, word_starts)
        else:
            index = word_starts.unsqueeze(-1).expand(-1, -1, states.shape[-1])
            word_states = states.gather(1, index)
        words = self._roles(self.word_head(word_states))
        members = (segments.unsqueeze(1) == type_numbers.view(1, -1, 1)).to(states.dtype)
        means = members @ states / members.sum(-1, keepdim=True).clamp(min=1)
        types = self._roles(self.type_head(means))
        products = torch.einsum("bwrd,btrd->bwtr", words, types)
        logits: Tensor = products * (self.scale * self.score_dim**-0.5) + self.bias
        return logits

    def _roles(self, states: Tensor) -> Tensor:
        return states.view(*states.shape[:-1], 3, self.score_dim)


def _head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """An MLP that keeps its input's variance, so that first scores have a deviation near 1.

    With PyTorch's default the first scores are tiny and hardly anything is learned.
    """
    first, second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
    for layer in (first, second):
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.GELU(), second)


def _word_means(states: Tensor, segments: Tensor, word_starts: Tensor) -> Tensor:
    """Mean state of every word's sub-tokens: (batch, words, dim).

    A word reaches up to where the next one starts, the last one to the passage's final separator.
    Absent words of shorter passages, which have 0 for a start, get the mean of nothing, 0.
    """
    at = torch.arange(segments.shape[1], device=segments.device)
    size = (segments == 0).sum(1, keepdim=True)
    is_word = word_starts > 0
    starts = torch.where(is_word, word_starts, size - 1)
    ends = torch.cat([starts[:, 1:], size - 1], dim=1)
    inside = (at >= starts.unsqueeze(-1)) & (at < ends.unsqueeze(-1))
    members = inside.to(states.dtype)
    means: Tensor = members @ states / members.sum(-1, keepdim=True).clamp(min=1)
    return means


def _attention_mask(segments: Tensor, dtype: torch.dtype, apart: bool) -> Tensor:
    """Additive mask (batch, 1, from, to): all see the passage and themselves; it sees all.

    ``apart``: each sees only itself.
    """
    source, target = segments.unsqueeze(2), segments.unsqueeze(1)
    allowed = source == target
    if not apart:
        allowed = allowed | (source == 0) | (target == 0)
    allowed = allowed & (target >= 0)
    forbidden = torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, -1e4)
    return forbidden.unsqueeze(1)


def from_encoder(
    folder: Path,
    dropout: float,
    layers: int = 0,
    word: Literal["first", "mean"] = "first",
    apart: bool = False,
) -> Tagger:
    """A fresh tagger on the pretrained encoder in ``folder`` (config.json, model.safetensors).

    Args:
        layers, word, apart: As in ``training.recipe.EncoderRecipe``.
    """
    table = json.loads((folder / "config.json").read_text("utf-8"))
    kind = MPNetConfig if table.get("model_type") == "mpnet" else BertConfig
    config = kind.from_dict(table)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    if layers > config.num_hidden_layers:
        raise ValueError(f"{folder}: has {config.num_hidden_layers} layers, not {layers}")
    config.num_hidden_layers = layers or config.num_hidden_layers
    tagger = Tagger(config, word, apart)
    weights = {
        name: tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith("pooler.") and name != "embeddings.position_ids"
        if not is_cut(name, config.num_hidden_layers)
    }
    missing, unexpected = tagger.encoder.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise ValueError(f"{folder}: not this encoder: missing {missing}, unexpected {unexpected}")
    tagger.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    if isinstance(tagger.encoder, MPNetModel):
        # PyTorch's fused attention takes no mask that wants a gradient: a seventh of the time.
        tagger.encoder.encoder.relative_attention_bias.weight.requires_grad_(False)
    return tagger


def is_cut(name: str, layers: int) -> bool:
    """Whether a weight belongs to a layer behind the first ``layers``."""
    layer = name.removeprefix("encoder.layer.").partition(".")[0]
    return name.startswith("encoder.layer.") and int(layer) >= layers
