"""A small contract of three tables that tests change, line by line."""

from __future__ import annotations

import re

import pytest

from quickstack.facts.contract import load_contract
from quickstack.facts.errors import ContractError

BASE = """\
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers:
  - server: raw
    type: local
    path: data/raw/shop/orders*.csv
    format: csv
    customProperties:
      - {property: delimiter, value: ";"}
schema:
  - name: orders
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
    properties:
      - name: number
        logicalType: integer
        primaryKey: true
      - name: customer
        logicalType: string
        classification: personal
        customProperties:
          - {property: personalData, value: pseudonym}
      - name: postcode
        logicalType: string
        classification: personal
        logicalTypeOptions: {pattern: '^[0-9]{5}$'}
        customProperties:
          - {property: personalData, value: drop}
      - name: born
        logicalType: date
      - name: sold
        logicalType: timestamp
      - name: note
        logicalType: string
        classification: internal
      - name: paid
        logicalType: boolean
        required: true
      - name: weight
        logicalType: number
      - name: amount
        logicalType: number
  - name: customers
    physicalName: data/raw/shop/customers.csv
    description: Who buys.
    properties:
      - name: id
        logicalType: string
        classification: internal
        primaryKey: true
      - name: year
        logicalType: integer
  - name: rates
    physicalName: data/raw/shop/rates.csv
    properties:
      - name: year
        logicalType: integer
        unique: true
customProperties:
  - {property: task, value: regression}
  - {property: target, value: amount}
  - {property: testShare, value: 0.2}
"""
SERVER = '      - {property: delimiter, value: ";"}\n'
ORDERS = "  - name: customers\n"
CUSTOMERS = "    description: Who buys.\n"
NOTE = "      - name: note\n        logicalType: string\n        classification: internal\n"
POSTCODE = "          - {property: personalData, value: drop}\n"
CONTRACT = "  - {property: task, value: regression}\n"
CUSTOMER = "          - {property: personalData, value: pseudonym}\n"
RATES = "  - name: rates\n"
YEAR = "      - name: year\n        logicalType: integer\n  - name: rates\n"


def load(tmp_path, *replacements):
    """Load the changed contract; an error tells the line that `§` marks as `marked`."""
    text = BASE
    for old, new in replacements:
        assert old in text, f"the contract does not hold {old!r}"
        text = text.replace(old, new, 1)
    marked = next((i + 1 for i, line in enumerate(text.split("\n")) if "§" in line), None)
    path = tmp_path / "shop.odcs.yaml"
    path.write_text(text.replace("§", ""), encoding="utf-8")
    try:
        return load_contract(path)
    except ContractError as error:
        error.marked = marked
        raise


def refused(tmp_path, sentence, *changes):
    """See that the changed contract is refused with a sentence, at the marked line only."""
    with pytest.raises(ContractError) as caught:
        load(tmp_path, *changes)
    message = str(caught.value)
    assert sentence in message
    places = {int(n) for n in re.findall(r"shop\.odcs\.yaml:(\d+):", message)}
    assert places == {caught.value.marked}


def own(*lines):
    """Give a table its own custom properties."""
    return "    customProperties:\n" + "".join(f"      - {line}\n" for line in lines)


def written(name, value):
    return f"      - {{property: {name}, value: {value}}}\n"


def anonymity(text):
    return CONTRACT, CONTRACT + f"  - {{property: kAnonymity, value: {text}}}\n"


def column_rule(text):
    return NOTE, NOTE + f"        quality:\n          - {text}\n"


def to(text, severity=None):
    """Let `customer` refer to something."""
    more = f", customProperties: [{{property: severity, value: {severity}}}]" if severity else ""
    lines = f"        relationships:\n          - {{to: {text}{more}}}\n"
    return CUSTOMER, CUSTOMER + lines
