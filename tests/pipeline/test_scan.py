"""The leak gate end to end: values planted in raw data are nowhere in what leaves."""

from __future__ import annotations

import csv
import json
import uuid
from itertools import islice

from quickstack.runtime.stores.remotes import read_remote
from quickstack.runtime.stores.s3 import create_buckets

WORDS = (
    "alder", "birch", "cedar", "dogwood", "elder", "foxglove", "gorse", "hazel", "iris", "juniper",
)  # fmt: skip
#: Ten people whom nobody else is called like: a name, an address and a number each.
CANARIES = [
    {
        "full_name": f"Canarý Quellen{word.title()}",
        "email": f"{word}.canary@quellen.example",
        "phone": f"+44 20 7946 {word_number:04d}",
    }
    for word_number, word in enumerate(WORDS, start=111)
]
#: So many of them lie in rows that ingest must put into quarantine.
QUARANTINED = 4
#: Rows of each month: what leaks does not depend on how many there are.
ROWS = 400


def plant(clone):
    """Make a data set of its own out of the sample, with the canaries in some of its rows."""
    source, target = clone.path / "data/raw/sample", clone.path / "data/raw/planted"
    target.mkdir(parents=True)
    for number, path in enumerate(sorted(source.glob("*.csv"))):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(islice(csv.DictReader(file), ROWS))
        people = CANARIES[number % len(CANARIES)]
        rows[7] |= people
        if number < QUARANTINED:
            rows[7] |= {"monthly_fee": "free"}
        with (target / path.name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    contracts = clone.path / "configuration/contracts"
    text = (contracts / "sample.odcs.yaml").read_text(encoding="utf-8")
    for old, new in (("id: sample", "id: planted"), ("data/raw/sample", "data/raw/planted")):
        text = text.replace(old, new, 1)
    kept = [line for line in text.splitlines() if "pseudonymKey" not in line]
    contract = contracts / "planted.odcs.yaml"
    contract.write_text("\n".join(kept) + "\n", encoding="utf-8")
    clone.run("quickstack", "add", "data/raw/planted")
    clone.run("quickstack", "key", "new")
    clone.set("^dataset: .*", "dataset: planted")


def point(clone, server):
    """Point both remotes at buckets of their own."""
    text = ""
    for name in ("storage", "restricted"):
        text += (
            f"['remote \"{name}\"']\n    url = s3://{name}-{uuid.uuid4().hex[:8]}/dvc\n"
            f"    endpointurl = {server.endpoint}\n    access_key_id = {server.access_key}\n"
            f"    secret_access_key = {server.secret_key}\n"
        )
    (clone.path / ".dvc/config.local").write_text(text, encoding="utf-8")
    create_buckets([read_remote(clone.path, name) for name in ("storage", "restricted")])


def scan(clone, *options):
    done = clone.run("quickstack", "scan", "--json", *options, check=False)
    return done.returncode, json.loads(done.stdout)


def test_values_planted_in_raw_are_nowhere_in_what_leaves(finished, seaweedfs, tmp_path):
    plant(finished)
    point(finished, seaweedfs)
    finished.run("dvc", "repro")
    finished.commit("planted")
    quality = json.loads((finished.path / "reports/quality.json").read_text(encoding="utf-8"))
    assert quality["rows"]["quarantined"] >= QUARANTINED
    finished.run("dvc", "push")
    values = tmp_path / "canaries.txt"
    lines = [value for person in CANARIES for value in person.values()]
    assert len(lines) == 30
    values.write_text("\n".join(lines), encoding="utf-8")

    code, found = scan(finished, "--values", str(values))
    assert (found["findings"], found["unread"], code) == ([], [], 0)
    assert found["values"] == {"searched": 30, "not_searchable": {}}
    # Those of experiments are held by the tests of each place.
    places = {"cache", "git", "remote storage", "run-cache", "workspace"}
    assert places <= set(found["read"])
    assert found["restricted_left_out"]["cache"] > 24

    # The control: where they belong, they are found.
    code, found = scan(finished, "--values", str(values), "--include-restricted")
    kinds = {finding["kind"] for finding in found["findings"]}
    assert (kinds, code) == ({"workspace", "cache", "remote restricted"}, 1)
    lines_found = {finding["value"] for finding in found["findings"]}
    assert lines_found == {f"line {number}" for number in range(1, 31)}
    paths = {finding["path"].rpartition("/")[0] for finding in found["findings"]}
    assert {"data/raw/planted", "data/quarantine"} <= paths

    # And the values of everybody else in the raw data are nowhere either.
    code, found = scan(finished, "--offline")
    assert (found["findings"], found["unread"], code) == ([], [], 0)
    assert found["values"]["searched"] > 300
