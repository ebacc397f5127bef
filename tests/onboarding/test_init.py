"""`quickstack init`: from a file that nobody described to a contract that loads."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from documents import check_printed, console
from examples import write
from helpers import ROOT, real_data
from quickstack.cli.main import app
from quickstack.facts.contract import Contract, load_contract
from quickstack.facts.paths import contract_path
from readers.workbooks import row as xlsx_row
from readers.workbooks import xlsx


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "clone"
    write(folder / ".dvc" / "config", "")
    write(folder / "params.yaml", "# What people tune.\ndataset: sample   # which contract\n")
    monkeypatch.chdir(folder)
    return folder


def init(path: Path, *options: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["init", str(path), *options])
    assert done.exit_code == code, done.output
    return done.output


def drafted(root: Path, name: str) -> Contract:
    return load_contract(root / f"configuration/contracts/{name}.odcs.yaml")


def text_of(root: Path, name: str) -> str:
    return (root / f"configuration/contracts/{name}.odcs.yaml").read_text(encoding="utf-8")


def rows(count: int, seed: int = 7) -> list[dict[str, Any]]:
    """Give rows of orders, with what a described table may hold."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        amount = draw.gauss(100, 30)
        found.append({
            "order_id": f"{number:06d}", "email": f"who{number}@example.org",
            "ordered": f"{1 + number % 28}.{1 + number // 28 % 12}.2024",
            "amount": f"{amount:.2f}".replace(".", ","),
            "plan": draw.choice(("basic", "plus", "pro", "unknown")),
            "visits": draw.choice(("1", "2", "3", "NA")),
            "churned": "ja" if amount + draw.gauss(0, 30) < 80 else "nein",
        })  # fmt: skip
    return found


def delimited(table: list[dict[str, Any]], delimiter: str = ";") -> str:
    lines = [delimiter.join(table[0]), *(delimiter.join(row.values()) for row in table)]
    return "\n".join(lines) + "\n"


def test_a_table_becomes_a_contract_that_says_all_of_it(root, tmp_path):
    output = init(write(tmp_path / "Orders 2024.csv", delimited(rows(700))), "--target", "churned")
    contract = drafted(root, "orders_2024")
    assert {c.name: c.type for c in contract.columns} == {
        "order_id": "string", "email": "string", "ordered": "date", "amount": "number",
        "plan": "string", "visits": "integer", "churned": "string",
    }  # fmt: skip
    source = contract.source
    assert (source.delimiter, source.decimal, source.missing) == (";", ",", ("", "NA", "unknown"))
    assert contract.column("ordered").format == "d.M.yyyy"
    assert contract.key == ("order_id",)
    assert (contract.task, contract.positive) == ("binary", "ja")
    assert (contract.time_column, contract.period) == ("ordered", "month")
    assert contract.split.from_time == "2024-10-01"
    assert contract.column("plan").allowed == ("basic", "plus", "pro")
    assert contract.column("email").personal == "drop"
    assert "@" not in text_of(root, "orders_2024") + output
    assert "dataset: orders_2024   # which contract" in (root / "params.yaml").read_text()
    assert (root / "data/raw/orders_2024/Orders 2024.csv").is_file()
    assert output.index("email: it seems personal") < output.index("'unknown' is taken as no value")
    assert "quickstack add data/raw/orders_2024" in output


def test_the_page_shows_what_is_printed(root):
    ((command, lines),) = console(ROOT / "docs" / "init.md")
    write(root / "orders.csv", delimited(rows(700)))
    check_printed(command, init(Path("orders.csv"), *shlex.split(command)[3:]), lines)


def test_the_contract_is_short(root, tmp_path):
    table = [{f"c{i}": str((i * n) % 7) for i in range(24)} | {"y": "ab"[n % 2]} for n in range(60)]
    init(write(tmp_path / "wide.csv", delimited(table, ",")), "--target", "y")
    assert len(text_of(root, "wide").splitlines()) <= 45


