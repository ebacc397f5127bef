"""What a pull request's page says of models that are better, worse, and the same."""

from __future__ import annotations

import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from projects import parquet, people, predictions
from quickstack.cli.main import app
from quickstack.models.evaluation.intervals import compare
from quickstack.results.comparing.pull_request_summary import MARK
from quickstack.runtime.running.run_records import lock_digest


def export(project, noise, **settings):
    """Export predictions of a noisy model, and the metrics that evaluate would report."""
    table = predictions(noise, **settings)
    truth = (table.column("actual").to_pandas() == "yes").to_numpy().astype("int64")
    scores = table.column("probability").to_numpy()
    found = compare("binary", truth, scores, {"guess": scores}, resamples=100, seed=0)
    project.report("metrics", **found["value"], interval=found["interval"])
    project.report("training", task="binary", classes=["no", "yes"], positive="yes")
    project.report("drift", verdict="alarm", reasons=["usage moved further than any period."])
    project.params["evaluate"] = {"resamples": 100, "seed": 0}
    # As export writes it: one file of each period.
    early, late = table.slice(0, len(table) // 3), table.slice(len(table) // 3)
    files = {"predictions/2025-01.parquet": parquet(early), "predictions/unknown.csv": b"x"}
    project.folder("exports", files | {"predictions/2025-02.parquet": parquet(late)})


def page(*arguments):
    done = CliRunner().invoke(app, ["summary", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def base(project):
    project.interim(a=people(0, 200))
    export(project, 1.0)
    project.commit("base")
    return project


@pytest.mark.parametrize(
    ("noise", "jitter", "verdict"),
    [(0.2, 0, "better"), (2.5, 0, "worse"), (1.0, 0, "the same"), (1.0, 0.05, "within noise")],
)
def test_the_verdict_of_pairs(base, noise, jitter, verdict):
    export(base, noise, jitter=jitter)
    base.lock()
    text = page("main")
    assert text.startswith(f"{MARK}\n## the workspace against main (")
    assert f"- Model: **{verdict}**; roc_auc" in text
    assert "- Data: **the same**" in text
    assert "- Drift: **alarm**; usage moved" in text
    assert ("The same predictions" if verdict == "the same" else "the 2,000 rows that both") in text
    assert text == page("main")


def test_without_predictions_of_both_nothing_is_compared(base):
    export(base, 0.2)
    base.lock()
    base.git("add", "-A")
    md5 = base.outs["exports"]["predictions/2025-02.parquet"]
    shutil.rmtree(base.root / "exports/predictions")
    text = page("main", "--offline")
    assert "- Model: **not comparable, because the predictions of the workspace are not" in text
    assert md5 not in text


def test_only_rows_that_both_scored_and_neither_trained_on_count(base):
    export(base, 1.0, rows=1990)
    base.lock()
    assert "the 1,990 rows that both" in page("main")
    change(base, "actual", lambda actual, rows: ["yes"] * rows)
    base.lock()
    assert re.search(r"not comparable, because the truth of 1,\d+ rows is not", page("main"))
    export(base, 1.0)
    change(base, "split", lambda split, rows: ["train"] * 1500 + split[1500:])
    base.lock()
    assert "the 500 rows that both" in page("main")
    change(base, "split", lambda split, rows: ["train"] * rows)
    base.lock()
    assert "not comparable, because only 0 rows with a known truth" in page("main")


def change(project, column, make):
    """Change a column of the exported predictions."""
    place = project.root / "exports/predictions"
    table = pa.concat_tables(pq.read_table(path) for path in sorted(place.glob("*.parquet")))
    changed = make(table.column(column).to_pylist(), len(table))
    table = table.set_column(table.column_names.index(column), column, pa.array(changed))
    project.folder("exports", {"predictions/2025-01.parquet": parquet(table)})


def test_runs_of_two_data_sets_are_never_compared(base):
    base.report("training", task="binary", dataset="other", classes=["no", "yes"], positive="yes")
    export(base, 0.2)
    base.report("training", task="binary", dataset="shops", classes=["no", "yes"], positive="yes")
    base.lock()
    assert "not comparable, because they are of two data sets, sample and shops" in page("main")


def test_data_parameters_and_seconds_are_on_the_page(base):
    stage = {"deps": [], "params": {"params.yaml": base.params}}
    base.params["train"] = {"model": "a|b\nc"}
    base.interim(a=people(0, 200), b=people(500, 7))
    base.file("models/model.skops", b"model")
    base.lock()
    for name, entry in (("before", stage), ("after", {"params": {"params.yaml": base.params}})):
        place = base.root / ".quickstack/runs/train" / f"{name}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        record = {"began": name, "seconds": 4.25, "succeeded": True, "lock": lock_digest(entry)}
        place.write_text(json.dumps(record))
    text = page("main", "--dashboard", "https://example.org/artifact")
    assert "- Data: **changed**; sample: rows: 7 added" in text
    assert "| train.model | - | a\\|b c |" in text
    assert re.search(r"^\| train \| .* \| 4\.2 \|$", text, re.MULTILINE)
    assert "[download](https://example.org/artifact)" in text
    assert "secret" not in text
