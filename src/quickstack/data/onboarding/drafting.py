"""Draft what a contract says of a table: columns, key, time, task and test rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from quickstack.data.onboarding.answers import Answers
from quickstack.data.onboarding.describing import (
    ColumnDraft,
    Question,
    describe,
    find_personal,
    list_values,
    missing_marks,
    number_style,
)
from quickstack.data.onboarding.layout import TableLayout
from quickstack.data.onboarding.reading import Ranges, Reading, read_all, read_typed, typed
from quickstack.data.onboarding.row_keys import combined_keys, single_key
from quickstack.data.onboarding.times import (
    choose_period,
    find_parts,
    test_from,
    time_candidates,
)
from quickstack.data.privacy.column_evidence import kinds, of_column
from quickstack.facts.contract import Column, Contract, Source, Split
from quickstack.facts.contract.standard import closest
from quickstack.facts.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

_POSITIVE = re.compile(
    r"(?i)yes|y|true|t|1|positive|pos|churn(ed)?|left|bad|fraud|default(ed)?|malignant|"
    r"died|dead|survived|success|won|late|fail(ed|ure)?|spam|ja|si|oui|>50k\.?"
)
_CLASS = re.compile(r"\b(class|species|label|category|type|kind|cluster|group|grade|segment)\b")
#: Numbers that programs write where there is none.
_CODES = (-1, -9, -99, -999, -9999, 99, 999, 9999, 99999, 999999)
#: Classes that a target may have, and whole numbers of it that may be classes.
_CLASSES, _FEW = 60, 20
_TEST_SHARE = 0.2
#: Rows belong together where a column of the sample has so few distinct values to a row.
_SEVERAL = 0.8


@dataclass
class Draft:
    """What the contract will say.

    Attributes
    ----------
    rows
        Of all files.
    custom
        Custom properties of the contract, in their order.
    notes
        Why one of them, or a setting of the source, is a guess.
    sample : pandas.DataFrame
        Typed rows, by which leaks are looked for.
    """

    name: str
    source: Source
    columns: list[ColumnDraft]
    rows: int
    sample: pd.DataFrame
    custom: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def column(self, name: str) -> ColumnDraft:
        """Return the column of that name; KeyError where there is none."""
        return {c.name: c for c in self.columns}[name]

    @property
    def needs_key(self) -> bool:
        """Whether a column becomes a pseudonym."""
        return any(c.custom.get("personalData") == "pseudonym" for c in self.columns)


def possible_targets(layout: TableLayout) -> list[str]:
    """Return lines that name each column that could be a target, with its task."""
    reading = read_all(layout)
    style = number_style(reading.columns.values())
    marks = _marks(reading, style, Answers())[0]
    lines = []
    for column in reading.columns.values():
        draft, _ = describe(column, style, marks, {})
        _shown_personal([draft], reading, layout.source)
        try:
            task = _task(draft, marks, {})
        except DataError:
            continue
        lines.append(f"{column.name}: {task[0]}")
    return lines


def draft_contract(layout: TableLayout, name: str, target: str, answers: Answers) -> Draft:
    """Read all rows twice, and draft the contract, but for what leaks.

    Raises
    ------
    DataError, SourceError, ParameterError
        Where files cannot be read, or nothing can be learned of the target.
    """
    if target not in layout.names:
        hint = closest(target, list(layout.names)) or ""
        raise ParameterError(
            f"'{target}' is no column{hint}",
            where=layout.partitions[0].shown,
            fix="name the column to predict; without --target they are listed",
        )
    reading = read_all(layout)
    style = number_style(reading.columns.values())
    marks, unsure = _marks(reading, style, answers)
    source = replace(layout.source, missing=tuple(marks), decimal=style[0], thousands=style[1])
    drafts, questions = [], []
    for column in reading.columns.values():
        draft, asked = describe(column, style, marks, answers.of(column.name))
        drafts.append(draft)
        questions += asked
    _shown_personal(drafts, reading, source)
    found = Draft(
        name, source, drafts, reading.rows, None, notes=dict(layout.notes), questions=questions
    )
    found.questions += [
        Question(
            6,
            "missingValues",
            text,
            _marks_answer(m for m in sorted(marks) if m != mark),
        )
        for mark, text in unsure
    ]
    found.questions += [
        Question(0, setting, found.notes[setting], "")
        for setting in ("header", "sheet", "encoding")
        if setting in found.notes
    ]
    _settle_target(found, target, marks, answers)
    time = _place_time(found, target, answers)
    key = answers.contract.get("key") or single_key(found.columns, target)
    chosen = tuple(key.split(",") if isinstance(key, str) else key or ())
    candidates = [] if chosen else combined_keys(found.columns, target, time)
    contract = as_contract(found)
    ranges = read_typed(layout, contract, candidates)
    chosen = chosen or next(iter(ranges.unique), ())
    _write_columns(found, target, chosen, ranges, marks, answers)
    _settle_rows(found, ranges, chosen, answers, reading)
    found.sample = _frame(typed(reading.sample, contract, {})[0], found)
    return found


def as_contract(found: Draft) -> Contract:
    """Return a contract that types the columns, and knows no more."""
    columns = tuple(
        Column(
            c.name,
            c.type,  # type: ignore[arg-type]
            format=c.format,
            parts=tuple(c.custom.get("parts", {}).items()),
        )
        for c in found.columns
    )
    return Contract(
        found.name, "", "", "", "", found.source, columns, "binary", "", Split(share=0.5)
    )


def _marks(
    reading: Reading, style: tuple[str, str], answers: Answers
) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Return what means "no value", and sentences of what is unsure."""
    if "missingValues" in answers.contract:
        given = answers.contract["missingValues"]
        return {str(mark): [] for mark in (given if isinstance(given, list) else [given])}, []
    marks = missing_marks(list(reading.columns.values()), style)
    unsure = []
    for mark, names in marks.items():
        if names:
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            unsure.append((mark, f"'{mark}' is taken as no value in {shown}"))
    return marks, unsure


