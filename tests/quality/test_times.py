"""Dates and times as people write them: patterns, offsets, zones, parts in several columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import people_contract, write
from quickstack.data.ingesting.outcome import CLEAN, IngestJob
from quickstack.data.ingesting.partition import ingest_partition
from quickstack.data.quality.parse import parse_column, parse_parts
from quickstack.data.quality.row_checks import check_column
from quickstack.data.quality.timestamps import SKIPPED, TWICE, to_utc
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Column, Source
from quickstack.facts.contract.time_patterns import compile_pattern

SOURCE = Source(path="x")
NOON = datetime(2024, 2, 29, 12, 5, 7)
WRONG = "wrong"
#: pattern (None: ISO 8601), text, value in UTC
READ = [
    ("d/M/yyyy", "29/2/2024", datetime(2024, 2, 29)),
    ("d/M/yyyy", "09/02/2024", datetime(2024, 2, 9)),
    ("d/M/yyyy", "30/2/2024", WRONG),
    ("d/M/yyyy", "2/29/2024", WRONG),
    ("d/M/yyyy H:mm", "5/1/2024 7:05", datetime(2024, 1, 5, 7, 5)),
    ("M/d/yy h:mm a", "2/29/24 12:05 AM", datetime(2024, 2, 29, 0, 5)),
    ("M/d/yy h:mm a", "2/29/24 12:05 pm", datetime(2024, 2, 29, 12, 5)),
    ("M/d/yy h:mm a", "2/29/24 13:05 PM", WRONG),
    ("dd.MM.yy", "29.02.99", WRONG),
    ("dd.MM.yy", "28.02.99", datetime(2099, 2, 28)),
    ("d MMM yyyy", "29 feb 2024", datetime(2024, 2, 29)),
    ("d MMM yyyy", "1 Sept 2024", datetime(2024, 9, 1)),
    ("d MMM yyyy", "1 September 2024", WRONG),
    ("d. MMMM yyyy", "29. February 2024", datetime(2024, 2, 29)),
    ("EEE, d MMM yyyy HH:mm:ss Z", "Thu, 29 Feb 2024 12:05:07 -0500", NOON + timedelta(hours=5)),
    ("EEE, d MMM yyyy HH:mm:ss z", "Thu, 29 Feb 2024 12:05:07 GMT", NOON),
    ("EEEE, d MMM yyyy", "Friday, 29 Feb 2024", WRONG),
    ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 12:05:07.250", NOON.replace(microsecond=250_000)),
    ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 12:05:07.25", WRONG),
    ("yyyyMMddHHmmssSSSSSS", "20240229120507000001", NOON.replace(microsecond=1)),
    ("uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSS", "2024-02-29T12:05:07.000001000",
     NOON.replace(microsecond=1)),
    ("uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSS", "2024-02-29T12:05:07.000000001", WRONG),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:05:07+02:00", NOON - timedelta(hours=2)),
    ("yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:05:07Z", NOON),
    ("yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:05:07-03", NOON + timedelta(hours=3)),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:05:07", WRONG),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:05:07+19:00", WRONG),
    ("yyyy-MM-dd HH:mm:ss z", "2024-02-29 12:05:07 PST", NOON + timedelta(hours=8)),
    ("yyyy-MM-dd HH:mm:ss VV", "2024-02-29 12:05:07 Asia/Tokyo", NOON - timedelta(hours=9)),
    ("yyyy-MM-dd HH:mm:ss VV", "2024-10-27 02:30:00 Europe/Berlin", WRONG),
    ("yyyy-MM-dd HH:mm:ss VV", "2024-02-29 12:05:07 Europe/Nowhere", WRONG),
    ("yyyy-MM-dd HH:mm:ssXXX'['VV']'", "2024-10-27 02:30:00+01:00[Europe/Berlin]",
     datetime(2024, 10, 27, 1, 30)),
    ("yyyy-MM-dd[ HH:mm[:ss]]", "2024-02-29", datetime(2024, 2, 29)),
    ("yyyy-MM-dd[ HH:mm[:ss]]", "2024-02-29 12:05", NOON.replace(second=0)),
    ("[dd.MM.yyyy][yyyy-MM-dd]", "2024-02-29", datetime(2024, 2, 29)),
    ("yyyy-DDD", "2024-060", datetime(2024, 2, 29)),
    ("yyyy-DDD", "2023-366", WRONG),
    ("yyyyMMdd Hmm", "20240229 505", datetime(2024, 2, 29, 5, 5)),
    ("'on' yyyy-MM-dd 'o''clock'", "on 2024-02-29 o'clock", datetime(2024, 2, 29)),
    ("yyyy'年'M'月'd'日'", "2024年2月29日", datetime(2024, 2, 29)),
    (None, "2024-02-29 12:05:07", NOON),
    (None, "2024-02-29T12:05:07Z", NOON),
    (None, "2024-02-29T12:05:07.5+02:00", NOON.replace(hour=10, microsecond=500_000)),
    (None, "2024-02-29T12:05:07.1234567Z", WRONG),
    (None, "2024-02-29", WRONG),
    (None, "2024-02-29T24:00:00", WRONG),
    (None, "0001-01-01T00:00:00+02:00", WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "text", "value"), READ)
@pytest.mark.parametrize("encode", [False, True])
def test_a_time_is_read_by_its_pattern(pattern, text, value, encode):
    cells = pa.array([text, None, "x"])
    column = Column("c", "timestamp", format=pattern)
    values, wrong = parse_column(column, cells.dictionary_encode() if encode else cells, SOURCE)
    assert values.type == pa.timestamp("us")
    assert values.to_pylist() == [None if value is WRONG else value, None, None]
    assert (wrong > 0).tolist() == [value is WRONG, False, True]


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("d/M/yyyy", "5/1/2024", date(2024, 1, 5)),
        ("yyyy-MM-dd HH:mm:ss", "2024-01-05 00:00:00", date(2024, 1, 5)),
        ("yyyy-MM-dd HH:mm:ss", "2024-01-05 00:00:01", None),
        ("yyyy-MM", "2024-02", date(2024, 2, 1)),
    ],
)
def test_a_date_has_no_time_of_day(pattern, text, value):
    assert parse_column(Column("c", "date", format=pattern), pa.array([text]), SOURCE)[
        0
    ].to_pylist() == [value]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("YYYY-MM-dd", "YYYY, which is the year of the week; write yyyy"),
        ("yyyy-MM-DD", "DD, which is the day of the year; write dd"),
        ("yyyy-mm-dd", "minutes without hours; months are MM"),
        ("HH:mm", "names no year"),
        ("yyyy-dd", "a day without a month"),
        ("dMyyyy", "numbers of any width side by side"),
        ("yyyyMd", "numbers of any width side by side"),
        ("yyyy-MM-dd hh:mm", "without `a` for AM and PM"),
        ("yyyy-MM-dd MM", "names the month twice"),
        ("yyyy-MM-dd'T", "an apostrophe without its other half"),
        ("yyyy-MM[-dd", "a bracket without its other half"),
        ("yyyy-MM-dd G", "has G, which is not read here"),
        ("%Y-%m-%d", "has Y, which is the year of the week"),
    ],
)
def test_a_pattern_that_is_wrong_or_ambiguous(pattern, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", "\\(")):
        compile_pattern(pattern)


BERLIN = Column("c", "timestamp", zone="Europe/Berlin")
CHANGES = [
    ("2024-07-01 12:00:00", datetime(2024, 7, 1, 10), 0),
    ("2024-01-01 12:00:00", datetime(2024, 1, 1, 11), 0),
    ("2024-10-27 01:59:59", datetime(2024, 10, 26, 23, 59, 59), 0),
    ("2024-10-27 02:00:00", None, TWICE),
    ("2024-10-27 02:59:59", None, TWICE),
    ("2024-10-27 03:00:00", datetime(2024, 10, 27, 2), 0),
    ("2024-10-27 02:30:00+02:00", datetime(2024, 10, 27, 0, 30), 0),
    ("2024-10-27 02:30:00+01:00", datetime(2024, 10, 27, 1, 30), 0),
    ("2024-03-31 01:59:59", datetime(2024, 3, 31, 0, 59, 59), 0),
    ("2024-03-31 02:00:00", None, SKIPPED),
    ("2024-03-31 03:00:00", datetime(2024, 3, 31, 1), 0),
    ("2060-07-01 12:00:00", datetime(2060, 7, 1, 10), 0),
]


def test_the_hour_that_a_clock_change_repeats_or_skips():
    cells = pa.array([text for text, _, _ in CHANGES])
    for given_ in (cells, cells.dictionary_encode()):
        values, wrong = parse_column(BERLIN, given_, SOURCE)
        assert values.to_pylist() == [value for _, value, _ in CHANGES]
        assert wrong.tolist() == [problem for _, _, problem in CHANGES]
    broken = {(b.rule, b.reason.partition(",")[0]): b.rows.tolist()
              for b in check_column(BERLIN, values, wrong)}  # fmt: skip
    assert broken == {
        ("clock", "the clock of its zone shows this time twice"): [3, 4],
        ("clock", "the clock of its zone skips this time"): [9],
    }


def test_typed_times_are_of_the_zone_too_unless_they_bring_their_own():
    summer = datetime(2024, 7, 1, 12)
    values, _ = parse_column(BERLIN, pa.array([summer], pa.timestamp("us")), SOURCE)
    assert values.to_pylist() == [datetime(2024, 7, 1, 10)]
    values, _ = parse_column(BERLIN, pa.array([summer], pa.timestamp("us", "UTC")), SOURCE)
    assert values.to_pylist() == [summer]
    iso = Column("c", "timestamp", format="d.M.yyyy", zone="Europe/Berlin")
    values, wrong = parse_column(iso, pa.array(["2024-07-01T12:00:00", "1.7.2024"]), SOURCE, [0])
    assert (values.to_pylist(), wrong) == (
        [datetime(2024, 7, 1, 10), datetime(2024, 6, 30, 22)],
        None,
    )


def test_a_column_without_a_zone_keeps_its_clock_and_refuses_offsets():
    column = Column("c", "timestamp", offsets=False, clock_zone="Europe/Berlin")
    cells = pa.array(["2024-10-27 02:30:00", "2024-10-27T02:30:00Z"])
    values, wrong = parse_column(column, cells, SOURCE)
    assert values.to_pylist() == [datetime(2024, 10, 27, 2, 30), None]
    (broken,) = check_column(column, values, wrong)
    assert (broken.rule, broken.rows.tolist()) == ("type", [1])


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
         "Pacific/Apia", "Africa/Casablanca", "America/St_Johns")  # fmt: skip


@settings(max_examples=150)
@given(
    moments=st.lists(st.datetimes(datetime(1850, 1, 1), datetime(2150, 1, 1)), max_size=5),
    zone=st.sampled_from(ZONES),
)
def test_zones_agree_with_python(moments, zone):
    moments = [m.replace(microsecond=0) for m in moments]
    info = ZoneInfo(zone)
    micros = np.array([round((m - datetime(1970, 1, 1)).total_seconds()) * 10**6 for m in moments],
                      np.int64)  # fmt: skip
    utc, problems = to_utc(micros, zone)
    for local, value, problem in zip(moments, utc.tolist(), problems.tolist(), strict=True):
        folds = {f: local.replace(tzinfo=info, fold=f).astimezone(UTC) for f in (0, 1)}
        shown = [f.astimezone(info).replace(tzinfo=None) == local for f in folds.values()]
        twice = folds[0] != folds[1] and all(shown)
        assert problem == (TWICE if twice else 0 if any(shown) else SKIPPED)
        if not problem:
            assert datetime.fromtimestamp(value // 10**6, UTC) == folds[0]


def test_parts_in_several_columns_are_one_time():
    column = Column("at", "timestamp", parts=(
        ("y", "yyyy"), ("m", "MMMM"), ("d", "d"), ("hhmm", "HHmm"),
    ))  # fmt: skip
    columns = {
        "y": pa.array([2015, 2015, 2015, 2015, None]),
        "m": pa.array(["July", "february", "July", "July", "July"]).dictionary_encode(),
        "d": pa.array([1, 29, 3, 4, 5]),
        "hhmm": pa.array([515, 1430, 5, 2400, 0]),
    }
    values, wrong = parse_parts(column, columns)
    assert values.to_pylist() == [datetime(2015, 7, 1, 5, 15), None, datetime(2015, 7, 3, 0, 5),
                                  None, None]  # fmt: skip
    assert wrong.tolist() == [0, 1, 0, 1, 0]


def test_a_part_may_be_a_date():
    column = Column("at", "timestamp", parts=(("day", "yyyy-MM-dd"), ("hr", "H")))
    columns = {"day": pa.array([date(2011, 1, 1)]), "hr": pa.array([7])}
    assert parse_parts(column, columns)[0].to_pylist() == [datetime(2011, 1, 1, 7)]


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        ("csv", "y,m\n2015,July\n2015,Juli\n"),
        ("jsonl", '{"y":2015,"m":"July"}\n{"y":2015,"m":"Juli"}\n'),
    ],
)
def test_a_time_of_parts_is_ingested(tmp_path, format_, data):
    columns = (Column("at", "timestamp", parts=(("y", "yyyy"), ("m", "MMMM"))),
               Column("y", "integer"), Column("m", "string"))  # fmt: skip
    source = Source(path="data/raw/people/*", format=format_, max_quarantined_share=1.0)
    contract = replace(people_contract(), columns=columns, source=source)
    job = IngestJob(
        Partition(write(tmp_path / f"a.{format_}", data), "a"), contract, None, 1 << 20, tmp_path
    )
    outcome = ingest_partition(job)
    assert (outcome.counts.clean, outcome.counts.quarantined) == (1, 1)
    assert pq.read_table(tmp_path / CLEAN).column("at").to_pylist() == [datetime(2015, 7, 1)]
