"""What a spec calls a component, and what is said when there is none, or more than one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmcare.errors import PluginError
from mmcare.registry import Component, EncoderConfig, Entry, PluginResult, Provider, Registry, discover
from mmcare.registry.known import KNOWN


def said(registry: Registry, kind: str, use: str) -> str:
    with pytest.raises(PluginError) as caught:
        registry.resolve(kind, use)
    (finding,) = caught.value.findings
    assert finding.where() == "", "the spec layer knows the place"
    return str(finding)


def test_unknown_name_with_the_nearest_and_where_to_get_it() -> None:
    assert said(Registry(()), "encoder", "resnet4d") == (
        "there is no encoder 'resnet4d'; did you mean `resnet3d` (`pip install mmcare-plugin-imaging`)? "
        "`mmcare plugin list --kind encoder` shows what there is."
    )


def test_unknown_name_near_to_an_installed_one(site: Path, install: Any, good: Callable[..., str]) -> None:
    install("acme-slope", good("slope-of-time"))
    assert said(discover(), "encoder", "slope-of-tome") == (
        "there is no encoder 'slope-of-tome'; did you mean `slope-of-time`? "
        "`mmcare plugin list --kind encoder` shows what there is."
    )
    assert said(discover(), "encoder", "acme-slope/slope-time") == (
        "there is no encoder 'slope-time' of acme-slope; did you mean `slope-of-time`? "
        "`mmcare plugin list --kind encoder` shows what there is."
    )


def test_unknown_name_near_to_nothing() -> None:
    assert said(Registry(()), "head", "q" * 200) == (
        f"there is no head '{'q' * 79}…'. `mmcare plugin list --kind head` shows what there is."
    )


def test_first_party_component_that_is_not_installed() -> None:
    assert said(Registry(()), "encoder", "gcn") == (
        "encoder `gcn` is offered by mmcare-plugin-gcn, which is not installed. "
        "Install it: `pip install mmcare-plugin-gcn`."
    )


def test_qualified_name_of_a_distribution_that_is_not_installed() -> None:
    assert said(Registry(()), "encoder", "acme-slope/slope") == (
        "encoder `slope` of acme-slope is asked for, and acme-slope is not installed. "
        "Install it, if you trust its authors: `pip install acme-slope`."
    )
    assert said(Registry(()), "encoder", "x; rm -rf ~/slope") == (
        "'x; rm -rf ~' is no name of a distribution. Write `NAME`, or `DISTRIBUTION/NAME`."
    )
    assert said(Registry(()), "encoder", "local/slope") == (
        "encoder `local/slope` was not declared by any plugin file or notebook cell. "
        "Name the file that holds it: `--plugin FILE`."
    )


def test_name_of_another_kind(site: Path, install: Any, good: Callable[..., str]) -> None:
    install("acme-slope", good("slope"))
    assert said(discover(), "fusion", "slope") == (
        "'slope' is an encoder, and a fusion is wanted here. `mmcare plugin list --kind fusion` shows what there is."
    )


def test_two_distributions_with_one_name(site: Path, install: Any, good: Callable[..., str]) -> None:
    install("acme-one", good("slope"), version="1.2")
    install("acme-two", good("slope"), version="3.4")
    assert said(discover(), "encoder", "slope") == (
        "encoder `slope` is offered by acme-one 1.2 and acme-two 3.4. "
        "Write `use: acme-one/slope` or `use: acme-two/slope`."
    )
    assert discover().resolve("encoder", "acme-two/slope").provider.version == "3.4"
    assert [e.qualified for e in discover().named("slope")] == ["acme-one/slope", "acme-two/slope"]


def test_broken_plugin_that_offered_the_name_when_it_was_last_seen_well(
    site: Path, install: Any, good: Callable[..., str], fresh_python: Any
) -> None:
    module = install("acme-slope", good("slope"))
    look = "from mmcare.registry import discover\ntry: print(discover().resolve('encoder', 'slope').qualified)\n"
    look += "except Exception as error: print(error)"
    assert fresh_python(look).stdout == "acme-slope/slope\n"
    (site / f"{module}.py").write_text("raise RuntimeError('moved')")
    for _ in range(2):
        assert fresh_python(look).stdout == (
            "encoder `slope` is offered by a plugin that cannot be used: the plugin acme-slope 1.0 cannot be imported: "
            "RuntimeError: moved. `mmcare plugin list --traceback` shows all of it; install it again, upgrade it or "
            "remove it.\n"
        )


def test_broken_first_party_plugin_is_known_without_ever_having_been_seen() -> None:
    provider = Provider("mmcare-plugin-gcn", "0.9", "gcn", "mmcare_gcn.plugin")
    error = discover_error(provider)
    registry = Registry((PluginResult(provider=provider, state="other-api", error=error),))
    assert said(registry, "encoder", "gcn") == (
        "encoder `gcn` is offered by a plugin that cannot be used: the plugin mmcare-plugin-gcn 0.9 is made for plugin "
        "API 99, this mmcare has API 1. Upgrade mmcare: `pip install --upgrade mmcare`."
    )


def discover_error(provider: Provider) -> Any:
    from types import ModuleType

    from mmcare.registry.plugins import result_of

    module = ModuleType("plugin")
    module.MMCARE_API = 99  # type: ignore[attr-defined]
    return result_of(provider, module).error


def test_refused_record_is_named_with_its_rule(site: Path, install: Any) -> None:
    source = (
        "from mmcare.registry import *\nMMCARE_API = 1\n@hookimpl\ndef mmcare_components():\n"
        "    yield Component(kind='encoder', name='slope', summary='S.', config=EncoderConfig, target='a:B')"
    )
    install("acme-wrong", source)
    assert said(discover(), "encoder", "slope") == (
        "encoder `slope` of acme-wrong 1.0 is refused: an encoder must say what it takes: `volume`, `table`, `graph`, "
        "`sequence`, `tokens`. Tell its authors, or use another component."
    )


def entry(target: str | type) -> Entry:
    record = Component(kind="encoder", name="x", summary="X.", config=EncoderConfig, target=target, takes="table")
    return Entry(record, Provider("acme-slope", "1.0", "slope", "acme_slope"))


def test_load_imports_the_target_and_says_what_is_missing(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (site / "acme_target.py").write_text("class Slope:\n    class Inner: pass\nnumber = 3\n")
    (site / "acme_failing.py").write_text("import acme_absent\n")
    assert entry("acme_target:Slope").load().__name__ == "Slope"
    assert entry("acme_target:Slope.Inner").load().__name__ == "Inner"
    assert entry(dict).load() is dict
    again = "Install acme-slope again, or tell its authors."
    (site / "acme_exiting.py").write_text("import sys\nprint('bye')\nsys.exit(3)\n")
    for target, message in {
        "acme_exiting:X": "`acme_exiting` could not be imported: SystemExit: 3.",
        "acme_target:number": "the module `acme_target` has no class `number`.",
        "acme_target:Slop": "the module `acme_target` has no class `Slop`.",
        "acme_gone:Slope": "`acme_gone` could not be imported: ModuleNotFoundError: No module named 'acme_gone'.",
        "acme_failing:X": "`acme_failing` could not be imported: ModuleNotFoundError: No module named 'acme_absent'.",
    }.items():
        with pytest.raises(PluginError) as caught:
            entry(target).load()
        assert str(caught.value) == f"encoder `x` of acme-slope 1.0 cannot be loaded: {message} {again}"
        assert ("could not" in message) == isinstance(caught.value.__cause__, ImportError | SystemExit)
    assert capfd.readouterr() == ("", "bye\n"), "what a plugin prints must not disturb the output"


def test_the_table_of_known_components_is_what_the_workspace_offers() -> None:
    offered: dict[str, dict[str, set[str]]] = {}
    for e in discover().entries():
        if e.provider.distribution == "mmcare" or e.provider.distribution.startswith("mmcare-plugin-"):
            offered.setdefault(e.provider.distribution, {}).setdefault(e.component.kind, set()).add(e.component.name)
    assert offered == {dist: {kind: set(names) for kind, names in kinds.items()} for dist, kinds in KNOWN.items()}
