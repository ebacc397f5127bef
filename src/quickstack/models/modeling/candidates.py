"""The models to choose from in `params.yaml`, each an estimator of scikit-learn.

A candidate is one entry of `CANDIDATES`: the class of its parameters, which stand in `params.yaml`
under `train.<name>`, and its builder. A file `src/models/<name>.py` is a candidate too; it defines
`Params`, `build` and, where its model holds types that skops does not know, `TRUSTED_TYPES`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model

from quickstack.facts.contract.model import Contract, Task
from quickstack.facts.errors import ModelError
from quickstack.facts.params import ParamsSection
from quickstack.facts.paths import OWN_MODELS
from quickstack.models.modeling.features import Feature

Features = tuple[Feature, ...]
Pipeline = Any  # an estimator or pipeline of scikit-learn, whose package ships no types

#: More categories than a histogram has bins cannot be categories to gradient boosting.
MAX_CATEGORIES = 255
#: Instead of a model's name: choose one, see `modeling.choosing`, which needs these.
AUTO = "auto"
_COMPARED = ("gradient_boosting", "linear")


@dataclass(frozen=True)
class Context:
    """What a builder knows beside its parameters.

    Attributes
    ----------
    task
        `binary`, `multiclass` or `regression`.
    features
        The columns that the model is given, in this order.
    seed
        `train.seed`, for what is random.
    """

    task: Task
    features: Features
    seed: int

    @property
    def numeric(self) -> list[str]:
        """The names of the numeric features: float64, with NaN where a value is missing."""
        return [feature.name for feature in self.features if feature.kind == "numeric"]

    @property
    def categorical(self) -> list[str]:
        """The names of the categorical features: text, with None where a value is missing."""
        return [feature.name for feature in self.features if feature.kind == "category"]

    @property
    def categories(self) -> list[list[str]]:
        """The values that the contract allows for each categorical feature."""
        return [list(each.categories) for each in self.features if each.kind == "category"]


@dataclass(frozen=True)
class Candidate:
    """A model to choose.

    Attributes
    ----------
    params
        The class of its parameters.
    build
        Makes the estimator, not yet fitted, from the parameters and the context.
    trusted_types
        The types that its model file may hold beyond those that skops trusts by itself.
    file
        Where it is defined, if that is a file of `src/models`.
    """

    params: type[BaseModel]
    build: Callable[[Any, Context], Pipeline]
    trusted_types: tuple[str, ...] = ()
    file: Path | None = None

    def where(self, name: str) -> str | None:
        """Return the line that defines `name` in the candidate's file."""
        return None if self.file is None else _line(self.file, name)


def build_baseline(task: Task) -> Pipeline:
    """Build the model that knows the target only: its frequencies, or its mean."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.pipeline import Pipeline

    dummy = DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
    return Pipeline([("model", dummy)])


class LinearParams(ParamsSection):
    """Logistic regression or ridge."""

    regularization: float = Field(gt=0)


def _linear(params: LinearParams, context: Context) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps: list[Any] = []
    if context.numeric:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        scaled = Pipeline([("impute", imputer), ("scale", StandardScaler())])
        steps.append(("numeric", scaled, context.numeric))
    if context.categorical:
        encoder = OneHotEncoder(
            categories=context.categories, handle_unknown="ignore", sparse_output=False
        )
        steps.append(("category", encoder, context.categorical))
    model = (
        Ridge(alpha=params.regularization)
        if context.task == "regression"
        else LogisticRegression(C=1 / params.regularization, max_iter=1000)
    )
    return Pipeline([("encode", ColumnTransformer(steps)), ("model", model)])


class RandomForestParams(ParamsSection):
    """A forest of independent trees."""

    trees: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)


def _random_forest(params: RandomForestParams, context: Context) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import Pipeline

    forest = RandomForestRegressor if context.task == "regression" else RandomForestClassifier
    model = forest(
        n_estimators=params.trees,
        min_samples_leaf=params.min_samples_leaf,
        random_state=context.seed,
    )
    return Pipeline([("encode", _ordinal(context)), ("model", model)])


class GradientBoostingParams(ParamsSection):
    """Trees on histograms, each correcting the ones before."""

    learning_rate: float = Field(gt=0)
    iterations: int = Field(ge=1)
    max_leaf_nodes: int = Field(ge=2)
    min_samples_leaf: int = Field(ge=1)
    l2_regularization: float = Field(ge=0)


def _gradient_boosting(params: GradientBoostingParams, context: Context) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    regression = context.task == "regression"
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    model = boosting(
        learning_rate=params.learning_rate,
        max_iter=params.iterations,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        # Categories come first in what `_ordinal` gives.
        categorical_features=[
            index
            for index, categories in enumerate(context.categories)
            if len(categories) <= MAX_CATEGORIES
        ],
        monotonic_cst=_directions(context)
        if keeps_monotone("gradient_boosting", context)
        else None,
        early_stopping=False,
        random_state=context.seed,
    )
    return Pipeline([("encode", _ordinal(context)), ("model", model)])


def keeps_monotone(model: str, context: Context) -> bool:
    """Return whether a model keeps to the directions that the contract gives some features."""
    asked = any(feature.monotone for feature in context.features)
    return asked and model == "gradient_boosting" and context.task != "multiclass"


def _directions(context: Context) -> list[int]:
    """Return 1, -1 or 0 for each column that `_ordinal` gives."""
    signs = {"increasing": 1, "decreasing": -1, None: 0}
    numeric = [signs[each.monotone] for each in context.features if each.kind == "numeric"]
    return [*(0 for _ in context.categorical), *numeric]


def _ordinal(context: Context) -> Any:
    """Encode categories as whole numbers, first in the output; missing and unknown ones as NaN."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(
        categories=context.categories,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    steps: list[Any] = [("category", encoder, context.categorical)] if context.categorical else []
    if context.numeric:
        steps.append(("numeric", "passthrough", context.numeric))
    return ColumnTransformer(steps)


