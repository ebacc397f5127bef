"""Random files under random contracts, and what must hold of every one of them.

An example is plain data, so that one that found something is kept as a file in `seeds/` and is
run ever after.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
from hypothesis import strategies as st

from quickstack.data.ingesting.outcome import IngestJob
from quickstack.data.ingesting.partition import ingest_partition
from quickstack.data.readers import fast_parser
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Column, Contract
from quickstack.facts.contract.model import FINDINGS
from quickstack.facts.errors import QuickstackError
from torture.harness import ingest_file, simple_contract

SEEDS = Path(__file__).parent / "seeds"
#: Seconds after which an example hangs.
PATIENCE = 30
NAMES = ("a", "b", "c", "d")
TYPES = ("string", "string", "integer", "number", "boolean", "date", "timestamp")
#: What well-formed cells hold, by type, and what readers stumble over.
FITTING = {
    "string": ("x", "a b", "Zoë", "", "NA", "1", "=1+1", "x,y", 'he said "no"', "two\nlines"),
    "integer": ("1", "22", "-3", "0", "", "9007199254740993", "+7", "007"),
    "number": ("0.5", "1", "-2.25", "1e5", "", "1e-300", ".5", "3.", "0.1"),
    "boolean": ("true", "false", "1", "0", "", "True", "FALSE"),
    "date": ("2024-02-29", "1999-12-31", "", "0001-01-01", "9999-12-31"),
    "timestamp": ("2024-01-01 10:00:00", "1969-12-31 23:59:59", "", "2024-02-29 00:00:00"),
}
ODD = (
    "0x1F", "nan", "inf", "-inf", "1e999", "+7", " 8", "9 ", "1_000", "٣", "1,5", "1.000", "01",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.0", "1e", ".", "-",
    "2025-02-30", "0000-00-00", "9999-12-31", "2024-1-1", "24:00", "2024-01-01 24:00:00", "TRUE",
    "=cmd|' /C calc'!A0", "a;b", "'", "é", "e\u0301", "\u2028", "\x0b", "\x0c", "\x1c", "\x85",
    "\ufeff", "🚲", "null", "#N/A", "\\", '\\"', "\\n",
)  # fmt: skip
#: Pieces of broken text.
PIECES = (
    b"\n", b"\r\n", b"\r", b"\n\n", b",", b",,", b";", b'"', b'""', b'"""', b'"\n', b'\n"', b'",',
    b',"', b"'", b"\\", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", b" ", b"\t",
    b"\x1a",
    b"a,b,c\n", b"1,2,3\n", b'"x\ny",2,3\n', b'1,"x\n2,3,4\ny",3\n', b"x" * 300, b'"' + b"y\n" * 60,
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A file's bytes, and what its contract says."""

    data: bytes
    columns: tuple[tuple[str, str], ...]
    source: dict[str, Any] = field(default_factory=dict)
    unique: bool = False

    @property
    def contract(self) -> Contract:
        """The contract; nothing in it is personal."""
        formats = {"date": "yyyy-MM-dd", "timestamp": "yyyy-MM-dd HH:mm:ss"}
        columns = tuple(
            Column(
                name,
                kind,
                format=formats.get(kind),
                unique=self.unique and name == "a",
                classification="public",
                allowed_findings=FINDINGS,
            )
            for name, kind in self.columns
        )
        source = {k: tuple(v) if isinstance(v, list) else v for k, v in self.source.items()}
        return simple_contract(columns, source)

    def document(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "data": self.data.decode("latin-1"),
            "columns": [list(pair) for pair in self.columns],
            "source": self.source,
            "unique": self.unique,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Example:
        """Make the example that `document` described."""
        return cls(
            document["data"].encode("latin-1"),
            tuple((name, kind) for name, kind in document["columns"]),
            document["source"],
            document["unique"],
        )


def kept_seeds() -> dict[str, Example]:
    """Return the examples that once found something."""
    return {
        path.stem: Example.of(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(SEEDS.glob("*.json"))
    }


# Strategies --------------------------------------------------------------------------------------


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a dialect; mostly the plain one, whose fast path is the one that could go wrong."""
    source: dict[str, Any] = {}
    if draw(st.booleans()):
        return source
    for name, values in {
        "delimiter": (";", "\t", "|", "ä", "||", "\x1f"),
        "quote": ("'", ""),
        "escape": ("\\",),
        "encoding": ("latin-1", "cp1252", "utf-16", "utf-16-be", "utf-8-sig", "ascii", "shift_jis"),
        "line_end": ("cr",),
        "skip_initial_space": (True,),
        "skip_lines": (1, 3),
        "missing": (["", "NA"], ["x"], []),
    }.items():
        if draw(st.integers(0, 5)) == 0:
            source[name] = draw(st.sampled_from(values))
    if draw(st.integers(0, 5)) == 0:
        source |= draw(
            st.sampled_from(
                [{"decimal": ","}, {"thousands": ","}, {"decimal": ",", "thousands": "."}]
            )
        )
    return source


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Draw a file: mostly well-formed rows, damaged in some places; sometimes mere bytes."""
    source = draw(sources())
    width = draw(st.integers(1, 4))
    columns = tuple((name, draw(st.sampled_from(TYPES))) for name in NAMES[:width])
    more = ({}, {}, {}, {"header": False}, {"comment": "#"}, {"widths": [4] * width})
    source |= draw(st.sampled_from(more))
    delimiter, quote = source.get("delimiter", ","), source.get("quote", '"')
    end = "\r" if source.get("line_end") else draw(st.sampled_from(["\n", "\n", "\r\n"]))
    odd = draw(st.sampled_from([(), ODD[:5], ODD]))
    cells = [st.sampled_from(FITTING[kind] * 8 + odd) for _, kind in columns]
    rows = draw(st.lists(st.tuples(*cells), max_size=25))
    quoted = draw(st.sampled_from(["never", "needed", "needed", "always"]))

    def written(value: str) -> str:
        if not quote or quoted == "never":
            return value
        needs = any(c in value for c in (delimiter, quote, "\n", "\r"))
        if quoted == "always" or needs:
            return quote + value.replace(quote, quote * 2) + quote
        return value

    lines = ["#" * 5] * source.get("skip_lines", 0)
    names = list(NAMES[:width])
    if draw(st.integers(0, 9)) == 0:
        names.reverse()
    if source.get("header", True):
        lines.append(delimiter.join(names))
    lines += [delimiter.join(written(value) for value in row) for row in rows]
    text = end.join(lines) + draw(st.sampled_from([end, "", end + end]))
    data = text.encode(source.get("encoding", "utf-8"), "replace")
    first = source.get("skip_lines", 0) + source.get("header", True)
    begin = len(end.join(lines[:first])) + len(end)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 6]))):
        at = draw(st.integers(min(begin, len(data)), len(data)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))
        gone = draw(st.integers(0, 3))
        data = data[:at] + piece + data[at + gone :]
    if draw(st.integers(0, 30)) == 0:
        data = draw(st.binary(max_size=200))
    return Example(data, columns, source, draw(st.integers(0, 4)) == 0)


