"""What must become of each file of the torture set, decided file by file.

Truth never comes from the code under test: it is the clean table or JSON that the file's makers
ship, or the file itself, read by Python's own `csv` without the lines that are known to be broken.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Cells = dict[str, str]
#: What a stage after ingest must say, where a file is no fault of its rows.
Where = Literal["ingest", "train"]


@dataclass(frozen=True)
class Case:
    """One file, how a contract declares it, and what must become of it.

    Attributes
    ----------
    name
        Group and file; unique.
    file
        Path below the folder of the torture set.
    expect
        `equal`: every row is clean and has the values of `truth`. `reported`: nothing is lost
        silently; the rows of `broken` are in quarantine, the others are clean and have the values
        of `truth`, or a warning holds `says`. `refused`: ingest stops with a sentence that holds
        `says`.
    why
        The decision in a few words.
    columns
        Name to logical type, in the order of the contract.
    source, rules
        Settings of the contract's source; settings per column.
    truth
        Gives the clean rows as text, by column name.
    plain
        Whether numbers and missing values are written there as `float` reads them, whatever the
        source declares.
    broken
        Physical lines of the rows that must be in quarantine.
    blank
        Empty lines.
    says
        A part of the sentence or of the warning.
    reading
        Whether the outcome needs no more than a reader told types and dialect; the table that
        compares readers leaves out the others, which need rules of a contract.
    """

    name: str
    file: str
    expect: Literal["equal", "reported", "refused"]
    why: str
    columns: dict[str, str]
    source: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    truth: Callable[[Path], list[Cells]] | None = None
    plain: bool = True
    broken: tuple[int, ...] | Callable[[Path], tuple[int, ...]] = ()
    blank: int = 0
    says: str = ""
    reading: bool = True
    contract: dict[str, Any] = field(default_factory=dict)

    def lines(self, root: Path) -> tuple[int, ...]:
        """Return the physical lines that must be in quarantine."""
        return self.broken(root / self.file) if callable(self.broken) else self.broken


# Truth -----------------------------------------------------------------------------------------


def table(path: str) -> Callable[[Path], list[Cells]]:
    """Take a well-formed CSV, comma and UTF-8, as the truth."""

    def read(root: Path) -> list[Cells]:
        csv.field_size_limit(1 << 30)
        with (root / path).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    return read


def records(path: str) -> Callable[[Path], list[Cells]]:
    """Take a JSON array of objects as the truth."""
    return lambda root: json.loads((root / path).read_text(encoding="utf-8"))


def itself(
    path: str,
    *,
    without: tuple[int, ...] | Callable[[Path], tuple[int, ...]] = (),
    encoding: str = "utf-8-sig",
    skip: int = 0,
    **dialect: Any,
) -> Callable[[Path], list[Cells]]:
    """Take the file, without some physical lines (from 1), as Python's `csv` reads it."""

    def read(root: Path) -> list[Cells]:
        left_out = without(root / path) if callable(without) else without
        data = (root / path).read_bytes().decode(encoding, "surrogateescape")
        lines = data.splitlines(keepends=True) if "\r" in data else data.split("\n")
        lines = [line if line.endswith(("\n", "\r")) else line + "\n" for line in lines]
        kept = [line for number, line in enumerate(lines, 1) if number not in left_out]
        return list(csv.DictReader(io.StringIO("".join(kept[skip:]), newline=""), **dialect))

    return read


def without(path: str, first: str) -> Callable[[Path], list[Cells]]:
    """Take a well-formed CSV as the truth, but for the row whose first cell is `first`."""
    whole = table(path)
    return lambda root: [row for row in whole(root) if next(iter(row.values())) != first]


def rows(*values: tuple[str, ...], names: str = "a b c") -> Callable[[Path], list[Cells]]:
    """Write the truth down."""
    return lambda _: [dict(zip(names.split(), row, strict=True)) for row in values]


def lines_where(column: str, test: Callable[[str], bool]) -> Callable[[Path], tuple[int, ...]]:
    """Return the lines of a file without quoted line ends whose cell `column` passes a test."""

    def find(path: Path) -> tuple[int, ...]:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            return tuple(reader.line_num for row in reader if test(row[column]))

    return find


