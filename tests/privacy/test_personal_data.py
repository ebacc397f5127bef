"""Lower bounds for what detection and echo find on real test data; see benchmarks/personal_data."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from helpers import ROOT, real_data

# Recall at least this, with the column's name told; precision is 1 except where written.
NAMED = {"email": 1, "phone": 0.99, "iban": 1, "card": 0.99, "ip": 1, "mac": 1, "national_id": 0.97}
BLIND = {"email": 1, "phone": 0.88, "iban": 1, "card": 0.86, "ip": 0.99, "mac": 1, "national_id": 0}
TEXTS = {"email": 1, "phone": 0.98, "iban": 1, "card": 0.99, "ip": 1, "national_id": 1}


@pytest.fixture(scope="module")
def benchmark():
    path = ROOT / "benchmarks" / "personal_data.py"
    spec = importlib.util.spec_from_file_location("personal_data", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["personal_data"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("named", "least"), [(True, NAMED), (False, BLIND)])
def test_columns(benchmark, named, least):
    scores = benchmark.measure_columns(real_data("pii"), benchmark.ours, named=named, most=None)
    for kind, recall in least.items():
        assert scores[kind].recall >= recall, kind
        # One South African number among the national ids is a valid card number as well.
        assert scores[kind].found - scores[kind].right <= (kind == "card"), kind


#: Recall on whole columns whose headers say nothing.
UNSAID = {"name": 0.8, "phone": 1, "card": 1, "iban": 1, "email": 1}


@pytest.mark.parametrize("mode", ["plain", "translated", "nothing"])
def test_whole_columns_without_a_hard_negative(benchmark, mode):
    scores, wrong = benchmark.measure_whole(real_data("pii"), mode, most=60)
    assert wrong == []
    for kind, score in scores.items():
        least = UNSAID.get(kind, 0) if mode == "nothing" else 1
        assert score.recall is None or score.recall >= least, kind


def test_free_text(benchmark):
    for data, scores in benchmark.measure_texts(real_data("pii"), benchmark.ours).items():
        for kind, recall in TEXTS.items():
            if scores[kind].there:
                assert scores[kind].recall >= recall, (data, kind)
            assert scores[kind].found == scores[kind].right, (data, kind)


def test_names_in_free_text(benchmark):
    folder = real_data("pii")
    for texts, _, people in (benchmark.notes(folder), benchmark.sentences(folder)):
        score = benchmark.measure_leaked(texts, people)
        assert score.recall == 1
        # One sentence of Presidio's names a person that its labels call an organisation.
        assert score.found - score.right <= 1
