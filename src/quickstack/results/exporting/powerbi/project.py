"""Write a Power BI project: the `.pbip` to double-click, its model and its report.

There are two, because a query must not mix a local and a web branch: one reads what was published
at a web address, the other a folder. They differ in one parameter and in the files that they read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quickstack.facts.contract.model import Contract
from quickstack.facts.files import write_json, write_text
from quickstack.results.exporting.export_tables import Layout
from quickstack.results.exporting.powerbi.build import build_model
from quickstack.results.exporting.powerbi.fields import Fields
from quickstack.results.exporting.powerbi.object_names import file_name, folder_id
from quickstack.results.exporting.powerbi.queries import PARAMETERS, Place
from quickstack.results.exporting.powerbi.report_pages import build_pages
from quickstack.results.exporting.powerbi.semantic_model import SemanticModel
from quickstack.results.exporting.powerbi.theme import NAME, THEME
from quickstack.results.exporting.powerbi.tmdl import tmdl_files
from quickstack.results.exporting.powerbi.visuals import HEIGHT, SCHEMAS, WIDTH, visual_json

_FABRIC = SCHEMAS.removesuffix("item/report/definition/")
_SUFFIX: dict[Place, str] = {"web": "", "folder": " (folder)"}
#: The theme that Power BI ships; a report without one does not open.
_BASE_THEME = "CY24SU10"
_BASE_VERSIONS = {"visual": "1.8.97", "report": "2.0.97", "page": "1.3.97"}


def write_project(folder: Path, contract: Contract, layouts: Sequence[Layout]) -> list[Path]:
    """Write both projects, `<Name>.pbip` for the web and `<Name> (folder).pbip`.

    Parameters
    ----------
    folder
        `exports/powerbi`; it is made where it is missing.
    contract
        Name, task, decision, segments, units and descriptions.
    layouts
        The exported tables, as they were written.

    Returns
    -------
    list of Path
        All files, in order; their bytes are a function of contract and layouts.
    """
    written = []
    for place in PARAMETERS:
        name = file_name(contract.name, contract.id) + _SUFFIX[place]
        model = build_model(contract, layouts, place)
        for path, content in _files(name, model, contract).items():
            target = folder / path
            if isinstance(content, str):
                write_text(target, content)
            else:
                write_json(target, content)
            written.append(target)
    return written


def _files(name: str, model: SemanticModel, contract: Contract) -> dict[str, str | dict[str, Any]]:
    """Return the files of one project by path: text, or an object to be written as JSON."""
    report, semantic = f"{name}.Report", f"{name}.SemanticModel"
    return {
        f"{name}.pbip": {
            "$schema": f"{_FABRIC}pbip/pbipProperties/1.0.0/schema.json",
            "version": "1.0",
            "artifacts": [{"report": {"path": report}}],
            "settings": {"enableAutoRecovery": True},
        },
        f"{semantic}/definition.pbism": {
            "$schema": f"{_FABRIC}item/semanticModel/definitionProperties/1.0.0/schema.json",
            "version": "4.2",
            "settings": {},
        },
        **{f"{semantic}/definition/{k}": text for k, text in tmdl_files(model).items()},
        f"{report}/definition.pbir": {
            "$schema": f"{_FABRIC}item/report/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{semantic}"}},
        },
        f"{report}/StaticResources/RegisteredResources/{NAME}": THEME,
        **{f"{report}/definition/{k}": v for k, v in _report(model, contract).items()},
    }


def _report(model: SemanticModel, contract: Contract) -> Mapping[str, dict[str, Any]]:
    pages = build_pages(Fields(model, contract))
    names = [folder_id("page", page.key) for page in pages]
    files: dict[str, dict[str, Any]] = {
        "version.json": {
            "$schema": f"{SCHEMAS}versionMetadata/1.0.0/schema.json",
            "version": "2.0.0",
        },
        "report.json": _report_json(),
        "pages/pages.json": {
            "$schema": f"{SCHEMAS}pagesMetadata/1.0.0/schema.json",
            "pageOrder": names,
            "activePageName": names[0],
        },
    }
    for name, page in zip(names, pages, strict=True):
        files[f"pages/{name}/page.json"] = {
            "$schema": f"{SCHEMAS}page/2.0.0/schema.json",
            "name": name,
            "displayName": page.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }
        for order, (key, visual) in enumerate(page.visuals.items()):
            content = visual_json(page.key, key, order, visual)
            files[f"pages/{name}/visuals/{content['name']}/visual.json"] = content
    return files


def _report_json() -> dict[str, Any]:
    base = {"name": _BASE_THEME, "path": f"BaseThemes/{_BASE_THEME}.json", "type": "BaseTheme"}
    own = {"name": NAME, "path": NAME, "type": "CustomTheme"}
    return {
        "$schema": f"{SCHEMAS}report/3.0.0/schema.json",
        "themeCollection": {
            "baseTheme": {
                "name": _BASE_THEME,
                "reportVersionAtImport": _BASE_VERSIONS,
                "type": "SharedResources",
            },
            "customTheme": {
                "name": NAME,
                "reportVersionAtImport": _BASE_VERSIONS,
                "type": "RegisteredResources",
            },
        },
        "resourcePackages": [
            {"name": "SharedResources", "type": "SharedResources", "items": [base]},
            {"name": "RegisteredResources", "type": "RegisteredResources", "items": [own]},
        ],
    }
