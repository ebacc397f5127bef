"""The page is closed, escaped, small, and says something true in every case."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from examples import people_contract
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.modeling.metrics import BY_NAME, METRICS
from quickstack.results.exporting.page import page_view, render_page

EVIL = "</script><img src=x onerror=alert(1)>\"'&"


def metrics(task="binary", value=0.8, **changes):
    names = HIGHER_IS_BETTER[task]
    return {
        **dict.fromkeys(names, value),
        "interval": {name: {"low": 0.7, "high": 0.9} for name in names},
        "baseline": dict.fromkeys(names, 0.5),
        "difference": {name: {"better": True} for name in names},
        "guess": dict.fromkeys(names, "the last known one"),
        "cross_validation": None,
        **changes,
    }


def drift(features=("amount",), drifted=(), verdict="stable", periods=("2024-01", "2024-02")):
    return {
        "verdict": verdict,
        "action": "Nothing to do.",
        "reasons": ["No feature moved."],
        "compared": "the newest period with the training rows",
        "calibrated": True,
        "smallest_shift": 0.3,
        "features": [
            {
                "name": name,
                "psi": 0.3,
                "limit": 0.05,
                "drifted": name in drifted,
                "result": "drifted" if name in drifted else "as before",
            }
            for name in features
        ],
        "periods": [
            {
                "period": period,
                "psi": dict.fromkeys(features, 0.3),
                "drifted": list(drifted),
                "limit": dict.fromkeys(features, 0.05),
                "judged": True,
                "not_judged": None,
            }
            for period in periods
        ],
        "performance": {
            "metric": "roc_auc",
            "loss": {"name": "brier"},
            "periods": [
                {
                    "period": "2024-01",
                    "rows": 9,
                    "labelled": 9,
                    "metric": 0.8,
                    "dropped": True,
                    "fell": "ranking",
                    "estimated": None,
                },
                {
                    "period": "2024-02",
                    "rows": 9,
                    "labelled": 0,
                    "metric": None,
                    "dropped": None,
                    "fell": None,
                    "estimated": None,
                },
            ],
        },
    }


QUALITY = {
    "rows": {"read": 1200, "clean": 1195, "quarantined": 5},
    "files": [{}] * 3,
    "rules": [{"column": "", "rule": "layout", "rows": 5}],
}
IMPORTANCE = pd.DataFrame({"feature": ["amount", "kind"], "importance": [0.2, -0.01]})
TABLES = [{"name": "predictions", "rows": 1195, "files": [{"path": "predictions.csv"}]}]
HASHES = {"data": "d" * 64, "model": "e" * 64, "reports": {"metrics.json": "f" * 64}}


def page(
    contract=None,
    measured=None,
    found=None,
    importance=IMPORTANCE,
    quality=QUALITY,
    tables=TABLES,
    leaks=(),
) -> str:
    view = page_view(
        contract or people_contract(owners={"data owner": "Sales"}),
        measured or metrics(),
        found or drift(),
        importance,
        quality,
        tables,
        HASHES,
        leaks=leaks,
    )
    return render_page(view)


def test_what_is_suspected_stands_on_the_page() -> None:
    said = "alone it ranks the target with ROC AUC 0.950"
    found = {"column": "late <b>", "verdict": "asked", "evidence": said}
    html = page(leaks=[found, {**found, "column": None}])
    assert f"<li><b>late &lt;b&gt;</b>, to be decided: {said}</li>" in html
    assert "<b>whole rows</b>" in html
    assert "What may look better" not in page()


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.element = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.element = tag
        self.attributes += attrs

    def handle_endtag(self, _tag):
        self.element = ""

    def handle_data(self, data):
        if self.element not in ("script", "style"):
            self.text += data


def test_the_first_screen_says_the_result_in_words():
    text = Reader(page()).text
    assert "the model ranks them rightly in 80 % of cases" in text
    assert "Nothing to do." in text
    assert "95 % interval 0.700 to 0.900 · the last known one: 0.500" in text
    assert "clear gain" in text
    assert "Sales" in text
    assert "1,195" in text
    assert "dddddddddddd" in text


@pytest.mark.parametrize("part", ["style", "script"])
def test_the_policy_allows_the_own_style_and_script_and_nothing_else(part):
    html = page()
    text = re.findall(f"<{part}>(.*?)</{part}>", html, re.DOTALL)[-1]
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert policy.startswith("default-src 'none'; ")
    assert f"; {part}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    reader = Reader(html)
    assert not {"link", "img", "iframe", "object"} & set(reader.tags)
    assert reader.tags.count("script") == 3
    assert not [name for name, _ in reader.attributes if name in ("style", "src", "onclick")]
    assert not re.search(r'(href|src)="(https?:|//|data:|javascript:)', html)


def test_names_of_any_kind_are_escaped():
    contract = people_contract(name=EVIL, owners={EVIL: EVIL}, service_levels={EVIL: EVIL})
    quality = {**QUALITY, "rules": [{"column": EVIL, "rule": EVIL, "rows": 1}]}
    importance = IMPORTANCE.assign(feature=[EVIL, "b"])
    found = drift(features=(EVIL,), drifted=(EVIL,), verdict="alarm", periods=(EVIL, "z"))
    found["reasons"], found["action"] = [EVIL], EVIL
    found["performance"]["periods"][0]["period"] = EVIL
    html = page(contract, metrics(), found, importance, quality)
    reader = Reader(html)
    assert "img" not in reader.tags
    assert reader.tags.count("script") == 3
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert EVIL in reader.text
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;" in html


def test_what_does_not_beat_a_guess_or_is_not_believed_says_so_first():
    names = HIGHER_IS_BETTER["binary"]
    weak = metrics(
        difference={name: {"better": None} for name in names},
        guesses={"the last known one": dict.fromkeys(names, 0.5)},
        resampling={"words": "drawn by `shop` (12), whose rows belong together"},
    )
    text = Reader(page(measured=weak)).text
    first = text.index("The model is not clearly better than a guess without any model: ROC AUC")
    assert first < text.index("the model ranks them rightly")
    assert "Without a model, ROC AUC is: the last known one 0.500." in text
    assert "rows are drawn by shop (12), whose rows belong together." in text
    text = Reader(page(measured=metrics(doubt="The model is too good to be believed"))).text
    assert text.index("too good to be believed") < text.index("the model ranks them rightly")
    assert "clear gain" not in text
    assert "not believed" in text


def test_one_class_only_has_no_figures_but_a_sentence():
    none = {"low": None, "high": None}
    measured = metrics(
        value=None,
        interval=dict.fromkeys(("roc_auc", "brier"), none),
        baseline={"roc_auc": None},
        difference={"roc_auc": {"better": None}},
    )
    text = Reader(page(measured=measured)).text
    assert "the test rows hold one class only" in text
    assert "n/a" in text
    assert "None" not in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (
            "multiclass",
            "the most probable class is right in 80 %; that of the best guess without a model is "
            "in 50 %",
        ),
        ("regression", "misses amount by 0.80 on average; the best guess without"),
    ],
)
def test_the_other_tasks(task, sentence):
    target = "kind" if task == "multiclass" else "amount"
    contract = people_contract(task=task, target=target, positive=None)
    text = Reader(page(contract, metrics(task))).text
    assert sentence in text
    assert text.count("95 % interval 0.") == sum(task in metric.page for metric in METRICS)


@pytest.mark.parametrize(
    ("task", "metric", "sentence"),
    [
        (
            "binary",
            "log_loss",
            "Log loss of the predictions of kind on rows that the model",
        ),
        ("regression", "rmse", "had not seen: 0.80; the best guess without a model has 0.50."),
    ],
)
def test_the_main_metric_that_a_contract_chose_comes_first(task, metric, sentence):
    target = "kind" if task == "binary" else "amount"
    contract = people_contract(task=task, target=target, chosen_metric=metric)
    html = page(contract, metrics(task))
    assert sentence in Reader(html).text
    assert html.split('<div class="card figure">\n<h3>')[1].startswith(BY_NAME[metric].label)


@pytest.mark.parametrize("verdict", ["stable", "warning", "alarm"])
def test_verdicts_have_a_word_and_not_a_colour_only(verdict):
    drifted = () if verdict == "stable" else ("amount",)
    text = Reader(page(found=drift(drifted=drifted, verdict=verdict))).text
    word = {"stable": "stable", "warning": "to be watched", "alarm": "needs attention"}[verdict]
    assert word in text
    assert text.count("drifted") == (1 if drifted else 0) + text.count("Red: drifted")


def test_an_unordered_data_set_without_importance_or_cross_validation():
    found = drift(periods=("test",))
    found["calibrated"] = False
    found["performance"] = {"metric": "roc_auc", "loss": None, "periods": []}
    importance = pd.DataFrame({"feature": [], "importance": []})
    text = Reader(page(found=found, importance=importance)).text
    assert "Not measured." in text
    assert "without cross-validation" in text
    assert "too short to know the seasons" in text


def test_lengths_stay_inside_their_boxes():
    importance = pd.DataFrame({"feature": ["a", "b", "c"], "importance": [np.nan, -5.0, 1e9]})
    html = page(measured=metrics(value=-3.0), importance=importance)
    widths = [float(width) for width in re.findall(r'class="fill[^"]*"[^>]* width="([^"]+)"', html)]
    assert widths
    assert all(0 <= width <= 100 for width in widths)


def test_ten_thousand_features_make_a_small_page():
    names = [f"feature {number}" for number in range(10_000)]
    importance = pd.DataFrame({"feature": names, "importance": np.linspace(1, 0, 10_000)})
    quality = {**QUALITY, "rules": [{"column": n, "rule": "type", "rows": 1} for n in names]}
    html = page(found=drift(features=names), importance=importance, quality=quality)
    assert len(html) < 70_000
    assert "and 9988 more in" in html


def test_the_files_of_many_periods_are_named_and_the_older_ones_counted():
    kinds = ("csv", "parquet")
    files = [{"path": f"predictions/d{n:03}.{kind}"} for n in range(400) for kind in kinds]
    html = page(tables=[{**TABLES[0], "files": files}])
    reader = Reader(html)
    assert "d388" in reader.text
    assert "and 388 older beside them" in reader.text
    links = [value for name, value in reader.attributes if name == "href"]
    assert links[-24:] == [file["path"] for file in files[-24:]]


def test_the_same_input_gives_the_same_page():
    assert page() == page()
