"""Every key of the standard is honoured, for people, or refused; hostile YAML is bounded."""

from __future__ import annotations

import json
import time
from importlib.resources import files

import pytest

from helpers import ROOT
from quickstack.facts.contract import load_contract
from quickstack.facts.contract.standard_keys import KEYS
from quickstack.facts.errors import ContractError

SAMPLE = (ROOT / "configuration/contracts/sample.odcs.yaml").read_text(encoding="utf-8")
COLUMN = "      - name: month\n"
LEVELS = "slaProperties:\n"


def keys_of(schema, node, seen=()):
    """Yield the keys that a definition of the schema allows, whatever the conditions."""
    if id(node) in seen:
        return
    seen = (*seen, id(node))
    if "$ref" in node:
        yield from keys_of(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], seen)
    yield from node.get("properties", ())
    for word in ("allOf", "oneOf", "anyOf"):
        for part in node.get(word, ()):
            yield from keys_of(schema, part, seen)
    if "then" in node:
        yield from keys_of(schema, node["then"], seen)


def test_the_table_knows_every_key_of_the_standard():
    text = files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    schema = json.loads(text)
    known = schema["$defs"]
    places = {
        "": schema,
        "description": schema["properties"]["description"],
        "team": known["Team"],
        "team.members": known["TeamMember"],
        "slaProperties": known["ServiceLevelAgreementProperty"],
        "schema": known["SchemaObject"],
        "schema.properties": known["SchemaBaseProperty"],
        "schema.properties.enum": known["EnumValue"],
        "schema.quality": known["DataQuality"],
        "schema.relationships": known["RelationshipBase"],
    }
    assert len(places) == len(KEYS) - 4  # servers, logicalTypeOptions, and two that are the same
    for place, node in places.items():
        assert set(keys_of(schema, node)) - set(KEYS[place]) == set(), place
    conditions = known["SchemaBaseProperty"]["allOf"]
    options = {
        key
        for part in conditions
        for key in part.get("then", {})
        .get("properties", {})
        .get("logicalTypeOptions", {})
        .get("properties", ())
    }
    assert options == set(KEYS["schema.properties.logicalTypeOptions"])
    server = {*keys_of(schema, {"properties": known["Server"]["properties"]})}
    local = {*known["ServerSource"]["LocalServer"]["properties"]}
    assert server | local <= set(KEYS["servers"])


def refusal(tmp_path, text):
    path = tmp_path / "sample.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("after", "line", "sentence"),
    [
        (COLUMN, "        physicalName: MONAT", "'physicalName' does nothing here: the file must"),
        (COLUMN, "        partitioned: true", "'partitioned' does nothing here"),
        (COLUMN, "        encryptedName: month_x", "'encryptedName' does nothing here"),
        (COLUMN, "        transformLogic: trunc(x)", "write it as transformDescription"),
        (COLUMN, "        minimum: 3", "it belongs to the logicalTypeOptions of a column"),
        (COLUMN, "        target: month", "customProperties of the contract itself"),
        ("servers:\n", "  - {server: prod, type: custom}", "the server 'prod' is not read"),
        (LEVELS, "  - {property: latency, value: 4, unit: h}", "must be one of: freshness"),
        (LEVELS, "  - {property: endOfLife, value: 4, valueExt: 5}", "'valueExt' does nothing"),
        (LEVELS, "  - {property: endOfLife, value: 4, schedule: x}", "'schedule' does nothing"),
        ("kind: DataContract\n", "slaDefaultElement: a.b", "'slaDefaultElement' does nothing"),
        ("    format: csv\n", '    delimiter: ";"', "customProperties of the server `raw`"),
        ("kind: DataContract\n", "tenant:", "'tenant' has no value; write tenant: …"),
        ("kind: DataContract\n", "tenant: 1.0", "'tenant' must be of type string; write it in"),
        ("kind: DataContract\n", "tags: [1]", "'tags, entry 1,' must be of type string"),
        ("kind: DataContract\n", "1: 2", "'1' is not a key of the standard"),
    ],
)
def test_what_would_do_nothing_is_refused_at_its_line(tmp_path, after, line, sentence):
    text = SAMPLE.replace(after, f"{after}{line}\n", 1)
    number = text[: text.index(line)].count("\n") + 1
    message = refusal(tmp_path, text)
    assert sentence in message
    assert f"sample.odcs.yaml:{number}: " in message


