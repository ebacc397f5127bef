"""`params.yaml` as typed, frozen objects; unknown keys are refused with their line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quickstack.facts.errors import ParameterError
from quickstack.facts.paths import PARAMS
from quickstack.facts.yaml_lines import LinedDocument

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, hide_input_in_errors=True)


class SampleParams(_Section):
    """The built-in data set."""

    rows: int = Field(ge=2400)
    seed: int = Field(ge=0)


class IngestParams(_Section):
    """Reading, checking and pseudonymising."""

    block_bytes: int = Field(ge=1 << 10, le=1 << 24)


class LinearParams(_Section):
    """Logistic regression or ridge."""

    regularization: float = Field(gt=0)


class RandomForestParams(_Section):
    """A forest of independent trees."""

    trees: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)


class GradientBoostingParams(_Section):
    """Trees on histograms, each correcting the ones before."""

    learning_rate: float = Field(gt=0)
    iterations: int = Field(ge=1)
    max_leaf_nodes: int = Field(ge=2)
    min_samples_leaf: int = Field(ge=1)
    l2_regularization: float = Field(ge=0)


class TrainParams(_Section):
    """Which model, and how it is fitted."""

    model: Literal["baseline", "linear", "random_forest", "gradient_boosting"]
    seed: int = Field(ge=0)
    folds: int = Field(ge=0)
    linear: LinearParams
    random_forest: RandomForestParams
    gradient_boosting: GradientBoostingParams


class EvaluateParams(_Section):
    """How sure the metrics are."""

    resamples: int = Field(ge=20)
    seed: int = Field(ge=0)


class MonitorParams(_Section):
    """When a difference counts as drift."""

    significance: float = Field(gt=0, lt=1)
    min_psi: float = Field(ge=0)
    seasonal_factor: float = Field(ge=1)


class ExportParams(_Section):
    """How numbers are written."""

    decimals: int = Field(ge=1, le=15)


class ComputeParams(_Section):
    """Where the work runs."""

    workers: int = Field(ge=1)
    scheduler_address: str | None = None
    exchange: str | None = None


SECTIONS: dict[str, type[_Section]] = {
    "sample": SampleParams,
    "ingest": IngestParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "monitor": MonitorParams,
    "export": ExportParams,
    "compute": ComputeParams,
}
Section = TypeVar("Section", bound=_Section)


def read_dataset(path: Path = PARAMS) -> str:
    """Return the name of the data set; ParameterError where it is missing."""
    document = _document(path)
    dataset = document.value.get("dataset")
    if not isinstance(dataset, str):
        raise ParameterError("`dataset` is missing", where=str(path), fix="write `dataset: sample`")
    return dataset


def read_params(section: type[Section], path: Path = PARAMS) -> Section:
    """Read one section of `params.yaml`.

    Parameters
    ----------
    section
        The class of the section, such as `TrainParams`.
    path
        The file.

    Returns
    -------
    the section, frozen

    Raises
    ------
    ParameterError
        Where the file is not YAML, a key is unknown or missing, or a value is out of range: all
        of the section's mistakes at once, each with its line.
    """
    name = next(key for key, kind in SECTIONS.items() if kind is section)
    document = _document(path)
    values = document.value.get(name)
    if not isinstance(values, dict):
        raise ParameterError(f"section `{name}` is missing", where=str(path), fix=f"add `{name}:`")
    try:
        params = section.model_validate(values)
    except ValidationError as error:
        listed = [
            (document.line((name, *item["loc"])), _sentence((name, *item["loc"]), item))
            for item in error.errors()
        ]
        lines = "\n  ".join(f"{path}:{line}: {text}" for line, text in sorted(listed))
        raise ParameterError(f"{name}: wrong parameters\n  {lines}\n", where=str(path)) from None
    if isinstance(params, ComputeParams) and os.environ.get("DASK_SCHEDULER_ADDRESS"):
        address = os.environ["DASK_SCHEDULER_ADDRESS"]
        return params.model_copy(update={"scheduler_address": address})
    return params


def _document(path: Path) -> LinedDocument:
    try:
        document = LinedDocument(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(
            "there is no params.yaml here", fix="run this in the root of the repository"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ParameterError("this is not YAML", where=where, fix="correct the line") from None
    if not isinstance(document.value, dict):
        raise ParameterError("this holds no parameters", where=str(path), fix="git checkout it")
    unknown = sorted(set(document.value) - {"dataset", *SECTIONS})
    if unknown:
        name = str(unknown[0])
        raise ParameterError(
            f"'{name}' is no section",
            where=f"{path}:{document.line((name,))}",
            fix=f"remove it; there are {', '.join(('dataset', *SECTIONS))}",
        )
    return document


def _sentence(place: tuple[str | int, ...], item: ErrorDetails) -> str:
    name = ".".join(str(part) for part in place)
    if item["type"] == "extra_forbidden":
        return f"'{name}' is unknown; remove it"
    if item["type"] == "missing":
        return f"'{name}' is missing; add it"
    return f"'{name}': {item['msg'][0].lower()}{item['msg'][1:]}"
