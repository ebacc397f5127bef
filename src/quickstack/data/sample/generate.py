"""The built-in data set: invented customer subscriptions, the same for everybody.

What is in it by design stands in `Design`, so that what the pipeline finds can be compared with
what is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstack.data.sample.faults import BREAKS, break_rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MONTHS = 24
FIRST_MONTH = "2024-01"
#: Months simulated before the first one, so that tenure does not grow with the calendar.
_BURN_IN = 240
#: From this month (counted from 0) on, people use the product less.
DRIFT_FROM = 20
DRIFTED_FEATURE = "usage_hours"
_DRIFT_FACTOR = 0.55


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Ada Aiko Amara Anders Anja Bela Bruno Carla Chidi Clara Dario Dilara Edda Elio Emre Esther "
    "Farid Fenja Goran Greta Hana Henrik Ilse Imran Ines Jakob Jun Kaja Karim Lale Leif Linnea "
    "Malik Marta Mehmet Mina Nadia Nils Noor Olaf Oona Pavel Pilar Quentin Rana Romy Sami Selma "
    "Tarek Thea Tomas Ulla Vera Viktor Wanda Xenia Yara Yusuf Zoe Åsa"
)
_FAMILY = _words(
    "Abel Adeyemi Albrecht Bakker Berger Castillo Chen Dahl Demir Dubois Eriksen Farkas Fischer "
    "Fontaine Garcia Haddad Hansen Hoang Ibrahim Ivanova Jansen Kaya Keller Kovač Laurent "
    "Lindqvist Martin Meyer Moreau Müller Nakamura Novak Okafor Olsen Pereira Petrov Rossi Sato "
    "Schmid Silva Sørensen Tanaka Thomsen Usman Varga Vogel Weber Wójcik Yilmaz Zimmermann"
)
_REGIONS = ("north", "east", "south", "west")
_PLANS = ("basic", "plus", "pro")
_LIST_PRICE = (19.0, 39.0, 79.0)
_PAYMENT = ("card", "invoice", "direct debit")


@dataclass(frozen=True)
class Design:
    """What is true of the sample.

    Attributes
    ----------
    rows
        All rows written, broken ones included.
    broken_rows
        Rows that break the contract, by (column, rule); each breaks exactly one.
    drifted_feature, drift_from
        The one feature whose distribution changes, and the first month of the change.
    best_auc
        ROC AUC of the probabilities that the outcomes were drawn from, over all labelled rows: no
        model can be expected to do better.
    """

    rows: int
    broken_rows: dict[tuple[str, str], int]
    drifted_feature: str
    drift_from: str
    best_auc: float


def sample_months(rows: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield the sample month by month.

    Parameters
    ----------
    rows
        How many customer-months all months hold together, at least 100 a month; rounded down to
        the same number a month.
    seed
        Of the generator; the same seed gives the same text.

    Yields
    ------
    month : str
        Such as `2024-01`.
    text : str
        The month's file as CSV with line feeds. The newest month has no outcomes yet.
    """
    for month, table in _tables(rows, seed):
        lines = table.drop(columns="_probability").to_csv(index=False, lineterminator="\n")
        yield month, break_rows(month, lines.splitlines())


