"""Microsoft's parser reads all M, and no query computes the address of its source."""

from __future__ import annotations

import string

import numpy as np
import pytest

from exporting.powerbi.cases import contract_of, predictions_of
from exporting.powerbi.m_parser import read_m
from exporting.powerbi.project_checks import model_of, queries_of
from quickstack.results.exporting import export_tables
from quickstack.results.exporting.powerbi.object_names import m_text
from quickstack.results.exporting.powerbi.project import write_project
from quickstack.results.exporting.write_tables import FORMULA_SIGNS

LAYOUTS = (
    export_tables.METRICS,
    export_tables.DRIFT,
    export_tables.IMPORTANCE,
    export_tables.QUALITY,
    export_tables.QUALITY_RULES,
)
#: What the queries may use of the library of M; a slip of the pen is none of it.
LIBRARY = {
    "Binary.Buffer", "Csv.Document", "Folder.Files", "Int64.Type", "Json.Document", "List.Combine",
    "List.Contains", "List.Select", "List.Transform", "MissingField.UseNull", "Parquet.Document",
    "QuoteStyle.Csv", "Replacer.ReplaceValue", "Table.AddColumn", "Table.Combine",
    "Table.PromoteHeaders", "Table.ReplaceValue", "Table.SelectColumns",
    "Table.TransformColumnTypes", "Table.TransformColumns", "Text.Combine", "Text.EndsWith",
    "Text.Length", "Text.Middle", "Text.Replace", "Text.Split", "Text.Start", "Text.StartsWith",
    "Text.TrimEnd", "Text.TrimStart", "Uri.EscapeDataString", "Web.Contents",
}  # fmt: skip
#: The only source of each project, and the parameter that it begins at.
SOURCE = {
    "People": {"source": "Web.Contents", "kind": "IdentifierExpression", "value": "BaseUrl"},
    "People (folder)": {
        "source": "Folder.Files", "kind": "IdentifierExpression", "value": "FolderPath",
    },
}  # fmt: skip
FAULTS = {
    "joined": 'Web.Contents(BaseUrl & "/runs.csv")',
    "computed": 'let Address = Text.Upper(BaseUrl) in Web.Contents(Address, [Query = "a"])',
    "both": 'if true then Web.Contents(BaseUrl) else File.Contents("C:\\a.csv")',
    "another": 'Csv.Document(Sql.Database(BaseUrl, "sales"))',
}
TEXTS = ['a"b', "#(lf)", "a#(b", "\n\r\t\x00\x7f\u2028", "ключ", "列", "😀", "]['{}", '""', "#"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """All queries of all tasks, planted faults and texts, parsed at once."""
    queries, texts = {}, [*TEXTS, *_random_texts(200)]
    for task in ("binary", "multiclass", "regression"):
        folder, contract = tmp_path_factory.mktemp(task), contract_of(task)
        write_project(folder, contract, (predictions_of(contract), *LAYOUTS))
        for name in SOURCE:
            for table, text in queries_of(model_of(folder, name)).items():
                queries[f"{task}|{name}|{table}"] = text
    for name, text in FAULTS.items():
        queries[f"fault|{name}"] = text
    queries["broken"] = queries["binary|People|Drift"].replace("Paths,", "Paths", 1)
    for number, text in enumerate(texts):
        queries[f"text|{number}"] = m_text(text)
    return read_m(queries)


def test_all_m_parses_and_uses_the_library_as_it_is(found):
    own = {name: entry for name, entry in found.items() if name.count("|") == 2}
    assert len(own) == 3 * 2 * 9
    assert {name: entry["error"] for name, entry in own.items() if entry["error"]} == {}
    used = {name for entry in own.values() for name in entry["names"] if "." in name}
    assert used == LIBRARY


def test_no_query_computes_its_source_and_none_has_two(found):
    for name, entry in found.items():
        if name.count("|") == 2:
            _, project, table = name.split("|")
            alone = table == "_Measures" or table.startswith("parameter")
            assert entry["sources"] == ([] if alone else [SOURCE[project]]), name


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_source_is_found(found, fault):
    sources = found[f"fault|{fault}"]["sources"]
    assert sources
    assert sources not in [[source] for source in SOURCE.values()]


def test_planted_nonsense_is_found(found):
    assert found["broken"]["error"]


def test_any_text_becomes_one_literal(found):
    texts = [entry for name, entry in found.items() if name.startswith("text|")]
    assert len(texts) == len(TEXTS) + 200
    assert [t for t in texts if t["error"] or t["root"] != "LiteralExpression"] == []


def test_types_come_back_with_a_fixed_culture(tmp_path):
    contract = contract_of("binary")
    write_project(tmp_path, contract, (predictions_of(contract), *LAYOUTS))
    web = queries_of(model_of(tmp_path, "People"))
    for table, text in web.items():
        if table not in ("_Measures", "parameter BaseUrl"):
            assert '}}, "en-US")' in text
            assert "MissingField.UseNull" in text
    typed = web["Predictions"]
    for pair in ('"probability", type number', '"day", type date', '"acted", type logical'):
        assert "{" + pair + "}" in typed
    assert '{"split", Plain, type text}' in typed
    assert "Typed = Table.TransformColumnTypes(Restored, " in typed
    assert f"Signs = {{{', '.join(map(m_text, FORMULA_SIGNS))}}}," in typed
    assert '"runs.csv"' in web["Runs"]
    assert '[name] = "predictions"' in typed


def _random_texts(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    letters = [*string.printable, *map(chr, range(0x80, 0x250)), '"', "#", "(", ")", "\u2029"]
    return ["".join(rng.choice(letters, rng.integers(1, 12))) for _ in range(count)]
