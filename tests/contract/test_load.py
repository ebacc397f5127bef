from __future__ import annotations

from pathlib import Path

import pytest

from helpers import ROOT
from quickstack.facts.contract import Contract, Split, load_contract
from quickstack.facts.contract.time_patterns import ISO_CELL
from quickstack.facts.errors import ContractError

SAMPLE = ROOT / "configuration" / "contracts" / "sample.odcs.yaml"


def load(tmp_path: Path, *replacements: tuple[str, str]) -> Contract:
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text, f"the sample contract no longer holds {old!r}"
        text = text.replace(old, new, 1)
    path = tmp_path / "sample.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configuration" / "contracts").glob("*.odcs.yaml")), ids=lambda p: p.stem
)
def test_every_contract_of_the_repository_is_right(path):
    contract = load_contract(path)
    assert contract.id == path.name.removesuffix(".odcs.yaml")
    assert set(contract.owners) == {
        "data owner",
        "model owner before deployment",
        "model owner after deployment",
    }
    assert contract.grain
    assert all(column.description for column in contract.columns)


def test_the_sample_contract_says_what_it_says():
    contract = load_contract(SAMPLE)
    assert contract.key == ("customer_id", "month")
    assert (contract.task, contract.target, contract.positive) == (
        "binary",
        "churned_next_month",
        "yes",
    )
    assert contract.split == Split(from_time="2025-07-01")
    assert contract.column("plan").allowed == ("basic", "plus", "pro")
    assert contract.column("monthly_fee").unit == "EUR"
    assert contract.column("month").time_pattern is ISO_CELL
    assert {c.name for c in contract.columns if c.dropped} == {"full_name", "phone", "birth_date"}
    assert contract.needs_key
    with pytest.raises(KeyError):
        contract.column("no such column")