#: Those of the library. To add one, add its entry, its function and its test.
CANDIDATES: Mapping[str, Candidate] = {
    "baseline": Candidate(ParamsSection, lambda _, context: build_baseline(context.task)),
    "linear": Candidate(LinearParams, _linear, ("numpy.dtype",)),
    "random_forest": Candidate(RandomForestParams, _random_forest, ("sklearn.tree._tree.Tree",)),
    "gradient_boosting": Candidate(
        GradientBoostingParams,
        _gradient_boosting,
        (
            "functools.partial",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            "sklearn.utils.validation.check_array",
        ),
    ),
}


class TrainParams(ParamsSection):
    """Which model, and how it is fitted; `for_values` adds the parameters of each candidate.

    Attributes
    ----------
    candidates
        The models to choose from, by name.
    """

    candidates: ClassVar[Mapping[str, Candidate]] = CANDIDATES

    model: str
    seed: int = Field(ge=0)
    folds: int = Field(ge=0)

    @property
    def settings(self) -> BaseModel:
        """The parameters of the model that is chosen."""
        settings: BaseModel = getattr(self, self.model)
        return settings

    @classmethod
    def for_values(cls, values: dict[str, Any], root: Path) -> type[Self]:
        """Return the class with one field for each candidate.

        The field of a model that is not chosen may be missing; so may that of any model whose
        parameters all have defaults.

        Raises
        ------
        ModelError
            Where a file in `src/models` is no candidate.
        """
        found, chosen = {**CANDIDATES, **_own_candidates(root)}, values.get("model")
        fields: dict[str, Any] = {"model": (Literal.__getitem__((*found, AUTO)), ...)}
        for name, candidate in found.items():
            if not any(field.is_required() for field in candidate.params.model_fields.values()):
                fields[name] = (candidate.params, Field(default_factory=candidate.params))
            elif name == chosen or (chosen == AUTO and name in _COMPARED):
                fields[name] = (candidate.params, ...)
            else:
                fields[name] = (candidate.params | None, None)
        kind = create_model(cls.__name__, __base__=cls, **fields)
        kind.candidates = found
        return kind


def build_pipeline(contract: Contract, features: Features, params: TrainParams) -> Pipeline:
    """Build the model that `params.model` names, not yet fitted.

    Encoders of the library know their categories from the contract and never learn them from data.
    `n_jobs` stays at its default, since the sums of several workers differ in their last bits.

    Parameters
    ----------
    contract
        Its task decides between classifier and regressor.
    features
        What the model takes, as `feature_frame` gives it.
    params
        Which model, its settings and the seed.

    Raises
    ------
    ModelError
        Where the builder of an own model returns no estimator for the task.
    """
    candidate = params.candidates[params.model]
    built = candidate.build(params.settings, Context(contract.task, features, params.seed))
    if candidate.file is not None:
        needed = ("fit", "predict" if contract.task == "regression" else "predict_proba")
        if missing := [name for name in needed if not callable(getattr(built, name, None))]:
            raise ModelError(
                f"`build` returns a {type(built).__name__} without {' and '.join(missing)}, "
                f"which a {contract.task} model needs",
                where=candidate.where("build"),
                fix="return an estimator or a pipeline of scikit-learn, not fitted",
            )
    return built


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread: with more, sums and stored settings depend on them."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def find_candidate(name: str, root: Path = Path()) -> Candidate:
    """Return a candidate by its name; of the files in `src/models` only its own is imported.

    Raises
    ------
    ModelError
        Where there is no such candidate, or its file is wrong.
    """
    if name in CANDIDATES:
        return CANDIDATES[name]
    file = root / OWN_MODELS / f"{name}.py"
    if not name.isidentifier() or not file.is_file():
        raise ModelError(
            f"there is no candidate '{name}'",
            where=(OWN_MODELS / f"{name}.py").as_posix(),
            fix="bring its file back, or train another model with `dvc repro`",
        )
    return _own_candidate(file)


