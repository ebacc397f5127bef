"""The bench of verdicts runs, and a few worlds show the new rules right, the old ones wrong."""

from __future__ import annotations

import importlib.util
import sys

from helpers import ROOT


def test_a_few_worlds_of_repeated_entities(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "tests/prove"), *sys.path])
    import verdicts

    worlds = {one.name: one for one in verdicts.scenarios()}
    assert importlib.util.find_spec("interval_worlds")
    found = verdicts.measure(worlds["entities over time"], 12)
    shares = {finding.claim: (finding.now, finding.before) for finding in found}
    covered, false = shares["mae: interval covers"], shares["mae: better or worse, of equals"]
    assert covered[0] >= 0.75 > covered[1]
    assert false[0] < false[1]
    assert all(verdicts.line(finding) for finding in found)
