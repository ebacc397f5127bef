"""A model of the team's own: a candidate by being there, and what is said of one that is wrong."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from examples import write
from helpers import ROOT
from modeling.cases import make_contract, make_table
from quickstack.facts.errors import ModelError, ParameterError
from quickstack.facts.params import ComputeParams, read_params
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import describe, fit
from quickstack.models.modeling.model_file import load_model, save_model
from quickstack.models.modeling.predict import predict, score_rows
from quickstack.models.tuning.search_space import read_search_space
from quickstack.runtime.compute.partition_map import map_partitions

GUIDE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)
FILE = "src/models/extra_trees.py"
CHOSEN = "train:\n  model: extra_trees\n  seed: 0\n  folds: 0\n"

#: Its own class holds what it learned, so the model file names that class.
CLIPPED = """\
from pydantic import BaseModel
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

TRUSTED_TYPES = ("models.clipped.Clip",)

class Params(BaseModel):
    share: float = 0.05

class Clip(TransformerMixin, BaseEstimator):
    def __init__(self, share=0.0):
        self.share = share
    def fit(self, X, y=None):
        self.low_ = X[["fee"]].quantile(self.share).to_numpy()
        return self
    def transform(self, X):
        return X[["fee"]].fillna(0).clip(lower=self.low_).to_numpy()

def build(params, context):
    return make_pipeline(Clip(params.share), LogisticRegression())
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Work in a folder with the example of the guide and parameters that choose it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / FILE, EXAMPLE)
    write(tmp_path / "params.yaml", CHOSEN)
    return tmp_path


def trained(root: Path, task: str = "binary"):
    """Fit, save and load the model that the parameters choose."""
    contract, table = make_contract(task), make_table(task)
    params = read_params(TrainParams, root / "params.yaml")
    pipeline = fit(table, contract, params)
    save_model(root / "model.skops", pipeline, describe(contract, params, {}, None))
    return pipeline, load_model(root / "model.skops")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_example_of_the_guide_is_trained_saved_and_loaded(project, task):
    pipeline, model = trained(project, task)
    frame = feature_frame(make_table(task), features(make_contract(task)))
    before, after = (score_rows(each, frame, task) for each in (pipeline, model.pipeline))
    assert before.tobytes() == after.tobytes()
    assert model.metadata["model"] == "extra_trees"
    assert model.metadata["settings"] == {"seed": 0, "trees": 100, "max_features": 0.5}
    assert len(predict(model, make_table(task))) == 600
    content = (project / "model.skops").read_bytes()
    trained(project, task)
    assert (project / "model.skops").read_bytes() == content


def test_a_class_of_the_file_itself_is_saved_and_loaded(project):
    write(project / "src/models/clipped.py", CLIPPED)
    write(project / "params.yaml", CHOSEN.replace("extra_trees", "clipped"))
    _, model = trained(project)
    assert type(model.pipeline[0]).__module__ == "models.clipped"
    assert model.pipeline[0].share == 0.05


def test_a_cluster_s_workers_need_no_copy_of_the_file(project, tmp_path_factory, monkeypatch):
    write(project / "src/models/clipped.py", CLIPPED)
    write(project / "params.yaml", CHOSEN.replace("extra_trees", "clipped"))
    _, model = trained(project)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        compute = ComputeParams(workers=1, scheduler_address=cluster.scheduler_address)
        (found,) = map_partitions(partial(predict, model), [make_table()], compute)
    assert found.equals(predict(model, make_table()))


def test_its_parameters_stand_in_params_yaml_and_wrong_ones_get_their_line(project):
    write(project / "params.yaml", CHOSEN + "  extra_trees:\n    trees: 7\n")
    assert read_params(TrainParams, project / "params.yaml").settings.trees == 7
    for line, sentence in (
        ("trees: many", "params.yaml:6: 'train.extra_trees.trees': input should be a valid"),
        ("tree: 7", "params.yaml:6: 'train.extra_trees.tree' is unknown; remove it"),
    ):
        write(project / "params.yaml", CHOSEN + f"  extra_trees:\n    {line}\n")
        with pytest.raises(ParameterError, match=re.escape(sentence)):
            read_params(TrainParams, project / "params.yaml")


