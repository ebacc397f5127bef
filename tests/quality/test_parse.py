from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import csv

from quickstack.data.quality.parse import cell_types, normalise, parse_column, regular
from quickstack.facts.contract import Column, Source

#: column, cell text, and its value; WRONG where it does not fit
WRONG = object()
CASES = [
    (Column("c", "integer"), "12", 12),
    (Column("c", "integer"), "-0", 0),
    (Column("c", "integer"), "+7", 7),
    (Column("c", "integer"), "12.0", 12),
    (Column("c", "integer"), "12.", 12),
    (Column("c", "integer"), "-12.000", -12),
    (Column("c", "integer"), "12.5", WRONG),
    (Column("c", "integer"), "1e+05", 100_000),
    (Column("c", "integer"), "1.5e0", WRONG),
    (Column("c", "integer"), "1e19", WRONG),
    (Column("c", "integer"), "1e999999999", WRONG),
    (Column("c", "integer"), "1.00000000000000000000001", WRONG),
    (Column("c", "integer"), "9007199254740993.0", 2**53 + 1),
    (Column("c", "integer"), "9.007199254740991e15", 2**53 - 1),
    (Column("c", "integer"), "9.007199254740993e15", WRONG),
    (Column("c", "integer"), "1,000", WRONG),
    (Column("c", "integer"), " 1\t", 1),
    (Column("c", "integer"), "9" * 18, 10**18 - 1),
    (Column("c", "integer"), "9223372036854775807", 2**63 - 1),
    (Column("c", "integer"), "9223372036854775808", WRONG),
    (Column("c", "integer"), "-9223372036854775808", -(2**63)),
    (Column("c", "integer"), "9" * 20, WRONG),
    (Column("c", "integer"), "0x1f", WRONG),
    (Column("c", "number"), "1.5", 1.5),
    (Column("c", "number"), "+1.5", 1.5),
    (Column("c", "number"), ".5", 0.5),
    (Column("c", "number"), "++1", WRONG),
    (Column("c", "number"), "1e-3", 0.001),
    (Column("c", "number"), "1,5", WRONG),
    (Column("c", "number"), "nan", WRONG),
    (Column("c", "number"), "inf", WRONG),
    (Column("c", "number"), "1e999", WRONG),
    (Column("c", "number"), "9007199254740992", 2.0**53),
    (Column("c", "number"), "9007199254740993", WRONG),
    (Column("c", "number"), "9007199254740993.00", WRONG),
    (Column("c", "number"), "100000000000000000000", 1e20),
    (Column("c", "number"), "1e23", 1e23),
    (Column("c", "number"), "0.12345678901234567890", 0.12345678901234568),
    (Column("c", "number"), "", None),
    (Column("c", "boolean"), "true", True),
    (Column("c", "boolean"), "FALSE", False),
    (Column("c", "boolean"), "1", True),
    (Column("c", "boolean"), "yes", WRONG),
    (Column("c", "boolean"), "0.0", False),
    (Column("c", "boolean"), "1.5", WRONG),
    (Column("c", "date", format="yyyy-MM-dd"), "2024-02-29", date(2024, 2, 29)),
    (Column("c", "date", format="yyyy-MM-dd"), "2025-02-29", WRONG),
    (Column("c", "date", format="yyyy-MM-dd"), "2025-02-30", WRONG),
    (Column("c", "date", format="yyyy-MM-dd"), "2025-1-5", WRONG),
    (Column("c", "date", format="yyyy-MM-dd"), "2025-01-05 ", date(2025, 1, 5)),
    (Column("c", "date", format="yyyy-MM-dd"), "0000-01-01", WRONG),
    (Column("c", "date", format="yyyy-MM-dd"), "2025-0a-01", WRONG),
    (Column("c", "date", format="dd.MM.yyyy"), "05.01.2025", date(2025, 1, 5)),
    (Column("c", "date", format="dd.MM.yyyy"), "2025-01-05", WRONG),
    (
        Column("c", "timestamp", format="yyyy-MM-dd HH:mm:ss"),
        "2025-01-05 23:59:58",
        datetime(2025, 1, 5, 23, 59, 58),
    ),
    (Column("c", "timestamp", format="yyyy-MM-dd HH:mm:ss"), "2025-01-05 24:00:00", WRONG),
    (Column("c", "string"), "anything, really", "anything, really"),
    (Column("c", "string"), "NA", None),
]


