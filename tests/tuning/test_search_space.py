"""The file of ranges: what it may say, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import ROOT
from quickstack.facts.errors import ParameterError
from quickstack.models.tuning.search_space import read_search_space

RATE = "train.gradient_boosting.learning_rate"
LEAVES = "train.gradient_boosting.max_leaf_nodes"


def read(tmp_path: Path, text: str):
    path = tmp_path / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return read_search_space(path, ROOT / "params.yaml")


def test_the_file_that_comes_with_the_repository_is_right():
    space = read_search_space(ROOT / "configuration" / "sweep.yaml", ROOT / "params.yaml")
    model = space.default["train.model"]
    assert all(name.startswith(f"train.{model}.") for name in space.ranges)
    assert LEAVES in space.integers
    assert RATE not in space.integers


def test_the_digest_tells_ranges_apart_and_not_their_order(tmp_path):
    one, other = f"  {RATE}: {{low: 0.1, high: 1}}\n", f"  {LEAVES}: {{low: 2, high: 9}}\n"
    first = read(tmp_path, f"parameters:\n{one}{other}").digest
    assert read(tmp_path, f"search: bayesian\nparameters:\n{other}{one}").digest == first
    assert read(tmp_path, f"seed: 1\nparameters:\n{one}{other}").digest != first
    assert read(tmp_path, f"parameters:\n{one}").digest != first


# What the file says below `parameters:`, and the sentence about its second line.
WRONG = {
    f"{RATE}: {{low: 0.3, high: 0.3}}": "`low` is not below `high`",
    f"{RATE}: {{low: 0, high: 1}}": f"'{RATE}': input should be greater than 0",
    f"{RATE}: {{low: 0.1}}": "write `low` and `high`, or `choices`",
    f"{RATE}: {{low: 0.1, high: 1, chioces: [1]}}": f"'parameters.{RATE}.chioces' is unknown",
    f"{RATE}: {{low: -1, high: 1, log: true}}": "`log` needs a `low` above 0, and no `step`",
    f"{RATE}: {{low: 0.1, high: 1, step: 2}}": "`step` is larger than the range",
    f"{RATE}: {{low: 0.1, high: .inf}}": "finite number",
    f"{RATE}: {{choices: [0.1, 0.1]}}": "a choice occurs twice",
    f"{RATE}: {{choices: [0.1, fast]}}": f"'{RATE}': input should be a valid number",
    f"{RATE}: {{choices: [0.1], low: 1}}": "`choices` stand alone",
    f"{LEAVES}: {{low: 1, high: 9}}": f"'{LEAVES}': input should be greater than or equal to 2",
    f"{LEAVES}: {{low: 2, high: 9.5}}": f"'{LEAVES}': `high` is no whole number",
    "train.folds: {low: 2, high: 9}": "'train.folds' changes what trials are compared on",
    "train.gradient_boosting.depth: {low: 2, high: 9}": "cannot be searched",
    "sample.rows: {low: 2400, high: 9000}": "'sample.rows' cannot be searched",
    "train.linear.regularization: {low: 1, high: 9}": "has no effect: no trial has that model",
    "train.model: {low: 1, high: 9}": "'train.model' has no numbers; write `choices`",
    "train.model: {choices: [linear, forest]}": "'train.model': input should be 'baseline'",
}


@pytest.mark.parametrize("line", list(WRONG))
def test_what_cannot_be_searched_is_refused_with_its_line(tmp_path, line):
    with pytest.raises(ParameterError) as caught:
        read(tmp_path, f"parameters:\n  {line}\n")
    assert caught.value.exit_code == 2
    sentence = caught.value.sentence()
    assert "sweep.yaml:2: " in sentence
    assert WRONG[line] in sentence


def test_all_mistakes_come_at_once(tmp_path):
    text = f"parameters:\n  train.x: {{low: 1, high: 2}}\n  {LEAVES}: {{low: 1, high: 2}}\n"
    with pytest.raises(ParameterError, match=r"sweep.yaml:2: .*\n.*sweep.yaml:3: "):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["", "parameters: {}\n", "a: [\n", "- 1\n", "serach: random\n"])
def test_no_file_of_ranges(tmp_path, text):
    with pytest.raises(ParameterError, match=r"sweep\.yaml"):
        read(tmp_path, text)
    with pytest.raises(ParameterError, match="there is no such file"):
        read_search_space(tmp_path / "none.yaml", ROOT / "params.yaml")
