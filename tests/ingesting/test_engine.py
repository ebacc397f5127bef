from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import HEADER, people_contract, write
from quickstack.data.ingesting import engine, parallel
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.data.readers.partitions import Partition, find_partitions
from quickstack.facts.contract import Column
from quickstack.facts.contract.model import Anonymity, Generalisation, Reference
from quickstack.facts.errors import DataError, SourceError
from quickstack.facts.params import ComputeParams

KEY = b"k" * 32
CONTRACT = people_contract()


def run(folder, contract, block_bytes=64, workers=2, cache="cache", key=KEY):
    """Ingest what the contract's paths name below a folder; the report, clean and refused rows."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    (out / "interim").mkdir(parents=True)
    (out / "quarantine").mkdir()
    report = engine.ingest(
        contract,
        key=key,
        interim=out / "interim",
        quarantine=out / "quarantine",
        block_bytes=block_bytes,
        compute=ComputeParams(workers=workers),
        cache=folder / cache,
    )
    tables = {
        path.stem: pq.read_table(path).to_pylist()
        for path in sorted((out / "interim").rglob("*.parquet"))
    }
    refused = {
        path.stem: [json.loads(line) for line in path.open()]
        for path in sorted((out / "quarantine").rglob("*.jsonl"))
    }
    return report, tables, refused


def ingest(folder, files, contract=CONTRACT, block_bytes=64, share=1.0, **more):
    for name, body in files.items():
        write(folder / "raw" / f"{name}.csv", HEADER + body)
    path = str(folder / "raw" / "*.csv")
    source = replace(contract.source, path=path, max_quarantined_share=share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "find_partitions", found_in)
        report, tables, refused = run(folder, replace(contract, source=source), block_bytes, **more)
    return tables, refused, report


def found_in(contract):
    """Find the files of an absolute pattern, which `find_partitions` does not take."""
    pattern = Path(contract.source.path)
    paths = sorted(pattern.parent.glob(pattern.name))
    return [Partition(path, path.stem, size=path.stat().st_size) for path in paths]


def row(i, kind="a", amount="1", day="2024-01-01"):
    return f"{i},Name {i},{kind},{amount},{day}\n"


def test_clean_rows_are_typed_and_protected(tmp_path):
    tables, refused, report = ingest(tmp_path, {"x": row(1) + row(2, "b", "", "")})
    first, second = tables["x"]
    assert list(first) == ["id", "kind", "amount", "day"]
    assert len(first["id"]) == 32
    assert (first["kind"], first["amount"], str(first["day"])) == ("a", 1.0, "2024-01-01")
    assert (second["amount"], second["day"]) == (None, None)
    assert refused == {}
    assert report["rows"] == {"read": 2, "clean": 2, "quarantined": 0}
    assert report["missing"] == {"amount": 1, "day": 1}


def test_a_broken_row_goes_to_quarantine_with_all_that_is_wrong(tmp_path):
    body = row(1) + "2,Bo,z,-1,2024-02-30\n" + "3,short\n" + row(4)
    tables, refused, report = ingest(tmp_path, {"x": body})
    assert len(tables["x"]) == 2
    first, second = refused["x"]
    assert (first["line"], second["line"]) == (3, 4)
    assert {(p["column"], p["rule"]) for p in first["problems"]} == {
        ("kind", "allowed"),
        ("amount", "minimum"),
        ("day", "type"),
    }
    assert second["problems"] == [
        {"column": "", "rule": "layout", "reason": "2 cells where the header has 5"}
    ]
    assert first["raw"] == "2,Bo,z,-1,2024-02-30"
    assert all("Bo" not in p["reason"] for p in first["problems"])
    assert first["offset"] == len(HEADER + row(1))
    assert report["rows"] == {"read": 4, "clean": 2, "quarantined": 2}


def test_too_many_broken_rows_are_shown_by_place_and_shape(tmp_path):
    body = "".join(row(i, day="31/12/2024") for i in range(5)) + "9,short\n" + row(7, kind="Bo")
    with pytest.raises(DataError) as caught:
        ingest(tmp_path, {"x": body}, share=0.1)
    message = str(caught.value)
    assert message.count("column day: d/M/yyyy") == 3
    assert "x.csv, line 2, column day: d/M/yyyy" in message
    assert "x.csv, line 7: 2 cells where the header has 5" in message
    assert "x.csv, line 8, column kind: aa" in message
    assert "Bo" not in message
    assert "31" not in message


def test_nothing_raw_is_left_in_the_clean_file(tmp_path):
    ingest(tmp_path, {"x": row(1) + row(2)})
    content = (tmp_path / "out" / "interim" / "x.parquet").read_bytes()
    assert b"Name" not in content


@pytest.mark.parametrize("block_bytes", [1, 50, 5000])
def test_the_first_of_equal_keys_stays_across_files(tmp_path, block_bytes):
    files = {"a": row(1) + row(2), "b": row(2, "b") + row(3), "c": row(1) + row(1)}
    tables, refused, report = ingest(tmp_path, files, block_bytes=block_bytes)
    assert [len(t) for t in tables.values()] == [2, 1, 0]
    assert tables["a"][1]["kind"] == "a"
    assert [(r["line"], r["problems"][0]["rule"]) for r in refused["c"]] == [
        (2, "unique"),
        (3, "unique"),
    ]
    counts = [(f["read"], f["clean"], f["quarantined"]) for f in report["files"]]
    assert counts == [(2, 2, 0), (2, 1, 1), (2, 0, 2)]


def test_a_unique_column_ignores_missing_values(tmp_path):
    columns = tuple(replace(c, unique=True) if c.name == "amount" else c for c in CONTRACT.columns)
    body = row(1, amount="") + row(2, amount="") + row(3, amount="5") + row(4, amount="5.0")
    tables, refused, report = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns))
    assert len(tables["x"]) == 3
    assert refused["x"][0]["line"] == 5
    assert report["rules"] == [{"column": "amount", "rule": "unique", "rows": 1}]
    assert report["missing"]["amount"] == 2


#: type, and values of which the first and the last are equal, whatever stands between them
EQUAL = {
    "whole number beside a missing one": ("integer", ["1", "", "1"]),
    "moments at midnight and beside others": (
        "timestamp",
        ["2024-01-01 00:00:00", "2024-01-01 12:00:00", "2024-01-01 00:00:00"],
    ),
    "days": ("date", ["2024-01-01", "", "2024-01-01"]),
    "numbers written otherwise": ("number", ["1.5", "2", "1.50"]),
    "text": ("string", ["x", "", "x"]),
}


@pytest.mark.parametrize(("kind", "values"), EQUAL.values(), ids=list(EQUAL))
@pytest.mark.parametrize("block_bytes", [1, 50, 80])
def test_equal_values_are_found_in_whatever_block_they_stand(tmp_path, kind, values, block_bytes):
    formats = {"timestamp": "yyyy-MM-dd HH:mm:ss", "date": "yyyy-MM-dd"}
    unique = Column("amount", kind, unique=True, format=formats.get(kind))
    columns = tuple(unique if c.name == "amount" else c for c in CONTRACT.columns)
    body = "".join(row(i, amount=value) for i, value in enumerate(values))
    _, refused, _ = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns), block_bytes)
    assert [r["line"] for r in refused["x"]] == [4]


def test_large_whole_numbers_that_differ_are_no_duplicates(tmp_path):
    unique = Column("amount", "integer", unique=True)
    columns = tuple(unique if c.name == "amount" else c for c in CONTRACT.columns)
    body = "".join(row(i, amount=v) for i, v in enumerate(["", str(2**53), str(2**53 + 1)]))
    tables, refused, _ = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns))
    assert (len(tables["x"]), refused) == (3, {})


def test_the_bytes_are_the_same_each_time(tmp_path):
    body = "".join(row(i) for i in range(50))
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        ingest(folder, {"x": body})
        results.append((folder / "out" / "interim" / "x.parquet").read_bytes())
    assert results[0] == results[1]


def test_an_integer_column_can_become_a_pseudonym(tmp_path):
    columns = (
        Column("id", "integer", key_position=1, personal="pseudonym", domain="person"),
        *CONTRACT.columns[1:],
    )
    tables, _, _ = ingest(tmp_path, {"x": row(1)}, replace(CONTRACT, columns=columns))
    assert len(tables["x"][0]["id"]) == 32


def test_spellings_of_a_value_share_a_pseudonym_unless_the_contract_keeps_version_1(tmp_path):
    values = ["Ada R", "ADA  R", "\uff41da r", "bo"]
    body = "".join(f"{n},{value},a,1,2024-01-01\n" for n, value in enumerate(values))
    (tmp_path / "1").mkdir()
    name = Column("name", "string", personal="pseudonym", domain="d")
    columns = tuple(name if c.name == "name" else c for c in CONTRACT.columns)
    for version, texts in ((1, values), (2, ["ada r", "ada r", "ada r", "bo"])):
        contract = replace(CONTRACT, columns=columns, pseudonym_version=version)
        tables, _, _ = ingest(tmp_path / "1", {"x": body}, contract, key=KEY)
        made = pseudonymise(pa.array(texts), KEY, "d").to_pylist()
        assert [row["name"] for row in tables["x"]] == made


ROWS = st.lists(
    st.sampled_from([row(1), row(2), row(3), row(4, "z"), "\n", "5,x\n", '6,"open,a,1,\n']),
    max_size=15,
)


@settings(max_examples=40)
@given(lines=ROWS, block_bytes=st.integers(1, 120))
def test_every_line_ends_in_exactly_one_place(tmp_path_factory, lines, block_bytes):
    folder = tmp_path_factory.mktemp("property")
    if not "".join(lines).strip("\n"):
        with pytest.raises(DataError, match="no rows"):
            ingest(folder, {"x": "".join(lines)}, block_bytes=block_bytes)
        return
    tables, refused, report = ingest(folder, {"x": "".join(lines)}, block_bytes=block_bytes)
    assert report["rows"]["clean"] == len(tables["x"])
    assert report["rows"]["quarantined"] == len(refused.get("x", []))
    assert report["rows"]["read"] + report["blank_lines"] == len(lines)


def test_no_source_file_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"data/raw/people/\*.csv: there is no such file"):
        find_partitions(CONTRACT)


def test_partitions_come_in_the_order_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.csv", "c.d.csv"):
        write(tmp_path / "data" / "raw" / "people" / name, HEADER)
    assert [p.name for p in find_partitions(CONTRACT)] == ["a", "b", "c_d"]


def with_note(**changes):
    note = Column("note", "string", classification="internal", **changes)
    return replace(CONTRACT, columns=(*CONTRACT.columns, note))


def noted(folder, notes, contract, files=1):
    """Ingest people with a note each, spread over files; the first one is Ada Lovelace."""
    lines = [f"{i},{'Ada Lovelace' if i == 0 else f'Name {i}'},a,1,2024-01-01,{note}\n"
             for i, note in enumerate(notes)]  # fmt: skip
    for file in range(files):
        body = "".join(lines[file::files])
        write(folder / "raw" / f"f{file}.csv", HEADER.strip() + ",note\n" + body)
    source = replace(contract.source, path=str(folder / "raw" / "*.csv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "find_partitions", found_in)
        return run(folder, replace(contract, source=source))


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        ("write to ada@example.com", "email"),
        ("pays with 4111 1111 1111 1111", "card"),
        ("please call Ada Lovelace again", "leaked_value"),
    ],
)
@pytest.mark.parametrize("files", [1, 3])
def test_personal_data_in_a_column_that_should_hold_none_stop_the_run(tmp_path, note, kind, files):
    notes = ["fine", "x", note, "", note]
    with pytest.raises(DataError) as caught:
        noted(tmp_path, notes, with_note(), files)
    assert f"note, {kind}: 2 rows" in str(caught.value)
    assert "Lovelace" not in str(caught.value)
    assert "example.com" not in str(caught.value)


def test_findings_that_somebody_let_be_do_not_stop(tmp_path):
    notes = ["fine", "ada@example.com", "for Ada Lovelace"]
    contract = with_note(allowed_findings=("email", "leaked_value"))
    report, _, _ = noted(tmp_path, notes, contract)
    assert report["rows"]["clean"] == 3


@pytest.mark.parametrize("files", [1, 3])
def test_a_public_column_whose_header_is_personal_stops_until_somebody_looked(tmp_path, files):
    contract = with_note()
    contract = replace(
        contract, columns=(*CONTRACT.columns, replace(contract.column("note"), name="Straße"))
    )
    lines = [f"{i},N {i},a,1,2024-01-01,Weg {i}\n" for i in range(6)]
    for file in range(files):
        text = HEADER.strip() + ",Straße\n" + "".join(lines[file::files])
        write(tmp_path / "raw" / f"f{file}.csv", text)

    def ingested(**changes):
        columns = (*CONTRACT.columns, replace(contract.columns[-1], **changes))
        source = replace(contract.source, path=str(tmp_path / "raw" / "*.csv"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "find_partitions", found_in)
            return run(tmp_path, replace(contract, columns=columns, source=source))

    with pytest.raises(DataError, match="Straße, street: 6 rows"):
        ingested()
    report, _, _ = ingested(allowed_findings=("street",))
    assert report["rows"]["clean"] == 6


def test_a_refused_rows_text_is_in_no_dictionary_of_the_clean_file(tmp_path):
    lines = "".join(
        f"{i},N {i},{'z' if i == 7 else 'a'},1,2024-01-01,"
        f"{'hidden away' if i == 7 else 'common text'}\n"
        for i in range(40)
    )
    write(tmp_path / "raw" / "x.csv", HEADER.strip() + ",note\n" + lines)
    contract = with_note()
    source = replace(contract.source, path=str(tmp_path / "raw" / "*.csv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "find_partitions", found_in)
        run(tmp_path, replace(contract, source=source), block_bytes=1 << 20)
    path = tmp_path / "out" / "interim" / "x.parquet"
    table = pq.read_table(path, read_dictionary=["note"])
    words = [w for c in table.column("note").chunks for w in c.dictionary.to_pylist()]
    assert words == ["common text"]


def test_severities_count_or_stop(tmp_path):
    def contract(severity):
        columns = tuple(
            replace(c, severities=(("allowed", severity),)) if c.name == "kind" else c
            for c in CONTRACT.columns
        )
        return replace(CONTRACT, columns=columns)

    tables, refused, report = ingest(tmp_path, {"x": row(1) + row(2, "z")}, contract("warning"))
    assert (len(tables["x"]), refused) == (2, {})
    assert report["warned"] == [{"column": "kind", "rule": "allowed", "rows": 1}]
    with pytest.raises(DataError, match=r"(?s)severity stop.*kind, allowed: 1 rows"):
        ingest(tmp_path, {"x": row(1) + row(2, "z")}, contract("stop"))


def test_small_groups_are_suppressed(tmp_path):
    columns = tuple(
        replace(c, personal="generalise", generalisation=Generalisation("band", 10))
        if c.name == "amount" else c for c in CONTRACT.columns
    )  # fmt: skip
    contract = replace(CONTRACT, columns=columns, anonymity=Anonymity(2, ("amount", "kind")))
    body = row(1, amount="1") + row(2, amount="9") + row(3, amount="11") + row(4, "b", amount="2")
    tables, refused, report = ingest(tmp_path, {"x": body, "y": row(5, amount="12")}, contract)
    assert [r["amount"] for r in tables["x"]] == ["0-<10", "0-<10", "10-<20"]
    assert [r["amount"] for r in tables["y"]] == ["10-<20"]
    assert [(r["line"], r["problems"][0]["rule"]) for r in refused["x"]] == [(5, "k-anonymity")]
    assert report["rows"] == {"read": 5, "clean": 4, "quarantined": 1}


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_references_find_their_rows_in_another_table(tmp_path, severity):
    kinds = (Column("code", "string", key_position=1, required=True, classification="public"),)
    source = replace(CONTRACT.source, path=str(tmp_path / "kinds.csv"))
    other = replace(CONTRACT, id="kinds", columns=kinds, source=source)
    write(tmp_path / "kinds.csv", "code\na\n")
    contract = replace(
        CONTRACT,
        tables=(other,),
        references=(Reference(("kind",), "kinds", ("code",), severity),),
    )
    tables, refused, report = ingest(tmp_path, {"x": row(1) + row(2, "b") + row(3, "")}, contract)
    assert tables["kinds"] == [{"code": "a"}]
    assert report["tables"]["kinds"]["rows"]["clean"] == 1
    if severity == "error":
        assert [(r["line"], r["problems"][0]["rule"]) for r in refused["x"]] == [(3, "reference")]
        assert report["rows"]["clean"] == 2
    else:
        assert (refused, report["rows"]["clean"]) == ({}, 3)
        assert report["warned"] == [{"column": "kind", "rule": "reference", "rows": 1}]


def test_one_new_file_is_the_only_one_that_is_read(tmp_path, monkeypatch):
    read = []

    def counted(job, progress=None):
        read.append(job.partition.name)
        return ingest_partition(job, progress)

    ingest_partition = parallel.ingest_partition
    monkeypatch.setattr(parallel, "ingest_partition", counted)
    files = {f"f{i}": row(i) for i in range(5)}
    ingest(tmp_path, files)
    assert sorted(read) == sorted(files)
    read.clear()
    ingest(tmp_path, files)
    assert read == []
    changed = files | {"f5": row(5), "f2": row(22)}
    warm = ingest(tmp_path, changed)
    assert sorted(read) == ["f2", "f5"]
    warm_bytes = snapshot(tmp_path / "out")
    assert ingest(tmp_path, changed, cache="empty") == warm
    assert snapshot(tmp_path / "out") == warm_bytes
    (tmp_path / "raw" / "f0.csv").unlink()
    _, _, report = ingest(tmp_path, {})
    assert [Path(f["file"]).stem for f in report["files"]] == ["f1", "f2", "f3", "f4", "f5"]


def test_a_late_file_takes_a_key_from_a_later_one(tmp_path):
    tables, _, _ = ingest(tmp_path, {"b": row(1, "b")})
    assert len(tables["b"]) == 1
    tables, refused, _ = ingest(tmp_path, {"a": row(1)})
    assert (len(tables["a"]), len(tables["b"])) == (1, 0)
    assert refused["b"][0]["problems"][0]["rule"] == "unique"


@pytest.mark.parametrize("damage", ["empty", "garbage"])
def test_a_damaged_memo_is_made_again(tmp_path, damage):
    ingest(tmp_path, {"x": row(1)})
    expected = snapshot(tmp_path / "out")
    damaged = [*(tmp_path / "cache").rglob("*.json"), *(tmp_path / "cache").rglob("*.key")]
    assert len(damaged) == 3
    for path in damaged:
        path.write_text("" if damage == "empty" else "{]")
    ingest(tmp_path, {"x": row(1)})
    assert snapshot(tmp_path / "out") == expected


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_threads_change_nothing(tmp_path, workers):
    body = "".join(row(i, "z" if i % 7 == 0 else "a") for i in range(300)) + '9,"open,a,1,\n'
    body += "".join(row(i) for i in range(300, 400))
    ingest(tmp_path, {"x": body}, workers=1, cache="one")
    expected = snapshot(tmp_path / "out")
    ingest(tmp_path, {"x": body}, workers=workers, cache=f"cache{workers}")
    assert snapshot(tmp_path / "out") == expected


def snapshot(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), min_size=1, max_size=4),
    st.booleans(),
)
def test_repeated_numbers_are_found_however_files_overlap(files, rising):
    unique = Column("amount", "integer", unique=True)
    columns = tuple(unique if c.name == "amount" else c for c in CONTRACT.columns)
    files = [sorted(numbers) if rising else numbers for numbers in files]
    seen: set[int] = set()
    repeated = 0
    for number in (n for numbers in files for n in numbers):
        repeated += number in seen
        seen.add(number)
    identity = iter(range(1000))
    bodies = {
        f"f{i}": "".join(row(next(identity), amount=str(n)) for n in numbers)
        for i, numbers in enumerate(files)
    }
    with tempfile.TemporaryDirectory() as folder:
        _, _, report = ingest(Path(folder), bodies, replace(CONTRACT, columns=columns))
    broken = {rule["rule"]: rule["rows"] for rule in report["rules"]}
    assert broken.get("unique", 0) == repeated


def test_a_result_that_somebody_wrote_to_is_not_used_again(tmp_path):
    ingest(tmp_path, {"x": row(1)})
    expected = snapshot(tmp_path / "out")
    interim = tmp_path / "out" / "interim" / "x.parquet"
    with interim.open("r+b") as file:
        file.write(b"written over")
    ingest(tmp_path, {"x": row(1)})
    assert snapshot(tmp_path / "out") == expected


@pytest.mark.parametrize("whose", [3, 20, 58])
def test_values_seen_in_a_block_that_is_read_anew_still_count(tmp_path, whose):
    # The open quote joins what two cuts hold, so that reading starts over behind it.
    lines = [f"person{i}q7,Name {i},a,1,2024-01-01,fine\n" for i in range(60)]
    lines[2] = lines[2].replace("Name 2", '"open')
    lines[59] = lines[59].replace("fine", f"please call person{whose}q7 again")
    path = write(tmp_path / "raw" / "x.csv", HEADER.strip() + ",note\n" + "".join(lines))
    source = replace(CONTRACT.source, path=str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "find_partitions", found_in)
        with pytest.raises(DataError, match="leaked_value"):
            run(tmp_path, replace(with_note(), source=source), block_bytes=1024)
