"""`params.yaml` as typed, frozen objects; unknown keys are refused with their line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quickstack.facts.errors import ParameterError
from quickstack.facts.paths import PARAMS
from quickstack.facts.yaml_lines import LinedDocument

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class ParamsSection(BaseModel):
    """A section of `params.yaml`: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, hide_input_in_errors=True)

    @classmethod
    def for_values(cls, values: dict[str, Any], root: Path) -> type[Self]:  # noqa: ARG003
        """Return the class that checks `values`: this one, unless a section has to look further.

        Parameters
        ----------
        values
            What the section says.
        root
            The folder of `params.yaml`.
        """
        return cls


class SampleParams(ParamsSection):
    """The built-in data set."""

    rows: int = Field(ge=2400)
    seed: int = Field(ge=0)


class IngestParams(ParamsSection):
    """Reading, checking and pseudonymising."""

    block_bytes: int = Field(ge=1 << 10, le=1 << 24)


class EvaluateParams(ParamsSection):
    """How sure the metrics are."""

    resamples: int = Field(ge=20)
    seed: int = Field(ge=0)


class MonitorParams(ParamsSection):
    """When a difference counts as drift."""

    significance: float = Field(gt=0, lt=1)
    min_psi: float = Field(ge=0)
    seasonal_factor: float = Field(ge=1)


class ExportParams(ParamsSection):
    """How numbers are written."""

    decimals: int = Field(ge=1, le=15)


class ComputeParams(ParamsSection):
    """Where the work runs."""

    workers: int = Field(ge=1)
    scheduler_address: str | None = None
    exchange: str | None = None


#: The sections, in the order of `params.yaml`. Their classes stand here, but for `TrainParams`: see
#: `quickstack.models.modeling.candidates`.
SECTIONS = ("sample", "ingest", "train", "evaluate", "monitor", "export", "compute")
#: The section that a class describes, by the name of the class.
SECTION_OF_CLASS = {f"{name.capitalize()}Params": name for name in SECTIONS}
Params = TypeVar("Params", bound=ParamsSection)


def read_dataset(path: Path = PARAMS) -> str:
    """Return the name of the data set; ParameterError where it is missing."""
    document = _document(path)
    dataset = document.value.get("dataset")
    if not isinstance(dataset, str):
        raise ParameterError("`dataset` is missing", where=str(path), fix="write `dataset: sample`")
    return dataset


def read_params(section: type[Params], path: Path = PARAMS) -> Params:
    """Read one section of `params.yaml`.

    Parameters
    ----------
    section
        The class of the section, such as `MonitorParams`.
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
    name = SECTION_OF_CLASS[section.__name__]
    document = _document(path)
    values = document.value.get(name)
    if not isinstance(values, dict):
        raise ParameterError(f"section `{name}` is missing", where=str(path), fix=f"add `{name}:`")
    try:
        params = section.for_values(values, path.parent).model_validate(values)
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
            f"'{name}' is not a section",
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
