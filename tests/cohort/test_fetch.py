"""Fetching from the Imaging Data Commons: the query on idc-index's own index, and the message without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.errors import CohortError, MMCareError
from mmcare.workflow.cohort_fetch import check_reachable, select

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
