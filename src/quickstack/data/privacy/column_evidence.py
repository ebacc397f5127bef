"""Personal data that a whole column shows: by its header, or because most of its values agree.

One value that looks like a telephone number may be any number. A column of them is not. What values
of each file show is counted, and the counts of all files are judged together; no value is kept.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from quickstack.data.privacy.column_names import normal, promised, suspicious_name
from quickstack.data.privacy.known_names import full_name, partly_name, single_name
from quickstack.data.privacy.national_numbers import schemes
from quickstack.facts.contract import Contract

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: So many values from the first on are sampled, and as many each time a file has grown twice as
#: long; of so many distinct ones that are looked at, the first may end the search.
_EACH, SAMPLE, _FIRST = 128, 100, 10
#: Share of the values that must agree: on a kind by themselves, on a weak header, on any other.
_AGREE = {"national_id": 0.95, "phone": 0.95, "name": 0.5}
_WEAK, _HEADER = 0.5, 0.5
#: Values that show something are told apart by hashes of so few numbers that nobody is in them: of
#: 20 values, so many differ.
_BUCKET, _BUCKETS, _DIFFERENT = "bucket ", 64, 14
#: A longer text is no telephone number.
_LONGEST = 30
_ROWS, _LOOKED, _PLAUSIBLE = "rows", "looked", "plausible"

#: What the values must look like for a header to be right about them.
_SHAPES = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "name": r"(?=.*[^\W\d_]).{2,80}",
        "birth_date": r"(?=(?:.*\d){4})[\w\s.,/:+\-]{6,35}",
        "street": r"(?=(?:.*[^\W\d_]){2}).{2,}",
        "city": r"(?=.*[^\W\d_]).{2,}",
        "postcode": r"(?=.*\d)[\w\s\-]{3,10}",
        "licence_plate": r"(?=.*\d)(?=.*[^\W\d_])[\w\s.·・\-]{4,16}",
        "national_id": r"(?=(?:.*\d){5})[\w\s./+\-()]{5,25}",
        "phone": r"(?=(?:.*\d){6})\+?[\d\s().\-/+ext#:]{6,30}",
        "card": r"(?:\d[ \-]?){12,19}",
        "iban": r"[A-Z]{2}\d{2}(?:[ \-]?[\w]){8,32}",
        "account": r"(?=(?:.*\d){6})[\w\s./\-]{6,40}",
        "username": r"(?=.*[^\W\d_])\S{3,}",
    }.items()
}
#: Kinds of numbers, whose digits a column of integers may hold.
_OF_INTEGERS = ("birth_date", "national_id", "phone", "card", "account")
#: Hashes and pseudonyms say nothing of anybody.
_HASH = re.compile(r"[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Numbers of companies, goods and devices have check digits as well.
_OTHER_NUMBERS = re.compile(
    r"\b(?:siren|siret|ein|duns|lei|vat|isin|isbn|ean|gtin|upc|imei|iccid|imsi|orgnr|cvr|abn|acn|"
    r"cnpj|sku|barcode|regon|krs|company|vendor|supplier|product|item)\b"
)
_OTHER_NAMES = re.compile(
    r"\b(?:city|town|place|country|state|region|county|company|firm|organi[sz]ation|brand|product|"
    r"item|model|vendor|supplier|station|airport|stadt|ville|ciudad|cidade|stad)\b"
)

# Telephone numbers as national plans write them; phonenumbers would add 23 MB and 59 us a number,
# and has to be told the country. Groups of digits, or digits alone that begin as in few other
# numbers.
_PLANS = {
    name: re.compile(pattern)
    for name, pattern in {
        "trunk": r"(?!\d\d([./\-])\d\d\1(?:19|20)\d\d)\(?0[1-9]\d{0,3}\)?(?:[ .\-/]?\d){6,9}",
        "international": r"\+[1-9]\d{0,2}(?:[ .\-()/]{0,2}\d){7,13}",
        "north america": r"(?:1[ .\-])?\(?[2-9](?!11)\d{2}\)?[ .\-]?[2-9](?!11)\d{2}[ .\-]?\d{4}",
        "china": r"1[3-9]\d(?:[ \-]?\d{4}){2}",
        "india": r"[6-9]\d{4}[ \-]?\d{5}",
        "iberia and poland": r"[4-9]\d{2}([ \-])(?:\d{3}\1\d{3}|\d{2}\1\d{2}\1\d{2})",
        "scandinavia": r"[2-9]\d(?: \d{2}){3}|[2-9]\d{2} \d{2} \d{3}",
        "russia": r"[78][ \-]?\(?[3489]\d{2}\)?[ \-]?\d{3}[ \-]?\d{2}[ \-]?\d{2}",
        "brazil": r"\(?[1-9]{2}\)? ?9?\d{4}-\d{4}",
        "turkey": r"5\d{2} \d{3} \d{2} \d{2}",
    }.items()
}


class ColumnSamples:
    """Values of a file's columns at places that do not depend on the blocks it is read in.

    Parameters
    ----------
    contract
        Columns that are personal, or have an `enum`, are not looked at.
    """

    def __init__(self, contract: Contract) -> None:
        looked = (c for c in contract.columns if c.personal is None and not c.allowed)
        self._columns = [c for c in looked if c.type not in ("number", "boolean")]
        self._seen: Counter[str] = Counter()
        self._parts: dict[tuple[str, int], list[str | int]] = defaultdict(list)

    def add(self, table: pa.Table) -> None:
        """Take the clean rows that follow."""
        import numpy as np
        import pyarrow as pa

        for column in self._columns:
            values = table.column(column.name).combine_chunks()
            first, count = self._seen[column.name], len(values) - values.null_count
            self._seen[column.name] += count
            present = np.flatnonzero(np.asarray(values.is_valid())) if values.null_count else None
            for part, places in _sampled(first, count):
                rows = places if present is None else present[places]
                taken = values.take(pa.array(rows, pa.int64())).to_pylist()
                self._parts[column.name, part] += taken

    def evidence(self) -> Counter[tuple[str, ...]]:
        """Return counts by (column, what its values look like)."""
        import pyarrow as pa

        street = any(suspicious_name(column.name) == "street" for column in self._columns)
        types = {column.name: column.type for column in self._columns}
        found: Counter[tuple[str, ...]] = Counter()
        for (name, _), values in self._parts.items():
            distinct = pa.array(dict.fromkeys(values))
            shown = of_column(name, types[name], distinct, 0, open_street=street)
            found.update({(name, what): count for what, count in shown.items()})
        for name in {name for name, _ in found}:
            found[name, _ROWS] = self._seen[name]
        return found


def _sampled(first: int, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield, by part of a column, the places to look at among values from a position on."""
    import numpy as np

    begin = first
    while begin < first + count:
        part = (begin // _EACH).bit_length()
        end, step = min(first + count, _EACH << part), 1 << max(part - 1, 0)
        yield part, np.arange(-(-begin // step) * step, end, step) - first
        begin = end


def of_column(
    name: str, type_: str, values: pa.Array, rows: int, *, open_street: bool
) -> Counter[str]:
    """Count what distinct values show.

    Parameters
    ----------
    name, type_
        The column's name, and its logical type.
    values
        Distinct and not null.
    rows
        Rows that have a value.
    open_street
        Whether a column of the table that is not personal says that it holds streets: a city and
        a postcode are personal beside one.

    Returns
    -------
    Counter of str
        For `kinds`; empty where nothing needs to be counted.
    """
    kind, weak = promised(name)
    if kind in ("city", "postcode") and not open_street:
        kind = None
    if type_ in ("date", "timestamp") and kind == "birth_date":
        return Counter({_ROWS: rows, _LOOKED: len(values), _PLAUSIBLE: len(values)})
    if type_ == "integer" and (kind is None or kind in _OF_INTEGERS):
        texts = [str(value) for value in values[:SAMPLE].to_pylist()]
    elif type_ == "string":
        texts = [text.strip() for text in values[:SAMPLE].to_pylist()]
    else:
        return Counter()
    texts = [text for text in texts if text and not _HASH.fullmatch(text)]
    counts = Counter({_ROWS: rows, _LOOKED: len(texts)})
    if kind in _SHAPES:
        counts[_PLAUSIBLE] = sum(1 for text in texts if _SHAPES[kind].fullmatch(text))
    if kind is None or weak:
        _by_values(counts, texts, normal(name), type_)
    return counts


def kinds(name: str, counts: Mapping[str, int]) -> set[str]:
    """Judge what a column showed in all files: return kinds of personal data."""
    looked = counts.get(_LOOKED, 0)
    if not looked:
        return set()
    share = {what: count / looked for what, count in counts.items()}
    kind, weak = promised(name)
    found = set()
    names = sum(part for what, part in share.items() if what.startswith("name:"))
    certain = kind != "name" or not weak or names >= _WEAK
    if kind and certain and share.get(_PLAUSIBLE, 0) >= _HEADER:
        found.add(kind)
    if sum(1 for what in counts if what.startswith(_BUCKET)) >= _DIFFERENT:
        for what, part in share.items():
            shown, _, scheme = what.partition(":")
            agree = scheme and scheme != "partly" and part >= _AGREE.get(shown, 2)
            found |= {shown} if agree else set()
    return found


def _by_values(counts: Counter[str], texts: Sequence[str], header: str, type_: str) -> None:
    """Count names, telephone numbers and national numbers."""
    looks: dict[str, Callable[[str], list[str]]] = {}
    if not _OTHER_NUMBERS.search(header):
        looks["national_id"] = _numbers
    if type_ == "string" and not _OTHER_NAMES.search(header):
        looks["name"] = _name
    if type_ == "string" and _scattered(texts):
        looks["phone"] = _plans
    for number, text in enumerate(texts):
        if number == _FIRST:  # what hardly any of the first ones shows, the column does not
            looks = {kind: look for kind, look in looks.items() if _most(counts, kind) > 1}
        shown = [f"{kind}:{what}" for kind, look in looks.items() for what in look(text)]
        counts.update(shown)
        if shown:
            counts[f"{_BUCKET}{zlib.crc32(text.encode()) % _BUCKETS}"] += 1


def _most(counts: Counter[str], kind: str) -> int:
    return max((n for what, n in counts.items() if what.startswith(f"{kind}:")), default=0)


def _name(text: str) -> list[str]:
    tests = {"full": full_name, "single": single_name, "partly": partly_name}
    return [what for what, test in tests.items() if test(text)][:1]


def _numbers(text: str) -> list[str]:
    """Return the schemes that fit; a column may hold numbers of several countries."""
    found = schemes(text)
    return [*found, "any"] if found else []


def _plans(text: str) -> list[str]:
    return [name for name, plan in _PLANS.items() if plan.fullmatch(text)]


def _scattered(texts: Sequence[str]) -> bool:
    """Whether numbers lie apart, as those of a plan do and those that count up do not."""
    digits = {re.sub(r"\D", "", text) for text in texts if len(text) <= _LONGEST}
    numbers = sorted(map(int, digits - {""}))
    return len(numbers) > 1 and numbers[-1] - numbers[0] > 10_000 * len(numbers)
