"""Read where the data come from and how they are written."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from quickstack.facts.contract.custom_properties import (
    SERVER_PROPERTIES,
    TABLE_PROPERTIES,
    Mistakes,
    choose,
    custom_values,
    place_of,
    texts,
)
from quickstack.facts.contract.model import Source
from quickstack.facts.formats import FORMATS, formats_of
from quickstack.facts.yaml_lines import Path

#: Custom properties and the fields of `Source` that they set.
FIELDS = {
    "header": "header", "delimiter": "delimiter", "columnWidths": "widths", "comment": "comment",
    "quote": "quote", "escape": "escape", "lineEnd": "line_end",
    "skipLines": "skip_lines", "skipInitialSpace": "skip_initial_space", "decimal": "decimal",
    "thousands": "thousands", "trueValues": "true_values", "falseValues": "false_values",
    "sheet": "sheet", "missingValues": "missing", "maxQuarantinedShare": "max_quarantined_share",
    "maxUnpackedMegabytes": "max_unpacked",
}  # fmt: skip
_LINE_ENDS = ("auto", "cr")
#: The parser of cells crashes on some ten thousands of letters to compare with.
_MOST_LETTERS = 10_000
#: Codecs that are no encodings of text: they read escapes, or names of hosts.
_NO_TEXT = ("unicode-escape", "raw-unicode-escape", "punycode", "idna", "undefined")
#: What a field holds where that is not what the contract says.
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "maxQuarantinedShare": float,
    "maxUnpackedMegabytes": lambda megabytes: megabytes << 20,
}


def read_server(document: dict[str, Any], mistakes: Mistakes) -> Source:
    """Read the server named `raw`."""
    servers = document.get("servers") or []
    raw = [i for i, server in enumerate(servers) if server["server"] == "raw"]
    origin = next((s.get("location") for s in servers if s["server"] == "origin"), None)
    if len(raw) != 1:
        mistakes.add(("servers",), "one server named 'raw' must say where the data come from")
        return Source(path="")
    here: Path = ("servers", raw[0])
    server = servers[raw[0]]
    if server["type"] != "local":
        mistakes.add((*here, "type"), "the server 'raw' must be of type local: a path in data/raw")
    source = Source(path=str(server.get("path", "")), origin=origin)
    _check_path(source.path, document["id"], (*here, "path"), mistakes)
    custom = custom_values(server, here, SERVER_PROPERTIES, mistakes)
    written = {key: server[key] for key in ("format", "encoding") if key in server}
    places = {key: (*here, key) for key in written}
    places |= {name: place_of(server, here, name) for name in custom}
    return _settled(source, {**written, **custom}, places, here, mistakes)


def read_table_source(
    table: dict[str, Any], path: Path, server: Source, mistakes: Mistakes
) -> Source:
    """Return the server's settings, overridden by the custom properties of one table."""
    custom = custom_values(table, path, TABLE_PROPERTIES, mistakes)
    if not custom:
        return server
    places = {name: place_of(table, path, name) for name in custom}
    return _settled(server, custom, places, path, mistakes)


def read_table_path(table: dict[str, Any], path: Path, dataset: str, mistakes: Mistakes) -> str:
    """Return the path of a further table, its `physicalName`."""
    written = table.get("physicalName")
    if written is None:
        mistakes.add(
            path,
            f"table '{table.get('name')}' names no file; write `physicalName: data/raw/{dataset}/…`"
            ", a file or a pattern",
        )
        return ""
    _check_path(str(written), dataset, (*path, "physicalName"), mistakes)
    return str(written)


def overlap(one: str, other: str) -> bool:
    """Return whether one of two paths, as a pattern, also names the other."""
    return PurePosixPath(one).match(other) or PurePosixPath(other).match(one)


def _check_path(path: str, dataset: str, place: Path, mistakes: Mistakes) -> None:
    folder = f"data/raw/{dataset}/"
    # dvc.yaml declares that folder as the stage's dependency, and no other.
    if not path.startswith(folder) or ".." in path:
        mistakes.add(place, f"the path must lie in {folder}")


def _settled(
    base: Source, custom: dict[str, Any], places: dict[str, Path], path: Path, mistakes: Mistakes
) -> Source:
    """Check settings one by one, then together with those that are inherited."""
    format_ = custom.get("format", base.format)
    if "format" in custom and not choose(
        format_, tuple(FORMATS), "the format", places["format"], mistakes
    ):
        format_ = base.format
    settings: dict[str, Any] = {"format": format_}
    if "encoding" in custom:
        settings["encoding"] = custom["encoding"]
        _check_encoding(custom["encoding"], places["encoding"], mistakes)
    for name, field in FIELDS.items():
        if name not in custom:
            continue
        value, place = custom[name], places[name]
        formats = formats_of(name)
        if format_ not in formats:
            mistakes.add(place, f"'{name}' is of the format {' or '.join(formats)}; leave it out")
        elif isinstance(value, list):
            settings[field] = _listed(name, value, place, mistakes)
        elif sentence := _wrong(name, value):
            mistakes.add(place, sentence)
        else:
            settings[field] = _CONVERTED.get(name, lambda v: v)(value)
    source = replace(base, **settings)
    for name, sentence in _clashes(source):
        mistakes.add(places.get(name, path), sentence)
    return source