def repeated(path: Path) -> tuple[int, ...]:
    """Return the lines that stood before in the file, word for word."""
    seen: set[str] = set()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line in seen:
            found.append(number)
        seen.add(line)
    return tuple(found)


def is_plain_number(text: str) -> bool:
    """Whether a cell is a number as a contract without further words declares it, or empty."""
    return text == "" or text.lstrip("+-").replace(".", "", 1).isdigit()


# The generated files -----------------------------------------------------------------------------

ORDERS = {
    "order_id": "string",
    "order_date": "date",
    "customer": "string",
    "region": "string",
    "qty": "integer",
    "unit_price": "number",
    "discount": "number",
    "is_new": "boolean",
    "note": "string",
    "churned": "integer",
}
#: The manifest's words for a dialect, as a contract says them. What a contract need not be told,
#: such as the compression, is left out.
_SAYS_DIALECT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "encoding": lambda value: {"encoding": value},
    "delimiter": lambda value: {"delimiter": value},
    "decimal": lambda value: {"decimal": value},
    "skipinitialspace": lambda value: {"skip_initial_space": value},
    "lineterminator": lambda value: {"line_end": "cr"},
    "quotechar": lambda value: {"quote": value},
    "escapechar": lambda value: {"escape": value},
    "skiprows": lambda value: {"skip_lines": value} if isinstance(value, int) else {},
    "date_format": lambda value: {},
    "compression": lambda value: {},
    "doublequote": lambda value: {},
    "skipfooter": lambda value: {},
    "header": lambda value: {},
}
_MARKS = ("", "NA", "N/A", "null", "NULL", "None", "nan", "NaN")
#: The files that the manifest says must not pass silently, and those that it rejects: the outcome,
#: and why. (lines in quarantine, sentence or warning, decision, further settings)
_DECIDED: dict[str, dict[str, Any]] = {
    "one_bad_byte_utf8": {
        "broken": lambda path: _lines_of(path, lambda line: not _is_utf8(line)),
        "why": "the line with the byte is refused, the others are read",
    },
    "nul_bytes": {
        "broken": lambda path: _lines_of(path, lambda line: b"\0" in line),
        "why": "a NUL is never text",
    },
    "no_header": {"expect": "refused", "says": "the first line", "why": "a row is no header"},
    "footer_total": {
        "broken": (63,),
        "blank": 1,
        "why": "the total is short of required cells",
        "reading": False,
        "rules": {"order_date": {"required": True}},
    },
    "two_header_rows": {"broken": (2,), "why": "units are no numbers"},
    "header_repeated_inside": {
        "broken": lambda path: _lines_of(path, lambda line: line.startswith(b"order_id"))[1:],
        "why": "a header inside is no order",
    },
    "ragged_short_row": {"broken": (8,), "why": "7 cells of 10"},
    "ragged_long_row": {"broken": (10,), "why": "12 cells of 10"},
    "unclosed_quote": {"broken": (36,), "why": "only the line with the odd quote is refused"},
    "truncated_mid_row": {"broken": (43,), "why": "the last line has 6 cells"},
    "duplicate_column_names": {
        "expect": "refused",
        "says": "discount",
        "why": "qty stands twice, once for discount",
    },
    "blank_column_name": {"expect": "refused", "says": "region", "why": "region is absent"},
    "column_missing": {"expect": "refused", "says": "unit_price", "why": "the contract names it"},
    "missing_marks_zoo": {
        "broken": lines_where("discount", lambda cell: not is_plain_number(cell)),
        "why": "a mark that the contract does not declare is not a number",
    },
    "number_formats": {
        "broken": lines_where("unit_price", lambda cell: not is_plain_number(cell)),
        "why": "currencies and accountants' signs are not guessed",
    },
    "dates_mixed_formats": {
        "broken": lines_where("order_date", lambda cell: len(cell) != 10 or cell[4] != "-"),
        "why": "one format is declared; 44933 is not a date in it",
    },
    "impossible_dates": {
        "broken": lines_where("order_date", lambda cell: cell in ("2023-02-30", "0000-00-00")),
        "why": "no such day; the far days exist, and a range would refuse them",
    },
    "not_time_sorted": {
        "says": "order",
        "contract": {"time_column": "order_date", "period": "day"},
        "reading": False,
        "why": "rows are let through, the report says that time goes back",
    },
    "boolean_zoo": {
        "broken": lines_where(
            "is_new",
            lambda cell: cell not in ("true", "True", "TRUE", "1", "false", "False", "FALSE", "0"),
        ),
        "why": "spellings that are not declared are no truth values",
    },
    "category_spelling": {
        "broken": lines_where(
            "region", lambda cell: cell not in ("north", "south", "east", "west")
        ),
        "rules": {"region": {"allowed": ("north", "south", "east", "west")}},
        "reading": False,
        "why": "a spelling beside the allowed ones is refused",
    },
    "duplicate_rows": {
        "broken": repeated,
        "rules": {"order_id": {"key_position": 1, "required": True}},
        "reading": False,
        "why": "a key that occurred before is refused",
    },
    "single_class_target": {
        "says": "churned",
        "reading": False,
        "why": "the report says that the target has one value",
    },
    "target_half_missing": {
        "broken": lines_where("churned", lambda cell: cell == ""),
        "rules": {"churned": {"required": True}},
        "reading": False,
        "why": "a label is required",
    },
    "leaky_column": {
        "expect": "equal",
        "reading": False,
        "why": "no row is wrong; a perfect score shows when a model is evaluated, not here",
    },
    "constant_and_empty_columns": {
        "says": "discount",
        "reading": False,
        "why": "the report names columns that say nothing",
    },
    "out_of_range_values": {
        "broken": lines_where("qty", lambda cell: not 0 <= int(cell) <= 1000),
        "rules": {"qty": {"minimum": 0, "maximum": 1000}},
        "reading": False,
        "why": "the contract's range refuses them",
    },
    "truncated_gzip": {"expect": "refused", "says": "", "why": "the end of the stream is missing"},
    "empty_0_bytes": {"expect": "refused", "says": "empty", "why": "no line names the columns"},
    "header_only": {
        "expect": "refused",
        "says": "hold no rows",
        "reading": False,
        "why": "nothing to learn from",
    },
    "html_error_page_named_csv": {"expect": "refused", "says": "HTML", "why": "a download error"},
    "json_lines_named_csv": {
        "expect": "refused",
        "says": "",
        "why": "the format is not the declared",
    },
    "git_lfs_pointer_named_csv": {
        "expect": "refused",
        "says": "",
        "why": "the data were not fetched",
    },
    "binary_noise_named_csv": {"expect": "refused", "says": "", "why": "no text"},
}
#: The same damage, once a contract declares it: then every row is clean.
_DECLARED: dict[str, dict[str, Any]] = {
    "missing_marks_zoo": {
        "why": "the marks are declared",
        "broken": lines_where(
            "discount", lambda cell: not is_plain_number(cell) and cell not in _MARKS
        ),
        "source": {"missing": _MARKS},
    },
    "boolean_zoo": {
        "why": "the spellings are declared",
        "broken": (),
        "source": {
            "true_values": ("true", "TRUE", "yes", "Y", "1", "t", "on"),
            "false_values": ("false", "False", "no", "N", "0", "f", "off"),
        },
    },
    "number_formats": {
        "why": "thousands separators are declared",
        "broken": lines_where(
            "unit_price", lambda cell: not is_plain_number(cell.replace(",", ""))
        ),
        "source": {"thousands": ","},
    },
}


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_of(path: Path, test: Callable[[bytes], bool]) -> tuple[int, ...]:
    lines = path.read_bytes().split(b"\n")
    return tuple(number for number, line in enumerate(lines, 1) if test(line))


