"""Images of the Imaging Data Commons: what a collection holds, under which licence, and fetching it."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any, Protocol

from mmcare.errors import CohortError, Finding, MMCareError, Severity, cut
from mmcare.formats.atomic import write_text
from mmcare.formats.rows import counted

__all__ = ["IMAGES", "IdcSeries", "Selection", "Storage", "check_reachable", "fetch", "select"]

IMAGES = ("CT", "RTSTRUCT", "SEG")
_COLUMNS = (
    *("collection_id", "analysis_result_id", "PatientID", "SeriesInstanceUID", "Modality", "source_DOI"),
    *("license_short_name", "instanceCount", "series_size_MB", "aws_bucket"),
)
_PORT, _SECONDS = 443, 10.0
_ROOM = 1.05


@dataclass(frozen=True, slots=True)
class IdcSeries:
    """A DICOM series as the index lists it; size in MB, licence by its short name."""

    patient: str
    uid: str
    modality: str
    licence: str
    doi: str
    n_files: int
    size_mb: float
    bucket: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The series of a collection that were asked for.

    Attributes:
        collection: Its id in the Imaging Data Commons, such as `nsclc_radiomics`.
        version: Version of the index.
        series: What was selected.
        left_out: Series of the collection that were not, by reason.
    """

    collection: str
    version: str
    series: tuple[IdcSeries, ...]
    left_out: Mapping[str, int]

    @property
    def size_mb(self) -> float:
        """All of it."""
        return sum(series.size_mb for series in self.series)

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids, each once."""
        return tuple(dict.fromkeys(series.patient for series in self.series))

    def licences(self) -> Mapping[tuple[str, str], int]:
        """How many series each licence and DOI covers."""
        counts: dict[tuple[str, str], int] = {}
        for series in self.series:
            counts[series.licence, series.doi] = counts.get((series.licence, series.doi), 0) + 1
        return counts


def select(collection: str, modalities: Collection[str] = IMAGES, patients: Collection[str] = ()) -> Selection:
    """The series of a collection, by the index that `idc-index` brings: no network is needed.

    Args:
        collection: Its id or its name in The Cancer Imaging Archive (`NSCLC-Radiomics` is `nsclc_radiomics`).
        modalities: DICOM modalities to take.
        patients: Patients to take; all where empty.

    Raises:
        MMCareError: `idc-index` is not installed.
        CohortError: There is no such collection or patient, or nothing is left.
    """
    index = _index()
    name = collection.strip().lower().replace("-", "_").replace(" ", "_")
    rows = _rows(index, name)
    if not rows:
        raise CohortError(_no_collection(index, collection, name))
    _check_patients(rows, name, patients)
    reasons = [_reason(row, modalities, patients) for row in rows]
    left_out = {reason: reasons.count(reason) for reason in dict.fromkeys(reasons) if reason}
    series = tuple(_series(row) for row, reason in zip(rows, reasons, strict=True) if not reason)
    if not series:
        found = ", ".join(sorted({str(row["Modality"]) for row in rows}))
        what = f"no series of `{name}` is left; its modalities are {found}."
        raise CohortError(Finding(what=what, todo="Name others with --modality.", code="nothing-left"))
    return Selection(name, index.version, series, left_out)


class Storage(Protocol):
    """Where series are downloaded from: `idc_index.IDCClient`."""

    def download_from_selection(
        self, downloadDir: str, *, seriesInstanceUID: list[str], use_s5cmd_sync: bool
    ) -> object:
        """Download series below a folder, in the storage's own order of folders."""


def fetch(selection: Selection, out: Path, storage: Storage | None = None) -> list[Finding]:
    """Download the series below `out`, a folder a patient, with licence and source in `PROVENANCE.md`.

    A download that was stopped goes on by the same call: what is there and whole is not fetched again.

    Args:
        selection: The series.
        out: The folder to fetch into.
        storage: Where from; None: the Imaging Data Commons.

    Returns:
        Series that did not arrive whole.

    Raises:
        MMCareError: The storage cannot be reached, the disk has no room, or the download failed.
    """
    if storage is None:
        for bucket in sorted({series.bucket for series in selection.series}):
            check_reachable(f"{bucket}.s3.amazonaws.com")
    _check_room(selection, out)
    folder = out / selection.collection
    write_text(folder / "PROVENANCE.md", _provenance(selection))
    uids = [series.uid for series in selection.series]
    try:
        (storage or _commons()).download_from_selection(
            downloadDir=str(out), seriesInstanceUID=uids, use_s5cmd_sync=True
        )
    # idc-index, and the program that it calls, raise whatever a broken connection makes them stumble over.
    except Exception as error:
        what = f"the download ended ({cut(f'{type(error).__name__}: {error}')}); what has arrived is kept."
        todo = "Run the command again: it goes on where it stopped."
        raise MMCareError(Finding(file=folder, what=what, todo=todo, code="download")) from error
    return _incomplete(selection, folder)


