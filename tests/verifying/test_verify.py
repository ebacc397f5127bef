"""Small faults of each kind in a real pipeline; `make prove-faults` plants many more."""

from __future__ import annotations

import shutil
import sys

import pytest

from examples import write


def add(project, script, lines):
    path = project.root / "src" / f"{script}.py"
    path.write_text(path.read_text(encoding="utf-8") + lines, encoding="utf-8")
    project.settle()


def test_a_clean_state_is_silent_at_every_level(project):
    found = project.verify("--watch", "--rerun", "--deep")
    assert [(level, status) for level, status, _ in found] == [
        (level, "ok")
        for level in (
            "declared",
            "restricted",
            "secrets",
            "environment",
            "plan",
            "watched",
            "rerun",
            "stored",
        )
    ]


def test_what_is_not_declared_is_named_by_running(project):
    add(
        project,
        "two",
        "import os, subprocess, socket, contextlib\n"
        "with contextlib.suppress(OSError):\n"
        "    open('doc' + 's/extra.txt').close()\n"
        "os.system('exit 0')\n"
        "open('side.txt', 'w').close()\n"
        "with contextlib.suppress(OSError):\n"
        "    socket.create_connection(('192.0.2.1', 9), 0.01)\n",
    )
    assert project.problems() == []
    problems = project.problems("--watch")
    assert "two: reads docs/extra.txt; add `- docs/extra.txt` to its deps in dvc.yaml" in problems
    assert "two: writes side.txt; add `- side.txt` to its outs in dvc.yaml" in problems
    assert "two: connects to 192.0.2.1:9; bring the data in by `quickstack land`" in problems
    assert any("two: starts the program" in problem for problem in problems)


def test_a_room_that_is_not_declared_is_named_by_running(project):
    write(project.root / "src" / "quickstack" / "__init__.py", "x = 1\n")
    for name in ("data/__init__", "data/interim/tables", "data/quality/checks"):
        write(project.root / "src" / "quickstack" / f"{name}.py", '"""A docstring."""\n')
    lines = "import importlib\nimport quickstack.data.interim.tables\n"
    add(project, "two", lines + "importlib.import_module('quickstack.data.qual' + 'ity.checks')\n")
    project.run("quickstack", "verify", "--fix", check=False)
    project.settle()
    assert project.problems() == []
    room = "src/quickstack/data/quality"
    named, failed = project.problems("--watch")
    assert named == f"two: reads {room}; add `- {room}` to its deps in dvc.yaml"
    assert failed.startswith("two: failed with nothing but what it declares")
    # What is declared is enough, without the `__init__.py` of the group.
    script = project.root / "src" / "two.py"
    text = script.read_text(encoding="utf-8")
    write(
        script,
        text.replace("'quickstack.data.qual' + 'ity.checks'", "'quickstack.data.interim.tables'"),
    )
    project.settle()
    assert project.problems("--watch") == []


def test_bytecode_and_folders_that_are_gone_again_are_no_problem(project):
    write(project.root / "src" / "helper.py", "")
    write(project.root / ".gitignore", "__pycache__/\n")
    script = project.root / "src" / "one.py"
    lines = "import helper, shutil\n(folder / 'work' / 'inner' / 'most').mkdir(parents=True)\n"
    lines += "(folder / 'work' / 'file').touch()\nshutil.rmtree(folder / 'work')\n"
    write(script, script.read_text(encoding="utf-8") + lines)
    project.run("quickstack", "verify", "--fix", check=False)
    project.settle()
    project.run(sys.executable, "-m", "compileall", "-q", "src")
    assert project.problems("--watch") == []


@pytest.mark.long
def test_native_code_cannot_read_what_is_not_declared(project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), project.root / "docs" / "extra.parquet")
    add(project, "two", "import pyarrow.parquet as pq\npq.read_table('doc' + 's/extra.parquet')\n")
    assert project.problems() == []
    assert any("reads docs/extra.parquet" in problem for problem in project.problems("--watch"))


def test_chance_is_found_by_running_again_and_changes_must_be_committed(project):
    add(
        project,
        "two",
        "import json, os\n"
        "text = json.dumps({'rows': 3, 'note': os.getcwd(), 'value': os.getpid() / 7})\n"
        "pathlib.Path('reports/quality.json').write_text(text)\n",
    )
    assert project.problems() == []
    problems = project.problems("--rerun")
    assert "reports/quality.json: note differs" in problems
    assert any(problem.startswith("reports/quality.json: value is ") for problem in problems)
    write(project.root / "requirements.txt", "# changed\n")
    assert any("commit or stash them" in problem for problem in project.problems("--rerun"))


def test_what_is_missing_truncated_or_corrupted_in_a_remote_is_found_and_put_back(project):
    status = ("dvc", "status", "--cloud", "--json")
    *_, listing = project.objects()
    files = [path for path in project.objects() if not path.name.endswith(".dir")]
    kept = {path: path.read_bytes() for path in project.objects()}
    files[0].chmod(0o644)
    files[0].unlink()
    assert project.run(*status).stdout.strip() == "{}", "DVC itself sees it"
    (problem,) = project.problems("--stored")
    assert "data/raw/sample/a.csv" in problem
    assert "is missing" in problem
    listing.chmod(0o644)
    listing.write_bytes(listing.read_bytes()[:-1] + b"!")
    problems = project.problems("--stored")
    assert any("data/raw/sample (" in d and "has other content" in d for d in problems)
    repaired = project.verify("--repair")
    assert ("stored", "note", "2 objects were put back from this cache") in repaired
    assert {path: path.read_bytes() for path in project.objects()} == kept
    assert project.problems("--deep") == []


