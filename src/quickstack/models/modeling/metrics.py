"""How good predictions are: one table of metrics, and how they are measured.

To add a metric, add its name to `HIGHER_IS_BETTER` of the contract (`facts.contract.model`), and
its formula and its entry in `METRICS` here. Reports, model card, page, tables, Power BI, diff,
sweeps and gates read the table.

Scores are, by task: the probability of the positive class, shape (rows,); the probability of each
class, shape (rows, classes); or the predicted value, shape (rows,). The truth is 0 or 1, the number
of the class, or the value. Every formula takes a weight per row, shape (rows,), because a bootstrap
resample is no more than a weight per row; sorting is done once and not for each resample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import HIGHER_IS_BETTER, Task

Floats = NDArray[np.float64]
Measures = dict[str, float | None]
Measure = Callable[[Floats], Measures]

#: What the loss of one row is called, by task.
LOSS_NAME: dict[Task, str] = {
    "binary": "brier",
    "multiclass": "multiclass_brier",
    "regression": "absolute_error",
}
#: Digits kept, so that the last bits, which differ between processors, do not show.
DECIMALS = 6


class ScoredRows:
    """Rows with truth, scores and weights: what a formula is a function of.

    Parameters
    ----------
    truth, scores
        As the module says.

    Attributes
    ----------
    weights
        float64, shape (rows,): how often each row counts; `total` is their sum.
    """

    def __init__(self, truth: NDArray[Any], scores: Floats) -> None:
        self.truth, self.scores = truth, scores
        self.weigh(np.ones(len(truth)))

    def weigh(self, weights: Floats) -> None:
        """Count each row as often as its weight says."""
        self.weights, self.total = weights, weights.sum()

    def mean(self, values: Floats) -> float:
        """Return the weighted mean of a value per row."""
        return float((self.weights * values).sum() / self.total)


class BinaryRows(ScoredRows):
    """Rows of two classes; above a probability of 0.5, the positive one is predicted.

    Attributes
    ----------
    right
        1.0 where the predicted class is the true one, shape (rows,).
    log_losses
        Minus the logarithm of the true class's probability, shape (rows,).
    positive, negative
        Weight of the positive and of the other rows at or above each distinct score, from the
        highest score on, shape (distinct scores,).
    """

    def __init__(self, truth: NDArray[Any], scores: Floats) -> None:
        truth = truth.astype("float64")
        self.right = ((scores > 0.5) == (truth == 1)).astype("float64")
        self.log_losses = _log_losses(np.where(truth == 1, scores, 1 - scores))
        self._ranking = Ranking(truth, scores)
        super().__init__(truth, scores)

    def weigh(self, weights: Floats) -> None:
        """Count each row as often as its weight says."""
        super().weigh(weights)
        self._above: tuple[Floats, Floats] | None = None

    @property
    def positive(self) -> Floats:  # noqa: D102, described above
        return self._ranked()[0]

    @property
    def negative(self) -> Floats:  # noqa: D102, described above
        return self._ranked()[1]

    def _ranked(self) -> tuple[Floats, Floats]:
        """Add up by score, once for all metrics that ask."""
        if self._above is None:
            self._above = self._ranking.above(self.weights)
        return self._above


class MulticlassRows(ScoredRows):
    """Rows of several classes; the most probable one is predicted.

    Attributes
    ----------
    right, log_losses
        As of `BinaryRows`.
    confusion
        Weight by true and predicted class, shape (classes, classes).
    """

    def __init__(self, truth: NDArray[Any], scores: Floats) -> None:
        truth = truth.astype("int64")
        predicted, self.classes = scores.argmax(axis=1), scores.shape[1]
        self.right = (predicted == truth).astype("float64")
        self.log_losses = _log_losses(scores[np.arange(len(truth)), truth])
        self._pairs = truth * self.classes + predicted
        self.rankings = [Ranking(truth == k, scores[:, k]) for k in range(self.classes)]
        super().__init__(truth, scores)

    def weigh(self, weights: Floats) -> None:
        """Count each row as often as its weight says."""
        super().weigh(weights)
        pairs = np.bincount(self._pairs, weights, self.classes**2)
        self.confusion = pairs.reshape(self.classes, self.classes)


class RegressionRows(ScoredRows):
    """Rows of a number.

    Attributes
    ----------
    error
        The absolute error, in the target's unit, shape (rows,).
    """

    def __init__(self, truth: NDArray[Any], scores: Floats) -> None:
        truth = truth.astype("float64")
        self.error = np.abs(scores - truth)
        super().__init__(truth, scores)


class Ranking:
    """Rows in the order of a score, the highest first; rows of equal score rank alike."""

    def __init__(self, positive: NDArray[Any], score: Floats) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        self._positive = positive[self._order].astype("float64")

    def above(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the weight of positive and of other rows at or above each distinct score."""
        ranked = weights[self._order]
        positive = np.cumsum(ranked * self._positive)[self._ends]
        negative = np.cumsum(ranked * (1 - self._positive))[self._ends]
        return positive, negative


