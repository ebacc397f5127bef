from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers import make_repository
from quickstack.cli.main import app


@dataclass(frozen=True)
class Repository:
    """A repository to land in, and what `quickstack land` says there."""

    root: Path

    def land(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["land", *arguments])
        unexpected = result.exception
        assert unexpected is None or isinstance(unexpected, SystemExit), repr(unexpected)
        return result.exit_code, result.output

    def raw(self, name: str) -> Path:
        return self.root / "data/raw" / name

    def record(self, name: str) -> dict:
        return json.loads(self.raw(f"{name}.landing.json").read_text(encoding="utf-8"))

    def files(self, dataset: str) -> dict[str, bytes]:
        """Return what lies in a data set's folder, records and hidden files too."""
        folder = self.raw(dataset)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    def staged(self, dataset: str) -> list[str]:
        folder = self.raw(".landing") / dataset
        return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".lock")

    def holds(self, secret: str) -> list[str]:
        """Return the files that hold a secret."""
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        return [str(path) for path in paths if secret.encode() in path.read_bytes()]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    root = make_repository(tmp_path / "clone")
    monkeypatch.chdir(root)
    for name in ("QUICKSTACK_SOURCE_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return Repository(root)
