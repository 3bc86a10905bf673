"""What an import writes, which series and masks it takes, and how a cohort that is there is completed."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset

from mmcare.errors import MMCareError
from mmcare.formats import read_dicom_series, read_mask, read_nifti
from mmcare.workflow.cohort_check import check_cohort_folder
from mmcare.workflow.import_dicom import ImportOptions, import_dicom

from .conftest import TUMOUR, Import, inside, said, thorax, tumour, write_ct, write_rtstruct, write_seg


def mask_of(cohort: Path, patient: str = "P1") -> np.ndarray:
    """(slice, row, column) as stored in DICOM."""
    values = np.asarray(nibabel.load(cohort / "ct" / f"{patient}_gtv.nii.gz").dataobj)
    return values[::-1, ::-1].transpose(2, 1, 0).astype(bool)


def test_a_patient_is_written_whole(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "anything.bin")
    summary = import_("gtv-1")
    (result,) = summary.patients
    assert (result.image, result.mask) == (
        "8 slices, 24 x 24 x 8 voxels of 2 x 2 x 3 mm, RAS",
        "RTSTRUCT GTV-1: 75 voxels",
    )
    assert summary.files == {"CT slice, imported": 8, "mask, imported": 1}
    volume, findings = read_nifti(cohort / "ct" / "P1.nii.gz")
    assert findings == []
    np.testing.assert_array_equal(volume.values[::-1, ::-1].transpose(2, 1, 0), thorax())
    mask, _ = read_mask(cohort / "ct" / "P1_gtv.nii.gz", None, volume)
    np.testing.assert_array_equal(mask[::-1, ::-1].transpose(2, 1, 0), inside())
    place = volume.affine @ [*np.argwhere(mask)[0], 1]
    assert place[:3].tolist() == [-(-20 + 2 * 8), -(-30 + 2 * 13), 100 + 3 * 2]  # the last column and row come first


def test_the_record_says_where_the_images_come_from(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "b" / "rs")
    import_("gtv*")
    text = (cohort / "ct" / "P1.json").read_text()
    record = json.loads(text)
    assert str(source.parent) not in text
    assert record["source"] == "source"
    assert record["series"]["series_uid"] == "1.2.826.8049.2"
    assert record["series"]["Manufacturer"] == "MAKER"
    assert record["mask"] == {
        "kind": "RTSTRUCT",
        "file": "b/rs",
        "regions": ["GTV-1"],
        "voxels": 75,
        "volume_mm3": 900.0,
    }
    assert set(record["files"]) == {"P1.nii.gz", "P1_gtv.nii.gz"}


def test_the_cohort_is_one_that_the_check_accepts(source: Path, cohort: Path, import_: Import) -> None:
    for patient, hu in (("P1", thorax()), ("P2", thorax() + 1)):
        write_ct(source / patient, patient, hu=hu)
        write_rtstruct(source / f"rs{patient}", patient)
    import_("gtv*")
    checked, findings = check_cohort_folder(cohort)
    assert [str(finding) for finding in findings] == []
    assert checked is not None
    assert checked.patients == ("P1", "P2")


def test_no_region_matches_and_what_is_there_is_listed(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "rs")
    assert said(import_("PTV", "itv*"), source) == [
        "error: patient P1, --roi: no region matches 'PTV' or 'itv*': rs (RTSTRUCT) holds 'GTV-1', 'Heart'. Give one "
        "of these as `--roi`."
    ]
    assert said(import_(), source) == [
        "warning: patient P1, --roi: it is not said which region is the tumour: rs (RTSTRUCT) holds 'GTV-1', 'Heart'. "
        "The CT is imported without a mask. Give one of these as `--roi`, and `--replace`."
    ]


def test_several_patterns_are_united(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    rois = {"GTV-1": tumour()[:1], "nodes": tumour()[1:2], "Heart": tumour()[2:]}
    write_rtstruct(source / "rs", rois=rois)
    summary = import_("NODES", "gtv*")
    assert int(mask_of(cohort).sum()) == 50
    assert said(summary, source) == [
        "note: rs, patient P1, roi: 2 regions match 'NODES' or 'gtv*' and are united: 'GTV-1', 'nodes'."
    ]


RULE = (
    "the one with a mask of the regions asked for, else one whose slices make a volume, else an original before a "
    "derived one, else the one with most slices, else the first by UID. Give `--series UID` to take another."
)


def test_d04_the_choice_between_two_series_and_its_rule_are_said(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a", n=7)
    write_ct(source / "b", series=5)
    write_rtstruct(source / "rs", series=2)
    summary = import_("gtv*")
    assert said(summary, source) == [
        "note: patient P1: has 2 CT series: 'Thorax 2' with 7 slices (1.2.826.8049.2); 'Thorax 5' with 8 slices "
        f"(1.2.826.8049.5); taken is 1.2.826.8049.2, by the rule: {RULE}"
    ]
    assert summary.files == {
        "CT slice of a series that was not taken": 8,
        "CT slice, imported": 7,
        "mask, imported": 1,
    }


def derived(dataset: Dataset, index: int) -> None:
    dataset.ImageType = ["DERIVED", "SECONDARY"]


def gap(dataset: Dataset, index: int) -> None:
    dataset.ImagePositionPatient = [-20, -30, 100 + 3 * index + (3 if index > 4 else 0)]


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ({}, {"n": 7}, "2"),
        ({"n": 7}, {}, "5"),
        ({"change": derived}, {"n": 7}, "5"),
        ({"change": gap}, {"n": 7, "change": derived}, "5"),
        ({}, {}, "2"),
    ],
    ids=["more slices", "more slices, last", "original", "makes a volume", "first UID"],
)
def test_without_a_mask_the_better_series_is_taken(
    source: Path, cohort: Path, import_: Import, first: dict, second: dict, taken: str
) -> None:
    write_ct(source / "a", **first)
    write_ct(source / "b", series=5, **second)
    import_()
    record = json.loads((cohort / "ct" / "P1.json").read_text())
    assert record["series"]["series_uid"] == f"1.2.826.8049.{taken}"


def test_a_series_can_be_named(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_ct(source / "b", series=5, n=6)
    import_(series=("1.2.826.8049.5",))
    assert json.loads((cohort / "ct" / "P1.json").read_text())["series"]["slices"] == 6
    with pytest.raises(MMCareError) as caught:
        import_(series=("1.9",))
    assert str(caught.value) == "--series: no file is of the series 1.9. Give a SeriesInstanceUID that is there."


def test_the_newest_of_two_structure_sets_is_taken(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "old", rois={"GTV-1": tumour()[:1]}, made="20200101")
    write_rtstruct(source / "new", made="20210101")
    summary = import_("gtv*")
    assert int(mask_of(cohort).sum()) == 75
    assert summary.files == {"CT slice, imported": 8, "mask, imported": 1, "structure set, not taken": 1}
    assert said(summary, source) == [
        "note: patient P1: 2 files hold a mask that is meant: 'new', 'old'; taken is new, by the rule: a structure set "
        "before a segmentation before another file, then the newest."
    ]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_by_highdicom_gives_its_own_voxels(
    source: Path, cohort: Path, import_: Import, kind: str
) -> None:
    ct = write_ct(source / "a")
    write_seg(source / "seg", ct, {"Lung": ~inside(), "GTV-1": inside()}, kind=kind)
    summary = import_("gtv-1")
    np.testing.assert_array_equal(mask_of(cohort), inside())
    assert summary.patients[0].mask == "SEG GTV-1: 75 voxels"
    fractional = "note: seg, patient P1, roi: the segmentation is fractional; voxels from 0.5 upwards count as inside."
    assert said(summary, source) == ([fractional] if kind == "FRACTIONAL" else [])


@pytest.mark.parametrize("omit_empty", [True, False])
@pytest.mark.parametrize("slices", [(3,), (2, 5)], ids=["one frame", "a gap"])
def test_a_segmentation_lies_where_its_frames_lie(
    source: Path, cohort: Path, import_: Import, slices: tuple[int, ...], omit_empty: bool
) -> None:
    mask = np.zeros_like(inside())
    for index in slices:
        mask[index, TUMOUR[1], TUMOUR[2]] = True
    write_seg(source / "seg", write_ct(source / "a"), {"GTV-1": mask}, omit_empty=omit_empty)
    import_()
    np.testing.assert_array_equal(mask_of(cohort), mask)


def test_a_cohort_may_name_a_segmentation_as_its_mask(source: Path, tmp_path: Path) -> None:
    volume, _ = read_dicom_series(write_ct(source))
    one = write_seg(tmp_path / "one", source, {"GTV-1": inside()})
    two = write_seg(tmp_path / "two", source, {"Lung": ~inside(), "GTV-1": inside()})
    for path, roi in ((one, None), (two, "gtv*")):
        mask, findings = read_mask(path, roi, volume)
        assert findings == []
        np.testing.assert_array_equal(mask[::-1, ::-1].transpose(2, 1, 0), inside())
    with pytest.raises(MMCareError) as caught:
        read_mask(two, None, volume)
    assert str(caught.value) == (
        f"{two}, roi: a segmentation needs the name of a segment; it holds: 'Lung', 'GTV-1'. Give `roi:`."
    )


def test_a_segment_that_is_not_there_is_listed(source: Path, import_: Import) -> None:
    write_seg(source / "seg", write_ct(source / "a"), {"Lung": ~inside(), "GTV-1": inside()})
    assert said(import_("ptv"), source) == [
        "error: patient P1, --roi: no region matches 'ptv': seg (SEG) holds 'Lung', 'GTV-1'. Give one of these as "
        "`--roi`."
    ]


def test_a_segmentation_of_other_images_is_refused(source: Path, tmp_path: Path, import_: Import) -> None:
    def moved(dataset: Dataset, index: int) -> None:
        dataset.ImagePositionPatient = [-19, -30, 101.5 + 3 * index]

    other = write_ct(tmp_path / "other", change=moved, series=5)
    write_ct(source / "a")
    write_seg(source / "seg", other, {"GTV-1": inside()})
    assert said(import_(), source) == [
        "error: seg, patient P1: the segmentation lies on another grid than the CT: "
        "24 x 24 x 3 voxels of 2 x 2 x 3 mm, "
        "RAS against 24 x 24 x 8 voxels of 2 x 2 x 3 mm, RAS, first voxels [-1.0, 0.0, 7.5] mm apart. Resample the "
        "segmentation to the CT's grid (nearest neighbour)."
    ]


def test_a_mask_beside_is_found_by_the_id_or_by_its_folder(source: Path, cohort: Path, import_: Import) -> None:
    for patient in ("P1", "P10"):
        write_ct(source / patient / "ct", patient)
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    affine[:3, 3] = [20, 30, 100]
    image = nibabel.Nifti1Image(inside().transpose(2, 1, 0).astype(np.uint8), affine)
    nibabel.save(image, source / "P10_GTV.nii.gz")
    (source / "P1" / "masks").mkdir()
    nibabel.save(image, source / "P1" / "masks" / "tumour-gtv.nii")
    nibabel.save(image, source / "somebody.nii")
    summary = import_("gtv")
    assert [result.mask for result in summary.patients] == [
        "NIfTI or NRRD tumour-gtv: 75 voxels",
        "NIfTI or NRRD P10_GTV: 75 voxels",
    ]
    assert summary.files == {
        "CT slice, imported": 16,
        "NIfTI or NRRD file beside no patient": 1,
        "mask, imported": 2,
    }


def test_a_cohort_that_is_there_is_completed(source: Path, cohort: Path, import_: Import) -> None:
    cohort.mkdir()
    yaml = "mmcare_cohort: 1  # ours\npatients: {file: table.tsv, id: case}\ncolumns:\n  age: {type: number}  # years\n"
    (cohort / "cohort.yaml").write_text(yaml)
    (cohort / "table.tsv").write_text("age\tcase\n61\tP1\n72\tP5")
    for patient in ("P1", "P2"):
        write_ct(source / patient, patient)
        write_rtstruct(source / f"rs{patient}", patient)
    import_("gtv*")
    assert (cohort / "table.tsv").read_text() == "age\tcase\n61\tP1\n72\tP5\n\tP2\n"
    assert (cohort / "cohort.yaml").read_text() == (
        yaml + "modalities:\n  ct:\n    files: ct/{patient}.nii.gz\n    mask: ct/{patient}_gtv.nii.gz\n"
    )


def test_a_dictionary_whose_ct_lies_elsewhere_is_refused(source: Path, cohort: Path, import_: Import) -> None:
    cohort.mkdir()
    (cohort / "patients.csv").write_text("patient_id\nP1\n")
    (cohort / "cohort.yaml").write_text('mmcare_cohort: 1\nmodalities: {ct: {files: "dicom/{patient}"}}\n')
    with pytest.raises(MMCareError) as caught:
        import_()
    assert str(caught.value) == (
        f"{cohort}/cohort.yaml, modalities.ct.files: is `dicom/{{patient}}`; an import writes "
        "`ct/{patient}.nii.gz`. Import into another cohort folder, or rename that modality."
    )


def test_a_folder_of_other_things_is_no_place_for_a_cohort(source: Path, cohort: Path, import_: Import) -> None:
    cohort.mkdir()
    (cohort / "thesis.doc").write_text("")
    with pytest.raises(MMCareError) as caught:
        import_()
    assert str(caught.value) == (
        f"{cohort}: is not empty and holds no cohort.yaml. Name a new folder, or write the dictionary first "
        "(`mmcare cohort init TABLE` drafts one)."
    )


def test_finished_patients_are_not_done_twice(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "rs")
    import_("gtv*")
    before = {path: path.stat().st_mtime_ns for path in (cohort / "ct").iterdir()}
    write_ct(source / "b", "P2")
    summary = import_("GTV*")
    assert [str(result.outcome) for result in summary.patients] == ["there already", "imported"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (cohort / "patients.csv").read_text() == "patient_id\nP1\nP2\n"


def test_other_settings_do_not_overwrite_unless_asked(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    write_rtstruct(source / "rs")
    import_("gtv*")
    summary = import_("heart")
    assert said(summary, cohort) == [
        "warning: ct/P1.json, patient P1: is there already, imported from other files or with other regions; it is "
        "kept as it is. Give `--replace` to import the patient anew."
    ]
    assert int(mask_of(cohort).sum()) == 75
    import_("heart", replace=True)
    assert int(mask_of(cohort).sum()) == 25


def test_a_damaged_image_is_imported_anew(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    import_()
    whole = (cohort / "ct" / "P1.nii.gz").read_bytes()
    (cohort / "ct" / "P1.nii.gz").write_bytes(whole[:-7])
    assert [str(result.outcome) for result in import_().patients] == ["imported"]
    assert (cohort / "ct" / "P1.nii.gz").read_bytes() == whole


def test_images_that_no_import_made_are_kept(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a")
    (cohort / "ct").mkdir(parents=True)
    (cohort / "patients.csv").write_text("patient_id\nP1\n")
    (cohort / "cohort.yaml").write_text("mmcare_cohort: 1\n")
    (cohort / "ct" / "P1.nii.gz").write_bytes(b"ours")
    assert said(import_(), cohort) == [
        "warning: ct/P1.nii.gz, patient P1: is there already and was not made by an import (it has no record); it is "
        "kept as it is. Give `--replace` to import the patient anew."
    ]
    assert (cohort / "ct" / "P1.nii.gz").read_bytes() == b"ours"


def test_several_processes_write_the_same_bytes(source: Path, cohort: Path, tmp_path: Path) -> None:
    for patient in ("P1", "P2", "P3"):
        write_ct(source / patient, patient)
        write_rtstruct(source / f"rs{patient}", patient)
    import_dicom(source, cohort, ImportOptions(("gtv*",), workers=2))
    import_dicom(source, tmp_path / "other", ImportOptions(("gtv*",), workers=1))
    for path in sorted(cohort.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "other" / path.relative_to(cohort)).read_bytes()


def test_a_source_that_holds_the_cohort_is_refused(source: Path) -> None:
    write_ct(source / "a")
    with pytest.raises(MMCareError) as caught:
        import_dicom(source, source / "cohort")
    assert str(caught.value) == (
        f"{source}: holds the cohort {source / 'cohort'}: what is written would be read. Write elsewhere."
    )
    assert not (source / "cohort").exists()