def _commons() -> Storage:
    from idc_index import IDCClient

    client: Storage = IDCClient()
    return client


def check_reachable(host: str, port: int = _PORT) -> None:
    """Check that the storage answers.

    Raises:
        MMCareError: It does not.
    """
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as error:
        what = f"the storage of the Imaging Data Commons ({host}) cannot be reached: {error.strerror or error}."
        todo = "Connect this machine to the network, or fetch on another machine and copy the folder; `--list` shows, "
        todo += "without a network, what would be fetched."
        raise MMCareError(Finding(what=what, todo=todo, code="no-network")) from error


@dataclass(frozen=True, slots=True)
class _Index:
    path: Path
    version: str


def _index() -> _Index:
    try:
        import idc_index_data
    except ImportError as error:
        what = "fetching needs the package `idc-index`, which is not installed."
        raise MMCareError(Finding(what=what, todo="Run: pip install 'mmcare[idc]'", code="no-idc-index")) from error
    return _Index(Path(str(idc_index_data.IDC_INDEX_PARQUET_FILEPATH)), str(idc_index_data.__version__))


def _rows(index: _Index, name: str) -> list[dict[str, Any]]:
    from pyarrow import parquet

    table = parquet.read_table(index.path, columns=list(_COLUMNS), filters=[("collection_id", "==", name)])
    rows: list[dict[str, Any]] = table.to_pylist()
    return sorted(rows, key=lambda row: (row["PatientID"], row["SeriesInstanceUID"]))


def _no_collection(index: _Index, collection: str, name: str) -> Finding:
    from pyarrow import compute, parquet

    names = compute.unique(parquet.read_table(index.path, columns=["collection_id"])["collection_id"]).to_pylist()
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    what = f"there is no collection `{collection}` among the {len(names)} of the Imaging Data Commons."
    todo = f"Did you mean {', '.join(near)}?" if near else "Name one as its web site does."
    return Finding(what=what, todo=todo, code="no-collection")


def _check_patients(rows: Sequence[Mapping[str, Any]], name: str, patients: Collection[str]) -> None:
    known = {row["PatientID"] for row in rows}
    absent = [patient for patient in patients if patient not in known]
    if absent:
        what = (
            f"`{name}` has no patient {', '.join(absent)}; its {len(known)} patients are named as {sorted(known)[0]}."
        )
        raise CohortError(Finding(what=what, todo="Name patients with --patient.", code="no-patient"))


def _reason(row: Mapping[str, Any], modalities: Collection[str], patients: Collection[str]) -> str:
    if row["analysis_result_id"]:
        return "made by others from the collection"
    if row["Modality"] not in modalities:
        return f"of modality {row['Modality']}"
    return "of another patient" if patients and row["PatientID"] not in patients else ""


def _series(row: Mapping[str, Any]) -> IdcSeries:
    return IdcSeries(
        patient=str(row["PatientID"]),
        uid=str(row["SeriesInstanceUID"]),
        modality=str(row["Modality"]),
        licence=str(row["license_short_name"] or "not stated"),
        doi=str(row["source_DOI"] or ""),
        n_files=int(row["instanceCount"]),
        size_mb=float(row["series_size_MB"]),
        bucket=str(row["aws_bucket"]),
    )


def _check_room(selection: Selection, out: Path) -> None:
    existing = next(path for path in (out, *out.resolve().parents) if path.exists())
    free = disk_usage(existing).free / 1e6
    if free < _ROOM * selection.size_mb:
        what = f"{selection.size_mb:,.0f} MB are to be fetched, and {free:,.0f} MB are free there."
        todo = "Free some space, write elsewhere, or name fewer patients with --patient."
        raise MMCareError(Finding(file=out, what=what, todo=todo, code="no-room"))


def _provenance(selection: Selection) -> str:
    lines = [
        "# Provenance",
        "",
        f"Images of the collection `{selection.collection}`, from the Imaging Data Commons of the National Cancer "
        f"Institute, index version {selection.version}: {counted(len(selection.patients), 'patient')}, "
        f"{len(selection.series):,} series.",
        "",
        "| licence | source | series |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {licence} | {f'DOI {doi}' if doi else 'not stated'} | {n:,} |"
        for (licence, doi), n in selection.licences().items()
    ]
    lines += ["", "Attribute the source wherever you share anything made from them, and keep to the licence."]
    return "\n".join(lines) + "\n"


def _incomplete(selection: Selection, folder: Path) -> list[Finding]:
    there: dict[str, int] = {}
    for path in folder.rglob("*.dcm"):
        uid = path.parent.name.partition("_")[2]
        there[uid] = there.get(uid, 0) + 1
    return [
        Finding(
            file=folder,
            patient=series.patient,
            what=f"of the series {series.uid}, {there.get(series.uid, 0)} of {series.n_files} files are there.",
            todo="Run the command again: it goes on where it stopped.",
            severity=Severity.ERROR,
            code="incomplete",
        )
        for series in selection.series
        if there.get(series.uid, 0) < series.n_files
    ]
