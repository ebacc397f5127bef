"""The rows of the built-in data set that are broken by design, as deliveries go wrong."""

from __future__ import annotations

#: (column, rule) to the months that each get one such row, appended as deliveries go wrong.
BREAKS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "layout"): ("2024-02", "2024-07", "2025-03"),
    ("birth_date", "type"): ("2024-03",),
    ("tenure_months", "type"): ("2024-05", "2025-08"),
    ("monthly_fee", "minimum"): ("2024-06",),
    ("plan", "allowed"): ("2024-09", "2025-10"),
    ("region", "required"): ("2024-11",),
    ("customer_id", "pattern"): ("2025-01",),
    ("primary key", "unique"): ("2025-05",),
}
_WRONG_CELLS = {
    ("birth_date", "type"): "1987-02-30",
    ("tenure_months", "type"): "twelve",
    ("monthly_fee", "minimum"): "-19.00",
    ("plan", "allowed"): "premium",
    ("region", "required"): "",
    ("customer_id", "pattern"): "unknown",
}


def break_rows(month: str, lines: list[str]) -> str:
    """Append a month's broken rows, each its first row with one thing wrong.

    Parameters
    ----------
    month
        Such as `2024-02`.
    lines
        The month's file, header first; the broken rows are appended to it.
    """
    names, first = lines[0].split(","), lines[1].split(",")
    for number, ((column, rule), months) in enumerate(BREAKS.items()):
        if month not in months:
            continue
        cells = list(first)
        # A number of its own, so that the row breaks this one rule and no other.
        cells[0] = f"C{9_000_000 + 100 * number + months.index(month):07d}"
        if rule == "layout":
            cells = cells[:-4]
        elif rule == "unique":
            cells[0] = first[0]
        else:
            cells[names.index(column)] = _WRONG_CELLS[(column, rule)]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"
