"""What the values of a column show: counts over distinct values, pooled over blocks and files.

Nothing here depends on the order of rows, nor on where a file is cut.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from quickstack.data.ingesting.check import row_digests
from quickstack.data.privacy.detect import detect, detect_integers
from quickstack.data.quality.timestamps import parse_times
from quickstack.facts.contract.time_patterns import ISO_TIME, TimePattern, compile_pattern

if TYPE_CHECKING:
    import pyarrow as pa

#: Distinct values of a column that are counted one by one; of more, only that there are more.
FEW = 256
#: Distinct texts without a digit that a column of numbers or dates may hold as missing values.
_WORDS = 24
#: No shorter value is personal by itself; no shorter number is a date.
_SHORTEST, _PACKED = 7, 8
#: Cells that mean "no value" in any table.
STRONG = (
    "",
    "-",
    "--",
    "?",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "NaN",
    "nan",
    "NULL",
    "null",
    "Null",
    "\\N",
    "<NA>",
    "NaT",
    "(null)",
    ".",
    "..",
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
)
#: (decimal, thousands) as numbers are written.
STYLES = ((".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", " "), (".", "'"))
_DAYS = (
    "d/M/yyyy",
    "M/d/yyyy",
    "d.M.yyyy",
    "d-M-yyyy",
    "M-d-yyyy",
    "yyyy/M/d",
    "yyyy.M.d",
    "yyyy-M-d",
    "yyyyMMdd",
    "d/M/yy",
    "M/d/yy",
    "d.M.yy",
    "d-M-yy",
    "yyyy-MM",
    "d MMM yyyy",
    "d MMMM yyyy",
    "d-MMM-yyyy",
    "d-MMM-yy",
    "MMM d, yyyy",
    "MMMM d, yyyy",
    "MMM d yyyy",
    "MMM yyyy",
    "MMM-yy",
    "MM/yyyy",
    "EEE, d MMM yyyy",
)
_CLOCKS = ("", " H:mm", " H:mm:ss", " H:mm:ss.SSS", " h:mm a", " h:mm:ss a", "'T'H:mm:ss")


@cache
def patterns() -> dict[str, TimePattern]:
    """Return how dates and times may be written; `date` and `timestamp` stand for ISO 8601."""
    found = {"date": compile_pattern("yyyy-MM-dd"), "timestamp": ISO_TIME}
    written = [day + clock for day, clock in product(_DAYS, _CLOCKS)] + ["yyyyMMddHHmmss"]
    return found | {pattern: compile_pattern(pattern) for pattern in written}


@cache
def _number(decimal: str, thousands: str) -> tuple[str, str]:
    """Return the patterns of whole numbers, and of numbers."""
    point, between = re.escape(decimal), re.escape(thousands)
    grouped = rf"|[0-9]{{1,3}}(?:{between}[0-9]{{3}})+" if thousands else ""
    plain = rf"[0-9]{{1,18}}(?:{point}0*)?|[0-9](?:{point}[0-9]+)?[eE]\+?[0-9]{{1,2}}"
    whole = rf"\s*[+-]?(?:{plain}{grouped})\s*"
    fraction = (
        rf"(?:(?:[0-9]{{1,15}}{grouped})(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    )
    number = rf"\s*[+-]?(?:{plain}|{fraction})\s*"
    return f"^(?:{whole})$", f"^(?:{number})$"


@dataclass
class ColumnEvidence:
    """What is known of one column.

    Attributes
    ----------
    counts
        Rows by distinct value; None where there are more than FEW.
    marks
        Rows by cell that means "no value" in any table.
    words
        Rows by value without a digit; None where there are too many for a column of numbers.
    styles, whole, times
        Of STYLES and `patterns` those that all values with a digit fit; `whole` those in which
        they are whole numbers.
    digits
        Rows whose value holds a digit.
    zeros, fractions
        Whether a number has a leading zero; whether one is written with `.0`.
    as_numbers, as_text
        Kinds of personal data that a value shows by itself, in a column of whole numbers or of
        text.
    unique
        Digests of the values of each block, while they differ.
    """

    name: str
    rows: int = 0
    missing: int = 0
    counts: Counter[str] | None = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    words: Counter[str] | None = field(default_factory=Counter)
    styles: set[tuple[str, str]] = field(default_factory=lambda: set(STYLES))
    whole: set[tuple[str, str]] = field(default_factory=lambda: set(STYLES))
    times: set[str] = field(default_factory=lambda: set(patterns()))
    digits: int = 0
    zeros: bool = False
    fractions: bool = False
    longest: int = 0
    as_numbers: set[str] = field(default_factory=set)
    as_text: set[str] = field(default_factory=set)
    unique: list[Any] | None = field(default_factory=list)

    def add(self, cells: pa.Array) -> None:
        """Take a block of cells: text, null where a cell is empty."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self.rows += len(cells)
        self.missing += cells.null_count
        distinct = cells.drop_null().value_counts()
        values, rows = distinct.field("values"), distinct.field("counts")
        marked = pc.is_in(pc.utf8_trim_whitespace(values), pa.array(STRONG))
        if marked.true_count:
            for value, count in zip(values.filter(marked).to_pylist(),
                                    rows.filter(marked).to_pylist(), strict=True):  # fmt: skip
                self.marks[value] += count
            kept = pc.invert(marked)
            values, rows = values.filter(kept), rows.filter(kept)
        if not len(values):
            return
        if self.unique is not None and (self.missing or self.marks or pc.max(rows).as_py() > 1):
            self.unique = None
        if self.unique is not None:
            self.unique.append(row_digests([values])[0][:, 0].copy())
        self.counts = _counted(self.counts, values, rows, FEW)
        self.longest = max(self.longest, pc.max(pc.utf8_length(values)).as_py())
        with_digit = pc.match_substring_regex(values, "[0-9]")
        without = pc.invert(with_digit)
        if self.words is not None and without.true_count:
            self.words = _counted(self.words, values.filter(without), rows.filter(without), _WORDS)
        if with_digit.true_count:
            self.digits += pc.sum(rows.filter(with_digit)).as_py()
            self._forms(values.filter(with_digit))
        self._personal(values)

    def _forms(self, values: pa.Array) -> None:
        """Keep of the ways to write numbers and times those that all values fit."""
        import pyarrow.compute as pc

        if self.words is None:
            self.styles, self.whole, self.times = set(), set(), set()
            return
        for style in sorted(self.styles):
            whole, number = _number(*style)
            if style in self.whole and not pc.all(pc.match_substring_regex(values, whole)).as_py():
                self.whole.discard(style)
            if not pc.all(pc.match_substring_regex(values, number)).as_py():
                self.styles.discard(style)
                self.whole.discard(style)
        if self.styles:
            self.zeros |= pc.any(pc.match_substring_regex(values, r"^\s*0[0-9]")).as_py()
            self.fractions |= pc.any(pc.match_substring_regex(values, r"[.,]0*\s*$")).as_py()
            packed = pc.min(pc.utf8_length(values)).as_py() >= _PACKED
            self.times &= {"yyyyMMdd", "yyyyMMddHHmmss"} if packed else set()
        first = values[0].as_py().strip(" \t")
        for name in sorted(self.times):
            pattern = patterns()[name]
            # Most are ruled out by one value, and at once.
            if not (re.match(pattern.regex, first) and _fits(values, pattern)):
                self.times.discard(name)

    def _personal(self, values: pa.Array) -> None:
        """Judge each value by itself: what a column of numbers shows, and what one of text does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = values.filter(pc.greater_equal(pc.utf8_length(values), _SHORTEST))
        if not len(values):
            return
        plain = values.filter(pc.match_substring_regex(values, "^[0-9]{7,18}$"))
        if len(plain):
            found = detect_integers(plain.cast(pa.int64()), self.name)
            self.as_numbers |= {kind for kind, mask in found.items() if mask.any()}
        other = values.filter(pc.invert(pc.match_substring_regex(values, r"^-?[0-9]+[.,][0-9]*$")))
        if len(other):
            found = detect(other, self.name)
            self.as_text |= {kind for kind, mask in found.items() if mask.any()}

    @property
    def present(self) -> int:
        """Rows with a value, as far as the marks of any table tell."""
        return self.rows - self.missing - sum(self.marks.values())

    @property
    def is_unique(self) -> bool:
        """Whether each row has a value of its own."""
        import numpy as np

        if self.unique is None or not self.unique or self.present < self.rows:
            return False
        digests = np.concatenate(self.unique)
        return len(np.unique(digests)) == self.rows

    def values(self) -> Iterator[tuple[str, int]]:
        """Yield the distinct values and their rows, sorted; nothing where there are many."""
        yield from sorted((self.counts or Counter()).items())


def _counted(
    counts: Counter[str] | None, values: pa.Array, rows: pa.Array, most: int
) -> Counter[str] | None:
    if counts is None or len(values) > most:
        return None
    counts.update(dict(zip(values.to_pylist(), rows.to_pylist(), strict=True)))
    return counts if len(counts) <= most else None


def _fits(values: pa.Array, pattern: TimePattern) -> bool:
    import pyarrow.compute as pc

    return bool(parse_times(pc.utf8_trim(values, " \t"), pattern).right.all())
