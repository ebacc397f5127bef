"""Count what becomes of the torture set: here, and in pandas, Polars and DuckDB.

Run it in the root of a clone: `python benchmarks/torture.py [--details]`, after
`uv pip install --group benchmarks`. The files are found as the tests find them (the folder
`torture` of QUICKSTACK_TEST_DATA).

How to read it: all readers get the same: the file, the dialect (delimiter, quote, escape, encoding,
header, comments, lines to skip, decimal and thousands separators), the marks of missing values, and
the type and date format of each column. Each case has a truth that none of them made
(`tests/torture/expectations.py` and `written.py` say which and why). Cases that need rules of a
contract, such as unique keys, are counted for Quickstack only: a reader is not asked for them.

right            the expected table; or, for a broken file, the whole rows and a report of the
                 others; or a refusal, where the file is no table
stopped          an exception of the reader's own, and no table: nothing is lost silently, and
                 nothing is read
foreign          no table either: an exception of something else (`UnicodeDecodeError`, `EOFError`)
silent           another table than the truth, or rows gone, without a word
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from helpers import real_data  # noqa: E402 - the path comes first
from torture.expectations import Case, all_cases  # noqa: E402 - the path comes first
from torture.harness import complaints, contract_of, ingest_file, typed  # noqa: E402 - the path comes first
from torture.written import written  # noqa: E402 - the path comes first

OUTCOMES = ("right", "stopped", "foreign", "silent")
#: What pandas, Polars and DuckDB raise when they are not in control.
FOREIGN = (UnicodeError, EOFError, IndexError, KeyError, AttributeError, RecursionError)
_FORMATS = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%dT%H:%M:%S"}
Rows = list[dict[str, Any]]
#: Rows, and whether a word was said about rows left out.
Reader = Callable[[Case, Path], tuple[Rows, bool]]


def read_pandas(case: Case, path: Path, bad_lines: str = "error") -> tuple[Rows, bool]:
    """Read with the C engine."""
    import pandas as pd

    source, times = case.source, _times(case)
    kinds = {"string": "string", "integer": "Int64", "number": "float64"}
    options: dict[str, Any] = {
        "sep": source.get("delimiter", ","),
        "encoding": source.get("encoding", "utf-8"),
        "escapechar": source.get("escape"),
        "doublequote": "escape" not in source,
        "skiprows": source.get("skip_lines", 0),
        "skipinitialspace": source.get("skip_initial_space", False),
        "decimal": source.get("decimal", "."),
        "thousands": source.get("thousands"),
        "na_values": list(source.get("missing", ("",))),
        "keep_default_na": False,
        "dtype": {n: kinds[k] for n, k in case.columns.items() if k in kinds},
        "parse_dates": list(times),
        "date_format": times,
        "true_values": list(source.get("true_values", ("true", "True", "TRUE", "1"))),
        "false_values": list(source.get("false_values", ("false", "False", "FALSE", "0"))),
        "on_bad_lines": bad_lines,
        "comment": source.get("comment"),
    }
    if not source.get("header", True):
        options |= {"header": None, "names": list(case.columns)}
    if len(options["sep"]) > 1:
        options |= {"sep": re.escape(options["sep"]), "engine": "python"}
    if source.get("quote") is not None:
        options |= {"quotechar": source["quote"]}
    if source.get("line_end") == "cr":
        options |= {"lineterminator": "\r"}
    if _is_gzip(path):
        options |= {"compression": "gzip"}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = pd.read_csv(path, **options)
    warned = any(issubclass(w.category, pd.errors.ParserWarning) for w in said)
    return frame[list(case.columns)].astype(object).to_dict("records"), warned


def read_pandas_warning(case: Case, path: Path) -> tuple[Rows, bool]:
    """Read with the C engine, which is to leave bad lines out and say so."""
    return read_pandas(case, path, "warn")


def read_polars(case: Case, path: Path) -> tuple[Rows, bool]:
    """Read with Polars; dates in other formats than ISO 8601 are parsed from text, strictly."""
    import polars as pl

    source, times = case.source, _times(case)
    kinds = {
        "string": pl.String, "integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean,
        "date": pl.String, "timestamp": pl.String,
    }  # fmt: skip
    encoding = source.get("encoding", "utf8")
    frame = pl.read_csv(
        path,
        separator=source.get("delimiter", ","),
        quote_char=source.get("quote", '"') or None,
        encoding="utf8" if encoding in ("utf-8", "utf-8-sig") else encoding,
        skip_lines=source.get("skip_lines", 0),
        eol_char="\r" if source.get("line_end") == "cr" else "\n",
        decimal_comma=source.get("decimal") == ",",
        null_values=list(source.get("missing", ("",))),
        has_header=source.get("header", True),
        new_columns=None if source.get("header", True) else list(case.columns),
        comment_prefix=source.get("comment"),
        schema_overrides={name: kinds[kind] for name, kind in case.columns.items()},
    )
    frame = frame.with_columns(
        [
            pl.col(name).str.to_date(pattern)
            if case.columns[name] == "date"
            else pl.col(name).str.to_datetime(pattern)
            for name, pattern in times.items()
        ]
    )
    return frame.select(list(case.columns)).to_dicts(), False


def read_duckdb(case: Case, path: Path, rejects: bool = False) -> tuple[Rows, bool]:
    """Read with DuckDB, its sniffer told what is known."""
    import duckdb

    source, times = case.source, _times(case)
    kinds = {
        "string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN",
        "date": "DATE", "timestamp": "TIMESTAMP",
    }  # fmt: skip
    options: dict[str, Any] = {
        "header": source.get("header", True),
        "delim": source.get("delimiter", ","),
        "quote": source.get("quote", '"'),
        "escape": source.get("escape", source.get("quote", '"')),
        "skip": source.get("skip_lines", 0),
        "encoding": source.get("encoding", "utf-8").removesuffix("-sig"),
        "nullstr": list(source.get("missing", ("",))),
        "types": {name: kinds[kind] for name, kind in case.columns.items()},
        "decimal_separator": source.get("decimal", "."),
    }
    if source.get("comment"):
        options["comment"] = source["comment"]
    if source.get("thousands"):
        options["thousands"] = source["thousands"]
    for name, pattern in times.items():
        options["dateformat" if case.columns[name] == "date" else "timestampformat"] = pattern
    if _is_gzip(path):
        options["compression"] = "gzip"
    if rejects:
        options["store_rejects"] = True
    with duckdb.connect() as connection:
        connection.execute("SET autoinstall_known_extensions = false")
        words = ", ".join(f"{key} = {_sql(value)}" for key, value in options.items())
        found = connection.execute(f"SELECT * FROM read_csv({_sql(str(path))}, {words})")  # noqa: S608 - _sql quotes
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        said = rejects and connection.execute("SELECT count(*) FROM reject_errors").fetchone()[0]
    return [{name: row[name] for name in case.columns} for row in rows], bool(said)


def read_duckdb_rejecting(case: Case, path: Path) -> tuple[Rows, bool]:
    """Read with DuckDB, which is to leave bad lines out and list them."""
    return read_duckdb(case, path, rejects=True)


PEERS: dict[str, Reader] = {
    "pandas": read_pandas,
    "pandas, bad lines: warn": read_pandas_warning,
    "Polars": read_polars,
    "DuckDB": read_duckdb,
    "DuckDB, store_rejects": read_duckdb_rejecting,
}


def outcome(reader: Reader, case: Case, root: Path) -> str:
    """Return one of OUTCOMES for one reader and one case."""
    try:
        rows, said = reader(case, root / case.file)
    except FOREIGN:
        return "right" if case.expect == "refused" else "foreign"
    except Exception:  # each reader has errors of its own; any of them is a refusal
        return "right" if case.expect == "refused" else "stopped"
    if case.expect == "refused" or case.truth is None:
        return "silent"
    wanted = [
        {name: typed(case, name, row[name]) for name in case.columns} for row in case.truth(root)
    ]
    equal = len(rows) == len(wanted) and all(
        _same(row[name], must[name])
        for row, must in zip(rows, wanted, strict=True)
        for name in must
    )
    return "right" if equal and (said or case.expect == "equal") else "silent"


def ours(case: Case, root: Path) -> str:
    """Return the outcome of Quickstack, by the stricter comparison of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ingest_file(root / case.file, contract_of(case), Path(folder))
        except Exception:  # what ingest must never let through; that is what is counted
            return "foreign"
        wrong = complaints(case, result, root)
    if not wrong:
        return "right"
    return "stopped" if result.error is not None else "silent"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--details", action="store_true", help="name the cases that are not right")
    details = parser.parse_args().details
    csv.field_size_limit(1 << 30)
    root = real_data("torture")
    with tempfile.TemporaryDirectory() as folder:
        _table([*all_cases(root), *written(Path(folder))], root, details=details)


