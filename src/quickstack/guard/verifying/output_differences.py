"""How two versions of an output differ: columns, rows, numbers; never a value of the data.

Data may not differ. Fitted numbers may by what another processor's order of additions makes: the
fractions in the outputs of `_FITTED`, and nothing else in them; whole numbers, texts, dates, rows
and columns are data there too.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path, PurePosixPath
from typing import Any

from quickstack.facts import paths

#: Of a fitted number, relative to it; and absolutely, for numbers near zero.
RELATIVE, ABSOLUTE = 1e-6, 1e-9

_FITTED = (
    paths.MODEL,
    paths.TRAINING,
    paths.METRICS,
    paths.CURVES,
    paths.IMPORTANCE,
    paths.MODEL_CARD,
    paths.DRIFT,
    paths.EXPORTS,
)
#: Sentences of each kind about one file.
_MOST = 5
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
_HASH = re.compile(r"\b[0-9a-f]{8,64}\b")


@dataclass(frozen=True)
class Difference:
    """One sentence, and whether fitted numbers may differ so."""

    sentence: str
    close: bool = False


def compare_files(a: Path, b: Path) -> list[Difference]:
    """Say how two versions of a file differ, and which differences fitted numbers may have.

    Parameters
    ----------
    a, b
        Parquet, CSV, JSON, text or a model file; told by the name of `b`.

    Returns
    -------
    list of Difference
        Empty where their bytes are equal. Columns, numbers of rows and measures are named; no text
        of a table is quoted, and no number of a table but the size of the largest difference.
    """
    if a.read_bytes() == b.read_bytes():
        return []
    kinds = {
        ".parquet": _tables, ".csv": _tables, ".json": _documents, ".skops": _models,
        ".md": _texts, ".html": _texts, ".txt": _texts,
    }  # fmt: skip
    compare = kinds.get(b.suffix)
    if compare is not None:
        try:
            found = list(compare(a, b))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return [Difference("one of the two cannot be read as its name says")]
        return found or [Difference("the content is equal, its bytes are not")]
    sizes = a.stat().st_size, b.stat().st_size
    return [Difference(f"{sizes[0]:,} and {sizes[1]:,} bytes, which differ")]


def is_fitted(path: str) -> bool:
    """Whether an output, or a file in one, holds fitted numbers."""
    place = PurePosixPath(path)
    return any(PurePosixPath(f) in (place, *place.parents) for f in _FITTED)


def is_close(one: float, other: float) -> bool:
    """Whether two fitted numbers are within the tolerance."""
    return one == other or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _tables(a: Path, b: Path) -> Iterator[Difference]:
    import pandas as pd

    def read(path: Path) -> pd.DataFrame:
        if b.suffix == ".csv":
            return pd.read_csv(path, keep_default_na=False, na_values=[""])
        return pd.read_parquet(path)

    one, other = read(a), read(b)
    for kind, names in (
        ("no longer there", [c for c in one if c not in other]),
        ("new", [c for c in other if c not in one]),
    ):
        if names:
            yield Difference(f"columns {', '.join(map(str, names))} are {kind}")
    if len(one) != len(other):
        yield Difference(f"{len(other):,} rows instead of {len(one):,}")
    common = [name for name in one if name in other]
    if [n for n in other if n in one] != common:
        yield Difference("the columns stand in another order")
    for name in common:
        before, after = one[name], other[name]
        if before.dtype != after.dtype:
            yield Difference(f"column {name} is {after.dtype} instead of {before.dtype}")
        elif len(before) == len(after):
            yield from _columns(name, before, after)


def _columns(name: str, before: Any, after: Any) -> Iterator[Difference]:
    import numpy as np

    unlike = ~((before == after) | (before.isna() & after.isna()))
    rows = int(unlike.sum())
    if not rows:
        return
    counted = f"column {name} differs in {rows:,} of {len(before):,} rows"
    if before.dtype.kind != "f":
        yield Difference(counted)
        return
    old, new = before[unlike].to_numpy(), after[unlike].to_numpy()
    largest = float(np.nanmax(np.abs(old - new))) if np.isfinite(old - new).any() else np.nan
    close = all(is_close(float(x), float(y)) for x, y in zip(old, new, strict=True))
    yield Difference(f"{counted}, by at most {largest:.3g}", close)


def _documents(a: Path, b: Path) -> Iterator[Difference]:
    one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (a, b))
    yield from _shortened(list(_values("", one, other)))


def _values(place: str, one: Any, other: Any) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            inner = f"{place}.{key}" if place else str(key)
            if key not in one or key not in other:
                yield Difference(f"{inner} is {'new' if key not in one else 'no longer there'}")
            else:
                yield from _values(inner, one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield Difference(f"{place} has {len(other)} entries instead of {len(one)}")
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from _values(f"{place}[{number}]", *pair)
    elif type(one) is not type(other) or one != other:
        if isinstance(one, int | float) and isinstance(other, int | float):
            close = isinstance(one, float) and isinstance(other, float) and is_close(one, other)
            yield Difference(f"{place} is {other} instead of {one}, by {other - one:+.3g}", close)
        else:
            yield _words(place, str(one), str(other))


def _words(place: str, one: str, other: str) -> Difference:
    """Compare texts without quoting them; hashes of what is compared itself may differ."""
    is_hash = bool(_HASH.fullmatch(one) and _HASH.fullmatch(other))
    return Difference(f"{place} differs" + (", a hash" if is_hash else ""), is_hash)


def _texts(a: Path, b: Path) -> Iterator[Difference]:
    one, other = (path.read_text(encoding="utf-8") for path in (a, b))
    words = [_NUMBER.sub("#", _HASH.sub("*", text)) for text in (one, other)]
    if words[0] != words[1]:
        changed = _count_lines(words[0], words[1])
        yield Difference(f"{changed} lines differ in more than their numbers")
        return
    pairs = zip(*(_NUMBER.findall(_HASH.sub("*", text)) for text in (one, other)), strict=True)
    numbers = [(float(x), float(y)) for x, y in pairs if x != y]
    if numbers:
        largest = max(abs(x - y) for x, y in numbers)
        close = all(is_close(x, y) for x, y in numbers)
        yield Difference(f"{len(numbers)} numbers differ, by at most {largest:.3g}", close)
    else:
        yield Difference("hashes in it differ", close=True)


def _count_lines(one: str, other: str) -> int:
    lines = unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=0)
    return sum(line[:1] == "+" and line[:3] != "+++" for line in lines)


def _models(a: Path, b: Path) -> Iterator[Difference]:
    """Compare the members of model files: arrays by their numbers, all else by its bytes."""
    import numpy as np

    with zipfile.ZipFile(a) as one, zipfile.ZipFile(b) as other:
        if one.namelist() != other.namelist():
            yield Difference("the model has other parts")
            return
        for name in one.namelist():
            old, new = one.read(name), other.read(name)
            if old == new:
                continue
            if not name.endswith(".npy"):
                yield Difference(f"{name} in the model differs")
                continue
            arrays = [np.load(io.BytesIO(part), allow_pickle=False) for part in (old, new)]
            yield _arrays(name, *arrays)


def _arrays(name: str, old: Any, new: Any) -> Difference:
    if old.dtype != new.dtype or old.shape != new.shape:
        return Difference(f"{name} in the model has another shape or type")
    fields = old.dtype.names or (None,)
    largest, close = 0.0, True
    for field in fields:
        one, other = (old, new) if field is None else (old[field], new[field])
        if (one == other).all():
            continue
        if one.dtype.kind != "f":
            return Difference(f"{name} in the model differs in whole numbers")
        largest = max(largest, float(abs(one - other).max()))
        close &= all(map(is_close, one.ravel().tolist(), other.ravel().tolist()))
    return Difference(f"{name} in the model differs by at most {largest:.3g}", close)


def _shortened(found: list[Difference]) -> Iterator[Difference]:
    """Keep the first few, those that nothing excuses before the others."""
    found.sort(key=lambda difference: difference.close)
    yield from found[:_MOST]
    if len(found) > _MOST:
        rest = found[_MOST:]
        yield Difference(f"{len(rest)} more values differ", all(d.close for d in rest))