SOURCE = Source(path="x", missing=("", "NA"))
EUROPEAN = Source(path="x", decimal=",", thousands=".")


def cells(*texts, missing=("", "NA")):
    return pa.array([None if text in missing else text for text in texts], pa.string())


@pytest.mark.parametrize(("column", "cell", "value"), CASES)
@pytest.mark.parametrize("encode", [False, True])
def test_a_cell_has_its_value_or_is_wrong(column, cell, value, encode):
    given_ = cells(cell).dictionary_encode() if encode else cells(cell)
    values, wrong = parse_column(column, given_, SOURCE)
    if value is WRONG:
        assert (values.to_pylist(), (wrong > 0).tolist()) == ([None], [True])
    else:
        assert (values.to_pylist(), wrong) == ([value], None)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("number", "1.234,5", 1234.5),
        ("number", "-1.234.567,5", -1234567.5),
        ("number", "1234,5", 1234.5),
        ("number", "12.34,5", WRONG),
        ("number", "1,5.000", WRONG),
        ("integer", "1.234", 1234),
        ("integer", "1.23", WRONG),
        ("integer", "1.234,0", 1234),
        ("integer", "1,234", WRONG),
    ],
)
def test_separators_only_as_declared(kind, cell, value):
    values, wrong = parse_column(Column("c", kind), cells(cell), EUROPEAN)
    assert (values.to_pylist(), wrong is not None) == (
        ([None], True) if value is WRONG else ([value], False)
    )


def test_no_cells_are_no_values():
    for column, _, _ in CASES:
        values, wrong = parse_column(column, cells(), SOURCE)
        assert (len(values), wrong) == (0, None)


@settings(max_examples=300)
@given(moment=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), before=st.booleans())
def test_moments_are_read_as_python_writes_them(moment, before):
    form = Column("c", "timestamp", format="dd.MM.yyyy HH:mm:ss")
    moment = moment.replace(microsecond=0)
    text = (
        f"{moment.day:02}.{moment.month:02}.{moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    )
    column = pa.array(["no", text] if before else [text, text])
    read = parse_column(form, column, SOURCE)[0].to_pylist()
    assert read == ([None, moment] if before else [moment, moment])


@settings(max_examples=300)
@given(text=st.text(st.characters(max_codepoint=127), min_size=10, max_size=10))
@example("z999-01-01")
@example("~~~~-12-01")
@example("2025-~~-~~")
def test_other_letters_are_no_moment(text):
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=None)
    except ValueError:
        moment = None
    if moment is not None and text != moment.date().isoformat():
        moment = None  # Python also takes blanks, and fewer digits
    found = parse_column(Column("c", "date"), pa.array([text]), SOURCE)[0].to_pylist()
    # Blanks around a cell are no part of it.
    assert found == [moment and moment.date()] or text != text.strip()


ODD = st.one_of(
    st.text("0123456789.,+-eE xXnaif\t", max_size=8),
    st.integers().map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.sampled_from(
        ["0x1F", "inf", "-nan", "1e400", "2025-02-30", " 5", "0000-01-01", "+5", "1_0"]
    ),
)


@settings(max_examples=400)
@given(
    texts=st.lists(ODD, min_size=1, max_size=3), kind=st.sampled_from(["integer", "number", "date"])
)
def test_what_the_strict_reader_takes_is_what_is_parsed(texts, kind):
    texts = [text for text in texts if "," not in text]
    column = Column("c", kind, format="yyyy-MM-dd")
    types = cell_types((column,), SOURCE, frozenset())
    data = "".join(f"{text},x\n" for text in texts).encode()
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=["c", "d"], use_threads=False),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=["", "NA"], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        return  # it goes to `parse_column` anyway
    strict = table.column("c").combine_chunks()
    if not regular(strict) or (kind == "integer" and ("0x" in str(texts) or "0X" in str(texts))):
        return
    values, wrong = parse_column(column, cells(*texts), SOURCE)
    assert wrong is None
    assert values.to_pylist() == strict.to_pylist()


def test_equal_letters_get_equal_bytes():
    decomposed, composed = "e\u0301", "\u00e9"
    column = pa.array([decomposed, composed, None])
    assert normalise(column).to_pylist() == [composed, composed, None]
    encoded = normalise(column.dictionary_encode())
    assert encoded.to_pylist() == [composed, composed, None]
    assert encoded.dictionary.to_pylist() == [composed]