def test_order_of_rows_and_cuts_of_files_change_no_byte(root, tmp_path):
    table = rows(400)
    init(write(tmp_path / "orders.csv", delimited(table)), "--target", "churned")
    whole = text_of(root, "orders")
    random.Random(1).shuffle(table)
    for part in range(20):
        write(tmp_path / f"parts/{part:02}.csv", delimited(table[part::20]))
    init(tmp_path / "parts", "--target", "churned", "--name", "orders_2")
    cut = text_of(root, "orders_2").replace("Orders 2", "Orders")
    assert cut.replace("orders_2", "orders") == whole


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_other_formats(root, tmp_path, kind):
    table = pa.table({
        "n": pa.array([float(i % 9) for i in range(80)]),
        "day": pa.array([19_000 + i for i in range(80)], pa.int32()).cast(pa.date32()),
        "kind": ["x", "y"] * 40,
    })  # fmt: skip
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        table.to_pandas().astype({"day": str}).to_json(path, orient="records", lines=True)
    init(path, "--target", "kind")
    contract = drafted(root, "t")
    assert [c.type for c in contract.columns][1:] == ["date", "string"]
    assert (contract.source.format, contract.time_column) == (kind, "day")


def test_a_workbook_with_a_title_above_its_header(root, tmp_path):
    lines = [xlsx_row(1, "text:Report"), xlsx_row(3, "text:region", "text:sold", "text:won")]
    for n in range(90):
        won = ("no", "yes")[n % 3 > 1]
        lines.append(xlsx_row(4 + n, f"text:{'NSEW'[n % 4]}", f"s1:{45_000 + n}", f"text:{won}"))
    init(write(tmp_path / "b.xlsx", xlsx("".join(lines))), "--target", "won")
    contract = drafted(root, "b")
    assert (contract.source.format, contract.source.skip_lines) == ("excel", 2)
    assert [c.type for c in contract.columns] == ["string", "date", "string"]
    assert (contract.time_column, contract.positive) == ("sold", "yes")


def test_without_a_target_those_possible_are_listed(root, tmp_path):
    output = init(write(tmp_path / "o.csv", delimited(rows(60))), code=2)
    assert "churned: binary" in output
    assert "amount: regression" in output
    assert "email" not in output
    assert not (root / "configuration").exists()


def test_nothing_is_overwritten_unasked(root, tmp_path):
    path = write(tmp_path / "o.csv", delimited(rows(60)))
    init(path, "--target", "churned")
    before = text_of(root, "o")
    assert "--replace" in init(path, "--target", "amount", code=1)
    assert text_of(root, "o") == before
    init(path, "--target", "amount", "--replace")
    assert drafted(root, "o").task == "regression"


def test_answers_are_taken(root, tmp_path):
    path = write(tmp_path / "o.csv", delimited(rows(60)))
    init(
        path, "--target", "churned", "--set", "email.personalData=pseudonym", "--set",
        "positiveLabel=nein", "--set", 'missingValues=["", "NA"]', "--set", "visits.unit=visits",
        "--set", "horizon=7 d",
    )  # fmt: skip
    contract = drafted(root, "o")
    assert contract.column("email").personal == "pseudonym"
    assert (contract.positive, contract.source.missing) == ("nein", ("", "NA"))
    assert contract.column("plan").allowed == ("basic", "plus", "pro", "unknown")
    assert (contract.column("visits").unit, str(contract.horizon)) == ("visits", "7 days")
    assert "'plam' is no column; did you mean 'plan'?" in init(
        path, "--target", "churned", "--set", "plam.unit=x", "--name", "p", code=2
    )


NUMBERS = "".join(f"{n},{n * 3 % 7},{'ab'[n % 2]}\n" for n in range(50))


