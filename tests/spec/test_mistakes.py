"""Mistakes in a spec: each case spoils one thing in the valid file, and its docstring is all that is said."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcare.registry import Registry
from mmcare.spec import check_spec

from .conftest import VALID, Check

Case = Callable[[], str | bytes]
CASES: list[Case] = []


def case(function: Case) -> Case:
    CASES.append(function)
    return function


def valid(old: str, new: str) -> str:
    """The valid file with one thing changed."""
    assert VALID.count(old) == 1, old
    return VALID.replace(old, new)


def cut_out(first: str, until: str) -> str:
    """The valid file without what stands from one word to another."""
    return VALID[: VALID.index(first)] + VALID[VALID.index(until) :]


@pytest.mark.timeout(60)  # ends the test of a file that would take for ever, such as doubled aliases
@pytest.mark.parametrize("spoil", CASES, ids=lambda c: c.__name__)
def test_a_mistake_is_said_in_words(spoil: Case, check: Check) -> None:
    found = check(spoil())
    assert re.sub("local [0-9a-f]{12}", "local VERSION", "\n".join(found)) == inspect.cleandoc(spoil.__doc__ or "")


def test_the_file_that_is_spoilt_is_valid(check: Check) -> None:
    assert check(VALID) == []


def test_line_ends_and_a_mark_of_another_system_are_fine(check: Check) -> None:
    assert check(VALID.replace("\n", "\r\n")) == []
    assert check("\ufeff" + VALID) == []
    assert check(valid("[sbrt, surgery]", "[yes, no]")) == []  # texts in YAML 1.2


def test_too_many_brackets(check: Check) -> None:
    assert check("[" * 5000) == ["spec.yaml: is nested too deeply to be read."]


# Keys and names


@case
def s01_key() -> str:
    """spec.yaml:14:1, fusoin: there is no such key. Did you mean `fusion`?"""
    return valid("fusion:", "fusoin:")


@case
def head_misspelt() -> str:
    """spec.yaml:15:1, haed: there is no such key. Did you mean `head`?"""
    return valid("head:", "haed:")


@case
def key_that_resembles_none() -> str:
    """
    spec.yaml:24:20, training.early_stopping.quux: there is no such key. It has: metric, patience.
    """
    return valid("patience: 5", "quux: 5")


@case
def key_of_a_component() -> str:
    """
    spec.yaml:18:10, head.endpoints.os.modle: there is no such key of head `two`. Did you mean `model`?
    """
    return valid("model: discrete", "modle: discrete")


@case
def key_given_back_that_does_not_exist() -> str:
    """
    spec.yaml:14:38, fusion.widht: there is no such key of fusion `mix`. Did you mean `width`?
    """
    return valid("heads: 4}", "heads: 4, widht: null}")


@case
def key_of_the_framework_given_back_that_does_not_exist() -> str:
    """spec.yaml:26:1, fusoin: there is no such key. Did you mean `fusion`?"""
    return VALID + "fusoin: null\n"


@case
def s03_component() -> str:
    """
    spec.yaml:10:15, modalities.ct.encoder.use: there is no encoder 'resnet4d'; did you mean `resnet3d` (`pip install mmcare-plugin-imaging`)? `mmcare plugin list --kind encoder` shows what there is.
    """  # noqa: E501
    return valid("use: cells", "use: resnet4d")


@case
def component_of_another_kind() -> str:
    """
    spec.yaml:14:10, fusion.use: 'lines' is an encoder, and a fusion is wanted here. `mmcare plugin list --kind fusion` shows what there is.
    """  # noqa: E501
    return valid("use: mix", "use: lines")


@case
def component_within_a_part() -> str:
    """
    spec.yaml:9:11, modalities.ct.roi.use: there is no segmenter 'drwn'; did you mean `drawn`? `mmcare plugin list --kind segmenter` shows what there is.
    """  # noqa: E501
    return valid("use: drawn", "use: drwn")


@case
def within_a_modality_that_does_not_exist() -> str:
    """
    spec.yaml:12:5, modalities.clinical.use: there is no modality 'rowss'; did you mean `rows`? `mmcare plugin list --kind modality` shows what there is.
    spec.yaml:13:27, modalities.clinical.encoder.hiden: there is no such key of encoder `lines`. Did you mean `hidden`?
    """  # noqa: E501
    return valid("use: rows", "use: rowss").replace("hidden:", "hiden:")


@case
def no_use() -> str:
    """
    spec.yaml:10:5, modalities.ct.encoder: `use` is missing; it names the encoder. Add `use:` with one of: cells, lines, links.
    """  # noqa: E501
    return valid("{use: cells, depth: 10}", "{depth: 10}")


@case
def use_misspelt() -> str:
    """spec.yaml:10:5, modalities.ct.encoder: `use` is missing; it names the encoder. Correct `ues`."""
    return valid("use: cells", "ues: cells")


@case
def use_is_a_number() -> str:
    """spec.yaml:10:5, modalities.ct.encoder: `use` names the encoder, found 3. Write a component's name."""
    return valid("use: cells", "use: 3")


