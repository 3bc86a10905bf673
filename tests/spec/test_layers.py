"""Files over files, and the changes of the command line."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmcare.errors import PluginError, SpecError
from mmcare.registry import Registry
from mmcare.spec import COMMAND_LINE, Origin, Spec, TrainingConfig, check_spec, load_spec, read_layers

from .conftest import VALID, Check, said

Load = Callable[..., Spec]


def config(spec: Spec, path: str) -> dict[str, object]:
    """Values of the part at a key path."""
    return next(part for part in spec.parts() if part.path == path).config.model_dump(mode="json")


def merged(folder: Path, *files: str) -> dict[str, object]:
    """The data of some files, each over the one before."""
    for number, text in enumerate(files):
        below = f"extends: {number - 1}.yaml\n" if number else ""
        (folder / f"{number}.yaml").write_text(below + text)
    return read_layers(folder / f"{len(files) - 1}.yaml").data


def test_maps_merge_and_lists_replace(tmp_path: Path) -> None:
    below = "a: {x: 1, y: {z: [1, 2, 3]}}\nb: [1, 2]\n"
    assert merged(tmp_path, below, "a: {y: {z: [4]}, w: 5}\n") == {"a": {"x": 1, "y": {"z": [4]}, "w": 5}, "b": [1, 2]}


def test_a_map_whose_use_changes_replaces(tmp_path: Path) -> None:
    below = "fusion: {use: mix, dim: 8}\n"
    assert merged(tmp_path, below, "fusion: {use: other}\n") == {"fusion": {"use": "other"}}
    assert merged(tmp_path, below, "fusion: {use: mix, heads: 2}\n") == {"fusion": {"use": "mix", "dim": 8, "heads": 2}}


def test_early_stopping_by_one_word_merges_as_the_map_that_it_stands_for(
    load: Load, tmp_path: Path, folder: Path
) -> None:
    below = "training: {early_stopping: {metric: loss, patience: 5}}\n"
    spelled_out = {"training": {"early_stopping": {"metric": "none", "patience": 5}}}
    assert merged(tmp_path, below, "training: {early_stopping: none}\n") == spelled_out
    above = "training: {early_stopping: {patience: 5}}\n"
    assert merged(tmp_path, "training: {early_stopping: none}\n", above) == spelled_out
    spec = load(VALID, "training.early_stopping=c_index")
    assert (spec.training.early_stopping.metric, spec.training.early_stopping.patience) == ("c_index", 5)
    assert spec.layered.origin(("training", "early_stopping", "metric")) == Origin(COMMAND_LINE)
    assert TrainingConfig.model_validate({"early_stopping": "none"}).early_stopping.metric == "none"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("mix", "local/mix", True), ("local/mix", "mix", True), ("a/mix", "b/mix", False), ("mix", "local/sum", False)],
)
def test_a_qualified_name_is_the_same_component(tmp_path: Path, first: str, second: str, same: bool) -> None:
    data = merged(tmp_path, f"fusion: {{use: {first}, dim: 8}}\n", f"fusion: {{use: {second}}}\n")
    assert data["fusion"] == ({"use": second, "dim": 8} if same else {"use": second})


def test_null_gives_back_the_default_and_takes_a_named_entry_away(load: Load, folder: Path) -> None:
    Path("base.yaml").write_text(VALID)
    above = "extends: base.yaml\ntraining: {batch_size: null}\nmodalities: {ct: null}\nfusion: null\n"
    spec = load(above)
    assert spec.training.batch_size == 16 and spec.training.lr == 1e-4
    assert list(spec.modalities) == ["clinical"] and spec.fusion is None


def test_null_of_what_nobody_set_is_the_default(load: Load) -> None:
    plain = load(VALID.replace("decision: {utility: {os: 0.7, lc: 0.3}}\n", "").replace("  batch_size: 16\n", ""))
    nulls = VALID.replace("{utility: {os: 0.7, lc: 0.3}}", "null").replace("batch_size: 16", "batch_size: null")
    assert load(nulls) == plain


def test_what_was_taken_away_can_come_again(tmp_path: Path) -> None:
    assert merged(tmp_path, "a: {x: 1, y: 2}\n", "a: null\n", "a: {z: 3}\n") == {"a": {"z": 3}}


def test_paths_are_relative_to_the_file_that_they_stand_in(registry: Registry, folder: Path) -> None:
    Path("below").mkdir()
    Path("below/base.yaml").write_text(VALID.replace("use: cells", "use: cells, weights: ../w.safetensors"))
    Path("spec.yaml").write_text("extends: below/base.yaml\nfusion: {weights: f.safetensors}\n")
    spec = load_spec("spec.yaml", ["head.weights=runs/one"], registry=registry)
    found = {part.path: getattr(part.config, "weights", None) for part in spec.parts()}
    assert {path: weights for path, weights in found.items() if weights} == {
        "modalities.ct.encoder": str(folder / "below/../w.safetensors"),
        "fusion": str(folder / "f.safetensors"),
        "head": str(folder / "runs/one"),
    }


def test_every_step_of_a_circle_is_named(folder: Path) -> None:
    Path("a.yaml").write_text("extends: b.yaml\n")
    Path("b.yaml").write_text("\nextends: ./c.yaml\n")
    Path("c.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(SpecError) as error:
        read_layers(Path("a.yaml"))
    assert str(error.value) == (
        "c.yaml:1:1, extends: the files extend each other: a.yaml -> b.yaml -> c.yaml -> a.yaml. "
        "Take one `extends` out."
    )


def test_overrides_in_any_order(load: Load) -> None:
    changes = ["fusion.use=side-by-side", "training.lr=3e-4", "modalities.ct.size=[4, 4, 4]", "training.seed=7"]
    specs = [load(VALID, *order) for order in itertools.permutations(changes)]
    assert all(spec == specs[0] for spec in specs)
    assert specs[0].training.lr == 3e-4 and specs[0].training.seed == 7
    assert config(specs[0], "modalities.ct")["size"] == [4, 4, 4]
    assert config(specs[0], "fusion") == {"weights": None, "freeze": False}


def test_overrides_of_one_part_in_any_order(load: Load) -> None:
    changes = ["fusion.use=local/mix", "fusion.dim=16", "fusion.heads=2"]
    for order in itertools.permutations(changes):
        found = config(load(VALID.replace("use: mix, dim: 8", "use: side-by-side, weights: old"), *order), "fusion")
        assert found == {"weights": None, "freeze": False, "dim": 16, "heads": 2, "width": None}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.lr"], "--set: expected KEY=VALUE, found `training.lr`. Write it as `--set training.lr=3e-4`."),
        (["=3"], "--set: expected KEY=VALUE, found `=3`. Write it as `--set training.lr=3e-4`."),
        (["a..b=3"], "--set: expected KEY=VALUE, found `a..b=3`. Write it as `--set training.lr=3e-4`."),
        (["training.lr=[1"], "--set, training.lr: `[1` is not a YAML value."),
        (["training={lr: 1, lr: 2}"], "--set, training: the key stands twice, in line 1. Keep one of them."),
        (
            ["training.lr=1", "training.lr=2"],
            "--set: `training.lr` and `training.lr` change the same value. Keep one of them.",
        ),
        (
            ["training={lr: 1}", "training.lr=1"],
            "--set: `training` and `training.lr` change the same value. Keep one of them.",
        ),
        (["training.lr=x"], "--set, training.lr: expected a number, above 0, at most 10, found `x`."),
        (["trainig.lr=1"], "--set, trainig: there is no such key. Did you mean `training`?"),
        (["training.rate=null"], "--set, training.rate: there is no such key. It has: lr, weight_decay, optimizer, "
         "scheduler, batch_size, max_epochs, accumulate, clip_gradient_norm, average_weights, modality_dropout, "
         "early_stopping, precision, device, workers, seed."),
        (
            ["extends=x.yaml"],
            "--set, extends: a file names what it extends; the command line cannot change it. "
            "Write a small spec that extends the other file.",
        ),
    ],
)  # fmt: skip
def test_an_override_that_cannot_be(check: Check, overrides: list[str], message: str) -> None:
    assert check(VALID, *overrides) == [message]


def test_the_same_override_twice_is_one(load: Load) -> None:
    assert load(VALID, "training.lr=0.1", "training.lr=1e-1").training.lr == 0.1


BASE = VALID.replace("heads: 4}", "heads: four}").replace("[0.70, 0.15, 0.15]", "[0.7, 0.3, 0.2]")
ABOVE = """\
extends: base.yaml
name: above
modalities:
  ct:
    encoder: {dept: 34}
  clinical: {use: rowz}
