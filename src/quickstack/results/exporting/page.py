"""One self-contained web page: what the model does, how good it is, and what it stands on.

No network and no row of the data: what the page computes for a filter, it computes from counts.
Jinja2 escapes every value; the content policy allows the page's own style sheet and script, by
their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.evaluation.gain import no_gain
from quickstack.models.modeling.metrics import BY_NAME
from quickstack.results.exporting import sections
from quickstack.results.exporting.bundle import compact_style, joined
from quickstack.results.exporting.labels import (
    VERDICTS,
    acting,
    case_text,
    headline,
    metric_unit,
    target_unit,
    time_lead,
)
from quickstack.results.exporting.packing import packed

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract
    from quickstack.results.exporting.histograms import Histograms
    from quickstack.results.exporting.reason_columns import ReasonCounts

TEMPLATES = Path(__file__).parent / "templates"


def render_page(view: Mapping[str, Any]) -> str:
    """Render the page from what `page_view` gives."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    style = compact_style(TEMPLATES / "page.css")
    script = joined(TEMPLATES / "script", f"page_{view['task']}")
    return environment.get_template("index.html.j2").render(
        **{**view, "data": embedded(view["data"])},
        style=style,
        script=script,
        style_hash=_source_hash(style),
        script_hash=_source_hash(script),
    )


def embedded(value: Any) -> str:
    """Write JSON that can stand inside a script element: no `<` and no `>` is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_view(
    contract: Contract,
    metrics: Mapping[str, Any],
    drift: Mapping[str, Any],
    importance: pd.DataFrame,
    quality: Mapping[str, Any],
    tables: Sequence[Mapping[str, Any]],
    hashes: Mapping[str, Any],
    histograms: Histograms | None = None,
    leaks: Sequence[Mapping[str, Any]] = (),
    reasons: ReasonCounts | None = None,
) -> dict[str, Any]:
    """Gather what the page shows, as text, lengths and counts.

    Parameters
    ----------
    contract
        Name, task, decision, owners and promises.
    metrics, drift, quality
        The reports of that name.
    importance
        Columns `feature`, `importance` and, where it is known, `standard_deviation`, the largest
        first.
    tables
        As `write_tables.write_table` describes them.
    hashes
        As `manifest.versions` gives them.
    histograms
        The counts of the predictions; None where there are none.
    reasons
        How often each feature is a reason; None where it is not known.
    leaks
        The report of that name.
    """
    counted = {"periods": [], "groups": []} if histograms is None else packed(histograms)
    decision, test_rows = contract.decision, (metrics.get("rows") or {}).get("test")
    first = metrics.get("doubt") or no_gain(metrics, contract.main_metric)
    said = [f"{sections.plain(first)}."] if first else []
    said += [*acting(contract, histograms), headline(contract, metrics)]
    versions = [
        (name.capitalize(), value[:12]) for name, value in hashes.items() if isinstance(value, str)
    ]
    return {
        "title": contract.name,
        "purpose": contract.description,
        "task": contract.task,
        "headline": said[0],
        "second": " ".join(said[1:]),
        "case_text": case_text(contract),
        "time_lead": time_lead(drift),
        "test_rows": "the" if test_rows is None else f"{test_rows:,}",
        "newest": sections.newest(contract, quality),
        "stamp": [pair for pair in versions if pair[0] in ("Data", "Model")],
        "verdict": {
            "kind": drift["verdict"],
            "badge": VERDICTS[drift["verdict"]],
            "action": drift["action"],
            "reasons": sections.reasons(drift),
        },
        "figures": sections.figures(contract, metrics),
        "guesses": sections.guesses(contract, metrics),
        "explorable": bool(counted["groups"]),
        "class_count": len(histograms.classes) if histograms is not None else 0,
        "has_segments": bool(contract.segments),
        "worth_unit": decision.unit,
        "outcomes": [
            ("is a case", [_outcome("hit", "found", "good", decision.true_positive),
                           _outcome("missed", "missed", "bad", decision.false_negative)]),
            ("is none", [_outcome("wasted", "flagged in vain", "bad", decision.false_positive),
                         _outcome("left", "rightly left alone", "good", decision.true_negative)]),
        ],
        "importance": sections.importance(importance),
        "flagged": [] if reasons is None else sections.flagged(reasons),
        "flagged_rows": "" if reasons is None else f"{reasons.rows:,}",
        "performance": sections.performance(drift["performance"]),
        "drift": sections.drift(drift),
        "quality": sections.quality(quality),
        "leaks": sections.leaks(leaks),
        "owners": [
            (_sentence_case(name), text)
            for name, text in (*contract.owners.items(), *contract.service_levels.items())
        ],
        "tables": [
            {
                "name": table["name"],
                "grain": table.get("description", "").split(".")[0],
                "rows": f"{table['rows']:,}",
                **sections.parts(table),
            }
            for table in tables
        ],
        "versions": [("Data set", f"{contract.id} {contract.version}"), *versions],
        "data": {
            "task": contract.task,
            "words": _labels(contract, histograms),
            "decision": {
                "threshold": decision.threshold,
                "hit": decision.true_positive,
                "wasted": decision.false_positive,
                "missed": decision.false_negative,
                "left": decision.true_negative,
                "unit": decision.unit,
            },
            "performance": _over_time(contract, metrics, drift["performance"]),
            "cells": counted,
        },
    }  # fmt: skip


def _outcome(name: str, text: str, kind: str, each: float) -> tuple[str, str, str, str]:
    return name, text, kind, f"{each:,.6g}".replace("-", "\N{MINUS SIGN}")


def _labels(contract: Contract, histograms: Histograms | None) -> dict[str, Any]:
    """Return the names that the script writes."""
    classes = None
    if contract.task == "multiclass" and histograms is not None:
        classes = [str(name) for name in histograms.classes]
    return {
        "case": f"{contract.target} = {contract.positive}",
        "unit": target_unit(contract),
        "metric": BY_NAME[contract.main_metric].label,
        "classes": classes,
    }


def _over_time(
    contract: Contract, metrics: Mapping[str, Any], report: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the points of the chart of the main figure over time."""
    metric = BY_NAME[contract.main_metric]
    trained = (metrics.get("cross_validation") or {}).get(metric.name) or {}
    higher = HIGHER_IS_BETTER[contract.task][metric.name]
    unit = metric_unit(metric, contract)
    return {
        "points": [
            {"name": p["period"], "value": p["metric"], "bad": bool(p["dropped"])}
            for p in report["periods"][-sections.SHOWN :]
        ],
        "unit": metric.label + (f" in {unit}" if unit else ""),
        "better": "higher is better" if higher else "lower is better",
        # No metric goes beyond these: the axis does not either.
        "most": 1 if higher else None,
        "least": None if higher else 0,
        "compare": trained.get("mean"),
    }


def _source_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _sentence_case(text: str) -> str:
    """Turn `timeToPublish` into `Time to publish`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return words[:1].upper() + (words[1:] if words == text else words[1:].lower())
