"""Write a whole export: the tables, and everything that is generated from what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from quickstack.facts.files import write_json, write_text
from quickstack.results.exporting import athena, export_tables, manifest
from quickstack.results.exporting.export_contract import export_contract
from quickstack.results.exporting.export_tables import Layout
from quickstack.results.exporting.page import page_view, render_page
from quickstack.results.exporting.powerbi.project import write_project
from quickstack.results.exporting.predictions import segment_names
from quickstack.results.exporting.write_tables import Outgoing, writers

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract
    from quickstack.results.exporting.histograms import Histograms
    from quickstack.results.exporting.reason_columns import ReasonCounts

CONTRACT, PAGE, MANIFEST = "contract.odcs.yaml", "index.html", "manifest.json"


@dataclass(frozen=True)
class Reports:
    """What the earlier stages report: `reports/<name>.json`, and `importance.csv` as a table."""

    metrics: Mapping[str, Any]
    segments: Mapping[str, Any]
    drift: Mapping[str, Any]
    quality: Mapping[str, Any]
    importance: pd.DataFrame
    leaks: Sequence[Mapping[str, Any]] = ()


def write_export(
    folder: Path,
    contract: Contract,
    predictions: tuple[Layout, Iterable[pd.DataFrame]],
    reports: Reports,
    histograms: Histograms,
    *,
    hashes: Mapping[str, Any],
    parameters: Mapping[str, Any],
    reasons: ReasonCounts | None = None,
    workers: int = 1,
) -> int:
    """Write tables, their contract, the page, the Power BI project, SQL and the manifest.

    Parameters
    ----------
    folder
        An empty folder.
    predictions
        Their layout, and their rows by partition. They are read once.
    histograms
        Filled when the last partition is read.
    hashes, parameters
        As `manifest.versions` gives and takes them.
    reasons
        Filled when the last partition is read; None where there are no reasons.
    workers
        How many files are written at a time, each by a thread.

    Returns
    -------
    int
        How many predictions were written.

    Raises
    ------
    DataError
        Where a column does not have the type of its layout.
    """
    layout, rows = predictions
    content: dict[Layout, Iterable[pd.DataFrame]] = {
        layout: rows,
        export_tables.METRICS: [
            export_tables.metrics_rows(
                reports.metrics, reports.segments["segments"], segment_names(layout)
            )
        ],
        export_tables.DRIFT: [export_tables.drift_rows(reports.drift)],
        export_tables.IMPORTANCE: [
            reports.importance.reindex(columns=[f.name for f in export_tables.IMPORTANCE.fields])
        ],
        export_tables.QUALITY: [export_tables.quality_rows(reports.quality)],
        export_tables.QUALITY_RULES: [export_tables.quality_rule_rows(reports.quality)],
    }
    layouts = [*content]
    with TemporaryDirectory(dir=folder, prefix=".spill-") as waiting, writers(workers) as threads:
        outgoing = [Outgoing(Path(waiting), one, frames) for one, frames in content.items()]
        for table in outgoing:
            table.start(folder, threads)
        # What describes the tables needs no file of them, and is written beside them.
        described = [table.description for table in outgoing]
        view = page_view(
            contract,
            reports.metrics,
            reports.drift,
            reports.importance,
            reports.quality,
            described,
            hashes,
            histograms,
            reports.leaks,
            reasons,
        )
        write_text(folder / PAGE, render_page(view))
        write_text(folder / CONTRACT, export_contract(contract, layouts, described))
        for one in layouts:
            write_text(folder / "sql" / "athena" / f"{one.name}.sql", athena.create_table(one))
        write_project(folder / "powerbi", contract, layouts)
        written = [table.finish() for table in outgoing]
    whole = manifest.build_manifest(
        contract,
        hashes,
        parameters,
        written,
        pages=[manifest.file_facts(folder / PAGE, folder)],
        documents=manifest.folder_facts(folder, [CONTRACT, "powerbi", "sql"]),
    )
    write_json(folder / MANIFEST, whole)
    return int(written[0]["rows"])
