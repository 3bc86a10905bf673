"""The recipe `nlst`: lung cancers of the National Lung Screening Trial, by the published data dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mmcare.builtin.cbioportal.cells import number
from mmcare.builtin.plugin import NlstConfig
from mmcare.builtin.published import check_once, package_text, the_file
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import Finding, Severity
from mmcare.formats import Table, read_table
from mmcare.formats.rows import first_lines

__all__ = ["Nlst"]

_FILES = ("nlst_*_prsn_*.csv", "participant_*.csv", "prsn.csv", "participant.csv")
_NOT_KNOWN = {"", ".", ".M", ".N"}
_STAGES = {"110": "IA", "120": "IB", "210": "IIA", "220": "IIB", "310": "IIIA", "320": "IIIB", "400": "IV"}
_CODES: Mapping[str, Mapping[str, str]] = {
    "gender": {"1": "male", "2": "female"},
    "race": {
        "1": "white",
        "2": "black or African-American",
        "3": "Asian",
        "4": "American Indian or Alaskan native",
        "5": "native Hawaiian or other Pacific islander",
        "6": "more than one",
    },
    "cigsmok": {"0": "former", "1": "current"},
    "rndgroup": {"1": "CT", "2": "radiograph"},
    "de_stag": _STAGES,
    "de_stag_7thed": _STAGES,
    "de_grade": {"2": "G1", "3": "G2", "4": "G3", "5": "G4"},
    "can_scr": {"1": "positive screen", "2": "negative screen", "3": "missed screen", "4": "after screening"},
}
_COLUMNS = {
    "age_at_randomisation": "age",
    "sex": "gender",
    "race": "race",
    "height": "height",
    "weight": "weight",
    "smoking": "cigsmok",
    "pack_years": "pkyr",
    "screening": "rndgroup",
    "detection": "can_scr",
    "stage_6th": "de_stag",
    "stage_7th": "de_stag_7thed",
    "grade": "de_grade",
    "histology_icdo3": "de_type",
    "lesion_size": "lesionsize",
}
_OPTIONAL = {"de_stag_7thed"}
_OUTCOME = ("pid", "conflc", "candx_days", "fup_days", "death_days", "finaldeathlc")
_CONFIRMED = "1"


class Nlst(Recipe[NlstConfig]):
    """The participants of the National Lung Screening Trial whose lung cancer was confirmed, from diagnosis on.

    Made from the published dictionary of the Participant dataset, and tested on a sample with its header: untested on
    the original, which is given out on request. Treatments are in another dataset and are not read.

    Source:
        National Lung Screening Trial Research Team, N Engl J Med 2011, 10.1056/NEJMoa1102873; Cancer Data Access
        System, dictionary of the Participant dataset.
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the Participant dataset, write the cohort."""
        table = _lower(read_table(the_file(source, _FILES, "Participant dataset of the NLST")))
        table.require([*_OUTCOME, *(name for name in _COLUMNS.values() if name not in _OPTIONAL)])
        check_once(table, "pid")
        left_out: Counter[str] = Counter(table.left_out)
        rows = []
        for row in table.records():
            if reason := _reason(row):
                left_out[reason] += 1
            else:
                rows.append(_patient(row))
        header = ["patient_id", "os_days", "os_event", "lung_cancer_death", *_COLUMNS]
        writer.table("patients.csv", header, rows)
        for finding in (*table.findings, *_unknown_codes(table), _untested(table.file)):
            writer.finding(finding)
        writer.dictionary(package_text("nlst.yaml"))
        writer.provenance(package_text("nlst.md"))
        return {"participants": Counts(table.n_read, len(rows), dict(left_out))}


def _lower(table: Table) -> Table:
    """Column names in small letters: deliveries differ."""
    columns = tuple(name.strip().lower() for name in table.columns)
    return Table(table.file, columns, table.rows, table.lines, table.n_read, table.left_out, table.findings)


def _reason(row: Mapping[str, str]) -> str:
    """Why a participant is left out; empty where used."""
    if row["conflc"].strip() != _CONFIRMED:
        return "without a confirmed lung cancer"
    diagnosis, end = _number(row["candx_days"]), _end(row)
    if diagnosis is None:
        return "without a date of diagnosis"
    if end is None:
        return "without a date of death or last contact"
    return "whose follow-up ends at diagnosis or before" if end <= diagnosis else ""


def _patient(row: Mapping[str, str]) -> list[object]:
    """Times count from diagnosis; the dataset's days from randomisation."""
    diagnosis, end = _number(row["candx_days"]), _end(row)
    assert diagnosis is not None and end is not None, "others were left out"
    died = _number(row["death_days"]) is not None
    cause = {"1": 1, "0": 2}.get(row["finaldeathlc"].strip()) if died else 0
    cells = [_cell(name, row.get(name, "")) for name in _COLUMNS.values()]
    return [row["pid"].strip(), int(end - diagnosis), int(died), cause, *cells]


def _end(row: Mapping[str, str]) -> float | None:
    death = _number(row["death_days"])
    return death if death is not None else _number(row["fup_days"])


def _number(cell: str) -> float | None:
    return None if cell.strip() in _NOT_KNOWN else number(cell)


def _cell(name: str, cell: str) -> str | None:
    text = cell.strip()
    if text in _NOT_KNOWN:
        return None
    return _CODES[name].get(text.removesuffix(".0")) if name in _CODES else text


def _unknown_codes(table: Table) -> list[Finding]:
    """Codes that are no level: those for "unknown" in the dictionary, and any other; all count as not known."""
    found = []
    for name in _CODES:
        if name not in table.columns:
            continue
        others = Counter(cell.strip() for cell in table.column(name) if _cell(name, cell) is None)
        codes = [f"{code} ({n})" for code, n in sorted(others.items()) if code not in _NOT_KNOWN]
        if codes:
            what = f"these codes stand for no level and count as not known: {first_lines(codes)}."
            found.append(Finding(file=table.file, key=name, what=what, severity=Severity.NOTE, code="codes"))
    return found


def _untested(file: Path) -> Finding:
    what = "the recipe was written from the published data dictionary, and is untested on the original files."
    todo = "Compare counts and some patients with the dataset before you rely on the cohort."
    return Finding(file=file, what=what, todo=todo, severity=Severity.WARNING, code="untested")