def roc_auc(rows: BinaryRows) -> float | None:
    """Share of (positive, other) pairs ranked rightly; None where one class is missing."""
    return _area(rows.positive, rows.negative)


def average_precision(rows: BinaryRows) -> float | None:
    """Precision, weighted by the recall that each threshold adds, as scikit-learn defines it."""
    if not rows.positive[-1]:
        return None
    gained = np.diff(rows.positive, prepend=0.0)
    flagged = rows.positive + rows.negative
    precise = rows.positive / np.where(flagged, flagged, 1)
    return float((gained * precise).sum() / rows.positive[-1])


def brier(rows: BinaryRows) -> float:
    """Mean squared error of the probability (Brier 1950), 0 to 1."""
    return rows.mean((rows.scores - rows.truth) ** 2)


def log_loss(rows: BinaryRows | MulticlassRows) -> float:
    """Mean of minus the natural logarithm of the true class's probability, as scikit-learn."""
    return rows.mean(rows.log_losses)


def accuracy(rows: BinaryRows | MulticlassRows) -> float:
    """Share of rows whose predicted class is the true one."""
    return rows.mean(rows.right)


def base_rate(rows: BinaryRows) -> float:
    """Share of positive rows."""
    return rows.mean(rows.truth)


def macro_f1(rows: MulticlassRows) -> float:
    """Mean F1 over the classes that occur as truth or prediction, as scikit-learn defines it."""
    hits = rows.confusion.diagonal()
    occurring = rows.confusion.sum(axis=0) + rows.confusion.sum(axis=1)
    return float((2 * hits[occurring > 0] / occurring[occurring > 0]).mean())


def roc_auc_ovr(rows: MulticlassRows) -> float | None:
    """Mean ROC AUC of each class against the rest, over those that some rows have and some not."""
    areas = [_area(*ranking.above(rows.weights)) for ranking in rows.rankings]
    known = [area for area in areas if area is not None]
    return sum(known) / len(known) if known else None


def mae(rows: RegressionRows) -> float:
    """Mean absolute error, in the target's unit."""
    return rows.mean(rows.error)


def rmse(rows: RegressionRows) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(rows.mean(rows.error**2)))


def r2(rows: RegressionRows) -> float | None:
    """Coefficient of determination; None where all true values are equal."""
    spread = (rows.weights * (rows.truth - rows.mean(rows.truth)) ** 2).sum()
    # As small as rounding leaves it, the spread of equal values is none.
    if spread <= 1e-12 * rows.total * np.abs(rows.truth).max() ** 2:
        return None
    return float(1 - (rows.weights * rows.error**2).sum() / spread)


@dataclass(frozen=True)
class Dax:
    """The measure by which Power BI computes a metric from the rows of the predictions.

    Attributes
    ----------
    name
        What people read.
    text
        DAX. Names in braces stand for: `table` of predictions; `seen`, the condition that a row
        counts for quality; the columns `actual`, `predicted`, and, of a binary task,
        `probability`, `score` (the probability rounded, so that ranking is quick) and `case` (1
        for the positive class, else 0).
    meaning
        Its description.
    format
        A format string of Power BI; the target's unit follows where the metric has it.
    """

    name: str
    text: str
    meaning: str
    format: str


