"""What may change a score and what may not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.encoder import load_word_pieces
from training.model import Tagger, _attention_mask, _word_means, from_encoder
from uner_edge.tagger_input import TaggerBatch, WordPieces, collate, pack

TEXT = "Dr. Anna Kovacs of Northwind flew to São Paulo on 3 May."
TYPES = ["person", "company", "date and time", "city", "drug"]


@pytest.fixture
def tagger(tiny_tagger: Tagger) -> Tagger:
    return tiny_tagger.eval()


def batch_of(
    texts: Sequence[str], types: Sequence[Sequence[str]], word_pieces: WordPieces
) -> TaggerBatch:
    return collate(
        [pack(text, word_pieces) for text in texts],
        [[word_pieces.of_type(kind) for kind in kinds] for kinds in types],
        word_pieces,
    )


@torch.no_grad()
def logits_of(
    tagger: Tagger, word_pieces: WordPieces, texts: Sequence[str], types: Sequence[Sequence[str]]
) -> Tensor:
    feed = batch_of(texts, types, word_pieces).feed()
    logits: Tensor = tagger(**{name: torch.from_numpy(array) for name, array in feed.items()})
    return logits


def largest_difference(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def test_one_logit_per_word_type_and_role(tagger: Tagger, word_pieces: WordPieces) -> None:
    logits = logits_of(tagger, word_pieces, [TEXT, "Lima"], [TYPES, ["city"]])
    words = len(pack(TEXT, word_pieces).spans)
    assert logits.shape == (2, words, len(TYPES), 3)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [1, 0, 3, 4, 2], [2, 0, 1, 4, 3]])
def test_permuting_types_permutes_logits(
    tagger: Tagger, word_pieces: WordPieces, order: list[int]
) -> None:
    straight = logits_of(tagger, word_pieces, [TEXT], [TYPES])
    permuted = logits_of(tagger, word_pieces, [TEXT], [[TYPES[k] for k in order]])
    assert largest_difference(straight[:, :, order], permuted) < 1e-5
    assert largest_difference(straight, permuted) > 1e-2  # types do differ from one another


@pytest.mark.parametrize(
    ("neighbour", "types"),
    [
        ("Oslo", ["city"]),  # the neighbour is padded
        (f"{TEXT} {TEXT} And so on, at length.", TYPES),  # TEXT is padded, with words
        ("No.", [*TYPES, "river", "animal", "kitchen tool"]),  # with types
    ],
)
def test_neighbours_and_padding_change_nothing(
    tagger: Tagger, word_pieces: WordPieces, neighbour: str, types: list[str]
) -> None:
    alone = logits_of(tagger, word_pieces, [TEXT], [TYPES])
    together = logits_of(tagger, word_pieces, [neighbour, TEXT], [types, TYPES])
    part = together[1:, : alone.shape[1], : alone.shape[2]]
    assert largest_difference(alone, part) < 1e-5


def test_what_stands_in_padding_changes_nothing(tagger: Tagger, word_pieces: WordPieces) -> None:
    feed = {
        name: torch.from_numpy(array)
        for name, array in batch_of([TEXT, "Oslo"], [TYPES, TYPES], word_pieces).feed().items()
    }
    padding = feed["segments"] == -1
    with torch.no_grad():
        clean = tagger(**feed)
        for name, junk in (("input_ids", 2003), ("positions", 5), ("shapes", 3)):
            feed[name] = feed[name].masked_fill(padding, junk)
        littered = tagger(**feed)
    assert largest_difference(clean[0], littered[0]) < 1e-5
    assert largest_difference(clean[1, :1], littered[1, :1]) < 1e-5


def test_a_type_asked_twice_scores_twice_the_same(tagger: Tagger, word_pieces: WordPieces) -> None:
    logits = logits_of(tagger, word_pieces, [TEXT], [["city", "drug", "river", "city"]])
    assert largest_difference(logits[:, :, 0], logits[:, :, 3]) < 1e-5


def test_types_do_not_see_one_another() -> None:
    """By hand: two sub-tokens of passage, two of one type, one of another, one of padding."""
    mask = _attention_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]), torch.float32, apart=False)
    assert (mask[0, 0] == 0).int().tolist() == [
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 0],
    ]
    assert set(mask.flatten().tolist()) == {0.0, -1e4}


def test_apart_each_sees_only_itself() -> None:
    mask = _attention_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]), torch.float32, apart=True)
    assert (mask[0, 0] == 0).int().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_a_word_is_the_mean_of_its_sub_tokens_if_that_is_asked() -> None:
    """Two passages of [CLS] words [SEP], a type behind each; the second has one word less."""
    states = torch.arange(16.0).view(2, 8, 1)
    segments = torch.tensor([[0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, -1, -1]])
    starts = torch.tensor([[1, 2], [1, 0]])
    means = _word_means(states, segments, starts)
    assert means.squeeze(-1).tolist() == [[1.0, 3.0], [9.5, 0.0]]


def test_a_type_depends_on_all_its_words(tagger: Tagger, word_pieces: WordPieces) -> None:
    one = logits_of(tagger, word_pieces, [TEXT], [["kitchen tool"]])
    other = logits_of(tagger, word_pieces, [TEXT], [["kitchen animal"]])
    assert largest_difference(one, other) > 1e-3


@pytest.mark.parametrize("other", ["APPLE", "Apple", "aPPle"])
def test_the_shape_of_a_word_changes_its_logits(
    tagger: Tagger, word_pieces: WordPieces, other: str
) -> None:
    """Though the uncased vocabulary has one and the same sub-token for all of them."""
    assert word_pieces("apple")[0] == word_pieces(other)[0]
    lower = logits_of(tagger, word_pieces, ["eat the apple now"], [["fruit"]])
    shaped = logits_of(tagger, word_pieces, [f"eat the {other} now"], [["fruit"]])
    assert largest_difference(lower[:, 2], shaped[:, 2]) > 1e-3


def test_word_embeddings_and_nothing_else_are_frozen(tagger: Tagger) -> None:
    frozen = [name for name, p in tagger.named_parameters() if not p.requires_grad]
    assert frozen == ["encoder.embeddings.word_embeddings.weight"]


def test_the_encoder_starts_from_the_stored_weights(tagger: Tagger, tiny_encoder: Path) -> None:
    stored = load_file(tiny_encoder / "model.safetensors")
    loaded = tagger.encoder.state_dict()
    assert stored.keys() == loaded.keys()
    assert all(torch.equal(stored[name], loaded[name]) for name in stored)


def test_dropout_is_the_recipes_not_the_packages(tiny_encoder: Path) -> None:
    config = json.loads((tiny_encoder / "config.json").read_text("utf-8"))
    assert config["hidden_dropout_prob"] > 0
    rates = {
        share: {
            module.p
            for module in from_encoder(tiny_encoder, share).modules()
            if isinstance(module, torch.nn.Dropout)
        }
        for share in (0.0, 0.2)
    }
    assert rates == {0.0: {0.0}, 0.2: {0.2}}


def changed_copy(folder: Path, target: Path, weights: dict[str, Tensor]) -> Path:
    target.mkdir()
    shutil.copy(folder / "config.json", target)
    save_file(weights, target / "model.safetensors")
    return target


def test_parts_a_tagger_has_no_use_for_are_skipped(tiny_encoder: Path, tmp_path: Path) -> None:
    weights = load_file(tiny_encoder / "model.safetensors")
    extra = {"pooler.dense.bias": torch.zeros(32), "embeddings.position_ids": torch.arange(512)}
    from_encoder(changed_copy(tiny_encoder, tmp_path / "extra", weights | extra), 0.0)


def test_other_weights_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    weights = load_file(tiny_encoder / "model.safetensors")
    moved = weights.pop("embeddings.LayerNorm.bias")
    broken = changed_copy(tiny_encoder, tmp_path / "broken", weights | {"elsewhere": moved})
    with pytest.raises(ValueError, match=r"broken.*embeddings\.LayerNorm\.bias.*elsewhere"):
        from_encoder(broken, 0.0)


@pytest.mark.parametrize("seed", [1, 13])
def test_first_scores_leave_room_to_learn(installed_encoder: Path, seed: int) -> None:
    """On the encoder students start from: rare by default, neither flat nor saturated."""
    torch.manual_seed(seed)
    tagger = from_encoder(installed_encoder, dropout=0.0).eval()
    logits = logits_of(tagger, load_word_pieces(installed_encoder), [TEXT], [TYPES])
    assert abs(float(logits.mean()) + 3) < 1
    for role in range(3):
        assert 0.3 < float(logits[..., role].std()) < 3
