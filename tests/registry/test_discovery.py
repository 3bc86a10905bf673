"""A broken plugin is a result that says what is wrong with it, and breaks no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmcare.registry import PluginResult, discover, guard, listing, look_again

ALL_OF_IT = "`mmcare plugin list --traceback` shows all of it; install it again, upgrade it or remove it."


def result_of(distribution: str) -> PluginResult:
    return next(plugin for plugin in discover().plugins if plugin.provider.distribution == distribution)


def test_a_good_plugin_offers_its_component(site: Path, install: Any, good: Callable[..., str]) -> None:
    install("acme-slope", good("slope"), version="1.4")
    result = result_of("acme-slope")
    assert (result.state, result.error, result.refused, result.warnings) == ("ready", None, (), ())
    assert [c.name for c in result.components] == ["slope"]
    assert result.import_seconds is not None and result.import_seconds > 0
    entry = discover().resolve("encoder", "slope")
    assert (entry.qualified, str(entry.provider)) == ("acme-slope/slope", "acme-slope 1.4")
    assert discover().resolve("encoder", "acme-slope/slope") == entry
    assert discover().resolve("encoder", "Acme_Slope/slope") == entry, "a distribution has many spellings"


BROKEN: dict[str, tuple[str | None, str, str]] = {
    "raises": (
        "print('hello')\nraise ValueError('no licence\\nfound')",
        "broken",
        f"the plugin acme-raises 1.0 cannot be imported: ValueError: no licence found. {ALL_OF_IT}",
    ),
    "exits": (
        "import sys\nprint('bye')\nsys.exit(3)",
        "broken",
        f"the plugin acme-exits 1.0 calls `sys.exit(3)` when acme_exits_plugin is imported. {ALL_OF_IT}",
    ),
    "absent": (
        None,
        "broken",
        f"the plugin acme-absent 1.0 names a module that is not there: acme_absent_plugin. {ALL_OF_IT}",
    ),
    "needs": (
        "import acme_dependency",
        "broken",
        "the plugin acme-needs 1.0 cannot be imported: ModuleNotFoundError: No module named 'acme_dependency'. "
        + ALL_OF_IT,
    ),
    "hook-raises": (
        "from mmcare.registry import hookimpl\nMMCARE_API = 1\n"
        "@hookimpl\ndef mmcare_components():\n    raise KeyError('panel')",
        "broken",
        f"the plugin acme-hook-raises 1.0 fails in its hook `mmcare_components`: KeyError: 'panel'. {ALL_OF_IT}",
    ),
    "string": (
        "from mmcare.registry import hookimpl\nMMCARE_API = 1\n"
        "@hookimpl\ndef mmcare_components():\n    return 'my-encoder'",
        "broken",
        "the plugin acme-string 1.0 returned my-encoder (str) from its hook `mmcare_components`; the hook yields "
        f"`mmcare.registry.Component` records. {ALL_OF_IT}",
    ),
    "dicts": (
        "from mmcare.registry import hookimpl\nMMCARE_API = 1\n"
        "@hookimpl\ndef mmcare_components():\n    yield {'kind': 'encoder'}",
        "broken",
        "the plugin acme-dicts 1.0 yielded {'kind': 'encoder'} (dict) from its hook `mmcare_components`; the hook "
        f"yields `mmcare.registry.Component` records. {ALL_OF_IT}",
    ),
    "no-hook": (
        "MMCARE_API = 1\ndef mmcare_components():\n    return []",
        "broken",
        "the plugin acme-no-hook 1.0 has no function `mmcare_components` marked with `@hookimpl`. " + ALL_OF_IT,
    ),
    "newer": (
        "MMCARE_API = 99",
        "other-api",
        "the plugin acme-newer 1.0 is made for plugin API 99, this mmcare has API 1. "
        "Upgrade mmcare: `pip install --upgrade mmcare`.",
    ),
    "older": (
        "MMCARE_API = 0",
        "other-api",
        "the plugin acme-older 1.0 is made for plugin API 0, this mmcare has API 1. "
        "Upgrade the plugin: `pip install --upgrade acme-older`.",
    ),
    "no-api": (
        "x = 1",
        "other-api",
        "the plugin acme-no-api 1.0 does not say for which plugin API it is made; its module acme_no_api_plugin lacks "
        "`MMCARE_API`. Write `MMCARE_API = 1` there.",
    ),
}


def test_broken_plugins_are_results_and_break_no_other(
    site: Path, install: Any, good: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    install("acme-slope", good("slope"))
    for name, (source, _, _) in BROKEN.items():
        install(f"acme-{name}", source)
    found = {name: result_of(f"acme-{name}") for name in BROKEN}
    assert {name: (r.state, str(r.error)) for name, r in found.items()} == {
        name: (state, message) for name, (_, state, message) in BROKEN.items()
    }
    assert "no licence\nfound" in found["raises"].traceback and "acme_raises_plugin.py" in found["raises"].traceback
    assert discover().resolve("encoder", "slope").qualified == "acme-slope/slope"
    out, err = capfd.readouterr()
    assert out == "", "what a plugin prints must not disturb --json"
    assert "hello" in err and "bye" in err


def test_ctrl_c_while_a_plugin_is_imported_is_not_swallowed(site: Path, install: Any) -> None:
    install("acme-stopped", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_two_distributions_with_one_entry_point_name_are_both_seen(
    site: Path, install: Any, good: Callable[..., str]
) -> None:
    install("acme-one", good("one"), entry_point="same")
    install("acme-two", good("two"), entry_point="same")
    assert [c.name for c in result_of("acme-one").components] == ["one"]
    assert [c.name for c in result_of("acme-two").components] == ["two"]


def test_one_distribution_may_bring_two_plugins(site: Path, install: Any, good: Callable[..., str]) -> None:
    install("acme-one", good("one"))
    (site / "acme_more.py").write_text(good("more"))
    points = site / "acme_one-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "more = acme_more\n")
    names = {e.component.name for e in discover().entries("encoder") if e.provider.distribution == "acme-one"}
    assert names == {"one", "more"}


def test_the_rest_of_a_broken_installation_is_named_as_such(site: Path, install: Any) -> None:
    install("acme-half", None)
    (site / "acme_half-1.0.dist-info" / "METADATA").unlink()
    assert str(result_of("unknown").error) == (
        f"the plugin unknown names a module that is not there: acme_half_plugin. {ALL_OF_IT}"
    )


def test_what_a_subprocess_of_a_plugin_prints_does_not_reach_stdout(
    site: Path, install: Any, good: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    install("acme-loud", "import os\nos.system('echo loud')\n" + good("loud"))
    assert result_of("acme-loud").state == "ready"
    out, err = capfd.readouterr()
    assert (out, "loud" in err) == ("", True)


def test_a_slow_plugin_is_named_while_it_is_imported(
    site: Path,
    install: Any,
    good: Callable[..., str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.2)
    install("acme-slow", "import time\ntime.sleep(0.6)\n" + good("slow"))
    seconds = result_of("acme-slow").import_seconds
    assert seconds is not None and seconds >= 0.6
    assert "Still importing the plugin acme-slow 1.0 (acme_slow_plugin) …\n" in capfd.readouterr().err


def test_a_light_module_that_imports_torch_is_warned_of_with_its_cost(
    site: Path, install: Any, good: Callable[..., str], fresh_python: Any
) -> None:
    # a package of that name stands in for torch: what counts is that it was not there and now is
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").write_text("import time\ntime.sleep(0.2)\n")
    install("acme-heavy", "import torch\n" + good("heavy"))
    done = fresh_python(
        "from mmcare.registry import discover\n"
        "r = next(p for p in discover().plugins if p.provider.distribution == 'acme-heavy')\n"
        "print(r.state, r.warnings[0], discover().warnings(discover().resolve('encoder', 'heavy')) == r.warnings)"
    )
    words = done.stdout.split()
    assert float(words[words.index("costs") + 1]) >= 200
    words[words.index("costs") + 1] = "N"
    assert " ".join(words) == (
        "ready the plugin acme-heavy 1.0 imports torch in its light module acme_heavy_plugin, which costs N ms at "
        "every start. Move the import into the module that `target` names (see docs/plugins.md). True"
    )


def test_the_registry_and_the_installed_plugins_load_no_torch(fresh_python: Any) -> None:
    code = "import sys, mmcare, mmcare.registry as r; r.discover(); r.listing(); print('torch' in sys.modules)"
    assert fresh_python(code).stdout == "False\n"


def test_the_index_spares_the_import(
    site: Path, install: Any, good: Callable[..., str], fresh_python: Any, own_cache: Path
) -> None:
    module = install("acme-slope", good("slope"))
    code = (
        "import sys, json, mmcare.registry as r\n"
        "p = next(p for p in r.listing() if p.distribution == 'acme-slope')\n"
        f"print(json.dumps([[c.name for c in p.components], p.import_seconds, {module!r} in sys.modules]))"
    )
    first, second = (json.loads(fresh_python(code).stdout) for _ in range(2))
    assert first[2] and not second[2], "seen once, it is not imported again"
    assert first[:2] == second[:2] and first[0] == ["slope"]
    (site / f"{module}.py").write_text(good("slope-again"))
    third = json.loads(fresh_python(code).stdout)
    assert third[0] == ["slope-again"] and third[2], "an edited module is looked at again"
    (next(own_cache.glob("plugins-*.json"))).write_text("{half a fi")
    assert json.loads(fresh_python(code).stdout)[0] == ["slope-again"], "a damaged index is made anew"


def test_a_broken_plugin_is_looked_at_again_for_its_cause_may_lie_elsewhere(site: Path, install: Any) -> None:
    install("acme-needs", "import acme_dependency\nMMCARE_API = 0\n")
    assert [p.state for p in listing() if p.distribution == "acme-needs"] == ["broken"]
    (site / "acme_dependency.py").write_text("")
    look_again()
    assert [p.state for p in listing() if p.distribution == "acme-needs"] == ["other-api"]


def test_a_cache_that_cannot_be_written_only_costs_time(
    site: Path, install: Any, good: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "a file" / "cache"))
    install("acme-slope", good("slope"))
    assert [p.state for p in listing() if p.distribution == "acme-slope"] == ["ready"]
    assert result_of("acme-slope").state == "ready"
