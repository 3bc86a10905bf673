"""What recipes say of files that are not the published ones: each case spoils one thing of small tables in order."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.errors import CohortError, PluginError
from mmcare.workflow.cohort_make import Made, make

Spoil = Callable[[Path], object]
CLINICAL = "NSCLC-Radiomics-Lung1.clinical-version3.csv"
LUNG1 = {
    CLINICAL: "PatientID,age,clinical.T.Stage,Clinical.N.Stage,Clinical.M.Stage,Overall.Stage,Histology,gender,"
    "Survival.time,deadstatus.event\n"
    "L1,70,2,0,0,I,adenocarcinoma,male,500,1\nL2,NA,1,0,0,II,NA,female,800,0\nL3,60,3,2,0,IIIa,nos,male,90,1\n",
    "lung1_pyradiomics.csv": "PatientID,original_shape_Volume,version,Survival.time,deadstatus.event\n"
    "L1,5,3.0,500,1\nL2,6,3.0,800,0\n",
}
TCGA = {
    "tcga_luad_all_clean.csv": "case_id,slide_id,age,site,survival_months,censorship,is_female,train,TP53_mut,TP53_cnv,"
    "TP53_rnaseq\nA,A-1,60.0,X,12.5,0.0,1.0,1.0,1.0,2.0,0.3\nA,A-2,60.0,X,12.5,0.0,1.0,1.0,1.0,2.0,0.3\n"
    "B,B-1,,X,40,1.0,0.0,0.0,0.0,-1.0,7400\n",
}
TABLE = "tcga_luad_all_clean.csv"


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def lung1(tmp_path: Path) -> Path:
    return written(tmp_path / "lung1", LUNG1)


@pytest.fixture
def tcga(tmp_path: Path) -> Path:
    return written(tmp_path / "tcga", TCGA)


def edited(name: str, old: str, new: str) -> Spoil:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return edit


def said(made: Made, source: Path) -> list[str]:
    return [f"{finding.severity}: {finding}".replace(f"{source}/", "") for finding in made.findings]


def refusal(recipe: str, source: Path, **settings: str) -> str:
    """The message; and nothing is left of the cohort that was begun."""
    before = sorted(source.parent.iterdir())
    with pytest.raises((CohortError, PluginError)) as caught:
        make(recipe, source, source.parent / "out", settings)
    assert sorted(source.parent.iterdir()) == before
    return str(caught.value).replace(f"{source}/", "").replace(str(source), "SOURCE")


def test_lung1_says_what_it_leaves_out(lung1: Path) -> None:
    made = make("lung1", lung1, lung1.parent / "out")
    assert said(made, lung1) == [
        "note: lung1_pyradiomics.csv: 3 columns beside the 1 features left out: version, Survival.time, "
        "deadstatus.event.",
        "note: lung1_pyradiomics.csv: 1 patient without radiomic features: L3.",
    ]
    early = make("lung1", lung1, lung1.parent / "early", {"early_stage": "true"})
    assert early.counts["patients"].left_out == {"of stage III, or of no stage": 1}


def test_lung1_names_patients_whose_outcome_differs_between_the_tables(lung1: Path) -> None:
    edited("lung1_pyradiomics.csv", "L2,6,3.0,800,0", "L2,6,3.0,unknown,0")(lung1)
    assert said(make("lung1", lung1, lung1.parent / "out"), lung1)[1] == (
        "warning: lung1_pyradiomics.csv: 1 patient whose outcome differs from the clinical table (L2). "
        "Compare the two files: the rows of one may be mixed up."
    )


LUNG1_REFUSED: dict[str, tuple[Spoil, str]] = {
    "no clinical table": (
        lambda folder: (folder / CLINICAL).unlink(),
        "SOURCE: there is no clinical table of NSCLC-Radiomics (NSCLC-Radiomics-Lung1.clinical*.csv or NSCLC Radiomics "
        "Lung1.clinical*.csv) in the folder. Name the folder of the published files.",
    ),
    "two clinical tables": (
        lambda folder: (folder / "NSCLC-Radiomics-Lung1.clinical-version2.csv").write_text(LUNG1[CLINICAL]),
        "SOURCE: 2 files could be the one that is looked for (NSCLC-Radiomics-Lung1.clinical*.csv or NSCLC Radiomics "
        "Lung1.clinical*.csv): NSCLC-Radiomics-Lung1.clinical-version2.csv, "
        "NSCLC-Radiomics-Lung1.clinical-version3.csv. Keep one of them in the folder.",
    ),
    "another header": (
        edited(CLINICAL, "Survival.time", "survival"),
        f"{CLINICAL}:1, Survival.time: there is no column 'Survival.time'; the file has: PatientID, age, "
        "clinical.T.Stage, Clinical.N.Stage, Clinical.M.Stage, Overall.Stage, Histology, gender, survival, "
        "deadstatus.event. Did you mean 'survival'?",
    ),
    "a patient twice": (
        edited(CLINICAL, "L3,", "L1,"),
        f"{CLINICAL}:4, PatientID: `L1` is there twice, in lines 2 and 4. Keep one.",
    ),
    "features of a patient twice": (
        edited("lung1_pyradiomics.csv", "L2,", "L1,"),
        "lung1_pyradiomics.csv:3, PatientID: `L1` is there twice, in lines 2 and 3. Keep one.",
    ),
}


@pytest.mark.parametrize("case", LUNG1_REFUSED)
def test_lung1_refuses_other_files_in_words(case: str, lung1: Path) -> None:
    spoil, message = LUNG1_REFUSED[case]
    spoil(lung1)
    assert refusal("lung1", lung1) == message


def test_settings_that_cannot_be_are_refused_before_anything_is_written(lung1: Path) -> None:
    assert refusal("lung1", lung1, images="/nowhere/images") == (
        "/nowhere/images, images: there is no such file or folder. Name the folder or archive of the images, or leave "
        "the setting out."
    )
    assert refusal("lung1", lung1, early_stage="perhaps") == (
        "early_stage: the recipe `lung1`: expected true or false; found 'perhaps'. "
        "Its settings are: early_stage, images."
    )
    assert refusal("lung1", lung1, early="true") == (
        "early: the recipe `lung1` has no such setting. Its settings are: early_stage, images."
    )


def test_images_that_are_refused_are_no_success(lung1: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A CT that is cut: the tables are made, the patient is named, and the command ends with 1."""
    import pydicom

    one = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
    (lung1 / "1.dcm").write_bytes(one.read_bytes())
    out = tmp_path / "out"
    assert main(["cohort", "make", "lung1", "--from", str(lung1), "--out", str(out)]) == 1
    shown = capfd.readouterr()
    assert "images: 1 refused\n" in shown.err
    assert "the series has one slice; a volume needs at least 2." in shown.err
    assert shown.out == f"{out}\n"
    assert read_cohort(out).patients == ("L1", "L2", "L3")


