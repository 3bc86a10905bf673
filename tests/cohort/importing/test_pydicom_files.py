"""The DICOM files of pydicom's own package: each is imported, or refused in words, and counted once."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from mmcare.cohort.importing.scan import scan_files
from mmcare.workflow.import_dicom import ImportOptions, ImportSummary, import_dicom

DATA = Path(pydicom.__file__).parent / "data"
FILES = DATA / "test_files"
KINDS = {
    "CT_small.dcm": "CT slice",
    "693_J2KI.dcm": "CT slice",
    "J2K_pixelrep_mismatch.dcm": "CT slice",
    "dicomdirtests/98892001/CT5N/2062": "CT slice",
    "dicomdirtests/98892001/CT2N/6293": "scout",
    "MR_small.dcm": "of modality MR",
    "MR_truncated.dcm": "of modality MR",
    "ExplVR_BigEnd.dcm": "of modality US",
    "JPEG2000.dcm": "of modality NM",
    "SC_rgb_rle.dcm": "of modality OT",
    "rtdose.dcm": "of modality RTDOSE",
    "rtplan.dcm": "of modality RTPLAN",
    "rtplan_truncated.dcm": "of modality RTPLAN",
    "rtstruct.dcm": "structure set",
    "liver_1frame.dcm": "segmentation",
    "liver_expb_1frame.dcm": "segmentation",
    "reportsi.dcm": "of modality SR",
    "waveform_ecg.dcm": "of modality ECG",
    "badVR.dcm": "damaged",
    "dicomdirtests/DICOMDIR": "without modality (a directory, a palette)",
    "meta_missing_tsyntax.dcm": "without modality (a directory, a palette)",
    "no_meta.dcm": "no DICOM file",
    "zipMR.gz": "no DICOM file",
    "test1.json": "no DICOM file",
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_file_is(name: str) -> None:
    (found,) = scan_files([FILES / name])
    assert found.kind == KINDS[name]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> ImportSummary:
    return import_dicom(DATA, tmp_path_factory.mktemp("out") / "cohort", ImportOptions(("liver",)))


def test_every_file_is_counted_once(summary: ImportSummary) -> None:
    assert sum(summary.files.values()) == sum(path.is_file() for path in DATA.rglob("*"))
    assert summary.files["CT slice, imported"] == 5
    assert summary.files["scout"] == 2


REFUSALS = {
    "1CT1": "series 1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322: the series has one slice; a volume needs at least "
    "2. Name the whole series.",
    "77654033": "series 'Routine Brain': slices are missing (161 of 165), between -99.48 and 103.02 mm; the others are "
    "1.25 mm apart. Export the whole series again.",
    "99000": "patient 99000: has no CT slice among 2 files; a CT series is due. Bring the CT that the mask was made "
    "on.",
    "CQ500-CT-310": "series '5/5mm Plain': the series has one slice; a volume needs at least 2. Name the whole series.",
    "JXD191021006": "series 'Lv2': the series has one slice; a volume needs at least 2. Name the whole series.",
    "tPhantom30sep": "patient tPhantom30sep: has no CT slice among 1 file; a CT series is due. Bring the CT that the "
    "mask was made on.",
}


def test_each_patient_is_imported_or_refused_in_words(summary: ImportSummary) -> None:
    outcomes = {result.patient: str(result.outcome) for result in summary.patients}
    assert outcomes == {"98890234": "imported", "12345678": "refused", **dict.fromkeys(REFUSALS, "refused")}
    said = {result.patient: str(result.findings[0]) for result in summary.patients}
    for patient, words in REFUSALS.items():
        assert said[patient].endswith(words)
    elements = [
        finding.key for result in summary.patients for finding in result.findings if result.patient == "12345678"
    ]
    assert elements == [
        "(0028,0010) Rows",
        None,  # RescaleSlope and RescaleIntercept
        "(0028,0030) PixelSpacing",
        "(0020,0037) ImageOrientationPatient",
        "(0020,0032) ImagePositionPatient",
    ]


def test_a_damaged_file_is_said(summary: ImportSummary) -> None:
    (found,) = [str(finding) for finding in summary.findings if finding.code == "damaged-dicom"]
    assert found == (
        f"{FILES / 'badVR.dcm'}: is a damaged DICOM file (ValueError: invalid literal for int() with base 10: '1A'); "
        "it is left out. Export it again."
    )
