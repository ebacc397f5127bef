"""Find the value behind a pseudonym, in raw data that are here and with keys that are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quickstack.data.privacy.normal_form import normal_forms
from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, fingerprint
from quickstack.data.quality.parse import normalise, parse_column
from quickstack.facts.contract import Column, Contract
from quickstack.facts.errors import DataError
from quickstack.guard.scanning.raw_rows import column_texts, raw_blocks, raw_partitions

if TYPE_CHECKING:
    import pyarrow as pa


def value_of(
    root: Path,
    contracts: Iterable[Contract],
    keys: Mapping[str, bytes],
    *,
    column: str,
    token: str,
) -> list[str]:
    """Return the values of a column whose pseudonym is `token`, as the raw data write them.

    Raises
    ------
    DataError
        Where no value has it. Raw data can only be searched by value.
    SourceError
        Where raw data cannot be read as a contract says.
    """
    ring = {**keys, fingerprint(SAMPLE_KEY): SAMPLE_KEY}
    found: set[str] = set()
    for contract in (table for c in contracts for table in (c, *c.tables)):
        named = next((c for c in contract.columns if c.name == column and c.personal), None)
        for partition in raw_partitions(root, contract) if named is not None else ():
            assert named is not None
            for block in raw_blocks(partition, contract):
                if column in block.table.column_names:
                    texts = column_texts(block.table, column).dictionary
                    for key in ring.values():
                        found |= _behind(token.strip(), texts, named, contract, key)
    if not found:
        raise DataError(
            "no value in the raw data here has this pseudonym under a key at hand",
            fix="give the value itself, so that raw data can be searched, too",
        )
    return sorted(found)


def _behind(
    token: str, texts: pa.Array, column: Column, contract: Contract, key: bytes
) -> set[str]:
    """Return those texts that ingest replaces by `token` under a key."""
    import pyarrow as pa

    from quickstack.data.privacy.pseudonyms import pseudonymise

    values = parse_column(column, normalise(texts), contract.source)[0]
    found = set()
    # An earlier version of the contract may have asked for the other kind of pseudonym.
    for spelled in (values, normal_forms(values)):
        tokens = pseudonymise(spelled, key, column.domain).cast(pa.string()).to_pylist()
        found |= {texts[i].as_py() for i, made in enumerate(tokens) if made == token}
    return found
