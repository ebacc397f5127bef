"""One random table, written by every format: what is typed must be the same, and the table.

Each value has an expectation that Python alone made. Where a format cannot hold a value as such (a
workbook has no whole numbers above 2^53, and no days before 1900), it holds its text, as people
would write it there.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import sqlite3
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from examples import people_contract
from quickstack.data.ingesting.outcome import IngestJob
from quickstack.data.ingesting.typed_blocks import checked_blocks
from quickstack.data.landing.landing_progress import LandingProgress
from quickstack.data.landing.query import Query
from quickstack.data.landing.snapshot import opened
from quickstack.data.landing.sql import land_sql
from quickstack.data.readers.blocks import Inline
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Column, Contract, Source
from quickstack.facts.errors import QuickstackError
from readers.workbooks import ods, xlsx

#: What must go to quarantine.
WRONG = "<wrong>"
_ZONE = ZoneInfo("Europe/Berlin")
_EPOCH = datetime(1899, 12, 30)


@dataclass(frozen=True)
class Kind:
    """A kind of column: what it holds in Python, and how typed formats store it."""

    column: Callable[[str], Column]
    values: st.SearchStrategy[Any]
    arrow: pa.DataType
    sql: str = "TEXT"


@dataclass(frozen=True)
class Table:
    """Columns, dialect and rows; each row begins with its number."""

    columns: tuple[Column, ...]
    kinds: tuple[str, ...]
    source: dict[str, Any]
    rows: tuple[tuple[Any, ...], ...]
    #: The names of the formats that cannot hold it.
    without: frozenset[str] = field(default_factory=frozenset)

    def contract(self, format_: str) -> Contract:
        named = {"excel": ("xlsx", "ods"), "parquet": ("parquet", "sql"), "jsonl": ("jsonl",)}
        reader = next((r for r, names in named.items() if format_ in names), "csv")
        number = Column("number", "integer", required=True)
        source = Source(path="x", format=reader, **self.source)
        return replace(people_contract(), columns=(number, *self.columns), source=source)


_whole = st.one_of(
    st.integers(-10, 10),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([-999, 1234, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, 10**15, 1_000_000]),
)
_float = st.one_of(
    st.integers(-2000, 2000).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.234, 0.1, 1e16, 1e22, 1e-7, -999.0, 2.0**53, 2.0**63, 123456.75]),
)
_decimal = st.one_of(
    st.decimals(-(10**6), 10**6, places=3),
    st.sampled_from([Decimal(t) for t in ("5.000", "1.234", "9007199254740993.000", "-999.000")]),
)
_day = st.one_of(
    st.dates(date(1, 1, 1), date(9999, 12, 31)), st.dates(date(1970, 1, 1), date(2030, 1, 1))
)
_moment = st.one_of(
    st.datetimes(datetime(1900, 3, 1), datetime(2099, 1, 1)),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.datetimes(datetime(2024, 10, 27), datetime(2024, 10, 27, 4)),
    st.datetimes(datetime(2024, 3, 31), datetime(2024, 3, 31, 4)),
).map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000))
_aware = st.builds(
    lambda m, minutes: m.replace(tzinfo=timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.sampled_from([0, 60, -300, 345, 840]),
)
_text = st.one_of(
    st.text(st.sampled_from("aé \t\n\"',;.|=_x0\u00a0\u0301\u4e2d"), min_size=1, max_size=6),
    st.sampled_from(
        ["NA", "1.50", "=1+1", "_x0041_", "a\x01b" + "z" * 80, "a\x00b", "\x85", "true", "-999"]
    ),
)
#: Cells that people typed as text, in any format.
_typed_text = st.sampled_from(
    ["5", " 5 ", "5.0", "5,0", "1.234", "1,234", "1.234,50", "1e3", "1E+05", ".5", "x", "NA",
     "-999", "12.34.5", "9007199254740993", "+7", "0x1F", "inf", "nan", "1_0", "\u0661"]
)  # fmt: skip

KINDS: dict[str, Kind] = {
    "whole": Kind(lambda n: Column(n, "integer"), _whole, pa.int64(), "INTEGER"),
    "whole as float": Kind(lambda n: Column(n, "integer"), _float, pa.float64(), "REAL"),
    "whole as decimal": Kind(lambda n: Column(n, "integer"), _decimal, pa.decimal128(38, 3)),
    "whole as text": Kind(lambda n: Column(n, "integer"), _typed_text, pa.string()),
    "number": Kind(lambda n: Column(n, "number"), _float, pa.float64(), "REAL"),
    "number as whole": Kind(lambda n: Column(n, "number"), _whole, pa.int64(), "INTEGER"),
    "number as decimal": Kind(lambda n: Column(n, "number"), _decimal, pa.decimal128(38, 3)),
    "number as text": Kind(lambda n: Column(n, "number"), _typed_text, pa.string()),
    "truth": Kind(lambda n: Column(n, "boolean"), st.booleans(), pa.bool_()),
    "day": Kind(lambda n: Column(n, "date"), _day, pa.date32()),
    "day as written": Kind(lambda n: Column(n, "date", format="d.M.yyyy"), _day, pa.date32()),
    "named day": Kind(
        lambda n: Column(n, "date", format="EEE, MMMM d, yyyy"), _day, pa.date32()
    ),
    "day with a time": Kind(lambda n: Column(n, "date"), _moment, pa.timestamp("us")),
    "time": Kind(lambda n: Column(n, "timestamp"), _moment, pa.timestamp("us")),
    "time as written": Kind(
        lambda n: Column(n, "timestamp", format="M/d/yyyy h:mm:ss.SSSSSS a"), _moment,
        pa.timestamp("us"),
    ),
    "local time": Kind(
        lambda n: Column(n, "timestamp", zone="Europe/Berlin"), _moment, pa.timestamp("us")
    ),
    "time with offset": Kind(
        lambda n: Column(n, "timestamp", zone="Europe/Berlin"), _aware,
        pa.timestamp("us", "Asia/Tokyo"),
    ),
    "text": Kind(lambda n: Column(n, "string"), _text, pa.string()),
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Draw a table of a few columns, with gaps, under a random dialect."""
    names = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    source = draw(
        st.sampled_from(
            [{}, {"decimal": ","}, {"decimal": ",", "thousands": "."}, {"thousands": ","}]
        )
    )
    source = {"missing": draw(st.sampled_from([("",), ("", "NA"), ("", "NA", "-999")])), **source}
    source["delimiter"] = draw(st.sampled_from([",", ";", "\t"]))
    if draw(st.booleans()):
        source |= {"true_values": ("yes", "y"), "false_values": ("no",)}
    gaps = [st.one_of(st.none(), KINDS[name].values, KINDS[name].values) for name in names]
    rows = draw(st.lists(st.tuples(*gaps), min_size=1, max_size=8))
    columns = tuple(KINDS[name].column(f"c{i}") for i, name in enumerate(names))
    controls = any(isinstance(c, str) and _uncanny(c) for row in rows for c in row)
    return Table(
        columns, tuple(names), source, tuple((i, *row) for i, row in enumerate(rows)),
        frozenset({"ods"} if controls else ()),
    )  # fmt: skip


