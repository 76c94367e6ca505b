"""The student: a causal language model, its tokenizer, and what tuning adds to it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GgufConfig

from training.recipe import RecipeError
from training.tune_recipe import BaseRecipe, LoraRecipe
from uner_edge.base_weights import installed_base, sha256_of
from uner_edge.errors import ModelError


@dataclass(frozen=True, slots=True)
class Base:
    """Where a language model lies."""

    folder: Path
    gguf: str | None
    """Name of the GGUF file in ``folder``; None for a folder in Hugging Face's format."""

    def arguments(self) -> dict[str, Any]:
        """What both ``from_pretrained`` functions want."""
        return {"pretrained_model_name_or_path": str(self.folder)} | (
            {"gguf_file": self.gguf} if self.gguf else {}
        )


def find_base(recipe: BaseRecipe, cache: Path) -> Base:
    """The base that a recipe names, verified; a package's parts are put together in ``cache``.

    Raises:
        RecipeError: There is none, or it is not the one the recipe was written for.
    """
    if recipe.source.startswith("package:"):
        try:
            path = installed_base(recipe.source.removeprefix("package:"), recipe.sha256, cache)
        except ModelError as error:
            raise RecipeError(str(error)) from error
    else:
        path = Path(recipe.source)
    if path.is_dir():
        base, weights = Base(path, None), path / "model.safetensors"
    else:
        base, weights = Base(path.parent, path.name), path
    if not weights.is_file():
        raise RecipeError(f"{recipe.source}: no model there ({weights.name} is missing)")
    if recipe.sha256:
        digest = sha256_of(weights)
        if digest != recipe.sha256:
            raise RecipeError(f"{weights}: sha256 is {digest}, the recipe says {recipe.sha256}")
    return base


def load_tokenizer(base: Base) -> Any:
    """The base's own tokenizer, which tuning leaves as it is."""
    tokenizer: Any = AutoTokenizer.from_pretrained(**base.arguments())
    return tokenizer


def load_base(base: Base, recipe: BaseRecipe, dtype: torch.dtype) -> Any:
    """The base's weights in ``dtype``, or in 4 bits.

    Raises:
        RecipeError: 4 bits are asked for without CUDA or bitsandbytes.
    """
    options: dict[str, Any] = {"dtype": dtype}
    if recipe.four_bit:
        if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
            raise RecipeError("four_bit needs a CUDA GPU and: pip install bitsandbytes")
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    elif base.gguf:
        options["quantization_config"] = GgufConfig(dequantize=True)
    return AutoModelForCausalLM.from_pretrained(**base.arguments(), **options)


def adapt(model: Any, recipe: LoraRecipe) -> Any:
    """Freezes the base and adds the adapter; with rank 0 everything is tuned.

    Raises:
        RecipeError: The adapter to start from was made for another base.
    """
    if recipe.rank == 0:
        return model
    if getattr(model, "is_loaded_in_4bit", False):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if recipe.start:
        try:
            return PeftModel.from_pretrained(model, recipe.start, is_trainable=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise RecipeError(f"{recipe.start}: does not fit this base: {error}") from error
    targets: Any = list(recipe.targets)
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules="all-linear" if targets == ["all-linear"] else targets,
            task_type="CAUSAL_LM",
        ),
    )


def compile_layers(model: nn.Module) -> None:
    """Compiles every layer of a transformer for sequences of any length."""
    layers = next(m for m in model.modules() if isinstance(m, nn.ModuleList))
    for layer in layers:
        layer.compile(dynamic=True)


class AnswerLoss(nn.Module):
    """A language model that returns the loss on its answers, and computes no other logits."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        mask: Tensor,
        predicting: Tensor,
        targets: Tensor,
    ) -> Tensor:
        """Sum of the cross entropies in nats.

        Args:
            input_ids: (B, L).
            positions: (B, L), going on behind the opening in every turn.
            mask: (B, 1, L, L), True where a query may attend to a key.
            predicting: (N,), indices into the flattened (B L) tokens whose successor is an
                answer's.
            targets: (N,), those successors.
        """
        inner = self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
        states = inner.base_model(
            input_ids=input_ids, position_ids=positions, attention_mask=mask, use_cache=False
        ).last_hidden_state
        logits = inner.get_output_embeddings()(states.flatten(0, 1)[predicting])
        return nn.functional.cross_entropy(logits.float(), targets, reduction="sum")