@pytest.mark.parametrize(
    ("content", "target", "sentence"),
    [
        ("", "y", "the file is empty"),
        ("a,b,y\n", "y", "a header and no row"),
        ("a,b,y\n" + NUMBERS, "z", "'z' is no column"),
        ("a,b,y\n" + NUMBERS.replace("b\n", "a\n"), "y", "holds one value"),
        ("a,y\n" + "".join(f"{n},v{n}x{n}\n" for n in range(400)), "y", "a value of its own"),
        ("a,b,y\n" + NUMBERS + "\nname,phone\n" + "p,q\n" * 40, "y", "may hold two tables"),
        ("y\n" + "1\n2\n" * 9, "y", "one column"),
    ],
)
def test_bad_input_gets_one_sentence(root, tmp_path, content, target, sentence):
    output = init(
        write(tmp_path / "t.csv", content), "--target", target, code=(2 if target == "z" else 1)
    )
    assert sentence in output
    assert len(output.strip().splitlines()) == 1
    assert not (root / "configuration").exists()
    assert not (root / "data").exists()


def test_a_file_without_a_header(root, tmp_path):
    output = init(write(tmp_path / "t.csv", NUMBERS), "--target", "column_3")
    contract = drafted(root, "t")
    assert (contract.source.header, contract.target) == (False, "column_3")
    assert "rename them" in output
    assert "# no line names the columns" in text_of(root, "t")


def test_names_in_any_script_and_nameless_columns(root, tmp_path):
    init(write(tmp_path / "t.csv", ",金額,تاريخ\n" + NUMBERS), "--target", "تاريخ")
    assert [c.name for c in drafted(root, "t").columns] == ["column_1", "金額", "تاريخ"]


def test_hundreds_of_columns(root, tmp_path):
    header = ",".join(f"c{i}" for i in range(120)) + "\n"
    body = "".join(",".join(str((i * n) % 5) for i in range(120)) + "\n" for n in range(20))
    init(write(tmp_path / "t.csv", header + body), "--target", "c7")
    assert len(drafted(root, "t").columns) == 120


def test_a_time_in_parts_and_a_title_above(root, tmp_path):
    months = ("January", "February", "March", "April", "May", "June", "July")
    lines = [f"2024,{months[n % 7]},{1 + n % 27},{n % 5},{n}" for n in range(140)]
    text = "Report of sales\n\nyear,month,day,shop,sales\n" + "\n".join(lines) + "\n"
    init(write(tmp_path / "t.csv", text), "--target", "sales")
    contract = drafted(root, "t")
    assert contract.source.skip_lines == 2
    assert contract.column("date").parts == (("year", "yyyy"), ("month", "MMMM"), ("day", "d"))
    assert contract.time_column == "date"


def test_unsure_dates_are_asked(root, tmp_path):
    lines = [f"{1 + n % 12:02}/{1 + n % 11:02}/2024,{n % 5},{'ab'[n % 2]}" for n in range(99)]
    path = write(tmp_path / "t.csv", "day,n,y\n" + "\n".join(lines) + "\n")
    assert "day.format=M/d/yyyy" in init(path, "--target", "y")
    assert drafted(root, "t").column("day").format == "d/M/yyyy"
    init(path, "--target", "y", "--replace", "--set", "day.format=M/d/yyyy")
    assert drafted(root, "t").column("day").format == "M/d/yyyy"


def test_what_the_target_is_made_of_leaks(root, tmp_path):
    draw = random.Random(3)
    lines = []
    for n in range(400):
        a, b = draw.randrange(50), draw.randrange(90)
        lines.append(f"{n},{a},{b},{draw.randrange(9)},{a + b}")
    path = write(tmp_path / "t.csv", "id,a,b,other,total\n" + "\n".join(lines) + "\n")
    init(path, "--target", "total")
    assert {c.name for c in drafted(root, "t").columns if c.leaks_target} == {"a", "b"}
    init(path, "--target", "total", "--replace", "--set", "a.leaksTarget=false")
    assert drafted(root, "t").column("a").known_before


