"""What leaves ingest: personal columns replaced or made coarser, all others looked through."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from quickstack.data.privacy import detect
from quickstack.data.privacy.generalise import generalise
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.facts.contract import Contract

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: So many distinct texts are worth keeping, to see that the next block has no others.
_FEW = 1000


def protect(
    columns: dict[str, pa.Array],
    contract: Contract,
    key: bytes | None,
    computed: dict[str, np.ndarray],
) -> pa.Table:
    """Return the columns that leave, in contract order.

    Parameters
    ----------
    columns
        Typed columns of clean rows.
    key
        Of the pseudonyms; `contract_key` refuses a contract that needs one and has none.
    computed
        The codes behind the pseudonyms of a column, where they are known already.
    """
    import pyarrow as pa

    leaving = {}
    for column in contract.interim_columns:
        values = columns[column.name]
        if column.personal == "pseudonym":
            assert key is not None
            values = pseudonymise(values, key, column.domain, computed.get(column.name))
        elif column.generalisation is not None:
            if pa.types.is_dictionary(values.type):
                values = values.dictionary.take(values.indices)
            values = generalise(values, column.generalisation)
        leaving[column.name] = values
    return pa.table(leaving)


def personal_findings(
    columns: dict[str, pa.Array],
    contract: Contract,
    found: Counter[tuple[str, ...]],
    harmless: dict[str, pa.Array],
) -> None:
    """Count the rows in which a column that is not personal holds personal data after all.

    Every value is looked at: text with no list of allowed values, and whole numbers.

    Parameters
    ----------
    found
        (column, kind) to rows; added to.
    harmless
        By column, the few distinct texts of an earlier block in which nothing was found; updated.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in contract.columns:
        if column.personal is not None or column.allowed:
            continue
        values = columns[column.name]
        encoded = pa.types.is_dictionary(values.type)
        if column.type == "string":
            distinct = values.dictionary if encoded else values.drop_null()
            before = harmless.get(column.name)
            if before is not None and encoded and pc.all(pc.is_in(distinct, before)).as_py():
                continue
            kinds = detect.detect(distinct, column.name)
            if len(distinct) <= _FEW and not any(mask.any() for mask in kinds.values()):
                harmless[column.name] = distinct
        elif column.type == "integer":
            kinds = detect.detect_integers(values.drop_null(), column.name)
        else:
            continue
        for kind, mask in kinds.items():
            if kind in column.allowed_findings or not mask.any():
                continue
            rows = mask
            if encoded:
                rows = mask[np.asarray(values.indices.drop_null())]
            if count := int(rows.sum()):
                found[(column.name, kind)] += count
