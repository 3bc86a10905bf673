"""One patient: headers to volume, regions to mask, both checked, written, and recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmcare.cohort.deidentify.quiet import quiet
from mmcare.cohort.importing.masks import FoundMask, MaskFiles
from mmcare.cohort.importing.record import Places, is_done, read_record, record_of, write_record
from mmcare.cohort.importing.scan import SEGMENTS, SLICE, STRUCTURES, ScannedFile
from mmcare.cohort.importing.series import CTSeries, choose, series_of
from mmcare.cohort.importing.task import Outcome, PatientResult, PatientTask
from mmcare.errors import CohortError, Finding, MMCareError, Severity
from mmcare.formats.dicom import volume_of_slices
from mmcare.formats.image_checks import check_image
from mmcare.formats.nifti import write_nifti
from mmcare.formats.rows import counted
from mmcare.formats.volume import Volume

__all__ = ["import_patient"]


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What was read of a patient."""

    series: CTSeries
    volume: Volume
    mask: FoundMask | None
    findings: tuple[Finding, ...]


def import_patient(task: PatientTask) -> PatientResult:
    """Import one patient; an image that cannot be used is a result, not an error.

    Raises:
        MMCareError: The cohort cannot be written.
    """
    places = Places.of(task.settings.cohort, task.patient)
    before = _there_before(task, places)
    if before is not None:
        return before
    try:
        with quiet():
            read = _read(task)
    except CohortError as error:
        return _refused(task, error.findings)
    errors = [finding for finding in read.findings if finding.severity is Severity.ERROR]
    if errors:
        return _refused(task, read.findings)
    _write(task, places, read)
    return PatientResult(
        patient=task.patient,
        outcome=Outcome.IMPORTED,
        files=_accounted(task.files, read),
        image=f"{counted(read.series.n_slices, 'slice')}, {read.volume.geometry}",
        mask=_mask_in_words(read.mask),
        findings=read.findings,
    )


def _there_before(task: PatientTask, places: Places) -> PatientResult | None:
    """The patient as imported before; None where there is none, or it is to be done anew."""
    record = read_record(places)
    if record is None:
        return _foreign(task, places)
    whole = is_done(places, record)
    if whole and record.get("key") == task.key():
        mask = record.get("mask")
        said = f"{mask['voxels']:,} voxels" if mask else ""
        return PatientResult(task.patient, Outcome.DONE, _all(task, "of a patient who is there already"), mask=said)
    if not whole or task.settings.replace:
        return None
    what = "is there already, imported from other files or with other regions; it is kept as it is."
    finding = Finding(patient=task.patient, file=places.record, what=what, severity=Severity.WARNING, code="kept")
    return _kept(task, finding.at(todo="Give `--replace` to import the patient anew."))


def _foreign(task: PatientTask, places: Places) -> PatientResult | None:
    """Images without a record: of a killed import if the table does not know the patient, else somebody's own."""
    if task.patient not in task.settings.listed or not places.image.exists() or task.settings.replace:
        return None
    what = "is there already and was not made by an import (it has no record); it is kept as it is."
    finding = Finding(patient=task.patient, file=places.image, what=what, severity=Severity.WARNING, code="kept")
    return _kept(task, finding.at(todo="Give `--replace` to import the patient anew."))


def _kept(task: PatientTask, finding: Finding) -> PatientResult:
    return PatientResult(
        task.patient, Outcome.KEPT, _all(task, "of a patient who is kept as it is"), findings=(finding,)
    )


def _read(task: PatientTask) -> _Read:
    slices = [file.header for file in task.files if file.kind == SLICE and file.header is not None]
    if not slices:
        n = len(task.files)
        what = f"has no CT slice among {counted(n, 'file')}; a CT series is due."
        raise CohortError(Finding(what=what, todo="Bring the CT that the mask was made on.", code="no-ct"))
    masks = MaskFiles(task.files, task.settings.rois)
    series, findings = choose(series_of(slices), task.settings.series, masks.series_with_mask)
    if series.n_twice:
        what = f"{counted(series.n_twice, 'file')} of the series hold an image that is there already (one "
        findings.append(_warning(f"{what}SOPInstanceUID); each image is taken once.", "image-twice"))
    volume = volume_of_slices(series.slices)
    mask, more = masks.find(volume)
    findings += [*more, *(mask.findings if mask is not None else ())]
    volume = replace(volume, mask=mask.values if mask is not None else None)
    findings += check_image(volume)
    return _Read(series, volume, mask, tuple(finding.at(patient=task.patient) for finding in findings))


def _warning(what: str, code: str) -> Finding:
    return Finding(what=what, severity=Severity.WARNING, code=code)


def _refused(task: PatientTask, findings: Sequence[Finding]) -> PatientResult:
    named = tuple(finding.at(patient=task.patient) for finding in findings)
    return PatientResult(task.patient, Outcome.REFUSED, _all(task, "of a refused patient"), findings=named)


def _write(task: PatientTask, places: Places, read: _Read) -> None:
    """The record goes first and comes last: while it is absent, the patient is not finished."""
    try:
        for path in (places.record, places.mask, places.image):
            path.unlink(missing_ok=True)
    except OSError as error:
        what = f"cannot be replaced: {error.strerror}."
        raise MMCareError(Finding(file=path, what=what, todo="Allow writing there.", code="not-written")) from error
    write_nifti(places.image, read.volume.values, read.volume.affine)
    if read.mask is not None:
        write_nifti(places.mask, read.mask.values, read.volume.affine)
    write_record(places, record_of(task, read.series, read.volume, read.mask, read.findings))


def _mask_in_words(mask: FoundMask | None) -> str:
    if mask is None:
        return ""
    return f"{mask.kind} {', '.join(mask.regions)}: {int(mask.values.sum()):,} voxels"


def _accounted(files: Sequence[ScannedFile], read: _Read) -> dict[str, int]:
    """Each file of an imported patient in one class."""
    used = {header.path for header in read.series.slices}
    mask = read.mask.file if read.mask is not None else None
    return dict(Counter(_class(file, used, mask, read.series.uid) for file in files))


def _class(file: ScannedFile, used: set[Path], mask: Path | None, series_uid: str) -> str:
    if file.path == mask:
        return "mask, imported"
    if file.kind == SLICE and file.header is not None:
        if file.path in used:
            return "multi-frame CT, imported" if file.header.is_enhanced_ct else "CT slice, imported"
        return "image twice" if file.header.series_uid == series_uid else "CT slice of a series that was not taken"
    return f"{file.kind}, not taken" if file.kind in (STRUCTURES, SEGMENTS) else "NIfTI or NRRD file, not taken"


def _all(task: PatientTask, reason: str) -> dict[str, int]:
    return {reason: len(task.files)}