@case
def a_name_in_place_of_a_part() -> str:
    """spec.yaml:14:1, fusion: expected a map with `use`, found mix. Write `{use: mix}`."""
    return valid("{use: mix, dim: 8, heads: 4}", "mix")


@case
def modality_key() -> str:
    """
    spec.yaml:6:3, modalities.CT scan: `CT scan` is no key of a modality; allowed are small letters, digits and `-`, a letter first.
    """  # noqa: E501
    return valid("  ct:", "  CT scan:")


@case
def modality_key_is_a_number() -> str:
    """
    spec.yaml:6:3, modalities.1: `1` is no key of a modality; allowed are small letters, digits and `-`, a letter first.
    """
    return valid("  ct:", "  1:")


# Values


@case
def s02_word_for_a_number() -> str:
    """spec.yaml:14:28, fusion.heads: expected a whole number, at least 1, found `four`."""
    return valid("heads: 4", "heads: four")


@case
def s13_nan() -> str:
    """spec.yaml:22:3, training.lr: expected a number, above 0, at most 10, found nan."""
    return valid("lr: 1.0e-4", "lr: .nan")


@case
def s13_infinite() -> str:
    """spec.yaml:22:3, training.lr: expected a number, above 0, at most 10, found inf."""
    return valid("lr: 1.0e-4", "lr: .inf")


@case
def s13_negative() -> str:
    """spec.yaml:22:3, training.lr: expected a number, above 0, at most 10, found -0.0001."""
    return valid("lr: 1.0e-4", "lr: -1e-4")


@case
def truth_for_a_number() -> str:
    """spec.yaml:22:3, training.lr: expected a number, above 0, at most 10, found true."""
    return valid("lr: 1.0e-4", "lr: true")


@case
def truth_in_a_list_of_numbers() -> str:
    """spec.yaml:8:15, modalities.ct.size.1: expected a number, found true."""
    return valid("[8, 8, 8]", "[8, true, 8]")


@case
def number_without_end() -> str:
    """
    spec.yaml:22:7, training.lr: `9999999999999999999999999999999999999999999999999999999999999999999999999999999…` is no number that can be read.
    """  # noqa: E501
    return valid("lr: 1.0e-4", "lr: " + "9" * 5000)


@case
def s27_batch_of_none() -> str:
    """spec.yaml:23:3, training.batch_size: expected a whole number, at least 1, at most 65536, found 0."""
    return valid("batch_size: 16", "batch_size: 0")


@case
def s27_batch_of_a_billion() -> str:
    """spec.yaml:23:3, training.batch_size: expected a whole number, at least 1, at most 65536, found 1000000000."""
    return valid("batch_size: 16", "batch_size: 1_000_000_000")


@case
def s27_batch_of_a_billion_as_a_float() -> str:
    """spec.yaml:23:3, training.batch_size: expected a whole number, at least 1, at most 65536, found 1000000000.0."""
    return valid("batch_size: 16", "batch_size: 1e9")


@case
def s27_no_epoch() -> str:
    """spec.yaml:23:3, training.max_epochs: expected a whole number, at least 1, at most 100000, found 0."""
    return valid("batch_size: 16", "max_epochs: 0")


