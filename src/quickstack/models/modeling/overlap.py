"""What test rows share with training rows: equal rows, and the things that rows belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.leaks import Suspicion

if TYPE_CHECKING:
    import pandas as pd

#: Below this share of the test rows, equal rows are no question.
MIN_SHARE = 0.01


def equal_rows(train: pd.DataFrame, test: pd.DataFrame) -> list[Suspicion]:
    """Say how many test rows equal a training row.

    Parameters
    ----------
    train, test
        The inputs and the target, the same columns in both.

    Returns
    -------
    list of Suspicion
        Empty where less than `MIN_SHARE` of the test rows do; `asked` where they are twice as many
        as independent columns would give by chance, else `answered`.
    """
    from pandas.util import hash_pandas_object

    seen = np.unique(hash_pandas_object(train, index=False).to_numpy())
    equal = np.isin(hash_pandas_object(test, index=False).to_numpy(), seen)
    if equal.mean() < MIN_SHARE:
        return []
    chance = _by_chance(train, test)
    evidence = (
        f"{equal.sum():,} of {len(test):,} test rows ({equal.mean():.0%}) equal a training row in "
        f"every input and the target; chance would give about {chance:,.0f}"
    )
    return [
        Suspicion(
            None,
            "rows",
            "asked" if equal.sum() > 2 * chance else "answered",
            evidence,
            "name what repeats as `group`, or choose test rows by testShare without a primaryKey, "
            "which keeps equal rows on one side; remove copies from the source",
        )
    ]


def shared_things(train: pd.DataFrame, test: pd.DataFrame) -> list[Suspicion]:
    """Say which columns name things, such as customers, with rows in training and in test.

    Parameters
    ----------
    train, test
        The columns that may name things, the same in both.
    """
    found = []
    for name in train.columns:
        things = train[name].dropna().unique()
        known = test[name].isin(things).to_numpy(dtype=bool, na_value=False)
        if len(things) < 20 or len(train) < 1.2 * len(things) or known.mean() < 0.1:
            continue
        found.append(
            Suspicion(
                name,
                "group",
                "asked",
                f"{known.mean():.0%} of the test rows belong to one of the {len(things):,} values "
                f"of '{name}' that the model learned from: it is tested on what it knows",
                f"write `{{property: group, value: {name}}}`, and testShare keeps each on one "
                f"side; or `knownAt: before` with a reason at '{name}', where later rows will "
                "belong to known ones too",
            )
        )
    return found


def _by_chance(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """Return how many test rows would equal a training row if columns were independent."""
    import pandas as pd

    logs: NDArray[np.float64] = np.zeros(len(test))
    for name in train.columns:
        codes, values = pd.factorize(train[name], use_na_sentinel=False)
        shares = np.bincount(codes) / len(train)
        place = pd.Index(values).get_indexer(pd.Index(test[name]))
        with np.errstate(divide="ignore"):
            logs += np.log(np.where(place < 0, 0.0, shares[place]))
    return float(-np.expm1(-len(train) * np.exp(logs)).sum())
