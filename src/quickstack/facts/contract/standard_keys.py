"""What each key of the standard does here: one table decides, and `docs/contract.md` shows it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from quickstack.facts.contract.custom_properties import Mistakes, belongs
from quickstack.facts.yaml_lines import Path


class Key(NamedTuple):
    """What a key does.

    Attributes
    ----------
    here
        `used`: it decides something. `text`: it is for people, and changes nothing.
        `refused`: a contract that gives it is refused, since it would promise what does not happen.
    meaning
        What it decides, or what to do instead.
    harmless
        The values that promise nothing, of a key that is refused.
    """

    here: Literal["used", "text", "refused"]
    meaning: str = ""
    harmless: tuple[Any, ...] = (None,)


_TEXT = Key("text")
_COMMON = dict.fromkeys(("id", "description", "tags", "authoritativeDefinitions"), _TEXT)
_CUSTOM = {"customProperties": Key("used", "See above.")}
_NO_CUSTOM = {"customProperties": Key("text", "Those of other vendors.")}
_ELEMENT = {
    **_COMMON,
    **_CUSTOM,
    **dict.fromkeys(("physicalType", "deprecated", "synonyms"), _TEXT),
}
_NOT_RUN = Key("refused", "ingest checks each time it runs; leave it out")
_NESTED = Key("refused", "a table holds plain columns; declare the parts as columns of their own")
_LIMIT = Key("used", "Checked, row by row.")
_OPTIONS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "format", "timezone", "defaultTimezone",
)  # fmt: skip
#: Of types that no column here can have.
_FOREIGN_OPTIONS = (
    "maxProperties", "minProperties", "required", "maxItems", "minItems", "uniqueItems",
    "dimensions", "elementType", "distanceMetric", "embeddingModel", "embeddingModelVersion",
    "normalized",
)  # fmt: skip
_OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
    "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
#: Place in the document, to its keys; lists have no place of their own.
KEYS: dict[str, dict[str, Key]] = {
    "": {
        "apiVersion": Key("used", "A version 3 of the standard."),
        "kind": Key("used", "`DataContract`."),
        "id": Key("used", "The data set; the file is named so."),
        "name": Key("used", "Shown on the page and in the exports."),
        "version": Key("used", "Stands in the quality report and the exports."),
        "description": Key("used", "Its `purpose` is shown."),
        "servers": Key("used"),
        "schema": Key("used"),
        "team": Key("used", "Its members are shown as owners."),
        "slaProperties": Key("used"),
        "slaDefaultElement": Key(
            "refused", "freshness is that of the property timeColumn; leave it out"
        ),
        **_CUSTOM,
        **dict.fromkeys(
            (
                "status",
                "tenant",
                "domain",
                "dataProduct",
                "tags",
                "authoritativeDefinitions",
                "contractCreatedTs",
                "context",
                "support",
                "price",
                "roles",
            ),
            _TEXT,
        ),
    },
    "description": {
        "purpose": Key("used", "Shown."),
        **dict.fromkeys(("usage", "limitations", "authoritativeDefinitions"), _TEXT),
        **_NO_CUSTOM,
    },
    "servers": {
        "server": Key(
            "used", "`raw`: where the data lie. `origin`: where they came from, for people."
        ),
        "type": Key("used", "Of `raw`: `local`."),
        "path": Key("used", "Of `raw`: a file or a pattern in `data/raw/<dataset>/`."),
        "format": Key("used", "Of `raw`."),
        "encoding": Key("used", "Of `raw`."),
        "location": Key("used", "Of `origin`: shown."),
        **_CUSTOM,
        **dict.fromkeys(("id", "description", "environment", "roles"), _TEXT),
    },
    "team": {
        "members": Key("used"),
        "name": _TEXT,
        **_COMMON,
        **_NO_CUSTOM,
    },
    "team.members": {
        **dict.fromkeys(("role", "name", "username"), Key("used", "Shown as an owner.")),
        **dict.fromkeys(("dateIn", "dateOut", "replacedByUsername"), _TEXT),
        **_COMMON,
        **_NO_CUSTOM,
    },
    "slaProperties": {
        "property": Key(
            "used",
            "`freshness` and `timeToPublish` are checked; `generalAvailability`, `endOfSupport` "
            "and `endOfLife` are for people; any other is refused.",
        ),
        "value": Key("used"),
        "unit": Key("used"),
        "element": Key("used", "The `timeColumn`, whose freshness it is; any other is refused."),
        "valueExt": Key("refused", "a service level has one limit here; write it as value"),
        "schedule": _NOT_RUN,
        "scheduler": _NOT_RUN,
        **dict.fromkeys(("driver", "description", "id", "authoritativeDefinitions"), _TEXT),
        **_NO_CUSTOM,
    },
    "schema": {
        **_ELEMENT,
        "name": Key("used", "The table's name."),
        "physicalName": Key(
            "used", "Of a further table: its file. Of the first: the path of `raw`, or nothing."
        ),
        "logicalType": Key("used", "`object`."),
        "businessName": Key("used", "Shown."),
        "dataGranularityDescription": Key("used", "Shown."),
        "properties": Key("used", "The columns."),
        "relationships": Key("used"),
        "quality": Key("used"),
        "context": _TEXT,
    },
    "schema.properties": {
        **_ELEMENT,
        "name": Key("used", "The column, as the file names it."),
        "physicalName": Key(
            "refused", "the file must name the column by its `name`; leave it out, or name it so"
        ),
        "businessName": _TEXT,
        "description": Key("used", "Shown, and exported."),
        "logicalType": Key("used"),
        "logicalTypeOptions": Key("used"),
        "primaryKey": Key("used", "Checked: its values are there, and none occurs twice."),
        "primaryKeyPosition": Key("used"),
        "required": _LIMIT,
        "unique": Key("used", "Checked over all files."),
        "enum": Key("used", "Checked, row by row. Text with an enum may become an input."),
        "classification": Key("used", "Decides, with `personalData`, what may leave ingest."),
        "relationships": Key("used"),
        "quality": Key("used"),
        "partitioned": Key(
            "refused",
            "files are told apart by the path of the server alone; leave it out",
            (None, False),
        ),
        "partitionKeyPosition": Key(
            "refused",
            "files are told apart by the path of the server alone; leave it out",
            (None, -1),
        ),
        "encryptedName": Key(
            "refused",
            "no column is read in another's place; declare that column itself, and keep a value "
            "safe by the property personalData",
        ),
        "transformLogic": Key(
            "refused",
            "nothing is computed here, the file must hold the column; write it as "
            "transformDescription",
        ),
        "items": _NESTED,
        "map": _NESTED,
        "properties": _NESTED,
        **dict.fromkeys(
            (
                "transformSourceObjects",
                "transformDescription",
                "examples",
                "criticalDataElement",
                "semanticType",
                "context",
            ),
            _TEXT,
        ),
    },
    "schema.properties.logicalTypeOptions": {
        **dict.fromkeys(_OPTIONS, Key("used", "See [values](#values).")),
        **dict.fromkeys(
            _FOREIGN_OPTIONS, Key("refused", "it is of a type that no column can have here")
        ),
    },
    "schema.properties.enum": {
        "value": Key("used"),
        "label": _TEXT,
        **_COMMON,
        **_NO_CUSTOM,
    },
    "schema.quality": {
        "type": Key("used", "`library` is checked, `text` is for people, others are refused."),
        "metric": Key("used"),
        "arguments": Key("used"),
        **dict.fromkeys(_OPERATORS, Key("used", "The limit; each rule has one.")),
        "unit": Key("used", "`rows` or `percent`."),
        "severity": Key("used", "`error` stops the run, `warning` is told."),
        "rule": Key("refused", "the standard calls it `metric` now; write that"),
        "query": Key("refused", "no query is run here; use a metric"),
        "engine": Key("refused", "no other engine is run here; use a metric"),
        "implementation": Key("refused", "no other engine is run here; use a metric"),
        "schedule": _NOT_RUN,
        "scheduler": _NOT_RUN,
        **dict.fromkeys(("name", "dimension", "businessImpact", "method"), _TEXT),
        **_COMMON,
        **_NO_CUSTOM,
    },
    "schema.relationships": {
        "type": Key("used", "`foreignKey`."),
        "from": Key("used"),
        "to": Key("used"),
        "id": _TEXT,
        **_CUSTOM,
    },
}
KEYS["schema.properties.quality"] = KEYS["schema.quality"]
KEYS["schema.properties.relationships"] = KEYS["schema.relationships"]
_SERVERS = ("raw", "origin")
#: What the places are called where a key may belong instead.
_PLACES = {
    "schema.properties.logicalTypeOptions": "the logicalTypeOptions of a column",
    "schema.properties": "a column",
    "schema": "a table",
    "schema.quality": "a quality rule",
    "servers": "a server",
    "": "the contract itself, at the left margin",
}


def check_standard_keys(document: Any, mistakes: Mistakes) -> None:
    """Note every key that would promise what does not happen, and properties at a wrong place."""
    version = str(document.get("apiVersion") or "v3") if isinstance(document, dict) else "v3"
    if version.startswith("v2"):
        mistakes.add(("apiVersion",), "version 3 of the standard is read here; write v3.2.0")
    _check(document, "", (), mistakes)


def _check(value: Any, place: str, path: Path, mistakes: Mistakes) -> None:
    if isinstance(value, list):
        for index, entry in enumerate(value):
            _check(entry, place, (*path, index), mistakes)
        return
    if not isinstance(value, dict):
        return
    name = value.get("server")
    if place == "servers" and name not in _SERVERS:
        mistakes.add(
            path,
            f"the server '{name}' is not read; name the one to read `raw`, the one where the data "
            "came from `origin`, and leave others out",
        )
        return
    if place.endswith("quality") and value.get("type") in ("text", "sql", "custom"):
        return  # the first is for people, and the others are refused as a whole
    for key, below in value.items():
        # The schema lets a server have what servers of any type may.
        if not isinstance(key, str) or (name == "raw" and key not in KEYS["servers"]):
            mistakes.add(
                (*path, str(key)),
                f"'{key}' is not a key of the standard here{where_it_belongs(str(key))}",
            )
        _check_key(str(key), below, place, (*path, str(key)), mistakes)


def _check_key(key: str, value: Any, place: str, path: Path, mistakes: Mistakes) -> None:
    known = KEYS[place].get(key, _TEXT)
    if known.here == "refused" and value not in known.harmless:
        mistakes.add(path, f"'{key}' does nothing here: {known.meaning}")
    deeper = f"{place}.{key}".lstrip(".")
    if key == "customProperties":
        if known.here == "text":
            _check_misplaced(value, path, mistakes)
    elif deeper in KEYS and not _plain(value):
        _check(value, deeper, path, mistakes)


def _plain(value: Any) -> bool:
    """Whether a list, as a long `enum`, holds nothing but values."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and entry.keys() <= {"value", "label"} for entry in value
    )


def _check_misplaced(written: Any, path: Path, mistakes: Mistakes) -> None:
    """Refuse properties of Quickstack where it reads none."""
    for index, entry in enumerate(written if isinstance(written, list) else ()):
        name = entry.get("property") if isinstance(entry, dict) else None
        if name is not None and entry.get("vendor") in (None, "quickstack"):
            sentence = f"'{name}' does nothing here{belongs(name)}"
            mistakes.add((*path, index), sentence + "; or name its `vendor`")


def where_it_belongs(key: str) -> str:
    """Return, for a key that is not of the standard where it stands, where it would be."""
    if hint := belongs(key):
        return f"{hint}, as `{{property: {key}, value: …}}`"
    used = [
        words
        for place, words in _PLACES.items()
        if KEYS[place].get(key, _TEXT).here == "used" and key != "customProperties"
    ]
    return f"; it belongs to {' or to '.join(used)}" if used else ""
