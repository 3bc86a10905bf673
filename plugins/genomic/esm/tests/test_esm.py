"""The encoder: Eq. 8 written out, what is asked of the language model and when, weights, adapting, messages."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import EsmModel, EsmTokenizer

from mmcare.components import SequenceBatch, SequenceLayout
from mmcare.errors import Severity, SpecError
from mmcare.registry import Neighbours
from mmcare.testing.assertions import assert_every_parameter_learns
from mmcare_esm.checkpoint import architecture_of
from mmcare_esm.esm import ESM
from mmcare_esm.plugin import ESMConfig
from mmcare_esm.vocabulary import ESM2

Make = Callable[..., ESM]


@pytest.fixture
def make(checkpoint: Path, layout: SequenceLayout) -> Make:
    def make(**keys: Any) -> ESM:
        torch.manual_seed(0)
        return ESM(ESMConfig(**{"checkpoint": str(checkpoint), "dim": 6, "window": 32, "around": 4, **keys}), layout)

    return make


def hidden(model: EsmModel, tokenizer: EsmTokenizer, text: str) -> Tensor:
    """(L, W) of one sequence by itself, by transformers alone."""
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"][0].tolist()
    ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([[tokenizer.cls_token_id, *ids, *ends]])).last_hidden_state[0]
    return states[1 : 1 + len(ids)]


def projected(encoder: ESM, raw: Tensor) -> Tensor:
    mean = sum(raw.tolist()) / len(raw)
    variance = sum((x - mean) ** 2 for x in raw.tolist()) / len(raw)
    scaled = [(x - mean) / (variance + 1e-5) ** 0.5 for x in raw.tolist()]
    size = torch.tensor(sum(x * x for x in raw.tolist()) ** 0.5).log1p().item()
    weight, bias = encoder.project.weight, encoder.project.bias
    inputs = [*scaled, size]
    return torch.stack([bias[d] + sum(weight[d, k] * x for k, x in enumerate(inputs)) for d in range(len(bias))])


def test_eq_8_written_out(make: Make, checkpoint: Path, layout: SequenceLayout, batch: SequenceBatch) -> None:
    encoder = make().double().eval()
    model = EsmModel.from_pretrained(checkpoint, add_pooling_layer=False, dtype=torch.float64).eval()
    tokenizer = EsmTokenizer.from_pretrained(checkpoint)
    tokens = encoder(batch)
    assert tokens.mask.tolist() == [[True] * 3, [True] * 3, [False, True, False], [True, True, False]]
    for row, patient in enumerate(batch.index.tolist()):
        for slot, codes in enumerate(patient):
            if codes == [-1, -1]:
                continue
            said = []
            for code in codes:
                if code == -3:
                    said.append(encoder.changed[slot] + encoder.unknown)
                if code >= 0:
                    wild, mutated = layout.references[slot], batch.sequences[code]
                    site = 0
                    while site < min(len(wild), len(mutated)) and wild[site] == mutated[site]:
                        site += 1
                    start = 0 if max(len(wild), len(mutated)) <= 32 else max(0, (site - 8) // 16 * 16)
                    means = []
                    for protein in (wild, mutated):
                        states = hidden(model, tokenizer, protein[start : start + 32])
                        around = [i for i in range(site - 4, site + 5) if start <= i < start + len(states)]
                        means.append(sum(states[i - start] for i in around) / len(around))
                    said.append(encoder.changed[slot] + projected(encoder, means[1] - means[0]))
            expected = encoder.slot[slot] + (sum(said) / len(said) if said else encoder.wild_type)
            torch.testing.assert_close(tokens.values[row, slot], expected, atol=1e-8, rtol=1e-6)
    pooled = make(pooled=True).double().eval()
    pooled.load_state_dict(encoder.state_dict())
    for row, found in enumerate(pooled(batch).values[:, 0]):
        torch.testing.assert_close(found, tokens.values[row, tokens.mask[row]].mean(0))


def test_sequences_that_stand_for_themselves_are_averaged_in_stretches(dna_checkpoint: Path) -> None:
    layout = SequenceLayout(slots=("promoter", "exon"), alphabet="ACGTN")
    torch.manual_seed(0)
    config = ESMConfig(checkpoint=str(dna_checkpoint), dim=6, window=16)
    encoder = ESM(config, layout).double().eval()
    promoter, exon = "ACGTTTGATACGT" * 4, "TTTTACGN"
    batch = SequenceBatch(
        rows=torch.arange(2), keys=("p", "e"), sequences=(promoter, exon), index=torch.tensor([[[0], [1]], [[-1], [1]]])
    )
    model = EsmModel.from_pretrained(dna_checkpoint, add_pooling_layer=False, dtype=torch.float64).eval()
    tokenizer = EsmTokenizer.from_pretrained(dna_checkpoint)
    tokens = encoder(batch)
    assert tokens.mask.tolist() == [[True, True], [False, True]]
    pieces = tokenizer.convert_ids_to_tokens(tokenizer(promoter, add_special_tokens=False)["input_ids"])
    assert pieces == ["ACG", "TTT", "GAT", "ACG", "T"] * 4
    parts = [hidden(model, tokenizer, "".join(part)) for part in (pieces[:10], pieces[10:])]
    expected = encoder.slot[0] + projected(encoder, torch.cat(parts).mean(0))
    torch.testing.assert_close(tokens.values[0, 0], expected, atol=1e-8, rtol=1e-6)
    expected = encoder.slot[1] + projected(encoder, hidden(model, tokenizer, exon).mean(0))
    torch.testing.assert_close(tokens.values[:, 1], expected.expand(2, -1), atol=1e-8, rtol=1e-6)


def count_asked(encoder: ESM, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Every sequence that goes through the network from now on."""
    asked: list[tuple[int, ...]] = []
    network = encoder.language_model.network
    forward = network.forward

    def counting(input_ids: Tensor, attention_mask: Tensor) -> object:
        asked.extend(tuple(ids[: int(n)].tolist()) for ids, n in zip(input_ids, attention_mask.sum(1), strict=True))
        return forward(input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(network, "forward", counting)
    return asked


def test_each_distinct_sequence_is_encoded_once(
    make: Make, batch: SequenceBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = make().train()
    asked = count_asked(encoder, monkeypatch)
    first = encoder(batch.take(torch.tensor([0, 1]), torch.arange(2)))
    # 4 changes; one stretch of EGFR and one for each of two places of MET
    assert len(asked) == len(set(asked)) == 7
    encoder(batch)
    assert len(asked) == len(set(asked)) == 9, "one change more, and the stretch around it"
    for _ in range(3):
        encoder(batch)
    assert len(asked) == 9
    encoder.eval()
    alone = encoder(batch.take(torch.tensor([1]), torch.tensor([0])))
    together = encoder(batch)
    torch.testing.assert_close(alone.values[0], together.values[1])
    assert not torch.equal(first.values, together.values[:2]), "dropout was on"


def test_a_frozen_model_is_kept_out_of_gradients_dropout_and_training_precision(
    make: Make, batch: SequenceBatch
) -> None:
    encoder = make().train()
    assert not encoder.language_model.network.training
    assert not any(p.requires_grad for p in encoder.language_model.parameters())
    before = {name: p.clone() for name, p in encoder.language_model.named_parameters()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = encoder.stem(batch)
    optimizer = torch.optim.Adam([p for p in encoder.parameters() if p.requires_grad], lr=0.1)
    encoder(batch).values.square().sum().backward()
    optimizer.step()
    torch.testing.assert_close(low, make().stem(batch))
    loaded = dict(make(adapt="all").language_model.named_parameters())
    assert set(loaded) == set(before)
    for name, parameter in encoder.language_model.named_parameters():
        if "contact_head" not in name:
            assert not torch.equal(parameter, before[name]), "the checkpoint's weights came with the first sequence"


def test_the_weights_are_those_of_the_checkpoint(make: Make, checkpoint: Path, batch: SequenceBatch) -> None:
    encoder = make()
    encoder(batch)
    expected = EsmModel.from_pretrained(checkpoint, add_pooling_layer=False).state_dict()
    found = encoder.language_model.network.state_dict()
    assert set(found) == set(expected)
    for name, values in expected.items():
        if "contact_head" not in name:
            assert torch.equal(found[name], values), name


def test_a_trained_model_needs_no_weights_of_the_checkpoint(
    make: Make, checkpoint: Path, batch: SequenceBatch, tmp_path: Path
) -> None:
    trained = make().eval()
    expected = trained(batch).values
    bare = tmp_path / "bare"
    shutil.copytree(checkpoint, bare, ignore=shutil.ignore_patterns("*.safetensors"))
    again = make(checkpoint=str(bare)).eval()
    again.load_state_dict(trained.state_dict())
    torch.testing.assert_close(again(batch).values, expected)
    with pytest.raises(SpecError) as caught:
        make(checkpoint=str(bare))(batch)
    assert str(caught.value).startswith(f"{bare}, checkpoint: the checkpoint in the folder cannot be read: ")
    assert str(caught.value).endswith("It is config.json, model.safetensors, vocab.txt. Copy it again.")


def test_weights_that_a_state_dict_brings_replace_what_was_kept(make: Make, batch: SequenceBatch) -> None:
    encoder = make().eval()
    before = encoder.stem(batch)
    state = encoder.state_dict()
    name = "language_model.network.embeddings.word_embeddings.weight"
    encoder.load_state_dict({**state, name: state[name] * 1.5})
    assert not torch.allclose(encoder.stem(batch), before)
    assert encoder.double().stem(batch).dtype == torch.float64


def test_a_checkpoint_of_another_shape_is_named(
    checkpoint: Path, layout: SequenceLayout, batch: SequenceBatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    encoder = ESM(ESMConfig(checkpoint=str(other)), layout)
    with pytest.raises(SpecError) as caught:
        encoder(batch)
    assert str(caught.value) == (
        f"checkpoint: `{other}` does not hold 16 of the network's {len(encoder.language_model._own)} tensors, or "
        "holds them in another shape (encoder.layer.2.LayerNorm.bias, encoder.layer.2.LayerNorm.weight, "
        "encoder.layer.2.attention.LayerNorm.bias). Name a whole checkpoint."
    )


def test_lora_trains_small_matrices_beside_the_checkpoints_weights(make: Make, batch: SequenceBatch) -> None:
    encoder = make(adapt="lora", dropout=0.0).train()
    frozen = make(dropout=0.0).train()
    frozen.load_state_dict({k: v for k, v in encoder.state_dict().items() if "language_model" not in k}, strict=False)
    frozen.language_model._awaited = encoder.language_model._awaited
    torch.testing.assert_close(encoder(batch).values, frozen(batch).values, atol=1e-5, rtol=1e-5)
    trained = {n for n, p in encoder.language_model.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 2 * 2 and all("lora_" in name for name in trained)  # layers, places, matrices
    assert_every_parameter_learns(encoder, lambda: weighted(encoder, batch))
    base = {n: p.clone() for n, p in encoder.language_model.named_parameters() if "lora_" not in n}
    before = encoder(batch).values
    torch.optim.Adam([p for p in encoder.language_model.parameters() if p.requires_grad], lr=0.1).step()
    assert all(torch.equal(p, base[n]) for n, p in encoder.language_model.named_parameters() if n in base)
    assert not torch.allclose(encoder(batch).values, before), "nothing is kept while it is trained"


def weighted(encoder: ESM, batch: SequenceBatch) -> Tensor:
    tokens = encoder(batch)
    weight = torch.randn(tokens.values.shape, generator=torch.Generator().manual_seed(2))
    return (torch.where(tokens.mask[..., None], tokens.values, 0) * weight).sum()


def test_all_of_it_can_be_trained(make: Make, batch: SequenceBatch) -> None:
    encoder = make(adapt="all").train()
    assert encoder.language_model.network.training
    loss = weighted(encoder, batch)
    loss.backward()
    grads = {n: p.grad for n, p in encoder.language_model.named_parameters() if p.requires_grad}
    assert all(grad is not None for grad in grads.values()) and len(grads) == len(encoder.language_model._own)


def test_the_real_checkpoints_configuration_takes_a_step(layout: SequenceLayout, batch: SequenceBatch) -> None:
    torch.manual_seed(0)
    encoder = ESM(ESMConfig(adapt="all", around=5), layout).train()
    config = encoder.language_model.network.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (6, 320, 20)
    assert (config.vocab_size, config.intermediate_size, config.position_embedding_type) == (33, 1280, "rotary")
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-4)
    before = weighted(encoder, batch)
    before.backward()
    optimizer.step()
    assert bool(before.isfinite()) and bool(weighted(encoder, batch) < before)


@pytest.mark.parametrize("name", ["facebook/esm2_t6_8M_UR50D", "facebook/esm2_t33_650M_UR50D"])
def test_a_published_network_is_built_without_its_files(no_network: None, name: str) -> None:
    with torch.device("meta"):
        model = architecture_of(ESMConfig(checkpoint=name)).build()
    layers = {"facebook/esm2_t6_8M_UR50D": 6, "facebook/esm2_t33_650M_UR50D": 33}[name]
    # embeddings, then per layer: attention 4 W^2 + 4 W, feed-forward 8 W^2 + 5 W, two norms 4 W; a last norm
    width = model.config.hidden_size
    expected = 33 * width + layers * (12 * width**2 + 13 * width) + 2 * width
    found = sum(p.numel() for n, p in model.named_parameters() if "contact_head" not in n and "position" not in n)
    assert found == expected


def test_a_closed_network_names_the_files_to_bring_and_the_command(
    no_network: None, layout: SequenceLayout, batch: SequenceBatch
) -> None:
    encoder = ESM(ESMConfig(checkpoint="facebook/esm2_t6_8M_UR50D"), layout)
    with pytest.raises(SpecError) as caught:
        encoder(batch)
    assert str(caught.value) == (
        "checkpoint: `facebook/esm2_t6_8M_UR50D` is neither a folder nor kept on this machine, and cannot be fetched "
        "from here. Where there is a network, run `hf download facebook/esm2_t6_8M_UR50D config.json model.safetensors "
        "vocab.txt --local-dir esm2_t6_8M_UR50D`, bring the folder here, and name it: `checkpoint: esm2_t6_8M_UR50D`."
    )
    with pytest.raises(SpecError, match=r"`hf download someone/dna-model config\.json model\.safetensors vocab\.txt"):
        ESM(ESMConfig(checkpoint="someone/dna-model"), layout)


def test_our_tokens_of_esm2_are_those_of_transformers(checkpoint: Path) -> None:
    tokenizer = EsmTokenizer.from_pretrained(checkpoint)
    sequence = "LAGVSERTIDPKQNFYMHWCXBUZOJ"
    assert list(ESM2.encode(sequence)) == tokenizer(sequence, add_special_tokens=False)["input_ids"]
    assert (ESM2.first, ESM2.last, ESM2.padding) == (0, 2, 1)
    found = architecture_of(ESMConfig(checkpoint=str(checkpoint))).vocabulary
    assert dataclasses.replace(found, encode=ESM2.encode) == ESM2


def test_a_model_of_other_letters_is_refused(checkpoint: Path, dna_checkpoint: Path, layout: SequenceLayout) -> None:
    dna = SequenceLayout(slots=("exon",), alphabet="ACGTN")
    with pytest.raises(SpecError) as caught:
        ESM(ESMConfig(checkpoint=str(checkpoint)), dna)
    assert str(caught.value) == (
        "checkpoint: the checkpoint is a model of proteins, and the modality gives nucleotides. Name a checkpoint for "
        "them."
    )
    with pytest.raises(SpecError, match="a model of nucleotides, and the modality gives proteins"):
        ESM(ESMConfig(checkpoint=str(dna_checkpoint)), layout)
    with pytest.raises(SpecError) as caught:
        ESM(ESMConfig(checkpoint=str(dna_checkpoint)), dataclasses.replace(dna, references=("ACGT",)))
    assert str(caught.value) == (
        "checkpoint: the checkpoint reads several letters as one token, so that a change has no site of its own. Name "
        "one that reads letters."
    )


def test_a_model_of_another_type_is_refused(checkpoint: Path, layout: SequenceLayout, tmp_path: Path) -> None:
    other = tmp_path / "bert"
    shutil.copytree(checkpoint, other)
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"model_type": "esm"', '"model_type": "bert"'))
    with pytest.raises(SpecError) as caught:
        ESM(ESMConfig(checkpoint=str(other)), layout)
    assert str(caught.value) == (
        f"checkpoint: `{other}` is a model of type `bert`; only the type `esm` is read. Name a checkpoint of an "
        "EsmModel."
    )


def test_what_a_spec_check_says(tmp_path: Path) -> None:
    def said(**keys: Any) -> list[str]:
        return [str(finding) for finding in ESMConfig(**keys).check(Neighbours())]

    assert said(checkpoint="facebook/esm2_t6_8M_UR50D") == []
    assert said() == [
        "checkpoint: no pretrained weights are named: a language model with random weights knows nothing of proteins. "
        "Name them, such as `checkpoint: facebook/esm2_t6_8M_UR50D`."
    ]
    (tmp_path / "config.json").write_text("{}")
    assert said(checkpoint=str(tmp_path)) == [
        "checkpoint: the folder lacks model.safetensors, vocab.txt; a checkpoint is config.json, model.safetensors, "
        "vocab.txt. Copy what is missing there."
    ]
    (tmp_path / "vocab.txt").write_text("A")
    (finding,) = ESMConfig(checkpoint=str(tmp_path)).check(Neighbours())
    assert finding.severity is Severity.WARNING, "a trained run holds the weights itself"
    assert said(checkpoint="facebook/x", window=16, around=5) == [
        "window: `around` is 5 and `window` is 16; at least four times `around` is needed. Set it to 20."
    ]


def test_the_light_module_loads_no_torch() -> None:
    code = "import sys, mmcare_esm.plugin; assert not {'torch', 'numpy', 'transformers', 'peft'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
