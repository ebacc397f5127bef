"""The contract of the export itself, in the Open Data Contract Standard, for whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quickstack.results.exporting.export_tables import Field, Layout

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract

#: `datacontract test` puts a table's name in place of `{model}`.
SERVERS = (
    ("csv", "{model}.csv", "Tables of one file, run from the folder of this contract."),
    ("parquet", "{model}.parquet", "The same tables as Parquet."),
    ("csv_by_period", "{model}/*.csv", "Tables of one file per period, from the same folder."),
    ("parquet_by_period", "{model}/*.parquet", "The same tables as Parquet."),
)


def export_contract(
    contract: Contract, layouts: Sequence[Layout], tables: Sequence[Mapping[str, Any]]
) -> str:
    """Describe the exported tables as an ODCS v3 document.

    Parameters
    ----------
    contract
        The contract of the data set, whose name, version and owners it takes over.
    layouts
        The exported tables.
    tables
        The same tables as `write_tables.write_table` describes them, in the same order: how many
        rows each has.

    Returns
    -------
    str
        YAML, the same for the same arguments.
    """
    import yaml

    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"{contract.id}-export",
        "name": f"{contract.name}: results",
        "version": contract.version,
        "status": "active",
        "description": {
            "purpose": f"What the pipeline found out about {contract.target}: predictions, how "
            "good they are, how the data moved and what was wrong with them.",
            "usage": "CSV: UTF-8, RFC 4180, an empty cell is null, dates are ISO 8601; a text that "
            "a spreadsheet would compute has one ' more before it. Parquet holds the same rows and "
            "types, and all texts as they are. manifest.json lists the files with their hashes.",
            "limitations": "No personal value. Predictions for rows of the split `train` are of "
            "rows that the model learned from.",
        },
        "servers": [
            {
                "server": name,
                "type": "local",
                "path": path,
                "format": name.partition("_")[0],
                "description": text,
                **({"encoding": "utf-8"} if name.startswith("csv") else {}),
            }
            for name, path, text in SERVERS
        ],
        "schema": [
            _table(layout, table["rows"]) for layout, table in zip(layouts, tables, strict=True)
        ],
        "slaProperties": [
            {"property": name, "value": value} for name, value in contract.service_levels.items()
        ],
    }
    if contract.chosen_metric is not None:
        main = {"property": "mainMetric", "value": contract.main_metric}
        document["customProperties"] = [main]
    return "# Generated with the tables beside it; do not edit.\n" + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=100
    )


def _table(layout: Layout, rows: int) -> dict[str, Any]:
    grain = layout.description.partition(". ")[0].rstrip(".") + "."
    quality: list[dict[str, Any]] = [
        {
            "name": "rows",
            "type": "library",
            "metric": "rowCount",
            "mustBe": rows,
            "description": "Every row of this export is there.",
        }
    ]
    if layout.key:
        quality.append(
            {
                "name": "key",
                "type": "library",
                "metric": "duplicateValues",
                "mustBe": 0,
                "arguments": {"properties": list(layout.key)},
                "description": f"{', '.join(layout.key)} together are the key.",
            }
        )
    return {
        "name": layout.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": layout.description,
        "dataGranularityDescription": grain,
        "quality": quality,
        "properties": [_column(field, layout) for field in layout.fields],
    }


def _column(field: Field, layout: Layout) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": field.name,
        "logicalType": field.type,
        "description": field.description,
    }
    if field.name in layout.key:
        described |= {
            "primaryKey": True,
            "primaryKeyPosition": layout.key.index(field.name) + 1,
            "required": True,
        }
    if field.name == layout.partition:
        described |= {"partitioned": True, "partitionKeyPosition": 1}
    if field.unit:
        described["customProperties"] = [{"property": "unit", "value": field.unit}]
    return described
