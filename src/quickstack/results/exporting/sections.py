"""What each section of the page shows, as text and lengths; lengths are of 100."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.facts.notices import told
from quickstack.models.evaluation.gain import guess_name
from quickstack.models.modeling.metrics import BY_NAME, METRICS
from quickstack.results.exporting.labels import RULES, metric_name, metric_unit, number

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract
    from quickstack.results.exporting.reason_columns import ReasonCounts

#: Rows of a table that the page shows; the files hold all of them.
SHOWN = 12
#: Reasons shown with the verdict.
REASONS = 4
#: Periods of the table of drift, the newest ones.
PERIODS = 8


def figures(contract: Contract, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the key metrics of the test rows, each with interval, baseline and explanation.

    The main metric comes first.
    """
    main = BY_NAME[contract.main_metric]
    others = [m for m in METRICS if contract.task in m.page and m is not main]
    shown = []
    for metric in (main, *others):
        name, unit = metric.name, metric_unit(metric, contract)
        value, base = metrics.get(name), metrics["baseline"].get(name)
        interval = metrics["interval"].get(name) or {}
        low, high = interval.get("low"), interval.get("high")
        higher = HIGHER_IS_BETTER[contract.task][name]
        sure = "no interval" if low is None else f"95 % interval {number(low)} to {number(high)}"
        beside = "" if base is None else f" · {plain(guess_name(metrics, name))}: {number(base)}"
        shown.append(
            {
                "label": metric.label + (f" ({unit})" if unit else ""),
                "value": number(value),
                "interval": sure + beside,
                "range": _range(value, low, high, base, higher=higher),
                "better": _better(metrics, name, base),
                "explained": metric.meaning,
            }
        )
    return shown


def _better(metrics: Mapping[str, Any], name: str, base: float | None) -> dict[str, str] | None:
    """Say whether the model beats the best naive guess by more than chance."""
    if base is None:
        return None
    if metrics.get("doubt"):
        return {"kind": "bad", "text": "not believed"}
    labels = {
        True: ("good", "clear gain"),
        False: ("bad", "clear loss"),
        None: ("plain", "no clear gain"),
    }
    kind, text = labels[(metrics["difference"].get(name) or {}).get("better")]
    return {"kind": kind, "text": text}


def guesses(contract: Contract, metrics: Mapping[str, Any]) -> str:
    """Say what guesses without a model reach in the main metric, and what intervals stand on."""
    main = BY_NAME[contract.main_metric]
    reached = [
        f"{plain(name)} {number(found[main.name])}"
        for name, found in (metrics.get("guesses") or {}).items()
        if found.get(main.name) is not None
    ]
    said = f"Without a model, {main.label} is: {'; '.join(reached)}. " if reached else ""
    drawn = (metrics.get("resampling") or {}).get("words")
    return said + (f"For the intervals, rows are {plain(drawn)}." if drawn else "")


def plain(text: str) -> str:
    """Write a sentence without the marks that Markdown and terminals have around names."""
    return text.replace("`", "")


def _range(
    value: float | None,
    low: float | None,
    high: float | None,
    base: float | None,
    *,
    higher: bool,
) -> dict[str, Any] | None:
    """Place the interval and the baseline on a scale of 0 to 100 that begins at 0."""
    if value is None or low is None or high is None:
        return None
    top = 1.0 if higher else 1.1 * max(high, base or 0.0) or 1.0
    start, end = _clipped(100 * low / top), _clipped(100 * high / top)
    return {
        "low": _length(min(start, 99.0)),
        "width": _length(max(end - start, 1.0)),
        "baseline": None if base is None else _length(_clipped(100 * base / top)),
    }


