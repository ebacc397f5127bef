"""Histograms as the page embeds them: few bins, in short text, below a limit of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.results.exporting.histograms import Counts, Histograms
from quickstack.results.exporting.small_cells import LEAST, Cell, Size, pool_periods, pool_values

#: Characters that the histograms may take; the rest of a page of 100 KB is words, style and script.
LIMIT = 34_000
#: (bins of a probability, values per segment, periods): the first that fits is taken.
SIZES = ((200, 10, 12), (120, 10, 12), (80, 10, 8), (60, 8, 6), (40, 6, 4), (25, 4, 2), (15, 2, 1))
#: Edges that are always kept, so that a histogram has bars of equal width.
BARS = 40
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def packed(histograms: Histograms, limit: int = LIMIT) -> dict[str, Any]:
    """Return what the page embeds, JSON-able.

    Returns
    -------
    dict
        `periods` (names; the first is null where older or small ones are pooled), `groups` (each
        with the segment's `name`, its `values`, null being the missing one, `pooled`, and `cells`,
        lists of place of the value, place of the period, packed counts and sums), the `size` of
        the counts of a cell, and the axes:
        `edges` of a probability, or `value` and `residual` as start, step and size. Values whose
        place is the number of values are the pool. No cell holds 1 to 4 rows.
    """
    result: dict[str, Any] = {}
    for bins, values, periods in SIZES:
        result = _attempt(histograms, bins, values, periods)
        if len(json.dumps(result, ensure_ascii=False)) <= limit:
            break
    return result


def pack(counts: Iterable[int]) -> str:
    """Write counts as text: digits of base 32, lowest first; a 0 is followed by its repetitions.

    Zeros at the end are left out.
    """
    text: list[str] = []
    zeros = 0
    for count in counts:
        if count == 0:
            zeros += 1
            continue
        if zeros:
            text += ["A", *_digits(zeros - 1)]
            zeros = 0
        text += _digits(int(count))
    return "".join(text)


def chosen_edges(histograms: Histograms, counts: Counts, bins: int) -> NDArray[np.int64]:
    """Choose which fine edges to keep: bars of equal width, the threshold, and where rows lie.

    Between the bars, edges lie so that each bin holds about the same share of either outcome. Few
    positives among many rows keep their detail, and the area under the ROC curve its value.
    """
    edges, last = histograms.edges, len(histograms.edges) - 1
    bars = min(BARS, bins // 2)
    kept = {int(np.searchsorted(edges, i / bars - 1e-9)) for i in range(bars + 1)}
    kept.add(int(np.searchsorted(edges, histograms.contract.decision.threshold)))
    weight = np.zeros(last)
    for outcome in (0, 1):
        own = (counts.channel + (histograms.contract.task == "multiclass")) % 2 == outcome
        own &= (
            (counts.channel < 2) if histograms.contract.task == "binary" else (counts.channel > 0)
        )
        rows = np.bincount(counts.bin[own], counts.rows[own], last)[:last]
        weight += rows / max(rows.sum(), 1)
    heights = np.cumsum(weight)
    wanted = bins + 1 - len(kept)
    if heights[-1] > 0 and wanted > 0:
        at = heights[-1] * np.arange(1, wanted + 1) / (wanted + 1)
        kept |= set((np.searchsorted(heights, at) + 1).tolist())
    return np.array(sorted(kept | {0, last}), dtype="int64")


def _attempt(
    histograms: Histograms, bins: int, most_values: int, most_periods: int
) -> dict[str, Any]:
    everything = histograms.counts(0)
    names = {number: name or "" for name, number in histograms.periods.items()}
    sizes: dict[str, Size] = {}
    for (_, t, unknown), rows in _sizes(histograms, everything, np.arange(1 << 16)).items():
        labelled, other = sizes.get(names[t], (0, 0))
        sizes[names[t]] = (labelled, other + rows) if unknown else (labelled + rows, other)
    # Rows without a truth are left out where a period has few of them, and where they are older
    # than all test rows: those were never to be predicted.
    tested = min((name for name, (labelled, _) in sizes.items() if labelled), default="")
    waiting = {name for name, (_, other) in sizes.items() if other >= LEAST and name >= tested}
    sizes = {
        name: (labelled, other * (name in waiting))
        for name, (labelled, other) in sizes.items()
        if labelled or name in waiting
    }
    if sum(labelled for labelled, _ in sizes.values()) < LEAST:
        return {"periods": [], "groups": []}
    shown, pooled = pool_periods(sizes, most_periods)
    place = {name: index + pooled for index, name in enumerate(shown)}
    # The place of each period, for rows whose truth is known and for others; -1 leaves them out.
    period = np.full((max(names, default=0) + 1, 2), -1, dtype="int64")
    for number, name in names.items():
        if name in sizes:
            period[number, 0] = place.get(name, 0)
        if name in waiting:
            period[number, 1] = place.get(name, 0)
    result: dict[str, Any] = {"periods": [None] * pooled + shown, "groups": []}
    if histograms.scale is not None:
        axes = {"value": histograms.scale.value, "residual": histograms.scale.residual}
        result |= {name: [axis.start, axis.step, axis.size] for name, axis in axes.items()}
        channels: tuple[int, ...] = (
            axes["residual"].size,
            axes["value"].size ** 2,
            axes["value"].size,
        )
        edges = None
    else:
        edges = chosen_edges(histograms, everything, bins)
        result["edges"] = [round(float(edge), 9) for edge in histograms.edges[edges]]
        size, width = len(histograms.classes), len(edges) - 1
        many = (size * (size + 1), *([width] * (2 * size)))
        channels = (width,) * 3 if histograms.contract.task == "binary" else many
    result["size"] = sum(channels)
    for group in range(len(histograms.columns)):
        result["groups"].append(_group(histograms, group, period, channels, edges, most_values))
    return result


def _unknown(histograms: Histograms, counts: Counts) -> NDArray[np.int64]:
    """Say which counts are of rows whose truth is not known, 1, and which are not, 0."""
    if histograms.contract.task == "multiclass":
        known = len(histograms.classes) ** 2
        return ((counts.channel == 0) & (counts.bin >= known)).astype("int64")
    return (counts.channel == 2).astype("int64")


def _sizes(histograms: Histograms, counts: Counts, period: NDArray[np.int64]) -> dict[Cell, int]:
    """Count rows by value, period and whether the truth is unknown."""
    # Of channels that count the same rows again, one is taken.
    again = {"binary": counts.channel < 0, "multiclass": counts.channel > 0,
             "regression": counts.channel == 0}[histograms.contract.task]  # fmt: skip
    unknown = _unknown(histograms, counts)
    periods = period[counts.period] if period.ndim == 1 else period[counts.period, unknown]
    taken = ~again & (periods >= 0)
    keys = (counts.value << 20 | periods << 1 | unknown)[taken]
    found, places = np.unique(keys, return_inverse=True)
    totals = np.bincount(places, counts.rows[taken], len(found)).astype("int64").tolist()
    return {
        (key >> 20, key >> 1 & 0x7FFFF, bool(key & 1)): rows
        for key, rows in zip(found.tolist(), totals, strict=True)
    }


def _group(
    histograms: Histograms,
    group: int,
    period: NDArray[np.int64],
    channels: tuple[int, ...],
    edges: NDArray[np.int64] | None,
    most: int,
) -> dict[str, Any]:
    counts = histograms.counts(group)
    names = list(histograms.values[group])
    kept, places, pooled = pool_values(_sizes(histograms, counts, period), names, most)
    targets = sorted({(place, when) for (_, when, _), place in places.items()})
    number = {target: index for index, target in enumerate(targets)}
    cell = np.full((len(names), len(period) + 1, 2), -1, dtype="int64")
    for (v, when, other), place in places.items():
        cell[v, when, int(other)] = number[place, when]
    starts = np.concatenate([[0], np.cumsum(channels)]).astype("int64")
    bins = counts.bin
    if edges is not None:
        scored = np.searchsorted(edges, bins, side="right") - 1
        pairs = (counts.channel == 0) & (histograms.contract.task == "multiclass")
        bins = np.where(pairs, bins, scored)
    unknown = _unknown(histograms, counts)
    t = period[counts.period, unknown]
    kept_rows = t >= 0
    slots = cell[counts.value, t, unknown] * starts[-1] + starts[counts.channel] + bins
    table = np.bincount(
        slots[kept_rows], counts.rows[kept_rows], len(targets) * int(starts[-1])
    ).astype("int64").reshape(len(targets), -1)  # fmt: skip
    sums: dict[tuple[int, int], NDArray[np.float64]] = {}
    for (v, number_of), total in sorted(histograms.sums[group].items()):
        when = int(period[number_of, 0])
        if when >= 0:
            key = places[v, when, False], when
            sums[key] = sums.get(key, 0.0) + total
    return {
        "name": histograms.columns[group],
        "values": [names[value] for value in kept],
        "pooled": pooled,
        "cells": [
            [*target, pack(row), *_short(sums.get(target))]
            for target, row in zip(targets, table.tolist(), strict=True)
        ],
    }


def _short(sums: NDArray[np.float64] | None) -> Iterator[list[float]]:
    """Round to 7 significant digits, which do not depend on the order of adding up."""
    if sums is not None:
        yield [float(f"{value:.6e}") for value in sums]


def _digits(count: int) -> list[str]:
    text = []
    while count >= 32:
        text.append(DIGITS[32 + count % 32])
        count //= 32
    return [*text, DIGITS[count]]