def _uncanny(text: str) -> bool:
    """Return whether a text holds a character that XML cannot."""
    return any(ord(c) < 32 and c not in "\t\n" for c in text)


# What Python says of a value ----------------------------------------------------------------------


def expected(value: Any, column: Column, source: dict[str, Any]) -> Any:
    """Return the value that must come out, WRONG, or Ellipsis where only the formats must agree."""
    if value is None or (isinstance(value, str) and value in source["missing"]):
        return None
    if isinstance(value, str):
        if column.type != "string":
            return ...
        return WRONG if "\0" in value else unicodedata.normalize("NFC", value)
    if column.type in ("integer", "number"):
        if value == -999 and "-999" in source["missing"]:
            return None
        return _whole_or_wrong(value) if column.type == "integer" else _number_or_wrong(value)
    if column.type == "date":
        return _date_or_wrong(value)
    return _utc_or_wrong(value, column) if isinstance(value, datetime) else value


def _whole_or_wrong(value: Any) -> Any:
    known = not isinstance(value, float) or abs(value) < 1e16
    return int(value) if value == int(value) and known and -(1 << 63) <= value < 1 << 63 else WRONG


def _number_or_wrong(value: Any) -> Any:
    found = float(value)
    exact = isinstance(value, float) or int(found) == int(value) or abs(value) < 2**53
    return found if exact else WRONG


def _date_or_wrong(value: date) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.date() if value == datetime.combine(value.date(), datetime.min.time()) else WRONG


