"""What bad input gets: a sentence, a non-zero exit, no traceback, and the previous outputs."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from helpers import full_disk, without_privileges
from quickstack.data.privacy.pseudonym_keys import KEY_VARIABLE, SAMPLE_KEY, fingerprint
from quickstack.facts.paths import REJECTED

OUTPUTS = ("data/interim", "data/quarantine", "models", "reports", "exports", "dvc.lock")
KEY = {KEY_VARIABLE: "5a" * 32}
#: Two months to train on, and two to test with.
MONTHS = ("2025-05", "2025-06", "2025-07", "2025-08")
CONTRACT = "configuration/contracts/own.odcs.yaml"
RAW = "data/raw/own"
FIRST = f"{RAW}/subscriptions_2025-05.csv"


def outputs(root: Path) -> dict[str, str]:
    """Return the hash of every file of the outputs, leftovers of half-written ones included."""
    found = [p for name in OUTPUTS for p in ((root / name).rglob("*") or [root / name])]
    found += [root / "dvc.lock", *(root / "data").glob(".*"), *(root / "data" / "raw").glob(".*")]
    files = {p for p in found if p.is_file() or p.name.endswith((".tmp", ".previous"))}
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        if p.is_file()
        else "folder"
        for p in sorted(files)
    }


def personal(root: Path) -> set[str]:
    """Return the personal values of the raw data: numbers, names, addresses, telephones."""
    lines = [
        line.split(",")
        for path in sorted((root / "data" / "raw").rglob("*.csv"))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    ]
    return {
        value for cells in lines if len(cells) > 5 for value in (cells[0], *cells[2:6]) if value
    }


@dataclass(frozen=True)
class Case:
    """One bad input: what is done to the clone, which stage meets it, and what it says."""

    stage: str
    change: Callable[[Path], object]
    sentence: str
    code: int = 1
    dataset: str = "own"
    environment: dict[str, str] = field(default_factory=lambda: KEY)


def replace(file: str, old: str, new: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}"
        (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def write(file: str, content: bytes | str) -> Callable[[Path], object]:
    return lambda root: (root / file).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def remove(*files: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        for file in files:
            path = root / file
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def header_only(root: Path) -> None:
    for path in (root / RAW).glob("*.csv"):
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


def break_rows(root: Path) -> None:
    text = (root / FIRST).read_text(encoding="utf-8")
    (root / FIRST).write_text(text.replace(",north,", ",Ada Lovelace,"), encoding="utf-8")


def one_class(root: Path) -> None:
    for path in (root / RAW).glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.rsplit(",", 1)[0] + ",no" for line in lines[1:]]
        path.write_text("\n".join([lines[0], *rows]) + "\n", encoding="utf-8")


def one_class_interim(root: Path) -> None:
    for path in (root / "data" / "interim").glob("*.parquet"):
        table = pq.read_table(path)
        index = table.schema.get_field_index("churned_next_month")
        constant = pa.array(["no"] * table.num_rows)
        pq.write_table(table.set_column(index, "churned_next_month", constant), path)


class Payload:
    """Unpickled, it makes a file: proof that code ran."""

    def __reduce__(self):
        return (os.mkdir, ("payload-ran",))


PICKLE = pickle.dumps(Payload())
NOT_PARQUET = b"PAR1 and then something else"

CASES = {
    "unknown parameter": Case(
        "ingest",
        replace("params.yaml", "  block_bytes:", "  block_lines: 3\n  block_bytes:"),
        "'ingest.block_lines' is unknown; remove it",
        2,
    ),
    "parameter out of range": Case(
        "train",
        replace("params.yaml", "learning_rate: 0.1", "learning_rate: -1"),
        "'train.gradient_boosting.learning_rate': input should be greater than 0",
        2,
    ),
    "unknown section": Case(
        "ingest", replace("params.yaml", "compute:", "computer:"), "'computer' is not a section", 2
    ),
    "unknown model": Case(
        "train",
        replace("params.yaml", "model: gradient_boosting", "model: oracle"),
        "'train.model': input should be 'baseline', 'linear', 'random_forest'",
        2,
    ),
    "params.yaml is no YAML": Case(
        "ingest", replace("params.yaml", "dataset:", "dataset: [\n"), "this is not YAML", 2
    ),
    "unknown data set": Case(
        "ingest",
        remove(CONTRACT),
        f"{CONTRACT}: there is no such contract. To fix it: set `dataset` in params.yaml to ",
        2,
    ),
    "contract is no YAML": Case(
        "ingest", replace(CONTRACT, "servers:", "servers: ["), "this is not YAML", 2
    ),
    "contract with two mistakes": Case(
        "ingest",
        lambda root: (
            replace(CONTRACT, "format: csv", "format: excel")(root),
            replace(CONTRACT, "value: churned_next_month", "value: churn")(root),
        ),
        "the contract has ",
        2,
    ),
    "no raw folder": Case("ingest", remove(RAW), f"{RAW}/*.csv: there is no such file"),
    "no raw file": Case(
        "ingest",
        remove(*(f"{RAW}/subscriptions_{month}.csv" for month in MONTHS)),
        f"{RAW}/*.csv: there is no such file. To fix it: put the data there",
    ),
    "an empty file": Case("ingest", write(FIRST, b""), f"{FIRST}: the file is empty. To fix it"),
    "files with a header only": Case(
        "ingest", header_only, f"{RAW}/*.csv: the files hold no rows. To fix it: deliver them again"
    ),
    "wrong delimiter": Case(
        "ingest",
        replace(CONTRACT, 'delimiter, value: ","', 'delimiter, value: ";"'),
        f"{FIRST}:1: the first line holds 0 of the contract's 16 column names (1 cells, split at "
        "';'). To fix it: correct the delimiter",
    ),
    "not the declared encoding": Case(
        "ingest",
        replace(CONTRACT, "encoding: utf-8", "encoding: utf-16"),
        ": the file is not utf-16 text. To fix it: correct `encoding` of the server 'raw'",
    ),
    "the file lacks a column": Case(
        "ingest",
        replace(FIRST, ",usage_hours,", ",hours_of_use,"),
        f"{FIRST}:1: the file does not have column usage_hours, which the contract names",
    ),
    "the contract lacks a column": Case(
        "ingest",
        lambda root: (root / FIRST).write_text(
            "\n".join(
                line + (",iban" if not number else ",DE00 1234")
                for number, line in enumerate(
                    (root / FIRST).read_text(encoding="utf-8").splitlines()
                )
            ),
            encoding="utf-8",
        ),
        f"{FIRST}:1: the file holds column iban, which the contract does not name",
    ),
    "too many broken rows": Case(
        "ingest", break_rows, "break the contract, and it allows 1.0%:\n  region, allowed:"
    ),
    "missing key": Case(
        "ingest",
        lambda root: None,
        "contract 'own': the key for its pseudonyms is missing. To fix it: get it from your team",
        environment={},
    ),
    "malformed key": Case(
        "ingest",
        lambda root: None,
        f"environment variable {KEY_VARIABLE}: this is not a key of 64 hexadecimal digits",
        environment={KEY_VARIABLE: "secret"},
    ),
    "published key in another contract": Case(
        "ingest",
        replace(CONTRACT, "value: month}\n  - {property: testFrom", "value: month}\n  - {property: "
                f"pseudonymKey, value: {fingerprint(SAMPLE_KEY)}}}\n  - {{property: testFrom"),
        "contract 'own': the key of the sample is published, and protects nobody. To fix it: write",
    ),
    "published key at hand": Case(
        "ingest",
        lambda root: None,
        "contract 'own': the key of the sample is published, and protects nobody",
        environment={KEY_VARIABLE: SAMPLE_KEY.hex()},
    ),
    "another key than the contract names": Case(
        "ingest",
        replace(CONTRACT, "value: month}\n  - {property: testFrom", "value: month}\n  - {property: "
                "pseudonymKey, value: 0123456789abcdef}\n  - {property: testFrom"),
        "and the contract names 0123456789abcdef. To fix it: get the right one from your team",
    ),
    "a target with one class": Case(
        "train", one_class_interim, "rows have the same class of the target", dataset="sample"
    ),
    "interim data are gone": Case(
        "train", remove("data/interim"), "data/interim: there is no clean data", dataset="sample"
    ),
    "a damaged partition": Case(
        "train",
        write("data/interim/subscriptions_2024-01.parquet", NOT_PARQUET),
        "subscriptions_2024-01.parquet: this is damaged, or no partition of this contract. To fix",
        dataset="sample",
    ),
    "a damaged model": Case(
        "evaluate",
        lambda root: write("models/scorer.json", (root / "models/scorer.json").read_bytes()[:999])(
            root
        ),
        "models/scorer.json: there is no scorer, or a damaged one. To fix it: train it again",
        dataset="sample",
    ),
    "a pickle in the place of the model": Case(
        "evaluate",
        write("models/scorer.json", PICKLE),
        "models/scorer.json: there is no scorer, or a damaged one. To fix it: train it again",
        dataset="sample",
    ),
    "a damaged reference": Case(
        "monitor",
        write("models/reference.json", "{"),
        "models/reference.json: this is damaged. To fix it: run `dvc repro`",
        dataset="sample",
    ),
    "a damaged quality report": Case(
        "export",
        write("reports/quality.json", "{"),
        "reports/quality.json: this is damaged. To fix it: run `dvc repro`",
        dataset="sample",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def own_data(_finished, tmp_path_factory):
    """Give a finished clone with a data set of its own, of four months; tests copy it."""
    clone = _finished.copy(tmp_path_factory.mktemp("bad") / "project")
    root = clone.path
    (root / RAW).mkdir()
    for month in MONTHS:
        shutil.copy(root / f"data/raw/sample/subscriptions_{month}.csv", root / RAW)
    shutil.copy(root / "configuration/contracts/sample.odcs.yaml", root / CONTRACT)
    published = f"  - {{property: pseudonymKey, value: {fingerprint(SAMPLE_KEY)}}}\n"
    for old, new in (("id: sample", "id: own"), ("raw/sample/", "raw/own/"), (published, "")):
        clone.change(CONTRACT, old, new)
    return clone


@pytest.fixture
def project(own_data, tmp_path):
    return own_data.copy(tmp_path / "project")


@pytest.mark.parametrize("name", list(CASES))
def test_a_stage_says_what_is_wrong_and_touches_nothing(project, run_stage, name):
    case, root = CASES[name], project.path
    if case.dataset != "sample":
        project.change("params.yaml", "dataset: sample", f"dataset: {case.dataset}")
    known = personal(root)
    case.change(root)
    before = outputs(root)
    done = run_stage(project, case.stage, **case.environment)
    assert done.returncode == case.code, done.stderr
    assert done.stderr.startswith(f"{case.stage} stopped: ")
    assert case.sentence in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = done.stderr.replace(",", " ").split()
    assert not known & set(said)
    assert "Lovelace" not in done.stderr
    assert not (root / "payload-ran").exists()
    assert outputs(root) == before
    if name == "too many broken rows":
        kept = [p.read_text(encoding="utf-8") for p in (root / REJECTED).glob("*.jsonl")]
        assert kept
        assert ", column region: a" in done.stderr


def test_every_mistake_of_a_contract_is_said_with_its_line(project, run_stage):
    project.change("params.yaml", "dataset: sample", "dataset: own")
    CASES["contract with two mistakes"].change(project.path)
    done = run_stage(project, "ingest", **KEY)
    lines = [line for line in done.stderr.splitlines() if f"{CONTRACT}:" in line]
    assert any("format" in line for line in lines)
    assert any("target 'churn' is not a column" in line for line in lines)


# The same through DVC, which removes the outputs before it starts a stage. What brings them back
# depends on how the stage ends, not on which input was bad.
@pytest.mark.parametrize("name", ["unknown parameter", "too many broken rows"])
def test_repro_fails_and_the_previous_outputs_are_there(project, name):
    case, root = CASES[name], project.path
    project.change("params.yaml", "dataset: sample", "dataset: own")
    known = personal(root)
    case.change(root)
    before = outputs(root)
    done = project.run("dvc", "repro", "--single-item", "ingest", check=False, **case.environment)
    assert done.returncode != 0
    assert f"exited with {case.code}" in done.stderr
    assert case.sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not known & set(done.stderr.replace(",", " ").split())
    assert outputs(root) == before


@pytest.mark.parametrize(
    ("name", "place"), [("unknown data set", CONTRACT), ("no raw folder", RAW)]
)
def test_what_dvc_itself_refuses_is_named_and_restore_brings_all_back(project, name, place):
    """Here DVC removes the outputs and then starts no stage that could bring them back itself."""
    root = project.path
    project.change("params.yaml", "dataset: sample", "dataset: own")
    CASES[name].change(root)
    before = outputs(root)
    done = project.run("dvc", "repro", "--single-item", "ingest", check=False)
    assert done.returncode != 0
    assert f"No such file or directory: '{root / place}'" in done.stderr
    assert "Traceback" not in done.stderr
    assert outputs(root) != before
    project.run("quickstack", "restore")
    assert outputs(root) == before


def test_repro_on_a_target_with_one_class_keeps_the_previous_model(project):
    root = project.path
    project.change("params.yaml", "dataset: sample", "dataset: own")
    one_class(root)
    before, locked = outputs(root), yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    done = project.run("dvc", "repro", check=False, **KEY)
    assert done.returncode != 0
    assert "have the same class of the target 'churned_next_month'" in done.stderr
    assert "Traceback" not in done.stderr
    changed = {name for name, content in outputs(root).items() if before.get(name) != content}
    # The new rows were ingested, and that is all.
    assert all(n.startswith(("data/", "reports/quality.json", "dvc.lock")) for n in changed)
    now = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    assert {name for name in now if now[name] != locked[name]} == {"ingest"}


def test_repro_repairs_what_was_damaged_by_hand(finished):
    before = outputs(finished.path)
    for name in (
        "a damaged partition",
        "a pickle in the place of the model",
        "a damaged reference",
        "a damaged quality report",
    ):
        CASES[name].change(finished.path)
    assert outputs(finished.path) != before
    finished.run("dvc", "repro")
    assert outputs(finished.path) == before
    assert not (finished.path / "payload-ran").exists()


# The disk is really full here: a RAM disk of its own size in a mount namespace of its own, which
# ends with the command. Where mounting is not allowed, the test after it still runs.
FULL = """
set -e
mount -t tmpfs -o size=64m tmpfs "$1"
cp -a "$2/." "$1/"
cd "$1"
list() { find data models reports exports dvc.lock -type f -print0 | sort -z | xargs -0 md5sum; }
list > "$3/before"
rm -r .quickstack/cache
dd if=/dev/zero of=fill bs=4k 2>/dev/null || true
truncate -s -32k fill
code=0
python -B src/ingest.py || code=$?
list > "$3/after"
rm fill
python -B src/ingest.py
list > "$3/again"
exit $code
"""


def test_a_full_disk_is_said_and_loses_nothing(finished, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace = full_disk(disk)
    project, places = str(finished.path), (str(disk), str(finished.path), str(tmp_path))
    done = finished.run(*namespace, "sh", "-c", FULL, "sh", *places, check=False)
    assert done.returncode == 1, done.stderr
    assert "ingest stopped: no space is left on the disk" in done.stderr
    assert "free some, and run it again" in done.stderr
    assert "Traceback" not in done.stderr
    before, after, again = ((tmp_path / n).read_text() for n in ("before", "after", "again"))
    assert before.count("\n") > 50, project
    assert after == before
    assert again == before


PLANTED = """
import errno, os
real = os.replace
def replace(source, target, **more):
    if os.fspath(target).endswith("reports/quality.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(target))
    return real(source, target, **more)
os.replace = replace
"""


@pytest.mark.parametrize("command", ["python src/ingest.py", "dvc repro --single-item ingest"])
def test_a_disk_that_fills_up_at_the_last_file_leaves_no_mixture(finished, tmp_path, command):
    """The other outputs of the stage are replaced by then: they must come back too."""
    (tmp_path / "sitecustomize.py").write_text(PLANTED, encoding="utf-8")
    finished.change("params.yaml", "block_bytes: 8388608", "block_bytes: 2048")
    before = outputs(finished.path)
    done = finished.run(*command.split(), check=False, PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert "ingest stopped: no space is left on the disk (reports/quality.json)" in done.stderr
    assert "Traceback" not in done.stderr
    assert outputs(finished.path) == before


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize("place", [FIRST, "data"])
def test_missing_permission_is_said(project, place):
    project.change("params.yaml", "dataset: sample", "dataset: own")
    before, path = outputs(project.path), project.path / place
    kept = path.stat().st_mode
    unprivileged = without_privileges()
    path.chmod(0o555 if path.is_dir() else 0)
    try:
        done = project.run(*unprivileged, "python", "src/ingest.py", check=False, **KEY)
    finally:
        path.chmod(kept)
    assert done.returncode == 1
    if path.is_dir():
        assert f"ingest stopped: no permission ({place}" in done.stderr
    else:
        assert f"ingest stopped: {place}: there is no permission to read it" in done.stderr
    assert "To fix it: make " in done.stderr
    assert "Traceback" not in done.stderr
    assert outputs(project.path) == before
