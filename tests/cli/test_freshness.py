from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli.main import app
from quickstack.results.publishing.data_age import age_limit


@pytest.fixture
def repository(tmp_path, monkeypatch):
    make_repository(tmp_path)
    contracts = tmp_path / "configuration" / "contracts"
    contracts.mkdir(parents=True)
    shutil.copy(ROOT / "configuration/contracts/sample.odcs.yaml", contracts)
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)

    def newest(days: float | None):
        document = {"dataset": "sample"}
        if days is not None:
            moment = datetime.now(UTC) - timedelta(days=days)
            document["newest"] = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
        (tmp_path / "reports" / "quality.json").write_text(json.dumps(document))
        return CliRunner().invoke(app, ["freshness"])

    return newest


def test_fresh_data_pass_and_old_ones_fail(repository):
    fresh = repository(34)
    assert (fresh.exit_code, "34 days old, and the contract allows 35" in fresh.output) == (0, True)
    old = repository(36)
    assert (old.exit_code, "36 days old" in old.output, "To fix it" in old.output) == (
        1,
        True,
        True,
    )


def test_without_a_time_there_is_nothing_to_check(repository):
    done = repository(None)
    assert (done.exit_code, "there is no freshness to check" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("text", "days"),
    [("35 d", 35), ("2 weeks", 14), ("12 h", 0.5), ("1 month", 30.44), ("1.5 days", 1.5)],
)
def test_limits(text, days):
    assert age_limit(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "soon", "35", "-1 d"])
def test_what_is_no_limit(text):
    assert age_limit(text) is None