def test_files_of_other_columns_are_named(root, tmp_path):
    write(tmp_path / "t/1.csv", "a,b,y\n" + NUMBERS)
    write(tmp_path / "t/2.csv", "a,b,c,y\n" + "1,2,3,a\n" * 9)
    assert re.search(
        r"2\.csv: the file has c, unlike", init(tmp_path / "t", "--target", "y", code=1)
    )


@pytest.mark.parametrize(
    ("path", "target", "name"),
    [
        ("telco_churn/Telco-Customer-Churn.csv", "Churn", "telco_churn"),
        ("bank_marketing/bank-additional.csv", "y", "bank_marketing"),
        ("bike_sharing/hour.csv", "cnt", "bike_sharing"),
    ],
)
def test_real_tables_are_described_as_people_did(root, path, target, name):
    """Types, task, positive class, missing values, key, time and leaks; bank by its small file."""
    init(real_data(path), "--target", target, "--name", name)
    ours, theirs = drafted(root, name), load_contract(ROOT / contract_path(name))
    assert [(c.name, c.type, c.leaks_target, c.personal) for c in ours.columns] == [
        (c.name, c.type, c.leaks_target, c.personal) for c in theirs.columns
    ]
    for fact in ("key", "task", "positive", "time_column", "period"):
        assert getattr(ours, fact) == getattr(theirs, fact)
    assert ours.source.missing == theirs.source.missing
    assert len(text_of(root, name).splitlines()) <= 45


def changed(table: list[dict[str, Any]], change: str) -> list[dict[str, Any]]:
    """Give a table with one change of its schema."""
    if change == "renamed":
        return [{("total" if k == "amount" else k): v for k, v in row.items()} for row in table]
    if change == "new column":
        return [row | {"extra": "1"} for row in table]
    first, column, value = {
        "new value": (5, "plan", "gold"),
        "fraction": (9, "visits", "1,5"),
        "text": (9, "visits", "often9"),
        "missing": (3, "churned", ""),
        "below": (2, "visits", "-4"),
        "key": (2, "order_id", "000100"),
        "date": (400, "ordered", "2024-01-05"),
    }[change]
    return [row | {column: value} if i < first else row for i, row in enumerate(table)]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "renamed",
            "breaking    column amount is gone (400 rows)\ncompatible  column total is new",
        ),
        ("new column", "compatible  column extra is new: describe it (400 rows)"),
        ("new value", "loosening   column plan holds values that its `enum` lacks (5 rows)"),
        ("fraction", "loosening   column visits is now number, not integer (9 rows)"),
        ("text", "breaking    column visits is now string, not integer (9 rows)"),
        ("missing", "loosening   column churned is missing in some rows (3 rows)"),
        ("below", "loosening   column visits lies below its minimum (2 rows)"),
        ("key", "breaking    the key order_id is no longer unique (2 rows)"),
        ("date", "breaking    column ordered is written otherwise"),
    ],
    ids=lambda value: value if len(value) < 12 else "",
)
def test_changes_since_the_contract_are_named(root, tmp_path, change, line):
    table = rows(400)
    path = write(tmp_path / "o.csv", delimited(table))
    init(path, "--target", "churned")
    assert init(path, "--check") == "the files are as the contract says\n"
    write(path, delimited(changed(table, change)))
    assert init(path, "--check", code=int("breaking" in line)).startswith(line)


def test_no_value_of_a_personal_column_is_told(root, tmp_path):
    path = real_data("pii/faker_own/customers_plain.csv")
    told = init(path, "--target", "age_band") + text_of(root, "customers_plain")
    contract = drafted(root, "customers_plain")
    names = ["full_name", "email", "phone", "street", "birth_date", "national_id", "iban"]
    names += ["card_number", "ipv4", "ipv6", "mac", "username", "licence_plate"]
    assert {contract.column(name).personal for name in names} <= {"drop", "pseudonym"}
    table = pd.read_csv(path, dtype=str, usecols=names)
    assert [v for name in names for v in table[name].dropna() if v in told] == []