@case
def none_of_some_words() -> str:
    """spec.yaml:24:20, training.early_stopping.metric: expected `loss`, `c_index` or `none`, found `cindex`."""
    return valid("patience: 5", "metric: cindex")


@case
def none_of_some_words_alone() -> str:
    """spec.yaml:24:3, training.early_stopping.metric: expected `loss`, `c_index` or `none`, found `cindex`."""
    return valid("{patience: 5}", "cindex")


@case
def one_item_of_a_list() -> str:
    """spec.yaml:8:15, modalities.ct.size.1: expected a whole number, found `big`."""
    return valid("[8, 8, 8]", "[8, big, 8]")


@case
def one_item_where_a_number_would_do_too() -> str:
    """spec.yaml:8:21, modalities.ct.spacing_mm.1: expected a number, found `big`."""
    return valid("size: [8, 8, 8]", "spacing_mm: [8, big, 8]")


@case
def neither_of_two_types() -> str:
    """
    spec.yaml:8:5, modalities.ct.spacing_mm: expected a number or a list of 3, each a number, found `big`.
    """
    return valid("size: [8, 8, 8]", "spacing_mm: big")


@case
def one_rate_of_a_map() -> str:
    """spec.yaml:23:22, training.modality_dropout.ct: expected a number below 1, found 2."""
    return valid("batch_size: 16", "modality_dropout: {ct: 2, clinical: 0.1}")


@case
def value_that_is_cut() -> str:
    """
    spec.yaml:23:3, training.device: expected `auto`, `cpu` or `cuda`, found `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`.
    """  # noqa: E501
    return valid("batch_size: 16", "device: " + "x" * 10_000)


@case
def what_a_component_needs() -> str:
    """spec.yaml:15:1, head.endpoints: is missing; head `two` needs it. Add `endpoints:`."""
    return cut_out("  endpoints:", "split:")


@case
def sections_that_are_no_maps() -> str:
    """
    spec.yaml:4:1, requires: expected a map, such as `{key: value}`, found 5.
    spec.yaml:5:1, modalities: expected a map, such as `{key: value}`, found ['ct'].
    """
    return cut_out("modalities:", "fusion:").replace("{arms: [sbrt, surgery]}", "5\nmodalities: [ct]")


@case
def name_that_is_a_path() -> str:
    """
    spec.yaml:3:1, name: `../x` cannot name run folders; allowed are up to 64 letters, digits, `.`, `_` and `-`, a letter or digit first.
    """  # noqa: E501
    return valid("name: small", "name: ../x")


# What fits together


@case
def s20_sum() -> str:
    """spec.yaml:20:9, split.fractions: the shares sum to 1.2; they must sum to 1."""
    return valid("[0.70, 0.15, 0.15]", "[0.7, 0.3, 0.2]")


@case
def s20_negative_part() -> str:
    """spec.yaml:20:9, split.fractions: a share is at least 0, found -0.1."""
    return valid("[0.70, 0.15, 0.15]", "[0.9, -0.1, 0.2]")


@case
def s20_two_parts() -> str:
    """spec.yaml:20:9, split.fractions: expected a list of 3, each a number, found [0.7, 0.3]."""
    return valid("[0.70, 0.15, 0.15]", "[0.7, 0.3]")


@case
def nobody_to_watch() -> str:
    """
    spec.yaml:23:3, training.scheduler: `plateau` watches validation patients, and `split.fractions: [0.8, 0, 0.2]` leaves none. Write `cosine`, or give validation a share.
    spec.yaml:24:3, training.early_stopping.metric: `loss` watches validation patients, and `split.fractions: [0.8, 0, 0.2]` leaves none. Write `none`, or give validation a share.
    """  # noqa: E501
    return valid("[0.70, 0.15, 0.15]", "[0.8, 0, 0.2]").replace("batch_size: 16", "scheduler: plateau")


@case
def utility() -> str:
    """spec.yaml:25:12, decision.utility: the weights sum to 1.4; they must sum to 1."""
    return valid("{os: 0.7, lc: 0.3}", "{os: 0.7, lc: 0.7}")


@case
def s22_width_and_heads() -> str:
    """spec.yaml:14:1, fusion: `dim: 130` is not divisible by `heads: 4`; change one of them."""
    return valid("dim: 8", "dim: 130")


