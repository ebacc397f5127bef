"""The search space of a sweep: its ranges, held against `params.yaml`, and what trials try of it.

Optuna suggests from the seed, the trial's number and what was found. Nothing is kept between calls:
a sweep that was killed goes on as if it had not been, since the history is taken from the
experiments that DVC has.
"""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from quickstack.facts.errors import ParameterError
from quickstack.facts.params import read_params
from quickstack.facts.paths import PARAMS
from quickstack.facts.yaml_lines import LinedDocument
from quickstack.models.modeling.candidates import TrainParams

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Value = int | float | str | bool
Values = dict[str, Value]
_MODEL = "train.model"
#: Draws after which a space counts as exhausted: a free one of 50 combinations is missed once in
#: ten thousand times.
_DRAWS = 500
_DIGITS = 6


class _SweepModel(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


class Range(_SweepModel):
    """What one parameter may be: numbers from `low` to `high`, or some `choices`."""

    low: float | None = None
    high: float | None = None
    log: StrictBool = False
    step: float | None = Field(default=None, gt=0)
    choices: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Range:
        bounds = self.low is not None, self.high is not None
        if self.choices and (any(bounds) or self.log or self.step is not None):
            raise ValueError("`choices` stand alone; remove the rest")
        if self.choices and len(set(map(str, self.choices))) < len(self.choices):
            raise ValueError("a choice occurs twice")
        if not self.choices and not all(bounds):
            raise ValueError("write `low` and `high`, or `choices`")
        if self.low is None or self.high is None:
            return self
        if self.low >= self.high:
            raise ValueError("`low` is not below `high`")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("`log` needs a `low` above 0, and no `step`")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError("`step` is larger than the range")
        return self


class _SweepFile(_SweepModel):
    search: Literal["bayesian", "random"] = "bayesian"
    seed: int = Field(default=0, ge=0)
    parameters: dict[str, Range] = Field(min_length=1)


@dataclass(frozen=True)
class SearchSpace:
    """What a sweep searches.

    Attributes
    ----------
    search, seed
        How trials are suggested, and the seed that makes it repeatable.
    ranges
        By dotted name of the parameter; `train.model` comes first where it is searched.
    integers
        Those of them that are whole numbers.
    default
        What `params.yaml` says of each, and of the model.
    """

    search: str
    seed: int
    ranges: dict[str, Range]
    integers: frozenset[str]
    default: Values

    @property
    def digest(self) -> str:
        """Tell one declaration from another; the order of parameters does not matter."""
        ranges = {name: found.model_dump() for name, found in self.ranges.items()}
        text = json.dumps([self.search, self.seed, ranges], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def used(self, values: Values) -> Values:
        """Return what is searched and has an effect: settings of a model not chosen have none."""
        model = values.get(_MODEL, self.default[_MODEL])
        names = [name for name in self.ranges if name == _MODEL or name.split(".")[1] == model]
        return {name: values[name] for name in names if name in values}


def read_search_space(path: Path, params: Path = PARAMS) -> SearchSpace:
    """Read the file of ranges.

    Parameters
    ----------
    path
        The file; `configuration/sweep.yaml` describes itself.
    params
        The `params.yaml` that it is held against.

    Raises
    ------
    ParameterError
        Where the file is missing or no YAML, a key or parameter is unknown, or a range is
        impossible or outside what `params.yaml` allows: all mistakes at once, with their lines.
    """
    train = read_params(TrainParams, params)
    document = _document(path)
    try:
        file = _SweepFile.model_validate(document.value)
    except ValidationError as error:
        raise _mistakes(
            path, document, [(tuple(item["loc"]), _sentence(item)) for item in error.errors()]
        ) from None
    found = list(_impossible(file, train, params.parent))
    found += [(place, "this occurs twice") for place in document.repeated]
    if found:
        raise _mistakes(path, document, found)
    names = sorted(file.parameters, key=lambda name: name != _MODEL)
    default = {_MODEL: train.model} | {name: _get(train.model_dump(), name) for name in names}
    return SearchSpace(
        search=file.search,
        seed=file.seed,
        ranges={name: file.parameters[name] for name in names},
        integers=frozenset(name for name in names if type(default[name]) is int),
        default=default,
    )


def suggest(
    space: SearchSpace,
    number: int,
    finished: Sequence[tuple[Values, float]],
    running: Sequence[Values],
    *,
    higher: bool,
) -> Values | None:
    """Suggest what trial `number` tries.

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
    distributions = {name: _distribution(name, space) for name in space.ranges}
    history = []
    for values, score in finished:
        used = space.used(values)
        try:
            history.append(
                optuna.trial.create_trial(
                    params=used, distributions={n: distributions[n] for n in used}, value=score
                )
            )
        except ValueError:  # the default may lie outside the ranges
            continue
    taken = [space.used(values) for values in (*(v for v, _ in finished), *running)]
    for draw in range(_DRAWS):
        seed = zlib.crc32(f"{space.seed}/{number}/{draw}".encode())
        # A suggestion that was tried before is replaced by a random one.
        random = space.search == "random" or draw
        sampler = (
            optuna.samplers.RandomSampler(seed) if random else optuna.samplers.TPESampler(seed=seed)
        )
        study = optuna.create_study(direction="maximize" if higher else "minimize", sampler=sampler)
        study.add_trials(history)
        values = _suggested(study.ask(), space)
        if values not in taken:
            return values
    return None


def _document(path: Path) -> LinedDocument:
    try:
        document = LinedDocument(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(
            "there is no such file", where=str(path), fix="name the file that declares the ranges"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ParameterError("this is not YAML", where=where, fix="correct the line") from None
    return document


def _impossible(
    file: _SweepFile, train: TrainParams, root: Path
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find what `params.yaml` does not allow: in the names, then at the ends of each range."""
    defaults = train.model_dump()
    models = file.parameters[_MODEL].choices if _MODEL in file.parameters else (train.model,)
    settings = {f"train.{m}.{s}" for m, of in defaults.items() if isinstance(of, dict) for s in of}
    for name, found in file.parameters.items():
        if name in ("train.folds", "train.seed"):
            yield ("parameters", name), f"'{name}' changes what trials are compared on; remove it"
        elif name not in {_MODEL, *settings}:
            yield (
                ("parameters", name),
                (
                    f"'{name}' cannot be searched; there are {_MODEL} and the settings of models, "
                    f"such as {sorted(settings)[0]}"
                ),
            )
        elif name != _MODEL and name.split(".")[1] not in models:
            yield ("parameters", name), f"'{name}' has no effect: no trial has that model"
        else:
            yield from _outside(name, found, defaults, root)


def _outside(
    name: str, found: Range, defaults: dict[str, Any], root: Path
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    whole = type(_get(defaults, name)) is int
    ends: dict[str, Value | None] = {"low": found.low, "high": found.high, "step": found.step}
    if name == _MODEL and not found.choices:
        yield ("parameters", name), f"'{name}' has no numbers; write `choices`"
        return
    for key, value in ends.items():
        if whole and isinstance(value, float) and not value.is_integer():
            yield ("parameters", name, key), f"'{name}': `{key}` is no whole number"
    tried: list[tuple[tuple[str | int, ...], Value | None]] = [
        *((("parameters", name, k), ends[k]) for k in ("low", "high") if ends[k] is not None),
        *((("parameters", name, "choices", i), v) for i, v in enumerate(found.choices)),
    ]
    for place, value in tried:
        changed = copy.deepcopy(defaults)
        _set(changed, name, value)
        try:
            TrainParams.for_values(changed, root).model_validate(changed)
        except ValidationError as error:
            yield place, f"'{name}': {_sentence(error.errors()[0])}"


def _get(train: dict[str, Any], name: str) -> Any:
    """Return what stands at a dotted name that begins with `train.`."""
    for part in name.split(".")[1:]:
        train = train[part]
    return train


def _set(train: dict[str, Any], name: str, value: Any) -> None:
    *parts, last = name.split(".")[1:]
    for part in parts:
        train = train[part]
    train[last] = value


def _sentence(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"'{name}' is unknown; remove it"
    if item["type"] == "missing":
        return f"'{name}' is missing; add it"
    message = item["msg"].removeprefix("Value error, ")
    return message if message.startswith("`") else f"{message[0].lower()}{message[1:]}"


def _mistakes(
    path: Path, document: LinedDocument, found: list[tuple[tuple[str | int, ...], str]]
) -> ParameterError:
    lined = sorted((document.line(place), text) for place, text in found)
    lines = "\n  ".join(f"{path}:{line}: {text}" for line, text in lined)
    return ParameterError(f"the ranges cannot be searched\n  {lines}\n", where=str(path))


def _suggested(trial: Trial, space: SearchSpace) -> Values:
    values: Values = {}
    for name, found in space.ranges.items():
        if name not in space.used({**values, name: 0}):
            continue
        if found.choices:
            values[name] = cast("Value", trial.suggest_categorical(name, found.choices))
        elif name in space.integers:
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


def _distribution(name: str, space: SearchSpace) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found = space.ranges[name]
    if found.choices:
        return CategoricalDistribution(found.choices)
    if name in space.integers:
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
