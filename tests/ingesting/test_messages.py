"""Messages of other packages quote values; none of them reaches a terminal or a log file."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import ROOT
from quickstack.runtime.running import stage as module
from quickstack.runtime.running.stage import run

CANARY = "Zoraida-Quexatl.77@example.org"
#: So many typical failures there are at least; and of these so many quote the value.
AT_LEAST, QUOTING = 40, 30


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(module, "keep_outputs", lambda *_: None)
    monkeypatch.setattr(module, "restore_outputs", lambda *_: [])
    monkeypatch.setattr(module, "clear_leftovers", lambda *_: None)
    monkeypatch.setattr(module, "note_outputs", lambda *_: {})
    monkeypatch.delenv("QUICKSTACK_TRACEBACK", raising=False)


def of_tables() -> dict[str, Callable[[], object]]:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv
    from pyarrow import json as arrow_json

    column = pd.Series([CANARY])
    frame = pd.DataFrame({"a": [CANARY, CANARY], "b": [1, 2]})
    text = pa.array([CANARY])
    return {
        "pandas astype": lambda: column.astype(int),
        "pandas to_numeric": lambda: pd.to_numeric(column),
        "pandas to_datetime": lambda: pd.to_datetime(column, format="%Y-%m-%d"),
        "pandas Timestamp": lambda: pd.Timestamp(CANARY),
        "pandas concat": lambda: pd.concat([frame.set_index("a")], verify_integrity=True),
        "pandas loc": lambda: frame.set_index("b").loc[CANARY],
        "pandas column": lambda: frame[CANARY],
        "pandas merge": lambda: frame.merge(frame, on="a", validate="one_to_one"),
        "pandas Categorical": lambda: pd.Categorical(["a"], ["a"]).__setitem__(0, CANARY),
        "pandas query": lambda: frame.query(f"b == {CANARY}"),
        "pandas insert": lambda: frame.assign(**{CANARY: 1}).insert(0, CANARY, 1),
        "numpy float": lambda: np.array([CANARY], dtype=float),
        "numpy fromstring": lambda: np.loadtxt([CANARY]),
        "numpy datetime": lambda: np.datetime64(CANARY),
        "arrow cast": lambda: text.cast(pa.int64()),
        "arrow date": lambda: text.cast(pa.date32()),
        "arrow strptime": lambda: pc.strptime(text, format="%Y-%m-%d", unit="s"),
        "arrow csv": lambda: csv.read_csv(
            pa.py_buffer(f"a\n{CANARY}\n".encode()),
            convert_options=csv.ConvertOptions(column_types={"a": pa.int64()}),
        ),
        "arrow csv row": lambda: csv.read_csv(pa.py_buffer(f"a\n{CANARY},2\n".encode())),
        "arrow json": lambda: arrow_json.read_json(pa.py_buffer(f'{{"a": {CANARY}}}'.encode())),
        "arrow column": lambda: pa.table({"a": [1]}).column(CANARY),
        "arrow array": lambda: pa.array([CANARY], pa.int64()),
    }


def of_models() -> dict[str, Callable[[], object]]:
    import dask
    from joblib import Parallel, delayed
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder, StandardScaler

    return {
        "one-hot encoder": lambda: OneHotEncoder().fit([["a"]]).transform([[CANARY]]),
        "ordinal encoder": lambda: OrdinalEncoder().fit([["a"]]).transform([[CANARY]]),
        "label encoder": lambda: LabelEncoder().fit(["a"]).transform([CANARY]),
        "scaler": lambda: StandardScaler().fit([[CANARY]]),
        "logistic regression": lambda: LogisticRegression().fit([[CANARY], ["a"]], [0, 1]),
        "gradient boosting": lambda: HistGradientBoostingClassifier().fit([[CANARY]] * 9, [0] * 9),
        "dask task": lambda: dask.compute(dask.delayed(float)(CANARY), scheduler="threads"),
        "joblib task": lambda: Parallel(n_jobs=2, prefer="threads")(
            delayed(float)(value) for value in [CANARY]
        ),
    }


class Panic(BaseException):
    """As pyo3 raises where Rust code panics: no Exception."""


def chained() -> None:
    try:
        {}[CANARY]
    except KeyError as error:
        raise ValueError("wrong") from error


def noted() -> None:
    error = ValueError("wrong")
    error.add_note(f"the value was {CANARY}")
    raise error


def of_python() -> dict[str, Callable[[], object]]:
    import ast
    import configparser
    import csv
    import datetime
    import decimal
    import ipaddress
    import sqlite3
    import uuid
    import xml.etree.ElementTree as ElementTree
    import zoneinfo

    def raising(error: BaseException) -> Callable[[], object]:
        def action() -> None:
            raise error

        return action

    def sql() -> object:
        with sqlite3.connect(":memory:") as connection:
            return connection.execute(f"select * from [{CANARY}]")

    return {
        "int": lambda: int(CANARY),
        "float": lambda: float(CANARY),
        "Decimal": lambda: decimal.Decimal(CANARY),
        "dict": lambda: {}[CANARY],
        "list": lambda: [].index(CANARY),
        "attribute": lambda: getattr(object(), CANARY),
        "date": lambda: datetime.date.fromisoformat(CANARY),
        "strptime": lambda: datetime.datetime.strptime(CANARY, "%Y"),
        "uuid": lambda: uuid.UUID(CANARY),
        "ip address": lambda: ipaddress.ip_address(CANARY),
        "zone": lambda: zoneinfo.ZoneInfo(CANARY),
        "literal": lambda: ast.literal_eval(f"{CANARY}!"),
        "import": lambda: __import__(CANARY),
        "json": lambda: json.loads(f'{{"a": {CANARY}'),
        "csv": lambda: csv.DictWriter(sys.stdout, ["a"]).writerow({CANARY: 1}),
        "xml": lambda: ElementTree.fromstring(f"<a>&{CANARY.split('@')[0]};</a>"),
        "ini": lambda: configparser.ConfigParser().read_string(CANARY),
        "sqlite": sql,
        "no such file": lambda: Path(CANARY).open(),
        "no such folder": lambda: Path(CANARY, "a").open(),
        "name too long": lambda: Path(CANARY * 20).open(),
        "ascii": lambda: f"ä{CANARY}".encode("ascii"),
        "UTF-8": lambda: (CANARY.encode() + b"\xff").decode(),
        "assertion": raising(AssertionError(CANARY)),
        "group": raising(ExceptionGroup(CANARY, [ValueError(CANARY)])),
        "exit with a text": raising(SystemExit(CANARY)),
        "panic": raising(Panic(CANARY)),
        "chained": chained,
        "noted": noted,
    }


def of_services() -> dict[str, Callable[[], object]]:
    import jsonschema
    import pydantic
    import yaml
    from botocore.exceptions import ClientError

    def client() -> object:
        answer = {"Error": {"Code": "404", "Message": CANARY}}
        raise ClientError(answer, "GetObject")

    def schema() -> None:
        jsonschema.validate({"a": CANARY}, {"properties": {"a": {"type": "integer"}}})

    found = {
        "pydantic": lambda: pydantic.TypeAdapter(int).validate_python(CANARY),
        "jsonschema": schema,
        "yaml": lambda: yaml.safe_load(f"a: [{CANARY}"),
        "boto": client,
    }
    try:
        import sqlalchemy
    except ImportError:
        return found

    def statement() -> None:
        engine = sqlalchemy.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("select * from t where a = :a"), {"a": CANARY})

    return found | {"sqlalchemy": statement}


def of_engines() -> dict[str, Callable[[], object]]:
    """Engines that the benchmarks run, where they are installed."""
    found: dict[str, Callable[[], object]] = {}
    try:
        import duckdb

        found["duckdb cast"] = lambda: duckdb.sql(f"select '{CANARY}'::int").fetchall()
    except ImportError:
        pass
    try:
        import polars

        found["polars cast"] = lambda: polars.Series([CANARY]).cast(polars.Int64)
    except ImportError:
        pass
    return found


FAMILIES = (of_tables, of_models, of_python, of_services, of_engines)


def failures() -> dict[str, Callable[[], object]]:
    return {name: action for family in FAMILIES for name, action in family().items()}


def raised(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("this does not fail")


def through_the_exception(action):
    action()


def through_logging(action):
    error = raised(action)
    logging.getLogger("pandas").warning("could not read %s: %s", CANARY, error)
    logging.getLogger("distributed.worker").error("Compute Failed\nargs: %s", (CANARY,))
    logging.getLogger("anything").exception("it failed", exc_info=error)
    logging.getLogger("anything").warning("%d", CANARY)


def through_warnings(action):
    warnings.warn(f"{raised(action)} {CANARY}", stacklevel=1)
    warnings.warn_explicit(CANARY, UserWarning, "reader.py", 3, source=CANARY)


def through_a_thread(action):
    thread = threading.Thread(target=action, name=CANARY)
    thread.start()
    thread.join()


def through_a_finaliser(action):
    class Left:
        def __del__(self):
            action()

    Left()


CHANNELS = (
    through_the_exception, through_logging, through_warnings, through_a_thread,
    through_a_finaliser,
)  # fmt: skip


@pytest.fixture
def log_file(tmp_path):
    path = tmp_path / "run.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_text)s"))
    logging.getLogger().addHandler(handler)
    yield path
    logging.getLogger().removeHandler(handler)
    handler.close()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_no_value_is_shown(family, channel, capfd, log_file):
    # pytest puts hooks of its own in the place of Python's; a stage has Python's.
    threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__
    for name, action in family().items():
        try:
            run("train", lambda stage, action=action: channel(action))
            ended = 0
        except SystemExit as error:
            ended = error.code
        assert ended == (1 if channel is through_the_exception else 0), name
        said = capfd.readouterr()
        shown = said.out + said.err + log_file.read_text(encoding="utf-8")
        assert CANARY not in shown, name
        assert CANARY.split("@")[0] not in shown, name
        assert "Traceback" not in shown, name
        if channel is through_the_exception:
            assert said.err.startswith("train stopped: "), name
            assert type(raised(action)).__name__ in said.err or "No such file" in said.err, name
        elif not isinstance(raised(action), SystemExit):  # Python ends a thread with it silently
            assert shown, f"{name}: a failure must not be silent"


def test_most_of_them_would_show_it(capsys):
    found = failures()
    quoting = [
        name
        for name, action in found.items()
        if CANARY.split("@")[0] in "".join(traceback.format_exception(raised(action)))
    ]
    with capsys.disabled():
        print(f"\n{len(quoting)} of {len(found)} typical failures quote the value, 0 show it")
    assert len(found) >= AT_LEAST
    assert len(quoting) >= QUOTING


def test_the_messages_can_be_asked_for(capfd, monkeypatch):
    monkeypatch.setenv("QUICKSTACK_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        run("train", lambda stage: float(CANARY))
    assert CANARY in capfd.readouterr().err


def test_logging_and_warnings_are_as_before_afterwards(capfd):
    before = logging.getLogRecordFactory(), warnings.showwarning, threading.excepthook
    with pytest.raises(SystemExit):
        run("train", lambda stage: float(CANARY))
    run("train", lambda stage: None)
    assert (logging.getLogRecordFactory(), warnings.showwarning, threading.excepthook) == before
