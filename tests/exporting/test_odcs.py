"""The contract of the export is one, says what the tables are, and notices when they are not."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from examples import people_contract
from exporting.contract_checks import failed_checks
from helpers import lack
from quickstack.facts.contract.model import Decision
from quickstack.facts.contract.standard import structural_mistakes
from quickstack.facts.files import write_text
from quickstack.results.exporting import export_tables
from quickstack.results.exporting.export_contract import export_contract
from quickstack.results.exporting.predictions import predictions_layout
from quickstack.results.exporting.write_tables import write_table

CONTRACT = people_contract(
    time_column="day",
    decision=Decision(0.25, 60.0, -8.0, 0.0, 0.0, "EUR"),
    service_levels={"freshness": "35 d"},
)
PREDICTIONS = predictions_layout(CONTRACT, ("prediction", "probability"))


def content():
    evil = ["</script><img onerror=…>", "=cmd()", 'x"\r\n,', "0001"]
    rows = 40
    predictions = pd.DataFrame(
        {
            "id": [f"{n:04}" for n in range(rows)],
            "day": pd.to_datetime(["2024-01-05"] * 30 + ["2024-02-01"] * 10),
            "period": ["2024-01"] * 30 + ["2024-02"] * 10,
            "split": "test",
            "actual": ["a", None] * 20,
            "prediction": evil * 10,
            "probability": np.linspace(0, 1, rows),
            "acted": [True, False] * 20,
            "value": [*[1.5] * 39, np.nan],
            "model_version": "0123456789ab",
        }
    )
    drift = [("2024-01", name, 0.1, None, False, True) for name in evil]
    metrics = [("test", "all", "all", "roc_auc", None, None, None, None, 7)]
    quality = [(name, 3, 2, 1, 0) for name in evil]
    frames = [
        (export_tables.METRICS, metrics),
        (export_tables.DRIFT, drift),
        (
            export_tables.IMPORTANCE,
            [("a", 0.25, 0.125, 0.5, "higher raises it"), ("b",) + (None,) * 4],
        ),
        (export_tables.QUALITY, quality),
        (export_tables.QUALITY_RULES, [("", "layout", 1)]),
    ]
    return {PREDICTIONS: predictions} | {
        layout: pd.DataFrame(rows, columns=[f.name for f in layout.fields], dtype=object)
        for layout, rows in frames
    }


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    written = [write_table(folder, layout, [frame]) for layout, frame in content().items()]
    write_text(folder / "contract.odcs.yaml", export_contract(CONTRACT, [*content()], written))
    return folder


def test_it_keeps_to_the_standard_and_describes_the_parquet(export):
    document = yaml.safe_load((export / "contract.odcs.yaml").read_text(encoding="utf-8"))
    assert structural_mistakes(document, lambda _: "") == []
    types = {
        "string": "string", "int64": "integer", "double": "number", "bool": "boolean",
        "date32[day]": "date", "timestamp[us]": "timestamp",
    }  # fmt: skip
    for table in document["schema"]:
        path = next(p for p in sorted(export.rglob("*.parquet")) if table["name"] in str(p))
        found = [(field.name, types[str(field.type)]) for field in pq.read_schema(path)]
        assert [(p["name"], p["logicalType"]) for p in table["properties"]] == found
        assert all(p["description"].endswith(".") for p in table["properties"] if p["description"])
        assert re.fullmatch(r"One row per [^.]+\.", table["dataGranularityDescription"])
    predictions = document["schema"][0]
    assert [p["name"] for p in predictions["properties"] if p.get("primaryKey")] == ["id"]
    value = next(p for p in predictions["properties"] if p["name"] == "value")
    assert value["customProperties"] == [{"property": "unit", "value": "EUR"}]
    assert document["slaProperties"] == [{"property": "freshness", "value": "35 d"}]


def test_the_same_export_has_the_same_contract(export):
    written = [{"rows": 40}, *[{"rows": 1}] * 5]
    texts = {export_contract(CONTRACT, [*content()], written) for _ in range(2)}
    assert len(texts) == 1
    assert str(export) not in texts.pop()


def edit(path, old, new):
    changed, count = re.subn(old, new, path.read_bytes(), count=1)
    assert count, f"nothing to change in {path.name}"
    path.write_bytes(changed)


def wrong_type(folder):
    edit(folder / "predictions/2024-02.csv", rb",0\.\d+,", b",high,")


def duplicate_key(folder):
    edit(folder / "predictions/2024-02.csv", b'"0030"', b'"0031"')


def missing_column(folder):
    edit(folder / "metrics.csv", b"baseline", b"basis")


def missing_period(folder):
    for path in (folder / "predictions").glob("2024-01.*"):
        path.unlink()


def duplicate_parquet_key(folder):
    path = folder / "drift.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take([0, 0, 2, 3]), path)


KEY = {"model_duplicate_values"}
#: What is planted, which table notices, and the kinds of checks that fail. A wrong type stops the
#: tool's reading of CSV, which is one failed check; in Parquet it does not look for types.
PLANTED = {
    wrong_type: ("csv_by_period", "predictions", set()),
    duplicate_key: ("csv_by_period", "predictions", KEY),
    missing_column: ("csv", "metrics", {"field_is_present"}),
    missing_period: ("parquet_by_period", "predictions", {"row_count"}),
    duplicate_parquet_key: ("parquet", "drift", KEY),
}
#: All tables of the sample: `make prove-datacontract`.
SOUND = [
    ("csv_by_period", "predictions"),
    ("parquet_by_period", "predictions"),
    ("csv", "drift"),
    ("parquet", "metrics"),
]


def test_datacontract_test_passes_on_the_export_and_fails_on_planted_faults(export, tmp_path):
    cases = [(export, *case) for case in SOUND]
    for plant, (server, table, _) in PLANTED.items():
        folder = tmp_path / plant.__name__
        shutil.copytree(export, folder)
        plant(folder)
        cases.append((folder, server, table))
    try:
        found = failed_checks(cases)
    except RuntimeError as error:
        if re.search(r"No solution found|Failed to (fetch|download|resolve)", str(error)):
            lack(f"datacontract-cli cannot be had here, it needs a package index: {error}")
        raise
    sound, planted = found[: len(SOUND)], found[len(SOUND) :]
    assert sound == [[]] * len(SOUND)
    for (plant, (*_, expected)), failed in zip(PLANTED.items(), planted, strict=True):
        assert failed, plant.__name__
        assert set(failed) >= expected, (plant.__name__, failed)
