"""What each section of the page shows, as text and lengths; lengths are of 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quickstack.exporting.words import METRICS, metric_name, number
from quickstack.modeling.metrics import HIGHER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.contract.model import Contract, Task

#: Rows of a table that the page shows; the files hold all of them.
SHOWN = 12
#: Metrics shown as large figures, by task.
FIGURES = {
    "binary": ("roc_auc", "average_precision", "brier", "accuracy"),
    "multiclass": ("accuracy", "macro_f1", "roc_auc_ovr", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
}


def figures(contract: Contract, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the key metrics of the test rows, each with interval, baseline and explanation."""
    shown = []
    for name in FIGURES[contract.task]:
        value, base = metrics.get(name), metrics["baseline"].get(name)
        interval = metrics["interval"].get(name) or {}
        low, high = interval.get("low"), interval.get("high")
        unit = contract.column(contract.target).unit if name in ("mae", "rmse") else None
        sure = "no interval" if low is None else f"95 % interval {number(low)} to {number(high)}"
        beside = "" if base is None else f" · without features {number(base)}"
        shown.append(
            {
                "label": metric_name(name) + (f" ({unit})" if unit else ""),
                "value": number(value),
                "interval": sure + beside,
                "range": _range(value, low, high, base, contract.task, name),
                "better": _better((metrics["difference"].get(name) or {}).get("better"), base),
                "explained": METRICS[name][1],
            }
        )
    return shown


def _better(better: bool | None, base: float | None) -> dict[str, str] | None:
    """Say whether the model beats the baseline by more than chance."""
    if base is None:
        return None
    words = {
        True: ("good", "clear gain"),
        False: ("bad", "clear loss"),
        None: ("plain", "no clear gain"),
    }
    kind, text = words[better]
    return {"kind": kind, "text": text}


def _range(
    value: float | None,
    low: float | None,
    high: float | None,
    base: float | None,
    task: Task,
    name: str,
) -> dict[str, Any] | None:
    """Place the interval and the baseline on a scale of 0 to 100 that begins at 0."""
    if value is None or low is None or high is None:
        return None
    top = 1.0 if HIGHER_IS_BETTER[task][name] else 1.1 * max(high, base or 0.0) or 1.0
    start, end = _clipped(100 * low / top), _clipped(100 * high / top)
    return {
        "low": _length(min(start, 99.0)),
        "width": _length(max(end - start, 1.0)),
        "baseline": None if base is None else _length(_clipped(100 * base / top)),
    }


def importance(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the most important features, from a table of `feature` and `importance`."""
    top = table.head(SHOWN)
    values = [0.0 if value != value else float(value) for value in top["importance"]]
    largest = max((*values, 0.0)) or 1.0
    return [
        {
            "feature": str(feature),
            "value": number(value, 4),
            "width": _length(_clipped(100 * value / largest)),
        }
        for feature, value in zip(top["feature"], values, strict=True)
    ]


def performance(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quality of the predictions per period, the newest last."""
    judged = {True: ("worse", "alarm"), False: ("as good", "good"), None: ("not judged", None)}
    rows = []
    for period in report["periods"][-SHOWN:]:
        text, kind = judged[period["dropped"]]
        rows.append(
            {
                "period": period["period"],
                "rows": f"{period['rows']:,}",
                "labelled": f"{period['labelled']:,}",
                "metric": number(period["metric"]),
                "judged": text if period["labelled"] else "truth not known yet",
                "kind": kind,
            }
        )
    note = "Rows the model was not trained on, judged by the loss of each row whose truth is known."
    if report["loss"] is None:
        note += " Nothing to compare with: the model was trained without cross-validation."
    metric = "MAE" if report["metric"] == "mae" else metric_name(report["metric"])
    return {"metric": metric, "rows": rows, "note": note}


def drift(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features by drift, the largest first, from `reports/drift.json`."""
    features = report["features"][:SHOWN]
    periods = report["periods"]
    top = max([f["psi"] for f in features] + [f["limit"] for f in features] + [1e-9]) * 1.05
    highest = max([p["psi"][f["name"]] for p in periods for f in features] + [1e-9])
    note = f"Compared: {report['compared']}. The upright line is the limit"
    note += (
        ", from the seasons that the training data show."
        if report["calibrated"]
        else "; the history is too short to know the seasons."
    )
    return {
        "note": note,
        "kind": "warning" if report["verdict"] == "stable" else report["verdict"],
        "over_time": len(periods) > 1,
        "rows": [
            {
                "name": feature["name"],
                "psi": number(feature["psi"]),
                "limit": number(feature["limit"]),
                "width": _length(100 * feature["psi"] / top),
                "limit_at": _length(100 * feature["limit"] / top),
                "drifted": feature["drifted"],
                "result": "drifted" if feature["drifted"] else "as before",
                "spark": _spark([p["psi"][feature["name"]] for p in periods], highest),
                "trend": f"from {number(periods[0]['psi'][feature['name']])} "
                f"to {number(periods[-1]['psi'][feature['name']])}",
            }
            for feature in features
        ],
    }


def quality(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of rows and the rules most broken, from `reports/quality.json`."""
    rows = report["rows"]
    rules = sorted(report["rules"], key=lambda r: (-r["rows"], r["column"] or "", r["rule"]))
    return {
        "counts": [
            ("Rows read", f"{rows['read']:,}"),
            ("Clean", f"{rows['clean']:,}"),
            ("Set aside", f"{rows['quarantined']:,}"),
            ("Files", f"{len(report['files']):,}"),
        ],
        "rules": [
            {"column": r["column"] or "whole row", "rule": r["rule"], "rows": f"{r['rows']:,}"}
            for r in rules[:SHOWN]
        ],
        "more": max(len(rules) - SHOWN, 0),
    }


def _spark(values: Sequence[float], highest: float) -> str:
    """Return the points of a line in a box of 100 by 26."""
    step = 100 / max(len(values) - 1, 1)
    return " ".join(
        f"{_length(index * step)},{_length(25 - 24 * value / highest)}"
        for index, value in enumerate(values)
    )


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 100.0)


def _length(value: float) -> str:
    return f"{value:.1f}"