def test_git_pushes_no_commit_whose_data_were_not_pushed(project, tmp_path):
    project.run("git", "init", "--quiet", "--bare", str(tmp_path / "hub"))
    project.run("git", "remote", "add", "hub", str(tmp_path / "hub"))
    project.run("quickstack", "hooks")
    project.run("git", "push", "--quiet", "hub", "main")
    write(project.root / "params.yaml", "dataset: sample\nsample:\n  rows: 4\n")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "commit", "--quiet", "-a", "-m", "more")
    refused = project.run("git", "push", "--quiet", "hub", "main", check=False)
    assert refused.returncode != 0
    assert "restricted: data/raw/sample" in refused.stderr
    assert "To fix it: quickstack push, then push again." in refused.stderr
    project.run("quickstack", "push", "--quiet")
    project.run("git", "push", "--quiet", "hub", "main")
    # A key in a commit is refused, although a later one takes it out.
    secret = write(project.root / "run.sh", "aws_secret_access_key = correcthorse12\n")
    project.run("git", "add", "run.sh")
    project.run("git", "commit", "--quiet", "-m", "oops")
    problems = project.problems()
    assert {problem.partition(":")[0] for problem in problems} == {"workspace", "git"}
    assert "workspace: run.sh: an S3 secret" in " ".join(problems)
    secret.unlink()
    project.run("git", "commit", "--quiet", "-a", "-m", "taken out")
    refused = project.run("git", "push", "--quiet", "hub", "main", check=False)
    assert refused.returncode != 0
    assert "an S3 secret" in refused.stderr
    assert "correcthorse12" not in refused.stderr
    project.run("git", "reset", "--quiet", "--hard", "HEAD~2")
    # A colleague who has neither raw data nor access to them can push.
    shutil.rmtree(project.root.parent / "restricted")
    shutil.rmtree(project.root / ".dvc" / "cache")
    project.run("git", "commit", "--quiet", "--allow-empty", "-m", "words")
    project.run("git", "push", "--quiet", "hub", "main")


def test_a_hook_of_somebody_else_stays(project):
    hook = write(project.root / ".git" / "hooks" / "pre-push", "#!/bin/sh\nexit 0\n")
    refused = project.run("quickstack", "hooks", check=False)
    assert refused.returncode == 1
    assert "hooks --check" in refused.stderr
    assert hook.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize("name", ["data/raw/sample/a.csv"])
def test_an_output_that_git_holds_is_named(project, name):
    project.run("git", "add", "--force", name)
    assert project.problems() == [f"git holds {name}, which DVC keeps; git rm --cached {name}"]


LEAVING_RECORDS = """\
from quickstack.runtime.running.previous_outputs import keep_outputs
from quickstack.runtime.running.run_records import recorded
with recorded("two"):
    {body}
    keep_outputs("two")
"""


def test_after_a_kill_restore_and_repro_run_nothing_that_was_done(project):
    """A kill cut the lock of two finished stages; DVC's run-cache knows only the first."""
    root = project.root
    body = (root / "src/two.py").read_text().replace("\n", "\n    ")
    write(root / "src/two.py", LEAVING_RECORDS.format(body=body))
    write(root / "params.yaml", "dataset: sample\nsample:\n  rows: 5\n")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "reset", "--quiet")
    lock = (root / "dvc.lock").read_text()
    for command, part in ((("restore", "--locks"), 0.9), (("verify",), 0.4)):
        write(root / "dvc.lock", lock[: int(len(lock) * part)])
        write(root / ".dvc/tmp/rwlock", "")
        write(root / ".git/index.lock", "")
        said = project.run("quickstack", *command, check=False)
        assert "dvc.lock was cut short" in said.stderr
        assert ".dvc/tmp/rwlock was left" in said.stderr
        assert ".git/index.lock was left" in said.stderr
        assert said.returncode == 0 or command == ("verify",), said.stdout + said.stderr
        again = project.run("dvc", "repro")
        assert "Running stage" not in again.stdout, said.stderr
        assert (root / "dvc.lock").read_text() == lock
        project.run("git", "reset", "--quiet")


def test_a_result_that_was_changed_since_is_not_taken_for_a_finished_one(project):
    root = project.root
    body = (root / "src/two.py").read_text().replace("\n", "\n    ")
    write(root / "src/two.py", LEAVING_RECORDS.format(body=body))
    project.run("dvc", "repro", "--quiet")
    project.run("git", "reset", "--quiet")
    write(root / "reports/quality.json", "{}")
    write(root / "dvc.lock", "")
    project.run("quickstack", "restore")
    assert "Running stage 'two'" in project.run("dvc", "repro").stdout
    assert (root / "reports/quality.json").read_text() == '{"rows": 3}'
