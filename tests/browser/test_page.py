"""The page in a real browser: closed, accessible, quick, and right."""

from __future__ import annotations

import json
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from browser.opened import opened
from browser.pages import CLASSES, EVIL, PUBLICATION, cells_of, contract_of, make, make_rows, render
from quickstack.results.exporting.page import embedded

TASKS = list(CLASSES)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 800}


@pytest.fixture(scope="module")
def made():
    return {task: make(task) for task in TASKS}


def published(html, publication=PUBLICATION):
    """Do what publishing does: replace the text of one element."""
    place = '<script type="application/json" id="publication">'
    assert html.count(f"{place}null</script>") == 1
    return html.replace(f"{place}null<", f"{place}{embedded(publication)}<")


@pytest.fixture(scope="module")
def pages(chromium, made, tmp_path_factory):
    """Give one open page of each task, published, all details open."""
    with ExitStack() as stack:
        found = {}
        for task in TASKS:
            folder, html = tmp_path_factory.mktemp(task), published(made[task].html)
            found[task] = stack.enter_context(opened(chromium, html, folder, viewport=DESKTOP))
            found[task].page.evaluate(
                "document.querySelectorAll('details').forEach(d => { d.open = true; })"
            )
        yield found


@pytest.mark.parametrize("task", TASKS)
def test_closed_and_accessible_in_both_themes(pages, node_modules, task):
    page = pages[task]
    page.page.evaluate((node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    # A theme changes colours only, so the second one needs the rules about them only.
    colours = "{runOnly: ['color-contrast', 'link-in-text-block']}"
    for scheme, rules in (("light", "{}"), ("dark", colours)):
        page.page.emulate_media(color_scheme=scheme)
        result = page.page.evaluate(f"axe.run({rules})")
        assert [(v["id"], v["nodes"][0]["html"]) for v in result["violations"]] == []
        assert "color-contrast" in [rule["id"] for rule in result["passes"]]
    assert page.requests == []
    assert page.complaints == []


@pytest.mark.parametrize("task", TASKS)
def test_a_phone_scrolls_down_only(pages, task):
    page = pages[task].page
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("document.body.scrollWidth") == 360
    page.set_viewport_size(DESKTOP)


#: Adds up ten million numbers: what the machine needs for a fixed piece of work, in ms.
CONTROL = """() => {
    const begun = performance.now();
    let sum = 0;
    for (let i = 0; i < 1e7; i++) sum += Math.sqrt(i);
    return sum ? performance.now() - begun : 0;
}"""


@pytest.mark.parametrize("task", TASKS)
def test_a_filter_redraws_within_the_time_of_a_few_million_additions(pages, task):
    page, ratios = pages[task], []
    for segment in ("north", "south", "", EVIL) * 3:
        control = page.page.evaluate(CONTROL)
        page.choose(segment=segment)
        taken = page.page.evaluate("document.documentElement.dataset.redrawMilliseconds")
        ratios.append(float(taken) / control)
    page.choose()
    print(f"{task}: median {np.median(ratios):.2f} of the control, largest {max(ratios):.2f}")
    assert np.median(ratios) < 4


@pytest.mark.parametrize("segment", ["", "north", EVIL, "карта", "(no value)"])
def test_figures_of_two_classes_are_those_of_the_rows(pages, made, segment):
    rows = chosen(made["binary"].tested, segment)
    page = pages["binary"]
    page.choose(segment=segment)
    for wanted in (0.05, 0.3, 0.52, 0.8):
        edge = page.threshold(wanted)
        flagged = rows["probability"] >= edge
        case = rows["target"] == "yes"
        hit, wasted = (flagged & case).sum(), (flagged & ~case).sum()
        assert edge == pytest.approx(wanted, abs=0.02)
        assert page.text("live-flagged") == f"{hit + wasted:,}"
        assert page.text("live-precision") == percent(hit / (hit + wasted))
        assert page.text("live-recall") == percent(hit / case.sum())
        cells = [page.text(f"cell-{name}") for name in ("hit", "missed", "wasted", "left")]
        missed, left = (~flagged & case).sum(), (~flagged & ~case).sum()
        assert cells == [f"{n:,}" for n in (hit, missed, wasted, left)]
        worth = 40 * hit - 10 * wasted - 5 * missed
        assert page.text("live-worth") == f"{worth:,.0f} EUR".replace("-", "\N{MINUS SIGN}")
    assert float(page.text("live-auc")) == pytest.approx(auc(rows), abs=0.006)


@pytest.mark.parametrize("segment", ["", "south", "счёт"])
def test_figures_of_a_regression_are_those_of_the_rows(pages, made, segment):
    rows = chosen(made["regression"].tested, segment)
    error = rows["prediction"] - rows["target"]
    inside = (rows["low"] <= rows["target"]) & (rows["target"] <= rows["high"])
    page = pages["regression"]
    page.choose(segment=segment)
    assert page.text("live-rows") == f"{len(rows):,}"
    assert float(page.text("live-mae")) == pytest.approx(error.abs().mean(), abs=0.06)
    assert float(page.text("live-rmse")) == pytest.approx((error**2).mean() ** 0.5, abs=0.06)
    bias = float(page.text("live-bias").replace("\N{MINUS SIGN}", "-"))
    assert bias == pytest.approx(error.mean(), abs=0.006)
    r2 = 1 - (error**2).sum() / ((rows["target"] - rows["target"].mean()) ** 2).sum()
    assert float(page.text("live-r2")) == pytest.approx(r2, abs=0.006)
    assert page.text("live-covered") == percent(inside.mean())


@pytest.mark.parametrize("segment", ["", "north"])
def test_figures_of_several_classes_are_those_of_the_rows(pages, made, segment):
    rows = chosen(made["multiclass"].tested, segment)
    rows = rows[rows["period"] == "2025-03"]
    page = pages["multiclass"]
    page.choose(period="2025-03", segment=segment)
    right = (rows["prediction"] == rows["target"]).mean()
    assert page.text("live-accuracy") == percent(right)
    counts = pd.crosstab(rows["target"], rows["prediction"])
    shown = page.page.locator("#confusion tbody tr").evaluate_all(
        "lines => lines.map(l => [...l.querySelectorAll('td span')].map(s => s.textContent))"
    )
    names = CLASSES["multiclass"]
    assert shown == [[f"{counts.loc[a, b]:,}" for b in names] for a in names]


def test_keyboard_and_theme(chromium, made, tmp_path):
    with opened(chromium, made["binary"].html, tmp_path, color_scheme="light") as page:
        assert page.text("threshold-text") == "30 %"
        flagged = page.text("live-flagged")
        page.page.locator("#threshold").focus()
        page.page.keyboard.press("ArrowRight")
        assert page.text("live-flagged") != flagged
        assert page.page.locator("#threshold").get_attribute("aria-valuetext") != "30 %"
        assert page.page.locator("#live").get_attribute("aria-live") == "polite"
        page.page.locator("#reset").press("Enter")
        assert page.text("live-flagged") == flagged
        back = "getComputedStyle(document.body).backgroundColor"
        light = page.page.evaluate(back)
        page.page.locator("#theme").press("Space")
        assert page.page.evaluate(back) != light
        page.page.emulate_media(media="print")
        assert page.page.evaluate("getComputedStyle(document.querySelector('.card')).color") == (
            "rgb(22, 26, 39)"
        )
        assert not page.page.locator("#reset").is_visible()


def test_without_script_the_facts_are_there(chromium, made, tmp_path):
    with opened(chromium, made["binary"].html, tmp_path, java_script_enabled=False) as page:
        text = page.page.locator("body").inner_text()
        for fact in ("of all cases of target = yes", "ROC AUC", "95 % interval 0.700 to 0.900",
                     "Retrain", "7 were set aside", "need JavaScript", "unpublished"):  # fmt: skip
            assert fact in text
        assert not page.page.locator("#threshold").is_visible()


def test_a_published_run_shows_its_time_and_history(chromium, made, tmp_path):
    evil = {**PUBLICATION, "changed": EVIL, "reason": EVIL}
    with opened(chromium, published(made["binary"].html, evil), tmp_path) as page:
        assert page.text("changed") == EVIL
        assert page.text("published") == "Published 5 Oct 2026, 05:26 UTC"
        assert page.text("stamp-code") == "3a66daa1b2c3"
        assert "promised are at most 35 days: kept" in page.text("fresh")
        lines = page.page.locator("#history tbody tr")
        assert lines.count() == 12
        assert lines.first.locator("th").text_content() == "22 Sept 2026, 05:00 UTC"
        assert page.page.locator("#runs circle").count() == 12
        assert page.page.locator("#runs svg").bounding_box()["height"] == 230
        assert page.page.locator("#unpublished").count() == 0
        assert page.complaints == []


@pytest.mark.parametrize(
    "publication",
    [
        {**dict.fromkeys(PUBLICATION), "history": []},
        {**PUBLICATION, "history": [dict.fromkeys(PUBLICATION["history"][0])]},
        {**PUBLICATION, "published": "2020-01-01T00:00:00Z", "freshness": None},
    ],
    ids=["nothing is known", "an empty run", "a clock that went back"],
)
def test_a_publication_may_lack_anything(chromium, made, tmp_path, publication):
    with opened(chromium, published(made["binary"].html, publication), tmp_path) as page:
        text = page.page.locator("main").inner_text()
        assert "NaN" not in text
        assert "undefined" not in text
        assert "null" not in text
        assert page.complaints == []


def test_hostile_segments_are_text(pages):
    page = pages["binary"]
    names = page.page.locator("#segments tbody th[scope=row]").all_text_contents()
    assert {EVIL, "=cmd()", "(no value)", "карта"} <= set(names)
    assert page.page.locator("img").count() == 0
    assert page.complaints == []


def bad(case):
    task = "multiclass" if case == "one class only" else "binary"
    segments = ("region",) if case == "ten thousand segments" else ("region", "плата")
    contract = contract_of(task, segments=segments)
    rows, table = make_rows(task)
    if case == "no predictions":
        return render(contract, None)
    if case == "only training rows":
        rows["split"] = "train"
    if case == "one class only":
        table["target"] = "bus"
    if case == "no period":
        rows["period"] = None
    if case == "ten thousand segments":
        rows, table = make_rows(task, 40_000)
        table["region"] = [f"value {i % 10_000}" for i in range(len(table))]
    if case == "no truth in a period":
        table.loc[rows["period"] == "2025-04", "target"] = None
    return render(contract, cells_of(contract, rows, table))


@pytest.mark.parametrize(
    "case",
    ["no predictions", "only training rows", "one class only", "no period",
     "ten thousand segments", "no truth in a period"],
)  # fmt: skip
def test_bad_input_gets_a_page_that_is_right(chromium, tmp_path, case):
    html = bad(case)
    assert len(html.encode()) < 100_000
    with opened(chromium, html, tmp_path, viewport=PHONE) as page:
        text = page.page.locator("main").inner_text()
        assert ("nothing to explore" in text) == (case in ("no predictions", "only training rows"))
        assert "NaN" not in text
        assert "…" not in text
        if case == "no truth in a period":
            page.choose(period="2025-04")
            assert page.text("live").startswith("No row here has a known outcome. Of ")
        if case == "ten thousand segments":
            assert "all others" in text
        assert page.page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.complaints == []


def chosen(rows, segment):
    if segment == "":
        return rows
    if segment == "(no value)":
        return rows[rows["region"].isna()]
    return rows[(rows["region"] == segment) | (rows["плата"] == segment)]


def percent(share):
    """Write a share as the page does."""
    value = 100 * share
    return f"{value:.{1 if 0 < value < 10 else 0}f} %"


def auc(rows):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(rows["target"] == "yes", rows["probability"])


def test_the_data_of_a_page_are_json_without_markup(made):
    for page in made.values():
        text = page.html.split('id="data">')[1].split("</script>")[0]
        assert "<" not in text
        assert json.loads(text)["task"] == page.contract.task


def test_seven_classes_of_long_names_are_all_seen(chromium, monkeypatch, tmp_path) -> None:
    names = (*(f"class {letter}" for letter in "abcdef"), "passengers_of_long_distance_trains")
    monkeypatch.setitem(CLASSES, "multiclass", names)
    with opened(chromium, make("multiclass").html, tmp_path, viewport=DESKTOP) as found:
        wider = """(ids) => ids.filter((id) => {
            const node = document.getElementById(id), around = node.parentElement;
            return node.scrollWidth > node.clientWidth || around.scrollWidth > around.clientWidth;
        })"""
        assert found.page.evaluate(wider, ["confusion", "classes", "live-weakest"]) == []
        axis = "[...document.querySelectorAll('#performance .axis text')].map((t) => t.textContent)"
        drawn = found.page.evaluate(axis)
        assert max(float(text) for text in drawn if text.replace(".", "").isdigit()) <= 1