trainng: {lr: 1}
"""


def test_two_files_with_five_mistakes_are_said_at_once(registry: Registry, folder: Path) -> None:
    Path("base.yaml").write_text(BASE)
    Path("spec.yaml").write_text(ABOVE)
    spec, findings = check_spec("spec.yaml", registry=registry)
    assert spec is None
    assert [said(finding) for finding in findings] == [
        "base.yaml:14:28, fusion.heads: expected a whole number, at least 1, found `four`.",
        "base.yaml:20:9, split.fractions: the shares sum to 1.2; they must sum to 1.",
        "spec.yaml:5:15, modalities.ct.encoder.dept: there is no such key of encoder `cells`. Did you mean `depth`?",
        "spec.yaml:6:14, modalities.clinical.use: there is no modality 'rowz'; did you mean `rows`? "
        "`mmcare plugin list --kind modality` shows what there is.",
        "spec.yaml:7:1, trainng: there is no such key. Did you mean `training`?",
    ]
    assert all(len(said(finding).splitlines()) <= 5 for finding in findings)
    with pytest.raises(SpecError) as error:
        load_spec("spec.yaml", registry=registry)
    assert error.value.findings == tuple(findings)


def test_what_is_no_spec_is_recognised(folder: Path) -> None:
    for name, file in {"run": "run.json", "half": "unfinished.json", "cohort": "cohort.yaml", "other": "notes"}.items():
        Path(name).mkdir()
        Path(name, file).write_text('{"mmcare_run": 1}')
    Path("cohort/cohort.yaml").write_text("mmcare_cohort: 1\n")
    long = "x" * 300
    messages = {
        "run": "run: is a run folder; its spec is run/spec.yaml. Name that file, or `mmcare evaluate run`.",
        "run/run.json": "run/run.json: is a run's manifest, not a spec; the run's spec is run/spec.yaml. "
        "Name that file.",
        "half": "half: is a run folder; its spec is half/spec.yaml. Name that file, or `mmcare evaluate half`.",
        "cohort": "cohort: is a cohort folder, not a spec. Give it with `--cohort cohort`.",
        "cohort/cohort.yaml": "cohort/cohort.yaml: is a cohort's dictionary, not a spec. "
        "Give its folder with `--cohort cohort`; a spec begins with `mmcare: 1`.",
        "other": "other: is a folder, not a YAML file. Name a YAML file.",
        "none.yaml": "none.yaml: cannot be read: No such file or directory. Name a YAML file.",
        long: f"{long}: cannot be read: File name too long. Name a YAML file.",
    }
    assert {name: said(check_spec(name)[1][0]) for name in messages} == messages


ENCODER = """
import mmcare
from mmcare.registry import EncoderConfig
open("it-ran", "w").close()

