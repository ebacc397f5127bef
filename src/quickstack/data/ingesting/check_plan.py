"""What there is to check in the blocks of one table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quickstack.data.privacy.known_values import Known
from quickstack.data.quality.parse import cell_types
from quickstack.facts.contract import Column, Contract


@dataclass(frozen=True)
class Checks:
    """All that checking the blocks of one table needs.

    Attributes
    ----------
    key
        The key of its pseudonyms; None where the contract needs none.
    targets
        The columns that references of other tables point at.
    varied
        The text columns whose values seldom repeat.
    alone
        Whether no other block is likely to come, for which something could be remembered.
    """

    contract: Contract
    key: bytes | None
    targets: tuple[tuple[str, ...], ...] = ()
    varied: frozenset[str] = frozenset()
    alone: bool = False

    @cached_property
    def types(self) -> dict[str, Any]:
        """How a strict reader may type the cells."""
        return cell_types(self.contract.columns, self.contract.source, self.varied)

    @cached_property
    def secret(self) -> bytes:
        """What keys the digests that look for echoes of personal values."""
        seed = self.key or hashlib.blake2b(self.contract.id.encode(), digest_size=32).digest()
        return hashlib.blake2b(b"echo", key=seed, digest_size=32).digest()

    @cached_property
    def unique(self) -> dict[str, tuple[str, ...]]:
        """What must not occur twice: the primary key, and each unique column."""
        contract = self.contract
        rules = {"primary key": contract.key} if contract.key else {}
        rules |= {c.name: (c.name,) for c in contract.columns if c.unique}
        for name, rule in _duplicate_metrics(contract):
            rules.setdefault(name, rule)
        return rules

    @cached_property
    def searched(self) -> tuple[Column, ...]:
        """The text columns in which nobody expects personal data."""
        return tuple(
            c
            for c in self.contract.columns
            if c.type == "string" and c.personal is None and not c.allowed
        )

    @cached_property
    def echoed(self) -> tuple[Column, ...]:
        """The personal columns whose values must not turn up in others."""
        if not any("echo" not in c.allowed_findings for c in self.searched):
            return ()
        return tuple(
            c
            for c in self.contract.columns
            if c.personal not in (None, "keep") and c.type in ("string", "integer")
        )

    @cached_property
    def known(self) -> dict[str, Known]:
        """What earlier blocks showed of the values of pseudonymous text columns."""
        if self.alone:
            return {}
        return {
            c.name: Known() for c in self.echoed if c.personal == "pseudonym" and c.type == "string"
        }

    @cached_property
    def harmless(self) -> dict[str, Any]:
        """By column, texts of an earlier block that hold no personal data."""
        return {}


def _duplicate_metrics(contract: Contract) -> list[tuple[str, tuple[str, ...]]]:
    found = [
        (f"metric {c.name}", (c.name,))
        for c in contract.columns
        for rule in c.quality
        if rule.metric == "duplicateValues"
    ]
    return found + [
        (f"metric {', '.join(rule.columns)}", rule.columns)
        for rule in contract.quality
        if rule.metric == "duplicateValues"
    ]