def generated(root: Path) -> list[Case]:
    """Give the cases of the generated set from its manifest, and the decisions above."""
    manifest = json.loads((root / "generated/manifest.json").read_text(encoding="utf-8"))
    cases = []
    for entry in manifest["files"]:
        file = f"generated/{entry['file']}"
        stem = Path(entry["file"]).name.split(".")[0]
        source: dict[str, Any] = {}
        for name, value in entry["params"].items():
            source |= _SAYS_DIALECT[name](value)
        rules: dict[str, dict[str, Any]] = {}
        if "date_format" in entry["params"]:
            rules["order_date"] = {"format": entry["params"]["date_format"]}
        columns = ORDERS
        if stem == "messy_names":
            names = table(f"generated/{entry['clean']}")(root)[0]
            columns = dict(zip(names, ORDERS.values(), strict=True))
        if stem == "big_integers":
            columns = ORDERS | {"order_id": "integer"}
        settled: dict[str, Any] = {"name": f"generated/{stem}", "file": file, "columns": columns}
        if decided := _DECIDED.get(stem):
            kind = decided.get("expect", "reported")
            settled |= {"source": source, "expect": kind} | decided
            if kind != "refused":
                settled |= {
                    "truth": itself(file, without=decided.get("broken", ())),
                    "plain": False,
                }
            cases.append(Case(**settled))
            if declared := _DECLARED.get(stem):
                kind = "reported" if callable(declared["broken"]) else "equal"
                truth = itself(file, without=declared["broken"])
                again = {"name": f"generated/{stem}, declared", "expect": kind}
                again |= {"truth": truth, "plain": False}
                cases.append(Case(**(settled | again | declared)))
            continue
        truth = table(f"generated/{entry['clean']}")
        if stem == "trailing_delimiter":
            columns = ORDERS
        blank = 12 if stem == "blank_lines_inside" else 0
        cases.append(
            Case(
                **settled,
                expect="equal",
                why=entry["note"],
                source=source,
                rules=rules,
                truth=truth,
                blank=blank,
            )
        )
    return cases


