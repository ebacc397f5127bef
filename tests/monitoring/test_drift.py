"""The rule stays silent on clean and seasonal batches, and finds each planted shift."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.reference_profile import build_reference, profile
from quickstack.models.monitoring.drift import DriftReference, chi_square_p, noise_free_psi, pool

PARAMS = MonitorParams(significance=0.001, min_psi=0.01, seasonal_factor=1.1)
PLANS = ("basic", "plus", "pro", "team")
FEATURES = (
    Feature("normal", "numeric", ()),
    Feature("skewed", "numeric", ()),
    Feature("count", "numeric", ()),
    Feature("gappy", "numeric", ()),
    Feature("seasonal", "numeric", ()),
    Feature("plan", "category", PLANS),
    Feature("flag", "category", ("no", "yes")),
)


def draw(rng: np.random.Generator, rows: int, month: int) -> pd.DataFrame:
    gappy = rng.normal(size=rows)
    gappy[rng.random(rows) < 0.01] = np.nan
    return pd.DataFrame(
        {
            "normal": rng.normal(size=rows),
            "skewed": np.exp(rng.normal(size=rows)),
            "count": rng.poisson(2.0, rows).astype("float64"),
            "gappy": gappy,
            "seasonal": rng.normal(0.4 * np.sin(2 * np.pi * month / 12), 1.0, rows),
            "plan": rng.choice(np.array(PLANS, object), rows, p=[0.5, 0.3, 0.15, 0.05]),
            "flag": rng.choice(np.array(["no", "yes"], object), rows, p=[0.98, 0.02]),
        }
    )


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(7)
    frame = pd.concat([draw(rng, 4000, month) for month in range(12)], ignore_index=True)
    periods = np.repeat([f"2024-{month + 1:02d}" for month in range(12)], 4000)
    return build_reference(frame, FEATURES, periods)


def drifted(frame: pd.DataFrame, reference) -> set[str]:
    return drifted_counts(profile(frame, reference), reference)


def drifted_counts(counts, reference) -> set[str]:
    return {f.name for f in DriftReference(reference, PARAMS).measure(counts) if f.drifted}


def any_p_value(counts, reference) -> bool:
    return any(
        chi_square_p(*pool(np.array(entry["counts"]), counts[entry["name"]])) < 0.05
        for entry in reference["features"]
    )


def any_plain_psi(frame: pd.DataFrame, reference) -> bool:
    counts = profile(frame, reference)
    for entry in reference["features"]:
        q = np.array(entry["counts"]) / sum(entry["counts"])
        p = counts[entry["name"]] / counts[entry["name"]].sum()
        q, p = np.maximum(q, 1e-4), np.maximum(p, 1e-4)
        if ((p - q) * np.log(p / q)).sum() > 0.1:
            return True
    return False


def test_clean_batches_never_alarm_where_the_usual_rules_do(reference):
    rng = np.random.default_rng(11)
    ours = by_p_value = batches = 0
    for rows, repetitions in ((500, 20), (2_000, 15), (10_000, 5)):
        for _ in range(repetitions):
            counts = profile(draw(rng, rows, month=0), reference)
            ours += bool(drifted_counts(counts, reference))
            by_p_value += any_p_value(counts, reference)
            batches += 1
    assert batches == 40
    assert ours == 0
    assert by_p_value > batches / 10


@pytest.mark.parametrize("rows", [2_000, 10_000])
@pytest.mark.parametrize("month", [3, 9])
def test_an_ordinary_season_is_no_drift(reference, rows, month):
    rng = np.random.default_rng(100 * month)
    batches = [profile(draw(rng, rows, month), reference) for _ in range(5)]
    assert not set().union(*(drifted_counts(counts, reference) for counts in batches))
    assert all(any_p_value(counts, reference) for counts in batches)


def beyond(season: pd.DataFrame, _) -> pd.DataFrame:
    return season.assign(seasonal=season["seasonal"] + 0.5)


SHIFTS = MappingProxyType(
    {
        "mean +0.5 sd": ("normal", lambda f, _: f.assign(normal=f["normal"] + 0.5)),
        "variance x1.3": ("normal", lambda f, _: f.assign(normal=f["normal"] * 1.3)),
        "category share": (
            "plan",
            lambda f, rng: f.assign(plan=f["plan"].mask(rng.random(len(f)) < 0.08, "team")),
        ),
        "unknown category": (
            "plan",
            lambda f, rng: f.assign(plan=f["plan"].mask(rng.random(len(f)) < 0.05, "new")),
        ),
        "missing 1 to 5 %": (
            "gappy",
            lambda f, rng: f.assign(gappy=f["gappy"].mask(rng.random(len(f)) < 0.04)),
        ),
        "unit x100 in 10 %": (
            "skewed",
            lambda f, rng: f.assign(
                skewed=f["skewed"] * np.where(rng.random(len(f)) < 0.1, 100.0, 1.0)
            ),
        ),
        "a season beyond all others": ("seasonal", beyond),
    }
)
#: What PSI > 0.1, the customary rule, does not see in 10,000 rows.
INVISIBLE_TO_PLAIN_PSI = ("category share", "missing 1 to 5 %", "unit x100 in 10 %")


@pytest.mark.parametrize("shift", SHIFTS)
def test_each_planted_shift_is_found_in_the_right_feature(reference, shift):
    feature, change = SHIFTS[shift]
    for seed in range(5):
        rng = np.random.default_rng(seed)
        month = 3 if feature == "seasonal" else 0
        frame = change(draw(rng, 10_000, month), rng)
        assert drifted(frame, reference) == {feature}
        if shift in INVISIBLE_TO_PLAIN_PSI:
            assert not any_plain_psi(frame, reference)


@pytest.mark.parametrize(
    ("shift", "cause"),
    [
        ("mean +0.5 sd", "distribution"),
        ("missing 1 to 5 %", "missing values"),
        ("unknown category", "unknown values"),
        ("category share", "distribution"),
    ],
)
def test_the_cause_tells_broken_data_from_a_moved_distribution(reference, shift, cause):
    feature, change = SHIFTS[shift]
    rng = np.random.default_rng(3)
    counts = profile(change(draw(rng, 10_000, 0), rng), reference)
    found = {f.name: f for f in DriftReference(reference, PARAMS).measure(counts)}[feature]
    assert found.cause == cause
    if cause == "missing values":
        assert found.missing == pytest.approx(0.05, abs=0.01)
        assert found.reference_missing == pytest.approx(0.01, abs=0.002)


@pytest.mark.parametrize(("periods", "calibrated"), [(0, False), (5, False), (6, True)])
def test_fewer_than_six_periods_are_not_calibrated(periods, calibrated):
    rng = np.random.default_rng(1)
    frame = draw(rng, 1200, 0)
    labels = np.array([f"p{i % periods}" for i in range(1200)]) if periods else None
    document = build_reference(frame, FEATURES, labels)
    reference = DriftReference(document, PARAMS)
    assert reference.calibrated is calibrated
    moved = frame.assign(normal=frame["normal"] + 2)
    found = {f.name: f for f in reference.measure(profile(moved, document))}
    assert found["normal"].drifted
    assert (found["normal"].limit is not None) is calibrated


def seasonal(years: int) -> tuple[dict, DriftReference]:
    """Give months whose means lie far apart, the same in each year."""
    rng, months = np.random.default_rng(1), 12 * years
    frame = pd.concat(
        [draw(rng, 500, 0).assign(normal=2.0 * np.sin(m % 12)) for m in range(months)]
    )
    frame["normal"] += rng.normal(0, 0.3, len(frame))
    document = build_reference(frame, FEATURES, np.repeat([f"{m:03d}" for m in range(months)], 500))
    positions = {f"{m:03d}": m % 12 for m in range(months + 12)}
    return document, DriftReference(document, PARAMS, positions)


def month(mean: float) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return draw(rng, 500, 0).assign(normal=rng.normal(mean, 0.3, 500))


@pytest.mark.parametrize("years", [1, 3])
def test_a_season_however_large_never_alarms(years):
    document, reference = seasonal(years)
    for m in range(12):
        counts = profile(month(2.0 * np.sin(m % 12)), document)
        assert not any(f.drifted for f in reference.measure(counts, f"{12 * years + m:03d}"))


def test_a_period_is_compared_with_its_own_season_where_two_cycles_are_known():
    document, reference = seasonal(3)
    summer_in_winter = profile(month(2.0 * np.sin(7)), document)
    (found, *_) = reference.measure(summer_in_winter, "040")
    assert found.drifted
    assert found.seasonal
    (found, *_) = seasonal(1)[1].measure(summer_in_winter, "016")
    assert not found.drifted
    assert not found.seasonal


def test_beyond_any_training_period_is_said_only_where_it_is_so():
    document, reference = seasonal(1)
    (found, *_) = reference.measure(profile(month(2.0 * np.sin(8)), document))
    base = np.array(document["features"][0]["counts"])
    periods = [np.array(p) for p in document["features"][0]["periods"].values()]
    largest = max(noise_free_psi(base - own, own)[0] for own in periods)
    assert found.limit >= largest > 1
    assert not found.drifted


def test_absurd_values_in_bins_that_training_left_empty_are_not_pooled_away():
    rng = np.random.default_rng(0)
    frame = pd.concat([draw(rng, 2000, 0) for _ in range(8)])
    document = build_reference(frame, FEATURES, np.repeat([f"p{m}" for m in range(8)], 2000))
    reference = DriftReference(document, PARAMS)
    few = draw(rng, 31, 0).assign(normal=1e9)
    assert not reference.can_judge(31)
    assert reference.smallest_shift(31) > 1
    assert {f.name: f.psi for f in reference.measure(profile(few, document))}["normal"] > 1
    new = draw(rng, 300, 0)
    new.loc[:19, "flag"] = "broken"
    found = {f.name: f for f in reference.measure(profile(new, document))}["flag"]
    assert found.drifted
    assert found.cause == "unknown values"


def test_the_smallest_shift_is_found_and_half_of_it_is_not():
    rng = np.random.default_rng(0)
    frame = pd.concat([draw(rng, 1000, 0) for _ in range(12)])
    document = build_reference(frame, FEATURES, np.repeat([f"p{m}" for m in range(12)], 1000))
    reference = DriftReference(document, PARAMS)
    shift = reference.smallest_shift(1000)
    assert 0.2 < shift < 0.5
    for size, wanted in ((0.5, True), (shift / 2, False)):
        moved = [draw(rng, 1000, 0) for _ in range(20)]
        found = [profile(each.assign(normal=each["normal"] + size), document) for each in moved]
        hits = [reference.measure(counts)[0].drifted for counts in found]
        assert np.mean(hits) >= 0.95 if wanted else np.mean(hits) < 0.5


def test_a_value_that_training_never_saw_is_counted_and_named():
    rng = np.random.default_rng(0)
    frame = pd.concat([draw(rng, 1000, 0) for _ in range(8)])
    frame["plan"] = frame["plan"].replace("team", "pro")
    document = build_reference(frame, FEATURES, np.repeat([f"p{m}" for m in range(8)], 1000))
    new = draw(rng, 1000, 0)
    found = {f.name: f for f in DriftReference(document, PARAMS).measure(profile(new, document))}
    assert found["plan"].unseen == (new["plan"] == "team").sum() > 0
    assert found["plan"].drifted
    assert found["plan"].cause == "unseen values"


def test_a_feature_that_only_says_the_time_never_drifts():
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + np.sort(rng.integers(0, 366, 6000))
    features = (Feature("number", "numeric"), Feature("size", "numeric"))
    frame = pd.DataFrame({"number": np.arange(6000.0), "size": rng.normal(size=6000)})
    document = build_reference(frame, features, days.astype("datetime64[M]").astype(str), days)
    later = pd.DataFrame({"number": np.arange(6000.0, 7000), "size": rng.normal(5, 1, 1000)})
    found = DriftReference(document, PARAMS).measure(profile(later, document))
    assert [f.says_time for f in found] == [True, False]
    assert [f.drifted for f in found] == [False, True]


@pytest.mark.parametrize(
    ("base", "new"), [([40, 60, 100], [50, 50, 100]), ([9, 9, 9, 9], [9, 30, 9, 9])]
)
def test_the_p_value_is_scipys(base, new):
    expected = stats.chi2_contingency(np.array([base, new]), correction=False).pvalue
    assert chi_square_p(np.array(base), np.array(new)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("base", "new", "pooled"),
    [
        ([50, 50], [50, 50], ([50, 50], [50, 50])),
        ([96, 2, 2, 1], [97, 3, 3, 1], ([5, 96], [7, 97])),
        ([90, 20, 1], [95, 19, 1], ([90, 21], [95, 20])),
        ([4, 4, 4, 4], [4, 4, 4, 4], ([8, 8], [8, 8])),
        ([500, 0], [90, 10], ([500, 0], [90, 10])),
        ([1, 1], [1, 1], ([2], [2])),
        ([0, 0], [0, 0], ([0], [0])),
    ],
)
def test_bins_with_few_expected_rows_are_pooled(base, new, pooled):
    got = pool(np.array(base), np.array(new))
    assert tuple(side.tolist() for side in got) == pooled


@pytest.mark.parametrize("batch", ["empty", "one row"])
def test_tiny_batches_say_nothing(reference, batch):
    frame = draw(np.random.default_rng(0), 1 if batch == "one row" else 0, 0)
    assert not DriftReference(reference, PARAMS).can_judge(len(frame))
    for feature in DriftReference(reference, PARAMS).measure(profile(frame, reference)):
        assert not feature.drifted
        assert np.isfinite([feature.psi, feature.psi_lower, feature.p_value]).all()


def test_the_lower_bound_covers_the_true_index_in_95_percent_of_samples():
    q, p = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.3, 0.3, 0.25, 0.15])
    truth = ((p - q) * np.log(p / q)).sum()
    rng = np.random.default_rng(5)
    bounds = [
        noise_free_psi(rng.multinomial(20_000, q), rng.multinomial(3_000, p))[1]
        for _ in range(2_000)
    ]
    assert 0.95 < np.mean(np.array(bounds) < truth) < 0.995


def test_equal_samples_have_an_index_of_about_zero():
    rng, q = np.random.default_rng(5), np.full(10, 0.1)
    values = [
        noise_free_psi(rng.multinomial(5_000, q), rng.multinomial(1_000, q))[0]
        for _ in range(2_000)
    ]
    assert abs(np.mean(values)) < 0.002