def sample_design(rows: int, seed: int) -> Design:
    """Return what is true of the sample of that size and seed."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    months = dict(_tables(rows, seed))
    labelled = pd.concat(months.values()).query("churned_next_month != ''")
    broken = {rule: len(months_) for rule, months_ in BREAKS.items()}
    return Design(
        rows=sum(len(table) for table in months.values()) + sum(broken.values()),
        broken_rows=broken,
        drifted_feature=DRIFTED_FEATURE,
        drift_from=list(months)[DRIFT_FROM],
        best_auc=float(
            roc_auc_score(labelled["churned_next_month"] == "yes", labelled["_probability"])
        ),
    )


def _tables(rows: int, seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Simulate the customers month by month; who leaves is replaced by somebody new."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    size = rows // MONTHS
    people = _People(rng)
    state = people.join(size, rng)
    months = pd.period_range(FIRST_MONTH, periods=MONTHS, freq="M").astype(str)
    for step in range(-_BURN_IN, MONTHS):
        table = _month(state, step, rng)
        left = table["_probability"].to_numpy() > rng.random(size)
        if step >= 0:
            newest = step == MONTHS - 1
            table.insert(1, "month", f"{months[step]}-01")
            outcome = np.where(left, "yes", "no")
            table.insert(len(table.columns) - 1, "churned_next_month", "" if newest else outcome)
            yield months[step], table
        state = {name: values.copy() for name, values in state.items()}
        state["tenure_months"] += 1
        new = people.join(int(left.sum()), rng)
        for name, values in state.items():
            values[left] = new[name]


class _People:
    """Makes customers, numbered in the order in which they join."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._next = 1_000_000
        self._rng = rng

    def join(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        import numpy as np

        numbers = np.arange(self._next, self._next + count)
        self._next += count
        given = rng.choice(np.array(_GIVEN, dtype=object), count)
        family = rng.choice(np.array(_FAMILY, dtype=object), count)
        ages = rng.integers(18 * 365, 80 * 365, count)
        born = np.datetime64("2024-01-01") - ages.astype("timedelta64[D]")
        return {
            "customer_id": np.array([f"C{number:07d}" for number in numbers], dtype=object),
            "full_name": given + " " + family,
            # example.org and +44 7700 900xxx are reserved: they belong to nobody. The number that
            # ends in 123 is left to examples in texts, where a leak scan would find it.
            "email": np.array(
                [
                    f"{_plain(g)}.{_plain(f)}.{n}@example.org"
                    for g, f, n in zip(given, family, numbers, strict=True)
                ],
                dtype=object,
            ),
            "phone": np.array(
                [f"+44 7700 900{n + (n == 123):03d}" for n in rng.integers(0, 1000, count)],
                dtype=object,
            ),
            "birth_date": born.astype(str).astype(object),
            "region": rng.choice(np.array(_REGIONS, dtype=object), count, p=(0.3, 0.2, 0.3, 0.2)),
            "plan": rng.choice(3, count, p=(0.5, 0.35, 0.15)),
            "payment": rng.choice(3, count, p=(0.55, 0.2, 0.25)),
            "tenure_months": np.zeros(count, dtype=np.int64),
            "engagement": rng.normal(size=count),
        }


def _plain(name: str) -> str:
    return name.lower().encode("ascii", "replace").decode().replace("?", "x")


def _month(state: dict[str, Any], step: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one month's usage, tickets and survey, and the chance that each customer leaves."""
    import numpy as np
    import pandas as pd

    size = len(state["plan"])
    season = 0.12 * np.sin(2 * np.pi * step / 12)
    usage = np.exp(2.6 + 0.55 * state["engagement"] + season + 0.35 * rng.normal(size=size))
    if step >= DRIFT_FROM:
        usage *= _DRIFT_FACTOR
    usage = np.minimum(usage, 744).round(1)
    tickets = rng.poisson(np.exp(-0.6 - 0.15 * state["engagement"]))
    discount = rng.choice((0, 10, 20), size, p=(0.7, 0.2, 0.1))
    fee = (np.array(_LIST_PRICE)[state["plan"]] * (1 - discount / 100)).round(2)
    mood = 3.4 + 0.6 * state["engagement"] - 0.5 * tickets + 0.7 * rng.normal(size=size)
    satisfaction = np.clip(np.rint(mood), 1, 5)
    tenure = state["tenure_months"]
    score = (
        -3.1
        + 1.1 * np.exp(-tenure / 6)
        - 0.75 * np.log1p(usage / 14)
        + 0.65 * tickets
        - 0.45 * (satisfaction - 3)
        + 0.4 * (state["payment"] == 1)
        - 0.5 * (discount > 0)
        + 0.3 * ((state["plan"] == 2) & (usage < 8))
    )
    answered = rng.random(size) < 0.6
    measured = rng.random(size) < 0.98
    return pd.DataFrame(
        {
            "customer_id": state["customer_id"],
            "full_name": state["full_name"],
            "email": state["email"],
            "phone": np.where(rng.random(size) < 0.9, state["phone"], ""),
            "birth_date": state["birth_date"],
            "region": state["region"],
            "plan": np.array(_PLANS, dtype=object)[state["plan"]],
            "payment_method": np.array(_PAYMENT, dtype=object)[state["payment"]],
            "tenure_months": tenure,
            "monthly_fee": [f"{value:.2f}" for value in fee],
            "discount_percent": discount,
            "usage_hours": np.where(measured, [f"{value:.1f}" for value in usage], ""),
            "support_tickets": tickets,
            "satisfaction": np.where(answered, [f"{value:.0f}" for value in satisfaction], ""),
            "_probability": 1 / (1 + np.exp(-score)),
        }
    )
