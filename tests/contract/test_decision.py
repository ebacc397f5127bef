from __future__ import annotations

from pathlib import Path

import pytest

from helpers import ROOT
from quickstack.facts.contract import Contract, load_contract
from quickstack.facts.contract.model import Decision, Span
from quickstack.facts.errors import ContractError

SAMPLE = ROOT / "configuration" / "contracts" / "sample.odcs.yaml"
DECISION = "{property: decision, value: {truePositive: 60, falsePositive: -8, unit: EUR}}"
SEGMENTS = "{property: segments, value: [region, plan, payment_method]}"


def load(folder: Path, *changes: tuple[str, str]) -> Contract:
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"the sample contract no longer holds {old!r}"
        text = text.replace(old, new, 1)
    path = folder / SAMPLE.name
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def decision(written: str) -> tuple[str, str]:
    return DECISION, f"{{property: decision, value: {written}}}"


def main_metric(written: str) -> tuple[str, str]:
    return f"  - {DECISION}", f"  - {{property: mainMetric, value: {written}}}\n  - {DECISION}"


def segments(written: str) -> tuple[str, str]:
    return SEGMENTS, f"{{property: segments, value: {written}}}"


def test_the_threshold_is_the_one_from_which_acting_pays():
    contract = load_contract(SAMPLE)
    assert contract.decision == Decision(8 / 68, 60.0, -8.0, 0.0, 0.0, "EUR")
    assert contract.segments == ("region", "plan", "payment_method")


def test_a_contract_chooses_the_main_metric_of_its_task(tmp_path):
    assert load_contract(SAMPLE).main_metric == "roc_auc"
    assert load(tmp_path, main_metric("brier")).main_metric == "brier"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("briar", "mainMetric of a binary task must be one of: roc_auc,"),
        ("briar", "did you mean 'brier'?"),
        ("mae", "mainMetric of a binary task must be one of: roc_auc,"),
        ("3", "'mainMetric' must be text"),
    ],
)
def test_a_metric_that_the_task_has_not_is_refused_at_its_line(tmp_path, written, sentence):
    with pytest.raises(ContractError) as caught:
        load(tmp_path, main_metric(written))
    lines = (tmp_path / SAMPLE.name).read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "mainMetric" in text)
    assert sentence in str(caught.value)
    assert f"{SAMPLE.name}:{line}" in str(caught.value)


def test_a_contract_may_give_the_threshold_or_nothing(tmp_path):
    assert load(tmp_path, decision("{threshold: 0.3}")).decision == Decision(0.3)
    nothing = load(tmp_path, (f"  - {DECISION}\n", ""), (f"  - {SEGMENTS}\n", ""))
    assert nothing.decision == Decision(0.5)
    assert nothing.segments == ("region", "plan", "payment_method")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (decision("{treshold: 0.3}"), "did you mean 'threshold'"),
        (decision("{threshold: 1}"), "must lie between 0 and 1"),
        (decision("{threshold: often}"), "must be a number"),
        (decision("{truePositive: much, unit: EUR}"), "truePositive of decision must be a number"),
        (decision("{truePositive: 60, falsePositive: -8}"), "needs the unit of its values"),
        (decision("{falsePositive: 5, unit: EUR}"), "worth more than a wrong one"),
        (segments("[region, regoin]"), "'regoin' cannot be a segment"),
        (segments("[email]"), "'email' cannot be a segment"),
        (segments("[churned_next_month]"), "cannot be a segment"),
        (segments("[plan, plan]"), "stands here twice"),
    ],
)
def test_mistakes_are_named(tmp_path, change, sentence):
    with pytest.raises(ContractError, match=sentence):
        load(tmp_path, change)


def test_only_a_binary_task_has_a_decision(tmp_path):
    with pytest.raises(ContractError, match="decision needs a binary task"):
        load(tmp_path, ("value: binary", "value: multiclass"))


def custom(name: str, value: str) -> tuple[str, str]:
    return f"  - {SEGMENTS}", f"  - {SEGMENTS}\n  - {{property: {name}, value: {value}}}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("24 h", Span(24, "hour")),
        ("2 weeks", Span(14, "day")),
        ("1 quarter", Span(3, "month")),
        ("1y", Span(12, "month")),
        ("30 min", Span(30, "minute")),
        ("24", Span(24, "row")),
    ],
)
def test_a_horizon_and_a_season_are_spans(tmp_path, written, read):
    contract = load(tmp_path, custom("horizon", written), custom("season", written))
    assert contract.horizon == contract.season == read


def test_rows_of_one_group_belong_together(tmp_path):
    assert load_contract(SAMPLE).entity == "customer_id"
    assert load(tmp_path, custom("group", "plan")).entity == "plan"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("horizon", "soon", "horizon must be like '24 h'"),
        ("horizon", "0", "horizon must be like '24 h'"),
        ("season", "true", "'season' must be text or a whole number"),
        ("group", "plans", "did you mean 'plan'"),
        ("group", "phone", "group 'phone' cannot be used"),
    ],
)
def test_a_wrong_horizon_season_or_group_is_refused(tmp_path, name, value, sentence):
    with pytest.raises(ContractError, match=sentence):
        load(tmp_path, custom(name, value))
