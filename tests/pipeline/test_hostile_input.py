"""Input made to break things: the expected table or a sentence, bounded memory, nothing lost."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import importlib.util
import io
import json
import lzma
import os
import resource
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from helpers import ROOT, full_disk, make_repository, without_privileges
from quickstack.data.readers.delimited import DelimitedFile
from quickstack.runtime.running import stage as module
from quickstack.runtime.running.stage import run

HEADER = b"id,name,amount,kind\n"
GOOD = HEADER + b"1,Ada,1.5,yes\n2,Bo,2.5,no\n"
RAW = Path("data/raw/one")
CANARY = "Zoraida"

CONTRACT = {
    "apiVersion": "v3.2.0", "kind": "DataContract", "id": "one", "name": "One", "status": "active",
    "version": "1.0.0",
    "servers": [{
        "server": "raw", "type": "local", "path": "data/raw/one/*", "format": "csv",
        "encoding": "utf-8",
        "customProperties": [{"property": "maxQuarantinedShare", "value": 0.9}],
    }],
    "schema": [{
        "name": "rows", "logicalType": "object", "physicalType": "file",
        "dataGranularityDescription": "One row.",
        "properties": [
            {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1},
            {"name": "name", "logicalType": "string", "classification": "internal",
             "customProperties": [{"property": "allowedFindings", "value": ["name"]}]},
            {"name": "amount", "logicalType": "number"},
            {"name": "kind", "logicalType": "string", "classification": "internal",
             "enum": [{"value": "yes"}, {"value": "no"}]},
        ],
    }],
    "customProperties": [
        {"property": "task", "value": "binary"}, {"property": "target", "value": "kind"},
        {"property": "positiveLabel", "value": "yes"}, {"property": "testShare", "value": 0.2},
    ],
}  # fmt: skip


def stage_main():
    """Give the `main` of `src/ingest.py`."""
    spec = importlib.util.spec_from_file_location("ingest_stage", ROOT / "src" / "ingest.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.main


def make_project(root: Path) -> Path:
    """Make a folder in which the stage can run, with one good file."""
    make_repository(root)
    for name in ("dvc.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    (root / "params.yaml").write_text(yaml.safe_dump(params | {"dataset": "one"}))
    contract = root / "configuration/contracts/one.odcs.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(yaml.safe_dump(CONTRACT, sort_keys=False))
    (root / RAW).mkdir(parents=True)
    (root / RAW / "good.csv").write_bytes(GOOD)
    return root


@dataclass(frozen=True)
class Done:
    """What a run of the stage said and left."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, object]]:
        """The clean rows of all files."""
        found = [pq.read_table(path) for path in sorted(Path("data/interim").glob("*.parquet"))]
        return [row for table in found for row in table.to_pylist()]

    @property
    def refused(self) -> list[dict[str, object]]:
        """The rows in quarantine."""
        paths = sorted(Path("data/quarantine").glob("*.jsonl"))
        return [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]