def _table(cases: list[Case], root: Path, *, details: bool) -> None:
    reading = [c for c in cases if c.reading and c.source.get("format", "csv") == "csv"]
    table = {"Quickstack, all cases": {case.name: ours(case, root) for case in cases}}
    table["Quickstack"] = {c.name: table["Quickstack, all cases"][c.name] for c in reading}
    for name, reader in PEERS.items():
        table[name] = {case.name: outcome(reader, case, root) for case in reading}
    expected = Counter(case.expect for case in cases)
    print(f"{len(cases)} cases: {', '.join(f'{n} {kind}' for kind, n in expected.items())}\n")
    width = max(map(len, table))
    print(f"{'':{width}} {'cases':>8}" + "".join(f"{name:>10}" for name in OUTCOMES))
    for name, found in table.items():
        counts = Counter(found.values())
        print(f"{name:{width}} {len(found):8}" + "".join(f"{counts[kind]:10}" for kind in OUTCOMES))
    if details:
        for name, found in table.items():
            for kind in OUTCOMES[1:]:
                listed = [case for case, what in found.items() if what == kind]
                if listed:
                    print(f"\n{name}, {kind}:\n  " + "\n  ".join(listed))


def _times(case: Case) -> dict[str, str]:
    """Return the format of each date and timestamp."""
    return {
        name: case.rules.get(name, {}).get("format") or _FORMATS[kind]
        for name, kind in case.columns.items()
        if kind in _FORMATS
    }


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _sql(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list):
        return "[" + ", ".join(map(_sql, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_sql(k)}: {_sql(v)}" for k, v in value.items()) + "}"
    return str(value)


def _same(found: Any, must: Any) -> bool:
    """Compare a cell as loosely as fairness asks: any missing value, any line end inside a cell."""
    import unicodedata

    if must is None:
        return found is None or found == "" or str(found) in ("nan", "<NA>", "NaT")
    if isinstance(must, str):
        if not isinstance(found, str):
            return False
        return unicodedata.normalize("NFC", found.replace("\r", "\n")) == must.replace("\r", "\n")
    if isinstance(must, bool):
        return str(found) == str(must)
    if isinstance(must, datetime | date):
        return _moment(str(found)) == _moment(must.isoformat())
    if isinstance(found, str | bool) or found is None:
        return False
    return bool(found == must)


def _moment(text: str) -> str:
    """Write a date, or a time to the second, in one way."""
    return text[:19].replace(" ", "T").removesuffix("T00:00:00")


if __name__ == "__main__":
    main()
