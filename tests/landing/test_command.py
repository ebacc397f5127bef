"""From a landing to a pinned version, with the real git and DVC."""

from __future__ import annotations

import subprocess

import yaml

from servers.web import Site, serving


def test_a_landed_file_is_versioned_with_its_record(repository):
    subprocess.run(["git", "init", "-q"], cwd=repository.root, check=True)
    with serving(Site(b"id\n1\n")) as site:
        code, output = repository.land("http", "orders", site.url(), "--add")
    assert code == 0, output
    assert "data/raw/orders.dvc names this version" in output
    (out,) = yaml.safe_load(repository.raw("orders.dvc").read_text())["outs"]
    assert (out["remote"], out["nfiles"]) == ("restricted", 2)


def test_help_names_the_other_way(repository):
    output = repository.land("--help")[1]
    assert "dvc import-url s3://BUCKET/a.csv" in output.replace("\n  ", " ")
