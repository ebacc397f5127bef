"""Faults as they happen, each with the level of verify that finds it and what it says."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from world import Case, git

Plant = Callable[[Case], object]
FIT = "src/quickstack/models/modeling/fit.py"


@dataclass(frozen=True)
class Fault:
    """What is planted, the option of verify that finds it, and what it must say."""

    plant: Plant
    says: str
    option: str = ""
    environment: Callable[[Case], dict[str, str]] = lambda case: {}


def add_to(name: str, text: str) -> Plant:
    def plant(case: Case) -> None:
        path = case.path / name
        path.write_bytes(path.read_bytes() + text.encode())

    return plant


def swap(name: str, old: str, new: str, *, settle: bool = False) -> Plant:
    def plant(case: Case) -> None:
        case.clone.change(name, old, new)
        if settle:
            case.settle()

    return plant


def code(script: str, lines: str, anchor: str = "    contract", **files: str) -> Plant:
    """Change a stage's code, and run, commit and push that."""

    def plant(case: Case) -> None:
        for name, text in files.items():
            case.write(name.replace("__", "/").replace("_json", ".json"), text)
        case.add_code(script, lines, anchor)
        case.settle()

    return plant


def stale_lock(case: Case) -> None:
    case.clone.change("params.yaml", "  seed: 0\n  folds", "  seed: 5\n  folds")
    case.clone.commit()


def line_ends(case: Case) -> None:
    path = case.path / FIT
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def raw_pointer(case: Case) -> None:
    case.write("data/raw/extra/a.csv", "a,b\n1,2\n")
    case.clone.run("quickstack", "add", "data/raw/extra")
    case.clone.commit()
    case.push()
    case.write("data/raw/extra/a.csv", "a,b\n1,3\n")


def first(case: Case, pattern: str) -> Path:
    return sorted(case.path.glob(pattern))[0]


def edit_raw(case: Case) -> None:
    path = first(case, "data/raw/sample/*.csv")
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))


def edit_without_cache(case: Case) -> None:
    path = case.path / "models/reference.json"
    path.write_text(path.read_text().replace("0", "1", 1))
    shutil.rmtree(case.path / ".dvc" / "cache")


def other_package(case: Case) -> dict[str, str]:
    """Give an environment in which scikit-learn says that it is another version."""
    folder = case.path.parent / "other-packages"
    info = folder / "scikit_learn-0.1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 0.1\n")
    return {"PYTHONPATH": str(folder)}


def native(case: Case) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), case.path / "docs" / "extra.parquet")
    case.add_code(
        "train", "import pyarrow.parquet as pq\nassert pq.read_table('do' + 'cs/extra.parquet')"
    )
    case.settle()


def forged(case: Case) -> None:
    """Write a better metric into the report, and its hash into the lock."""
    path = case.path / "reports/metrics.json"
    old = hashlib.md5(path.read_bytes()).hexdigest()
    path.write_text(re.sub(r'"roc_auc": 0\.\d', '"roc_auc": 0.9', path.read_text(), count=1))
    new = hashlib.md5(path.read_bytes()).hexdigest()
    assert old != new
    lock = case.path / "dvc.lock"
    lock.write_text(lock.read_text().replace(old, new))
    case.clone.commit()


def lock_by_hand(case: Case) -> None:
    lock = case.path / "dvc.lock"
    md5 = case.clone.outputs()["models/model.skops"]
    lock.write_text(lock.read_text().replace(md5, md5[::-1], 1))


def drop_line(pattern: str) -> Plant:
    """Take a line out of dvc.yaml, run, commit and push."""

    def plant(case: Case) -> None:
        path = case.path / "dvc.yaml"
        text, times = re.subn(pattern, r"\1", path.read_text(), count=1, flags=re.DOTALL)
        assert times == 1
        path.write_text(text)
        case.settle()

    return plant


def into_git(case: Case) -> None:
    name = first(case, "data/interim/*.parquet").relative_to(case.path).as_posix()
    git(case, "add", "--force", name)
    case.clone.commit()


def forgotten_push(case: Case) -> None:
    case.clone.change("params.yaml", "    iterations: 10", "    iterations: 11")
    case.clone.run("dvc", "repro", "--quiet")
    case.clone.commit()


def old_tag(case: Case) -> None:
    """Tag a commit whose model was never pushed, and go on with one whose model was."""
    forgotten_push(case)
    git(case, "tag", "-a", "v1", "-m", "first")
    case.clone.change("params.yaml", "    iterations: 11", "    iterations: 12")
    case.settle()


def model_key(case: Case) -> str:
    return case.objects()[case.clone.outputs()["models/model.skops"]]


def child_key(case: Case) -> str:
    listing = case.clone.outputs()["data/interim"]
    content = (case.path / ".dvc/cache/files/md5" / listing[:2] / listing[2:]).read_bytes()
    return case.objects()[json.loads(content)[0]["md5"]]