@mmcare.component(kind="encoder", name="own", config=EncoderConfig, takes="table")
class Own:
    "Somebody's own."
"""


@pytest.fixture
def with_own_code(folder: Path) -> Path:
    Path("own.py").write_text(ENCODER)
    return Path("own.py")


@pytest.fixture
def spec_with_code(with_own_code: Path) -> str:
    Path("spec.yaml").write_text(
        "mmcare: 1\nplugins: [./own.py]\nmodalities:\n"
        "  clinical: {use: table, encoder: {use: own}}\nhead: {use: dual-task}\n"
    )
    return "spec.yaml"


def test_a_check_runs_no_code_of_a_spec(spec_with_code: str) -> None:
    spec, findings = check_spec(spec_with_code)
    assert spec is None and not Path("it-ran").exists()
    assert [said(finding) for finding in findings] == [
        "note: spec.yaml:4:36, modalities.clinical.encoder.use: `own` was not checked: it may come from own.py, which "
        "was not run. To check it, name the file with `--plugin`."
    ]


def test_code_of_a_spec_runs_with_leave(spec_with_code: str) -> None:
    with pytest.raises(PluginError) as error:
        load_spec(spec_with_code)
    assert not Path("it-ran").exists()
    (finding,) = error.value.findings
    assert str(finding).startswith("own.py: this plugin file (SHA-256 ")
    assert str(finding).endswith(
        " is code, and code runs only with your leave. Read it, then say `--allow-local-code`."
    )
    allowed = load_spec(spec_with_code, allow_local_code=True)
    named = load_spec(spec_with_code, plugins=[Path("own.py")])
    assert allowed.modalities["clinical"].parts["encoder"].entry.qualified == "local/own"
    assert [plugin.path for plugin in named.plugins] == [Path("own.py")]
    assert check_spec(spec_with_code, plugins=[Path("own.py")])[0] == named


def test_a_resolved_spec_names_its_code_where_a_run_keeps_it(spec_with_code: str, folder: Path) -> None:
    spec = load_spec(spec_with_code, plugins=[Path("own.py")])
    Path("run/local").mkdir(parents=True)
    Path("run/local/own.py").write_text(spec.plugins[0].source)
    Path("run/spec.yaml").write_text(spec.resolved_yaml(Path("local")))
    Path("own.py").unlink()
    again = load_spec("run/spec.yaml", allow_local_code=True)
    assert again.modalities["clinical"].parts["encoder"].entry.qualified == "local/own"
    assert again.plugins[0].path == Path("run/local/own.py") and again.plugins[0].sha256 == spec.plugins[0].sha256


def test_two_distributions_with_one_name_are_said_at_the_line(registry: Registry, folder: Path) -> None:
    (small,) = registry.plugins
    both = [replace(small, provider=replace(small.provider, distribution=f"acme-{n}", version=v)) for n, v in TWO]
    Path("spec.yaml").write_text(VALID)
    _, findings = check_spec("spec.yaml", registry=Registry(tuple(both)))
    assert said(next(f for f in findings if f.key == "fusion.use")) == (
        "spec.yaml:14:10, fusion.use: fusion `mix` is offered by acme-one 1.2 and acme-two 3.4. "
        "Write `use: acme-one/mix` or `use: acme-two/mix`."
    )
    Path("spec.yaml").write_text(VALID.replace("use: mix", "use: acme-two/mix"))
    _, findings = check_spec("spec.yaml", registry=Registry(tuple(both)))
    assert "fusion.use" not in {finding.key for finding in findings}


TWO = (("one", "1.2"), ("two", "3.4"))