@pytest.fixture
def project(tmp_path, monkeypatch, capfd):
    """Give a function that runs the stage in a project that has a previous result."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "require_own_modules", lambda: None)
    main = stage_main()

    def ingest() -> Done:
        code = 0
        try:
            run("ingest", main)
        except SystemExit as error:
            code = error.code
        said = capfd.readouterr()
        return Done(code, said.out, said.err)

    assert ingest().code == 0
    return ingest


def left() -> dict[str, str]:
    """Return the hash of all that the stage leaves, half-written files included."""
    files = [p for folder in ("data", "reports") for p in Path(folder).rglob("*") if p.is_file()]
    return {
        p.as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(files)
        if "raw" not in p.parts
    }


def rows(*lines: bytes) -> bytes:
    return HEADER + b"".join(lines)


def zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("data.csv")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(("data.csv", GOOD)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def lying() -> bytes:
    """Give a zip whose directory says another size than the member has."""
    data = bytearray(zipped(("data.csv", GOOD)))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (5).to_bytes(4, "little")
    return bytes(data)


#: Just above what is let pass whatever it was packed in.
BOMB = GOOD + b"\n" * (70 << 20)
#: file name, content, and the sentence that refuses it.
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a zip bomb": ("x.zip", lambda: zipped(("x.csv", BOMB)), "unpacks to more than 64 MB"),
    "a gzip bomb": ("x.csv.gz", lambda: gzip.compress(BOMB), "unpacks to more than 64 MB"),
    "a bzip2 bomb": ("x.bz2", lambda: bz2.compress(BOMB, 1), "unpacks to more than 64 MB"),
    "an xz bomb": ("x.xz", lambda: lzma.compress(BOMB, preset=0), "unpacks to more than 64 MB"),
    "a path out of a zip": ("x.zip", lambda: zipped(("../../x.csv", GOOD)), "leads out of it"),
    "a root path in a zip": ("x.zip", lambda: zipped(("/etc/x.csv", GOOD)), "leads out of it"),
    "a Windows path in a zip": ("x.zip", lambda: zipped(("..\\x.csv", GOOD)), "leads out of it"),
    "a link in a zip": ("x.zip", linked, "holds a link"),
    "two files in a zip": ("x.zip", lambda: zipped(("a", GOOD), ("b", GOOD)), "holds 2 files"),
    "no file in a zip": ("x.zip", lambda: zipped(), ""),
    "a zip in a zip": ("x.zip", lambda: zipped(("x.zip", zipped(("x", GOOD)))), "a zip archive"),
    "an encrypted zip": ("x.zip", encrypted, "encrypted"),
    "a zip that lies": ("x.zip", lying, "damaged"),
    "a zip cut off": ("x.zip", lambda: zipped(("x", GOOD))[:-9], "damaged"),
    "a gzip cut off": ("x.gz", lambda: gzip.compress(GOOD * 99)[:-9], "damaged or cut off"),
    "a bzip2 cut off": ("x.bz2", lambda: bz2.compress(GOOD * 99)[:-9], "damaged or cut off"),
    "an xz cut off": ("x.xz", lambda: lzma.compress(GOOD * 99)[:-9], "damaged or cut off"),
    "a gzip with a wrong sum": (
        "x.gz", lambda: gzip.compress(GOOD)[:-8] + bytes(4) + gzip.compress(GOOD)[-4:], "damaged"),
    "two columns of one name": (
        "x.csv", lambda: b"id,name,amount,kind,kind\n1,a,1,yes,no\n", "kind more than once"),
    "a column that nobody declared": (
        "x.csv", lambda: b"id,name,amount,kind,iban\n1,a,1,yes,2\n", "iban, which the contract"),
    "a hundred thousand of them": (
        "x.csv", lambda: b"id,name,amount,kind," + b",".join(b"c%d" % i for i in range(100000))
        + b"\n", "which the contract does not name"),
    "a header of other names": (
        "x.csv", lambda: b",".join(b"c%d" % i for i in range(200_000)) + b"\n", "first line"),
    "a header that is not closed": ("x.csv", lambda: b'id,"name,amount,kind\n1,a,1,no\n', "header"),
    "only NUL bytes": ("x.csv", lambda: bytes(10_000), ""),
    "an empty file": ("x.csv", lambda: b"", "the file is empty"),
    "a byte order mark and nothing else": ("x.csv", lambda: b"\xef\xbb\xbf", "the file is empty"),
    "UTF-16 that says nothing": ("x.csv", lambda: GOOD.decode().encode("utf-16-le"), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_sentence_and_the_previous_result(project, name):
    file, content, sentence = REFUSED[name]
    before = left()
    (RAW / file).write_bytes(content())
    done = project()
    assert done.code in (1, 2), done.err
    assert done.err.startswith("ingest stopped: data/raw/one")
    assert sentence in done.err
    assert "To fix it: " in done.err
    assert "unexpected" not in done.err
    assert "Traceback" not in done.err
    assert len(done.err) < 2000, "a sentence is short"
    assert left() == before
    assert list(Path().rglob("etc")) == []
    assert not Path("../x.csv").exists()


def clean(*ids: int) -> list[int]:
    return list(ids)


FORMULAS = ["=cmd|' /C calc'!A0", "+1+2", "@SUM(A1)", "-2+3", '=HYPERLINK("http://x","y")', "\t=1"]
#: content, the numbers of the clean rows, the physical lines in quarantine.
READ: dict[str, tuple[Callable[[], bytes], list[int], list[int]]] = {
    "NUL bytes": (lambda: rows(b"3,a\0b,1,yes\n", b"4,a,1,no\n"), [4], [2]),
    "mixed line ends": (
        lambda: rows(b"3,a,1,yes\r\n", b"4,a,1,no\n", b"5,a,1,no\r6,a,1,no\r\n", b"7,a,1,yes"),
        [3, 4, 5, 6, 7], []),
    "a line end of CR CR LF": (lambda: rows(b"3,a,1,yes\r\r\n", b"4,a,1,no\n"), [3, 4], []),
    "mixed encodings": (
        lambda: rows("3,Zoë,1,yes\n".encode(), "4,Zoë,1,no\n".encode("latin-1"),
                     "5,Zoë,1,no\n".encode("utf-16-le")[:-1] + b"\n", b"6,a,1,no\n"),
        [3, 6], [3, 4]),
    "a mark of UTF-8 in the middle": (
        lambda: rows(b"3,\xef\xbb\xbfa,1,yes\n", b"4,a,1,no\n"), [3, 4], []),
    "an unclosed quote": (
        lambda: rows(b'3,"a,1,yes\n', b"4,a,1,no\n" * 1, b'5,"b",1,no\n'), [4, 5], [2]),
    "a quote that never closes": (
        lambda: rows(b'3,"a,1,yes\n', *(b"%d,a,1,no\n" % i for i in range(4, 200))),
        list(range(4, 200)), [2]),
    "huge whole numbers": (
        lambda: rows(b"9223372036854775808,a,1,yes\n", b"9223372036854775807,a,1,no\n"),
        [9223372036854775807], [2]),
    "numbers that are none": (
        lambda: rows(b"3,a,inf,yes\n", b"4,a,nan,yes\n", b"5,a,1e999,no\n", b"6,a,0x1F,no\n",
                     b"0x7,a,1,no\n", b"8,a,1,no\n"), [8], [2, 3, 4, 5, 6]),
    "two gzip files in one": (lambda: gzip.compress(rows(b"3,a,1,yes\n"))
                              + gzip.compress(b"4,a,1,no\n"), [3, 4], []),
    "a zip with a folder": (
        lambda: zipped(("d/", b""), ("d/x.csv", rows(b"3,a,1,yes\n"))), [3], []),
    "a zip that is stored": (
        lambda: zipped(("x.csv", rows(b"3,a,1,yes\n")), compression=zipfile.ZIP_STORED), [3], []),
}  # fmt: skip


@pytest.mark.parametrize("name", list(READ))
def test_the_expected_table(project, name):
    content, numbers, lines = READ[name]
    (RAW / "good.csv").unlink()
    (RAW / "x.csv").write_bytes(content())
    done = project()
    assert done.code == 0, done.err
    assert [row["id"] for row in done.rows] == numbers
    assert [row["line"] for row in done.refused] == lines
    assert done.err == ""


def test_a_formula_stays_text(project):
    def cell(text: str) -> bytes:
        return b'"' + text.replace('"', '""').encode() + b'"'

    lines = [b"%d,%s,1,yes\n" % (i, cell(text)) for i, text in enumerate(FORMULAS, 10)]
    (RAW / "x.csv").write_bytes(rows(*lines))
    done = project()
    assert done.code == 0
    assert [row["name"] for row in done.rows][-len(FORMULAS) :] == FORMULAS


def test_a_header_only_beside_a_good_file_is_no_row(project):
    (RAW / "x.csv").write_bytes(HEADER)
    done = project()
    assert done.code == 0
    assert len(done.rows) == 2


def test_only_headers_are_refused(project):
    before = left()
    (RAW / "good.csv").write_bytes(HEADER)
    done = project()
    assert done.code == 1
    assert "the files hold no rows" in done.err
    assert left() == before


# Files that change under the reader's eyes --------------------------------------------------------


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"99,late,1,yes\n")


def shrink(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.truncate(len(HEADER) + 5)


def swap(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(GOOD.replace(b"Ada", b"Eve"))
    os.replace(other, path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grows": grow,
    "shrinks": shrink,
    "is replaced": swap,
    "disappears": lambda path: path.unlink(),
    "disappears with its directory": lambda path: shutil.rmtree(path.parent),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_file_that_changes_while_it_is_read(project, monkeypatch, name):
    (RAW / "x.csv").write_bytes(rows(*(b"%d,a,1,yes\n" % i for i in range(10, 5000))))
    real, met = DelimitedFile.parse, []

    def parse(self, chunk, *more):
        if not met and len(chunk.data) > 1000:
            met.append(True)
            CHANGES[name](RAW / "x.csv")
        return real(self, chunk, *more)

    monkeypatch.setattr(DelimitedFile, "parse", parse)
    before = left()
    done = project()
    assert met
    assert done.code == 1, (done.out, done.err)
    assert "data/raw/one" in done.err
    assert "unexpected" not in done.err
    assert "To fix it: " in done.err
    assert left() == before


def test_a_directory_that_is_gone(project):
    before = left()
    shutil.rmtree(RAW)
    done = project()
    assert (done.code, "there is no such file" in done.err) == (1, True)
    assert left() == before


# Names --------------------------------------------------------------------------------------------


def test_files_whose_names_look_alike_are_all_kept(project):
    """No two files may give the same result: what one left, the other would overwrite."""
    names = ["a.b.csv", "a_b.csv", "a-b.csv", "A.B.csv", "a.b", "a b.csv", "a.b.csv.csv", "a.b.txt"]
    for number, name in enumerate(names, 10):
        (RAW / name).write_bytes(rows(b"%d,a,1,yes\n" % number))
    done = project()
    if done.code == 0:
        assert sorted(row["id"] for row in done.rows) == [1, 2, *range(10, 10 + len(names))]
    else:
        assert "To fix it: " in done.err
        assert "unexpected" not in done.err


@pytest.mark.parametrize(
    "name", [b"=cmd.csv", b"new\nline.csv", b"\xff.csv", b"-rf.csv", "é.csv".encode(), b" .csv"]
)
def test_an_odd_file_name(project, name):
    raw = os.fsencode(RAW) + b"/" + name
    Path(os.fsdecode(raw)).write_bytes(rows(b"3,a,1,yes\n"))
    done = project()
    assert "unexpected" not in done.err
    assert "Traceback" not in done.err
    if done.code == 0:
        assert sorted(row["id"] for row in done.rows) == [1, 2, 3]
        json.loads(Path("reports/quality.json").read_text(encoding="utf-8"))


def test_what_is_no_file_is_left_alone(project):
    before = left()
    for make in (
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("."),
    ):
        make(RAW / "x.csv")
        done = project()
        if done.code == 0:
            assert len(done.rows) == 2
        else:
            assert "To fix it: " in done.err
            assert "unexpected" not in done.err
        assert left() == before
        (RAW / "x.csv").rmdir() if (RAW / "x.csv").is_dir() and not (
            RAW / "x.csv"
        ).is_symlink() else (RAW / "x.csv").unlink()


# Memory and time ----------------------------------------------------------------------------------

MEASURED = """
import resource, sys
sys.path[:0] = [{src!r}, {tests!r}]
from pathlib import Path
from pipeline_hostile import make_project, stage_main
from quickstack.runtime.running import stage as module
from quickstack.runtime.running.stage import run
module.require_own_modules = lambda: None
main = stage_main()
run("ingest", main)
small = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Path("data/raw/one/good.csv").unlink()
Path("data/raw/one/x.csv.part").rename("data/raw/one/x.csv")
try:
    run("ingest", main)
