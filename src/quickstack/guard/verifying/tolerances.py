"""How far a second run may differ: the one place that says it.

Data never may. Fitted numbers may by what another processor's order of additions makes: the
fractions in the outputs below, and nothing else in them; whole numbers, texts, dates, rows and
columns are data there too.
"""

from __future__ import annotations

from pathlib import PurePosixPath

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


def is_fitted(path: str) -> bool:
    """Whether an output, or a file in one, holds fitted numbers."""
    place = PurePosixPath(path)
    return any(PurePosixPath(f) in (place, *place.parents) for f in _FITTED)


def is_close(one: float, other: float) -> bool:
    """Whether two fitted numbers are within the tolerance."""
    import math

    return one == other or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
