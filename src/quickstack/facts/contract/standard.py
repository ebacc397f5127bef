"""Check a document against the Open Data Contract Standard, all mistakes at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from quickstack.facts.yaml_lines import Path

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator
    from pydantic import BaseModel

Mistake = tuple[Path, str]


def structural_mistakes(document: Any) -> list[Mistake]:
    """Compare a document with the standard's own JSON schema.

    Parameters
    ----------
    document
        The contract as plain objects.

    Returns
    -------
    list of (path, sentence)
        Empty where the document keeps to the standard. The schema is the one that the package
        `open-data-contract-standard` ships (ODCS v3, https://bitol-io.github.io).
    """
    found = {}
    for error in _validator().iter_errors(document):
        for leaf in _leaves(error):
            found[(tuple(leaf.absolute_path), leaf.message)] = leaf
    return [mistake for leaf in found.values() for mistake in _sentences(leaf)]


@cache
def _validator() -> Validator:
    from jsonschema import Draft201909Validator

    schema = files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return Draft201909Validator(json.loads(schema))


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the errors that name the actual mistake, not the branch that contains it."""
    if error.validator in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    for inner in error.context:
        yield from _leaves(inner)


def _sentences(error: ValidationError) -> list[Mistake]:
    path: Path = tuple(error.absolute_path)
    if error.validator in ("unevaluatedProperties", "additionalProperties"):
        # The validator names all of them in one message, and repeats those of a broken sibling.
        unknown = re.findall(r"'([^']+)'", error.message)
        known = _known_keys(path)
        return [
            ((*path, key), f"'{key}' is not a key of the standard here{closest(key, known)}")
            for key in unknown
            if key not in known
        ]
    if error.validator == "required":
        missing = re.findall(r"'([^']+)'", error.message)[0]
        return [(path, f"'{missing}' is missing; write `{missing}: …`")]
    if error.validator == "enum":
        values: Any = error.validator_value
        choices = ", ".join(str(choice) for choice in values)
        name = path[-1] if path else "the document"
        return [(path, f"'{name}' is {error.instance!r}; write one of: {choices}")]
    if error.validator == "type":
        name = path[-1] if path else "the document"
        return [(path, f"'{name}' must be of type {error.validator_value}")]
    if error.validator == "oneOf" and path and "quality" in path:
        return [(path, "a quality rule needs exactly one limit: mustBe, mustBeLessThan, …")]
    if "relationships" in path:
        return [(path, _relationship_sentence(error))]
    return [(path, error.message)]


def _relationship_sentence(error: ValidationError) -> str:
    if error.validator == "not":
        return "`from` is this column itself; leave it out, or write it under the table"
    if error.absolute_path[-1] in ("from", "to") or error.validator == "pattern":
        return "write a table and a column, such as planes.tailnum, or a list of them"
    return "`from` and `to` must both be one column, or both a list of columns"


def _known_keys(path: Path) -> set[str]:
    """Return the keys the standard's models know at a path."""
    from open_data_contract_standard import model

    places: dict[str, type[BaseModel]] = {
        "servers": model.Server,
        "schema": model.SchemaObject,
        "properties": model.SchemaProperty,
        "quality": model.DataQuality,
        "relationships": model.Relationship,
        "slaProperties": model.ServiceLevelAgreementProperty,
        "customProperties": model.CustomProperty,
        "team": model.Team,
        "members": model.TeamMember,
        "roles": model.Role,
        "enum": model.EnumValue,
        "description": model.Description,
        "support": model.Support,
    }
    names = [part for part in path if isinstance(part, str)]
    root: type[BaseModel] = model.OpenDataContractStandard
    kind = places.get(names[-1]) if names else root
    if kind is None:
        return set()
    return {info.alias or name for name, info in kind.model_fields.items()}


def closest(word: str, known: set[str] | list[str] | tuple[str, ...]) -> str:
    """Return `; did you mean …?` for the known word nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
