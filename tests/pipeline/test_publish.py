"""The commands, in a clone in which the real pipeline has run."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import urllib.request
from urllib.parse import quote

from publishing.cases import look


def test_publish_change_refuse_and_roll_back(finished, tmp_path):
    place = tmp_path / "results"

    def read(path):
        return (place / path).read_bytes() if (place / path).is_file() else None

    first = finished.run("quickstack", "publish", str(place)).stdout
    assert "This is the first published run." in first
    assert re.search(r"Arrival    the data arrived .*; by the raw files' own time", first)
    shown = look(read)
    with (place / "runs" / shown[0] / "runs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["run"], row["current"], row["clean"]) == (shown[0], "true", "6000")
    assert row["revision"] == finished.run("git", "rev-parse", "HEAD").stdout.strip()

    # The plan of a changed parameter says that stages would run.
    finished.set("^    learning_rate: .*", "    learning_rate: 0.2")
    finished.commit()
    stale = finished.run("quickstack", "publish", str(place), check=False)
    assert (stale.returncode, "stage 'train' would run" in stale.stderr) == (1, True)
    assert look(read) == shown

    finished.run("git", "revert", "--no-edit", "HEAD")
    second = finished.run("quickstack", "publish", str(place)).stdout
    assert "the model is the same, the data are the same, ROC AUC stays" in second
    assert len(json.loads(read(f"runs/{look(read)[0]}/manifest.json"))["runs"]) == 2
    back = finished.run("quickstack", "rollback", str(place)).stdout
    assert f"Readers see run {shown[0]} again" in back
    assert look(read) == shown
    listed = finished.run("quickstack", "runs", str(place)).stdout.splitlines()
    assert [line[0] for line in listed] == ["*", " ", "*"]


def test_preview_is_served_and_ends(finished):
    server = subprocess.Popen(
        [sys.executable, "-c", "from quickstack.cli.main import app; app()", "preview", "--serve"],
        cwd=finished.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    lines = []
    for line in server.stdout:
        lines.append(line)
        if line.startswith("Served at"):
            break
    address = re.search(r"http://127\.0\.0\.1:\d+/", lines[-1])[0]
    try:
        shown = look(lambda path: urllib.request.urlopen(address + quote(path)).read())
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
        server.stdout.close()
    assert shown[0] in (finished.path / ".quickstack/preview/current.json").read_text()
    assert "Without history: where to publish is not said" in "".join(lines)
    assert finished.run("git", "status", "--porcelain").stdout == ""
