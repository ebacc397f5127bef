"""The workflow of pull requests: its schema, what could be unsafe in it, its steps, its comment."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers import ROOT
from servers import github

PATH = ROOT / ".github" / "workflows" / "pull-request.yml"
WORKFLOW = yaml.safe_load(PATH.read_text(encoding="utf-8"))
STEPS = [(job, step) for job, described in WORKFLOW["jobs"].items() for step in described["steps"]]
COMMENT = ROOT / ".github" / "comment.py"

#: The test that runs each step's command, or one that runs what the make target calls.
EXECUTED = {
    "make verify": "tests/test_readme.py",
    "make run": "tests/test_readme.py",
    "git diff --exit-code": "tests/pipeline/test_reproduces.py",
    "make rerun": "tests/verifying/test_verify.py",
    "make base": "tests/prove/pull_requests.py",
    "make summary": "test_summary_is_on_the_page_and_handed_on",
    "make test": "the run that this test is in, and tests/test_readme.py",
    "make comment": "test_there_is_one_comment_and_it_is_renewed",
}


def run(*command, **environment):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GITHUB_", "MAKE", "MFLAGS"))
    }
    return subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
    )


def tool(name, *arguments):
    done = run(str(Path(sys.executable).with_name(name)), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_step_is_executed_by_a_test():
    assert {step["run"] for _, step in STEPS if "run" in step} == EXECUTED.keys()


def test_the_schema_of_workflows_is_kept():
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(PATH))


def test_nothing_in_it_is_unsafe():
    tool("zizmor", "--offline", "--no-progress", "--persona=pedantic", str(PATH))


def test_the_token_that_may_write_never_meets_the_code_of_a_pull_request():
    writing = {
        name: job
        for name, job in WORKFLOW["jobs"].items()
        if "write" in job.get("permissions", {}).values()
    }
    assert list(writing) == ["comment"]
    job = writing["comment"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    (checkout,) = [step for step in job["steps"] if "uses" in step]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "head.repo.full_name == github.repository" in job["if"]
    # No secret is named at all, and the token is given to this one step.
    assert "secrets." not in PATH.read_text(encoding="utf-8")
    given = [(name, step["run"]) for name, step in STEPS if "github.token" in str(step)]
    assert given == [("comment", "make comment")]
    # `pull_request_target` and `workflow_run` would give a fork's event this repository's token.
    assert set(WORKFLOW[True]) == {"pull_request", "push"}


def test_no_step_writes_an_expression_into_a_command():
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_each_checkout_leaves_no_credential():
    checkouts = [s for _, s in STEPS if s.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(WORKFLOW["jobs"])
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.fixture
def pull_request():
    with github.running(github.GitHub()) as service:
        yield service


def comment(service, text):
    encoded = base64.b64encode(text.encode()).decode()
    return run("make", "comment", **service.environment(encoded))


def test_there_is_one_comment_and_it_is_renewed(pull_request):
    mark = "<!-- quickstack summary -->"
    for number in range(150):  # on the second page
        pull_request.add(f"what somebody says {number}", "User")
    pull_request.add(f"{mark} what somebody pretends", "User")
    others = [c["body"] for c in pull_request.comments]
    assert comment(pull_request, f"{mark}\nbetter, $(touch x) `y` ä").stdout == "commented\n"
    assert comment(pull_request, f"{mark}\nworse").stdout == "renewed the comment\n"
    assert [c["body"] for c in pull_request.comments] == [*others, f"{mark}\nworse"]
    comment(pull_request, f"{mark}\n{'x' * 70_000}")
    assert len(pull_request.comments[-1]["body"]) == 65_000


def test_a_token_that_may_not_write_gets_a_sentence(pull_request):
    pull_request.may_write = False
    done = comment(pull_request, "text")
    assert done.returncode == 0
    assert "may not comment" in done.stdout
    assert pull_request.comments == []


def test_summary_is_on_the_page_and_handed_on(tmp_path):
    page, handed = tmp_path / "page", tmp_path / "output"
    page.write_text("what other steps said\n")
    given = {"GITHUB_STEP_SUMMARY": str(page), "GITHUB_OUTPUT": str(handed), "BASE": "HEAD"}
    # The recipe as it stands, with a command that prints what `quickstack summary` would.
    program = tmp_path / "quickstack"
    program.write_text('#!/bin/sh\necho "<!-- mark --> $1 $2 $3 ä"\n')
    program.chmod(0o755)
    recipe = run("make", "--dry-run", "summary", **given).stdout
    lines = [line for line in recipe.splitlines() if not line.startswith(("touch", 'echo "Making'))]
    script = "\n".join(lines[lines.index("mkdir -p .quickstack") :])
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env=os.environ | given | {"PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = "<!-- mark --> summary HEAD --dashboard ä\n"
    assert done.stdout == expected
    assert page.read_text(encoding="utf-8") == f"what other steps said\n{expected}"
    (encoded,) = re.findall(r"^summary=(\S+)$", handed.read_text(), re.MULTILINE)
    assert base64.b64decode(encoded).decode() == expected