except SystemExit as error:
    print("code", error.code)
print("growth", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - small) >> 10)
"""


def measured(root: Path) -> tuple[str, str, int]:
    """Run the stage on `x.csv.part`; return what it said, and by how many MiB memory grew."""
    here = Path(__file__)
    loader = root / "pipeline_hostile.py"
    loader.write_text(
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('hostile', {str(here)!r})\n"
        "hostile = importlib.util.module_from_spec(spec)\nsys.modules['hostile'] = hostile\n"
        "spec.loader.exec_module(hostile)\n"
        "make_project, stage_main = hostile.make_project, hostile.stage_main\n",
        encoding="utf-8",
    )
    script = MEASURED.format(src=str(root), tests=str(ROOT / "tests"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root, capture_output=True, text=True, check=False,
        # The address space is no measure of memory, but an end to what runs away.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert "growth" in done.stdout, done.stderr
    return done.stdout, done.stderr, int(done.stdout.split("growth ")[1])


def long_line(path: Path, megabytes: int, fill: bytes) -> None:
    """Write a good row, one line of that length, and another good row."""
    with path.open("wb") as stream:
        stream.write(rows(b"3,a,1,yes\n"))
        if fill == b"\0":
            stream.seek(megabytes << 20, os.SEEK_CUR)  # a hole: it takes no place on the disk
        else:
            part = (fill * (1 << 20))[: 1 << 20]
            for _ in range(megabytes):
                stream.write(part)
        stream.write(b"\n4,a,1,no\n")


@pytest.mark.parametrize("fill", [b"\0", b",", b'"'], ids=repr)
def test_a_line_without_end_takes_no_memory(tmp_path, fill):
    make_project(tmp_path)
    long_line(tmp_path / RAW / "x.csv.part", 80, fill)
    out, err, growth = measured(tmp_path)
    assert "ingest: 2 of 3 rows clean, 1 in quarantine" in out, err
    assert "Traceback" not in err
    assert growth < 400, "as much as a few of the longest rows that are read"


def test_lines_that_all_open_a_quote_end_soon(tmp_path):
    """Each could go on in the next ones: looking ahead must not make reading quadratic."""
    make_project(tmp_path)
    content = rows(b"3,a,1,yes\n", b'5,"a,1,yes\n' * 20_000, b"4,a,1,no\n")
    contract = tmp_path / "configuration/contracts/one.odcs.yaml"
    contract.write_text(contract.read_text().replace("value: 0.9", "value: 1.0"))
    (tmp_path / RAW / "x.csv.part").write_bytes(content)
    # At 50 lines of looking ahead each, reading anew from each line would take some minutes.
    out, err, growth = measured(tmp_path)
    assert "ingest: 2 of 20002 rows clean, 20000 in quarantine" in out, err
    assert growth < 400


# The system ---------------------------------------------------------------------------------------

FULL = """
set -e
mount -t tmpfs -o size=40m tmpfs "$1"
cp -a "$2/." "$1/"
cd "$1"
list() { find data reports -type f ! -path '*raw*' -print0 | sort -z | xargs -0 -r md5sum; }
python -B src/ingest.py >/dev/null
list > "$3/before"
mv data/raw/one/more data/raw/one/more.csv
dd if=/dev/zero of=fill bs=4k 2>/dev/null || true
truncate -s -600k fill
code=0
python -B src/ingest.py || code=$?
list > "$3/after"
rm fill
python -B src/ingest.py
exit $code
"""


def test_a_full_disk_is_called_that(tmp_path):
    """It fills up while a file is being read: that is no fault of the file."""
    root, disk = make_project(tmp_path / "project"), tmp_path / "disk"
    disk.mkdir()
    namespace = full_disk(disk)
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    noise = os.urandom(1 << 20).hex()
    (root / RAW / "more").write_bytes(
        rows(*(b"%d,%s,1,yes\n" % (i, noise[40 * i : 40 * i + 40].encode())
               for i in range(10, 40_000)))
    )  # fmt: skip
    contract = root / "configuration/contracts/one.odcs.yaml"
    contract.write_text(contract.read_text().replace("data/raw/one/*", "data/raw/one/*.csv"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*namespace, "sh", "-c", FULL, "sh", str(disk), str(root), str(tmp_path)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "ingest stopped: no space is left on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    before, after = (tmp_path / "before").read_text(), (tmp_path / "after").read_text()
    assert before.count("\n") >= 2
    assert after == before


def test_another_user_is_told_what_may_not_be_read(tmp_path):
    root = make_project(tmp_path / "project")
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (root / RAW / "good.csv").chmod(0)
    done = subprocess.run(
        [*without_privileges(), sys.executable, "-B", "src/ingest.py"],
        cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 1
    assert "good.csv" in done.stderr
    assert "To fix it: make " in done.stderr
    assert "unexpected" not in done.stderr
    assert left_in(root) == []


def left_in(root: Path) -> list[str]:
    """Return what a first run that failed left behind."""
    return [p.name for p in (root / "data").iterdir() if p.name != "raw"]
