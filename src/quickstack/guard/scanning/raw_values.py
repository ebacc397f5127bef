"""The values of the contracts' personal columns, as the raw data hold them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.data.unpacking.compressed import DAMAGED, decompressed
from quickstack.facts.contract import Contract, load_contract
from quickstack.facts.errors import SourceError
from quickstack.facts.paths import CONTRACTS

#: Distinct values that are looked for; of more, a sample that depends on the values alone.
LIMIT = 200_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RawValues:
    """Values with how findings name them, what is no secret, and how many there are in all."""

    values: list[tuple[str, str]]
    public: frozenset[str]
    distinct: int


def personal_values(root: Path, limit: int = LIMIT) -> RawValues:
    """Collect the distinct values of personal columns from `data/raw`, for every contract.

    Columns that the contract lets through on purpose (`keep`) are no secret.

    Raises
    ------
    SourceError
        Where no contract has raw data here, or their format cannot be read for this.
    """
    public: set[str] = set()
    tables = []
    for path in sorted((root / CONTRACTS).glob("*.odcs.yaml")):
        contract = load_contract(path)
        for table in (contract, *contract.tables):
            files = sorted(found for found in root.glob(table.source.path) if found.is_file())
            personal = [c for c in table.columns if c.personal not in (None, "keep")]
            if files and personal:
                tables.append((table, files, personal))
                public |= _public(table)
    if not tables:
        raise SourceError(
            "there are no raw data with personal columns to take values from",
            where="data/raw",
            fix="bring them by `dvc pull`, or give the values: quickstack scan --values FILE",
        )
    share = max(1, limit // sum(len(personal) for _, _, personal in tables))
    values: list[tuple[str, str]] = []
    distinct = 0
    for table, files, personal in tables:
        samples = {column.name: _Sample(share) for column in personal}
        for path in files:
            _collect(path, table, samples)
        for name, sample in samples.items():
            distinct += sample.distinct
            values += [(text, f"column {name} of {table.id}") for text in sample.values()]
    return RawValues(values, frozenset(public), distinct)


def _public(contract: Contract) -> set[str]:
    """Return the values and the words that the contract itself declares."""
    texts = [contract.id, contract.name, contract.description, contract.grain]
    for column in contract.columns:
        texts += [column.name, column.description, *map(str, column.allowed)]
        texts += column.name.split("_")
    words = {word.lower() for text in texts for word in _WORD.findall(text)}
    allowed = {str(value).lower() for column in contract.columns for value in column.allowed}
    return words | allowed | {text.lower() for text in contract.source.missing}


class _Sample:
    """The distinct values with the smallest hashes: the same whatever the order of the rows."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[str, bytes] = {}
        self._limit: bytes | None = None
        self.distinct = 0

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text in self._kept:
                continue
            rank = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
            if self._limit is None or rank < self._limit:
                self._kept[text] = rank
                self.distinct += 1
                if len(self._kept) > 2 * self._size:
                    self._prune()
            else:
                self.distinct += 1

    def _prune(self) -> None:
        smallest = sorted(self._kept.items(), key=lambda item: item[1])[: self._size]
        self._kept = dict(smallest)
        self._limit = smallest[-1][1]

    def values(self) -> list[str]:
        if len(self._kept) > self._size:
            self._prune()
        return sorted(self._kept)


def _collect(path: Path, contract: Contract, samples: dict[str, _Sample]) -> None:
    source = contract.source
    if source.path.endswith(".objects.jsonl"):
        raise _unreadable(path, "the data stay on S3")
    if source.format == "parquet":
        _collect_parquet(path, samples)
    elif source.format in ("csv", "jsonl"):
        try:
            with decompressed(path) as stream:
                text = io.TextIOWrapper(stream, source.encoding, "replace", newline="")
                if source.format == "jsonl":
                    _collect_lines(text, samples)
                else:
                    _collect_delimited(text, contract, samples)
        except DAMAGED:
            raise _unreadable(path, "its compression is damaged") from None
    else:
        raise _unreadable(path, f"the format {source.format} is not read for this")


def _unreadable(path: Path, why: str) -> SourceError:
    return SourceError(
        f"its values cannot be taken: {why}",
        where=path.name,
        fix="give the values in a file: quickstack scan --values FILE",
    )


def _collect_parquet(path: Path, samples: dict[str, _Sample]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = [name for name in samples if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=names) if names else ():
            for name in names:
                column = batch.column(name).cast(pa.string())
                samples[name].add(text for text in column.unique().to_pylist() if text)
    except (pa.ArrowException, OSError):
        raise _unreadable(path, "it is no whole Parquet file") from None


def _collect_lines(lines: Iterable[str], samples: dict[str, _Sample]) -> None:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        for name in samples:
            value = row.get(name) if isinstance(row, dict) else None
            if value not in (None, ""):
                samples[name].add([str(value)])


def _collect_delimited(text: Any, contract: Contract, samples: dict[str, _Sample]) -> None:
    """Take the cells of every row, also of rows with too few or too many of them."""
    source = contract.source
    for _ in range(source.skip_lines):
        text.readline()
    missing = set(source.missing)
    places: dict[str, int] = {}
    # A physical line at a time: an unclosed quote then hides the rest of its own line alone.
    for row in _rows(text, source.delimiter, source.quote):
        if not places:
            header = [cell.strip().lstrip("\ufeff") for cell in row]
            places = {name: header.index(name) for name in samples if name in header}
            if not places:
                return
            continue
        for name, place in places.items():
            if place < len(row) and row[place] not in missing:
                samples[name].add([row[place]])


def _rows(text: Iterable[str], delimiter: str, quote: str) -> Iterator[list[str]]:
    for line in text:
        bare = line.rstrip("\r\n").replace("\0", "")
        if quote and quote in bare:
            quoted = csv.reader([bare], delimiter=delimiter, quotechar=quote)
            try:
                yield next(quoted, [])
            except csv.Error:
                yield [cell.strip(quote) for cell in bare.split(delimiter)]
        else:
            yield bare.split(delimiter)
