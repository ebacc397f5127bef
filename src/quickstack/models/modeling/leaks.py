"""Columns that seem to know the target: looked for in a table, before any model is trained.

One sign asks, two suspect, and so does a column that all but decides the target. No sign proves a
leak: the contract answers, by `leaksTarget` or by `knownAt` with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.metrics import Floats

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Task

Kind = Literal["calculated", "strength", "missing", "name", "time", "declared", "rows", "group"]
Verdict = Literal["suspected", "asked", "answered"]

#: Rows that a column's strength is measured on, evenly spaced.
MAX_ROWS = 20_000
#: From these on one column alone ranks the target too well, and all but decides it.
STRONG, DECIDES = 0.90, 0.995
#: From these on a name that speaks of afterwards counts: to ask, and to suspect.
NAMED, NAMED_STRONG = 0.60, 0.75
#: Bins of a number, and the rows of the overall mean that each bin starts with.
_BINS, _PRIOR = 64, 2.0

#: Words of names: of what comes after, of what came before, and those that say nothing.
_AFTER = re.compile(
    "actual(ly)?|after(wards)?|arriv(al|ed)|cancell?(ed|ation)|chargeback|clos(ed|ing)|"
    "complet(ed|ion)|death|defaulted|delivered|died|duration|ended|exit|final|finished|label|left|lost|outcome|paid|"
    "payout|reali[sz]ed|recover(ed|y)|refund(ed)?|resol(ved|ution)|response|result|returned|"
    "settle(d|ment)|subsequent|terminat(ed|ion)|won"
)
_BEFORE = re.compile(
    "ago|before|earlier|expected|histor(y|ical)|lag|lagged|last|moving|past|planned|prev|previous|"
    "prior|rolling|trailing|yesterday"
)
_GENERIC = re.compile(
    "amount|category|class|code|count|date|day|delay|flag|hour|id|index|kind|level|month|name|next|"
    "number|percent|period|quantity|rate|score|share|status|sum|target|the|time|total|type|value|"
    "week|year"
)
_SAYS_AFTER = re.compile(
    r"(?i)known (only )?(after|on arrival|afterwards|later|at the end|when it is over)|only known "
    r"(after|later)|part of the target|known only (with|together|once)|afterwards"
)


@dataclass(frozen=True)
class Suspicion:
    """Something that makes a model look better than it will be.

    Attributes
    ----------
    column
        None where whole rows are meant.
    verdict
        `suspected` stops the training, `asked` is shown until it is answered.
    evidence
        What was seen, in words and counts; no value of the data.
    fix
        What to write into the contract.
    """

    column: str | None
    kind: Kind
    verdict: Verdict
    evidence: str
    fix: str


@dataclass(frozen=True)
class _Hint:
    kind: Kind
    evidence: str
    decides: bool = False


def find_leaks(
    table: pd.DataFrame,
    target: str,
    task: Task,
    columns: Iterable[str],
    *,
    time: str | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> list[Suspicion]:
    """Look for columns that know the target too well. No model and no contract is needed.

    Parameters
    ----------
    table
        Typed rows in any order, those without a target included.
    columns
        The columns to look at: inputs of the model, and dates.
    time
        The column that says when a row happened.
    descriptions
        What is said of a column; it may say that its value is known only afterwards.

    Returns
    -------
    list of Suspicion
        At most one for each column, in their order, `suspected` or `asked`. The strength of a
        column is the ROC AUC of the target's mean in its bins, each half of the rows judged by
        the other half; of several classes the mean of each against the rest; of a number
        (1 + Spearman's correlation) / 2.
    """
    names = [name for name in columns if name != target]
    known = table[target].notna().to_numpy(dtype=bool)
    labelled = table.loc[known]
    rows = np.unique(
        np.linspace(0, len(labelled) - 1, min(len(labelled), MAX_ROWS)).astype("int64")
    )
    sample = labelled.iloc[rows]
    truth = _indicators(sample[target], task)
    inputs = [name for name in names if not _is_time(table[name])]
    calculated = _calculated(sample[inputs], truth[:, 0]) if task == "regression" else {}
    absent = _absent(table, inputs, known)
    found = []
    for name in names:
        signs = [] if name == time else _signs(name, sample, target, truth, task)
        signs += [each[name] for each in (calculated, absent) if name in each]
        signs += [] if name in inputs else _later(table, name, time)
        if _SAYS_AFTER.search((descriptions or {}).get(name, "")):
            signs.append(_Hint("name", "its description says that it is known only afterwards"))
        if signs:
            found.append(_judged(name, signs, is_input=name in inputs))
    return found


def _judged(name: str, signs: list[_Hint], *, is_input: bool) -> Suspicion:
    suspected = is_input and (any(sign.decides for sign in signs) or len(signs) > 1)
    first = max(signs, key=lambda sign: sign.decides)
    return Suspicion(
        name,
        first.kind,
        "suspected" if suspected else "asked",
        "; ".join(sign.evidence for sign in signs),
        f"write at '{name}' `{{property: leaksTarget, value: true}}` where it is known only after "
        "the target, or `{property: knownAt, value: before, description: why it is known before}`",
    )


def _signs(name: str, sample: pd.DataFrame, target: str, truth: Floats, task: Task) -> list[_Hint]:
    """Return what a column's strength and name say, each by itself and together."""
    strength, error, cases = _strength(sample[name], truth, ranks=task == "regression")
    words, others = _words(name), _words(target)
    before = _has(words, _BEFORE)
    own = {word for word in words & others if not _GENERIC.fullmatch(word)}
    speaks = not before and bool(own or _has(words, _AFTER))
    signs = []
    if (strength >= DECIDES and cases >= 30) or (strength - 2 * error >= STRONG and cases >= 20):
        how = f"with {'mean ' if task == 'multiclass' else ''}ROC AUC {strength:.3f}"
        if task == "regression":
            how = f"rightly in {100 * strength:.1f} % of all pairs of rows"
        signs.append(
            _Hint(
                "strength",
                f"alone it ranks the target {how}",
                decides=strength >= DECIDES and not before,
            )
        )
    if speaks and strength - error >= NAMED:
        signs.append(
            _Hint(
                "name",
                "its name speaks of afterwards or of the target, and alone it ranks "
                f"{100 * strength:.1f} % of all pairs of rows rightly",
                decides=strength - error >= NAMED_STRONG,
            )
        )
    return signs


def _has(words: set[str], pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(word) for word in words)


def _words(name: str) -> set[str]:
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return {word for word in re.split(r"[^a-z]+", parts.casefold()) if len(word) > 2}


def _indicators(target: pd.Series, task: Task) -> Floats:
    """Return what is to be ranked, shape (rows, n): the number, or each class against the rest."""
    import pandas as pd

    if task == "regression":
        return target.to_numpy("float64")[:, None]
    codes, classes = pd.factorize(target, sort=True)
    each = codes[:, None] == np.arange(max(len(classes), 1))
    return each[:, 1:].astype("float64") if len(classes) == 2 else each.astype("float64")


def _strength(column: pd.Series, truth: Floats, *, ranks: bool) -> tuple[float, float, int]:
    """Return how well a column alone ranks the target, its standard error, and the fewest cases."""
    bins = _binned(column)
    first = np.arange(len(bins)) % 2 == 0
    scores = np.zeros_like(truth)
    for learned, judged in ((first, ~first), (~first, first)):
        mean = truth[learned].mean(axis=0) if learned.any() else truth[:0].sum(axis=0)
        rows = np.bincount(bins[learned], minlength=bins.max(initial=0) + 1)
        for n in range(truth.shape[1]):
            sums = np.bincount(bins[learned], truth[learned, n], minlength=len(rows))
            scores[judged, n] = ((sums + _PRIOR * mean[n]) / (rows + _PRIOR))[bins[judged]]
    if ranks:
        cases, strength = len(truth), (1 + _correlation(scores[:, 0], truth[:, 0])) / 2
    else:
        cases = int(min(truth.sum(axis=0).min(), (1 - truth).sum(axis=0).min()))
        areas = [_area(scores[:, n], truth[:, n] > 0) for n in range(truth.shape[1])]
        strength = float(np.mean(areas)) if cases else 0.5
    return strength, float(np.sqrt(strength * (1 - strength) / max(cases, 1))), cases


def _binned(column: pd.Series) -> NDArray[np.int64]:
    """Return a bin for each row; the last one where the value is missing."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column):
        codes = pd.factorize(column)[0].astype("int64")
        return np.where(codes < 0, codes.max(initial=0) + 1, codes)
    values = column.to_numpy("float64", na_value=np.nan)
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) > _BINS:
        count = int(np.clip(len(values) // 40, 8, _BINS))
        known = values[np.isfinite(values)]
        distinct = np.unique(np.quantile(known, np.arange(1, count) / count))
    bins = np.searchsorted(distinct, values, side="left")
    return np.where(np.isnan(values), len(distinct) + 1, bins).astype("int64")


def _ranks(values: Floats) -> Floats:
    import pandas as pd

    return pd.Series(values).rank().to_numpy()


def _correlation(one: Floats, other: Floats) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _area(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the ROC AUC by ranks (Mann and Whitney 1947)."""
    cases, others = int(positive.sum()), int((~positive).sum())
    if not cases or not others:
        return 0.5
    return float((_ranks(scores)[positive].sum() - cases * (cases + 1) / 2) / (cases * others))


def _absent(table: pd.DataFrame, inputs: list[str], known: NDArray[np.bool_]) -> dict[str, _Hint]:
    """Return the columns that are missing where the target is, and hardly anywhere else."""
    unknown = int((~known).sum())
    if unknown < 10 or not known.any():
        return {}
    signs, gone = {}, 0
    for name in inputs:
        missing = table[name].isna().to_numpy(dtype=bool)
        with_it, elsewhere = missing[~known].mean(), missing[known].mean()
        gone += bool(with_it >= 0.9)
        if with_it >= 0.9 and elsewhere <= 0.1:
            signs[name] = _Hint(
                "missing",
                f"it is missing in {with_it:.1%} of the {unknown:,} rows without a target, and in "
                f"{elsewhere:.1%} of all others",
                decides=bool(with_it >= 0.99 and elsewhere <= 0.01),
            )
    if (
        len(inputs) > 2 and gone > len(inputs) / 2
    ):  # rows that lack nearly everything say nothing of a column
        return {}
    return signs


def _later(table: pd.DataFrame, name: str, time: str | None) -> list[_Hint]:
    """Return whether a date lies after the row's own time in one of twenty rows or more."""
    if time is None or name == time:
        return []
    dates = table[[name, time]].dropna().astype("datetime64[us]")
    share = (
        float((dates[name].dt.floor("D") > dates[time].dt.floor("D")).mean()) if len(dates) else 0
    )
    if share < 0.05:
        return []
    return [_Hint("time", f"it lies after '{time}' in {share:.0%} of the rows")]


def _is_time(column: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_datetime64_any_dtype(column))


def _calculated(inputs: pd.DataFrame, truth: Floats) -> dict[str, _Hint]:
    """Return the columns from which the target follows as a sum or as a product."""
    numbers = inputs.select_dtypes("number").select_dtypes(exclude="bool")
    rows = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), 2000)).astype("int64"))
    values, wanted = numbers.to_numpy("float64", na_value=np.nan)[rows], truth[rows]
    names = np.array(numbers.columns, dtype=object)
    for how, function in (("a sum", np.asarray), ("a product", np.log)):
        usable = np.isnan(values).mean(axis=0) <= 0.2
        if how == "a product":
            usable &= (np.nan_to_num(values, nan=1.0) > 0).all(axis=0)
            if not (wanted > 0).all():
                continue
        complete = ~np.isnan(values[:, usable]).any(axis=1)
        parts = _exact(function(values[complete][:, usable]), function(wanted[complete]))
        if parts:
            found = [str(name) for name in names[usable][parts]]
            listed = " and ".join(f"'{name}'" for name in found)
            evidence = f"the target follows from {listed} as {how} with fixed factors"
            return {name: _Hint("calculated", evidence, decides=True) for name in found}
    return {}


def _exact(values: Floats, wanted: Floats) -> list[int]:
    """Return the fewest columns whose linear combination is the target in 98 % of the rows.

    Least trimmed squares: the tenth of the rows that fits worst is left out of the second fit.
    """
    count = values.shape[1]
    if not count or len(wanted) < 3 * count + 20 or np.ptp(wanted) == 0:
        return []
    limit = 1e-3 * float(wanted.std())

    def misses(columns: list[int]) -> tuple[bool, Floats]:
        design = np.column_stack([np.ones(len(wanted)), values[:, columns]])
        kept = np.ones(len(wanted), dtype=bool)
        for _ in range(3):
            factors: Any = np.linalg.lstsq(design[kept], wanted[kept], rcond=None)[0]
            errors = np.abs(design @ factors - wanted)
            kept = errors <= np.quantile(errors, 0.9)
        return bool(np.quantile(errors, 0.98) > limit), factors[1:]

    columns = list(range(count))
    missed, factors = misses(columns)
    if missed:
        return []
    columns = [n for n in columns if abs(factors[n]) * values[:, n].std() > limit / 10]
    for n in list(columns):
        fewer = [other for other in columns if other != n]
        if not misses(fewer)[0]:
            columns = fewer
    return columns
