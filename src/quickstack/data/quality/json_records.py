"""Tell whether a line of text could be a row of the contract."""

from __future__ import annotations

from collections.abc import Callable

from quickstack.data.quality.parse import parse_column
from quickstack.facts.contract import Contract


def record_test(contract: Contract) -> Callable[[list[str]], Callable[[list[str]], bool]]:
    """Return what tells, for a header, whether a line could be a row: its cells fit their types.

    Lines of a quoted text that merely hold the right number of delimiters are told apart where
    the contract has numbers or dates; in a table of texts, three cells or more are a row.
    """
    import pyarrow as pa

    missing = contract.source.missing

    def of_header(header: list[str]) -> Callable[[list[str]], bool]:
        columns = {c.name: c for c in contract.columns}
        typed = [(i, columns[name]) for i, name in enumerate(header) if name in columns]
        typed = [(i, column) for i, column in typed if column.type != "string"]

        def is_record(cells: list[str]) -> bool:
            if not typed:
                return len(cells) > 2
            present = [(cells[i], c) for i, c in typed if cells[i] not in missing]
            # Bytes that are no text become "?", which no number, date or truth value holds.
            texts = [cell.encode("utf-8", "replace").decode() for cell, _ in present]
            wrong = [
                parse_column(column, pa.array([text]), contract.source)[1]
                for text, (_, column) in zip(texts, present, strict=True)
            ]
            return bool(present) and all(w is None for w in wrong)

        return is_record

    return of_header