@dataclass(frozen=True)
class Metric:
    """One metric: all that the project says of it.

    Attributes
    ----------
    name
        As in `HIGHER_IS_BETTER`, by which it has its tasks and its direction.
    label
        What people call it.
    meaning
        What it says, in plain words.
    formula
        From scored rows (`BinaryRows`, `MulticlassRows`, `RegressionRows`) to its value; None
        where it does not exist, such as a ROC AUC of one class or an R² of equal values.
    in_target_unit
        Whether it has the unit of the target; others have none.
    page
        The tasks whose page shows it among its large figures. The main metric always is one.
    headline, against
        How the page says it in its first sentence where it is the main metric, and how it adds
        the best guess without a model. Braces: `label`, `target`, `positive`, `share` (in percent)
        and `number`, of the model and of the guess.
    short
        What it is called over a narrow column, where `label` is too long.
    dax
        How Power BI computes it, by task; where it does not, it shows the reported value.
    describes
        The tasks whose rows it describes without judging a model: no direction, no baseline.
    """

    name: str
    label: str
    meaning: str
    formula: Callable[[Any], float | None]
    in_target_unit: bool = False
    page: tuple[Task, ...] = ()
    headline: str = (
        "{label} of the predictions of {target} on rows that the model had not seen: {number}"
    )
    against: str = "; the best guess without a model has {number}"
    short: str = ""
    dax: Mapping[Task, Dax] = field(default_factory=dict)
    describes: tuple[Task, ...] = ()


