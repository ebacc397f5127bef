from __future__ import annotations

import pytest

from contract.shop import CUSTOMERS, SERVER, load, own, written
from quickstack.facts.errors import ContractError

SETTINGS = [
    # property, value in YAML, field, its value, a wrong value, the sentence about it
    ("quote", '"|"', "quote", "|", '"ab"', "quote must be one character"),
    ("quote", '""', "quote", "", '";"', "quote and delimiter must differ"),
    ("escape", r'"\\"', "escape", "\\", '""', "escape must be one character"),
    ("escape", '"^"', "escape", "^", "'\"'", "a doubled quote is read as one anyway"),
    ("escape", '"^"', "escape", "^", '";"', "escape and delimiter must differ"),
    ("lineEnd", "cr", "line_end", "cr", "lf", "lineEnd must be one of: auto, cr"),
    ("skipLines", "3", "skip_lines", 3, "-1", "skipLines must be 0 or more"),
    ("skipLines", "3", "skip_lines", 3, "true", "'skipLines' must be a whole number"),
    ("skipInitialSpace", "true", "skip_initial_space", True, "1", "must be true or false"),
    ("decimal", '","', "decimal", ",", '"x"', 'decimal must be "." or ","'),
    ("thousands", '","', "thousands", ",", '"."', "thousands and decimal must differ"),
    ("thousands", '" "', "thousands", " ", '"5"', "not a digit, letter or sign"),
    ("trueValues", '["yes", J]', "true_values", ("yes", "J"), "[yes]", "write it in quotes"),
    ("trueValues", "[J]", "true_values", ("J",), "[]", "is empty; name at least one text"),
    ("falseValues", "[N1]", "false_values", ("N1",), '["1"]', "cannot be both true and false"),
    ("missingValues", "[NA, '']", "missing", ("NA", ""), "[null]", "write it in quotes"),
    ("missingValues", "[]", "missing", (), '["0"]', "both no value and true or false"),
    ("maxQuarantinedShare", "1", "max_quarantined_share", 1.0, "1.5", "between 0 and 1"),
]


@pytest.mark.parametrize(("name", "value", "field", "wanted", "wrong", "sentence"), SETTINGS)
@pytest.mark.parametrize("of", ["server", "table"])
def test_settings_of_reading(tmp_path, of, name, value, field, wanted, wrong, sentence):
    def change(value, mark=""):
        line = written(name, value).rstrip("\n") + mark + "\n"
        if of == "server":
            return SERVER, SERVER + line
        return CUSTOMERS, CUSTOMERS + "    customProperties:\n" + line

    contract = load(tmp_path, change(value))
    of_table = contract.tables[0].source
    assert getattr(of_table, field) == wanted
    assert (getattr(contract.source, field) == wanted) is (of == "server")
    assert (contract.source.delimiter, of_table.delimiter) == (";", ";")
    with pytest.raises(ContractError) as caught:
        load(tmp_path, change(wrong, " # §"))
    assert sentence in str(caught.value)
    assert f":{caught.value.marked}:" in str(caught.value)


def test_a_table_may_have_another_format_and_encoding(tmp_path):
    more = own(
        "{property: format, value: excel}",
        "{property: sheet, value: Kunden}",
        "{property: encoding, value: latin-1}",
    )
    contract = load(tmp_path, (CUSTOMERS, CUSTOMERS + more))
    source = contract.tables[0].source
    assert (source.format, source.sheet, source.encoding) == ("excel", "Kunden", "latin-1")
    assert (contract.source.format, contract.source.sheet) == ("csv", None)


@pytest.mark.parametrize("format_", ["csv", "parquet", "jsonl", "excel"])
def test_every_format_is_read(tmp_path, format_):
    changes = [("format: csv", f"format: {format_}")]
    if format_ != "csv":
        changes.append(("    customProperties:\n" + SERVER, ""))
    assert load(tmp_path, *changes).source.format == format_
