"""A metric is one name, one entry and its formula: reports, page, tables, Power BI, diff follow.

In a copy of the sources the Matthews correlation coefficient is added and made the main metric.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.metrics import matthews_corrcoef

from exporting.powerbi.engine import Engine
from exporting.powerbi.project_checks import model_of
from helpers import ROOT, make_repository

NAME, LABEL, MEANING = "matthews", "Matthews correlation", "1 is perfect, 0 is chance."
FORMULA = '''
def matthews(rows: BinaryRows) -> float | None:
    """Matthews 1975, doi:10.1016/0005-2795(75)90109-9."""
    flagged, case = rows.scores > 0.5, rows.truth == 1
    tp, fp = rows.weights[flagged & case].sum(), rows.weights[flagged & ~case].sum()
    fn, tn = rows.weights[~flagged & case].sum(), rows.weights[~flagged & ~case].sum()
    size = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return float((tp * tn - fp * fn) / size) if size else None


'''
ENTRY = f'''    Metric(
        "{NAME}",
        "{LABEL}",
        "{MEANING}",
        matthews,
        page=("binary",),
        dax={{
            "binary": Dax(
                "{LABEL}",
                """\\
VAR __Rows = CALCULATE(COUNTROWS({{table}}), KEEPFILTERS({{seen}})) + 0
VAR __TP = CALCULATE(
    COUNTROWS({{table}}), KEEPFILTERS({{seen}}), KEEPFILTERS({{case}} = 1),
    KEEPFILTERS({{probability}} > 0.5)) + 0
VAR __Acted = CALCULATE(
    COUNTROWS({{table}}), KEEPFILTERS({{seen}}), KEEPFILTERS({{probability}} > 0.5)) + 0
VAR __Cases = CALCULATE(
    COUNTROWS({{table}}), KEEPFILTERS({{seen}}), KEEPFILTERS({{case}} = 1)) + 0
RETURN
    DIVIDE(
        __TP * __Rows - __Acted * __Cases,
        SQRT(__Acted * __Cases * (__Rows - __Acted) * (__Rows - __Cases))
    )""",
                "{MEANING}",
                "0.000",
            )
        }},
    ),
'''
RUN = """
import importlib, sys
from quickstack.runtime.running.stage import run
for name in ("sample", "ingest", "train", "evaluate", "monitor", "export"):
    run(name, importlib.import_module(name).main)
