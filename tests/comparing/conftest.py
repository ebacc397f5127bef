from __future__ import annotations

import pytest

from projects import Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.root)
    return project
