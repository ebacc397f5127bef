"""The person to erase: what the raw data call them, and their pseudonyms under every key."""

from __future__ import annotations

import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property

from quickstack.data.privacy.normal_form import normal_form
from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, fingerprint
from quickstack.facts.contract import Contract
from quickstack.facts.errors import ContractError, DataError

#: Shorter values stand in files of other kinds by chance: they are looked for in raw data only.
_DISTINCTIVE = 6


@dataclass(frozen=True)
class Table:
    """A table of raw data, and its columns that name the subject."""

    contract: Contract
    columns: tuple[str, ...]

    def holds(self, path: str) -> bool:
        """Whether a path of the repository is one of the table's source files."""
        return fnmatchcase(path, self.contract.source.path.replace("**/", "*"))


@dataclass(frozen=True)
class Subject:
    """A person, by values of one column.

    Attributes
    ----------
    values
        As they were given, or as the raw data write them.
    tokens
        Their pseudonyms under every key at hand, in every domain that the column has.
    tables
        Where raw data name them.
    secrets
        The pairs of key and domain that pseudonyms are made with.
    """

    values: tuple[str, ...]
    tokens: tuple[str, ...]
    tables: tuple[Table, ...]
    secrets: tuple[tuple[bytes, str], ...] = ()

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"<{len(self.values)} values, {len(self.tokens)} pseudonyms>"

    def table(self, paths: Iterable[str]) -> Table | None:
        """Return the table that one of these paths is a source file of."""
        paths = list(paths)
        return next((t for t in self.tables if any(t.holds(path) for path in paths)), None)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """The pseudonyms as bytes, in the encodings that text has in our files."""
        return tuple(
            token.encode(encoding) for token in self.tokens for encoding in ("ascii", "utf-16-le")
        )

    @cached_property
    def forms(self) -> frozenset[str]:
        """The normal forms of the values: who has one of these is the subject."""
        return frozenset(normal_form(value) for value in self.values)

    def spelled(self, texts: Iterable[str]) -> Subject:
        """Return the subject with further spellings of their values, and the pseudonyms of each.

        Pseudonyms of version 1 differ by spelling: those of usual ones are made in any case.
        """
        import pyarrow as pa

        from quickstack.data.privacy.pseudonyms import pseudonymise

        values = {*self.values, *(text.strip() for text in texts if text.strip())}
        usual = {v for t in values for v in (t, t.lower(), t.upper(), t.title())}
        # Ingest drops the zeros before a number.
        usual |= {str(int(value)) for value in values if value.isdecimal()}
        every = pa.array(sorted({*usual, *texts, *map(normal_form, values)}), pa.string())
        tokens = {*self.tokens}
        for key, domain in self.secrets:
            tokens |= set(pseudonymise(every, key, domain).to_pylist())
        return replace(self, values=tuple(sorted(values)), tokens=tuple(sorted(tokens)))

    @property
    def spellings(self) -> set[str]:
        """The values as raw data, quarantine and JSON may spell them, in every dialect at hand."""
        escapes = {table.contract.source.escape for table in self.tables}
        found = set()
        values = {v for value in self.values for v in (value, value.lower(), value.upper())}
        for form in ("NFC", "NFD"):
            for value in (unicodedata.normalize(form, value) for value in values):
                found |= {value, value.replace('"', '""'), html.escape(value, quote=False)}
                found |= {json.dumps(value, ensure_ascii=a)[1:-1] for a in (True, False)}
                found |= {value.replace('"', f'{escape}"') for escape in escapes if escape}
        return found

    @property
    def encodings(self) -> set[str]:
        """The encodings of raw data."""
        declared = {table.contract.source.encoding for table in self.tables}
        return {"utf-8", "utf-16-le", "utf-16-be", *declared}

    @property
    def distinctive(self) -> bool:
        """Whether the values are long enough not to stand somewhere by chance."""
        return bool(self.values) and all(len(value) >= _DISTINCTIVE for value in self.values)

    def mark(self, key: bytes) -> str:
        """Return 16 digits that say who it was to the holder of the key, and to nobody else."""
        digest = hashlib.blake2b(key=key, digest_size=8, person=b"erasure")
        for text in sorted(self.forms):
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()


def find_subject(
    contracts: Iterable[Contract],
    keys: Mapping[str, bytes],
    *,
    column: str,
    values: Iterable[str],
) -> Subject:
    """Return the subject that a column names by these values.

    Parameters
    ----------
    contracts
        All of the repository.
    keys
        All at hand, by fingerprint.
    column
        A personal column of at least one contract. Columns of other tables that share its
        pseudonym domain name the subject as well.

    Raises
    ------
    ContractError
        Where no contract has such a column, or it is not personal.
    """
    every = [table for contract in contracts for table in (contract, *contract.tables)]
    named = [c for table in every for c in table.columns if c.name == column]
    if not any(c.personal for c in named):
        what = "is not personal" if named else "is in no contract"
        raise ContractError(f"column '{column}' {what}", fix="name a personal column")
    domains = {c.domain for c in named if c.personal == "pseudonym"}
    values = {unicodedata.normalize("NFC", text) for text in values if text.strip()}
    given = sorted({text.strip() for text in values})
    if not given:
        raise DataError("no value was given", fix="give the subject's value of that column")
    tables = []
    for table in every:
        columns = tuple(
            c.name
            for c in table.columns
            if (c.name == column and c.personal) or (c.domain in domains and c.personal)
        )
        if columns:
            tables.append(Table(table, columns))
    keys = {**keys, fingerprint(SAMPLE_KEY): SAMPLE_KEY}
    secrets = tuple((key, domain) for key in keys.values() for domain in sorted(domains))
    # Ingest keeps the blanks around a text.
    return Subject(tuple(given), (), tuple(tables), secrets).spelled(sorted(values))


def read_contracts(root: object = None) -> list[Contract]:
    """Return every contract of the repository in this folder; ContractError for a wrong one."""
    from pathlib import Path

    from quickstack.facts.contract import load_contract
    from quickstack.facts.paths import CONTRACTS

    folder = Path(str(root)) if root is not None else Path()
    return [load_contract(path) for path in sorted((folder / CONTRACTS).glob("*.odcs.yaml"))]