def importance(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the most important features, from a table of `feature` and `importance`."""
    top = table.head(SHOWN)
    values = [0.0 if value != value else float(value) for value in top["importance"]]
    spreads = list(top["standard_deviation"]) if "standard_deviation" in top else [0.0] * len(top)
    ways = list(top["direction"].fillna("")) if "direction" in top else [""] * len(top)
    largest = max((*values, 0.0)) or 1.0
    return [
        {
            "feature": str(feature),
            "direction": way,
            "value": number(value, 4),
            "width": _length(_clipped(100 * value / largest)),
            "spread": [
                _length(_clipped(100 * end / largest)) for end in (value - spread, value + spread)
            ]
            if spread > 0 and value > 0
            else None,
        }
        for feature, value, spread, way in zip(top["feature"], values, spreads, ways, strict=True)
    ]


def flagged(counts: ReasonCounts) -> list[dict[str, str]]:
    """Return how often each feature is a reason, the most frequent first."""
    total = counts.raised + counts.lowered
    names = sorted(total, key=lambda name: (-total[name], name))[:SHOWN]
    rows = max(counts.rows, 1)
    return [
        {
            "feature": name,
            "raised": _share(counts.raised[name] / rows),
            "lowered": _share(counts.lowered[name] / rows),
        }
        for name in names
        if total[name]
    ]


def performance(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quality of the predictions per period, the newest last."""
    judged = {
        True: ("worse", "alarm"),
        False: ("as good", "good"),
        None: ("cannot be judged", None),
    }
    rows = []
    for period in report["periods"][-SHOWN:]:
        text, kind = judged[period["dropped"]]
        if period["fell"] is not None:
            text = f"worse: {period['fell']}"
            if report["metric"] in HIGHER_IS_BETTER["regression"]:
                text = text.replace("calibration", "misses by more")
        rows.append(
            {
                "period": period["period"],
                "rows": f"{period['rows']:,}",
                "labelled": f"{period['labelled']:,}",
                "metric": number(period["metric"]),
                "judged": text if period["labelled"] else _late(period["estimated"]),
                "kind": kind,
            }
        )
    note = (
        "Rows the model was not trained on whose truth is known: do they rank as well, and fit as "
        "well, as in training? The share of cases alone changes neither."
    )
    if report["loss"] is None:
        note += " Nothing to compare with: the model was trained without cross-validation."
    name = report["metric"]
    short = BY_NAME[name].short if name in BY_NAME else ""
    return {"metric": short or metric_name(name), "rows": rows, "note": note}


def _late(estimated: Mapping[str, Any] | None) -> str:
    """Say what is known of a period without truth."""
    if estimated is None:
        return "truth not known yet"
    ends = f"{number(estimated['low'])} to {number(estimated['high'])}"
    return f"not known yet; {estimated['name']} about {number(estimated['value'])} ({ends})"


def drift(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features by drift, the largest first, from `reports/drift.json`.

    A cell is of level 0 up to the limit, 1 above it, 2 where the rule calls it drift.
    """
    features, periods = report["features"][:SHOWN], report["periods"][-PERIODS:]
    note = (
        "How far each feature moved from the training data (population stability index, noise "
        "taken off; 0 is no change). Red: drifted. Amber: above its limit, but within what "
        f"chance explains. Compared: {report['compared']}."
    )
    if report["smallest_shift"] is not None:
        note += (
            f" A shift of {report['smallest_shift']:.1f} standard deviations would have been seen."
        )
    if not report["calibrated"]:
        note += " The history is too short to know the seasons."
    left_out = [period["not_judged"] for period in periods if period["not_judged"]]
    note = " ".join([note, *left_out[-1:]])
    return {
        "note": note,
        "kind": "alarm" if report["verdict"] == "alarm" else "warning",
        "periods": [period["period"] for period in periods],
        "more": max(len(report["features"]) - SHOWN, 0),
        "rows": [
            {
                "name": feature["name"],
                "limit": number(feature["limit"], 2),
                "drifted": feature["drifted"],
                "result": feature["result"],
                "cells": [_drift_cell(period, feature) for period in periods],
            }
            for feature in features
        ],
    }


def leaks(report: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Say which inputs and rows may make the model look better than it is."""
    words = {"asked": "to be decided", "suspected": "suspected", "answered": "answered"}
    return [
        {
            "what": each["column"] or "whole rows",
            "verdict": words[each["verdict"]],
            "evidence": each["evidence"],
        }
        for each in report
    ]


def reasons(report: Mapping[str, Any]) -> list[str]:
    """Return the first reasons of the verdict, and how many more there are."""
    found, more = report["reasons"][:REASONS], len(report["reasons"]) - REASONS
    return [*found, f"{more} more: see the features below."] if more > 0 else found


def _drift_cell(period: Mapping[str, Any], feature: Mapping[str, Any]) -> tuple[str, int]:
    psi = period["psi"].get(feature["name"])
    if feature["name"] in period["drifted"]:
        return number(psi, 2), 2
    limit = period["limit"].get(feature["name"])
    above = period["judged"] and psi is not None and limit is not None and psi > limit
    return number(psi, 2), int(above)


def quality(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of rows, the rules most broken and the values that are missing."""
    rows = report["rows"]
    rules = sorted(report["rules"], key=lambda r: (-r["rows"], r["column"] or "", r["rule"]))
    good, read = rows["clean"] / max(rows["read"], 1), rows["read"]
    lost = ((name, count / max(rows["clean"], 1)) for name, count in
            report.get("missing", {}).items() if count)  # fmt: skip
    missing = sorted(lost, key=lambda pair: (-pair[1], pair[0]))
    share = f"{_share(good)} of {read:,} rows are clean"
    return {
        "sentence": f"{share}; {rows['quarantined']:,} were set aside, with their reasons.",
        "share": share,
        "clean_width": _length(100 * good),
        # A few rows among millions stay visible.
        "bad_width": _length(max(100 * (1 - good), 0.6) if rows["quarantined"] else 0),
        "counts": [
            ("Rows read", f"{read:,}"),
            ("Clean", f"{rows['clean']:,}"),
            ("Set aside", f"{rows['quarantined']:,}"),
            ("Files", f"{len(report['files']):,}"),
        ],
        "rules": [
            {
                "column": r["column"] or "whole row",
                "rule": RULES.get(r["rule"], r["rule"]),
                "rows": f"{r['rows']:,}",
            }
            for r in rules[:SHOWN]
        ],
        "more": max(len(rules) - SHOWN, 0),
        "missing": [
            {"column": name, "share": _share(part), "width": _length(_clipped(100 * part))}
            for name, part in missing[:SHOWN]
        ],
        "warnings": [*report.get("warnings", [])[:SHOWN], *told(report, SHOWN)],
    }


def newest(contract: Contract, report: Mapping[str, Any]) -> str:
    """Say how new the data are, and what was promised."""
    found = report.get("newest")
    promise = contract.service_levels.get("freshness")
    zone = contract.column(contract.time_column).clock_zone if contract.time_column else "UTC"
    found = f"{found}, {zone}" if found and zone != "UTC" else found
    said = f"The newest row is from {found}." if found else "The rows carry no time."
    return f"{said} Promised: {promise}" if promise else said


def _share(part: float) -> str:
    """Write a share; one that is not all does not read as all."""
    return "100 %" if part == 1 else f"{min(100 * part, 99.99):.{2 if part > 0.99 else 1}f} %"


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 100.0)


def _length(value: float) -> str:
    return f"{value:.1f}"


def parts(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of a table by the period that they hold, the newest periods alone."""
    found: dict[str, list[dict[str, str]]] = {}
    for file in table["files"]:
        stem, kind = file["path"].rsplit(".", 1)
        found.setdefault(stem.partition("/")[2], []).append({"path": file["path"], "kind": kind})
    shown = [{"name": name, "files": files} for name, files in found.items()][-SHOWN:]
    return {"parts": shown, "more": len(found) - len(shown)}
