"""The custom properties that Quickstack reads beside the standard, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quickstack.facts.contract.standard import Mistake, closest
from quickstack.facts.yaml_lines import Path


class CustomProperty(NamedTuple):
    """What the value of a custom property may be, and what it means.

    Attributes
    ----------
    types
        The Python types that YAML may read its value as.
    meaning
        One sentence for `docs/contract.md`.
    """

    types: tuple[type, ...]
    meaning: str


#: Custom properties of the whole contract.
CONTRACT_PROPERTIES: dict[str, CustomProperty] = {
    "task": CustomProperty(
        (str,), "What to predict: `binary` (two classes), `multiclass` or `regression` (a number)."
    ),
    "target": CustomProperty((str,), "The column to predict. Its classes stand in its `enum`."),
    "positiveLabel": CustomProperty(
        (str, int, float, bool), "The class of a binary target that counts as positive."
    ),
    "mainMetric": CustomProperty(
        (str,),
        "The metric by which models are compared, searched, published and shown first.",
    ),
    "timeColumn": CustomProperty((str,), "The column that says when a row happened."),
    "period": CustomProperty(
        (str,),
        "The length of a period: `hour`, `day`, `week`, `month`, `quarter` or `year`. "
        "A `timeColumn` needs it.",
    ),
    "rowsPerPeriod": CustomProperty(
        (int,), "The number of rows in a period, where the order of the rows is time."
    ),
    "group": CustomProperty(
        (str,),
        "The column whose rows belong together, such as a customer: intervals draw its values and "
        "not single rows, and `testShare` never parts them. Without it: the first column of a "
        "`primaryKey` of several, unless that is the `timeColumn`.",
    ),
    "horizon": CustomProperty(
        (str, int),
        "How long before a row's time its inputs and the earlier truth are known: `24 h`, `7 d`, "
        "`1 month`, or a number of rows. A model must beat guesses that know as much. Without it: "
        "whatever happened before the row.",
    ),
    "season": CustomProperty(
        (str, int),
        "After how long things repeat, written like `horizon`. Without it: a day and a week of "
        "rows by the hour, a week of daily ones, a year of all others.",
    ),
    "testFrom": CustomProperty(
        (str,), "Rows at or after this date or time (ISO 8601) test the model."
    ),
    "testFromRow": CustomProperty(
        (int,),
        "Rows from this position on test the model, counted from 0. It needs `rowsPerPeriod`.",
    ),
    "testShare": CustomProperty(
        (float,),
        "This share of the rows tests the model, chosen by the hash of the `group`, else of the "
        "`primaryKey`, else of the whole row: what is equal stays on one side. For data without "
        "an order in time.",
    ),
    "testWhere": CustomProperty(
        (dict,),
        "`{column: part, value: test}`: rows with this value, or one of a list of values, test the "
        "model. The column is no input.",
    ),
    "sampleWeight": CustomProperty(
        (str,), "The column that says how much a row counts in fitting. It is no input."
    ),
    "classCost": CustomProperty(
        (dict,),
        'What it costs to miss a class, such as `{"yes": 5, "no": 1}`; 1 where it says '
        "nothing. The class with the highest expected cost of missing it is predicted; "
        "probabilities stay as they are.",
    ),
    "pseudonymKey": CustomProperty(
        (str,), "The fingerprint of the key for its pseudonyms. Without it: the newest key."
    ),
    "pseudonymVersion": CustomProperty(
        (int,),
        "How pseudonyms are made. 2 (without it): case, blanks and Unicode spelling of a value "
        "count for nothing. 1, as before: every spelling has its own pseudonym.",
    ),
    "kAnonymity": CustomProperty(
        (dict,),
        "`{k: 5, columns: [...], subject: ...}`: after ingest, each combination of values of the "
        "columns belongs to at least k rows, or to k subjects.",
    ),
    "decision": CustomProperty(
        (dict,),
        "What each outcome of a binary task is worth: `{truePositive: 60, falsePositive: -8, "
        "falseNegative: 0, trueNegative: 0, unit: EUR}`. The threshold follows from these values, "
        "or is given as `threshold`.",
    ),
    "segments": CustomProperty(
        (list,),
        "The columns by whose values results are shown. Without it: the first three that have an "
        "`enum`.",
    ),
}
#: Custom properties of a server, and of a table that is written otherwise.
SERVER_PROPERTIES: dict[str, CustomProperty] = {
    "header": CustomProperty(
        (bool,),
        "`false`: no line names the columns; they have the contract's order.",
    ),
    "delimiter": CustomProperty((str,), "The character, or the characters, between cells."),
    "columnWidths": CustomProperty(
        (list,),
        "For fixed width instead of delimiters: how many letters each column takes, as "
        "`[8, 3, 12]`. Blanks around a cell belong to none.",
    ),
    "comment": CustomProperty((str,), "What a line begins with that is no row, such as `#`."),
    "quote": CustomProperty((str,), 'The character around cells; `""` where nothing is quoted.'),
    "escape": CustomProperty(
        (str,), "The character that makes the next one literal. Without it, a doubled quote is one."
    ),
    "lineEnd": CustomProperty(
        (str,), "`auto` reads LF, CRLF and lone CRs that end a row; `cr` the lone CR of old Macs."
    ),
    "skipLines": CustomProperty((int,), "The number of lines before the header."),
    "skipInitialSpace": CustomProperty((bool,), "Whether to ignore blanks after a delimiter."),
    "decimal": CustomProperty((str,), "The decimal separator: `.` or `,`."),
    "thousands": CustomProperty((str,), 'The character between thousands; `""` for none.'),
    "trueValues": CustomProperty((list,), "The texts that mean true."),
    "falseValues": CustomProperty((list,), "The texts that mean false."),
    "sheet": CustomProperty(
        (str, list),
        'The sheet of a workbook, several as a list, or `"*"` for each visible sheet with the '
        "contract's columns. Without it: the only visible sheet with them.",
    ),
    "missingValues": CustomProperty((list,), "The texts that mean that there is no value."),
    "maxUnpackedMegabytes": CustomProperty(
        (int,),
        "How large a packed file or a workbook may be when it is unpacked. Without it: 64, or 300 "
        "times its packed size where that is more.",
    ),
    "maxQuarantinedShare": CustomProperty(
        (float,), "The share of rows, 0 to 1, above which broken rows stop the run."
    ),
}
#: Custom properties of a table; the standard gives format and encoding to servers only.
TABLE_PROPERTIES: dict[str, CustomProperty] = {
    **SERVER_PROPERTIES,
    "format": CustomProperty((str,), "As `format` of the server."),
    "encoding": CustomProperty((str,), "As `encoding` of the server."),
}
#: Custom properties of a column.
COLUMN_PROPERTIES: dict[str, CustomProperty] = {
    "parts": CustomProperty(
        (dict,),
        "The columns that together are this date or timestamp, each with its pattern: `{year: "
        "yyyy, month: MMMM, day: d, time: HHmm}`. The file does not hold the column itself.",
    ),
    "unit": CustomProperty((str,), "The unit of its values, such as `EUR` or `h`."),
    "personalData": CustomProperty(
        (str,),
        "What ingest does with personal values: `drop`, `pseudonym`, `generalise`, or `keep` (let "
        "them through on purpose).",
    ),
    "generalisation": CustomProperty(
        (str,),
        "How values become coarser: `band 10` (numbers), `prefix 3` (text), `month`, `quarter`, "
        "`year` or `decade` (dates and times).",
    ),
    "pseudonymDomain": CustomProperty(
        (str,),
        "Equal values in columns of one domain get equal pseudonyms. Without it: the column's "
        "name.",
    ),
    "allowedFindings": CustomProperty(
        (list,),
        "Kinds of personal data that somebody found here and accepted; the kinds are listed below.",
    ),
    "severity": CustomProperty(
        (dict,),
        "What a broken rule does, such as `{pattern: warning, required: stop}`: `error` "
        "quarantines the row (without it), `warning` counts it, `stop` ends the run.",
    ),
    "feature": CustomProperty(
        (bool,),
        "`false`: the column is no input of the model; `true`: it is, though part of the key.",
    ),
    "leaksTarget": CustomProperty(
        (bool,), "`true`: the value is known only after the target, so it is no input."
    ),
    "monotone": CustomProperty(
        (str,),
        "`increasing` or `decreasing`: how the prediction may move with the number. Gradient "
        "boosting keeps to it; other models do not, and training says so.",
    ),
    "knownAt": CustomProperty(
        (str,),
        "`before`: the value is known before the target, whatever it looks like. Its `description` "
        "says why.",
    ),
}
#: Custom properties of a relationship.
RELATIONSHIP_PROPERTIES: dict[str, CustomProperty] = {
    "severity": CustomProperty(
        (str,), "What a value does that the other table lacks: `error`, `warning` or `stop`."
    ),
}

#: The places where these properties are read.
_PLACES = (
    (CONTRACT_PROPERTIES, "the contract itself, at the left margin"),
    (SERVER_PROPERTIES, "the server `raw`"),
    (TABLE_PROPERTIES, "a table"),
    (COLUMN_PROPERTIES, "a column"),
    (RELATIONSHIP_PROPERTIES, "a relationship"),
)

#: The types of values in words.
TYPES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


@dataclass
class Mistakes:
    """The mistakes found so far, each with the path of its place in the document."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, path: Path, sentence: str) -> None:
        """Note one mistake."""
        self.found.append((path, sentence))


