"""The model card: one page that says what a model is for and how far to trust it.

After Mitchell et al. 2019, Model cards for model reporting (doi:10.1145/3287560.3287596).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from quickstack.facts.contract.model import HIGHER_IS_BETTER, Contract
from quickstack.models.evaluation.gain import no_gain

if TYPE_CHECKING:
    import pandas as pd

SHOWN_FEATURES = 10
_VERDICT = {True: "better", False: "worse", None: "within noise"}


def model_card(
    contract: Contract,
    metadata: dict[str, Any],
    metrics: dict[str, Any],
    importance: pd.DataFrame,
) -> str:
    """Write the card as Markdown; it holds names and numbers, and no value of a row.

    Parameters
    ----------
    contract
        What the data are, and whose.
    metadata
        Of the model file.
    metrics
        As `evaluation.intervals.report` arranges them.
    importance
        As `modeling.importance.permutation_importance` gives it.
    """
    parts = [
        [f"# Model card: {contract.name}"],
        _purpose(contract, metadata),
        ["## Data", *_data(contract, metadata)],
        ["## Quality on the test rows", *_quality(contract, metrics)],
        ["## What it learns from", *_features(metadata, importance)],
        *_chosen(metadata.get("choice")),
        ["## Limits", *_limits(contract, metadata)],
        ["## Versions", ", ".join(f"{k} {v}" for k, v in metadata["versions"].items()) + "."],
    ]
    return "\n\n".join("\n".join(block) for part in parts for block in _blocks(part)) + "\n"


def _purpose(contract: Contract, metadata: dict[str, Any]) -> list[str]:
    target = contract.column(contract.target)
    what = f"It predicts `{contract.target}`"
    if contract.task == "binary":
        what += f": the probability of `{contract.positive}`"
    elif contract.task == "multiclass":
        what += ": the probability of " + ", ".join(f"`{name}`" for name in metadata["classes"])
    elif target.unit:
        what += f", in {target.unit}"
    settings = ", ".join(f"{key} {value}" for key, value in metadata["settings"].items())
    lines = [contract.description, f"{what}. {target.description}".strip()]
    lines.append(f"Model: {metadata['model'].replace('_', ' ')} ({settings}).")
    return [line for line in lines if line]


def _data(contract: Contract, metadata: dict[str, Any]) -> list[str]:
    split, rows = contract.split, metadata["rows"]
    if split.from_time is not None:
        how = f"rows with `{contract.time_column}` from {split.from_time} on test the model"
    elif split.from_row is not None:
        how = f"rows from position {split.from_row:,} on, counted from 0, test the model"
    elif split.where is not None:
        values = ", ".join(map(str, split.where[1]))
        how = f"rows whose `{split.where[0]}` is {values} test the model"
    else:
        by = f"`{contract.group}`" if contract.group else "key" if contract.key else "whole content"
        how = f"{split.share:.0%} of the rows, chosen by the hash of their {by}, test the model"
    counts = (
        f"{rows['train']:,} rows train, {rows['test']:,} test, "
        f"{rows['unlabelled']:,} have no known target"
    )
    owners = [f"- {role}: {name}" for role, name in contract.owners.items()]
    grain = f" {contract.grain}" if contract.grain else ""
    return [
        f"Data set `{contract.id}`, contract version {contract.version}.{grain}",
        f"Split: {how}. {counts}.",
        *_unseen(metadata.get("unseen")),
        *owners,
    ]


def _unseen(unseen: dict[str, Any] | None) -> list[str]:
    if not unseen or not unseen["rows"]:
        return []
    names = ", ".join(f"`{name}`" for name in unseen["columns"])
    return [
        f"{unseen['rows']:,} test rows hold a value of {names} that training never saw. They are "
        "scored by what is else known of them."
    ]


def _quality(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    main, known = contract.main_metric, HIGHER_IS_BETTER[contract.task]
    found = metrics["doubt"] or no_gain(metrics, main)
    lines = [f"**{found}.**"] if found else []
    lines.append("| metric | value | 95 % interval | best naive guess | against it |")
    lines.append("|---|---|---|---|---|")
    for name in [main, *(name for name in known if name != main)]:
        interval, gap = metrics["interval"][name], metrics["difference"][name]
        lines.append(
            f"| {name} | {_number(metrics[name])} "
            f"| {_number(interval['low'])} to {_number(interval['high'])} "
            f"| {_number(metrics['baseline'][name])} ({metrics['guess'][name]}) "
            f"| {'not believed' if metrics['doubt'] else _VERDICT[gap['better']]} |"
        )
    lines.append("What guesses without a model reach on the same rows:")
    lines.append(f"| guess | {' | '.join(known)} |")
    lines.append(f"|{'---|' * (len(known) + 1)}")
    lines += [
        f"| {guess} | {' | '.join(_number(reached[name]) for name in known)} |"
        for guess, reached in metrics["guesses"].items()
    ]
    lines.append(f"Intervals: rows are {metrics['resampling']['words']}.")
    return lines


def _features(metadata: dict[str, Any], importance: pd.DataFrame) -> list[str]:
    shown = importance.head(SHOWN_FEATURES)
    lines = ["| feature | lost when its values are shuffled | which way it moves the score |"]
    lines.append("|---|---|---|")
    ways = shown["direction"].fillna("") if "direction" in shown else [""] * len(shown)
    lines += [
        f"| {name} | {_number(value)} | {way or 'not known: this model has no exact parts'} |"
        for name, value, way in zip(shown["feature"], shown["importance"], ways, strict=True)
    ]
    rest = [f"`{name}`" for name in importance["feature"][SHOWN_FEATURES:]]
    if rest:
        lines.append(f"Less than those: {', '.join(rest)}.")
    monotone = metadata.get("monotone", {"kept": True, "features": {}})
    kept = "kept" if monotone["kept"] else "not kept by this kind of model, though asked for"
    lines += [f"- `{name}`: {way}, {kept}" for name, way in monotone["features"].items()]
    lines += [f"- `{name}` is not used: {why}" for name, why in metadata["unused_columns"].items()]
    return lines


def _chosen(choice: dict[str, Any] | None) -> list[list[str]]:
    if choice is None:
        return []
    lines = [f"| model | {choice['loss']} | against the default | 95 % interval, of all together |"]
    lines.append("|---|---|---|---|")
    for each in choice["candidates"]:
        if "low" in each:
            gap = f"{each['difference']:+.4f} | {each['low']:+.4f} to {each['high']:+.4f}"
        else:
            gap = "the default | "
        lines.append(f"| {each['name']} | {each['loss']:.4f} | {gap} |")
    lines.append(
        f"By {choice['folds']} of the training rows. The default stays unless the interval of a "
        f"better one excludes zero. Chosen: {choice['chosen']}."
    )
    return [["## How the model was chosen", *lines]]


def _limits(contract: Contract, metadata: dict[str, Any]) -> list[str]:
    lines = [
        "- It repeats what was so in the training rows. Where the world changes, it does not know; "
        "`reports/drift.json` says whether the newest data still look the same.",
        "- A feature's importance says what the model uses, not what causes the target.",
    ]
    if contract.ordered:
        lines.append("- Its quality is that of the time after training, the nearest to use.")
    else:
        lines.append("- The rows have no order in time, so change over time was not tested.")
    if not metadata["cross_validation"]:
        lines.append("- It was not cross-validated, so its quality over time cannot be judged.")
    return lines


def _number(value: Any) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:z,.3f}"


def _blocks(lines: list[str]) -> list[list[str]]:
    """Keep rows of a table and items of a list together; all other lines stand alone."""
    blocks: list[list[str]] = []
    for line in lines:
        if blocks and line[:1] in "|-" and blocks[-1][-1][:1] == line[:1]:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks
