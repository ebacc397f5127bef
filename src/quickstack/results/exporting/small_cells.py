"""Which cells the page may show: few enough to be small, and none of fewer than five rows.

What is too rare joins the pool of its period, and a pool of fewer than five rows takes in the
smallest cell beside it, so that neither a cell nor the difference of cells shows a single person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

#: Rows that a cell must hold, of those whose truth is known and of the others.
LEAST = 5
#: Rows whose truth is known, and others.
Size = tuple[int, int]
#: Number of a value, number of a period, and whether the truth is unknown.
Cell = tuple[int, int, bool]


def pool_periods(sizes: Mapping[str, Size], cap: int) -> tuple[list[str], bool]:
    """Choose the periods to show.

    Parameters
    ----------
    sizes
        Rows of each period, by its sortable name.
    cap
        At most so many are shown, the newest ones.

    Returns
    -------
    list of str
        In order of time.
    bool
        Whether the others make a pool before them.
    """
    ordered = sorted(sizes)
    shown = [name for name in ordered[-cap:] if not _small(sizes[name])]
    pool = _total(sizes[name] for name in ordered if name not in shown)
    while _small(pool) and shown:
        pool = _total([pool, sizes[shown.pop(0)]])
    return shown, len(shown) < len(ordered)


def pool_values(
    sizes: Mapping[Cell, int], names: Sequence[str | None], cap: int
) -> tuple[list[int], dict[Cell, int], bool]:
    """Choose the values of one segment to show.

    Parameters
    ----------
    sizes
        Rows by number of the value, number of the period, and whether their truth is unknown;
        periods as `pool_periods` left them, so that none is small.
    names
        Of the values.
    cap
        At most so many are shown, those with the most rows.

    Returns
    -------
    list of int
        Numbers of the values shown, most rows first; those that are numbers in their order.
    dict
        The place among those shown of each cell; the pool is the place after the last.
    bool
        Whether there is a pool.
    """
    totals: dict[int, int] = defaultdict(int)
    together: dict[tuple[int, bool], list[Cell]] = defaultdict(list)
    for cell, rows in sizes.items():
        totals[cell[0]] += rows
        together[cell[1:]].append(cell)
    ranked = sorted(totals, key=lambda value: (-totals[value], names[value] or ""))
    # A single value beyond the cap is shown rather than pooled: it would be a pool of one.
    kept = ranked[: cap + 1] if len(ranked) == cap + 1 else ranked[:cap]
    pooled: set[Cell] = set()
    for cells in together.values():
        out = {cell for cell in cells if cell[0] not in kept or sizes[cell] < LEAST}
        rest = sorted(set(cells) - out, key=lambda cell: (sizes[cell], names[cell[0]] or ""))
        while out and sum(sizes[cell] for cell in out) < LEAST and rest:
            out.add(rest.pop(0))
        pooled |= out
    alive = {cell[0] for cell in sizes if cell not in pooled}
    kept = _in_order([value for value in kept if value in alive], names)
    place = {value: index for index, value in enumerate(kept)}
    places = {cell: len(kept) if cell in pooled else place[cell[0]] for cell in sizes}
    return kept, places, bool(pooled)


def _in_order(kept: list[int], names: Sequence[str | None]) -> list[int]:
    """Sort values that are numbers as such; leave others, the most rows first."""
    try:
        return sorted(kept, key=lambda value: float(names[value] or "inf"))
    except ValueError:
        return kept


def _small(size: Size) -> bool:
    return any(0 < rows < LEAST for rows in size)


def _total(sizes: Iterable[Size]) -> Size:
    labelled = unlabelled = 0
    for one, other in sizes:
        labelled, unlabelled = labelled + one, unlabelled + other
    return labelled, unlabelled
