"""Queries in M: the pointer, the manifest of the run that it names, then that run's files.

Each query stands alone and begins at one parameter, which is the only first argument that a data
source gets. So the Power BI service accepts a scheduled refresh (it refuses a source that is
computed), its privacy firewall finds one source per query, and a web address and a folder never
meet in one query: they are two projects.

A place on the web is read as CSV, whose types come back from the layout with the culture en-US
(a German Windows otherwise reads 0.78 as 78). A folder is read as Parquet.

What one query reads is of one run. Queries know nothing of each other, so a refresh during which
another run is published may read some tables of the earlier run; the next refresh mends it.
"""

from __future__ import annotations

from typing import Literal

from quickstack.facts.contract.model import LogicalType
from quickstack.results.exporting.export_tables import RUNS, Layout
from quickstack.results.exporting.powerbi.object_names import m_text
from quickstack.results.exporting.powerbi.semantic_model import Parameter
from quickstack.results.exporting.write_tables import FORMULA_SIGNS

Place = Literal["web", "folder"]

PARAMETERS: dict[Place, Parameter] = {
    "web": Parameter(
        "BaseUrl",
        "https://example.org/quickstack",
        "The web address that `quickstack publish` writes to: the one that holds current.json.",
    ),
    "folder": Parameter(
        "FolderPath",
        "C:\\quickstack\\exports",
        "The folder that `quickstack publish` writes to, or `exports` of a clone.",
    ),
}
_TYPES: dict[LogicalType, str] = {
    "string": "type text",
    "integer": "Int64.Type",
    "number": "type number",
    "boolean": "type logical",
    "date": "type date",
    "timestamp": "type datetime",
}
_READ: dict[Place, str] = {
    "web": """\
    Escaped = (path as text) as text =>
        Text.Combine(List.Transform(Text.Split(path, "/"), Uri.EscapeDataString), "/"),
    Read = (path as text) as binary => Web.Contents(BaseUrl, [RelativePath = Escaped(path)]),
    Run = Json.Document(Read("current.json"))[path],""",
    "folder": """\
    Start = Text.Length(Text.TrimEnd(FolderPath, {"\\", "/"})) + 1,
    Relative = (file as record) as text =>
        Text.Replace(Text.Middle(file[Folder Path] & file[Name], Start), "\\", "/"),
    Files = Table.AddColumn(Folder.Files(FolderPath), "path", Relative, type text),
    Has = (path as text) as logical => List.Contains(Files[path], path),
    Read = (path as text) as binary => Files{[path = path]}[Content],
    Run = if Has("current.json") then Json.Document(Read("current.json"))[path] else "",""",
}
_OPEN: dict[Place, str] = {
    "web": """\
    Open = (path as text) as table =>
        Table.PromoteHeaders(
            Csv.Document(
                Read(Run & path), [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]
            ),
            [PromoteAllScalars = true]
        ),""",
    "folder": """\
    Open = (path as text) as table => Parquet.Document(Binary.Buffer(Read(Run & path))),""",
}
_PATHS = """\
    Manifest = Json.Document(Read(Run & "manifest.json")),
    Listed = List.Select(Manifest[tables], each [name] = {name}),
    Paths = List.Select(
        List.Combine(List.Transform(Listed, each List.Transform([files], each [path]))),
        each Text.EndsWith(_, {ending})
    ),"""
#: What `write_tables` put before a text that a spreadsheet would compute is taken away again.
_PLAIN = """\
    Signs = {{{signs}}},
    Plain = (text as nullable text) as nullable text =>
        if text <> null and Text.StartsWith(text, "'")
            and List.Contains(Signs, Text.Start(Text.TrimStart(text, "'"), 1))
        then Text.Middle(text, 1) else text,
    Restored = Table.TransformColumns(Emptied, {{{columns}}}),"""
#: The history is made when a run is published, so that `exports` of a clone has none.
_RUNS_PATHS: dict[Place, str] = {
    "web": '    Paths = {"runs.csv"},',
    "folder": '    Paths = if Has(Run & "runs.parquet") then {"runs.parquet"} else {},',
}


def table_query(layout: Layout, place: Place) -> str:
    """Return the M that loads one exported table, all its files together.

    A column that a run does not have is empty (`MissingField.UseNull`), and one that it has in
    addition is left out, so that neither breaks a refresh.

    Parameters
    ----------
    layout
        Name, columns and types.
    place
        Where the tables are read from.
    """
    names = ", ".join(m_text(field.name) for field in layout.fields)
    types = ", ".join(f"{{{m_text(f.name)}, {_TYPES[f.type]}}}" for f in layout.fields)
    ending = ".csv" if place == "web" else ".parquet"
    if layout.name == RUNS.name:
        paths = _RUNS_PATHS[place]
    else:
        paths = _PATHS.format(name=m_text(layout.name), ending=m_text(ending))
    steps = [
        "let",
        _READ[place],
        paths,
        _OPEN[place],
        "    Combined = Table.Combine(List.Transform(Paths, Open)),",
        f"    Names = {{{names}}},",
        "    Selected = Table.SelectColumns(Combined, Names, MissingField.UseNull),",
    ]
    last = "Selected"
    if place == "web":
        steps.append(
            '    Emptied = Table.ReplaceValue(Selected, "", null, Replacer.ReplaceValue, Names),'
        )
        last = "Emptied"
        texts = [m_text(field.name) for field in layout.fields if field.type == "string"]
        if texts:
            columns = ", ".join(f"{{{name}, Plain, type text}}" for name in texts)
            steps.append(
                _PLAIN.format(signs=", ".join(map(m_text, FORMULA_SIGNS)), columns=columns)
            )
            last = "Restored"
    steps += [
        f'    Typed = Table.TransformColumnTypes({last}, {{{types}}}, "en-US")',
        "in",
        "    Typed",
    ]
    return "\n".join(steps)


def empty_query() -> str:
    """Return the M of the table that only holds measures."""
    return "#table(type table [value = Int64.Type], {})"
