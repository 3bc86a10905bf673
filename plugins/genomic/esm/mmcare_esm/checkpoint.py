"""The language model: its architecture, which needs no weights at hand, and its weights from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import EsmConfig, EsmModel, EsmTokenizer
from transformers.utils import logging

from mmcare.errors import Finding, SpecError, cut
from mmcare_esm.plugin import FILES, ESMConfig, Size
from mmcare_esm.vocabulary import ESM2, Vocabulary

__all__ = ["Architecture", "architecture_of", "load_checkpoint"]

# Layers, width and attention heads of the published networks: Lin et al. 2023, 10.1126/science.ade2574, and their
# config.json on the Hugging Face Hub.
_SIZES: Mapping[Size, tuple[int, int, int]] = {
    "esm2_t6_8M": (6, 320, 20),
    "esm2_t12_35M": (12, 480, 20),
    "esm2_t30_150M": (30, 640, 20),
    "esm2_t33_650M": (33, 1280, 20),
    "esm2_t36_3B": (36, 2560, 40),
    "esm2_t48_15B": (48, 5120, 40),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network without its weights, and the tokens that it reads."""

    config: EsmConfig
    vocabulary: Vocabulary

    def build(self) -> EsmModel:
        """The network with random weights."""
        return EsmModel(self.config, add_pooling_layer=False)


def architecture_of(config: ESMConfig) -> Architecture:
    """The architecture that a config names: one of the published ESM-2, or what a checkpoint's config.json says.

    Raises:
        SpecError: It is none of ESM-2's and its files are not at hand.
    """
    name = (config.checkpoint or config.size).rstrip("/").split("/")[-1].removesuffix("_UR50D")
    is_folder = config.checkpoint is not None and Path(config.checkpoint).is_dir()
    if name in _SIZES and not is_folder:
        return Architecture(_esm2(cast(Size, name)), ESM2)
    assert config.checkpoint is not None, "every size is known"
    try:
        found = EsmConfig.from_pretrained(config.checkpoint)
        tokenizer = EsmTokenizer.from_pretrained(config.checkpoint)
    except (OSError, ValueError, TypeError) as error:
        raise _not_at_hand(config.checkpoint, error) from error
    if found.model_type != "esm":
        what = f"`{cut(config.checkpoint)}` is a model of type `{found.model_type}`; only the type `esm` is read."
        raise SpecError(Finding(key="checkpoint", what=what, todo="Name a checkpoint of an EsmModel.", code="not-esm"))
    return Architecture(found, Vocabulary.of(tokenizer))


def _esm2(size: Size) -> EsmConfig:
    layers, width, heads = _SIZES[size]
    return EsmConfig(
        vocab_size=ESM2.size,
        pad_token_id=ESM2.padding,
        mask_token_id=ESM2.size - 1,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=1026,
        position_embedding_type="rotary",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-5,
        token_dropout=True,
    )


def load_checkpoint(checkpoint: str, into: Mapping[str, nn.Parameter]) -> None:
    """Copy a checkpoint's weights into a network's parameters, by name.

    Raises:
        SpecError: The checkpoint is not at hand, or does not hold every parameter.
    """
    try:
        with _quietly(), torch.random.fork_rng(devices=[]):
            loaded: Any = EsmModel.from_pretrained(
                checkpoint,
                add_pooling_layer=False,
                use_safetensors=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # named below
                output_loading_info=True,
            )
    except (OSError, ValueError) as error:
        raise _not_at_hand(checkpoint, error) from error
    model, info = loaded  # as `output_loading_info` asks
    found: Mapping[str, Tensor] = dict(model.named_parameters())
    lacking = {*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])}
    wrong = sorted(n for n in into if n in lacking or n not in found or found[n].shape != into[n].shape)
    if wrong:
        what = f"`{cut(checkpoint)}` does not hold {len(wrong)} of the network's {len(into)} tensors, or holds them in "
        what += f"another shape ({', '.join(wrong[:3])})."
        raise SpecError(Finding(key="checkpoint", what=what, todo="Name a whole checkpoint.", code="weights"))
    with torch.no_grad():
        for name, parameter in into.items():
            parameter.copy_(found[name])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' own report: what it would say is said in our words."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()


def _not_at_hand(checkpoint: str, error: Exception) -> SpecError:
    if Path(checkpoint).is_dir():
        reason = cut(str(error), 200).rstrip(".")
        what = f"the checkpoint in the folder cannot be read: {reason}. It is {', '.join(FILES)}."
        return SpecError(
            Finding(file=checkpoint, key="checkpoint", what=what, todo="Copy it again.", code="checkpoint")
        )
    folder = checkpoint.rstrip("/").split("/")[-1]
    what = f"`{cut(checkpoint)}` is neither a folder nor kept on this machine, and cannot be fetched from here."
    todo = f"Where there is a network, run `hf download {checkpoint} {' '.join(FILES)} --local-dir {folder}`, bring "
    todo += f"the folder here, and name it: `checkpoint: {folder}`."
    return SpecError(Finding(key="checkpoint", what=what, todo=todo, code="checkpoint"))
