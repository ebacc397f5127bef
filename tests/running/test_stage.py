from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from helpers import ROOT
from quickstack.facts.errors import ContractError, SourceError
from quickstack.runtime.running import stage as module
from quickstack.runtime.running.stage import run


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(module, "keep_outputs", lambda *_: None)
    monkeypatch.setattr(module, "restore_outputs", lambda *_: [])
    monkeypatch.delenv("QUICKSTACK_TRACEBACK", raising=False)


def failing(error):
    def work(stage):
        raise error

    return work


SECRET = "ada@example.org"
CASES = [
    (SourceError("it is empty", where="a.csv", fix="fill it"), 1, "a.csv: it is empty. To fix"),
    (ContractError("wrong", where="c.yaml:3"), 2, "c.yaml:3: wrong."),
    (ValueError(SECRET), 1, "unexpected ValueError"),
    (OSError(errno.ENOSPC, "full", "x"), 1, "no space is left on the disk (x)"),
    (PermissionError(errno.EACCES, "no", "x"), 1, "no permission (x)"),
    (MemoryError(), 1, "not enough memory"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


@pytest.mark.parametrize(("error", "code", "sentence"), CASES, ids=[c[2] for c in CASES])
def test_a_failure_is_a_sentence_and_an_exit_code(capsys, error, code, sentence):
    with pytest.raises(SystemExit) as caught:
        run("train", failing(error))
    out = capsys.readouterr()
    assert caught.value.code == code
    assert out.err.startswith("train stopped: ")
    assert sentence in out.err
    assert "Traceback" not in out.err
    assert SECRET not in out.err + out.out


def typical_failures():
    """Mistakes whose messages, from pandas, pyarrow, numpy and scikit-learn, quote values."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sklearn.preprocessing import OneHotEncoder

    return {
        "pandas astype": lambda: pd.Series([SECRET]).astype(float),
        "pandas to_datetime": lambda: pd.to_datetime(pd.Series([SECRET])),
        "pandas to_numeric": lambda: pd.to_numeric(pd.Series([SECRET])),
        "pandas loc": lambda: pd.Series([1], index=["x"]).loc[SECRET],
        "pandas categorical": lambda: pd.Series(pd.Categorical(["a"])).__setitem__(0, SECRET),
        "numpy array": lambda: np.array([SECRET], dtype=float),
        "pyarrow cast": lambda: pa.array([SECRET]).cast(pa.int64()),
        "encoder": lambda: OneHotEncoder().fit([["a"]]).transform([[SECRET]]),
        "float": lambda: float(SECRET),
        "dict": lambda: {}[SECRET],
    }


@pytest.mark.parametrize("name", list(typical_failures()))
def test_no_message_of_another_package_reaches_the_log(capsys, name):
    action = typical_failures()[name]
    with pytest.raises(Exception) as foreign:
        action()
    assert SECRET in repr(foreign.value), "this failure would prove nothing"
    with pytest.raises(SystemExit):
        run("train", lambda stage: action())
    out = capsys.readouterr()
    assert SECRET not in out.err + out.out
    assert type(foreign.value).__name__ in out.err
    assert "running/stage.py:" in out.err


def test_the_message_can_be_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("QUICKSTACK_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        run("train", failing(ValueError(SECRET)))
    assert SECRET in capsys.readouterr().err


def test_code_of_another_checkout_is_refused(tmp_path, capsys, monkeypatch):
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run("train", lambda stage: None)
    assert "belongs to another checkout than this folder" in capsys.readouterr().err


def test_a_folder_without_dvc_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "src" / "sample.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 1
    assert "this is not a DVC repository" in done.stderr
    assert "Traceback" not in done.stderr
