"""The project is valid by Microsoft's schemas, consistent, the same each time, and safe to read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from exporting.powerbi.cases import contract_of, predictions_of, write_case
from exporting.powerbi.project_checks import (
    file_mistakes,
    model_mistakes,
    model_of,
    report_mistakes,
    schema_mistakes,
)
from exporting.powerbi.tmdl_reader import read_tmdl
from quickstack.results.exporting import export_tables
from quickstack.results.exporting.powerbi.project import write_project
from quickstack.results.exporting.powerbi.theme import THEME

LAYOUTS = (
    export_tables.METRICS,
    export_tables.DRIFT,
    export_tables.IMPORTANCE,
    export_tables.QUALITY,
    export_tables.QUALITY_RULES,
)
PROJECTS = ("People", "People (folder)")
CASES = {
    "binary": {"task": "binary"},
    "multiclass": {"task": "multiclass"},
    "regression": {"task": "regression"},
    "no time": {"task": "binary", "ordered": False},
    "no segments": {"task": "regression", "segments": ()},
    "neither": {"task": "multiclass", "ordered": False, "segments": ()},
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    return write_case(folder, contract_of(**CASES[request.param]), rows=20)


def test_json_follows_microsofts_schemas(case):
    assert schema_mistakes(case.project / "People.Report") == []
    assert schema_mistakes(case.project / "People.SemanticModel") == []


def test_both_projects_start_as_microsofts_schemas_say(sound):
    shortcuts = sorted(sound.glob("*.pbip"))
    assert {path.stem for path in shortcuts} == set(PROJECTS)
    for path in shortcuts:
        assert [file_mistakes(path, sound), (sound / f"{path.stem}.Report").is_dir()] == [[], True]


def test_names_exist_and_the_model_is_consistent(case):
    assert model_mistakes(model_of(case.project, "People")) == []
    assert report_mistakes(case.project, "People") == []


def test_the_two_projects_differ_in_where_they_read_and_in_nothing_else(sound):
    one, other = (
        {
            p.relative_to(sound).as_posix().replace(f"{name}.", "", 1): p.read_text("utf-8")
            for p in _files(sound)
            if p.relative_to(sound).parts[0].rpartition(".")[0] == name
        }
        for name in PROJECTS
    )
    assert set(one) == set(other)
    differ = {path for path in one if one[path] != other[path]}
    loaded = ("Predictions", "Metrics", "Drift", "Importance", "Files", "Broken rules", "Runs")
    assert differ == {
        *(f"SemanticModel/definition/tables/{table}.tmdl" for table in loaded),
        "SemanticModel/definition/expressions.tmdl",
        "SemanticModel/definition/model.tmdl",
        "Report/definition.pbir",
        "pbip",
    }


def test_a_segment_and_a_period_are_dimensions_of_a_star(case):
    model = model_of(case.project, "People")
    links = {tuple(sorted(n.properties.items())) for n in model.of("relationship").values()}
    assert (("fromColumn", "Predictions.Period"), ("toColumn", "Periods.Period")) in links
    assert (("fromColumn", "Drift.Feature"), ("toColumn", "Features.Feature")) in links
    segment = (("fromColumn", "Predictions.Region"), ("toColumn", "Region.Region"))
    assert (segment in links) == bool(case.contract.segments)
    columns = model.of("table")["Predictions"].of("column").values()
    hidden = {c.name for c in columns if "isHidden" in c.properties}
    assert {"Period", "Measured", "Model version"} <= hidden
    assert "Id" not in hidden
    figures = model.of("table")["_Measures"].of("measure").values()
    assert all(
        c.description for c in (*figures, *model.of("table")["Metrics"].of("column").values())
    )


def test_every_visual_has_a_title_speaks_and_stands_on_the_page(case):
    definition = case.project / "People.Report" / "definition"
    pages = list(definition.rglob("page.json"))
    assert len(pages) == 4
    for page in pages:
        boxes = []
        for path in page.parent.rglob("visual.json"):
            visual = json.loads(path.read_text("utf-8"))
            objects = visual["visual"]["visualContainerObjects"]
            spoken = objects["general"][0]["properties"]["altText"]["expr"]["Literal"]["Value"]
            assert len(spoken) > 10
            if visual["visual"]["visualType"] != "textbox":
                title = objects["title"][0]["properties"]["text"]["expr"]["Literal"]["Value"]
                assert len(title) > 4
            p = visual["position"]
            boxes.append((p["x"], p["y"], p["x"] + p["width"], p["y"] + p["height"]))
        assert all(0 <= x < right <= 1280 and 0 <= y < low <= 720 for x, y, right, low in boxes)
        for at, one in enumerate(boxes):
            for other in boxes[at + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1]
                assert apart or other[3] <= one[1], (page, one, other)


def test_a_reexport_gives_the_same_bytes_and_names_no_machine(tmp_path):
    contract = contract_of("binary")
    digests = []
    for place in ("one", "two"):
        files = write_project(tmp_path / place, contract, (predictions_of(contract), *LAYOUTS))
        digests.append([hashlib.sha256(p.read_bytes()).hexdigest() for p in files])
        assert len(set(files)) == len(files) == len(_files(tmp_path / place))
        assert all(str(tmp_path).encode() not in path.read_bytes() for path in files)
        assert all(len(p.relative_to(tmp_path / place).as_posix()) < 130 for p in files)
    assert digests[0] == digests[1]


def test_what_is_not_for_git_is_not_there(case):
    names = [path.name for path in case.project.rglob("*")]
    assert sum(name.endswith(".pbip") for name in names) == 2
    assert not [n for n in names if n == ".pbi" or n.endswith((".pbix", ".pbit", ".tmp"))]


PLANTED = {
    "a property of no schema": ("visual.json", '"visualType"', '"visualKind"'),
    "a page of no size": ("page.json", '"width"', '"wide"'),
    "a field that is not there": ("visual.json", '"Property": "Rows"', '"Property": "Lines"'),
    "a table that is not there": ("visual.json", '"Entity": "_Measures"', '"Entity": "Measures"'),
    "another page's name": ("page.json", '"name": "', '"name": "0'),
    "a wrong column in DAX": ("_Measures.tmdl", "'Predictions'[Case]", "'Predictions'[Cases]"),
    "a wrong measure in DAX": ("_Measures.tmdl", "[Precision]", "[Precisions]"),
    "broken DAX": ("_Measures.tmdl", "COUNTROWS('Predictions')", "COUNTROWS('Predictions'"),
    "a relationship to nowhere": ("relationships.tmdl", "Periods.Period", "Periods.Month"),
    "indented by blanks": ("Drift.tmdl", "\t\tdataType", "    dataType"),
    "an unknown property": ("Drift.tmdl", "summarizeBy", "summariseBy"),
    "an unquoted name": ("Drift.tmdl", "table Drift", "table Drift now"),
    "a type that TMDL has not": ("Drift.tmdl", "dataType: double", "dataType: float"),
    "a table without a file": ("model.tmdl", "ref table Drift", "ref table Drifted"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder, contract = tmp_path_factory.mktemp("sound"), contract_of("binary")
    write_project(folder, contract, (predictions_of(contract), *LAYOUTS))
    return folder


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault, sound):
    name, old, new = PLANTED[fault]
    path = next(p for p in sorted(sound.rglob(name)) if old in p.read_text("utf-8"))
    text = path.read_text("utf-8")
    assert _mistakes(path, sound) == []
    try:
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert _mistakes(path, sound)
    finally:
        path.write_text(text, encoding="utf-8")


def test_the_reader_of_tmdl_refuses_what_it_does_not_know():
    for text in ("tabel X\n", "table 'X\n", "table X\n\tlineageTag: 1\n", "table X Y\n"):
        with pytest.raises(AssertionError):
            read_tmdl(text)


def test_every_colour_can_be_read():
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for colour in (*THEME["dataColors"], THEME["foreground"], THEME["bad"], THEME["good"]):
        for ground in (THEME["background"], THEME["backgroundLight"]):
            assert (light(ground) + 0.05) / (light(colour) + 0.05) >= 4.5, colour


def _mistakes(path: Path, project: Path) -> list[str]:
    """Check one file by its schema, and its project as a whole."""
    found = schema_mistakes(path.parent) if path.suffix == ".json" else []
    name = path.relative_to(project).parts[0].rpartition(".")[0]
    try:
        return found + model_mistakes(model_of(project, name)) + report_mistakes(project, name)
    except AssertionError as error:
        return [*found, str(error)]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