def custom_values(
    owner: dict[str, Any], path: Path, known: dict[str, CustomProperty], mistakes: Mistakes
) -> dict[str, Any]:
    """Read the `customProperties` of one object.

    Parameters
    ----------
    owner
        The object that holds them.
    path
        Its place in the document.
    known
        The properties that may stand there.
    mistakes
        Collects unknown names, wrong types and repetitions. Properties that name another
        `vendor` are left alone.

    Returns
    -------
    dict
        Name to value, of those that are right.
    """
    values: dict[str, Any] = {}
    for index, entry in enumerate(owner.get("customProperties") or []):
        name, value = entry.get("property"), entry.get("value")
        here = (*path, "customProperties", index)
        if entry.get("vendor") not in (None, "quickstack"):
            continue
        if name not in known:
            choices = ", ".join(known)
            hint = belongs(str(name)) or closest(str(name), list(known))
            hint = hint or f"; known here: {choices}"
            mistakes.add(here, f"'{name}' is not a custom property of Quickstack here{hint}")
        elif name in values:
            mistakes.add(here, f"'{name}' stands here twice; keep one")
        elif type(value) is int and abs(value) >= 1 << 63:
            mistakes.add((*here, "value"), f"'{name}' lies beyond whole numbers of 64 bits")
        elif not _is_of(value, known[name].types):
            kinds = " or ".join(TYPES[kind] for kind in known[name].types)
            mistakes.add((*here, "value"), f"'{name}' must be {kinds}")
        else:
            values[name] = value
    return values


