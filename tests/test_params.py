from __future__ import annotations

import pytest

from examples import write
from helpers import ROOT
from quickstack.facts import params as sections
from quickstack.facts.errors import ParameterError
from quickstack.facts.params import SECTION_OF_CLASS, ComputeParams, read_dataset, read_params
from quickstack.models.modeling.candidates import TrainParams

#: Of a team's own, whatever stands in this repository's file.
TEXT = """\
dataset: sample

train:
  model: gradient_boosting
  seed: 0
  folds: 5
  linear:
    regularization: 1.0
  random_forest:
    trees: 200
    min_samples_leaf: 10
  gradient_boosting:
    learning_rate: 0.1
    iterations: 200
    max_leaf_nodes: 15
    min_samples_leaf: 20
    l2_regularization: 0
"""


@pytest.mark.parametrize("name", SECTION_OF_CLASS)
def test_every_section_of_the_repository_is_right(name):
    section = TrainParams if name == "TrainParams" else getattr(sections, name)
    params = read_params(section, ROOT / "params.yaml")
    with pytest.raises(Exception, match="frozen"):
        params.anything = 1


def test_the_dataset_is_named(tmp_path):
    assert read_dataset(write(tmp_path / "params.yaml", TEXT)) == "sample"


CASES = [
    ("  model: gradient_boosting", "  modell: gradient_boosting", "'train.modell' is unknown"),
    ("  model: gradient_boosting", "  # ", "'train.model' is missing"),
    ("model: gradient_boosting", "model: perceptron", "'train.model': input should be"),
    ("seed: 0\n  folds", "seed: -1\n  folds", "'train.seed': input should be greater"),
    ("trees: 200", "trees: many", "'train.random_forest.trees': input should be a valid integer"),
    ("    trees: 200", "    depth: 3", "'train.random_forest.depth' is unknown"),
    ("\ntrain:", "\ntraining:", "'training' is not a section"),
    ("dataset: sample", "dataset: [sample", "this is not YAML"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), CASES, ids=[c[2] for c in CASES])
def test_a_wrong_parameter_gets_a_sentence_with_its_line(tmp_path, old, new, sentence):
    assert old in TEXT
    path = write(tmp_path / "params.yaml", TEXT.replace(old, new, 1))
    with pytest.raises(ParameterError) as caught:
        read_params(TrainParams, path)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2
    assert f"{path}:" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n"])
def test_a_file_that_holds_no_parameters_is_refused(tmp_path, text):
    with pytest.raises(ParameterError, match="holds no parameters"):
        read_dataset(write(tmp_path / "params.yaml", text))


def test_a_missing_file_or_dataset_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="root of the repository"):
        read_dataset(tmp_path / "params.yaml")
    with pytest.raises(ParameterError, match="`dataset` is missing"):
        read_dataset(write(tmp_path / "params.yaml", "train: {}\n"))


def test_the_address_of_a_cluster_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    found = read_params(ComputeParams, ROOT / "params.yaml")
    assert found.scheduler_address == "tcp://127.0.0.1:8786"
