"""The tables of the reports: each described once, with its grain, types and units.

The page, the manifest and the files are generated from these descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import LogicalType


@dataclass(frozen=True)
class Field:
    """One column of an exported table; `source` is its name in the contract, where it has one."""

    name: str
    type: LogicalType
    description: str
    unit: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Layout:
    """One exported table without its rows.

    Attributes
    ----------
    description
        Its first sentence says its grain.
    key
        The columns that tell its rows apart; empty where rows may be equal.
    partition
        The column whose values part a table that grows into files; None where it is one file.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    partition: str | None = None


#: Among the metrics: the share of test rows whose truth lies in the 90 % interval of a prediction.
COVERAGE = "interval_coverage"
METRICS = Layout(
    "metrics",
    "One row per split, segment and metric. How good the predictions are, beside the best "
    "guess without a model.",
    (
        Field("split", "string", "test, or cross_validation of the training rows."),
        Field(
            "segment_column",
            "string",
            "The column of the predictions that makes the segment; `all` of all rows.",
        ),
        Field(
            "segment",
            "string",
            "Its value; `all` of all rows, `(missing)` of rows without one. The 50 values with "
            "most rows are shown.",
        ),
        Field("metric", "string", "Name of the metric."),
        Field(
            "value",
            "number",
            "Its value, a mean over folds in cross-validation; empty where there is none, and for "
            "segments of fewer than 50 rows.",
        ),
        Field("low", "number", "Lower end of the 95 % interval."),
        Field("high", "number", "Upper end of the 95 % interval."),
        Field("baseline", "number", "The value of the best guess without a model."),
        Field("rows", "integer", "Rows it is measured on; empty in cross-validation.", "rows"),
    ),
    key=("split", "segment_column", "segment", "metric"),
)
DRIFT = Layout(
    "drift",
    "One row per period after training and feature. How far the data moved from the training data.",
    (
        Field("period", "string", "The period, or `test` where rows have no order in time."),
        Field("feature", "string", "Name of the feature."),
        Field("psi", "number", "Population stability index without its expected noise.", "nat"),
        Field("limit", "number", "What the index must exceed to count as drift.", "nat"),
        Field("drifted", "boolean", "Whether the rule of the monitor stage calls it drift."),
        Field("judged", "boolean", "Whether the period is complete and has enough rows to tell."),
    ),
    key=("period", "feature"),
)
IMPORTANCE = Layout(
    "importance",
    "One row per feature. How much worse the main metric gets when its values are shuffled.",
    (
        Field("feature", "string", "Name of the feature."),
        Field("importance", "number", "Mean loss of the main metric over repetitions."),
        Field("standard_deviation", "number", "Over repetitions."),
        Field("mean_part", "number", "Mean size of its part of the score, of test rows."),
        Field(
            "direction",
            "string",
            "Which way its values move the score; empty where the model has no exact parts.",
        ),
    ),
    key=("feature",),
)
QUALITY = Layout(
    "quality",
    "One row per source file. Where the rows that were read ended; read = clean + quarantined.",
    (
        Field("file", "string", "Name of the file."),
        Field("read", "integer", "Rows read.", "rows"),
        Field("clean", "integer", "Rows kept.", "rows"),
        Field("quarantined", "integer", "Rows set aside, with a reason.", "rows"),
        Field("blank", "integer", "Blank lines, which are no rows.", "lines"),
    ),
    key=("file",),
)
QUALITY_RULES = Layout(
    "quality_rules",
    "One row per column and rule of the contract that a row broke; a row may break several.",
    (
        Field("column", "string", "Name of the column; empty where the whole row is broken."),
        Field("rule", "string", "The rule that was broken."),
        Field("rows", "integer", "Rows that broke it.", "rows"),
    ),
)
#: Written when a run is published, from what was published before: it depends on when and where.
RUNS = Layout(
    "runs",
    "One row per published run, the oldest first. What each run stood on and how good it was.",
    (
        Field("run", "string", "Name of the run: its time and the beginning of its revision."),
        Field("published", "timestamp", "When it was published, UTC."),
        Field("revision", "string", "The git commit that it was made from."),
        Field("model_version", "string", "The first 12 digits of the model file's SHA-256."),
        Field("data_version", "string", "The first 12 digits of the clean data's SHA-256."),
        Field("metric", "string", "Name of the main metric, on the test rows."),
        Field("value", "number", "Its value."),
        Field("low", "number", "Lower end of the 95 % interval."),
        Field("high", "number", "Upper end of the 95 % interval."),
        Field(
            "verdict",
            "string",
            "What the monitor stage concludes: stable, warning, alarm or unknown.",
        ),
        Field(
            "drifted",
            "integer",
            "Features that drifted in the newest period that can be judged.",
            "features",
        ),
        Field("clean", "integer", "Rows that passed all checks.", "rows"),
        Field("quarantined", "integer", "Rows set aside.", "rows"),
        Field("newest_row", "timestamp", "The newest time in the data, UTC; empty without one."),
        Field("arrived", "timestamp", "When the newest raw data arrived here, UTC; if known."),
        Field("age", "number", "From the newest row to publishing.", "hours"),
        Field("lead_time", "number", "From the arrival of the data to publishing.", "hours"),
        Field("promise", "number", "The freshness that the contract promises.", "hours"),
        Field("fresh", "boolean", "Whether the promise was kept; empty where there is none."),
        Field("reason", "string", "Why a run that is worse was published; empty otherwise."),
        Field("current", "boolean", "Whether it is the run that readers are shown."),
    ),
    key=("run",),
)