def test_a_parameter_without_a_default_is_needed_where_the_model_is_chosen(project):
    write(project / FILE, EXAMPLE.replace("default=100, ", ""))
    with pytest.raises(ParameterError, match=r"'train\.extra_trees' is missing; add it"):
        read_params(TrainParams, project / "params.yaml")
    write(project / "params.yaml", CHOSEN.replace("extra_trees", "baseline"))
    assert read_params(TrainParams, project / "params.yaml").model == "baseline"


def test_a_sweep_may_search_its_parameters(project):
    def declared(low):
        text = f"parameters:\n  train.extra_trees.trees: {{low: {low}, high: 30}}\n"
        return read_search_space(write(project / "sweep.yaml", text), project / "params.yaml")

    assert declared(10).integers == {"train.extra_trees.trees"}
    assert declared(10).default["train.extra_trees.trees"] == 100
    with pytest.raises(ParameterError, match=r"sweep.yaml:2: .* greater than or equal to 1"):
        declared(0)


WRONG = {
    "no Python": ("x = (\n", 1, "this is not Python"),
    "raises": ("a = 1\nb = 1 / 0\n", 2, "importing it raises ZeroDivisionError"),
    "package": ("\nimport lightgbn\n", 2, "'lightgbn', which is not installed"),
    "no parameters": ("def build(params, context): ...\n", 1, "no class `Params`"),
    "parameters of another kind": ("\nclass Params: ...\n", 2, "no class `Params`"),
    "no builder": (EXAMPLE.replace("def build(", "def make("), 1, "no function `build`"),
    "another builder": (EXAMPLE.replace("context: Context", "*, x"), 20, "of two arguments"),
    "types": (EXAMPLE.replace('("numpy.dtype", ', '("a" + '), 12, "`TRUSTED_TYPES` is not a tuple"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_candidate_gets_a_sentence_with_its_line(project, name):
    text, line, sentence = WRONG[name]
    write(project / FILE, text)
    with pytest.raises(ModelError, match=re.escape(sentence)) as caught:
        read_params(TrainParams, project / "params.yaml")
    assert caught.value.where == f"{FILE}:{line}"
    assert caught.value.exit_code == 1
    assert caught.value.fix


@pytest.mark.parametrize("name", ["linear", "seed", "candidates", "my-model"])
def test_a_name_that_cannot_be(project, name):
    write(project / f"src/models/{name}.py", EXAMPLE)
    with pytest.raises(ModelError, match=f"'{name}' is .*rename the file") as caught:
        read_params(TrainParams, project / "params.yaml")
    assert caught.value.where == f"src/models/{name}.py:1"


def test_a_file_that_begins_with_an_underscore_is_no_candidate(project):
    write(project / "src/models/_draft.py", "1 / 0")
    assert set(read_params(TrainParams, project / "params.yaml").candidates) >= {"extra_trees"}


@pytest.mark.parametrize(("task", "returned"), [("binary", "Ridge()"), ("regression", "'tree'")])
def test_a_builder_that_returns_no_estimator_for_the_task(project, task, returned):
    text = EXAMPLE.replace("return make_pipeline(columns, model)", f"return {returned}")
    write(project / FILE, "from sklearn.linear_model import Ridge\n" + text)
    with pytest.raises(ModelError, match=r"`build` returns a (Ridge|str) without") as caught:
        trained(project, task)
    assert caught.value.where == f"{FILE}:21"


def test_types_that_are_not_declared_are_neither_written_nor_read(project):
    trained(project)
    before = (project / "model.skops").read_bytes()
    write(project / FILE, EXAMPLE.replace(', "sklearn.tree._tree.Tree"', ", "))
    with pytest.raises(ModelError, match=r"not declared: sklearn\.tree\._tree\.Tree") as caught:
        trained(project)
    assert caught.value.where == f"{FILE}:12"
    assert (project / "model.skops").read_bytes() == before
    with pytest.raises(ModelError, match=r"not trusted: sklearn\.tree\._tree\.Tree"):
        load_model(project / "model.skops")
    (project / FILE).unlink()
    with pytest.raises(ModelError, match="there is no candidate 'extra_trees'") as caught:
        load_model(project / "model.skops")
    assert caught.value.where == FILE
