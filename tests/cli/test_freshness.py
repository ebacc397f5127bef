from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli.main import app
from quickstack.facts.contract.service_levels import age_limit


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
    assert (fresh.exit_code, "34 days old, and the contract allows 35 days" in fresh.output) == (
        0,
        True,
    )
    old = repository(36)
    assert (old.exit_code, "36 days old" in old.output, "To fix it" in old.output) == (
        1,
        True,
        True,
    )


def test_without_a_time_there_is_nothing_to_check(repository):
    done = repository(None)
    assert (done.exit_code, "there is no freshness to check" in done.output) == (1, True)


LOCAL = """\
      - name: at
        logicalType: timestamp
        logicalTypeOptions: {timezone: false, defaultTimezone: ZONE}
"""


@pytest.mark.parametrize(
    ("zone", "hours", "code", "says"),
    [
        (
            "America/Los_Angeles",
            0.5,
            0,
            "the newest row is 30 minutes old, and the contract allows 2 hours",
        ),
        ("Asia/Tokyo", 5, 1, "the newest row is 5 hours old, and the contract allows 2 hours"),
        ("Etc/UTC", -3, 1, "the newest row lies 3 hours in the future"),
    ],
)
def test_times_of_a_zone_and_limits_in_hours(repository, tmp_path, zone, hours, code, says):
    path = tmp_path / "configuration/contracts/sample.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("property: freshness, value: 35, unit: d", "property: freshness, value: 2, unit: h"),
        ("property: timeColumn, value: month", "property: timeColumn, value: at"),
        ("    properties:\n", "    properties:\n" + LOCAL.replace("ZONE", zone)),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    local = datetime.now(ZoneInfo(zone)) - timedelta(hours=hours)
    document = {"dataset": "sample", "newest": str(local.replace(tzinfo=None, microsecond=0))}
    (tmp_path / "reports" / "quality.json").write_text(json.dumps(document))
    done = CliRunner().invoke(app, ["freshness"])
    assert (done.exit_code, says in done.output) == (code, True), done.output


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("35 d", 35),
        ("2 weeks", 14),
        ("12 h", 0.5),
        ("1 month", 30.44),
        ("1.5 days", 1.5),
        ("30 min", 1 / 48),
        ("90 seconds", 90 / 86_400),
        ("2 yrs", 730.5),
    ],
)
def test_limits(text, days):
    assert age_limit(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "soon", "35", "-1 d", "3 moons", "2 hd"])
def test_what_is_no_limit(text):
    assert age_limit(text) is None
