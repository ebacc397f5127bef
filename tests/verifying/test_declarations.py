from __future__ import annotations

import pytest
import yaml

from examples import write
from helpers import ROOT
from quickstack.facts.errors import QuickstackError
from quickstack.guard.verifying.declarations import (
    declared_stages,
    rewrite_deps,
    undeclared_sentences,
)

PIPELINE = """\
stages:
  one:
    cmd: python src/one.py
    deps:
      # kept
      - requirements.txt
      - data/in.csv
    outs:
      - out
  two:
    cmd: python src/two.py
    deps:
      - src/one.py
      - requirements.txt
"""


@pytest.fixture
def project(tmp_path):
    write(tmp_path / "src" / "one.py", "import helper\nopen('data/in.csv')\nopen('out')\n")
    write(tmp_path / "src" / "two.py", "")
    write(tmp_path / "src" / "helper.py", "")
    write(tmp_path / "dvc.yaml", PIPELINE)
    return tmp_path


def test_the_deps_of_every_stage_are_what_its_script_imports():
    assert undeclared_sentences(ROOT) == []
    assert [stage.name for stage in declared_stages(ROOT)] == [
        "sample",
        "ingest",
        "train",
        "evaluate",
        "monitor",
        "export",
    ]


def test_missing_and_superfluous_modules_are_named(project):
    assert undeclared_sentences(project) == [
        "one: imports src/helper.py; add it to deps",
        "one: imports src/one.py; add it to deps",
        "two: imports src/two.py; add it to deps",
        "two: imports nothing of src/one.py; remove it",
    ]


LIBRARY = {
    "__init__.py": "import sys\n",
    "facts/__init__.py": '"""A docstring alone runs nothing."""\n',
    "facts/errors.py": "",
    "facts/contract/loading.py": "from quickstack.facts import errors\n",
    "data/__init__.py": '"""A docstring alone runs nothing."""\n',
    "data/readers/__init__.py": '"""A docstring alone runs nothing."""\n',
    "data/readers/csv.py": "from quickstack.facts.contract import loading\nfrom . import deep\n",
    "data/readers/deep/__init__.py": "x = 1\n",
    "data/quality/checks.py": "",
}


@pytest.fixture
def library(project):
    for name, text in LIBRARY.items():
        write(project / "src" / "quickstack" / name, text)
    write(project / "src" / "one.py", "import quickstack.data.readers.csv\n")
    return project


def test_modules_of_the_library_are_declared_by_their_rooms(library):
    assert undeclared_sentences(library)[:4] == [
        "one: imports src/one.py; add it to deps",
        "one: imports src/quickstack/__init__.py; add it to deps",
        "one: imports src/quickstack/data/readers/csv.py; add src/quickstack/data/readers to deps",
        "one: imports src/quickstack/facts/contract/loading.py; add src/quickstack/facts to deps",
    ]
    assert rewrite_deps(library)
    document = yaml.safe_load((library / "dvc.yaml").read_text(encoding="utf-8"))
    declared = document["stages"]["one"]["deps"]
    assert [dep for dep in declared if dep.startswith("src/")] == [
        "src/one.py",
        "src/quickstack/__init__.py",
        "src/quickstack/data/readers",
        "src/quickstack/facts",
    ]
    write(library / "src/quickstack/data/readers/excel.py", "")
    write(library / "src/quickstack/data/readers/csv.py", "import quickstack.data.readers.excel\n")
    write(library / "src/one.py", "import quickstack.data.readers.csv, quickstack.facts.errors\n")
    assert not rewrite_deps(library)


def test_a_room_of_which_nothing_is_imported_is_named(library):
    assert rewrite_deps(library)
    write(library / "src" / "one.py", "import quickstack.facts.errors, quickstack.data.quality\n")
    assert "one: imports nothing of src/quickstack/data/readers; remove it" in undeclared_sentences(
        library
    )
    write(library / "src" / "one.py", "import quickstack.data.quality.checks\n")
    assert rewrite_deps(library)
    text = (library / "dvc.yaml").read_text(encoding="utf-8")
    assert "src/quickstack/data/quality\n" in text
    assert "src/quickstack/data/readers" not in text


def test_modules_of_a_declared_folder_beside_the_library_count_as_the_stages_own(library):
    write(library / "src" / "models" / "ours.py", "import quickstack.data.quality.checks\n")
    write(library / "src" / "one.py", "folder = 'src/models/ours.py'\nopen('data/in.csv', 'out')\n")
    deps = "      - data/in.csv\n"
    write(library / "dvc.yaml", PIPELINE.replace(deps, f"{deps}      - src/models\n", 1))
    assert rewrite_deps(library)
    assert undeclared_sentences(library) == []
    text = (library / "dvc.yaml").read_text(encoding="utf-8")
    assert text.index("src/quickstack/data/quality\n") < text.index("  two:")
    assert "      - src/models\n" in text


def test_rewriting_declares_them_and_keeps_the_rest(project):
    assert rewrite_deps(project)
    assert undeclared_sentences(project) == []
    text = (project / "dvc.yaml").read_text(encoding="utf-8")
    assert "# kept" in text
    assert "- data/in.csv" in text
    assert not rewrite_deps(project)


def test_the_lock_of_the_environment_must_be_declared(project):
    write(project / "dvc.yaml", PIPELINE.replace("      - requirements.txt\n", ""))
    assert "one: add requirements.txt to deps" in undeclared_sentences(project)


def test_files_and_parameters_are_those_that_the_code_names(project):
    write(
        project / "src" / "two.py",
        "from quickstack import paths\n"
        "from quickstack.models.modeling.candidates import TrainParams\n"
        "def main(stage):\n"
        "    stage.contract(), stage.params(TrainParams), stage.compute\n"
        "    open(paths.MODEL), open('models/extra.json'), Path(__file__).parent / 'templates'\n",
    )
    write(project / "models" / "extra.json", "{}")
    write(project / "dvc.yaml", PIPELINE + "      - models/old.json\n    params:\n      - export\n")
    assert rewrite_deps(project)
    assert undeclared_sentences(project) == [
        "two: names configuration/contracts/${dataset}.odcs.yaml; add it to deps or outs",
        "two: names models/extra.json; add it to deps or outs",
        "two: names models/model.skops; add it to deps or outs",
        "two: names src/templates; add it to deps or outs",
        "two: no code names models/old.json; remove it from deps",
    ]
    document = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))
    assert document["stages"]["two"]["params"] == ["dataset", "train"]
    write(project / "src" / "two.py", "")
    assert rewrite_deps(project)
    document = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))
    assert "params" not in document["stages"]["two"]


@pytest.mark.parametrize("command", ["python -m train", "train", "python src/none.py", "sh x.sh"])
def test_a_command_that_runs_no_script_is_refused(project, command):
    write(project / "dvc.yaml", PIPELINE.replace("python src/one.py", command))
    with pytest.raises(QuickstackError, match="runs no script of this repository"):
        declared_stages(project)