# csv-spectrum ------------------------------------------------------------------------------------


def spectrum(root: Path) -> list[Case]:
    """Give the cases of csv-spectrum, each with its JSON truth."""
    cases = []
    for path in sorted((root / "csv-spectrum/csvs").glob("*.csv")):
        truth = records(f"csv-spectrum/json/{path.stem}.json")
        cases.append(
            Case(
                f"csv-spectrum/{path.stem}",
                f"csv-spectrum/csvs/{path.name}",
                "equal",
                "its JSON is the truth",
                dict.fromkeys(truth(root)[0], "string"),
                truth=truth,
            )
        )
    return cases


# csvkit ------------------------------------------------------------------------------------------

ABC = {"a": "string", "b": "string", "c": "string"}
NUMBERS = {"a": "integer", "b": "integer", "c": "integer"}


def text(*names: str) -> dict[str, str]:
    """Give text columns."""
    return dict.fromkeys(names, "string")


_TEST = {
    "text": "string", "date": "date", "integer": "integer", "boolean": "boolean",
    "float": "number", "datetime": "timestamp", "empty_column": "string",
}  # fmt: skip
#: file, columns, outcome, decision, and what else a contract says.
_CSVKIT: list[tuple[str, dict[str, str], str, str, dict[str, Any]]] = [
    ("bad.csv", text("column_a", "column_b", "column_c"), "reported",
     "4 and 2 cells of 3; the third row is whole", {"broken": (2, 3)}),
    ("bad_skip_lines.csv", text("column_a", "column_b", "column_c"), "reported",
     "the same behind three lines", {"broken": (5, 6), "source": {"skip_lines": 3}, "skip": 3}),
    ("blanks.csv", text(*"abcdef"), "equal", "the marks are declared",
     {"source": {"missing": ("", "NA", "N/A", "NONE", "NULL", ".")},
      "truth": table("csvkit_examples/blanks_converted.csv")}),
    ("blanks_converted.csv", text(*"abcdef"), "equal", "a row of empty cells is a row", {}),
    ("date_like_number.csv", {"a": "number"}, "equal", "4.5 is not a date", {}),
    ("dummy.csv", NUMBERS, "equal", "plain", {}),
    ("dummy2.csv", NUMBERS, "equal", "plain", {}),
    ("dummy3.csv", NUMBERS, "equal", "a repeated value without a key", {}),
    ("dummy.csv.gz", NUMBERS, "equal", "gzip", {"truth": rows(("1", "2", "3"))}),
    ("dummy.csv.bz2", NUMBERS, "equal", "bzip2", {"truth": rows(("1", "2", "3"))}),
    ("dummy.tsv", NUMBERS, "equal", "tabs", {"source": {"delimiter": "\t"}, "delimiter": "\t"}),
    ("dummy_col_shuffled.csv", NUMBERS, "equal", "columns go by name", {}),
    ("dummy_col_shuffled_ragged.csv", NUMBERS | {"d": "integer"}, "equal", "by name", {}),
    ("empty.csv", NUMBERS, "refused", "one line end is no header", {"says": "empty"}),
    ("foo1.csv", {"id": "integer", "name": "string", "age": "integer"}, "equal", "plain", {}),
    ("foo2.csv", {"id": "integer", "name": "string", "age": "integer"}, "equal", "plain", {}),
    ("iris.csv", {"sepal_length": "number", "sepal_width": "number", "petal_length": "number",
                  "petal_width": "number", "species": "string"}, "equal", "150 rows", {}),
    ("irismeta.csv", text("species", "wikipedia_url", "usda_id"), "equal", "an empty cell", {}),
    ("join_a.csv", ABC, "equal", "plain", {}),
    ("join_b.csv", ABC, "equal", "repeated rows without a key", {}),
    ("join_a_short.csv", ABC, "reported", "2 and 1 cells of 3", {"broken": (2, 3)}),
    ("join_no_header_row.csv", text("d", "e", "f"), "equal", "its first line is a header", {}),
    ("join_short.csv", text("a", "b", "c", "b2", "c2"), "equal", "empty cells", {}),
    ("mac_newlines.csv", ABC, "equal", "CR ends a line, and inside a cell it is one, too",
     {"source": {"line_end": "cr"},
      "truth": rows(("1", "2", "3"), ("Once upon\na time", "5", "6"))}),
    ("no_header_row.csv", NUMBERS, "refused", "numbers are no names", {"says": "first line"}),
    ("no_header_row2.csv", NUMBERS, "refused", "numbers are no names", {"says": "first line"}),
    ("no_header_row3.csv", NUMBERS, "refused", "numbers are no names", {"says": "first line"}),
    ("null_byte.csv", ABC, "reported", "a NUL is never text", {"broken": (2,)}),
    ("optional_quote_characters.csv", NUMBERS, "equal", "quoted numbers", {}),
    ("sniff_limit.csv", NUMBERS, "equal", "semicolons are declared, not guessed",
     {"source": {"delimiter": ";"}, "delimiter": ";"}),
    ("sniff_limit.csv", NUMBERS, "refused", "semicolons, and the contract says commas",
     {"name": "sniff_limit.csv, undeclared", "says": "delimiter"}),
    ("sort_ints_nulls.csv", NUMBERS, "equal", "an empty whole number", {}),
    ("test_date_format.csv", {"a": "date"}, "equal", "day first, as declared",
     {"rules": {"a": {"format": "%d/%m/%Y"}}}),
    ("test_date_format_converted.csv", {"a": "date"}, "equal", "ISO days", {}),
    ("test_numeric_date_format.csv", {"a": "date"}, "equal", "digits, as declared",
     {"rules": {"a": {"format": "%Y%m%d"}}}),
    ("test_empty_columns.csv", ABC, "refused", "two columns without a name hold what?",
     {"reading": False}),
    ("test_empty_columns_long_row.csv", ABC, "reported", "4 cells of 3", {"broken": (2,)}),
    ("test_empty_columns_short_row.csv", ABC, "reported", "2 cells of 3", {"broken": (2,)}),
    ("test_extra_header.csv", NUMBERS | {"d": "integer"}, "reported", "3 cells of 4",
     {"broken": (2,)}),
    ("test_geo.csv", text("slug", "title", "artist", "description", "install_date", "address",
                          "type", "photo_url", "photo_credit", "last_seen_date")
     | {"latitude": "number", "longitude": "number"}, "equal", "long quoted texts", {}),
    ("test_geojson.csv", text("id", "prop0", "prop1", "geojson", "type")
     | {"longitude": "number", "latitude": "number"}, "equal", "JSON inside cells", {}),
    ("test_ignore_case.csv", {"a": "integer", "b": "date", "c": "string"}, "equal", "case stays",
     {}),
    ("test_join_short_rows.csv", ABC, "reported", "2 cells of 3", {"broken": (2, 3)}),
    ("test_latin1.csv", ABC, "equal", "as declared",
     {"source": {"encoding": "latin-1"}, "encoding": "latin-1"}),
    ("test_latin1.csv", ABC, "reported", "declared as UTF-8, one row is none",
     {"name": "test_latin1.csv, undeclared", "broken": (3,)}),
    ("test_literal_order.csv", {"a": "integer", "b": "integer"}, "equal", "order stays", {}),
    ("test_locale.csv", {"a": "number", "b": "integer", "c": "integer"}, "equal",
     "decimal comma and points between thousands, as declared",
     {"source": {"decimal": ",", "thousands": "."},
      "truth": table("csvkit_examples/test_locale_converted.csv")}),
    ("test_locale.csv", {"a": "number", "b": "integer", "c": "integer"}, "reported",
     "the same undeclared: no numbers", {"name": "test_locale.csv, undeclared", "broken": (2,)}),
    ("test_locale_converted.csv", {"a": "number", "b": "integer", "c": "integer"}, "equal",
     "plain", {}),
    ("test_no_leading_zeroes.csv", ABC, "equal", "text keeps its zeros", {}),
    ("test_precision.csv", {"a": "number"}, "equal", "all digits, no line end", {}),
    ("test_skip_lines.csv", NUMBERS, "equal", "three lines before the header",
     {"source": {"skip_lines": 3}, "skip": 3}),
    ("test_skip_lines.csv", NUMBERS, "refused", "the same undeclared",
     {"name": "test_skip_lines.csv, undeclared", "says": "skipLines", "reading": False}),
    ("test_utf16_big.csv", ABC, "equal", "the mark tells the order of bytes",
     {"source": {"encoding": "utf-16"}, "encoding": "utf-16"}),
    ("test_utf16_little.csv", ABC, "equal", "the mark tells the order of bytes",
     {"source": {"encoding": "utf-16"}, "encoding": "utf-16"}),
    ("test_utf16_little.csv", ABC, "refused", "UTF-16, and the contract says UTF-8",
     {"name": "test_utf16_little.csv, undeclared", "says": "UTF-16"}),
    ("test_utf8.csv", text("foo", "bar", "baz"), "equal", "letters beyond ASCII", {}),
    ("test_utf8_bom.csv", text("foo", "bar", "baz"), "equal", "the mark is no name", {}),
    ("testdbf_converted.csv", text("STATEFP10", "CD111FP", "GEOID10", "NAMELSAD10", "LSAD10",
                                   "CDSESSN", "MTFCC10", "FUNCSTAT10")
     | {"ALAND10": "integer", "AWATER10": "integer", "INTPTLAT10": "number",
        "INTPTLON10": "number"}, "equal", "large whole numbers", {}),
    ("testfixed_schema.csv", {"column": "string", "start": "integer", "length": "integer"},
     "equal", "plain", {}),
    ("testjson_converted.csv", {
        "text": "string", "float": "number", "datetime": "timestamp", "boolean": "boolean",
        "time": "string", "date": "date", "integer": "integer"}, "equal", "typed cells, blanks",
     {"rules": {"datetime": {"format": "%Y-%m-%dT%H:%M:%S"}}}),
    ("realdata/FY09_EDU_Recipients_by_State.csv", {}, "equal",
     "CRLF, thousands in quotes, a delimiter at each line's end",
     {"source": {"thousands": ","}, "counts": True}),
    ("realdata/Datagov_FY10_EDU_recp_by_State.csv", text("State"), "refused",
     "the first line has no names: titles stand above the header", {}),
    ("realdata/Datagov_FY10_EDU_recp_by_State.csv", {}, "reported",
     "the same, declared; the footnote ends with a blank that is not a number",
     {"name": "realdata/Datagov_FY10_EDU_recp_by_State.csv, declared", "counts": True,
      "broken": (57,),
      "source": {"thousands": ",", "skip_lines": 2}, "skip": 2}),
    ("realdata/README.csv", text("title", "filename", "url", "retrieval_date"), "equal",
     "addresses", {}),
    ("realdata/acs2012_5yr_population.csv", {
        "fips": "string", "name": "string", "total_population": "integer",
        "margin_of_error": "integer"}, "equal", "a census table", {}),
    ("realdata/ks_1033_data.csv", {
        "state": "string", "county": "string", "fips": "string", "nsn": "string",
        "item_name": "string", "quantity": "integer", "ui": "string",
        "acquisition_cost": "number", "total_cost": "number", "ship_date": "string",
        "federal_supply_category": "string", "federal_supply_category_name": "string",
        "federal_supply_class": "string", "federal_supply_class_name": "string"}, "equal",
     "1,575 rows, leading zeros in codes", {}),
    # Other formats.
    ("testjson_multiline.json", {"a": "integer", "b": "integer", "d": "integer"}, "equal",
     "JSON Lines; a key may be absent",
     {"source": {"format": "jsonl"},
      "truth": rows(("2", "3", ""), ("", "2", "4"), names="a b d")}),
    ("testjson.json", {"text": "string"}, "refused", "an array is not JSON Lines",
     {"source": {"format": "jsonl"}}),
    ("testjson_nested.json", {"text": "string"}, "refused", "an array is not JSON Lines",
     {"source": {"format": "jsonl"}}),
    ("dummy.xlsx", NUMBERS, "equal", "a workbook",
     {"source": {"format": "excel"}, "truth": rows(("1", "2", "3"))}),
    ("test.xlsx", _TEST, "reported", "dates and truth values; a cell beyond the header's names",
     {"source": {"format": "excel"}, "broken": (3,),
      "truth": without("csvkit_examples/testxlsx_converted.csv", "Chicago Sun-Times")}),
    ("test.xls", _TEST, "reported", "the same in an old workbook",
     {"source": {"format": "excel"}, "broken": (3,),
      "truth": without("csvkit_examples/testxls_converted.csv", "Chicago Sun-Times")}),
    ("test_skip_lines.xlsx", _TEST, "reported", "the same behind three empty rows",
     {"source": {"format": "excel", "skip_lines": 3}, "broken": (6,),
      "truth": without("csvkit_examples/testxlsx_converted.csv", "Chicago Sun-Times")}),
    ("dummy.xls", NUMBERS, "equal", "an old workbook",
     {"source": {"format": "excel"}, "truth": rows(("1", "2", "3"))}),
    ("sheets.xlsx", NUMBERS, "equal", "a sheet by its name",
     {"source": {"format": "excel", "sheet": "\u02a4"}, "truth": rows(("1", "2", "3"))}),
    ("sheets.xlsx", NUMBERS, "refused", "no such sheet",
     {"name": "sheets.xlsx, wrong", "source": {"format": "excel", "sheet": "none"},
      "says": "sheet"}),
    ("sheets.xlsx", NUMBERS, "equal", "the only sheet with these columns",
     {"name": "sheets.xlsx, undeclared", "source": {"format": "excel"},
      "truth": rows(("1", "2", "3"))}),
    ("dummy.xlsx", NUMBERS, "refused", "a workbook, and the contract says CSV",
     {"name": "dummy.xlsx, undeclared", "says": "workbook"}),
    ("testdbf.dbf", ABC, "refused", "dBase is not a format that is read", {}),
    ("testfixed", ABC, "refused", "fixed widths are no format that is read",
     {"says": "first line"}),
]  # fmt: skip


