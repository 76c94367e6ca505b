"""The pruned vocabulary: any text still encodes, kept text as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_gguf import WORDS
from training.student import Base, load_base, load_tokenizer
from training.tune_recipe import TuneRecipe
from training.vocabulary import keep_only, kept_tokens, prune_tokenizer

TEXTS = ["Ann Lee took aspirin in Oslo.", ' ["Oslo"]', "What describes drug in the text?"]
ANY = st.text().filter(lambda text: "\u2581" not in text)
"""U+2581 stands for a blank in this kind of vocabulary and comes back as one, pruned or not."""


@pytest.fixture(scope="module")
def whole(tiny_gguf: Path) -> Any:
    return load_tokenizer(Base(tiny_gguf.parent, tiny_gguf.name))


@pytest.fixture(scope="module")
def kept(whole: Any) -> list[int]:
    return kept_tokens(whole, TEXTS)


@pytest.fixture(scope="module")
def pruned(whole: Any, kept: list[int]) -> Any:
    return prune_tokenizer(whole, kept)


def encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    return ids


def test_something_is_left_out_and_special_tokens_stay(
    whole: Any, kept: list[int], pruned: Any
) -> None:
    assert len(pruned) == len(kept) < len(whole)
    assert kept == sorted(set(kept))
    for name in ("bos", "eos", "pad", "unk"):
        token = getattr(whole, f"{name}_token")
        assert getattr(pruned, f"{name}_token") == token
        assert kept[getattr(pruned, f"{name}_token_id")] == getattr(whole, f"{name}_token_id")


@given(ANY)
def test_any_text_comes_back(pruned: Any, text: str) -> None:
    assert pruned.decode(encode(pruned, text)) == text


def test_texts_it_was_made_for_keep_their_tokens(whole: Any, kept: list[int], pruned: Any) -> None:
    for text in TEXTS:
        assert [kept[new] for new in encode(pruned, text)] == encode(whole, text)


@given(st.lists(st.sampled_from([*WORDS, '["', '"]', "東京", "q"])).map(" ".join))
def test_text_of_kept_tokens_is_tokenised_as_before(
    whole: Any, kept: list[int], pruned: Any, text: str
) -> None:
    before = encode(whole, text)
    if set(before) <= set(kept):
        assert [kept[new] for new in encode(pruned, text)] == before


def test_the_pruned_tokenizer_survives_being_saved(pruned: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    pruned.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS, "naïve 東京 🚀\n\t x  y <eos>"):
        assert encode(again, text) == encode(pruned, text)
    assert again.eos_token_id == pruned.eos_token_id


@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_logits_of_kept_tokens_stay(
    tied: bool, tiny_gguf: Path, tune_recipe: TuneRecipe, kept: list[int], pruned: Any, whole: Any
) -> None:
    model = load_base(Base(tiny_gguf.parent, tiny_gguf.name), tune_recipe.base, torch.float32)
    if not tied:
        head = torch.nn.Parameter(model.get_input_embeddings().weight.detach() * 2)
        model.get_output_embeddings().weight = head
        model.config.tie_word_embeddings = False
    before = model(torch.tensor([encode(whole, TEXTS[0])])).logits[..., kept]
    keep_only(model, kept)
    after = model(torch.tensor([encode(pruned, TEXTS[0])])).logits
    torch.testing.assert_close(after, before)
    one = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert one == tied


@pytest.mark.slow
def test_the_real_base_keeps_what_it_should(tmp_path: Path) -> None:
    from training.student import find_base
    from training.tune import CACHE
    from training.tune_recipe import load_tune_recipe

    recipe = load_tune_recipe(Path("training/recipes/gemma-270m-laptop.toml"))
    whole = load_tokenizer(find_base(recipe.base, CACHE))
    texts = ["Imatinib was given to Ann Lee in São Paulo.", ' ["BCR-ABL1", "chronic"]']
    kept = kept_tokens(whole, texts)
    pruned = prune_tokenizer(whole, kept)
    assert len(kept) < 25_000 < len(whole)
    for text in texts:
        assert [kept[new] for new in encode(pruned, text)] == encode(whole, text)
    for text in ("naïve 東京 🚀\n\t x  y <eos> \x00", "ሰላም ﷽ Ωμέγα", "<b>bold</b>"):
        assert pruned.decode(encode(pruned, text)) == text