def _utc_or_wrong(value: datetime, column: Column) -> Any:
    if value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if column.zone is None:
        return value
    if not 2 < value.year < 9998:
        return ...
    folds = [value.replace(tzinfo=_ZONE, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = folds[0].astimezone(_ZONE).replace(tzinfo=None) == value
    return folds[0].replace(tzinfo=None) if folds[0] == folds[1] and shown else WRONG


# How each format writes it ------------------------------------------------------------------------


def as_text(value: Any, column: Column, source: dict[str, Any]) -> str:
    """Write a value as people write it in a text file of this dialect."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        words = ("true_values", "false_values") if value else ("false_values", "true_values")
        return source.get(words[0], ("true",) if value else ("false",))[0]
    if isinstance(value, (int, float, Decimal)):
        text = f"{value:,}" if isinstance(value, int) and source.get("thousands") else str(value)
        marks = {".": source.get("decimal", "."), ",": source.get("thousands", "")}
        return "".join(marks.get(c, c) for c in text)
    return _time_text(value, column.format)


def _time_text(value: date, pattern: str | None) -> str:
    moment = value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())
    year = f"{moment.year:04}"
    if pattern is None:
        return value.isoformat() if isinstance(value, datetime) else moment.date().isoformat()
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("January", "February", "March", "April", "May", "June", "July", "August",
              "September", "October", "November", "December")  # fmt: skip
    clock = f"{(moment.hour - 1) % 12 + 1}:{moment.minute:02}:{moment.second:02}"
    return {
        "d.M.yyyy": f"{moment.day}.{moment.month}.{year}",
        "EEE, MMMM d, yyyy":
            f"{days[moment.weekday()]}, {months[moment.month - 1]} {moment.day}, {year}",
        "M/d/yyyy h:mm:ss.SSSSSS a": f"{moment.month}/{moment.day}/{year} {clock}."
                                     f"{moment.microsecond:06} {'AP'[moment.hour > 11]}M",
    }[pattern]  # fmt: skip


def _csv(table: Table) -> bytes:
    delimiter = table.source["delimiter"]
    lines = [delimiter.join(["number", *(c.name for c in table.columns)])]
    for number, *row in table.rows:
        cells = [
            "" if v is None else as_text(v, c, table.source)
            for v, c in zip(row, table.columns, strict=True)
        ]
        quoted = [
            '"' + t.replace('"', '""') + '"' if any(m in t for m in (delimiter, '"', "\n")) else t
            for t in cells
        ]
        lines.append(delimiter.join([str(number), *quoted]))
    return ("\n".join(lines) + "\n").encode()


def _jsonl(table: Table) -> bytes:
    lines = []
    for number, *row in table.rows:
        cells = [f'"number":{number}']
        for value, column in zip(row, table.columns, strict=True):
            if isinstance(value, Decimal):
                text = str(value)
            elif isinstance(value, date):
                text = json.dumps(as_text(value, column, table.source))
            else:
                text = json.dumps(value)
            cells.append(f'"{column.name}":{text}')
        lines.append("{" + ",".join(cells) + "}\n")
    return "".join(lines).encode()


def _arrow(table: Table) -> pa.Table:
    numbers, *values = zip(*table.rows, strict=True)
    arrays = {"number": pa.array(numbers, pa.int64())}
    for column, kind, cells in zip(table.columns, table.kinds, values, strict=True):
        arrays[column.name] = pa.array(list(cells), KINDS[kind].arrow)
    return pa.table(arrays)


def _parquet(table: Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(_arrow(table), out)
    return out.getvalue()


def _cell(value: Any, column: Column, table: Table, fraction: bool) -> tuple[str, str]:
    """Return how a workbook holds a value: `n`, `b`, `d` or `t`, and its text."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return "b", str(int(value))
    number = isinstance(value, (int, float, Decimal))
    if number and Decimal(repr(float(value))) == value and _held(value):
        return "n", repr(float(value))
    clock = _clock(value) if isinstance(value, date) else None
    held = clock and not clock.tzinfo and clock >= datetime(1900, 3, 1)
    if clock and held and (fraction or not clock.microsecond):
        return "d", ""
    return "t", as_text(value, column, table.source)


def _held(value: Any) -> bool:
    return isinstance(value, float) or abs(value) < 10**15


def _clock(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())


def _workbook(
    table: Table, cell: Callable[[int, int, str, str, Any], str], *, fraction: bool
) -> list[str]:
    rows = []
    names = ["number", *(c.name for c in table.columns)]
    rows.append("".join(cell(0, i, "t", name, None) for i, name in enumerate(names)))
    for number, row in enumerate(table.rows, start=1):
        cells = [cell(number, 0, "n", str(row[0]), None)]
        for index, (value, column) in enumerate(zip(row[1:], table.columns, strict=True), start=1):
            kind, text = _cell(value, column, table, fraction)
            cells.append(cell(number, index, kind, text, value))
        rows.append("".join(cells))
    return rows


def _xlsx(table: Table) -> bytes:
    def cell(row: int, index: int, kind: str, text: str, value: Any) -> str:
        place = f'r="{chr(65 + index)}{row + 1}"'
        if kind == "t":
            text = "".join(
                f"_x{ord(c):04X}_" if ord(c) < 32 and c not in "\t\n" else c
                for c in text.replace("_x", "_x005F_x")
            )
            return (
                f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
            )
        if kind == "d":
            serial = (_clock(value) - _EPOCH) / timedelta(days=1)
            return f'<c {place} s="{2 if isinstance(value, datetime) else 1}"><v>{serial!r}</v></c>'
        return f'<c {place} t="{kind}"><v>{text}</v></c>' if kind else ""

    rows = _workbook(table, cell, fraction=False)
    return xlsx("".join(f'<row r="{i}">{text}</row>' for i, text in enumerate(rows, start=1)))


def _ods(table: Table) -> bytes:
    def cell(row: int, index: int, kind: str, text: str, value: Any) -> str:
        if not kind:
            return "<table:table-cell/>"
        if kind == "t":
            lines = "".join(f"<text:p>{_spaced(line)}</text:p>" for line in text.split("\n"))
            return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'
        types = {"n": ("float", "value"), "b": ("boolean", "boolean-value"),
                 "d": ("date", "date-value")}  # fmt: skip
        name, attribute = types[kind]
        text = {"b": "true" if value else "false"}.get(kind, text)
        text = value.isoformat() if kind == "d" else text
        return f'<table:table-cell office:value-type="{name}" office:{attribute}="{text}"/>'

    return ods(*_workbook(table, cell, fraction=True))


def _spaced(text: str) -> str:
    text = escape(text).replace("\t", "<text:tab/>")
    return text.replace(" ", "<text:s/>")


def _sql(table: Table, folder: Path) -> Path:
    """Land the table from SQLite; what it does not have as a type is its text."""
    database = folder / "x.db"
    database.unlink(missing_ok=True)
    declared = ", ".join(
        f"{c.name} {KINDS[k].sql}" for c, k in zip(table.columns, table.kinds, strict=True)
    )
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(f"CREATE TABLE t (number INTEGER, {declared})")
        marks = ", ".join("?" * (1 + len(table.columns)))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", [
            (number, *(
                v if v is None or (isinstance(v, (int, float, str)) and not isinstance(v, bool))
                else as_text(v, c, table.source)
                for v, c in zip(row, table.columns, strict=True)
            ))
            for number, *row in table.rows
        ])  # fmt: skip
    connection.close()
    query = Query("SELECT * FROM t", key=("number",))
    with opened(folder, "t", "t") as landing:
        land_sql(landing, f"sqlite:///{database}", "URL", query, seconds=60,
                 progress=LandingProgress())  # fmt: skip
    return folder / "data/raw/t/t.parquet"