def belongs(name: str) -> str:
    """Return where a custom property is read; nothing where there is none of that name."""
    places = [words for properties, words in _PLACES if name in properties]
    return f"; it belongs to the customProperties of {' or of '.join(places)}" if places else ""


def check_keys(
    written: Mapping[str, Any], known: Sequence[str], name: str, place: Path, mistakes: Mistakes
) -> None:
    """Note a mistake for each key of a mapping, the value of property `name`, that is unknown."""
    for key in written:
        if key not in known:
            hint = closest(str(key), tuple(known)) or f"; known: {', '.join(known)}"
            mistakes.add((*place, str(key)), f"'{key}' is not a key of {name}{hint}")


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def place_of(owner: dict[str, Any], path: Path, name: str) -> Path:
    """Return where the value of a custom property stands; the owner's place where it has none."""
    for index, entry in enumerate(owner.get("customProperties") or []):
        if entry.get("property") == name and entry.get("vendor") in (None, "quickstack"):
            return (*path, "customProperties", index, "value")
    return path


def reason_for(owner: dict[str, Any], name: str) -> str:
    """Return the `description` of a custom property; nothing where it has none."""
    for entry in owner.get("customProperties") or []:
        if entry.get("property") == name and entry.get("vendor") in (None, "quickstack"):
            return " ".join(str(entry.get("description") or "").split())
    return ""


def texts(name: str, values: list[Any], place: Path, mistakes: Mistakes) -> tuple[str, ...]:
    """Read a list of texts; YAML reads an unquoted NO, 007 or null as something else."""
    for index, value in enumerate(values):
        if not isinstance(value, str):
            mistakes.add((*place, index), f"a value of '{name}' is not text; write it in quotes")
    return tuple(str(value) for value in values)


def choose(value: Any, known: Sequence[str], subject: str, place: Path, mistakes: Mistakes) -> bool:
    """Return whether `value` is one of the known words, and note a mistake where it is not."""
    if value in known:
        return True
    hint = closest(str(value), list(known))
    mistakes.add(place, f"{subject} must be one of: {', '.join(known)}{hint}")
    return False
