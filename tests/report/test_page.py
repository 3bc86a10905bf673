"""A page opened from disk, with the network off: nothing is asked for, everything that moves is moved."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.report import ReportData

from .browser import SMALL, Browser
from .conftest import Page, slide

Reported = Callable[[str], ReportData]
OVER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("patient", ["SYN-00001", "SYN-00002", "SYN-00003"])
@pytest.mark.parametrize("look", ["light", "dark", "small"])
def test_a_page_complains_of_nothing_and_asks_for_nothing(
    patient: str, look: str, of_images: Reported, page: Page, browser: Browser
) -> None:
    """A patient without CT, one without a genome, and one with all."""
    with browser.open(page(of_images(patient)), dark=look == "dark", size=SMALL if look == "small" else None) as opened:
        assert opened.complaints == []
        assert opened.requests == []
        assert opened.page.evaluate(OVER) <= 0
        assert opened.serious() == []
        assert opened.page.locator('[data-chart="course"] svg').count() == 2
        assert "Research use only" in opened.text("header")
    lacks = {"SYN-00001": "ct", "SYN-00002": "genomic"}.get(patient)
    assert [m.key for m in of_images(patient).inputs if m.absent] == ([lacks] if lacks else [])


def test_a_planted_fault_is_found(data: ReportData, page: Page, browser: Browser) -> None:
    with browser.open(page(data)) as opened:
        opened.page.evaluate("document.getElementById('theme').textContent = ''")
        opened.page.evaluate(
            "document.getElementById('alpha').closest('label').replaceWith(document.getElementById('alpha'))"
        )
        found = opened.serious()
    assert [text.split(":")[0] for text in found] == ["button-name", "label"]


def test_a_script_that_is_not_the_pages_own_is_refused(data: ReportData, page: Page, browser: Browser) -> None:
    """The policy is what refuses: a script put in by hand does not run, no picture is asked for."""
    path = page(data)
    planted = "<script>window.hit = 1</script><img src='http://127.0.0.1:9/x.png' alt=''>"
    path.write_text(path.read_text().replace("</main>", f"{planted}</main>"))
    with browser.open(path) as opened:
        assert opened.page.evaluate("window.hit") is None
        assert any("Content Security Policy" in text for text in opened.complaints)


def test_the_weights_move_the_utility_and_find_where_it_turns(data: ReportData, page: Page, browser: Browser) -> None:
    """At every weight the sentence is the weighted sum of the figures of `mmcare predict`."""
    chance = {(p.endpoint, p.arm): p.probability or 0.0 for p in data.probabilities if p.horizon == 1}
    with browser.open(page(data)) as opened:
        for alpha in (0, 70, 100):
            slide(opened, "#alpha", alpha)
            said = opened.text("#utility-said")
            for arm, name in (("sbrt", "SBRT"), ("surgery", "surgical resection")):
                utility = alpha * chance["os", arm] + (100 - alpha) * chance["lc", arm]
                assert f"{name} {utility:.1f}" in said
        low = chance["lc", "surgery"] - chance["lc", "sbrt"]
        high = chance["os", "surgery"] - chance["os", "sbrt"]
        if low * high < 0:
            assert f"The order turns where overall survival weighs {100 * low / (low - high):.0f} %." in said
        else:
            assert "No weight turns the order of the two." in said
        opened.page.click("#alpha-reset")
        assert "70 % overall survival, 30 % local control" in opened.text("#choice")


def test_the_interval_under_the_rules_own_weights_is_the_advices(
    data: ReportData, page: Page, browser: Browser
) -> None:
    """Computed in the page from the refits' figures, it is what the decision computed."""
    from mmcare.report.choice import Choice
    from mmcare.report.numbers import signed

    assert isinstance(data.choice, Choice)
    (contrast,) = data.choice.contrasts
    assert contrast.delta is not None and contrast.lower is not None and contrast.upper is not None
    sign = 1 if contrast.arm == "surgery" else -1
    ends = sorted((sign * contrast.lower, sign * contrast.upper))
    with browser.open(page(data)) as opened:
        said = opened.text("#utility-said")
    assert f"{signed(sign * contrast.delta)} points (90 % interval {signed(ends[0])} to {signed(ends[1])})" in said


