"""What a trial tries: proposed by Optuna from the seed, the trial's number and what was found.

Nothing is kept between calls. A sweep that was killed goes on as if it had not been, since the
history is taken from the experiments that DVC has.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from quickstack.models.tuning.search_space import Declared, Range, Value, Values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

#: Draws after which a space counts as exhausted: a free one of 50 combinations is missed once in
#: ten thousand times.
_DRAWS = 500
_DIGITS = 6


def propose(
    declared: Declared,
    number: int,
    finished: Sequence[tuple[Values, float]],
    running: Sequence[Values],
    *,
    higher: bool,
) -> Values | None:
    """Propose what trial `number` tries.

    Bayesian search is Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms
    for Hyper-Parameter Optimization), of which the first ten trials are random.

    Parameters
    ----------
    finished
        The values and the score of each trial that finished.
    running
        The values of those that run now, and of those that shall not be tried again.
    higher
        Whether a higher score is better.

    Returns
    -------
    dict or None
        The value of each parameter by its dotted name; numbers of six significant digits. None
        where everything was tried.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(name, declared) for name in declared.ranges}
    history = []
    for values, score in finished:
        used = declared.used(values)
        try:
            history.append(
                optuna.trial.create_trial(
                    params=used, distributions={n: distributions[n] for n in used}, value=score
                )
            )
        except ValueError:  # the default may lie outside the ranges
            continue
    taken = [declared.used(values) for values in (*(v for v, _ in finished), *running)]
    for draw in range(_DRAWS):
        seed = zlib.crc32(f"{declared.seed}/{number}/{draw}".encode())
        # A proposal that was tried before is replaced by a random one.
        random = declared.search == "random" or draw
        sampler = (
            optuna.samplers.RandomSampler(seed) if random else optuna.samplers.TPESampler(seed=seed)
        )
        study = optuna.create_study(direction="maximize" if higher else "minimize", sampler=sampler)
        study.add_trials(history)
        values = _suggested(study.ask(), declared)
        if values not in taken:
            return values
    return None


def _suggested(trial: Trial, declared: Declared) -> Values:
    values: Values = {}
    for name, found in declared.ranges.items():
        if name not in declared.used({**values, name: 0}):
            continue
        if found.choices:
            values[name] = cast("Value", trial.suggest_categorical(name, found.choices))
        elif name in declared.integers:
            values[name] = trial.suggest_int(
                name, int(_low(found)), int(_high(found)), step=int(found.step or 1), log=found.log
            )
        else:
            number = trial.suggest_float(
                name, _low(found), _high(found), step=found.step, log=found.log
            )
            rounded = float(f"{number:.{_DIGITS}g}")
            values[name] = min(max(rounded, _low(found)), _high(found))
    return values


def _distribution(name: str, declared: Declared) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found = declared.ranges[name]
    if found.choices:
        return CategoricalDistribution(found.choices)
    if name in declared.integers:
        return IntDistribution(
            int(_low(found)), int(_high(found)), log=found.log, step=int(found.step or 1)
        )
    return FloatDistribution(_low(found), _high(found), log=found.log, step=found.step)


def _low(found: Range) -> float:
    assert found.low is not None
    return found.low


def _high(found: Range) -> float:
    assert found.high is not None
    return found.high


def shown(value: Value) -> str:
    """Return a value as people read it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
