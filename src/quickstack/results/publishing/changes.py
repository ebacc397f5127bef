"""What is different from the run that readers see now, in one sentence; and whether it is worse.

The rule: a run is worse than the published one where the published value of the main metric lies
beyond the better end of the new run's 95 % interval, so that chance does not explain the loss.
The mirror image is better; all else is within noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from quickstack.results.publishing.run_metadata import Facts

Judgement = Literal["better", "worse", "noise", "not comparable"]


def judge(facts: Facts, before: Mapping[str, Any]) -> Judgement:
    """Compare the main metric with that of a row of the runs table, by the rule above.

    A metric that was measured and no longer can be is worse.
    """
    old, new = before["value"], facts.value
    if before["metric"] != facts.metric or old is None:
        return "not comparable"
    if new is None:
        return "worse"
    low, high = (new if end is None else end for end in (facts.low, facts.high))
    if low <= old <= high:
        return "noise"
    return "better" if (old < low) == facts.higher_is_better else "worse"


def loss_sentence(facts: Facts, before: Mapping[str, Any]) -> str:
    """Say how a model is worse, for the refusal."""
    name = _metric_name(facts.metric)
    if facts.value is None:
        return f"the model is worse than the published one: its {name} cannot be measured"
    return (
        f"the model is worse than the published one: its {name} is {_number(facts.value)} (95 % "
        f"between {_number(facts.low)} and {_number(facts.high)}), and {_number(before['value'])} "
        f"of run {before['run']} lies outside, on the better side"
    )


def changed_sentence(facts: Facts, before: Mapping[str, Any] | None) -> str:
    """Say what is new since the run that is published: model, rows, main metric and verdict."""
    if before is None:
        return "This is the first published run."
    parts = [_model(facts, before), _rows(facts, before), _metric(facts, before)]
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


def _metric(facts: Facts, before: Mapping[str, Any]) -> str:
    name = _metric_name(facts.metric)
    match judge(facts, before):
        case "not comparable":
            return f"{name} {_number(facts.value)} cannot be compared with what was measured then"
        case "worse" if facts.value is None:
            return f"{name} can no longer be measured"
        case "noise" if before["value"] == facts.value:
            return f"{name} stays {_number(facts.value)}"
        case judgement:
            how = "within noise" if judgement == "noise" else f"{judgement} beyond noise"
            was, now = _number(before["value"]), _number(facts.value)
            return f"{name} went from {was} to {now} ({how})"


def _metric_name(metric: str) -> str:
    from quickstack.results.exporting.labels import metric_name

    return metric_name(metric)


def _number(value: float | None) -> str:
    from quickstack.results.exporting.labels import number

    return number(value, 4)
