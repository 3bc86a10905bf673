"""The recipe `nlst` on a sample with the columns and codes of the published data dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cohort import read_cohort
from mmcare.errors import CohortError
from mmcare.workflow.cohort_make import make

HEADER = (
    "pid,rndgroup,age,gender,race,height,weight,cigsmok,pkyr,can_scr,conflc,candx_days,de_stag,de_stag_7thed,de_grade,"
    "de_type,lesionsize,fup_days,death_days,finaldeathlc"
)
ROWS = (
    "100001,1,61,1,1,70,180,1,45,1,1,400,110,120,2,8140,18,2400,.N,.N",
    "100002,2,66,2,99,.M,150,0,30,2,1,900,888,400,9,8070,.M,1500,1500,1",
    "100003,1,70,1,2,68,170,1,60,4,1,100,210,210,3,8140,25,1000,1000,0",
    "100004,1,59,2,1,64,140,0,32,0,0,.N,.N,.N,.N,.N,.N,2500,.N,.N",
    "100005,1,63,1,1,69,175,1,50,4,1,.N,.M,.M,.N,.M,.M,2500,.N,.N",
    "100006,1,64,1,1,69,175,1,50,4,1,800,110,110,2,8140,10,800,800,.M",
    "100007,2,64,1,1,69,175,1,50,4,1,800,110,110,2,8140,10,1200,1200,.M",
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "nlst"
    folder.mkdir()
    (folder / "nlst_780_prsn_idc_20210527.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    return folder


def test_confirmed_cancers_are_followed_from_diagnosis_and_all_others_are_counted(source: Path, tmp_path: Path) -> None:
    made = make("nlst", source, tmp_path / "out")
    (count,) = made.counts.values()
    assert (count.read, count.used, dict(count.left_out)) == (
        7,
        4,
        {
            "without a confirmed lung cancer": 1,
            "without a date of diagnosis": 1,
            "whose follow-up ends at diagnosis or before": 1,
        },
    )
    rows = {row["patient_id"]: row for row in read_cohort(tmp_path / "out").table.records()}
    found = {p: (row["os_days"], row["os_event"], row["lung_cancer_death"]) for p, row in rows.items()}
    assert found == {
        "100001": ("2000", "0", "0"),
        "100002": ("600", "1", "1"),
        "100003": ("900", "1", "2"),
        "100007": ("400", "1", ""),  # the cause of death is not known
    }
    assert [rows["100002"][name] for name in ("stage_6th", "stage_7th", "grade", "race", "height")] == [
        *("", "IV", "", "", "")
    ]


def test_it_says_that_it_is_untested_and_which_codes_are_no_level(source: Path, tmp_path: Path) -> None:
    findings = [str(f).removeprefix(f"{source}/") for f in make("nlst", source, tmp_path / "out").findings]
    assert findings == [
        "nlst_780_prsn_idc_20210527.csv, race: these codes stand for no level and count as not known: 99 (1).",
        "nlst_780_prsn_idc_20210527.csv, de_stag: these codes stand for no level and count as not known: 888 (1).",
        "nlst_780_prsn_idc_20210527.csv, de_grade: these codes stand for no level and count as not known: 9 (1).",
        "nlst_780_prsn_idc_20210527.csv, can_scr: these codes stand for no level and count as not known: 0 (1).",
        "nlst_780_prsn_idc_20210527.csv: the recipe was written from the published data dictionary, and is untested on "
        "the original files. Compare counts and some patients with the dataset before you rely on the cohort.",
    ]


def test_another_table_is_refused(source: Path, tmp_path: Path) -> None:
    (file,) = source.iterdir()
    file.write_text(file.read_text().replace("conflc", "confirmed"))
    with pytest.raises(CohortError, match="there is no column 'conflc'"):
        make("nlst", source, tmp_path / "out")