MISTAKES = [
    # what is replaced, by what, and the part of the message that must say so
    ("id: sample", "id: other", "the file is named for 'sample'"),
    ("kind: DataContract", "kind: Contract", "write one of: DataContract"),
    ("version: 1.0.0", "versoin: 1.0.0", "'versoin' is not a key of the standard"),
    ("    type: local", "    type: nowhere", "'type' is 'nowhere'; write one of"),
    ("format: csv", "format: cvs", "the format must be one of: csv, parquet, jsonl, excel; did"),
    ("encoding: utf-8", "encoding: utf-99", "is not an encoding"),
    ("encoding: utf-8", "encoding: unicode_escape", "is not an encoding"),
    (
        'property: delimiter, value: ","',
        f"property: missingValues, value: [{'x' * 10_001}]",
        "lists more than 10000 letters",
    ),
    ('delimiter, value: ","', 'delimiter, value: "\\n"', "nor hold a line end"),
    ("property: delimiter", "property: delimitr", "did you mean 'delimiter'"),
    ("server: raw", "server: source", "one server named 'raw'"),
    ("name: region", "name: PLAN", "stands here twice (names differ at most in case)"),
    ("logicalType: integer", "logicalType: whole", "'logicalType' is 'whole'; write one of"),
    ("logicalType: integer", "logicalType: object", "a logicalType that a table can hold"),
    ("        classification: internal\n", "", "text column 'region' has no classification"),
    ("classification: internal", "classification: secret", "must be one of: public, internal"),
    ("value: pseudonym}", "value: hash}", "must be drop, pseudonym, generalise or keep"),
    (
        "        customProperties:\n          - {property: personalData, value: drop}\n",
        "",
        "add the custom property personalData",
    ),
    ("{minimum: 0, maximum: 600}", "{minimum: 9, maximum: 6}", "minimum is above maximum"),
    (r"'^C\d{7}$'", r"'^C(\d{7}$'", "is not a regular expression"),
    ("value: binary", "value: clustering", "task must be one of"),
    ("value: churned_next_month", "value: churned", "target 'churned' is not a column"),
    ("value: binary", "value: regression", "regression needs a number; the target"),
    ('positiveLabel, value: "yes"', "positiveLabel, value: maybe", "positiveLabel must name one"),
    ("timeColumn, value: month", "timeColumn, value: plan", "must be a column of type date"),
    ("period, value: month", "period, value: fortnight", "a timeColumn needs a period"),
    ("testFrom, value", "testFrm, value", "did you mean 'testFrom'"),
    ('testFrom, value: "2025-07-01"', "testShare, value: 0.2", "without an order in time"),
    ("metric: rowCount, mustBeGreaterThan: 0", "metric: rowCount", "exactly one limit"),
    ("metric: rowCount", "metric: nullValues", "is not checked of a table; here: rowCount"),
    ("name: Customer subscriptions", "name: A\nname: B", "'name' stands here twice"),
    ('enum: [{value: "yes"}', "enum: [{value: yes}", "is not of type string; write it in quotes"),
    ("maxQuarantinedShare, value: 0.01", "maxQuarantinedShare, value: 5", "between 0 and 1"),
    ('testFrom, value: "2025-07-01"', 'testFrom, value: "2025-13-45"', "is not an ISO 8601 time"),
    ("data/raw/sample/*.csv", "data/raw/other/*.csv", "must lie in data/raw/sample/"),
    ("data/raw/sample/*.csv", "/etc/hosts", "must lie in data/raw/sample/"),
    ("data/raw/sample/*.csv", "data/raw/sample/../x.csv", "must lie in data/raw/sample/"),
    (
        "{minimum: 0, maximum: 600}",
        "{exclusiveMinimum: 5, exclusiveMaximum: 1}",
        "minimum is above maximum",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_a_mistake_gets_a_sentence_with_its_line(tmp_path, old, new, sentence):
    with pytest.raises(ContractError) as caught:
        load(tmp_path, (old, new))
    message = str(caught.value)
    assert sentence in message
    assert "sample.odcs.yaml:" in message
    assert caught.value.exit_code == 2


def test_the_line_is_the_line_of_the_mistake(tmp_path):
    with pytest.raises(ContractError) as caught:
        load(tmp_path, ("{minimum: 1, maximum: 5}", "{minimum: x}"))
    text = SAMPLE.read_text(encoding="utf-8")
    line = text[: text.index("{minimum: 1, maximum: 5}")].count("\n") + 1
    assert f"sample.odcs.yaml:{line}" in str(caught.value)


def test_all_mistakes_come_at_once(tmp_path):
    with pytest.raises(ContractError) as caught:
        load(
            tmp_path,
            ("value: churned_next_month", "value: churned"),
            ("        classification: internal\n", ""),
            (
                "value: month}\n  - {property: testFrom",
                "value: fortnight}\n  - {property: testFrom",
            ),
        )
    message = str(caught.value)
    assert "3 mistakes" in message
    assert message.count("sample.odcs.yaml:") >= 3


def test_what_is_no_yaml_gets_its_line(tmp_path):
    with pytest.raises(ContractError, match=r"sample.odcs.yaml:\d+:\d+: this is not YAML"):
        load(tmp_path, ("kind: DataContract", "kind: [DataContract"))


def test_a_missing_contract_says_what_to_do(tmp_path):
    with pytest.raises(ContractError, match=r"set `dataset` in params\.yaml"):
        load_contract(tmp_path / "nothing.odcs.yaml")


def test_an_empty_contract_is_refused(tmp_path):
    path = tmp_path / "sample.odcs.yaml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(ContractError):
        load_contract(path)


def test_properties_of_another_vendor_are_left_alone(tmp_path):
    added = (
        "customProperties:\n  - {property: colour, value: red, vendor: acme}\n  - {property: task"
    )
    assert load(tmp_path, ("customProperties:\n  - {property: task", added)).task == "binary"


def test_a_pattern_of_the_standard_becomes_pythons(tmp_path):
    contract = load(
        tmp_path,
        (
            "      - name: birth_date\n        logicalType: date\n",
            "      - name: birth_date\n        logicalType: date\n"
            "        logicalTypeOptions: {format: dd.MM.yyyy}\n",
        ),
    )
    assert contract.column("birth_date").format == "dd.MM.yyyy"