def test_tcga_takes_the_first_slide_and_turns_censorship_round(tcga: Path) -> None:
    made = make("tcga-luad", tcga, tcga.parent / "out")
    assert made.counts["slides"].left_out == {"a further slide of the patient": 1}
    assert said(made, tcga) == [
        f"note: {TABLE}, censorship: 1 stands for censored (1 patients) and 0 for a death (1): turned round into "
        "`os_event`, in which 1 is a death."
    ]
    rows = [line.split(",") for line in (tcga.parent / "out" / "patients.csv").read_text().splitlines()]
    assert [row[:5] for row in rows[1:]] == [["A", "12.5", "1", "60", "female"], ["B", "40", "0", "", "male"]]


def zipped(content: bytes, cut: int = 0, name: str = "t.csv") -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / TABLE
        path.unlink()
        with zipfile.ZipFile(folder / f"{TABLE}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        data = bytearray((folder / f"{TABLE}.zip").read_bytes())
        data[60 : 60 + cut] = bytes(cut)
        (folder / f"{TABLE}.zip").write_bytes(data)

    return spoil


def whole_but_other_deaths(folder: Path) -> None:
    header = TCGA[TABLE].splitlines()[0]
    rows = [f"P{i},S{i},60,X,12,{int(i % 3 > 0)},1,1,0,0,0" for i in range(453)]
    (folder / TABLE).write_text("\n".join([header, *rows]) + "\n")


NO_TABLE = "is no archive of one table, nor a table in UTF-8, or is damaged. Download it again."
TCGA_REFUSED: dict[str, tuple[Spoil, str]] = {
    "no table": (
        lambda folder: (folder / TABLE).unlink(),
        "SOURCE: there is no table of TCGA-LUAD (tcga_luad_all_clean.csv.zip or tcga_luad_all_clean.csv) in the "
        "folder. Name the folder of the published files.",
    ),
    "another header": (
        edited(TABLE, "censorship", "event"),
        f"{TABLE}:1: the table lacks the columns censorship. Name the folder of the published table "
        "`tcga_luad_all_clean.csv.zip`.",
    ),
    "a row too short": (
        edited(TABLE, "40,1.0,0.0,0.0,0.0,-1.0,7400", "40,1.0"),
        f"{TABLE}: 1 row without the header's 11 cells. Download the table again.",
    ),
    "slides that differ": (
        edited(TABLE, "A,A-2,60.0", "A,A-2,61.0"),
        f"{TABLE}: 1 slide with other values than the patient's first (A). Download the table again.",
    ),
    "other deaths than published": (
        whole_but_other_deaths,
        f"{TABLE}, censorship: censorship is 0 for 151 of 453 patients; the published table has 0 for the 158 deaths. "
        "Take the published table: in this copy the column is coded otherwise.",
    ),
    "another encoding": (
        lambda folder: (folder / TABLE).write_bytes("case_id,é\n".encode("cp1252")),
        f"{TABLE}: {NO_TABLE}",
    ),
    "an archive with damaged data": (zipped(TCGA[TABLE].encode() * 20, cut=40), f"{TABLE}.zip: {NO_TABLE}"),
    "a cell longer than any": (
        edited(TABLE, "A-1,60.0", "A" * 1_000_001 + ",60.0"),
        f"{TABLE}: is no table separated by commas, or damaged (field larger than field limit (1000000)). "
        "Download it again.",
    ),
}


@pytest.mark.parametrize("case", TCGA_REFUSED)
def test_tcga_refuses_other_files_in_words(case: str, tcga: Path) -> None:
    spoil, message = TCGA_REFUSED[case]
    spoil(tcga)
    assert refusal("tcga-luad", tcga) == message


def test_a_network_is_read_with_what_is_wrong_with_it_or_refused(tcga: Path) -> None:
    network = tcga.parent / "network.tsv"
    network.write_text("gene_a\tgene_b\tscore\nTP53\tMDM2\t0.9\nTP53\tTP53\t0.5\n")
    made = make("tcga-luad", tcga, tcga.parent / "out", {"network": str(network)})
    assert made.counts["network"].left_out == {"edge from a gene to itself": 1}
    assert said(made, tcga.parent)[0] == (
        "warning: network.tsv: left out: 1 edge from a gene to itself (line 3). Remove them: a graph convolution adds "
        "its own."
    )
    network.write_text("a,b\nTP53,MDM2\n")
    (tcga.parent / "out").rename(tcga.parent / "made")
    assert refusal("tcga-luad", tcga, network=str(network)) == (
        f"{network}:1: the columns gene_a, gene_b, score (or STRING's #node1, node2, combined_score) are needed; the "
        "file has: a, b. Rename the columns."
    )
    assert refusal("tcga-luad", tcga, network=str(tcga.parent / "absent.tsv")) == (
        f"{tcga.parent / 'absent.tsv'}: there is no such file. Name a file that can be read."
    )
