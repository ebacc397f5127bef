from __future__ import annotations

import pytest

from contract.shop import (
    CUSTOMERS,
    ORDERS,
    RATES,
    SERVER,
    YEAR,
    anonymity,
    column_rule,
    load,
    own,
    refused,
    to,
    written,
)
from quickstack.facts.contract.model import Reference
from quickstack.facts.errors import ContractError


def test_further_tables(tmp_path):
    contract = load(tmp_path)
    assert contract.id == "shop"
    customers, rates = contract.tables
    assert (customers.id, rates.id) == ("customers", "rates")
    assert customers.source.path == "data/raw/shop/customers.csv"
    assert (customers.key, customers.grain) == (("id",), "Who buys.")
    assert (customers.target, customers.time_column, customers.tables) == ("", None, ())
    assert contract.references == customers.references == ()


def table_level(from_, to_, table=ORDERS):
    return table, f"    relationships:\n      - {{from: {from_}, to: {to_}}}\n" + table


def test_references(tmp_path):
    contract = load(
        tmp_path,
        to("customers.id", "warning"),
        table_level("[orders.customer, orders.number]", "[customers.id, customers.year]"),
        (
            YEAR,
            YEAR.replace("integer\n", "integer\n        relationships: [{to: rates.year}]\n", 1),
        ),
    )
    assert contract.references == (
        Reference(("customer",), "customers", ("id",), "warning"),
        Reference(("customer", "number"), "customers", ("id", "year")),
    )
    assert contract.tables[0].references == (Reference(("year",), "rates", ("year",)),)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (to("customer.id"), "did you mean 'customers'"),
        (to("customers.yaer"), "table 'customers' has no column 'yaer'; did you mean 'year'"),
        (to("customers"), "write a table and a column, such as planes.tailnum"),
        (to("schema/customers/properties/id"), "must be a table and a column"),
        (to("customers.year"), "give them one logicalType"),
        (to("customers.id", "maybe"), "severity must be one of: error, warning, stop"),
        (to("[customers.id, rates.year]"), "columns of one table"),
        (to("[customers.id, customers.year]"), "1 columns refer to 2"),
        (table_level("customers.id", "customers.id"), "must name columns of 'orders' itself"),
        (table_level("orders.customr", "customers.id"), "did you mean 'customer'"),
        (table_level("[orders.customer]", "customers.id"), "both be one column, or both a list"),
        (
            table_level("[orders.customer, orders.customer]", "[customers.id, customers.id]"),
            "stands in `from` twice",
        ),
    ],
)
def test_wrong_references(tmp_path, change, sentence):
    old, new = change
    lines = new.split("\n")
    at = next(i for i, line in enumerate(lines) if "to: " in line)
    lines[at] += " # §"
    refused(tmp_path, sentence, (old, "\n".join(lines)))


def test_references_need_an_order(tmp_path):
    circle = (
        table_level("customers.year", "rates.year", RATES),
        table_level("rates.year", "customers.year", "customProperties:\n  - {property: task"),
        ("schema:\n", "schema: # §\n"),
    )
    refused(tmp_path, "references go round in a circle", *circle)
    back = table_level("customers.year", "orders.number", RATES)
    name = "  - name: customers\n"
    refused(tmp_path, "the table that is learned from", back, (name, "  - name: customers # §\n"))


def test_from_stands_under_the_table_only(tmp_path):
    old, new = to("customers.id")
    new = new.replace("{to:", "{from: orders.customer, to:").rstrip("\n") + " # §\n"
    refused(tmp_path, "leave it out, or write it under the table", (old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("  - name: rates\n    physicalName: data/raw/shop/rates.csv\n", "  - name: rates # §\n",
         "names no file; write `physicalName: data/raw/shop/"),
        ("shop/rates.csv", "other/rates.csv # §", "must lie in data/raw/shop/"),
        ("shop/rates.csv", "shop/../rates.csv # §", "must lie in data/raw/shop/"),
        ("shop/rates.csv", "shop/orders_rates.csv # §", "'orders' reads the same file"),
        ("  - name: rates", "  - name: Customers # §", "a table 'Customers' stands here twice"),
        ("  - name: rates", "  - name: shop # §", "cannot be named 'shop'"),
        ("  - name: rates", "  - name: a/b # §", "needs letters, digits, _ and -"),
        (CUSTOMERS, CUSTOMERS + own("{property: delimitr, value: x} # §"), "mean 'delimiter'"),
        (CUSTOMERS, CUSTOMERS + own("{property: format, value: cvs} # §"), "mean 'csv'"),
        (CUSTOMERS, CUSTOMERS + own("{property: encoding, value: utf-99} # §"), "not an encoding"),
        (SERVER, SERVER + written("sheet", "one").rstrip() + " # §\n", "of the format excel"),
        ("    format: csv\n", "    format: csv\n    encoding: base64 # §\n", "is not an encoding"),
    ],
)  # fmt: skip
def test_wrong_tables(tmp_path, old, new, sentence):
    refused(tmp_path, sentence, (old, new))


def test_mistakes_of_all_tables_come_at_once(tmp_path):
    with pytest.raises(ContractError) as caught:
        load(
            tmp_path,
            to("customer.id"),
            ("shop/rates.csv", "other/rates.csv"),
            anonymity("{k: 1, columns: [born]}"),
            column_rule("{metric: rowCount, mustBe: 1}"),
            (SERVER, SERVER + written("lineEnd", "lf")),
        )
    assert "5 mistakes" in str(caught.value)