def _own_candidates(root: Path) -> dict[str, Candidate]:
    files = sorted((root / OWN_MODELS).glob("*.py"))
    return {file.stem: _own_candidate(file) for file in files if not file.name.startswith("_")}


def _own_candidate(file: Path) -> Candidate:
    found = file.stat()
    return _read_candidate(file.resolve(), found.st_mtime_ns, found.st_size)


@cache  # a file is imported once, so that its classes are the same in training and saving
def _read_candidate(file: Path, _changed: int, _size: int) -> Candidate:
    name = file.stem
    taken = {*CANDIDATES, *TrainParams.model_fields, AUTO}
    if name in taken or hasattr(TrainParams, name):
        raise ModelError(
            f"the name '{name}' is taken by Quickstack", where=_line(file), fix="rename the file"
        )
    if not name.isidentifier():
        raise ModelError(
            f"'{name}' is not a name of a Python module",
            where=_line(file),
            fix="rename the file, with letters, digits and _",
        )
    module = _import(file)
    params, build = getattr(module, "Params", None), getattr(module, "build", None)
    trusted = getattr(module, "TRUSTED_TYPES", ())
    if not (isinstance(params, type) and issubclass(params, BaseModel)):
        raise ModelError(
            "there is no class `Params` that derives from pydantic's BaseModel",
            where=_line(file, "Params"),
            fix="write `class Params(BaseModel):` with one field for each parameter",
        )
    if not callable(build) or not _takes_two(build):
        raise ModelError(
            "there is no function `build` of two arguments",
            where=_line(file, "build"),
            fix="write `def build(params, context):`, which returns an estimator",
        )
    if not (isinstance(trusted, tuple) and all(isinstance(text, str) for text in trusted)):
        raise ModelError(
            "`TRUSTED_TYPES` is not a tuple of texts",
            where=_line(file, "TRUSTED_TYPES"),
            fix='write `TRUSTED_TYPES = ("package.module.Class",)`',
        )
    # As in every section of params.yaml, an unknown parameter is a mistake.
    config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    strict = type("Params", (params,), {"model_config": config, "__module__": module.__name__})
    return Candidate(strict, build, trusted, file)


def _import(file: Path) -> ModuleType:
    """Import an own model as `models.<name>`, by which a model file names its classes."""
    import cloudpickle

    name = f"{OWN_MODELS.name}.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of any kind: it is the team's code
        del sys.modules[name]
        what, fix = f"importing it raises {type(error).__name__}", "correct the line"
        if isinstance(error, SyntaxError):
            what = f"this is not Python: {error.msg}"
        elif isinstance(error, ModuleNotFoundError):
            what = f"it imports '{error.name}', which is not installed"
            fix = "add the package to pyproject.toml, and run `make lock`"
        raise ModelError(what, where=_raised_at(file, error), fix=fix) from error
    cloudpickle.register_pickle_by_value(module)  # the workers of a cluster do not have the file
    return module


def _raised_at(file: Path, error: Exception) -> str:
    """Return the last line of the file that the error went through."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == str(file):
        line = error.lineno or line
    return f"{(OWN_MODELS / file.name).as_posix()}:{line}"


def _line(file: Path, name: str = "") -> str:
    """Return file and line where a module defines a name; its first line where it does not."""
    line = 1
    for node in ast.parse(file.read_bytes()).body if name else ():
        targets = getattr(node, "targets", [getattr(node, "target", node)])
        if name in {getattr(target, "id", getattr(target, "name", "")) for target in targets}:
            line = node.lineno
    return f"{(OWN_MODELS / file.name).as_posix()}:{line}"


def _takes_two(build: Callable[..., Any]) -> bool:
    try:
        inspect.signature(build).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