@case
def s23_width_of_two_parts() -> str:
    """
    spec.yaml:14:38, fusion.width: is 12, and `modalities.clinical.encoder.hidden` ends with 8. Leave `width` out: it is taken from the encoder.
    """  # noqa: E501
    return valid("heads: 4}", "heads: 4, width: 12}")


@case
def s23_is_said_beside_another_mistake() -> str:
    """
    spec.yaml:14:38, fusion.width: is 12, and `modalities.clinical.encoder.hidden` ends with 8. Leave `width` out: it is taken from the encoder.
    spec.yaml:22:3, training.lr: expected a number, above 0, at most 10, found -1.
    """  # noqa: E501
    return valid("heads: 4}", "heads: 4, width: 12}").replace("lr: 1.0e-4", "lr: -1")


@case
def s24_one_arm_twice() -> str:
    """spec.yaml:4:12, requires.arms: the arm `sbrt` stands twice; name each arm once."""
    return valid("[sbrt, surgery]", "[sbrt, sbrt]")


@case
def s24_arm_that_is_no_text() -> str:
    """spec.yaml:4:12, requires.arms: an arm is a text, found true; put it in quotes."""
    return valid("[sbrt, surgery]", "[true, 1]")


@case
def s25_no_modality() -> str:
    """
    spec.yaml:1:1, modalities: there is no modality. Add at least one, such as `clinical: {use: table}`.
    """
    return cut_out("modalities:", "fusion:")


@case
def s25_one_modality_and_a_fusion() -> str:
    """
    warning: spec.yaml:11:1, fusion: there is one modality and nothing to fuse: `fusion` is ignored. Take it out, or add a modality.
    """  # noqa: E501
    return cut_out("  clinical:", "fusion:")


@case
def two_modalities_and_no_fusion() -> str:
    """
    spec.yaml:1:1, fusion: is missing: there are 2 modalities. Add `fusion: {use: NAME}` with one of: mix, side-by-side.
    """
    return cut_out("fusion:", "head:")


@case
def encoder_of_another_batch() -> str:
    """
    spec.yaml:13:15, modalities.clinical.encoder.use: cells takes `volume`, rows gives `table`. Choose an encoder that takes `table`; installed for `table`: lines.
    """  # noqa: E501
    return valid("use: lines, hidden: [8, 8]", "use: cells")


@case
def modality_without_encoder() -> str:
    """
    spec.yaml:6:3, modalities.ct: has no encoder; a network needs one. Add `encoder:`; installed for `volume`: cells.
    """
    return valid("    encoder: {use: cells, depth: 10}\n", "")


@case
def all_optional() -> str:
    """
    warning: spec.yaml:5:1, modalities: every modality is optional: a cohort could lack them all. Take `optional: true` from the one that every cohort has.
    """  # noqa: E501
    return valid("use: scan", "use: scan\n    optional: true").replace("use: rows", "use: rows\n    optional: true")


@case
def names_of_no_modality() -> str:
    """
    spec.yaml:23:22, training.modality_dropout.ctt: `ctt` is no modality of this spec; it has: ct, clinical. Correct the name, or take it out.
    spec.yaml:26:1, allow_after_decision.genomic: `genomic` is no modality of this spec; it has: ct, clinical. Correct the name, or take it out.
    """  # noqa: E501
    return valid("batch_size: 16", "modality_dropout: {ctt: 0.2}") + "allow_after_decision: [genomic]\n"


@case
def two_kinds_of_spec() -> str:
    """
    spec.yaml:26:1, baseline: a spec describes one thing, and this one has `head` and `baseline`. Keep one of them; `KEY: null` takes away what comes by `extends`.
    """  # noqa: E501
    return VALID + "baseline: {use: plain}\n"


@case
def no_kind_of_spec() -> str:
    """
    spec.yaml:1:1: describes no network, no baseline and no segmenter. Add `head:` (with `modalities` and `fusion`), or `baseline:` (with `modalities`), or `segmenter:`.
    """  # noqa: E501
    return cut_out("head:", "split:")


