"""Find the value behind a pseudonym, in raw data that are here and with keys that are here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, fingerprint
from quickstack.facts.contract import Contract
from quickstack.facts.errors import DataError


def value_of(
    root: Path,
    contracts: Iterable[Contract],
    keys: Mapping[str, bytes],
    *,
    column: str,
    token: str,
) -> list[str]:
    """Return the values of a column whose pseudonym is `token`.

    Raises
    ------
    DataError
        Where none is: without the value, raw data cannot be searched.
    """
    import pyarrow as pa

    from quickstack.data.privacy.pseudonyms import pseudonymise

    ring = {**keys, fingerprint(SAMPLE_KEY): SAMPLE_KEY}
    found = set()
    for contract in (table for c in contracts for table in (c, *c.tables)):
        domains = {c.domain for c in contract.columns if c.name == column and c.personal}
        for path in sorted(root.glob(contract.source.path)) if domains else ():
            values = pa.array(sorted(set(_column(path, contract, column))), pa.string())
            for key in ring.values() if len(values) else ():
                for domain in domains:
                    tokens = pseudonymise(values, key, domain).cast(pa.string()).to_pylist()
                    found |= {values[i].as_py() for i, t in enumerate(tokens) if t == token.strip()}
    if not found:
        raise DataError(
            "no value in the raw data here has this pseudonym under a key at hand",
            fix="give the value itself, so that raw data can be searched, too",
        )
    return sorted(found)


def _column(path: Path, contract: Contract, column: str) -> Iterator[str]:
    source = contract.source
    if source.format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        for value in pq.read_table(path, columns=[column])[column].cast(pa.string()).to_pylist():
            if value:
                yield value
    elif source.format == "csv":
        with path.open("rb") as stream:
            text = io.TextIOWrapper(stream, source.encoding, errors="replace", newline="")
            for _ in range(source.skip_lines):
                text.readline()
            rows = csv.reader(
                (line.replace("\0", " ") for line in text), delimiter=source.delimiter[:1]
            )
            header = [cell.strip().removeprefix("\ufeff") for cell in next(rows, [])]
            place = header.index(column) if column in header else len(header)
            for cells in rows:
                if place < len(cells) and cells[place].strip():
                    yield cells[place].strip()
