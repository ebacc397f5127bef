"""Build the semantic model: a star of exported tables, dimensions and measures."""

from __future__ import annotations

from collections.abc import Sequence

from quickstack.facts.contract.model import Contract
from quickstack.results.exporting.export_tables import RUNS, Layout
from quickstack.results.exporting.powerbi.dimensions import dimensions, threshold_table
from quickstack.results.exporting.powerbi.measures import (
    drift_measures,
    freshness_measures,
    quality_measures,
    refer_to,
    reported_measures,
    row_measures,
    task_measures,
)
from quickstack.results.exporting.powerbi.model_columns import key_columns, model_columns
from quickstack.results.exporting.powerbi.object_names import one_line, readable, unique
from quickstack.results.exporting.powerbi.queries import PARAMETERS, Place, empty_query, table_query
from quickstack.results.exporting.powerbi.semantic_model import (
    ModelColumn,
    ModelTable,
    SemanticModel,
)

#: What people read for the exported tables; others are named by themselves.
TABLES = {"quality": "Files", "quality_rules": "Broken rules"}
MEASURES = "_Measures"
#: A table of that name cannot be opened.
_RESERVED = ("Measures",)


def build_model(contract: Contract, layouts: Sequence[Layout], place: Place) -> SemanticModel:
    """Describe the tables, relationships and measures of one project.

    Parameters
    ----------
    contract
        Task, decision, segments, units and descriptions.
    layouts
        The exported tables: predictions, metrics, drift, importance, quality and quality_rules,
        and any others. The history of runs is added where it is missing.
    place
        Where the tables are read from.

    Returns
    -------
    SemanticModel
        A function of the arguments alone.
    """
    if RUNS.name not in {layout.name for layout in layouts}:
        layouts = (*layouts, RUNS)
    names = unique(
        [TABLES.get(layout.name, readable(layout.name)) for layout in layouts],
        (*_RESERVED, MEASURES),
    )
    facts = {
        layout.name: ModelTable(
            name,
            _described(layout),
            model_columns(layout, contract),
            table_query(layout, place),
            exported=layout.name,
        )
        for layout, name in zip(layouts, names, strict=True)
    }
    segments = [
        field.name
        for layout in layouts
        if layout.name == "predictions"
        for field in layout.fields
        if field.source in contract.segments and field.name != "actual"
    ]
    shown, shared, relationships = dimensions(segments, facts, (*_RESERVED, MEASURES))
    taken = [*_RESERVED, MEASURES, *(table.name for table in (*shown, *shared))]
    threshold = unique(["Threshold"], taken)[0]
    extra = [threshold_table(threshold)] if contract.task == "binary" else []
    refer, predictions = refer_to(facts.values()), facts["predictions"]
    measures = [
        *row_measures(predictions.name),
        *reported_measures(refer, contract.main_metric),
        *task_measures(
            contract,
            refer,
            predictions.name,
            threshold,
            interval=all(predictions.named(end) for end in ("low", "high")),
        ),
        *drift_measures(refer, facts["drift"].name),
        *quality_measures(refer),
        *freshness_measures(refer),
    ]
    holder = ModelTable(
        MEASURES,
        "The figures. Each follows what a visual filters.",
        (ModelColumn("Value", "integer", "Empty; holds the table.", "value", hidden=True),),
        empty_query(),
        measures=tuple(measures),
    )
    return SemanticModel(
        one_line(contract.name) or contract.id,
        one_line(contract.description),
        PARAMETERS[place],
        (holder, *shown, *shared, *extra),
        tuple(relationships),
    )


def _described(layout: Layout) -> str:
    named = key_columns(layout)
    return one_line(layout.description) + (f" Key: {', '.join(named)}." if named else "")
