from __future__ import annotations

import pandas as pd
import pytest

from quickstack.data.sample.generate import (
    DRIFTED_FEATURE,
    MONTHS,
    sample_design,
    sample_months,
)


@pytest.fixture(scope="module")
def months():
    return dict(sample_months(4800, 7))


def table(text):
    return pd.read_csv(pd.io.common.StringIO(text), dtype=str, keep_default_na=False, nrows=200)


def test_it_is_two_years_of_monthly_files(months):
    assert len(months) == MONTHS == 24
    assert (next(iter(months)), list(months)[-1]) == ("2024-01", "2025-12")
    assert all(len(table(text)) == 200 for text in months.values())


def test_the_same_seed_gives_the_same_text_and_another_does_not(months):
    assert dict(sample_months(4800, 7)) == months
    assert dict(sample_months(4800, 8)) != months


def test_the_newest_month_has_no_outcomes_and_others_have(months):
    newest = table(months["2025-12"])["churned_next_month"]
    assert set(newest) == {""}
    assert set(table(months["2025-11"])["churned_next_month"]) == {"yes", "no"}


def test_who_leaves_is_gone_in_the_next_month(months):
    now, then = table(months["2024-04"]), table(months["2024-05"])
    left = set(now.loc[now["churned_next_month"] == "yes", "customer_id"])
    assert left
    assert not left & set(then["customer_id"])
    stayed = set(now.loc[now["churned_next_month"] == "no", "customer_id"])
    assert stayed <= set(then["customer_id"])


def test_a_person_stays_the_same_person(months):
    everything = pd.concat([table(text) for text in months.values()])
    per_customer = everything.groupby("customer_id")[["full_name", "email", "birth_date"]].nunique()
    assert per_customer.max().max() == 1


def test_only_the_named_feature_drifts(months):
    def mean(names, column):
        values = pd.concat([table(months[name]) for name in names])[column]
        return pd.to_numeric(values, errors="coerce").mean()

    before, after = [f"2025-0{m}" for m in range(1, 9)], ["2025-09", "2025-10", "2025-11"]
    assert mean(after, DRIFTED_FEATURE) < 0.75 * mean(before, DRIFTED_FEATURE)
    for column in ("monthly_fee", "tenure_months", "support_tickets", "satisfaction"):
        assert mean(after, column) == pytest.approx(mean(before, column), rel=0.15)


def test_addresses_and_numbers_belong_to_nobody(months):
    first = table(months["2024-01"])
    assert first["email"].str.endswith("@example.org").all()
    phones = first["phone"][first["phone"] != ""]
    assert phones.str.fullmatch(r"\+44 7700 900\d{3}").all()


def test_the_design_counts_what_is_written():
    design = sample_design(4800, 7)
    written = sum(text.count("\n") - 1 for text in dict(sample_months(4800, 7)).values())
    assert design.rows == written == 4800 + sum(design.broken_rows.values())
    assert 0.7 < design.best_auc < 0.9