#: In the order of the page's figures.
METRICS = (
    Metric(
        "roc_auc",
        "ROC AUC",
        "How often a case gets a higher score than a non-case, both picked at random. 0.5 is "
        "chance, 1 is perfect.",
        roc_auc,
        page=("binary",),
        headline="Take two rows that the model had not seen, one with {target} = {positive} and "
        "one without: the model ranks them rightly in {share} of cases",
        against=", the best guess without a model in {share}",
        dax={
            "binary": Dax(
                "ROC AUC",
                # By trapezia over the scores, as `_area` has it.
                """\
VAR __Scores =
    CALCULATETABLE(
        ADDCOLUMNS(
            SUMMARIZE({table}, {score}),
            "@Cases", CALCULATE(SUM({case})),
            "@Rows", CALCULATE(COUNTROWS({table}))
        ),
        KEEPFILTERS({seen})
    )
VAR __Cases = SUMX(__Scores, [@Cases])
VAR __Others = SUMX(__Scores, [@Rows] - [@Cases])
VAR __Won =
    SUMX(
        __Scores,
        VAR __Score = {score}
        VAR __Above = SUMX(FILTER(__Scores, {score} > __Score), [@Cases])
        RETURN ([@Rows] - [@Cases]) * (__Above + [@Cases] / 2)
    )
RETURN
    DIVIDE(__Won, __Cases * __Others)""",
                "How often a case gets a higher probability than a row that is none, ties "
                "counting half; probabilities rounded to 3 decimals, so that it is quick.",
                "0.000",
            )
        },
    ),
    Metric(
        "average_precision",
        "Average precision",
        "How clean the list of highest scores is, on average over all lengths. 1 is perfect; "
        "chance is the share of cases.",
        average_precision,
        page=("binary",),
    ),
    Metric(
        "brier",
        "Brier score",
        "Mean squared distance between the predicted probability and what happened. 0 is perfect; "
        "lower is better.",
        brier,
        page=("binary",),
        dax={
            "binary": Dax(
                "Brier score",
                """\
CALCULATE(
    AVERAGEX({table}, ({probability} - {case}) ^ 2),
    KEEPFILTERS({seen})
)""",
                "Mean squared distance between probability and truth; 0 is perfect.",
                "0.0000",
            )
        },
    ),
    Metric(
        "accuracy",
        "Accuracy",
        "Share of rows whose most probable class is right. 1 is perfect.",
        accuracy,
        page=("binary", "multiclass"),
        headline="On rows it had not seen, the most probable class is right in {share}",
        against="; that of the best guess without a model is in {share}",
        dax={
            "multiclass": Dax(
                "Accuracy",
                """\
CALCULATE(
    AVERAGEX({table}, IF({predicted} = {actual}, 1, 0)),
    KEEPFILTERS({seen})
)""",
                "Share of the test rows whose predicted class is right.",
                "0.0%",
            )
        },
    ),
    Metric(
        "macro_f1",
        "Macro F1",
        "Balance of finding a class and not crying wolf, every class counting alike. 1 is perfect.",
        macro_f1,
        page=("multiclass",),
        dax={
            "multiclass": Dax(
                "Macro F1",
                """\
VAR __Classes =
    CALCULATETABLE(
        DISTINCT(
            UNION(
                SELECTCOLUMNS(DISTINCT({actual}), "@Class", {actual} & ""),
                SELECTCOLUMNS(DISTINCT({predicted}), "@Class", {predicted} & "")
            )
        ),
        KEEPFILTERS({seen})
    )
RETURN
    AVERAGEX(
        __Classes,
        VAR __Class = [@Class]
        VAR __Hits =
            CALCULATE(
                COUNTROWS({table}),
                KEEPFILTERS({seen}),
                KEEPFILTERS({actual} = __Class),
                KEEPFILTERS({predicted} = __Class)
            )
        VAR __Actual =
            CALCULATE(COUNTROWS({table}), KEEPFILTERS({seen}), KEEPFILTERS({actual} = __Class))
        VAR __Predicted =
            CALCULATE(COUNTROWS({table}), KEEPFILTERS({seen}), KEEPFILTERS({predicted} = __Class))
        RETURN DIVIDE(2 * __Hits, __Actual + __Predicted) + 0
    )""",
                "Balance of finding a class and not crying wolf, every class counting alike.",
                "0.000",
            )
        },
    ),
    Metric(
        "roc_auc_ovr",
        "ROC AUC, each class against the rest",
        "How well each class is told from all others, on average. 0.5 is chance, 1 is perfect.",
        roc_auc_ovr,
        page=("multiclass",),
    ),
    Metric(
        "log_loss",
        "Log loss",
        "Punishes confident mistakes hardest. 0 is perfect; lower is better.",
        log_loss,
        page=("multiclass",),
    ),
    Metric(
        "mae",
        "Mean absolute error",
        "How far a prediction is off, on average. Lower is better.",
        mae,
        in_target_unit=True,
        page=("regression",),
        headline="On rows it had not seen, the model misses {target} by {number} on average",
        against="; the best guess without a model misses by {number}",
        short="MAE",
        dax={
            "regression": Dax(
                "Mean absolute error",
                """\
CALCULATE(
    AVERAGEX({table}, ABS({predicted} - {actual})),
    KEEPFILTERS({seen})
)""",
                "How far a prediction is off, on average.",
                "#,0.00",
            )
        },
    ),
    Metric(
        "rmse",
        "Root mean squared error",
        "How far a prediction is off, large misses counting more. Lower is better.",
        rmse,
        in_target_unit=True,
        page=("regression",),
        short="RMSE",
        dax={
            "regression": Dax(
                "Root mean squared error",
                """\
VAR __Mean = CALCULATE(
    AVERAGEX({table}, ({predicted} - {actual}) ^ 2),
    KEEPFILTERS({seen})
)
RETURN
    IF(NOT ISBLANK(__Mean), SQRT(__Mean))""",
                "How far a prediction is off, large misses counting more.",
                "#,0.00",
            )
        },
    ),
    Metric(
        "r2",
        "R²",
        "Share of the ups and downs that the predictions explain. 1 is perfect, 0 is no better "
        "than the mean.",
        r2,
        page=("regression",),
        dax={
            "regression": Dax(
                "Explained share (R²)",
                """\
VAR __Mean = CALCULATE(
    AVERAGE({actual}),
    KEEPFILTERS({seen})
)
VAR __Missed = CALCULATE(
    SUMX({table}, ({predicted} - {actual}) ^ 2),
    KEEPFILTERS({seen})
)
VAR __Spread = CALCULATE(
    SUMX({table}, ({actual} - __Mean) ^ 2),
    KEEPFILTERS({seen})
)
VAR __Least = CALCULATE(
    MIN({actual}),
    KEEPFILTERS({seen})
)
VAR __Most = CALCULATE(
    MAX({actual}),
    KEEPFILTERS({seen})
)
RETURN
    IF(__Most > __Least, 1 - DIVIDE(__Missed, __Spread))""",
                "Share of the ups and downs that the predictions explain; 1 is perfect.",
                "0.000",
            )
        },
    ),
    Metric(
        "base_rate",
        "Share of cases",
        "How many of the rows are cases; a fact of the data.",
        base_rate,
        describes=("binary",),
        dax={
            "binary": Dax(
                "Base rate",
                """\
CALCULATE(
    AVERAGE({case}),
    KEEPFILTERS({seen})
)""",
                "Share of cases among the test rows: what a choice at random finds.",
                "0.0%",
            )
        },
    ),
)
#: The same by name.
BY_NAME = {metric.name: metric for metric in METRICS}
_ROWS: dict[Task, type[ScoredRows]] = {
    "binary": BinaryRows,
    "multiclass": MulticlassRows,
    "regression": RegressionRows,
}