def test_slices_window_outline_and_heat_are_worked(of_images: Reported, page: Page, browser: Browser) -> None:
    found = of_images("SYN-00003")
    with browser.open(page(found)) as opened:
        shot = lambda: opened.page.eval_on_selector('canvas[data-plane="axial"]', "(c) => c.toDataURL()")  # noqa: E731
        seen = [shot()]
        slide(opened, 'input[data-plane="axial"]', found.images[0].start[2] + 3)
        seen.append(shot())
        opened.page.check("#images input[type=radio][value=Mediastinum]")
        seen.append(shot())
        opened.page.uncheck("#images input[type=checkbox] >> nth=0")
        seen.append(shot())
        if found.images[0].heat_maps:
            opened.page.select_option("[data-heat]", "")
            seen.append(shot())
            opened.page.select_option("[data-heat]", found.images[0].heat_maps[-1].key)
            opened.page.wait_for_timeout(200)
            slide(opened, "[data-opacity]", 100)
        opened.page.hover('canvas[data-plane="coronal"]')
        before = opened.text("[data-said]")
        opened.page.mouse.wheel(0, 100)
        opened.page.wait_for_timeout(100)
        assert opened.text("[data-said]") != before
        assert opened.complaints == []
    assert len(set(seen)) == len(seen)


def test_an_output_is_chosen_and_an_input_looked_at_in_detail(data: ReportData, page: Page, browser: Browser) -> None:
    with browser.open(page(data)) as opened:
        bars = lambda: opened.page.inner_html("#why-chart")  # noqa: E731
        first, said = bars(), opened.text("#why-said")
        opened.page.check("#why-choice input >> nth=1")
        assert bars() != first
        assert opened.text("#why-said") != said
        opened.page.select_option("#feature", label="sex (clinical)")
        assert opened.text("#place-said").startswith("sex: ")
        opened.page.locator('#why-chart [aria-label="bar"] > *').first.click()
        assert not opened.text("#place-said").startswith("sex: ") or "sex" in bars().split("tick label")[1][:200]
        opened.page.select_option("#what-if-output", "lc 1")
        assert opened.page.locator("#what-if-chart svg").count() == 1
        assert opened.complaints == []


def test_tabs_are_worked_by_mouse_and_keyboard(of_images: Reported, page: Page, browser: Browser) -> None:
    with browser.open(page(of_images("SYN-00003"))) as opened:
        visible = lambda: [p for p in range(3) if opened.page.is_visible(f"#panel-{p}")]  # noqa: E731
        assert visible() == [0]
        opened.page.click("#tab-1")
        assert visible() == [1]
        opened.page.keyboard.press("ArrowRight")
        assert visible() == [2]
        assert opened.page.evaluate("document.activeElement.id") == "tab-2"


def test_the_whole_page_can_be_worked_by_keyboard(data: ReportData, page: Page, browser: Browser) -> None:
    """Tab reaches the skip link first, then every control; an arrow moves the slider."""
    with browser.open(page(data)) as opened:
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.className") == "skip"
        opened.page.focus("#alpha")
        before = opened.text("#alpha-said")
        opened.page.keyboard.press("ArrowLeft")
        assert opened.text("#alpha-said") != before


def test_light_and_dark_are_switched(data: ReportData, page: Page, browser: Browser) -> None:
    with browser.open(page(data)) as opened:
        colour = "() => getComputedStyle(document.body).backgroundColor"
        light = opened.page.evaluate(colour)
        opened.page.click("#theme")
        assert opened.page.get_attribute("#theme", "aria-pressed") == "true"
        assert opened.page.evaluate(colour) != light
        assert opened.serious() == []


def test_it_prints_all_of_it_on_white(of_images: Reported, page: Page, browser: Browser, tmp_path: Path) -> None:
    """Also from the dark page; all kinds of input are printed, and no control."""
    with browser.open(page(of_images("SYN-00003")), dark=True) as opened:
        opened.page.emulate_media(media="print")
        assert opened.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert all(opened.page.is_visible(f"#panel-{panel}") for panel in range(3))
        assert not any(control.is_visible() for control in opened.page.locator("button, select").all())
        opened.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert 3 <= pages <= 20


def test_no_advice_names_the_step_that_failed(data: ReportData, page: Page, browser: Browser) -> None:
    from mmcare.report.choice import Choice

    assert isinstance(data.choice, Choice)
    assert data.choice.arm is None
    first = next(step for step in data.choice.steps if not step.passed)
    with browser.open(page(data)) as opened:
        said = opened.text(".verdict")
        rows = opened.page.locator("#steps tbody tr").count()
    assert said.startswith("No treatment is advised")
    assert f"Not fulfilled: “{first.title}”. {first.words}" in said
    assert rows == len(data.choice.steps)