WRITERS: dict[str, Callable[[Table], bytes]] = {
    "csv": _csv,
    "gzip": lambda table: gzip.compress(_csv(table), 1),
    "jsonl": _jsonl,
    "parquet": _parquet,
    "xlsx": _xlsx,
    "ods": _ods,
}


# What ingest makes of it --------------------------------------------------------------------------


def typed(table: Table, format_: str, folder: Path) -> dict[int, tuple[Any, ...]]:
    """Return the clean rows by number, as ingest types them from one format."""
    if format_ == "sql":
        path = _sql(table, folder)
    else:
        path = folder / f"t.{format_}"
        path.write_bytes(WRITERS[format_](table))
    job = IngestJob(Partition(path, "t"), table.contract(format_), None, 1 << 20, folder)
    rows: dict[int, tuple[Any, ...]] = {}
    seen = 0
    with checked_blocks(job, Inline()) as (_, blocks):
        for _, checked in blocks:
            seen += checked.counts.clean + checked.counts.quarantined
            for row in checked.table.to_pylist():
                number, *values = row.values()
                rows[number] = tuple(values)
    assert seen == len(table.rows), f"{format_}: {seen} rows of {len(table.rows)}"
    return rows


def disagreements(table: Table, folder: Path) -> list[str]:
    """Return what the formats, or one of them and the table, make differently of it."""
    formats = [name for name in (*WRITERS, "sql") if name not in table.without]
    found, wrong = {}, []
    for name in formats:
        try:
            found[name] = typed(table, name, folder)
        except QuickstackError as error:
            return [f"{name} is refused: {error}; {table.source} {table.rows}"]
    for number, *row in table.rows:
        wanted = [expected(v, c, table.source) for v, c in zip(row, table.columns, strict=True)]
        results = {name: rows.get(number, WRONG) for name, rows in found.items()}
        if WRONG in wanted:
            wrong += [f"{name}: row {number} {row} is clean, {result}"
                      for name, result in results.items() if result is not WRONG]  # fmt: skip
            continue
        first = results["csv"]
        for name, result in results.items():
            alike = result == first or (result is not WRONG and first is not WRONG and all(
                _same(a, b) for a, b in zip(result, first, strict=True)
            ))  # fmt: skip
            right = ... in wanted
            if not right:
                right = result is not WRONG and all(
                    _same(a, b) for a, b in zip(result, wanted, strict=True)
                )
            if not (alike and right):
                wrong.append(f"{name}: row {number} {row} is {result}, not {wanted} or {first}")
    return wrong


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and left == right
