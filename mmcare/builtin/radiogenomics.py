"""The recipe `nsclc-radiogenomics`: patients after surgery, with expression, radiomics, and CTs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from mmcare.builtin.cbioportal.cells import known, number
from mmcare.builtin.cbioportal.samples import some
from mmcare.builtin.plugin import RadiogenomicsConfig
from mmcare.builtin.published import check_once, find_file, images_of, package_text, the_file
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import Finding, Severity
from mmcare.formats import Table, read_table
from mmcare.formats.rows import counted, first_lines

__all__ = ["Radiogenomics"]

_CLINICAL = ("clinical.csv", "NSCLCR01Radiogenomic_DATA_LABELS*.csv")
_EXPRESSION = ("rnaseq*.csv",)
_RADIOMICS = ("ct_pyradiomics*.csv",)
_FEATURES = ("original_", "wavelet-", "log-sigma-")
_PLACE = "Tumor Location (choice="
_COLUMNS = {
    "age": "Age at Histological Diagnosis",
    "sex": "Gender",
    "weight": "Weight (lbs)",
    "ethnicity": "Ethnicity",
    "smoking": "Smoking status",
    "ground_glass": "%GG",
    "affiliation": "Patient affiliation",
    "histology": "Histology",
    "pathologic_t": "Pathological T stage",
    "pathologic_n": "Pathological N stage",
    "pathologic_m": "Pathological M stage",
    "grade": "Histopathological Grade",
    "lymphovascular_invasion": "Lymphovascular invasion",
    "pleural_invasion": "Pleural invasion (elastic, visceral, or parietal)",
    "egfr": "EGFR mutation status",
    "kras": "KRAS mutation status",
    "alk": "ALK translocation status",
    "adjuvant": "Adjuvant Treatment",
}
_DATES = ("CT Date", "Date of Last Known Alive", "Date of Death", "Date of Recurrence")
_NEEDED = (*_COLUMNS.values(), *_DATES, "Survival Status", "Recurrence", "Pack Years", "Time to Death (days)")
_SURGERY = "Days between CT and surgery"
_HEADER = ("patient_id", "arm", "os_days", "os_event", "recurrence_days", "recurrence_event", "pack_years", "location")
_ROIS = ("*",)


@dataclass(frozen=True, slots=True)
class _Course:
    """What became of a patient, in days from the CT; None where it is not known.

    Attributes:
        days: To death, or to when last known alive.
        died: Whether the patient died.
        relapsed: Whether the tumour recurred.
        recurrence: To recurrence.
        problem: Why a time is not known.
    """

    days: int | None
    died: bool | None
    relapsed: bool = False
    recurrence: int | None = None
    problem: str = ""

    def to_recurrence(self) -> tuple[int | None, int | None]:
        """Time and code of the recurrence: 1, or 2 for a death before one, or 0; None where it is not known."""
        if self.days is None or (self.relapsed and self.recurrence is None):
            return None, None
        if self.relapsed:
            return self.recurrence, 1
        return self.days, 2 if self.died else 0


class Radiogenomics(Recipe[RadiogenomicsConfig]):
    """Patients operated for non-small-cell lung cancer at Stanford and Palo Alto: 211 as published, 63 deaths.

    Two endpoints from the CT date on, the last date before surgery that all have: overall survival, and recurrence with
    death competing. What was seen in the specimen is known only after surgery, and so is expression.

    Source:
        Bakr et al., Sci Data 2018, 10.1038/sdata.2018.202; TCIA NSCLC Radiogenomics, 10.7937/K9/TCIA.2017.7hs46erv.
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the published tables, write the cohort."""
        images = images_of(source, self.config.images)
        table = _stripped(read_table(the_file(source, _CLINICAL, "clinical table of NSCLC Radiogenomics")))
        table.require(["Case ID", _SURGERY, *_NEEDED])
        check_once(table, "Case ID")
        expression, radiomics = find_file(source, _EXPRESSION), find_file(source, _RADIOMICS)
        matrix = read_table(expression) if expression is not None else None
        features = read_table(radiomics) if radiomics is not None else None
        rows = list(table.records())
        courses = {row["Case ID"]: _course(row) for row in rows}
        writer.table("patients.csv", [*_HEADER, *_COLUMNS], [_patient(row, courses[row["Case ID"]]) for row in rows])
        counts = {"patients": Counts(table.n_read, len(rows), table.left_out)}
        for finding in (*table.findings, *_problems(table, courses), *_time_to_death(table, rows, courses)):
            writer.finding(finding)
        if matrix is not None:
            counts["expression"] = _write_expression(matrix, courses, writer)
        if features is not None:
            counts["radiomics"] = _write_radiomics(features, courses, writer)
        for place in images:
            writer.images(place, _ROIS)
        writer.dictionary(package_text("radiogenomics.yaml") + _modalities(matrix is not None, features is not None))
        writer.provenance(package_text("radiogenomics.md"))
        return counts


def _stripped(table: Table) -> Table:
    """Names of columns without the spaces around them: the published one is `Histology ` with a space."""
    columns = tuple(name.strip() for name in table.columns)
    return Table(table.file, columns, table.rows, table.lines, table.n_read, table.left_out, table.findings)


def _patient(row: Mapping[str, str], course: _Course) -> list[object]:
    days = course.days
    died = None if days is None or course.died is None else int(course.died)
    relapse, event = course.to_recurrence()
    packs = "0" if row["Smoking status"].strip() == "Nonsmoker" else known(row["Pack Years"])
    cells = [known(row[name]) for name in _COLUMNS.values()]
    return [row["Case ID"], "surgery", days, died, relapse, event, packs, _location(row), *cells]


def _location(row: Mapping[str, str]) -> str | None:
    """The lobes that are ticked, joined by `+`."""
    ticked = [name for name in row if name.startswith(_PLACE) and row[name].strip() == "Checked"]
    lobes = [name.removeprefix(_PLACE).removesuffix(")") for name in ticked]
    return known("+".join(lobes))


def _course(row: Mapping[str, str]) -> _Course:
    ct, alive, death, recurrence = (_day(row[name]) for name in _DATES)
    died = {"dead": True, "alive": False}.get(row["Survival Status"].strip().lower())
    end = death if died else alive
    if ct is None or end is None or died is None:
        return _Course(None, died, problem="without the date of CT, death or last contact")
    if end <= ct:
        return _Course(None, died, problem="whose follow-up ends before the CT")
    relapsed = row["Recurrence"].strip().lower() == "yes"
    if relapsed and (recurrence is None or not ct < recurrence <= end):
        problem = "with a recurrence that is not dated between the CT and the end of follow-up"
        return _Course((end - ct).days, died, True, None, problem)
    return _Course((end - ct).days, died, relapsed, (recurrence - ct).days if relapsed and recurrence else None)


def _day(cell: str) -> date | None:
    text = known(cell)
    try:
        return datetime.strptime(text, "%m/%d/%Y").date() if text else None
    except ValueError:
        return None


def _problems(table: Table, courses: Mapping[str, _Course]) -> list[Finding]:
    by_problem: dict[str, list[str]] = {}
    for patient, course in courses.items():
        if course.problem:
            by_problem.setdefault(course.problem, []).append(patient)
    return [
        Finding(
            file=table.file,
            what=f"{counted(len(patients), 'patient')} {problem} ({first_lines(patients)}): that time counts as not "
            "known.",
            severity=Severity.WARNING,
            code="no-time",
        )
        for problem, patients in by_problem.items()
    ]


def _time_to_death(table: Table, rows: Sequence[Mapping[str, str]], courses: Mapping[str, _Course]) -> list[Finding]:
    """The column `Time to Death (days)` counts from surgery for most, not all: dates are used, and this is said."""
    from_surgery = from_ct = other = 0
    for row in rows:
        text, gap, days = number(row["Time to Death (days)"]), number(row[_SURGERY]), courses[row["Case ID"]].days
        if text is None or gap is None or days is None:
            continue
        from_surgery += abs(days - gap - text) < 1
        from_ct += abs(days - text) < 1 and gap > 0
        other += abs(days - gap - text) >= 1 and abs(days - text) >= 1
    what = f"the column counts from surgery for {from_surgery} patients who died, from the CT for {from_ct}, and fits "
    what += f"neither date for {other}: it is not used; times are counted from the CT date to the date of death."
    return [
        Finding(file=table.file, key="Time to Death (days)", what=what, severity=Severity.NOTE, code="time-to-death")
    ]


def _write_expression(table: Table, patients: Mapping[str, _Course], writer: CohortWriter) -> Counts:
    """Genes by patients; patients who are not in the clinical table are left out."""
    columns = table.columns[1:]
    used = [name for name in columns if name in patients]
    places = [0, *(table.columns.index(name) for name in used)]
    writer.table("expression.tsv", ["Hugo_Symbol", *used], ([row[i] for i in places] for row in table.rows))
    for finding in table.findings:
        writer.finding(finding)
    return Counts(
        len(columns), len(used), some("of a patient who is not in the clinical table", len(columns) - len(used))
    )


def _write_radiomics(table: Table, patients: Mapping[str, _Course], writer: CohortWriter) -> Counts:
    table.require(["Case ID"])
    check_once(table, "Case ID")
    features = [name for name in table.columns if name.startswith(_FEATURES)]
    rows = [row for row in table.records() if row["Case ID"] in patients]
    writer.table("radiomics.csv", ["patient_id", *features], ([row[n] for n in ("Case ID", *features)] for row in rows))
    others = len(table.columns) - len(features) - 1
    what = (
        f"{others} columns beside the {len(features)} features left out: versions, settings and outcomes. The images "
    )
    what += "had been windowed to 0-255 before: intensities are no HU; shape features are in mm."
    writer.finding(Finding(file=table.file, what=what, severity=Severity.NOTE, code="no-feature"))
    left_out = some("of a patient who is not in the clinical table", len(table) - len(rows))
    return Counts(table.n_read, len(rows), {**table.left_out, **left_out})


def _modalities(expression: bool, radiomics: bool) -> str:
    lines = ["modalities:"] if expression or radiomics else []
    lines += ["  genomic: {expression: expression.tsv, available_at: after}   # of the resected specimen"] * expression
    lines += ["  radiomics: {tokens: radiomics.csv}   # one token of all features"] * radiomics
    return "".join(f"{line}\n" for line in lines)
