"""Text of the data that holds HTML, script, links or templates is text: it is shown, and nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.formats.filename import file_name
from mmcare.report import ReportData, build_report
from mmcare.workflow.options import Options

from .browser import Browser
from .cohorts import plain_rows, write
from .conftest import Page

TAG = "<img src=x onerror=hit=1>"
SCRIPT = "</script><script>window.hit=1</script>"
TEMPLATE = "{{ 7*7 }}{% raw %}"
LINK = "javascript:window.hit=1"
STYLE = "</style>url(http://example.org/x)"
DICTIONARY = f"""\
mmcare_cohort: 1
patients: {{file: patients.csv, id: patient_id}}
arms: {{column: arm, values: {{sbrt: "{TAG}", surgery: "{SCRIPT}"}}}}
endpoints:
  "{TAG}": {{time: os_years, event: died, horizons: [1, 2]}}
columns:
  "{SCRIPT}": {{type: number, unit: "{STYLE}"}}
  "{TEMPLATE}": {{type: category}}
  long: {{type: category}}
"""
SPEC = f"""\
mmcare: 1
name: ugly
modalities:
  clinical: {{use: table, encoder: {{use: mlp, hidden: [4]}}}}
head: {{use: dual-task, hidden: [], endpoints: {{"{TAG}": {{model: discrete}}}}}}
training: {{max_epochs: 1, device: cpu}}
decision: {{utility: {{"{TAG}": 1.0}}, horizon: 1, bootstrap: 0}}
"""
MANY = 400
LONG = "x" * 20_000


def _rows() -> list[dict[str, str]]:
    """400 columns beside those with the ugly names; a cell of 20,000 letters."""
    found = []
    for n, row in enumerate(plain_rows()):
        ugly = {SCRIPT: row["age"] or "70", TEMPLATE: (LINK, STYLE)[n % 2], "long": (LONG, SCRIPT)[n % 2]}
        kept = {name: row[name] for name in ("patient_id", "arm", "os_years", "died")}
        found.append({**kept, **ugly, **{f"f{k}": str((n * 7 + k) % 11) for k in range(MANY)}})
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """The report of a patient whose run, cohort and cells are made of such texts."""
    folder = tmp_path_factory.mktemp("hostile")
    numbers = "".join(f"  f{k}: {{type: number}}\n" for k in range(MANY))
    cohort = write(folder / "cohort", DICTIONARY + numbers, _rows())
    (folder / "spec.yaml").write_text(SPEC)
    options = Options(out=folder / "run", cache=Cache(folder / "cache"))
    run = mmcare.fit(folder / "spec.yaml", cohort, options=options)
    found = build_report(run, read_cohort(cohort), "P004")
    made = found.made.model_copy(update={"run": TAG, "spec": SCRIPT, "cohort": TEMPLATE})  # a folder may have any name
    return found.model_copy(update={"made": made})


def test_it_is_shown_as_text_and_nothing_runs(hostile: ReportData, page: Page, browser: Browser) -> None:
    path = page(hostile)
    with browser.open(path) as opened:
        assert opened.page.evaluate("window.hit") is None
        assert opened.complaints == []
        assert opened.requests == []
        assert opened.page.locator("img, iframe, object, embed, link").count() == 0
        assert opened.page.locator("a:not([href^='#'])").count() == 0
        glance, body = opened.text("#glance"), opened.page.text_content("body")
        assert TAG in glance
        assert SCRIPT in glance
        assert TEMPLATE in body
        assert "49" not in opened.page.locator("#inputs th", has_text=TEMPLATE).inner_text()
        assert LINK in body
        assert STYLE in body


def test_a_page_of_many_and_long_values_stays_small_and_usable(
    hostile: ReportData, page: Page, browser: Browser
) -> None:
    path = page(hostile)
    assert path.stat().st_size < 3_000_000
    with browser.open(path, size={"width": 400, "height": 800}) as opened:
        over = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert opened.page.evaluate(over) <= 0
        assert "all 20000 characters" in opened.text("#inputs")
        opened.page.select_option("#feature", label="f7 (clinical)")
        assert opened.text("#place-said").startswith("f7: ")
        assert opened.page.locator("#why-chart svg").count() == 1


@pytest.mark.parametrize("patient", ["CON", "aux.", "🫁 lung", "a" * 200, TAG, "../../etc/passwd"])
def test_an_id_that_no_file_can_have_is_shown_as_it_is(
    patient: str, data: ReportData, tmp_path: Path, page: Page, browser: Browser
) -> None:
    """The cohort's reader refuses such ids; a report of one has a safe file name all the same."""
    name = file_name(patient, ".html")
    assert (tmp_path / name).parent == tmp_path
    assert name != f"{patient}.html"
    assert len(name) < 100
    with browser.open(page(data.model_copy(update={"patient": patient}))) as opened:
        assert opened.text("h1") == patient
        assert opened.requests == []