# What must hold ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What became of an example: the refusal's sentence, or rows, quarantine and counts."""

    error: str = ""
    rows: str = ""
    refused: str = ""
    counts: str = ""


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the work takes longer, on systems and in threads that can."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() != threading.main_thread():
        yield
        return

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(example: Example, block_bytes: int, threads: int = 1) -> tuple[Seen, list[Any], list[Any]]:
    """Ingest the example's file once; return what was seen, its clean and its refused rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "data.csv"
        path.write_bytes(example.data)
        job = IngestJob(
            Partition(path, "data", size=len(example.data)),
            example.contract,
            None,
            block_bytes,
            folder,
            threads=threads,
        )
        try:
            outcome = ingest_partition(job)
        except QuickstackError as error:
            return Seen(str(error).replace(str(folder), "")), [], []
        rows = pq.read_table(outcome.clean).to_pylist()
        refused = []
        if outcome.quarantine.exists():
            with outcome.quarantine.open(encoding="utf-8") as stream:
                refused = [json.loads(line) | {"file": ""} for line in stream]
        counts = json.dumps(outcome.counts.document(), sort_keys=True)
        return Seen("", repr(rows), repr(refused), counts), rows, refused


def check(example: Example) -> Seen:
    """Ingest an example in several ways, and assert what must hold; return what was seen."""
    with no_longer_than(PATIENCE):
        seen, rows, refused = read(example, 1 << 23)
        for block_bytes, threads in ((64, 1), (7, 2), (1000, 2)):
            other, _, _ = read(example, block_bytes, threads)
            assert other == seen, f"blocks of {block_bytes} bytes, {threads} threads"
        with mock.patch.object(fast_parser, "well_formed", return_value=None):
            alone, _, _ = read(example, 1 << 23)
        assert alone == seen, "the row parser alone"
        if not seen.error:
            _account(example, rows, refused, json.loads(seen.counts))
    return seen


def check_whole(example: Example) -> None:
    """Ingest an example through the whole engine, with two sizes of blocks."""
    with no_longer_than(PATIENCE):
        seen = []
        for block_bytes, workers in ((1 << 20, 1), (50, 2)):
            folder = Path(tempfile.mkdtemp())
            try:
                result = ingest_file(
                    example.data, example.contract, folder, block_bytes=block_bytes, workers=workers
                )
            finally:
                shutil.rmtree(folder)
            seen.append((str(result.error), result.rows, result.refused, result.report))
            if result.error is None:
                counts = result.report["rows"]
                assert counts["read"] == counts["clean"] + counts["quarantined"]
                assert counts["clean"] == len(result.rows or ())
                assert counts["quarantined"] == len(result.refused)
        assert repr(seen[0]) == repr(seen[1]), "the whole engine, two sizes of blocks"


def _account(example: Example, rows: list[Any], refused: list[Any], counts: dict[str, Any]) -> None:
    """Assert that every physical line is in exactly one place."""
    assert (counts["clean"], counts["quarantined"]) == (len(rows), len(refused))
    lines = [row["line"] for row in refused]
    assert lines == sorted(lines), "quarantined lines go up"
    encoding = example.source.get("encoding", "utf-8")
    single = encoding not in ("utf-16", "utf-16-be", "shift_jis")
    if encoding in ("utf-8", "utf-8-sig", "ascii"):
        for row in refused:
            stood = example.data[row["offset"] :].replace(b"\r", b"\n")
            raw = row["raw"].replace("\r", "\n")
            stood_text = stood.decode("utf-8", "backslashreplace")
            assert stood_text.startswith(raw), "the bytes at the offset"
    if not single or example.source.get("escape"):
        return  # such a line end may be half of another character, or part of a cell unseen
    data = example.data
    alone = b"\r" in data[: 1 << 16] and b"\n" not in data[: 1 << 16]
    if example.source.get("line_end") == "cr" or alone:
        data = data.replace(b"\r", b"\n")
    data = data.rstrip(b"\x1a")
    total = _ends(data.decode("latin-1")) + (not data.endswith((b"\n", b"\r")))
    inside = sum(_ends(value) for row in rows for value in row.values() if isinstance(value, str))
    taken = len(rows) + inside + counts["blank"]
    taken += sum(_ends(row["raw"]) + 1 for row in refused)
    before = example.source.get("skip_lines", 0) + example.source.get("header", True)
    assert taken + before == total, f"{taken + before} of {total} lines are accounted for"


def _ends(text: str) -> int:
    """Return how many line ends there are: LF, CRLF, and lone CRs, outside quotes and inside."""
    return len(re.findall(r"\r\n|\r|\n", text))


def shortest(example: Example) -> Example:
    """Take out of an example what is not needed for it to fail in the same way."""

    def fails(candidate: Example) -> bool:
        try:
            check(candidate)
        except (Exception, TimeoutError):
            return True
        return False

    changed = True
    while changed:
        changed = False
        for size in (64, 16, 4, 1):
            position = 0
            while position < len(example.data):
                data = example.data[:position] + example.data[position + size :]
                if fails(replace(example, data=data)):
                    example, changed = replace(example, data=data), True
                else:
                    position += size
    return example