def metrics_of(task: Task) -> list[Metric]:
    """Return the metrics of a task in the order of the reports, then what describes its rows."""
    described = [metric for metric in METRICS if task in metric.describes]
    return [*(BY_NAME[name] for name in HIGHER_IS_BETTER[task]), *described]


def measure(
    task: Task, truth: NDArray[Any], scores: Floats, names: Collection[str] | None = None
) -> Measure:
    """Prepare the metrics of some rows.

    Parameters
    ----------
    task
        Which metrics.
    truth, scores
        As the module says.
    names
        Those to measure; all where None.

    Returns
    -------
    callable
        From weights, float64 of shape (rows,), to each metric by name; None where it does not
        exist.
    """
    rows = _ROWS[task](truth, scores)
    entries = [metric for metric in metrics_of(task) if names is None or metric.name in names]

    def at(weights: Floats) -> Measures:
        rows.weigh(weights)
        return {metric.name: metric.formula(rows) for metric in entries}

    return at


def measure_all(task: Task, truth: NDArray[Any], scores: Floats) -> Measures:
    """Measure with every row counted once; rounded to 6 decimals."""
    values: Measures = rounded(measure(task, truth, scores)(np.ones(len(truth))))
    return values


def row_losses(task: Task, truth: NDArray[Any], scores: Floats) -> Floats:
    """Return the loss of each row, shape (rows,).

    Binary: the squared error of the probability, 0 to 1; multiclass: its sum over the classes,
    0 to 2 (Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2); regression: the
    absolute error, in the target's unit.
    """
    if task == "multiclass":
        losses: Floats = ((scores - np.eye(scores.shape[1])[truth.astype("int64")]) ** 2).sum(
            axis=1
        )
        return losses
    error = scores - truth.astype("float64")
    return np.abs(error) if task == "regression" else error**2


def rounded(value: Any) -> Any:
    """Round every float inside dictionaries and lists to 6 decimals; NaN and infinities to None."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0 if np.isfinite(value) else None
    return value


def _area(positive: Floats, negative: Floats) -> float | None:
    """Area under the ROC curve: the share of (positive, other) pairs ranked rightly, ties half.

    From the weights above each threshold, by trapezia (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747).
    """
    pairs = positive[-1] * negative[-1]
    if not pairs:
        return None
    above = np.append(0.0, positive[:-1])
    steps = np.diff(negative, prepend=0.0)
    return float((steps * (positive + above)).sum() / (2 * pairs))


def _log_losses(probability_of_truth: Floats) -> Floats:
    # Clipped at the spacing of doubles, as in scikit-learn: a sure mistake would count infinitely.
    epsilon = np.finfo("float64").eps
    return -np.log(np.clip(probability_of_truth, epsilon, 1 - epsilon))
