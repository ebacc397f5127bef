"""Check a document against the Open Data Contract Standard, all mistakes at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from quickstack.facts.yaml_lines import Path

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator
    from pydantic import BaseModel

Mistake = tuple[Path, str]
#: What people write for a key that the standard requires.
_EXAMPLES = {
    "apiVersion": "v3.2.0", "kind": "DataContract", "version": "1.0.0", "type": "local",
    "id": "<the name of this file without .odcs.yaml>", "server": "raw", "metric": "nullValues",
    "path": "data/raw/<dataset>/*.csv", "format": "csv", "value": "<its value>",
    "property": "<its name>", "name": "<its name>", "role": "<their role>",
    "username": "<their name>", "channel": "<where to ask>", "to": "<table>.<column>",
}  # fmt: skip

#: How a value of a type is written.
_WRITTEN = {
    "string": "; write it in quotes",
    "array": "; write `[…]`, or entries that begin with `-`",
    "object": "; write `{key: value}`",
    "boolean": "; write true or false without quotes",
}


def structural_mistakes(document: Any, hint: Callable[[str], str] = lambda _: "") -> list[Mistake]:
    """Compare a document with the standard's own JSON schema.

    Parameters
    ----------
    document
        The contract as plain objects.
    hint
        Returns where a key belongs that is not of the standard where it stands, or nothing.

    Returns
    -------
    list of (path, sentence)
        Empty where the document keeps to the standard. The schema is the one that the package
        `open-data-contract-standard` ships (ODCS v3, https://bitol-io.github.io).
    """
    found = {}
    for error in _validator().iter_errors(_shortened(document)):
        for leaf in _leaves(error):
            if not _of_no_type(leaf, document):
                found[(tuple(leaf.absolute_path), leaf.message)] = leaf
    return [mistake for leaf in found.values() for mistake in _sentences(leaf, hint)]


def _shortened(value: Any) -> Any:
    """Return the document without the plain values of long `enum`s, which the schema allows."""
    if isinstance(value, list):
        return [_shortened(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        key: below[:1] if key == "enum" and _plain(below) else _shortened(below)
        for key, below in value.items()
    }


def _plain(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(v, dict) and v.keys() == {"value"} and not isinstance(v["value"], (dict, list))
        for v in values
    )


def _of_no_type(error: ValidationError, document: Any) -> bool:
    """Whether an error is of a column without `logicalType`: the schema takes it for every type."""
    owner, path = document, list(error.absolute_path)
    if "then" not in error.absolute_schema_path or "properties" not in path[2:3] or len(path) < 4:
        return False
    for part in path[:4]:  # schema, table, properties, column
        owner = owner[part]
    return isinstance(owner, dict) and "logicalType" not in owner


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


def _sentences(error: ValidationError, hint: Callable[[str], str]) -> list[Mistake]:
    path: Path = tuple(error.absolute_path)
    if error.validator in ("unevaluatedProperties", "additionalProperties"):
        # The validator names all of them in one message, and repeats those of a broken sibling.
        unknown = re.findall(r"'([^']+)'", error.message)
        known = _known_keys(path)
        return [
            (
                (*path, key),
                f"'{key}' is not a key of the standard here{hint(key) or closest(key, known)}",
            )
            for key in unknown
            if key not in known
        ]
    if error.validator == "required":
        missing = re.findall(r"'([^']+)'", error.message)[0]
        example = _EXAMPLES.get(missing, "…")
        return [(path, f"'{missing}' is missing; write `{missing}: {example}`")]
    if error.instance is None and path and isinstance(path[-1], str):
        written = _EXAMPLES.get(path[-1], "…, or leave it out")
        return [(path, f"'{path[-1]}' has no value; write {path[-1]}: {written}")]
    if error.validator == "enum":
        values: Any = error.validator_value
        choices = ", ".join(str(choice) for choice in values)
        name = path[-1] if path else "the document"
        return [(path, f"'{name}' is {error.instance!r}; write one of: {choices}")]
    if error.validator == "type":
        name = path[-1] if path else "the document"
        if isinstance(name, int) and len(path) > 1:
            name = f"{path[-2]}, entry {name + 1},"
        wanted = error.validator_value
        return [(path, f"'{name}' must be of type {wanted}{_WRITTEN.get(str(wanted), '')}")]
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
