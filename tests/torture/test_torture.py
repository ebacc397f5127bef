"""Every file of the torture set becomes what its makers, or reason, say it must."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from helpers import real_data
from torture.expectations import all_cases
from torture.harness import complaints, contract_of, ingest_file
from torture.written import written

#: So many cases there are at least, and as many as 0 silent losses and 0 tracebacks.
AT_LEAST = 140


@pytest.fixture(scope="module")
def root():
    return real_data("torture")


@pytest.fixture(scope="module")
def outcomes(root, tmp_path_factory):
    """Give what is wrong with each case, for two sizes of blocks and numbers of threads."""
    found = {}
    for case in all_cases(root):
        # Some cuts in each file; where exactly, the fuzz tests vary.
        small = max(64, (root / case.file).stat().st_size // 3)
        for block_bytes, workers in ((1 << 20, 1), (small, 2)):
            result = ingest_file(
                root / case.file,
                contract_of(case),
                tmp_path_factory.mktemp("torture"),
                block_bytes=block_bytes,
                workers=workers,
            )
            found[(case.name, block_bytes)] = complaints(case, result, root)
    return found


def test_every_file_becomes_what_it_must(outcomes):
    wrong = {name: what for name, what in outcomes.items() if what}
    assert wrong == {}


@pytest.mark.parametrize("block_bytes", [16, 1 << 20])
def test_every_written_file_becomes_what_it_must(tmp_path, block_bytes):
    wrong = {}
    for number, case in enumerate(written(tmp_path)):
        folder = tmp_path / str(number)
        folder.mkdir()
        if block_bytes == 16 and case.name == "written/a bomb":
            continue
        result = ingest_file(Path(case.file), contract_of(case), folder, block_bytes=block_bytes)
        wrong[case.name] = complaints(case, result, tmp_path)
    assert {name: what for name, what in wrong.items() if what} == {}


def test_no_name_stands_twice_and_there_are_enough(root):
    names = Counter(case.name for case in all_cases(root))
    assert max(names.values()) == 1
    assert len(names) >= AT_LEAST
