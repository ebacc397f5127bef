"""What is different from the run that readers see now, in one sentence; and whether it is worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstack.results.comparing.model_comparison import (
    NOT_COMPARABLE,
    SAME,
    WORSE,
    main_row,
)
from quickstack.results.publishing.run_metadata import Facts


def loss_sentence(facts: Facts, compared: Mapping[str, Any] | None) -> str | None:
    """Say how a model is worse than the published one; None where it is not seen to be.

    Parameters
    ----------
    compared
        As `comparing.model_comparison.compare_runs` gives it; None where nothing is published.
    """
    row = main_row(compared) if compared else None
    if compared is None or row is None or row["verdict"] != WORSE:
        return None
    gap = row["difference"]
    return (
        f"the model is worse than the published one: its {_metric_name(facts.metric)} is "
        f"{_number(row['after']['value'])} where that has {_number(row['before']['value'])} (95 % "
        f"of the difference between {_number(gap['low'])} and {_number(gap['high'])}), "
        f"{compared['how']}"
    )


def changed_sentence(
    facts: Facts, before: Mapping[str, Any] | None, compared: Mapping[str, Any] | None = None
) -> str:
    """Say what is new since the run that is published: model, rows, main metric and verdict."""
    if before is None:
        return "This is the first published run."
    parts = [_model(facts, before), _rows(facts, before), _metric(facts, before, compared)]
    was, now = before["verdict"], facts.verdict
    how = f"is still {now}" if was == now else f"went from {was} to {now}"
    parts.append(f"the drift verdict {how}")
    sentence = f"{', '.join(parts[:-1])}, and {parts[-1]}."
    return f"Since the last published run, {sentence}"


def _model(facts: Facts, before: Mapping[str, Any]) -> str:
    return "the model " + (
        "is the same" if before["model_version"] == facts.model_version else "was fitted again"
    )


def _rows(facts: Facts, before: Mapping[str, Any]) -> str:
    if before["data_version"] == facts.data_version:
        return "the data are the same"
    more = facts.clean - before["clean"]
    if more == 0:
        return f"the data changed ({facts.clean:,} clean rows as before)"
    return f"the data have {abs(more):,} clean {'row' if abs(more) == 1 else 'rows'} " + (
        "more" if more > 0 else "fewer"
    )


def _metric(facts: Facts, before: Mapping[str, Any], compared: Mapping[str, Any] | None) -> str:
    name, row = _metric_name(facts.metric), main_row(compared) if compared else None
    if compared is None or row is None or row["verdict"] == NOT_COMPARABLE:
        why = "" if compared is None else f" ({compared['how']})"
        was = f"{_number(before['value'])} of then" if before["metric"] == facts.metric else "then"
        return f"{name} {_number(facts.value)} cannot be compared with {was}{why}"
    was, now = (_number(row[side]["value"]) for side in ("before", "after"))
    if row["verdict"] == SAME:
        return f"{name} stays {now}"
    return f"{name} went from {was} to {now} on the same rows ({row['verdict']})"


def _metric_name(metric: str) -> str:
    from quickstack.results.exporting.labels import metric_name

    return metric_name(metric)


def _number(value: float | None) -> str:
    from quickstack.results.exporting.labels import number

    return number(value, 4)