def metrics_rows(
    metrics: Mapping[str, Any],
    segments: Sequence[Mapping[str, Any]] = (),
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read the reports on the test rows as rows of `METRICS`: all rows, segments, then folds.

    Parameters
    ----------
    metrics
        `reports/metrics.json`.
    segments
        `segments` of `reports/segments.json`.
    names
        What the columns of the segments are called among the predictions.
    """
    tested = metrics["rows"]["test"]

    def row(place: tuple[str, ...], found: Mapping[str, Any], name: str, count: int) -> Any:
        ends = found["interval"].get(name, {})
        value, baseline = found["value"].get(name), found["baseline"].get(name)
        return (*place, name, value, ends.get("low"), ends.get("high"), baseline, count)

    whole, found = ("test", "all", "all"), {**metrics, "value": metrics}
    rows = [row(whole, found, name, tested) for name in metrics["interval"]]
    if interval := metrics.get("prediction_interval"):
        rows.append((*whole, COVERAGE, interval["coverage"], None, None, None, tested))
    for segment in segments:
        place = "test", (names or {})[segment["column"]], segment["segment"]
        rows += [row(place, segment, name, segment["rows"]) for name in metrics["interval"]]
    for name, spread in (metrics["cross_validation"] or {}).items():
        rows.append(
            ("cross_validation", "all", "all", name, spread["mean"], None, None, None, None)
        )
    return _frame(METRICS, rows)


def drift_rows(drift: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/drift.json` as rows of `DRIFT`, periods in order, features as there."""
    return _frame(
        DRIFT,
        [
            (
                period["period"],
                name,
                psi,
                period["limit"].get(name),
                name in period["drifted"],
                period["judged"],
            )
            for period in drift["periods"]
            for name, psi in period["psi"].items()
        ],
    )


def quality_rows(quality: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/quality.json` as rows of `QUALITY`, one per file."""
    return _frame(QUALITY, [[file[f.name] for f in QUALITY.fields] for file in quality["files"]])


def quality_rule_rows(quality: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/quality.json` as rows of `QUALITY_RULES`."""
    fields = QUALITY_RULES.fields
    return _frame(QUALITY_RULES, [[rule.get(f.name) for f in fields] for rule in quality["rules"]])


def _frame(layout: Layout, rows: list[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=[field.name for field in layout.fields], dtype=object)