def _marks_answer(marks: Iterable[str]) -> str:
    return f"missingValues={json.dumps(list(marks), ensure_ascii=False)}"


def _shown_personal(drafts: Sequence[ColumnDraft], reading: Reading, source: Source) -> None:
    """Look for personal data by what values show, by themselves and as a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pa.array(source.missing, pa.string())
    for draft in drafts:
        shown: set[str] = set()
        if draft.type in ("string", "integer", "date", "timestamp"):
            cells = reading.sample.column(draft.name).combine_chunks().drop_null()
            cells = cells.filter(pc.invert(pc.is_in(cells, missing)))
            counts = of_column(
                draft.name, draft.type, cells.unique(), len(cells), open_street=False
            )
            shown = kinds(draft.name, counts)
        find_personal(draft, shown)


def _settle_target(found: Draft, target: str, marks: dict[str, Any], answers: Answers) -> None:
    draft = found.column(target)
    task, classes, note = _task(draft, marks, answers.contract)
    found.custom |= {"task": task, "target": target}
    if note:
        found.notes["task"] = note
        other = "multiclass" if task == "regression" else "regression"
        found.questions.append(Question(1, target, note, f"task={other}"))
    if task == "regression":
        if draft.type == "string":
            raise DataError(
                f"the target '{target}' is text, and a regression needs a number",
                fix="leave `task` out, or name another target",
            )
        return
    if draft.type == "number":
        raise DataError(
            f"the target '{target}' holds fractions, and classes are whole numbers or text",
            fix="use --set task=regression",
        )
    if draft.type != "boolean":
        list_values(draft, marks, classes=True)
    if task != "binary":
        return
    listed = [item["value"] for item in draft.entry.get("enum", [])] or [False, True]
    given = answers.contract.get("positiveLabel")
    if given is not None:
        found.custom["positiveLabel"] = given
        return
    named = [value for value in listed if _POSITIVE.fullmatch(str(value).strip())]
    rarest = min(listed, key=lambda value: (classes.get(str(value), 0), str(value)))
    found.custom["positiveLabel"] = named[0] if len(named) == 1 else rarest
    if len(named) != 1:
        found.notes["positiveLabel"] = "the rarer class"
        other = next(value for value in listed if value != rarest)
        found.questions.append(
            Question(
                1,
                target,
                f"the class that counts is taken to be the rarer one, {rarest}",
                f"positiveLabel={other}",
            )
        )


def _task(
    draft: ColumnDraft, marks: dict[str, Any], given: dict[str, Any]
) -> tuple[str, dict[str, int], str]:
    """Return the task, rows by class, and what is unsure of it."""
    column = draft.evidence
    assert column is not None
    where = f"column {draft.name}"
    if draft.personal:
        raise DataError(
            f"the target is personal data ({draft.personal})",
            where=where,
            fix=f"name another target, or say --set {draft.name}.personalData=none where it is not",
        )
    if draft.is_time:
        raise DataError("the target is a date", where=where, fix="name another target")
    counts = {v: n for v, n in column.values() if v not in marks}
    if column.counts is not None and len(counts) < 2:
        raise DataError(
            "the target holds one value: there is nothing to predict"
            if counts
            else "the target holds no value",
            where=where,
            fix="name another target",
        )
    several = {v: n for v, n in counts.items() if n > 1}
    if "task" in given:
        return str(given["task"]), counts, ""
    if draft.type == "number":
        return "regression", counts, ""
    if draft.type == "integer":
        if column.counts is not None and len(counts) == 2 and len(several) == 2:
            return (
                "binary",
                {str(int(float(v.replace(",", ".")))): n for v, n in counts.items()},
                "",
            )
        few = column.counts is not None and len(several) == len(counts) <= _FEW
        if few and _CLASS.search(draft.header):
            return (
                "multiclass",
                counts,
                f"{len(counts)} whole numbers are taken as classes, by the name",
            )
        return (
            "regression",
            counts,
            (f"{len(counts)} whole numbers are taken as numbers, not as classes" if few else ""),
        )
    if column.counts is None or len(several) < 2 or len(several) > _CLASSES:
        raise DataError(
            "the target is text with a value of its own in nearly every row"
            if column.counts is None or not several
            else f"the target is text of {len(counts)} values, and two to {_CLASSES} of them must "
            "stand in several rows",
            where=where,
            fix="name a target with a few classes, or a number",
        )
    return ("binary" if len(several) == 2 else "multiclass"), counts, ""


def _place_time(found: Draft, target: str, answers: Answers) -> tuple[str, ...]:
    """Choose the time column, or put one together; return its name, nothing where there is none."""
    given = answers.contract.get("timeColumn")
    likely = (
        [found.column(given)]
        if given in {c.name for c in found.columns}
        else time_candidates(found.columns, target)
    )
    if given is False or given == "none":
        return ()
    if likely:
        found.custom["timeColumn"] = likely[0].name
        if len(likely) > 1 and not given:
            found.notes["timeColumn"] = "one of " + ", ".join(c.name for c in likely[:5])
            found.questions.append(
                Question(
                    4,
                    likely[0].name,
                    "it is taken as the time of a row; so could be "
                    + ", ".join(c.name for c in likely[1:5]),
                    f"timeColumn={likely[1].name}",
                )
            )
        return (likely[0].name,)
    parts = find_parts([c for c in found.columns if c.name != target])
    if not parts:
        return ()
    name = next(
        n
        for n in ("time" if "H" in parts.values() else "date", "row_time", "row_time_2")
        if n.casefold() not in {c.name.casefold() for c in found.columns}
    )
    made = ColumnDraft(name, "timestamp" if "H" in parts.values() else "date")
    made.custom["parts"] = parts
    made.notes.append("put together, by the names of the columns")
    found.columns.append(made)
    found.custom["timeColumn"] = name
    return (name,)


def _write_columns(
    found: Draft,
    target: str,
    key: tuple[str, ...],
    ranges: Ranges,
    marks: dict[str, Any],
    answers: Answers,
) -> None:
    for draft in found.columns:
        said = answers.of(draft.name)
        evidence = draft.evidence
        if draft.name in key:
            draft.entry |= {"primaryKey": True, "primaryKeyPosition": key.index(draft.name) + 1}
        elif (
            evidence is not None
            and evidence.rows
            == evidence.present - sum(n for v, n in evidence.values() if v in marks)
            and not ranges.wrong.get(draft.name)
        ):
            draft.entry["required"] = True
        _write_privacy(found, draft, draft.name in key or draft.names_things, said)
        if draft.personal is None:
            if draft.name != target and evidence is not None:
                list_values(draft, marks)
            if evidence is not None:
                _write_range(found, draft, ranges)
        for name in ("leaksTarget", "feature", "unit", "required", "description", "classification"):
            if name in said:
                _said(draft, name, said[name])
        if wrong := ranges.wrong.get(draft.name):
            draft.notes.append(f"{wrong:,} rows do not fit the type, and go to quarantine")


def _said(draft: ColumnDraft, name: str, value: Any) -> None:
    if name in ("required", "description", "classification"):
        draft.entry[name] = value
    elif name == "leaksTarget" and value is False:
        draft.custom["knownAt"] = "before"
    else:
        draft.custom[name] = value


def _write_privacy(
    found: Draft, draft: ColumnDraft, tells_apart: bool, said: dict[str, Any]
) -> None:
    """Say what happens to personal values; text that holds none is internal."""
    given = said.get("personalData")
    if given in ("none", False) or (given is None and draft.personal is None):
        if draft.personal:
            draft.custom["allowedFindings"] = [draft.personal]
            draft.personal = None
        if draft.type == "string":
            draft.entry["classification"] = "internal"
        return
    kind = draft.personal or "said so"
    draft.personal = kind
    keeps = tells_apart and draft.type in ("string", "integer")
    action = given or ("pseudonym" if keeps else "drop")
    draft.entry["classification"] = "personal"
    draft.custom["personalData"] = action
    if not given:
        words = kind.replace("_", " ")
        draft.notes.append(f"seems personal ({words})")
        does = "becomes a pseudonym" if action == "pseudonym" else "is dropped"
        found.questions.append(
            Question(
                2,
                draft.name,
                f"it seems personal ({words}) and {does}",
                f"{draft.name}.personalData=none",
            )
        )


def _write_range(found: Draft, draft: ColumnDraft, ranges: Ranges) -> None:
    if (
        draft.type not in ("integer", "number")
        or "enum" in draft.entry
        or draft.name not in ranges.low
    ):
        return
    low, high, options = ranges.low[draft.name], ranges.high[draft.name], {}
    evidence = draft.evidence
    assert evidence is not None
    counts = evidence.counts
    numbers = sorted({_as_number(v, found.source) for v in counts}) if counts else []
    if (
        draft.type == "integer"
        and 1 < len(numbers) <= 32
        and high - low + 1 == len(numbers)
        and low in (0, 1)
    ):
        options = {"minimum": low, "maximum": high}
    elif low >= 0:
        options = {"minimum": 0}
    if options:
        draft.entry["logicalTypeOptions"] = options
    if "maximum" not in options:
        draft.notes.append(
            f"{low:,} to {high:,}" if draft.type == "integer" else f"{low:.6g} to {high:.6g}"
        )
    for code in (low, high):
        if code in _CODES and len(numbers) > 2 and _far(code, numbers):
            draft.notes.append(f"does {code} mean no value?")
            found.questions.append(
                Question(
                    7,
                    draft.name,
                    f"{code} lies far from the rest: does it mean no value?",
                    _marks_answer([*found.source.missing, str(code)]),
                )
            )


def _as_number(text: str, source: Source) -> float:
    plain = text.replace(source.thousands, "") if source.thousands else text
    try:
        return float(plain.replace(source.decimal, "."))
    except ValueError:
        return float("nan")


def _far(code: float, numbers: list[float]) -> bool:
    rest = [n for n in numbers if n != code and n == n]
    if code < 0:
        return min(rest) >= 0
    return code > 3 * max(rest)


def _settle_rows(
    found: Draft, ranges: Ranges, key: tuple[str, ...], answers: Answers, reading: Reading
) -> None:
    """Choose periods and test rows, and what belongs together."""
    said = answers.contract
    time = found.custom.get("timeColumn")
    days = ranges.days.get(str(time))
    if time is not None:
        period = said.get("period") or (
            choose_period(days, clock=found.column(time).type == "timestamp") if days else None
        )
        if period is None or found.column(time).custom.get("personalData") == "drop":
            found.columns = [c for c in found.columns if c.evidence or c.name in key]
            del found.custom["timeColumn"]
            found.notes.pop("timeColumn", None)
            time = None
        else:
            found.custom["period"] = period
    group = said.get("group") or (
        None if key and len(key) == 1 and time else _group(found, key, reading)
    )
    if group:
        found.custom["group"] = group
    if key and len(key) > 1:
        found.notes["key"] = "no column alone tells rows apart"
    given = [n for n in ("testFrom", "testFromRow", "testShare") if n in said]
    for name in ("rowsPerPeriod", "horizon", "mainMetric", *given):
        if name in said:
            value = said[name]
            found.custom[name] = str(value) if name == "testFrom" else value
    if given:
        return
    if time is not None and days is not None:
        found.custom["testFrom"] = test_from(days, found.custom["period"])
        found.notes["testFrom"] = "about a quarter of the rows, the latest, test"
        found.questions.append(
            Question(
                8, "horizon", "how long before a row's time are its inputs known?", "horizon=24 h"
            )
        )
        return
    found.custom["testShare"] = _TEST_SHARE
    found.questions.append(
        Question(
            5,
            "testShare",
            "no column says when a row happened, so a share of the rows tests; where "
            "their order is time, say how many rows a period has and where the test begins",
            f"rowsPerPeriod={max(1, found.rows // 10)} --set testFromRow={found.rows * 7 // 10}",
        )
    )


def _group(found: Draft, key: tuple[str, ...], reading: Reading) -> str | None:
    """Return the column of the persons that rows belong to, where they have several."""
    for column in found.columns:
        person = column.custom.get("personalData") == "pseudonym" and column.name not in key[-1:]
        evidence = column.evidence
        if not person or evidence is None or evidence.counts is not None:
            continue
        cells = reading.sample.column(column.name).drop_null()
        if len(cells.unique()) < _SEVERAL * len(cells):
            return column.name
    return None


def _frame(columns: dict[str, Any], found: Draft) -> pd.DataFrame:
    import pandas as pd

    kept = {}
    for column in found.columns:
        if column.custom.get("personalData") in (None, "keep"):
            kept[column.name] = columns[column.name].to_pandas()
    return pd.DataFrame(kept)