def test_what_is_for_people_is_let_be(tmp_path):
    texts = "        partitioned: false\n        tags: [a]\n        criticalDataElement: true\n"
    text = SAMPLE.replace(COLUMN, COLUMN + texts, 1)
    text = text.replace(LEVELS, LEVELS + '  - {property: endOfLife, value: "2030-01-01"}\n', 1)
    path = tmp_path / "sample.odcs.yaml"
    path.write_text(text + "price: {priceAmount: 3}\ntenant: us\n", encoding="utf-8")
    assert load_contract(path).time_column == "month"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SAMPLE.replace("apiVersion: v3.2.0\n", ""), "write `apiVersion: v3.2.0`"),
        (SAMPLE.replace("v3.2.0", "v2.2.2"), "version 3 of the standard is read here"),
        (
            SAMPLE.replace("{property: period,", "{property: quote,"),
            "'quote' is not a custom property of Quickstack here; it belongs to the "
            "customProperties of the server `raw`",
        ),
        (
            SAMPLE.replace("enum: [", "enum: [{value: zz, customProperties: "
                           "[{property: task, value: a}]}, ", 1),
            "'task' does nothing here; it belongs to the customProperties of the contract itself",
        ),
    ],
)  # fmt: skip
def test_the_sentence_says_what_to_write_and_where(tmp_path, text, sentence):
    assert sentence in refusal(tmp_path, text)


def test_a_column_without_type_gets_one_sentence(tmp_path):
    start = SAMPLE.index(COLUMN) + len(COLUMN)
    cut = SAMPLE.index("        logicalType:", start)
    message = refusal(tmp_path, SAMPLE[:cut] + SAMPLE[SAMPLE.index("\n", cut) + 1 :])
    assert "column 'month' needs a logicalType" in message
    assert "'map'" not in message
    assert "classification" not in message


BOMB = "tags: &a [x, x]\n" + "".join(
    f"b{n}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "references repeat more than"),
        ("tags: &a [*a]\n", "'*a' refers to itself"),
        ("tags: " + "[" * 100_000, "nested more than"),
        ("tags:\n" + "".join(" " * n + "-\n" for n in range(1, 2000)), "nested more than"),
        ("tenant: " + "9" * 100_000, "a number has more than"),
        ("tags: !!set {a, b}\n", "the tag tag:yaml.org,2002:set is not read"),
        ("? [a, b]\n: c\n", "a key is a list"),
        ("---\na: 1\n", "a second document begins"),
    ],
)
def test_hostile_yaml_ends_in_a_sentence(tmp_path, text, sentence):
    message = refusal(tmp_path, SAMPLE + text)
    assert sentence in message
    assert "sample.odcs.yaml:" in message


def test_references_that_end_are_read(tmp_path):
    path = tmp_path / "sample.odcs.yaml"
    path.write_text(SAMPLE + "tags: &a [x]\ntenant: &t us\ndomain: *t\n", encoding="utf-8")
    assert load_contract(path).id == "sample"


def test_a_long_enum_costs_no_more_than_its_lines(tmp_path):
    values = "".join(f'          - value: "v{n}"\n' for n in range(20_000))
    column = "      - name: z\n        logicalType: string\n        classification: public\n"
    text = SAMPLE.replace(COLUMN, f"{column}        enum:\n{values}{COLUMN}", 1)
    path = tmp_path / "sample.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.process_time()
    assert len(load_contract(path).column("z").allowed) == 20_000
    took, began = time.process_time() - began, time.process_time()
    load_contract(ROOT / "configuration/contracts/sample.odcs.yaml")
    assert took < 60 * (time.process_time() - began)
