"""Nothing that the sample invents stands in the texts of the project itself."""

from __future__ import annotations

import subprocess
from functools import partial

from helpers import ROOT
from quickstack.data.sample.generate import sample_months
from quickstack.data.unpacking.buffers import from_file
from quickstack.guard.scanning.leak_scan import Scanner
from quickstack.guard.scanning.searched_values import searchable
from quickstack.guard.scanning.workspace_files import Item

#: Some small samples are searched by all encodings, a large one by those of practice.
SIZES = ((120, 600, 3000), (6000, 20000))
PERSONAL = ("customer_id", "full_name", "email", "phone")


def test_samples_of_five_sizes_are_found_nowhere_in_the_project():
    command = ["git", "ls-files", "src", "docs", "configuration"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.splitlines()]
    for sizes in SIZES:
        values = set()
        for rows in sizes:
            for _, text in sample_months(rows, 2024):
                header, *lines = [line.split(",") for line in text.splitlines()]
                places = [header.index(name) for name in PERSONAL]
                values |= {line[at] for line in lines for at in places if len(line) > at}
        named = [(value, "a column of the sample") for value in sorted(values)]
        scanner = Scanner(searchable(named, frozenset({"north", "south"})))
        items = [Item("workspace", f.name, partial(from_file, f)) for f in files if f.is_file()]
        scanner.scan(items)
        assert [one.sentence() for one in scanner.report.findings + scanner.report.unread] == []
        assert scanner.report.read["workspace"] > 200
