"""A language model that is asked for each distinct sequence once, and remembers while it is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from mmcare_esm.checkpoint import architecture_of, load_checkpoint
from mmcare_esm.plugin import ESMConfig
from mmcare_esm.vocabulary import TokenIds
from mmcare_esm.windows import Sight, sight_of, stretches

__all__ = ["LanguageModel"]

_TOKENS_AT_ONCE = 4096


class LanguageModel(nn.Module):
    """Vectors of sequences and of changes of sequences.

    While nothing of it is trained it stays in evaluation mode and in its own precision, and each answer is kept, on
    the CPU. The weights of a checkpoint are read when they are first needed, and not at all where a state dict brings
    them: a trained run needs no checkpoint.
    """

    def __init__(self, config: ESMConfig) -> None:
        super().__init__()
        architecture = architecture_of(config)
        self.config = config
        self.vocabulary = architecture.vocabulary
        self.network: nn.Module = architecture.build()
        self.width: int = architecture.config.hidden_size
        self.is_frozen = config.adapt == "none"
        self._own = {n: p for n, p in self.network.named_parameters() if not n.startswith("contact_head.")}
        self._awaited = config.checkpoint
        self._kept: dict[object, Tensor] = {}
        self.network.requires_grad_(config.adapt == "all")
        self.network.contact_head.requires_grad_(False)  # type: ignore[union-attr]  # of no use here
        if config.adapt == "lora":
            self._add_lora()
        self.register_load_state_dict_post_hook(_loaded)

    def _add_lora(self) -> None:
        rank = self.config.lora_rank
        lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
        inject_adapter_in_model(lora, self.network)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_("lora_" in name)

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode; frozen, the network stays in evaluation mode."""
        super().train(mode)
        if self.is_frozen:
            self.network.eval()
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._kept.clear()  # of another device or precision
        return super()._apply(fn, recurse)

    def of_sequences(self, sequences: Sequence[str]) -> Tensor:
        """(U, W): the mean over the tokens of each sequence; a long one is seen in stretches."""
        tokens = {s: self.vocabulary.encode(s) for s in dict.fromkeys(sequences) if s not in self._kept}
        parts = {s: [t[a:b] for a, b in stretches(len(t), self.config.window)] for s, t in tokens.items()}
        states = self._states(part for found in parts.values() for part in found)
        means = {s: torch.cat([states[part] for part in found]).mean(0) for s, found in parts.items()}
        return self._answer(sequences, means)

    def of_changes(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """(U, W): mutated minus reference, each the mean around the site, of (reference, mutated) pairs."""
        sights = [sight_of(*pair, self.config.window, self.config.around) for pair in pairs]
        asked = [sight for sight in dict.fromkeys(sights) if sight not in self._kept]
        references = self._references({sight.reference for sight in asked})
        mutated = {sight: self.vocabulary.encode(sight.mutated) for sight in asked}
        states = self._states(mutated.values())
        changes = {s: _mean(states[mutated[s]], s.in_mutated) - self._before(s, references) for s in asked}
        return self._answer(sights, changes)

    def _before(self, sight: Sight, references: Mapping[str, Tensor]) -> Tensor:
        device = next(self.network.parameters()).device
        return _mean(references[sight.reference].to(device), sight.in_reference)

    def _references(self, stretch: Iterable[str]) -> Mapping[str, Tensor]:
        """(L, W) of each stretch of a reference; they are few, and kept whole, for many changes lie on each."""
        stretch = sorted(stretch)
        known = {s: self._kept[s, "reference"] for s in stretch if (s, "reference") in self._kept}
        tokens = {s: self.vocabulary.encode(s) for s in stretch if s not in known}
        states = self._states(tokens.values())
        new = {s: states[ids] for s, ids in tokens.items()}
        if self.is_frozen:
            self._kept.update({(s, "reference"): values.cpu() for s, values in new.items()})
        return {**known, **new}

    def _answer(self, asked: Sequence[object], new: Mapping[Any, Tensor]) -> Tensor:
        device = next(self.network.parameters()).device
        if self.is_frozen:
            self._kept.update({key: values.cpu() for key, values in new.items()})
            return torch.stack([self._kept[key] for key in asked]).to(device)
        return torch.stack([new[key] for key in asked])

    def _states(self, tokens: Iterable[TokenIds]) -> Mapping[TokenIds, Tensor]:
        """(L, W) of each distinct sequence of tokens, without its ends."""
        if self._awaited is not None:
            load_checkpoint(self._awaited, self._own)
            self._awaited = None
        distinct = sorted(set(tokens), key=lambda ids: (len(ids), ids))
        states: dict[TokenIds, Tensor] = {}
        with self._quietly():
            for group in _groups(distinct):
                states.update(zip(group, self._run(group), strict=True))
        return states

    def _quietly(self) -> AbstractContextManager[object]:
        return torch.no_grad() if self.is_frozen else nullcontext()

    def _run(self, group: Sequence[TokenIds]) -> list[Tensor]:
        ends = () if self.vocabulary.last is None else (self.vocabulary.last,)
        whole = [(self.vocabulary.first, *ids, *ends) for ids in group]
        longest = max(map(len, whole))
        padded = [[*ids, *[self.vocabulary.padding] * (longest - len(ids))] for ids in whole]
        device = next(self.network.parameters()).device
        ids = torch.tensor(padded, device=device)
        mask = torch.tensor([[n < len(ids) for n in range(longest)] for ids in whole], device=device)
        # frozen answers are kept for training and prediction alike, so training's precision must not touch them
        with torch.autocast(device.type, enabled=False) if self.is_frozen else nullcontext():
            states = self.network(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return [state[1 : 1 + len(ids)] for state, ids in zip(states, group, strict=True)]


def _loaded(module: nn.Module, _: object) -> None:
    """A state dict brought the weights: none are awaited, and what was kept is of others."""
    assert isinstance(module, LanguageModel), "registered there alone"
    module._awaited = None
    module._kept.clear()


def _groups(tokens: Sequence[TokenIds]) -> Iterable[Sequence[TokenIds]]:
    """Runs of sequences, shortest first, of at most so many tokens once they are filled up."""
    group: list[TokenIds] = []
    for ids in tokens:
        if group and (len(group) + 1) * (len(ids) + 2) > _TOKENS_AT_ONCE:
            yield group
            group = []
        group.append(ids)
    if group:
        yield group


def _mean(states: Tensor, span: tuple[int, int]) -> Tensor:
    return states[span[0] : span[1]].mean(0)
