"""The values of the contracts' personal columns, as the raw data hold them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract, load_contract
from quickstack.facts.errors import SourceError
from quickstack.facts.paths import CONTRACTS
from quickstack.guard.scanning.raw_rows import column_texts, raw_blocks, raw_partitions

#: Distinct values that are looked for; of more, a sample that depends on the values alone.
LIMIT = 200_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RawValues:
    """Values with how findings name them, what is public, and how many there are in all."""

    values: list[tuple[str, str]]
    public: frozenset[str]
    distinct: int


def personal_values(root: Path, limit: int = LIMIT) -> RawValues:
    """Collect the distinct values of personal columns from `data/raw`, for every contract.

    Columns that the contract lets through on purpose (`keep`) are public.

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
            personal = [c for c in table.columns if c.personal not in (None, "keep")]
            if personal and (partitions := raw_partitions(root, table)):
                tables.append((table, partitions, personal))
                public |= _public(table)
    if not tables:
        raise SourceError(
            "no raw data with personal columns are here",
            where="data/raw",
            fix="bring them by `dvc pull`, or give the values: quickstack scan --values FILE",
        )
    share = max(1, limit // sum(len(personal) for _, _, personal in tables))
    values: list[tuple[str, str]] = []
    distinct = 0
    for table, partitions, personal in tables:
        samples = {column.name: _Sample(share) for column in personal}
        for partition in partitions:
            _collect(partition, table, samples)
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
    """The distinct values with the smallest hashes: the same in any order of the rows."""

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


def _collect(partition: Partition, contract: Contract, samples: dict[str, _Sample]) -> None:
    """Take the cells of every row, also of those that cannot be read as rows."""
    missing = {"", *contract.source.missing}
    try:
        for block in raw_blocks(partition, contract):
            found = samples.keys() & set(block.table.column_names)
            if not found:
                raise SourceError(
                    "it has none of the contract's personal columns",
                    fix="correct the delimiter or the names in the contract",
                )
            for name in found:
                texts = column_texts(block.table, name).dictionary.to_pylist()
                samples[name].add(text for text in texts if text not in missing)
            for rejected in block.rejected:
                cells = block.cells(rejected.location.raw)
                for name in samples.keys() & cells.keys():
                    samples[name].add({cells[name]} - missing)
    except SourceError as error:
        raise SourceError(
            f"its values cannot be taken: {error.what}",
            where=partition.url or partition.path.name,
            fix=f"{error.fix}; or give the values in a file: quickstack scan --values FILE",
        ) from None
