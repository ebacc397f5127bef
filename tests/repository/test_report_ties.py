"""Reports of another data set, or older than what they stand on, are known by `dvc.lock`."""

from __future__ import annotations

import pytest
import yaml

from examples import write
from quickstack.runtime.repository.report_ties import untied

CHAIN = {
    "ingest": "data/interim",
    "train": "models/model.skops",
    "evaluate": "reports/metrics.json",
}


def repository(root, datasets=("bikes",) * 3, deps=("1", "2"), outs=("1", "2", "3")):
    """Write the lock of three stages, each of which reads what the one before left."""
    write(root / "params.yaml", "dataset: bikes\n")
    stages, before = {}, None
    for number, (name, out) in enumerate(CHAIN.items()):
        stage = {"outs": [{"path": out, "md5": outs[number]}]}
        stage["params"] = {"params.yaml": {"dataset": datasets[number]}}
        if before is not None:
            stage["deps"] = [{"path": before, "md5": deps[number - 1]}]
        stages[name], before = stage, out
    write(root / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return root


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, [None, None, None]),
        ({"datasets": ("bikes", "shops", "shops")}, [None, "of the data set shops, not of bikes"]),
        ({"outs": ("9", "2", "3")}, [None, "older than data/interim: run `dvc repro`"]),
    ],
)
def test_what_is_said_of_each_stage(tmp_path, changes, said):
    root = repository(tmp_path, **changes)
    # What stands on something old is as old.
    expected = dict(zip(CHAIN, [*said, said[-1]][:3], strict=True))
    assert {name: untied(root, [name]) for name in CHAIN} == expected


def test_without_a_lock_nothing_is_known(tmp_path):
    write(tmp_path / "params.yaml", "dataset: bikes\n")
    assert untied(tmp_path, CHAIN) is None