@case
def baseline_of_a_network() -> str:
    """
    spec.yaml:10:5, modalities.ct.encoder: a baseline reads the modality itself. Take the encoder out (`encoder: null` where it comes by `extends`).
    spec.yaml:13:5, modalities.clinical.encoder: a baseline reads the modality itself. Take the encoder out (`encoder: null` where it comes by `extends`).
    spec.yaml:14:1, fusion: a baseline has no `fusion`. Take it out (`fusion: null` where it comes by `extends`).
    """  # noqa: E501
    return cut_out("head:", "split:") + "baseline: {use: plain}\n"


@case
def segmenter_with_modalities() -> str:
    """
    spec.yaml:5:1, modalities: a segmenter has no `modalities`. Take it out (`modalities: null` where it comes by `extends`).
    """  # noqa: E501
    return cut_out("fusion:", "split:") + "segmenter: {use: drawn}\n"


@case
def nothing_to_take_away() -> str:
    """
    spec.yaml:14:3, modalities.ctt: `null` takes a modality away that no file below names. This spec has: ct, clinical.
    """
    return valid("fusion: ", "  ctt: null\nfusion: ")


# Faults of a plugin


@case
def a_check_that_fails() -> str:
    """
    spec.yaml:14:1, fusion: the check of fusion `mix` of local VERSION failed: IndexError: tuple index out of range. Tell its authors.
    """  # noqa: E501
    return valid("hidden: [8, 8]", "hidden: []").replace("heads: 4}", "heads: 4, width: 8}")


@case
def a_validator_that_fails() -> str:
    """
    spec.yaml:10:5, modalities.ct.encoder: could not be read by encoder `cells`: KeyError: 12. Tell its authors.
    """
    return valid("depth: 10", "depth: 12")


# The file


@case
def s04_bracket() -> str:
    """spec.yaml:14:9: the bracket that opens here is not closed (noticed in line 15). Close it."""
    return valid("heads: 4}", "heads: 4")


@case
def s05_tab() -> str:
    """spec.yaml:12:1: a tab stands in the indentation. Indent with spaces."""
    return valid("    use: rows", "\tuse: rows")


@case
def tab_within_a_line() -> str:
    """spec.yaml:3:12: a tab stands here, where only spaces can. Replace it by a space."""
    return valid("name: small", "name: small\t# a comment")


@case
def s06_empty() -> str:
    """spec.yaml: is empty, or holds only comments. `mmcare spec new --cohort DIR` writes a first spec."""
    return ""


@case
def s06_comments() -> str:
    """spec.yaml: is empty, or holds only comments. `mmcare spec new --cohort DIR` writes a first spec."""
    return "# a spec\n\n# to be written\n"


@case
def s07_twice() -> str:
    """spec.yaml:26:1, fusion: the key stands twice, in lines 14 and 26. Keep one of them."""
    return VALID + "fusion: {use: mix}\n"


