"""Of the same pair of runs diff, summary and publish say the same, whatever is predicted.

Each interval that is shown holds the difference that is shown.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from projects import parquet, people
from publishing.cases import make_exports, make_facts
from quickstack.cli.main import app
from quickstack.facts.contract import load_contract
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.results.publishing.publication import read_exports
from quickstack.results.publishing.published_model import Judge, compare_published
from quickstack.results.publishing.published_runs import read_state
from quickstack.results.publishing.publisher import Job, publish
from quickstack.results.publishing.readers_place import FolderPlace

ROWS = 400
#: Task, type of the target, its classes.
KINDS = {
    "text": ("binary", "string", ["no", "yes"]),
    "integer": ("binary", "integer", [0, 1]),
    "truth": ("binary", "boolean", [False, True]),
    "number of two": ("binary", "number", [0.5, 1.5]),
    "three texts": ("multiclass", "string", ["low", "middle", "high"]),
    "three integers": ("multiclass", "integer", [3, 1, 2]),
    "a number": ("regression", "number", []),
    "a whole number": ("regression", "integer", []),
}


def scored(task, classes, noise):
    """Give exported predictions of a model: the worse, the more noise."""
    rng = np.random.default_rng(0)
    known = rng.integers(0, max(len(classes), 2), ROWS)
    table = people(0, ROWS).select(["customer_id", "month"])
    table = table.append_column("period", [["2025-01"] * ROWS])
    table = table.append_column("split", [["train"] * 50 + ["test"] * (ROWS - 50)])
    if task == "regression":
        actual, scores = known * 10, {"prediction": known * 10 + noise * rng.normal(size=ROWS)}
    else:
        actual = [str(classes[code]) for code in known]
        raw = np.exp(
            2 * np.eye(len(classes))[known] + noise * rng.normal(size=(ROWS, len(classes)))
        )
        shares = raw / raw.sum(axis=1, keepdims=True)
        scores = {"prediction": [str(classes[code]) for code in shares.argmax(axis=1)]}
        scores["probability"] = shares.max(axis=1) if len(classes) > 2 else shares[:, 1]
        if len(classes) > 2:
            scores |= {f"probability_{name}": shares[:, k] for k, name in enumerate(classes)}
    table = table.append_column("actual", pa.array(actual))
    for name, values in scores.items():
        table = table.append_column(name, pa.array(values))
    return table.append_column("region", [["north"] * ROWS])


def set_contract(project, task, kind, classes):
    """Let the sample's contract have another target."""
    path = project.root / "configuration/contracts/sample.odcs.yaml"
    text = path.read_text().replace("task, value: binary", f"task, value: {task}")
    head, name, rest = text.partition("- name: churned_next_month")
    rest = rest.replace("logicalType: string", f"logicalType: {kind}", 1)
    listed = ", ".join(f"{{value: {json.dumps(one)}}}" for one in classes)
    enum = f"enum: [{listed}]" if classes and kind != "boolean" else ""
    rest = rest.replace('enum: [{value: "yes"}, {value: "no"}]', enum)
    positive = '  - {property: positiveLabel, value: "yes"}\n'
    assert positive in rest
    mine = f"  - {{property: positiveLabel, value: {json.dumps(classes[-1:] and classes[-1])}}}\n"
    rest = rest.replace(positive, mine if task == "binary" else "")
    if task != "binary":
        rest = "".join(line for line in rest.splitlines(True) if "property: decision" not in line)
    path.write_text(head + name + rest)
    return load_contract(path)


@pytest.mark.parametrize("name", KINDS)
def test_three_commands_say_the_same_of_a_model_that_became_worse(project, tmp_path, name):
    task, kind, classes = KINDS[name]
    contract = set_contract(project, task, kind, classes)
    project.params["evaluate"] = {"resamples": 60, "seed": 0}
    project.interim(a=people(0, 20))
    metrics = dict.fromkeys(HIGHER_IS_BETTER[task], 0.5)
    described = {"classes": classes, "positive": contract.positive, "dataset": "sample"}
    place, states = FolderPlace(tmp_path / "place"), []
    for number, noise in enumerate((0.3, 3.0)):
        table = parquet(scored(task, classes, noise))
        project.folder("exports", {"predictions.parquet": table})
        project.report("metrics", **metrics, interval={})
        project.report("training", task=task, target=contract.target, **described)
        states.append(project.commit("state"))
        folder = make_exports(tmp_path / f"exports{number}", number)
        (folder / "predictions.parquet").write_bytes(table)
        exports = read_exports(folder)
        exports.manifest.update(task=task, target=contract.target, **described)
        if not number:
            publish(Job(place, exports, make_facts(metric=contract.main_metric), tmp_path / "w"))

    found = CliRunner().invoke(app, ["diff", *states, "--format", "json"]).stdout
    compared = json.loads(found)["metrics"]
    judge = Judge(contract, metrics, resamples=60, seed=0)
    published = compare_published(place, read_state(place), exports, judge, tmp_path / "w")
    assert published == compared
    assert compared["rows"] == ROWS - 50
    shown = CliRunner().invoke(app, ["summary", states[0]]).stdout
    assert "- Model: **worse**" in shown
    for row in compared["metrics"]:
        gap = row["difference"]
        assert row["verdict"] == "worse", row
        assert gap["low"] <= gap["value"] <= gap["high"]
        assert row["after"]["low"] <= row["after"]["value"] <= row["after"]["high"]
        moved = row["after"]["value"] - row["before"]["value"]
        assert gap["value"] == pytest.approx(moved, abs=2e-6)
        assert (gap["value"] < 0) == row["higher_is_better"]


def test_another_positive_class_and_another_target_are_not_compared(project):
    set_contract(project, "binary", "integer", [0, 1])
    states = []
    for said in ({"positive": 1}, {"positive": 0}, {"positive": 0, "target": "other"}):
        table = scored("binary", [0, 1], 1 + len(states))
        project.folder("exports", {"predictions.parquet": parquet(table)})
        project.report("metrics", roc_auc=0.5, interval={})
        project.report("training", **{"task": "binary", "target": "y", "classes": [0, 1], **said})
        project.interim(a=people(len(states), 20))
        states.append(project.commit("state"))
    for pair, why in ((states[:2], "two classes as positive"), (states[1:], "two targets, y and")):
        compared = CliRunner().invoke(app, ["diff", *pair, "--format", "json"]).stdout
        assert "not comparable, because they " in compared
        assert why in compared