def csvkit(root: Path) -> list[Case]:
    """Give the cases of csvkit's examples."""
    cases = []
    for file, columns, expect, why, more in _CSVKIT:
        settings = dict(more)
        path = f"csvkit_examples/{file}"
        options = {
            key: settings.pop(key) for key in ("skip", "delimiter", "encoding") if key in settings
        }
        name = settings.pop("name", file)
        if settings.pop("counts", False):
            columns = _counts(root / path, options.get("skip", 0))
        if expect != "refused" and "truth" not in settings:
            settings["truth"] = itself(path, without=settings.get("broken", ()), **options)
            settings["plain"] = False
        cases.append(Case(f"csvkit/{name}", path, expect, why, columns, **settings))
    return cases


def _counts(path: Path, skip: int) -> dict[str, str]:
    """Name the columns of a table of counts: texts first, and maybe a last one without a name."""
    with path.open(encoding="utf-8", newline="") as stream:
        first, second = list(csv.reader(stream))[skip : skip + 2]
    pairs = [(name, cell) for name, cell in zip(first, second, strict=True) if name]
    texts = ("State Name", "State Abbreviate", "Code")
    return {name: "string" if name in texts else "integer" for name, _ in pairs}


def all_cases(root: Path) -> list[Case]:
    """Give every case, in the order of the sets."""
    return [*generated(root), *spectrum(root), *csvkit(root)]