def remote(key: Callable[[Case], str], change: Callable[[bytes], bytes] | None) -> Plant:
    """Delete an object of the shared remote, or put other bytes in its place."""

    def plant(case: Case) -> None:
        where = {"Bucket": case.buckets.storage, "Key": key(case)}
        if change is None:
            case.buckets.s3.delete_object(**where)
        else:
            body = case.buckets.s3.get_object(**where)["Body"].read()
            case.buckets.s3.put_object(**where, Body=change(body))

    return plant


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def listing_key(case: Case) -> str:
    return case.objects()[case.clone.outputs()["data/interim"]]


def spoil(expression: str) -> Plant:
    """Let train write a value that differs between runs into its report."""

    def plant(case: Case) -> None:
        path = case.path / "src" / "train.py"
        text = path.read_text(encoding="utf-8")
        old = "write_json(paths.TRAINING, description)"
        assert old in text
        new = f"write_json(paths.TRAINING, {{**description, 'note': {expression}}})"
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")
        case.settle()

    return plant


EXTRA = '{"x": 1}\n'
FAULTS: dict[str, Fault] = {
    "code of a stage changed": Fault(add_to("src/train.py", "# x\n"), "'train'.*src/train.py"),
    "code of a module changed": Fault(add_to(FIT, "X = 1\n"), "'train'.*modeling/fit.py"),
    "parameter changed": Fault(
        swap("params.yaml", "    learning_rate: 0.1", "    learning_rate: 0.2"),
        r"'train'.*train.gradient_boosting.learning_rate \(0.1, now 0.2\)",
    ),
    "stale lock, committed": Fault(stale_lock, r"'train'.*train.seed \(0, now 5\)"),
    "contract changed": Fault(
        add_to("configuration/contracts/sample.odcs.yaml", "# x\n"), "'train'.*sample.odcs.yaml"
    ),
    "requirements changed": Fault(add_to("requirements.txt", "# x\n"), "'train'.*requirements.txt"),
    "another package version": Fault(
        lambda case: None, "environment.*scikit-learn 0.1", environment=other_package
    ),
    "raw data edited": Fault(edit_raw, "data/raw/sample"),
    "raw data of a .dvc file edited": Fault(raw_pointer, "data/raw/extra is not what"),
    "report edited": Fault(
        add_to("reports/metrics.json", "\n"), "'evaluate'.*reports/metrics.json"
    ),
    "output edited, cache empty": Fault(edit_without_cache, "'train'.*models/reference.json"),
    "CRLF line ends": Fault(line_ends, "'train'.*modeling/fit.py"),
    "lock edited by hand": Fault(lock_by_hand, "models/model.skops"),
    "lock and report forged": Fault(forged, "reports/metrics.json: .*roc_auc", "--rerun"),
    "lock left in conflict": Fault(add_to("dvc.lock", "<<<<<<< HEAD\n"), "dvc.lock"),
    "lock deleted": Fault(lambda case: (case.path / "dvc.lock").unlink(), "'train' would run"),
    "command changed": Fault(
        swap("dvc.yaml", "python src/monitor.py", "python src/monitor.py -O"),
        "command of.*'monitor'",
    ),
    "room dropped from deps": Fault(
        drop_line(r"(  train:.*?)      - src/quickstack/models/modeling\n"),
        "train: imports src/quickstack/models/modeling/.*; add src/quickstack/models/modeling to",
    ),
    "room that is not used": Fault(
        swap(
            "dvc.yaml", "- src/train.py\n", "- src/train.py\n      - src/quickstack/data/quality\n"
        ),
        "train: imports nothing of src/quickstack/data/quality; remove",
    ),
    "file dropped from deps": Fault(
        drop_line(r"(  monitor:.*?)      - models/reference.json\n"),
        "monitor: names models/reference.json",
    ),
    "lock of packages dropped from deps": Fault(
        drop_line(r"(  export:.*?)      - requirements.txt\n"), "export: add requirements.txt"
    ),
    "parameter dropped": Fault(
        drop_line(r"(  evaluate:.*?)      - evaluate\n"), "evaluate: reads evaluate; add"
    ),
    "undeclared import": Fault(
        code("train", "import quickstack.models.evaluation.model_card"),
        "train: imports src/quickstack/models/evaluation/model_card",
    ),
    "undeclared import by a made-up name": Fault(
        code(
            "train",
            "import importlib\n"
            "importlib.import_module('quickstack.models.eval' + 'uation.model_card')",
        ),
        "train: reads src/quickstack/models/evaluation; add",
        "--watch",
    ),
    "undeclared file": Fault(
        code("train", "assert open('configuration/extra.json')", configuration__extra_json=EXTRA),
        "train: names configuration/extra.json",
    ),
    "undeclared file by a made-up name": Fault(
        code(
            "train", "assert open('config' + 'uration/extra.json')", configuration__extra_json=EXTRA
        ),
        "train: reads configuration/extra.json; add",
        "--watch",
    ),
    "undeclared file, read by native code": Fault(
        native, "train: reads docs/extra.parquet", "--watch"
    ),
    "undeclared folder": Fault(
        code("train", "import os\nassert os.listdir('do' + 'cs')"),
        "lists the folder docs",
        "--watch",
    ),
    "file outside the repository": Fault(
        code(
            "train",
            "from pathlib import Path\nPath('/srv/x').exists() and open('/srv/x')\n"
            "import contextlib\nwith contextlib.suppress(OSError):\n    open('/srv/prices.csv')",
        ),
        "train: reads /srv/prices.csv, outside",
        "--watch",
    ),
    "undeclared parameter": Fault(
        code(
            "train", "from quickstack.facts.params import ExportParams\nstage.params(ExportParams)"
        ),
        "train: reads export; add",
    ),
    "undeclared parameter, read by hand": Fault(
        spoil("__import__('yaml').safe_load(open('params' + '.yaml')).get('export')"),
        "train: reports/training.json has other bytes",
        "--watch",
    ),
    "written outside outputs": Fault(
        code("train", "open('reports/notes.txt', 'w').close()"),
        "train: writes reports/notes.txt; add",
        "--watch",
    ),
    "written outside outputs by native code": Fault(
        code(
            "train",
            "import pyarrow as pa, pyarrow.parquet as pq\n"
            "pq.write_table(pa.table({'a': [1]}), 'reports/side.parquet')",
        ),
        "train: writes reports/side.parquet; add",
        "--watch",
    ),
    "written to another stage's output": Fault(
        code("evaluate", "open(paths.TRAINING, 'a').close()"),
        "evaluate: writes reports/training.json, which belongs to stage 'train'",
        "--watch",
    ),
    "starts a program": Fault(
        code("train", "import subprocess\nsubprocess.run(['git', '--version'], check=False)"),
        "train: starts the program git",
        "--watch",
    ),
    "connects to a network": Fault(
        code(
            "train",
            "import socket, contextlib\nwith contextlib.suppress(OSError):\n"
            "    socket.create_connection(('192.0.2.1', 80), 0.1)",
        ),
        "train: connects to 192.0.2.1:80",
        "--watch",
    ),
    "not deterministic: chance": Fault(
        spoil("__import__('random').random()"), "reports/training.json: note is", "--rerun"
    ),
    "not deterministic: hash seed": Fault(
        spoil("list(set('abcdefgh'))"), "reports/training.json: note", "--rerun"
    ),
    "not deterministic: time zone": Fault(
        spoil("__import__('time').localtime(0).tm_hour"),
        "reports/training.json: note is",
        "--rerun",
    ),
    "not deterministic: folder": Fault(
        spoil("__import__('os').getcwd()"), "reports/training.json: note differs", "--rerun"
    ),
    "not deterministic: thread count": Fault(
        spoil("__import__('os').environ.get('OMP_NUM_THREADS')"), "training.json: note", "--rerun"
    ),
    "raw data bound to the shared remote": Fault(
        swap(
            "dvc.yaml",
            "      - data/raw/sample:\n          remote: restricted\n",
            "      - data/raw/sample\n",
        ),
        "a push would share data/raw/sample",
    ),
    "secret in the shared configuration": Fault(
        add_to(".dvc/config", "    secret_access_key = abcdefghijklmnop\n"), "restricted .*secret"
    ),
    "output moved into git": Fault(into_git, "git holds data/interim/"),
    "forgotten push": Fault(
        forgotten_push, "storage: models/model.skops .* is missing", "--stored"
    ),
    "forgotten push of a tag": Fault(
        old_tag, "models/model.skops .*needed by v1.* is missing", "--stored"
    ),
    "remote object missing": Fault(
        remote(model_key, None), "model.skops .* is missing", "--stored"
    ),
    "remote file of a folder missing": Fault(
        remote(child_key, None), "data/interim/.* is missing", "--stored"
    ),
    "remote object truncated": Fault(
        remote(model_key, lambda c: c[:100]), "model.skops .* has 100 bytes of", "--stored"
    ),
    "remote file of a folder truncated": Fault(
        remote(child_key, lambda c: c[:100]), "data/interim/.* has other content", "--stored"
    ),
    "remote object corrupted": Fault(
        remote(model_key, flipped), "model.skops .* has other content", "--stored"
    ),
    "remote listing of a folder corrupted": Fault(
        remote(listing_key, flipped), "data/interim .* has other content", "--stored"
    ),
}
