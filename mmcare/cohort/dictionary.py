"""The data dictionary of a cohort: what `cohort.yaml` may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from mmcare.formats import TableFormat
from mmcare.formats.text import is_text_encoding

__all__ = [
    "YEARS_IN",
    "ArmsEntry",
    "ColumnEntry",
    "ConfoundersEntry",
    "Dictionary",
    "EndpointEntry",
    "OutcomesEntry",
    "PatientsEntry",
    "TableEntry",
    "Unit",
]


def _as_list(value: object) -> object:
    """One text where a list of texts is meant."""
    return (value,) if isinstance(value, str | int | float) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Unit = Literal["years", "months", "weeks", "days"]
YEARS_IN: Mapping[Unit, float] = {"years": 1.0, "months": 1 / 12, "weeks": 7 / 365.25, "days": 1 / 365.25}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


class TableEntry(_Entry):
    """A table with a row a patient: CSV, TSV, Parquet or Excel."""

    file: str = Field(description="The table, relative to the cohort's folder; one row a patient.")
    id: str = Field("patient_id", description="Column of the patients' ids.")
    sheet: str | None = Field(None, description="Sheet of an Excel workbook; may be left out where there is one.")
    encoding: str | None = Field(
        None, description="Encoding of a text file, such as `windows-1252` or `utf-16`; by default UTF-8."
    )
    separator: Literal[",", ";", "\t", "|"] | None = Field(
        None, description="What separates the cells of a text file; by default tab or comma, by what the header holds."
    )
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of the numbers.")

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        if encoding is not None and not is_text_encoding(encoding):
            raise ValueError("expected the name of an encoding, such as `windows-1252`")
        return encoding

    @property
    def form(self) -> TableFormat:
        """How the table stands in its file."""
        return TableFormat(self.sheet, self.encoding, self.separator, self.decimal)


class PatientsEntry(TableEntry):
    """The patients' table."""

    file: str = Field("patients.csv", description="The table, relative to the cohort's folder; one row a patient.")


class OutcomesEntry(TableEntry):
    """A second table that holds times and events, joined to the patients' table by id."""


class ArmsEntry(_Entry):
    """Which treatment a patient received."""

    column: str = Field(description="Column of the treatment received.")
    values: Mapping[str, str] = Field(description="Each arm's key in that column, and its name in words.")
    missing: Texts = Field((), description="Texts that mean `not known`, beside the empty cell.")

    @field_validator("values")
    @classmethod
    def _some(cls, values: Mapping[str, str]) -> Mapping[str, str]:
        if not values:
            raise ValueError("name at least one arm, as `sbrt: SBRT`")
        return values


class EndpointEntry(_Entry):
    """One endpoint: time from the treatment decision, and what ended it."""

    time: str = Field(description="Column of the time.")
    event: str = Field(description="Column of the code.")
    unit: Unit = Field("years", description="Unit of the time.")
    codes: Mapping[str, Literal["censored", "event", "competing"]] = Field(
        default={"0": "censored", "1": "event"}, description="What each code in the event column means."
    )
    horizons: tuple[float, ...] = Field(description="Years at which the endpoint is reported, rising.")
    missing: Texts = Field((), description="Texts that mean `not known` in both columns, beside the empty cell.")

    @field_validator("horizons")
    @classmethod
    def _rising(cls, horizons: tuple[float, ...]) -> tuple[float, ...]:
        if not horizons or list(horizons) != sorted(set(horizons)) or horizons[0] <= 0:
            raise ValueError(f"horizons are positive years in rising order, each once; found {list(horizons)}")
        return horizons

    @model_validator(mode="after")
    def _event_named(self) -> EndpointEntry:
        if "event" not in self.codes.values():
            raise ValueError("`codes` names no `event`, such as `{0: censored, 1: event}`")
        return self

    @property
    def competing(self) -> bool:
        """Whether another event can come first."""
        return "competing" in self.codes.values()


class ColumnEntry(_Entry):
    """One column of the patients' table."""

    type: Literal["number", "category"] = Field("number", description="A number, or one of some categories.")
    unit: str = Field("", description="Unit of a number.")
    levels: tuple[str, ...] = Field((), description="The categories; by default those that occur in training.")
    role: Literal["predictor", "genomic", "site", "other"] = Field(
        "predictor", description="A predictor is an input of the modality that reads the table."
    )
    available_at: Literal["decision", "after"] = Field(
        "decision", description="When it is known: at the treatment decision, or only after it."
    )
    missing: Texts = Field((), description="Texts that mean `not known`, beside the empty cell.")


class ConfoundersEntry(_Entry):
    """What decides who gets which arm and bears on the outcome; the least that must be known to compare arms.

    A list names the columns that measure it. An empty list is a statement: it decides nobody's arm in this cohort,
    beyond what the other columns tell. Left out, columns are known by their names.
    """

    operability: Texts | None = Field(None, description="Whether a surgeon would operate.")
    lung_function: Texts | None = Field(None, description="FEV1, diffusing capacity.")
    performance_status: Texts | None = Field(None, description="ECOG performance status, Karnofsky index.")
    comorbidity: Texts | None = Field(None, description="Charlson index.")
    frailty: Texts | None = Field(None, description="A frailty scale.")


class Dictionary(_Entry):
    """`cohort.yaml`."""

    mmcare_cohort: Literal[1] = Field(description="Version of this format.")
    patients: PatientsEntry = Field(default_factory=PatientsEntry, description="The patients' table.")
    outcomes: OutcomesEntry | None = Field(
        None, description="A table of its own for times and events; absent where the patients' table holds them."
    )
    arms: ArmsEntry | None = Field(None, description="Treatment received; absent where all had the same, or unknown.")
    endpoints: Mapping[str, EndpointEntry] = Field(
        default_factory=dict, description="Endpoints by key; absent where only predictions are wanted."
    )
    columns: Mapping[str, ColumnEntry] = Field(default_factory=dict, description="Columns of the patients' table.")
    confounders: ConfoundersEntry = Field(
        default_factory=ConfoundersEntry,
        description="Columns that measure what decides who gets which arm; without them no arm is advised.",
    )
    modalities: Mapping[str, Mapping[str, str]] = Field(
        default_factory=dict, description="What each modality reads: files by name, `{patient}` stands for the id."
    )
