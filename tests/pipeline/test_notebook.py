"""The notebook runs on what a finished pipeline leaves, and is committed without outputs."""

from __future__ import annotations

import json

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from helpers import ROOT
from quickstack.data.interim.interim_tables import read_interim

NOTEBOOK = ROOT / "notebooks" / "explore.ipynb"


@pytest.fixture
def kernel_environment(tmp_path, monkeypatch):
    """Keep the kernel's history and sockets out of the developer's home."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_it_runs_in_its_own_folder_and_measures_what_the_report_says(finished, kernel_environment):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = finished.path / "notebooks"
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    report = json.loads((finished.path / "reports" / "metrics.json").read_text(encoding="utf-8"))
    auc = report["roc_auc"]
    assert f"roc_auc measured here: {auc}, in the report: {auc}" in printed(notebook)
    drift = json.loads((finished.path / "reports" / "drift.json").read_text(encoding="utf-8"))
    assert f"verdict: {drift['verdict']}. {drift['action']}" in printed(notebook)
    assert "usage_hours, by period" in printed(notebook)
    tables = [o for cell in notebook.cells for o in cell.get("outputs", ()) if "data" in o]
    assert len(tables) == 7
    shown = json.dumps(tables)
    people = read_interim(["customer_id", "email"], finished.path / "data" / "interim")
    assert not any(name in shown for name in pd.unique(people.to_numpy().ravel()) if name == name)
    assert finished.run("git", "status", "--porcelain").stdout == ""


def test_it_is_kept_without_outputs():
    cells = [
        cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"
    ]
    assert [cell for cell in cells if cell.outputs or cell.execution_count is not None] == []