"""
COMMAND = "from quickstack.cli.main import app; app()"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def changed_files(compared: filecmp.dircmp) -> list[str]:
    here = [*compared.diff_files, *compared.left_only, *compared.right_only]
    return here + [name for sub in compared.subdirs.values() for name in changed_files(sub)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = make_repository(tmp_path_factory.mktemp("metric") / "project")
    for name in ("src", "configuration"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    library = root / "src" / "quickstack"
    table = library / "models" / "modeling" / "metrics.py"
    change(
        library / "facts" / "contract" / "model.py",
        '        "accuracy": True,\n    },\n',
        f'        "accuracy": True,\n        "{NAME}": True,\n    }},\n',
    )
    change(
        table,
        "\n\n@dataclass(frozen=True)\nclass Dax:",
        f"\n{FORMULA}@dataclass(frozen=True)\nclass Dax:",
    )
    change(table, ")\n#: The same by name.", f"{ENTRY})\n#: The same by name.")
    contract = root / "configuration" / "contracts" / "sample.odcs.yaml"
    written = "  - {property: target, value: churned_next_month}\n"
    change(contract, written, f"{written}  - {{property: mainMetric, value: {NAME}}}\n")
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    params["sample"]["rows"], params["train"]["model"], params["train"]["folds"] = 6000, "linear", 2
    params["evaluate"]["resamples"] = 20
    (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    execute(root, RUN)
    return root


def execute(root: Path, script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read(root: Path, name: str):
    return json.loads((root / name).read_text(encoding="utf-8"))


def predictions(root: Path) -> pd.DataFrame:
    parts = sorted((root / "exports" / "predictions").glob("*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def measured(frame: pd.DataFrame) -> float:
    tested = frame[(frame["split"] == "test") & frame["actual"].notna()]
    return matthews_corrcoef(tested["actual"] == "yes", tested["probability"] > 0.5)


def test_two_files_of_the_library_change(project):
    compared = filecmp.dircmp(ROOT / "src", project / "src", ignore=["__pycache__"])
    assert sorted(changed_files(compared)) == ["metrics.py", "model.py"]


def test_it_is_measured_in_every_report(project):
    metrics, training = (
        read(project, "reports/metrics.json"),
        read(project, "reports/training.json"),
    )
    assert metrics[NAME] == pytest.approx(measured(predictions(project)), abs=1e-5)
    assert metrics["interval"][NAME]["low"] < metrics[NAME] < metrics["interval"][NAME]["high"]
    assert metrics["difference"][NAME]["better"] is None or metrics["baseline"][NAME] is not None
    assert list(training["cross_validation"]["by_fold"]) == [NAME]
    assert training["cross_validation"]["metrics"][NAME]["mean"] > 0
    assert NAME in read(project, "reports/segments.json")["segments"][0]["value"]
    performance = read(project, "reports/drift.json")["performance"]
    assert performance["metric"] == NAME
    assert any(period["metric"] is not None for period in performance["periods"])


def test_it_leads_card_page_and_result(project):
    card = (project / "reports/model_card.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in card.splitlines() if line.startswith("|")]
    assert rows[2:4] == [NAME, "roc_auc"]
    page = (project / "exports/index.html").read_text(encoding="utf-8")
    figures = [part.partition("</h3>")[0] for part in page.split('<div class="card figure">\n<h3>')]
    assert figures[1:3] == [LABEL, "ROC AUC"]
    value = read(project, "reports/metrics.json")[NAME]
    rows = "on rows that the model had not seen"
    assert f"{LABEL} of the predictions of churned_next_month {rows}: {value:.3f}" in page
    assert MEANING in page
    assert f"{NAME} {value:.3f} on " in execute(project, COMMAND, "result")


def test_it_is_in_the_tables_and_counted_in_their_contract(project):
    table = pd.read_csv(project / "exports/metrics.csv")
    of_metric = table[table["metric"] == NAME]
    assert {"test", "cross_validation"} == set(of_metric["split"])
    assert len(of_metric) == (table["metric"] == "roc_auc").sum()
    documents = (project / "exports").glob("*.odcs.yaml")
    (contract,) = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in documents]
    assert contract["customProperties"] == [{"property": "mainMetric", "value": NAME}]
    (rules,) = [part["quality"] for part in contract["schema"] if part["name"] == "metrics"]
    assert {"rows": len(table)}.items() <= {r["name"]: r["mustBe"] for r in rules}.items()


def test_power_bi_computes_it_and_shows_it_first(project):
    frame = predictions(project)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    model = model_of(project / "exports/powerbi", "Customer subscriptions")
    engine = Engine(model, {"Predictions": rows}, datetime(2025, 1, 1))
    assert engine.measure(LABEL) == pytest.approx(measured(frame))
    assert f"Reported {LABEL}" in engine.measures
    pages = project / "exports/powerbi/Customer subscriptions.Report/definition/pages"
    visuals = [path.read_text(encoding="utf-8") for path in pages.rglob("visual.json")]
    assert any(f"{LABEL} over time" in text for text in visuals)
    assert any(f"Reported {LABEL}" in text for text in visuals)


@pytest.fixture(scope="module")
def committed(project):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "reports", "configuration", "params.yaml", "dvc.yaml")
    git("commit", "--quiet", "-m", "first")
    return project


def test_publishing_judges_by_it(committed):
    script = (
        "from pathlib import Path\n"
        "from quickstack.results.publishing.run_metadata import read_facts\n"
        "facts = read_facts(Path())\n"
        "print(facts.metric, facts.higher_is_better, facts.value)\n"
    )
    value = read(committed, "reports/metrics.json")[NAME]
    assert execute(committed, script).split() == [NAME, "True", str(value)]


def test_diff_compares_by_it(committed):
    found = json.loads(execute(committed, COMMAND, "diff", "HEAD", "--offline", "--format", "json"))
    rows = {row["name"]: row for row in found["metrics"]["metrics"]}
    assert [name for name, row in rows.items() if row["main"]] == [NAME]
    assert rows[NAME]["higher_is_better"] is True


def test_two_runs_are_judged_by_it(project):
    perfect = predictions(project)
    perfect["probability"] = (perfect["actual"] == "yes").map({True: 0.9, False: 0.1})
    perfect.to_parquet(project / "perfect.parquet")
    script = (
        "import json; from dataclasses import replace; from pathlib import Path\n"
        "from quickstack.facts.contract import load_contract\n"
        "from quickstack.results.comparing.model_comparison import *\n"
        "contract = load_contract(Path('configuration/contracts/sample.odcs.yaml'))\n"
        "metrics = json.loads(Path('reports/metrics.json').read_text())\n"
        "files = sorted(Path('exports/predictions').glob('*.parquet'))\n"
        "run = ScoredRun('run', 'sample', contract.task, contract.target, contract.positive,\n"
        "                ('no', 'yes'), metrics, files)\n"
        "perfect = replace(run, files=[Path('perfect.parquet')])\n"
        "found = compare_runs(run, perfect, contract, resamples=50, seed=0)\n"
        "print(main_row(found)['name'], main_row(found)['verdict'])\n"
    )
    assert execute(project, script).split() == [NAME, "better"]
