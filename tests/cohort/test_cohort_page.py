"""The page of `cohort check --html`: what it shows, that it adds up, and that no text of a cohort becomes markup."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.formats.volume import Volume
from mmcare.survival import aalen_johansen, kaplan_meier
from mmcare.workflow.cohort_check import look_at_cohort_folder
from mmcare.workflow.cohort_page.drawing import joined, ticks
from mmcare.workflow.cohort_page.page import CohortPage, cohort_page
from mmcare.workflow.cohort_page.render import render_cohort_page
from mmcare.workflow.cohort_page.thumbnail import GAP, TILE, thumbnail
from tests.report.browser import Browser

from .conftest import DICTIONARY, as_text, rows

Write = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
N = 40
EVIL = "<script>alert(1)</script>"
WORSE = "\"><img src=x onerror='alert(2)'>"


class Read(HTMLParser):
    """A page as a browser would take it apart: elements with attributes, and the text of each table row."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {"style": "", "script": ""}
        self.rows: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "tr":
            self.rows.append("")
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass
        if self.rows and tag in ("td", "th"):
            self.rows[-1] += "|"

    def handle_data(self, data: str) -> None:
        for tag in ("style", "script"):
            if tag in self.open:
                self.inside[tag] += data
                return
        self.text += data
        if "tr" in self.open:
            self.rows[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def made(folder: Path, **options: object) -> CohortPage:
    checked = look_at_cohort_folder(folder, thumbnails=True, workers=1)
    return cohort_page(checked, **options)  # type: ignore[arg-type]


def read(folder: Path, **options: object) -> Read:
    return Read(render_cohort_page(made(folder, **options)))


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mmcare.synthetic import draw, write_cohort

    folder = tmp_path_factory.mktemp("page") / "cohort"
    write_cohort(draw("heterogeneous", N, 1), folder, size_voxels=24, spacing_mm=4.0)
    return folder


@pytest.fixture(scope="module")
def html(synthetic: Path) -> Path:
    """The page as the verb writes it."""
    path = synthetic.parent / "pages" / "check.html"
    assert main(["cohort", "check", str(synthetic), "--html", str(path)]) in (0, 1)
    return path


@pytest.fixture(scope="module")
def page(html: Path) -> Read:
    return Read(html.read_text(encoding="utf-8"))


def columns(folder: Path, *names: str) -> list[np.ndarray]:
    with (folder / "patients.csv").open() as file:
        found = list(csv.DictReader(file))
    return [np.array([row[name] for row in found]) for name in names]


def test_the_numbers_are_those_of_the_survival_room(synthetic: Path, page: Read) -> None:
    arm, *texts = columns(synthetic, "arm", "os_years", "os_event", "lc_years", "lc_event")
    os_time, os_event, lc_time, lc_event = (text.astype(float) for text in texts)
    for name in ("sbrt", "surgery"):
        own = arm == name
        km = kaplan_meier(os_time[own], os_event[own])
        for year in (1, 3, 5):
            free, band = float(km.curve.at(year)), km.band([year])
            at_risk = int((os_time[own] >= year).sum())
            limits = f"{100 * band.lower[0]:.1f} % to {100 * band.upper[0]:.1f} %"
            assert f"{name}|{year}|{100 * free:.1f} %|{limits}|{at_risk}|" in page.rows
        incidence = aalen_johansen(lc_time[own], lc_event[own])
        for year in (1, 3):
            at_risk = int((lc_time[own] >= year).sum())
            assert f"{name}|{year}|{100 * float(incidence.at(year)):.1f} %|{at_risk}|" in page.rows
        known, events, other = len(lc_time[own]), (lc_event[own] == 1).sum(), (lc_event[own] == 2).sum()
        assert any(row.startswith(f"{name}|{known}|{events}|{other}|0|") for row in page.rows)


def test_every_patient_and_every_missing_cell_is_counted(synthetic: Path, page: Read) -> None:
    arm, fev1 = columns(synthetic, "arm", "fev1")
    assert f"{N} patients" in page.text
    assert len(page.all("img")) == N
    lacking = [int(((arm == name) & (fev1 == "")).sum()) for name in ("sbrt", "surgery")]
    (row,) = [row for row in page.rows if row.startswith("fev1|predictor|")]
    assert [int(cell.split(" ")[0]) for cell in row.split("|")[3:5]] == lacking
    kinds = {"|".join(row.split("|")[:2]) for row in page.rows}
    assert {"os|outcome", "ct|modality", "ct mask|modality", "genomic|modality"} <= kinds


def test_the_page_loads_nothing_and_runs_nothing_but_its_own_script(html: Path, page: Read) -> None:
    text = html.read_text(encoding="utf-8")
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(" not in text
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "form", "base")
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        assert (attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
        assert (attributes.get("href") or "#").startswith("#")
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digests = {tag: base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for tag, s in page.inside.items()}
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert len(page.all("script")) == 1


def test_a_patient_adds_few_bytes(html: Path) -> None:
    assert html.stat().st_size < 60_000 + 12_000 * N


def test_pictures_left_out_are_counted_and_those_with_findings_come_first(synthetic: Path) -> None:
    bad = sorted((synthetic / "ct").glob("*_gtv.nii.gz"))[-1]
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    try:
        page = read(synthetic, most=3)
    finally:
        bad.write_bytes(whole)
    assert len(page.all("img")) == 3
    assert f"{N - 3} more CTs can be read and are not shown" in page.text
    patients = [a["data-patient"] for a in page.all("li") if "data-patient" in a]
    assert patients[0] == bad.name.removesuffix("_gtv.nii.gz")
    assert "the mask cannot be used" in page.text


def spoil(folder: Path, **cells: str) -> None:
    """Write cells of the third patient."""
    table = rows()
    table[2].update(cells)
    (folder / "patients.csv").write_text(as_text(table))


def test_no_text_of_a_cohort_becomes_markup(tmp_path: Path) -> None:
    dictionary = {
        "mmcare_cohort": 1,
        "arms": {"column": "arm", "values": {EVIL: WORSE, "surgery": EVIL}},
        "endpoints": {WORSE: {"time": "t", "event": "e", "horizons": [1]}},
        "columns": {EVIL: {"type": "category", "unit": ""}, WORSE: {"type": "number", "unit": EVIL}},
    }
    from ruamel.yaml import YAML

    YAML().dump(dictionary, tmp_path / "cohort.yaml")
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(["patient_id", "arm", "t", "e", EVIL, WORSE])
    for i in range(24):
        evil = (EVIL, WORSE, "x")[i % 3]
        table.writerow(
            [f"P{i:02d}" if i else EVIL, (EVIL, "surgery")[i % 2], 1 + i / 9, i % 2, evil, i if i != 5 else EVIL]
        )
    (tmp_path / "patients.csv").write_text(written.getvalue())
    page = read(tmp_path)
    assert page.all("img") == [] and len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "alert" not in page.inside["script"]
    assert page.text.count(EVIL) > 5 and page.text.count(WORSE) > 5
    assert any(row.strip().startswith("error|") and f"|{EVIL}|" in row for row in page.rows)


def test_a_finding_shows_severity_patient_file_column_value_and_what_to_do(write: Write) -> None:
    folder = write()
    spoil(folder, dead="7", os_months="-3")
    page = read(folder)
    assert (
        "error||patients.csv:4|dead|7|codes `7` (1 times) have no meaning; the dictionary has {0: censored, 1: event}.|"
        "Say what each code means in `endpoints.os.codes`, such as {0: censored, 1: event, 2: competing}.|"
    ) in [row.strip() for row in page.rows]
    assert "2 errors" in re.sub(r"\s+", " ", page.text)
    assert any(re.match(r"sbrt\|11\|\d\|0 \+ 1 no time or code\|", row) for row in page.rows)


BROKEN = {
    "a column that is not there": (DICTIONARY.replace("age:", "agee:"), None, "Named in the dictionary, and not in"),
    "no column of arms": (DICTIONARY.replace("column: arm", "column: amr"), None, "treatment not known"),
    "no column of ids": ("mmcare_cohort: 1\npatients: {id: nobody}\n", None, "nothing else can be shown"),
    "no column of times": (DICTIONARY.replace("time: os_months", "time: months"), None, "Nobody's outcome is known."),
    "an id twice": (DICTIONARY, as_text([*rows(), rows()[0]]), "error"),
    "no arms, endpoints or columns": ("mmcare_cohort: 1\n", None, "it needs two arms of at least ten patients"),
    "one patient": (DICTIONARY, as_text(rows()[:1]), "it needs two arms of at least ten patients"),
    "nobody of an arm": (DICTIONARY.replace("resection}", "resection, drug: drug}"), None, "nobody received `drug`"),
    "no number in a column": (
        DICTIONARY,
        as_text([{**row, "age": ""} for row in rows()]),
        "No value is known.",
    ),
    "a dictionary that is no dictionary": ("- 1\n", None, "nothing else can be shown"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_cohort_that_is_not_whole_has_a_page_that_says_so(case: str, write: Write) -> None:
    dictionary, table, said = BROKEN[case]
    assert said in read(write(dictionary, table)).text


def test_a_page_bears_5000_findings_and_says_how_many_it_leaves_out() -> None:
    from mmcare.errors import Finding, Severity
    from mmcare.workflow.cohort_page.findings import findings_part

    notes = [Finding(what=f"n{n}", severity=Severity.NOTE, file="c/patients.csv", line=n) for n in range(6_000)]
    part = findings_part([*notes, Finding(what="e", value="7", modality="ct", key="k")], Path("c"))
    assert (len(part.rows), part.left_out, part.counts) == (5_000, 1_001, {"error": 1, "warning": 0, "note": 6_000})
    first, second = part.rows[:2]
    assert (first.severity, first.column, first.value, first.file) == ("error", "ct k", "7", "")
    assert (second.what, second.file, second.place) == ("n0", "patients.csv", "0")


def test_charts_of_300_predictors_are_drawn_and_the_others_named(write: Write) -> None:
    names = [f"f{n:03d}" for n in range(303)]
    table = [{**row, **dict.fromkeys(names, row["age"])} for row in rows()]
    entries = "".join(f"  {name}: {{type: number}}\n" for name in names)
    page = read(write("mmcare_cohort: 1\ncolumns:\n" + entries, as_text(table)))
    assert len([a for a in page.all("svg") if (a.get("aria-label") or "").startswith("histogram of f")]) == 300
    assert "3 more predictors are not drawn: f300, f301, f302." in page.text


def test_a_file_whose_name_is_no_text_is_written_about(write: Write, tmp_path: Path) -> None:
    from dataclasses import replace

    from mmcare.errors import Finding
    from mmcare.workflow.cohort_page.render import write_cohort_page

    checked = look_at_cohort_folder(write())
    odd = Finding(what="is odd.", file=b"scan\xff.dcm".decode(errors="surrogateescape"))
    page = cohort_page(replace(checked, findings=(odd,)))
    path = tmp_path / "page.html"
    assert write_cohort_page(page, path) == path.stat().st_size
    assert "scan?.dcm" in path.read_text(encoding="utf-8")


def test_no_images_is_said(synthetic: Path, tmp_path: Path, capfd: Capture) -> None:
    path = tmp_path / "check.html"
    main(["cohort", "check", str(synthetic), "--no-images", "--json", "--html", str(path)])
    out, err = capfd.readouterr()
    assert out.startswith("[") and f"{path}: a page of " in err
    assert "CTs and masks were not opened" in path.read_text()


def test_a_page_is_written_again_and_no_other_file_is(write: Write, tmp_path: Path, capfd: Capture) -> None:
    folder = write()
    path = tmp_path / "out" / "check.html"
    assert main(["cohort", "check", str(folder), "--html", str(path)]) == 0
    assert main(["cohort", "check", str(folder), "--html", str(path)]) == 0
    capfd.readouterr()
    table = folder / "patients.csv"
    before = table.read_bytes()
    assert main(["cohort", "check", str(folder), "--html", str(table)]) == 2
    assert capfd.readouterr().err == (
        f"Error: {table}: is there, and is no page of `mmcare cohort check`; only such a page is overwritten.\n"
        "  Name another file, or remove it.\n"
    )
    assert table.read_bytes() == before
    assert main(["cohort", "check", str(folder), "--html", str(folder)]) == 2
    assert capfd.readouterr().err == f"Error: {folder}: is a folder.\n  Name the HTML file to write.\n"


def block(spacing: tuple[float, float, float]) -> Volume:
    """Air with a bright block on the right, at the front, near the head; its mask is the block."""
    values = np.full((60, 50, 40), -1000, dtype=np.int16)
    values[40:50, 35:45, 30:36] = 350
    affine = np.diag([*spacing, 1.0])
    return Volume(values, affine, mask=values > 0)


def test_a_thumbnail_shows_the_plane_as_a_radiologist_sees_it() -> None:
    from PIL import Image

    volume = block((2.0, 2.0, 3.0))
    whole = thumbnail(Volume(volume.values, volume.affine), "P1")
    assert (whole.mask, whole.outline, whole.field_mm) == ("none", "", 120.0)
    small = thumbnail(volume, "P1")
    assert (small.mask, small.field_mm) == ("drawn", 120.0)
    picture = np.asarray(Image.open(io.BytesIO(small.jpeg)), dtype=float)
    assert picture.shape == (TILE, 3 * TILE + 2 * GAP)
    for place, (across, up) in enumerate(((20, 20), (20, 18), (20, 18))):
        tile = picture[:, place * (TILE + GAP) :][:, :TILE]
        high, wide = np.flatnonzero(tile.max(axis=1) > 128), np.flatnonzero(tile.max(axis=0) > 128)
        middle = TILE / 2
        assert (high[0] + high[-1]) / 2 == pytest.approx(middle, abs=1.5)
        assert (wide[0] + wide[-1]) / 2 == pytest.approx(middle, abs=1.5)
        assert len(wide) * 120 / TILE == pytest.approx(across, abs=3)
        assert len(high) * 120 / TILE == pytest.approx(up, abs=3)
    corners = np.array([[float(n) for n in pair.split()] for pair in re.split("[MLZ]+", small.outline) if pair])
    mine = corners[corners[:, 0] < TILE] * 120 / TILE
    assert np.ptp(mine, axis=0) == pytest.approx([20, 20], abs=2), "the outline runs around the block"


def test_the_right_is_on_the_left_and_the_head_at_the_top() -> None:
    from PIL import Image

    values = np.full((40, 40, 40), -1000, dtype=np.int16)
    values[35:39, 17:23, 17:23] = values[17:23, 30:39, 17:23] = values[17:23, 17:23, 36:39] = 350
    picture = np.asarray(Image.open(io.BytesIO(thumbnail(Volume(values, np.eye(4)), "P1").jpeg)), dtype=float)
    axial, coronal, sagittal = (picture[:, n * (TILE + GAP) :][:, :TILE] for n in range(3))
    half = TILE // 2
    assert axial[:, : half // 2].max() > 200 > 60 > axial[half + 15 :, half + 15 :].max(), "the right on the left"
    assert axial[: half // 2].max() > 200 > 60 > axial[-half // 2 :].max(), "the front at the top"
    assert coronal[: half // 4, :].max() > 200 > 60 > coronal[-half // 2 :].max(), "the head at the top"
    assert sagittal[:, : half // 2].max() > 200 > 60 > sagittal[:, -half // 2 :].max(), "the front on the left"


def test_a_thumbnail_of_a_large_ct_comes_near_the_mask() -> None:
    large = thumbnail(block((6.0, 6.0, 6.0)), "P1")
    assert large.field_mm == 160.0
    empty = thumbnail(Volume(block((1, 1, 1)).values, np.eye(4), mask=np.zeros((60, 50, 40), dtype=bool)), "P1")
    assert (empty.mask, empty.outline) == ("empty", "")


def test_standardised_differences_by_hand(write: Write) -> None:
    from mmcare.cohort import check_cohort
    from mmcare.workflow.cohort_page.overlap import overlap

    cohort, _ = check_cohort(write())
    assert cohort is not None
    found = overlap(cohort)
    assert found is not None
    age = {balance.name: balance for balance in found.balance}["age"]
    first, second = np.arange(55, 79, 2), np.arange(56, 80, 2)
    assert age.means == (first.mean(), second.mean())
    assert age.smd == pytest.approx(1 / np.sqrt((first.var() + second.var()) / 2))
    assert found.propensity.shape == (24, 2) and np.allclose(found.propensity.sum(axis=1), 1)
    e = found.propensity[np.arange(24), 1 - found.arm]  # overlap weights of two arms: the probability of the other
    own = e[found.arm == 0]
    assert found.effective[0] == pytest.approx(own.sum() ** 2 / (own**2).sum())
    assert (
        abs(
            age.weighted_smd
            - (np.average(second, weights=e[found.arm == 1]) - np.average(first, weights=own))
            / np.sqrt((first.var() + second.var()) / 2)
        )
        < 1e-9
    )


def test_a_covariate_that_tells_the_arms_apart_stands_first(write: Write) -> None:
    """It varies in no arm: its standardised difference is infinite, and is not left out. Nor is a small arm."""
    table = [{**row, "age": "70" if row["arm"] == "sbrt" else "60"} for row in rows()]
    table += [{**row, "patient_id": f"Q{n}", "arm": "drug"} for n, row in enumerate(rows(3))]
    table.append({**rows(1)[0], "patient_id": "Q9", "arm": ""})
    page = read(write(DICTIONARY.replace("resection}", "resection, drug: tablets}"), as_text(table)))
    row = next(row for row in page.rows if row.startswith("age|") and "predictor" not in row)
    assert row.startswith("age|70|60|−∞|−∞|")
    assert "Not compared, for an arm needs ten patients: tablets (3), treatment not known (1)." in page.text
    assert re.search(r"c-statistic of +1\.00", page.text)


def test_runs_of_flags_are_joined() -> None:
    assert joined([True, True, False, True]) == "M0 0h2v1h-2zM3 0h1v1h-1z"
    assert joined([False, False]) == "" and joined([]) == ""


def test_ticks_are_round_numbers_within() -> None:
    assert ticks(0, 8.7) == [0, 2, 4, 6, 8]
    assert ticks(0, 0.3) == [0, 0.1, 0.2, 0.3]
    assert ticks(-0.5, 3.5) == [0, 1, 2, 3]
    assert ticks(47, 91, 5) == [50, 60, 70, 80, 90]
    assert ticks(3, 3) == [3]


def test_findings_are_filtered_and_sorted_in_a_browser(browser: Browser, write: Write, tmp_path: Path) -> None:
    folder = write()
    spoil(folder, dead="7", os_months="-3", age="old")
    path = tmp_path / "check.html"
    assert main(["cohort", "check", str(folder), "--html", str(path)]) == 2
    context = browser.chromium.new_context(offline=True, viewport={"width": 400, "height": 800})
    view = context.new_page()
    said: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    view.on("request", lambda request: asked.append(request.url))
    view.goto(path.as_uri())
    shown = view.locator("#findings-table tbody tr:visible")
    all_of_them = shown.count()
    view.select_option("#by-severity", "error")
    errors = shown.count()
    assert 2 <= errors <= all_of_them
    view.fill("#by-words", "no meaning")
    assert shown.count() == 1 and view.inner_text("#shown") == f"1 of {all_of_them} shown"
    view.fill("#by-words", "")
    head = view.locator("#findings-table thead button", has_text="Column")
    head.focus()
    view.keyboard.press("Enter")
    first = [row.split("\t")[0] for row in view.locator("#findings-table tbody tr td:nth-child(4)").all_inner_texts()]
    assert first == sorted(first) and view.locator("th[aria-sort=ascending]").inner_text().startswith("Column")
    assert view.evaluate("document.documentElement.scrollWidth") <= 400
    assert said == [] and asked == [path.as_uri()]
    context.close()


def test_the_page_has_no_barrier_that_axe_knows(browser: Browser, html: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    for scheme in ("light", "dark"):
        context = browser.chromium.new_context(color_scheme=scheme, bypass_csp=True)
        view = context.new_page()
        view.goto(html.as_uri())
        results = axe.Axe().run(view)
        assert results.violations_count == 0, results.generate_report()
        context.close()
