"""Names in any script, with quotes and brackets, alike but for case: nothing breaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporting.powerbi.cases import contract_of, predictions_of, renamed
from exporting.powerbi.dax import parse
from exporting.powerbi.project_checks import model_mistakes
from exporting.powerbi.tmdl_reader import Node, plain, read_tmdl
from quickstack.results.exporting import export_tables
from quickstack.results.exporting.powerbi import object_names
from quickstack.results.exporting.powerbi.build import build_model
from quickstack.results.exporting.powerbi.fields import Fields
from quickstack.results.exporting.powerbi.report_pages import build_pages
from quickstack.results.exporting.powerbi.tmdl import tmdl_files

LAYOUTS = (
    export_tables.METRICS,
    export_tables.DRIFT,
    export_tables.IMPORTANCE,
    export_tables.QUALITY,
    export_tables.QUALITY_RULES,
)
NASTY = (
    "Measures", "_Measures", "__Threshold", "Predictions", "predictions", "PERIODS", "Rows",
    "Probability", "Case", "Measured", "it's", "a]b", "[a]", 'a"b', "a.b=c:d", "table x",
    "\tnew\nline", "  ", "=cmd()", "</script>", "ключ", "列名", "ﾍﾟｰｼﾞ", "ÄÖÜ", "VAR", "RETURN",
    "measure m = 1", "///", "CON", "😀", "\u202eabc", "x" * 300,
)  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def read(contract) -> Node:
    """Write the model as TMDL, and read it again."""
    layout = predictions_of(contract)
    safe = [f"c{number}" if field.name not in OWN else field.name
            for number, field in enumerate(layout.fields)]  # fmt: skip
    fields = tuple(
        export_tables.Field(new, f.type, f.description, f.unit, f.source)
        for new, f in zip(safe, layout.fields, strict=True)
    )
    layout = export_tables.Layout("predictions", layout.description, fields)
    model = build_model(contract, (layout, *LAYOUTS), "web")
    root = Node("", "")
    for path, text in tmdl_files(model).items():
        root.children += read_tmdl(text, path).children
    assert len({path.casefold() for path in tmdl_files(model)}) == len(model.tables) + 4
    for page in build_pages(Fields(model, contract)):
        assert page.visuals
    return root


OWN = {
    "period", "split", "actual", "prediction", "probability", "acted", "value", "low", "high",
    "model_version",
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("column", ["region", "id"])
def test_a_nasty_name_of_a_column_breaks_neither_tmdl_nor_dax(name, column):
    model = read(renamed(contract_of("binary"), **{column: name}))
    assert model_mistakes(model) == []
    taken = [t.casefold() for t in model.of("table")]
    assert len(set(taken)) == len(taken)
    assert "measures" not in taken


@settings(max_examples=40)
@given(TEXT, TEXT, TEXT)
def test_any_names_give_a_model_that_reads_back(one, two, three):
    contract = contract_of("binary", segments=("region", "id"))
    contract = renamed(contract, region=one, id=two, day=three)
    if len({c.name for c in contract.columns}) == len(contract.columns):
        assert model_mistakes(read(contract)) == []


def test_names_that_differ_only_in_case_or_width_stay_apart():
    found = object_names.unique(["Ab", "aB", "\uff21\uff22", "ひ", "ヒ", "Ab 2"])
    assert found == ["Ab", "aB 2", "\uff21\uff22 3", "ひ", "ヒ 2", "Ab 2 2"]


def test_names_that_look_alike_stay_apart():
    assert object_names.unique(["ab", "a\u200db"]) == ["ab", "a\u200db 2"]


def test_the_pipelines_names_are_given_first():
    contract = renamed(contract_of("binary"), id="Probability", region="Case")
    columns = read(contract).of("table")["Predictions"].of("column")
    assert columns["Probability"].properties["sourceColumn"] == "probability"
    assert columns["Probability 2"].properties["sourceColumn"] == "c0"
    assert columns["Case"].value.startswith("IF(")
    assert "Case 2" in columns


@given(TEXT)
def test_each_language_gets_its_own_quotes(text):
    line = object_names.one_line(text) or "x"
    assert plain(object_names.tmdl_name(line)) == line
    assert parse(object_names.dax_text(text)) == ("value", text)
    assert parse(object_names.dax_column(line, line)) == ("column", line, line)
    (node,) = read_tmdl(
        f"table X\n\tcolumn c\n\t\tformatString: {object_names.tmdl_text(line)}\n"
    ).children
    assert node.of("column")["c"].properties["formatString"] == line


@pytest.mark.parametrize(
    ("name", "said"),
    [("monthly_fee", "Monthly fee"), ("psi", "PSI"), ("Größe", "Größe"), ("__x", "X"),
     ("\n", "Column"), ("ก\u200cข", "ก\u200cข"), ("a\u202eb", "Ab"), ("\u202e", "Column")],
)  # fmt: skip
def test_names_are_readable(name, said):
    assert object_names.readable(name) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [("Customers: 2026/27?", "Customers 2026 27"), ("con", "id"), ("...", "id"), ("顧客", "顧客"),
     ("a" * 99, "a" * 40), ("nul.txt", "id")],
)  # fmt: skip
def test_files_have_names_that_every_system_takes(name, said):
    assert object_names.file_name(name, "id") == said


@pytest.mark.parametrize(("value", "said"), [(0.5, "0.5"), (1e-7, "0.0000001"), (-8, "-8")])
def test_numbers_have_no_exponent(value, said):
    assert object_names.dax_number(value) == said
