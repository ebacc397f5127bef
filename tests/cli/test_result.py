from __future__ import annotations

import json
import shutil

from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli.main import app


def test_warnings_of_the_data_are_shown(tmp_path, monkeypatch):
    root = make_repository(tmp_path)
    shutil.copytree(ROOT / "reports", root / "reports")
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copy(ROOT / name, root / name)
    path = root / "reports/quality.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    report |= {"warnings": ["old"], "findings": [{"kind": "k", "where": "f", "sentence": "new"}]}
    path.write_text(json.dumps(report), encoding="utf-8")
    monkeypatch.chdir(root)
    lines = CliRunner().invoke(app, ["result"]).output.splitlines()
    assert lines[0].startswith("Data ")
    assert lines[1].startswith("Warnings ")
    assert lines[1].endswith("old")
    assert lines[2].strip() == "f: new"