def _listed(name: str, value: list[Any], place: Path, mistakes: Mistakes) -> tuple[Any, ...]:
    if name == "columnWidths":
        if not value or not all(type(width) is int and width > 0 for width in value):
            mistakes.add(place, "columnWidths must list a number of letters for each column")
        return tuple(value)
    if name == "sheet" and len({*map(str, value)}) < len(value):
        mistakes.add(place, "sheet names the same sheet twice, whose rows would count twice")
    if sum(len(str(text)) for text in value) > _MOST_LETTERS:
        mistakes.add(place, f"'{name}' lists more than {_MOST_LETTERS} letters; name fewer texts")
    if not value and name != "missingValues":
        mistakes.add(place, f"'{name}' is empty; name at least one text")
    return texts(name, value, place, mistakes)


def _check_encoding(encoding: str, place: Path, mistakes: Mistakes) -> None:
    try:
        "".encode(encoding)
        if codecs.lookup(encoding).name in _NO_TEXT:
            raise LookupError
    except (LookupError, ValueError):
        mistakes.add(place, f"'{encoding}' is not an encoding; write utf-8, latin-1, …")


def _wrong(name: str, value: Any) -> str | None:
    """Say what is wrong with one setting."""
    marks = isinstance(value, str) and any(letter in "\r\n\0" for letter in value)
    sentences = {
        "delimiter": 'the delimiter must not be empty, nor hold a line end; write a tab as "\\t"',
        "comment": "comment must name what such a line begins with",
        "maxUnpackedMegabytes": "maxUnpackedMegabytes must be 1 or more",
        "quote": 'quote must be one character, or "" where nothing is quoted',
        "escape": "escape must be one character",
        "lineEnd": f"lineEnd must be one of: {', '.join(_LINE_ENDS)}",
        "skipLines": "skipLines must be 0 or more",
        "decimal": 'decimal must be "." or ","',
        "thousands": 'thousands must be one character that is not a digit, letter or sign, or ""',
        "sheet": "sheet must name a sheet of the workbook",
        "maxQuarantinedShare": "maxQuarantinedShare must lie between 0 and 1",
    }
    right = {
        "delimiter": lambda: value and not marks,
        "comment": lambda: value.strip() and not marks,
        "maxUnpackedMegabytes": lambda: value >= 1,
        "quote": lambda: len(value) <= 1 and not marks,
        "escape": lambda: len(value) == 1 and not marks,
        "lineEnd": lambda: value in _LINE_ENDS,
        "skipLines": lambda: value >= 0,
        "decimal": lambda: value in (".", ","),
        "thousands": lambda: not value or (len(value) == 1 and not _of_number(value) and not marks),
        "sheet": lambda: value != "",
        "maxQuarantinedShare": lambda: 0 <= value <= 1,
    }
    return None if name not in right or right[name]() else sentences[name]


def _of_number(letter: str) -> bool:
    return letter.isalnum() or letter in "+-"


def _clashes(source: Source) -> list[tuple[str, str]]:
    """Return the settings that exclude each other, each with its sentence."""
    found = []
    if source.quote and source.quote in source.delimiter:
        found.append(("quote", "quote and delimiter must differ"))
    if source.escape and source.escape in source.delimiter:
        found.append(("escape", "escape and delimiter must differ"))
    if source.comment and source.comment[0] in (source.quote, source.delimiter[0], source.escape):
        found.append(("comment", "a row may begin so, too; comment must begin otherwise"))
    if source.escape is not None and source.escape == source.quote:
        found.append(("escape", "a doubled quote is read as one anyway; leave escape out"))
    if source.skip_initial_space and source.delimiter == " ":
        found.append(("skipInitialSpace", "skipInitialSpace needs a delimiter that is not a blank"))
    if source.decimal == source.thousands:
        found.append(("thousands", "thousands and decimal must differ"))
    if set(source.true_values) & set(source.false_values):
        found.append(("falseValues", "a text cannot be both true and false"))
    if set(source.missing) & {*source.true_values, *source.false_values}:
        found.append(("missingValues", "a text cannot be both no value and true or false"))
    return found
