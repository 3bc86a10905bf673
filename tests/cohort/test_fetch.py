"""Fetching from the Imaging Data Commons: the query on idc-index's own index, and the message without a network."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.errors import CohortError, MMCareError
from mmcare.workflow.cohort_fetch import Selection, check_reachable, fetch, select

pytest.importorskip("idc_index_data", reason="idc-index is an extra: pip install 'mmcare[idc]'")


def test_a_patients_series_are_selected_with_licence_and_source() -> None:
    found = select("NSCLC-Radiomics", patients=["LUNG1-001"])
    assert found.collection == "nsclc_radiomics"
    assert found.patients == ("LUNG1-001",)
    assert sorted(series.modality for series in found.series) == ["CT", "RTSTRUCT", "SEG"]
    assert next(series.n_files for series in found.series if series.modality == "CT") == 134
    assert dict(found.licences()) == {("CC BY-NC 3.0", "10.7937/k9/tcia.2015.pf0m9rei"): 3}
    assert set(found.left_out) == {"made by others from the collection", "of another patient"}


def test_modalities_are_chosen_and_the_rest_is_counted() -> None:
    found = select("nsclc_radiomics", modalities=["CT"])
    assert len(found.series) == len(found.patients) == 422
    assert found.left_out["of modality RTSTRUCT"] == 422
    assert 20_000 < found.size_mb < 40_000


def test_an_unknown_collection_or_patient_is_named() -> None:
    with pytest.raises(CohortError) as error:
        select("nsclc-radiomic")
    assert str(error.value).startswith("there is no collection `nsclc-radiomic` among the ")
    assert "Did you mean nsclc_radiomics" in str(error.value)
    with pytest.raises(CohortError) as error:
        select("nsclc_radiomics", patients=["LUNG1-999"])
    assert str(error.value) == (
        "`nsclc_radiomics` has no patient LUNG1-999; its 422 patients are named as LUNG1-001. "
        "Name patients with --patient."
    )
    with pytest.raises(CohortError) as error:
        select("nsclc_radiomics", modalities=["MR"])
    assert str(error.value) == (
        "no series of `nsclc_radiomics` is left; its modalities are CT, RTSTRUCT, SEG, SR. Name others with --modality."
    )


def test_without_a_network_the_message_is_plain() -> None:
    """`.invalid` resolves nowhere, by RFC 2606."""
    with pytest.raises(MMCareError) as error:
        check_reachable("storage.invalid")
    said = str(error.value)
    assert said.startswith("the storage of the Imaging Data Commons (storage.invalid) cannot be reached: ")
    assert said.endswith(
        ". Connect this machine to the network, or fetch on another machine and copy the folder; `--list` shows, "
        "without a network, what would be fetched."
    )


def test_list_shows_size_and_licence_and_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "images"
    assert main(["cohort", "fetch", "nsclc_radiomics", "--patient", "LUNG1-001", "--list", "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "licence CC BY-NC 3.0: 3 series, DOI 10.7937/k9/tcia.2015.pf0m9rei" in said
    assert "CT             1    134" in said
    assert not out.exists()


@dataclass
class Shelf:
    """A storage on this disk: gives at most `most` files a series, in the folders that idc-index makes."""

    selection: Selection
    most: int = 1_000
    fault: str = ""

    def download_from_selection(self, downloadDir: str, *, seriesInstanceUID: list[str], use_s5cmd_sync: bool) -> None:
        assert use_s5cmd_sync, "what is there is not fetched again"
        for series in self.selection.series:
            assert series.uid in seriesInstanceUID
            folder = Path(downloadDir) / self.selection.collection / series.patient / "1.2" / f"CT_{series.uid}"
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(min(series.n_files, self.most)):
                (folder / f"{number}.dcm").touch()
        if self.fault:
            raise OSError(self.fault)


@pytest.fixture
def one_ct() -> Selection:
    return select("nsclc_radiomics", modalities=["CT"], patients=["LUNG1-001"])


def test_what_did_not_arrive_is_named_and_the_next_call_goes_on(one_ct: Selection, tmp_path: Path) -> None:
    (uid,) = [series.uid for series in one_ct.series]
    (finding,) = fetch(one_ct, tmp_path, Shelf(one_ct, most=100))
    assert str(finding) == (
        f"{tmp_path}/nsclc_radiomics, patient LUNG1-001: of the series {uid}, 100 of 134 files are there. "
        "Run the command again: it goes on where it stopped."
    )
    assert fetch(one_ct, tmp_path, Shelf(one_ct)) == []
    assert len(list((tmp_path / "nsclc_radiomics" / "LUNG1-001").rglob("*.dcm"))) == 134
    assert (tmp_path / "nsclc_radiomics" / "PROVENANCE.md").read_text() == (
        "# Provenance\n\nImages of the collection `nsclc_radiomics`, from the Imaging Data Commons of the National "
        f"Cancer Institute, index version {one_ct.version}: 1 patient, 1 series.\n\n| licence | source | series |\n"
        "| --- | --- | --- |\n| CC BY-NC 3.0 | DOI 10.7937/k9/tcia.2015.pf0m9rei | 1 |\n\n"
        "Attribute the source wherever you share anything made from them, and keep to the licence.\n"
    )


def test_a_download_that_fails_is_said_and_what_arrived_is_kept(one_ct: Selection, tmp_path: Path) -> None:
    with pytest.raises(MMCareError) as error:
        fetch(one_ct, tmp_path, Shelf(one_ct, most=3, fault="connection reset by peer"))
    assert str(error.value) == (
        f"{tmp_path}/nsclc_radiomics: the download ended (OSError: connection reset by peer); what has arrived is "
        "kept. Run the command again: it goes on where it stopped."
    )
    assert len(list(tmp_path.rglob("*.dcm"))) == 3


def test_a_disk_without_room_is_named_before_anything_is_fetched(one_ct: Selection, tmp_path: Path) -> None:
    large = replace(one_ct, series=tuple(replace(series, size_mb=1e12) for series in one_ct.series))
    with pytest.raises(MMCareError) as error:
        fetch(large, tmp_path / "images", Shelf(large))
    said = str(error.value)
    assert said.startswith(f"{tmp_path}/images: 1,000,000,000,000 MB are to be fetched, and ")
    assert said.endswith(" MB are free there. Free some space, write elsewhere, or name fewer patients with --patient.")
    assert not (tmp_path / "images").exists()


def test_without_the_extra_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idc_index_data", None)
    with pytest.raises(MMCareError) as error:
        select("nsclc_radiomics")
    assert str(error.value) == (
        "fetching needs the package `idc-index`, which is not installed. Run: pip install 'mmcare[idc]'"
    )