@case
def s08_aliases() -> str:
    """spec.yaml:3:30, name: holds more than 20,000 values, aliases counted out."""
    lists = [f"&{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(9)]
    return valid("name: small", f"name: [&a [{', '.join('x' * 10)}], {', '.join(lists)}]")


@case
def s16_merge_keys() -> str:
    """
    spec.yaml:27:13, base1: merge keys (`<<`) are not read. Write the values out, or take them from a file with `extends`.
    """  # noqa: E501
    doubled = [f"base{i}: &b{i} {{<<: [*b{i - 1}, *b{i - 1}]}}\n" for i in range(1, 21)]
    return VALID + "base0: &b0 {x: 1}\n" + "".join(doubled)


@case
def nested_without_end() -> str:
    """spec.yaml:3:39, name: is nested more than 32 levels deep."""
    return valid("name: small", "name: " + "[" * 100 + "]" * 100)


@case
def s17_two_documents() -> str:
    """spec.yaml:26:1: holds two documents, from lines 2 and 26; one spec a file. Split it into two files."""
    return VALID + "---\nmmcare: 1\n"


@case
def s18_utf_16() -> bytes:
    """spec.yaml: is UTF-16 (byte 0). Save it as UTF-8."""
    return VALID.encode("utf-16")


@case
def s18_latin_1() -> bytes:
    """spec.yaml: is not UTF-8: byte 3 is 0xfc, as in Latin-1 or Windows-1252. Save it as UTF-8."""
    return VALID.replace("# a valid", "# gültig").encode("latin-1")


@case
def control_character() -> str:
    """spec.yaml:3:9: holds the character U+0000, which no YAML file holds. Take it out."""
    return valid("small", "sm\0all")


@case
def s19_newer() -> str:
    """
    spec.yaml:2:1, mmcare: found version 2; this mmcare reads version 1. Upgrade mmcare: `pip install --upgrade mmcare`.
    """
    return valid("mmcare: 1", "mmcare: 2")


@case
def s19_missing() -> str:
    """spec.yaml:1:1, mmcare: the version key is missing; this mmcare reads version 1. Add `mmcare: 1` at the top."""
    return valid("mmcare: 1\n", "")


@case
def s19_text() -> str:
    """spec.yaml:2:1, mmcare: found version '1'; this mmcare reads version 1. Write `mmcare: 1`."""
    return valid("mmcare: 1", "mmcare: '1'")


@case
def s29_no_break_spaces() -> str:
    """spec.yaml:12:1: a no-break space (U+00A0) stands in the indentation. Indent with spaces."""
    return valid("    use: rows", "\u00a0\u00a0\u00a0\u00a0use: rows")


@case
def tag() -> str:
    """
    spec.yaml:3:7, name: has the tag `tag:yaml.org,2002:python/object:os.system`; only plain values are read. Take it out.
    """  # noqa: E501
    return valid("name: small", "name: !!python/object:os.system x")


@case
def yaml_1_1() -> str:
    """spec.yaml: begins with the directive `%YAML 1.1`; YAML 1.2 is read, without directives."""
    return "%YAML 1.1\n---\n" + VALID


@case
def list_of_things() -> str:
    """spec.yaml:1:1: is not a map of keys, found ['a', 'b']. A spec begins with `mmcare: 1`."""
    return "- a\n- b\n"


@case
def cohort_dictionary() -> str:
    """
    spec.yaml: is a cohort's dictionary, not a spec. Give its folder with `--cohort .`; a spec begins with `mmcare: 1`.
    """
    return "mmcare_cohort: 1\npatients: {file: patients.csv, id: patient_id}\n"


@case
def extends_a_file_that_is_not_there() -> str:
    """spec.yaml:1:1, extends: there is no file no.yaml. A path is relative to the file that it stands in."""
    return "extends: no.yaml\n" + VALID


@case
def extends_itself() -> str:
    """
    spec.yaml:1:1, extends: the files extend each other: spec.yaml -> spec.yaml. Take one `extends` out.
    """
    return "extends: spec.yaml\n" + VALID


@case
def extends_two_files() -> str:
    """spec.yaml:1:1, extends: expected one file name, found ['a', 'b']. Write `extends: base.yaml`."""
    return "extends: [a, b]\n" + VALID


@case
def plugin_file_that_is_not_there() -> str:
    """
    spec.yaml:26:11, plugins.0: no.py: No such file or directory. Name a `.py` file; a plugin of several files is a package (`mmcare plugin new`).
    """  # noqa: E501
    return VALID + "plugins: [./no.py]\n"


SPOILT = st.lists(
    st.tuples(
        st.integers(0, len(VALID) - 1),
        st.integers(0, 12),
        st.sampled_from(["", "null", "true", "[]", "{}", "-1", ".nan", "{a: 1}", "&a ", "*a", "!!x ", "? ", "- ", ": "])
        | st.text(max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(changes=SPOILT)
def test_no_file_is_too_odd_to_be_answered(
    changes: list[tuple[int, int, str]], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = VALID
    for place, length, instead in changes:
        text = text[:place] + instead + text[place + length :]
    file = tmp_path_factory.mktemp("odd") / "spec.yaml"
    file.write_bytes(text.encode("utf-8", "replace"))
    spec, findings = check_spec(file, registry=registry)
    assert spec is not None or findings
    assert all(len(str(finding)) < 5 * 200 and "pydantic" not in str(finding) for finding in findings)
