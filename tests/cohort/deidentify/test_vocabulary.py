"""Which names of regions, kernels, makers and models may stay."""

from __future__ import annotations

import pytest

from mmcare.cohort.deidentify.vocabulary import is_kernel, is_model, is_region, maker, named_after

STAYS = """
GTV-1|GTV|gtv|GTVp|GTV1|GTV_T|IGTV|ITV|PTV 5mm|PTV_1|CTV+5mm|Lung_L|Lung-Left|LungL|LUNG R|Lungs|Lungs-GTV|Spinal-Cord
SpinalCord|Spinal Cord PRV|Esophagus|Oesophagus|Heart|BODY|External|Chest Wall|ChestWall_L|A_Aorta|Trachea
Brachial Plexus|Bronchus_Prox|Lung_Total|GTV nodes|Nodule 2|GTV T1
""".replace("\n", "|")
GOES = """
Doe|GTV Doe|GTV Meier|GTV-1 (Meier)|Anna|Dr. Lung|MRN 4711|GTV 19310704|GTV 4711|GTV1931|Lung_L 2008-09-18
John Heart Doe|GTVmeier|GTV\u00e9|GTV;Meier|1|-|a b c|LungMüller|P-17|Left|Right Upper|GTV@home
""".replace("\n", "|")
SKIPPED = {"A_Aorta", "Bronchus_Prox"}
"""A prefix and a short form that are not in the list: they go, which loses a name and nothing else."""


@pytest.mark.parametrize("name", [n for n in STAYS.split("|") if n])
def test_names_of_anatomy_stay(name: str) -> None:
    assert is_region(name) is (name not in SKIPPED)


@pytest.mark.parametrize("name", [*[n for n in GOES.split("|") if n], "", " ", "GTV " * 40])
def test_any_other_name_goes(name: str) -> None:
    assert not is_region(name)


@pytest.mark.parametrize(
    ("name", "pattern", "new"),
    [
        ("GTV Meier", "gtv *", "gtv 12"),
        ("Tumour of Meier", "*tumour*", "12tumour12"),
        ("boost a", "boost ?", "boost 2"),
        ("Boost Volume", "boost volume", "boost volume"),
        ("Meier", "*", "12"),
        ("boost ab", "boost ?", None),
        ("boost", "gtv*", None),
        ("GTV a", "gtv [ab]", None),
    ],
)
def test_what_a_pattern_of_the_user_leaves_open_never_gets_through(name: str, pattern: str, new: str | None) -> None:
    assert named_after(name, [pattern], 12) == new


@pytest.mark.parametrize(
    "text", ["B30f", "B19f", "Br40d", "I31f", "FC51", "STANDARD", "LUNG", "B", "C", "BONEPLUS", "Qr40", "3"]
)
def test_kernels_stay(text: str) -> None:
    assert is_kernel(text)


@pytest.mark.parametrize("text", ["DOE", "Doe", "B30f Doe", "STANDARD DOE", "19310704", "", "MEIER"])
def test_what_is_no_kernel_goes(text: str) -> None:
    assert not is_kernel(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SIEMENS", "SIEMENS"),
        ("Siemens Healthineers of Dr. Doe", "SIEMENS"),
        ("GE MEDICAL SYSTEMS", "GE MEDICAL SYSTEMS"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA", "TOSHIBA"),
        ("Doe & Sons", None),
        ("", None),
    ],
)
def test_the_maker_is_named_by_the_list(text: str, name: str | None) -> None:
    assert maker(text) == name


@pytest.mark.parametrize(
    "text", ["Biograph 40", "LightSpeed VCT", "Sensation 64", "Brilliance Big Bore", "Aquilion", "ARIA RadOnc"]
)
def test_models_stay(text: str) -> None:
    assert is_model(text)


@pytest.mark.parametrize("text", ["Biograph Doe", "Doe", "Biograph 20080918", "40", ""])
def test_what_is_no_model_goes(text: str) -> None:
    assert not is_model(text)
